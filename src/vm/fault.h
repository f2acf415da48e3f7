/* SPDX-License-Identifier: MIT */
/* fault.h - what happens when an access has no translation
 *
 * A fault is a plan, then a reservation, then a commit:
 *
 *	fault_plan     looks, changes nothing, and says the cause and what it will take
 *	reserve_make   gets that: the one place that evicts, sleeps or fails
 *	fault_commit   carries the plan out and can neither allocate nor fail
 *
 * After a sleep the plan is made again. Those who explain (walk, trace, explain) print the same
 * plan that is carried out.
 *
 * The four cases of a fault at page P of a private region (after NetBSD's UVM):
 *
 *            read                          write
 *   upper    map the anon, R               exclusive and chunk unshared?
 *   (anon)                                   yes: map it, RW      (refill)
 *                                            anon has one reference, chunk unshared or
 *                                            now copied: take over (cow-reuse)
 *                                            no:  copy, map, RW   (cow-copy)
 *   lower    map the object's page, R      copy it into a new anon,
 *   (object)   (file-cached, file-read)      map, RW              (cow-copy)
 *   neither  map the zero frame, R         new zeroed anon, RW    (zero-fill)
 *            (zero-map)
 *
 * Before them comes who watches the region (watch.h): what is missing or guarded is handed over. After
 * them, a page that is tracked (track.h) is entered with W only once it has been stored to, so that the
 * first store is a fault (soft-dirty).
 */
#ifndef VM_FAULT_H
#define VM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/event.h"
#include "vm/frame.h"
#include "vm/pmap.h"

struct space;
struct region;

struct fault_request {
	uint64_t va;
	enum access access;
	enum agent by;
	uint64_t pc; /* 0 where the kernel did it */
	bool answered;	     /* by who watches the region: not handed over again; protection is no matter */
	bool fresh;	     /* with answered: a private page is made, whatever lies beneath */
	bool force;	     /* as a debugger: private pages are read and written whatever the protection */
	const uint8_t *fill; /* what a page that is made has, instead of zeros; NULL: zeros */
};

/* Pages that one fault maps at most. */
enum { FAULT_AROUND_MAX = 16 };

/* What a commit does. */
enum fault_step {
	STEP_FAIL,	/* nothing: the cause says why */
	STEP_HAND_OVER, /* tell who watches the region */
	STEP_WAIT,	/* its frame is BUSY: sleep, then plan again */
	STEP_READ,	/* have the object's page read in, then plan again */
	STEP_MAP,	/* map from (the zero frame for zero-map) */
	STEP_TAKE_OVER, /* the anon is exclusive from now on: map it writable */
	STEP_COPY,	/* copy from into a new anon */
	STEP_ZERO,	/* a new zeroed anon, of the space or of the shared-memory object */
};

struct fault_plan {
	enum cause cause;
	enum fault_step step;
	uint64_t page;		/* va of the page */
	struct region *region;	/* NULL: none there */
	struct region *nearest; /* for segv-unmapped: the region closest to va, NULL: none at all */
	struct region *stack;	/* and one above that va could be of, but that may not grow so far; NULL: none */
	struct anon *anon;	/* upper layer, or the shared-memory page */
	uint32_t from;		/* frame whose contents are mapped or copied; NO_FRAME: not resident or none */
	uint64_t key;		/* of the contents that will be mapped; 0: a new one will be given */
	uint64_t grow_to;	/* stack-grow: the region's new start; 0: no growth */
	unsigned prot;		/* of the entry that will be made */
	enum resident as;
	bool stores;		/* the page is tracked, and stored to from now on */
	bool unguards;		/* and it is guarded no more: REGION_WATCH_ASYNC */
	uint32_t watched;	/* STEP_HAND_OVER: the REGION_WATCH_* that it is for */
	struct need need;
};

/* Does the page that the plan makes belong to the space, not to shared memory? */
static inline bool plan_is_private(const struct fault_plan *p)
{
	return p->as == RESIDENT_ANON;
}

static inline bool plan_makes_page(const struct fault_plan *p)
{
	return p->step == STEP_COPY || p->step == STEP_ZERO;
}

/* A fault that was handed over. */
struct handed {
	uint64_t watcher;
	uint32_t watched;
	bool write;
};

enum fault_result {
	FAULT_DONE,
	FAULT_WAIT, /* I/O is under way: sleep until host.wake(mm->waits_for), then repeat */
	FAULT_HANDED, /* tell the watcher of mm->handed, sleep until it answers, then repeat */
	FAULT_SEGV_UNMAPPED,
	FAULT_SEGV_PROTECTION,
	FAULT_BUS_END,
	FAULT_BUS_IO,
	FAULT_NO_MEMORY, /* nothing can be evicted: the kernel must kill somebody, then repeat */
};

/* Pure. */
void fault_plan(struct space *s, const struct fault_request *q, struct fault_plan *ret_plan);

/* Plans, reserves, commits, and tells. */
enum fault_result fault_handle(struct space *s, const struct fault_request *q);

#endif
