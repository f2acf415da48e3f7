/* SPDX-License-Identifier: MIT */
/* mounts.c - what the guest's tree is put together from, and what is below a path */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/hostfs.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/tty/tty.h"

#define TMP_PREFIX "carrel-tmp-"
/* How deep we go at once to remove a tree: each level takes a descriptor. */
enum { TMP_DEPTH = 16 };

/* A tree without a single name: the root where no -L was given. Mount points below it are seen. */
static int empty_stat(const struct place *at, struct stat *ret_stat)
{
	if (place_rel(at)[0] != '\0')
		return -ENOENT;
	*ret_stat = (struct stat){.st_mode = S_IFDIR | 0755,
				  .st_nlink = 2,
				  .st_ino = 2,
				  .st_dev = at->mount->device,
				  .st_blksize = 4096};
	return 0;
}

const struct tree_ops empty_tree = {.type = "tmpfs", .stat = empty_stat};

static int mount_add(struct kernel *k, const struct tree_ops *ops, const char *guest,
		     struct mount **ret_mount)
{
	struct mounts *m = k->mounts;
	struct mount *x;
	int err = mount_make(k, ops, guest, &x);
	if (err)
		return err;
	err = mount_attach(m, x, true);
	if (err) {
		kernel_say(k, "no more than %d directories can be bound; leave some --bind out.",
			   MOUNTS_MAX - 8);
		mount_put(x);
		return err;
	}
	*ret_mount = x;
	return 0;
}

/* Where a mount wanted at guest really goes: as much of the path as exists with its symbolic links
 * followed, as mount(8) does, so that no link ever stands above a mount point. */
static int mount_target(struct kernel *k, const char *guest, char ret_target[PATH_SIZE])
{
	char head[PATH_SIZE];
	size_t n = strlen(guest);
	if (guest[0] != '/')
		return -EINVAL;
	if (n >= PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(head, guest, n + 1);
	for (;;) {
		struct place at;
		int err = path_find(k, NULL, ABI_AT_FDCWD, n ? head : "/", FIND_FOLLOW, &at);
		if (err == 0 && !at.file) {
			const char *rest = guest + n;
			size_t base = at.size == 1 ? 0 : at.size;
			while (*rest == '/')
				rest++;
			if (base + 1 + strlen(rest) >= PATH_SIZE)
				return -ENAMETOOLONG;
			memcpy(ret_target, at.guest, base);
			ret_target[base] = '\0';
			if (*rest) {
				ret_target[base] = '/';
				strcpy(ret_target + base + 1, rest);
			}
			if (!*ret_target)
				strcpy(ret_target, "/");
			n = strlen(ret_target);
			while (n > 1 && ret_target[n - 1] == '/')
				ret_target[--n] = '\0';
			return 0;
		}
		if (n == 0 || (err != 0 && err != -ENOENT && err != -ENOTDIR))
			return err ? err : -EINVAL;
		while (n > 0 && head[n - 1] != '/')
			n--;
		while (n > 0 && head[n - 1] == '/')
			n--;
		head[n] = '\0';
	}
}

static bool dotted(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/.")); p += 2) {
		if (p[2] == '\0' || p[2] == '/' || (p[2] == '.' && (p[3] == '\0' || p[3] == '/')))
			return true;
	}
	return false;
}

/* Puts a directory, or one file, of the host into the guest's tree. what: the option to name. */
static int mount_host(struct kernel *k, const char *host, const char *guest, bool readonly,
		      const char *what, struct mount **ret_mount)
{
	char target[PATH_SIZE], real[PATH_MAX];
	struct stat st;
	struct mount *x;
	if (!realpath(host, real) || stat(real, &st) < 0) {
		int err = -errno;
		kernel_say(k, "%s: cannot use %s: %s. Name a directory that exists.", what, host,
			   strerror(errno));
		return err;
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		kernel_say(k,
			   "%s: %s is no directory and no regular file; nothing else can be bound.",
			   what, host);
		return -ENOTDIR;
	}
	int err = dotted(guest) ? -EINVAL : mount_target(k, guest, target);
	if (err == -EMFILE || err == -ENFILE) {
		kernel_say(k, "%s: %s cannot be looked up: %s%s", what, guest, strerror(-err), kernel_advice(err));
		return err;
	}
	if (err) {
		kernel_say(k,
			   "%s: %s cannot be a place in the guest (%s); give an absolute path "
			   "without \"..\".",
			   what, guest, strerror(-err));
		return err;
	}
	if (strcmp(target, "/") == 0) {
		kernel_say(k, "%s: / is the guest root, which -L names; give a place below it", what);
		return -EBUSY;
	}
	char *base = strrchr(real, '/');
	char *single = NULL;
	if (S_ISREG(st.st_mode)) {
		single = strdup(base + 1);
		if (!single)
			return -ENOMEM;
		base[base == real ? 1 : 0] = '\0';
	}
	int fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		kernel_say(k, "%s: cannot open %s: %s.", what, real, strerror(errno));
		free(single);
		return err;
	}
	err = mount_add(k, &hostfs_tree, target, &x);
	if (err) {
		close(fd);
		free(single);
		return err;
	}
	x->fd = fd;
	x->single = single;
	x->readonly = x->guarded = x->whole = readonly;
	x->host = strdup(real);
	x->device = st.st_dev;
	if (ret_mount)
		*ret_mount = x;
	return 0;
}

static int mount_root(struct kernel *k)
{
	struct mount *x;
	const char *root = k->config.root;
	int err = mount_add(k, root ? &hostfs_tree : &empty_tree, "/", &x);
	if (err)
		return err;
	x->readonly = x->guarded = x->whole = !k->config.root_writable;
	if (!root)
		return 0;
	struct stat st;
	x->fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (x->fd < 0 || fstat(x->fd, &st) < 0) {
		err = -errno;
		kernel_say(k,
			   "cannot use %s as the guest's /: %s. Give an existing directory with "
			   "-L, or make one with \"carrel root create\".",
			   root, strerror(errno));
		return err;
	}
	x->device = st.st_dev;
	x->of_root = k->config.user && k->owners.uid != 0;
	x->host = strdup(root);
	return x->host ? 0 : -ENOMEM;
}

/* Moves a directory that lies too deep up to top, under a name that nobody has. False: it stays. */
static bool raise_directory(int top, int at, const char *name, unsigned *serial)
{
	enum { TRIES = 1000 };
	char raised[32];
	for (unsigned i = 0; i < TRIES; i++) {
		snprintf(raised, sizeof(raised), ".raised-%u", (*serial)++);
		if (renameat2(at, name, top, raised, RENAME_NOREPLACE) == 0)
			return true;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

/* Removes what is in the directory fd, which is closed, as far as depth goes; what lies deeper is raised
 * to top. Links are removed, not followed. Returns how many were raised. */
static unsigned remove_below(int top, int fd, unsigned depth, unsigned *serial)
{
	unsigned count = 0;
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return 0;
	}
	struct dirent *e;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0 || unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0)
			continue;
		(void)fchmodat(dirfd(d), e->d_name, 0700, AT_SYMLINK_NOFOLLOW);
		if (depth == 0) {
			count += raise_directory(top, dirfd(d), e->d_name, serial);
			continue;
		}
		int below =
		    openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			count += remove_below(top, below, depth - 1, serial);
		(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
	return count;
}

/* Removes what is in the directory fd, which is closed, however deep it is: a program's directories may
 * be deeper than we have descriptors. */
static void remove_contents(int fd)
{
	unsigned serial = 0, count;
	do {
		int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		count = again >= 0 ? remove_below(fd, again, TMP_DEPTH, &serial) : 0;
	} while (count > 0);
	close(fd);
}

/* A machine that was killed could not remove its /tmp. Each holds a lock on its own: one that
 * nobody has locked, and that is not just being made, has no owner any more. */
static void sweep_tmp(const char *dir)
{
	enum { YOUNG = 60 };
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)) != 0)
			continue;
		int fd =
		    openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		bool stale = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
			     ((st.st_mode & 07777) == 01777 || (st.st_mode & 07777) == 0700) &&
			     st.st_ctime + YOUNG < time(NULL) &&
			     flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (stale) {
			remove_contents(fd);
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
		} else if (fd >= 0) {
			close(fd);
		}
	}
	if (d)
		closedir(d);
}

/* A directory of the machine's own: which of mounts.own, and where the guest sees it. */
static int mount_own(struct kernel *k, unsigned which, const char *guest, unsigned mode)
{
	struct mounts *m = k->mounts;
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];
	if (!dir || dir[0] != '/' || strlen(dir) > PATH_MAX - 32)
		dir = "/tmp";
	sweep_tmp(dir);
	snprintf(path, sizeof(path), "%s/" TMP_PREFIX "XXXXXX", dir);
	if (!mkdtemp(path) || chmod(path, mode) < 0) {
		int err = -errno;
		kernel_say(k,
			   "cannot make the guest's %s in %s: %s. Set TMPDIR to a directory that "
			   "can be written.",
			   guest, dir, strerror(errno));
		return err;
	}
	m->own[which].host = strdup(path);
	if (!m->own[which].host) {
		(void)rmdir(path);
		return -ENOMEM;
	}
	/* Only spares it from being swept by others: it is no failure when the host has no
	 * locks. */
	m->own[which].lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->own[which].lock >= 0)
		(void)flock(m->own[which].lock, LOCK_EX | LOCK_NB);
	struct mount *x;
	int err = mount_host(k, path, guest, false, guest, &x);
	if (!err)
		x->of_root = k->config.user && k->owners.uid != 0;
	return err;
}

/* As tmpfs by itself: files in it may take half of RAM. */
static int mount_shm(struct kernel *k)
{
	enum { INTERNAL = 1 }; /* 0:1 is the kernel's own, as on Linux */
	struct mounts *m = k->mounts;
	struct mount *x;
	int err = shm_create(k, INTERNAL, 0, &m->memfds);
	if (!err)
		err = mount_add(k, &shm_tree, "/dev/shm", &x);
	if (!err)
		err = shm_create(k, x->device, k->mm->frames / 2, &x->shm);
	return err;
}

static int mount_cwd(struct kernel *k)
{
	char real[PATH_MAX];
	const char *guest = "/";
	if (k->config.cwd) {
		struct mount *x;
		if (!realpath(k->config.cwd, real)) {
			int err = -errno;
			kernel_say(k, "cannot use %s as the working directory: %s.", k->config.cwd,
				   strerror(errno));
			return err;
		}
		if (strcmp(real, "/") != 0) {
			int err = mount_host(k, real, real, false, "working directory", &x);
			if (err)
				return err;
			guest = x->guest;
		}
	}
	k->mounts->cwd = strdup(guest);
	return k->mounts->cwd ? 0 : -ENOMEM;
}

int mounts_create(struct kernel *k)
{
	const struct kernel_config *c = &k->config;
	struct mount *x;
	struct mounts *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->kernel = k;
	m->inode = 1;
	LIST_INIT(&m->named);
	LIST_INIT(&m->fss);
	LIST_INIT(&m->locks);
	LIST_INIT(&m->shms);
	wait_queue_init(&m->lock_queue);
	wait_queue_init(&m->change_queue);
	leases_init(&m->leases);
	k->mounts = m;
	int err = hostnodes_create(k, &m->hostfs);
	if (!err)
		err = mount_root(k);
	if (!err)
		err = mount_add(k, &devfs_tree, "/dev", &x);
	if (!err)
		err = mount_add(k, &devpts_tree, "/dev/pts", &x);
	if (!err)
		err = mount_shm(k);
	if (!err)
		err = mount_add(k, &procfs_tree, "/proc", &x);
	if (!err)
		err = mount_add(k, &sysfs_tree, "/sys", &x);
	if (!err)
		err = mount_own(k, 0, "/tmp", 01777);
	if (!err && c->home)
		err = mount_own(k, 1, c->home, 0700);
	if (!err)
		err = mount_cwd(k);
	for (unsigned i = 0; !err && i < c->binds; i++) {
		const struct kernel_bind *b = &c->bind[i];
		err = mount_host(k, b->host, b->guest ? b->guest : b->host, b->readonly, "--bind",
				 NULL);
	}
	if (err)
		mounts_destroy(k);
	return err;
}

void mounts_destroy(struct kernel *k)
{
	struct mounts *m = k->mounts;
	if (!m)
		return;
	fifos_destroy(m);
	owners_finish(&k->owners);
	hostnodes_destroy(m->hostfs);
	for (unsigned i = 0; i < m->count; i++)
		mount_put(m->mount[i]);
	if (m->memfds)
		shm_put(m->memfds);
	for (unsigned i = 0; i < array_size(m->own); i++) {
		if (!m->own[i].host)
			continue;
		/* The program may have closed it to itself, and so to us. */
		(void)chmod(m->own[i].host, 0700);
		int fd = open(m->own[i].host, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			remove_contents(fd);
		(void)rmdir(m->own[i].host);
		if (m->own[i].lock >= 0)
			close(m->own[i].lock);
		free(m->own[i].host);
	}
	free(m->cwd);
	free(m);
	k->mounts = NULL;
}

int files_create(struct kernel *k)
{
	LIST_INIT(&k->watches);
	int err = sockets_create(k);
	if (err)
		return err;
	err = mounts_create(k);
	if (err)
		sockets_destroy(k);
	return err;
}

void files_destroy(struct kernel *k)
{
	tty_destroy(k);
	sockets_destroy(k);
	mounts_destroy(k);
}
