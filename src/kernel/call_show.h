/* SPDX-License-Identifier: MIT */
/* call_show.h - one value of a system call, as strace prints it
 *
 * A number, or what lies in the program's memory where a pointer leads. Memory is peeked at only, so
 * that a traced run is the run without trace: bytes that are not resident are shown, and stay not
 * resident. Where a pointer leads nowhere its value is printed. Which argument is what, call_text.c
 * says.
 */
#ifndef KERNEL_CALL_SHOW_H
#define KERNEL_CALL_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call_info;
struct task;
struct text;

enum { SHOW_TEXT = 32, SHOW_PATH = 4096 }; /* bytes of a string unless more are asked for, of a path */

struct show {
	struct text *text;
	struct task *task;
	const struct call_info *info;
	const uint64_t *arg;
	size_t bytes;   /* of a string, or of what is written: how many are shown */
	bool names;     /* files behind descriptors are named */
	unsigned n;     /* the argument that is shown */
	bool done;      /* the call returned */
	int64_t result; /* if done */
};

void show_addr(struct show *s, uint64_t va);
void show_fd(struct show *s, int fd);
void show_dirfd(struct show *s, int fd);
/* What a call gives or gets: at most max bytes of size are shown. */
void show_bytes(struct show *s, uint64_t va, uint64_t size, size_t max);
/* A string that ends with a NUL; at most max bytes of it. */
void show_string(struct show *s, uint64_t va, size_t max);
/* argv: ["ls", "-l"]. The environment, as strace has it: how many there are. */
void show_strings(struct show *s, uint64_t va, bool count_only);
/* left: bytes that were transferred, to show no more than those. */
void show_iov(struct show *s, uint64_t va, uint64_t count, uint64_t left);
/* struct msghdr. got: bytes that were moved, to show no more than those. */
void show_message(struct show *s, uint64_t va, uint64_t got);
void show_sockaddr(struct show *s, uint64_t va, uint64_t size);
void show_option(struct show *s, uint64_t va, uint64_t size);
/* A word of the program that says how much an output is; 0 where it cannot be read. */
uint64_t show_size_at(const struct show *s, uint64_t va);

/* fraction: "usec", "nsec". */
void show_time(struct show *s, uint64_t va, const char *fraction);
void show_itimerspec(struct show *s, uint64_t va);
void show_sigset(struct show *s, uint64_t va);
void show_sigaction(struct show *s, uint64_t va);
void show_limits(struct show *s, uint64_t va);
/* struct stat of riscv64 (asm-generic). */
void show_stat(struct show *s, uint64_t va);
void show_statx(struct show *s, uint64_t va);
/* The status that wait4 gives. */
void show_status(struct show *s, uint64_t va);
void show_utsname(struct show *s, uint64_t va);
/* [3, 4]: one, or two. */
void show_ints(struct show *s, uint64_t va, unsigned count);
void show_pollfds(struct show *s, uint64_t va, uint64_t count);
void show_epoll_events(struct show *s, uint64_t va, int64_t count);
/* futex: its operation says what follows, and how many arguments there are. */
void show_futex_op(struct show *s, uint64_t op);
void show_futex_time(struct show *s, uint64_t v);
void show_futex_bits(struct show *s, uint64_t v);
unsigned show_futex_args(uint64_t op);
void show_clone_flags(struct show *s, uint64_t flags);
void show_clone_args(struct show *s, uint64_t va, uint64_t size);

#endif
