/* SPDX-License-Identifier: MIT */
/* mempolicy.c - on which nodes a program wants its memory: mbind(2). It changes nothing here, where there is one
 *
 * A policy is kept with the region, and keeps it apart from neighbours with another. Shared memory keeps those of
 * its pages itself, so that whoever maps them is told the same, as with Linux's shared_policy.
 */
#include <errno.h>

#include "vm/range.h"

/* A run of pages of an object, in their order. */
struct placed {
	uint64_t first, last;
	struct mempolicy policy;
	struct placed *next;
};

static bool keeps_its_own(const struct region *r)
{
	return r->object && r->object->kind == OBJECT_SHARED && !(r->flags & REGION_SECRET);
}

static struct placed *placed_get(struct object *o)
{
	return alloc_get(&o->mm->host.alloc, sizeof(struct placed));
}

static void placed_put(struct object *o, struct placed *p)
{
	if (p)
		alloc_put(&o->mm->host.alloc, p, sizeof(*p));
}

/* Takes pages out of all runs. rest: for what lies behind them in a run that they cut in two; NULL once it is used.
 * Returns where a run of them belongs. */
static struct placed **placed_cut(struct object *o, uint64_t first, uint64_t last, struct placed **rest)
{
	struct placed **at = &o->placed, *p;
	while ((p = *at) && p->first <= last) {
		if (p->first < first && p->last > last) {
			**rest = (struct placed){last + 1, p->last, p->policy, p->next};
			*p = (struct placed){p->first, first - 1, p->policy, *rest};
			*rest = NULL;
		}
		if (p->first < first) {
			p->last = p->last < first ? p->last : first - 1;
			at = &p->next;
		} else if (p->last > last) {
			p->first = last + 1;
		} else {
			*at = p->next;
			placed_put(o, p);
		}
	}
	return at;
}

int object_place_by(struct object *o, uint64_t first, uint64_t last, struct mempolicy policy)
{
	struct placed *new = placed_get(o), *rest = placed_get(o);
	int error = new && rest ? 0 : -ENOMEM;
	struct placed **at = error ? NULL : placed_cut(o, first, last, &rest);
	if (at && policy.mode != POLICY_DEFAULT) {
		*new = (struct placed){first, last, policy, *at};
		*at = new;
		new = NULL;
	}
	placed_put(o, new);
	placed_put(o, rest);
	return error;
}

void object_place_nowhere(struct object *o)
{
	struct placed *p;
	while ((p = o->placed)) {
		o->placed = p->next;
		placed_put(o, p);
	}
}

struct mempolicy region_policy_at(const struct region *r, uint64_t va)
{
	if (!keeps_its_own(r))
		return r->policy;
	uint64_t index = region_index(r, va);
	for (const struct placed *p = r->object->placed; p; p = p->next) {
		if (p->first <= index && index <= p->last)
			return p->policy;
	}
	return (struct mempolicy){POLICY_DEFAULT, 0};
}

int space_place_by(struct space *s, uint64_t start, uint64_t end, struct mempolicy policy)
{
	struct range g;
	uint64_t at = start;
	const struct region *first = regions_at_or_after(&s->regions, start);
	if (!first || first->start >= end)
		return -EFAULT;
	RANGE_REGIONS (r, s, start, end) {
		if (r->start > at && policy.mode != POLICY_DEFAULT)
			return -EFAULT;
		at = r->end;
	}
	if (at < end && policy.mode != POLICY_DEFAULT)
		return -EFAULT;
	if (range_begin(&g, s, start, end, false) != 0)
		return -ENOMEM;
	int error = 0;
	for (struct region *r = regions_at_or_after(&s->regions, start); !error && r && r->start < end; r = region_next(r)) {
		if (mempolicy_same(r->policy, policy))
			continue;
		r = range_take(&g, r);
		if (keeps_its_own(r))
			error = object_place_by(r->object, region_index(r, r->start), region_index(r, r->end - 1), policy);
		r->policy = error ? r->policy : policy;
		r = range_merge(s, r);
	}
	range_end(&g);
	return error;
}
