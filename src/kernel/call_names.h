/* SPDX-License-Identifier: MIT */
/* call_names.h - the numbers of Linux's interface on riscv64, as strace names them
 *
 * The values are the guest's and stand here by themselves: those of the host may differ.
 */
#ifndef KERNEL_CALL_NAMES_H
#define KERNEL_CALL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/call.h"

struct text;

struct call_name {
	uint64_t value;
	const char *name;
};

/* Adds the names of the bits of flags, "A|B|0x100". zero: what 0 is called; NULL: "0". */
void names_add_flags(struct text *t, const struct call_name *names, uint64_t flags,
		     const char *zero);
/* Adds the name of a value, or the value in hexadecimal and unknown as a comment. */
void names_add_value(struct text *t, const struct call_name *names, uint64_t value,
		     const char *unknown);
/* "SIGINT", "SIGRT_3"; the number itself where there is none. */
void names_add_signal(struct text *t, int number);
/* " = -1 ENOENT (No such file or directory)" from -2. */
void names_add_error(struct text *t, int64_t error);
void names_add_open_flags(struct text *t, uint64_t flags);
void names_add_map_flags(struct text *t, uint64_t flags);
/* "S_IFREG|0644" */
void names_add_stat_mode(struct text *t, uint32_t mode);

/* Flags and values that only one kind of argument has: false when type is none of them. */
bool names_add_listed(struct text *t, enum call_type type, uint64_t value);

/* Each ends with a NULL name. Bits that overlap stand widest first. */
extern const struct call_name names_prot[], names_map[], names_remap[], names_madvise[],
    names_fadvise[], names_msync[], names_open[], names_at[], names_access[], names_clone[],
    names_wait[], names_seek[], names_fcntl[], names_ioctl[], names_clock[], names_sighow[],
    names_resource[], names_sigaction[], names_poll[], names_prctl[], names_statx[], names_memfd[],
    names_epoll[];

/* call_names_net.c */
extern const struct call_name names_message[];
/* The arguments of calls on sockets that are numbers. False: the type is none of them. */
bool names_add_socket(struct text *t, enum call_type type, uint64_t value);
/* The name of an option of setsockopt. */
void names_add_option(struct text *t, uint64_t level, uint64_t option);
/* A sockaddr, as much of it as there is. */
void names_add_sockaddr(struct text *t, const uint8_t *bytes, size_t size);

#endif
