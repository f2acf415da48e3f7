/* SPDX-License-Identifier: MIT */
#include "kernel/file/owners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/cred.h"
#include "kernel/file/attributes.h"
#include "kernel/file/path.h"
#include "kernel/file/permission.h"
#include "kernel/kernel.h"

enum { SET_IDS = S_ISUID | S_ISGID };

static int owner_order(const struct owner *a, const struct owner *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}
RB_GENERATE_INTERNAL(owner_tree, owner, tree, owner_order, __attribute__((unused)) static)

void owners_init(struct owners *o)
{
	RB_INIT(&o->tree);
	o->uid = geteuid();
	o->gid = getegid();
}

static void owner_remove(struct owners *o, struct owner *x)
{
	RB_REMOVE(owner_tree, &o->tree, x);
	o->count--;
	free(x);
}

void owners_finish(struct owners *o)
{
	struct owner *x;
	while ((x = RB_ROOT(&o->tree)))
		owner_remove(o, x);
}

static struct owner *owner_find(const struct owners *o, const struct stat *st)
{
	struct owner key = {.device = st->st_dev, .inode = st->st_ino};
	return o->count ? RB_FIND(owner_tree, (struct owner_tree *)(uintptr_t)&o->tree, &key) : NULL;
}

/* As it is seen where nothing is remembered. */
static void plain_view(const struct owners *o, const struct mount *m, struct stat *st)
{
	if (!m || !m->of_root)
		return;
	if (st->st_uid == o->uid)
		st->st_uid = 0;
	if (st->st_gid == o->gid)
		st->st_gid = 0;
}

void owners_view(const struct kernel *k, const struct mount *m, struct stat *st)
{
	const struct owner *x = owner_find(&k->owners, st);
	if (!x) {
		plain_view(&k->owners, m, st);
		return;
	}
	st->st_uid = x->uid;
	st->st_gid = x->gid;
	st->st_mode = (x->type ? x->type : st->st_mode & S_IFMT) | x->mode;
	if (x->type)
		st->st_rdev = x->rdev;
}

static int remember(struct owners *o, const struct stat *st, uint32_t uid, uint32_t gid, uint32_t mode)
{
	struct owner *x = owner_find(o, st);
	if (!x) {
		if (o->count >= OWNERS_MAX)
			return -ENOSPC;
		x = calloc(1, sizeof(*x));
		if (!x)
			return -ENOMEM;
		x->device = st->st_dev;
		x->inode = st->st_ino;
		RB_INSERT(owner_tree, &o->tree, x);
		o->count++;
	}
	x->uid = uid;
	x->gid = gid;
	x->mode = mode;
	return 0;
}

/* The mode that the file gets on the host. */
static mode_t host_mode(const struct kernel *k, const struct mount *m, mode_t type, uint32_t mode)
{
	bool root = k->owners.uid == 0, system = m == k->mounts->mount[0];
	if (type != S_IFDIR && !(root && system))
		mode &= ~(uint32_t)SET_IDS;
	if (k->config.user && !root)
		mode |= type == S_IFDIR ? 0700 : 0600;
	return mode;
}

/* fd may be one of O_PATH. */
static int change_mode(int fd, mode_t mode)
{
	char path[32];
	if (fchmod(fd, mode) == 0)
		return 0;
	if (errno != EBADF)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode) < 0 ? -errno : 0;
}

int owners_set(struct kernel *k, const struct mount *m, int fd, uint32_t uid, uint32_t gid, uint32_t mode)
{
	struct owners *o = &k->owners;
	struct stat st;
	int err = 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	bool mine = o->uid == 0 || st.st_uid == o->uid;
	/* What is seen as root's because it is Carrel's stays Carrel's. */
	plain_view(o, m, &st);
	if (uid != st.st_uid && fchownat(fd, "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0)
		err = -errno;
	if (gid != st.st_gid && fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0)
		err = -errno;
	if (err && (!mine || (err != -EPERM && err != -EINVAL)))
		return err;
	if (fstat(fd, &st) < 0)
		return -errno;
	mode_t type = st.st_mode & S_IFMT, real = host_mode(k, m, type, mode);
	if (type != S_IFLNK && real != (st.st_mode & 07777)) {
		err = change_mode(fd, real);
		if (err)
			return err;
		if (fstat(fd, &st) < 0)
			return -errno;
	}
	struct stat seen = st;
	plain_view(o, m, &seen);
	if (seen.st_uid != uid || seen.st_gid != gid || (type != S_IFLNK && (seen.st_mode & 07777) != mode))
		return remember(o, &st, uid, gid, type == S_IFLNK ? 0777 : mode);
	const struct owner *x = owner_find(o, &st);
	if (x && (x->type || x->capable))
		return remember(o, &st, uid, gid, mode);
	owners_forget(k, &st);
	return 0;
}

int owners_device(struct kernel *k, int fd, uint32_t type, uint64_t device)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	struct owner *x = owner_find(&k->owners, &st);
	int err = x ? 0 : remember(&k->owners, &st, st.st_uid, st.st_gid, st.st_mode & 07777);
	if (err)
		return err;
	x = owner_find(&k->owners, &st);
	x->type = type;
	x->rdev = device;
	return 0;
}

int64_t owners_capability(const struct kernel *k, int fd, uint8_t ret_value[24])
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	const struct owner *x = owner_find(&k->owners, &st);
	if (x && x->capable) {
		memcpy(ret_value, x->capability, x->capability_size);
		return x->capability_size ? x->capability_size : -ENODATA;
	}
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = getxattr(path, ATTRIBUTE_CAPABILITY, ret_value, CAPABILITY_SIZE_MAX);
	return n > 0 ? n : -ENODATA;
}

int owners_set_capability(struct kernel *k, const struct mount *m, int fd, const uint8_t *value, size_t size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	struct stat seen = st;
	owners_view(k, m, &seen);
	int err = remember(&k->owners, &st, seen.st_uid, seen.st_gid, seen.st_mode & 07777);
	if (err)
		return err;
	struct owner *x = owner_find(&k->owners, &st);
	x->capable = true;
	x->capability_size = (uint8_t)size;
	memcpy(x->capability, value, size);
	return 0;
}

uint8_t owners_type(const struct kernel *k, uint64_t device, uint64_t inode, uint8_t type)
{
	const struct stat st = {.st_dev = device, .st_ino = inode};
	const struct owner *x = owner_find(&k->owners, &st);
	return x && x->type ? IFTODT(x->type) : type;
}

int owners_made(const struct place *at, int fd, uint32_t mode)
{
	struct kernel *k = at->kernel;
	const struct task *t = at->task;
	struct stat st, dir;
	if (fstat(fd, &st) < 0)
		return -errno;
	bool directory = S_ISDIR(st.st_mode);
	/* The host has done all but to know of the guest's umask. */
	if (!t || (owners_same(k, t) && (directory || !(mode & SET_IDS)))) {
		mode_t real = (mode & 07777) | (directory ? st.st_mode & S_ISGID : 0);
		return S_ISLNK(st.st_mode) || (st.st_mode & 07777) == real ? 0 : change_mode(fd, real);
	}
	uint32_t gid;
	dir = at->stat; /* of a file without a name: where it is */
	int err = at->exists ? 0 : place_parent(at, &dir);
	if (err)
		return err;
	permission_new(&dir, t, directory, &gid, &mode);
	return owners_set(k, at->mount, fd, t->cred->fsuid, gid, mode & 07777);
}

void owners_forget(struct kernel *k, const struct stat *st)
{
	struct owner *x = owner_find(&k->owners, st);
	if (x)
		owner_remove(&k->owners, x);
}

bool owners_same(const struct kernel *k, const struct task *t)
{
	const struct owners *o = &k->owners;
	const struct cred *c = t->cred;
	if (o->count || k->config.user)
		return false;
	return c->host || (o->uid == 0 && c->fsuid == 0 && c->fsgid == o->gid && c->effective == CAP_ALL);
}
