/* SPDX-License-Identifier: MIT */
/* lock.c - advisory locks */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/lock.h"
#include "kernel/path.h"

struct lock_held {
	uint64_t device, inode;
	struct lock lock;
	LIST_ENTRY(lock_held) link;
};

static bool file_key(struct file *f, uint64_t *ret_device, uint64_t *ret_inode)
{
	struct stat st;
	if (!f->ops->stat || f->ops->stat(f, &st) != 0)
		return false;
	*ret_device = st.st_dev;
	*ret_inode = st.st_ino;
	return true;
}

static bool overlap(const struct lock *a, const struct lock *b)
{
	return a->kind == b->kind && a->start <= b->end && b->start <= a->end;
}

static bool excludes(const struct lock *a, const struct lock *b)
{
	return overlap(a, b) && a->owner != b->owner &&
	       (a->type == LOCK_WRITE || b->type == LOCK_WRITE);
}

static struct lock_held *conflict(struct mounts *m, uint64_t device, uint64_t inode,
				  const struct lock *l)
{
	struct lock_held *h;
	LIST_FOREACH (h, &m->locks, link) {
		if (h->device == device && h->inode == inode && excludes(&h->lock, l))
			return h;
	}
	return NULL;
}

bool lock_conflict(struct file *f, const struct lock *l, struct lock *ret_lock)
{
	uint64_t device, inode;
	if (!file_key(f, &device, &inode))
		return false;
	const struct lock_held *h = conflict(f->kernel->mounts, device, inode, l);
	if (h)
		*ret_lock = h->lock;
	return h != NULL;
}

static void drop(struct lock_held *h)
{
	LIST_REMOVE(h, link);
	free(h);
}

/* Cuts [l->start, l->end] out of what its owner holds. spare: memory for a range that is cut in
 * two; set to NULL when it was used. */
static void cut(struct mounts *m, uint64_t device, uint64_t inode, const struct lock *l,
		struct lock_held **spare)
{
	struct lock_held *h, *next;
	for (h = LIST_FIRST(&m->locks); h; h = next) {
		next = LIST_NEXT(h, link);
		if (h->device != device || h->inode != inode || h->lock.owner != l->owner ||
		    !overlap(&h->lock, l))
			continue;
		if (h->lock.start < l->start && h->lock.end > l->end) {
			struct lock_held *upper = *spare;
			*spare = NULL;
			*upper = *h;
			upper->lock.start = l->end + 1;
			h->lock.end = l->start - 1;
			LIST_INSERT_HEAD(&m->locks, upper, link);
		} else if (h->lock.start < l->start) {
			h->lock.end = l->start - 1;
		} else if (h->lock.end > l->end) {
			h->lock.start = l->end + 1;
		} else {
			drop(h);
		}
	}
}

int lock_set(struct file *f, const struct lock *l, struct task *t)
{
	struct mounts *m = f->kernel->mounts;
	uint64_t device, inode;
	if (!file_key(f, &device, &inode))
		return -EBADF;
	if (l->type != LOCK_NONE && conflict(m, device, inode, l)) {
		if (!t)
			return -EAGAIN;
		int err = wait_on(t, &m->lock_queue);
		return err ? err : CALL_WAIT;
	}
	struct lock_held *h = malloc(sizeof(*h)), *spare = malloc(sizeof(*spare));
	if (!h || !spare) {
		free(h);
		free(spare);
		return -ENOLCK;
	}
	cut(m, device, inode, l, &spare);
	free(spare);
	if (l->type == LOCK_NONE) {
		free(h);
	} else {
		*h = (struct lock_held){device, inode, *l, {0}};
		LIST_INSERT_HEAD(&m->locks, h, link);
	}
	wait_wake_all(&m->lock_queue);
	return 0;
}

static void forget(struct mounts *m, const void *owner, const uint64_t *device,
		   const uint64_t *inode)
{
	struct lock_held *h, *next;
	bool any = false;
	for (h = LIST_FIRST(&m->locks); h; h = next) {
		next = LIST_NEXT(h, link);
		if (h->lock.owner == owner &&
		    (!device || (h->device == *device && h->inode == *inode))) {
			drop(h);
			any = true;
		}
	}
	if (any)
		wait_wake_all(&m->lock_queue);
}

void locks_forget_file(struct file *f)
{
	struct mounts *m = f->kernel->mounts;
	if (!LIST_EMPTY(&m->locks))
		forget(m, f, NULL, NULL);
}

void locks_forget_owner(struct file *f, const struct fd_table *ft)
{
	struct mounts *m = f->kernel->mounts;
	uint64_t device, inode;
	if (!LIST_EMPTY(&m->locks) && file_key(f, &device, &inode))
		forget(m, ft, &device, &inode);
}
