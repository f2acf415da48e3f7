/* SPDX-License-Identifier: MIT */
/* sys_dir.c - names: directories read and changed, working directory, mode, owner and times */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/inotify.h"
#include "kernel/file/attributes.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

/* A name that is to be made: it must not be there yet. */
static int find_new(struct task *t, int dirfd, uint64_t va, bool directory, struct place *ret_place)
{
	int err = path_find_user(t, dirfd, va, FIND_NEW, ret_place);
	if (err)
		return err;
	if (ret_place->exists)
		return -EEXIST;
	if (ret_place->slash && !directory)
		return -ENOENT;
	return place_may_change(ret_place);
}

/* Fills ret_bytes with entries; returns how many bytes, or -EINVAL when not even one fits. */
static int64_t fill_entries(struct file *f, uint8_t *ret_bytes, size_t size)
{
	size_t done = 0;
	for (;;) {
		char name[NAME_SIZE];
		uint64_t inode, before = f->pos;
		uint8_t type;
		int n = f->ops->entry(f, &f->pos, name, &inode, &type);
		if (n <= 0)
			return done ? (int64_t)done : n;
		size_t length = strlen(name) + 1, need = align_up(ABI_DIRENT_HEAD + length, 8);
		if (done + need > size) {
			f->pos = before;
			return done ? (int64_t)done : -EINVAL;
		}
		struct abi_dirent e = {inode, (int64_t)f->pos, (uint16_t)need, type};
		memset(ret_bytes + done, 0, need);
		memcpy(ret_bytes + done, &e, ABI_DIRENT_HEAD);
		memcpy(ret_bytes + done + ABI_DIRENT_HEAD, name, length);
		done += need;
	}
}

int64_t sys_getdents64(struct task *t, const uint64_t a[6])
{
	enum { ENTRIES_MAX = 32768 };
	struct file *f = fd_get(t->process->files, (int)a[0]);
	size_t size = min_u64((uint32_t)a[2], ENTRIES_MAX);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (!f->ops->entry)
		return -ENOTDIR;
	uint8_t *bytes = malloc(size ? size : 1);
	if (!bytes)
		return -ENOMEM;
	uint64_t before = f->pos;
	int64_t n = fill_entries(f, bytes, size);
	inotify_file(f, EVENT_ACCESS);
	int err = n > 0 ? uaccess_write(t, a[1], bytes, (size_t)n) : 0;
	free(bytes);
	if (err) {
		f->pos = before;
		return err;
	}
	return n;
}

int64_t sys_getcwd(struct task *t, const uint64_t a[6])
{
	const char *cwd = fs_cwd(t->process->fs), *seen = path_seen(t, cwd);
	/* Where chroot left somebody behind. */
	bool outside = seen == cwd && fs_root(t->process->fs)[1];
	char text[PATH_SIZE + 16];
	if (fs_cwd_gone(t->process->fs))
		return -ENOENT;
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", outside ? "(unreachable)" : "", seen) + 1;
	if (a[1] < n)
		return -ERANGE;
	int err = uaccess_write(t, a[0], text, n);
	return err ? err : (int64_t)n;
}

static int64_t change_directory(struct task *t, const struct place *at)
{
	if (at->file || !S_ISDIR(at->stat.st_mode))
		return -ENOTDIR;
	int err = place_access(at, t, 1);
	return err ? err : fs_chdir(t->process->fs, at->guest);
}

int64_t sys_chdir(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], FIND_FOLLOW, &at);
	return err ? err : change_directory(t, &at);
}

int64_t sys_fchdir(struct task *t, const uint64_t a[6])
{
	struct place at;
	const struct file *f = fd_get(t->process->files, (int)a[0]);
	if (!f)
		return -EBADF;
	if (!file_is_dir(f))
		return -ENOTDIR;
	int err = path_find(t->process->kernel, t, (int)a[0], "", FIND_EMPTY, &at);
	return err ? err : change_directory(t, &at);
}

/* What came of making a name. */
static int made(const struct place *at, int err, bool directory)
{
	if (!err)
		inotify_created(at, directory);
	return err;
}

int64_t sys_mkdirat(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = find_new(t, (int)a[0], a[1], true, &at);
	if (err)
		return err;
	if (!at.mount->ops->mkdir)
		return -EPERM;
	return made(&at, at.mount->ops->mkdir(&at, (uint32_t)a[2] & 01777 & ~fs_umask(t->process->fs)),
		    true);
}

int64_t sys_mknodat(struct task *t, const uint64_t a[6])
{
	struct place at;
	uint32_t mode = (uint32_t)a[2], type = mode & S_IFMT;
	bool device = type == S_IFCHR || type == S_IFBLK, whiteout = type == S_IFCHR && (uint32_t)a[3] == 0;
	uint64_t number = makedev((a[3] & 0xfff00) >> 8, (a[3] & 0xff) | (a[3] >> 12 & 0xfff00));
	if (!device && type != 0 && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
		return type == S_IFDIR ? -EPERM : -EINVAL;
	int err = find_new(t, (int)a[0], a[1], false, &at);
	if (err)
		return err;
	if ((device && !whiteout && !task_can(t, CAP_MKNOD)) || !at.mount->ops->mknod)
		return -EPERM;
	return made(&at, at.mount->ops->mknod(&at, mode & ~fs_umask(t->process->fs), device ? number : 0), false);
}

int64_t sys_symlinkat(struct task *t, const uint64_t a[6])
{
	struct place at;
	char target[PATH_SIZE];
	int n = uaccess_string(t, target, a[0], sizeof(target));
	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	int err = find_new(t, (int)a[1], a[2], false, &at);
	if (err)
		return err;
	return at.mount->ops->symlink ? made(&at, at.mount->ops->symlink(&at, target), false)
				      : -EPERM;
}

int64_t sys_unlinkat(struct task *t, const uint64_t a[6])
{
	struct place at;
	uint32_t flags = (uint32_t)a[2];
	bool directory = flags & ABI_AT_REMOVEDIR;
	if (flags & ~(uint32_t)ABI_AT_REMOVEDIR)
		return -EINVAL;
	int err = path_find_user(t, (int)a[0], a[1], 0, &at);
	if (err)
		return err;
	if (at.last != LAST_NAME)
		return !directory               ? -EISDIR
		       : at.last == LAST_DOT    ? -EINVAL
		       : at.last == LAST_DOTDOT ? -ENOTEMPTY
						: -EBUSY;
	if (directory && !S_ISDIR(at.stat.st_mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(at.stat.st_mode))
		return -EISDIR;
	err = place_may_change(&at);
	if (err)
		return err;
	if (!at.mount->ops->unlink)
		return -EPERM;
	err = at.mount->ops->unlink(&at, directory);
	if (err)
		return err;
	names_removed(at.kernel, at.guest);
	inotify_removed(&at);
	return 0;
}

static bool same_directory(const struct place *a, const struct place *b)
{
	size_t n = (size_t)(strrchr(a->guest, '/') - a->guest), m = (size_t)(strrchr(b->guest, '/') - b->guest);
	return n == m && memcmp(a->guest, b->guest, n) == 0;
}

static int rename_check(const struct place *from, const struct place *to, uint32_t flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	if (from->last != LAST_NAME || to->last != LAST_NAME)
		return -EBUSY;
	if ((flags & RENAME_NOREPLACE) && to->exists)
		return -EEXIST;
	if (exchange && !to->exists)
		return -ENOENT;
	bool directory = S_ISDIR(from->stat.st_mode);
	if (!directory && (from->slash || to->slash))
		return -ENOTDIR;
	if (from->size == from->mount->guest_size || (to->exists && to->size == to->mount->guest_size))
		return -EBUSY;
	if (from->mount != to->mount)
		return -EXDEV;
	int err = place_may_change(from);
	if (!err)
		err = place_may_change(to);
	if (err)
		return err;
	/* A directory cannot go below itself. */
	if (directory && to->size > from->size && memcmp(to->guest, from->guest, from->size) == 0 &&
	    to->guest[from->size] == '/')
		return -EINVAL;
	/* A directory that moves gets another "..". */
	if (directory && !same_directory(from, to))
		err = place_permission(from, W_OK);
	if (!err && exchange && S_ISDIR(to->stat.st_mode) && !same_directory(from, to))
		err = place_permission(to, W_OK);
	return err ? err : from->mount->ops->rename ? 0 : -EPERM;
}

static int64_t rename_found(struct place *from, struct place *to, uint32_t flags)
{
	int err = rename_check(from, to, flags);
	if (err)
		return err;
	bool same = to->exists && to->stat.st_ino == from->stat.st_ino &&
		    to->stat.st_dev == from->stat.st_dev;
	err = from->mount->ops->rename(from, to, flags);
	if (err || same)
		return err;
	if (flags & RENAME_EXCHANGE)
		names_exchanged(from->kernel, from->guest, to->guest);
	else
		names_moved(from->kernel, from->guest, to->guest);
	inotify_renamed(from, to, flags & RENAME_EXCHANGE);
	return 0;
}

int64_t sys_renameat2(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[4];
	struct place *p;
	if ((flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	p = malloc(2 * sizeof(*p));
	if (!p)
		return -ENOMEM;
	int64_t err = path_find_user(t, (int)a[0], a[1], 0, &p[0]);
	if (!err)
		err = path_find_user(t, (int)a[2], a[3], FIND_NEW, &p[1]);
	if (!err)
		err = rename_found(&p[0], &p[1], flags);
	free(p);
	return err;
}

static int64_t link_found(struct place *from, struct place *to)
{
	if (to->exists)
		return -EEXIST;
	if (to->slash)
		return -ENOENT;
	if (S_ISDIR(from->stat.st_mode))
		return -EPERM;
	if (from->file ? !from->file->ops->link : from->mount != to->mount)
		return -EXDEV;
	int err = place_may_change(to);
	if (err)
		return err;
	if (from->file)
		return from->file->ops->link(from->file, to);
	if (!to->mount->ops->link)
		return -EPERM;
	return to->mount->ops->link(from, to);
}

int64_t sys_linkat(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[4];
	struct place *p;
	if (flags & ~(uint32_t)(ABI_AT_SYMLINK_FOLLOW | ABI_AT_EMPTY_PATH))
		return -EINVAL;
	p = malloc(2 * sizeof(*p));
	if (!p)
		return -ENOMEM;
	unsigned how = (flags & ABI_AT_SYMLINK_FOLLOW ? FIND_FOLLOW : 0) |
		       (flags & ABI_AT_EMPTY_PATH ? FIND_EMPTY : 0);
	int64_t err = path_find_user(t, (int)a[0], a[1], how, &p[0]);
	if (!err)
		err = path_find_user(t, (int)a[2], a[3], FIND_NEW, &p[1]);
	if (!err)
		err = link_found(&p[0], &p[1]);
	if (!err)
		inotify_linked(&p[0], &p[1]);
	free(p);
	return err;
}

/* Changes to what a name or a descriptor stands for. */
static int change_check(const struct place *at)
{
	return !at->file && (at->mount->readonly || at->synthetic) ? -EROFS : 0;
}

static int find_descriptor(struct task *t, uint64_t fd, struct place *ret_place)
{
	const struct file *f = fd_get(t->process->files, (int)fd);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	return path_find(t->process->kernel, t, (int)fd, "", FIND_EMPTY, ret_place);
}

static int64_t set_mode(const struct place *at, uint32_t mode)
{
	struct file *f = at->file;
	if (f)
		return f->ops->chmod ? f->ops->chmod(f, at->task, mode) : -EPERM;
	return at->mount->ops->chmod ? at->mount->ops->chmod(at, mode) : -EPERM;
}

static int64_t change_mode(const struct place *at, uint32_t mode)
{
	mode &= 07777;
	int64_t err = change_check(at);
	if (!err)
		err = permission_chmod(&at->stat, at->task, &mode);
	if (!err)
		err = set_mode(at, mode);
	if (!err && !at->file)
		inotify_place(at, EVENT_ATTRIB);
	return err;
}

int64_t sys_fchmod(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = find_descriptor(t, a[0], &at);
	return err ? err : change_mode(&at, (uint32_t)a[1]);
}

static int64_t chmod_at(struct task *t, const uint64_t a[6], uint32_t flags)
{
	struct place at;
	unsigned how = (flags & ABI_AT_SYMLINK_NOFOLLOW ? 0 : FIND_FOLLOW) |
		       (flags & ABI_AT_EMPTY_PATH ? FIND_EMPTY : 0);
	int err = path_find_user(t, (int)a[0], a[1], how, &at);
	return err ? err : change_mode(&at, (uint32_t)a[2]);
}

int64_t sys_fchmodat(struct task *t, const uint64_t a[6])
{
	return chmod_at(t, a, 0);
}

int64_t sys_fchmodat2(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[3];
	return flags & ~(uint32_t)(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH)
		   ? -EINVAL
		   : chmod_at(t, a, flags);
}

static int64_t set_owner(const struct place *at, uint32_t uid, uint32_t gid)
{
	struct file *f = at->file;
	if (f)
		return f->ops->chown ? f->ops->chown(f, at->task, uid, gid) : -EPERM;
	return at->mount->ops->chown ? at->mount->ops->chown(at, uid, gid) : -EPERM;
}

/* What it could do for its owner it cannot do for another. */
static void lose_capability(const struct place *at)
{
	if (!at->file && S_ISREG(at->stat.st_mode) && at->mount->ops->xattr)
		(void)at->mount->ops->xattr(at, XATTR_REMOVE, ATTRIBUTE_CAPABILITY, NULL, 0, 0);
}

/* Set-id bits go with the owner. */
static int64_t change_owner(struct place *at, uint32_t uid, uint32_t gid)
{
	uint32_t mode;
	int64_t err = change_check(at);
	if (!err)
		err = permission_chown(&at->stat, at->task, uid, gid, &mode);
	if (!err && mode != (at->stat.st_mode & 07777))
		err = set_mode(at, mode);
	if (!err) {
		at->stat.st_mode = (at->stat.st_mode & S_IFMT) | mode;
		err = set_owner(at, uid == UINT32_MAX ? at->stat.st_uid : uid, gid == UINT32_MAX ? at->stat.st_gid : gid);
	}
	if (!err)
		lose_capability(at);
	if (!err && !at->file)
		inotify_place(at, EVENT_ATTRIB);
	return err;
}

int64_t sys_fchownat(struct task *t, const uint64_t a[6])
{
	struct place at;
	uint32_t flags = (uint32_t)a[4];
	if (flags & ~(uint32_t)(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH))
		return -EINVAL;
	unsigned how = (flags & ABI_AT_SYMLINK_NOFOLLOW ? 0 : FIND_FOLLOW) |
		       (flags & ABI_AT_EMPTY_PATH ? FIND_EMPTY : 0);
	int err = path_find_user(t, (int)a[0], a[1], how, &at);
	return err ? err : change_owner(&at, (uint32_t)a[2], (uint32_t)a[3]);
}

int64_t sys_fchown(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = find_descriptor(t, a[0], &at);
	return err ? err : change_owner(&at, (uint32_t)a[1], (uint32_t)a[2]);
}

enum { NOW = 0x3fffffff, OMIT = 0x3ffffffe }; /* UTIME_NOW, UTIME_OMIT */

int64_t sys_utimensat(struct task *t, const uint64_t a[6])
{
	struct place at;
	struct abi_timespec ts[2] = {{0, NOW}, {0, NOW}};
	uint32_t flags = (uint32_t)a[3];
	if (flags & ~(uint32_t)(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH))
		return -EINVAL;
	int err = a[2] ? uaccess_read(t, ts, a[2], sizeof(ts)) : 0;
	if (err)
		return err;
	struct timespec times[2];
	for (int i = 0; i < 2; i++) {
		if (ts[i].nsec != NOW && ts[i].nsec != OMIT && (uint64_t)ts[i].nsec >= 1000000000)
			return -EINVAL;
		times[i] = (struct timespec){ts[i].sec, ts[i].nsec};
	}
	unsigned how = (flags & ABI_AT_SYMLINK_NOFOLLOW ? 0 : FIND_FOLLOW) |
		       (flags & ABI_AT_EMPTY_PATH ? FIND_EMPTY : 0);
	err = a[1] || (int)a[0] == ABI_AT_FDCWD ? path_find_user(t, (int)a[0], a[1], how, &at) : find_descriptor(t, a[0], &at);
	if (!err)
		err = change_check(&at);
	if (!err)
		err = permission_utimens(&at.stat, t, times);
	if (!err && at.file)
		return at.file->ops->utimens ? at.file->ops->utimens(at.file, t, times) : -EPERM;
	if (!err)
		err = at.mount->ops->utimens ? at.mount->ops->utimens(&at, times) : -EPERM;
	/* As Linux tells it: one time alone is what would have changed it. */
	if (!err)
		inotify_place(&at, ts[0].nsec == OMIT   ? EVENT_MODIFY
				   : ts[1].nsec == OMIT ? EVENT_ACCESS
							: EVENT_ATTRIB);
	return err;
}

int64_t sys_truncate(struct task *t, const uint64_t a[6])
{
	struct place at;
	if ((int64_t)a[1] < 0)
		return -EINVAL;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], FIND_FOLLOW, &at);
	if (err)
		return err;
	if (S_ISDIR(at.stat.st_mode))
		return -EISDIR;
	err = change_check(&at);
	if (!err)
		err = place_access(&at, t, 2);
	if (!err)
		err = lease_break(&at, t, true, false);
	if (!err)
		err = file_limit_size(t, (uint64_t)at.stat.st_size, a[1]);
	if (err)
		return err;
	err = at.mount->ops->truncate ? at.mount->ops->truncate(&at, a[1]) : -EINVAL;
	if (!err)
		inotify_place(&at, EVENT_MODIFY);
	return wait_result(t, err);
}

int64_t sys_umask(struct task *t, const uint64_t a[6])
{
	return fs_set_umask(t->process->fs, (uint32_t)a[0]);
}
