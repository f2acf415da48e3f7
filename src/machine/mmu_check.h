/* SPDX-License-Identifier: MIT */
/* mmu_check.h - what of the MMU only this room needs
 *
 * An access that crosses a page asks about both pages before either gets its A or D bit, so that
 * it happens as a whole or not at all. A TLB wants to know the size of what it keeps.
 */
#ifndef MACHINE_MMU_CHECK_H
#define MACHINE_MMU_CHECK_H

#include "machine/mmu.h"

/* What mmu_translate would return. Changes nothing. */
enum mmu_result mmu_check(const struct ram *ram, uint64_t satp, uint64_t va,
			  enum mmu_access access);

/* mmu_translate; also says on which level the leaf was found (0: a page of 4 KiB). */
enum mmu_result mmu_translate_leaf(struct ram *ram, uint64_t satp, uint64_t va,
				   enum mmu_access access, uint64_t *ret_pa, uint64_t *ret_pte,
				   unsigned *ret_level);

#endif
