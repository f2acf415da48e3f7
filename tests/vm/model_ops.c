/* SPDX-License-Identifier: MIT */
/* model_ops.c - each operation, done to the model and to the system
 *
 * An operation that fails for want of memory must have changed nothing; the model then stays as it
 * was. Where Linux leaves half of the work done, what the regions say decides which half.
 */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAY(m, ...) snprintf((m)->text, sizeof((m)->text), __VA_ARGS__)

enum { ADVICE_DONTNEED = 4, ADVICE_FREE = 8, ADVICE_DONTFORK = 10, ADVICE_DOFORK = 11,
       ADVICE_WIPEONFORK = 18, ADVICE_KEEPONFORK = 19 };
enum { REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4, SYNC_NOW = 4 };

static const char *prot_text(unsigned prot)
{
	static const char *const text[] = {"---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"};
	return text[prot & PROT_ALL];
}

/* The op's range, within the window. */
static unsigned op_end(const struct op *op)
{
	unsigned end = op->page + (op->pages ? op->pages : 1u);
	return end < PAGES ? end : PAGES;
}

static void touched(struct model *m, unsigned first, unsigned last)
{
	m->first = first < m->first || m->last == m->first ? first : m->first;
	m->last = last > m->last ? last : m->last;
}

/* Is what came back what the model wants, or a want of memory that there may be? */
static bool outcome(struct model *m, int got, int want)
{
	if (got == want)
		return true;
	if (got == -ENOMEM && (m->world.failed || model_starved(m)))
		return true;
	return model_wrong(m, "returned %d, not %d", got, want);
}

static bool all_mapped(const struct model_space *s, unsigned first, unsigned end, bool want)
{
	for (unsigned i = first; i < end; i++)
		if (s->page[i].mapped != want)
			return false;
	return true;
}

static void clear(struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		s->page[i] = (struct model_page){.object = -1};
}

static const struct region *region_at(const struct model *m, const struct model_space *s, unsigned page)
{
	return regions_find(&s->space->regions, model_va(m, page));
}

/* Populating gives a private page contents of its own before anybody wrote: from then on what
 * lies beneath may change without it. */
static void find_own(const struct model *m, struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		struct model_page *p = &s->page[i];
		if (!p->mapped || p->shared || p->own || !anon_map_get(&s->space->anons, model_va(m, i)))
			continue;
		memcpy(p->bytes, model_bytes(m, p), PROBES);
		p->own = true;
	}
}

/* Accesses. */

static enum fault_result want_of(const struct model *m, const struct model_page *p, enum access access)
{
	static const uint8_t need[] = {
		[ACCESS_READ] = PROT_R | PROT_W, [ACCESS_WRITE] = PROT_W, [ACCESS_EXEC] = PROT_X};

	if (!p->mapped)
		return FAULT_SEGV_UNMAPPED;
	if (!(p->prot & need[access]))
		return FAULT_SEGV_PROTECTION;
	return model_beyond(m, p) ? FAULT_BUS_END : FAULT_DONE;
}

static bool access_outcome(struct model *m, const struct model_page *p, enum fault_result got, enum fault_result want)
{
	if (got == want)
		return true;
	if (want == FAULT_DONE && got == FAULT_NO_MEMORY && (m->world.failed || model_starved(m)))
		return true;
	if (want == FAULT_DONE && got == FAULT_BUS_IO && m->io == 1 && !p->own && p->object >= 0 && p->object < FILES)
		return true;
	return model_wrong(m, "fault result %u, not %u", got, want);
}

static void model_write(struct model *m, struct model_page *p, unsigned probe, uint8_t value)
{
	if (p->shared) {
		m->object[p->object].bytes[p->index][probe] = value;
		return;
	}
	if (!p->own)
		memcpy(p->bytes, model_bytes(m, p), PROBES);
	p->own = true;
	p->bytes[probe] = value;
}

/* The next page that is mapped, within a few. */
static unsigned next_mapped(const struct model_space *s, unsigned page)
{
	for (unsigned i = page; i < PAGES && i < page + 16; i++)
		if (s->page[i].mapped && s->page[i].prot)
			return i;
	return page;
}

static bool do_access(struct model *m, struct model_space *s, const struct op *op, enum access access)
{
	static const char *const text[] = {[ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_EXEC] = "execute"};
	unsigned page = op->mode & 32 ? op->page : next_mapped(s, op->page), probe = op->mode % PROBES;
	struct model_page *p = &s->page[page];
	struct fault_request q = {.va = model_va(m, page) + probe_at[probe], .access = access,
				  .by = op->mode & 64 ? BY_KERNEL : BY_PROGRAM};
	uint32_t frame;

	SAY(m, "pid %d: %s page %u%s", s->space->pid, text[access], page, m->io == 1 ? " (files cannot be read)" : "");
	touched(m, page, page + 1);
	enum fault_result got = space_access(s->space, &q, &frame);
	if (!access_outcome(m, p, got, want_of(m, p, access)))
		return false;
	if (got != FAULT_DONE) {
		m->refused++;
		return true;
	}
	uint8_t *byte = frame_bytes(m->mm, frame) + probe_at[probe], want = model_bytes(m, p)[probe];
	if (*byte != want)
		model_wrong(m, "byte %u is %u, not %u", probe_at[probe], *byte, want);
	if (access == ACCESS_WRITE) {
		m->mm->pmap->frame_changed(m->mm, frame);
		*byte = (uint8_t)op->value;
		model_write(m, p, probe, *byte);
	}
	frame_unhold(m->mm, frame);
	return !m->why[0];
}

/* Mapping. */

struct mapping {
	unsigned first, pages;
	struct model_page page; /* of the first; index goes up */
};

static void model_map(struct model_space *s, const struct mapping *g)
{
	for (unsigned i = 0; i < g->pages; i++) {
		s->page[g->first + i] = g->page;
		s->page[g->first + i].index += g->page.object < 0 ? 0 : i;
	}
}

/* Where a mapping without an address goes: the wish if it is free, else the highest hole. PAGES:
 * there is none. */
static unsigned model_place(const struct model_space *s, unsigned wish, unsigned pages)
{
	if (wish + pages <= PAGES && all_mapped(s, wish, wish + pages, false))
		return wish;
	for (unsigned at = PAGES - pages + 1; at-- > 0;)
		if (all_mapped(s, at, at + pages, false))
			return at;
	return PAGES;
}

static bool do_map(struct model *m, struct model_space *s, const struct op *op)
{
	static const char *const how[] = {"at", "at", "if free at", "near"};
	unsigned object = op->mode % (OBJECTS + 3), at = op->mode >> 6, first = op->page;
	bool with = object < OBJECTS && m->object[object].open;
	unsigned pages = op_end(op) - first, index = op->to % OBJECT_PAGES;
	if (with && pages > OBJECT_PAGES - index)
		pages = OBJECT_PAGES - index;
	bool shared = with && op->value & 256, fixed_max = shared && object < FILES && !(op->value & 0x600);
	unsigned max = fixed_max ? PROT_R | PROT_X : PROT_ALL;
	struct mapping g = {first, pages, {.mapped = true, .shared = shared, .prot = op->value & max, .prot_max = max,
			    .object = with ? (int)object : -1, .index = with ? index : 0}};
	struct map_request q = {.start = model_va(m, first), .length = (uint64_t)pages * PAGE_SIZE - op->to % 7,
				.prot = g.page.prot, .prot_max = max, .region_flags = shared ? REGION_SHARED : 0,
				.map_flags = (at < 2 ? MAP_AT : at == 2 ? MAP_AT_FREE : 0) | (op->value & 0x3800 ? 0 : MAP_POPULATE_),
				.object = with ? m->object[object].object : NULL, .offset = (uint64_t)(with ? index : 0) * PAGE_SIZE};
	int want = 0;
	uint64_t start = 0;

	SAY(m, "pid %d: map %u pages %s page %u, %s, %s, object %d from page %u%s", s->space->pid, pages, how[at], first,
	    prot_text(q.prot), shared ? "shared" : "private", g.page.object, index, q.map_flags & MAP_POPULATE_ ? ", populate" : "");
	if (at == 2 && !all_mapped(s, first, first + pages, false))
		want = -EEXIST;
	if (at == 3) {
		g.first = model_place(s, first, pages);
		if (g.first == PAGES) /* it would go outside of the window */
			return true;
	}
	touched(m, g.first, g.first + pages);
	int got = space_map(s->space, &q, &start);
	if (!outcome(m, got, want))
		return false;
	if (got == 0 && start != model_va(m, g.first))
		return model_wrong(m, "mapped at page %lld, not %u", (long long)(start - m->base) / PAGE_SIZE, g.first);
	if (got == 0) {
		model_map(s, &g);
		find_own(m, s, g.first, g.first + pages);
	}
	m->refused += got != 0;
	return true;
}

static bool do_unmap(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);

	SAY(m, "pid %d: unmap %u pages at page %u", s->space->pid, end - op->page, op->page);
	touched(m, op->page, end);
	int got = space_unmap(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE);
	if (!outcome(m, got, 0))
		return false;
	if (got == 0)
		clear(s, op->page, end);
	m->refused += got != 0;
	return true;
}

/* How far a protection can be set, and why not further. */
static int protect_want(const struct model_space *s, unsigned first, unsigned end, unsigned prot, unsigned *ret_limit)
{
	unsigned i = first;
	int want = 0;

	for (; i < end && !want; i++)
		want = !s->page[i].mapped ? -ENOMEM : prot & ~s->page[i].prot_max ? -EACCES : 0;
	*ret_limit = want ? i - 1 : i;
	return want;
}

static bool do_protect(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op), prot = op->value & PROT_ALL, limit;
	int want = protect_want(s, op->page, end, prot, &limit);

	SAY(m, "pid %d: protect %u pages at page %u, %s", s->space->pid, end - op->page, op->page, prot_text(prot));
	touched(m, op->page, end);
	int got = space_protect(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE, prot);
	if (!outcome(m, got, want))
		return false;
	m->refused += got != 0;
	unsigned differs = op->page;
	while (differs < limit && s->page[differs].prot == prot)
		differs++;
	/* A want of memory and a hole look the same: was it done? */
	if (differs == limit || region_at(m, s, differs)->prot != prot)
		return got == want || got == -ENOMEM;
	for (unsigned i = op->page; i < limit; i++)
		s->page[i].prot = prot;
	return true;
}

/* Processes. */

static struct model_space *space_slot(struct model *m)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (!m->space[i].space)
			return &m->space[i];
	return NULL;
}

static bool new_space(struct model *m, struct model_space *s)
{
	struct space_layout layout = {.bottom = m->base, .top = model_va(m, PAGES), .map_top = model_va(m, PAGES)};
	int got = space_create(m->mm, ++m->last_pid, NULL, &layout, &s->space);

	SAY(m, "pid %d: new", m->last_pid);
	if (!outcome(m, got, 0) || got)
		return !m->why[0];
	clear(s, 0, PAGES);
	s->space->brk_start = s->space->brk = s->brk = model_va(m, BRK_PAGE);
	return true;
}

static bool do_fork(struct model *m, struct model_space *s, const struct op *op)
{
	struct model_space *c = space_slot(m);

	if (!c)
		return true;
	SAY(m, "pid %d: fork pid %d", s->space->pid, m->last_pid + 1);
	touched(m, 0, PAGES);
	int got = space_fork(s->space, ++m->last_pid, NULL, &c->space);
	if (!outcome(m, got, 0))
		return false;
	m->refused += got != 0;
	if (got)
		return true;
	c->brk = s->brk;
	memcpy(c->page, s->page, sizeof(c->page));
	for (unsigned i = 0; i < PAGES; i++) {
		c->page[i].locked = false;
		if (c->page[i].dont_fork)
			clear(c, i, i + 1);
		else if (c->page[i].wipe)
			c->page[i].own = false;
	}
	return true;
}

static bool do_exit(struct model *m, struct model_space *s, const struct op *op)
{
	SAY(m, "pid %d: exit", s->space->pid);
	space_destroy(s->space);
	s->space = NULL;
	return true;
}

static bool do_brk(struct model *m, struct model_space *s, const struct op *op)
{
	uint64_t to = model_va(m, BRK_PAGE) + op->value % (64 * PAGE_SIZE) - (op->mode & 15 ? 0 : PAGE_SIZE);
	uint64_t old = page_up(s->brk), new = page_up(to), want = to;
	unsigned first = (min_u64(old, new) - m->base) / PAGE_SIZE, end = (max_u64(old, new) - m->base) / PAGE_SIZE;

	SAY(m, "pid %d: brk to 0x%llx", s->space->pid, (unsigned long long)(to - m->base));
	touched(m, first, end);
	if (to < model_va(m, BRK_PAGE))
		want = s->brk;
	else if (new > old && !all_mapped(s, first, end + 1, false)) /* one page stays free above */
		want = s->brk;
	uint64_t got = space_brk(s->space, to);
	if (got != want && !(got == s->brk && (m->world.failed || model_starved(m))))
		return model_wrong(m, "returned 0x%llx", (unsigned long long)(got - m->base));
	if (got == to && new < old)
		clear(s, first, end);
	if (got == to && new > old)
		model_map(s, &(struct mapping){first, end - first, {.mapped = true, .prot = PROT_R | PROT_W,
					       .prot_max = PROT_ALL, .object = -1}});
	s->brk = got;
	return true;
}

/* mremap. */

/* Would these pages lie in one region, merged as far as can be? */
static bool alike(const struct model_space *s, unsigned first, unsigned end)
{
	const struct model_page *a = &s->page[first];

	for (unsigned i = first; i < end; i++) {
		const struct model_page *p = &s->page[i];
		if (!p->mapped || p->prot != a->prot || p->prot_max != a->prot_max || p->shared != a->shared ||
		    p->object != a->object || (a->object >= 0 && p->index != a->index + (i - first)) ||
		    p->dont_fork != a->dont_fork || p->wipe != a->wipe || p->locked != a->locked)
			return false;
	}
	return true;
}

static void model_move(struct model_space *s, unsigned from, unsigned n, unsigned to, unsigned pages, bool keep)
{
	static struct model_page moved[PAGES];
	struct model_page last = s->page[from + n - 1];

	memcpy(moved, &s->page[from], n * sizeof(*moved));
	for (unsigned i = from; i < from + n; i++)
		s->page[i].own = false;
	if (!keep)
		clear(s, from, from + n);
	for (unsigned i = 0; i < pages; i++) {
		s->page[to + i] = i < n ? moved[i] : last;
		if (i < n)
			continue;
		s->page[to + i].own = false;
		s->page[to + i].index += last.object < 0 ? 0 : i - (n - 1);
	}
}

static bool do_remap(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned from = op->page, n = op_end(op) - from, pages = op->value % 4 ? n : 1 + op->value / 4 % 8;
	unsigned flags = op->mode % 3 ? REMAP_MAYMOVE : 0, to = op->to % PAGES;
	if (op->mode % 3 == 2)
		flags |= REMAP_FIXED;
	if (to + pages > PAGES)
		to = PAGES - pages;
	if (flags & REMAP_FIXED && pages == n && op->value & 0x10000)
		flags |= REMAP_DONTUNMAP;
	bool overlap = from < to + pages && to < from + n, one = alike(s, from, from + n);
	const struct model_page *p = &s->page[from];
	if (one && p->object >= 0 && p->index + pages > OBJECT_PAGES)
		return true; /* more of an object than the model knows */
	const struct region *r = region_at(m, s, from);
	/* As on Linux, a fork or a lock may leave neighbours apart that are alike. */
	one = one && r->end >= model_va(m, from + n);
	int want = flags & REMAP_FIXED && overlap ? -EINVAL : one ? 0 : -EFAULT;
	uint64_t start = 0;

	SAY(m, "pid %d: remap %u pages at page %u to %u pages%s%s%s", s->space->pid, n, from, pages,
	    flags & REMAP_MAYMOVE ? ", may move" : "", flags & REMAP_FIXED ? ", fixed" : "", flags & REMAP_DONTUNMAP ? ", keep" : "");
	if (flags & REMAP_FIXED)
		snprintf(m->text + strlen(m->text), 32, " to page %u", to);
	if (!(flags & REMAP_FIXED) && pages > n && model_place(s, PAGES, pages) == PAGES)
		return true; /* it would go outside of the window */
	touched(m, from, from + n);
	touched(m, to, to + pages);
	int got = space_remap(s->space, model_va(m, from), (uint64_t)n * PAGE_SIZE, (uint64_t)pages * PAGE_SIZE, flags,
			      model_va(m, to), &start);
	m->refused += got != 0;
	bool grows = pages > n && !(flags & REMAP_FIXED);
	if (got == -ENOMEM && want == 0 && grows && !(flags & REMAP_MAYMOVE))
		return true; /* no room right there */
	if (!outcome(m, got, want))
		return false;
	for (unsigned i = to; got && !want && flags & REMAP_FIXED && i < to + pages; i++)
		if (!region_at(m, s, i)) /* as on Linux, what was at the new place is gone already */
			clear(s, i, i + 1);
	if (got)
		return true;
	unsigned at = (start - m->base) / PAGE_SIZE;
	if (at + pages > PAGES)
		return model_wrong(m, "moved to page %u", at);
	touched(m, at, at + pages);
	if (flags & REMAP_FIXED ? at != to : !grows && at != from)
		return model_wrong(m, "moved to page %u", at);
	if (grows && !all_mapped(s, at == from ? from + n : at, at + pages, false))
		return model_wrong(m, "moved over what is at page %u", at);
	if (at == from && pages < n)
		clear(s, from + pages, from + n);
	else
		model_move(s, from, n, at, pages, flags & REMAP_DONTUNMAP);
	find_own(m, s, at, at + pages);
	return true;
}

/* Ranges that stay. */

static bool advise_refused(const struct model_page *p, int advice)
{
	switch (advice) {
	case ADVICE_DONTNEED: return p->locked;
	case ADVICE_FREE: return p->object >= 0;
	case ADVICE_WIPEONFORK: return p->object >= 0;
	default: return false;
	}
}

static void advise_page(struct model_page *p, int advice)
{
	switch (advice) {
	case ADVICE_DONTNEED: p->own = false; break;
	case ADVICE_DONTFORK: p->dont_fork = true; break;
	case ADVICE_DOFORK: p->dont_fork = false; break;
	case ADVICE_WIPEONFORK: p->wipe = true; break;
	case ADVICE_KEEPONFORK: p->wipe = false; break;
	default: break; /* FREE may free later or never: without swap it never does */
	}
}

/* Was a change of the range made, for which memory may have been wanting? */
static bool advise_done(const struct model *m, const struct model_space *s, unsigned first, unsigned end, int advice)
{
	unsigned flag = advice == ADVICE_DONTFORK || advice == ADVICE_DOFORK ? REGION_DONTFORK : REGION_WIPEONFORK;
	bool set = advice == ADVICE_DONTFORK || advice == ADVICE_WIPEONFORK;

	if (advice == ADVICE_FREE)
		return true;
	if (advice == ADVICE_DONTNEED) {
		for (unsigned i = first; i < end; i++)
			if (s->page[i].own && anon_map_get(&s->space->anons, model_va(m, i)))
				return false;
		return true;
	}
	for (unsigned i = first; i < end; i++) {
		const struct region *r = region_at(m, s, i);
		if (r && !(r->flags & flag) == set)
			return false;
	}
	return true;
}

static bool do_advise(struct model *m, struct model_space *s, const struct op *op)
{
	static const int known[] = {ADVICE_DONTNEED, ADVICE_DONTNEED, ADVICE_DONTNEED, ADVICE_FREE, ADVICE_DONTFORK,
				    ADVICE_DOFORK, ADVICE_WIPEONFORK, ADVICE_KEEPONFORK};
	int advice = known[op->mode % array_size(known)], want = 0;
	unsigned end = op_end(op);

	SAY(m, "pid %d: advise %d for %u pages at page %u", s->space->pid, advice, end - op->page, op->page);
	for (unsigned i = op->page; i < end; i++)
		if (s->page[i].mapped && advise_refused(&s->page[i], advice))
			want = -EINVAL;
	if (!want && !all_mapped(s, op->page, end, true))
		want = -ENOMEM;
	touched(m, op->page, end);
	int got = space_advise(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE, advice);
	if (!outcome(m, got, want))
		return false;
	m->refused += got != 0;
	if (got == -EINVAL || !advise_done(m, s, op->page, end, advice))
		return got != 0 || model_wrong(m, "returned 0 but did not do it");
	for (unsigned i = op->page; i < end; i++)
		if (s->page[i].mapped)
			advise_page(&s->page[i], advice);
	return true;
}

static bool do_populate(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);
	bool fault = false, whole = all_mapped(s, op->page, end, true);

	SAY(m, "pid %d: populate %u pages at page %u", s->space->pid, end - op->page, op->page);
	for (unsigned i = op->page; i < end; i++)
		fault |= s->page[i].mapped && (!s->page[i].prot || model_beyond(m, &s->page[i]));
	int got = space_populate(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE, op->mode & 1);
	m->refused += got != 0;
	find_own(m, s, op->page, end);
	if (got == -EFAULT && (fault || m->io == 1))
		return true;
	/* A page without permission that is resident is not looked at. */
	return outcome(m, got, whole ? 0 : -ENOMEM);
}

static bool do_sync(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);

	SAY(m, "pid %d: sync %u pages at page %u%s", s->space->pid, end - op->page, op->page, m->io == 2 ? " (files cannot be written)" : "");
	int got = space_sync(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE, SYNC_NOW);
	m->refused += got != 0;
	if (got == -EIO && m->io == 2)
		return true;
	if (!outcome(m, got, all_mapped(s, op->page, end, true) ? 0 : -ENOMEM))
		return false;
	for (unsigned i = op->page; i < end; i++) {
		const struct model_page *p = &s->page[i];
		if (!p->mapped || !p->shared || p->object >= FILES || model_beyond(m, p))
			continue;
		const struct model_object *o = &m->object[p->object];
		for (unsigned k = 0; k < PROBES; k++)
			if (o->disk[p->index][probe_at[k]] != o->bytes[p->index][k])
				return model_wrong(m, "page %u of file %d: byte %u on disk is %u, not %u", p->index, p->object,
						   probe_at[k], o->disk[p->index][probe_at[k]], o->bytes[p->index][k]);
	}
	return true;
}

static bool do_lock(struct model *m, struct model_space *s, const struct op *op)
{
	bool lock = op->mode % 4 == 0, fault = m->io == 1;
	unsigned end = lock && op->pages > 4 ? op->page + 4u : op_end(op);
	end = end < PAGES ? end : PAGES;
	int want = all_mapped(s, op->page, end, true) ? 0 : -ENOMEM;

	SAY(m, "pid %d: %slock %u pages at page %u", s->space->pid, lock ? "" : "un", end - op->page, op->page);
	touched(m, op->page, end);
	for (unsigned i = op->page; i < end; i++)
		fault |= s->page[i].mapped && (!s->page[i].prot || model_beyond(m, &s->page[i]));
	int got = space_lock(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE, lock);
	m->refused += got != 0;
	find_own(m, s, op->page, end);
	if (!(got == -ENOMEM && lock && fault) && !outcome(m, got, want))
		return false;
	if (want)
		return true;
	/* Locked it stays, even where not all could be brought in. */
	for (unsigned i = op->page; i < end; i++)
		if (!(region_at(m, s, i)->flags & REGION_LOCKED) == lock)
			return got != 0;
	for (unsigned i = op->page; i < end; i++)
		s->page[i].locked = lock;
	return true;
}

/* Objects. */

static int pager_get(void *ctx, uint64_t index, uint8_t *bytes)
{
	struct model_object *o = ctx;

	if (o->model->io == 1)
		return -EIO;
	memcpy(bytes, o->disk[index], PAGE_SIZE);
	return 0;
}

static int pager_put(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length)
{
	struct model_object *o = ctx;

	if (o->model->io == 2)
		return -EIO;
	memcpy(o->disk[index], bytes, length);
	return 0;
}

static int pager_peek(void *ctx, uint64_t index, uint8_t *bytes)
{
	struct model_object *o = ctx;

	memcpy(bytes, o->disk[index], PAGE_SIZE);
	return 0;
}

static void pager_release(void *ctx)
{
	struct model_object *o = ctx;
	o->object = NULL;
}

static const struct pager file_pager = {pager_get, pager_put, pager_peek, pager_release};
static const struct pager shared_pager = {.release = pager_release};

static bool object_open(struct model *m, struct model_object *o)
{
	bool file = o - m->object < FILES;
	int got = object_create(m->mm, file ? OBJECT_FILE : OBJECT_SHARED, (uint64_t)o->pages * PAGE_SIZE,
				file ? &file_pager : &shared_pager, o, &o->object);

	if (!outcome(m, got, 0) || got)
		return !m->why[0];
	o->open = true;
	if (!file)
		memset(o->bytes, 0, sizeof(o->bytes));
	return true;
}

/* Closes an object, which lives on while it is mapped; opens it again once it is gone. */
static bool do_open(struct model *m, struct model_space *s, const struct op *op)
{
	struct model_object *o = &m->object[op->mode % OBJECTS];

	SAY(m, "%s object %u", o->open ? "close" : "open", op->mode % OBJECTS);
	if (!o->object)
		return object_open(m, o);
	if (!o->open || m->io == 2)
		return true;
	o->open = false;
	object_put(m->mm, o->object);
	return true;
}

/* Private copies of pages beyond a new end stay, other than on Linux; so such a file is not cut. */
static bool private_beyond(const struct model *m, unsigned object, unsigned pages)
{
	for (unsigned i = 0; i < SPACES; i++)
		for (unsigned k = 0; m->space[i].space && k < PAGES; k++) {
			const struct model_page *p = &m->space[i].page[k];
			if (p->mapped && !p->shared && p->object == (int)object && p->index >= pages)
				return true;
		}
	return false;
}

static bool do_resize(struct model *m, struct model_space *s, const struct op *op)
{
	struct model_object *o = &m->object[op->mode % OBJECTS];
	unsigned pages = op->value % (OBJECT_PAGES + 1), from = pages < o->pages ? pages : o->pages;

	if (!o->object || private_beyond(m, op->mode % OBJECTS, pages))
		return true;
	SAY(m, "object %u: %u pages, not %u", op->mode % OBJECTS, pages, o->pages);
	object_resize(m->mm, o->object, (uint64_t)pages * PAGE_SIZE);
	touched(m, 0, PAGES);
	o->pages = pages;
	for (unsigned i = from; i < OBJECT_PAGES; i++) {
		memset(o->bytes[i], 0, PROBES);
		if (o->disk)
			memset(o->disk[i], 0, PAGE_SIZE);
	}
	return true;
}

/* Frames: whatever happens to a mapping, nobody sees it. */

static uint32_t some_frame(const struct model *m, uint32_t n)
{
	for (uint32_t i = 0; i < m->mm->untouched; i++) {
		uint32_t f = (n + i) % m->mm->untouched;
		const struct frame *fr = frame_at(m->mm, f);
		if (fr->state == FRAME_OWNED && fr->maps)
			return f;
	}
	return NO_FRAME;
}

static bool do_frame(struct model *m, struct model_space *s, const struct op *op)
{
	uint32_t f = some_frame(m, op->value);

	if (f == NO_FRAME)
		return true;
	SAY(m, "frame %u: %s", f, op->kind == OP_REMOVE ? "unmap everywhere" : "harvest");
	touched(m, 0, PAGES);
	if (op->kind == OP_REMOVE)
		m->mm->pmap->remove(m->mm, f);
	else
		m->mm->pmap->harvest(m->mm, f);
	return true;
}

typedef bool op_function(struct model *, struct model_space *, const struct op *);

static bool do_read(struct model *m, struct model_space *s, const struct op *op) { return do_access(m, s, op, ACCESS_READ); }
static bool do_write(struct model *m, struct model_space *s, const struct op *op) { return do_access(m, s, op, ACCESS_WRITE); }
static bool do_exec(struct model *m, struct model_space *s, const struct op *op) { return do_access(m, s, op, ACCESS_EXEC); }

static op_function *const functions[OP_KINDS] = {
	[OP_WRITE] = do_write, [OP_READ] = do_read, [OP_EXEC] = do_exec, [OP_MAP] = do_map, [OP_UNMAP] = do_unmap,
	[OP_PROTECT] = do_protect, [OP_FORK] = do_fork, [OP_EXIT] = do_exit, [OP_BRK] = do_brk, [OP_REMAP] = do_remap,
	[OP_ADVISE] = do_advise, [OP_POPULATE] = do_populate, [OP_SYNC] = do_sync, [OP_LOCK] = do_lock,
	[OP_OPEN] = do_open, [OP_RESIZE] = do_resize, [OP_REMOVE] = do_frame, [OP_HARVEST] = do_frame,
};

/* The op's space; one that does not exist is made first. */
static struct model_space *op_space(struct model *m, const struct op *op)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (m->space[(op->space + i) % SPACES].space)
			return &m->space[(op->space + i) % SPACES];
	struct model_space *s = &m->space[op->space % SPACES];
	return new_space(m, s) && s->space ? s : NULL;
}

bool model_op(struct model *m, const struct op *op)
{
	m->text[0] = m->why[0] = '\0';
	m->first = m->last = 0;
	m->io = 0;
	m->world.failed = false;
	struct model_space *s = op_space(m, op);
	if (!s)
		return !m->why[0];
	m->io = op->io;
	m->world.fail_in = op->fail;
	bool ok = functions[op->kind](m, s, op);
	m->world.fail_in = -1;
	m->io = 0;
	mm_retired(m->mm);
	ok = ok && model_check(m);
	m->done++;
	if (m->verbose && m->text[0])
		printf("#   %s%s%s\n", m->text, m->world.failed ? " (an allocation failed)" : "", ok ? "" : "   <-- here");
	return ok;
}

void model_begin(struct model *m, uint64_t seed, bool verbose)
{
	static const uint32_t frames[] = {40, 96, 600};
	enum world_kind kind = seed % WORLD_KINDS;
	bool narrow = kind == WORLD_SOFT || kind == WORLD_SV39;

	*m = (struct model){.verbose = verbose};
	world_begin(&m->world, kind, frames[seed / WORLD_KINDS % array_size(frames)]);
	m->world.mm->config.fault_around = seed / 12 % 2 ? 8 : 1;
	m->world.seed = seed;
	m->mm = m->world.mm;
	m->base = (UINT64_C(1) << (narrow ? 30 : 39)) - EDGE * PAGE_SIZE;
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct model_object *o = &m->object[i];
		o->model = m;
		o->pages = OBJECT_PAGES - i;
		o->disk = i < FILES ? calloc(OBJECT_PAGES, PAGE_SIZE) : NULL;
		for (unsigned k = 0; o->disk && k < o->pages * PROBES; k++)
			o->disk[k / PROBES][probe_at[k % PROBES]] = o->bytes[k / PROBES][k % PROBES] = (uint8_t)(k * 7 + i + 1);
		object_open(m, o);
	}
}

static bool files_check(struct model *m)
{
	for (unsigned i = 0; i < FILES; i++) {
		const struct model_object *o = &m->object[i];
		for (unsigned k = 0; k < o->pages * PROBES; k++) {
			unsigned got = o->disk[k / PROBES][probe_at[k % PROBES]], want = o->bytes[k / PROBES][k % PROBES];
			if (got != want)
				return model_wrong(m, "page %u of file %u: byte %u was stored as %u, but the file has %u",
						   k / PROBES, i, probe_at[k % PROBES], want, got);
		}
	}
	return true;
}

bool model_end(struct model *m)
{
	char why[256] = "";

	for (unsigned i = 0; i < SPACES; i++)
		if (m->space[i].space)
			space_destroy(m->space[i].space);
	for (unsigned i = 0; i < OBJECTS; i++)
		if (m->object[i].open)
			object_put(m->mm, m->object[i].object);
	bool ok = files_check(m);
	if (ok && !mm_verify(m->mm, why, sizeof(why)))
		ok = model_wrong(m, "mm_verify at the end: %s", why);
	if (ok && m->mm->free != m->mm->frames - 1)
		ok = model_wrong(m, "%u of %u frames came back", m->mm->free + 1, m->mm->frames);
	world_end(&m->world);
	for (unsigned i = 0; i < OBJECTS; i++)
		free(m->object[i].disk);
	return ok && (m->world.bytes == 0 || model_wrong(m, "%llu bytes of the host's memory did not come back",
							 (unsigned long long)m->world.bytes));
}
