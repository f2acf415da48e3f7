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
 *
 * The contracts in ACSL are proved of the code (docs/proof.md).
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

/*@ axiomatic Slots {
      // How many of the slots [from, to) have from low to high references.
      logic integer slots_with{L}(uint8_t *refs, integer low, integer high, integer from, integer to)
        reads refs[from .. to - 1];
      axiom slots_with_none{L}: \forall uint8_t *refs, integer low, high, from, to;
        to <= from ==> slots_with(refs, low, high, from, to) == 0;
      axiom slots_with_one_more{L}: \forall uint8_t *refs, integer low, high, from, to;
        from < to ==> slots_with(refs, low, high, from, to) ==
          slots_with(refs, low, high, from, to - 1) + (low <= refs[to - 1] <= high ? 1 : 0);
    }

    logic integer slots_end(struct slots *s) = s->count + 1;
    logic integer block_end(struct slots *s, integer block) =
      \min((block + 1) * SLOT_BLOCK, slots_end(s));

    predicate slots_fit(struct slots *s) =
      \valid(s) && 1 <= s->count <= SLOTS_MAX && 1 <= s->next <= s->count &&
      \valid(s->refs + (0 .. s->count)) && \valid(s->room + (0 .. s->count / SLOT_BLOCK));

    // What always holds between calls: the numbers say what is there.
    predicate slots_hold(struct slots *s) =
      slots_fit(s) && s->refs[0] == SLOT_BAD &&
      s->used == slots_with(s->refs, 1, SLOT_REFS_MAX, 1, slots_end(s)) &&
      s->bad == slots_with(s->refs, SLOT_BAD, SLOT_BAD, 1, slots_end(s)) &&
      (\forall integer b; 0 <= b <= s->count / SLOT_BLOCK ==>
        s->room[b] == slots_with(s->refs, 0, 0, b * SLOT_BLOCK, block_end(s, b)));

    predicate slot_used(struct slots *s, integer slot) =
      1 <= slot <= s->count && 1 <= s->refs[slot] <= SLOT_REFS_MAX;

    // n neighbouring slots of one block, the first of them being first.
    predicate slots_run(struct slots *s, integer first, integer n) =
      1 <= first && first + n <= slots_end(s) && first % SLOT_BLOCK + n <= SLOT_BLOCK;
    predicate slots_free{L}(struct slots *s, integer from, integer to) =
      \forall integer i; from <= i < to ==> s->refs[i] == 0;
 */

/* count: 1 to SLOTS_MAX. Returns 0 or -ENOMEM. */
int slots_init(struct slots *s, const struct alloc *alloc, uint32_t count);
/* With the same alloc. */
void slots_finish(struct slots *s, const struct alloc *alloc);

/* Takes n neighbouring free slots of one block, 1 to SLOT_BLOCK, with one reference each. Returns the
 * first of them, or 0: there is no such run. For one slot, 0 means that none is free. */
/*@ requires slots_hold(s) && 1 <= n <= SLOT_BLOCK;
    assigns s->refs[1 .. s->count], s->room[0 .. s->count / SLOT_BLOCK], s->used, s->next;
    ensures slots_hold(s);
    ensures \result == 0 ==>
      \forall integer i; slots_run(s, i, n) ==> !slots_free{Pre}(s, i, i + n);
    ensures \result == 0 ==>
      \forall integer i; 1 <= i <= s->count ==> s->refs[i] == \old(s->refs[i]);
    ensures \result != 0 ==> slots_run(s, \result, n) && slots_free{Pre}(s, \result, \result + n);
    ensures \result != 0 ==>
      \forall integer i; 1 <= i <= s->count ==>
        s->refs[i] == (\result <= i < \result + n ? 1 : \old(s->refs[i]));
 */
uint32_t slots_take(struct slots *s, uint32_t n);

/* One reference more to a slot that has some. */
/*@ requires slots_hold(s) && slot_used(s, slot) && s->refs[slot] < SLOT_REFS_MAX;
    assigns s->refs[slot];
    ensures slots_hold(s);
    ensures s->refs[slot] == \old(s->refs[slot]) + 1;
 */
void slots_get(struct slots *s, uint32_t slot);
/* One less. Returns true if it was the last, and the slot is free. */
/*@ requires slots_hold(s) && slot_used(s, slot);
    assigns s->refs[slot], s->room[slot / SLOT_BLOCK], s->used;
    ensures slots_hold(s);
    ensures s->refs[slot] == \old(s->refs[slot]) - 1;
    ensures \result <==> s->refs[slot] == 0;
 */
bool slots_put(struct slots *s, uint32_t slot);
/* The last reference goes, and the slot is not taken again. */
/*@ requires slots_hold(s) && slot_used(s, slot) && s->refs[slot] == 1;
    assigns s->refs[slot], s->used, s->bad;
    ensures slots_hold(s);
    ensures s->refs[slot] == SLOT_BAD;
 */
void slots_mark_bad(struct slots *s, uint32_t slot);

/* References of a slot; 0 for a free or bad one. */
/*@ requires slots_hold(s) && 1 <= slot <= s->count;
    assigns \nothing;
    ensures slot_used(s, slot) ==> \result == s->refs[slot];
    ensures !slot_used(s, slot) ==> \result == 0;
 */
unsigned slots_refs(const struct slots *s, uint32_t slot);

#endif
