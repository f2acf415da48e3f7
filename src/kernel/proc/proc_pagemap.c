/* SPDX-License-Identifier: MIT */
/* proc_pagemap.c - /proc/PID/pagemap: a word for each page, and PAGEMAP_SCAN, which says of a range which
 * pages are what (Linux's Documentation/admin-guide/mm/pagemap.rst)
 */
#include <errno.h>

#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

enum {
	BIT_SOFT_DIRTY = 55,
	BIT_EXCLUSIVE = 56,
	BIT_GUARDED = 57,
	BIT_GUARD_REGION = 58,
	BIT_FILE = 61,
	BIT_SWAPPED = 62,
	BIT_PRESENT = 63,
	SWAP_TYPE_BITS = 5,
};

static uint64_t bit(unsigned n)
{
	return UINT64_C(1) << n;
}

/* A page that is in swap only: the area, and the slot's number in it. */
static uint64_t swapped_word(const struct mm *mm, const struct anon *a)
{
	uint32_t number;
	const struct swap_area *area = swap_area_of(mm, a->slot, &number);
	if (!area)
		return 0;
	return bit(BIT_SWAPPED) | (uint64_t)(area - mm->swap.area) | (uint64_t)number << SWAP_TYPE_BITS;
}

static uint64_t frame_word(struct mm *mm, uint32_t frame, bool names)
{
	bool anon = frame_at(mm, frame)->kind == FRAME_ANON, zero = frame == mm->zero;
	bool alone = !zero && mm->pmap->places(mm, frame, NULL, 0) == 1;
	return bit(BIT_PRESENT) | (names ? frame : 0) | (alone ? bit(BIT_EXCLUSIVE) : 0) |
	       (anon || zero ? 0 : bit(BIT_FILE));
}

/* Private pages that are in RAM are present whether or not an entry shows them just now: the map is a
 * cache. Of what is shared, as on Linux, those that are mapped. */
static uint64_t page_word(const struct space *s, const struct region *r, uint64_t va, bool names)
{
	struct mm *mm = s->mm;
	struct pmap_entry e;
	uint64_t word = track_stored(s, r, va) ? bit(BIT_SOFT_DIRTY) : 0;
	if (track_get(s, va, TRACK_GUARDED))
		word |= bit(BIT_GUARDED);
	if (track_get(s, va, TRACK_BARRED))
		word |= bit(BIT_GUARD_REGION);
	const struct anon *a = r->flags & REGION_SHARED ? NULL : anon_map_get(&s->anons, va);
	if (a && (a->frame == NO_FRAME || frame_reading(mm, a->frame)))
		return word | swapped_word(mm, a);
	if (a) {
		bool alone = a->refs == 1 && anon_map_chunk(&s->anons, va)->refs == 1;
		return word | bit(BIT_PRESENT) | (names ? a->frame : 0) | (alone ? bit(BIT_EXCLUSIVE) : 0);
	}
	if (mm->pmap->lookup(s->pmap, va, &e))
		return word | frame_word(mm, e.frame, names) |
		       (e.as == RESIDENT_SHMEM ? bit(BIT_FILE) : 0);
	return word;
}

static int64_t pagemap_read(struct task *asker, struct process *p, void *ret_bytes, size_t size,
			    uint64_t pos)
{
	const struct space *s = p->space;
	uint64_t *words = ret_bytes, n = 0;
	if (!s)
		return 0;
	if (!cred_may_trace(asker, p, true))
		return -EACCES;
	if (pos % sizeof(*words) || size % sizeof(*words))
		return -EINVAL;
	uint64_t page = pos / sizeof(*words), end = s->layout.top >> PAGE_SHIFT;
	const struct region *r = page < end ? regions_at_or_after(&s->regions, page << PAGE_SHIFT) : NULL;
	for (; n < size / sizeof(*words) && page < end; n++, page++) {
		uint64_t va = page << PAGE_SHIFT;
		if (r && va >= r->end)
			r = region_next(r);
		words[n] = r && va >= r->start ? page_word(s, r, va, task_can(asker, CAP_SYS_ADMIN)) : 0;
	}
	return (int64_t)(n * sizeof(*words));
}

/* ---- PAGEMAP_SCAN ---- */

enum category {
	IS_WPALLOWED = 1 << 0,
	IS_WRITTEN = 1 << 1,
	IS_FILE = 1 << 2,
	IS_PRESENT = 1 << 3,
	IS_SWAPPED = 1 << 4,
	IS_ZERO = 1 << 5,
	IS_HUGE = 1 << 6, /* none here is */
	IS_SOFT_DIRTY = 1 << 7,
	IS_GUARD = 1 << 8,
	CATEGORIES = (1 << 9) - 1,
};
enum { WP_MATCHING = 1, CHECK_WPASYNC = 2 };

/* struct pm_scan_arg, and struct page_region. */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, returned;
};
_Static_assert(sizeof(struct scan_arg) == 96, "struct pm_scan_arg");
#define PAGEMAP_SCAN UINT64_C(0xc0606610)

struct scan_span {
	uint64_t start, end, categories;
};

/* Spans that are collected before they are handed out. */
enum { SCAN_BATCH = 128 };

struct scan {
	struct scan_arg arg;
	struct space *space;
	uint64_t at;    /* what lies below is looked at */
	uint64_t found; /* pages, those of this batch included */
	unsigned count;
	bool full; /* there would have been more: at says from where on */
	struct scan_span span[SCAN_BATCH];
};

static int scan_arg_check(const struct space *s, struct scan_arg *a)
{
	uint64_t top = s->layout.top;
	if (a->size != sizeof(*a) || a->flags & ~(uint64_t)(WP_MATCHING | CHECK_WPASYNC) ||
	    (a->inverted | a->mask | a->anyof | a->returned) & ~(uint64_t)CATEGORIES || a->start % PAGE_SIZE)
		return -EINVAL;
	if (a->start > top || a->end - a->start > top - a->start)
		return -EFAULT;
	if (!a->vec && a->vec_len)
		return -EINVAL;
	if (a->vec && (a->vec > top || a->vec_len > (top - a->vec) / sizeof(struct scan_span)))
		return -EFAULT;
	a->end = page_up(a->end);
	a->max_pages = a->max_pages ? a->max_pages : UINT64_MAX;
	return 0;
}

static bool may_be_guarded(const struct region *r)
{
	const uint32_t async = REGION_WATCH_GUARD | REGION_WATCH_ASYNC;
	return (r->flags & async) == async;
}

static uint64_t region_categories(const struct region *r)
{
	return (may_be_guarded(r) ? IS_WPALLOWED : 0) | (r->flags & REGION_TRACKED ? 0 : IS_SOFT_DIRTY);
}

static uint64_t page_categories(const struct space *s, const struct region *r, uint64_t va)
{
	uint64_t w = page_word(s, r, va, false);
	struct pmap_entry e;
	bool zero = w & bit(BIT_PRESENT) && s->mm->pmap->lookup(s->pmap, va, &e) && e.frame == s->mm->zero;
	return region_categories(r) | (w & bit(BIT_GUARDED) ? 0 : IS_WRITTEN) | (w & bit(BIT_FILE) ? IS_FILE : 0) |
	       (w & bit(BIT_PRESENT) ? IS_PRESENT : 0) | (w & bit(BIT_SWAPPED) ? IS_SWAPPED : 0) |
	       (w & bit(BIT_SOFT_DIRTY) ? IS_SOFT_DIRTY : 0) | (w & bit(BIT_GUARD_REGION) ? IS_GUARD : 0) | (zero ? IS_ZERO : 0);
}

static bool scan_wants(const struct scan_arg *a, uint64_t categories)
{
	categories ^= a->inverted;
	return (categories & a->mask) == a->mask && (!a->anyof || categories & a->anyof);
}

/* Adds what is wanted. False: there is no room for all of it; scan->at says how far it came. */
static bool scan_add(struct scan *scan, uint64_t start, uint64_t end, uint64_t categories, uint64_t room)
{
	const struct scan_arg *a = &scan->arg;
	struct scan_span *last = scan->count ? &scan->span[scan->count - 1] : NULL;
	uint64_t most = a->vec_len ? a->max_pages - scan->found : UINT64_MAX;
	bool all = (end - start) >> PAGE_SHIFT <= most, joins;
	end = all ? end : start + (most << PAGE_SHIFT);
	categories &= a->returned;
	joins = last && last->end == start && last->categories == categories;
	scan->at = start;
	if (start == end || (!joins && scan->count == room))
		return false;
	if (joins)
		last->end = end;
	else
		scan->span[scan->count++] = (struct scan_span){start, end, categories};
	scan->found += (end - start) >> PAGE_SHIFT;
	scan->at = end;
	return all;
}

/* Where something is known of a page next: the start of its span; end: nowhere. Linux tells there of pages
 * that are not, elsewhere (where it has no page table) of the region alone. */
static uint64_t known_next(const struct space *s, uint64_t va, uint64_t end)
{
	uint64_t span = align_down(va, SPAN_SIZE), page = span, tracked = span, known = end;
	struct pmap_entry e;
	if (anon_map_next(&s->anons, &page, end))
		known = page;
	page = span;
	if (s->mm->pmap->next(s->pmap, &page, known, &e))
		known = min_u64(known, page);
	if (track_next(s, &tracked, end))
		known = min_u64(known, tracked);
	return max_u64(va, known == end ? end : align_down(known, SPAN_SIZE));
}

static bool region_scan(struct scan *scan, const struct region *r, uint64_t room)
{
	const struct space *s = scan->space;
	uint64_t va = max_u64(scan->at, r->start), end = min_u64(scan->arg.end, r->end);
	while (va < end) {
		uint64_t known = known_next(s, va, end), span = min_u64(end, align_up(known + 1, SPAN_SIZE));
		if (va < known && scan_wants(&scan->arg, region_categories(r)) &&
		    !scan_add(scan, va, known, region_categories(r), room))
			return false;
		for (va = known; va < span; va += PAGE_SIZE) {
			uint64_t categories = page_categories(s, r, va);
			if (scan_wants(&scan->arg, categories) &&
			    !scan_add(scan, va, va + PAGE_SIZE, categories, room))
				return false;
		}
	}
	scan->at = end;
	return true;
}

/* Collects as many spans as fit. Returns 0, or -EPERM at a region that may not be guarded. */
static int scan_collect(struct scan *scan, uint64_t room)
{
	const struct scan_arg *a = &scan->arg;
	uint64_t from = scan->at;
	for (const struct region *r = regions_at_or_after(&scan->space->regions, from); r && r->start < a->end;
	     r = region_next(r)) {
		bool may = may_be_guarded(r);
		if (!may && a->flags & CHECK_WPASYNC)
			return -EPERM;
		if ((!may && a->flags & WP_MATCHING) ||
		    ((region_categories(r) ^ a->inverted) & a->mask & IS_WPALLOWED) != (a->mask & IS_WPALLOWED))
			continue;
		if (!region_scan(scan, r, room)) {
			scan->full = true;
			return 0;
		}
	}
	scan->at = a->end;
	return 0;
}

/* Guards what was collected. Returns 0, or the error that ended it with count spans done. */
static int scan_guard(struct scan *scan)
{
	for (unsigned i = 0; i < scan->count; i++) {
		const struct scan_span *g = &scan->span[i];
		int error = watch_guard(scan->space, g->start, g->end, true);
		if (error) {
			scan->at = g->start;
			scan->count = i;
			return error;
		}
	}
	return 0;
}

/* One batch is collected, its place in the program's memory held, guarded, and handed out: so nothing is
 * done twice, whatever has to be waited for. Returns 0 or what ends the call. */
static int scan_batch(struct scan *scan, struct task *t, uint64_t out)
{
	const struct scan_arg *a = &scan->arg;
	uint64_t place = a->vec_len ? min_u64(SCAN_BATCH, a->vec_len - out) : SCAN_BATCH;
	struct hold h;
	scan->count = 0;
	scan->full = false;
	int error = scan_collect(scan, place), r = 0;
	bool hands_out = a->vec_len && scan->count;
	if (hands_out) {
		uint64_t va = a->vec + out * sizeof(scan->span[0]);
		r = uaccess_hold(t, va, scan->count * sizeof(scan->span[0]), ACCESS_WRITE, &h);
		if (r == 0 && h.size < scan->count * sizeof(scan->span[0])) {
			uaccess_release(&h);
			r = -EFAULT;
		}
		if (r != 0)
			return r;
	}
	if (a->flags & WP_MATCHING)
		r = scan_guard(scan);
	if (hands_out) {
		uaccess_put(&h, scan->span, scan->count * sizeof(scan->span[0]));
		uaccess_release(&h);
	}
	return r ? r : error;
}

/* call.state of a scan that waits: how far it came, what it found and handed out, and how it ended. */
enum { SCAN_AT, SCAN_FOUND, SCAN_OUT, SCAN_DONE };

static int64_t pagemap_scan(struct task *t, struct process *p, uint64_t at)
{
	uint64_t *state = t->call.state;
	struct scan scan = {.space = p->space};
	struct scan_arg *a = &scan.arg;
	int r = uaccess_read(t, a, at, sizeof(*a));
	if (r == 0)
		r = scan_arg_check(p->space, a);
	if (r != 0)
		return r;
	scan.at = state[SCAN_AT] ? state[SCAN_AT] : a->start;
	while (!state[SCAN_DONE]) {
		scan.found = state[SCAN_FOUND];
		r = scan_batch(&scan, t, state[SCAN_OUT]);
		if (r == CALL_WAIT)
			return r;
		uint64_t pages = 0;
		for (unsigned i = 0; i < scan.count; i++)
			pages += (scan.span[i].end - scan.span[i].start) >> PAGE_SHIFT;
		state[SCAN_FOUND] += a->vec_len ? pages : 0;
		state[SCAN_OUT] += a->vec_len ? scan.count : 0;
		state[SCAN_AT] = scan.at;
		if (r == -EAGAIN)
			return wait_result(t, r);
		bool stays = a->vec_len && (state[SCAN_OUT] == a->vec_len || state[SCAN_FOUND] == a->max_pages);
		/* What a walk has not begun it ends at its end. */
		if (r != 0 || !scan.full || stays)
			state[SCAN_DONE] = 1;
		if (r != 0) {
			state[SCAN_AT] = a->end;
			state[SCAN_OUT] = (uint64_t)r;
		}
	}
	r = uaccess_write(t, at + 4 * sizeof(uint64_t), &state[SCAN_AT], sizeof(uint64_t));
	return r ? r : (int64_t)state[SCAN_OUT];
}

static int64_t pagemap_ioctl(struct task *asker, struct process *p, uint64_t request, uint64_t arg)
{
	if (request != PAGEMAP_SCAN)
		return -EINVAL;
	return p->space ? pagemap_scan(asker, p, arg) : -ESRCH;
}

const struct proc_window proc_pagemap = {pagemap_read, NULL, pagemap_ioctl};
