/* SPDX-License-Identifier: MIT */
/* trace_filter.c - which events are shown: the words of -e */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "observe/event_text.h"
#include "observe/trace.h"

enum {
#define CALL(number, name, ...) N_##name = number,
#define REFUSED(number, name, ...) N_##name = number,
#include "kernel/syscalls.def"
#undef CALL
#undef REFUSED
};

/* The types of a call's result and arguments: "int, fd, path", or "" where they are not told. */
static const char *call_types(unsigned number)
{
	switch (number) {
#define CALL(number_, name, restart, ...)                                                          \
	case number_:                                                                              \
		return #__VA_ARGS__;
#define REFUSED(number_, name, error, why, ...)                                                    \
	case number_:                                                                              \
		return #__VA_ARGS__;
#include "kernel/syscalls.def"
	default: return "";
	}
}

/* --- classes of calls, by the names that strace gives them --- */

static const uint16_t memory[] = {
    N_brk, N_mmap, N_munmap, N_mremap, N_mprotect, N_madvise, N_process_madvise, N_msync, N_mincore, N_mlock, N_mlock2,
    N_munlock, N_mlockall, N_munlockall, N_mbind, N_get_mempolicy, N_set_mempolicy, N_set_mempolicy_home_node,
    N_migrate_pages, N_move_pages, N_pkey_mprotect, N_pkey_alloc, N_pkey_free, N_remap_file_pages, N_shmat, N_shmdt};
static const uint16_t process[] = {
    N_clone, N_clone3, N_execve, N_execveat, N_exit, N_exit_group, N_wait4, N_waitid, N_kill, N_tkill, N_tgkill,
    N_rt_sigqueueinfo, N_rt_tgsigqueueinfo, N_pidfd_open, N_pidfd_send_signal, N_unshare};
static const uint16_t network[] = {
    N_socket, N_socketpair, N_bind, N_listen, N_accept, N_accept4, N_connect, N_getsockname, N_getpeername, N_sendto,
    N_recvfrom, N_sendmsg, N_recvmsg, N_sendmmsg, N_recvmmsg, N_setsockopt, N_getsockopt, N_shutdown};
static const uint16_t signals[] = {
    N_rt_sigaction, N_rt_sigprocmask, N_rt_sigpending, N_rt_sigtimedwait, N_rt_sigsuspend, N_rt_sigreturn,
    N_rt_sigqueueinfo, N_rt_tgsigqueueinfo, N_sigaltstack, N_signalfd4, N_kill, N_tkill, N_tgkill, N_pidfd_send_signal};
static const uint16_t ipc[] = {
    N_shmget, N_shmctl, N_shmat, N_shmdt, N_semget, N_semctl, N_semop, N_semtimedop, N_msgget, N_msgctl, N_msgsnd,
    N_msgrcv};
static const uint16_t creds[] = {
    N_getuid, N_geteuid, N_getgid, N_getegid, N_setuid, N_setgid, N_setreuid, N_setregid, N_setresuid, N_setresgid,
    N_getresuid, N_getresgid, N_setfsuid, N_setfsgid, N_getgroups, N_setgroups, N_capget, N_capset};
static const uint16_t clocks[] = {N_clock_gettime, N_clock_settime, N_clock_getres, N_clock_adjtime, N_gettimeofday,
				  N_settimeofday, N_adjtimex};

#define LIST(name, calls) {name, calls, array_size(calls), NULL, NULL}

/* Either listed, or all that have one of two types. */
static const struct call_class {
	const char *name;
	const uint16_t *call;
	size_t count;
	const char *type, *other;
} classes[] = {
    {"%file", NULL, 0, "path", "path"},
    {"%desc", NULL, 0, "fd", "fds"}, /* dirfd, pollfds */
    LIST("%memory", memory), LIST("%process", process), LIST("%network", network), LIST("%net", network),
    LIST("%signal", signals), LIST("%ipc", ipc), LIST("%creds", creds), LIST("%clock", clocks),
};

/* Is type one of the words of list, or the end of one? */
static bool has_type(const char *list, const char *type)
{
	size_t n = strlen(type);
	for (const char *at = list; (at = strstr(at, type)); at += n)
		if (at[n] == ',' || at[n] == '\0')
			return true;
	return false;
}

static bool in_class(const struct call_class *c, unsigned number)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->call[i] == number)
			return true;
	return c->type && (has_type(call_types(number), c->type) || has_type(call_types(number), c->other));
}

/* --- words --- */

static void set_call(struct trace_filter *f, unsigned number, bool on)
{
	f->call[number] = on;
	f->calls &= on;
}

static bool set_class(struct trace_filter *f, const char *word, bool on)
{
	for (size_t i = 0; i < array_size(classes); i++) {
		if (strcmp(word, classes[i].name) != 0)
			continue;
		for (unsigned n = 0; n < TRACE_CALLS; n++)
			if (in_class(&classes[i], n))
				set_call(f, n, on);
		return true;
	}
	return false;
}

/* One word turns on what it names, or off. False: it means nothing. */
static bool set_word(struct trace_filter *f, const char *word, bool on)
{
	bool known = true;
	if (strcmp(word, "faults") == 0)
		memset(f->cause, f->faults = on, sizeof(f->cause));
	else if (strcmp(word, "calls") == 0)
		memset(f->call, f->calls = on, sizeof(f->call));
	else if (strcmp(word, "signals") == 0)
		f->signals = on;
	else if (strcmp(word, "exits") == 0)
		f->exits = on;
	else
		known = set_class(f, word, on);
	for (enum cause c = CAUSE_none + 1; c < CAUSES && !known; c++) {
		if (strcmp(word, cause_text(c)) == 0) {
			known = true;
			f->cause[c] = on;
			f->faults &= on;
		}
	}
	for (unsigned n = 0; n < TRACE_CALLS && !known; n++) {
		const char *name = call_name(n);
		known = name && strcmp(word, name) == 0;
		if (known)
			set_call(f, n, on);
	}
	return known;
}

static bool set_words(struct trace_filter *f, const char *words, bool on, char ret_word[64])
{
	for (const char *p = words;; p++) {
		size_t length = strcspn(p, ",");
		snprintf(ret_word, 64, "%.*s", (int)(length < 63 ? length : 63), p);
		if (!set_word(f, ret_word, on))
			return false;
		p += length;
		if (!*p)
			return true;
	}
}

int trace_filter_parse(const char *words, struct trace_filter *ret_filter, char *ret_word)
{
	struct trace_filter f = {0};
	char word[64];
	if (strncmp(words, "trace=", 6) == 0)
		words += 6;
	bool but = *words == '!';
	if ((but && !set_words(&f, TRACE_EVERYTHING, true, word)) || !set_words(&f, words + but, !but, word)) {
		strcpy(ret_word, word);
		return -EINVAL;
	}
	for (unsigned n = 0; n < TRACE_CALLS; n++)
		f.some_calls |= f.call[n];
	*ret_filter = f;
	return 0;
}

static bool wants_call(const struct trace_filter *f, uint64_t number)
{
	return number < TRACE_CALLS ? f->call[number] : f->calls;
}

bool trace_wants(const struct trace_filter *f, const struct event *e)
{
	switch (e->kind) {
	case EVENT_fault: return f->cause[e->fault.cause];
	case EVENT_syscall_enter: return wants_call(f, e->syscall_enter.number);
	case EVENT_syscall_exit: return wants_call(f, e->syscall_exit.number);
	case EVENT_process_exec: return f->some_calls;
	case EVENT_signal: return f->signals;
	case EVENT_process_exit:
	case EVENT_thread_exit: return f->exits;
	/* The rest has no line in the text; in JSON it comes with everything. */
	default: return f->faults && f->calls && f->signals && f->exits;
	}
}
