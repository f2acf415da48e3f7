/* SPDX-License-Identifier: MIT */
/* ghost.h - the keys of pages that are gone, remembered for a while
 *
 * A queue of at most room keys, the oldest of which makes place for a new one, with a hash table to
 * find one by. All memory is taken by ghost_init; nothing else fails.
 */
#ifndef POLICY_GHOST_H
#define POLICY_GHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

struct ghost_entry {
	uint64_t key;
	uint32_t older, newer; /* entry + 1; 0 at the ends. Unused: newer links them */
	uint32_t chain;	       /* of the same bucket: entry + 1 */
};

struct ghost {
	struct ghost_entry *entry; /* [room] */
	uint32_t *bucket;	   /* [buckets]: entry + 1 */
	uint32_t room, buckets, count;
	uint32_t oldest, newest, unused; /* entry + 1 */
	uint32_t touched;		 /* entries from here on were never used */
};

/* Returns 0 or -ENOMEM; then ghost_finish may be called, too. room: at least 1. */
int ghost_init(struct ghost *g, const struct alloc *alloc, uint32_t room);
void ghost_finish(struct ghost *g, const struct alloc *alloc);
/* A key that is not there. */
void ghost_add(struct ghost *g, uint64_t key);
/* Was it there? It is not any more. */
bool ghost_take(struct ghost *g, uint64_t key);

#endif
