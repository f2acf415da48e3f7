/* SPDX-License-Identifier: MIT */
/* frame_pool.h - the states of all frames, and how many are in each
 *
 *	        take                 own                  busy
 *	FREE ---------> RESERVED ---------> OWNED <---------------> BUSY
 *	 ^                 |                 | |        done
 *	 |      give       |      give       | | leave: the owner lets go, but somebody holds it
 *	 +-----------------+-----------------+ v
 *	 +---------------------------------- ORPHAN
 *	       give, after the last unhold
 *
 * Only the functions below change a state, and each is a step of this drawing: what the frame is
 * used for, and who must be told, is frame.c's affair. Nothing here fails.
 *
 * FREE is zero, so that the array of a large RAM costs the host nothing until frames are used. The
 * frame freed last is taken first and untouched ones in order, so that the used ones lie close
 * together. The frames that were used and are free again stand on a stack; its places lie within the
 * array of frames, which has one for each:
 *
 *	place, frame      0    1    2    3    4   ...
 *	stacked           3    1    -    -    -          three places are needed at most when three
 *	index             -    1    -    0    -          were used, so no room is sought
 *
 * Here 3 was freed first, then 1. No list is followed, neither here nor by the proof.
 */
#ifndef VM_FRAME_POOL_H
#define VM_FRAME_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/event.h"
#include "vm/policy.h"

struct anon;
struct group;
struct object;
struct table;

enum frame_state { FRAME_FREE, FRAME_RESERVED, FRAME_OWNED, FRAME_BUSY, FRAME_ORPHAN };

enum frame_flag {
	FRAME_ACCESSED = 1 << 0, /* A bits that pmap_remove handed back */
	FRAME_DIRTY = 1 << 1,	 /* contents differ from slot or file; D bits may add to it */
	FRAME_POLICED = 1 << 2,	 /* the policy knows it */
	FRAME_FETCHED = 1 << 3,	 /* read for a fault and not mapped yet: the fault that maps it is major */
	FRAME_FAILED = 1 << 4,	 /* could not be read: who looks next is told, and it is dropped */
	FRAME_STUCK = 1 << 5,	 /* could not be written back: no victim until it can */
	FRAME_LOCKED = 1 << 6,	 /* was mapped by a REGION_LOCKED: look whether it still is */
	FRAME_KEPT = 1 << 7,	 /* of an object that is locked: stays, whoever maps it */
	FRAME_PRISTINE = 1 << 8, /* its bytes are zeros still, as RAM's were at the start */
	FRAME_GOING = 1 << 9,	 /* BUSY: it will be free when its write has ended */
	FRAME_WANTED = 1 << 10,	 /* GOING: but somebody needs it, so it stays */
	FRAME_LAZY = 1 << 11,	 /* given up by MADV_FREE: unless stored to since, zeros will do */
};

struct frame {
	uint8_t state; /* enum frame_state */
	uint8_t kind;  /* enum frame_kind; meaningful unless FREE */
	uint16_t flags; /* enum frame_flag */
	uint32_t holds;
	/* The pool's: which free frame stands at this place of its stack. Signed, so that a proof sees that a
	 * store to it changes no other member: none is of its type. */
	int32_t stacked;
	uint32_t maps; /* entries that map it, a shared table's entry counted once */
	uint64_t rmap; /* the pmap's own: where its mappings are */
	union {
		struct anon *anon;
		struct object *object;
		struct table *table;
		void *kernel; /* a tag the kernel chose; only shown */
	} owner;
	/* FILE: the page's number in its object. ORPHAN: its key. FREE: its place on the stack. */
	uint64_t index;
	struct group *group; /* POLICED: whose policy knows it; NULL: the machine's */
};

struct frame_pool {
	struct frame *frame; /* [frames] */
	uint32_t frames;
	uint32_t free;		    /* how many are FREE */
	uint32_t untouched;	    /* frames from here on were never used, and are not on the stack */
	uint64_t kind[FRAME_KINDS]; /* OWNED, BUSY and ORPHAN frames by kind */
};

/*@ axiomatic FramePool {
      // How many of the first n frames are in the states from low to high, and of the kinds from kind
      // to kinds.
      logic integer frames_with{L}(struct frame *f, integer low, integer high,
                                   integer kind, integer kinds, integer n)
        reads f[0 .. n - 1].state, f[0 .. n - 1].kind;
      axiom frames_with_none{L}: \forall struct frame *f, integer low, high, kind, kinds, n;
        n <= 0 ==> frames_with(f, low, high, kind, kinds, n) == 0;
      axiom frames_with_one_more{L}: \forall struct frame *f, integer low, high, kind, kinds, n;
        0 < n ==> frames_with(f, low, high, kind, kinds, n) ==
          frames_with(f, low, high, kind, kinds, n - 1) +
          (low <= f[n - 1].state <= high && kind <= f[n - 1].kind <= kinds ? 1 : 0);
    }

    predicate frame_sound(struct frame *f) =
      f->state <= FRAME_ORPHAN &&
      (f->state == FRAME_FREE || f->state == FRAME_RESERVED ==> f->holds == 0) &&
      (f->state >= FRAME_OWNED ==> f->kind < FRAME_KINDS);

    // How many frames are on the stack.
    logic integer pool_stacked(struct frame_pool *p) = p->free - (p->frames - p->untouched);

    // All frames but one are as they were, as far as the stack and the counts know them.
    predicate others_kept{A, B}(struct frame_pool *p, integer frame) =
      \forall integer i; 0 <= i < \at(p->frames, B) && i != frame ==>
        \at(p->frame[i].state, A) == \at(p->frame[i].state, B) &&
        \at(p->frame[i].index, A) == \at(p->frame[i].index, B);
    // The lowest places of the stack are as they were.
    predicate places_kept{A, B}(struct frame_pool *p, integer places) =
      \forall integer k; 0 <= k < places ==>
        \at(p->frame[k].stacked, A) == \at(p->frame[k].stacked, B);

    // Every free frame was never touched or is on the stack once, and no other frame is on it.
    predicate pool_fitting(struct frame_pool *p) =
      0 <= pool_stacked(p) <= p->untouched <= p->frames;
    predicate pool_rest(struct frame_pool *p) =
      \forall integer i; p->untouched <= i < p->frames ==> p->frame[i].state == FRAME_FREE;
    predicate pool_places(struct frame_pool *p) =
      \forall integer k; 0 <= k < pool_stacked(p) ==>
        0 <= p->frame[k].stacked < p->untouched &&
        p->frame[p->frame[k].stacked].state == FRAME_FREE && p->frame[p->frame[k].stacked].index == k;
    predicate pool_placed(struct frame_pool *p) =
      \forall integer i; 0 <= i < p->untouched && p->frame[i].state == FRAME_FREE ==>
        p->frame[i].index < pool_stacked(p) && p->frame[p->frame[i].index].stacked == i;

    predicate pool_free_counted(struct frame_pool *p) =
      p->free == frames_with(p->frame, FRAME_FREE, FRAME_FREE, 0, 255, p->frames);
    predicate pool_kinds_counted(struct frame_pool *p) =
      \forall integer k; 0 <= k < FRAME_KINDS ==>
        p->kind[k] == frames_with(p->frame, FRAME_OWNED, FRAME_ORPHAN, k, k, p->frames);
    predicate pool_sound(struct frame_pool *p) =
      \forall integer i; 0 <= i < p->frames ==> frame_sound(p->frame + i);
    predicate pool_fits(struct frame_pool *p) =
      \valid(p) && \valid(p->frame + (0 .. p->frames - 1)) && p->frames <= INT32_MAX &&
      \separated(p, p->frame + (0 .. p->frames - 1));

    // What always holds between calls.
    predicate pool_holds(struct frame_pool *p) =
      pool_fits(p) && pool_fitting(p) && pool_rest(p) && pool_places(p) && pool_placed(p) &&
      pool_free_counted(p) && pool_kinds_counted(p) && pool_sound(p);
 */

/* frame: zeroed. All frames are FREE. */
/*@ requires \valid(p) && \valid(frame + (0 .. frames - 1)) && frames <= INT32_MAX;
    requires \separated(p, frame + (0 .. frames - 1));
    requires \forall integer i; 0 <= i < frames ==>
      frame[i].state == FRAME_FREE && frame[i].kind == 0 && frame[i].holds == 0;
    assigns *p;
    ensures pool_holds(p) && p->frames == frames && p->free == frames;
 */
void frame_pool_init(struct frame_pool *p, struct frame *frame, uint32_t frames);

/* FREE to RESERVED. There must be a free one. */
/*@ requires pool_holds(p) && p->free > 0;
    assigns p->free, p->untouched, p->frame[0 .. p->frames - 1].state,
      p->frame[0 .. p->frames - 1].kind;
    ensures pool_holds(p) && p->free == \old(p->free) - 1;
    ensures \result < p->frames && \old(p->frame[\at(\result, Post)].state) == FRAME_FREE;
    ensures \forall integer i; 0 <= i < p->frames ==>
      p->frame[i].state == (i == \result ? FRAME_RESERVED : \old(p->frame[i].state));
 */
uint32_t frame_pool_take(struct frame_pool *p);
/* RESERVED to OWNED. */
/*@ requires pool_holds(p) && frame < p->frames && 0 <= kind < FRAME_KINDS;
    requires p->frame[frame].state == FRAME_RESERVED && p->frame[frame].maps == 0;
    assigns p->frame[frame].state, p->frame[frame].kind, p->frame[frame].owner,
      p->frame[frame].index, p->kind[kind];
    ensures pool_holds(p) && p->kind[kind] == \old(p->kind[kind]) + 1;
    ensures p->frame[frame].state == FRAME_OWNED && p->frame[frame].kind == kind;
 */
void frame_pool_own(struct frame_pool *p, uint32_t frame, enum frame_kind kind, void *owner,
		    uint64_t index);
/* RESERVED, OWNED or ORPHAN, and neither mapped nor held, to FREE. What else it says, who takes it next
 * clears. */
/*@ requires pool_holds(p) && frame < p->frames && p->frame[frame].maps == 0 && p->frame[frame].holds == 0;
    requires p->frame[frame].state == FRAME_RESERVED || p->frame[frame].state == FRAME_OWNED ||
      p->frame[frame].state == FRAME_ORPHAN;
    assigns p->free, p->kind[0 .. FRAME_KINDS - 1], p->frame[frame].state, p->frame[frame].kind,
      p->frame[frame].index, p->frame[0 .. p->frames - 1].stacked;
    ensures pool_holds(p) && p->free == \old(p->free) + 1;
    ensures \forall integer i; 0 <= i < p->frames ==>
      p->frame[i].state == (i == frame ? FRAME_FREE : \old(p->frame[i].state));
 */
void frame_pool_give(struct frame_pool *p, uint32_t frame);

/* The owner of an OWNED frame, which is not mapped, lets go of it. Returns true if it can be given
 * back; false: it is held, and has become an ORPHAN that keeps its key. */
/*@ requires pool_holds(p) && frame < p->frames;
    requires p->frame[frame].state == FRAME_OWNED && p->frame[frame].maps == 0;
    assigns p->frame[frame].state, p->frame[frame].kind, p->frame[frame].index;
    ensures pool_holds(p);
    ensures \result <==> p->frame[frame].holds == 0;
    ensures \result <==> p->frame[frame].state == FRAME_OWNED;
    ensures !\result ==> p->frame[frame].state == FRAME_ORPHAN && p->frame[frame].index == key;
    ensures p->frame[frame].kind == \old(p->frame[frame].kind);
 */
bool frame_pool_leave(struct frame_pool *p, uint32_t frame, uint64_t key);
/* An OWNED frame, or one that became an ORPHAN meanwhile. */
/*@ requires pool_holds(p) && frame < p->frames;
    requires p->frame[frame].state == FRAME_OWNED || p->frame[frame].state == FRAME_ORPHAN;
    requires p->frame[frame].holds < UINT32_MAX;
    assigns p->frame[frame].holds;
    ensures pool_holds(p) && p->frame[frame].holds == \old(p->frame[frame].holds) + 1;
 */
void frame_pool_hold(struct frame_pool *p, uint32_t frame);
/* Returns true if it was the last hold of an orphan, which can now be given back. */
/*@ requires pool_holds(p) && frame < p->frames && p->frame[frame].holds > 0;
    assigns p->frame[frame].holds;
    ensures pool_holds(p) && p->frame[frame].holds == \old(p->frame[frame].holds) - 1;
    ensures \result <==> p->frame[frame].holds == 0 && p->frame[frame].state == FRAME_ORPHAN;
 */
bool frame_pool_unhold(struct frame_pool *p, uint32_t frame);

/* OWNED, and neither mapped nor held, to BUSY; and back. */
/*@ requires pool_holds(p) && frame < p->frames && p->frame[frame].state == FRAME_OWNED;
    requires p->frame[frame].maps == 0 && p->frame[frame].holds == 0;
    assigns p->frame[frame].state, p->frame[frame].kind;
    ensures pool_holds(p) && p->frame[frame].state == FRAME_BUSY;
    ensures p->frame[frame].kind == \old(p->frame[frame].kind);
 */
void frame_pool_busy(struct frame_pool *p, uint32_t frame);
/*@ requires pool_holds(p) && frame < p->frames && p->frame[frame].state == FRAME_BUSY;
    assigns p->frame[frame].state, p->frame[frame].kind;
    ensures pool_holds(p) && p->frame[frame].state == FRAME_OWNED;
    ensures p->frame[frame].kind == \old(p->frame[frame].kind);
 */
void frame_pool_done(struct frame_pool *p, uint32_t frame);

#endif
