/* SPDX-License-Identifier: MIT */
/* slots.h - which slots of the swap space are in use, and how often
 *
 * Slots are numbered from 1 to count; 0 means none. Each is free, has 1 to SLOT_REFS_MAX
 * references, or is bad: its device failed it, and it is never taken again.
 *
 *	          slots_take                 slots_get
 *	   FREE -------------> 1 reference -----------> 2, 3, ...
 *	    ^                   |       |  <-----------
 *	    +-------------------+       |    slots_put
 *	          slots_put             |
 *	                                +-------------> BAD
 *	                                 slots_mark_bad
 *
 * Slots are taken next-fit, so that pages that are swapped out one after the other lie beside each
 * other on the device, and a freed slot rests before it is used again.
 *
 * This knows numbers only: what a slot holds, and on which device, is the swap's affair. Nothing
 * here fails but slots_init, for memory, and slots_take, when there is no room.
 */
#ifndef VM_SLOTS_H
#define VM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

enum {
	SLOT_REFS_MAX = 254,
	SLOT_BAD = 255,	   /* in place of a number of references */
	SLOT_BLOCK = 1024, /* slots whose free ones are counted together: full blocks are skipped */
	SLOTS_MAX = 1 << 30
};

struct slots {
	uint32_t count; /* slots there are */
	uint32_t used;	/* of them, those with references */
	uint32_t bad;	/* of them, those that are bad */
	uint32_t next;	/* where the search begins, 1 to count */
	uint8_t *refs;	/* [count + 1]: references, or SLOT_BAD. Slot 0 is bad, and not counted. */
	uint16_t *room; /* free slots of each block, the first being 0 to SLOT_BLOCK - 1 */
};

/* count: 1 to SLOTS_MAX. Returns 0 or -ENOMEM. */
int slots_init(struct slots *s, const struct alloc *alloc, uint32_t count);
/* With the same alloc. */
void slots_finish(struct slots *s, const struct alloc *alloc);

/* Takes n neighbouring free slots of one block, 1 to SLOT_BLOCK, with one reference each. Returns the
 * first of them, or 0: there is no such run. For one slot, 0 means that none is free. */
uint32_t slots_take(struct slots *s, uint32_t n);

/* One reference more to a slot that has some. */
void slots_get(struct slots *s, uint32_t slot);
/* One less. Returns true if it was the last, and the slot is free. */
bool slots_put(struct slots *s, uint32_t slot);
/* The last reference goes, and the slot is not taken again. */
void slots_mark_bad(struct slots *s, uint32_t slot);

/* References of a slot; 0 for a free or bad one. */
unsigned slots_refs(const struct slots *s, uint32_t slot);

#endif
