/* SPDX-License-Identifier: MIT */
/* fifo.c - first in, first out: the victim is the page that entered first
 *
 * Exhibits Belady's anomaly: more frames can mean more faults (Belady, Nelson, Shedler 1969).
 *
 *	first -> next -> next -> last	frames in the order in which their pages entered
 */
#include <errno.h>

#include "policy/policies.h"

struct link {
	uint32_t next, prev; /* NO_FRAME at the ends */
};

struct policy {
	struct policy_env env;
	uint32_t first, last;
	struct link link[]; /* by frame */
};

static size_t fifo_size(uint32_t frames)
{
	return sizeof(struct policy) + frames * sizeof(struct link);
}

static int fifo_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	if (params && *params)
		return -EINVAL;
	struct policy *p = alloc_get(env->alloc, fifo_size(env->frames));
	if (!p)
		return -ENOMEM;
	p->env = *env;
	p->first = p->last = NO_FRAME;
	*ret_policy = p;
	return 0;
}

static void fifo_destroy(struct policy *p)
{
	struct policy_env env = p->env;
	alloc_put(env.alloc, p, fifo_size(env.frames));
}

static void fifo_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	p->link[frame] = (struct link){.next = NO_FRAME, .prev = p->last};
	if (p->last == NO_FRAME)
		p->first = frame;
	else
		p->link[p->last].next = frame;
	p->last = frame;
}

static void fifo_touch(struct policy *p, uint32_t frame) {}

static void fifo_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	struct link l = p->link[frame];
	if (l.prev == NO_FRAME)
		p->first = l.next;
	else
		p->link[l.prev].next = l.next;
	if (l.next == NO_FRAME)
		p->last = l.prev;
	else
		p->link[l.next].prev = l.prev;
}

static void fifo_forget(struct policy *p, uint64_t key) {}

static uint32_t fifo_victim(struct policy *p, uint64_t incoming)
{
	uint32_t frame = p->first;
	while (frame != NO_FRAME && !p->env.evictable(p->env.ctx, frame))
		frame = p->link[frame].next;
	return frame;
}

static void fifo_rejected(struct policy *p, uint32_t frame) {}
static void fifo_tick(struct policy *p, uint64_t now) {}

const struct policy_ops policy_fifo = {
    .name = "fifo",
    .paper =
	"Belady, Nelson, Shedler: An anomaly in space-time characteristics of certain programs "
	"running in a paging machine, CACM 1969",
    .summary = "first in, first out",
    .create = fifo_create,
    .destroy = fifo_destroy,
    .enter = fifo_enter,
    .touch = fifo_touch,
    .leave = fifo_leave,
    .forget = fifo_forget,
    .victim = fifo_victim,
    .rejected = fifo_rejected,
    .tick = fifo_tick,
};
