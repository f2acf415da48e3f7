/* SPDX-License-Identifier: MIT */
/* sys_file.c - open, close, read, write and their family */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/inotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/transfer.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

/* Linux moves at most this much in one call. */
enum { TRANSFER_MAX = 0x7ffff000 };

/* find: how its walk is restricted. */
static int64_t open_at(struct task *t, int dirfd, uint64_t path_va, uint32_t flags, uint32_t mode, unsigned find)
{
	char path[PATH_SIZE];
	struct file *f;
	int n = uaccess_string(t, path, path_va, sizeof(path));
	if (n < 0)
		return n;
	int err = path_open_within(t, dirfd, path, flags, mode & 07777, find, &f);
	if (err)
		return err;
	return fd_give(t, f, flags & ABI_O_CLOEXEC);
}

int64_t sys_openat(struct task *t, const uint64_t a[6])
{
	return open_at(t, (int)a[0], a[1], (uint32_t)a[2], (uint32_t)a[3], 0);
}

/* RESOLVE_*, in the order of enum find_flag; -EINVAL for those that are none. */
static int restrictions(uint64_t resolve)
{
	enum { ONE_MOUNT = 1, NO_JUMPS = 2, NO_LINKS = 4, BENEATH = 8, AS_ROOT = 0x10 };
	if ((resolve & (BENEATH | AS_ROOT)) == (BENEATH | AS_ROOT))
		return -EINVAL;
	return (resolve & ONE_MOUNT ? FIND_ONE_MOUNT : 0) | (resolve & NO_JUMPS ? FIND_NO_JUMPS : 0) |
	       (resolve & NO_LINKS ? FIND_NO_LINKS : 0) | (resolve & BENEATH ? FIND_BENEATH : 0) |
	       (resolve & AS_ROOT ? FIND_AS_ROOT : 0);
}

int64_t sys_openat2(struct task *t, const uint64_t a[6])
{
	enum { FLAGS = 037777703, RESOLVE_CACHED = 0x20, RESOLVE = 0x3f };
	struct abi_open_how how;
	if (a[3] < sizeof(how))
		return -EINVAL;
	int err = uaccess_struct(t, &how, sizeof(how), a[2], a[3]);
	if (err)
		return err;
	bool creates = how.flags & ABI_O_CREAT || (how.flags & ABI_O_TMPFILE) == ABI_O_TMPFILE;
	if (how.flags & ~(uint64_t)FLAGS || how.resolve & ~(uint64_t)RESOLVE || how.mode > 07777 ||
	    (how.mode && !creates) || restrictions(how.resolve) < 0)
		return -EINVAL;
	if (how.flags & ABI_O_PATH &&
	    how.flags & ~(uint64_t)(ABI_O_PATH | ABI_O_DIRECTORY | ABI_O_NOFOLLOW | ABI_O_CLOEXEC))
		return -EINVAL;
	/* No walk waits for anything; what may change the file is not even tried, as on Linux. */
	if (how.resolve & RESOLVE_CACHED && (creates || how.flags & ABI_O_TRUNC))
		return -EAGAIN;
	return open_at(t, (int)a[0], a[1], (uint32_t)how.flags, (uint32_t)how.mode,
		       (unsigned)restrictions(how.resolve));
}

int64_t sys_close(struct task *t, const uint64_t a[6])
{
	return fd_close(t->process->files, (int)a[0]);
}

int64_t sys_close_range(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	uint32_t first = (uint32_t)a[0], last = (uint32_t)a[1], flags = (uint32_t)a[2];
	enum { UNSHARE = 2, CLOEXEC = 4 };
	if (first > last || (flags & ~(uint32_t)(UNSHARE | CLOEXEC)))
		return -EINVAL;
	int err = flags & UNSHARE ? process_unshare_files(p) : 0;
	if (err)
		return err;
	if (first > INT_MAX)
		return 0;
	for (int fd = fd_next(p->files, (int)first); fd >= 0 && (uint32_t)fd <= last;
	     fd = fd_next(p->files, fd + 1)) {
		if (flags & CLOEXEC)
			fd_set_cloexec(p->files, fd, true);
		else
			(void)fd_close(p->files, fd);
	}
	return 0;
}

/* pos NULL: the file's own position. */
static int64_t one(struct task *t, const uint64_t a[6], bool write, uint64_t *pos)
{
	struct file *f;
	int err = transfer_file(t, a[0], write, &f);
	if (err)
		return err;
	if ((int64_t)a[2] < 0)
		return -EINVAL;
	struct abi_iovec iov = {a[1], min_u64(a[2], TRANSFER_MAX)};
	return transfer(t, f, write, &iov, 1, pos ? pos : &f->pos);
}

int64_t sys_read(struct task *t, const uint64_t a[6])
{
	return one(t, a, false, NULL);
}

int64_t sys_write(struct task *t, const uint64_t a[6])
{
	return one(t, a, true, NULL);
}

/* May positions be given? Returns 0, -EBADF, -ESPIPE or -EINVAL. */
static int check_position(struct task *t, uint64_t fd, uint64_t pos)
{
	const struct file *f = fd_get(t->process->files, (int)fd);
	if ((int64_t)pos < 0)
		return -EINVAL;
	if (!f)
		return -EBADF;
	return f->ops->size || f->ops->seek ? 0 : -ESPIPE;
}

int64_t sys_pread64(struct task *t, const uint64_t a[6])
{
	uint64_t pos = a[3];
	int err = check_position(t, a[0], pos);
	return err ? err : one(t, a, false, &pos);
}

int64_t sys_pwrite64(struct task *t, const uint64_t a[6])
{
	uint64_t pos = a[3];
	int err = check_position(t, a[0], pos);
	return err ? err : one(t, a, true, &pos);
}

static int64_t many(struct task *t, const uint64_t a[6], bool write, uint64_t *pos)
{
	enum { FAST = 8 };
	struct abi_iovec iov[FAST], *all = iov;
	struct file *f;
	uint64_t count = a[2], left = TRANSFER_MAX;
	int err = transfer_file(t, a[0], write, &f);
	if (err)
		return err;
	if (count > IOV_MAX)
		return -EINVAL;
	if (count > FAST) {
		all = calloc(count, sizeof(*all));
		if (!all)
			return -ENOMEM;
	}
	int64_t n = uaccess_read(t, all, a[1], count * sizeof(*all));
	for (uint64_t i = 0; n == 0 && i < count; i++) {
		if ((int64_t)all[i].len < 0)
			n = -EINVAL;
		all[i].len = min_u64(all[i].len, left);
		left -= all[i].len;
	}
	if (n == 0)
		n = transfer(t, f, write, all, (unsigned)count, pos ? pos : &f->pos);
	if (all != iov)
		free(all);
	return n;
}

int64_t sys_readv(struct task *t, const uint64_t a[6])
{
	return many(t, a, false, NULL);
}

int64_t sys_writev(struct task *t, const uint64_t a[6])
{
	return many(t, a, true, NULL);
}

int64_t sys_preadv(struct task *t, const uint64_t a[6])
{
	uint64_t pos = a[3];
	int err = check_position(t, a[0], pos);
	return err ? err : many(t, a, false, &pos);
}

int64_t sys_pwritev(struct task *t, const uint64_t a[6])
{
	uint64_t pos = a[3];
	int err = check_position(t, a[0], pos);
	return err ? err : many(t, a, true, &pos);
}

/* Flags of preadv2 and pwritev2. A file of the host never makes anybody wait, so NOWAIT changes
 * nothing there; HIPRI is a hint. */
enum {
	RWF_HIPRI_ = 1,
	RWF_DSYNC_ = 2,
	RWF_SYNC_ = 4,
	RWF_NOWAIT_ = 8,
	RWF_APPEND_ = 16,
	RWF_NOAPPEND_ = 32,
	RWF_KNOWN = 63,
};

static int flags_check(const struct file *f, uint32_t flags)
{
	if (flags & ~(uint32_t)RWF_KNOWN)
		return -EOPNOTSUPP;
	if ((flags & RWF_APPEND_) && (flags & RWF_NOAPPEND_))
		return -EINVAL;
	return (flags & RWF_NOWAIT_) && !f->ops->size && !file_is_pipe(f) ? -EOPNOTSUPP : 0;
}

/* A position of -1 is the file's own. */
static int64_t many_flags(struct task *t, const uint64_t a[6], bool write)
{
	uint64_t pos = a[3];
	uint32_t flags = (uint32_t)a[5];
	bool own = (int64_t)pos == -1;
	struct file *f = fd_get(t->process->files, (int)a[0]);
	int err = own ? (f ? 0 : -EBADF) : check_position(t, a[0], pos);
	if (!err)
		err = flags_check(f, flags);
	if (err)
		return err;
	uint32_t before = f->flags;
	if (flags & RWF_NOWAIT_)
		f->flags |= ABI_O_NONBLOCK;
	if (write && (flags & RWF_APPEND_))
		f->flags |= ABI_O_APPEND;
	if (write && (flags & RWF_NOAPPEND_))
		f->flags &= ~(uint32_t)ABI_O_APPEND;
	int64_t n = many(t, a, write, own ? NULL : &pos);
	f->flags = before;
	if (write && n > 0 && (flags & (RWF_DSYNC_ | RWF_SYNC_)) && f->ops->sync) {
		err = f->ops->sync(f);
		if (err)
			return err;
	}
	return n;
}

int64_t sys_preadv2(struct task *t, const uint64_t a[6])
{
	return many_flags(t, a, false);
}

int64_t sys_pwritev2(struct task *t, const uint64_t a[6])
{
	return many_flags(t, a, true);
}

int64_t sys_lseek(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	int64_t offset = (int64_t)a[1];
	uint64_t size;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if ((uint32_t)a[2] > SEEK_HOLE)
		return -EINVAL;
	if (f->ops->seek)
		return f->ops->seek(f, offset, (int)a[2]);
	/* Linux lets a program seek in an eventfd and the like: it gets nowhere. */
	if (!f->ops->size)
		return f->ops->stat == file_stat_anonymous ? 0 : -ESPIPE;
	int err = f->ops->size(f, &size);
	if (err)
		return err;
	switch ((int)a[2]) {
	case SEEK_SET: break;
	case SEEK_CUR: offset += (int64_t)f->pos; break;
	case SEEK_END: offset += (int64_t)size; break;
	default: /* one stretch of data, then the hole at its end */
		if (offset < 0 || (uint64_t)offset >= size)
			return -ENXIO;
		if ((int)a[2] == SEEK_HOLE)
			offset = (int64_t)size;
	}
	if (offset < 0)
		return -EINVAL;
	f->pos = (uint64_t)offset;
	return offset;
}

static int64_t truncate_to(struct task *t, struct file *f, uint64_t size)
{
	uint64_t old;
	if ((int64_t)size < 0)
		return -EINVAL;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if ((f->flags & ABI_O_ACCMODE) == ABI_O_RDONLY || !f->ops->truncate)
		return -EINVAL;
	int err = f->ops->size && f->ops->size(f, &old) == 0 ? file_limit_size(t, old, size) : 0;
	if (!err)
		err = f->ops->truncate(f, size);
	if (!err)
		inotify_file(f, EVENT_MODIFY);
	return err;
}

int64_t sys_ftruncate(struct task *t, const uint64_t a[6])
{
	return wait_result(t, truncate_to(t, fd_get(t->process->files, (int)a[0]), a[1]));
}

int64_t sys_fallocate(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	if (!f || f->flags & ABI_O_PATH || (f->flags & ABI_O_ACCMODE) == ABI_O_RDONLY)
		return -EBADF;
	if ((int64_t)a[2] < 0 || (int64_t)a[3] <= 0)
		return -EINVAL;
	if (a[2] + a[3] > INT64_MAX)
		return -EFBIG;
	if (!f->ops->allocate)
		return f->ops->size ? -EOPNOTSUPP : -ENODEV;
	uint64_t old;
	bool grows = f->ops->size && !(a[1] & FALLOC_FL_KEEP_SIZE) && f->ops->size(f, &old) == 0;
	int err = grows ? file_limit_size(t, old, a[2] + a[3]) : 0;
	if (err)
		return err;
	err = f->ops->allocate(f, (uint32_t)a[1], a[2], a[3]);
	if (!err)
		inotify_file(f, EVENT_MODIFY);
	return wait_result(t, err);
}

/* Writes what was stored through mappings back, a piece at a time; call.state[0]: up to which page that is
 * done. Returns 0, CALL_WAIT or an errno. */
static int64_t sync_pieces(struct task *t, struct object *o)
{
	struct mm *mm = t->process->kernel->mm;
	const uint64_t *written = &mm->events->total.event[EVENT_page_write], pause = *written + WORK_PAGES;
	uint64_t *at = &t->call.state[0];
	int err = 0;
	for (; err == 0 && o->stored && *at < page_up(o->size) >> PAGE_SHIFT; *at += WORK_PAGES) {
		if (*written >= pause)
			return wait_pause(t, PAUSE_HELD);
		err = object_sync(mm, o, *at, *at + WORK_PAGES - 1);
	}
	return err;
}

static int64_t sync_file(struct task *t, uint64_t fd)
{
	struct file *f = fd_get(t->process->files, (int)fd);
	struct object *o;
	int64_t err = 0;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (!f->ops->sync)
		return -EINVAL;
	if (f->ops->size && f->ops->object && f->ops->object(f, &o) == 0) {
		err = sync_pieces(t, o);
		object_put(t->process->kernel->mm, o);
	}
	return err ? err : f->ops->sync(f);
}

int64_t sys_fsync(struct task *t, const uint64_t a[6])
{
	return sync_file(t, a[0]);
}

int64_t sys_fdatasync(struct task *t, const uint64_t a[6])
{
	return sync_file(t, a[0]);
}

int64_t sys_sync_file_range(struct task *t, const uint64_t a[6])
{
	enum { FLAGS = 7 };
	struct file *f = fd_get(t->process->files, (int)a[0]);
	int64_t end;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (((uint32_t)a[3] & ~(uint32_t)FLAGS) || (int64_t)a[1] < 0 || (int64_t)a[2] < 0 ||
	    __builtin_add_overflow((int64_t)a[1], (int64_t)a[2], &end))
		return -EINVAL;
	if (!f->ops->sync)
		return -ESPIPE;
	return (uint32_t)a[3] ? f->ops->sync(f) : 0;
}

/* What programs wrote is with the host already; what they stored through mappings is not. */
static int sync_all(struct kernel *k)
{
	int result = 0;
	for (struct object *o = k->mm->objects; o; o = o->next) {
		int err = object_sync(k->mm, o, 0, UINT64_MAX / PAGE_SIZE);
		if (err)
			result = err;
	}
	return result;
}

int64_t sys_sync(struct task *t, const uint64_t a[6])
{
	(void)sync_all(t->process->kernel); /* it tells nobody */
	return 0;
}

int64_t sys_syncfs(struct task *t, const uint64_t a[6])
{
	return fd_get(t->process->files, (int)a[0]) ? sync_all(t->process->kernel) : -EBADF;
}

int64_t sys_fadvise64(struct task *t, const uint64_t a[6])
{
	const struct file *f = fd_get(t->process->files, (int)a[0]);
	enum { ADVICES = 6 };
	if (!f)
		return -EBADF;
	if (!f->ops->size)
		return f->ops->poll ? -ESPIPE : 0;
	return (uint32_t)a[3] >= ADVICES || (int64_t)a[2] < 0 ? -EINVAL : 0;
}

int64_t sys_readahead(struct task *t, const uint64_t a[6])
{
	struct file *f;
	int err = transfer_file(t, a[0], false, &f);
	if (err)
		return err;
	return f->ops->object ? 0 : -EINVAL;
}

/* Who may not write to a file is not told what others made of it: Linux's can_do_cachestat. */
static bool may_count(struct file *f, const struct task *t)
{
	struct stat st;
	if ((f->flags & ABI_O_ACCMODE) != ABI_O_RDONLY || !f->ops->stat || f->ops->stat(f, &st) != 0)
		return true;
	return stat_owned(&st, t) || stat_access(&st, t, W_OK) == 0;
}

int64_t sys_cachestat(struct task *t, const uint64_t a[6])
{
	struct {
		uint64_t offset, length;
	} range;
	struct object_counts counts = {0};
	struct object *o;
	struct file *f = fd_get(t->process->files, (int)a[0]);
	if (!f || f->flags & ABI_O_PATH)
		return -EBADF;
	int r = uaccess_read(t, &range, a[1], sizeof(range));
	if (r != 0)
		return r;
	if (!may_count(f, t))
		return -EPERM;
	if ((uint32_t)a[3] != 0)
		return -EINVAL;
	uint64_t last = range.length ? (range.offset + range.length - 1) >> PAGE_SHIFT : UINT64_MAX;
	if (f->ops->object && f->ops->object(f, &o) == 0) {
		object_count(t->process->kernel->mm, o, range.offset >> PAGE_SHIFT, last, &counts);
		object_put(t->process->kernel->mm, o);
	}
	const uint64_t words[] = {counts.cached, counts.dirty, counts.writeback, counts.evicted, counts.recently_evicted};
	return uaccess_write(t, a[2], words, sizeof(words));
}
