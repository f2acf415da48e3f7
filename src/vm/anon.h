/* SPDX-License-Identifier: MIT */
/* anon.h - the private layer: pages that belong to programs and not to files
 *
 *	anon_map (one per space)         span number -> chunk
 *	    |
 *	  chunk   counted; 512 anons, the span of one leaf page table; 512 exclusive bits
 *	    |
 *	  anon    counted by the chunks and shared-memory objects that hold it
 *	    |
 *	  frame, swap slot, or both (then the frame is a clean copy)
 *
 * The map belongs to the space, not to a region: a private page lies in one region at a time, so
 * that splitting and merging regions never touch it, and a chunk and a leaf table are one unit:
 * shared by fork, copied for one owner, and dropped together.
 *
 * A chunk with several references is never changed for one of its owners: anon_map_own copies it
 * first. The exclusive bit of a page says that no other chunk and no other process can reach its
 * anon: set when the anon is made or taken over, cleared for the whole chunk by fork.
 *
 *	writable rule: a private page may be mapped writable only while it is exclusive and its
 *	chunk has one reference
 */
#ifndef VM_ANON_H
#define VM_ANON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"
#include "vm/frame.h"

struct anon {
	uint64_t key;
	uint32_t refs;
	uint32_t frame; /* NO_FRAME: not resident */
	uint32_t slot;	/* 0: none. Only anons own slots. */
	uint32_t seen;	/* references that mm_verify has found */
};

struct chunk {
	uint32_t refs;
	uint32_t live; /* anons in it */
	uint32_t seen; /* as above */
	uint64_t exclusive[SPAN_PAGES / 64];
	struct anon *anon[SPAN_PAGES];
};

struct anon_map {
	struct sparse chunks; /* va >> SPAN_SHIFT -> chunk */
};

void anon_map_init(struct mm *mm, struct anon_map *map);
/* Drops every chunk. */
void anon_map_finish(struct mm *mm, struct anon_map *map);

struct chunk *anon_map_chunk(const struct anon_map *map, uint64_t va);
struct anon *anon_map_get(const struct anon_map *map, uint64_t va);
/* The first anon at or after *va and below end: moves *va to it. NULL: none. */
struct anon *anon_map_next(const struct anon_map *map, uint64_t *va, uint64_t end);

/* Makes the path to va's chunk, so that anon_map_set cannot fail there. Returns 0 or -ENOMEM. */
int anon_map_prepare(struct mm *mm, struct anon_map *map, uint64_t va);
/* How many chunks a change at va takes from a reserve: 1 if missing or shared, else 0. */
unsigned anon_map_needs(const struct anon_map *map, uint64_t va);
/* The chunk of va, made or copied from the reserve so that it is this map's alone. */
struct chunk *anon_map_own(struct mm *mm, struct anon_map *map, uint64_t va, struct reserve *r);

/* Puts an anon (its reference passes to the chunk) where there may be one, which is dropped. The
 * chunk is this map's own. exclusive: see above. */
void chunk_set(struct mm *mm, struct chunk *c, uint64_t va, struct anon *a, bool exclusive);
bool chunk_exclusive(const struct chunk *c, uint64_t va);
void chunk_set_exclusive(struct chunk *c, uint64_t va, bool exclusive);
/* The writable rule. */
bool chunk_writable(const struct chunk *c, uint64_t va);

/* An empty chunk at va, if there is none: as prepare and own. Returns 0 or -ENOMEM. */
int anon_map_make(struct mm *mm, struct anon_map *map, uint64_t va);
/* Drops the empty chunks of [start, end). */
void anon_map_trim(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end);

/* Puts a reference to the chunk of va into another map, whose path is prepared and which has none
 * there; from then on nothing in it is exclusive. */
void anon_map_share(struct anon_map *from, struct anon_map *to, uint64_t va);

/* Copies the shared chunks that reach beyond [start, end) and hold something in it, so that
 * anon_map_clear may cut them; all: those inside, too. Returns 0 or -ENOMEM; what was copied by then
 * stays so, which nobody can see. */
int anon_map_isolate(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end, bool all);
/* Drops the anons of [start, end), whose entries must be gone: whole chunks where it can. */
void anon_map_clear(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end);

/* Drops the anons of [start, end) out of their chunks, whoever shares these: for pages that nobody
 * may have any more. They leave every page table. */
void anon_map_drop(struct mm *mm, struct anon_map *map, uint64_t start, uint64_t end);

/* A new page, its anon and frame taken from the reserve; its bytes are the caller's to fill. */
struct anon *anon_new(struct mm *mm, struct reserve *r);
/* One reference less; the last frees frame and slot, once no transfer is under way. */
void anon_put(struct mm *mm, struct anon *a);
/* For eviction and swap. Its frame, which nothing maps, is given up: the slot has the contents. */
void anon_drop_frame(struct mm *mm, struct anon *a);
/* Nothing refers to it and no transfer is under way: it is gone. */
void anon_free(struct mm *mm, struct anon *a);

#endif
