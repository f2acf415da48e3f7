/* SPDX-License-Identifier: MIT */
/* sys_stat.c - what is known of files: stat, statx, statfs, access, readlink */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

static unsigned find_flags(uint32_t at_flags)
{
	return (at_flags & ABI_AT_SYMLINK_NOFOLLOW ? 0 : FIND_FOLLOW) |
	       (at_flags & ABI_AT_EMPTY_PATH ? FIND_EMPTY : 0);
}

static struct abi_timespec timespec_abi(struct timespec ts)
{
	return (struct abi_timespec){ts.tv_sec, ts.tv_nsec};
}

static void stat_abi(const struct stat *st, struct abi_stat *ret)
{
	*ret = (struct abi_stat){.dev = st->st_dev,
				 .ino = st->st_ino,
				 .mode = st->st_mode,
				 .nlink = (uint32_t)st->st_nlink,
				 .uid = st->st_uid,
				 .gid = st->st_gid,
				 .rdev = st->st_rdev,
				 .size = st->st_size,
				 .blksize = (int32_t)st->st_blksize,
				 .blocks = st->st_blocks,
				 .atime = timespec_abi(st->st_atim),
				 .mtime = timespec_abi(st->st_mtim),
				 .ctime = timespec_abi(st->st_ctim)};
}

int64_t sys_newfstatat(struct task *t, const uint64_t a[6])
{
	struct place at;
	struct abi_stat st;
	if ((uint32_t)a[3] &
	    ~(uint32_t)(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_NO_AUTOMOUNT | ABI_AT_EMPTY_PATH))
		return -EINVAL;
	int err = path_find_user(t, (int)a[0], a[1], find_flags((uint32_t)a[3]), &at);
	if (err)
		return err;
	stat_abi(&at.stat, &st);
	return uaccess_write(t, a[2], &st, sizeof(st));
}

int64_t sys_fstat(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	struct stat host;
	struct abi_stat st;
	if (!f)
		return -EBADF;
	int err = f->ops->stat ? f->ops->stat(f, &host) : -EINVAL;
	if (err)
		return err;
	stat_abi(&host, &st);
	return uaccess_write(t, a[1], &st, sizeof(st));
}

static struct abi_statx_time statx_time(struct timespec ts)
{
	return (struct abi_statx_time){ts.tv_sec, (uint32_t)ts.tv_nsec, 0};
}

int64_t sys_statx(struct task *t, const uint64_t a[6])
{
	enum { BASIC = 0x7ff, BIRTH = 0x800, MOUNT = 0x1000, MOUNT_UNIQUE = 0x4000, SYNC_TYPES = 0x6000, RESERVED = 0x80000000 };
	struct place at;
	uint32_t flags = (uint32_t)a[2];
	if (flags & ~(uint32_t)(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_NO_AUTOMOUNT | ABI_AT_EMPTY_PATH |
				SYNC_TYPES))
		return -EINVAL;
	if ((flags & SYNC_TYPES) == SYNC_TYPES || ((uint32_t)a[3] & RESERVED))
		return -EINVAL;
	int err = path_find_user(t, (int)a[0], a[1], find_flags(flags), &at);
	if (err)
		return err;
	const struct stat *st = &at.stat;
	struct timespec born;
	struct abi_statx x = {.mask = BASIC,
			      .blksize = (uint32_t)st->st_blksize,
			      .nlink = (uint32_t)st->st_nlink,
			      .uid = st->st_uid,
			      .gid = st->st_gid,
			      .mode = (uint16_t)st->st_mode,
			      .ino = st->st_ino,
			      .size = (uint64_t)st->st_size,
			      .blocks = (uint64_t)st->st_blocks,
			      .atime = statx_time(st->st_atim),
			      .ctime = statx_time(st->st_ctim),
			      .mtime = statx_time(st->st_mtim),
			      .rdev_major = major(st->st_rdev),
			      .rdev_minor = minor(st->st_rdev),
			      .dev_major = major(st->st_dev),
			      .dev_minor = minor(st->st_dev)};
	if ((uint32_t)a[3] & BIRTH && !at.file && !at.synthetic && at.mount->ops->birth &&
	    at.mount->ops->birth(&at, &born) == 0) {
		x.mask |= BIRTH;
		x.btime = statx_time(born);
	}
	/* What has no name is in no mount that could be seen. */
	if (!at.file) {
		x.mask |= (uint32_t)a[3] & MOUNT_UNIQUE ? MOUNT_UNIQUE : MOUNT;
		x.mount_id = at.mount->number;
	}
	return uaccess_write(t, a[4], &x, sizeof(x));
}

static int64_t statfs_write(struct task *t, const struct place *at, uint64_t va)
{
	struct statfs st = {
	    .f_type = 0x01021994, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	if (!at->file && at->mount->ops->statfs) {
		int err = at->mount->ops->statfs(at, &st);
		if (err)
			return err;
	}
	const struct mount none = {0}, *m = !at->file ? at->mount : at->file->mount ? at->file->mount : &none;
	struct abi_statfs x = {.type = st.f_type,
			       .bsize = st.f_bsize,
			       .blocks = st.f_blocks,
			       .bfree = st.f_bfree,
			       .bavail = st.f_bavail,
			       .files = st.f_files,
			       .ffree = st.f_ffree,
			       .namelen = st.f_namelen,
			       .frsize = st.f_frsize,
			       .flags = 0x20 | m->flags | (m->readonly ? MOUNT_RDONLY : 0)};
	return uaccess_write(t, va, &x, sizeof(x));
}

int64_t sys_statfs(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], FIND_FOLLOW, &at);
	return err ? err : statfs_write(t, &at, a[1]);
}

int64_t sys_fstatfs(struct task *t, const uint64_t a[6])
{
	struct place at;
	if (!fd_get(t->process->files, (int)a[0]))
		return -EBADF;
	int err = path_find(t->process->kernel, t, (int)a[0], "", FIND_EMPTY, &at);
	return err ? err : statfs_write(t, &at, a[1]);
}

static int64_t access_at(struct task *t, int dirfd, uint64_t path, uint32_t mode, uint32_t flags)
{
	struct place at;
	if ((mode & ~7U) ||
	    (flags & ~(uint32_t)(ABI_AT_EACCESS | ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH)))
		return -EINVAL;
	char name[PATH_SIZE];
	int err = uaccess_string(t, name, path, sizeof(name));
	if (err < 0)
		return err;
	/* The whole walk is that of who t really is. */
	struct cred *own = t->cred, *real = NULL;
	err = flags & ABI_AT_EACCESS || cred_is_real(own) ? 0 : cred_real(t, &real);
	if (err)
		return err;
	t->cred = real ? real : own;
	err = path_find(t->process->kernel, t, dirfd, name, find_flags(flags), &at);
	if (!err)
		err = place_access(&at, t, (int)mode);
	t->cred = own;
	if (real)
		cred_put(real);
	return err;
}

int64_t sys_faccessat(struct task *t, const uint64_t a[6])
{
	return access_at(t, (int)a[0], a[1], (uint32_t)a[2], 0);
}

int64_t sys_faccessat2(struct task *t, const uint64_t a[6])
{
	return access_at(t, (int)a[0], a[1], (uint32_t)a[2], (uint32_t)a[3]);
}

int64_t sys_readlinkat(struct task *t, const uint64_t a[6])
{
	struct place at;
	char text[PATH_SIZE];
	if ((int32_t)a[3] <= 0)
		return -EINVAL;
	int size = uaccess_string(t, text, a[1], sizeof(text));
	if (size < 0)
		return size;
	int err = path_find(t->process->kernel, t, (int)a[0], text, FIND_EMPTY, &at);
	if (err)
		return err;
	if (at.file || !S_ISLNK(at.stat.st_mode) || !at.mount->ops->readlink)
		return size == 0 ? -ENOENT : -EINVAL;
	int n = at.mount->ops->readlink(&at, text, (unsigned)min_u64(sizeof(text), (uint32_t)a[3]));
	if (n < 0)
		return n;
	err = uaccess_write(t, a[2], text, (size_t)n);
	return err ? err : n;
}
