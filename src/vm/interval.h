/* SPDX-License-Identifier: MIT */
/* interval.h - arithmetic of page-aligned ranges of addresses
 *
 * An interval is [start, end); it may be empty. An extent is an interval that is not empty and shows
 * something from an offset on: the address va shows the byte offset + (va - start). Neither wraps.
 *
 *	            start         va           end
 *	whole         |------------|------------|
 *	below, above  |------------|            |       each address shows what it showed before,
 *	                           |------------|       and the two join to the whole again
 *
 * Pure arithmetic, proved to be right (docs/proof.md): trees and counters are region.c's affair.
 */
#ifndef VM_INTERVAL_H
#define VM_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "vm/assert.h"

struct interval {
	uint64_t start, end;
};

struct extent {
	uint64_t start, end;
	uint64_t offset;
};

/*@ predicate aligned(integer x) = x % PAGE_SIZE == 0;
    predicate interval_sound(struct interval i) = i.start <= i.end;
    predicate interval_has(struct interval i, integer va) = i.start <= va < i.end;

    predicate extent_sound(struct extent e) =
      e.start < e.end && aligned(e.start) && aligned(e.end) && aligned(e.offset) &&
      e.offset + (e.end - e.start) <= UINT64_MAX;
    predicate extent_has(struct extent e, integer va) = e.start <= va < e.end;
    logic integer shown(struct extent e, integer va) = e.offset + (va - e.start);
 */

/* Where length bytes from start, rounded up to pages, end. False: start is not page-aligned, or they
 * do not end at or below top. */
/*@ requires aligned(top) && \valid(ret_end);
    assigns *ret_end;
    ensures \result <==> aligned(start) && start + length <= top;
    ensures \result ==> aligned(*ret_end) && start + length <= *ret_end <= top &&
      *ret_end < start + length + PAGE_SIZE;
    ensures !\result ==> *ret_end == \old(*ret_end);
 */
static inline bool interval_end(uint64_t start, uint64_t length, uint64_t top, uint64_t *ret_end)
{
	if (start % PAGE_SIZE || length > top || start > top - page_up(length))
		return false;
	*ret_end = start + page_up(length);
	return true;
}

/* Have they an address in common? */
/*@ requires interval_sound(a) && interval_sound(b);
    assigns \nothing;
    ensures \result <==> \exists integer va; interval_has(a, va) && interval_has(b, va);
 */
static inline bool interval_meets(struct interval a, struct interval b)
{
	uint64_t first = max_u64(a.start, b.start);
	bool meets = first < min_u64(a.end, b.end);
	/*@ assert meets ==> interval_has(a, first) && interval_has(b, first); */
	return meets;
}

/* What they have in common; empty: nothing. */
/*@ requires interval_sound(a) && interval_sound(b);
    assigns \nothing;
    ensures interval_sound(\result);
    ensures \forall integer va; interval_has(\result, va) <==> interval_has(a, va) && interval_has(b, va);
 */
static inline struct interval interval_clip(struct interval a, struct interval b)
{
	uint64_t start = max_u64(a.start, b.start);
	return (struct interval){start, max_u64(start, min_u64(a.end, b.end))};
}

/* The byte that va shows. */
/*@ requires extent_sound(e) && e.start <= va <= e.end;
    assigns \nothing;
    ensures \result == shown(e, va);
 */
static inline uint64_t extent_shown(struct extent e, uint64_t va)
{
	return e.offset + (va - e.start);
}

/* The part of e below va. */
/*@ requires extent_sound(e) && aligned(va) && e.start < va < e.end;
    assigns \nothing;
    ensures extent_sound(\result);
    ensures \forall integer a; extent_has(\result, a) <==> extent_has(e, a) && a < va;
    ensures \forall integer a; shown(\result, a) == shown(e, a);
 */
static inline struct extent extent_below(struct extent e, uint64_t va)
{
	VM_ASSERT(e.start < va && va < e.end && va % PAGE_SIZE == 0);
	return (struct extent){e.start, va, e.offset};
}

/* The part of e from va on. */
/*@ requires extent_sound(e) && aligned(va) && e.start < va < e.end;
    assigns \nothing;
    ensures extent_sound(\result);
    ensures \forall integer a; extent_has(\result, a) <==> extent_has(e, a) && va <= a;
    ensures \forall integer a; shown(\result, a) == shown(e, a);
 */
static inline struct extent extent_above(struct extent e, uint64_t va)
{
	VM_ASSERT(e.start < va && va < e.end && va % PAGE_SIZE == 0);
	return (struct extent){va, e.end, extent_shown(e, va)};
}

/* Does upper begin where lower ends, in what it shows, too? */
/*@ requires extent_sound(lower) && extent_sound(upper);
    assigns \nothing;
    ensures \result <==> lower.end == upper.start &&
      (\forall integer a; shown(lower, a) == shown(upper, a));
 */
static inline bool extent_joins(struct extent lower, struct extent upper)
{
	return lower.end == upper.start && extent_shown(lower, lower.end) == upper.offset;
}

/* Both as one. */
/*@ requires extent_sound(lower) && extent_sound(upper) && lower.end == upper.start;
    requires \forall integer a; shown(lower, a) == shown(upper, a);
    assigns \nothing;
    ensures extent_sound(\result);
    ensures \forall integer a; extent_has(\result, a) <==> extent_has(lower, a) || extent_has(upper, a);
    ensures \forall integer a; shown(\result, a) == shown(lower, a);
 */
static inline struct extent extent_join(struct extent lower, struct extent upper)
{
	VM_ASSERT(extent_joins(lower, upper));
	return (struct extent){lower.start, upper.end, lower.offset};
}

#endif
