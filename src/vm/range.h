/* SPDX-License-Identifier: MIT */
/* range.h - the steps that operations on a range of addresses share; private to src/vm
 *
 *	range_begin	memory for the cuts at both ends: may fail
 *	range_isolate	chunks and tables that reach beyond the range are made the space's own: may fail
 *	range_cut	from here on nothing fails: regions now begin and end where the range does
 *	...		the operation itself
 *	range_end	neighbours that are alike become one; what was not used goes back
 *
 * An operation that gives up before range_cut calls range_end, too, and has changed nothing.
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

/* Returns 0 or -ENOMEM (the host's memory, or REGIONS_MAX would be passed). */
int range_begin(struct range *g, struct space *s, uint64_t start, uint64_t end);
/* Returns 0, -ENOMEM or -EAGAIN. */
int range_isolate(struct range *g);
void range_cut(struct range *g);
void range_end(struct range *g);

/* Each region that meets [start, end), lowest first. r may not be freed in the loop. */
#define RANGE_REGIONS(r, s, start_, end_)                                                          \
	for (struct region *r = regions_at_or_after(&(s)->regions, (start_)); r && r->start < (end_);  \
	     r = region_next(r))

/* The first page at or after *va and below end that has an entry or an anon: moves *va to it. */
bool range_next(const struct space *s, uint64_t *va, uint64_t end);

/* Drops entries and private pages of an isolated range. */
void range_zap(struct space *s, uint64_t start, uint64_t end);

/* Removes an isolated, cut range's regions with all that is in them. */
void range_remove(struct space *s, uint64_t start, uint64_t end);

/* Puts a new region in, whose memory and object reference pass to the space. */
void space_insert(struct space *s, struct region *r);
/* Counts r into (pages > 0) or out of VmSize and its parts. */
void space_account(struct space *s, const struct region *r, int64_t pages);
struct region *region_new(struct mm *mm);
void region_free(struct mm *mm, struct region *r);

/* Resident pages of all kinds; keeps the peak. */
int64_t space_resident(struct space *s);

/* What a region's protection means to a page table: writable is readable. */
unsigned region_entry_prot(const struct region *r);

/* The checks that calls on ranges have in common: *ret_end is start + length, rounded up. -EINVAL:
 * start is not page-aligned, or the end lies beyond all addresses. */
int range_check(const struct space *s, uint64_t start, uint64_t length, uint64_t *ret_end);

#endif
