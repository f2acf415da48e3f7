/* SPDX-License-Identifier: MIT */
/* pmap.h - the hardware mapping of one address space
 *
 * A pmap is a cache of what the regions say: any entry may be dropped at any moment and comes back
 * by a fault of cause refill. It knows which frames are mapped where (the reverse map), which page
 * tables exist, and who shares them; nobody else does.
 *
 * Leaf tables (one span of 2 MiB) may be shared by several pmaps after fork. Nobody changes a
 * shared table for one owner alone: pmap_unshare copies it first and may fail. What happens to the
 * page itself, pmap_remove, pmap_harvest, pmap_clean, happens to all who map it at once.
 *
 *	pmap/sv.c	writes the tables that the machine's MMU reads
 *	pmap/soft.c	a plain sorted map, for model tests and for replay without a machine
 *
 * What may fail says so; the rest cannot. Changes take effect before the next instruction of any
 * hart: an implementation invalidates what it must.
 */
#ifndef VM_PMAP_H
#define VM_PMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/event.h"
#include "vm/frame.h"

struct mm;
struct pmap;
struct table;

enum prot { PROT_R = 1, PROT_W = 2, PROT_X = 4, PROT_ALL = 7 };

/* Resident pages are counted by what they are, as /proc/PID/status shows them. */
enum resident { RESIDENT_ANON, RESIDENT_FILE, RESIDENT_SHMEM, RESIDENT_KINDS };

/* What an entry says. */
struct pmap_entry {
	uint32_t frame;
	uint8_t prot;	  /* PROT_R, PROT_W, PROT_X; W comes with R. 0 stays resident but cannot be used */
	bool accessed, dirty;
	bool shared;	  /* its table has several owners */
	enum resident as; /* how it counts; the zero frame counts nowhere */
};

struct pmap_stats {
	uint64_t resident[RESIDENT_KINDS]; /* pages */
	uint64_t tables;		   /* page-table pages reachable, shared ones too */
	uint64_t tables_shared;
};

/* One place that maps a frame, for those who must name it. */
struct pmap_place {
	uint32_t space;
	int32_t pid;
	uint64_t va;
};

struct pmap_ops {
	const char *name;
	/* Does a page table take a frame? If not, table_alloc is given NO_FRAME, and a table in need or
	 * in a reserve is host memory only. */
	bool tables_take_frames;

	/* Makes an empty mapping; takes a frame for the root table. Returns 0, -ENOMEM or -EAGAIN.
	 * space and pid are only remembered, for pmap_places. */
	int (*create)(struct mm *mm, uint32_t space, int32_t pid, struct pmap **ret_pmap);
	/* Drops every mapping and table. */
	void (*destroy)(struct pmap *p);

	/* A page table in a RESERVED frame, which it owns from then on (frame_own); for reserve_make.
	 * NULL: no memory, and the frame is still RESERVED. */
	struct table *(*table_alloc)(struct mm *mm, uint32_t frame);
	/* Gives back a table that was never used; its frame is freed too. */
	void (*table_free)(struct mm *mm, struct table *t);

	/* How many tables an enter at va takes: missing ones, and one if the leaf is shared. An eviction
	 * may free a table that became empty, so this may grow in reserve_make: ask again after it. */
	unsigned (*tables_needed)(const struct pmap *p, uint64_t va);
	/* Maps frame at va, in place of what was there (its A and D go to its frame, as in remove);
	 * takes tables from r. The entry starts with A and D clear; hardware sets them. Cannot fail. */
	void (*enter)(struct pmap *p, uint64_t va, uint32_t frame, unsigned prot, enum resident as, struct reserve *r);
	/* Maps the neighbours frame[0 .. n - 1] from va on, wherever there is no entry yet; NO_FRAME: not
	 * this one. All lie in one span that has a table of this pmap's own. Cannot fail. */
	void (*enter_around)(struct pmap *p, uint64_t va, const uint32_t *frame, unsigned n, unsigned prot,
			     enum resident as);
	/* What is at va; false: nothing. */
	bool (*lookup)(const struct pmap *p, uint64_t va, struct pmap_entry *ret_entry);
	/* The first entry at or after *va and below end; moves *va to it. */
	bool (*next)(const struct pmap *p, uint64_t *va, uint64_t end, struct pmap_entry *ret_entry);
	/* Translates as the hardware would, A and D bits included. False: it would fault. */
	bool (*touch)(struct pmap *p, uint64_t va, enum access access, uint32_t *ret_frame);

	/* Makes every shared leaf table that meets [start, end) private; partial: only those that
	 * reach beyond the range. Returns 0, -ENOMEM or -EAGAIN; what was unshared by then stays so,
	 * which nobody can see. */
	int (*unshare)(struct pmap *p, uint64_t start, uint64_t end, bool partial);
	/* Drops the entries of [start, end), A and D handed back as in remove; spans wholly inside may
	 * be shared. Empty tables go. */
	void (*unmap)(struct pmap *p, uint64_t start, uint64_t end);
	/* Rewrites the permissions of the entry at va, if there is one; its table is not shared. */
	void (*protect)(struct pmap *p, uint64_t va, unsigned prot);

	/* Shares the leaf table of the span at va with child, W cleared in every entry first; takes
	 * child's missing tables from r. An implementation that cannot share copies the entries into a
	 * table of child's own, which share_tables_needed counts. child has no table there yet. */
	unsigned (*share_tables_needed)(const struct pmap *child, uint64_t va);
	void (*share)(struct pmap *parent, struct pmap *child, uint64_t va, struct reserve *r);
	/* Does a leaf table exist for the span at va? */
	bool (*has_table)(const struct pmap *p, uint64_t va);
	/* Moves one entry, if there is one; neither table is shared; tables come from r. */
	void (*move)(struct pmap *p, uint64_t from, uint64_t to, struct reserve *r);

	/* For a frame, in all mappings of it at once. remove hands A and D back in frame->flags, and
	 * emits page_unmap (tally NULL, the pid of each space, resident -1) for each place it was in;
	 * harvest reads and clears A (and FRAME_ACCESSED); clean clears D and, where asked, W, and
	 * tells whether D was set; dirty only asks. */
	void (*remove)(struct mm *mm, uint32_t frame);
	bool (*harvest)(struct mm *mm, uint32_t frame);
	bool (*clean)(struct mm *mm, uint32_t frame, bool clear_w);
	bool (*dirty)(struct mm *mm, uint32_t frame);
	/* The places that map a frame: fills at most max, returns how many there are. */
	unsigned (*places)(struct mm *mm, uint32_t frame, struct pmap_place *ret_places, unsigned max);

	/* The frame's bytes are about to change other than by a program's own store. */
	void (*frame_changed)(struct mm *mm, uint32_t frame);

	void (*stats)(const struct pmap *p, struct pmap_stats *ret_stats);
	/* Walks everything and compares; false, with a sentence in why: something does not hold. */
	bool (*verify)(struct mm *mm, char *why, unsigned size);
};

/* The pmap of each kind starts with this, so that the calls below find their implementation. */
struct pmap {
	const struct pmap_ops *ops;
	struct mm *mm;
	uint32_t space;
	int32_t pid;
	uint64_t resident[RESIDENT_KINDS]; /* pages, as stats tells them */
};

/* Resident pages of all kinds. */
static inline uint64_t pmap_resident(const struct pmap *p)
{
	return p->resident[RESIDENT_ANON] + p->resident[RESIDENT_FILE] + p->resident[RESIDENT_SHMEM];
}

#endif
