/* SPDX-License-Identifier: MIT */
/* shm_private.h - what shmnode.c, shmfile.c, shmtree.c, memfd.c and secret.c share among themselves */
#ifndef KERNEL_SHM_PRIVATE_H
#define KERNEL_SHM_PRIVATE_H

#include <bsd/sys/tree.h>
#include <sys/queue.h>

#include "kernel/file/attributes.h"
#include "kernel/file/shm.h"
#include "vm/object.h"

/* A name in a directory. */
struct shm_entry {
	RB_ENTRY(shm_entry) tree;
	struct shm_node *node; /* counted */
	char name[];
};

RB_HEAD(shm_entries, shm_entry);

struct shm_node {
	struct shm *shm;
	uint64_t inode;
	uint32_t mode, uid, gid;
	uint64_t rdev; /* of a device */
	struct attributes attributes;
	uint32_t links; /* as st_nlink says */
	uint32_t refs;
	struct timespec atime, mtime, ctime, born;
	/* A regular file. */
	struct object *object;
	uint32_t seals;
	uint8_t write_hint; /* F_SET_RW_HINT */
	bool linkable; /* it has no name yet and may be given one: O_TMPFILE */
	char *name;    /* the path it was opened by last, for maps; may be NULL */
	bool gone;     /* that name is removed */
	LIST_ENTRY(shm_node) link; /* all regular files of the shm */
	/* A directory. */
	struct shm_entries entries;
	uint64_t count;		 /* entries */
	struct shm_node *parent; /* not counted; the root's is itself, NULL once it is removed */
	/* A symbolic link. */
	char *target;
};

struct shm {
	struct kernel *kernel;
	unsigned refs; /* mounts, and the kernel's own */
	uint64_t device;
	struct object_quota quota;
	uint64_t inode; /* the last number given */
	uint64_t inodes, inodes_max;
	int64_t attribute_bytes; /* of all files */
	struct shm_node *root;
	LIST_HEAD(, shm_node) files;
	LIST_ENTRY(shm) all;
};

extern const struct pager shm_pager;

/* file_ops of whatever has a node. */
int shm_stat(struct file *f, struct stat *ret_stat);
int shm_object(struct file *f, struct object **ret_object);
int shm_chmod(struct file *f, struct task *t, uint32_t mode);
int shm_chown(struct file *f, struct task *t, uint32_t uid, uint32_t gid);
int shm_utimens(struct file *f, struct task *t, const struct timespec times[2]);
void shm_release(struct file *f);

/* Is there room for so many more files, and bytes of attributes? */
bool shm_has_inodes(const struct shm *s, uint64_t nodes, int64_t bytes);
/* Gives an open file that has no name yet (O_TMPFILE) the name to. */
int shm_link(struct file *f, const struct place *to);

/* Empties every directory below the root, however deep. */
void shm_tree_clear(struct shm *s);

#endif
