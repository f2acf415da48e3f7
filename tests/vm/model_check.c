/* SPDX-License-Identifier: MIT */
/* model_check.c - does the system show what the model says? */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const unsigned probe_at[PROBES] = {0, 1, 2047, 4095};

bool model_wrong(struct model *m, const char *format, ...)
{
	va_list args;

	if (m->why[0])
		return false;
	va_start(args, format);
	vsnprintf(m->why, sizeof(m->why), format, args);
	va_end(args);
	return false;
}

bool model_starved(struct model *m)
{
	enum { NEEDED = RESERVE_FRAMES + RESERVE_TABLES + 2 };
	uint32_t can = m->mm->pool.free;

	for (uint32_t f = 0; f < m->mm->pool.untouched && can < NEEDED; f++)
		can += frame_evictable(m->mm, f);
	return can < NEEDED;
}

const uint8_t *model_bytes(const struct model *m, const struct model_page *p)
{
	static const uint8_t zeros[PROBES];

	if (p->own)
		return p->bytes;
	return p->object < 0 ? zeros : m->object[p->object].bytes[p->index];
}

void model_settle(struct model_page *p, const uint8_t *bytes)
{
	for (unsigned i = 0; i < PROBES; i++)
		if (!p->own || !p->given_up || bytes[probe_at[i]])
			return;
	memset(p->bytes, 0, PROBES);
}

bool model_beyond(const struct model *m, const struct model_page *p)
{
	return !p->own && p->object >= 0 && p->index >= m->object[p->object].pages;
}

/* What the page tables show of a page, if they do, must be right, and no more than allowed. */
static bool check_entry(struct model *m, const struct model_space *s, unsigned page)
{
	const struct model_page *p = &s->page[page];
	struct pmap_entry e;

	if (!m->mm->pmap->lookup(s->space->pmap, model_va(m, page), &e))
		return true;
	if (!p->mapped || p->barred || model_beyond(m, p))
		return model_wrong(m, "page %u of pid %d is in the page tables, but not there",
				   page, s->space->pid);
	unsigned allowed = p->prot | (p->prot & PROT_W ? PROT_R : 0);
	if (e.prot & ~allowed)
		return model_wrong(m, "page %u of pid %d may be used as %u, but only %u is allowed",
				   page, s->space->pid, e.prot, allowed);
	const uint8_t *bytes = frame_bytes(m->mm, e.frame), *want = model_bytes(m, p);
	model_settle((struct model_page *)p, bytes);
	for (unsigned i = 0; i < PROBES; i++)
		if (bytes[probe_at[i]] != want[i])
			return model_wrong(
			    m, "page %u of pid %d: byte %u is %u in its mapped frame %u, not %u",
			    page, s->space->pid, probe_at[i], bytes[probe_at[i]], e.frame, want[i]);
	return true;
}

static bool check_region(struct model *m, const struct model_space *s, unsigned page)
{
	const struct model_page *p = &s->page[page];
	const struct region *r = regions_find(&s->space->regions, model_va(m, page));

	if (!r != !p->mapped)
		return model_wrong(m, "page %u of pid %d is %smapped", page, s->space->pid,
				   r ? "" : "not ");
	if (!r)
		return true;
	const struct object *o = p->object < 0 ? NULL : m->object[p->object].object;
	if (r->prot != p->prot || r->prot_max != p->prot_max || r->object != o ||
	    !(r->flags & REGION_SHARED) != !p->shared || !(r->flags & REGION_LOCKED) != !p->locked ||
	    !(r->flags & REGION_LOCKONFAULT) != !p->on_fault ||
	    !(r->flags & REGION_DONTFORK) != !p->dont_fork ||
	    !(r->flags & REGION_WIPEONFORK) != !p->wipe || !(r->flags & REGION_SEALED) != !p->sealed)
		return model_wrong(m,
				   "page %u of pid %d: its region says prot %u of %u, flags 0x%x; "
				   "not prot %u of %u, %s%s, object %d",
				   page, s->space->pid, r->prot, r->prot_max, r->flags, p->prot,
				   p->prot_max, p->shared ? "shared" : "private",
				   p->locked ? ", locked" : "", p->object);
	if (o && region_index(r, model_va(m, page)) != p->index)
		return model_wrong(m, "page %u of pid %d shows page %u of its object, not %u", page,
				   s->space->pid, (unsigned)region_index(r, model_va(m, page)),
				   p->index);
	return true;
}

bool model_check_page(struct model *m, const struct model_space *s, unsigned page)
{
	const struct model_page *p = &s->page[page];
	uint8_t bytes[PAGE_SIZE];

	if (!check_region(m, s, page) || !check_entry(m, s, page))
		return false;
	bool seen = space_peek(s->space, model_va(m, page), bytes, PAGE_SIZE);
	if (seen != (p->mapped && !p->barred && !model_beyond(m, p)))
		return model_wrong(m, "page %u of pid %d can %sbe peeked at", page, s->space->pid,
				   seen ? "" : "not ");
	if (seen)
		model_settle((struct model_page *)p, bytes);
	const uint8_t *want = seen ? model_bytes(m, p) : NULL;
	for (unsigned i = 0; seen && i < PROBES; i++)
		if (bytes[probe_at[i]] != want[i])
			return model_wrong(m, "page %u of pid %d: byte %u is %u, not %u", page,
					   s->space->pid, probe_at[i], bytes[probe_at[i]], want[i]);
	return true;
}

/* All that the operation may have changed, and some more. */
bool model_check(struct model *m)
{
	char why[256] = "";

	if (!mm_verify(m->mm, why, sizeof(why)))
		return model_wrong(m, "mm_verify: %s", why);
	for (unsigned i = 0; i < SPACES; i++) {
		const struct model_space *s = &m->space[i];

		if (!s->space)
			continue;
		if (s->space->brk != s->brk)
			return model_wrong(m, "the heap of pid %d ends at 0x%llx, not 0x%llx",
					   s->space->pid, (unsigned long long)s->space->brk,
					   (unsigned long long)s->brk);
		unsigned n = m->last - m->first, step = n / 16 + 1;
		for (unsigned page = m->first; page < m->last; page += step)
			if (!model_check_page(m, s, page))
				return false;
		for (unsigned k = 0; k < 4; k++)
			if (!model_check_page(m, s,
					      m->world.host.random(&m->world) / 65536 % PAGES))
				return false;
	}
	return true;
}
