/* SPDX-License-Identifier: MIT */
#include "vm/anon.h"

#include <errno.h>
#include <string.h>

#include "vm/mm.h"

static unsigned page_in_span(uint64_t va)
{
	return va >> PAGE_SHIFT & (SPAN_PAGES - 1);
}

struct anon *anon_new(struct mm *mm, struct reserve *r)
{
	struct anon *a = reserve_anon(r);
	a->key = ++mm->next_anon_key;
	a->refs = 1;
	a->frame = reserve_frame(mm, r, FRAME_ANON, a, 0);
	return a;
}

void anon_put(struct mm *mm, struct anon *a)
{
	if (!refs_put(&a->refs))
		return;
	/* While it is under way to or from swap, it stays until that has ended. */
	if (a->frame == NO_FRAME || frame_at(mm, a->frame)->state != FRAME_BUSY)
		anon_free(mm, a);
}

void anon_drop_frame(struct mm *mm, struct anon *a)
{
	uint32_t frame = a->frame;
	frame_free(mm, frame);
	mm->swap.cached -= a->slot != 0;
	a->frame = NO_FRAME;
}

void anon_free(struct mm *mm, struct anon *a)
{
	VM_ASSERT(a->refs == 0);
	swap_free(mm, a);
	if (a->frame != NO_FRAME)
		frame_free(mm, a->frame);
	mm->policy_ops->forget(mm->policy, a->key);
	for (struct group *g = mm->commit.groups; g && mm->config.local.rule; g = g->next)
		mm->policy_ops->forget(g->local.policy, a->key);
	MM_EVENT(mm, NULL, 0, page_leave, .key = a->key);
	alloc_put(&mm->host.alloc, a, sizeof(*a));
}

/* ---- Chunks ---- */

bool chunk_exclusive(const struct chunk *c, uint64_t va)
{
	unsigned i = page_in_span(va);
	return c->exclusive[i / 64] >> i % 64 & 1;
}

bool chunk_writable(const struct chunk *c, uint64_t va)
{
	return c->refs == 1 && chunk_exclusive(c, va);
}

void chunk_set_exclusive(struct chunk *c, uint64_t va, bool exclusive)
{
	VM_ASSERT(c->refs == 1 || !exclusive);
	unsigned i = page_in_span(va);
	uint64_t bit = UINT64_C(1) << i % 64;
	c->exclusive[i / 64] = (c->exclusive[i / 64] & ~bit) | (exclusive ? bit : 0);
}

void chunk_set(struct mm *mm, struct chunk *c, uint64_t va, struct anon *a, bool exclusive)
{
	VM_ASSERT(c->refs == 1);
	struct anon **place = &c->anon[page_in_span(va)];
	struct anon *old = *place;
	c->live += (a != NULL) - (old != NULL);
	*place = a;
	chunk_set_exclusive(c, va, a && exclusive);
	if (old)
		anon_put(mm, old);
}

/* A chunk with the same anons: each has one more who can reach it, so that none is exclusive. */
static void chunk_copy(struct chunk *to, const struct chunk *from)
{
	to->live = from->live;
	memcpy(to->anon, from->anon, sizeof(to->anon));
	for (unsigned i = 0, left = to->live; left; i++) {
		VM_ASSERT(i < SPAN_PAGES && !(from->exclusive[i / 64] >> i % 64 & 1));
		if (to->anon[i]) {
			refs_get(&to->anon[i]->refs);
			left--;
		}
	}
}

static void chunk_put(struct mm *mm, struct chunk *c)
{
	if (!refs_put(&c->refs))
		return;
	for (unsigned i = 0; c->live; i++) {
		VM_ASSERT(i < SPAN_PAGES);
		if (c->anon[i]) {
			anon_put(mm, c->anon[i]);
			c->live--;
		}
	}
	alloc_put(&mm->host.alloc, c, sizeof(*c));
}

static struct chunk *chunk_share(struct chunk *c)
{
	memset(c->exclusive, 0, sizeof(c->exclusive));
	refs_get(&c->refs);
	return c;
}

/* ---- The map ---- */

void anon_map_init(struct mm *mm, struct anon_map *map)
{
	sparse_init(&map->chunks, &mm->host.alloc);
}

void anon_map_finish(struct mm *mm, struct anon_map *map)
{
	struct chunk *c;
	for (uint64_t i = 0; (c = sparse_next(&map->chunks, &i, UINT64_MAX)); i++)
		chunk_put(mm, c);
	sparse_finish(&map->chunks);
}

struct chunk *anon_map_chunk(const struct anon_map *map, uint64_t va)
{
	return sparse_get(&map->chunks, va >> SPAN_SHIFT);
}

struct anon *anon_map_get(const struct anon_map *map, uint64_t va)
{
	struct chunk *c = anon_map_chunk(map, va);
	return c ? c->anon[page_in_span(va)] : NULL;
}

struct anon *anon_map_next(const struct anon_map *map, uint64_t *va, uint64_t end)
{
	struct chunk *c;
	for (uint64_t i = *va >> SPAN_SHIFT; *va < end; i++) {
		c = sparse_next(&map->chunks, &i, (end - 1) >> SPAN_SHIFT);
		if (!c)
			return NULL;
		uint64_t at = max_u64(*va, i << SPAN_SHIFT);
		uint64_t stop = min_u64(end, (i + 1) << SPAN_SHIFT);
		for (; at < stop; at += PAGE_SIZE) {
			if (c->anon[page_in_span(at)]) {
				*va = at;
				return c->anon[page_in_span(at)];
			}
		}
		*va = stop;
	}
	return NULL;
}

int anon_map_prepare(struct mm *mm, struct anon_map *map, uint64_t va)
{
	return sparse_prepare(&map->chunks, va >> SPAN_SHIFT);
}

unsigned anon_map_needs(const struct anon_map *map, uint64_t va)
{
	struct chunk *c = anon_map_chunk(map, va);
	return !c || c->refs > 1;
}

static void map_set(struct anon_map *map, uint64_t va, struct chunk *c)
{
	int error = sparse_set(&map->chunks, va >> SPAN_SHIFT, c);
	VM_ASSERT(error == 0);
}

/* Makes fresh the map's own chunk at va, with what is there now. */
static void map_own(struct mm *mm, struct anon_map *map, uint64_t va, struct chunk *fresh)
{
	struct chunk *old = anon_map_chunk(map, va);
	fresh->refs = 1;
	if (old) {
		chunk_copy(fresh, old);
		chunk_put(mm, old);
	}
	map_set(map, va, fresh);
}

struct chunk *anon_map_own(struct mm *mm, struct anon_map *map, uint64_t va, struct reserve *r)
{
	struct chunk *c = anon_map_chunk(map, va);
	if (c && c->refs == 1)
		return c;
	c = reserve_chunk(r);
	map_own(mm, map, va, c);
	return c;
}

int anon_map_make(struct mm *mm, struct anon_map *map, uint64_t va)
{
	struct chunk *c = anon_map_chunk(map, va);
	if (c && c->refs == 1)
		return 0;
	struct chunk *fresh = alloc_get(&mm->host.alloc, sizeof(*fresh));
	if (fresh && anon_map_prepare(mm, map, va) == 0) {
		map_own(mm, map, va, fresh);
		return 0;
	}
	alloc_put(&mm->host.alloc, fresh, sizeof(*fresh));
	return -ENOMEM;
}

void anon_map_trim(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end)
{
	struct chunk *c;
	for (uint64_t i = start >> SPAN_SHIFT;
	     (c = sparse_next(&map->chunks, &i, (end - 1) >> SPAN_SHIFT)); i++) {
		if (c->live)
			continue;
		map_set(map, i << SPAN_SHIFT, NULL);
		chunk_put(mm, c);
	}
}

void anon_map_share(struct anon_map *from, struct anon_map *to, uint64_t va)
{
	struct chunk *c = anon_map_chunk(from, va);
	if (c)
		map_set(to, va, chunk_share(c));
}

int anon_map_isolate(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end, bool all)
{
	for (uint64_t va = start; anon_map_next(map, &va, end); va = align_up(va + 1, SPAN_SIZE)) {
		uint64_t span = align_down(va, SPAN_SIZE);
		bool inside = start <= span && span + SPAN_SIZE <= end;
		if ((inside && !all) || anon_map_chunk(map, va)->refs == 1)
			continue;
		if (anon_map_make(mm, map, va) != 0)
			return -ENOMEM;
	}
	return 0;
}

void anon_map_clear(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end)
{
	uint64_t va = start;
	while (anon_map_next(map, &va, end)) {
		struct chunk *c = anon_map_chunk(map, va);
		uint64_t span = align_down(va, SPAN_SIZE);
		if (start <= span && span + SPAN_SIZE <= end) {
			va = span + SPAN_SIZE;
		} else {
			for (; va < min_u64(end, span + SPAN_SIZE); va += PAGE_SIZE)
				chunk_set(mm, c, va, NULL, false);
			if (c->live)
				continue;
		}
		map_set(map, span, NULL);
		chunk_put(mm, c);
	}
}

/* A chunk that is shared is cut for all its owners at once; who is left with an empty one drops it
 * when its turn comes. */
void anon_map_drop(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end)
{
	struct anon *a;
	for (uint64_t va = start; (a = anon_map_next(map, &va, end)); va += PAGE_SIZE) {
		struct chunk *c = anon_map_chunk(map, va);
		unsigned i = page_in_span(va);
		if (a->frame != NO_FRAME)
			frame_unmap(mm, a->frame);
		c->anon[i] = NULL;
		c->exclusive[i / 64] &= ~(UINT64_C(1) << i % 64);
		c->live--;
		anon_put(mm, a);
	}
	if (start < end)
		anon_map_trim(mm, map, start, end);
}
