/* SPDX-License-Identifier: MIT */
/* range.h - the steps that operations on a range of addresses share; private to src/vm
 *
 *	range_begin	memory for the cuts at both ends: may fail
 *	range_isolate	chunks and tables that reach beyond the range are made the space's own: may fail
 *	range_cut	from here on nothing fails: regions now begin and end where the range does
 *	...		the operation itself; or region by region, for those that it changes:
 *	range_take	the part of the region that lies in the range, cut off
 *	range_merge	once that is changed: neighbours that are now alike become one
 *	range_end	what was not used goes back
 *
 * An operation that gives up before it cuts calls range_end, too, and has changed nothing. Only what
 * changed is cut or merged: Linux leaves alone what an operation finds as it should be.
 */
#ifndef VM_RANGE_H
#define VM_RANGE_H

#include <stdint.h>

#include "vm/mm.h"

struct range {
	struct space *space;
	uint64_t start, end;
	struct region *spare[2];
};

/* removes: what lies in the range will go, so that only a hole in the midst of one region makes more of
 * them. Returns 0 or -ENOMEM (the host's memory, or REGIONS_MAX would be passed). */
int range_begin(struct range *g, struct space *s, uint64_t start, uint64_t end, bool removes);
/* Returns 0, -ENOMEM (the host's memory) or -EAGAIN. Where no frame can be had for a table of the
 * space's own its entries are dropped: the map is a cache. */
int range_isolate(struct range *g);
/* The same for tables alone, those wholly inside the range, too, unless partial. */
int range_unshare(struct space *s, uint64_t start, uint64_t end, bool partial);
void range_cut(struct range *g);
struct region *range_take(struct range *g, struct region *r);
/* Merges r with the regions beside it that are alike. Returns the one that r is now part of. */
struct region *range_merge(struct space *s, struct region *r);
/* The same for r and the region that follows it. Returns r. */
struct region *range_join(struct space *s, struct region *r);
void range_end(struct range *g);

/* Each region that meets [start, end), lowest first. r may not be freed in the loop. */
#define RANGE_REGIONS(r, s, start_, end_)                                                          \
	for (struct region *r = regions_at_or_after(&(s)->regions, (start_)); r && r->start < (end_);  \
	     r = region_next(r))

/* The first page at or after *va and below end that has an entry or an anon: moves *va to it. */
bool range_next(const struct space *s, uint64_t *va, uint64_t end);

/* Is any of it sealed? */
bool range_sealed(const struct space *s, uint64_t start, uint64_t end);

/* The private page at from, of an isolated range, is the one at to from then on. Returns 0 or -ENOMEM. */
int range_move_page(struct space *s, uint64_t from, uint64_t to);

/* Drops entries and private pages of an isolated range. */
void range_zap(struct space *s, uint64_t start, uint64_t end);

/* Removes an isolated, cut range's regions with all that is in them. */
void range_remove(struct space *s, uint64_t start, uint64_t end);

/* --paging eager: brings in what of [start, end) can be; otherwise does nothing. Returns 0 or
 * -ENOMEM: it does not fit into RAM. */
int eager_fill(struct space *s, uint64_t start, uint64_t end);
/* The same for both sides of a fork: the child has copies. */
int eager_fork(struct space *parent, struct space *child);

/* Puts a new region in, whose memory and object reference pass to the space. */
void space_insert(struct space *s, struct region *r);
/* Counts r into (pages > 0) or out of VmSize and its parts. */
void space_account(struct space *s, const struct region *r, int64_t pages);
struct region *region_new(struct mm *mm);
void region_free(struct mm *mm, struct region *r);
/* One reference less, of a name or of NULL. */
void region_name_put(struct mm *mm, struct region_name *name);

/* Resident pages of all kinds; keeps the peak. */
int64_t space_resident(struct space *s);

/* What a region's protection means to a page table: writable is readable. */
unsigned region_entry_prot(const struct region *r);

/* The checks that calls on ranges have in common: *ret_end is start + length, rounded up. -EINVAL:
 * start is not page-aligned, or the end lies beyond all addresses. */
int range_check(const struct space *s, uint64_t start, uint64_t length, uint64_t *ret_end);

#endif
