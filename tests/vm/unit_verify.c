/* SPDX-License-Identifier: MIT */
/* mm_verify finds what it says it finds: each invariant is broken by hand, once. */
#include "memory_store.h"
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };

/* Two processes that share pages, a file mapped both ways, and shared memory. */
struct scene {
	struct lab_file file;
	struct object *shared;
	struct space *child;
	uint64_t own, both, stored, copied, memory;
};

static void scene_make(struct lab *l, struct scene *x)
{
	lab_file(l, &x->file);
	x->shared = lab_shared(l, 4);
	x->both = lab_map(l->space, 4, RW);
	lab_store(l->space, x->both, 1);
	x->child = lab_fork(l->space, 2);
	x->own = lab_map(l->space, 4, RW);
	lab_store(l->space, x->own, 2);
	x->stored = lab_map_object(l->space, x->file.object, 8, RW, REGION_SHARED);
	lab_store(l->space, x->stored, 3);
	x->copied = lab_map_object(l->space, x->file.object, 8, RW, 0);
	lab_store(l->space, x->copied + P, 4);
	lab_read(l->space, x->copied + 2 * P);
	x->memory = lab_map_object(l->space, x->shared, 4, RW, REGION_SHARED);
	lab_store(l->space, x->memory, 5);
}

static void scene_end(struct lab *l, struct scene *x)
{
	object_put(l->mm, x->file.object);
	object_put(l->mm, x->shared);
}

/* Breaks, looks, mends: the sentence must say what. */
#define BREAK(l, sentence, breaks, mends)                                                          \
	do {                                                                                       \
		char why_[200] = "";                                                               \
		breaks;                                                                            \
		bool holds_ = mm_verify((l)->mm, why_, sizeof(why_));                              \
		mends;                                                                             \
		if (holds_ || !strstr(why_, sentence))                                             \
			FAIL("%s: says \"%s\"", #breaks, holds_ ? "it holds" : why_);              \
		lab_verify(l);                                                                     \
	} while (0)

static struct frame *frame_of(struct space *s, uint64_t va)
{
	struct pmap_entry e;
	CHECK(s->mm->pmap->lookup(s->pmap, va, &e));
	return frame_at(s->mm, e.frame);
}

TEST(a_frame_whose_state_is_wrong_is_found)
{
	EACH_LAB (l, 64) {
		static struct scene x;
		scene_make(&l, &x);
		struct frame *anon = frame_of(l.space, x.own), *file = frame_of(l.space, x.stored);
		CHECK_EQ(space_advise(l.space, x.copied + P, P, 4 /* DONTNEED */), 0);
		uint64_t places = l.mm->pool.free - (l.mm->frames - l.mm->pool.untouched);
		CHECK(places > 0);
		struct frame *top = frame_at(l.mm, (uint32_t)places - 1), *free = frame_at(l.mm, (uint32_t)top->stacked);
		CHECK_EQ(free->state, FRAME_FREE);
		struct anon *owner = anon->owner.anon, *other = anon_map_get(&l.space->anons, x.both);
		BREAK(&l, "which is free", free->holds = 1, free->holds = 0);
		BREAK(&l, "its place of the stack", free->index++, free->index--);
		BREAK(&l, "its place of the stack", top->stacked++, top->stacked--);
		BREAK(&l, "has no owner", anon->state = FRAME_ORPHAN, anon->state = FRAME_OWNED);
		BREAK(&l, "belongs to an anon that is in frame", anon->owner.anon = other,
		      anon->owner.anon = owner);
		BREAK(&l, "belongs to page", file->index += 9, file->index -= 9);
		BREAK(&l, "do not agree", file->flags ^= FRAME_POLICED, file->flags ^= FRAME_POLICED);
		BREAK(&l, "is said to go", file->flags ^= FRAME_GOING, file->flags ^= FRAME_GOING);
		BREAK(&l, "are said to be", l.mm->pool.free++, l.mm->pool.free--);
		BREAK(&l, "frames of a kind", l.mm->pool.kind[FRAME_ANON]++,
		      l.mm->pool.kind[FRAME_ANON]--);
		scene_end(&l, &x);
	}
}

TEST(a_page_with_a_wrong_count_or_a_wrong_frame_is_found)
{
	EACH_LAB (l, 64) {
		static struct scene x;
		scene_make(&l, &x);
		struct anon *a = anon_map_get(&l.space->anons, x.own);
		struct chunk *c = anon_map_chunk(&l.space->anons, x.own);
		BREAK(&l, "is counted", a->refs++, a->refs--);
		BREAK(&l, "pages and says", c->live += 2, c->live -= 2);
		BREAK(&l, "spaces have a chunk", c->refs++, c->refs--);
		uint64_t gap = x.own + 2 * P;
		unsigned i = gap >> PAGE_SHIFT & (SPAN_PAGES - 1);
		BREAK(&l, "is exclusive and shared", c->exclusive[i / 64] ^= UINT64_C(1) << i % 64,
		      c->exclusive[i / 64] ^= UINT64_C(1) << i % 64);
		uint32_t frame = a->frame;
		BREAK(&l, "", a->frame = NO_FRAME, a->frame = frame);
		scene_end(&l, &x);
	}
}

TEST(an_object_that_miscounts_is_found)
{
	EACH_LAB (l, 64) {
		static struct scene x;
		scene_make(&l, &x);
		struct object *o = x.file.object;
		BREAK(&l, "an object has", o->resident++, o->resident--);
		BREAK(&l, "regions may store", o->sharers++, o->sharers--);
		BREAK(&l, "would be lost", o->stored = false, o->stored = true);
		struct region *r = regions_find(&l.space->regions, x.stored);
		BREAK(&l, "lists a region of another", r->object = x.shared, r->object = o);
		BREAK(&l, "does not know it", r->in = NULL, r->in = &l.space->regions);
		scene_end(&l, &x);
	}
}

TEST(regions_and_entries_that_do_not_agree_are_found)
{
	EACH_LAB (l, 64) {
		static struct scene x;
		scene_make(&l, &x);
		struct space *s = l.space;
		struct region *r = regions_find(&s->regions, x.own);
		BREAK(&l, "pages mapped", s->pages++, s->pages--);
		BREAK(&l, "pages mapped", s->regions.count--, s->regions.count++);
		BREAK(&l, "overlap", (r->start -= 3 * P, r->end -= 3 * P),
		      (r->start += 3 * P, r->end += 3 * P));
		BREAK(&l, "allows too much", r->prot = PROT_R, r->prot = RW);
		uint64_t lineage = r->lineage;
		BREAK(&l, "in no region for it", r->lineage = 0, r->lineage = lineage);
		BREAK(&l, "pages are locked", l.mm->locked_pages++, l.mm->locked_pages--);
		struct region *f = regions_find(&s->regions, x.copied);
		uint64_t size = f->object->size;
		BREAK(&l, "outlived the end", f->object->size = P, f->object->size = size);
		scene_end(&l, &x);
	}
}

TEST(a_slot_that_two_pages_think_is_theirs_is_found)
{
	EACH_LAB (l, 32) {
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &swap), 0);
		uint64_t a = lab_map(l.space, 40, RW);
		for (unsigned i = 0; i < 40; i++)
			CHECK(lab_store(l.space, a + i * P, (uint8_t)i) != CAUSE_out_of_memory);
		swap_drain(l.mm);
		struct swap *w = &l.mm->swap;
		struct anon *gone = NULL;
		for (unsigned i = 0; i < 40 && !gone; i++) {
			gone = anon_map_get(&l.space->anons, a + i * P);
			gone = gone->frame == NO_FRAME ? gone : NULL;
		}
		CHECK(gone != NULL);
		uint32_t slot = gone->slot;
		BREAK(&l, "", gone->slot = slot + 1, gone->slot = slot);
		BREAK(&l, "is nowhere", gone->slot = 0, gone->slot = slot);
		BREAK(&l, "slots are used", w->used++, w->used--);
		BREAK(&l, "slots have owners", w->area[0].slots.used++, w->area[0].slots.used--);
	}
}

TEST(pages_frames_and_groups_that_nobody_counts_are_found)
{
	EACH_LAB (l, 64) {
		static struct scene x;
		scene_make(&l, &x);
		struct space *s = l.space;
		struct group *g;
		CHECK_EQ(group_create(l.mm, &g), 0);
		BREAK(&l, "groups have", g->local.resident++, g->local.resident--);
		struct frame *own = frame_of(s, x.own), *stored = frame_of(s, x.stored);
		BREAK(&l, "whose policy does not know it", own->group = g, own->group = NULL);
		group_put(g);
		/* Its frame belongs to an anon that nobody has. */
		struct chunk *c = anon_map_chunk(&s->anons, x.own);
		unsigned i = x.own >> PAGE_SHIFT & (SPAN_PAGES - 1);
		struct anon *a = c->anon[i];
		BREAK(&l, "have owners", (c->anon[i] = NULL, c->live--, c->exclusive[i / 64] ^= UINT64_C(1) << i % 64),
		      (c->anon[i] = a, c->live++, c->exclusive[i / 64] ^= UINT64_C(1) << i % 64));
		/* A page of the file in the frame of another. */
		struct object *o = x.file.object;
		uint32_t frame = (uint32_t)(stored - l.mm->frame);
		CHECK_EQ(sparse_prepare(&o->pages, 30), 0);
		BREAK(&l, "is in another's frame", CHECK_EQ(sparse_set(&o->pages, 30, (void *)(uintptr_t)(frame + 1)), 0),
		      CHECK_EQ(sparse_set(&o->pages, 30, NULL), 0));
		/* What is mapped is not what the region says. */
		struct region *f = regions_find(&s->regions, x.copied);
		BREAK(&l, "and should not", f->offset += P, f->offset -= P);
		BREAK(&l, "pages are resident", s->pmap->resident[RESIDENT_ANON]++, s->pmap->resident[RESIDENT_ANON]--);
		scene_end(&l, &x);
	}
}

TEST(a_page_of_swap_that_says_it_is_in_anothers_frame_is_found)
{
	EACH_LAB (l, 32) {
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &swap), 0);
		struct object *shared = lab_shared(&l, 2);
		uint64_t m = lab_map_object(l.space, shared, 2, RW, REGION_SHARED), a = lab_map(l.space, 2, RW);
		lab_store(l.space, a, 1);
		lab_store(l.space, a + P, 1);
		lab_store(l.space, m, 1);
		CHECK_EQ(space_advise(l.space, a, P, 21 /* PAGEOUT */), 0);
		CHECK_EQ(space_advise(l.space, m, P, 21), 0);
		swap_drain(l.mm);
		uint32_t frame = anon_map_get(&l.space->anons, a + P)->frame;
		struct anon *swapped[] = {anon_map_get(&l.space->anons, a), object_anon(shared, 0)};
		for (unsigned i = 0; i < 2; i++) {
			CHECK_EQ(swapped[i]->frame, NO_FRAME);
			BREAK(&l, "which is another's", swapped[i]->frame = frame, swapped[i]->frame = NO_FRAME);
		}
		object_put(l.mm, shared);
	}
}

TEST_MAIN
