/* SPDX-License-Identifier: MIT */
/* sv_verify.c - does everything that sv_table.h promises hold?
 *
 * Each list of links holds distinct entries that name its frame (they point back at each other),
 * and all lists together hold as many as there are entries: so every entry is in the list of its
 * frame, once, and every table in those of its owners.
 */
#include "pmap/sv_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct sv_check {
	struct mm *mm;
	const struct sv_state *st;
	uint64_t listed, entries; /* links in lists; entries that must be in one */
	uint64_t tables;          /* that are in use */
	char *why;
	unsigned size;
};

__attribute__((format(printf, 2, 3))) static bool sv_wrong(struct sv_check *c, const char *format,
							   ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->why, c->size, format, args);
	va_end(args);
	return false;
}

/* The list of one frame. */
static bool sv_verify_list(struct sv_check *c, uint32_t frame)
{
	const struct frame *f = &c->mm->frame[frame];
	uint32_t prev = 0, n = 0;

	SV_LINKS (c->st, c->mm, frame, l) {
		if (l / MMU_ENTRIES >= c->st->slots || !sv_link_table(c->st, l))
			return sv_wrong(c,
					"frame %u: its reverse map names table %u, which is none",
					frame, l / MMU_ENTRIES);
		const struct table *t = sv_link_table(c->st, l);
		uint64_t pte = sv_entries(c->mm, t->frame)[l % MMU_ENTRIES];
		if (!pte || sv_pte_frame(pte) != frame || sv_link_at(c->st, l)->prev != prev)
			return sv_wrong(c,
					"frame %u: entry %u of the table in frame %u is in its "
					"reverse map, but holds 0x%" PRIx64,
					frame, l % MMU_ENTRIES, t->frame, pte);
		if ((f->kind == FRAME_TABLE) != (t->level > 0))
			return sv_wrong(c, "frame %u: mapped by a table of level %u", frame,
					t->level);
		prev = l;
		n++;
	}
	uint32_t want = f->kind == FRAME_TABLE ? f->owner.table->owners : f->maps;
	if (n != want)
		return sv_wrong(c, "frame %u: %u entries name it, but it counts %u", frame, n,
				want);
	c->listed += n;
	return true;
}

static bool sv_verify_leaf_entry(struct sv_check *c, const struct table *t, unsigned i,
				 uint64_t pte)
{
	uint64_t perms = pte & SV_PERMISSIONS;
	const char *wrong = NULL;

	if (sv_pte_frame(pte) >= c->mm->pool.untouched || pte >> 54)
		wrong = "names a frame that does not exist";
	else if (!(pte & PTE_U) || pte & PTE_G || (pte & PTE_W && !(pte & PTE_R)))
		wrong = "has bits that no entry of a program may have";
	else if (!(pte & PTE_V) != !(perms & ~(uint64_t)PTE_V))
		wrong = "says V without a permission, or a permission without V";
	else if (t->owners > 1 && pte & PTE_W)
		wrong = "is writable in a shared table";
	else if (sv_pte_as(pte) >= RESIDENT_KINDS)
		wrong = "is of no kind";
	if (wrong)
		return sv_wrong(c, "entry %u of the leaf in frame %u (0x%" PRIx64 ") %s", i,
				t->frame, pte, wrong);
	const struct frame *f = &c->mm->frame[sv_pte_frame(pte)];
	if (f->state != FRAME_OWNED && f->state != FRAME_BUSY)
		return sv_wrong(c,
				"entry %u of the leaf in frame %u maps frame %u, which nobody owns",
				i, t->frame, sv_pte_frame(pte));
	if (f->kind == FRAME_TABLE || f->kind == FRAME_KERNEL)
		return sv_wrong(
		    c, "entry %u of the leaf in frame %u maps frame %u, which is no program's", i,
		    t->frame, sv_pte_frame(pte));
	return true;
}

static bool sv_verify_upper_entry(struct sv_check *c, const struct table *t, unsigned i,
				  uint64_t pte)
{
	uint32_t frame = sv_pte_frame(pte);

	if ((pte & ((1 << PTE_PPN_SHIFT) - 1)) != PTE_V || pte >> 54 || frame >= c->mm->pool.untouched ||
	    c->mm->frame[frame].kind != FRAME_TABLE || c->mm->frame[frame].state != FRAME_OWNED)
		return sv_wrong(
		    c, "entry %u of the upper table in frame %u (0x%" PRIx64 ") names no table", i,
		    t->frame, pte);
	const struct table *below = c->mm->frame[frame].owner.table;
	if (below->frame != frame || below->level + 1 != t->level || !below->owners)
		return sv_wrong(c, "the table in frame %u is not what the one in frame %u says",
				frame, t->frame);
	if (below->level == 0 && below->pmap != (below->owners == 1 ? t->pmap : NULL))
		return sv_wrong(c, "the leaf in frame %u names another owner than it has", frame);
	if (below->level == 0)
		return true;
	uint64_t base = t->base + ((uint64_t)i << (PAGE_SHIFT + 9 * t->level));
	if (below->owners != 1 || below->pmap != t->pmap || below->base != base)
		return sv_wrong(
		    c, "the upper table in frame %u has another owner than the one above it",
		    frame);
	return true;
}

static bool sv_verify_table(struct sv_check *c, const struct table *t)
{
	const uint64_t *entry = sv_entries(c->mm, t->frame);
	unsigned present = 0, resident[RESIDENT_KINDS] = {0};

	for (unsigned i = 0; i < MMU_ENTRIES; i++) {
		uint64_t pte = entry[i];

		if (!pte)
			continue;
		present++;
		if (t->level > 0 ? !sv_verify_upper_entry(c, t, i, pte)
				 : !sv_verify_leaf_entry(c, t, i, pte))
			return false;
		if (sv_pte_frame(pte) == c->mm->zero)
			continue;
		c->entries++;
		if (t->level == 0)
			resident[sv_pte_as(pte)]++;
	}
	if (present != t->present)
		return sv_wrong(c, "the table in frame %u has %u entries, but counts %u", t->frame,
				present, t->present);
	if (!present && t->owners)
		return sv_wrong(c, "the table in frame %u is empty", t->frame);
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		if (resident[k] != t->resident[k])
			return sv_wrong(
			    c, "the leaf in frame %u has %u pages of kind %u, but counts %u",
			    t->frame, resident[k], k, t->resident[k]);
	return true;
}

static bool sv_verify_tables(struct sv_check *c)
{
	for (uint32_t id = 1; id < c->st->slots; id++) {
		const struct table *t = c->st->slot[id].table;

		if (!t)
			continue;
		const struct frame *f = &c->mm->frame[t->frame];
		if (t->id != id || f->state != FRAME_OWNED || f->kind != FRAME_TABLE ||
		    f->owner.table != t)
			return sv_wrong(c, "the table in frame %u is not its owner", t->frame);
		c->tables++;
		if (!sv_verify_table(c, t))
			return false;
	}
	if (c->tables != c->st->tables || c->tables != c->mm->pool.kind[FRAME_TABLE])
		return sv_wrong(c, "%" PRIu64 " tables, but %u and %" PRIu64 " are counted",
				c->tables, c->st->tables, c->mm->pool.kind[FRAME_TABLE]);
	return true;
}

/* Adds up what the upper table t of a pmap reaches. */
static void sv_count(const struct mm *mm, const struct table *t, struct pmap_stats *sum)
{
	const uint64_t *entry = sv_entries(mm, t->frame);

	sum->tables++;
	for (unsigned i = 0; i < MMU_ENTRIES; i++) {
		const struct table *below = entry[i] ? sv_pte_table(mm, entry[i]) : NULL;

		if (below && below->level > 0) {
			sv_count(mm, below, sum);
		} else if (below) {
			sum->tables++;
			sum->tables_shared += below->owners > 1;
			for (unsigned k = 0; k < RESIDENT_KINDS; k++)
				sum->resident[k] += below->resident[k];
		}
	}
}

static bool sv_verify_pmap(struct sv_check *c, struct sv *s)
{
	struct pmap_stats sum = {0};

	if (s->root->pmap != s || s->root->owners || s->root->level != mmu_levels(c->st->mode) - 1)
		return sv_wrong(c, "space %u: its root in frame %u is not its own", s->pmap.space,
				s->root->frame);
	sv_count(c->mm, s->root, &sum);
	if (sum.tables != s->tables || sum.tables_shared != s->tables_shared)
		return sv_wrong(c,
				"space %u: %" PRIu64 " tables, %" PRIu64
				" shared, but it counts %" PRIu64 " and %" PRIu64,
				s->pmap.space, sum.tables, sum.tables_shared, s->tables,
				s->tables_shared);
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		if (sum.resident[k] != s->pmap.resident[k])
			return sv_wrong(c,
					"space %u: %" PRIu64
					" pages of kind %u are resident, but it counts %" PRIu64,
					s->pmap.space, sum.resident[k], k, s->pmap.resident[k]);
	const struct table *hint = s->hint;
	s->hint = NULL;
	if (hint && sv_leaf(s, s->hint_span << SPAN_SHIFT) != hint)
		return sv_wrong(c, "space %u: remembers a leaf that is gone", s->pmap.space);
	return true;
}

/* Without a state no pmap exists, so that nothing may be mapped. */
bool sv_verify(struct mm *mm, char *why, unsigned size)
{
	struct sv_check c = {.mm = mm, .st = mm->pmap_state, .why = why, .size = size};

	if (c.st && !sv_verify_tables(&c))
		return false;
	for (uint32_t f = 0; f < mm->pool.untouched; f++) {
		if (mm->frame[f].state == FRAME_FREE || mm->frame[f].state == FRAME_RESERVED ||
		    f == mm->zero)
			continue;
		if (c.st ? !sv_verify_list(&c, f) : mm->frame[f].maps != 0)
			return c.st ? false
				    : sv_wrong(&c, "frame %u is mapped, but nobody maps", f);
	}
	if (c.listed != c.entries)
		return sv_wrong(&c, "%" PRIu64 " entries, but %" PRIu64 " in reverse maps",
				c.entries, c.listed);
	for (struct sv *s = c.st ? c.st->pmaps : NULL; s; s = s->next)
		if (!sv_verify_pmap(&c, s))
			return false;
	return true;
}
