/* SPDX-License-Identifier: MIT */
/* group.c - process groups: who is in which, without a look at all processes */
#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

static int group_order(const struct process *a, const struct process *b)
{
	if (a->pgid != b->pgid)
		return a->pgid < b->pgid ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}
RB_GENERATE_INTERNAL(group_tree, process, by_group, group_order, __attribute__((unused)) static)

void process_group_join(struct process *p, int32_t pgid)
{
	p->pgid = pgid;
	RB_INSERT(group_tree, &p->kernel->groups, p);
}

void process_group_leave(struct process *p)
{
	RB_REMOVE(group_tree, &p->kernel->groups, p);
}

/* The first of a group whose pid is at least pid. */
static struct process *group_from(struct kernel *k, int32_t pgid, int32_t pid)
{
	struct process key = {.pgid = pgid, .pid = pid};
	struct process *p = RB_NFIND(group_tree, &k->groups, &key);
	return p && p->pgid == pgid ? p : NULL;
}

struct process *process_group_first(struct kernel *k, int32_t pgid)
{
	return group_from(k, pgid, 0);
}

struct process *process_group_next(struct process *p)
{
	struct process *next = RB_NEXT(group_tree, , p);
	return next && next->pgid == p->pgid ? next : NULL;
}

unsigned process_group_each(struct kernel *k, int32_t pgid,
			    void (*fn)(struct process *p, void *ctx), void *ctx)
{
	unsigned n = 0;
	struct process *p = process_group_first(k, pgid);
	while (p) {
		/* fn may end p, and others with it: go on from its number. */
		int32_t next = p->pid + 1;
		if (p != k->init) {
			n++;
			if (fn)
				fn(p, ctx);
		}
		p = group_from(k, pgid, next);
	}
	return n;
}
