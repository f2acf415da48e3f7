/* SPDX-License-Identifier: MIT */
#include "kernel/call_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call_names.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"
#include "kernel/task.h"
#include "vm/space.h"

enum { LIST_MAX = 32 };

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

void show_addr(struct show *s, uint64_t va)
{
	if (va)
		text_add(s->text, "0x%" PRIx64, va);
	else
		text_add(s->text, "NULL");
}

void show_bytes(struct show *s, uint64_t va, uint64_t size, size_t max)
{
	uint8_t few[SHOW_TEXT + 1], *bytes = few;
	size_t want = min_u64(size, max + 1);
	if (want > sizeof(few))
		bytes = malloc(want);
	if (!bytes || va == 0 || peek(s, va, bytes, want) < want)
		show_addr(s, va);
	else
		text_add_quoted(s->text, bytes, want, max);
	if (bytes != few)
		free(bytes);
}

void show_string(struct show *s, uint64_t va, size_t max)
{
	char few[SHOW_PATH], *bytes = max < sizeof(few) ? few : malloc(max + 1);
	size_t got = bytes && va ? peek(s, va, bytes, max + 1) : 0;
	size_t length = got ? strnlen(bytes, got) : 0;
	if (got == 0 || (length == got && got <= max))
		show_addr(s, va);
	else
		text_add_quoted(s->text, bytes, length, max);
	if (bytes != few)
		free(bytes);
}

/* "3", or "3</etc/passwd>". */
static void show_file(struct show *s, int fd, const struct file *f)
{
	text_add(s->text, "%d", fd);
	if (!f)
		return;
	text_add(s->text, "<");
	file_describe(f, s->task, s->text);
	text_add(s->text, ">");
}

void show_fd(struct show *s, int fd)
{
	const struct fd_table *files = s->names ? s->task->process->files : NULL;
	show_file(s, fd, files ? fd_get(files, fd) : NULL);
}

void show_dirfd(struct show *s, int fd)
{
	const struct fs *fs = s->task->process->fs;
	if (fd != ABI_AT_FDCWD)
		show_fd(s, fd);
	else if (s->names && fs)
		text_add(s->text, "AT_FDCWD<%s>", path_seen(s->task, fs_cwd(fs)));
	else
		text_add(s->text, "AT_FDCWD");
}

void show_strings(struct show *s, uint64_t va, bool count_only)
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
		show_string(s, p, s->bytes);
	}
	if (count_only)
		text_add(s->text, "0x%" PRIx64 " /* %u var%s */", va, n, n == 1 ? "" : "s");
	else
		text_add(s->text, "]");
}

void show_iov(struct show *s, uint64_t va, uint64_t count, uint64_t left)
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
		show_bytes(s, iov[0], size, s->bytes);
		text_add(s->text, ", iov_len=%" PRIu64 "}", iov[1]);
		left -= size;
	}
	text_add(s->text, "]");
}

void show_time(struct show *s, uint64_t va, const char *fraction)
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

void show_sigset(struct show *s, uint64_t va)
{
	uint64_t set;
	if (peek_all(s, va, &set, sizeof(set)))
		show_signals(s, set);
	else
		show_addr(s, va);
}

void show_sigaction(struct show *s, uint64_t va)
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

void show_limits(struct show *s, uint64_t va)
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

void show_stat(struct show *s, uint64_t va)
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

void show_statx(struct show *s, uint64_t va)
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

void show_status(struct show *s, uint64_t va)
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

void show_ints(struct show *s, uint64_t va, unsigned count)
{
	int32_t v[2];
	if (!peek_all(s, va, v, count * sizeof(v[0])))
		show_addr(s, va);
	else if (count == 1)
		text_add(s->text, "[%d]", v[0]);
	else
		text_add(s->text, "[%d, %d]", v[0], v[1]);
}

void show_utsname(struct show *s, uint64_t va)
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

void show_pollfds(struct show *s, uint64_t va, uint64_t count)
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

void show_epoll_events(struct show *s, uint64_t va, int64_t count)
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

void show_itimerspec(struct show *s, uint64_t va)
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

void show_sockaddr(struct show *s, uint64_t va, uint64_t size)
{
	uint8_t bytes[128];
	if (size > sizeof(bytes))
		size = sizeof(bytes);
	if (size < 2 || !peek_all(s, va, bytes, size))
		show_addr(s, va);
	else
		names_add_sockaddr(s->text, bytes, size);
}

void show_option(struct show *s, uint64_t va, uint64_t size)
{
	if (size == 4)
		show_ints(s, va, 1);
	else
		show_bytes(s, va, size, s->bytes);
}

void show_message(struct show *s, uint64_t va, uint64_t got)
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

uint64_t show_size_at(const struct show *s, uint64_t va)
{
	uint32_t size;
	return peek_all(s, va, &size, sizeof(size)) ? size : 0;
}

void show_clone_flags(struct show *s, uint64_t flags)
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

/* struct clone_args, of which strace shows what is set. */
void show_clone_args(struct show *s, uint64_t va, uint64_t size)
{
	uint64_t v[8]; /* flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls */
	static const struct {
		const char *name;
		uint64_t flags; /* that make it mean something */
	} part[] = {[1] = {"pidfd", 0x1000},	  [2] = {"child_tid", 0x1200000},
		    [3] = {"parent_tid", 0x100000}, [5] = {"stack", UINT64_MAX},
		    [7] = {"tls", 0x80000}};
	if (size < sizeof(v) || !peek_all(s, va, v, sizeof(v))) {
		show_addr(s, va);
		return;
	}
	text_add(s->text, "{flags=");
	show_clone_flags(s, v[0] & ~UINT64_C(0xff));
	for (unsigned i = 1; i < array_size(v); i++) {
		if (i == 4) {
			text_add(s->text, ", exit_signal=");
			if (v[4])
				names_add_signal(s->text, (int)min_u64(v[4], INT32_MAX));
			else
				text_add(s->text, "0");
		} else if (i == 6) {
			text_add(s->text, ", stack_size=%#" PRIx64, v[6]);
		} else if (v[0] & part[i].flags || i == 5) {
			text_add(s->text, ", %s=", part[i].name);
			show_addr(s, v[i]);
		}
	}
	text_add(s->text, "}");
}

/* --- futex --- */

enum {
	FUTEX_WAIT_ = 0,
	FUTEX_WAKE_ = 1,
	FUTEX_LOCK_PI_ = 6,
	FUTEX_UNLOCK_PI_ = 7,
	FUTEX_TRYLOCK_PI_ = 8,
	FUTEX_WAIT_BITSET_ = 9,
	FUTEX_WAKE_BITSET_ = 10,
	FUTEX_WAIT_REQUEUE_PI_ = 11,
	FUTEX_LOCK_PI2_ = 13,
	FUTEX_PRIVATE_ = 128,
	FUTEX_REALTIME_ = 256,
	FUTEX_COMMANDS = FUTEX_PRIVATE_ - 1,
};

void show_futex_op(struct show *s, uint64_t op)
{
	static const char *const name[] = {"WAIT",	 "WAKE",	"FD",	     "REQUEUE",	 "CMP_REQUEUE",
					   "WAKE_OP",	 "LOCK_PI",	"UNLOCK_PI", "TRYLOCK_PI", "WAIT_BITSET",
					   "WAKE_BITSET", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI", "LOCK_PI2"};
	uint64_t command = op & FUTEX_COMMANDS;
	if (command >= array_size(name) || op > (FUTEX_COMMANDS | FUTEX_PRIVATE_ | FUTEX_REALTIME_)) {
		text_add(s->text, "%#" PRIx64 " /* FUTEX_??? */", op);
		return;
	}
	text_add(s->text, "FUTEX_%s%s%s", name[command], op & FUTEX_PRIVATE_ ? "_PRIVATE" : "",
		 op & FUTEX_REALTIME_ ? "|FUTEX_CLOCK_REALTIME" : "");
}

/* A time to wait until, or for; else how many to move. */
void show_futex_time(struct show *s, uint64_t v)
{
	uint64_t command = s->arg[1] & FUTEX_COMMANDS;
	if (command == FUTEX_WAIT_ || command == FUTEX_LOCK_PI_ || command == FUTEX_WAIT_BITSET_ ||
	    command == FUTEX_WAIT_REQUEUE_PI_ || command == FUTEX_LOCK_PI2_)
		show_time(s, v, "nsec");
	else
		text_add(s->text, "%" PRIu64, v);
}

void show_futex_bits(struct show *s, uint64_t v)
{
	uint64_t command = s->arg[1] & FUTEX_COMMANDS;
	if ((command == FUTEX_WAIT_BITSET_ || command == FUTEX_WAKE_BITSET_) && (uint32_t)v == UINT32_MAX)
		text_add(s->text, "FUTEX_BITSET_MATCH_ANY");
	else
		text_add(s->text, "%#x", (unsigned)v);
}

unsigned show_futex_args(uint64_t op)
{
	switch (op & FUTEX_COMMANDS) {
	case FUTEX_WAKE_: return 3;
	case FUTEX_UNLOCK_PI_:
	case FUTEX_TRYLOCK_PI_: return 2;
	case FUTEX_WAIT_:
	case FUTEX_LOCK_PI_:
	case FUTEX_LOCK_PI2_: return 4;
	default: return 6;
	}
}
