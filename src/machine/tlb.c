/* SPDX-License-Identifier: MIT */
#include "machine/tlb.h"

#include <string.h>

#include "machine/impl.h"
#include "machine/mmu_check.h"

static uint64_t new_gen(struct hart *h) { return ++h->m->gens; }

static void tables_clear(struct hart *h)
{
	for (unsigned i = 0; i < TLB_SIZE; i++)
		h->load[i].key = h->store[i].key = TLB_EMPTY;
	for (unsigned i = 0; i < TLB_FETCH_SETS; i++)
		for (unsigned w = 0; w < TLB_FETCH_WAYS; w++)
			h->tlb.fetch[i][w].key = TLB_EMPTY;
	for (unsigned i = 0; i < TLB_TABLES; i++)
		h->tlb.table[i].key = TLB_EMPTY;
	memset(h->tlb.of_asid, 0, sizeof(h->tlb.of_asid));
	h->tlb.contexts = 0;
}

void tlb_init(struct hart *h)
{
	tables_clear(h);
	tlb_choose(h, h->satp);
}

static unsigned satp_asid(uint64_t satp) { return satp >> 44 & 0xffff; }

void tlb_choose(struct hart *h, uint64_t satp)
{
	struct tlb *t = &h->tlb;
	uint16_t *of = &t->of_asid[satp_asid(satp)];

	if (*of == 0 || t->context[*of].satp != satp) {
		if (t->contexts + 1 >= TLB_CONTEXTS)
			tables_clear(h);
		*of = (uint16_t)++t->contexts;
		t->context[*of] = (struct tlb_context){.satp = satp, .jump_gen = new_gen(h)};
	}
	h->satp = satp;
	h->context = (uint64_t)*of << TLB_CONTEXT_SHIFT;
	h->jump_gen = t->context[*of].jump_gen;
}

/* Jump cache entries of a context are void from now on. */
static void jumps_drop(struct hart *h, unsigned context)
{
	h->tlb.context[context].jump_gen = new_gen(h);
	if ((uint64_t)context << TLB_CONTEXT_SHIFT == h->context)
		h->jump_gen = h->tlb.context[context].jump_gen;
}

static struct tlb_fetch *fetch_set(struct hart *h, uint64_t va)
{
	return h->tlb.fetch[tlb_index(va) % TLB_FETCH_SETS];
}

void tlb_flush_page(struct hart *h, unsigned asid, uint64_t va)
{
	unsigned context = h->tlb.of_asid[asid & 0xffff];
	uint64_t key = page_down(va) | (uint64_t)context << TLB_CONTEXT_SHIFT;

	if (context == 0)
		return;
	if (h->tlb.context[context].superpages) {
		tlb_flush_space(h, asid);
		return;
	}
	struct tlb_table *table = tlb_table_of(&h->tlb, va);
	if ((table->key & ~TLB_LOOKED_AT) == tlb_table_key(va, key & (PAGE_SIZE - 1)))
		table->key = TLB_EMPTY;
	if (h->load[tlb_index(va)].key == key)
		h->load[tlb_index(va)].key = TLB_EMPTY;
	if (h->store[tlb_index(va)].key == key)
		h->store[tlb_index(va)].key = TLB_EMPTY;
	struct tlb_fetch *set = fetch_set(h, va);
	for (unsigned w = 0; w < TLB_FETCH_WAYS; w++)
		if (set[w].key == key) {
			set[w].key = TLB_EMPTY;
			jumps_drop(h, context);
		}
}

void tlb_flush_space(struct hart *h, unsigned asid)
{
	h->tlb.of_asid[asid & 0xffff] = 0;
	if (satp_asid(h->satp) == (asid & 0xffff))
		tlb_choose(h, h->satp);
}

void tlb_flush_all(struct hart *h)
{
	/* Rare enough for clearing; the jump cache goes by its generations, which are never
	 * given out twice. */
	tables_clear(h);
	tlb_choose(h, h->satp);
}

static bool reserved_by_other(const struct hart *h, uint64_t frame)
{
	const struct machine *m = h->m;

	for (unsigned i = 0; i < m->hart_count; i++)
		if (m->harts[i] != h && m->harts[i]->reserved_size &&
		    m->harts[i]->reserved_pa >> PAGE_SHIFT == frame)
			return true;
	return false;
}

/* What walk came to is no page: a fault, or something that only the whole walk can tell. Sets h->trap
 * where there is none. */
static __attribute__((noinline)) bool walk_on(struct hart *h, uint64_t va, enum mmu_access access,
					      enum mmu_result result, struct mmu_leaf *ret_leaf)
{
	if (result == MMU_ACCESS_FAULT)
		result = mmu_translate_leaf(&h->m->ram, h->satp, va, access, ret_leaf);
	if (result != MMU_OK) {
		hart_fault(h, result, va, access);
		return false;
	}
	if (ret_leaf->level > 0) {
		h->tlb.context[tlb_context_of(h->context)].superpages = true;
		return true;
	}
	bool looked_at = h->seen || hart_watches(h, align_down(va, TLB_SPAN_SIZE), TLB_SPAN_SIZE);
	*tlb_table_of(&h->tlb, va) = (struct tlb_table){
	    tlb_table_key(va, h->context) | (looked_at ? TLB_LOOKED_AT : 0), ret_leaf->table};
	return true;
}

/* The page walk of all three kinds: from the leaf table on, where that is known. */
static inline bool walk(struct hart *h, uint64_t va, enum mmu_access access, struct mmu_leaf *ret_leaf)
{
	const struct tlb_table *near = tlb_table_of(&h->tlb, va);
	enum mmu_result result = MMU_ACCESS_FAULT;

	h->miss_count++;
	if (likely((near->key & ~TLB_LOOKED_AT) == tlb_table_key(va, h->context)))
		result = mmu_translate_in(&h->m->ram, near->bytes, va, access, ret_leaf);
	return likely(result == MMU_OK) || walk_on(h, va, access, result, ret_leaf);
}

bool tlb_translate(struct hart *h, uint64_t va, enum mmu_access access, uint64_t *ret_pa)
{
	struct mmu_leaf leaf;

	if (!walk(h, va, access, &leaf))
		return false;
	*ret_pa = leaf.frame << PAGE_SHIFT | (va & (PAGE_SIZE - 1));
	if (h->seen || (unlikely(h->watch_count) && hart_watches(h, page_down(va), PAGE_SIZE)))
		return true;
	uint64_t frame = leaf.frame;
	struct tlb_entry entry = {hart_key(h, va),
				  (uint64_t)(uintptr_t)machine_frame(h->m, frame) - page_down(va)};
	if (leaf.pte & PTE_R)
		h->load[tlb_index(va)] = entry;
	if ((leaf.pte & PTE_W) && (leaf.pte & PTE_D) && !code_holds(&h->m->code, frame) &&
	    (h->m->hart_count == 1 || !reserved_by_other(h, frame))) {
		h->store[tlb_index(va)] = entry;
		h->m->stored[frame] = 1;
	}
	return true;
}

void tlb_deny_writes(struct machine *m, uint64_t frame)
{
	if (!m->stored[frame])
		return;
	m->stored[frame] = 0;
	uint64_t host = (uint64_t)(uintptr_t)machine_frame(m, frame);
	for (unsigned n = 0; n < m->hart_count; n++) {
		struct tlb_entry *store = m->harts[n]->store;
		for (unsigned i = 0; i < TLB_SIZE; i++)
			if (page_down(store[i].key) + store[i].add == host)
				store[i].key = TLB_EMPTY;
	}
}

bool tlb_fetch(struct hart *h, uint64_t pc, uint64_t *ret_frame)
{
	struct tlb_fetch *set = fetch_set(h, pc), *free = NULL;
	uint64_t key = hart_key(h, pc);
	struct mmu_leaf leaf;

	for (unsigned w = 0; w < TLB_FETCH_WAYS; w++)
		if (set[w].key == key) {
			*ret_frame = set[w].frame;
			return true;
		}
	if (!walk(h, pc, MMU_EXEC, &leaf))
		return false;
	*ret_frame = leaf.frame;
	if (h->seen)
		return true;

	for (unsigned w = 0; w < TLB_FETCH_WAYS && !free; w++)
		if (set[w].key == TLB_EMPTY)
			free = &set[w];
	if (!free) {
		free = &set[h->miss_count % TLB_FETCH_WAYS];
		jumps_drop(h, tlb_context_of(free->key));
	}
	*free = (struct tlb_fetch){key, *ret_frame};
	return true;
}
