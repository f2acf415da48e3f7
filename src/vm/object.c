/* SPDX-License-Identifier: MIT */
#include "vm/object.h"

#include <errno.h>
#include <string.h>

#include "vm/mm.h"

static const uint64_t KEY_FILE = UINT64_C(1) << 63;
static const uint64_t OBJECT_INDEX_MAX = (UINT64_C(1) << OBJECT_INDEX_BITS) - 1;

int object_create(struct mm *mm, enum object_kind kind, uint64_t size, const struct pager *pager,
		  void *ctx, struct object **ret_object)
{
	struct object *o = alloc_get(&mm->host.alloc, sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct object){
	    .kind = kind,
	    .serial = ++mm->next_object,
	    .refs = 1,
	    .mm = mm,
	    .size = size,
	    .pager = pager,
	    .ctx = ctx,
	    .next = mm->objects,
	    .prev = &mm->objects,
	};
	sparse_init(&o->pages, &mm->host.alloc);
	sparse_init(&o->evicted, &mm->host.alloc);
	if (o->next)
		o->next->prev = &o->next;
	mm->objects = o;
	*ret_object = o;
	return 0;
}

/* ---- What is promised ---- */

uint64_t object_committed(const struct object *o)
{
	return o->kind != OBJECT_SHARED ? 0 : o->promised ? o->promised : o->resident;
}

int object_promise(struct object *o, const struct space *s, bool whole)
{
	bool all = whole || o->mm->commit.rule.mode == OVERCOMMIT_NEVER;
	uint64_t pages = all ? page_up(o->size) >> PAGE_SHIFT : 0;
	VM_ASSERT(o->kind == OBJECT_SHARED && !o->group && object_committed(o) == 0);
	if (pages && commit_check(o->mm, s, pages) != 0)
		return -ENOMEM;
	o->promised = pages;
	o->group = s->group;
	if (o->group)
		group_get(o->group);
	commit_charge(o->mm, o->group, (int64_t)pages);
	return 0;
}

static void object_charge(struct object *o, int64_t pages)
{
	if (!o->promised && o->kind == OBJECT_SHARED)
		commit_charge(o->mm, o->group, pages);
}

/* ---- Pages ---- */

void object_get(struct object *o)
{
	refs_get(&o->refs);
}

/* What a page's entry in object.pages says. */
static inline uint32_t page_frame(enum object_kind kind, const void *page)
{
	if (kind == OBJECT_FILE)
		return (uint32_t)(uintptr_t)page - 1;
	return page ? ((const struct anon *)page)->frame : NO_FRAME;
}

uint32_t object_cached(const struct object *o, uint64_t index)
{
	return page_frame(o->kind, sparse_get(&o->pages, index));
}

/* The frames of n pages that follow each other, in one piece. */
static inline void pages_ready(const struct mm *mm, enum object_kind kind, void *const *page, unsigned n,
			       uint32_t *ret_frame)
{
	const struct frame *frames = mm->frame;
	const uint32_t count = mm->frames;
	for (unsigned i = 0; i < n; i++) {
		uint32_t frame = page_frame(kind, page[i]);
		if (frame >= count)
			VM_ASSERT(frame == NO_FRAME);
		else if (frames[frame].state != FRAME_OWNED || frames[frame].flags & FRAME_FAILED)
			frame = NO_FRAME;
		ret_frame[i] = frame;
	}
}

void object_ready_run(const struct object *o, uint64_t index, unsigned n, uint32_t *ret_frame)
{
	for (unsigned done = 0, part; done < n; done += part) {
		part = n - done;
		void *const *page = sparse_run(&o->pages, index + done, &part);
		if (!page)
			memset(ret_frame + done, 0xff, part * sizeof(*ret_frame));
		else if (o->kind == OBJECT_FILE)
			pages_ready(o->mm, OBJECT_FILE, page, part, ret_frame + done);
		else
			pages_ready(o->mm, OBJECT_SHARED, page, part, ret_frame + done);
	}
}

struct anon *object_anon(const struct object *o, uint64_t index)
{
	VM_ASSERT(o->kind == OBJECT_SHARED);
	return sparse_get(&o->pages, index);
}

uint64_t object_key(const struct object *o, uint64_t index)
{
	if (o->kind == OBJECT_FILE)
		return KEY_FILE | (uint64_t)o->serial << OBJECT_INDEX_BITS | index;
	const struct anon *a = object_anon(o, index);
	return a ? a->key : 0;
}

void object_set_anon(struct object *o, uint64_t index, struct anon *a)
{
	VM_ASSERT(o->kind == OBJECT_SHARED && !object_anon(o, index) && !object_is_full(o));
	int error = sparse_set(&o->pages, index, a);
	VM_ASSERT(error == 0);
	o->resident++;
	if (o->quota)
		o->quota->pages++;
	object_charge(o, 1);
}

bool object_is_full(const struct object *o)
{
	if (o->kind != OBJECT_SHARED)
		return false;
	return (o->quota && o->quota->pages >= o->quota->limit) ||
	       (!o->promised && commit_check(o->mm, NULL, 1) != 0);
}

bool object_has_grown(struct object *o)
{
	uint64_t before = o->size;
	if (o->kind == OBJECT_FILE && o->pager->size)
		(void)o->pager->size(o->ctx);
	return o->size > before;
}

/* ---- Who maps it ---- */

static bool region_stores(const struct region *r)
{
	return r->flags & REGION_SHARED && r->prot_max & PROT_W;
}

void object_mapped(struct object *o, struct region *r, struct regions *in)
{
	r->in = in;
	r->mapping_next = o->regions;
	r->mapping_prev = &o->regions;
	if (o->regions)
		o->regions->mapping_prev = &r->mapping_next;
	o->regions = r;
	o->sharers += region_stores(r);
	if (o->pager && o->pager->mapped)
		o->pager->mapped(o->ctx, r, true);
}

void object_unmapped(struct object *o, struct region *r)
{
	*r->mapping_prev = r->mapping_next;
	if (r->mapping_next)
		r->mapping_next->mapping_prev = r->mapping_prev;
	o->sharers -= region_stores(r);
	if (o->pager && o->pager->mapped)
		o->pager->mapped(o->ctx, r, false);
}

void object_lock(struct mm *mm, struct object *o, bool lock)
{
	const struct anon *a;
	o->locked = lock;
	for (uint64_t index = 0; (a = sparse_next(&o->pages, &index, UINT64_MAX >> PAGE_SHIFT)); index++) {
		if (a->frame == NO_FRAME)
			continue;
		if (lock)
			frame_at(mm, a->frame)->flags |= FRAME_LOCKED | FRAME_KEPT;
		else
			frame_at(mm, a->frame)->flags &= ~FRAME_KEPT;
	}
}

void object_settle(struct mm *mm, struct object *o)
{
	/* What could not be written stays dirty, and is tried again when the object goes. */
	if (o->sharers == 0 && o->stored)
		(void)object_sync(mm, o, 0, OBJECT_INDEX_MAX);
}

void object_drop(struct mm *mm, struct object *o, uint64_t index)
{
	void *page = sparse_get(&o->pages, index);
	VM_ASSERT(page);
	/* The frame first: it asks its owner for its key. */
	if (o->kind == OBJECT_SHARED)
		anon_put(mm, page);
	else
		frame_free(mm, (uint32_t)(uintptr_t)page - 1);
	sparse_set(&o->pages, index, NULL);
	o->resident--;
	if (o->kind == OBJECT_SHARED && o->quota)
		o->quota->pages--;
	object_charge(o, -1);
}

void object_evict(struct mm *mm, struct object *o, uint64_t index, uint64_t eviction)
{
	object_drop(mm, o, index);
	(void)sparse_set(&o->evicted, index, (void *)(uintptr_t)eviction);
}

/* ---- Bringing pages in ---- */

/* A page of a file has its contents. */
static void page_entered(struct mm *mm, struct object *o, uint64_t index, uint32_t frame, uint32_t space)
{
	uint64_t eviction = (uintptr_t)sparse_get(&o->evicted, index);
	if (eviction) {
		thrash_refault(mm, frame, space, eviction);
		(void)sparse_set(&o->evicted, index, NULL);
	}
	frame_enter(mm, frame, space, eviction != 0);
}

/* A page that is cached, or on its way. */
static int page_found(struct mm *mm, struct object *o, uint64_t index, uint32_t frame)
{
	struct frame *f = frame_at(mm, frame);
	if (f->state == FRAME_BUSY) {
		mm->waits_for = frame;
		return -EAGAIN;
	}
	if (f->flags & FRAME_FAILED) {
		object_drop(mm, o, index);
		return -EIO;
	}
	frame_hold(mm, frame);
	return 0;
}

/* A page of shared memory that nobody touched before: zeros. */
static void page_zero(struct mm *mm, struct object *o, uint64_t index, uint32_t space,
		      struct reserve *r)
{
	struct anon *a = anon_new(mm, r);
	frame_zero(mm, a->frame);
	object_set_anon(o, index, a);
	frame_enter(mm, a->frame, space, false);
	frame_hold(mm, a->frame);
}

/* Has the pager fill a new page. While the page is on its way it keeps its object alive. */
static int page_read(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t space,
		     struct reserve *r)
{
	uint32_t frame = reserve_frame(mm, r, FRAME_FILE, o, index);
	int error = sparse_set(&o->pages, index, (void *)(uintptr_t)(frame + 1));
	VM_ASSERT(error == 0);
	o->resident++;

	uint8_t *bytes = frame_bytes(mm, frame);
	if (fresh)
		frame_zero(mm, frame); /* in case it is not overwritten whole after all */
	else
		error = o->pager->get(o->ctx, index, bytes);

	if (error == -EAGAIN) {
		frame_pool_busy(&mm->pool, frame);
		object_get(o);
		mm->waits_for = frame;
	} else if (error) {
		object_drop(mm, o, index);
		/* Below the page in any case: whoever asks again is not sent here again. */
		if (error == -ESTALE)
			object_resize(mm, o, min_u64(o->pager->size(o->ctx), index << PAGE_SHIFT));
	} else {
		page_entered(mm, o, index, frame, space);
		frame_hold(mm, frame);
	}
	return error;
}

int object_fetch(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t space,
		 uint32_t *ret_frame)
{
	uint32_t frame = object_cached(o, index);
	int error;
	struct anon *a = o->kind == OBJECT_SHARED ? object_anon(o, index) : NULL;
	if (a)
		return swap_in(mm, a, space, ret_frame);
	if (frame != NO_FRAME) {
		error = page_found(mm, o, index, frame);
		if (!error)
			*ret_frame = frame;
		return error;
	}

	bool shared = o->kind == OBJECT_SHARED;
	struct reserve r;
	if (object_is_full(o))
		return -ENOSPC;
	error = reserve_make(mm, &(struct need){.frames = 1, .anons = shared}, object_key(o, index),
			     &r);
	if (error)
		return error;
	error = sparse_prepare(&o->pages, index);
	if (error) {
		reserve_drop(mm, &r);
		return error;
	}
	if (shared)
		page_zero(mm, o, index, space, &r);
	else
		error = page_read(mm, o, index, fresh, space, &r);
	if (!error)
		*ret_frame = object_cached(o, index);
	return error;
}

int object_page(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t *ret_frame)
{
	return object_fetch(mm, o, index, fresh, 0, ret_frame);
}

static uint64_t object_pages(const struct object *o)
{
	return page_up(o->size) >> PAGE_SHIFT;
}

void object_ready(struct mm *mm, struct object *o, uint64_t index, int error)
{
	uint32_t frame = object_cached(o, index);
	struct frame *f = frame_at(mm, frame);
	VM_ASSERT(o->refs > 0);
	frame_pool_done(&mm->pool, frame);
	if (error)
		f->flags |= FRAME_FAILED;
	page_entered(mm, o, index, frame, 0);
	if (index >= object_pages(o)) /* the file was cut meanwhile */
		object_drop(mm, o, index);
	if (mm->host.wake)
		mm->host.wake(mm->host.ctx, frame);
	object_put(mm, o);
}

/* ---- Writing pages back ---- */

/* The bytes of a page from used on become zeros. */
static void page_cut(struct mm *mm, uint32_t frame, uint64_t used)
{
	struct frame *f = frame_at(mm, frame);
	if (used >= PAGE_SIZE)
		return;
	mm->pmap->frame_changed(mm, frame);
	if (f->kind == FRAME_ANON) /* a copy in swap is out of date */
		f->flags |= FRAME_DIRTY;
	memset(frame_bytes(mm, frame) + used, 0, PAGE_SIZE - used);
}

int object_write(struct mm *mm, uint32_t frame)
{
	struct frame *f = frame_at(mm, frame);
	struct object *o = f->owner.object;
	VM_ASSERT(f->state == FRAME_OWNED && f->kind == FRAME_FILE);
	/* Clear D before reading the frame: a store in between must set it again. */
	mm->pmap->clean(mm, frame, true);
	f->flags &= ~(FRAME_DIRTY | FRAME_STUCK);

	uint64_t at = f->index << PAGE_SHIFT;
	if (at >= o->size || !o->pager->put)
		return 0;
	/* What was stored behind the end goes no further: as on ext4. */
	page_cut(mm, frame, o->size - at);
	int error = o->pager->put(o->ctx, f->index, frame_bytes(mm, frame),
				  min_u64(o->size - at, PAGE_SIZE));
	if (error)
		f->flags |= FRAME_DIRTY | FRAME_STUCK;
	else
		MM_EVENT(mm, NULL, 0, page_write, .key = frame_key(mm, frame), .frame = frame);
	return error;
}

int object_sync(struct mm *mm, struct object *o, uint64_t first, uint64_t last)
{
	int result = 0;
	if (o->kind == OBJECT_SHARED || !o->stored)
		return 0;
	for (uint64_t i = first; i <= last && sparse_next(&o->pages, &i, last); i++) {
		uint32_t frame = object_cached(o, i);
		struct frame *f = frame_at(mm, frame);
		int error =
		    f->state == FRAME_OWNED && f->flags & FRAME_DIRTY ? object_write(mm, frame) : 0;
		if (!result)
			result = error;
	}
	/* Who maps it still may have a page that it need not ask for to store to. */
	if (first == 0 && last >= OBJECT_INDEX_MAX && !result && !o->sharers)
		o->stored = false;
	return result;
}

/* ---- Letting go ---- */

void object_punch(struct mm *mm, struct object *o, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last && sparse_next(&o->evicted, &i, last); i++)
		(void)sparse_set(&o->evicted, i, NULL);
	for (uint64_t i = first; i <= last && sparse_next(&o->pages, &i, last); i++) {
		uint32_t frame = object_cached(o, i);
		if (o->kind == OBJECT_FILE && frame_at(mm, frame)->state == FRAME_BUSY)
			continue; /* object_ready drops it */
		if (frame != NO_FRAME)
			frame_unmap(mm, frame);
		object_drop(mm, o, i);
	}
}

void object_put(struct mm *mm, struct object *o)
{
	if (!refs_put(&o->refs))
		return;
	int error = object_sync(mm, o, 0, OBJECT_INDEX_MAX);
	if (error && o->pager->lost)
		o->pager->lost(o->ctx, error);
	object_punch(mm, o, 0, OBJECT_INDEX_MAX);
	VM_ASSERT(o->resident == 0);
	commit_charge(mm, o->group, -(int64_t)o->promised);
	group_put(o->group);
	sparse_finish(&o->pages);
	sparse_finish(&o->evicted);
	*o->prev = o->next;
	if (o->next)
		o->next->prev = o->prev;
	if (o->pager && o->pager->release)
		o->pager->release(o->ctx);
	object_place_nowhere(o);
	alloc_put(&mm->host.alloc, o, sizeof(*o));
}

/* Private copies of pages first and beyond go, from every space. */
static void copies_drop(struct mm *mm, struct object *o, uint64_t first)
{
	for (struct region *r = o->regions; r; r = r->mapping_next) {
		uint64_t index = r->offset >> PAGE_SHIFT, start = r->start;
		if (r->flags & REGION_SHARED)
			continue;
		if (first > index)
			start += min_u64(first - index, (r->end - r->start) >> PAGE_SHIFT) << PAGE_SHIFT;
		struct space *s = container_of(r->in, struct space, regions);
		anon_map_drop(mm, &s->anons, start, r->end);
	}
}

void object_resize(struct mm *mm, struct object *o, uint64_t size)
{
	uint64_t old = o->size, end = min_u64(old, size);
	o->size = size;
	if (size == old)
		return;
	if (size < old) {
		object_punch(mm, o, object_pages(o), OBJECT_INDEX_MAX);
		copies_drop(mm, o, object_pages(o));
	}
	uint32_t frame = end % PAGE_SIZE ? object_cached(o, end >> PAGE_SHIFT) : NO_FRAME;
	if (frame != NO_FRAME && frame_at(mm, frame)->state == FRAME_OWNED &&
	    (size < old || o->kind == OBJECT_FILE))
		page_cut(mm, frame, end % PAGE_SIZE);
}

int object_remove(struct mm *mm, struct object *o, uint64_t first, uint64_t last)
{
	if (o->pager && o->pager->punch)
		return o->pager->punch(o->ctx, first, last);
	if (o->kind != OBJECT_SHARED)
		return -EOPNOTSUPP;
	object_punch(mm, o, first, last);
	return 0;
}

void object_drop_clean(struct mm *mm, struct object *o)
{
	if (o->kind == OBJECT_SHARED)
		return;
	for (uint64_t i = 0; sparse_next(&o->pages, &i, OBJECT_INDEX_MAX); i++) {
		uint32_t frame = object_cached(o, i);
		const struct frame *f = frame_at(mm, frame);
		if (f->state != FRAME_OWNED || f->flags & FRAME_DIRTY)
			continue;
		frame_unmap(mm, frame);
		object_drop(mm, o, i);
	}
}

static void count_frame(const struct mm *mm, const struct object *o, uint32_t frame, struct object_counts *n)
{
	const struct frame *f = frame_at(mm, frame);
	n->cached++;
	/* Linux marks no page of shared memory as one to be written back. */
	n->dirty += o->kind == OBJECT_FILE && f->flags & FRAME_DIRTY;
	n->writeback += (f->flags & FRAME_GOING) != 0;
}

void object_count(const struct mm *mm, const struct object *o, uint64_t first, uint64_t last,
		  struct object_counts *ret_counts)
{
	struct object_counts n = {0};
	const void *page;
	last = min_u64(last, OBJECT_INDEX_MAX);
	for (uint64_t i = first; i <= last && (page = sparse_next(&o->pages, &i, last)); i++) {
		uint32_t frame = page_frame(o->kind, page);
		if (frame != NO_FRAME)
			count_frame(mm, o, frame, &n);
		else
			n.evicted++;
	}
	/* Linux calls recent what would have stayed in a RAM of twice the size. */
	for (uint64_t i = first; i <= last && (page = sparse_next(&o->evicted, &i, last)); i++) {
		n.evicted++;
		n.recently_evicted += mm->evictions - (uintptr_t)page < mm->frames;
	}
	*ret_counts = n;
}
