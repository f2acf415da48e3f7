/* SPDX-License-Identifier: MIT */
/* mm.h - the memory of one machine: frames, spaces, objects, policy, in one place
 *
 *	kernel --> space --> region --> object --> frame
 *	             |  \--> anon_map -> chunk --> anon --> frame
 *	             \-----> pmap ------> table --> frame
 *	mm: the frames, the policy that picks victims, the events, the host
 *
 * Who includes this header has all of src/vm.
 */
#ifndef VM_MM_H
#define VM_MM_H

#include "vm/anon.h"
#include "vm/assert.h"
#include "vm/evict.h"
#include "vm/event.h"
#include "vm/fault.h"
#include "vm/frame.h"
#include "vm/group.h"
#include "vm/host.h"
#include "vm/limits.h"
#include "vm/object.h"
#include "vm/pmap.h"
#include "vm/policy.h"
#include "vm/refs.h"
#include "vm/region.h"
#include "vm/space.h"
#include "vm/swap.h"
#include "vm/thrash.h"
#include "vm/track.h"
#include "vm/watch.h"

/* The smallest RAM: root, tables, the zero frame and four pages must fit at once. */
enum { MM_FRAMES_MIN = 16 };

struct mm_config {
	uint8_t *ram; /* frames * 4096 bytes, zeroed */
	uint32_t frames;
	const struct host *host;
	struct events *events;
	const struct pmap_ops *pmap;
	void *pmap_ctx; /* the pmap implementation's, e.g. the machine */
	const struct policy_ops *policy;
	const char *policy_params; /* may be NULL */
	bool exact_refs;	   /* --refs exact: policy->touch will be called for every reference */
	bool eager;		   /* --paging eager */
	unsigned fault_around;	   /* pages that one file fault maps, 1 to FAULT_AROUND_MAX */
	struct swap_config swap;
	struct local_config local;
	/* Fewer than low free frames: evict until there are high, in the background. 0: never. */
	uint32_t low, high;
};

struct mm {
	struct mm_config config;
	uint8_t *ram;
	struct frame *frame; /* all of them, as in the pool */
	uint32_t frames;
	struct frame_pool pool;
	uint32_t backed; /* the host wants to be told before the pool comes to this frame */
	uint32_t zero;	 /* the zero frame */
	struct host host;
	struct events *events;
	const struct pmap_ops *pmap;
	void *pmap_ctx, *pmap_state; /* the pmap implementation's */
	const struct policy_ops *policy_ops;
	struct policy *policy;
	uint32_t regions_max; /* of one space: REGIONS_MAX, unless that was changed */
	uint64_t next_anon_key, next_lineage;
	uint32_t next_space, next_object;
	struct space *spaces;	/* all of them */
	struct sparse space_of;	/* serial -> space */
	struct object *objects; /* all of them */
	struct commit commit;	/* what has been promised, and may be */
	uint64_t locked_pages;	/* of all spaces: 0 saves a look at each victim */
	uint32_t waits_for;	/* the frame that the last FAULT_WAIT or -EAGAIN waits for */
	struct space *current;	/* for whom frames are wanted: whose program runs; NULL: nobody's */
	struct handed handed;	/* the last FAULT_HANDED */
	uint32_t brought;	/* the frame that a fault just brought in for the program's next reference */
	struct victim victim;	/* since the fault began */
	struct swap swap;
	struct thrash thrash;
	uint64_t evictions; /* how many there were */
	uint64_t file_evictions, refaults, file_refaults; /* of them, of files; came back; of those, of files */
	/* Frames brought in for the instruction that is being tried; see mm_retired. */
	uint32_t instruction[8];
	unsigned instruction_frames;
};

/* What time brings: transfers end, the policy ticks, free frames are kept between the marks. To be
 * called when mm_next says, and every now and then. */
void mm_run(struct mm *mm);
/* When that is due by itself; UINT64_MAX: never. */
uint64_t mm_next(const struct mm *mm);

/* Returns 0, -ENOMEM (the host's), -EINVAL (fewer than MM_FRAMES_MIN frames, or 2^31, or the policy's
 * parameters). */
int mm_create(const struct mm_config *config, struct mm **ret_mm);
/* Every space and object must be gone; what is under way is waited for. */
void mm_destroy(struct mm *mm);

/* A frame of RAM, and its bytes. */
static inline struct frame *frame_at(const struct mm *mm, uint32_t frame)
{
	VM_ASSERT(frame < mm->frames);
	return &mm->frame[frame];
}

static inline uint8_t *frame_bytes(const struct mm *mm, uint32_t frame)
{
	VM_ASSERT(frame < mm->frames);
	return mm->ram + ((uint64_t)frame << PAGE_SHIFT);
}
/* One more instance of the machine's policy. Returns as its create does. */
int mm_policy_create(struct mm *mm, struct policy **ret_policy);

uint64_t mm_now(const struct mm *mm);
struct space *mm_space(const struct mm *mm, uint32_t serial);
#define MM_EVENT(mm_, tally_, pid_, name, ...)                                                     \
	EVENT((mm_)->events, tally_, pid_, mm_now(mm_), name, __VA_ARGS__)

/* Frames that a fault brought in for one instruction are held until it retires, so that it always
 * can. The kernel says when one has retired. */
void mm_hold_for_instruction(struct mm *mm, uint32_t frame);
void mm_retired(struct mm *mm);

/* What `frames`, /proc/meminfo and free show; the sum of kinds, free and reserved is frames. */
struct mm_usage {
	uint64_t frames, free, reserved;
	uint64_t kind[FRAME_KINDS];
	uint64_t file_clean_unmapped; /* what could be had at once */
	uint64_t file_mapped, file_dirty;
	uint64_t anon_mapped;	       /* shared memory among them */
	uint64_t shared, shared_mapped; /* of FRAME_ANON: shared memory */
	uint64_t writeback;	       /* being written to swap */
	uint64_t swap, swap_used;      /* slots there are, and those with pages */
};
void mm_usage(const struct mm *mm, struct mm_usage *ret_usage);

/* Walks the whole system. False, with a sentence in why (size bytes): something does not hold. */
bool mm_verify(struct mm *mm, char *why, unsigned size);

/* Writes a sentence to why, each # in it the next of a and b. Returns false, for its callers to
 * return. */
bool verify_say(char *why, unsigned size, const char *text, uint64_t a, uint64_t b);

#endif
