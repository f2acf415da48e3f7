/* SPDX-License-Identifier: MIT */
/* tlb.h - translations a hart keeps
 *
 * There are three tables: for loads, for stores, for fetches. The first two are direct-mapped by a
 * hash of the page number, so that buffers a power of two apart do not meet. Each load and store
 * of decoded code remembers the entry where it found its page last (slot.window), and looks there
 * first, inline: no hash, one comparison, and one addition gives the host address. mem.c hashes
 * when that misses.
 *
 *	key	 63                              12 11       3 2   0
 *		+----------------------------------+----------+-----+
 *		| page number, all 52 bits         | context  |  0  |
 *		+----------------------------------+----------+-----+
 *
 * A context is one address space as this hart knows it, numbered from 1. Flushing a space gives it
 * a new number and leaves the entries of the old one to be overwritten; only when the numbers run
 * out are the tables cleared. The lowest bits are those that an aligned address has clear.
 *
 * Beside them stand the leaf tables that walks came through, by 2 MiB: where the next miss is
 * near an earlier one, its walk begins there and takes one step of four (tlb_near.h). Only tables are
 * kept, never entries of them, so that a walk by this way sees and sets A and D as the whole one does.
 *
 * Invariants. A key is in a table only if the leaf entry has A set and allows the access; in the
 * store table only if D is set too, the frame holds no decoded code, and no other hart holds a
 * reservation in it. A page in the jump cache (hart's table from pc to code) is in the fetch
 * table: when an entry of that is dropped, the jump cache of its context is too. A leaf table is
 * kept only while the upper levels lead to it; where something of its span is watched, or the hart is
 * observed, its key says so (TLB_LOOKED_AT).
 *
 * Counted: tlb_misses, one for each load, store or fetch that had to walk.
 */
#ifndef MACHINE_TLB_H
#define MACHINE_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "machine/mmu.h"

enum {
	TLB_BITS = 11,
	TLB_SIZE = 1 << TLB_BITS,
	TLB_FETCH_SETS = 256,
	TLB_FETCH_WAYS = 4,
	TLB_TABLE_BITS = 7, /* leaf tables: 256 MiB of them */
	TLB_TABLES = 1 << TLB_TABLE_BITS,
	TLB_SPAN_SHIFT = PAGE_SHIFT + 9, /* what one maps */
	TLB_SPAN_SIZE = 1 << TLB_SPAN_SHIFT,
	TLB_CONTEXTS = 511, /* numbers 1 to 510; 511 marks an empty entry */
	TLB_CONTEXT_SHIFT = 3,
};

#define TLB_EMPTY ((uint64_t)TLB_CONTEXTS << TLB_CONTEXT_SHIFT)
/* In the key of a leaf table: only tlb.c may use it, which looks who is to be told. */
#define TLB_LOOKED_AT ((uint64_t)1)

struct tlb_entry {
	uint64_t key;
	uint64_t add; /* host address minus virtual address */
};

struct tlb_fetch {
	uint64_t key;
	uint64_t frame;
};

/* key: as above, of the span's first page. */
struct tlb_table {
	uint64_t key;
	uint8_t *bytes; /* of its frame */
};

struct tlb_context {
	uint64_t satp;
	uint64_t jump_gen; /* see struct hart */
	bool superpages;   /* some leaf was not of 4 KiB: flushing one page flushes all */
};

struct tlb {
	struct tlb_fetch fetch[TLB_FETCH_SETS][TLB_FETCH_WAYS];
	struct tlb_table table[TLB_TABLES];
	struct tlb_context context[TLB_CONTEXTS];
	uint16_t of_asid[65536]; /* context of an asid; 0: none */
	unsigned contexts;	 /* numbers given out */
};

struct hart;
struct machine;

static inline unsigned tlb_index(uint64_t va)
{
	return (va >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TLB_BITS);
}

/* The number in a key. */
static inline unsigned tlb_context_of(uint64_t key)
{
	return (key & (PAGE_SIZE - 1)) >> TLB_CONTEXT_SHIFT;
}

/* Where the leaf table of va's span is, if it is known: then it has this key. */
static inline struct tlb_table *tlb_table_of(struct tlb *t, uint64_t va)
{
	return &t->table[(va >> TLB_SPAN_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TLB_TABLE_BITS)];
}

static inline uint64_t tlb_table_key(uint64_t va, uint64_t context)
{
	return align_down(va, TLB_SPAN_SIZE) | context;
}

void tlb_init(struct hart *h);

/* Makes satp the current space: sets h->context and h->jump_gen. */
void tlb_choose(struct hart *h, uint64_t satp);

void tlb_flush_page(struct hart *h, unsigned asid, uint64_t va);
void tlb_flush_space(struct hart *h, unsigned asid);
void tlb_flush_all(struct hart *h);

/* Translates va for a load or a store, and remembers it as far as the invariants allow. On failure
 * sets h->trap and returns false. */
bool tlb_translate(struct hart *h, uint64_t va, enum mmu_access access, uint64_t *ret_pa);

/* No hart may store to frame without being noticed. */
void tlb_deny_writes(struct machine *m, uint64_t frame);

/* The frame that pc is fetched from. On failure sets h->trap and returns false. */
bool tlb_fetch(struct hart *h, uint64_t pc, uint64_t *ret_frame);

#endif
