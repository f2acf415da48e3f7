/* SPDX-License-Identifier: MIT */
/* mmu.c - the walk of the RISC-V privileged specification, "Virtual Address Translation Process"
 *
 * One loop serves both callers: mmu_walk records every entry it reads, mmu_translate keeps the
 * last. The numbers in the code are the steps of the specification's algorithm.
 */
#include "machine/mmu.h"

#include <string.h>

#include "base/bits.h"
#include "machine/mmu_check.h"

#define SATP_PPN_MASK ((UINT64_C(1) << 44) - 1)

static uint64_t ram_read64(const struct ram *ram, uint64_t pa)
{
	uint64_t v;
	memcpy(&v, ram->bytes + pa, sizeof(v));
	return v;
}

/* Upper bits must repeat the top bit of the address. */
static bool va_canonical(uint64_t va, enum mmu_mode mode)
{
	unsigned bits = mmu_va_bits(mode);
	int64_t top = (int64_t)va >> (bits - 1);
	return top == 0 || top == -1;
}

/* Steps 3 and 4 for one entry: why it cannot be used at all, or NULL. */
static const char *pte_refused(uint64_t pte, bool leaf, unsigned level)
{
	if (!(pte & PTE_V))
		return "the entry is not valid (V is clear)";
	if (!(pte & PTE_R) && (pte & PTE_W))
		return "W without R is reserved";
	if (pte & PTE_RESERVED)
		return "a reserved bit (60-54) is set";
	if (pte & PTE_PBMT)
		return "PBMT is set (Svpbmt is not implemented)";
	if (pte & PTE_N)
		return "N is set (Svnapot is not implemented)";
	if (!leaf && (pte & (PTE_A | PTE_D | PTE_U)))
		return "A, D or U is set in an entry that points to a table";
	if (!leaf && level == 0)
		return "the last level points to another table";
	if (leaf && (pte_ppn(pte) & ((UINT64_C(1) << (9 * level)) - 1)))
		return "a superpage is not aligned to its size";
	return NULL;
}

/* Walks to a leaf. On MMU_OK, the last step is the leaf and ret_walk->pa the address it maps va
 * to, which lies in RAM. */
static enum mmu_result walk(const struct ram *ram, uint64_t satp, uint64_t va,
			    struct mmu_walk *ret_walk)
{
	enum mmu_mode mode = (enum mmu_mode)(satp >> 60);

	ret_walk->steps = 0;
	ret_walk->why = NULL;
	if (mode < MMU_SV39 || mode > MMU_SV57) {
		ret_walk->why = "satp names no known format";
		return MMU_PAGE_FAULT;
	}
	if (!va_canonical(va, mode)) {
		ret_walk->why = "the upper bits of the address do not repeat its top bit";
		return MMU_PAGE_FAULT;
	}

	uint64_t table = satp & SATP_PPN_MASK;			/* 1 */
	for (unsigned level = mmu_levels(mode); level-- > 0;) { /* 2 */
		if (table >= ram->frames) {
			ret_walk->why = "a table lies outside RAM";
			return MMU_ACCESS_FAULT;
		}
		struct mmu_step *step = &ret_walk->step[ret_walk->steps++];
		step->level = level;
		step->pte_pa = (table << PAGE_SHIFT) + mmu_index(va, level) * sizeof(uint64_t);
		step->pte = ram_read64(ram, step->pte_pa);

		uint64_t pte = step->pte;
		bool leaf = pte & (PTE_R | PTE_W | PTE_X);
		ret_walk->why = pte_refused(pte, leaf, level); /* 3, 4, 6 */
		if (ret_walk->why)
			return MMU_PAGE_FAULT;
		if (!leaf) {
			table = pte_ppn(pte);
			continue;
		}
		uint64_t within = (UINT64_C(1) << (PAGE_SHIFT + 9 * level)) - 1;
		uint64_t pa = pte_ppn(pte) << PAGE_SHIFT | (va & within);
		if (pa >> PAGE_SHIFT >= ram->frames) {
			ret_walk->why = "the page lies outside RAM";
			/* Whether the access may be made at all is asked first. */
			ret_walk->pa = pa;
			return MMU_ACCESS_FAULT;
		}
		ret_walk->pa = pa;
		return MMU_OK;
	}
	return MMU_PAGE_FAULT; /* not reached: level 0 never points on */
}

/* Step 5: may user mode do that through this leaf? */
static bool pte_allows(uint64_t pte, enum mmu_access access)
{
	static const unsigned need[] = {
		[MMU_READ] = PTE_R | PTE_U, [MMU_WRITE] = PTE_W | PTE_U, [MMU_EXEC] = PTE_X | PTE_U};
	return (pte & need[access]) == need[access];
}

static enum mmu_result check(const struct ram *ram, uint64_t satp, uint64_t va,
			     enum mmu_access access, struct mmu_walk *ret_walk)
{
	enum mmu_result result = walk(ram, satp, va, ret_walk);

	if (ret_walk->steps == 0)
		return result;
	uint64_t pte = ret_walk->step[ret_walk->steps - 1].pte;
	bool leaf = pte & (PTE_R | PTE_W | PTE_X);
	if (result == MMU_ACCESS_FAULT && leaf && !pte_allows(pte, access))
		return MMU_PAGE_FAULT;
	if (result == MMU_OK && !pte_allows(pte, access))
		return MMU_PAGE_FAULT;
	return result;
}

enum mmu_result mmu_check(const struct ram *ram, uint64_t satp, uint64_t va, enum mmu_access access)
{
	struct mmu_walk w;

	return check(ram, satp, va, access, &w);
}

#define PTE_POINTER (PTE_NEVER | PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

/* The walk as it nearly always goes: a low address, pointers with nothing but V set, all of them in RAM,
 * and then a table of pages. Results as of mmu_translate_in. */
static enum mmu_result walk_common(struct ram *ram, uint64_t satp, uint64_t va, enum mmu_access access,
				   struct mmu_leaf *ret_leaf)
{
	enum mmu_mode mode = (enum mmu_mode)(satp >> 60);
	uint64_t table = satp & SATP_PPN_MASK;

	if (mode < MMU_SV39 || mode > MMU_SV57 || va >> (mmu_va_bits(mode) - 1))
		return MMU_ACCESS_FAULT;
	for (unsigned level = mmu_levels(mode) - 1; table < ram->frames; level--) {
		if (level == 0)
			return mmu_translate_in(ram, ram->bytes + (table << PAGE_SHIFT), va, access,
						ret_leaf);
		uint64_t pte = ram_read64(ram, (table << PAGE_SHIFT) + mmu_index(va, level) * sizeof(pte));
		if (pte == 0)
			return MMU_PAGE_FAULT;
		if ((pte & PTE_POINTER) != PTE_V)
			return MMU_ACCESS_FAULT;
		table = pte >> PTE_PPN_SHIFT; /* nothing lies above */
	}
	return MMU_ACCESS_FAULT;
}

enum mmu_result mmu_translate_leaf(struct ram *ram, uint64_t satp, uint64_t va,
				   enum mmu_access access, struct mmu_leaf *ret_leaf)
{
	struct mmu_walk w;
	enum mmu_result result = walk_common(ram, satp, va, access, ret_leaf);

	if (likely(result != MMU_ACCESS_FAULT))
		return result;
	result = check(ram, satp, va, access, &w);
	if (result != MMU_OK)
		return result;
	struct mmu_step *leaf = &w.step[w.steps - 1];
	uint64_t pte = pte_used(leaf->pte, access);
	if (pte != leaf->pte)
		memcpy(ram->bytes + leaf->pte_pa, &pte, sizeof(pte));
	*ret_leaf = (struct mmu_leaf){
		.frame = w.pa >> PAGE_SHIFT, .pte = pte, .table = ram->bytes + page_down(leaf->pte_pa), .level = leaf->level};
	return MMU_OK;
}

enum mmu_result mmu_translate(struct ram *ram, uint64_t satp, uint64_t va, enum mmu_access access,
			      uint64_t *ret_pa, uint64_t *ret_pte)
{
	struct mmu_leaf leaf;
	enum mmu_result result = mmu_translate_leaf(ram, satp, va, access, &leaf);

	if (result != MMU_OK)
		return result;
	*ret_pa = leaf.frame << PAGE_SHIFT | (va & (PAGE_SIZE - 1));
	if (ret_pte)
		*ret_pte = leaf.pte;
	return MMU_OK;
}

void mmu_walk(const struct ram *ram, uint64_t satp, uint64_t va, struct mmu_walk *ret_walk)
{
	memset(ret_walk, 0, sizeof(*ret_walk));
	ret_walk->result = walk(ram, satp, va, ret_walk);
}
