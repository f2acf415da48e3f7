/* SPDX-License-Identifier: MIT */
#include "kernel/file/permission.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cred.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

/* Linux's generic_permission: the first class that fits decides, and then what stands above it. */
int stat_access(const struct stat *st, const struct task *t, int mode)
{
	const struct cred *c = t->cred;
	unsigned bits = st->st_mode & 0777;
	if (c->fsuid == st->st_uid)
		bits >>= 6;
	else if (cred_in_group(c, st->st_gid))
		bits >>= 3;
	if (!((unsigned)mode & ~bits & 7))
		return 0;
	bool directory = S_ISDIR(st->st_mode), reads = directory ? !(mode & W_OK) : mode == R_OK;
	bool all = directory || !(mode & X_OK) || st->st_mode & 0111;
	return (reads && cred_can(c, CAP_DAC_READ_SEARCH)) || (all && cred_can(c, CAP_DAC_OVERRIDE)) ? 0 : -EACCES;
}

bool stat_owned(const struct stat *st, const struct task *t)
{
	return t->cred->fsuid == st->st_uid || task_can(t, CAP_FOWNER);
}

int place_permission(const struct place *at, int mode)
{
	if (!at->task)
		return 0;
	if (at->mount->ops->permission && !at->file && !at->synthetic)
		return at->mount->ops->permission(at, mode);
	return stat_access(&at->stat, at->task, mode);
}

int place_access(const struct place *at, struct task *t, int mode)
{
	if ((mode & X_OK) && S_ISREG(at->stat.st_mode) && !at->file && at->mount->flags & MOUNT_NOEXEC)
		return -EACCES;
	bool special =
	    !S_ISREG(at->stat.st_mode) && !S_ISDIR(at->stat.st_mode) && !S_ISLNK(at->stat.st_mode);
	if ((mode & W_OK) && !at->file && !special && (at->mount->readonly || at->synthetic))
		return -EROFS;
	return place_permission(at, mode);
}

bool place_open_way(const struct place *at)
{
	const struct task *t = at->task;
	return !t || task_can(t, CAP_DAC_OVERRIDE) || task_can(t, CAP_DAC_READ_SEARCH) ||
	       (t->cred->host && owners_same(at->kernel, t));
}

int place_parent(const struct place *at, struct stat *ret_stat)
{
	struct place up;
	size_t n = at->size;
	while (n > 1 && at->guest[n - 1] != '/')
		n--;
	if (n > 1)
		n--;
	char path[PATH_SIZE];
	memcpy(path, at->guest, n);
	path[n] = '\0';
	int err = path_find(at->kernel, NULL, -1, path, 0, &up);
	if (!err)
		*ret_stat = up.stat;
	return err;
}

int place_may_name(const struct place *at)
{
	const struct task *t = at->task;
	struct stat dir;
	if (!t || (task_can(t, CAP_DAC_OVERRIDE) && task_can(t, CAP_FOWNER)))
		return 0;
	if (at->mount->ops == &hostfs_tree && t->cred->host && owners_same(at->kernel, t))
		return 0;
	int err = place_parent(at, &dir);
	if (!err)
		err = stat_access(&dir, t, W_OK | X_OK);
	if (err || !at->exists || !(dir.st_mode & S_ISVTX))
		return err;
	return t->cred->fsuid == at->stat.st_uid || stat_owned(&dir, t) ? 0 : -EPERM;
}

int permission_chmod(const struct stat *st, const struct task *t, uint32_t *mode)
{
	if (!stat_owned(st, t))
		return -EPERM;
	if (!cred_in_group(t->cred, st->st_gid) && !task_can(t, CAP_FSETID))
		*mode &= ~(uint32_t)S_ISGID;
	return 0;
}

int permission_chown(const struct stat *st, const struct task *t, uint32_t uid, uint32_t gid, uint32_t *ret_mode)
{
	const uint32_t keep = UINT32_MAX;
	bool mine = t->cred->fsuid == st->st_uid, may = task_can(t, CAP_CHOWN);
	if (uid != keep && !may && !(mine && uid == st->st_uid))
		return -EPERM;
	if (gid != keep && !may && !(mine && (gid == st->st_gid || cred_in_group(t->cred, gid))))
		return -EPERM;
	uint32_t mode = st->st_mode & 07777;
	if (!S_ISDIR(st->st_mode)) {
		mode &= ~(uint32_t)S_ISUID;
		if (mode & S_IXGRP || (!cred_in_group(t->cred, st->st_gid) && !task_can(t, CAP_FSETID)))
			mode &= ~(uint32_t)S_ISGID;
	}
	*ret_mode = mode;
	return 0;
}

int permission_utimens(const struct stat *st, const struct task *t, const struct timespec times[2])
{
	bool none = times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT;
	bool now = times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW;
	if (none || stat_owned(st, t))
		return 0;
	return now ? stat_access(st, t, W_OK) : -EPERM;
}

void permission_new(const struct stat *dir, const struct task *t, bool directory, uint32_t *ret_gid, uint32_t *mode)
{
	*ret_gid = t->cred->fsgid;
	if (!(dir->st_mode & S_ISGID))
		return;
	*ret_gid = dir->st_gid;
	if (directory)
		*mode |= S_ISGID;
	else if (*mode & S_ISGID && *mode & S_IXGRP && !cred_in_group(t->cred, dir->st_gid) && !task_can(t, CAP_FSETID))
		*mode &= ~(uint32_t)S_ISGID;
}

uint32_t permission_written(const struct stat *st, const struct task *t)
{
	uint32_t mode = st->st_mode & 07777;
	if (!S_ISREG(st->st_mode) || !(mode & (S_ISUID | S_ISGID)) || task_can(t, CAP_FSETID))
		return mode;
	mode &= ~(uint32_t)S_ISUID;
	return mode & S_IXGRP || !cred_in_group(t->cred, st->st_gid) ? mode & ~(uint32_t)S_ISGID : mode;
}
