/* SPDX-License-Identifier: MIT */
/* shmnode.c - files that live in RAM: what they are, whose they are, how long they live */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/path.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"

/* As tmpfs counts the size of a directory: for "." and "..", and for each entry. */
enum { ENTRY_SIZE = 20 };

static struct timespec now(const struct shm *s)
{
	uint64_t ns = kernel_realtime(s->kernel);
	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

int shm_create(struct kernel *k, uint64_t device, uint64_t limit, struct shm **ret_shm)
{
	struct shm *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->kernel = k;
	s->refs = 1;
	s->device = device;
	s->quota.limit = limit ? limit : UINT64_MAX;
	s->inodes_max = limit ? limit : UINT64_MAX;
	LIST_INIT(&s->files);
	int err = shm_node_create(s, NULL, S_IFDIR | 01777, NULL, &s->root);
	if (err) {
		free(s);
		return err;
	}
	s->root->parent = s->root;
	LIST_INSERT_HEAD(&k->mounts->shms, s, all);
	*ret_shm = s;
	return 0;
}

struct shm *shm_first(const struct kernel *k)
{
	return LIST_FIRST(&k->mounts->shms);
}

struct shm *shm_next(const struct shm *s)
{
	return LIST_NEXT(s, all);
}

struct shm *shm_ref(struct shm *s)
{
	s->refs++;
	return s;
}

/* Nobody has it, and none of its files is left. */
static void shm_free(struct shm *s)
{
	LIST_REMOVE(s, all);
	free(s);
}

void shm_put(struct shm *s)
{
	if (--s->refs > 0)
		return;
	shm_tree_clear(s);
	/* The last of its nodes takes it along, and that may be this one. */
	shm_node_put(s->root);
}

void shm_names(struct shm *s, name_change *change, const char *a, const char *b)
{
	struct shm_node *n;
	LIST_FOREACH (n, &s->files, link) {
		if (n->name)
			change(&n->name, &n->gone, a, b);
	}
}

uint64_t shm_pages(const struct shm *s)
{
	return s->quota.pages;
}

void shm_statfs(const struct shm *s, struct statfs *ret_statfs)
{
	bool limited = s->quota.limit != UINT64_MAX;
	*ret_statfs = (struct statfs){
	    .f_type = 0x01021994, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	if (limited) {
		ret_statfs->f_blocks = s->quota.limit;
		ret_statfs->f_bfree = ret_statfs->f_bavail = s->quota.limit - s->quota.pages;
		ret_statfs->f_files = s->inodes_max;
		ret_statfs->f_ffree = s->inodes_max - s->inodes;
	}
}

bool shm_has_inodes(const struct shm *s, uint64_t nodes, int64_t bytes)
{
	enum { INODE_BYTES = 1024 };
	uint64_t attributes = ((uint64_t)(s->attribute_bytes + bytes) + INODE_BYTES - 1) / INODE_BYTES;
	return s->inodes_max == UINT64_MAX || s->inodes + nodes + attributes <= s->inodes_max;
}

/* ---- Beginning and end of a node ---- */

static void node_free(struct shm_node *n)
{
	struct shm *s = n->shm;
	s->inodes--;
	s->attribute_bytes -= attributes_bytes(&n->attributes);
	attributes_finish(&n->attributes);
	free(n->target);
	free(n->name);
	free(n);
	if (s->inodes == 0 && s->refs == 0)
		shm_free(s);
}

static void node_release(void *ctx)
{
	struct shm_node *n = ctx;
	LIST_REMOVE(n, link);
	node_free(n);
}

static int node_punch(void *ctx, uint64_t first, uint64_t last)
{
	struct shm_node *n = ctx;
	if (n->seals & (SHM_SEAL_WRITE | SHM_SEAL_FUTURE_WRITE))
		return -EPERM;
	object_punch(n->shm->kernel->mm, n->object, first, last);
	return 0;
}

const struct pager shm_pager = {.release = node_release, .punch = node_punch};

static int node_fill(struct shm_node *n, const char *target)
{
	if (target) {
		n->target = strdup(target);
		return n->target ? 0 : -ENOMEM;
	}
	if (!S_ISREG(n->mode))
		return 0;
	int err = object_create(n->shm->kernel->mm, OBJECT_SHARED, 0, &shm_pager, n, &n->object);
	if (err)
		return err;
	n->object->quota = &n->shm->quota;
	LIST_INSERT_HEAD(&n->shm->files, n, link);
	return 0;
}

int shm_node_create(struct shm *s, const struct task *t, uint32_t mode, const char *target,
		    struct shm_node **ret_node)
{
	if (!shm_has_inodes(s, 1, 0))
		return -ENOSPC;
	struct shm_node *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->shm = s;
	n->mode = mode;
	n->uid = t ? t->cred->fsuid : 0;
	n->gid = t ? t->cred->fsgid : 0;
	n->refs = 1;
	n->links = S_ISDIR(mode) ? 2 : 0;
	n->seals = SHM_SEAL_SEAL;
	n->atime = n->mtime = n->ctime = n->born = now(s);
	RB_INIT(&n->entries);
	s->inodes++;
	int err = node_fill(n, target);
	if (err) {
		node_free(n);
		return err;
	}
	n->inode = ++s->inode;
	*ret_node = n;
	return 0;
}

void shm_node_put(struct shm_node *n)
{
	if (--n->refs > 0)
		return;
	if (n->object)
		object_put(n->shm->kernel->mm, n->object); /* and node_release, sooner or later */
	else
		node_free(n);
}

/* ---- What is known of it ---- */

bool shm_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
	      uint64_t *ret_inode)
{
	if (o->pager != &shm_pager)
		return false;
	const struct shm_node *n = o->ctx;
	text_add(ret_name, "%s%s", n->name ? n->name : "", n->name && n->gone ? " (deleted)" : "");
	*ret_device = n->shm->device;
	*ret_inode = n->inode;
	return true;
}

void shm_node_stat(const struct shm_node *n, struct stat *ret_stat)
{
	*ret_stat = (struct stat){.st_dev = n->shm->device,
				  .st_ino = n->inode,
				  .st_mode = n->mode,
				  .st_nlink = n->links,
				  .st_uid = n->uid,
				  .st_gid = n->gid,
				  .st_rdev = n->rdev,
				  .st_blksize = PAGE_SIZE,
				  .st_atim = n->atime,
				  .st_mtim = n->mtime,
				  .st_ctim = n->ctime};
	if (n->object) {
		ret_stat->st_size = (off_t)n->object->size;
		ret_stat->st_blocks = (blkcnt_t)(n->object->resident * (PAGE_SIZE / 512));
	} else if (n->target) {
		ret_stat->st_size = (off_t)strlen(n->target);
	} else if (S_ISDIR(n->mode)) {
		ret_stat->st_size = (off_t)((2 + n->count) * ENTRY_SIZE);
	}
}

void shm_node_changed(struct shm_node *n, bool contents)
{
	n->ctime = now(n->shm);
	if (contents)
		n->mtime = n->ctime;
}

int shm_node_chmod(struct shm_node *n, uint32_t mode)
{
	if (n->seals & SHM_SEAL_EXEC && (n->mode ^ mode) & 0111)
		return -EPERM;
	n->mode = (n->mode & S_IFMT) | (mode & 07777);
	shm_node_changed(n, false);
	return 0;
}

void shm_node_chown(struct shm_node *n, uint32_t uid, uint32_t gid)
{
	n->uid = uid;
	n->gid = gid;
	shm_node_changed(n, false);
}

static void set_time(const struct shm *s, struct timespec *ret_time, struct timespec ts)
{
	if (ts.tv_nsec == UTIME_NOW)
		*ret_time = now(s);
	else if (ts.tv_nsec != UTIME_OMIT)
		*ret_time = ts;
}

void shm_node_utimens(struct shm_node *n, const struct timespec times[2])
{
	set_time(n->shm, &n->atime, times[0]);
	set_time(n->shm, &n->mtime, times[1]);
	n->ctime = now(n->shm);
}

/* What is left of a page that is cut must be zeros, wherever that page is now: it is brought in. */
int shm_node_resize(struct shm_node *n, uint64_t size)
{
	struct mm *mm = n->shm->kernel->mm;
	struct object *o = n->object;
	uint32_t frame = NO_FRAME;
	if (size > INT64_MAX)
		return -EINVAL;
	if ((size < o->size && n->seals & SHM_SEAL_SHRINK) ||
	    (size > o->size && n->seals & SHM_SEAL_GROW))
		return -EPERM;
	if (size < o->size && size % PAGE_SIZE && object_anon(o, size >> PAGE_SHIFT)) {
		int err = object_page(mm, o, size >> PAGE_SHIFT, false, &frame);
		if (err)
			return err;
	}
	object_resize(mm, o, size);
	if (frame != NO_FRAME)
		frame_unhold(mm, frame);
	shm_node_changed(n, true);
	return 0;
}
