/* SPDX-License-Identifier: MIT */
/* units.h - things of any size, packed into the machine's frames
 *
 * A frame is cut into 32 units of 128 bytes. A thing is a chain of units, in whichever frames there
 * is room:
 *
 *	head --> [next owner | 120 bytes] --> [next owner | 120 bytes] --> 0
 *
 * So a free unit fits everything, and there is no fragmentation but within the last unit of a thing.
 * Things that end leave frames half empty; whenever what is free would make up SPARE frames, the
 * emptiest frame is emptied into the others and given back, a constant amortised cost for each unit
 * freed. Hence the promise: at most SPARE frames more than the units in use need.
 *
 *	frames <= ceil(units / 32) + SPARE
 *
 * (zsmalloc, which Linux has for this, keeps a list of blocks for each of its 255 sizes; a machine of
 * a few dozen frames would spend them on half-empty blocks.)
 *
 * A thing that would fill a frame anyway has one for itself: units_take_whole.
 *
 * The frames come from store_env; only what is known about them lies in host memory. A thing belongs
 * to an owner, a number below owners, whose head is kept by the caller: head is called when a unit at
 * the start of a chain moved.
 */
#ifndef STORE_UNITS_H
#define STORE_UNITS_H

#include "vm/store.h"

enum { UNIT = 128, UNIT_BYTES = UNIT - 8, FRAME_UNITS = 4096 / UNIT, UNITS_SPARE = 2 };

struct units_frame {
	uint8_t *bytes; /* NULL: this number is not in use */
	uint32_t frame; /* the machine's */
	uint32_t busy;	/* one bit for each unit in use */
	uint32_t next, prev;
	bool whole;
};

struct units {
	const struct store_env *env;
	/* The place of an owner's head. */
	uint32_t *(*head)(void *ctx, uint32_t owner);
	void *ctx;
	struct units_frame *frame; /* [room]; 0 is never used */
	uint32_t room;
	uint32_t unused;		   /* numbers below room that are not in use, linked by next */
	uint32_t list[FRAME_UNITS + 1];	   /* frames that are not whole, by units in use */
	uint32_t frames;		   /* taken, whole ones too */
	uint32_t mixed;			   /* of them, those that are not whole */
	uint64_t used;			   /* units in those */
};

void units_init(struct units *u, const struct store_env *env, uint32_t *(*head)(void *ctx, uint32_t owner),
		void *ctx);
/* Gives every frame back. */
void units_finish(struct units *u);

/* Keeps size bytes for owner, whose head is 0, and sets it; at most FRAME_UNITS * UNIT_BYTES. Takes at
 * most one frame. Returns 0 or -ENOSPC. */
int units_put(struct units *u, uint32_t owner, const uint8_t *bytes, uint32_t size);
/* Copies them out. */
void units_get(const struct units *u, uint32_t head, uint8_t *ret_bytes, uint32_t size);
/* Drops owner's thing, and sets its head to 0. */
void units_drop(struct units *u, uint32_t owner);

/* A frame for itself. Returns its bytes, and sets owner's head; NULL: there is none. */
uint8_t *units_take_whole(struct units *u, uint32_t owner);
uint8_t *units_whole(const struct units *u, uint32_t head);
void units_drop_whole(struct units *u, uint32_t owner);

/* False: something does not hold. For tests. */
bool units_verify(const struct units *u);

#endif
