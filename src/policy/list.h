/* SPDX-License-Identifier: MIT */
/* list.h - lists of frames, linked by index in one array
 *
 * A frame is in one list at most, and its link says in which, so that removing it takes no search
 * and no list to be named. Lists are numbered from 1; 0 is "in none". The array is zero to begin
 * with: frames that were never used cost the host nothing.
 *
 *	list[n].first -> next -> next -> list[n].last
 *
 * The owner is a policy, which makes the arrays with pick_init and frees them with pick_finish.
 */
#ifndef POLICY_LIST_H
#define POLICY_LIST_H

#include "vm/policy.h"

struct link {
	uint32_t next, prev; /* frame + 1; 0 at the ends */
	uint32_t list : 30;
	uint32_t referenced : 1; /* the policy's own */
	uint32_t marked : 1;	 /* the policy's own */
};

struct list {
	uint32_t first, last; /* frame + 1 */
	uint32_t count;
};

struct lists {
	struct link *link; /* by frame */
	struct list *list; /* by number */
};

static inline uint32_t list_first(const struct lists *l, uint32_t list)
{
	return l->list[list].first - 1;
}

/* The frame after this one in its list, or NO_FRAME. */
static inline uint32_t list_next(const struct lists *l, uint32_t frame)
{
	return l->link[frame].next - 1;
}

static inline uint32_t list_count(const struct lists *l, uint32_t list)
{
	return l->list[list].count;
}

/* In which list the frame is; 0: none. */
static inline uint32_t list_of(const struct lists *l, uint32_t frame)
{
	return l->link[frame].list;
}

static inline void list_remove(struct lists *l, uint32_t frame)
{
	struct link *k = &l->link[frame];
	if (!k->list)
		return;
	struct list *list = &l->list[k->list];
	if (k->prev)
		l->link[k->prev - 1].next = k->next;
	else
		list->first = k->next;
	if (k->next)
		l->link[k->next - 1].prev = k->prev;
	else
		list->last = k->prev;
	list->count--;
	k->next = k->prev = k->list = 0;
}

/* Moves the frame to the end of a list, from wherever it is. */
static inline void list_append(struct lists *l, uint32_t list, uint32_t frame)
{
	list_remove(l, frame);
	struct list *to = &l->list[list];
	struct link *k = &l->link[frame];
	k->list = list;
	k->prev = to->last;
	if (to->last)
		l->link[to->last - 1].next = frame + 1;
	else
		to->first = frame + 1;
	to->last = frame + 1;
	to->count++;
}

/* Moves the frame to the start of a list. */
static inline void list_prepend(struct lists *l, uint32_t list, uint32_t frame)
{
	list_remove(l, frame);
	struct list *to = &l->list[list];
	struct link *k = &l->link[frame];
	k->list = list;
	k->next = to->first;
	if (to->first)
		l->link[to->first - 1].prev = frame + 1;
	else
		to->last = frame + 1;
	to->first = frame + 1;
	to->count++;
}

#endif
