/* SPDX-License-Identifier: MIT */
#include "kernel/file/lease.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/abi.h"
#include "kernel/cred.h"
#include "kernel/event/async.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/path.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"

struct lease {
	LIST_ENTRY(lease) link;
	struct file *file;
	uint64_t device, inode;
	enum lease_type type, becomes; /* becomes: the same, unless it is being broken */
	uint64_t deadline;	       /* of that */
	int fd;
};

void leases_init(struct leases *l)
{
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		LIST_INIT(&l->bucket[i]);
	wait_queue_init(&l->queue);
}

static struct leases *leases_of(const struct kernel *k)
{
	return &k->mounts->leases;
}

static struct lease *lease_of(const struct file *f)
{
	const struct leases *all = leases_of(f->kernel);
	struct lease *l = NULL;
	for (unsigned i = 0; all->count && !l && i < LEASE_BUCKETS; i++)
		LIST_FOREACH (l, &all->bucket[i], link)
			if (l->file == f)
				break;
	return l;
}

static void lease_end(struct leases *all, struct lease *l)
{
	LIST_REMOVE(l, link);
	free(l);
	all->count--;
	wait_wake_all(&all->queue);
}

static void lease_become(struct leases *all, struct lease *l, enum lease_type type)
{
	if (type == LEASE_NONE) {
		lease_end(all, l);
		return;
	}
	l->type = l->becomes = type;
	wait_wake_all(&all->queue);
}

/* Who else has f's file open, and how many of all write to it. */
static int openers(const struct file *f, unsigned *ret_others, unsigned *ret_writers)
{
	const struct shm_node *n = shm_node_of(f);
	const struct file *o;
	unsigned files = 0, writers = 0;
	if (!n)
		return hostnode_openers(f, ret_others, ret_writers);
	LIST_FOREACH (o, &f->kernel->mounts->named, named) {
		if (shm_node_of(o) != n)
			continue;
		files++;
		writers += (o->flags & ABI_O_ACCMODE) != ABI_O_RDONLY;
	}
	*ret_others = files - 1;
	*ret_writers = writers;
	return 0;
}

static int lease_add(struct file *f, const struct stat *st, struct lease **ret_lease)
{
	struct leases *all = leases_of(f->kernel);
	if (all->count >= LEASES_MAX)
		return -ENOLCK;
	struct lease *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOLCK;
	l->file = f;
	l->device = st->st_dev;
	l->inode = st->st_ino;
	LIST_INSERT_HEAD(&all->bucket[st->st_ino % LEASE_BUCKETS], l, link);
	all->count++;
	*ret_lease = l;
	return 0;
}

int lease_set(struct task *t, struct file *f, int fd, uint64_t type)
{
	struct leases *all = leases_of(f->kernel);
	struct lease *l = lease_of(f);
	struct stat st;
	unsigned others, writers;
	if (type > LEASE_NONE || !f->ops->stat || f->ops->stat(f, &st) != 0)
		return -EINVAL;
	if (t->cred->fsuid != st.st_uid && !task_can(t, CAP_LEASE))
		return -EACCES;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (type == LEASE_NONE) {
		if (l)
			lease_become(all, l, LEASE_NONE);
		return l ? 0 : -EAGAIN;
	}
	int err = openers(f, &others, &writers);
	if (err)
		return err;
	if (type == LEASE_WRITE ? others > 0 : writers > 0 || (l && l->becomes == LEASE_NONE))
		return -EAGAIN;
	/* Without an owner nobody would hear of it. */
	enum async_kind kind;
	int32_t id;
	async_owner(f, &kind, &id);
	err = id ? 0 : async_set_owner(f, ASYNC_PROCESS, t->process->pid);
	if (!err && !l)
		err = lease_add(f, &st, &l);
	if (err)
		return err;
	l->fd = fd;
	lease_become(all, l, (enum lease_type)type);
	return 0;
}

enum lease_type lease_get(const struct file *f)
{
	const struct lease *l = lease_of(f);
	return l ? l->becomes : LEASE_NONE;
}

/* Tells the holder, once for each thing that it must become. Returns whether it must be waited for. */
static bool ask(struct leases *all, struct lease *l, bool writes, uint64_t now)
{
	enum lease_type wanted = writes ? LEASE_NONE : LEASE_READ;
	if (!writes && l->type == LEASE_READ)
		return false;
	if (l->becomes != l->type && l->deadline <= now) {
		lease_become(all, l, l->becomes);
		return false;
	}
	if (l->becomes == LEASE_NONE || l->becomes == wanted)
		return true;
	if (l->becomes == l->type)
		l->deadline = now + l->file->kernel->settings.lease_break * UINT64_C(1000000000);
	l->becomes = wanted;
	async_notify(l->file, l->fd);
	return true;
}

int lease_break(const struct place *at, struct task *t, bool writes, bool nonblocking)
{
	struct leases *all = leases_of(at->kernel);
	struct lease *l, *next;
	uint64_t now = kernel_now(at->kernel), until = NO_DEADLINE;
	bool waits = false;
	if (!all->count || !at->exists || !S_ISREG(at->stat.st_mode) || !t)
		return 0;
	for (l = LIST_FIRST(&all->bucket[at->stat.st_ino % LEASE_BUCKETS]); l; l = next) {
		next = LIST_NEXT(l, link);
		if (l->inode != at->stat.st_ino || l->device != at->stat.st_dev || !ask(all, l, writes, now))
			continue;
		waits = true;
		until = l->deadline < until ? l->deadline : until;
	}
	if (!waits)
		return 0;
	if (nonblocking)
		return -EAGAIN;
	if (t->call.interrupted)
		return CALL_WAIT;
	int err = wait_on(t, &all->queue);
	if (!err)
		wait_until(t, until);
	return err ? err : CALL_WAIT;
}

void lease_forget_file(struct file *f)
{
	struct lease *l = lease_of(f);
	if (l)
		lease_end(leases_of(f->kernel), l);
}
