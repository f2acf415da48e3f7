/* SPDX-License-Identifier: MIT */
#include "policy/ghost.h"

#include <errno.h>

int ghost_init(struct ghost *g, const struct alloc *alloc, uint32_t room)
{
	*g = (struct ghost){.room = room, .buckets = 1};
	while (g->buckets < room && g->buckets < UINT32_C(1) << 31)
		g->buckets *= 2;
	g->entry = alloc_get(alloc, room * sizeof(*g->entry));
	g->bucket = alloc_get(alloc, g->buckets * sizeof(*g->bucket));
	return g->entry && g->bucket ? 0 : -ENOMEM;
}

void ghost_finish(struct ghost *g, const struct alloc *alloc)
{
	alloc_put(alloc, g->entry, g->room * sizeof(*g->entry));
	alloc_put(alloc, g->bucket, g->buckets * sizeof(*g->bucket));
}

/* Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4. */
static uint32_t *ghost_bucket(const struct ghost *g, uint64_t key)
{
	return &g->bucket[(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (g->buckets - 1)];
}

/* The link that leads to the key's entry, or to 0. */
static uint32_t *ghost_find(const struct ghost *g, uint64_t key)
{
	uint32_t *link = ghost_bucket(g, key);
	while (*link && g->entry[*link - 1].key != key)
		link = &g->entry[*link - 1].chain;
	return link;
}

bool ghost_take(struct ghost *g, uint64_t key)
{
	uint32_t *link = ghost_find(g, key), id = *link;
	if (!id)
		return false;
	struct ghost_entry *e = &g->entry[id - 1];
	*link = e->chain;
	*(e->older ? &g->entry[e->older - 1].newer : &g->oldest) = e->newer;
	*(e->newer ? &g->entry[e->newer - 1].older : &g->newest) = e->older;
	e->newer = g->unused;
	g->unused = id;
	g->count--;
	return true;
}

void ghost_add(struct ghost *g, uint64_t key)
{
	if (g->count == g->room)
		(void)ghost_take(g, g->entry[g->oldest - 1].key);
	uint32_t id = g->unused ? g->unused : ++g->touched;
	struct ghost_entry *e = &g->entry[id - 1];
	if (g->unused)
		g->unused = e->newer;
	uint32_t *bucket = ghost_bucket(g, key);
	*e = (struct ghost_entry){.key = key, .older = g->newest, .chain = *bucket};
	*bucket = id;
	*(g->newest ? &g->entry[g->newest - 1].newer : &g->oldest) = id;
	g->newest = id;
	g->count++;
}
