/* SPDX-License-Identifier: MIT */
/* sv.c - the operations of a pmap on hardware page tables
 *
 * What a call changes in the tables it also invalidates before it returns. A translation is cached
 * only while its entry has V and A, and for writing only while it has D; so entries that the
 * program never touched cost nothing to drop, and giving a permission needs no invalidation, since
 * a hart that misses walks again.
 */
#include "pmap/sv_table.h"

#include <errno.h>

/* Pages that are invalidated one by one; with more the whole space is. */
enum { SV_FLUSH_MAX = SV_CACHED_MAX };

/* What to invalidate in one space, collected over a range. */
struct sv_flush {
	struct sv *sv;
	unsigned pages; /* above SV_FLUSH_MAX: the whole space */
	uint64_t va[SV_FLUSH_MAX];
};

static void sv_flush_add(struct sv_flush *f, uint64_t va)
{
	if (f->pages < SV_FLUSH_MAX)
		f->va[f->pages] = va;
	f->pages++;
}

static void sv_flush_done(const struct sv_flush *f)
{
	struct machine *m = f->sv->state->machine;

	if (f->pages > SV_FLUSH_MAX) {
		machine_flush_space(m, f->sv->asid);
		return;
	}
	for (unsigned i = 0; i < f->pages; i++)
		machine_flush_page(m, f->sv->asid, f->va[i]);
}

static uint64_t sv_permissions(unsigned prot)
{
	/* The hardware has no writing without reading. Nothing at all: V stays clear. */
	return (prot ? PTE_V : 0) | (prot & (PROT_R | PROT_W) ? PTE_R : 0) |
	       (prot & PROT_W ? PTE_W : 0) | (prot & PROT_X ? PTE_X : 0);
}

static unsigned sv_prot(uint64_t pte)
{
	return (pte & PTE_R ? PROT_R : 0) | (pte & PTE_W ? PROT_W : 0) | (pte & PTE_X ? PROT_X : 0);
}

static unsigned sv_index(uint64_t va)
{
	return mmu_index(va, 0);
}

/* The indices of a leaf's span at base that lie in [start, end). */
static unsigned sv_index_from(uint64_t base, uint64_t start)
{
	return start > base ? (start - base) >> PAGE_SHIFT : 0;
}

static unsigned sv_index_to(uint64_t base, uint64_t end)
{
	return end - base < SPAN_SIZE ? page_up(end - base) >> PAGE_SHIFT : MMU_ENTRIES;
}

/* Creating and destroying. */

static struct sv_state *sv_state_get(struct mm *mm)
{
	const struct sv_config *config = mm->pmap_ctx;
	struct sv_state *st = mm->pmap_state;

	if (st)
		return st;
	st = alloc_get(&mm->host.alloc, sizeof(*st));
	if (!st)
		return NULL;
	st->machine = config->machine;
	st->ram = machine_ram(config->machine);
	st->mode = config->mode;
	VM_ASSERT(st->ram->bytes == mm->ram && st->ram->frames == mm->frames);
	return mm->pmap_state = st;
}

static void sv_state_put(struct mm *mm)
{
	struct sv_state *st = mm->pmap_state;

	if (st->pmaps || st->tables)
		return;
	alloc_put(&mm->host.alloc, st->slot, st->slots * sizeof(*st->slot));
	alloc_put(&mm->host.alloc, st, sizeof(*st));
	mm->pmap_state = NULL;
}

static void sv_ops_table_free(struct mm *mm, struct table *t)
{
	sv_table_free(mm, t);
	sv_state_put(mm);
}

/* The space's serial where that is free, else the next free one above. False: all are taken. */
static bool sv_asid_take(struct sv_state *st, uint32_t serial, unsigned *ret_asid)
{
	for (unsigned i = 0; i < SV_ASIDS; i++) {
		unsigned asid = (serial + i) % SV_ASIDS;
		uint64_t bit = UINT64_C(1) << asid % 64;

		if (st->asids[asid / 64] & bit)
			continue;
		st->asids[asid / 64] |= bit;
		*ret_asid = asid;
		return true;
	}
	return false;
}

static void sv_asid_give(struct sv_state *st, unsigned asid)
{
	st->asids[asid / 64] &= ~(UINT64_C(1) << asid % 64);
	/* Whoever gets it next finds nothing of ours. */
	machine_flush_space(st->machine, asid);
}

static void sv_list_add(struct sv *s)
{
	s->next = s->state->pmaps;
	s->prev = &s->state->pmaps;
	if (s->next)
		s->next->prev = &s->next;
	s->state->pmaps = s;
}

static void sv_list_remove(struct sv *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static int sv_create(struct mm *mm, uint32_t space, int32_t pid, struct pmap **ret_pmap)
{
	struct sv_state *st = sv_state_get(mm);
	struct reserve r;
	unsigned asid;

	if (!st)
		return -ENOMEM;
	int error = -ENOMEM;
	struct sv *s = alloc_get(&mm->host.alloc, sizeof(*s));
	if (!s)
		goto no_memory;
	if (!sv_asid_take(st, space, &asid))
		goto no_asid;
	*s = (struct sv){.pmap = {.ops = &sv_ops, .mm = mm, .space = space, .pid = pid},
			 .state = st,
			 .asid = asid};
	sv_list_add(s); /* from here on the state stays */
	error = reserve_make(mm, &(struct need){.tables = 1}, 0, &r);
	if (error)
		goto no_root;
	s->root = reserve_table(&r);
	reserve_drop(mm, &r);
	s->root->level = mmu_levels(st->mode) - 1;
	s->root->pmap = s;
	s->tables = 1;
	*ret_pmap = &s->pmap;
	return 0;
no_root:
	sv_list_remove(s);
	sv_asid_give(st, asid);
no_asid:
	alloc_put(&mm->host.alloc, s, sizeof(*s));
no_memory:
	sv_state_put(mm);
	return error;
}

/* Drops the entries [i, to) of a leaf that is this pmap's alone. */
static void sv_leaf_clear(struct sv *s, struct table *t, uint64_t base, unsigned i, unsigned to,
			  struct sv_flush *flush)
{
	struct mm *mm = s->pmap.mm;
	uint16_t cached[SV_CACHED_MAX];
	unsigned n = sv_entries_clear(mm, t, i, to, cached);

	if (n > SV_CACHED_MAX)
		flush->pages = SV_FLUSH_MAX + 1;
	else if (flush->pages <= SV_FLUSH_MAX)
		for (unsigned k = 0; k < n; k++)
			sv_flush_add(flush, base + (uint64_t)cached[k] * PAGE_SIZE);
	sv_table_free_if_empty(mm, t);
}

static bool sv_leaf_meets(const struct mm *mm, const struct table *t, unsigned i, unsigned to)
{
	const uint64_t *entry = sv_entries(mm, t->frame);

	for (; i < to; i++)
		if (entry[i])
			return true;
	return false;
}

static void sv_unmap(struct pmap *p, uint64_t start, uint64_t end)
{
	struct sv *s = sv_of(p);
	struct sv_flush flush = {.sv = s};
	struct table *t;

	for (uint64_t va = start; (t = sv_leaf_next(s, &va, end));
	     va = align_down(va, SPAN_SIZE) + SPAN_SIZE) {
		uint64_t base = align_down(va, SPAN_SIZE);
		unsigned from = sv_index_from(base, start), to = sv_index_to(base, end);

		if (t->owners == 1) {
			sv_leaf_clear(s, t, base, from, to, &flush);
		} else if (from == 0 && to == MMU_ENTRIES) {
			struct table *upper = sv_upper_make(s, base, NULL); /* it is there */

			sv_table_detach(s, upper, mmu_index(base, 1));
			sv_upper_free_if_empty(s, upper);
			flush.pages =
			    SV_FLUSH_MAX + 1; /* the others' A bits stay: any may be cached */
		} else {
			VM_ASSERT(!sv_leaf_meets(p->mm, t, from, to));
		}
	}
	sv_flush_done(&flush);
}

static void sv_destroy(struct pmap *p)
{
	struct sv *s = sv_of(p);
	struct mm *mm = p->mm;

	sv_unmap(p, 0, UINT64_MAX);
	VM_ASSERT(!s->root->present && s->tables == 1);
	sv_table_free(mm, s->root);
	sv_asid_give(s->state, s->asid);
	sv_list_remove(s);
	alloc_put(&mm->host.alloc, s, sizeof(*s));
	sv_state_put(mm);
}

/* One entry. */

/* Tables from the root down to level that va lacks. */
static unsigned sv_missing(const struct sv *s, uint64_t va, unsigned down_to)
{
	const struct mm *mm = s->pmap.mm;
	uint32_t frame = s->root->frame;

	for (unsigned level = s->root->level; level > down_to; level--) {
		uint64_t pte = sv_entries(mm, frame)[mmu_index(va, level)];

		if (!pte)
			return level - down_to;
		frame = sv_pte_frame(pte);
	}
	return 0;
}

static unsigned sv_tables_needed(const struct pmap *p, uint64_t va)
{
	const struct table *leaf = sv_leaf(sv_of(p), va);

	if (leaf)
		return leaf->owners > 1;
	return sv_missing(sv_of(p), va, 0);
}

static unsigned sv_share_tables_needed(const struct pmap *child, uint64_t va)
{
	return sv_missing(sv_of(child), va, 1);
}

static bool sv_has_table(const struct pmap *p, uint64_t va)
{
	return sv_leaf(sv_of(p), va) != NULL;
}

static void sv_enter(struct pmap *p, uint64_t va, uint32_t frame, unsigned prot, enum resident as,
		     struct reserve *r)
{
	struct table *t = sv_leaf_make(sv_of(p), va, r);
	unsigned i = sv_index(va);

	if (sv_entries(p->mm, t->frame)[i])
		sv_entry_flush(p->mm, t, i, sv_entry_clear(p->mm, t, i, true));
	sv_entry_set(p->mm, t, i,
		     (uint64_t)frame << PTE_PPN_SHIFT | (uint64_t)as << SV_RSW_SHIFT |
			 sv_permissions(prot) | PTE_U);
}

static void sv_enter_around(struct pmap *p, uint64_t va, const uint32_t *frame, unsigned n,
			    unsigned prot, enum resident as)
{
	sv_entries_set(p->mm, sv_leaf(sv_of(p), va), sv_index(va), frame, n,
		       (uint64_t)as << SV_RSW_SHIFT | sv_permissions(prot) | PTE_U);
}

static void sv_tell(const struct table *t, uint64_t pte, struct pmap_entry *ret_entry)
{
	*ret_entry = (struct pmap_entry){.frame = sv_pte_frame(pte),
					 .prot = sv_prot(pte),
					 .accessed = pte & PTE_A,
					 .dirty = pte & PTE_D,
					 .shared = t->owners > 1,
					 .as = sv_pte_as(pte)};
}

static bool sv_lookup(const struct pmap *p, uint64_t va, struct pmap_entry *ret_entry)
{
	const struct table *t = sv_leaf(sv_of(p), va);
	uint64_t pte = t ? sv_entries(p->mm, t->frame)[sv_index(va)] : 0;

	if (pte)
		sv_tell(t, pte, ret_entry);
	return pte != 0;
}

static bool sv_next(const struct pmap *p, uint64_t *va, uint64_t end, struct pmap_entry *ret_entry)
{
	struct sv *s = sv_of(p);
	uint64_t at = page_down(*va);
	const struct table *t;

	for (; (t = sv_leaf_next(s, &at, end)); at = align_down(at, SPAN_SIZE) + SPAN_SIZE) {
		const uint64_t *entry = sv_entries(p->mm, t->frame);
		uint64_t base = align_down(at, SPAN_SIZE);
		unsigned i = sv_index(at), to = sv_index_to(base, end);

		while (i < to && !entry[i])
			i++;
		if (i == to)
			continue;
		*va = base + (uint64_t)i * PAGE_SIZE;
		sv_tell(t, entry[i], ret_entry);
		return true;
	}
	return false;
}

static bool sv_touch(struct pmap *p, uint64_t va, enum access access, uint32_t *ret_frame)
{
	static const enum mmu_access how[] = {
	    [ACCESS_READ] = MMU_READ, [ACCESS_WRITE] = MMU_WRITE, [ACCESS_EXEC] = MMU_EXEC};
	uint64_t pa;

	if (mmu_translate(sv_of(p)->state->ram, sv_satp(p), va, how[access], &pa, NULL) != MMU_OK)
		return false;
	*ret_frame = pa >> PAGE_SHIFT;
	return true;
}

static void sv_protect(struct pmap *p, uint64_t va, unsigned prot)
{
	struct table *t = sv_leaf(sv_of(p), va);
	uint64_t *entry = t ? &sv_entries(p->mm, t->frame)[sv_index(va)] : NULL;

	if (!entry || !*entry)
		return;
	VM_ASSERT(t->owners == 1);
	uint64_t was = *entry;
	*entry = (was & ~(uint64_t)SV_PERMISSIONS) | sv_permissions(prot);
	if (was & ~*entry)
		sv_entry_flush(p->mm, t, sv_index(va), was);
}

static void sv_move(struct pmap *p, uint64_t from, uint64_t to, struct reserve *r)
{
	struct mm *mm = p->mm;
	struct table *a = sv_leaf(sv_of(p), from), *b;

	if (!a || !sv_entries(mm, a->frame)[sv_index(from)] || page_down(from) == page_down(to))
		return;
	VM_ASSERT(a->owners == 1);
	b = sv_leaf_make(sv_of(p), to, r);
	if (sv_entries(mm, b->frame)[sv_index(to)])
		sv_entry_flush(mm, b, sv_index(to), sv_entry_clear(mm, b, sv_index(to), true));
	uint64_t pte = sv_entry_clear(mm, a, sv_index(from), false); /* A and D move along */
	sv_entry_flush(mm, a, sv_index(from), pte);
	sv_entry_set(mm, b, sv_index(to), pte);
	sv_table_free_if_empty(mm, a);
}

/* Sharing. */

/* After this no entry of the leaf can be written through. */
static void sv_leaf_clear_w(struct sv *s, struct table *t)
{
	uint64_t *entry = sv_entries(s->pmap.mm, t->frame);
	bool cached = false;

	for (unsigned i = 0; i < MMU_ENTRIES; i++) {
		if (!(entry[i] & PTE_W))
			continue;
		cached |= entry[i] & PTE_D;
		entry[i] &= ~(uint64_t)PTE_W;
	}
	if (cached)
		machine_flush_space(s->state->machine, s->asid);
}

static void sv_share(struct pmap *parent, struct pmap *child, uint64_t va, struct reserve *r)
{
	struct table *t = sv_leaf(sv_of(parent), va);

	if (!t)
		return;
	if (t->owners == 1)
		sv_leaf_clear_w(sv_of(parent), t);
	sv_table_attach(sv_of(child), sv_upper_make(sv_of(child), va, r), mmu_index(va, 1), t);
}

/* The next leaf from *va on that unshare must copy. */
static struct table *sv_leaf_to_unshare(struct sv *s, uint64_t *va, uint64_t start, uint64_t end,
					bool partial)
{
	struct table *t;

	for (; (t = sv_leaf_next(s, va, end)); *va = align_down(*va, SPAN_SIZE) + SPAN_SIZE) {
		uint64_t base = align_down(*va, SPAN_SIZE);
		unsigned from = sv_index_from(base, start), to = sv_index_to(base, end);

		if (t->owners > 1 && !(partial && from == 0 && to == MMU_ENTRIES) &&
		    sv_leaf_meets(s->pmap.mm, t, from, to))
			return t;
	}
	return NULL;
}

static int sv_unshare(struct pmap *p, uint64_t start, uint64_t end, bool partial)
{
	struct sv *s = sv_of(p);
	uint64_t va = start;
	struct reserve r;

	while (sv_leaf_to_unshare(s, &va, start, end, partial)) {
		int error = reserve_make(p->mm, &(struct need){.tables = 1}, 0, &r);
		if (error)
			return error;
		/* What it evicted may have been mapped here: look again. */
		struct table *t = sv_leaf_to_unshare(s, &va, start, end, partial);
		if (t)
			sv_leaf_copy(s, va, t, &r);
		reserve_drop(p->mm, &r);
	}
	return 0;
}

static void sv_frame_changed(struct mm *mm, uint32_t frame)
{
	const struct sv_config *config = mm->pmap_ctx;
	machine_frame_changed(config->machine, frame);
}

static void sv_stats(const struct pmap *p, struct pmap_stats *ret_stats)
{
	const struct sv *s = sv_of(p);

	*ret_stats = (struct pmap_stats){.tables = s->tables, .tables_shared = s->tables_shared};
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		ret_stats->resident[k] = s->pmap.resident[k];
}

uint64_t sv_satp(const struct pmap *p)
{
	const struct sv *s = sv_of(p);
	return mmu_satp(s->state->mode, s->asid, s->root->frame);
}

unsigned sv_asid(const struct pmap *p)
{
	return sv_of(p)->asid;
}

const struct pmap_ops sv_ops = {
    .name = "sv",
    .tables_take_frames = true,
    .create = sv_create,
    .destroy = sv_destroy,
    .table_alloc = sv_table_alloc,
    .table_free = sv_ops_table_free,
    .tables_needed = sv_tables_needed,
    .enter = sv_enter,
    .enter_around = sv_enter_around,
    .lookup = sv_lookup,
    .next = sv_next,
    .touch = sv_touch,
    .unshare = sv_unshare,
    .unmap = sv_unmap,
    .protect = sv_protect,
    .share_tables_needed = sv_share_tables_needed,
    .share = sv_share,
    .has_table = sv_has_table,
    .move = sv_move,
    .remove = sv_remove,
    .harvest = sv_harvest,
    .clean = sv_clean,
    .dirty = sv_dirty,
    .places = sv_places,
    .frame_changed = sv_frame_changed,
    .stats = sv_stats,
    .verify = sv_verify,
};
