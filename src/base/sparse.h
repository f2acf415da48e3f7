/* SPDX-License-Identifier: MIT */
/* sparse.h - a sparse array of pointers with 64-bit indices
 *
 * A radix tree of 64-way nodes that is as deep as its largest index asks for. Getting and setting
 * take a step per 6 bits of index; a hole of any size costs nothing. NULL is "nothing here".
 *
 * Only sparse_prepare and sparse_set allocate. After sparse_prepare(i) succeeds, sparse_set(i, x)
 * cannot fail until i has been set to NULL again.
 */
#ifndef BASE_SPARSE_H
#define BASE_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

struct sparse_node;

struct sparse {
	const struct alloc *alloc;
	struct sparse_node *root;
	unsigned levels; /* of nodes; 0: empty */
	/* The lowest node of the path that was taken last, and the indices it serves: neighbours are
	 * asked for one after the other. NULL: none. */
	struct sparse_node *near;
	uint64_t near_index; /* index >> bits of a node */
};

void sparse_init(struct sparse *s, const struct alloc *alloc);
/* Frees the nodes; what the pointers point to is the caller's. */
void sparse_finish(struct sparse *s);

void *sparse_get(const struct sparse *s, uint64_t index);
/* Where the entries of neighbours lie, from index on: *n of them at most, and then as many as there are
 * in one piece, one at least. NULL: these hold nothing. Valid until something is set. */
void *const *sparse_run(const struct sparse *s, uint64_t index, unsigned *n);
/* Returns 0 or -ENOMEM. */
int sparse_prepare(struct sparse *s, uint64_t index);
/* Stores p, or removes with NULL. Returns 0, or -ENOMEM when the path was not prepared. */
int sparse_set(struct sparse *s, uint64_t index, void *p);
/* The first entry at or after *index, at most last: moves *index to it. NULL: none. */
void *sparse_next(const struct sparse *s, uint64_t *index, uint64_t last);

#endif
