/* SPDX-License-Identifier: MIT */
/* mmu_check.h - what of the MMU only this room needs
 *
 * An access that crosses a page asks about both pages before either gets its A or D bit, so that
 * it happens as a whole or not at all. A TLB wants to know the size of what it keeps.
 */
#ifndef MACHINE_MMU_CHECK_H
#define MACHINE_MMU_CHECK_H

#include <string.h>

#include "base/bits.h"
#include "machine/mmu.h"

/* What mmu_translate would return. Changes nothing. */
enum mmu_result mmu_check(const struct ram *ram, uint64_t satp, uint64_t va,
			  enum mmu_access access);

/* Where a translation came to. */
struct mmu_leaf {
	uint64_t frame;
	uint64_t pte;	/* the leaf as it is after the walk */
	uint8_t *table; /* level 0: the bytes of the table that the leaf lies in */
	unsigned level; /* 0: a page of 4 KiB */
};

/* mmu_translate; *ret_leaf is written on MMU_OK only. */
enum mmu_result mmu_translate_leaf(struct ram *ram, uint64_t satp, uint64_t va,
				   enum mmu_access access, struct mmu_leaf *ret_leaf);

#define PTE_RESERVED (UINT64_C(0x7f) << 54) /* bits 60-54 */
#define PTE_PBMT     (UINT64_C(3) << 61)    /* Svpbmt is not implemented, so reserved */
#define PTE_N	     (UINT64_C(1) << 63)    /* Svnapot is not implemented, so reserved */
#define PTE_NEVER    (PTE_RESERVED | PTE_PBMT | PTE_N)

static inline uint64_t pte_ppn(uint64_t pte)
{
	return pte >> PTE_PPN_SHIFT & ((UINT64_C(1) << 44) - 1);
}

/* What an access leaves in the leaf that it used: step 7 of the specification's algorithm. */
static inline uint64_t pte_used(uint64_t pte, enum mmu_access access)
{
	return pte | PTE_A | (access == MMU_WRITE ? PTE_D : 0);
}

/* The last step of a walk, where the table that it comes to is known (the bytes of a frame). MMU_PAGE_FAULT:
 * the entry is 0. MMU_ACCESS_FAULT: it is anything but a page that may be accessed so, and the whole
 * walk finds out what. Inline, since this is most of what a miss of the TLB costs. */
static inline enum mmu_result mmu_translate_in(const struct ram *ram, uint8_t *table, uint64_t va,
					       enum mmu_access access, struct mmu_leaf *ret_leaf)
{
	/* What must be set for each access, of that and of what may never be. */
	static const uint64_t need[] = {[MMU_READ] = PTE_V | PTE_U | PTE_R,
					[MMU_WRITE] = PTE_V | PTE_U | PTE_R | PTE_W,
					[MMU_EXEC] = PTE_V | PTE_U | PTE_X};
	uint64_t *at = (uint64_t *)(void *)table + mmu_index(va, 0), pte = *at;
	uint64_t frame = pte >> PTE_PPN_SHIFT, used = pte_used(0, access);

	/* Nothing may lie above the frame, and only for fetches R is not needed anyway. */
	if ((pte & (PTE_NEVER | need[access])) != need[access] || frame >= ram->frames ||
	    (access == MMU_EXEC && (pte & (PTE_R | PTE_W)) == PTE_W))
		return pte == 0 ? MMU_PAGE_FAULT : MMU_ACCESS_FAULT;
	if ((pte & used) != used)
		*at = pte | used;
	ret_leaf->frame = frame;
	ret_leaf->pte = pte | used;
	ret_leaf->table = table;
	ret_leaf->level = 0;
	return MMU_OK;
}

#endif
