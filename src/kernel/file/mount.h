/* SPDX-License-Identifier: MIT */
/* mount.h - one tree hung into the guest's, and the table of them
 *
 *	table -> mount "/"           parent: none
 *	      -> mount "/mnt"        parent: the one in which /mnt lay when it was mounted
 *	      -> mount "/mnt"        parent: the mount before it, which it hides
 *
 * A path is walked from the root mount down: of the mounts whose parent has been reached the one that is
 * nearest to it comes next. So what a later mount hides stays hidden, and is back when that is gone. What
 * the person gave (--bind and the like) is put in order as it is named: the longest path counts.
 *
 * A mount is counted: by the table, by open files, and by working and root directories. One that is taken
 * out of the table (MNT_DETACH) lives on for those. Its tree is the host's directory, a tmpfs of its own
 * (shm, counted too), or one of those of which there is one in a machine; base and top say which part of it.
 */
#ifndef KERNEL_MOUNT_H
#define KERNEL_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dir;
struct kernel;
struct mounts;
struct place;
struct shm;
struct shm_node;
struct text;
struct tree_ops;

/* Linux's bits of statfs. */
enum mount_flag {
	MOUNT_RDONLY = 1,
	MOUNT_NOSUID = 2,
	MOUNT_NODEV = 4,
	MOUNT_NOEXEC = 8,
	MOUNT_NOATIME = 1024,
	MOUNT_NODIRATIME = 2048,
	MOUNT_RELATIME = 4096,
	MOUNT_NOSYMFOLLOW = 8192,
};

enum { MOUNTS_MAX = 256 };

struct mount {
	unsigned refs;
	const struct tree_ops *ops;
	struct kernel *kernel;
	struct mount *parent; /* not counted; NULL: the root, or in no table (any more) */
	unsigned number;      /* as mountinfo has it */
	char *guest;	      /* where it is: canonical; "/" for the root */
	size_t guest_size;
	bool readonly;
	bool whole;	 /* readonly is its tree, not only this view of it: as mountinfo tells */
	bool guarded;	 /* the person said that it cannot be written: nothing inside changes that */
	bool of_root;    /* what is Carrel's on the host is the guest's root's: see owners.h */
	bool detached;	 /* no name leads to it */
	bool expires;	 /* MNT_EXPIRE asked once */
	uint32_t flags;  /* enum mount_flag, but for MOUNT_RDONLY */
	int fd;          /* host directory, or -1 */
	char *single;    /* the mount is this one file of fd; else NULL */
	char *host;      /* for messages and for removing /tmp; may be NULL */
	char *source;    /* as it was named by who mounted it; NULL: Carrel */
	char *base;      /* name within its tree that is its root; NULL: the tree's own */
	struct shm *shm; /* a tmpfs, and where in it */
	struct shm_node *top;
	uint64_t device; /* st_dev of its root */
};

/* A mount that is in no table yet; one reference. Returns 0 or -ENOMEM. */
int mount_make(struct kernel *k, const struct tree_ops *ops, const char *guest, struct mount **ret_mount);
struct mount *mount_ref(struct mount *x);
/* NULL is nothing. */
void mount_put(struct mount *x);
/* Into the table, which takes over the reference; beneath: of what lies below and was there before it is the
 * parent, as if it had come first. Returns 0 or -ENOSPC: there are MOUNTS_MAX. */
int mount_attach(struct mounts *m, struct mount *x, bool beneath);
/* Out of the table, with all that is mounted on it. */
void mount_detach(struct mounts *m, struct mount *x);
/* Is something mounted on it? */
bool mount_has_others(const struct mounts *m, const struct mount *x);
/* It is called to from now on, and what is mounted on it moves along. Returns 0 or -ENOMEM. */
int mount_move(struct mounts *m, struct mount *x, const char *to);
/* A place becomes the root of a mount that is still in no table. Returns 0 or -errno. */
int mount_bind(const struct place *at, const char *guest, struct mount **ret_mount);
/* Where is x, and is it to be seen at all? */
bool mount_visible(struct mounts *m, const struct mount *x);

/* The mount in which the canonical path lies. */
struct mount *mounts_at(struct mounts *m, const char *guest, size_t size);
/* Is there a mount point strictly below this path? */
bool mounts_below(struct mounts *m, const char *guest, size_t size);
/* Adds to d the names through which mount points below at are reached. */
int mounts_list(const struct place *at, struct dir *d);

/* Lines of /proc/PID/mounts, mountinfo and mountstats, as they are seen by who has this root. */
void mounts_text(const struct mounts *m, const char *root, struct text *text);
void mounts_text_info(const struct mounts *m, const char *root, struct text *text);
void mounts_text_stats(const struct mounts *m, const char *root, struct text *text);

#endif
