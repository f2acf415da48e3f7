/* SPDX-License-Identifier: MIT */
/* sv_frame.c - what happens to a page happens in all its mappings at once
 *
 * Two lists are walked: the entries that map the frame, and for each of them the owners of its
 * table, one for each space that sees it.
 */
#include "pmap/sv_table.h"

/* Tells of each space that an entry goes from. */
static void sv_tell_unmap(struct mm *mm, const struct table *t, unsigned index, uint32_t frame)
{
	const struct sv_state *st = mm->pmap_state;

	SV_LINKS (st, mm, t->frame, o) {
		const struct table *upper = sv_link_table(st, o);

		MM_EVENT(mm, NULL, upper->pmap->pmap.pid, page_unmap,
			 .addr = sv_link_va(upper, o) + (uint64_t)index * PAGE_SIZE,
			 .key = frame_key(mm, frame), .frame = frame, .resident = -1);
	}
}

void sv_remove(struct mm *mm, uint32_t frame)
{
	struct frame *f = &mm->frame[frame];

	if (!f->maps)
		return;
	VM_ASSERT(f->kind != FRAME_TABLE);
	while (f->rmap) {
		uint32_t link = f->rmap;
		struct table *t = sv_link_table(mm->pmap_state, link);
		unsigned i = link % MMU_ENTRIES;

		sv_tell_unmap(mm, t, i, frame);
		sv_entry_flush(mm, t, i, sv_entry_clear(mm, t, i, true));
		sv_table_free_if_empty(mm, t);
	}
}

/* Clears bits in every entry that maps the frame and returns those that were set in any. What may
 * be cached because of when is invalidated where it was set. */
static uint64_t sv_frame_clear(struct mm *mm, uint32_t frame, uint64_t bits, uint64_t when)
{
	const struct sv_state *st = mm->pmap_state;
	uint64_t any = 0;

	if (!mm->frame[frame].maps)
		return 0;
	SV_LINKS (st, mm, frame, l) {
		const struct table *t = sv_link_table(st, l);
		uint64_t *entry = &sv_entries(mm, t->frame)[l % MMU_ENTRIES], was = *entry;

		any |= was;
		*entry = was & ~bits;
		if (was & when)
			sv_entry_flush(mm, t, l % MMU_ENTRIES, was);
	}
	return any;
}

bool sv_harvest(struct mm *mm, uint32_t frame)
{
	bool was = mm->frame[frame].flags & FRAME_ACCESSED;

	mm->frame[frame].flags &= ~FRAME_ACCESSED;
	return (sv_frame_clear(mm, frame, PTE_A, PTE_A) & PTE_A) || was;
}

/* Only with D is a writable translation cached, so that W alone needs no invalidation. */
bool sv_clean(struct mm *mm, uint32_t frame, bool clear_w)
{
	return sv_frame_clear(mm, frame, PTE_D | (clear_w ? PTE_W : 0), PTE_D) & PTE_D;
}

bool sv_dirty(struct mm *mm, uint32_t frame)
{
	return sv_frame_clear(mm, frame, 0, 0) & PTE_D;
}

unsigned sv_places(struct mm *mm, uint32_t frame, struct pmap_place *ret_places, unsigned max)
{
	const struct sv_state *st = mm->pmap_state;
	unsigned n = 0;

	if (!mm->frame[frame].maps)
		return 0;
	SV_LINKS (st, mm, frame, l) {
		SV_LINKS (st, mm, sv_link_table(st, l)->frame, o) {
			const struct table *upper = sv_link_table(st, o);

			if (n < max)
				ret_places[n] = (struct pmap_place){
				    .space = upper->pmap->pmap.space,
				    .pid = upper->pmap->pmap.pid,
				    .va = sv_link_va(upper, o) +
					  (uint64_t)(l % MMU_ENTRIES) * PAGE_SIZE};
			n++;
		}
	}
	return n;
}
