/* SPDX-License-Identifier: MIT */
/* verify.c - does the whole system hold together?
 *
 *	1. frames	states sum to N; each is on the stack of free ones or has one owner, who points back;
 *			the policy knows exactly those that can be evicted
 *	2. layers	references to chunks and anons are as many as their counts say; exclusive
 *			means so
 *	3. objects	each page has its frame and its frame has it
 *	4. spaces	regions do not overlap; each entry is what its region and its layers say, and W
 *			only by the writable rule; each private page lies in a region for it
 *	5. promises	what spaces, groups and the machine count is what regions and objects have
 *	6. swap		slots and anons point to each other; the pmap, its own account
 *
 * An owner and its frame are checked from both sides: each owner that is found has a frame that
 * points to it, and there are as many of them as frames of that kind.
 */
#include <string.h>

#include "vm/range.h"

struct verify {
	struct mm *mm;
	char *why;
	unsigned size;
	uint64_t found[FRAME_KINDS]; /* frames that an owner points to */
	uint64_t grouped;	     /* frames in the policies of groups */
};

bool verify_say(char *why, unsigned size, const char *text, uint64_t a, uint64_t b)
{
	unsigned at = 0;
	for (; *text && at + 1 < size; text++) {
		if (*text != '#') {
			why[at++] = *text;
			continue;
		}
		char digits[20];
		unsigned n = 0;
		do {
			digits[n++] = (char)('0' + a % 10);
			a /= 10;
		} while (a);
		while (n && at + 1 < size)
			why[at++] = digits[--n];
		a = b;
	}
	if (size)
		why[at] = '\0';
	return false;
}

static bool say(struct verify *v, const char *text, uint64_t a, uint64_t b)
{
	return verify_say(v->why, v->size, text, a, b);
}

/* ---- 1. Frames ---- */

static bool verify_frame(struct verify *v, uint32_t i)
{
	const struct frame *f = frame_at(v->mm, i);
	if (f->state == FRAME_FREE || f->state == FRAME_RESERVED)
		return f->maps || f->holds
			   ? say(v, "frame #, which is free, is mapped or held", i, 0)
			   : true;
	if (f->state == FRAME_ORPHAN) {
		v->found[f->kind]++;
		return f->holds && !f->maps
			   ? true
			   : say(v, "frame # has no owner and nobody holds it", i, 0);
	}
	if (f->kind == FRAME_ANON && f->owner.anon->frame != i)
		return say(v, "frame # belongs to an anon that is in frame #", i,
			   f->owner.anon->frame);
	if (f->kind == FRAME_FILE && object_cached(f->owner.object, f->index) != i)
		return say(v, "frame # belongs to page # of an object that does not have it", i,
			   f->index);
	/* Let go of while it was under way: it is freed when that has ended. */
	if (f->kind == FRAME_ANON && f->state == FRAME_BUSY && f->owner.anon->refs == 0)
		v->found[FRAME_ANON]++;
	bool evictable = (f->state == FRAME_OWNED || f->flags & FRAME_GOING) &&
			 (f->kind == FRAME_FILE ||
			  (f->kind == FRAME_ANON && (v->mm->swap.areas || f->flags & FRAME_LAZY)));
	v->grouped += f->group != NULL;
	if (f->group && !(f->flags & FRAME_POLICED))
		return say(v, "frame # is a group's, whose policy does not know it", i, 0);
	if (evictable != !!(f->flags & FRAME_POLICED))
		return say(v, "frame # and the policy do not agree that it may go", i, 0);
	if (f->flags & FRAME_GOING ? f->state != FRAME_BUSY : f->flags & FRAME_WANTED)
		return say(v, "frame # is said to go, and is not on its way", i, 0);
	if (f->state == FRAME_BUSY && (f->maps || f->holds))
		return say(v, "frame # is mapped or held during its I/O", i, 0);
	return true;
}

static bool verify_frames(struct verify *v)
{
	const struct mm *mm = v->mm;
	uint64_t free = mm->frames - mm->pool.untouched, places = mm->pool.free - free, kind[FRAME_KINDS] = {0};
	for (uint32_t i = 0; i < mm->pool.untouched; i++) {
		const struct frame *f = frame_at(mm, i);
		free += f->state == FRAME_FREE;
		if (f->state != FRAME_FREE && f->state != FRAME_RESERVED)
			kind[f->kind]++;
		if (!verify_frame(v, i))
			return false;
	}
	if (free != mm->pool.free)
		return say(v, "# frames are free, and # are said to be", free, mm->pool.free);
	/* As many free frames as places, each at a place of its own: none is missing on the stack. */
	for (uint32_t i = 0; i < mm->pool.untouched; i++) {
		const struct frame *f = frame_at(mm, i);
		if (f->state == FRAME_FREE &&
		    (f->index >= places || frame_at(mm, (uint32_t)f->index)->stacked != (int32_t)i))
			return say(v, "free frame # does not stand at its place of the stack, #", i, f->index);
	}
	for (unsigned k = 0; k < FRAME_KINDS; k++)
		if (kind[k] != mm->pool.kind[k])
			return say(v, "there are # frames of a kind of which # were counted",
				   kind[k], mm->pool.kind[k]);
	return true;
}

/* ---- 2. Chunks and anons: forget what was seen, count, compare ---- */

#define EACH_CHUNK(c, i, s)                                                                        \
	for (uint64_t i = 0; (c = sparse_next(&(s)->anons.chunks, &i, UINT64_MAX)); i++)

static void layers_forget(struct mm *mm)
{
	struct chunk *c;
	for (struct space *s = mm->spaces; s; s = s->next) {
		EACH_CHUNK (c, i, s) {
			c->seen = 0;
			for (unsigned p = 0; p < SPAN_PAGES; p++)
				if (c->anon[p])
					c->anon[p]->seen = 0;
		}
	}
	for (struct object *o = mm->objects; o; o = o->next) {
		struct anon *a;
		for (uint64_t i = 0;
		     o->kind == OBJECT_SHARED && (a = sparse_next(&o->pages, &i, UINT64_MAX)); i++)
			a->seen = 0;
	}
}

/* Counts a reference; the first one counts the frame. */
static bool anon_see(struct verify *v, struct anon *a)
{
	if (a->seen++)
		return true;
	uint32_t number;
	if (a->frame == NO_FRAME)
		return swap_area_of(v->mm, a->slot, &number) ? true
							      : say(v, "page # is nowhere", a->key, 0);
	const struct frame *f = frame_at(v->mm, a->frame);
	if (f->kind != FRAME_ANON || f->owner.anon != a ||
	    (f->state != FRAME_OWNED && f->state != FRAME_BUSY))
		return say(v, "page # says it is in frame #, which is another's", a->key, a->frame);
	v->found[FRAME_ANON]++;
	return true;
}

static bool layers_see(struct verify *v)
{
	struct chunk *c;
	for (struct space *s = v->mm->spaces; s; s = s->next) {
		EACH_CHUNK (c, i, s) {
			if (c->seen++)
				continue;
			uint64_t live = 0;
			for (unsigned p = 0; p < SPAN_PAGES; p++) {
				live += c->anon[p] != NULL;
				if (c->anon[p] && !anon_see(v, c->anon[p]))
					return false;
			}
			if (live != c->live)
				return say(v, "a chunk has # pages and says #", live, c->live);
		}
	}
	for (struct object *o = v->mm->objects; o; o = o->next) {
		struct anon *a;
		for (uint64_t i = 0;
		     o->kind == OBJECT_SHARED && (a = sparse_next(&o->pages, &i, UINT64_MAX)); i++)
			if (!anon_see(v, a))
				return false;
	}
	return true;
}

static bool chunk_compare(struct verify *v, const struct chunk *c, uint64_t span)
{
	if (c->seen != c->refs)
		return say(v, "# spaces have a chunk that counts #", c->seen, c->refs);
	for (unsigned p = 0; p < SPAN_PAGES; p++) {
		bool exclusive = chunk_exclusive(c, (uint64_t)p << PAGE_SHIFT);
		const struct anon *a = c->anon[p];
		if (a && a->seen != a->refs)
			return say(v, "page # is counted # times, which is wrong", a->key, a->refs);
		if (exclusive && (!a || a->refs != 1 || c->refs != 1))
			return say(v, "page # of span # is exclusive and shared", p, span);
	}
	return true;
}

static bool verify_layers(struct verify *v)
{
	layers_forget(v->mm);
	if (!layers_see(v))
		return false;
	struct chunk *c;
	for (struct space *s = v->mm->spaces; s; s = s->next)
		EACH_CHUNK (c, i, s)
			if (!chunk_compare(v, c, i))
				return false;
	return true;
}

/* ---- 3. Objects ---- */

/* Each region on its list maps it; that none is missing is seen from the regions' side. */
static bool verify_mappings(struct verify *v, const struct object *o)
{
	uint64_t sharers = 0;
	for (const struct region *r = o->regions; r; r = r->mapping_next) {
		if (r->object != o || *r->mapping_prev != r)
			return say(v, "object # lists a region of another", o->serial, 0);
		sharers += r->flags & REGION_SHARED && r->prot_max & PROT_W;
	}
	return sharers == o->sharers ? true
				     : say(v, "# regions may store to an object that counts #",
					   sharers, o->sharers);
}

static bool verify_objects(struct verify *v)
{
	for (const struct object *o = v->mm->objects; o; o = o->next) {
		uint64_t pages = 0;
		if (!verify_mappings(v, o))
			return false;
		for (uint64_t i = 0; sparse_next(&o->pages, &i, UINT64_MAX); i++) {
			pages++;
			if (o->kind == OBJECT_SHARED)
				continue;
			const struct frame *f = frame_at(v->mm, object_cached(o, i));
			v->found[FRAME_FILE]++;
			if (f->kind != FRAME_FILE || f->owner.object != o || f->index != i)
				return say(v, "page # of object # is in another's frame", i,
					   o->serial);
			if (f->flags & FRAME_DIRTY && !o->stored)
				return say(v, "page # of object # is dirty and would be lost", i,
					   o->serial);
		}
		if (pages != o->resident)
			return say(v, "an object has # pages and says #", pages, o->resident);
	}
	return true;
}

/* ---- 4. Spaces: regions, entries, private pages ---- */

/* The frame that the layers show at va; *ret_write: may an entry be writable? */
static uint32_t layers_show(const struct space *s, const struct region *r, uint64_t va,
			    bool *ret_write)
{
	const struct chunk *c = r->flags & REGION_SHARED ? NULL : anon_map_chunk(&s->anons, va);
	const struct anon *a = c ? anon_map_get(&s->anons, va) : NULL;
	*ret_write = a ? chunk_writable(c, va) : r->flags & REGION_SHARED;
	if (a)
		return a->frame;
	uint32_t frame = r->object ? object_cached(r->object, region_index(r, va)) : s->mm->zero;
	if (frame != NO_FRAME && frame_at(s->mm, frame)->kind == FRAME_FILE)
		*ret_write = *ret_write && frame_at(s->mm, frame)->flags & FRAME_DIRTY;
	return frame;
}

static bool verify_regions(struct verify *v, const struct space *s)
{
	uint64_t end = 0, pages = 0, count = 0;
	for (const struct region *r = regions_first(&s->regions); r; r = region_next(r)) {
		if (r->start < end || r->end <= r->start || r->end > s->layout.top)
			return say(v, "the regions of pid # overlap at #", (uint64_t)s->pid,
				   r->start);
		if (r->object && (r->in != &s->regions || *r->mapping_prev != r))
			return say(v, "the object at # of pid # does not know it", r->start,
				   (uint64_t)s->pid);
		end = r->end;
		pages += (r->end - r->start) >> PAGE_SHIFT;
		count++;
	}
	if (pages != s->pages || count != s->regions.count)
		return say(v, "pid # has # pages mapped, which is not what it counted",
			   (uint64_t)s->pid, pages);
	return true;
}

static bool verify_entries(struct verify *v, struct space *s)
{
	uint64_t resident[RESIDENT_KINDS] = {0};
	struct pmap_entry e;
	for (uint64_t va = 0; s->mm->pmap->next(s->pmap, &va, s->layout.top, &e); va += PAGE_SIZE) {
		const struct region *r = regions_find(&s->regions, va);
		if (!r)
			return say(v, "pid # has an entry at # and no region", (uint64_t)s->pid,
				   va);
		if (track_get(s, va, TRACK_BARRED))
			return say(v, "the guard page at # of pid # has an entry", va, (uint64_t)s->pid);
		bool write;
		uint32_t frame = layers_show(s, r, va, &write);
		if (frame != e.frame)
			return say(v, "an entry at # shows frame # and should not", va, e.frame);
		bool may_store = write && !e.shared && track_may_store(s, r, va);
		if (e.prot & ~region_entry_prot(r) || (e.prot & PROT_W && !may_store))
			return say(v, "the entry at # of pid # allows too much", va,
				   (uint64_t)s->pid);
		if (frame != s->mm->zero)
			resident[e.as]++;
	}
	struct pmap_stats stats;
	s->mm->pmap->stats(s->pmap, &stats);
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		if (stats.resident[k] != resident[k])
			return say(v, "# pages are resident, not #", resident[k],
				   stats.resident[k]);
	return true;
}

/* Each private page lies in a region that may have one. */
static bool verify_private(struct verify *v, const struct space *s)
{
	const struct anon *a;
	for (uint64_t va = 0; (a = anon_map_next(&s->anons, &va, UINT64_MAX << SPAN_SHIFT));
	     va += PAGE_SIZE) {
		const struct region *r = regions_find(&s->regions, va);
		if (!r || r->flags & REGION_SHARED || !r->lineage)
			return say(v, "page # at # lies in no region for it", a->key, va);
		if (track_get(s, va, TRACK_BARRED))
			return say(v, "page # at # lies in a guard page", a->key, va);
		if (r->object && region_index(r, va) << PAGE_SHIFT >= r->object->size)
			return say(v, "page # at # outlived the end of its file", a->key, va);
	}
	return true;
}

/* ---- 5. Promises: count anew what each region and object was promised ---- */

static uint64_t space_promised(const struct space *s)
{
	uint64_t pages = 0;
	for (const struct region *r = regions_first(&s->regions); r; r = region_next(r))
		pages += r->flags & REGION_ACCOUNT ? (r->end - r->start) >> PAGE_SHIFT : 0;
	return pages;
}

static uint64_t objects_promised(const struct mm *mm, const struct group *g, bool all)
{
	uint64_t pages = 0;
	for (const struct object *o = mm->objects; o; o = o->next)
		pages += all || o->group == g ? object_committed(o) : 0;
	return pages;
}

static bool verify_promises(struct verify *v)
{
	const struct mm *mm = v->mm;
	uint64_t all = objects_promised(mm, NULL, true);
	for (const struct space *s = mm->spaces; s; s = s->next) {
		uint64_t pages = space_promised(s);
		if (pages != s->committed)
			return say(v, "pid # was promised # pages, which is not what it counted",
				   (uint64_t)s->pid, pages);
		all += pages;
	}
	if (all != mm->commit.pages)
		return say(v, "# pages were promised, not #", all, mm->commit.pages);
	for (const struct group *g = mm->commit.groups; g; g = g->next) {
		uint64_t pages = objects_promised(mm, g, false);
		for (const struct space *s = mm->spaces; s; s = s->next)
			pages += s->group == g ? s->committed : 0;
		if (pages != g->committed)
			return say(v, "a group was promised # pages, not #", pages, g->committed);
	}
	return true;
}

/* ---- All ---- */

bool mm_verify(struct mm *mm, char *why, unsigned size)
{
	struct verify v = {.mm = mm, .why = why, .size = size};
	if (!verify_frames(&v) || !verify_layers(&v) || !verify_objects(&v))
		return false;
	for (enum frame_kind k = FRAME_ANON; k <= FRAME_FILE; k++)
		if (v.found[k] != mm->pool.kind[k])
			return say(&v, "# frames have owners, of # that are owned", v.found[k],
				   mm->pool.kind[k]);
	if (!verify_promises(&v))
		return false;
	uint64_t grouped = 0;
	for (const struct group *g = mm->commit.groups; g; g = g->next)
		grouped += g->local.resident;
	if (grouped != v.grouped)
		return say(&v, "groups have # frames, and count #", v.grouped, grouped);
	uint64_t locked = 0;
	for (struct space *s = mm->spaces; s; s = s->next) {
		locked += s->pages_locked;
		if (!verify_regions(&v, s) || !verify_entries(&v, s) || !verify_private(&v, s))
			return false;
	}
	if (locked != mm->locked_pages)
		return say(&v, "# pages are locked, not #", locked, mm->locked_pages);
	return swap_verify(mm, why, size) && mm->pmap->verify(mm, why, size); /* 6. */
}
