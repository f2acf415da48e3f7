/* SPDX-License-Identifier: MIT */
/* sys_fd.c - what is done with descriptors themselves: dup, fcntl, ioctl, pipes, locks */
#include <errno.h>
#include <limits.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/async.h"
#include "kernel/event/dnotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/lock.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

static int dup_above(struct task *t, struct file *f, uint64_t from, bool cloexec)
{
	if (from >= fd_limit(t) || from > INT_MAX)
		return -EINVAL;
	int fd = fd_install(t->process->files, file_ref(f), (int)from, fd_limit(t), cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t sys_dup(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	if (!f)
		return -EBADF;
	return fd_give(t, file_ref(f), false);
}

int64_t sys_dup3(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	int to = (int)a[1];
	uint32_t flags = (uint32_t)a[2];
	if ((flags & ~(uint32_t)ABI_O_CLOEXEC) || (int)a[0] == to)
		return -EINVAL;
	if (!f || to < 0 || (uint64_t)to >= fd_limit(t))
		return -EBADF;
	int fd = fd_replace(t->process->files, file_ref(f), to, flags & ABI_O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t sys_pipe2(struct task *t, const uint64_t a[6])
{
	struct fd_table *ft = t->process->files;
	uint32_t flags = (uint32_t)a[1];
	bool cloexec = flags & ABI_O_CLOEXEC;
	struct file *r, *w;
	if (flags & ~(uint32_t)(ABI_O_CLOEXEC | ABI_O_NONBLOCK | ABI_O_DIRECT))
		return -EINVAL;
	int err = pipe_create(t->process->kernel, flags, &r, &w);
	if (err)
		return err;
	int32_t fd[2];
	fd[0] = fd_install(ft, r, 0, fd_limit(t), cloexec);
	if (fd[0] < 0) {
		file_put(r);
		file_put(w);
		return fd[0];
	}
	fd[1] = fd_install(ft, w, 0, fd_limit(t), cloexec);
	err = fd[1] < 0 ? fd[1] : uaccess_write(t, a[0], fd, sizeof(fd));
	if (!err)
		return 0;
	if (fd[1] < 0)
		file_put(w);
	else
		(void)fd_close(ft, fd[1]);
	(void)fd_close(ft, fd[0]);
	return err;
}

enum fcntl_command {
	DUPFD = 0,
	GETFD = 1,
	SETFD = 2,
	GETFL = 3,
	SETFL = 4,
	GETLK = 5,
	SETLK = 6,
	SETLKW = 7,
	SETOWN = 8,
	GETOWN = 9,
	SETSIG = 10,
	GETSIG = 11,
	SETOWN_EX = 15,
	GETOWN_EX = 16,
	OFD_GETLK = 36,
	OFD_SETLK = 37,
	OFD_SETLKW = 38,
	SETLEASE = 1024,
	GETLEASE = 1025,
	NOTIFY = 1026,
	DUPFD_QUERY = 1027,
	CREATED_QUERY = 1028,
	DUPFD_CLOEXEC = 1030,
	SETPIPE_SZ = 1031,
	GETPIPE_SZ = 1032,
	ADD_SEALS = 1033,
	GET_SEALS = 1034,
	GET_RW_HINT = 1035,
	SET_RW_HINT = 1036,
};

/* fcntl's record locks, of a process or (OFD) of the open file */
enum { F_RDLCK_ = 0, F_WRLCK_ = 1, F_UNLCK_ = 2 };

static int lock_range(struct file *f, const struct abi_flock *fl, struct lock *ret_lock)
{
	uint64_t base = 0;
	if (fl->whence == 1)
		base = f->pos;
	else if (fl->whence == 2 && f->ops->size) {
		int err = f->ops->size(f, &base);
		if (err)
			return err;
	} else if (fl->whence != 0)
		return -EINVAL;
	int64_t start, end;
	if (__builtin_add_overflow((int64_t)base, fl->start, &start))
		return -EOVERFLOW;
	if (fl->len > 0) {
		if (__builtin_add_overflow(start, fl->len - 1, &end))
			return -EOVERFLOW;
		ret_lock->end = (uint64_t)end;
	} else if (fl->len < 0) {
		ret_lock->end = (uint64_t)start - 1;
		if (__builtin_add_overflow(start, fl->len, &start))
			return -EINVAL;
	} else {
		ret_lock->end = UINT64_MAX;
	}
	if (start < 0)
		return -EINVAL;
	ret_lock->start = (uint64_t)start;
	return 0;
}

static int64_t record_lock(struct task *t, struct file *f, int command, uint64_t arg)
{
	bool of_file = command >= OFD_GETLK, get = command == GETLK || command == OFD_GETLK;
	struct abi_flock fl;
	struct lock l = {.kind = LOCK_RECORD,
			 .owner = of_file ? (const void *)f : t->process->files,
			 .pid = of_file ? -1 : t->process->pid},
		    other;
	int err = uaccess_read(t, &fl, arg, sizeof(fl));
	if (err)
		return err;
	if (of_file && fl.pid != 0)
		return -EINVAL;
	if (fl.type < F_RDLCK_ || fl.type > F_UNLCK_ || (get && fl.type == F_UNLCK_))
		return -EINVAL;
	l.type = (enum lock_type)fl.type;
	err = lock_range(f, &fl, &l);
	if (err)
		return err;
	if (get) {
		fl.type = F_UNLCK_;
		if (lock_conflict(f, &l, &other)) {
			fl.type = (int16_t)other.type;
			fl.whence = 0;
			fl.start = (int64_t)other.start;
			fl.len =
			    other.end == UINT64_MAX ? 0 : (int64_t)(other.end - other.start + 1);
			fl.pid = other.pid;
		}
		return uaccess_write(t, arg, &fl, sizeof(fl));
	}
	uint32_t access = f->flags & ABI_O_ACCMODE;
	if ((l.type == LOCK_READ && access == ABI_O_WRONLY) ||
	    (l.type == LOCK_WRITE && access == ABI_O_RDONLY))
		return -EBADF;
	return lock_set(f, &l, command == SETLKW || command == OFD_SETLKW ? t : NULL);
}

int64_t sys_flock(struct task *t, const uint64_t a[6])
{
	enum { SHARED = 1, EXCLUSIVE = 2, NOWAIT = 4, UNLOCK = 8 };
	struct file *f = fd_get(t->process->files, (int)a[0]);
	struct lock l = {.kind = LOCK_FLOCK, .end = UINT64_MAX, .owner = f, .pid = t->process->pid};
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	switch ((int)a[1] & ~NOWAIT) {
	case SHARED: l.type = LOCK_READ; break;
	case EXCLUSIVE: l.type = LOCK_WRITE; break;
	case UNLOCK: l.type = LOCK_NONE; break;
	default: return -EINVAL;
	}
	return lock_set(f, &l, (int)a[1] & NOWAIT ? NULL : t);
}

static int set_flags(struct file *f, int fd, uint32_t flags)
{
	enum {
		CHANGEABLE =
		    ABI_O_APPEND | ABI_O_NONBLOCK | ABI_O_ASYNC | ABI_O_DIRECT | ABI_O_NOATIME
	};
	/* What is always ready has nothing to tell, and keeps the bit clear. */
	if (!f->ops->poll)
		flags &= ~(uint32_t)ABI_O_ASYNC;
	if ((flags ^ f->flags) & ABI_O_ASYNC) {
		int err = async_turn(f, fd, flags & ABI_O_ASYNC);
		if (err)
			return err;
	}
	f->flags = (f->flags & ~(uint32_t)CHANGEABLE) | (flags & CHANGEABLE);
	return 0;
}

/* A negative number is a group. */
static int set_owner(struct file *f, int32_t id)
{
	if (id == INT32_MIN)
		return -EINVAL;
	return id < 0 ? async_set_owner(f, ASYNC_GROUP, -id) : async_set_owner(f, ASYNC_PROCESS, id);
}

static int64_t get_owner(const struct file *f)
{
	enum async_kind kind;
	int32_t id;
	async_owner(f, &kind, &id);
	return kind == ASYNC_GROUP ? -id : id;
}

static int set_owner_ex(struct task *t, struct file *f, uint64_t va)
{
	int32_t owner[2];
	int err = uaccess_read(t, owner, va, sizeof(owner));
	if (err)
		return err;
	if (owner[0] < ASYNC_THREAD || owner[0] > ASYNC_GROUP)
		return -EINVAL;
	return async_set_owner(f, (enum async_kind)owner[0], owner[1]);
}

static int get_owner_ex(struct task *t, const struct file *f, uint64_t va)
{
	enum async_kind kind;
	int32_t owner[2];
	async_owner(f, &kind, &owner[1]);
	owner[0] = (int32_t)kind;
	return uaccess_write(t, va, owner, sizeof(owner));
}

/* How long what is written to a file will live, which is kept and changes nothing. Files of the host and of a
 * tmpfs have one whoever opens them; others have it with the open file. */
static uint8_t *hint_of(struct file *f)
{
	uint8_t *hint = hostnode_hint(f);
	if (!hint && shm_node_of(f))
		hint = shm_hint(f);
	return hint ? hint : &f->write_hint;
}

static int get_hint(struct task *t, struct file *f, uint64_t va)
{
	uint64_t hint = *hint_of(f);
	return uaccess_write(t, va, &hint, sizeof(hint));
}

static int set_hint(struct task *t, struct file *f, uint64_t va)
{
	enum { HINTS = 6 };
	struct stat st;
	uint64_t hint;
	if (!f->ops->stat || f->ops->stat(f, &st) != 0 || !stat_owned(&st, t))
		return -EPERM;
	int err = uaccess_read(t, &hint, va, sizeof(hint));
	if (!err && hint >= HINTS)
		err = -EINVAL;
	if (!err)
		*hint_of(f) = (uint8_t)hint;
	return err;
}

int64_t sys_fcntl(struct task *t, const uint64_t a[6])
{
	struct fd_table *ft = t->process->files;
	struct file *f = fd_get(ft, (int)a[0]);
	uint64_t arg = a[2];
	if (!f)
		return -EBADF;
	int command = (int)a[1];
	if ((f->flags & ABI_O_PATH) && command != DUPFD && command != DUPFD_CLOEXEC &&
	    command != GETFD && command != SETFD && command != GETFL && command != DUPFD_QUERY)
		return -EBADF;
	switch (command) {
	case DUPFD: return dup_above(t, f, arg, false);
	case DUPFD_CLOEXEC: return dup_above(t, f, arg, true);
	case GETFD: return fd_cloexec(ft, (int)a[0]);
	case SETFD: fd_set_cloexec(ft, (int)a[0], arg & 1); return 0;
	case GETFL:
		return f->flags | (f->ops->size && !(f->flags & ABI_O_PATH) ? ABI_O_LARGEFILE : 0);
	case SETFL: return set_flags(f, (int)a[0], (uint32_t)arg);
	case GETLK:
	case SETLK:
	case SETLKW:
	case OFD_GETLK:
	case OFD_SETLK:
	case OFD_SETLKW: return record_lock(t, f, command, arg);
	case SETLEASE: return lease_set(t, f, (int)a[0], arg);
	case GETLEASE: return lease_get(f);
	case NOTIFY: return dnotify_set(t, f, (int)a[0], (uint32_t)arg);
	case DUPFD_QUERY: return fd_get(ft, (int)arg) ? fd_get(ft, (int)arg) == f : -EBADF;
	case CREATED_QUERY: return f->created;
	case SETOWN: return set_owner(f, (int32_t)arg);
	case GETOWN: return get_owner(f);
	case SETOWN_EX: return set_owner_ex(t, f, arg);
	case GETOWN_EX: return get_owner_ex(t, f, arg);
	case SETSIG: return async_set_signal(f, (int32_t)min_u64(arg, INT32_MAX));
	case GETSIG: return async_signal(f);
	case GETPIPE_SZ: return pipe_size(f);
	case SETPIPE_SZ: return pipe_set_size(f, arg);
	case ADD_SEALS: return shm_seals_add(f, (uint32_t)arg);
	case GET_SEALS: return shm_seals_get(f);
	case GET_RW_HINT: return get_hint(t, f, arg);
	case SET_RW_HINT: return set_hint(t, f, arg);
	default: return -EINVAL;
	}
}

int64_t sys_ioctl(struct task *t, const uint64_t a[6])
{
	struct fd_table *ft = t->process->files;
	struct file *f = fd_get(ft, (int)a[0]);
	uint64_t request = (uint32_t)a[1], size;
	int32_t n;
	int err;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	switch (request) {
	case ABI_FIOCLEX:
	case ABI_FIONCLEX: fd_set_cloexec(ft, (int)a[0], request == ABI_FIOCLEX); return 0;
	case ABI_FIONBIO:
		err = uaccess_read(t, &n, a[2], sizeof(n));
		if (err)
			return err;
		f->flags = (f->flags & ~(uint32_t)ABI_O_NONBLOCK) | (n ? ABI_O_NONBLOCK : 0);
		return 0;
	case ABI_FIOASYNC:
		err = uaccess_read(t, &n, a[2], sizeof(n));
		if (err)
			return err;
		if (!f->ops->poll && n)
			return -ENOTTY;
		return set_flags(f, (int)a[0],
				 (f->flags & ~(uint32_t)ABI_O_ASYNC) | (n ? ABI_O_ASYNC : 0));
	case ABI_FICLONE:
	case ABI_FICLONERANGE: return -EOPNOTSUPP;
	case ABI_FIONREAD:
		if (!f->ops->size || f->ops->ioctl)
			break;
		err = f->ops->size(f, &size);
		if (err)
			return err;
		n = size > f->pos ? (int32_t)min_u64(size - f->pos, INT32_MAX) : 0;
		return uaccess_write(t, a[2], &n, sizeof(n));
	default: break;
	}
	return f->ops->ioctl ? f->ops->ioctl(f, t, request, a[2]) : -ENOTTY;
}
