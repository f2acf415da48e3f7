/* SPDX-License-Identifier: MIT */
/* swap.h - pages without a frame: slots, and the transfers that empty and fill frames
 *
 * A swap area is a store and its slots. Slots of all areas are numbered in one sequence from 1; 0 is
 * none. An anon owns at most one slot. While it has a frame as well, the slot is a copy of it (swap
 * cache), good for as long as the frame is not dirty: a clean page is evicted again without a
 * write.
 *
 *			     swap_out				  it ended
 *	OWNED, dirty	-------------------->  BUSY, writing  -----------------> OWNED, clean
 *	  ^						| it failed
 *	  +---------------------------------------------+ (its slot is given back)
 *
 *			     swap_in				  it ended
 *	no frame, slot	-------------------->  BUSY, reading  -----------------> OWNED, clean
 *	  ^						| it failed, or other bytes came back
 *	  +---- who asked next was told -- FAILED <-----+ (its slot is kept)
 *
 * A transfer ends at the virtual time that the area's device model says. Until then its frame is
 * BUSY: not mapped, not held, nobody's victim. Its anon stays: one that is let go of meanwhile is
 * freed when the transfer has ended. The checksum of a page is kept beside its slot, so that a
 * device that returns other bytes is found out.
 */
#ifndef VM_SWAP_H
#define VM_SWAP_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/slots.h"
#include "vm/store.h"

struct mm;
struct anon;
struct swap_io;

enum { SWAP_AREAS = 8, SWAP_NAME = 64 };

/* When a transfer that starts now ends: a device model. */
struct swap_clock {
	/* NULL: at once. */
	uint64_t (*ends)(void *ctx, uint32_t slot, unsigned pages, bool write, uint64_t now);
	void *ctx;
};

struct swap_area_config {
	const struct store_ops *ops;
	struct store *store;  /* open; passes to the mm, which closes it */
	char name[SWAP_NAME]; /* as a person knows it: its path, say */
	int priority;	      /* higher ones are filled first; equal ones in turn */
	struct swap_clock clock;
};

struct swap_note {
	uint64_t sum;	    /* of what was written */
	struct anon *owner; /* NULL: the slot is free */
	uint64_t evicted;   /* number of the eviction that took its frame; 0: it has one since */
};

struct swap_area {
	struct swap_area_config config;
	uint32_t base; /* its slots are base + 1 to base + slots.count */
	struct slots slots;
	struct swap_note *note; /* [slots.count + 1], by slot - base */
	bool takes_frames;	/* it lies in frames of the machine */
	uint32_t hand;		/* the slot where one was last looked for to be taken away */
	bool full;		/* a write found no room; until a slot is given back */
	unsigned failures;	/* writes in a row that failed */
	uint64_t down_until;	/* it failed too often: not written to before this time */
};

/* The last transfer that failed: what a sentence tells. */
struct swap_trouble {
	const char *device;
	const char *why; /* as the store tells it; NULL: it does not */
	uint32_t slot; /* the device's number, from 0 */
	bool write;
	int error; /* -EIO; -ENOSPC: the device is full; -EBADMSG: other bytes came back */
};

struct swap {
	struct swap_area area[SWAP_AREAS]; /* by priority, highest first */
	unsigned areas;
	struct swap_io *first; /* transfers under way, by the time they end */
	uint64_t used;	 /* slots that anons own */
	uint64_t cached; /* of them: those whose anon has a frame too */
	struct swap_trouble trouble;
};

struct swap_config {
	unsigned cluster;   /* pages of one write at most, 1 to STORE_CLUSTER; 0 is 1 */
	unsigned readahead; /* pages of one read at most, in the same way */
	unsigned kept;	    /* frames that only stores may have; swap_add sets it */
};

/* What a store may take from this machine. */
void swap_store_env(struct mm *mm, struct store_env *ret_env);
/* Adds an area; before the first page is made. Returns 0, -ENOMEM, -ENOSPC (more than SWAP_AREAS, or
 * slots beyond 32 bits) or -EINVAL (a store without slots). On failure the store is the caller's. */
int swap_add(struct mm *mm, const struct swap_area_config *config);
/* Closes every store. Nothing is under way and no slot is owned. */
void swap_finish(struct mm *mm);

/* Slots of all areas, used or not: pages that swap could hold. */
uint64_t swap_slots(const struct mm *mm);
/* Could a page that has no slot be written anywhere now? */
bool swap_room(const struct mm *mm);

/* Starts writing pages whose OWNED anon frames nothing maps or holds, 1 to STORE_CLUSTER of them.
 * Returns how many, from the first, are under way or at an end already, which evict_written tells;
 * 0: there is no slot, or the host has no memory. */
unsigned swap_out(struct mm *mm, const uint32_t *frame, unsigned frames);
/* Brings an anon's page in, for space (its serial; 0: nobody). Returns 0 with its frame held; -EAGAIN
 * (mm->waits_for); -EIO: it could not be read, see mm->swap.trouble; -ENOMEM. */
int swap_in(struct mm *mm, struct anon *a, uint32_t space, uint32_t *ret_frame);
/* The bytes of a page that has no frame, changing nothing. False: it cannot be read. */
bool swap_peek(struct mm *mm, struct anon *a, uint8_t *ret_page);
/* The page, which was in swap, is used again: a store that keeps it in the machine's own frames gives
 * them up, since twice is once too often. */
void swap_used(struct mm *mm, struct anon *a);
/* The anon's slot, if it has one, is not wanted any more. */
void swap_free(struct mm *mm, struct anon *a);

/* The page lost its frame, by this eviction. For evict.c. */
void swap_evicted(struct mm *mm, const struct anon *a, uint64_t eviction);

/* When the next transfer ends; UINT64_MAX: none is under way. */
uint64_t swap_next(const struct mm *mm);
/* Ends those whose time has come. */
void swap_run(struct mm *mm);
/* Ends all, at whatever time. */
void swap_drain(struct mm *mm);
/* A frame that is BUSY with the transfer that ends next; NO_FRAME: none is under way. */
uint32_t swap_waits_for(const struct mm *mm);

/* The area that holds a slot, and the slot's number in it, from 1; NULL: no such slot. */
const struct swap_area *swap_area_of(const struct mm *mm, uint32_t slot, uint32_t *ret_number);

/* False, with a sentence in why: slots and anons do not agree. */
bool swap_verify(struct mm *mm, char *why, unsigned size);

#endif
