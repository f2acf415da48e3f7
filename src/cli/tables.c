/* SPDX-License-Identifier: MIT */
#include "cli/tables.h"

#include "pmap/sv.h"

const char *mmu_mode_text(enum mmu_mode mode)
{
	return mode == MMU_SV39 ? "Sv39" : mode == MMU_SV48 ? "Sv48" : "Sv57";
}

void pte_flags(uint64_t pte, char ret_text[9])
{
	static const char letters[] = "DAGUXWRV";
	for (unsigned i = 0; i < 8; i++)
		ret_text[i] = pte >> (7 - i) & 1 ? letters[i] : '-';
	ret_text[8] = 0;
}

uint32_t pte_frame(uint64_t pte)
{
	return (uint32_t)(pte >> PTE_PPN_SHIFT & ((UINT64_C(1) << 44) - 1));
}

uint32_t tables_root(const struct space *s)
{
	return (uint32_t)(sv_satp(s->pmap) & ((UINT64_C(1) << 44) - 1));
}

static bool points_down(uint64_t pte, unsigned level)
{
	return level > 0 && (pte & PTE_V) && !(pte & (PTE_R | PTE_W | PTE_X));
}

static const uint64_t *entries(struct kernel *k, uint32_t frame)
{
	return (const uint64_t *)frame_bytes(k->mm, frame);
}

struct visit {
	struct kernel *k;
	void (*seen)(void *ctx, const struct table_entry *e);
	void *ctx;
};

/* At most as deep as the format of page tables. */
static void visit(const struct visit *v, uint32_t frame, unsigned level, uint64_t base)
{
	const uint64_t *entry = entries(v->k, frame);
	for (unsigned i = 0; i < MMU_ENTRIES; i++) {
		struct table_entry e = {.level = level,
					.index = i,
					.va = base + i * level_bytes(level),
					.pte = entry[i],
					.down = points_down(entry[i], level)};
		if (!e.pte)
			continue;
		v->seen(v->ctx, &e);
		if (e.down)
			visit(v, pte_frame(e.pte), level - 1, e.va);
	}
}

void tables_each(struct kernel *k, const struct space *s,
		 void (*seen)(void *ctx, const struct table_entry *e), void *ctx)
{
	struct visit v = {.k = k, .seen = seen, .ctx = ctx};
	visit(&v, tables_root(s), mmu_levels(k->config.mode) - 1, 0);
}

uint32_t tables_leaf(struct kernel *k, const struct space *s, uint64_t va)
{
	uint32_t frame = tables_root(s);
	for (unsigned level = mmu_levels(k->config.mode) - 1; level > 0; level--) {
		uint64_t pte = entries(k, frame)[mmu_index(va, level)];
		if (!points_down(pte, level))
			return NO_FRAME;
		frame = pte_frame(pte);
	}
	return frame;
}
