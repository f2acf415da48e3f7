/* SPDX-License-Identifier: MIT */
/* soft.c - a mapping in host memory
 *
 *	pmap -> tree of tables, one for each span of 2 MiB in which something is mapped
 *	          table: 512 entries
 *	frame.rmap -> entry <-> entry <-> ...	every place that maps the frame
 *
 * A table is in the tree exactly while it has an entry. It comes from the reserve of a fault, so
 * that enter cannot fail, but takes no frame.
 */
#include "pmap/soft.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "vm/mm.h"

enum { SOFT_PRESENT = 1 << 3, SOFT_A = 1 << 4, SOFT_D = 1 << 5 }; /* beside enum prot */

struct soft_entry {
	struct soft_entry *next, *prev; /* of the same frame */
	uint32_t frame;
	uint16_t index; /* in its table */
	uint8_t bits;   /* 0: nothing is mapped here */
	uint8_t as;     /* enum resident */
};

struct table {
	RB_ENTRY(table) tree;
	uint64_t span; /* va >> SPAN_SHIFT */
	struct soft *owner;
	unsigned present;
	struct soft_entry entry[SPAN_PAGES];
};

RB_HEAD(soft_tree, table);

struct soft {
	struct pmap pmap;
	struct soft_tree tree;
	struct table *hint; /* the one used last, or NULL */
	uint64_t tables;
	struct soft *next, **prev; /* all of the mm; the first is mm->pmap_state */
};

static int soft_compare(const struct table *a, const struct table *b)
{
	return (a->span > b->span) - (a->span < b->span);
}

RB_GENERATE_INTERNAL(soft_tree, table, tree, soft_compare, __attribute__((unused)) static)

static struct soft *soft_of(const struct pmap *p)
{
	return (
	    struct soft *)p; /* its first member; the pmap of a call is the caller's to change */
}

static uint64_t soft_va(const struct soft_entry *e)
{
	const struct table *t = container_of(e - e->index, struct table, entry);
	return t->span << SPAN_SHIFT | (uint64_t)e->index << PAGE_SHIFT;
}

/* The table of va's span or of the next one above that has one. */
static struct table *soft_table_from(const struct pmap *p, uint64_t va)
{
	uint64_t span = va >> SPAN_SHIFT;
	struct table *t = RB_ROOT(&soft_of(p)->tree), *found = NULL;

	while (t) {
		if (t->span >= span)
			found = t;
		t = t->span >= span ? RB_LEFT(t, tree) : RB_RIGHT(t, tree);
	}
	return found;
}

static struct table *soft_table(const struct pmap *p, uint64_t va)
{
	struct soft *s = soft_of(p);
	uint64_t span = va >> SPAN_SHIFT;

	if (s->hint && s->hint->span == span)
		return s->hint;
	struct table *t = soft_table_from(p, va);
	return t && t->span == span ? s->hint = t : NULL;
}

static struct soft_entry *soft_entry(const struct pmap *p, uint64_t va)
{
	struct table *t = soft_table(p, va);
	struct soft_entry *e = t ? &t->entry[va >> PAGE_SHIFT & (SPAN_PAGES - 1)] : NULL;
	return e && e->bits ? e : NULL;
}

static struct soft_entry *soft_first(const struct mm *mm, uint32_t frame)
{
	return (struct soft_entry *)(uintptr_t)mm->frame[frame].rmap;
}

/* Entries. The zero frame has no reverse map and counts nowhere. */

static void soft_link(struct mm *mm, struct soft_entry *e)
{
	struct frame *f = &mm->frame[e->frame];

	e->prev = NULL;
	e->next = soft_first(mm, e->frame);
	if (e->next)
		e->next->prev = e;
	f->rmap = (uintptr_t)e;
	f->maps++;
}

static void soft_unlink(struct mm *mm, struct soft_entry *e)
{
	struct frame *f = &mm->frame[e->frame];

	if (e->next)
		e->next->prev = e->prev;
	if (e->prev)
		e->prev->next = e->next;
	else
		f->rmap = (uintptr_t)e->next;
	f->maps--;
}

static void soft_set(struct table *t, struct soft_entry *e, uint32_t frame, unsigned bits,
		     enum resident as)
{
	struct mm *mm = t->owner->pmap.mm;

	VM_ASSERT(!e->bits && frame < mm->frames);
	*e = (struct soft_entry){
	    .frame = frame, .index = e - t->entry, .bits = bits | SOFT_PRESENT, .as = as};
	t->present++;
	if (frame == mm->zero)
		return;
	soft_link(mm, e);
	t->owner->pmap.resident[as]++;
}

/* A and D go back to the frame. Leaves the table, which may be empty then. */
static void soft_clear(struct table *t, struct soft_entry *e)
{
	struct mm *mm = t->owner->pmap.mm;

	if (e->frame != mm->zero) {
		soft_unlink(mm, e);
		t->owner->pmap.resident[e->as]--;
		mm->frame[e->frame].flags |=
		    (e->bits & SOFT_A ? FRAME_ACCESSED : 0) | (e->bits & SOFT_D ? FRAME_DIRTY : 0);
	}
	e->bits = 0;
	t->present--;
}

static unsigned soft_prot(unsigned prot)
{
	return prot & PROT_W ? prot | PROT_R : prot;
}

/* Tables. */

static struct table *soft_table_alloc(struct mm *mm, uint32_t frame)
{
	VM_ASSERT(frame == NO_FRAME);
	return alloc_get(&mm->host.alloc, sizeof(struct table));
}

static void soft_table_free(struct mm *mm, struct table *t)
{
	alloc_put(&mm->host.alloc, t, sizeof(*t));
}

static struct table *soft_table_make(struct soft *s, uint64_t va, struct reserve *r)
{
	struct table *t = soft_table(&s->pmap, va);

	if (t)
		return t;
	t = reserve_table(r);
	t->span = va >> SPAN_SHIFT;
	t->owner = s;
	t->present = 0;
	RB_INSERT(soft_tree, &s->tree, t);
	s->tables++;
	return s->hint = t;
}

static void soft_table_drop_if_empty(struct table *t)
{
	struct soft *s = t->owner;

	if (t->present)
		return;
	RB_REMOVE(soft_tree, &s->tree, t);
	s->tables--;
	if (s->hint == t)
		s->hint = NULL;
	soft_table_free(s->pmap.mm, t);
}

static unsigned soft_tables_needed(const struct pmap *p, uint64_t va)
{
	return soft_table(p, va) ? 0 : 1;
}

static bool soft_has_table(const struct pmap *p, uint64_t va)
{
	return soft_table(p, va) != NULL;
}

/* Pmaps. */

static int soft_create(struct mm *mm, uint32_t space, int32_t pid, struct pmap **ret_pmap)
{
	struct soft *s = alloc_get(&mm->host.alloc, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct soft){.pmap = {.ops = &soft_ops, .mm = mm, .space = space, .pid = pid}};
	RB_INIT(&s->tree);
	s->next = mm->pmap_state;
	s->prev = (struct soft **)&mm->pmap_state;
	if (s->next)
		s->next->prev = &s->next;
	mm->pmap_state = s;
	*ret_pmap = &s->pmap;
	return 0;
}

static void soft_unmap(struct pmap *p, uint64_t start, uint64_t end);

static void soft_destroy(struct pmap *p)
{
	struct soft *s = soft_of(p);

	soft_unmap(p, 0, UINT64_MAX);
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	alloc_put(&p->mm->host.alloc, s, sizeof(*s));
}

static void soft_enter(struct pmap *p, uint64_t va, uint32_t frame, unsigned prot, enum resident as,
		       struct reserve *r)
{
	struct table *t = soft_table_make(soft_of(p), va, r);
	struct soft_entry *e = &t->entry[va >> PAGE_SHIFT & (SPAN_PAGES - 1)];

	if (e->bits)
		soft_clear(t, e);
	soft_set(t, e, frame, soft_prot(prot), as);
}

static void soft_enter_around(struct pmap *p, uint64_t va, const uint32_t *frame, unsigned n,
			      unsigned prot, enum resident as)
{
	struct reserve nothing = {0};

	for (unsigned i = 0; i < n; i++, va += PAGE_SIZE)
		if (frame[i] != NO_FRAME && !soft_entry(p, va))
			soft_enter(p, va, frame[i], prot, as, &nothing);
}

static void soft_tell(const struct soft_entry *e, struct pmap_entry *ret_entry)
{
	*ret_entry = (struct pmap_entry){.frame = e->frame,
					 .prot = e->bits & PROT_ALL,
					 .accessed = e->bits & SOFT_A,
					 .dirty = e->bits & SOFT_D,
					 .as = e->as};
}

static bool soft_lookup(const struct pmap *p, uint64_t va, struct pmap_entry *ret_entry)
{
	const struct soft_entry *e = soft_entry(p, va);

	if (e)
		soft_tell(e, ret_entry);
	return e != NULL;
}

static bool soft_next(const struct pmap *p, uint64_t *va, uint64_t end,
		      struct pmap_entry *ret_entry)
{
	uint64_t at = page_down(*va);

	if (at >= end)
		return false;
	for (const struct table *t = soft_table_from(p, at); t;
	     t = soft_tree_RB_NEXT((struct table *)t)) {
		uint64_t base = t->span << SPAN_SHIFT;
		unsigned i = at > base ? (at - base) >> PAGE_SHIFT : 0;

		for (; i < SPAN_PAGES; i++) {
			if (base + (uint64_t)i * PAGE_SIZE >= end)
				return false;
			if (!t->entry[i].bits)
				continue;
			*va = base + (uint64_t)i * PAGE_SIZE;
			soft_tell(&t->entry[i], ret_entry);
			return true;
		}
	}
	return false;
}

static bool soft_touch(struct pmap *p, uint64_t va, enum access access, uint32_t *ret_frame)
{
	static const uint8_t need[] = {
	    [ACCESS_READ] = PROT_R, [ACCESS_WRITE] = PROT_W, [ACCESS_EXEC] = PROT_X};
	struct soft_entry *e = soft_entry(p, va);

	if (!e || !(e->bits & need[access]))
		return false;
	e->bits |= access == ACCESS_WRITE ? SOFT_A | SOFT_D : SOFT_A;
	*ret_frame = e->frame;
	return true;
}

static int soft_unshare(struct pmap *p, uint64_t start, uint64_t end, bool partial)
{
	return 0;
}

static void soft_unmap(struct pmap *p, uint64_t start, uint64_t end)
{
	struct table *t = soft_table_from(p, start), *next;

	for (; t && t->span << SPAN_SHIFT < end; t = next) {
		uint64_t base = t->span << SPAN_SHIFT;
		unsigned i = start > base ? (start - base) >> PAGE_SHIFT : 0;
		unsigned to =
		    end - base < SPAN_SIZE ? page_up(end - base) >> PAGE_SHIFT : SPAN_PAGES;

		next = soft_tree_RB_NEXT(t);
		for (; i < to && t->present; i++)
			if (t->entry[i].bits)
				soft_clear(t, &t->entry[i]);
		soft_table_drop_if_empty(t);
	}
}

static void soft_protect(struct pmap *p, uint64_t va, unsigned prot)
{
	struct soft_entry *e = soft_entry(p, va);

	if (e)
		e->bits = (e->bits & ~PROT_ALL) | soft_prot(prot);
}

static void soft_share(struct pmap *parent, struct pmap *child, uint64_t va, struct reserve *r)
{
	struct table *from = soft_table(parent, va);

	if (!from)
		return;
	struct table *to = soft_table_make(soft_of(child), va, r);
	for (unsigned i = 0; i < SPAN_PAGES; i++) {
		struct soft_entry *e = &from->entry[i];

		if (!e->bits)
			continue;
		e->bits &= ~PROT_W;
		soft_set(to, &to->entry[i], e->frame, e->bits, e->as);
	}
}

static void soft_move(struct pmap *p, uint64_t from, uint64_t to, struct reserve *r)
{
	struct soft_entry *e = soft_entry(p, from);

	if (!e || page_down(from) == page_down(to))
		return;
	struct soft_entry moved = *e;
	struct table *t = soft_table_make(soft_of(p), to, r);
	struct soft_entry *there = &t->entry[to >> PAGE_SHIFT & (SPAN_PAGES - 1)];
	if (there->bits)
		soft_clear(t, there);
	soft_set(t, there, moved.frame, moved.bits, moved.as);
	e->bits &= ~(SOFT_A | SOFT_D); /* they moved along: nothing to hand back */
	t = soft_table(p, from);
	soft_clear(t, e);
	soft_table_drop_if_empty(t);
}

/* Frames. */

static void soft_remove(struct mm *mm, uint32_t frame)
{
	struct soft_entry *e;

	while ((e = soft_first(mm, frame))) {
		struct table *t = container_of(e - e->index, struct table, entry);

		MM_EVENT(mm, NULL, t->owner->pmap.pid, page_unmap, .addr = soft_va(e),
			 .key = frame_key(mm, frame), .frame = frame, .resident = -1);
		soft_clear(t, e);
		soft_table_drop_if_empty(t);
	}
}

static bool soft_harvest(struct mm *mm, uint32_t frame)
{
	bool was = mm->frame[frame].flags & FRAME_ACCESSED;

	mm->frame[frame].flags &= ~FRAME_ACCESSED;
	for (struct soft_entry *e = soft_first(mm, frame); e; e = e->next) {
		was |= e->bits & SOFT_A;
		e->bits &= ~SOFT_A;
	}
	return was;
}

static bool soft_clean(struct mm *mm, uint32_t frame, bool clear_w)
{
	bool was = false;

	for (struct soft_entry *e = soft_first(mm, frame); e; e = e->next) {
		was |= e->bits & SOFT_D;
		e->bits &= ~(SOFT_D | (clear_w ? PROT_W : 0));
	}
	return was;
}

static bool soft_dirty(struct mm *mm, uint32_t frame)
{
	for (struct soft_entry *e = soft_first(mm, frame); e; e = e->next)
		if (e->bits & SOFT_D)
			return true;
	return false;
}

static unsigned soft_places(struct mm *mm, uint32_t frame, struct pmap_place *ret_places,
			    unsigned max)
{
	unsigned n = 0;

	for (struct soft_entry *e = soft_first(mm, frame); e; e = e->next, n++) {
		const struct pmap *p =
		    &container_of(e - e->index, struct table, entry)->owner->pmap;

		if (n < max)
			ret_places[n] = (struct pmap_place){p->space, p->pid, soft_va(e)};
	}
	return n;
}

static void soft_frame_changed(struct mm *mm, uint32_t frame) {}

static void soft_stats(const struct pmap *p, struct pmap_stats *ret_stats)
{
	const struct soft *s = soft_of(p);

	*ret_stats = (struct pmap_stats){.tables = s->tables};
	for (unsigned k = 0; k < RESIDENT_KINDS; k++)
		ret_stats->resident[k] = s->pmap.resident[k];
}

/* Verify. Each list holds distinct entries that name its frame, and all lists together hold as many
 * as there are: so every entry is in the list of its frame, once. */

__attribute__((format(printf, 3, 4))) static bool soft_wrong(char *why, unsigned size,
							     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return false;
}

static bool soft_verify_frame(const struct mm *mm, uint32_t frame, uint64_t *listed, char *why,
			      unsigned size)
{
	const struct soft_entry *prev = NULL;
	uint32_t maps = 0;

	for (struct soft_entry *e = soft_first(mm, frame); e; prev = e, e = e->next, maps++)
		if (!e->bits || e->frame != frame || e->prev != prev)
			return soft_wrong(why, size,
					  "frame %u: entry %u of its reverse map maps frame %u",
					  frame, maps, e->frame);
	if (maps != mm->frame[frame].maps)
		return soft_wrong(why, size, "frame %u: %u entries map it, but its maps say %u",
				  frame, maps, mm->frame[frame].maps);
	*listed += maps;
	return true;
}

static unsigned soft_table_count(const struct mm *mm, const struct table *t, uint64_t *resident)
{
	unsigned present = 0;

	for (unsigned i = 0; i < SPAN_PAGES; i++) {
		const struct soft_entry *e = &t->entry[i];

		present += e->bits != 0;
		if (e->bits && e->frame != mm->zero)
			resident[e->as]++;
	}
	return present;
}

static bool soft_verify_pmap(struct soft *s, uint64_t *entries, char *why, unsigned size)
{
	uint64_t resident[RESIDENT_KINDS] = {0}, tables = 0;
	struct table *t;

	RB_FOREACH (t, soft_tree, &s->tree) {
		unsigned present = soft_table_count(s->pmap.mm, t, resident);

		if (!present || present != t->present || t->owner != s)
			return soft_wrong(
			    why, size,
			    "space %u: the table at 0x%" PRIx64 " has %u entries, not %u",
			    s->pmap.space, t->span << SPAN_SHIFT, present, t->present);
		tables++;
	}
	for (unsigned k = 0; k < RESIDENT_KINDS; k++) {
		if (resident[k] != s->pmap.resident[k])
			return soft_wrong(why, size,
					  "space %u: %" PRIu64
					  " pages of kind %u are resident, not %" PRIu64,
					  s->pmap.space, resident[k], k, s->pmap.resident[k]);
		*entries += resident[k];
	}
	if (tables != s->tables)
		return soft_wrong(why, size, "space %u: %" PRIu64 " tables, not %" PRIu64,
				  s->pmap.space, tables, s->tables);
	return true;
}

static bool soft_verify(struct mm *mm, char *why, unsigned size)
{
	uint64_t listed = 0, entries = 0;

	for (uint32_t f = 0; f < mm->pool.untouched; f++)
		if (mm->frame[f].state != FRAME_FREE && f != mm->zero &&
		    !soft_verify_frame(mm, f, &listed, why, size))
			return false;
	for (struct soft *s = mm->pmap_state; s; s = s->next)
		if (!soft_verify_pmap(s, &entries, why, size))
			return false;
	if (listed != entries)
		return soft_wrong(why, size, "%" PRIu64 " entries, but %" PRIu64 " in reverse maps",
				  entries, listed);
	return true;
}

const struct pmap_ops soft_ops = {
    .name = "soft",
    .tables_take_frames = false,
    .create = soft_create,
    .destroy = soft_destroy,
    .table_alloc = soft_table_alloc,
    .table_free = soft_table_free,
    .tables_needed = soft_tables_needed,
    .enter = soft_enter,
    .enter_around = soft_enter_around,
    .lookup = soft_lookup,
    .next = soft_next,
    .touch = soft_touch,
    .unshare = soft_unshare,
    .unmap = soft_unmap,
    .protect = soft_protect,
    .share_tables_needed = soft_tables_needed,
    .share = soft_share,
    .has_table = soft_has_table,
    .move = soft_move,
    .remove = soft_remove,
    .harvest = soft_harvest,
    .clean = soft_clean,
    .dirty = soft_dirty,
    .places = soft_places,
    .frame_changed = soft_frame_changed,
    .stats = soft_stats,
    .verify = soft_verify,
};
