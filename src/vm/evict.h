/* SPDX-License-Identifier: MIT */
/* evict.h - emptying frames, so that others can have them
 *
 *	1. The policy names a victim.
 *	2. It is taken out of every space that maps it; A and D come back to the frame.
 *	3. file, clean		it is dropped: it can be read again
 *	   file, dirty		it is written to its file, then dropped
 *	   anon, clean		it is dropped: its slot has the same bytes
 *	   anon, dirty		it is written to a slot; when that has ended, dropped
 *	   anon, not wanted	(MADV_FREE, and not stored to since) it is dropped, zeros take its place
 *	4. The frame is free.
 *
 * A page that is being written stays its owner's: who touches it meanwhile waits, and then it is
 * kept (WANTED). What cannot be written stays, and another victim is looked for.
 */
#ifndef VM_EVICT_H
#define VM_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/event.h"

struct mm;

/* The last page that was evicted on behalf of a fault, which tells of it. key 0: none. */
struct victim {
	struct event_evict what;
	int32_t pid; /* one that it was mapped by; 0: none */
	uint64_t addr;
};

/* Makes at least n frames free. incoming: the key that wants in; 0: none. Returns 0; -EAGAIN: what was
 * begun ends when mm->waits_for does; -ENOMEM: nothing is left to evict, or the host has no
 * memory. */
int evict_until(struct mm *mm, uint32_t n, uint64_t incoming);

/* Empties one frame that is evictable. Returns 0: it is free. -EAGAIN: it will be. Else it stays: the
 * error of its device, -ENOSPC (no slot), -ENOMEM. */
int evict_frame(struct mm *mm, uint32_t frame);

/* Empties what can be had for nothing: clean pages of files that nobody has mapped. */
void evict_clean(struct mm *mm);

/* The write of an evicted page has ended, well or not: its frame is OWNED again. For swap.c. */
void evict_written(struct mm *mm, uint32_t frame, int error);

/* Keeps free frames between the marks, if marks are set; called as time passes. */
void evict_balance(struct mm *mm);

#endif
