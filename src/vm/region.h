/* SPDX-License-Identifier: MIT */
/* region.h - one mapping [start, end) of an address space, and the ordered set of them
 *
 * Regions of a space are disjoint and lie in a red-black tree by start; each node also knows the
 * largest hole in front of a region below it, so that a hole is found in logarithmic time however
 * many regions there are. The room that a stack may need to grow (STACK_GUARD below a
 * REGION_GROWSDOWN) is no hole.
 *
 * An operation that changes a region merges it with the neighbours that it is then alike
 * (region_alike), as Linux does, so that /proc/PID/maps has the same lines. Two things that no page
 * shows keep neighbours apart:
 *
 *	offset	where contents come from in an object; of anonymous memory the address at which it was
 *		mapped, which it keeps when it moves with pages in it
 *	lineage	whose private pages these are, 0 while it never had one: a serial number that the
 *		first private page takes from a neighbour or draws anew, and that each child draws
 *		anew at fork (Linux's anon_vma)
 *
 * and one that is shown: the name that a program gave its anonymous memory (space_name).
 */
#ifndef VM_REGION_H
#define VM_REGION_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm/event.h"
#include "vm/interval.h"

struct mm;
struct object;

enum region_flag {
	REGION_SHARED = 1 << 0,	   /* writes reach the object */
	REGION_GROWSDOWN = 1 << 1, /* a stack: grows down on a touch below it */
	REGION_NORESERVE = 1 << 2,
	REGION_LOCKED = 1 << 3,	   /* never victims; faulted in at once */
	REGION_DONTFORK = 1 << 4,
	REGION_WIPEONFORK = 1 << 5,
	REGION_DONTDUMP = 1 << 6,
	REGION_STACK = 1 << 8, /* [stack] */
	REGION_INHERITED = 1 << 9, /* its lineage came by fork */
	REGION_ACCOUNT = 1 << 10,  /* counts against the commit limit */
	REGION_LOCKONFAULT = 1 << 11, /* with LOCKED: not faulted in at once */
	REGION_SEQ_READ = 1 << 12,
	REGION_RAND_READ = 1 << 13,
	REGION_HUGEPAGE = 1 << 14, /* this and the next two are only remembered */
	REGION_NOHUGEPAGE = 1 << 15,
	REGION_MERGEABLE = 1 << 16,
	REGION_SPECIAL = 1 << 17, /* the kernel's own: never merged, locked or grown */
	REGION_APART = 1 << 18, /* never merged: System V counts attachments */
	REGION_WATCH_MISSING = 1 << 19, /* faults are handed over: see watch.h */
	REGION_WATCH_GUARD = 1 << 20,
	REGION_WATCH_MINOR = 1 << 21,
	REGION_TRACKED = 1 << 22, /* it is known which pages were stored to: see track.h */
	REGION_SEALED = 1 << 23, /* never unmapped, moved, replaced or protected otherwise again */
	REGION_WATCH_ASYNC = 1 << 24, /* with GUARD: a store ends it, and nobody is told */
	REGION_WATCH_EMPTY = 1 << 25, /* what has no page yet can be guarded, too */
	REGION_WATCH_MOVES = 1 << 26, /* mremap takes the watcher along */
	REGION_SECRET = 1 << 27, /* neither brought in before it is touched nor reached for others */
	REGION_WATCH_WHAT = REGION_WATCH_MISSING | REGION_WATCH_GUARD | REGION_WATCH_MINOR,
	REGION_WATCH_MASK = REGION_WATCH_WHAT | REGION_WATCH_ASYNC | REGION_WATCH_EMPTY | REGION_WATCH_MOVES,
	REGION_LOCK_MASK = REGION_LOCKED | REGION_LOCKONFAULT,
};

/* Bytes kept free below a stack: Linux's stack_guard_gap. */
enum { STACK_GUARD = 256 << 12 };
/* Regions of one space, as Linux's vm.max_map_count. */
enum { REGIONS_MAX = 65530 };

/* What a program calls its anonymous memory; shared by the regions that were cut from one. */
enum { REGION_NAME_SIZE = 80 }; /* with the 0 at the end, as Linux's ANON_VMA_NAME_MAX_LEN */
struct region_name {
	uint32_t refs;
	char text[REGION_NAME_SIZE];
};

/* On which nodes a program wants memory: kept and told again, as there is one. Numbers are Linux's. */
enum {
	POLICY_DEFAULT,
	POLICY_PREFERRED,
	POLICY_BIND,
	POLICY_INTERLEAVE,
	POLICY_LOCAL,
	POLICY_PREFERRED_MANY,
	POLICY_WEIGHTED,
	POLICIES,
	POLICY_STATIC_NODES = 1 << 15,
	POLICY_RELATIVE_NODES = 1 << 14,
	POLICY_NUMA_BALANCING = 1 << 13,
	POLICY_FLAGS = POLICY_STATIC_NODES | POLICY_RELATIVE_NODES | POLICY_NUMA_BALANCING,
};
struct mempolicy {
	uint16_t mode; /* with its flags */
	uint64_t nodes;
};
static inline bool mempolicy_same(struct mempolicy a, struct mempolicy b)
{
	return a.mode == b.mode && a.nodes == b.nodes;
}
/* Without flags. */
static inline unsigned mempolicy_mode(struct mempolicy p)
{
	return p.mode & ~(unsigned)POLICY_FLAGS;
}

struct region {
	uint64_t start, end;
	uint64_t offset; /* bytes into object at start; page-aligned. Anonymous: see above */
	struct object *object; /* NULL: anonymous and private */
	uint64_t source;       /* the open file that it was mapped by; 0: none */
	uint64_t lineage;
	struct region_name *name; /* NULL: it has none */
	struct mempolicy policy;
	uint64_t watcher;      /* whom its faults are handed over to; 0: nobody */
	uint32_t flags;	       /* enum region_flag */
	uint8_t prot;	       /* enum prot: what it allows now */
	uint8_t prot_max;      /* what mprotect may allow: a file opened for reading cannot be written shared */
	uint64_t gap;	       /* the hole between the previous region and start, bytes */
	uint64_t gap_max;      /* the largest gap in the subtree */
	RB_ENTRY(region) tree;
	struct regions *in; /* what it was inserted into */
	struct region *mapping_next, **mapping_prev; /* all regions that map object: see object.h */
};

RB_HEAD(region_tree, region);

struct regions {
	struct region_tree tree;
	uint64_t count;
	struct region *near; /* the one found last, or NULL: who touches a page touches the next */
};

void regions_init(struct regions *rs);
/* The region that contains va, or the next one above; NULL: none. */
struct region *regions_at_or_after(const struct regions *rs, uint64_t va);
/* The region that contains va, or NULL. */
struct region *regions_find(const struct regions *rs, uint64_t va);
struct region *regions_first(const struct regions *rs);
struct region *regions_last(const struct regions *rs);
struct region *region_next(const struct region *r);
struct region *region_prev(const struct region *r);

void regions_insert(struct regions *rs, struct region *r);
void regions_remove(struct regions *rs, struct region *r);
/* start or end of r changed, within the holes beside it. */
void regions_resized(struct regions *rs, struct region *r);

/* Where a region begins for its neighbours: the guard of a stack included. */
uint64_t region_guarded_start(const struct region *r);

/* The highest place for length bytes within [bottom, top): its start, or 0: none. */
uint64_t regions_hole_below(const struct regions *rs, uint64_t bottom, uint64_t top, uint64_t length);
/* The lowest such place. */
uint64_t regions_hole_above(const struct regions *rs, uint64_t bottom, uint64_t top, uint64_t length);

/* Its addresses, and what they show: split and joined by interval.h. */
struct extent region_extent(const struct region *r);
void region_set_extent(struct region *r, struct extent e);
/* Cuts r in two at va; upper is memory for the upper part, filled in and inserted. */
void region_split(struct regions *rs, struct region *r, uint64_t va, struct region *upper);
/* Do these neighbours say the same, the second continuing the first, and may their private pages
 * have one lineage? Of two different ones none may give way, and one that came by fork does not
 * spread to a region that has none. */
bool region_alike(const struct region *lower, const struct region *upper);
/* The same name, or none? */
bool region_names_agree(const struct region_name *a, const struct region_name *b);
/* r gets a private page. If it is the first, r takes its lineage from the neighbour that a change of
 * protection may make it alike, or draws ++*serial. */
void region_begin_lineage(struct region *r, uint64_t *serial);

/* May it have private pages? */
static inline bool region_has_anons(const struct region *r)
{
	return r->lineage && !(r->flags & REGION_SHARED);
}

bool region_allows(const struct region *r, enum access access);
/* Page number in the object of the page at va. */
static inline uint64_t region_index(const struct region *r, uint64_t va)
{
	return extent_shown((struct extent){r->start, r->end, r->offset}, page_down(va)) >> PAGE_SHIFT;
}

#endif
