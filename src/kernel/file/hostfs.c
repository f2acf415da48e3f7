/* SPDX-License-Identifier: MIT */
/* hostfs.c - a directory of the host as part of the guest's tree */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/attributes.h"
#include "kernel/file/dev.h"
#include "kernel/file/hostfs.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/owners.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/kernel.h"

/* rel below fd one directory at a time: what openat2 does at once. */
static int open_stepwise(int fd, const char *rel, int flags, uint32_t mode)
{
	char name[NAME_SIZE];
	int at = fd;
	for (;;) {
		size_t n = strcspn(rel, "/");
		if (n == 0 || n >= sizeof(name) || strncmp(rel, "..", n) == 0) {
			if (at != fd)
				close(at);
			return n >= sizeof(name) ? -ENAMETOOLONG : -ENOENT;
		}
		memcpy(name, rel, n);
		name[n] = '\0';
		bool last = rel[n] == '\0';
		int next = openat(
		    at, name, last ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mode);
		int err = -errno;
		if (at != fd)
			close(at);
		if (next < 0)
			return err;
		if (last)
			return next;
		at = next;
		rel += n + 1;
	}
}

static int open_beneath(int fd, const char *rel, int flags, uint32_t mode)
{
	static const uint64_t resolve =
	    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	flags |= O_NOFOLLOW | O_CLOEXEC;
	if (*rel == '\0' || strcmp(rel, ".") == 0) {
		int same = openat(fd, ".", flags, mode);
		return same < 0 ? -errno : same;
	}
	struct open_how how = {.flags = (uint64_t)(unsigned)flags,
			       .mode = flags & O_CREAT ? mode : 0,
			       .resolve = resolve};
	long n;
	do
		n = syscall(SYS_openat2, fd, rel, &how, sizeof(how));
	while (n < 0 && errno == EAGAIN);
	if (n >= 0)
		return (int)n;
	/* Hosts without it, or that forbid it, say so for the simplest of paths too. */
	if (errno == ENOSYS || errno == EPERM)
		return open_stepwise(fd, rel, flags, mode);
	return errno == EXDEV ? -ENOENT : -errno;
}

static const char *host_rel(const struct place *at)
{
	const char *rel = place_rel(at);
	return at->mount->single && *rel == '\0' ? at->mount->single : rel;
}

int host_open(const struct place *at, int flags, uint32_t mode)
{
	if (at->mount->single && *place_rel(at) != '\0')
		return -ENOTDIR;
	return open_beneath(at->mount->fd, host_rel(at), flags, mode);
}

/* The directory of at, and the last component of its name. */
static int host_parent(const struct place *at, const char **ret_name)
{
	char dir[PATH_SIZE];
	const char *rel = host_rel(at);
	const char *slash = strrchr(rel, '/');
	size_t n = slash ? (size_t)(slash - rel) : 0;
	if (*rel == '\0')
		return -EBUSY;
	memcpy(dir, rel, n);
	dir[n] = '\0';
	*ret_name = slash ? slash + 1 : rel;
	return open_beneath(at->mount->fd, dir, O_PATH | O_DIRECTORY, 0);
}

int host_bind(const struct place *at, struct mount *x)
{
	const char *name;
	bool directory = S_ISDIR(at->stat.st_mode);
	int fd = directory ? host_open(at, O_PATH | O_DIRECTORY, 0) : host_parent(at, &name);
	if (fd < 0)
		return fd;
	x->fd = fd;
	if (at->mount->host)
		x->host = strdup(at->mount->host);
	if (!directory)
		x->single = strdup(name);
	return (at->mount->host && !x->host) || (!directory && !x->single) ? -ENOMEM : 0;
}

static int result(int fd, int n)
{
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int hostfs_stat(const struct place *at, struct stat *ret_stat)
{
	int fd = host_open(at, O_PATH, 0);
	if (fd < 0)
		return fd;
	int err = result(fd, fstat(fd, ret_stat));
	if (!err)
		owners_view(at->kernel, at->mount, ret_stat);
	return err;
}

static int hostfs_birth(const struct place *at, struct timespec *ret_time)
{
	struct statx st;
	int fd = host_open(at, O_PATH, 0);
	if (fd < 0)
		return fd;
	int err = result(fd, statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st));
	if (!err && !(st.stx_mask & STATX_BTIME))
		err = -EOPNOTSUPP;
	if (!err)
		*ret_time = (struct timespec){st.stx_btime.tv_sec, st.stx_btime.tv_nsec};
	return err;
}

static int hostfs_readlink(const struct place *at, char *ret_text, unsigned size)
{
	int fd = host_open(at, O_PATH, 0);
	if (fd < 0)
		return fd;
	ssize_t n = readlinkat(fd, "", ret_text, size);
	int err = n < 0 ? -errno : (int)n;
	close(fd);
	/* An empty name of what is no link: Linux says ENOENT. */
	return err == -ENOENT ? -EINVAL : err;
}

static int host_access(uint32_t flags)
{
	switch (flags & ABI_O_ACCMODE) {
	case ABI_O_RDONLY: return O_RDONLY;
	case ABI_O_WRONLY: return O_WRONLY;
	default: return O_RDWR;
	}
}

/* The page cache must read a page to change a part of it: a file is opened for reading too, if the
 * host allows it. */
static int open_for(const struct place *at, uint32_t flags, int more, uint32_t mode)
{
	int fd = -EACCES, access = host_access(flags);
	more |= O_NOCTTY | O_NONBLOCK;
	if (flags & ABI_O_TRUNC && access == O_RDONLY)
		access = O_RDWR;
	if (access == O_WRONLY)
		fd = host_open(at, O_RDWR | more, mode);
	if (fd == -EACCES)
		fd = host_open(at, access | more, mode);
	return fd;
}

static int hostfs_unlink(const struct place *at, bool directory);

static int create(const struct place *at, uint32_t flags, uint32_t mode)
{
	int fd = open_for(at, flags, O_CREAT | O_EXCL, mode & 07777);
	if (fd < 0)
		return fd;
	int err = owners_made(at, fd, mode);
	if (err) {
		close(fd);
		(void)hostfs_unlink(at, false);
		return err;
	}
	return fd;
}

static int hostfs_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		       struct file **ret_file)
{
	struct stat st;
	if (at->exists && S_ISFIFO(at->stat.st_mode))
		return fifo_open(at, t, flags, ret_file);
	if (at->exists && S_ISCHR(at->stat.st_mode))
		return dev_open_number(at, t, flags, ret_file);
	if (at->exists && !S_ISREG(at->stat.st_mode))
		return -ENXIO;
	int fd = at->exists ? open_for(at, flags, 0, 0) : create(at, flags, mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENXIO;
	}
	if (((flags & ABI_O_ACCMODE) != ABI_O_RDONLY || (flags & ABI_O_TRUNC)) &&
	    hostnode_executed(at->kernel, &st)) {
		close(fd);
		return -ETXTBSY;
	}
	if (at->exists && (flags & ABI_O_TRUNC)) {
		int err = hostnode_truncate(at->kernel, fd, 0);
		if (err) {
			close(fd);
			return err;
		}
	}
	return hostnode_open(at->kernel, fd, flags, at->guest, false, ret_file);
}

static int hostfs_list(const struct place *at, struct dir *d)
{
	int fd = host_open(at, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	struct dirent *e;
	struct stat st;
	uint64_t device = fstat(fd, &st) == 0 ? st.st_dev : 0;
	int err = 0;
	while (!err && (errno = 0, e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = dir_add(d, e->d_name, e->d_ino, owners_type(at->kernel, device, e->d_ino, e->d_type));
	}
	if (!err && errno)
		err = -errno;
	closedir(dir);
	return err;
}

static int hostfs_statfs(const struct place *at, struct statfs *ret_statfs)
{
	int n = fstatfs(at->mount->fd, ret_statfs);
	return n < 0 ? -errno : 0;
}

/* A name was made in the directory fd, which is closed, or was not (n): it gets its owner and mode. */
static int settle(const struct place *at, int fd, const char *name, int n, uint32_t mode)
{
	int err = n < 0 ? -errno : 0;
	int made = err ? -1 : openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!err)
		err = made < 0 ? -errno : owners_made(at, made, mode);
	if (made >= 0)
		close(made);
	if (n == 0 && err && unlinkat(fd, name, 0) < 0)
		(void)unlinkat(fd, name, AT_REMOVEDIR);
	close(fd);
	return err;
}

static int hostfs_mkdir(const struct place *at, uint32_t mode)
{
	const char *name;
	int fd = host_parent(at, &name);
	if (fd < 0)
		return fd;
	return settle(at, fd, name, mkdirat(fd, name, mode & 07777), mode & 01777);
}

/* A device is an empty file on the host, whoever runs Carrel: no device of the host is ever made or opened. */
static int make_device(const struct place *at, uint32_t mode, uint64_t device)
{
	int fd = create(at, ABI_O_RDWR, mode & 0777);
	if (fd < 0)
		return fd;
	int err = owners_device(at->kernel, fd, mode & S_IFMT, device);
	close(fd);
	if (err)
		(void)hostfs_unlink(at, false);
	return err;
}

static int hostfs_mknod(const struct place *at, uint32_t mode, uint64_t device)
{
	const char *name;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return make_device(at, mode, device);
	int fd = host_parent(at, &name);
	if (fd < 0)
		return fd;
	return settle(at, fd, name, mknodat(fd, name, mode & (S_IFMT | 0777), 0), mode & 07777);
}

static int hostfs_symlink(const struct place *at, const char *target)
{
	const char *name;
	int fd = host_parent(at, &name);
	return fd < 0 ? fd : settle(at, fd, name, symlinkat(target, fd, name), 0777);
}

/* A name of at is gone, and with the last one what is remembered of the file; while it is open its owner
 * must still be known. */
static void removed(const struct place *at)
{
	if ((S_ISDIR(at->stat.st_mode) || at->stat.st_nlink <= 1) && !hostnode_in_use(at->kernel, &at->stat))
		owners_forget(at->kernel, &at->stat);
}

static int hostfs_unlink(const struct place *at, bool directory)
{
	const char *name;
	int fd = host_parent(at, &name);
	int err = fd < 0 ? fd : result(fd, unlinkat(fd, name, directory ? AT_REMOVEDIR : 0));
	if (!err && at->exists)
		removed(at);
	return err;
}

/* The directories of two names. Returns 0 with both open, or -errno with none. */
static int host_parents(const struct place *from, const struct place *to, int ret_fd[2],
			const char *ret_name[2])
{
	int a = host_parent(from, &ret_name[0]);
	if (a < 0)
		return a;
	int b = host_parent(to, &ret_name[1]);
	if (b < 0) {
		close(a);
		return b;
	}
	ret_fd[0] = a;
	ret_fd[1] = b;
	return 0;
}

/* Changes of the name or the mode change a time of the file, though not its contents. */
static void touched(const struct place *at)
{
	struct stat st;
	if (hostfs_stat(at, &st) == 0)
		hostnode_touched(at->kernel, &st);
}

static int hostfs_rename(const struct place *from, const struct place *to, unsigned flags)
{
	const char *name[2];
	int fd[2], err = host_parents(from, to, fd, name);
	if (err)
		return err;
	err = result(fd[1], renameat2(fd[0], name[0], fd[1], name[1], flags));
	close(fd[0]);
	bool same = to->exists && to->stat.st_ino == from->stat.st_ino && to->stat.st_dev == from->stat.st_dev;
	if (!err && to->exists && !same && !(flags & RENAME_EXCHANGE))
		removed(to);
	touched(to);
	return err;
}

static int hostfs_link(const struct place *from, const struct place *to)
{
	const char *name[2];
	int fd[2], err = host_parents(from, to, fd, name);
	if (err)
		return err;
	err = result(fd[1], linkat(fd[0], name[0], fd[1], name[1], 0));
	close(fd[0]);
	touched(to);
	return err;
}

static int own(const struct place *at, uint32_t uid, uint32_t gid, uint32_t mode)
{
	int fd = host_open(at, O_PATH, 0);
	if (fd < 0)
		return fd;
	int err = owners_set(at->kernel, at->mount, fd, uid, gid, mode & 07777);
	close(fd);
	touched(at);
	return err;
}

static int hostfs_chmod(const struct place *at, uint32_t mode)
{
	return S_ISLNK(at->stat.st_mode) ? -EOPNOTSUPP : own(at, at->stat.st_uid, at->stat.st_gid, mode);
}

static int hostfs_chown(const struct place *at, uint32_t uid, uint32_t gid)
{
	return own(at, uid, gid, at->stat.st_mode);
}

static int hostfs_utimens(const struct place *at, const struct timespec times[2])
{
	const char *name;
	int fd, n;
	if (*host_rel(at) == '\0') {
		fd = host_open(at, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return fd;
		n = futimens(fd, times);
	} else {
		fd = host_parent(at, &name);
		if (fd < 0)
			return fd;
		n = utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW);
	}
	int err = result(fd, n);
	touched(at);
	return err;
}

static int hostfs_truncate(const struct place *at, uint64_t size)
{
	if (!S_ISREG(at->stat.st_mode))
		return S_ISDIR(at->stat.st_mode) ? -EISDIR : -EINVAL;
	if (hostnode_executed(at->kernel, &at->stat))
		return -ETXTBSY;
	int fd = open_for(at, ABI_O_WRONLY, 0, 0);
	if (fd < 0)
		return fd;
	int err = hostnode_truncate(at->kernel, fd, size);
	close(fd);
	return err;
}

static int hostfs_tmpfile(const struct place *at, uint32_t flags, uint32_t mode,
			  struct file **ret_file)
{
	char path[PATH_SIZE + 32];
	struct stat st;
	int fd = host_open(at, O_TMPFILE | O_RDWR | (flags & ABI_O_EXCL ? O_EXCL : 0), mode & 07777);
	if (fd < 0)
		return fd;
	int err = owners_made(at, fd, mode);
	if (!err && fstat(fd, &st) < 0)
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	snprintf(path, sizeof(path), "%s/#%llu", at->size == 1 ? "" : at->guest,
		 (unsigned long long)st.st_ino);
	err = hostnode_open(at->kernel, fd, flags & ~(uint32_t)ABI_O_EXCL, path, false, ret_file);
	if (!err)
		names_removed(at->kernel, path);
	return err;
}

int host_link(int fd, const struct place *to)
{
	char path[32];
	const char *name;
	int dir = to->mount->ops == &hostfs_tree ? host_parent(to, &name) : -EXDEV;
	if (dir < 0)
		return dir;
	/* The host checks whether it may have a name at all. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int err = result(dir, linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW));
	touched(to);
	return err;
}

/* The file at a place as a path that the host takes for its extended attributes. */
static int host_attribute_path(const struct place *at, char ret_path[32])
{
	int fd = host_open(at, O_PATH, 0);
	if (fd >= 0)
		snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/* security.capability, which is the host's to show and Carrel's to change. */
static int64_t capability_attribute(const struct place *at, int fd, enum xattr_op op, void *value, size_t size, int flags)
{
	enum { CREATE = 1, REPLACE = 2 };
	uint8_t old[CAPABILITY_SIZE_MAX];
	int64_t n = owners_capability(at->kernel, fd, old);
	if (op == XATTR_GET) {
		if (n > 0 && size && size < (size_t)n)
			return -ERANGE;
		if (n > 0 && size)
			memcpy(value, old, (size_t)n);
		return n;
	}
	if (op == XATTR_SET && n > 0 && flags & CREATE)
		return -EEXIST;
	if (n < 0 && (op == XATTR_REMOVE || flags & REPLACE))
		return -ENODATA;
	return owners_set_capability(at->kernel, at->mount, fd, op == XATTR_SET ? value : old, op == XATTR_SET ? size : 0);
}

/* The host's names, and that of what is Carrel's. */
static int64_t list_attributes(const struct place *at, int fd, const char *path, char *names, size_t size)
{
	uint8_t value[CAPABILITY_SIZE_MAX];
	ssize_t n = listxattr(path, names, size);
	if (n < 0)
		n = errno == EOPNOTSUPP ? 0 : -errno;
	if (n >= 0 && (size_t)n + sizeof(ATTRIBUTE_CAPABILITY) <= size &&
	    owners_capability(at->kernel, fd, value) > 0) {
		bool there = false;
		for (char *x = names; x < names + n; x += strlen(x) + 1)
			there = there || strcmp(x, ATTRIBUTE_CAPABILITY) == 0;
		if (!there) {
			memcpy(names + n, ATTRIBUTE_CAPABILITY, sizeof(ATTRIBUTE_CAPABILITY));
			n += (ssize_t)sizeof(ATTRIBUTE_CAPABILITY);
		}
	}
	return n;
}

static int64_t hostfs_xattr(const struct place *at, enum xattr_op op, const char *name, void *value,
			    size_t size, int flags)
{
	char path[32];
	int fd = host_attribute_path(at, path);
	ssize_t n = -1;
	if (fd < 0)
		return fd;
	if (op == XATTR_LIST || strcmp(name, ATTRIBUTE_CAPABILITY) == 0) {
		int64_t r = op == XATTR_LIST ? list_attributes(at, fd, path, value, size)
					     : capability_attribute(at, fd, op, value, size, flags);
		close(fd);
		return r;
	}
	switch (op) {
	case XATTR_GET: n = getxattr(path, name, value, size); break;
	case XATTR_SET: n = setxattr(path, name, value, size, flags); break;
	case XATTR_LIST: break;
	case XATTR_REMOVE: n = removexattr(path, name); break;
	}
	int err = n < 0 ? -errno : 0;
	close(fd);
	if (!err && (op == XATTR_SET || op == XATTR_REMOVE))
		touched(at);
	return err ? err : n;
}

const struct tree_ops hostfs_tree = {
    .birth = hostfs_birth,
    .type = "ext4",
    .stat = hostfs_stat,
    .readlink = hostfs_readlink,
    .open = hostfs_open,
    .list = hostfs_list,
    .statfs = hostfs_statfs,
    .mkdir = hostfs_mkdir,
    .mknod = hostfs_mknod,
    .symlink = hostfs_symlink,
    .unlink = hostfs_unlink,
    .rename = hostfs_rename,
    .link = hostfs_link,
    .chmod = hostfs_chmod,
    .chown = hostfs_chown,
    .utimens = hostfs_utimens,
    .truncate = hostfs_truncate,
    .tmpfile = hostfs_tmpfile,
    .xattr = hostfs_xattr,
};
