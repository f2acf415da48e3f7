/* SPDX-License-Identifier: MIT */
#include "vm/frame_pool.h"

#include "vm/assert.h"

/* Each part of the invariant is shown by itself: the provers prefer small questions. */
/*@ ghost
  /@ requires pool_fits(p);
     requires pool_fitting(p);
     requires pool_rest(p);
     requires pool_places(p);
     requires pool_placed(p);
     requires pool_free_counted(p);
     requires pool_kinds_counted(p);
     requires pool_sound(p);
     assigns \nothing;
     ensures pool_holds(p); @/
  static void pool_kept(struct frame_pool *p) { }
 */

void frame_pool_init(struct frame_pool *p, struct frame *frame, uint32_t frames)
{
	p->frame = frame;
	p->frames = p->free = frames;
	p->untouched = 0;
	/*@ loop invariant 0 <= k <= FRAME_KINDS;
	    loop invariant \forall integer i; 0 <= i < k ==> p->kind[i] == 0;
	    loop assigns k, p->kind[0 .. FRAME_KINDS - 1];
	    loop variant FRAME_KINDS - k; */
	for (unsigned k = 0; k < FRAME_KINDS; k++)
		p->kind[k] = 0;
	/*@ ghost
	  /@ loop invariant 0 <= n <= frames;
	     loop invariant frames_with(frame, FRAME_FREE, FRAME_FREE, 0, 255, n) == n;
	     loop invariant \forall integer k; 0 <= k < FRAME_KINDS ==>
	       frames_with(frame, FRAME_OWNED, FRAME_ORPHAN, k, k, n) == 0;
	     loop assigns n;
	     loop variant frames - n; @/
	  for (uint32_t n = 0; n < frames; n++);
	 */
	/*@ ghost pool_kept(p); */
}

/*@ requires frame < p->frames && \valid_read(p);
    assigns \nothing;
    ensures \result == p->frame + frame;
 */
static struct frame *frame_in(const struct frame_pool *p, uint32_t frame)
{
	VM_ASSERT(frame < p->frames);
	return &p->frame[frame];
}

/* How many frames are on the stack. */
/*@ requires \valid_read(p) && 0 <= pool_stacked(p) && p->untouched <= p->frames;
    assigns \nothing;
    ensures \result == pool_stacked(p);
 */
static uint32_t stacked(const struct frame_pool *p)
{
	return p->free - (p->frames - p->untouched);
}

/* Every change of a frame's state or kind goes through here, and says what becomes of the counts. */
/*@ requires pool_fits(p) && frame < p->frames;
    assigns p->frame[frame].state, p->frame[frame].kind;
    ensures p->frame[frame].state == state && p->frame[frame].kind == kind;
    ensures \forall integer low, high, k, ks;
      frames_with(p->frame, low, high, k, ks, p->frames) ==
        \old(frames_with(p->frame, low, high, k, ks, p->frames)) +
        (low <= state <= high && k <= kind <= ks ? 1 : 0) -
        (low <= \old(p->frame[frame].state) <= high && k <= \old(p->frame[frame].kind) <= ks ? 1 : 0);
    ensures \forall integer low, high, k, ks;
      0 <= frames_with(p->frame, low, high, k, ks, p->frames) <= p->frames;
 */
static void state_set(struct frame_pool *p, uint32_t frame, uint8_t state, uint8_t kind)
{
	p->frame[frame].state = state;
	p->frame[frame].kind = kind;
	/* By induction over the number of frames. */
	/*@ ghost
	  /@ loop invariant 0 <= n <= p->frames;
	     loop invariant \forall integer low, high, k, ks, m; 0 <= m <= n ==>
	       frames_with(p->frame, low, high, k, ks, m) ==
	         frames_with{Pre}(p->frame, low, high, k, ks, m) +
	         (m <= frame ? 0 : (low <= state <= high && k <= kind <= ks ? 1 : 0) -
	           (low <= \at(p->frame[frame].state, Pre) <= high &&
	            k <= \at(p->frame[frame].kind, Pre) <= ks ? 1 : 0));
	     loop invariant \forall integer low, high, k, ks, m; 0 <= m <= n ==>
	       0 <= frames_with(p->frame, low, high, k, ks, m) <= m;
	     loop assigns n;
	     loop variant p->frames - n; @/
	  for (uint32_t n = 0; n < p->frames; n++);
	 */
}

uint32_t frame_pool_take(struct frame_pool *p)
{
	VM_ASSERT(p->free > 0);
	uint32_t places = stacked(p);
	uint32_t frame = places ? (uint32_t)p->frame[places - 1].stacked : p->untouched++;
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_FREE);
	state_set(p, frame, FRAME_RESERVED, f->kind);
	p->free--;
	/*@ assert others_kept{Pre, Here}(p, frame); */
	/*@ ghost pool_kept(p); */
	return frame;
}

void frame_pool_own(struct frame_pool *p, uint32_t frame, enum frame_kind kind, void *owner,
		    uint64_t index)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_RESERVED && f->maps == 0);
	state_set(p, frame, FRAME_OWNED, kind);
	f->owner.kernel = owner;
	f->index = index;
	p->kind[kind]++;
	/*@ assert others_kept{Pre, Here}(p, frame); */
	/*@ ghost pool_kept(p); */
}

/* The part of give that the counts know of. */
/*@ requires pool_fits(p) && frame < p->frames && frame_sound(p->frame + frame);
    requires pool_free_counted(p) && pool_kinds_counted(p);
    requires p->frame[frame].state == FRAME_RESERVED || p->frame[frame].state == FRAME_OWNED ||
      p->frame[frame].state == FRAME_ORPHAN;
    assigns p->kind[0 .. FRAME_KINDS - 1], p->frame[frame].state, p->frame[frame].kind;
    ensures p->frame[frame].state == FRAME_FREE;
    ensures frames_with(p->frame, FRAME_FREE, FRAME_FREE, 0, 255, p->frames) == p->free + 1;
    ensures p->free < p->frames;
    ensures pool_kinds_counted(p);
 */
static void state_free(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = &p->frame[frame];
	uint8_t state = f->state, kind = f->kind;
	state_set(p, frame, FRAME_FREE, FRAME_NONE_KIND);
	if (state != FRAME_RESERVED)
		p->kind[kind]--;
}

void frame_pool_give(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_RESERVED || f->state == FRAME_OWNED || f->state == FRAME_ORPHAN);
	VM_ASSERT(f->maps == 0 && f->holds == 0);
	state_free(p, frame);
	uint32_t place = stacked(p);
	/*@ assert place < p->untouched && frame < p->untouched; */
	p->frame[place].stacked = (int32_t)frame;
	f->index = place;
	p->free++;
	/*@ assert others_kept{Pre, Here}(p, frame); */
	/*@ assert places_kept{Pre, Here}(p, place); */
	/*@ assert pool_stacked(p) == place + 1; */
	/*@ assert f->index == place && p->frame[place].stacked == frame && f->state == FRAME_FREE; */
	/*@ ghost pool_kept(p); */
}

bool frame_pool_leave(struct frame_pool *p, uint32_t frame, uint64_t key)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED && f->maps == 0);
	if (f->holds == 0)
		return true;
	state_set(p, frame, FRAME_ORPHAN, f->kind);
	f->index = key;
	/*@ assert others_kept{Pre, Here}(p, frame); */
	/*@ ghost pool_kept(p); */
	return false;
}

void frame_pool_hold(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED || f->state == FRAME_ORPHAN);
	VM_ASSERT(f->holds < UINT32_MAX);
	f->holds++;
	/*@ ghost pool_kept(p); */
}

bool frame_pool_unhold(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->holds > 0);
	f->holds--;
	/*@ ghost pool_kept(p); */
	return f->holds == 0 && f->state == FRAME_ORPHAN;
}

void frame_pool_busy(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED && f->maps == 0 && f->holds == 0);
	state_set(p, frame, FRAME_BUSY, f->kind);
	/*@ ghost pool_kept(p); */
}

void frame_pool_done(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_BUSY);
	state_set(p, frame, FRAME_OWNED, f->kind);
	/*@ ghost pool_kept(p); */
}
