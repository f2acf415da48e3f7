/* SPDX-License-Identifier: MIT */
/* advise.c - what a program says of ranges that it keeps: madvise, mlock, msync, mincore */
#include <errno.h>
#include <string.h>

#include "vm/range.h"

/* Linux's numbers. HWPOISON and SOFT_OFFLINE are -EINVAL, as on a kernel that has them not. */
enum advice {
	ADVICE_NORMAL = 0,
	ADVICE_RANDOM = 1,
	ADVICE_SEQUENTIAL = 2,
	ADVICE_WILLNEED = 3,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_REMOVE = 9,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_MERGEABLE = 12,
	ADVICE_UNMERGEABLE = 13,
	ADVICE_HUGEPAGE = 14,
	ADVICE_NOHUGEPAGE = 15,
	ADVICE_DONTDUMP = 16,
	ADVICE_DODUMP = 17,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_READ = 22,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_DONTNEED_LOCKED = 24,
	ADVICE_COLLAPSE = 25,
	ADVICES,
	ADVICE_GUARD_INSTALL = 102, /* since Linux 6.13 */
	ADVICE_GUARD_REMOVE = 103,
};

/* Where the first hole of [start, end) begins; end: there is none. */
static uint64_t range_hole(const struct space *s, uint64_t start, uint64_t end)
{
	uint64_t at = start;
	RANGE_REGIONS (r, s, start, end) {
		if (r->start > at)
			return at;
		at = r->end;
	}
	return min_u64(at, end);
}

/* Is every page of the range in a region? */
static bool range_whole(const struct space *s, uint64_t start, uint64_t end)
{
	return range_hole(s, start, end) == end;
}

/* ---- Bringing in ---- */

static int page_populate(struct space *s, uint64_t va, enum access access)
{
	struct pmap_entry e;
	unsigned need = access == ACCESS_WRITE ? PROT_W : 0;
	if (s->mm->pmap->lookup(s->pmap, va, &e) && (e.prot & need) == need)
		return 0;
	switch (
	    fault_handle(s, &(struct fault_request){.va = va, .access = access, .by = BY_AHEAD})) {
	case FAULT_DONE: return 0;
	case FAULT_WAIT: return -EAGAIN;
	case FAULT_NO_MEMORY: return -ENOMEM;
	default: return -EFAULT;
	}
}

/* As Linux's mm_populate: private writable pages are made the program's own at once. */
int space_populate(struct space *s, uint64_t start, uint64_t length, bool write)
{
	uint64_t end;
	if (range_check(s, start, length, &end) != 0)
		return -ENOMEM;
	RANGE_REGIONS (r, s, start, end) {
		if (r->flags & REGION_SECRET)
			return -EFAULT;
		if (r->flags & REGION_LOCKONFAULT)
			continue;
		bool own = write && r->prot & PROT_W && !(r->flags & REGION_SHARED);
		enum access access = own                           ? ACCESS_WRITE
				     : r->prot & (PROT_R | PROT_W) ? ACCESS_READ
								   : ACCESS_EXEC;
		for (uint64_t va = max_u64(start, r->start); va < min_u64(end, r->end);
		     va += PAGE_SIZE) {
			int error = page_populate(s, va, access);
			if (error)
				return error;
		}
	}
	return range_whole(s, start, end) ? 0 : -ENOMEM;
}

static int advise_populate(struct space *s, uint64_t start, uint64_t end, enum access access)
{
	uint64_t hole = range_hole(s, start, end);
	unsigned need = access == ACCESS_WRITE ? PROT_W : PROT_R;
	RANGE_REGIONS (r, s, start, hole) {
		if (!(r->prot & need) || r->flags & REGION_SECRET)
			return -EINVAL;
		for (uint64_t va = max_u64(start, r->start); va < min_u64(end, r->end);
		     va += PAGE_SIZE) {
			int error = page_populate(s, va, access);
			if (error)
				return error;
		}
	}
	return hole == end ? 0 : -ENOMEM;
}

/* ---- Dropping ---- */

/* Anonymous memory that is sealed shows what it shows, unless the program may write there anyway: Linux's
 * can_madvise_modify. */
static bool keeps_contents(const struct region *r)
{
	return r->flags & REGION_SEALED && !r->object && !(r->prot & PROT_W);
}

/* Takes out what a range shows, which is isolated. */
static void pages_drop(struct space *s, uint64_t start, uint64_t end)
{
	int64_t before = space_resident(s);
	range_zap(s, start, end);
	MM_EVENT(s->mm, s->tally, s->pid, region_drop, .start = start, .end = end,
		 .resident = space_resident(s) - before);
}

/* As Linux does, what lies below the first region that refuses is dropped all the same. */
static int advise_drop(struct space *s, uint64_t start, uint64_t end, bool even_locked)
{
	uint64_t limit = end;
	int refused = 0;
	RANGE_REGIONS (r, s, start, end) {
		refused = keeps_contents(r)			       ? -EPERM
			  : r->flags & REGION_LOCKED && !even_locked ? -EINVAL
								     : 0;
		if (refused) {
			limit = max_u64(start, r->start);
			break;
		}
	}
	if (start == limit)
		return refused;
	struct range g = {.space = s, .start = start, .end = limit};
	int error = range_isolate(&g);
	if (error)
		return error;
	pages_drop(s, start, limit);
	return refused;
}

/* Makes guard pages of what lies in one region: what is there goes, and comes again when they are none any more. */
static int advise_bar(struct space *s, uint64_t start, uint64_t end)
{
	int error = 0;
	for (uint64_t span = align_down(start, SPAN_SIZE); !error && span < end; span += SPAN_SIZE)
		error = track_prepare(s, span);
	struct range g = {.space = s, .start = start, .end = end};
	if (!error)
		error = range_isolate(&g);
	if (error) {
		track_trim(s, start, end);
		return error;
	}
	for (uint64_t va = start; va < end; va += PAGE_SIZE)
		track_set(s, va, TRACK_BARRED);
	pages_drop(s, start, end);
	return 0;
}

/* Punches a hole into shared memory or a file: its pages become zeros for all who map it. */
static int advise_remove(struct space *s, struct region *r, uint64_t start, uint64_t end)
{
	if (r->flags & REGION_LOCKED || !r->object)
		return -EINVAL;
	if (!(r->flags & REGION_SHARED) || !(r->prot_max & PROT_W))
		return -EACCES;
	return object_remove(s->mm, r->object, region_index(r, start), region_index(r, end - 1));
}

/* A page of shared memory that was read and never stored to: there is nothing to keep. */
static bool is_fresh(struct mm *mm, const struct object *o, uint32_t frame)
{
	static const uint8_t zeros[PAGE_SIZE];
	const struct frame *f = frame_at(mm, frame);
	return !o->pager && f->state == FRAME_OWNED && f->holds == 0 && !(f->flags & FRAME_DIRTY) && !f->owner.anon->slot &&
	       !mm->pmap->dirty(mm, frame) && memcmp(frame_bytes(mm, frame), zeros, PAGE_SIZE) == 0;
}

/* Takes out a page that this space alone maps, where it can be. As Linux does, shared memory that cannot go, for want
 * of swap, is unmapped all the same; and as there nobody is told of what cannot be written. */
static void page_out(struct space *s, const struct region *r, uint64_t va, const struct pmap_entry *e)
{
	struct mm *mm = s->mm;
	bool shared = e->as == RESIDENT_SHMEM && !(frame_at(mm, e->frame)->flags & FRAME_LOCKED);
	if (shared && is_fresh(mm, r->object, e->frame))
		object_punch(mm, r->object, region_index(r, va), region_index(r, va));
	else if (frame_evictable(mm, e->frame))
		(void)evict_frame(mm, e->frame);
	else if (shared)
		mm->pmap->unmap(s->pmap, va, va + PAGE_SIZE);
}

/* Pages that this space alone maps were not used of late; out: they leave their frames where they can. */
static void advise_cold(struct space *s, const struct region *r, uint64_t start, uint64_t end, bool out)
{
	struct mm *mm = s->mm;
	struct pmap_entry e;
	for (uint64_t va = start; mm->pmap->next(s->pmap, &va, end, &e); va += PAGE_SIZE) {
		if (e.frame == mm->zero || mm->pmap->places(mm, e.frame, NULL, 0) != 1)
			continue;
		mm->pmap->harvest(mm, e.frame);
		if (out)
			page_out(s, r, va, &e);
	}
}

/* Pages that are this space's alone may go when frames are wanted, unless it stores to them before. One
 * that has no frame goes at once. */
static void advise_free(struct space *s, uint64_t start, uint64_t end)
{
	struct mm *mm = s->mm;
	struct anon *a;
	for (uint64_t va = start; (a = anon_map_next(&s->anons, &va, end)); va += PAGE_SIZE) {
		struct chunk *c = anon_map_chunk(&s->anons, va);
		struct frame *f = a->frame == NO_FRAME ? NULL : frame_at(mm, a->frame);
		if (c->refs > 1 || a->refs > 1 || (f && (f->state != FRAME_OWNED || !f->maps)))
			continue;
		if (!f) {
			chunk_set(mm, c, va, NULL, false);
			continue;
		}
		swap_free(mm, a);
		mm->pmap->clean(mm, a->frame, false);
		mm->pmap->harvest(mm, a->frame);
		f->flags = (f->flags & ~(FRAME_DIRTY | FRAME_ACCESSED)) | FRAME_LAZY;
		if (!(f->flags & FRAME_POLICED))
			frame_enter(mm, a->frame, s->serial, false);
	}
	anon_map_trim(mm, &s->anons, start, end);
}

/* Reads ahead what lies in swap or in the file, as long as frames are free. */
static void advise_willneed(struct space *s, const struct region *r, uint64_t start, uint64_t end)
{
	struct mm *mm = s->mm;
	for (uint64_t va = start; va < end && frames_available(mm) > MM_FRAMES_MIN; va += PAGE_SIZE) {
		uint64_t index = r->object ? region_index(r, va) : 0;
		struct anon *a = r->flags & REGION_SHARED ? NULL : anon_map_get(&s->anons, va);
		uint32_t frame;
		if (r->object && index << PAGE_SHIFT >= r->object->size)
			break;
		if (!a && r->object && r->object->kind == OBJECT_SHARED)
			a = object_anon(r->object, index);
		if (a ? a->frame != NO_FRAME : !r->object || r->object->kind == OBJECT_SHARED)
			continue;
		int error = a ? swap_in(mm, a, s->serial, &frame)
			      : object_fetch(mm, r->object, index, false, s->serial, &frame);
		if (error == 0)
			frame_unhold(mm, frame);
		else if (error != -EAGAIN)
			break;
	}
}

/* ---- Flags of regions ---- */

/* Sets and clears flags in whatever regions the range meets, cutting them at its ends. */
static int range_flags(struct space *s, uint64_t start, uint64_t end, uint32_t set, uint32_t clear)
{
	struct range g;
	int error = range_begin(&g, s, start, end, false);
	if (error)
		return error;
	for (struct region *r = regions_at_or_after(&s->regions, start); r && r->start < end;
	     r = region_next(r)) {
		uint32_t flags = (r->flags & ~clear) | set;
		if (flags == r->flags)
			continue;
		r = range_take(&g, r);
		int64_t pages = (r->end - r->start) >> PAGE_SHIFT;
		space_account(s, r, -pages);
		r->flags = flags;
		space_account(s, r, pages);
		r = range_merge(s, r);
	}
	range_end(&g);
	return 0;
}

/* The advice that is a change of flags. */
static const struct {
	uint32_t set, clear;
} advice_flags[ADVICES] = {
    [ADVICE_NORMAL] = {0, REGION_SEQ_READ | REGION_RAND_READ},
    [ADVICE_RANDOM] = {REGION_RAND_READ, REGION_SEQ_READ},
    [ADVICE_SEQUENTIAL] = {REGION_SEQ_READ, REGION_RAND_READ},
    [ADVICE_DONTFORK] = {REGION_DONTFORK, 0},
    [ADVICE_DOFORK] = {0, REGION_DONTFORK},
    [ADVICE_MERGEABLE] = {REGION_MERGEABLE, 0},
    [ADVICE_UNMERGEABLE] = {0, REGION_MERGEABLE},
    [ADVICE_HUGEPAGE] = {REGION_HUGEPAGE, REGION_NOHUGEPAGE},
    [ADVICE_NOHUGEPAGE] = {REGION_NOHUGEPAGE, REGION_HUGEPAGE},
    [ADVICE_DONTDUMP] = {REGION_DONTDUMP, 0},
    [ADVICE_DODUMP] = {0, REGION_DONTDUMP},
    [ADVICE_WIPEONFORK] = {REGION_WIPEONFORK, 0},
    [ADVICE_KEEPONFORK] = {0, REGION_WIPEONFORK},
};

/* ---- madvise ---- */

/* What one region has to say of it: [start, end) lies in r. */
static int advise_region(struct space *s, struct region *r, uint64_t start, uint64_t end,
			 enum advice advice)
{
	bool discards = advice == ADVICE_FREE || advice == ADVICE_REMOVE || advice == ADVICE_DONTFORK ||
			advice == ADVICE_WIPEONFORK || advice == ADVICE_GUARD_INSTALL;
	if (discards && keeps_contents(r))
		return -EPERM;
	switch (advice) {
	case ADVICE_WILLNEED: advise_willneed(s, r, start, end); return 0;
	case ADVICE_COLD:
	case ADVICE_PAGEOUT:
		if (r->flags & (REGION_LOCKED | REGION_SPECIAL))
			return -EINVAL;
		advise_cold(s, r, start, end, advice == ADVICE_PAGEOUT);
		return 0;
	case ADVICE_FREE:
		if (r->flags & REGION_LOCKED || r->object)
			return -EINVAL;
		advise_free(s, start, end);
		return 0;
	case ADVICE_REMOVE: return advise_remove(s, r, start, end);
	case ADVICE_GUARD_INSTALL: return r->flags & (REGION_SPECIAL | REGION_LOCKED) ? -EINVAL : advise_bar(s, start, end);
	case ADVICE_GUARD_REMOVE:
		if (r->flags & REGION_SPECIAL)
			return -EINVAL;
		track_clear(s, start, end, TRACK_BARRED);
		return 0;
	case ADVICE_COLLAPSE: return -EINVAL; /* no region is given huge pages */
	case ADVICE_WIPEONFORK:
		if (r->object)
			return -EINVAL;
		break;
	case ADVICE_DODUMP:
		if (r->flags & REGION_SPECIAL)
			return -EINVAL;
		break;
	case ADVICE_MERGEABLE:
		if (r->flags & (REGION_SHARED | REGION_SPECIAL))
			return 0;
		break;
	default: break;
	}
	int error =
	    range_flags(s, start, end, advice_flags[advice].set, advice_flags[advice].clear);
	return error == -ENOMEM ? -ENOBUFS : error;
}

/* Region by region, past holes; the first that refuses ends it. */
static int advise_each(struct space *s, uint64_t start, uint64_t end, enum advice advice)
{
	uint64_t at = start;
	int hole = 0;
	struct region *r;
	while (at < end && (r = regions_at_or_after(&s->regions, at)) && r->start < end) {
		uint64_t from = max_u64(at, r->start), to = min_u64(end, r->end);
		hole = from > at ? -ENOMEM : hole;
		int error = advise_region(s, r, from, to, advice);
		if (error)
			return error;
		at = to;
	}
	return at < end ? -ENOMEM : hole;
}

int space_advise(struct space *s, uint64_t start, uint64_t length, int advice)
{
	bool known = (advice >= ADVICE_NORMAL && advice <= ADVICE_DONTNEED) ||
		     (advice >= ADVICE_FREE && advice < ADVICES) || advice == ADVICE_GUARD_INSTALL ||
		     advice == ADVICE_GUARD_REMOVE;
	uint64_t end = start + page_up(length);
	if (!known || start % PAGE_SIZE || (length && end <= start))
		return -EINVAL;
	int beyond = end > s->layout.top ? -ENOMEM : 0, error;
	if (start == end)
		return 0;
	end = min_u64(end, s->layout.top);
	if (start >= end)
		return -ENOMEM;
	bool locked = advice == ADVICE_DONTNEED_LOCKED;
	switch ((enum advice)advice) {
	case ADVICE_POPULATE_READ: error = advise_populate(s, start, end, ACCESS_READ); break;
	case ADVICE_POPULATE_WRITE: error = advise_populate(s, start, end, ACCESS_WRITE); break;
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED:
		error = advise_drop(s, start, end, locked);
		if (!error && !range_whole(s, start, end))
			error = -ENOMEM;
		break;
	default: error = advise_each(s, start, end, (enum advice)advice);
	}
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
	return error ? error : beyond;
}

/* ---- mseal ---- */

int space_seal(struct space *s, uint64_t start, uint64_t length)
{
	uint64_t end = start + page_up(length);
	if (start % PAGE_SIZE || end < start || (length && !page_up(length)))
		return -EINVAL;
	if (start == end)
		return 0;
	return range_whole(s, start, end) ? range_flags(s, start, end, REGION_SEALED, 0) : -ENOMEM;
}

/* ---- mlock ---- */

/* What is resident already is no victim from now on; what comes later is marked as it comes. */
static void frames_lock(struct space *s, uint64_t start, uint64_t end)
{
	struct pmap_entry e;
	for (uint64_t va = start; s->mm->pmap->next(s->pmap, &va, end, &e); va += PAGE_SIZE)
		if (e.frame != s->mm->zero)
			frame_at(s->mm, e.frame)->flags |= FRAME_LOCKED;
}

static int lock_region(struct space *s, const struct region *r, uint64_t start, uint64_t end,
		       uint32_t lock)
{
	/* What is secret is locked for ever. */
	if (r->flags & (REGION_SPECIAL | REGION_SECRET))
		return 0;
	if (lock)
		frames_lock(s, start, end);
	return range_flags(s, start, end, lock, REGION_LOCK_MASK & ~lock);
}

int space_lock(struct space *s, uint64_t start, uint64_t length, uint32_t lock)
{
	uint64_t at = page_down(start), end = at + page_up(length + (start - at)), done = at;
	VM_ASSERT(!(lock & ~(uint32_t)REGION_LOCK_MASK));
	if (end < at)
		return -EINVAL;
	/* As Linux does: what lies before a hole is locked, though nothing is brought in. */
	while (done < end) {
		const struct region *r = regions_find(&s->regions, done);
		if (!r)
			return -ENOMEM;
		uint64_t to = min_u64(end, r->end);
		int error = lock_region(s, r, done, to, lock);
		if (error)
			return error;
		done = to;
	}
	int error = lock && at < end ? space_populate(s, at, end - at, true) : 0;
	return error == -EFAULT ? -ENOMEM : error;
}

int space_lock_all(struct space *s, uint32_t lock)
{
	const struct region *r;
	for (uint64_t at = 0; (r = regions_at_or_after(&s->regions, at)); at = r->end) {
		at = r->end;
		/* One that cannot be cut off is not meant: it is whole. */
		int error = lock_region(s, r, r->start, at, lock);
		VM_ASSERT(error == 0);
		r = regions_find(&s->regions, at - 1);
	}
	for (uint64_t at = 0; lock && (r = regions_at_or_after(&s->regions, at)); at = r->end) {
		/* What allows no access cannot be brought in; mlockall does not mind. */
		if (space_populate(s, r->start, r->end - r->start, true) == -EAGAIN)
			return -EAGAIN;
	}
	return 0;
}

/* ---- Asking and writing back ---- */

int space_sync(struct space *s, uint64_t start, uint64_t length, int flags)
{
	enum { ASYNC = 1, INVALIDATE = 2, SYNC = 4 };
	uint64_t end = start + page_up(length);
	if (flags & ~(ASYNC | INVALIDATE | SYNC) || (flags & ASYNC && flags & SYNC) ||
	    start % PAGE_SIZE)
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	RANGE_REGIONS (r, s, start, end) {
		if (flags & INVALIDATE && r->flags & REGION_LOCKED)
			return -EBUSY;
		if (!(flags & SYNC) || !(r->flags & REGION_SHARED))
			continue;
		if (r->flags & REGION_SECRET)
			return -EINVAL;
		int error = object_sync(s->mm, r->object, region_index(r, max_u64(start, r->start)),
					region_index(r, min_u64(end, r->end) - 1));
		if (error)
			return error;
	}
	return range_whole(s, start, end) ? 0 : -ENOMEM;
}

static bool page_incore(const struct space *s, const struct region *r, uint64_t va)
{
	struct pmap_entry e;
	if (s->mm->pmap->lookup(s->pmap, va, &e))
		return true;
	const struct anon *a = r->flags & REGION_SHARED ? NULL : anon_map_get(&s->anons, va);
	if (a || !r->object)
		return a && a->frame != NO_FRAME;
	return object_cached(r->object, region_index(r, va)) != NO_FRAME;
}

int64_t space_incore(struct space *s, uint64_t start, uint64_t length, uint8_t *ret_vector)
{
	const struct region *r = regions_find(&s->regions, start);
	if (start % PAGE_SIZE)
		return -EINVAL;
	if (!r)
		return -ENOMEM;
	uint64_t end = start + min_u64(page_up(length), r->end - start);
	for (uint64_t va = start; va < end; va += PAGE_SIZE)
		ret_vector[(va - start) >> PAGE_SHIFT] = page_incore(s, r, va);
	return (int64_t)((end - start) >> PAGE_SHIFT);
}
