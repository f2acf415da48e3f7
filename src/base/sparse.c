/* SPDX-License-Identifier: MIT */
#include "base/sparse.h"

#include <errno.h>

#include "base/bits.h"

enum { NODE_BITS = 6, NODE_SLOTS = 1 << NODE_BITS, LEVELS_MAX = 11 };

/* Slots hold nodes, on the lowest level what was stored. used: slots that are not NULL. */
struct sparse_node {
	void *slot[NODE_SLOTS];
	unsigned used;
};

void sparse_init(struct sparse *s, const struct alloc *alloc)
{
	*s = (struct sparse){.alloc = alloc};
}

static void node_free(struct sparse *s, struct sparse_node *n, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < NODE_SLOTS; i++)
		if (n->slot[i])
			node_free(s, n->slot[i], level - 1);
	alloc_put(s->alloc, n, sizeof(*n));
}

void sparse_finish(struct sparse *s)
{
	if (s->root)
		node_free(s, s->root, s->levels);
	*s = (struct sparse){.alloc = s->alloc};
}

static unsigned slot_of(uint64_t index, unsigned level)
{
	return index >> ((level - 1) * NODE_BITS) & (NODE_SLOTS - 1);
}

/* Levels that a tree needs to reach index. */
static unsigned levels_for(uint64_t index)
{
	unsigned levels = 1;
	while (levels < LEVELS_MAX && index >> (levels * NODE_BITS))
		levels++;
	return levels;
}

/* The lowest node of index's path, if it was the last one asked for. */
static struct sparse_node *node_near(const struct sparse *s, uint64_t index)
{
	return s->near_index == index >> NODE_BITS ? s->near : NULL;
}

/* The lowest node of index's path, remembered. NULL: there is none. */
static struct sparse_node *node_of(const struct sparse *s, uint64_t index)
{
	struct sparse_node *n = node_near(s, index);
	if (likely(n))
		return n;
	if (!s->root || (s->levels < LEVELS_MAX && index >> (s->levels * NODE_BITS)))
		return NULL;
	n = s->root;
	for (unsigned level = s->levels; level > 1 && n; level--)
		n = n->slot[slot_of(index, level)];
	if (!n)
		return NULL;
	/* What it remembers is no part of what it holds. */
	struct sparse *memory = (struct sparse *)(uintptr_t)s;
	memory->near = n;
	memory->near_index = index >> NODE_BITS;
	return n;
}

void *sparse_get(const struct sparse *s, uint64_t index)
{
	const struct sparse_node *n = node_of(s, index);
	return n ? n->slot[slot_of(index, 1)] : NULL;
}

void *const *sparse_run(const struct sparse *s, uint64_t index, unsigned *n)
{
	const struct sparse_node *node = node_of(s, index);
	unsigned at = slot_of(index, 1);
	if (*n > NODE_SLOTS - at)
		*n = NODE_SLOTS - at;
	return node ? &node->slot[at] : NULL;
}

/* Allocates the nodes that are missing first, so that it changes all or nothing:
 *
 * 1. Above the root: one node for each level that index needs more than there are, and then the
 *    old root is the first slot of what was put above it.
 * 2. Below the last node on index's path: one for each level that is left.
 */
int sparse_prepare(struct sparse *s, uint64_t index)
{
	if (node_near(s, index))
		return 0;
	unsigned levels = max_u64(s->levels, levels_for(index));
	unsigned missing;
	if (s->root && s->levels < levels) {
		/* The new path leaves the old tree at the top, as index lies beyond it. */
		missing = levels - s->levels + levels - 1;
	} else {
		struct sparse_node *n = s->root;
		missing = levels;
		while (missing > 1 && n)
			n = n->slot[slot_of(index, missing--)];
		if (n)
			return 0;
	}

	struct sparse_node *spare[2 * LEVELS_MAX];
	for (unsigned i = 0; i < missing; i++) {
		spare[i] = alloc_get(s->alloc, sizeof(*spare[i]));
		if (!spare[i]) {
			while (i--)
				alloc_put(s->alloc, spare[i], sizeof(*spare[i]));
			return -ENOMEM;
		}
	}

	/* 1. */
	while (s->root && s->levels < levels) {
		struct sparse_node *top = spare[--missing];
		top->slot[0] = s->root;
		top->used = 1;
		s->root = top;
		s->levels++;
	}
	/* 2. */
	if (!s->root) {
		s->root = spare[--missing];
		s->levels = levels;
	}
	struct sparse_node *n = s->root;
	for (unsigned level = levels; level > 1; level--) {
		unsigned i = slot_of(index, level);
		if (!n->slot[i]) {
			n->slot[i] = spare[--missing];
			n->used++;
		}
		n = n->slot[i];
	}
	return 0;
}

/* Frees the nodes of index's path that hold nothing, from the bottom. */
static void prune(struct sparse *s, struct sparse_node **path, uint64_t index)
{
	for (unsigned level = 1; level <= s->levels; level++) {
		struct sparse_node *n = path[level];
		if (!n)
			continue;
		if (n->used)
			return;
		if (s->near == n)
			s->near = NULL;
		alloc_put(s->alloc, n, sizeof(*n));
		if (level == s->levels) {
			s->root = NULL;
			s->levels = 0;
			return;
		}
		path[level + 1]->slot[slot_of(index, level + 1)] = NULL;
		path[level + 1]->used--;
	}
}

int sparse_set(struct sparse *s, uint64_t index, void *p)
{
	struct sparse_node *near = node_near(s, index);
	void **there = near ? &near->slot[slot_of(index, 1)] : NULL;
	unsigned left = near ? near->used + (p != NULL) - (*there != NULL) : 0;
	/* Where none is left, nodes go. */
	if (left > 0) {
		near->used = left;
		*there = p;
		return 0;
	}
	if (p && sparse_prepare(s, index) != 0)
		return -ENOMEM;
	if (!s->root || levels_for(index) > s->levels)
		return 0;

	struct sparse_node *path[LEVELS_MAX + 1] = {NULL};
	struct sparse_node *n = s->root;
	for (unsigned level = s->levels; level > 1 && n; level--) {
		path[level] = n;
		n = n->slot[slot_of(index, level)];
	}
	path[1] = n;
	if (n) {
		void **slot = &n->slot[slot_of(index, 1)];
		n->used += (p != NULL) - (*slot != NULL);
		*slot = p;
	}
	if (!p)
		prune(s, path, index);
	return 0;
}

static void *node_next(const struct sparse_node *n, unsigned level, uint64_t *index, uint64_t last)
{
	unsigned shift = (level - 1) * NODE_BITS;
	for (unsigned i = slot_of(*index, level); i < NODE_SLOTS; i++) {
		if (n->slot[i]) {
			void *p =
			    level == 1 ? n->slot[i] : node_next(n->slot[i], level - 1, index, last);
			if (p)
				return p;
		}
		/* On to the first index of the next slot; beyond the last slot is the caller's. */
		uint64_t next = ((*index >> shift) + 1) << shift;
		if (next > last || next == 0 || i == NODE_SLOTS - 1)
			return NULL;
		*index = next;
	}
	return NULL;
}

void *sparse_next(const struct sparse *s, uint64_t *index, uint64_t last)
{
	uint64_t i = *index;
	if (!s->root || i > last || levels_for(i) > s->levels)
		return NULL;
	void *p = node_next(s->root, s->levels, &i, last);
	if (p)
		*index = i;
	return p;
}
