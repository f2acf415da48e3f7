/* SPDX-License-Identifier: MIT */
/* tlb_near.h - the miss that is near an earlier one, inline
 *
 * Where the leaf table of the address is known, and nothing is unusual, a load or store that missed
 * does all that tlb_translate would have it do within its own handler (do.h): one entry is read, A and
 * D are set, the TLB filled and the miss counted. Anything else is left to the whole way, as it was.
 */
#ifndef MACHINE_TLB_NEAR_H
#define MACHINE_TLB_NEAR_H

#include "machine/impl.h"
#include "machine/mmu_check.h"

static inline struct tlb_entry *tlb_entry_at(struct tlb_entry *table, uint64_t window)
{
	return (struct tlb_entry *)(void *)((char *)table + window);
}

/* For an aligned address. window: where the tables have its page, in bytes. MMU_OK: filled, and *ret_add is
 * what leads from va to the host. MMU_PAGE_FAULT: the miss is counted, and nothing is mapped there.
 * MMU_ACCESS_FAULT: nothing was counted or filled, though A and D may have been set, as they will be anyway:
 * tlb_translate knows more. */
static inline __attribute__((always_inline)) enum mmu_result
tlb_near(struct hart *h, uint64_t va, enum mmu_access access, uint64_t context, uint64_t window,
	 uint64_t *ret_add)
{
	struct machine *m = h->m;
	const struct tlb_table *table = tlb_table_of(&h->tlb, va);
	struct mmu_leaf leaf;

	if (unlikely(table->key != tlb_table_key(va, context)))
		return MMU_ACCESS_FAULT;
	enum mmu_result result = mmu_translate_in(&m->ram, table->bytes, va, access, &leaf);
	if (unlikely(result != MMU_OK)) {
		h->miss_count += result == MMU_PAGE_FAULT;
		return result;
	}
	bool stores = (leaf.pte & (PTE_W | PTE_D)) == (PTE_W | PTE_D);
	if (stores && unlikely(code_holds(&m->code, leaf.frame) || m->hart_count > 1))
		return MMU_ACCESS_FAULT;
	uint64_t page = page_down(va);
	struct tlb_entry entry = {page | context,
				  (uint64_t)(uintptr_t)machine_frame(m, leaf.frame) - page};
	h->miss_count++;
	*tlb_entry_at(h->load, window) = entry;
	if (stores) {
		*tlb_entry_at(h->store, window) = entry;
		m->stored[leaf.frame] = 1;
	}
	*ret_add = entry.add;
	return MMU_OK;
}

#endif
