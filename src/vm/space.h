/* SPDX-License-Identifier: MIT */
/* space.h - the address space of one process, and every operation on it
 *
 * A space is its ordered regions (what the program may touch), its anon_map (its private pages)
 * and its pmap (what the hardware has been told so far). Operations change regions at once and
 * pages lazily; each checks everything first and either does all of it or fails having changed
 * nothing that a program can see.
 *
 * Addresses and lengths are in bytes; starts must be page-aligned, lengths are rounded up to pages
 * as Linux does. Errors are Linux's for the same call.
 */
#ifndef VM_SPACE_H
#define VM_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/anon.h"
#include "vm/evict.h"
#include "vm/fault.h"
#include "vm/group.h"
#include "vm/limits.h"
#include "vm/pmap.h"
#include "vm/region.h"
#include "vm/track.h"

#define NO_PAGE UINT64_MAX

struct space_layout {
	uint64_t bottom; /* lowest address a mapping without MAP_FIXED gets: 65536, as mmap_min_addr.
			  * Who may name a lower one is the kernel's affair. */
	uint64_t top;	 /* end of user addresses: 2^47 in Sv48, less with --va */
	uint64_t map_top; /* mappings are placed below this, downward */
	uint64_t stack_limit; /* how far a REGION_STACK may grow, bytes */
};

struct space {
	struct mm *mm;
	uint32_t serial; /* never reused */
	int32_t pid;	 /* whom events concern */
	struct tally *tally; /* his counts; may be NULL */
	struct regions regions;
	struct anon_map anons;
	struct pmap *pmap;
	uint64_t track_spans;
	struct sparse tracks; /* va >> SPAN_SHIFT -> struct track_span: see track.h */
	struct space_layout layout;
	uint64_t brk_start, brk;
	uint32_t future; /* REGION_LOCKED, LOCKONFAULT: what each new region gets, by mlockall(MCL_FUTURE) */
	uint64_t pages;		 /* mapped by regions: VmSize */
	uint64_t pages_peak;	 /* VmPeak */
	uint64_t resident_peak;	 /* VmHWM */
	uint64_t pages_stack, pages_data, pages_exec, pages_locked; /* VmStk, VmData, VmExe + VmLib, VmLck */
	uint64_t refaults, refaults_window; /* in this window of thrash.h, and in the last */
	struct {
		uint64_t page; /* of the fault that waits; NO_PAGE: none does */
		struct victim victim;
	} waiting;
	uint64_t committed;	/* pages promised to it: those of regions with REGION_ACCOUNT */
	struct group *group;	/* whose that is, too; NULL: none's */
	struct space_limits limits;
	const struct space *replaces; /* the space that goes when this one is complete: execve */
	struct space *next, **prev; /* all spaces of the mm */
};

/* An empty space. Returns 0 or -ENOMEM, -EAGAIN (as reserve_make). */
int space_create(struct mm *mm, int32_t pid, struct tally *tally, const struct space_layout *layout,
		 struct space **ret_space);
/* Gives everything back. Cannot fail. */
void space_destroy(struct space *s);
/* A copy by reference: private pages are shared until one side writes. */
int space_fork(struct space *parent, int32_t pid, struct tally *tally, struct space **ret_child);

enum map_flag {
	MAP_AT = 1 << 0,      /* exactly at start, replacing what is there */
	MAP_AT_FREE = 1 << 1, /* exactly at start, -EEXIST if anything is there */
};

struct map_request {
	uint64_t start; /* a wish, unless MAP_AT or MAP_AT_FREE */
	uint64_t length;
	unsigned prot, prot_max; /* enum prot */
	unsigned region_flags;	 /* enum region_flag; ACCOUNT comes of itself */
	unsigned map_flags;	 /* enum map_flag */
	struct object *object;	 /* referenced by the region; the caller keeps its own reference */
	uint64_t source;	 /* which open file it is, so that neighbours of two stay apart; 0: none */
	uint64_t offset;
};

int space_map(struct space *s, const struct map_request *m, uint64_t *ret_start);
/* Where Linux would put a mapping of length bytes, with or without (0) a wish; 0: nowhere. */
uint64_t space_place(const struct space *s, uint64_t wish, uint64_t length);
int space_unmap(struct space *s, uint64_t start, uint64_t length);
int space_protect(struct space *s, uint64_t start, uint64_t length, unsigned prot);
/* mremap; flags are Linux's MREMAP_MAYMOVE 1, FIXED 2, DONTUNMAP 4. */
int space_remap(struct space *s, uint64_t old, uint64_t old_length, uint64_t length, unsigned flags,
		uint64_t to, uint64_t *ret_start);
/* madvise; advice is Linux's number. -ENOMEM: there are holes; -ENOBUFS: no memory for the regions
 * that it would make (Linux says EAGAIN). As on Linux what lies below the first region that refuses
 * is done. */
int space_advise(struct space *s, uint64_t start, uint64_t length, int advice);
/* mseal: what is mapped there stays as it is until the space goes. -ENOMEM: there are holes, or no memory
 * for the regions that it would make. From then on unmap, protect and remap say -EPERM, as does what
 * would map over it, and advice that would change what it shows (space_advise) where it is anonymous and
 * cannot be written. As on Linux it may still be locked, named, watched, written to and forked. */
int space_seal(struct space *s, uint64_t start, uint64_t length);
/* Gives the anonymous memory in the range a name, or takes it away (NULL). name: shorter than
 * REGION_NAME_SIZE. -EBADF: a file's; -ENOMEM: there are holes, or no memory for the name; -ENOBUFS: none
 * for the regions that it would make (Linux says EAGAIN). As on Linux what lies below the first region
 * that refuses is done. */
int space_name(struct space *s, uint64_t start, uint64_t length, const char *name);
/* mbind: the memory in the range is to lie so. -EFAULT: there is a hole (the default may be asked for past
 * holes); -ENOMEM. */
int space_place_by(struct space *s, uint64_t start, uint64_t end, struct mempolicy policy);
/* What was asked for the page at va, which lies in r; shared memory is asked itself. */
struct mempolicy region_policy_at(const struct region *r, uint64_t va);
/* Sets the end of the heap; returns the end as it then is (unchanged if that cannot be). */
uint64_t space_brk(struct space *s, uint64_t brk);
/* Writes dirty pages of shared file mappings back; flags are Linux's MS_*. */
int space_sync(struct space *s, uint64_t start, uint64_t length, int flags);
/* One byte a page, for the pages from start to the end of its region or of length: bit 0 says
 * resident. Returns how many pages those are, or -ENOMEM (none: a hole), -EINVAL. */
int64_t space_incore(struct space *s, uint64_t start, uint64_t length, uint8_t *ret_vector);
/* lock: REGION_LOCKED, or with it LOCKONFAULT, or 0 to unlock. */
int space_lock(struct space *s, uint64_t start, uint64_t length, uint32_t lock);
/* The same for all there is, as mlockall: what cannot be brought in or locked is left out. Returns 0
 * or -EAGAIN. */
int space_lock_all(struct space *s, uint32_t lock);
/* Faults a range in, as MAP_POPULATE and mlock do; write: pages that the program may write and
 * would not share become its own at once. Stops at the first error: -EFAULT, -ENOMEM (also a hole),
 * -EAGAIN (mm->waits_for says for what). space_map ignores it. */
int space_populate(struct space *s, uint64_t start, uint64_t length, bool write);

/* Is va in memory that nobody but the program itself may reach? */
static inline bool space_secret_at(const struct space *s, uint64_t va)
{
	const struct region *r = regions_find(&s->regions, va);
	return r && r->flags & REGION_SECRET;
}

/* Is it [heap]? That is a matter of where it lies. */
bool space_is_heap(const struct space *s, const struct region *r);

/* Copies size bytes at va as they are now, changing nothing: no fault, no A bit. What is in no
 * region reads as failure: false. For those who look: trace, gdb, sentences. */
bool space_peek(const struct space *s, uint64_t va, void *ret_bytes, uint64_t size);

/* Finds where one access by the kernel on behalf of a program lands: through the pmap as hardware
 * would, else by a fault; the frame is held on success. Returns as fault does. */
enum fault_result space_access(struct space *s, const struct fault_request *q, uint32_t *ret_frame);

/* The program refers to va: for exact references. The policy is told, if there is a page now. */
void space_touched(struct space *s, uint64_t va);

/* Pages of the private layer that are in swap only: VmSwap. */
uint64_t space_swapped(const struct space *s);

/* What one region has resident, for smaps and maps -v. */
struct region_usage {
	uint64_t resident, dirty, referenced, anonymous, swapped, shared; /* pages; shared: mapped elsewhere too */
	uint64_t shared_dirty;		 /* pages that are both */
	uint64_t lazy;			 /* given up by MADV_FREE, and not stored to since */
	uint64_t pss, pss_dirty; /* bytes << 12 / sharers, as Linux sums it */
	uint64_t swap_pss;	 /* the same of swapped pages */
};
void space_usage(const struct space *s, const struct region *r, struct region_usage *ret_usage);

#endif
