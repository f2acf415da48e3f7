/* SPDX-License-Identifier: MIT */
/* thrash.h - does the machine do anything but fetch back what it has just thrown out?
 *
 * A page that comes back when d others were evicted since it left would have stayed if RAM had had
 * about d frames more: its refault distance (after Weiner's thrash detection in Linux, 2014). The
 * machine is watched in windows of as many evictions as it has frames. In a window it thrashes
 * (Denning 1968) if
 *
 *	most pages that were evicted made room for one that came back, and
 *	one came back for every THRASH_NS of time, or more often
 *
 * Nine of ten of those pages would have stayed in thrash.wanted frames: that is about what the
 * working sets take together.
 */
#ifndef VM_THRASH_H
#define VM_THRASH_H

#include <stdbool.h>
#include <stdint.h>

struct mm;

/* A swap device needs about half of this for a page: the processor has little left to do. */
#define THRASH_NS UINT64_C(200000)
enum { THRASH_WINDOW_MIN = 128, THRASH_BUCKETS = 33 };

struct thrash {
	uint64_t began;			  /* time when the window began */
	uint32_t evictions, refaults;	  /* in the window */
	uint32_t distance[THRASH_BUCKETS]; /* refaults by the logarithm of their distance */
	bool now;			  /* the last whole window thrashed */
	uint64_t wanted;		  /* frames: see above; of the last that did */
	uint32_t share_refaults, share_evictions; /* of that window */
};

/* A page was evicted. Returns the number of this eviction, which never comes again. */
uint64_t thrash_evicted(struct mm *mm);
/* A page came back, into frame, for a space (its serial; 0: nobody), that had left with eviction number
 * evicted: counts it, and tells its refault distance. */
void thrash_refault(struct mm *mm, uint32_t frame, uint32_t space, uint64_t evicted);

#endif
