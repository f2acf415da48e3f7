/* SPDX-License-Identifier: MIT */
/* shm.h - files that live in the machine's RAM: /dev/shm, and memfds, which have no name
 *
 *	mounts -> shm (tmpfs at /dev/shm)  -> root node -> entries -> nodes
 *	       -> shm (the kernel's own)   -> memfds, which no directory knows
 *
 * A node is a regular file, directory, symbolic link or FIFO. The contents of a regular file are an
 * object of shared memory: read, write and every mapping use the same anons, which take frames, may
 * go to swap, and are gone with the file. Nothing of it is ever the host's.
 *
 * A node is counted by the directory entries that name it and by who has it open; the object
 * outlives both while regions map it, and the node of a regular file goes with its object.
 *
 * As Linux's tmpfs, /dev/shm has room for half of RAM, and for one file for two frames: a write
 * that finds none gets -ENOSPC, a touch SIGBUS. Inode numbers count from 1; times are the guest's.
 *
 * What waits for a page in swap returns CALL_WAIT, or -EAGAIN where there is no task, and has done
 * nothing yet.
 */
#ifndef KERNEL_SHM_H
#define KERNEL_SHM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "kernel/file/hostnode.h"

struct kernel;
struct task;
struct file;
struct object;
struct place;
struct shm;
struct shm_node;
struct text;

/* Returns 0 or -ENOMEM. limit: frames that its files may have together; 0: as many as there are. */
int shm_create(struct kernel *k, uint64_t device, uint64_t limit, struct shm **ret_shm);
struct shm *shm_ref(struct shm *s);
/* Every one of a machine, in no order that matters. */
struct shm *shm_first(const struct kernel *k);
struct shm *shm_next(const struct shm *s);
/* With the last reference its names go, and it with the last of its files that is mapped. */
void shm_put(struct shm *s);
/* What its mount is given as text: size=10%,mode=0700,... again: it is there already, and only how much it may
 * have can change. Returns 0 or -EINVAL, and has changed nothing. */
int shm_options(struct shm *s, const char *options, bool again);
/* And as /proc/mounts tells of them. */
void shm_text(const struct shm *s, struct text *text);
/* Where a node is in its tmpfs: "/a/b"; in the buffer, of 4096 bytes, or elsewhere. */
const char *shm_node_path(const struct shm_node *n, char *buffer);
struct mount;
/* x, which has the same tmpfs, begins at this place. */
int shm_bind(const struct place *at, struct mount *x);
/* What happens to the names of files: see names_moved. */
void shm_names(struct shm *s, name_change *change, const char *a, const char *b);
/* Pages that its files have. */
uint64_t shm_pages(const struct shm *s);
void shm_statfs(const struct shm *s, struct statfs *ret_statfs);

/* A node with one reference, the caller's, that belongs to t's user (NULL: root); mode with its
 * type. target: of a symbolic link. Returns 0, -ENOMEM or -ENOSPC. */
int shm_node_create(struct shm *s, const struct task *t, uint32_t mode, const char *target,
		    struct shm_node **ret_node);
void shm_node_put(struct shm_node *n);
void shm_node_stat(const struct shm_node *n, struct stat *ret_stat);
/* What was changed: contents (mtime and ctime), or only what is known of it (ctime). */
void shm_node_changed(struct shm_node *n, bool contents);
/* Who asks may (permission.h). Returns 0, or -EPERM (sealed). */
int shm_node_chmod(struct shm_node *n, uint32_t mode);
void shm_node_chown(struct shm_node *n, uint32_t uid, uint32_t gid);
void shm_node_utimens(struct shm_node *n, const struct timespec times[2]);
/* Regular files only. Returns 0, -EPERM (sealed), -EIO, -ENOMEM or -EAGAIN. */
int shm_node_resize(struct shm_node *n, uint64_t size);

/* An open file of a regular node, which gets a reference. Returns 0 or -ENOMEM. */
int shm_open(struct shm_node *n, uint32_t flags, const char *path, struct file **ret_file);
/* The node of such a file, or NULL. */
struct shm_node *shm_node_of(const struct file *f);

/* Where F_SET_RW_HINT of such a file is kept. */
uint8_t *shm_hint(const struct file *f);

/* Linux's numbers. */
enum shm_seal {
	SHM_SEAL_SEAL = 1 << 0,
	SHM_SEAL_SHRINK = 1 << 1,
	SHM_SEAL_GROW = 1 << 2,
	SHM_SEAL_WRITE = 1 << 3,
	SHM_SEAL_FUTURE_WRITE = 1 << 4,
	SHM_SEAL_EXEC = 1 << 5,
	SHM_SEALS = (1 << 6) - 1,
};

/* Is it memfd_secret's? Then it is mapped shared, locked and REGION_SECRET, and never executed. */
bool file_is_secret(const struct file *f);

/* fcntl's F_ADD_SEALS and F_GET_SEALS: -EINVAL for other kinds of files. */
int shm_seals_add(struct file *f, uint32_t seals);
int shm_seals_get(const struct file *f);

/* object_file_name, for the objects of such files. */
bool shm_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
	      uint64_t *ret_inode);

#endif
