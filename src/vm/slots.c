/* SPDX-License-Identifier: MIT */
#include "vm/slots.h"

#include <errno.h>

#include "vm/assert.h"

static size_t taken_size(uint32_t count)
{
	return (size_t)count + 1;
}

static size_t room_size(uint32_t count)
{
	return (count / SLOT_BLOCK + 1) * sizeof(uint16_t);
}

/* ---- The invariant is set up, and kept by each change ---- */

/* All count slots are free. taken is zeroed. */
/*@ requires 1 <= count <= SLOTS_MAX && \valid(s) && \valid(taken + (0 .. count));
    requires \valid(room + (0 .. count / SLOT_BLOCK));
    requires \forall integer i; 0 <= i <= count ==> taken[i] == 0;
    assigns *s, taken[0], room[0 .. count / SLOT_BLOCK];
    ensures slots_hold(s) && s->count == count && s->used == 0;
 */
static void slots_begin(struct slots *s, uint32_t count, uint8_t *taken, uint16_t *room)
{
	uint32_t last = count / SLOT_BLOCK;
	s->count = count;
	s->used = 0;
	s->next = 1;
	s->taken = taken;
	s->room = room;
	/*@ loop invariant 0 <= b <= last;
	    loop invariant \forall integer i; 0 <= i < b ==> room[i] == SLOT_BLOCK;
	    loop assigns b, room[0 .. last];
	    loop variant last - b; */
	for (uint32_t b = 0; b < last; b++)
		room[b] = SLOT_BLOCK;
	room[last] = (uint16_t)(count % SLOT_BLOCK + 1);
	taken[0] = 1;
	room[0]--;
	/*@ ghost
	  /@ loop invariant 0 <= k <= count + 1;
	     loop invariant \forall integer from, to; 0 <= from <= to <= k ==>
	       slots_with(taken, 0, from, to) == to - from - (from <= 0 < to ? 1 : 0);
	     loop invariant \forall integer to; 1 <= to <= k ==>
	       slots_with(taken, 1, 1, to) == 0;
	     loop assigns k;
	     loop variant count + 1 - k; @/
	  for (uint32_t k = 0; k < count + 1; k++);
	 */
	/*@ assert \forall integer b; 0 <= b <= last ==>
	      room[b] == block_end(s, b) - b * SLOT_BLOCK - (b == 0 ? 1 : 0); */
}

/* Every change of a slot goes through here, and says what becomes of the numbers. */
/*@ requires slots_fit(s) && slot <= s->count;
    assigns s->taken[slot];
    ensures s->taken[slot] == now;
    ensures \forall integer value, from, to; 0 <= from <= to <= slots_end(s) ==>
      slots_with(s->taken, value, from, to) ==
        \old(slots_with(s->taken, value, from, to)) +
        (from <= slot < to ? (now == value ? 1 : 0) -
                             (\old(s->taken[slot]) == value ? 1 : 0) : 0);
    ensures \forall integer value, from, to; 0 <= from <= to <= slots_end(s) ==>
      0 <= slots_with(s->taken, value, from, to) <= to - from;
 */
static void taken_set(struct slots *s, uint32_t slot, uint8_t now)
{
	s->taken[slot] = now;
	/* By induction over the end of the range. */
	/*@ ghost
	  /@ loop invariant 0 <= k <= slots_end(s);
	     loop invariant \forall integer value, from, to; 0 <= from <= to <= k ==>
	       slots_with(s->taken, value, from, to) ==
	         slots_with{Pre}(s->taken, value, from, to) +
	         (from <= slot < to ? (now == value ? 1 : 0) -
	                              (\at(s->taken[slot], Pre) == value ? 1 : 0) : 0);
	     loop invariant \forall integer value, from, to; 0 <= from <= to <= k ==>
	       0 <= slots_with(s->taken, value, from, to) <= to - from;
	     loop assigns k;
	     loop variant slots_end(s) - k; @/
	  for (uint32_t k = 0; k < s->count + 1; k++);
	 */
}

int slots_init(struct slots *s, const struct alloc *alloc, uint32_t count)
{
	VM_ASSERT(count >= 1 && count <= SLOTS_MAX);
	uint8_t *taken = alloc_get(alloc, taken_size(count));
	uint16_t *room = alloc_get(alloc, room_size(count));
	if (!taken || !room) {
		alloc_put(alloc, taken, taken_size(count));
		alloc_put(alloc, room, room_size(count));
		return -ENOMEM;
	}
	slots_begin(s, count, taken, room);
	return 0;
}

void slots_finish(struct slots *s, const struct alloc *alloc)
{
	alloc_put(alloc, s->taken, taken_size(s->count));
	alloc_put(alloc, s->room, room_size(s->count));
	*s = (struct slots){0};
}

/* ---- Taking ---- */

/* Free slots beside each other are no more than their block has room for. */
/*@ ghost
  /@ requires slots_hold(s) && block <= s->count / SLOT_BLOCK;
     assigns \nothing;
     ensures \forall integer from, to;
       block * SLOT_BLOCK <= from <= to <= block_end(s, block) && slots_free(s, from, to) ==>
       to - from <= s->room[block]; @/
  static void room_is_enough(const struct slots *s, uint32_t block)
  {
    uint32_t k = block * SLOT_BLOCK;
    /@ loop invariant block * SLOT_BLOCK <= k <= block_end(s, block);
       loop invariant 0 <= slots_with(s->taken, 0, block * SLOT_BLOCK, k);
       loop invariant enough: \forall integer from, to;
         block * SLOT_BLOCK <= from <= to <= k && slots_free(s, from, to) ==>
         to - from <= slots_with(s->taken, 0, block * SLOT_BLOCK, k);
       loop assigns k;
       loop variant s->count + 1 - k; @/
    while (k < s->count + 1 && k < (block + 1) * SLOT_BLOCK) {
      /@ assert step: slots_with(s->taken, 0, block * SLOT_BLOCK, k + 1) ==
           slots_with(s->taken, 0, block * SLOT_BLOCK, k) + (s->taken[k] == 0 ? 1 : 0); @/
      /@ assert shorter: \forall integer from; slots_free(s, from, k + 1) ==> slots_free(s, from, k); @/
      /@ assert ends_here: \forall integer from;
           block * SLOT_BLOCK <= from <= k && slots_free(s, from, k + 1) ==> s->taken[k] == 0 &&
           k + 1 - from <= slots_with(s->taken, 0, block * SLOT_BLOCK, k + 1); @/
      /@ assert ends_before: \forall integer from, to;
           block * SLOT_BLOCK <= from <= to <= k && slots_free(s, from, to) ==>
           to - from <= slots_with(s->taken, 0, block * SLOT_BLOCK, k + 1); @/
      /@ assert ends: \forall integer from, to;
           block * SLOT_BLOCK <= from <= to <= k + 1 && slots_free(s, from, to) ==>
           (to <= k || from == k + 1 || (to == k + 1 && slots_free(s, from, k + 1))); @/
      k++;
    }
  }
 */

/* The first of n neighbouring free slots of one block, at or after from. 0: none. */
/*@ requires slots_hold(s) && 1 <= from <= s->count && 1 <= n <= SLOT_BLOCK;
    assigns \nothing;
    ensures \result != 0 ==> slots_run(s, \result, n) && slots_free(s, \result, \result + n);
    ensures \result == 0 ==> \forall integer i; from <= i && slots_run(s, i, n) ==> !slots_free(s, i, i + n);
 */
static uint32_t run_find(const struct slots *s, uint32_t from, uint32_t n)
{
	uint32_t run = 0;
	/*@ loop invariant from <= i && i / SLOT_BLOCK <= s->count / SLOT_BLOCK + 1 && run < n;
	    loop invariant i % SLOT_BLOCK != 0 ==> run <= i % SLOT_BLOCK;
	    loop invariant i > s->count || slots_free(s, i - run, i);
	    loop invariant i > s->count || from + run <= i;
	    loop invariant i - run == from || (i - run) % SLOT_BLOCK == 0 || i > s->count || s->taken[i - run - 1] != 0;
	    loop invariant none: \forall integer j; from <= j < i - run && slots_run(s, j, n) ==> !slots_free(s, j, j + n);
	    loop assigns i, run;
	    loop variant s->count + 1 + SLOT_BLOCK - i; */
	for (uint32_t i = from; i <= s->count;) {
		uint32_t block = i / SLOT_BLOCK;
		if (i % SLOT_BLOCK == 0)
			run = 0;
		if (s->room[block] < n) {
			/*@ ghost room_is_enough(s, block); */
			i = (block + 1) * SLOT_BLOCK;
			run = 0;
			continue;
		}
		run = s->taken[i] ? 0 : run + 1;
		i++;
		if (run == n)
			return i - n;
	}
	return 0;
}

uint32_t slots_take(struct slots *s, uint32_t n)
{
	VM_ASSERT(n >= 1 && n <= SLOT_BLOCK);
	uint32_t first = run_find(s, s->next, n);
	if (!first)
		first = run_find(s, 1, n);
	if (!first)
		return 0;
	/*@ loop invariant 0 <= i <= n;
	    loop invariant \forall integer k; 0 <= k <= s->count ==>
	      s->taken[k] == (first <= k < first + i ? 1 : \at(s->taken[k], Pre));
	    loop invariant slots_with(s->taken, 1, 1, slots_end(s)) == s->used + i;
	    loop invariant \forall integer b; 0 <= b <= s->count / SLOT_BLOCK ==>
	      slots_with(s->taken, 0, b * SLOT_BLOCK, block_end(s, b)) ==
	        s->room[b] - (b == first / SLOT_BLOCK ? i : 0);
	    loop invariant i == 0 || s->used + i <= s->count;
	    loop invariant i <= s->room[first / SLOT_BLOCK];
	    loop assigns i, s->taken[first .. first + n - 1];
	    loop variant n - i; */
	for (uint32_t i = 0; i < n; i++)
		taken_set(s, first + i, 1);
	s->room[first / SLOT_BLOCK] -= n;
	s->used += n;
	s->next = first + n > s->count ? 1 : first + n;
	/*@ assert used: s->used == slots_with(s->taken, 1, 1, slots_end(s)); */
	/*@ assert room: \forall integer b; 0 <= b <= s->count / SLOT_BLOCK ==>
	      s->room[b] == slots_with(s->taken, 0, b * SLOT_BLOCK, block_end(s, b)); */
	return first;
}

void slots_put(struct slots *s, uint32_t slot)
{
	VM_ASSERT(slot >= 1 && slot <= s->count);
	VM_ASSERT(s->taken[slot] == 1);
	taken_set(s, slot, 0);
	s->room[slot / SLOT_BLOCK]++;
	s->used--;
}
