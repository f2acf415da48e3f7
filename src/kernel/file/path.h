/* SPDX-License-Identifier: MIT */
/* path.h - the guest's one tree of names, and what its parts are made of
 *
 *	path -> path_find -> place: a mount and a name in it -> tree_ops of the mount
 *
 *	/              host directory of -L, read-only unless :rw        hostfs.c
 *	/CWD, --bind   host directories (or files)                       hostfs.c
 *	/tmp           a fresh host directory, gone at the end           hostfs.c
 *	/dev           devices                                           dev.c
 *	/dev/pts       pseudo-terminals                                  pty.c
 *	/dev/shm       files in the machine's RAM                        shmtree.c
 *	/proc          processes and the machine                         proc.c
 *	/sys           processors, nodes, huge pages                     sysfs.c
 *
 * A place is named by its canonical path: absolute, no symbolic links, no "." and "..". The mount
 * with the longest prefix of it is where it lies. path_find alone follows symbolic links, in the
 * guest's tree, so that one that points out of a host directory leads to the guest's file of that
 * name; the host is only ever asked for names without links, below the directory that was given.
 *
 * The mount point of what the person gave need not exist in what lies beneath: directories on the way to one
 * are synthesised, and directory listings show them. Programs mount where something is: mount.h.
 *
 * A process has a root of its own (chroot): where its absolute paths begin, and beyond which ".." does not
 * lead. Canonical paths are all of the machine's tree; who has another root is told what lies below it.
 */
#ifndef KERNEL_PATH_H
#define KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "kernel/file/file.h"
#include "kernel/file/lease.h"
#include "kernel/file/mount.h"
#include "kernel/file/permission.h"

enum { PATH_SIZE = 4096, NAME_SIZE = 256, SYMLINKS_MAX = 40 };

struct place;
struct dir;

enum xattr_op { XATTR_GET, XATTR_SET, XATTR_LIST, XATTR_REMOVE };

/* Operations on names in one kind of tree. Those that a tree has not are NULL: it is read-only. at
 * is canonical and symbolic links are never followed. All return 0 or -errno. */
struct tree_ops {
	const char *type; /* as /proc/mounts names it */
	int (*stat)(const struct place *at, struct stat *ret_stat);
	/* When it was made, as far as that is known; NULL: it is not. */
	int (*birth)(const struct place *at, struct timespec *ret_time);
	/* Returns the length, at most size. */
	int (*readlink)(const struct place *at, char *ret_text, unsigned size);
	/* A symbolic link that leads to a thing instead of a name: /proc/PID/fd/N, exe, cwd, root. 0: it is
	 * none; 1: *ret_file, not referenced for the caller, or where that is NULL *ret_path, canonical. */
	int (*jump)(const struct place *at, struct file **ret_file, const char **ret_path);
	/* at->stat says what it is, if it exists. Also CALL_WAIT. */
	int (*open)(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		    struct file **ret_file);
	/* As stat_access; NULL: what stat says decides. */
	int (*permission)(const struct place *at, int mode);
	/* Adds the entries of a directory, without "." and "..". */
	int (*list)(const struct place *at, struct dir *d);
	int (*statfs)(const struct place *at, struct statfs *ret_statfs);
	int (*mkdir)(const struct place *at, uint32_t mode);
	/* device: of a character or block device. */
	int (*mknod)(const struct place *at, uint32_t mode, uint64_t device);
	int (*symlink)(const struct place *at, const char *target);
	int (*unlink)(const struct place *at, bool directory);
	int (*rename)(const struct place *from, const struct place *to, unsigned flags);
	int (*link)(const struct place *from, const struct place *to);
	int (*chmod)(const struct place *at, uint32_t mode);
	int (*chown)(const struct place *at, uint32_t uid, uint32_t gid);
	int (*utimens)(const struct place *at, const struct timespec times[2]);
	int (*truncate)(const struct place *at, uint64_t size);
	/* An open file without a name, in the directory at: O_TMPFILE. */
	int (*tmpfile)(const struct place *at, uint32_t flags, uint32_t mode,
		       struct file **ret_file);
	/* Attributes of the namespace user, of files and directories; size 0: how large it is. */
	int64_t (*xattr)(const struct place *at, enum xattr_op op, const char *name, void *value,
			 size_t size, int flags);
};

struct mounts {
	struct kernel *kernel;
	unsigned count, made;
	struct mount *mount[MOUNTS_MAX]; /* the first is the root; the others by when they came */
	unsigned changes;		 /* of that table, so far */
	struct wait_queue change_queue;	 /* who waits for one: polls of /proc/PID/mounts */
	struct {
		char *host; /* path of a directory that goes with the machine; NULL: none */
		int lock;   /* a descriptor of it, locked while the machine lives */
	} own[2]; /* /tmp, and a home */
	char *cwd;               /* where programs start: canonical */
	LIST_HEAD(, file) named; /* open files with a path */
	LIST_HEAD(, fs) fss;
	struct hostfs *hostfs; /* the page cache of host files: hostnode.c */
	LIST_HEAD(, shm) shms; /* every tmpfs */
	struct shm *memfds;    /* what is in RAM and in no directory */
	struct pipes *fifos;
	LIST_HEAD(, lock_held) locks;
	unsigned lock_count;
	struct leases leases;
	struct wait_queue lock_queue;
	uint64_t inode; /* the next number for what has none of its own */
};

/* What the last component of a path was, for those who create and remove. */
enum last { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

struct place {
	struct kernel *kernel;
	struct task *task; /* who asks; NULL: the kernel itself */
	const char *root;  /* of who asks: canonical */
	struct mount *mount;
	char guest[PATH_SIZE];
	size_t size; /* of guest */
	char inner[PATH_SIZE]; /* its name in the mount's tree, where that is seen from a base on */
	bool exists;
	bool synthetic; /* a directory that is only on the way to a mount point */
	bool slash;     /* the path ended with one: must be a directory */
	enum last last;
	struct file *file; /* a link of /proc led to this open file, which has no name; else NULL */
	struct stat stat;  /* if it exists */
};

enum find_flag {
	FIND_FOLLOW = 1 << 0, /* a symbolic link at the end too */
	FIND_EMPTY = 1 << 1,  /* "" is dirfd itself */
	FIND_NEW = 1 << 2,    /* it may be missing, if its directory exists */
	/* Walks that openat2 restricts: what leads elsewhere is -EXDEV, links of the kinds named -ELOOP. */
	FIND_ONE_MOUNT = 1 << 3,
	FIND_NO_JUMPS = 1 << 4, /* no links of /proc that lead to an open file */
	FIND_NO_LINKS = 1 << 5,
	FIND_BENEATH = 1 << 6, /* never out of where it starts */
	FIND_AS_ROOT = 1 << 7, /* where it starts is "/", and ".." of that */
	FIND_RESTRICTED = FIND_ONE_MOUNT | FIND_NO_JUMPS | FIND_NO_LINKS | FIND_BENEATH | FIND_AS_ROOT,
};

/* Returns 0 or -errno: -ENOENT, -ENOTDIR, -ELOOP, -EACCES, -ENAMETOOLONG, -EBADF. t NULL: an
 * absolute path, asked for by the kernel. dirfd may be AT_FDCWD. */
int path_find(struct kernel *k, struct task *t, int dirfd, const char *path, unsigned flags,
	      struct place *ret_place);
/* The same of the path at va. */
int path_find_user(struct task *t, int dirfd, uint64_t va, unsigned flags, struct place *ret_place);
/* base and name, which may be absolute, as one path without "." and "..", by what is written alone: no link
 * is looked at. False: it is too long. */
bool path_join(const char *base, const char *name, char ret_path[PATH_SIZE]);
/* The name of at within its mount: "" for its root. */
const char *place_rel(const struct place *at);
/* Opens what path_find found. */
int place_open(struct place *at, struct task *t, uint32_t flags, uint32_t mode,
	       struct file **ret_file);
/* May at's name be made, or, if it exists, taken away? -EROFS when the mount is read-only, -EBUSY when at is
 * a mount point or on the way to one, or as place_may_name. */
int place_may_change(const struct place *at);
int mounts_create(struct kernel *k);
void mounts_destroy(struct kernel *k);
/* Files and working directories that are called from, or lie below it, are now called to. */
void names_moved(struct kernel *k, const char *from, const char *to);
void names_exchanged(struct kernel *k, const char *a, const char *b);
/* What is called path is gone. */
void names_removed(struct kernel *k, const char *path);
/* A mount is elsewhere now; it is nowhere any more. */
void names_moved_in(const struct mount *m, const char *from, const char *to);
void names_detached(const struct mount *m);
/* f, which had no name, has this one. Without memory it goes on having none. */
void names_given(struct file *f, const char *path);

/* A directory being read: a sorted snapshot, so that positions stay good while entries come and
 * go. */
int dir_add(struct dir *d, const char *name, uint64_t inode, uint8_t type);
int dir_open(const struct place *at, uint32_t flags, struct file **ret_file);
bool file_is_dir(const struct file *f);

/* The descriptor of a file opened with O_PATH that is no directory. */
int path_only_open(const struct place *at, uint32_t flags, struct file **ret_file);

/* The same open file again with other flags, for /proc/PID/fd/N of what has no name. */
int file_reopen(struct file *f, struct task *t, uint32_t flags, struct file **ret_file);

extern const struct tree_ops hostfs_tree, devfs_tree, devpts_tree, procfs_tree, shm_tree, sysfs_tree, empty_tree;

struct task;
uint32_t fs_umask(const struct fs *fs);
/* Returns the old one. */
uint32_t fs_set_umask(struct fs *fs, uint32_t mask);
/* The working directory, or the root, is a place that was found to be a directory. Returns 0 or -ENOMEM. */
int fs_chdir(struct fs *fs, const char *guest);
int fs_chroot(struct fs *fs, const char *guest);
bool fs_cwd_gone(const struct fs *fs);
/* "/", or where chroot said. */
const char *fs_root(const struct fs *fs);
/* Does the path lie in the directory dir, or is it that? Both are canonical. */
bool path_lies_in(const char *path, size_t size, const char *dir, size_t dir_size);
/* A canonical path as who has this root names it; as it is where it does not lie below it. */
const char *path_below(const char *root, const char *path);
/* As t names it; t NULL: the kernel. */
const char *path_seen(const struct task *t, const char *path);

#endif
