/* SPDX-License-Identifier: MIT */
/* model_ops.c - each operation, done to the model and to the system
 *
 * An operation that fails for want of memory must have changed nothing; the model then stays as it
 * was. Where Linux leaves half of the work done, what the regions say decides which half.
 */
#include "model_private.h"

static const char *prot_text(unsigned prot)
{
	static const char *const text[] = {"---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"};
	return text[prot & PROT_ALL];
}

unsigned op_end(const struct op *op)
{
	unsigned end = op->page + (op->pages ? op->pages : 1u);
	return end < PAGES ? end : PAGES;
}

void model_touch(struct model *m, unsigned first, unsigned last)
{
	m->first = first < m->first || m->last == m->first ? first : m->first;
	m->last = last > m->last ? last : m->last;
}

bool model_outcome(struct model *m, int got, int want)
{
	if (got == want)
		return true;
	if (got == -ENOMEM && (m->world.failed || model_starved(m)))
		return true;
	return model_wrong(m, "returned %d, not %d", got, want);
}

bool model_all_mapped(const struct model_space *s, unsigned first, unsigned end, bool want)
{
	for (unsigned i = first; i < end; i++)
		if (s->page[i].mapped != want)
			return false;
	return true;
}

bool model_sealed(const struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		if (s->page[i].sealed)
			return true;
	return false;
}

void model_clear(struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		s->page[i] = (struct model_page){.object = -1};
}

const struct region *model_region(const struct model *m, const struct model_space *s, unsigned page)
{
	return regions_find(&s->space->regions, model_va(m, page));
}

void model_find_own(const struct model *m, struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		struct model_page *p = &s->page[i];
		if (!p->mapped || p->shared || p->own ||
		    !anon_map_get(&s->space->anons, model_va(m, i)))
			continue;
		memcpy(p->bytes, model_bytes(m, p), PROBES);
		p->own = true;
	}
}

/* Accesses. */

static enum fault_result want_of(const struct model *m, const struct model_page *p,
				 enum access access)
{
	static const uint8_t need[] = {
	    [ACCESS_READ] = PROT_R | PROT_W, [ACCESS_WRITE] = PROT_W, [ACCESS_EXEC] = PROT_X};

	if (!p->mapped)
		return FAULT_SEGV_UNMAPPED;
	if (!(p->prot & need[access]))
		return FAULT_SEGV_PROTECTION;
	if (p->barred)
		return FAULT_SEGV_UNMAPPED;
	return model_beyond(m, p) ? FAULT_BUS_END : FAULT_DONE;
}

static bool access_outcome(struct model *m, const struct model_page *p, enum fault_result got,
			   enum fault_result want)
{
	if (got == want)
		return true;
	if (want == FAULT_DONE && got == FAULT_NO_MEMORY && (m->world.failed || model_starved(m)))
		return true;
	if (want == FAULT_DONE && got == FAULT_BUS_IO && m->io == 1 && !p->own && p->object >= 0 &&
	    p->object < FILES)
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
	p->given_up = false;
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

static bool do_access(struct model *m, struct model_space *s, const struct op *op,
		      enum access access)
{
	static const char *const text[] = {
	    [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_EXEC] = "execute"};
	unsigned page = op->mode & 32 ? op->page : next_mapped(s, op->page),
		 probe = op->mode % PROBES;
	struct model_page *p = &s->page[page];
	struct fault_request q = {.va = model_va(m, page) + probe_at[probe],
				  .access = access,
				  .by = op->mode & 64 ? BY_KERNEL : BY_PROGRAM};
	uint32_t frame;

	SAY(m, "pid %d: %s page %u%s", s->space->pid, text[access], page,
	    m->io == 1 ? " (files cannot be read)" : "");
	model_touch(m, page, page + 1);
	enum fault_result got = space_access(s->space, &q, &frame);
	if (!access_outcome(m, p, got, want_of(m, p, access)))
		return false;
	if (got != FAULT_DONE) {
		m->refused++;
		return true;
	}
	model_settle(p, frame_bytes(m->mm, frame));
	uint8_t *byte = frame_bytes(m->mm, frame) + probe_at[probe],
		want = model_bytes(m, p)[probe];
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

void model_map(struct model_space *s, const struct mapping *g)
{
	for (unsigned i = 0; i < g->pages; i++) {
		s->page[g->first + i] = g->page;
		s->page[g->first + i].index += g->page.object < 0 ? 0 : i;
	}
}

unsigned model_place(const struct model_space *s, unsigned wish, unsigned pages)
{
	if (wish + pages <= PAGES && model_all_mapped(s, wish, wish + pages, false))
		return wish;
	for (unsigned at = PAGES - pages + 1; at-- > 0;)
		if (model_all_mapped(s, at, at + pages, false))
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
	bool shared = with && op->value & 256,
	     fixed_max = shared && object < FILES && !(op->value & 0x600);
	unsigned max = fixed_max ? PROT_R | PROT_X : PROT_ALL;
	struct mapping g = {first,
			    pages,
			    {.mapped = true,
			     .shared = shared,
			     .prot = op->value & max,
			     .prot_max = max,
			     .object = with ? (int)object : -1,
			     .index = with ? index : 0}};
	struct map_request q = {.start = model_va(m, first),
				.length = (uint64_t)pages * PAGE_SIZE - op->to % 7,
				.prot = g.page.prot,
				.prot_max = max,
				.region_flags = shared ? REGION_SHARED : 0,
				.map_flags = at < 2 ? MAP_AT : at == 2 ? MAP_AT_FREE : 0,
				.object = with ? m->object[object].object : NULL,
				.offset = (uint64_t)(with ? index : 0) * PAGE_SIZE};
	bool populate = !(op->value & 0x3800);
	int want = 0;
	uint64_t start = 0;

	SAY(m, "pid %d: map %u pages %s page %u, %s, %s, object %d from page %u%s", s->space->pid,
	    pages, how[at], first, prot_text(q.prot), shared ? "shared" : "private", g.page.object,
	    index, populate ? ", populate" : "");
	if (at == 2 && !model_all_mapped(s, first, first + pages, false))
		want = -EEXIST;
	if (at < 2 && model_sealed(s, first, first + pages))
		want = -EPERM;
	if (at == 3) {
		g.first = model_place(s, first, pages);
		if (g.first == PAGES) /* it would go outside of the window */
			return true;
	}
	model_touch(m, g.first, g.first + pages);
	int got = space_map(s->space, &q, &start);
	if (!model_outcome(m, got, want))
		return false;
	if (got == 0 && start != model_va(m, g.first))
		return model_wrong(m, "mapped at page %lld, not %u",
				   (long long)(start - m->base) / PAGE_SIZE, g.first);
	if (got == 0) {
		if (populate)
			(void)space_populate(s->space, start, q.length, true); /* as far as it goes */
		model_map(s, &g);
		model_find_own(m, s, g.first, g.first + pages);
	}
	m->refused += got != 0;
	return true;
}

static bool do_unmap(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);

	SAY(m, "pid %d: unmap %u pages at page %u", s->space->pid, end - op->page, op->page);
	model_touch(m, op->page, end);
	int got =
	    space_unmap(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE);
	if (!model_outcome(m, got, model_sealed(s, op->page, end) ? -EPERM : 0))
		return false;
	if (got == 0)
		model_clear(s, op->page, end);
	m->refused += got != 0;
	return true;
}

/* How far a protection can be set, and why not further. */
static int protect_want(const struct model_space *s, unsigned first, unsigned end, unsigned prot,
			unsigned *ret_limit)
{
	unsigned i = first;
	int want = 0;

	for (; i < end && !want; i++)
		want = !s->page[i].mapped		? -ENOMEM
		       : prot & ~s->page[i].prot_max	? -EACCES
		       : s->page[i].sealed		? -EPERM
							: 0;
	*ret_limit = want ? i - 1 : i;
	return want;
}

static bool do_protect(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op), prot = op->value & PROT_ALL, limit;
	int want = protect_want(s, op->page, end, prot, &limit);

	SAY(m, "pid %d: protect %u pages at page %u, %s", s->space->pid, end - op->page, op->page,
	    prot_text(prot));
	model_touch(m, op->page, end);
	int got = space_protect(s->space, model_va(m, op->page),
				(uint64_t)(end - op->page) * PAGE_SIZE, prot);
	if (!model_outcome(m, got, want))
		return false;
	m->refused += got != 0;
	unsigned differs = op->page;
	while (differs < limit && s->page[differs].prot == prot)
		differs++;
	/* A want of memory and a hole look the same: was it done? */
	if (differs == limit || model_region(m, s, differs)->prot != prot)
		return got == want || got == -ENOMEM;
	for (unsigned i = op->page; i < limit; i++)
		s->page[i].prot = prot;
	/* What is locked and may be written now was brought in. */
	model_find_own(m, s, op->page, limit);
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
	struct space_layout layout = {
	    .bottom = m->base, .top = model_va(m, PAGES), .map_top = model_va(m, PAGES)};
	int got = space_create(m->mm, ++m->last_pid, NULL, &layout, &s->space);

	SAY(m, "pid %d: new", m->last_pid);
	if (!model_outcome(m, got, 0) || got)
		return !m->why[0];
	model_clear(s, 0, PAGES);
	s->space->brk_start = s->space->brk = s->brk = model_va(m, BRK_PAGE);
	return true;
}

static bool do_fork(struct model *m, struct model_space *s, const struct op *op)
{
	struct model_space *c = space_slot(m);

	if (!c)
		return true;
	SAY(m, "pid %d: fork pid %d", s->space->pid, m->last_pid + 1);
	model_touch(m, 0, PAGES);
	int got = space_fork(s->space, ++m->last_pid, NULL, &c->space);
	if (!model_outcome(m, got, 0))
		return false;
	m->refused += got != 0;
	if (got)
		return true;
	c->brk = s->brk;
	memcpy(c->page, s->page, sizeof(c->page));
	for (unsigned i = 0; i < PAGES; i++) {
		c->page[i].locked = c->page[i].on_fault = false;
		if (c->page[i].dont_fork)
			model_clear(c, i, i + 1);
		else if (c->page[i].wipe)
			c->page[i].own = c->page[i].barred = false;
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
	uint64_t to =
	    model_va(m, BRK_PAGE) + op->value % (64 * PAGE_SIZE) - (op->mode & 15 ? 0 : PAGE_SIZE);
	uint64_t old = page_up(s->brk), new = page_up(to), want = to;
	unsigned first = (min_u64(old, new) - m->base) / PAGE_SIZE,
		 end = (max_u64(old, new) - m->base) / PAGE_SIZE;

	SAY(m, "pid %d: brk to 0x%llx", s->space->pid, (unsigned long long)(to - m->base));
	model_touch(m, first, end);
	if (to < model_va(m, BRK_PAGE))
		want = s->brk;
	else if (new > old &&
		 !model_all_mapped(s, first, end + 1, false)) /* one page stays free above */
		want = s->brk;
	else if (new < old && model_sealed(s, first, end))
		want = s->brk;
	uint64_t got = space_brk(s->space, to);
	if (got != want && !(got == s->brk && (m->world.failed || model_starved(m))))
		return model_wrong(m, "returned 0x%llx", (unsigned long long)(got - m->base));
	if (got == to && new < old)
		model_clear(s, first, end);
	if (got == to && new > old)
		model_map(s, &(struct mapping){first,
					       end - first,
					       {.mapped = true,
						.prot = PROT_R | PROT_W,
						.prot_max = PROT_ALL,
						.object = -1}});
	s->brk = got;
	return true;
}

/* Frames: whatever happens to a mapping, nobody sees it. */

static uint32_t some_frame(const struct model *m, uint32_t n)
{
	for (uint32_t i = 0; i < m->mm->pool.untouched; i++) {
		uint32_t f = (n + i) % m->mm->pool.untouched;
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
	model_touch(m, 0, PAGES);
	if (op->kind == OP_REMOVE)
		m->mm->pmap->remove(m->mm, f);
	else
		m->mm->pmap->harvest(m->mm, f);
	return true;
}

/* From now on it is known which pages are stored to: no result changes, only the faults. */
static bool do_track(struct model *m, struct model_space *s, const struct op *op)
{
	SAY(m, "pid %d: forget what was stored to", s->space->pid);
	model_touch(m, 0, PAGES);
	int got = track_restart(s->space);
	return !got || (got == -ENOMEM && m->world.failed) || model_wrong(m, "returned %d", got);
}

static bool do_read(struct model *m, struct model_space *s, const struct op *op)
{
	return do_access(m, s, op, ACCESS_READ);
}
static bool do_write(struct model *m, struct model_space *s, const struct op *op)
{
	return do_access(m, s, op, ACCESS_WRITE);
}
static bool do_exec(struct model *m, struct model_space *s, const struct op *op)
{
	return do_access(m, s, op, ACCESS_EXEC);
}

static op_function *const functions[OP_KINDS] = {
    [OP_WRITE] = do_write,   [OP_READ] = do_read,     [OP_EXEC] = do_exec,
    [OP_MAP] = do_map,       [OP_UNMAP] = do_unmap,   [OP_PROTECT] = do_protect,
    [OP_FORK] = do_fork,     [OP_EXIT] = do_exit,     [OP_BRK] = do_brk,
    [OP_REMAP] = do_remap,   [OP_ADVISE] = do_advise, [OP_POPULATE] = do_populate,
    [OP_SYNC] = do_sync,     [OP_LOCK] = do_lock,     [OP_LOCK_ALL] = do_lock_all, [OP_SEAL] = do_seal,
    [OP_INCORE] = do_incore, [OP_OPEN] = do_open,
    [OP_RESIZE] = do_resize, [OP_REMOVE] = do_frame,  [OP_HARVEST] = do_frame,
    [OP_TRACK] = do_track,
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
		printf("#   %s%s%s\n", m->text, m->world.failed ? " (an allocation failed)" : "",
		       ok ? "" : "   <-- here");
	return ok;
}
