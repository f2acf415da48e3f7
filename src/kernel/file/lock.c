/* SPDX-License-Identifier: MIT */
/* lock.c - advisory locks */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/sysmacros.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/lock.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

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

/* Of several, the one that begins first. */
static struct lock_held *conflict(struct mounts *m, uint64_t device, uint64_t inode,
				  const struct lock *l)
{
	struct lock_held *h, *first = NULL;
	LIST_FOREACH (h, &m->locks, link) {
		if (h->device == device && h->inode == inode && excludes(&h->lock, l) &&
		    (!first || h->lock.start < first->lock.start))
			first = h;
	}
	return first;
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

static void drop(struct mounts *m, struct lock_held *h)
{
	LIST_REMOVE(h, link);
	m->lock_count--;
	free(h);
}

static void hold(struct mounts *m, struct lock_held *h)
{
	LIST_INSERT_HEAD(&m->locks, h, link);
	m->lock_count++;
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
			hold(m, upper);
		} else if (h->lock.start < l->start) {
			h->lock.end = l->start - 1;
		} else if (h->lock.end > l->end) {
			h->lock.start = l->end + 1;
		} else {
			drop(m, h);
		}
	}
}

/* h takes over what else its owner holds next to it in the same way: one range, as Linux has it. */
static void join(struct mounts *m, struct lock_held *h)
{
	struct lock_held *o, *next;
	for (o = LIST_FIRST(&m->locks); o; o = next) {
		next = LIST_NEXT(o, link);
		if (o == h || o->device != h->device || o->inode != h->inode ||
		    o->lock.owner != h->lock.owner || o->lock.kind != h->lock.kind ||
		    o->lock.type != h->lock.type)
			continue;
		/* An end of UINT64_MAX has no neighbour; nothing begins at 0 after another. */
		if (o->lock.end + 1 == h->lock.start && h->lock.start != 0)
			h->lock.start = o->lock.start;
		else if (h->lock.end + 1 == o->lock.start && o->lock.start != 0)
			h->lock.end = o->lock.end;
		else
			continue;
		drop(m, o);
	}
}

/* Whom a task on the queue waits for; who else holds its lock by then has woken it. */
enum { WAITS_FOR = 0 };

/* Does the owner for whom the caller would wait wait, over others, for the caller? fcntl's locks only:
 * an open file does not wait. As many steps as Linux takes. */
static bool deadlocks(struct mounts *m, const struct lock *l, const void *owner)
{
	enum { STEPS = 10 };
	for (unsigned i = 0; i < STEPS; i++) {
		const struct wait_entry *e;
		TAILQ_FOREACH (e, &m->lock_queue, link) {
			if (e->task->process->files == owner && e->task->call.state[WAITS_FOR])
				break;
		}
		if (!e)
			return false;
		owner = (const void *)(uintptr_t)e->task->call.state[WAITS_FOR];
		if (owner == l->owner)
			return true;
	}
	return false;
}

static int wait_for(struct mounts *m, const struct lock *l, const struct lock_held *h, struct task *t)
{
	if (l->kind == LOCK_RECORD && l->owner == t->process->files && deadlocks(m, l, h->lock.owner))
		return -EDEADLK;
	int err = wait_on(t, &m->lock_queue);
	/* Only of a table of descriptors does another ask. */
	t->call.state[WAITS_FOR] = l->kind == LOCK_RECORD ? (uintptr_t)h->lock.owner : 0;
	return err ? err : CALL_WAIT;
}

int lock_set(struct file *f, const struct lock *l, struct task *t)
{
	struct mounts *m = f->kernel->mounts;
	uint64_t device, inode;
	if (!file_key(f, &device, &inode))
		return -EBADF;
	const struct lock_held *other = l->type != LOCK_NONE ? conflict(m, device, inode, l) : NULL;
	if (other)
		return t ? wait_for(m, l, other, t) : -EAGAIN;
	if (l->type != LOCK_NONE && m->lock_count >= LOCKS_MAX)
		return -ENOLCK;
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
		hold(m, h);
		join(m, h);
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
			drop(m, h);
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

void locks_tell(struct kernel *k, struct text *ret_text)
{
	static const char *const type[] = {[LOCK_READ] = "READ ", [LOCK_WRITE] = "WRITE"};
	const struct mounts *m = k->mounts;
	const struct lock_held *h;
	unsigned number = 0;
	LIST_FOREACH (h, &m->locks, link) {
		const struct lock *l = &h->lock;
		const char *kind = l->kind == LOCK_FLOCK ? "FLOCK " : l->pid < 0 ? "OFDLCK" : "POSIX ";
		text_add(ret_text, "%u: %s ADVISORY  %s %d %02x:%02x:%lu %lu ", ++number, kind,
			 type[l->type], l->pid, major(h->device), minor(h->device), h->inode,
			 l->start);
		if (l->end == UINT64_MAX)
			text_add(ret_text, "EOF\n");
		else
			text_add(ret_text, "%lu\n", l->end);
	}
}
