/* SPDX-License-Identifier: MIT */
/* model_object.c - files and shared memory of the model, and a world to begin and end with */
#include "memory_store.h"
#include "model_private.h"

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

static const struct pager file_pager = {
    .get = pager_get, .put = pager_put, .peek = pager_peek, .release = pager_release};
static const struct pager shared_pager = {.release = pager_release};

static bool object_open(struct model *m, struct model_object *o)
{
	bool file = o - m->object < FILES;
	int got =
	    object_create(m->mm, file ? OBJECT_FILE : OBJECT_SHARED, (uint64_t)o->pages * PAGE_SIZE,
			  file ? &file_pager : &shared_pager, o, &o->object);

	if (!model_outcome(m, got, 0) || got)
		return !m->why[0];
	o->open = true;
	if (!file)
		memset(o->bytes, 0, sizeof(o->bytes));
	return true;
}

/* Closes an object, which lives on while it is mapped; opens it again once it is gone. */
bool do_open(struct model *m, struct model_space *s, const struct op *op)
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

/* As on Linux private copies of pages beyond a new end go, too, from every space. */
static void copies_cut(struct model *m, unsigned object, unsigned pages)
{
	for (unsigned i = 0; i < SPACES; i++)
		for (unsigned k = 0; m->space[i].space && k < PAGES; k++) {
			struct model_page *p = &m->space[i].page[k];
			if (p->mapped && !p->shared && p->object == (int)object &&
			    p->index >= pages)
				p->own = false;
		}
}

bool do_resize(struct model *m, struct model_space *s, const struct op *op)
{
	struct model_object *o = &m->object[op->mode % OBJECTS];
	unsigned pages = op->value % (OBJECT_PAGES + 1), from = pages < o->pages ? pages : o->pages;

	if (!o->object)
		return true;
	SAY(m, "object %u: %u pages, not %u", op->mode % OBJECTS, pages, o->pages);
	object_resize(m->mm, o->object, (uint64_t)pages * PAGE_SIZE);
	model_touch(m, 0, PAGES);
	copies_cut(m, op->mode % OBJECTS, pages);
	o->pages = pages;
	for (unsigned i = from; i < OBJECT_PAGES; i++) {
		memset(o->bytes[i], 0, PROBES);
		if (o->disk)
			memset(o->disk[i], 0, PAGE_SIZE);
	}
	return true;
}

/* Worlds. */

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
	if (seed / 24 % 2) {
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(2000)};
		VM_ASSERT(swap_add(m->mm, &swap) == 0);
	}
	m->base = (UINT64_C(1) << (narrow ? 30 : 39)) - EDGE * PAGE_SIZE;
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct model_object *o = &m->object[i];
		o->model = m;
		o->pages = OBJECT_PAGES - i;
		o->disk = i < FILES ? calloc(OBJECT_PAGES, PAGE_SIZE) : NULL;
		for (unsigned k = 0; o->disk && k < o->pages * PROBES; k++)
			o->disk[k / PROBES][probe_at[k % PROBES]] =
			    o->bytes[k / PROBES][k % PROBES] = (uint8_t)(k * 7 + i + 1);
		object_open(m, o);
	}
}

static bool files_check(struct model *m)
{
	for (unsigned i = 0; i < FILES; i++) {
		const struct model_object *o = &m->object[i];
		for (unsigned k = 0; k < o->pages * PROBES; k++) {
			unsigned got = o->disk[k / PROBES][probe_at[k % PROBES]],
				 want = o->bytes[k / PROBES][k % PROBES];
			if (got != want)
				return model_wrong(m,
						   "page %u of file %u: byte %u was stored as %u, "
						   "but the file has %u",
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
	if (ok && m->mm->pool.free != m->mm->frames - 1)
		ok = model_wrong(m, "%u of %u frames came back", m->mm->pool.free + 1, m->mm->frames);
	world_end(&m->world);
	for (unsigned i = 0; i < OBJECTS; i++)
		free(m->object[i].disk);
	return ok && (m->world.bytes == 0 ||
		      model_wrong(m, "%llu bytes of the host's memory did not come back",
				  (unsigned long long)m->world.bytes));
}
