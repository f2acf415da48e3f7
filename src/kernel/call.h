/* SPDX-License-Identifier: MIT */
/* call.h - system calls: one list, syscalls.def, and what is derived from it
 *
 * A handler first checks everything, then does it: after its first side effect only success, or a
 * short count, is left. It returns a result, a negative errno, or CALL_WAIT. The dispatcher does
 * the rest:
 *
 *	CALL_WAIT and a signal is waiting   call.done > 0: that count; else -EINTR, or the call is
 *	                                    restarted after the handler if it is one of RESTART and
 *	                                    the action says SA_RESTART
 *	a handler that must finish itself   when interrupted (nanosleep writes what is left) looks
 *	                                    at call.interrupted
 */
#ifndef KERNEL_CALL_H
#define KERNEL_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct space;
struct task;
struct text;

typedef int64_t call_handler(struct task *t, const uint64_t a[6]);

/* How the call behaves when a signal interrupts its wait. */
enum call_restart {
	NEVER,	 /* -EINTR */
	RESTART, /* begun again, with SA_RESTART */
	HELD,	 /* only SIGKILL ends its wait; others stay pending: vfork */
};

/* How trace prints an argument. Those that say "of N" take their size from argument N. */
enum call_type {
	T_none,
	T_int, T_uint, T_hex, T_size, T_off, T_addr,
	T_fd, T_dirfd, T_path, T_mode, T_pid, T_signal, T_status_out,
	T_in,	  /* bytes that the program gives: size in the next argument */
	T_out,	  /* bytes that the program gets: size in the next argument; printed on return */
	T_string, /* text that the program gives */
	T_strings, /* argv, envp */
	T_iov_in, T_iov_out, /* iovec array: count in the next argument */
	T_prot, T_map_flags, T_remap_flags, T_advice, T_msync_flags, T_memfd_flags,
	T_open_flags, T_at_flags, T_access_mode, T_clone_flags, T_wait_flags, T_seek, T_fcntl, T_ioctl,
	T_clock, T_timespec_in, T_timespec_out, T_timeval_in, T_sigset_in, T_sigset_out, T_sigaction_in,
	T_sigaction_out, T_sighow,
	T_rlimit, T_rlimit_in, T_rlimit_out, /* which limit; what it is to be; what it is */
	T_stat_out, T_statx_out, T_int_out, T_pipe_out, T_utsname_out,
	T_epoll_event, T_epoll_out, /* one; as many as the call returned */
	T_itimer_in, T_itimer_out, /* itimerspec */
	/* Numbers of call_names_events.c. */
	T_eventfd_flags, T_epoll_flags, T_epoll_op, T_timerfd_flags, T_timer_flags, T_signalfd_flags,
	T_inotify_flags, T_inotify_mask, T_pidfd_flags, T_splice_flags, T_rwf_flags, T_sync_range,
	T_pollfds, T_prctl, T_madvise, /* T_advice is fadvise's */
	T_futex_op, T_futex_time, T_futex_bits, /* what they are the operation says */
	T_random_flags,
	T_clone_args, /* of clone3: their size in the next argument */
	T_ptr,
	T_socket_family, T_socket_type, T_sock_flags, T_socket_level, T_socket_option, T_shutdown,
	T_msg_flags, T_sockaddr_in, T_sockaddr_out, /* in: size in the next argument; out: where it is */
	T_msg_in, T_msg_out, T_sockopt_in, T_sockopt_out,
};

struct call_info {
	const char *name;      /* NULL: unknown */
	call_handler *handler; /* NULL: refused */
	enum call_restart restart;
	uint8_t args;
	uint8_t type[6];
	uint8_t result; /* T_int or T_addr, T_hex */
	uint8_t error;  /* what a refused one gets */
};

enum { CALL_NUMBERS = 512 };

/* What syscalls.def says of a number; unknown ones have no name and no handler, and get ENOSYS. */
const struct call_info *call_info(uint64_t number);

/* Does, or resumes, the call that the task's registers ask for. Afterwards the task returns to its
 * program with the result in a0, waits, or is dead. */
void call_dispatch(struct task *t);

/* A handler is about to run while t is in a call that waits. Resumes it once more, with
 * call.interrupted set; if it would still wait it is taken off its queues and gets its progress as
 * result, or -EINTR, or, with restart (the action says SA_RESTART) and a call of RESTART, its
 * registers are left so that it begins again. Afterwards the call is not active. Returns 0, or
 * CALL_WAIT: it cannot be interrupted now and sleeps (an access of the interrupted handler that
 * waits for memory). */
int call_interrupt(struct task *t, bool restart);

/* Ends a call that waits, or has not begun to do anything, as if it had never been made: registers
 * and pc are left. t can run. */
void call_give_up(struct task *t);

/* Adds the text of a call as strace prints it: "name(arg, arg" up to what is known before it is done,
 * and the rest with the result after, both from t->call. Memory is peeked at: nothing changes. */
void call_text_enter(struct task *t, struct text *text);
void call_text_exit(struct task *t, int64_t result, struct text *text);
/* Does the call that t is in name this file, or a descriptor of it? path: absolute, without "." and
 * "..". Names are compared as they are written, links are not followed. */
bool call_names_path(struct task *t, const char *path);

/* For two handlers: madvise of [start, start + length) of a space, in pieces where it may take long, once those who watch
 * t's pages were told which will go: at, zeros at first, says how far it is. As a handler's result. */
int64_t memory_advise(struct task *t, struct space *s, uint64_t start, uint64_t length, int advice, uint64_t at[3]);

#define CALL(number, name, restart, result, ...) call_handler sys_##name;
#include "kernel/syscalls.def"

#endif
