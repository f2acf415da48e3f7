/* SPDX-License-Identifier: MIT */
/* frame.h - the physical pages of one machine
 *
 * RAM is an array of N frames, and each is in one state: see frame_pool.h, which draws them. An OWNED
 * frame has one owner: an anon, a page of an object, a page table, or the kernel. The owner points to
 * the frame and the frame to its owner; mm_verify checks both ways. A held frame (holds > 0) is never
 * a victim.
 *
 * BUSY: a pager or a swap device is filling or emptying it. Who needs it gets -EAGAIN or FAULT_WAIT,
 * mm->waits_for names the frame, and host.wake tells when to try again.
 *
 * Nothing here sleeps or fails but reserve_make.
 */
#ifndef VM_FRAME_H
#define VM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/frame_pool.h"

struct mm;
struct pmap_place;
struct chunk;

/* What a plan takes, and what it gets: it can then be carried out without allocating. */
struct need {
	unsigned frames; /* for contents */
	unsigned tables; /* page tables, each with a frame of its own */
	unsigned anons;
	unsigned chunks;
};

enum { RESERVE_FRAMES = 4, RESERVE_TABLES = 6, RESERVE_CHUNKS = 2 };

struct reserve {
	unsigned frames, tables, anons, chunks;
	uint32_t frame[RESERVE_FRAMES];
	struct table *table[RESERVE_TABLES];
	struct anon *anon[RESERVE_FRAMES];
	struct chunk *chunk[RESERVE_CHUNKS];
};

/* Frames that can be had without evicting: what is free but for those that only stores may have. */
uint64_t frames_available(const struct mm *mm);

/* Sets aside all that need names, evicting as needed. incoming: the key that wants in, for the
 * policy; 0: none. Returns 0; -EAGAIN after a wait, when the plan must be made again; -ENOMEM when
 * no victim is left or the host has no memory. On failure nothing is set aside. */
int reserve_make(struct mm *mm, const struct need *need, uint64_t incoming, struct reserve *ret_reserve);

/* Gives back what was not used. */
void reserve_give_back(struct mm *mm, struct reserve *r);
static inline void reserve_drop(struct mm *mm, struct reserve *r)
{
	if (r->frames | r->tables | r->anons | r->chunks)
		reserve_give_back(mm, r);
}

/* Takes the next reserved thing; there must be one. A frame becomes OWNED by its new owner. */
uint32_t reserve_frame(struct mm *mm, struct reserve *r, enum frame_kind kind, void *owner, uint64_t index);
struct table *reserve_table(struct reserve *r);
struct anon *reserve_anon(struct reserve *r);
struct chunk *reserve_chunk(struct reserve *r);

/* A RESERVED frame becomes OWNED. For a pmap's table_alloc; others take theirs by reserve_frame. */
void frame_own(struct mm *mm, uint32_t frame, enum frame_kind kind, void *owner, uint64_t index);

/* Gives an OWNED or RESERVED frame back. It must have no mapping, hold or I/O. */
void frame_free(struct mm *mm, uint32_t frame);

/* While held a frame is never a victim and is not freed: the last frame_unhold frees it if its
 * owner let go of it meanwhile. */
void frame_hold(struct mm *mm, uint32_t frame);
void frame_unhold(struct mm *mm, uint32_t frame);

/* Makes a frame that its owner has just taken all zeros. One that nobody used since the machine
 * was made is so already. */
void frame_zero(struct mm *mm, uint32_t frame);

/* A frame that can be evicted has its contents now: the policy learns of it. space: for whom; again:
 * it was resident before. Of pages with nowhere to go it learns nothing. */
void frame_enter(struct mm *mm, uint32_t frame, uint32_t space, bool again);
/* The policy that knows it, or would. */
struct policy *frame_policy(const struct mm *mm, uint32_t frame);
/* The policy's part of a frame's end. */
void frame_leave(struct mm *mm, uint32_t frame, enum policy_leave why);
/* Takes a frame out of every space that maps it. */
void frame_unmap(struct mm *mm, uint32_t frame);
/* What the policy may ask; ctx is the mm. */
bool frame_evictable(void *ctx, uint32_t frame);
bool frame_harvest(void *ctx, uint32_t frame);
bool frame_dirty(void *ctx, uint32_t frame);
/* Did its only owner give it up (FRAME_LAZY), and store nothing to it since? Then where it is mapped. */
bool frame_is_lazy(struct mm *mm, uint32_t frame, struct pmap_place *ret_place);

/* Is it being filled? (BUSY and not GOING: what it holds is not there yet.) */
bool frame_reading(const struct mm *mm, uint32_t frame);

/* Somebody waits for this BUSY frame: if it is going, it will stay. */
void frame_want(struct mm *mm, uint32_t frame);

/* The key of the contents of an OWNED frame; 0 for tables, the zero frame and the kernel's. */
uint64_t frame_key(const struct mm *mm, uint32_t frame);

/* Without evicting: a frame for an anon, of which there must be one available; a zeroed one for a
 * store, false: none is free. */
uint32_t frame_take_free(struct mm *mm, struct anon *owner);
bool frame_take_store(struct mm *mm, uint32_t *ret_frame);

/* A zeroed frame for the kernel itself. Returns 0 or -ENOMEM, -EAGAIN as reserve_make. */
int frame_take_kernel(struct mm *mm, void *tag, uint32_t *ret_frame);

#endif
