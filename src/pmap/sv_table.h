/* SPDX-License-Identifier: MIT */
/* sv_table.h - page tables of sv.c, and who points to what
 *
 *	pmap A: root ... upper --+
 *	                         +--> leaf --> frame		owners 2: the leaf is shared
 *	pmap B: root ... upper --+      \----> frame
 *
 * Each entry of each table has a link beside it, in host memory. The links of all entries that name
 * one frame are a list that starts at the frame's rmap: for the frame of a page, its mappings; for
 * the frame of a table, its owners. A link is named by a number, table id * 512 + index, so that
 * it takes 8 bytes, and a list is left or joined at once however long it is.
 *
 * A leaf counts its resident pages by kind, a pmap those of all its leaves. So sharing and dropping
 * a leaf takes one addition for each kind, and only a change in a shared leaf visits its owners.
 *
 * An entry of a leaf, beside what the hardware defines:
 *
 *	0				nothing is mapped
 *	V 0, U 1			mapped, but nothing is allowed (PROT_NONE)
 *	V 1, U 1, R and maybe W, X	mapped (or X alone)
 *	RSW				enum resident
 *
 * Invariants: a table that is not a root has an owner and an entry; an upper table belongs to one
 * pmap; no entry of a shared leaf has W.
 */
#ifndef PMAP_SV_TABLE_H
#define PMAP_SV_TABLE_H

#include "pmap/sv.h"
#include "vm/mm.h"

enum { SV_RSW_SHIFT = 8, SV_PERMISSIONS = PTE_V | PTE_R | PTE_W | PTE_X, SV_ASIDS = 1 << 16 };

union sv_link {
	struct {
		uint32_t next, prev; /* 0: none */
	};
	uint64_t any; /* 0: neither, the only one of its list */
};

struct table {
	uint32_t id;
	uint32_t frame;
	uint32_t owners;                   /* entries that point here; a root has none */
	uint16_t present;                  /* entries of this table */
	uint16_t level;                    /* 0: leaf */
	uint16_t resident[RESIDENT_KINDS]; /* leaf: pages, the zero frame not counted */
	struct sv *pmap; /* whose it is; NULL for a leaf with several owners or none */
	uint64_t base;   /* upper: the first address that it maps */
	union sv_link link[MMU_ENTRIES];
};

struct sv {
	struct pmap pmap;
	struct sv_state *state;
	unsigned asid;
	struct table *root;
	uint64_t hint_span; /* the leaf used last, and its va >> SPAN_SHIFT */
	struct table *hint;
	uint64_t tables, tables_shared;
	struct sv *next, **prev; /* all of the mm */
};

struct sv_slot {
	struct table *table; /* NULL: this id is free */
	uint32_t next_free;
};

/* One for an mm, from the first pmap to the last. */
struct sv_state {
	struct machine *machine;
	struct ram *ram;
	enum mmu_mode mode;
	struct sv *pmaps;
	struct sv_slot *slot; /* by table id; the first is not used, as link 0 is none */
	uint32_t slots, free_slot;
	uint32_t tables;
	uint64_t asids[SV_ASIDS / 64]; /* taken */
};

static inline struct sv *sv_of(const struct pmap *p)
{
	return (struct sv *)p; /* its first member; the pmap of a call is the caller's to change */
}

static inline uint64_t *sv_entries(const struct mm *mm, uint32_t frame)
{
	return (uint64_t *)(mm->ram + ((uint64_t)frame << PAGE_SHIFT));
}

static inline uint32_t sv_pte_frame(uint64_t pte)
{
	return pte >> PTE_PPN_SHIFT;
}
static inline enum resident sv_pte_as(uint64_t pte)
{
	return pte >> SV_RSW_SHIFT & 3;
}

/* Can a translation of it be cached? Only one with V and A ever is. */
static inline bool sv_may_be_cached(uint64_t pte)
{
	return (pte & (PTE_V | PTE_A)) == (PTE_V | PTE_A);
}

/* The table that an upper entry points to. */
static inline struct table *sv_pte_table(const struct mm *mm, uint64_t pte)
{
	return mm->frame[sv_pte_frame(pte)].owner.table;
}

static inline struct table *sv_link_table(const struct sv_state *st, uint32_t link)
{
	return st->slot[link / MMU_ENTRIES].table;
}

static inline union sv_link *sv_link_at(const struct sv_state *st, uint32_t link)
{
	return &sv_link_table(st, link)->link[link % MMU_ENTRIES];
}

/* Every entry that names a frame. */
#define SV_LINKS(st, mm, frame_, l)                                                                \
	for (uint32_t l = (mm)->frame[frame_].rmap; l; l = sv_link_at(st, l)->next)

/* The address that an entry of an upper table maps first. */
static inline uint64_t sv_link_va(const struct table *upper, uint32_t link)
{
	return upper->base + ((uint64_t)(link % MMU_ENTRIES) << (PAGE_SHIFT + 9 * upper->level));
}

/* Tables; as pmap.h says. */
struct table *sv_table_alloc(struct mm *mm, uint32_t frame);
void sv_table_free(struct mm *mm, struct table *t);

/* Makes an upper entry point to a table, or no longer. Detaching leaves the table alone, even with
 * no owner left. */
void sv_table_attach(struct sv *s, struct table *upper, unsigned index, struct table *t);
void sv_table_detach(struct sv *s, struct table *upper, unsigned index);
/* Frees a leaf without entries, and the upper tables above it that became empty. */
void sv_table_free_if_empty(struct mm *mm, struct table *t);
/* The same from an upper table on. */
void sv_upper_free_if_empty(struct sv *s, struct table *t);

/* The leaf of va's span, or NULL; the one used last is known. */
struct table *sv_leaf_find(struct sv *s, uint64_t va);
static inline struct table *sv_leaf(struct sv *s, uint64_t va)
{
	return likely(s->hint && s->hint_span == va >> SPAN_SHIFT) ? s->hint : sv_leaf_find(s, va);
}
/* The first leaf at or after *va and below end: moves *va up to it. NULL: none. */
struct table *sv_leaf_next(struct sv *s, uint64_t *va, uint64_t end);
/* The upper table that points to leaves, for va, with what is missing taken from r. */
struct table *sv_upper_make(struct sv *s, uint64_t va, struct reserve *r);
/* The leaf of va's span, this pmap's alone, with what is missing taken from r. */
struct table *sv_leaf_own(struct sv *s, uint64_t va, struct reserve *r);
static inline struct table *sv_leaf_make(struct sv *s, uint64_t va, struct reserve *r)
{
	struct table *leaf = sv_leaf(s, va);

	return likely(leaf && leaf->owners == 1) ? leaf : sv_leaf_own(s, va, r);
}
/* Replaces a shared leaf by a copy for this owner. */
struct table *sv_leaf_copy(struct sv *s, uint64_t va, struct table *leaf, struct reserve *r);

/* Entries of leaves. Clearing hands A and D back to the frame unless told not to, and returns what
 * was there; invalidating and freeing an empty table are the caller's. */
void sv_entry_set(struct mm *mm, struct table *t, unsigned index, uint64_t pte);
uint64_t sv_entry_clear(struct mm *mm, struct table *t, unsigned index, bool hand_back);
/* Many at once, of a leaf with one owner. Setting fills the entries from index on that are empty, each
 * with the bits and its frame; NO_FRAME: not this one. Clearing empties those of [from, to), hands A and
 * D back, and returns how many may be cached: they are in ret_cached, unless there are more than
 * SV_CACHED_MAX. */
enum { SV_CACHED_MAX = 16 };
void sv_entries_set(struct mm *mm, struct table *t, unsigned index, const uint32_t *frame, unsigned n,
		    uint64_t bits);
unsigned sv_entries_clear(struct mm *mm, struct table *t, unsigned from, unsigned to,
			  uint16_t ret_cached[SV_CACHED_MAX]);

/* Forgets a cached translation for every owner of the table, if there can be one. */
void sv_entry_flush(struct mm *mm, const struct table *t, unsigned index, uint64_t was);

/* sv_frame.c: for a frame, in all its mappings at once; as pmap.h says. */
void sv_remove(struct mm *mm, uint32_t frame);
bool sv_harvest(struct mm *mm, uint32_t frame);
bool sv_clean(struct mm *mm, uint32_t frame, bool clear_w);
bool sv_dirty(struct mm *mm, uint32_t frame);
unsigned sv_places(struct mm *mm, uint32_t frame, struct pmap_place *ret_places, unsigned max);

/* sv_verify.c */
bool sv_verify(struct mm *mm, char *why, unsigned size);

#endif
