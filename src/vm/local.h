/* SPDX-License-Identifier: MIT */
/* local.h - who may take whose frames
 *
 * Global replacement (the default): one policy looks at all evictable frames, whoever brought them in.
 *
 * Local replacement: each group has a policy of its own over the frames that it brought in, and gives
 * up its own to get more. How many it may have:
 *
 *	fixed	an equal share of what is left of RAM beside tables and the kernel
 *	pff	as many as keep its page faults apart by the interval. A fault that comes sooner adds a
 *		frame; at one that comes later, what was not used since the last goes (Chu and
 *		Opderbeck: The page fault frequency replacement algorithm, 1972)
 *	ws	its working set: what it used within the window (Denning: The working set model for
 *		program behavior, 1968), looked at WS_LOOKS times in a window
 *
 * Interval and window are in the processor time of the group, group->ran. Where pff and ws want
 * more frames than there are, the group that has most gives. Pages that no living group brought in are
 * nobody's, under the global policy, and go first.
 */
#ifndef VM_LOCAL_H
#define VM_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct mm;
struct group;
struct policy;

enum local_rule { LOCAL_NONE, LOCAL_FIXED, LOCAL_PFF, LOCAL_WS };
enum { WS_LOOKS = 4 };

struct local_config {
	enum local_rule rule;
	uint64_t time; /* ns of the group: pff's interval, ws's window */
};

/* What a group has because of it. */
struct local {
	struct policy *policy; /* NULL: global replacement */
	uint64_t resident;     /* frames that this policy knows */
	uint64_t ran;	       /* processor time of its processes, ns: the kernel's to count */
	uint64_t looked;       /* ran, at the last fault (pff) or look (ws) */
	uint64_t *used;	       /* ws, by frame: ran when it was last found referenced */
};

/* A group begins, and ends: what it brought in is nobody's from then on. Returns 0 or -ENOMEM. */
int local_init(struct mm *mm, struct group *g);
void local_finish(struct mm *mm, struct group *g);

/* A frame was taken into the policy of g, or left it. */
void local_entered(struct mm *mm, struct group *g, uint32_t frame);

/* The group on whose behalf frames are wanted now; NULL: nobody's. */
struct group *local_current(const struct mm *mm);
/* g faults and wants frames: pff and ws let go of what it does not use. */
void local_fault(struct mm *mm, struct group *g);
/* How many of its own frames the current group must give up to have n more. */
uint64_t local_over(const struct mm *mm, uint64_t n);
/* The next victim: one of the current group's own; or nobody's, else one of the group that has most.
 * NO_FRAME: there is none. */
uint32_t local_victim_own(struct mm *mm, uint64_t incoming);
uint32_t local_victim(struct mm *mm, uint64_t incoming);

#endif
