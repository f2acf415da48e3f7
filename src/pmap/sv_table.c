/* SPDX-License-Identifier: MIT */
/* sv_table.c - page tables, their owners, and the reverse map */
#include "pmap/sv_table.h"

#include <string.h>

/* With more owners than this, forgetting everything costs less than forgetting for each. */
enum { SV_FLUSH_OWNERS_MAX = 16 };

/* Table ids. */

/* Makes the array of slots larger; ids of the new half are free, the lowest first. */
static bool sv_slots_grow(struct mm *mm, struct sv_state *st)
{
	uint32_t slots = st->slots ? st->slots * 2 : 64;

	if (slots > UINT32_MAX / MMU_ENTRIES)
		return false;
	struct sv_slot *slot = alloc_get(&mm->host.alloc, slots * sizeof(*slot));
	if (!slot)
		return false;
	if (st->slots)
		memcpy(slot, st->slot, st->slots * sizeof(*slot));
	for (uint32_t id = st->slots ? st->slots : 1; id < slots; id++)
		slot[id].next_free = id + 1 < slots ? id + 1 : 0;
	alloc_put(&mm->host.alloc, st->slot, st->slots * sizeof(*slot));
	st->free_slot = st->slots ? st->slots : 1;
	st->slot = slot;
	st->slots = slots;
	return true;
}

struct table *sv_table_alloc(struct mm *mm, uint32_t frame)
{
	struct sv_state *st = mm->pmap_state;

	VM_ASSERT(frame < mm->frames);
	if (!st->free_slot && !sv_slots_grow(mm, st))
		return NULL;
	struct table *t = alloc_get(&mm->host.alloc, sizeof(*t));
	if (!t)
		return NULL;
	t->id = st->free_slot;
	t->frame = frame;
	st->free_slot = st->slot[t->id].next_free;
	st->slot[t->id].table = t;
	st->tables++;
	frame_own(mm, frame, FRAME_TABLE, t, 0);
	mm->frame[frame].rmap = 0;
	frame_zero(mm, frame);
	return t;
}

void sv_table_free(struct mm *mm, struct table *t)
{
	struct sv_state *st = mm->pmap_state;

	VM_ASSERT(!t->owners && !t->present);
	st->slot[t->id] = (struct sv_slot){.next_free = st->free_slot};
	st->free_slot = t->id;
	st->tables--;
	frame_free(mm, t->frame);
	alloc_put(&mm->host.alloc, t, sizeof(*t));
}

/* Lists. */

/* own, which has this number, becomes the first of f's. */
static inline void sv_link_push(struct sv_state *st, struct frame *f, union sv_link *own, uint32_t number)
{
	const uint32_t first = f->rmap;

	*own = (union sv_link){.any = 0};
	own->next = first;
	if (unlikely(first))
		sv_link_at(st, first)->prev = number;
	f->rmap = number;
}

static inline void sv_link_pull(struct sv_state *st, struct frame *f, const union sv_link *own)
{
	if (likely(!own->any)) {
		f->rmap = 0;
		return;
	}
	const uint32_t next = own->next, prev = own->prev;
	if (next)
		sv_link_at(st, next)->prev = prev;
	if (prev)
		sv_link_at(st, prev)->next = next;
	else
		f->rmap = next;
}

static inline void sv_link_add(struct mm *mm, uint32_t frame, struct table *t, unsigned index)
{
	sv_link_push(mm->pmap_state, &mm->frame[frame], &t->link[index], t->id * MMU_ENTRIES + index);
}

static void sv_link_remove(struct mm *mm, uint32_t frame, const struct table *t, unsigned index)
{
	sv_link_pull(mm->pmap_state, &mm->frame[frame], &t->link[index]);
}

/* Owners. */

/* A leaf with exactly one owner: whose? */
static struct sv *sv_leaf_owner(const struct mm *mm, const struct table *leaf)
{
	return sv_link_table(mm->pmap_state, mm->frame[leaf->frame].rmap)->pmap;
}

void sv_table_attach(struct sv *s, struct table *upper, unsigned index, struct table *t)
{
	struct mm *mm = s->pmap.mm;
	uint64_t *entry = &sv_entries(mm, upper->frame)[index];

	VM_ASSERT(!*entry && upper->level > 0 && upper->pmap == s);
	t->level = upper->level - 1;
	if (t->owners == 1)
		t->pmap->tables_shared++;
	if (t->owners >= 1)
		s->tables_shared++;
	sv_link_add(mm, t->frame, upper, index);
	t->owners++;
	t->pmap = t->owners == 1 ? s : NULL;
	*entry = (uint64_t)t->frame << PTE_PPN_SHIFT | PTE_V;
	upper->present++;
	s->tables++;
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		s->pmap.resident[k] += t->resident[k];
	if (t->level == 0)
		return;
	VM_ASSERT(t->owners == 1);
	t->base = sv_link_va(upper, index);
}

void sv_table_detach(struct sv *s, struct table *upper, unsigned index)
{
	struct mm *mm = s->pmap.mm;
	uint64_t *entry = &sv_entries(mm, upper->frame)[index];
	struct table *t = sv_pte_table(mm, *entry);

	VM_ASSERT(*entry && upper->level > 0 && upper->pmap == s);
	sv_link_remove(mm, t->frame, upper, index);
	if (t->owners >= 2)
		s->tables_shared--;
	t->owners--;
	t->pmap = t->owners == 1 ? sv_leaf_owner(mm, t) : NULL;
	if (t->pmap)
		t->pmap->tables_shared--;
	*entry = 0;
	if (t->level == 0)
		machine_flush_page(s->state->machine, s->asid, sv_link_va(upper, index));
	upper->present--;
	s->tables--;
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		s->pmap.resident[k] -= t->resident[k];
	if (s->hint == t)
		s->hint = NULL;
}

void sv_upper_free_if_empty(struct sv *s, struct table *t)
{
	struct mm *mm = s->pmap.mm;

	while (!t->present && t != s->root) {
		uint32_t link = mm->frame[t->frame].rmap;
		struct table *above = sv_link_table(s->state, link);

		sv_table_detach(s, above, link % MMU_ENTRIES);
		sv_table_free(mm, t);
		t = above;
	}
}

void sv_table_free_if_empty(struct mm *mm, struct table *t)
{
	uint32_t link;

	if (t->present)
		return;
	while ((link = mm->frame[t->frame].rmap)) {
		struct table *upper = sv_link_table(mm->pmap_state, link);
		struct sv *s = upper->pmap;

		sv_table_detach(s, upper, link % MMU_ENTRIES);
		sv_upper_free_if_empty(s, upper);
	}
	sv_table_free(mm, t);
}

/* Walks. */

struct table *sv_leaf_find(struct sv *s, uint64_t va)
{
	const struct mm *mm = s->pmap.mm;

	if (va >> (mmu_va_bits(s->state->mode) - 1))
		return NULL;
	uint32_t frame = s->root->frame;
	for (unsigned level = s->root->level; level > 0; level--) {
		uint64_t pte = sv_entries(mm, frame)[mmu_index(va, level)];
		if (!pte)
			return NULL;
		frame = sv_pte_frame(pte);
	}
	s->hint_span = va >> SPAN_SHIFT;
	return s->hint = mm->frame[frame].owner.table;
}

struct table *sv_leaf_next(struct sv *s, uint64_t *va, uint64_t end)
{
	const struct mm *mm = s->pmap.mm;

	end = min_u64(end, UINT64_C(1) << (mmu_va_bits(s->state->mode) - 1));
	while (*va < end) {
		unsigned level = s->root->level;
		uint64_t pte = sv_entries(mm, s->root->frame)[mmu_index(*va, level)];

		while (pte && level > 1) {
			level--;
			pte = sv_entries(mm, sv_pte_frame(pte))[mmu_index(*va, level)];
		}
		if (pte)
			return sv_pte_table(mm, pte);
		/* Step over what this missing table would map. */
		uint64_t size = UINT64_C(1) << (PAGE_SHIFT + 9 * level);
		*va = align_down(*va, size) + size;
	}
	return NULL;
}

struct table *sv_upper_make(struct sv *s, uint64_t va, struct reserve *r)
{
	struct mm *mm = s->pmap.mm;
	struct table *t = s->root;

	VM_ASSERT(!(va >> (mmu_va_bits(s->state->mode) - 1)));
	while (t->level > 1) {
		unsigned index = mmu_index(va, t->level);
		uint64_t pte = sv_entries(mm, t->frame)[index];
		struct table *below = pte ? sv_pte_table(mm, pte) : reserve_table(r);

		if (!pte)
			sv_table_attach(s, t, index, below);
		t = below;
	}
	return t;
}

struct table *sv_leaf_own(struct sv *s, uint64_t va, struct reserve *r)
{
	struct table *leaf = sv_leaf(s, va);

	if (leaf)
		return sv_leaf_copy(s, va, leaf, r);
	struct table *upper = sv_upper_make(s, va, r);
	leaf = reserve_table(r);
	sv_table_attach(s, upper, mmu_index(va, 1), leaf);
	s->hint_span = va >> SPAN_SHIFT;
	return s->hint = leaf;
}

/* A and D are copied too: what is cached of the entries then stays true, and nothing need be
 * invalidated. */
struct table *sv_leaf_copy(struct sv *s, uint64_t va, struct table *leaf, struct reserve *r)
{
	struct mm *mm = s->pmap.mm;
	struct table *copy = reserve_table(r), *upper = sv_upper_make(s, va, r);
	const uint64_t *entry = sv_entries(mm, leaf->frame);

	VM_ASSERT(leaf->owners > 1);
	for (unsigned i = 0; i < MMU_ENTRIES; i++)
		if (entry[i])
			sv_entry_set(mm, copy, i, entry[i]);
	sv_table_detach(s, upper, mmu_index(va, 1));
	sv_table_attach(s, upper, mmu_index(va, 1), copy);
	MM_EVENT(mm, NULL, s->pmap.pid, table_unshare, .addr = align_down(va, SPAN_SIZE),
		 .frame = copy->frame);
	return copy;
}

/* Entries. */

static __attribute__((noinline)) void sv_owners_add(const struct mm *mm, struct table *t, enum resident as, int n)
{
	SV_LINKS (mm->pmap_state, mm, t->frame, l)
		sv_link_table(mm->pmap_state, l)->pmap->pmap.resident[as] += n;
}

static inline void sv_resident_add(const struct mm *mm, struct table *t, enum resident as, int n)
{
	t->resident[as] += n;
	if (likely(t->pmap != NULL))
		t->pmap->pmap.resident[as] += n;
	else
		sv_owners_add(mm, t, as, n);
}

/* What a frame learns of an entry that goes. */
static inline unsigned sv_handed_back(uint64_t was)
{
	return (was & PTE_A ? FRAME_ACCESSED : 0) | (was & PTE_D ? FRAME_DIRTY : 0);
}

/* The entry and its link, and what they hand back; how many pages the leaf then has is the caller's to
 * count: 1, or 0 for the zero frame, which is everybody's: no reverse map, and resident nowhere. */
static inline unsigned sv_entry_put(struct mm *mm, struct table *t, unsigned index, uint64_t pte)
{
	uint64_t *entry = &sv_entries(mm, t->frame)[index];
	uint32_t frame = sv_pte_frame(pte);

	VM_ASSERT(!*entry && frame < mm->frames);
	*entry = pte;
	t->present++;
	if (frame == mm->zero)
		return 0;
	sv_link_add(mm, frame, t, index);
	mm->frame[frame].maps++;
	return 1;
}

static inline unsigned sv_entry_take(struct mm *mm, struct table *t, unsigned index, bool hand_back)
{
	uint64_t *entry = &sv_entries(mm, t->frame)[index], was = *entry;
	struct frame *f = &mm->frame[sv_pte_frame(was)];

	*entry = 0;
	t->present--;
	if (sv_pte_frame(was) == mm->zero)
		return 0;
	sv_link_remove(mm, sv_pte_frame(was), t, index);
	f->maps--;
	if (hand_back)
		f->flags |= sv_handed_back(was);
	return 1;
}

void sv_entry_set(struct mm *mm, struct table *t, unsigned index, uint64_t pte)
{
	if (sv_entry_put(mm, t, index, pte))
		sv_resident_add(mm, t, sv_pte_as(pte), 1);
}

uint64_t sv_entry_clear(struct mm *mm, struct table *t, unsigned index, bool hand_back)
{
	uint64_t was = sv_entries(mm, t->frame)[index];

	if (sv_entry_take(mm, t, index, hand_back))
		sv_resident_add(mm, t, sv_pte_as(was), -1);
	return was;
}

/* As sv_entry_put and sv_entry_take of many, with what is the same for all in registers. */
void sv_entries_set(struct mm *mm, struct table *t, unsigned index, const uint32_t *frame, unsigned n,
		    uint64_t bits)
{
	struct sv_state *st = mm->pmap_state;
	struct frame *frames = mm->frame;
	uint64_t *entry = sv_entries(mm, t->frame) + index;
	union sv_link *own = t->link + index;
	uint32_t link = t->id * MMU_ENTRIES + index, zero = mm->zero, count = mm->frames;
	unsigned pages = 0, zeros = 0;

	VM_ASSERT(t->owners == 1 && index + n <= MMU_ENTRIES);
	for (size_t i = 0; i < n; i++) {
		const uint32_t name = frame[i];
		if (name >= count || entry[i]) {
			VM_ASSERT(name < count || name == NO_FRAME);
			continue;
		}
		entry[i] = (uint64_t)name << PTE_PPN_SHIFT | bits;
		if (unlikely(name == zero)) {
			zeros++;
			continue;
		}
		sv_link_push(st, &frames[name], &own[i], link + (uint32_t)i);
		frames[name].maps++;
		pages++;
	}
	t->present += pages + zeros;
	sv_resident_add(mm, t, sv_pte_as(bits), (int)pages);
}

/* What is the same for all entries that a call clears. */
struct sv_clearing {
	struct sv_state *st;
	struct frame *frames;
	uint32_t zero;
	int pages[1 << 2]; /* by what RSW says */
};

static inline uint64_t sv_entry_drop(struct sv_clearing *c, uint64_t *entry, const union sv_link *own)
{
	const uint64_t was = *entry;

	*entry = 0;
	if (likely(sv_pte_frame(was) != c->zero)) {
		struct frame *f = &c->frames[sv_pte_frame(was)];
		sv_link_pull(c->st, f, own);
		f->maps--;
		f->flags |= sv_handed_back(was);
		c->pages[sv_pte_as(was)]++;
	}
	return was;
}

unsigned sv_entries_clear(struct mm *mm, struct table *t, unsigned from, unsigned to,
			  uint16_t ret_cached[SV_CACHED_MAX])
{
	struct sv_clearing c = {mm->pmap_state, mm->frame, mm->zero, {0}};
	uint64_t *entry = sv_entries(mm, t->frame);
	unsigned cached = 0, left = t->present;
	size_t i;

	VM_ASSERT(t->owners == 1 && from <= to && to <= MMU_ENTRIES);
	for (i = from; i < to && left && cached <= SV_CACHED_MAX; i++) {
		if (!entry[i])
			continue;
		if (sv_may_be_cached(sv_entry_drop(&c, &entry[i], &t->link[i])) && ++cached <= SV_CACHED_MAX)
			ret_cached[cached - 1] = (uint16_t)i;
		left--;
	}
	/* More than that are not told apart. */
	for (; i < to && left; i++) {
		if (!entry[i])
			continue;
		sv_entry_drop(&c, &entry[i], &t->link[i]);
		left--;
	}
	t->present = (uint16_t)left;
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		if (c.pages[k])
			sv_resident_add(mm, t, k, -c.pages[k]);
	return cached;
}

void sv_entry_flush(struct mm *mm, const struct table *t, unsigned index, uint64_t was)
{
	struct sv_state *st = mm->pmap_state;

	if (!sv_may_be_cached(was))
		return;
	if (t->owners > SV_FLUSH_OWNERS_MAX) {
		machine_flush_all(st->machine);
		return;
	}
	SV_LINKS (st, mm, t->frame, l) {
		const struct table *upper = sv_link_table(st, l);
		machine_flush_page(st->machine, upper->pmap->asid,
				   sv_link_va(upper, l) + (uint64_t)index * PAGE_SIZE);
	}
}
