/* SPDX-License-Identifier: MIT */
/* slots.h - which slots of the swap space are taken
 *
 * Slots are numbered from 1 to count; 0 means none. Each is free, or taken by the one page that lies there:
 *
 *	          slots_take
 *	   FREE -------------> TAKEN
 *	    ^                    |
 *	    +--------------------+
 *	          slots_put
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
	SLOT_BLOCK = 1024, /* slots whose free ones are counted together: full blocks are skipped */
	SLOTS_MAX = 1 << 30
};

struct slots {
	uint32_t count; /* slots there are */
	uint32_t used;	/* of them, those that are taken */
	uint32_t next;	/* where the search begins, 1 to count */
	uint8_t *taken; /* [count + 1]: 0, or 1. Slot 0 is taken for ever, and not counted. */
	uint16_t *room; /* free slots of each block, the first being 0 to SLOT_BLOCK - 1 */
};

/*@ axiomatic Slots {
      // How many of the slots [from, to) have this value.
      logic integer slots_with{L}(uint8_t *taken, integer value, integer from, integer to)
        reads taken[from .. to - 1];
      axiom slots_with_none{L}: \forall uint8_t *taken, integer value, from, to;
        to <= from ==> slots_with(taken, value, from, to) == 0;
      axiom slots_with_one_more{L}: \forall uint8_t *taken, integer value, from, to;
        from < to ==> slots_with(taken, value, from, to) ==
          slots_with(taken, value, from, to - 1) + (taken[to - 1] == value ? 1 : 0);
    }

    logic integer slots_end(struct slots *s) = s->count + 1;
    logic integer block_end(struct slots *s, integer block) =
      \min((block + 1) * SLOT_BLOCK, slots_end(s));

    predicate slots_fit(struct slots *s) =
      \valid(s) && 1 <= s->count <= SLOTS_MAX && 1 <= s->next <= s->count &&
      \valid(s->taken + (0 .. s->count)) && \valid(s->room + (0 .. s->count / SLOT_BLOCK));

    // What always holds between calls: the numbers say what is there.
    predicate slots_hold(struct slots *s) =
      slots_fit(s) && s->taken[0] == 1 &&
      s->used == slots_with(s->taken, 1, 1, slots_end(s)) &&
      (\forall integer b; 0 <= b <= s->count / SLOT_BLOCK ==>
        s->room[b] == slots_with(s->taken, 0, b * SLOT_BLOCK, block_end(s, b)));

    predicate slot_taken(struct slots *s, integer slot) =
      1 <= slot <= s->count && s->taken[slot] == 1;

    // n neighbouring slots of one block, the first of them being first.
    predicate slots_run(struct slots *s, integer first, integer n) =
      1 <= first && first + n <= slots_end(s) && first % SLOT_BLOCK + n <= SLOT_BLOCK;
    predicate slots_free{L}(struct slots *s, integer from, integer to) =
      \forall integer i; from <= i < to ==> s->taken[i] == 0;
 */

/* count: 1 to SLOTS_MAX. Returns 0 or -ENOMEM. */
int slots_init(struct slots *s, const struct alloc *alloc, uint32_t count);
/* With the same alloc. */
void slots_finish(struct slots *s, const struct alloc *alloc);

/* Takes n neighbouring free slots of one block, 1 to SLOT_BLOCK. Returns the first of
 * them, or 0: there is no such run. For one slot, 0 means that none is free. */
/*@ requires slots_hold(s) && 1 <= n <= SLOT_BLOCK;
    assigns s->taken[1 .. s->count], s->room[0 .. s->count / SLOT_BLOCK], s->used, s->next;
    ensures slots_hold(s);
    ensures \result == 0 ==>
      \forall integer i; slots_run(s, i, n) ==> !slots_free{Pre}(s, i, i + n);
    ensures \result == 0 ==>
      \forall integer i; 1 <= i <= s->count ==> s->taken[i] == \old(s->taken[i]);
    ensures \result != 0 ==> slots_run(s, \result, n) && slots_free{Pre}(s, \result, \result + n);
    ensures \result != 0 ==>
      \forall integer i; 1 <= i <= s->count ==>
        s->taken[i] == (\result <= i < \result + n ? 1 : \old(s->taken[i]));
 */
uint32_t slots_take(struct slots *s, uint32_t n);

/* It is free again. */
/*@ requires slots_hold(s) && slot_taken(s, slot);
    assigns s->taken[slot], s->room[slot / SLOT_BLOCK], s->used;
    ensures slots_hold(s);
    ensures s->taken[slot] == 0;
 */
void slots_put(struct slots *s, uint32_t slot);

#endif
