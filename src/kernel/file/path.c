/* SPDX-License-Identifier: MIT */
/* path.c - from a path to a place: the only code that follows symbolic links
 *
 *	"a/../l/x" in /w          at             what happens
 *	 ^                        /w             start: "/", the working directory, or dirfd
 *	 a                        /w/a           must be a directory
 *	   ..                     /w             the last name goes; at "/" nothing happens
 *	      l -> /etc           /              the link's text goes in front of the rest: "/etc/x"
 *	        etc, x            /etc/x         which mount: the longest that is a prefix
 *
 * A path without links and without ".." that lies in one mount is asked for at once; most do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/event/inotify.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

const char *place_rel(const struct place *at)
{
	const struct mount *m = at->mount;
	const char *rel = at->guest + (m->guest_size == 1 ? 0 : m->guest_size);
	return m->base ? at->inner : *rel == '/' ? rel + 1 : rel;
}

/* The mount in which at lies. */
static int place_mount(struct place *at)
{
	struct mount *m = at->mount = mounts_at(at->kernel->mounts, at->guest, at->size);
	if (!m->base)
		return 0;
	const char *rel = at->guest + (m->guest_size == 1 ? 0 : m->guest_size);
	int n = snprintf(at->inner, sizeof(at->inner), "%s%s", m->base, rel[0] && rel[1] ? rel : "");
	return n < (int)sizeof(at->inner) ? 0 : -ENAMETOOLONG;
}

static void place_set(struct place *at, const char *guest, size_t size)
{
	memcpy(at->guest, guest, size);
	at->guest[size] = '\0';
	at->size = size;
}

static int place_push(struct place *at, const char *name, size_t size)
{
	if (size >= NAME_SIZE)
		return -ENAMETOOLONG;
	size_t base = at->size == 1 ? 0 : at->size;
	if (base + 1 + size >= PATH_SIZE)
		return -ENAMETOOLONG;
	at->guest[base] = '/';
	memcpy(at->guest + base + 1, name, size);
	at->size = base + 1 + size;
	at->guest[at->size] = '\0';
	return 0;
}

static void place_pop(struct place *at)
{
	while (at->size > 0 && at->guest[at->size - 1] != '/')
		at->size--;
	if (at->size > 1)
		at->size--;
	at->guest[at->size] = '\0';
}

/* What is there now, without following a link. Returns 0 or -errno. */
static int place_look(struct place *at)
{
	struct mounts *m = at->kernel->mounts;
	int err = place_mount(at);
	at->synthetic = false;
	at->file = NULL;
	if (!err)
		err = at->mount->ops->stat(at, &at->stat);
	if ((err == 0 && S_ISDIR(at->stat.st_mode)) || !mounts_below(m, at->guest, at->size)) {
		at->exists = err == 0;
		return err;
	}
	at->synthetic = at->exists = true;
	at->stat = (struct stat){.st_mode = S_IFDIR | 0755,
				 .st_nlink = 2,
				 .st_ino = 2,
				 .st_blksize = 4096,
				 .st_dev = at->mount->device};
	return 0;
}

static int start(struct place *at, int dirfd, bool absolute)
{
	struct task *t = at->task;
	const char *base = at->root;
	if (!absolute) {
		if (!t)
			return -ENOENT;
		if (dirfd == ABI_AT_FDCWD) {
			if (fs_cwd_gone(t->process->fs))
				return -ENOENT;
			base = fs_cwd(t->process->fs);
		} else {
			const struct file *f = fd_get(t->process->files, dirfd);
			if (!f)
				return -EBADF;
			if (!file_is_dir(f) || !f->path)
				return -ENOTDIR;
			if (f->unlinked)
				return -ENOENT;
			base = f->path;
		}
	}
	place_set(at, base, strlen(base));
	return 0;
}

/* The name of descriptor dirfd itself: AT_EMPTY_PATH. */
static int find_descriptor(struct place *at, int dirfd)
{
	struct task *t = at->task;
	if (!t)
		return -ENOENT;
	if (dirfd == ABI_AT_FDCWD) {
		int err = start(at, dirfd, false);
		return err ? err : place_look(at);
	}
	struct file *f = fd_get(t->process->files, dirfd);
	if (!f)
		return -EBADF;
	if (f->path && !f->unlinked && f->ops->stat) {
		place_set(at, f->path, strlen(f->path));
		struct stat st;
		if (place_look(at) == 0 && f->ops->stat(f, &st) == 0 &&
		    st.st_ino == at->stat.st_ino && st.st_dev == at->stat.st_dev)
			return 0;
	}
	at->file = f;
	at->exists = true;
	return f->ops->stat ? f->ops->stat(f, &at->stat) : -EINVAL;
}

/* Where a restricted walk began, and how. */
struct limits {
	unsigned flags;
	unsigned links; /* followed so far */
	const struct mount *mount;
	size_t base;
	char guest[PATH_SIZE];
};

/* Goes to "/", or to what stands for it. */
static int go_to_root(struct place *at, const struct limits *l)
{
	if (l->flags & FIND_BENEATH)
		return -EXDEV;
	if (l->flags & FIND_AS_ROOT)
		place_set(at, l->guest, l->base);
	else
		place_set(at, at->root, strlen(at->root));
	return 0;
}

/* Looks at where a step of a walk led. */
static int step_look(struct place *at, const struct limits *l)
{
	int err = place_look(at);
	return (err == 0 || err == -ENOENT) && l->flags & FIND_ONE_MOUNT && at->mount != l->mount ? -EXDEV : err;
}

/* Goes up. */
static int step_up(struct place *at, const struct limits *l)
{
	if (l->flags & (FIND_BENEATH | FIND_AS_ROOT) && at->size == l->base)
		return l->flags & FIND_BENEATH ? -EXDEV : 0;
	if (strcmp(at->guest, at->root) != 0)
		place_pop(at);
	return step_look(at, l);
}

/* Follows the link at to what it says, with the rest of the path after it. pending: what is still
 * to be walked, at its end in a buffer. Returns 0 or -errno. */
static int follow(struct place *at, const struct limits *l, char pending[PATH_SIZE], const char **rest)
{
	char target[PATH_SIZE];
	int n = at->mount->ops->readlink(at, target, sizeof(target) - 1);
	if (n < 0)
		return n;
	if (n == 0)
		return -ENOENT;
	size_t tail = strlen(*rest);
	if ((size_t)n + 1 + tail >= PATH_SIZE)
		return -ENAMETOOLONG;
	memmove(pending + PATH_SIZE - 1 - tail, *rest, tail + 1);
	char *head = pending + PATH_SIZE - 1 - tail;
	if (tail > 0)
		*--head = '/';
	head -= n;
	memcpy(head, target, (size_t)n);
	*rest = head;
	if (target[0] == '/')
		return go_to_root(at, l);
	place_pop(at);
	return 0;
}

/* A link of /proc that leads to a thing: to its name, if it has one, else to the open file. */
static int jump(struct place *at, bool at_end)
{
	struct file *f = NULL;
	const char *path = NULL;
	int n = at->mount->ops->jump ? at->mount->ops->jump(at, &f, &path) : 0;
	if (n <= 0)
		return n;
	if (f && f->path && !f->unlinked)
		path = f->path;
	if (path) {
		place_set(at, path, strlen(path));
		int err = place_look(at);
		return err ? err : 1;
	}
	if (!at_end)
		return -ENOTDIR;
	at->file = f;
	at->exists = true;
	int err = f->ops->stat ? f->ops->stat(f, &at->stat) : -EACCES;
	return err ? err : 1;
}

/* A symbolic link, to be followed: the walk goes on where it leads, with *rest. Returns 0, 1 when the walk is over, or -errno. */
static int step_through(struct place *at, struct limits *l, bool at_end, char *pending, const char **rest)
{
	if (++l->links > SYMLINKS_MAX || l->flags & FIND_NO_LINKS || at->mount->flags & MOUNT_NOSYMFOLLOW)
		return -ELOOP;
	int err = jump(at, at_end);
	if (err < 0)
		return err;
	if (err == 1) {
		if (l->flags & FIND_NO_JUMPS)
			return -ELOOP;
		if (l->flags & (FIND_BENEATH | FIND_AS_ROOT | FIND_ONE_MOUNT))
			return -EXDEV;
		if (at->file)
			return at->slash && !S_ISDIR(at->stat.st_mode) ? -ENOTDIR : 1;
		return 0;
	}
	err = follow(at, l, pending, rest);
	if (!err)
		err = step_look(at, l);
	at->last = LAST_ROOT;
	return err;
}

/* Walks step by step. at is where it starts. */
static int walk(struct place *at, const char *path, unsigned flags)
{
	char pending[PATH_SIZE];
	const char *rest = path;
	struct limits l = {.flags = flags & FIND_RESTRICTED, .base = at->size};
	bool free_way = place_open_way(at);
	int err = place_look(at);
	if (err)
		return err;
	l.mount = at->mount;
	if (l.flags)
		memcpy(l.guest, at->guest, at->size + 1);
	at->last = LAST_ROOT;
	for (;;) {
		while (*rest == '/')
			rest++;
		if (*rest == '\0')
			return 0;
		size_t n = strcspn(rest, "/");
		const char *name = rest, *after = rest + n;
		while (*after == '/')
			after++;
		bool at_end = *after == '\0';
		at->slash = at_end && rest[n] == '/';
		if (!S_ISDIR(at->stat.st_mode))
			return -ENOTDIR;
		err = free_way ? 0 : place_permission(at, X_OK);
		if (err)
			return err;
		rest += n;
		if (n == 1 && name[0] == '.') {
			at->last = LAST_DOT;
			continue;
		}
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			at->last = LAST_DOTDOT;
			err = step_up(at, &l);
			if (err)
				return err;
			continue;
		}
		at->last = LAST_NAME;
		err = place_push(at, name, n);
		if (!err)
			err = step_look(at, &l);
		if (err)
			return err == -ENOENT && at_end && (flags & FIND_NEW) ? 0 : err;
		if (!S_ISLNK(at->stat.st_mode) || (at_end && !(flags & FIND_FOLLOW) && !at->slash))
			continue;
		err = step_through(at, &l, at_end, pending, &rest);
		if (err)
			return err < 0 ? err : 0;
	}
}

/* Is there anything in the path that only a walk can resolve? */
static bool plain(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || p[0] == '.' || n >= NAME_SIZE)
			return n == 1 && p[0] == '.' && p[1] == '\0' && p == path;
		p += n;
		if (*p == '/' && *++p == '\0')
			return false;
	}
	return true;
}

/* Asks the mount for the whole path at once. Returns 1 when that settled it. */
static int find_plain(struct place *at, const char *path, unsigned flags)
{
	if (*path == '/')
		path++;
	while (path[0] == '.' && path[1] == '/' && path[2] != '/')
		path += 2;
	if (!plain(path) || !place_open_way(at))
		return 0;
	if (path[0] == '.' || path[0] == '\0') {
		at->last = path[0] ? LAST_DOT : LAST_ROOT;
	} else {
		size_t n = strlen(path), base = at->size == 1 ? 0 : at->size;
		if (base + 1 + n >= PATH_SIZE)
			return 0;
		at->guest[base] = '/';
		memcpy(at->guest + base + 1, path, n + 1);
		at->size = base + 1 + n;
		at->last = LAST_NAME;
	}
	if (mounts_at(at->kernel->mounts, at->guest, at->size)->ops != &hostfs_tree || place_look(at) != 0)
		return 0;
	return !S_ISLNK(at->stat.st_mode) || !(flags & FIND_FOLLOW);
}

bool path_join(const char *base, const char *name, char ret_path[PATH_SIZE])
{
	size_t size = 0;
	for (const char *part[] = {*name == '/' ? "" : base, name}, **p = part; p < part + 2; p++) {
		for (const char *at = *p; *at;) {
			at += strspn(at, "/");
			size_t n = strcspn(at, "/");
			if (n == 2 && memcmp(at, "..", 2) == 0) {
				while (size > 0 && ret_path[--size] != '/')
					;
			} else if (n > 0 && !(n == 1 && *at == '.')) {
				if (size + n + 2 > PATH_SIZE)
					return false;
				ret_path[size++] = '/';
				memcpy(ret_path + size, at, n);
				size += n;
			}
			at += n;
		}
	}
	if (size == 0)
		ret_path[size++] = '/';
	ret_path[size] = '\0';
	return true;
}

int path_find(struct kernel *k, struct task *t, int dirfd, const char *path, unsigned flags,
	      struct place *ret_place)
{
	struct place *at = ret_place;
	size_t n = strlen(path);
	at->kernel = k;
	at->task = t;
	at->slash = at->exists = at->synthetic = false;
	at->file = NULL;
	at->mount = k->mounts->mount[0];
	at->root = t && t->process->fs ? fs_root(t->process->fs) : "/";
	at->last = LAST_ROOT;
	if (n >= PATH_SIZE)
		return -ENAMETOOLONG;
	if (n == 0)
		return flags & FIND_EMPTY ? find_descriptor(at, dirfd) : -ENOENT;
	if (*path == '/' && flags & FIND_BENEATH)
		return -EXDEV;
	if (flags & FIND_RESTRICTED) {
		int err = start(at, dirfd, *path == '/' && !(flags & FIND_AS_ROOT));
		if (!err)
			err = walk(at, path, flags);
		return !err && at->slash && at->exists && !S_ISDIR(at->stat.st_mode) ? -ENOTDIR : err;
	}
	int err = start(at, dirfd, *path == '/');
	if (err)
		return err;
	if (find_plain(at, path, flags))
		return 0;
	err = start(at, dirfd, *path == '/');
	if (err)
		return err;
	err = walk(at, path, flags);
	if (err)
		return err;
	if (at->slash && at->exists && !S_ISDIR(at->stat.st_mode))
		return -ENOTDIR;
	return 0;
}

int path_find_user(struct task *t, int dirfd, uint64_t va, unsigned flags, struct place *ret_place)
{
	char path[PATH_SIZE];
	int n = uaccess_string(t, path, va, sizeof(path));
	return n < 0 ? n : path_find(t->process->kernel, t, dirfd, path, flags, ret_place);
}

int place_may_change(const struct place *at)
{
	if (at->file)
		return -EPERM;
	if (at->size == at->mount->guest_size || at->synthetic ||
	    mounts_below(at->kernel->mounts, at->guest, at->size))
		return -EBUSY;
	return at->mount->readonly ? -EROFS : place_may_name(at);
}

/* Checks that hold for every kind of tree, before it opens. */
static int open_check(const struct place *at, struct task *t, uint32_t flags)
{
	bool writes = (flags & ABI_O_ACCMODE) != ABI_O_RDONLY || (flags & ABI_O_TRUNC);
	if (!at->exists) {
		if (!(flags & ABI_O_CREAT))
			return -ENOENT;
		if (at->slash)
			return -EISDIR;
		return place_may_change(at);
	}
	if ((flags & ABI_O_CREAT) && (flags & ABI_O_EXCL))
		return -EEXIST;
	if (S_ISDIR(at->stat.st_mode)) {
		if ((writes || (flags & ABI_O_CREAT)) && !(flags & ABI_O_PATH))
			return -EISDIR;
	} else if (flags & ABI_O_DIRECTORY) {
		return -ENOTDIR;
	}
	if (S_ISLNK(at->stat.st_mode))
		return flags & ABI_O_PATH ? 0 : -ELOOP;
	if (flags & ABI_O_PATH)
		return 0;
	if ((S_ISCHR(at->stat.st_mode) || S_ISBLK(at->stat.st_mode)) && !at->file && at->mount->flags & MOUNT_NODEV)
		return -EACCES;
	int mode = (flags & ABI_O_ACCMODE) == ABI_O_RDONLY   ? R_OK
		   : (flags & ABI_O_ACCMODE) == ABI_O_WRONLY ? W_OK
							     : R_OK | W_OK;
	if (flags & ABI_O_TRUNC)
		mode |= W_OK;
	if (t && flags & ABI_O_NOATIME && !stat_owned(&at->stat, t))
		return -EPERM;
	return t ? place_access(at, t, mode) : 0;
}

static int open_place(struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		      struct file **ret_file)
{
	int err = open_check(at, t, flags);
	if (err)
		return err;
	if (at->file)
		return file_reopen(at->file, t, flags, ret_file);
	if (at->exists && S_ISDIR(at->stat.st_mode))
		return dir_open(at, flags, ret_file);
	if (flags & ABI_O_PATH)
		return path_only_open(at, flags, ret_file);
	err = lease_break(at, t, (flags & ABI_O_ACCMODE) != ABI_O_RDONLY || flags & ABI_O_TRUNC, flags & ABI_O_NONBLOCK);
	if (err)
		return err;
	return at->mount->ops->open ? at->mount->ops->open(at, t, flags, mode, ret_file)
	       : at->exists         ? -ENXIO
				    : -EACCES;
}

int place_open(struct place *at, struct task *t, uint32_t flags, uint32_t mode,
	       struct file **ret_file)
{
	int err = open_place(at, t, flags, mode, ret_file);
	if (err || flags & ABI_O_PATH)
		return err;
	if (!at->exists) {
		(*ret_file)->created = true;
		inotify_created(at, false);
	}
	inotify_file(*ret_file, EVENT_OPEN);
	if (at->exists && flags & ABI_O_TRUNC && S_ISREG(at->stat.st_mode))
		inotify_file(*ret_file, EVENT_MODIFY);
	return 0;
}

/* A file that no directory knows, on the file system of the directory path. */
static int open_nameless(struct task *t, int dirfd, const char *path, uint32_t flags, uint32_t mode,
			 struct file **ret_file)
{
	struct place at;
	if ((flags & ABI_O_ACCMODE) == ABI_O_RDONLY || flags & ABI_O_CREAT)
		return -EINVAL;
	int err = path_find(t->process->kernel, t, dirfd, path,
			    flags & ABI_O_NOFOLLOW ? 0 : FIND_FOLLOW, &at);
	if (err)
		return err;
	if (!S_ISDIR(at.stat.st_mode) || at.file)
		return -ENOTDIR;
	err = place_access(&at, t, W_OK | X_OK);
	if (err)
		return err;
	return at.mount->ops->tmpfile ? at.mount->ops->tmpfile(&at, flags, mode, ret_file)
				      : -EOPNOTSUPP;
}

int path_open_within(struct task *t, int dirfd, const char *path, uint32_t flags, uint32_t mode,
		     unsigned find, struct file **ret_file)
{
	struct place at;
	bool exclusive = (flags & ABI_O_CREAT) && (flags & ABI_O_EXCL);
	mode &= ~fs_umask(t->process->fs);
	if (flags & ABI_O_PATH)
		flags &= ABI_O_PATH | ABI_O_DIRECTORY | ABI_O_NOFOLLOW | ABI_O_CLOEXEC;
	if ((flags & ABI_O_TMPFILE) == ABI_O_TMPFILE)
		return open_nameless(t, dirfd, path, flags, mode, ret_file);
	if (!(flags & ABI_O_NOFOLLOW) && !exclusive)
		find |= FIND_FOLLOW;
	if (flags & ABI_O_CREAT)
		find |= FIND_NEW;
	int err = path_find(t->process->kernel, t, dirfd, path, find, &at);
	if (err)
		return err;
	return place_open(&at, t, flags, mode, ret_file);
}

int path_open(struct task *t, int dirfd, const char *path, uint32_t flags, uint32_t mode,
	      struct file **ret_file)
{
	return path_open_within(t, dirfd, path, flags, mode, 0, ret_file);
}

static int open_exec(struct place *at, struct task *t, struct file **ret_file)
{
	if (S_ISLNK(at->stat.st_mode))
		return -ELOOP;
	if (!S_ISREG(at->stat.st_mode) || (!at->file && at->mount->flags & MOUNT_NOEXEC))
		return -EACCES;
	if (t) {
		int err = place_access(at, t, X_OK);
		/* A program that a person starts cannot wait for who has a lease. */
		if (!err && t->call.active)
			err = lease_break(at, t, false, false);
		if (err)
			return err;
	}
	return place_open(at, NULL, ABI_O_RDONLY, 0, ret_file);
}

int path_open_exec(struct task *t, int dirfd, const char *path, int at_flags,
		   struct file **ret_file)
{
	struct place at;
	unsigned find = 0;
	if (at_flags & ~(ABI_AT_EMPTY_PATH | ABI_AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (!(at_flags & ABI_AT_SYMLINK_NOFOLLOW))
		find |= FIND_FOLLOW;
	if (at_flags & ABI_AT_EMPTY_PATH)
		find |= FIND_EMPTY;
	int err = path_find(t->process->kernel, t, dirfd, path, find, &at);
	return err ? err : open_exec(&at, t, ret_file);
}

int path_open_kernel(struct kernel *k, const char *path, struct file **ret_file)
{
	struct place at;
	int err = path_find(k, NULL, ABI_AT_FDCWD, path, FIND_FOLLOW, &at);
	return err ? err : open_exec(&at, NULL, ret_file);
}
