/* SPDX-License-Identifier: MIT */
/* call_text.c - system calls as strace prints them
 *
 * A call is printed in two parts. The first has the arguments up to the first one that the call
 * itself fills in; the second has the rest, ") = " and the result:
 *
 *	read(3,          "hello\n", 4096) = 6
 *	`-- enter -'     `------ exit ------'
 */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/call_names.h"
#include "kernel/call_show.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

static bool is_call(const struct show *s, const char *name)
{
	return strcmp(s->info->name, name) == 0;
}

static void show_at_flags(struct show *s, uint64_t flags)
{
	if (is_call(s, "unlinkat") && flags == 0x200)
		text_add(s->text, "AT_REMOVEDIR");
	else
		names_add_flags(s->text, names_at, flags, "0");
}

/* pipe2 and dup3 take some of the flags, but no access mode. */
static void show_open_flags(struct show *s, uint64_t flags)
{
	if (is_call(s, "pipe2") || is_call(s, "dup3"))
		names_add_flags(s->text, names_open, flags, "0");
	else
		names_add_open_flags(s->text, flags);
}

/* Does the call itself fill this argument in? */
static bool is_output(enum call_type type)
{
	switch (type) {
	case T_status_out:
	case T_out:
	case T_iov_out:
	case T_timespec_out:
	case T_sigset_out:
	case T_sigaction_out:
	case T_rlimit_out:
	case T_stat_out:
	case T_statx_out:
	case T_int_out:
	case T_pipe_out:
	case T_epoll_out:
	case T_itimer_out:
	case T_sockaddr_out:
	case T_sockopt_out:
	case T_msg_out:
	case T_utsname_out: return true;
	default: return false;
	}
}

/* What a read got; getcwd counts the NUL of its string too. */
static void show_got(struct show *s, uint64_t va, uint64_t room)
{
	uint64_t got = min_u64((uint64_t)s->result, room);
	show_bytes(s, va, got > 0 && is_call(s, "getcwd") ? got - 1 : got, s->bytes);
}

/* An output of a call that failed is only a pointer. */
static void show_output(struct show *s, enum call_type type, uint64_t v, uint64_t next)
{
	if (!s->done || s->result < 0) {
		show_addr(s, v);
		return;
	}
	switch (type) {
	case T_status_out: show_status(s, v); break;
	case T_out: show_got(s, v, next); break;
	case T_iov_out: show_iov(s, v, next, (uint64_t)s->result); break;
	case T_timespec_out: show_time(s, v, "nsec"); break;
	case T_sigset_out: show_sigset(s, v); break;
	case T_sigaction_out: show_sigaction(s, v); break;
	case T_rlimit_out: show_limits(s, v); break;
	case T_stat_out: show_stat(s, v); break;
	case T_statx_out: show_statx(s, v); break;
	case T_int_out: show_ints(s, v, 1); break;
	case T_pipe_out: show_ints(s, v, 2); break;
	case T_utsname_out: show_utsname(s, v); break;
	case T_epoll_out:
		text_add(s->text, "[");
		show_epoll_events(s, v, s->result);
		text_add(s->text, "]");
		break;
	case T_itimer_out: show_itimerspec(s, v); break;
	case T_sockaddr_out: show_sockaddr(s, v, show_size_at(s, next)); break;
	case T_sockopt_out: show_option(s, v, show_size_at(s, next)); break;
	case T_msg_out: show_message(s, v, (uint64_t)s->result); break;
	default: show_addr(s, v); break;
	}
}

static void show_number(struct show *s, enum call_type type, uint64_t v)
{
	struct text *t = s->text;
	switch (type) {
	case T_int:
	case T_pid: text_add(t, "%d", (int)v); break;
	case T_fd: show_fd(s, (int)v); break;
	case T_uint: text_add(t, "%u", (unsigned)v); break;
	case T_size: text_add(t, "%" PRIu64, v); break;
	case T_off: text_add(t, "%" PRId64, (int64_t)v); break;
	case T_hex: text_add(t, "%#" PRIx64, v); break;
	case T_mode: text_add(t, "%#03o", (unsigned)v); break;
	case T_signal: names_add_signal(t, (int)v); break;
	case T_dirfd: show_dirfd(s, (int)v); break;
	case T_prot: names_add_flags(t, names_prot, v, "PROT_NONE"); break;
	case T_map_flags: names_add_map_flags(t, v); break;
	case T_remap_flags: names_add_flags(t, names_remap, v, "0"); break;
	case T_madvise: names_add_value(t, names_madvise, (uint32_t)v, "MADV_???"); break;
	case T_advice: names_add_value(t, names_fadvise, (uint32_t)v, "POSIX_FADV_???"); break;
	case T_msync_flags: names_add_flags(t, names_msync, v, "0"); break;
	case T_memfd_flags: names_add_flags(t, names_memfd, (uint32_t)v, "0"); break;
	case T_open_flags: show_open_flags(s, (uint32_t)v); break;
	case T_at_flags: show_at_flags(s, (uint32_t)v); break;
	case T_access_mode: names_add_flags(t, names_access, (uint32_t)v, "F_OK"); break;
	case T_clone_flags: show_clone_flags(s, v); break;
	case T_futex_op: show_futex_op(s, (uint32_t)v); break;
	case T_futex_time: show_futex_time(s, v); break;
	case T_futex_bits: show_futex_bits(s, v); break;
	case T_wait_flags: names_add_flags(t, names_wait, (uint32_t)v, "0"); break;
	case T_seek: names_add_value(t, names_seek, (uint32_t)v, "SEEK_???"); break;
	case T_fcntl: names_add_value(t, names_fcntl, (uint32_t)v, "F_???"); break;
	case T_ioctl: names_add_value(t, names_ioctl, (uint32_t)v, "_IOC_???"); break;
	case T_clock: names_add_value(t, names_clock, (uint32_t)v, "CLOCK_???"); break;
	case T_sighow: names_add_value(t, names_sighow, (uint32_t)v, "SIG_???"); break;
	case T_rlimit: names_add_value(t, names_resource, (uint32_t)v, "RLIMIT_???"); break;
	case T_prctl: names_add_value(t, names_prctl, (uint32_t)v, "PR_???"); break;
	case T_socket_option: names_add_option(t, (uint32_t)s->arg[s->n - 1], (uint32_t)v); break;
	default:
		if (!names_add_listed(t, type, v) && !names_add_socket(t, type, v))
			show_addr(s, v);
	}
}

static void show_arg(struct show *s)
{
	enum call_type type = s->info->type[s->n];
	uint64_t v = s->arg[s->n], next = s->n < 5 ? s->arg[s->n + 1] : 0;
	switch (type) {
	case T_path: show_string(s, v, SHOW_PATH - 1); break;
	case T_string: show_string(s, v, s->bytes); break;
	case T_strings: show_strings(s, v, s->n > 0 && s->info->type[s->n - 1] == T_strings); break;
	case T_clone_args: show_clone_args(s, v, next); break;
	case T_in: show_bytes(s, v, next, s->bytes); break;
	case T_iov_in: show_iov(s, v, next, UINT64_MAX); break;
	case T_timespec_in: show_time(s, v, "nsec"); break;
	case T_timeval_in: show_time(s, v, "usec"); break;
	case T_sigset_in: show_sigset(s, v); break;
	case T_sigaction_in: show_sigaction(s, v); break;
	case T_rlimit_in: show_limits(s, v); break;
	case T_pollfds: show_pollfds(s, v, next); break;
	case T_epoll_event: show_epoll_events(s, v, 1); break;
	case T_itimer_in: show_itimerspec(s, v); break;
	case T_sockaddr_in: show_sockaddr(s, v, (uint32_t)next); break;
	case T_sockopt_in: show_option(s, v, (uint32_t)next); break;
	case T_msg_in: show_message(s, v, UINT64_MAX); break;
	default:
		if (is_output(type))
			show_output(s, type, v, next);
		else
			show_number(s, type, v);
	}
}

/* Some arguments are there only if an earlier one says so. */
static unsigned args_shown(const struct show *s)
{
	const struct call_info *info = s->info;
	for (unsigned i = 1; i < info->args; i++) {
		uint64_t before = s->arg[i - 1];
		if (info->type[i] == T_mode && info->type[i - 1] == T_open_flags &&
		    !(before & 0100) && (before & 020200000) != 020200000)
			return i;
		if (info->type[i - 1] == T_futex_op)
			return show_futex_args(before);
		if (info->type[i - 1] == T_remap_flags && !(before & 2))
			return i;
		if (info->type[i - 1] == T_fcntl &&
		    (before == 1 || before == 3 || before == 9 || before == 11 || before == 1025 ||
		     before == 1032 || before == 1034))
			return i;
	}
	return info->args;
}

/* strace names clone's arguments and puts the stack first. */
static void show_clone(struct show *s)
{
	const uint64_t *a = s->arg;
	text_add(s->text, "child_stack=");
	show_addr(s, a[1]);
	text_add(s->text, ", flags=");
	show_clone_flags(s, a[0]);
	if (a[0] & 0x101000)
		text_add(s->text, ", %s=0x%" PRIx64, a[0] & 0x1000 ? "pidfd" : "parent_tid", a[2]);
	if (a[0] & 0x80000)
		text_add(s->text, ", tls=0x%" PRIx64, a[3]);
	if (a[0] & 0x1200000)
		text_add(s->text, ", child_tidptr=0x%" PRIx64, a[4]);
}

/* Arguments [from, to). */
static void show_args(struct show *s, unsigned from, unsigned to)
{
	for (s->n = from; s->n < to; s->n++) {
		text_add(s->text, "%s", s->n > from ? ", " : "");
		show_arg(s);
	}
}

/* The first argument that is known only after the call. */
static unsigned first_output(const struct show *s)
{
	unsigned n = 0;
	while (n < s->info->args && !is_output(s->info->type[n]))
		n++;
	return n;
}

static struct show show_of(struct task *t, struct text *text)
{
	const struct kernel_config *c = &t->process->kernel->config;
	return (struct show){.text = text,
			     .task = t,
			     .info = call_info(t->call.number),
			     .arg = t->call.arg,
			     .bytes = c->show_bytes ? c->show_bytes : SHOW_TEXT,
			     .names = c->show_names};
}

void call_text_enter(struct task *t, struct text *text)
{
	struct show s = show_of(t, text);
	if (!s.info || !s.info->name) {
		text_add(text, "syscall_%#" PRIx32 "(", t->call.number);
		for (unsigned i = 0; i < 6; i++)
			text_add(text, "%s0x%" PRIx64, i ? ", " : "", s.arg[i]);
	} else if (is_call(&s, "clone")) {
		text_add(text, "clone(");
		show_clone(&s);
	} else {
		text_add(text, "%s(", s.info->name);
		unsigned shown = args_shown(&s), ready = first_output(&s);
		show_args(&s, 0, ready < shown ? ready : shown);
		if (ready < shown && ready > 0)
			text_add(text, ", ");
	}
}

static void show_result(struct show *s)
{
	enum call_type type = s->info && s->info->name ? s->info->result : T_int;
	bool is_fcntl = s->info && s->info->name && is_call(s, "fcntl");
	bool fcntl_flags = is_fcntl && s->arg[1] == 3, fcntl_dup = is_fcntl && (s->arg[1] == 0 || s->arg[1] == 1030);
	text_add(s->text, ") = ");
	if (s->result < 0 && s->result >= -4095) {
		names_add_error(s->text, s->result);
	} else if (type == T_addr || type == T_ptr) {
		show_addr(s, (uint64_t)s->result);
	} else if (type == T_hex || type == T_mode) {
		text_add(s->text, type == T_hex ? "%#" PRIx64 : "%#03" PRIo64, (uint64_t)s->result);
	} else if (fcntl_flags) {
		text_add(s->text, "%#" PRIx64 " (flags ", (uint64_t)s->result);
		names_add_open_flags(s->text, (uint64_t)s->result);
		text_add(s->text, ")");
	} else if (type == T_fd || fcntl_dup) {
		show_fd(s, (int)s->result);
	} else {
		text_add(s->text, "%" PRId64, s->result);
	}
}

void call_text_exit(struct task *t, int64_t result, struct text *text)
{
	struct show s = show_of(t, text);
	s.done = true;
	s.result = result;
	if (s.info && s.info->name && !is_call(&s, "clone")) {
		unsigned shown = args_shown(&s), ready = first_output(&s);
		if (ready < shown)
			show_args(&s, ready, shown);
	}
	show_result(&s);
}
