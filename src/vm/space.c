/* SPDX-License-Identifier: MIT */
#include "vm/space.h"

#include <errno.h>
#include <string.h>

#include "vm/range.h"

/* ---- Beginning and end ---- */

int space_create(struct mm *mm, int32_t pid, struct tally *tally, const struct space_layout *layout,
		 struct space **ret_space)
{
	struct space *s = alloc_get(&mm->host.alloc, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct space){
	    .mm = mm,
	    .serial = ++mm->next_space,
	    .pid = pid,
	    .tally = tally,
	    .layout = *layout,
	    .waiting = {.page = NO_PAGE},
	    .limits = limits_none,
	    .next = mm->spaces,
	    .prev = &mm->spaces,
	};
	int error = sparse_set(&mm->space_of, s->serial, s);
	if (!error) {
		error = mm->pmap->create(mm, s->serial, pid, &s->pmap);
		if (error)
			sparse_set(&mm->space_of, s->serial, NULL);
	}
	if (error) {
		alloc_put(&mm->host.alloc, s, sizeof(*s));
		return error;
	}
	regions_init(&s->regions);
	anon_map_init(mm, &s->anons);
	track_init(s);
	if (s->next)
		s->next->prev = &s->next;
	mm->spaces = s;
	MM_EVENT(mm, tally, pid, space_new, .space = s->serial);
	*ret_space = s;
	return 0;
}

void space_destroy(struct space *s)
{
	struct mm *mm = s->mm;
	int64_t resident = space_resident(s);
	mm->pmap->destroy(s->pmap);
	anon_map_finish(mm, &s->anons);
	track_finish(s);
	for (struct region *r = regions_first(&s->regions), *next; r; r = next) {
		next = region_next(r);
		regions_remove(&s->regions, r);
		space_account(s, r, -(int64_t)((r->end - r->start) >> PAGE_SHIFT));
		region_free(mm, r);
	}
	VM_ASSERT(s->pages == 0 && s->pages_locked == 0 && s->committed == 0);
	if (mm->current == s)
		mm->current = NULL;
	group_join(NULL, s);
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	sparse_set(&mm->space_of, s->serial, NULL);
	MM_EVENT(mm, s->tally, s->pid, space_end, .space = s->serial, .resident = -resident);
	alloc_put(&mm->host.alloc, s, sizeof(*s));
}

/* ---- Placing ---- */

static bool is_free(const struct space *s, uint64_t start, uint64_t end)
{
	const struct region *next = regions_at_or_after(&s->regions, start);
	return !next || end <= next->start;
}

/* As Linux does without MAP_FIXED: the wish if it is free, else the highest hole below map_top,
 * else the lowest above a third of all addresses. 0: none. */
uint64_t space_place(const struct space *s, uint64_t wish, uint64_t length)
{
	const struct space_layout *l = &s->layout;
	wish = page_up(wish);
	if (wish && wish < l->bottom)
		wish = l->bottom;
	if (wish && length <= l->top && wish <= l->top - length) {
		const struct region *next = regions_at_or_after(&s->regions, wish);
		if (!next || wish + length <= region_guarded_start(next))
			return wish;
	}
	uint64_t start = regions_hole_below(&s->regions, l->bottom, l->map_top, length);
	return start ? start : regions_hole_above(&s->regions, page_up(l->top / 3), l->top, length);
}

/* Where a mapping goes; -errno as mmap gives it. */
static int map_place(const struct space *s, const struct map_request *m, uint64_t *ret_start,
		     uint64_t *ret_end)
{
	uint64_t start = m->start, length = page_up(m->length);
	if (m->length == 0 || m->offset % PAGE_SIZE)
		return -EINVAL;
	if (length == 0 || length > s->layout.top)
		return -ENOMEM;
	if (m->object && (m->offset + length < m->offset ||
			  (m->offset + length) >> PAGE_SHIFT >> OBJECT_INDEX_BITS))
		return -EOVERFLOW;
	if (s->regions.count > s->mm->regions_max)
		return -ENOMEM;
	if (m->map_flags & (MAP_AT | MAP_AT_FREE)) {
		if (start % PAGE_SIZE)
			return -EINVAL;
		if (start > s->layout.top - length)
			return -ENOMEM;
		if (m->map_flags & MAP_AT_FREE && !is_free(s, start, start + length))
			return -EEXIST;
	} else {
		start = space_place(s, start, length);
		if (start == 0)
			return -ENOMEM;
	}
	*ret_start = start;
	*ret_end = start + length;
	return 0;
}

/* ---- Mapping and unmapping ---- */

/* What can get private pages counts against the commit limit once it may be written, and goes on
 * counting while it may have some, as Linux's VM_ACCOUNT. was: the protection before. */
static void region_account(struct region *r, unsigned was)
{
	if (!(was & PROT_W) && limits_accounts(r->prot, r->flags))
		r->flags |= REGION_ACCOUNT;
	else if (!(r->prot & PROT_W) && !r->object && !r->lineage)
		r->flags &= ~REGION_ACCOUNT;
}

int space_map(struct space *s, const struct map_request *m, uint64_t *ret_start)
{
	uint64_t start, end;
	int error = map_place(s, m, &start, &end);
	if (error)
		return error;
	uint32_t flags = m->region_flags;
	if (!(flags & REGION_SPECIAL))
		flags |= s->future;
	if (s->mm->commit.rule.mode == OVERCOMMIT_NEVER)
		flags &= ~(uint32_t)REGION_NORESERVE;
	error = limits_map(s, start, end, m->prot, flags);
	if (error)
		return error;
	struct region *r = region_new(s->mm);
	if (!r)
		return -ENOMEM;
	error = space_unmap(s, start, end - start);
	if (error) {
		alloc_put(&s->mm->host.alloc, r, sizeof(*r));
		return error;
	}
	*r = (struct region){
	    .start = start,
	    .end = end,
	    .offset = m->object ? m->offset : start,
	    .object = m->object,
	    .source = m->source,
	    .flags = flags,
	    .prot = m->prot,
	    .prot_max = m->prot_max,
	};
	region_account(r, 0);
	if (r->object)
		object_get(r->object);
	space_insert(s, r);
	range_merge(s, r);
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
	/* As on Linux the mapping stands even where it could not all be brought in. */
	if (flags & REGION_LOCKED)
		space_populate(s, start, end - start, true);
	if (eager_fill(s, start, end) != 0) {
		(void)space_unmap(s, start, end - start); /* at worst it stays, in part */
		return -ENOMEM;
	}
	*ret_start = start;
	return 0;
}

/* Before it meets what is sealed Linux has cut the region that the range begins in, which shows. */
static void unmap_refused(struct space *s, uint64_t start, uint64_t end)
{
	struct range g;
	struct region *first = regions_at_or_after(&s->regions, start);
	if (first->start >= start || first->flags & REGION_SEALED || range_begin(&g, s, start, end, false) != 0)
		return;
	(void)range_take(&g, first);
	range_end(&g);
}

int space_unmap(struct space *s, uint64_t start, uint64_t length)
{
	uint64_t end;
	int error = range_check(s, start, length, &end);
	if (error || start == end)
		return -EINVAL;
	if (is_free(s, start, end))
		return 0;
	if (range_sealed(s, start, end)) {
		unmap_refused(s, start, end);
		return -EPERM;
	}
	struct range g;
	error = range_begin(&g, s, start, end, true);
	if (error)
		return error;
	error = range_isolate(&g);
	if (!error) {
		range_cut(&g);
		range_remove(s, start, end);
	}
	range_end(&g);
	return error;
}

/* ---- Protection ---- */

/* What the entry at va may allow, by the writable rule and write-notify. */
static unsigned entry_prot(const struct space *s, const struct region *r, uint64_t va,
			   const struct pmap_entry *e)
{
	unsigned prot = region_entry_prot(r), read_only = prot & ~PROT_W;
	if (prot == read_only || !track_may_store(s, r, va))
		return read_only;
	if (r->flags & REGION_SHARED) {
		bool notify = r->object->kind == OBJECT_FILE &&
			      !(e->dirty && frame_at(s->mm, e->frame)->flags & FRAME_DIRTY);
		return notify ? read_only : prot;
	}
	const struct chunk *c = anon_map_chunk(&s->anons, va);
	return c && chunk_writable(c, va) ? prot : read_only;
}

/* How far a protection can be set: the end, or where the first hole or refusal is. */
static int protect_limit(const struct space *s, uint64_t start, uint64_t end, unsigned prot,
			 uint64_t *ret_limit)
{
	uint64_t at = start;
	int error = 0;
	RANGE_REGIONS (r, s, start, end) {
		if (r->start > at)
			break;
		if (prot & ~r->prot_max)
			error = -EACCES;
		else if (r->flags & REGION_SEALED)
			error = -EPERM;
		if (error)
			break;
		at = r->end;
	}
	*ret_limit = min_u64(at, end);
	return at >= end ? 0 : error ? error : -ENOMEM;
}

static void region_protect(struct space *s, struct region *r, unsigned prot)
{
	const struct pmap_ops *ops = s->mm->pmap;
	int64_t pages = (r->end - r->start) >> PAGE_SHIFT;
	unsigned was = r->prot;
	space_account(s, r, -pages);
	r->prot = prot;
	region_account(r, was);
	space_account(s, r, pages);
	struct pmap_entry e;
	for (uint64_t va = r->start; ops->next(s->pmap, &va, r->end, &e); va += PAGE_SIZE)
		ops->protect(s->pmap, va, entry_prot(s, r, va, &e));
}

/* Returns the region that r is then part of. */
static struct region *protect_part(struct space *s, struct region *r, unsigned prot)
{
	uint64_t start = r->start, end = r->end;
	/* Locked memory takes no fault: what becomes writable gets its own pages at once. */
	bool own = r->flags & REGION_LOCKED && !(r->flags & REGION_SHARED) && !(r->prot & PROT_W) &&
		   prot & PROT_W;
	region_protect(s, r, prot);
	r = range_merge(s, r);
	/* As on Linux it is no matter if it cannot. */
	if (own)
		space_populate(s, start, end - start, true);
	return r;
}

/* Linux changes what lies below the first region that it must refuse, and so does this; each of the
 * two, the change and the refusal, is whole. */
int space_protect(struct space *s, uint64_t start, uint64_t length, unsigned prot)
{
	if (start % PAGE_SIZE)
		return -EINVAL;
	if (length == 0)
		return 0;
	uint64_t end;
	if (range_check(s, start, length, &end) != 0)
		return -ENOMEM;
	int refused = protect_limit(s, start, end, prot, &end);
	if (start < end) {
		uint64_t limit;
		int error = limits_protect(s, start, end, prot, &limit);
		refused = error ? error : refused;
		end = limit;
	}
	if (start == end)
		return refused;
	bool change = false;
	RANGE_REGIONS (r, s, start, end)
		change |= r->prot != prot;
	if (!change)
		return refused;

	struct range g;
	int error = range_begin(&g, s, start, end, false);
	if (error)
		return error;
	error = range_unshare(s, start, end, false);
	if (!error) {
		for (struct region *r = regions_at_or_after(&s->regions, start); r && r->start < end;
		     r = region_next(r)) {
			if (r->prot == prot)
				continue;
			r = protect_part(s, range_take(&g, r), prot);
		}
		MM_EVENT(s->mm, s->tally, s->pid, region_protect, .start = start, .end = end,
			 .prot = prot);
	}
	range_end(&g);
	if (!error)
		(void)eager_fill(s, start, end); /* what does not fit now comes by demand */
	return error ? error : refused;
}

/* ---- The heap ---- */

uint64_t space_brk(struct space *s, uint64_t brk)
{
	if (brk < s->brk_start || brk > s->layout.top)
		return s->brk;
	uint64_t old = page_up(s->brk), new = page_up(brk);
	if (new < old) {
		if (space_unmap(s, new, old - new) != 0)
			return s->brk;
	} else if (new > old) {
		const struct region *next = regions_at_or_after(&s->regions, old);
		if (next && new + PAGE_SIZE > region_guarded_start(next))
			return s->brk;
		struct map_request m = {
		    .start = old,
		    .length = new - old,
		    .prot = PROT_R | PROT_W,
		    .prot_max = PROT_ALL,
		    .map_flags = MAP_AT_FREE,
		};
		uint64_t start;
		if (space_map(s, &m, &start) != 0)
			return s->brk;
	}
	s->brk = brk;
	return brk;
}

bool space_is_heap(const struct space *s, const struct region *r)
{
	return !r->object && r->start < s->brk && r->end > s->brk_start;
}

/* ---- Access by the kernel, and by those who only look ---- */

/* Is the page mapped, and may who is forced upon it use it as it is? */
static bool forced_touch(struct space *s, const struct fault_request *q, uint32_t *ret_frame)
{
	uint64_t va = page_down(q->va);
	const struct region *r = regions_find(&s->regions, va);
	struct pmap_entry e;
	if (!q->force || !r || region_allows(r, q->access) || !s->mm->pmap->lookup(s->pmap, va, &e))
		return false;
	const struct chunk *c = anon_map_chunk(&s->anons, va);
	if (q->access == ACCESS_WRITE &&
	    (r->flags & REGION_SHARED || !c || !anon_map_get(&s->anons, va) || !chunk_writable(c, va) ||
	     !track_may_store(s, r, va)))
		return false;
	*ret_frame = e.frame;
	return true;
}

enum fault_result space_access(struct space *s, const struct fault_request *q, uint32_t *ret_frame)
{
	uint32_t frame;
	while (!s->mm->pmap->touch(s->pmap, q->va, q->access, &frame) && !forced_touch(s, q, &frame)) {
		enum fault_result result = fault_handle(s, q);
		if (result != FAULT_DONE)
			return result;
	}
	frame_hold(s->mm, frame);
	*ret_frame = frame;
	return FAULT_DONE;
}

/* The bytes of one page as they are, into page; *ret_bytes: there, or in a frame. */
static bool page_peek(const struct space *s, uint64_t va, uint8_t *page, const uint8_t **ret_bytes)
{
	const struct region *r = regions_find(&s->regions, va);
	if (!r || track_get(s, va, TRACK_BARRED))
		return false;
	struct anon *a = r->flags & REGION_SHARED ? NULL : anon_map_get(&s->anons, va);
	if (!a && r->object && r->object->kind == OBJECT_SHARED)
		a = object_anon(r->object, region_index(r, va));
	uint32_t frame = a ? a->frame : NO_FRAME;
	if (a && (frame == NO_FRAME || frame_reading(s->mm, frame))) {
		*ret_bytes = page;
		return swap_peek(s->mm, a, page);
	}
	if (!a && r->object) {
		uint64_t index = region_index(r, va);
		if (index << PAGE_SHIFT >= r->object->size)
			return false;
		frame = object_cached(r->object, index);
		bool usable = frame != NO_FRAME && frame_at(s->mm, frame)->state == FRAME_OWNED;
		if (!usable && r->object->kind == OBJECT_FILE) {
			*ret_bytes = page;
			return r->object->pager->peek &&
			       r->object->pager->peek(r->object->ctx, index, page) == 0;
		}
	}
	*ret_bytes = frame_bytes(s->mm, frame == NO_FRAME ? s->mm->zero : frame);
	return true;
}

bool space_peek(const struct space *s, uint64_t va, void *ret_bytes, uint64_t size)
{
	uint8_t page[PAGE_SIZE], *to = ret_bytes;
	while (size) {
		const uint8_t *from;
		uint64_t at = va % PAGE_SIZE, n = min_u64(size, PAGE_SIZE - at);
		if (!page_peek(s, va, page, &from))
			return false;
		memcpy(to, from + at, n);
		to += n;
		va += n;
		size -= n;
	}
	return true;
}

void space_touched(struct space *s, uint64_t va)
{
	struct pmap_entry e;
	if (!s->mm->pmap->lookup(s->pmap, page_down(va), &e))
		return;
	if (e.frame == s->mm->brought) /* the policy knows by enter */
		s->mm->brought = NO_FRAME;
	else if (frame_at(s->mm, e.frame)->flags & FRAME_POLICED)
		s->mm->policy_ops->touch(frame_policy(s->mm, e.frame), e.frame);
}

uint64_t space_swapped(const struct space *s)
{
	uint64_t pages = 0;
	const struct anon *a;
	for (uint64_t va = 0; s->mm->swap.used &&
			      (a = anon_map_next(&s->anons, &va, UINT64_MAX << SPAN_SHIFT));
	     va += PAGE_SIZE)
		pages += a->frame == NO_FRAME;
	return pages;
}

static bool only_in_swap(const struct anon *a)
{
	return a->frame == NO_FRAME && a->slot;
}

static void usage_swapped(struct region_usage *u, unsigned sharers)
{
	u->swapped++;
	u->swap_pss += ((uint64_t)PAGE_SIZE << 12) / sharers;
}

/* Those of a private mapping, and of shared memory. */
static void usage_swap(const struct space *s, const struct region *r, struct region_usage *u)
{
	struct anon *a;
	uint64_t index = region_index(r, r->start), last = region_index(r, r->end - 1);
	if (!(r->flags & REGION_SHARED))
		for (uint64_t va = r->start; (a = anon_map_next(&s->anons, &va, r->end)); va += PAGE_SIZE)
			if (only_in_swap(a))
				usage_swapped(u, a->refs - 1 + anon_map_chunk(&s->anons, va)->refs);
	if (r->object && r->object->kind == OBJECT_SHARED)
		for (; index <= last && (a = sparse_next(&r->object->pages, &index, last)); index++)
			if (only_in_swap(a))
				usage_swapped(u, max_u64(r->object->refs, 1));
}

void space_usage(const struct space *s, const struct region *r, struct region_usage *ret_usage)
{
	struct mm *mm = s->mm;
	struct region_usage u = {0};
	struct pmap_entry e;
	if (mm->swap.used > 0)
		usage_swap(s, r, &u);
	for (uint64_t va = r->start; mm->pmap->next(s->pmap, &va, r->end, &e); va += PAGE_SIZE) {
		if (e.frame == mm->zero)
			continue;
		const struct frame *f = frame_at(mm, e.frame);
		unsigned sharers = mm->pmap->places(mm, e.frame, NULL, 0);
		uint64_t share = ((uint64_t)PAGE_SIZE << 12) / (sharers ? sharers : 1);
		bool dirty = e.dirty || f->flags & FRAME_DIRTY;
		u.resident++;
		u.dirty += dirty;
		u.shared_dirty += dirty && sharers > 1;
		u.referenced += e.accessed || f->flags & FRAME_ACCESSED;
		u.anonymous += e.as == RESIDENT_ANON;
		u.shared += sharers > 1;
		u.pss += share;
		u.pss_dirty += dirty ? share : 0;
		u.lazy += f->flags & FRAME_LAZY && !dirty;
	}
	*ret_usage = u;
}
