/* SPDX-License-Identifier: MIT */
/* frame_pool.h - the states of all frames, and how many are in each
 *
 *	        take                 own                  busy
 *	FREE ---------> RESERVED ---------> OWNED <---------------> BUSY
 *	 ^                 |                 | |        done
 *	 |      give       |                 | | leave: the owner lets go, somebody holds it
 *	 +-----------------+                 | v
 *	 +---------- give -------------------+ ORPHAN (still OWNED, by nobody)
 *	 +---------- give, at the last unhold ---+
 *
 * Only the functions below change a state, and each is a step of this drawing: what the frame is
 * used for, and who must be told, is frame.c's affair. Nothing here fails.
 *
 * FREE is zero, so that the array of a large RAM costs the host nothing until frames are used. The
 * frame freed last is taken first and untouched ones in order, so that the used ones lie close
 * together.
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

enum frame_state { FRAME_FREE, FRAME_RESERVED, FRAME_OWNED, FRAME_BUSY };

enum frame_flag {
	FRAME_ACCESSED = 1 << 0, /* A bits that pmap_remove handed back */
	FRAME_DIRTY = 1 << 1,	 /* contents differ from slot or file; D bits may add to it */
	FRAME_POLICED = 1 << 2,	 /* the policy knows it */
	FRAME_FETCHED = 1 << 3,	 /* read for a fault and not mapped yet: the fault that maps it is major */
	FRAME_FAILED = 1 << 4,	 /* could not be read: who looks next is told, and it is dropped */
	FRAME_STUCK = 1 << 5,	 /* could not be written back: no victim until it can */
	FRAME_LOCKED = 1 << 6,	 /* was mapped by a REGION_LOCKED: look whether it still is */
	FRAME_ORPHAN = 1 << 7,	 /* its owner let go of it while it was held */
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
	uint32_t next; /* FREE: the next free frame */
	uint32_t maps; /* entries that map it, a shared table's entry counted once */
	uint64_t rmap; /* the pmap's own: where its mappings are */
	union {
		struct anon *anon;
		struct object *object;
		struct table *table;
		void *kernel; /* a tag the kernel chose; only shown */
	} owner;
	/* FILE: the page's number in its object. ORPHAN: its key. FREE: the free frames below it on
	 * the list. */
	uint64_t index;
	struct group *group; /* POLICED: whose policy knows it; NULL: the machine's */
};

struct frame_pool {
	struct frame *frame; /* [frames] */
	uint32_t frames;
	uint32_t free;		    /* how many are FREE */
	uint32_t first;		    /* the list of them; NO_FRAME: empty */
	uint32_t untouched;	    /* frames from here on were never used, and are on no list */
	uint64_t kind[FRAME_KINDS]; /* OWNED and BUSY frames by kind */
};

/* frame: zeroed. All frames are FREE. */
void frame_pool_init(struct frame_pool *p, struct frame *frame, uint32_t frames);

/* FREE to RESERVED. There must be a free one. */
uint32_t frame_pool_take(struct frame_pool *p);
/* RESERVED to OWNED. */
void frame_pool_own(struct frame_pool *p, uint32_t frame, enum frame_kind kind, void *owner,
		    uint64_t index);
/* RESERVED, or OWNED and neither mapped nor held, to FREE. */
void frame_pool_give(struct frame_pool *p, uint32_t frame);

/* The owner of an OWNED frame, which is not mapped, lets go of it. Returns true if it can be given
 * back; false: it is held, and has become an ORPHAN that keeps its key. */
bool frame_pool_leave(struct frame_pool *p, uint32_t frame, uint64_t key);
/* OWNED frames only. */
void frame_pool_hold(struct frame_pool *p, uint32_t frame);
/* Returns true if it was the last hold of an orphan, which can now be given back. */
bool frame_pool_unhold(struct frame_pool *p, uint32_t frame);

/* OWNED, and neither mapped nor held, to BUSY; and back. */
void frame_pool_busy(struct frame_pool *p, uint32_t frame);
void frame_pool_done(struct frame_pool *p, uint32_t frame);

#endif
