/* SPDX-License-Identifier: MIT */
/* call_text.c - system calls as strace prints them
 *
 * A call is printed in two parts. The first has the arguments up to the first one that the call
 * itself fills in; the second has the rest, ") = " and the result:
 *
 *	read(3,          "hello\n", 4096) = 6
 *	`-- enter -'     `------ exit ------'
 *
 * Memory of the program is peeked at only, so that a traced run is the run without trace: bytes
 * that are not resident are shown, and stay not resident. Where a pointer leads nowhere its value
 * is printed, as strace does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/call_names.h"
#include "kernel/task.h"
#include "vm/space.h"

enum { TEXT_MAX = 32, PATH_MAX_ = 4096, LIST_MAX = 32 };

struct show {
	struct text *text;
	struct task *task;
	const struct call_info *info;
	const uint64_t *arg;
	unsigned n;     /* the argument that is shown */
	bool done;      /* the call returned */
	int64_t result; /* if done */
};

/* Copies what can be seen of [va, va + size), page by page; returns how much that is. */
static size_t peek(const struct show *s, uint64_t va, void *ret_bytes, size_t size)
{
	const struct space *space = s->task->process->space;
	size_t got = 0;
	while (space && got < size && va + got >= va) {
		uint64_t at = va + got;
		size_t part = min_u64(size - got, page_down(at) + PAGE_SIZE - at);
		if (!space_peek(space, at, (uint8_t *)ret_bytes + got, part))
			break;
		got += part;
	}
	return got;
}

static bool peek_all(const struct show *s, uint64_t va, void *ret_bytes, size_t size)
{
	return va != 0 && peek(s, va, ret_bytes, size) == size;
}

static void show_addr(struct show *s, uint64_t va)
{
	if (va)
		text_add(s->text, "0x%" PRIx64, va);
	else
		text_add(s->text, "NULL");
}

static void show_bytes(struct show *s, uint64_t va, uint64_t size, size_t max)
{
	uint8_t bytes[TEXT_MAX + 1];
	size_t want = min_u64(size, max + 1);
	if (want > sizeof(bytes))
		want = sizeof(bytes);
	if (va == 0 || peek(s, va, bytes, want) < want)
		show_addr(s, va);
	else
		text_add_quoted(s->text, bytes, want, max);
}

/* A string that ends with a NUL; at most max bytes of it. */
static void show_string(struct show *s, uint64_t va, size_t max)
{
	char bytes[PATH_MAX_];
	size_t got = va ? peek(s, va, bytes, max < sizeof(bytes) ? max + 1 : sizeof(bytes)) : 0;
	size_t length = strnlen(bytes, got);
	if (got == 0 || (length == got && got <= max))
		show_addr(s, va);
	else
		text_add_quoted(s->text, bytes, length, max);
}

/* argv: ["ls", "-l"]. The environment, as strace has it: how many there are. */
static void show_strings(struct show *s, uint64_t va, bool count_only)
{
	uint64_t p = 0;
	unsigned n = 0;
	if (!peek_all(s, va, &p, sizeof(p))) {
		show_addr(s, va);
		return;
	}
	if (!count_only)
		text_add(s->text, "[");
	for (; peek_all(s, va + 8 * (uint64_t)n, &p, sizeof(p)) && p != 0; n++) {
		if (count_only)
			continue;
		if (n == LIST_MAX) {
			text_add(s->text, ", ...");
			break;
		}
		text_add(s->text, "%s", n ? ", " : "");
		show_string(s, p, TEXT_MAX);
	}
	if (count_only)
		text_add(s->text, "0x%" PRIx64 " /* %u var%s */", va, n, n == 1 ? "" : "s");
	else
		text_add(s->text, "]");
}

/* left: bytes that were transferred, to show no more than those. */
static void show_iov(struct show *s, uint64_t va, uint64_t count, uint64_t left)
{
	uint64_t iov[2];
	if (!peek_all(s, va, iov, sizeof(iov)) || count == 0) {
		text_add(s->text, count ? "" : "[]");
		if (count)
			show_addr(s, va);
		return;
	}
	text_add(s->text, "[");
	for (uint64_t i = 0; i < count; i++) {
		if (i == LIST_MAX || !peek_all(s, va + 16 * i, iov, sizeof(iov))) {
			text_add(s->text, ", ...");
			break;
		}
		text_add(s->text, "%s{iov_base=", i ? ", " : "");
		uint64_t size = min_u64(iov[1], left);
		show_bytes(s, iov[0], size, TEXT_MAX);
		text_add(s->text, ", iov_len=%" PRIu64 "}", iov[1]);
		left -= size;
	}
	text_add(s->text, "]");
}

static void show_time(struct show *s, uint64_t va, const char *fraction)
{
	int64_t v[2];
	if (peek_all(s, va, v, sizeof(v)))
		text_add(s->text, "{tv_sec=%" PRId64 ", tv_%s=%" PRId64 "}", v[0], fraction, v[1]);
	else
		show_addr(s, va);
}

/* [INT CHLD], or ~[KILL STOP] when most are in it. */
static void show_signals(struct show *s, uint64_t set)
{
	bool most = __builtin_popcountll(set) > 42;
	const char *between = "";
	if (most)
		set = ~set;
	text_add(s->text, most ? "~[" : "[");
	for (int n = 1; n <= 64; n++) {
		if (!(set >> (n - 1) & 1))
			continue;
		struct text name = TEXT;
		names_add_signal(&name, n);
		const char *plain = text_str(&name);
		text_add(s->text, "%s%s", between,
			 strncmp(plain, "SIG", 3) == 0 ? plain + 3 : plain);
		text_finish(&name);
		between = " ";
	}
	text_add(s->text, "]");
}

static void show_sigset(struct show *s, uint64_t va)
{
	uint64_t set;
	if (peek_all(s, va, &set, sizeof(set)))
		show_signals(s, set);
	else
		show_addr(s, va);
}

static void show_sigaction(struct show *s, uint64_t va)
{
	uint64_t v[3]; /* handler, flags, mask */
	if (!peek_all(s, va, v, sizeof(v))) {
		show_addr(s, va);
		return;
	}
	const char *what = v[1] & 4 ? "sa_sigaction" : "sa_handler";
	if (v[0] < 2)
		text_add(s->text, "{%s=%s, sa_mask=", what, v[0] ? "SIG_IGN" : "SIG_DFL");
	else
		text_add(s->text, "{%s=0x%" PRIx64 ", sa_mask=", what, v[0]);
	show_signals(s, v[2]);
	text_add(s->text, ", sa_flags=");
	names_add_flags(s->text, names_sigaction, v[1], "0");
	text_add(s->text, "}");
}

static void show_limit(struct show *s, const char *name, uint64_t v)
{
	if (v == UINT64_MAX)
		text_add(s->text, "%s=RLIM64_INFINITY", name);
	else if (v > 1024 && v % 1024 == 0)
		text_add(s->text, "%s=%" PRIu64 "*1024", name, v / 1024);
	else
		text_add(s->text, "%s=%" PRIu64, name, v);
}

static void show_limits(struct show *s, uint64_t va)
{
	uint64_t v[2];
	if (!peek_all(s, va, v, sizeof(v))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{");
	show_limit(s, "rlim_cur", v[0]);
	show_limit(s, ", rlim_max", v[1]);
	text_add(s->text, "}");
}

static void show_file_kind(struct show *s, uint32_t mode, uint64_t size, uint32_t major,
			   uint32_t minor, const char *prefix)
{
	uint32_t type = mode & 0170000;
	text_add(s->text, "%smode=", prefix);
	names_add_stat_mode(s->text, mode);
	if (type == 0020000 || type == 0060000)
		text_add(s->text, ", %srdev=makedev(%#x, %#x), ...}", prefix, major, minor);
	else
		text_add(s->text, ", %ssize=%" PRIu64 ", ...}", prefix, size);
}

/* struct stat of riscv64 (asm-generic). */
static void show_stat(struct show *s, uint64_t va)
{
	struct {
		uint64_t dev, ino;
		uint32_t mode, nlink, uid, gid;
		uint64_t rdev, pad, size;
	} st;
	if (!peek_all(s, va, &st, sizeof(st))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{");
	uint32_t major = (st.rdev >> 8 & 0xfff) | (st.rdev >> 32 & ~0xfffu);
	uint32_t minor = (st.rdev & 0xff) | (st.rdev >> 12 & ~0xffu);
	show_file_kind(s, st.mode, st.size, major, minor, "st_");
}

static void show_statx(struct show *s, uint64_t va)
{
	struct {
		uint32_t mask, blksize;
		uint64_t attributes;
		uint32_t nlink, uid, gid;
		uint16_t mode, pad;
		uint64_t ino, size, blocks, attributes_mask, times[8];
		uint32_t rdev_major, rdev_minor;
	} st;
	if (!peek_all(s, va, &st, sizeof(st))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{stx_mask=");
	names_add_flags(s->text, names_statx, st.mask, "0");
	text_add(s->text, ", stx_attributes=%#" PRIx64 ", ", st.attributes);
	show_file_kind(s, st.mode, st.size, st.rdev_major, st.rdev_minor, "stx_");
}

/* The status that wait4 gives. */
static void show_status(struct show *s, uint64_t va)
{
	uint32_t v;
	if (s->result <= 0 || !peek_all(s, va, &v, sizeof(v))) {
		show_addr(s, va);
		return;
	}
	if (v == 0xffff) {
		text_add(s->text, "[{WIFCONTINUED(s)}]");
	} else if ((v & 0xff) == 0x7f) {
		text_add(s->text, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		names_add_signal(s->text, v >> 8 & 0xff);
		text_add(s->text, "}]");
	} else if ((v & 0x7f) == 0) {
		text_add(s->text, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]", v >> 8 & 0xff);
	} else {
		text_add(s->text, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
		names_add_signal(s->text, v & 0x7f);
		text_add(s->text, "%s}]", v & 0x80 ? " && WCOREDUMP(s)" : "");
	}
}

static void show_ints(struct show *s, uint64_t va, unsigned count)
{
	int32_t v[2];
	if (!peek_all(s, va, v, count * sizeof(v[0])))
		show_addr(s, va);
	else if (count == 1)
		text_add(s->text, "[%d]", v[0]);
	else
		text_add(s->text, "[%d, %d]", v[0], v[1]);
}

static void show_utsname(struct show *s, uint64_t va)
{
	char name[2][65];
	if (!peek_all(s, va, name, sizeof(name))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{sysname=");
	text_add_quoted(s->text, name[0], strnlen(name[0], 65), 65);
	text_add(s->text, ", nodename=");
	text_add_quoted(s->text, name[1], strnlen(name[1], 65), 65);
	text_add(s->text, ", ...}");
}

static void show_pollfds(struct show *s, uint64_t va, uint64_t count)
{
	struct {
		int32_t fd;
		uint16_t events, revents;
	} p;
	if (count && !peek_all(s, va, &p, sizeof(p))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "[");
	for (uint64_t i = 0; i < count; i++) {
		if (i == LIST_MAX || !peek_all(s, va + i * sizeof(p), &p, sizeof(p))) {
			text_add(s->text, ", ...");
			break;
		}
		text_add(s->text, "%s{fd=%d, events=", i ? ", " : "", p.fd);
		names_add_flags(s->text, names_poll, p.events, "0");
		text_add(s->text, "}");
	}
	text_add(s->text, "]");
}

static void show_epoll_events(struct show *s, uint64_t va, int64_t count)
{
	struct {
		uint32_t events, pad;
		uint64_t data;
	} e;
	if (count < 0 || (count > 0 && !peek_all(s, va, &e, sizeof(e)))) {
		show_addr(s, va);
		return;
	}
	for (int64_t i = 0; i < count && i <= LIST_MAX; i++) {
		if (i == LIST_MAX || !peek_all(s, va + (uint64_t)i * sizeof(e), &e, sizeof(e))) {
			text_add(s->text, ", ...");
			break;
		}
		text_add(s->text, "%s{events=", i ? ", " : "");
		names_add_flags(s->text, names_epoll, e.events, "0");
		text_add(s->text, ", data={u32=%u, u64=%" PRIu64 "}}", (uint32_t)e.data, e.data);
	}
}

static void show_itimerspec(struct show *s, uint64_t va)
{
	int64_t v[4];
	if (!peek_all(s, va, v, sizeof(v))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{it_interval=");
	show_time(s, va, "nsec");
	text_add(s->text, ", it_value=");
	show_time(s, va + 16, "nsec");
	text_add(s->text, "}");
}

static void show_sockaddr(struct show *s, uint64_t va, uint64_t size)
{
	uint8_t bytes[128];
	if (size > sizeof(bytes))
		size = sizeof(bytes);
	if (size < 2 || !peek_all(s, va, bytes, size))
		show_addr(s, va);
	else
		names_add_sockaddr(s->text, bytes, size);
}

static void show_option(struct show *s, uint64_t va, uint64_t size)
{
	if (size == 4)
		show_ints(s, va, 1);
	else
		show_bytes(s, va, size, TEXT_MAX);
}

/* struct msghdr. got: bytes that were moved, to show no more than those. */
static void show_message(struct show *s, uint64_t va, uint64_t got)
{
	struct {
		uint64_t name, name_size, iov, count, control, control_size, flags;
	} h;
	if (!peek_all(s, va, &h, sizeof(h))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{msg_name=");
	show_sockaddr(s, h.name, (uint32_t)h.name_size);
	text_add(s->text, ", msg_namelen=%u, msg_iov=", (uint32_t)h.name_size);
	show_iov(s, h.iov, h.count, got);
	text_add(s->text, ", msg_iovlen=%" PRIu64, h.count);
	if (h.control_size) {
		text_add(s->text, ", msg_control=");
		show_addr(s, h.control);
	}
	text_add(s->text, ", msg_controllen=%" PRIu64 ", msg_flags=", h.control_size);
	names_add_flags(s->text, names_message, (uint32_t)h.flags, "0");
	text_add(s->text, "}");
}

/* A word of the program that says how much an output is. */
static uint64_t size_at(const struct show *s, uint64_t va)
{
	uint32_t size;
	return peek_all(s, va, &size, sizeof(size)) ? size : 0;
}

static void show_clone_flags(struct show *s, uint64_t flags)
{
	int number = flags & 0xff;
	flags &= ~UINT64_C(0xff);
	if (flags)
		names_add_flags(s->text, names_clone, flags, NULL);
	if (number) {
		text_add(s->text, "%s", flags ? "|" : "");
		names_add_signal(s->text, number);
	} else if (!flags) {
		text_add(s->text, "0");
	}
}

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
	show_bytes(s, va, got > 0 && is_call(s, "getcwd") ? got - 1 : got, TEXT_MAX);
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
	case T_sockaddr_out: show_sockaddr(s, v, size_at(s, next)); break;
	case T_sockopt_out: show_option(s, v, size_at(s, next)); break;
	case T_msg_out: show_message(s, v, (uint64_t)s->result); break;
	default: show_addr(s, v); break;
	}
}

static void show_number(struct show *s, enum call_type type, uint64_t v)
{
	struct text *t = s->text;
	switch (type) {
	case T_int:
	case T_fd:
	case T_pid: text_add(t, "%d", (int)v); break;
	case T_uint: text_add(t, "%u", (unsigned)v); break;
	case T_size: text_add(t, "%" PRIu64, v); break;
	case T_off: text_add(t, "%" PRId64, (int64_t)v); break;
	case T_hex: text_add(t, "%#" PRIx64, v); break;
	case T_mode: text_add(t, "%#03o", (unsigned)v); break;
	case T_signal: names_add_signal(t, (int)v); break;
	case T_dirfd:
		if ((int)v == -100)
			text_add(t, "AT_FDCWD");
		else
			text_add(t, "%d", (int)v);
		break;
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
	case T_path: show_string(s, v, PATH_MAX_ - 1); break;
	case T_string: show_string(s, v, TEXT_MAX); break;
	case T_strings: show_strings(s, v, s->n > 0 && s->info->type[s->n - 1] == T_strings); break;
	case T_in: show_bytes(s, v, next, TEXT_MAX); break;
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

/* A text that is too long for the caller loses its middle, so that the result is always there. */
static void give(struct text *t, size_t keep, char *ret_text, unsigned size)
{
	const char *s = text_str(t);
	if (size == 0)
		return;
	if (t->size < size) {
		memcpy(ret_text, s, t->size + 1);
	} else {
		size_t tail = keep < size / 2 ? keep : 0, head = size - 1 - tail;
		memcpy(ret_text, s, head);
		if (head >= 3)
			memcpy(ret_text + head - 3, "...", 3);
		memcpy(ret_text + head, s + t->size - tail, tail + 1);
	}
	text_finish(t);
}

void call_text_enter(struct task *t, char *ret_text, unsigned size)
{
	struct text text = TEXT;
	uint64_t number = t->call.number;
	struct show s = {.text = &text, .task = t, .info = call_info(number), .arg = t->call.arg};
	if (!s.info || !s.info->name) {
		text_add(&text, "syscall_%#" PRIx64 "(", number);
		for (unsigned i = 0; i < 6; i++)
			text_add(&text, "%s0x%" PRIx64, i ? ", " : "", s.arg[i]);
	} else if (is_call(&s, "clone")) {
		text_add(&text, "clone(");
		show_clone(&s);
	} else {
		text_add(&text, "%s(", s.info->name);
		unsigned shown = args_shown(&s), ready = first_output(&s);
		show_args(&s, 0, ready < shown ? ready : shown);
		if (ready < shown && ready > 0)
			text_add(&text, ", ");
	}
	give(&text, 0, ret_text, size);
}

static void show_result(struct show *s)
{
	enum call_type type = s->info && s->info->name ? s->info->result : T_int;
	bool fcntl_flags = s->info && s->info->name && is_call(s, "fcntl") && s->arg[1] == 3;
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
	} else {
		text_add(s->text, "%" PRId64, s->result);
	}
}

void call_text_exit(struct task *t, int64_t result, char *ret_text, unsigned size)
{
	struct text text = TEXT;
	struct show s = {.text = &text,
			 .task = t,
			 .info = call_info(t->call.number),
			 .arg = t->call.arg,
			 .done = true,
			 .result = result};
	if (s.info && s.info->name && !is_call(&s, "clone")) {
		unsigned shown = args_shown(&s), ready = first_output(&s);
		if (ready < shown)
			show_args(&s, ready, shown);
	}
	size_t before = text.size;
	show_result(&s);
	give(&text, text.size - before, ret_text, size);
}
