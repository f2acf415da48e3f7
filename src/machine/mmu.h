/* SPDX-License-Identifier: MIT */
/* mmu.h - how a virtual address becomes a physical one (RISC-V privileged specification, 12.3-12.5)
 *
 * The MMU reads page tables that lie in RAM. satp names the format (Sv39, Sv48, Sv57), the address
 * space identifier and the frame of the root table:
 *
 *	Sv48:   47      39 38      30 29      21 20      12 11         0
 *	       +----------+----------+----------+----------+------------+
 *	  va   | index 3  | index 2  | index 1  | index 0  |   offset   |
 *	       +----------+----------+----------+----------+------------+
 *	entry:  63 N | 62-61 PBMT | 60-54 reserved | 53-10 PPN | 9-8 RSW | D A G U X W R V
 *
 * An entry with V set and R, W, X clear points to the next table; any other valid entry is a leaf.
 * Accessed and dirty bits are kept by the hardware: mmu_translate sets A on every use of a leaf, D
 * on every write (as with Svadu), and never clears them.
 *
 * This file knows nothing of TLBs; hart.h does.
 */
#ifndef MACHINE_MMU_H
#define MACHINE_MMU_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/ram.h"

enum mmu_mode { MMU_SV39 = 8, MMU_SV48 = 9, MMU_SV57 = 10 };
enum { MMU_LEVELS_MAX = 5, MMU_ENTRIES = 512 };

enum mmu_pte {
	PTE_V = 1 << 0,
	PTE_R = 1 << 1,
	PTE_W = 1 << 2,
	PTE_X = 1 << 3,
	PTE_U = 1 << 4,
	PTE_G = 1 << 5,
	PTE_A = 1 << 6,
	PTE_D = 1 << 7,
	PTE_RSW0 = 1 << 8, /* the two bits left to software */
	PTE_RSW1 = 1 << 9,
	PTE_PPN_SHIFT = 10,
};

enum mmu_access { MMU_READ, MMU_WRITE, MMU_EXEC };

/* Where a walk ended. */
enum mmu_result {
	MMU_OK,
	MMU_PAGE_FAULT,	  /* no valid translation, or not for this access */
	MMU_ACCESS_FAULT, /* an entry or the page itself lies outside RAM */
};

/* satp for a root table in frame root. asid: 0 to 65535. */
static inline uint64_t mmu_satp(enum mmu_mode mode, unsigned asid, uint64_t root)
{
	return (uint64_t)mode << 60 | (uint64_t)(asid & 0xffff) << 44 | root;
}

/* Number of table levels: 3, 4 or 5. */
static inline unsigned mmu_levels(enum mmu_mode mode) { return (unsigned)mode - 5; }

/* Bits of a virtual address: 39, 48 or 57. User addresses lie below 2^(bits - 1). */
static inline unsigned mmu_va_bits(enum mmu_mode mode) { return 12 + 9 * mmu_levels(mode); }

/* Index into the table of a level (0 is the leaf level). */
static inline unsigned mmu_index(uint64_t va, unsigned level) { return va >> (12 + 9 * level) & 511; }

/* Translates va for an access by user-mode code, as hardware does: sets A, and D for a write, in
 * the leaf entry. *ret_pa and *ret_pte (the leaf as it is after the walk; may be NULL) are written
 * on MMU_OK only. */
enum mmu_result mmu_translate(struct ram *ram, uint64_t satp, uint64_t va, enum mmu_access access,
			      uint64_t *ret_pa, uint64_t *ret_pte);

/* One level of a walk, for those who want to show it. */
struct mmu_step {
	unsigned level;
	uint64_t pte_pa; /* where in RAM the entry lies */
	uint64_t pte;
};

struct mmu_walk {
	unsigned steps; /* entries read, root first */
	struct mmu_step step[MMU_LEVELS_MAX];
	enum mmu_result result; /* as if for a read, a write or a fetch that the entry allows */
	const char *why;	/* NULL on MMU_OK; else what stopped the walk, in words */
	uint64_t pa;		/* on MMU_OK */
};

/* Walks without changing anything. The permission bits are reported, not checked. */
void mmu_walk(const struct ram *ram, uint64_t satp, uint64_t va, struct mmu_walk *ret_walk);

#endif
