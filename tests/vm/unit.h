/* SPDX-License-Identifier: MIT */
/* unit.h - a small laboratory for unit tests of src/vm: one mm, spaces, a program's accesses, a
 * file
 *
 * Most tests run over a mapping without hardware and over real page tables:
 *
 *	EACH_LAB(l, 64) {
 *		uint64_t a = lab_map(l.space, 4, PROT_R | PROT_W);
 *		CHECK_EQ(lab_store(l.space, a, 7), CAUSE_zero_fill);
 *	}
 *
 * After each body the system is verified, torn down, and must have leaked nothing.
 */
#ifndef TESTS_VM_UNIT_H
#define TESTS_VM_UNIT_H

#include <errno.h>

#include "../test.h"
#include "pmap_world.h"

struct lab {
	struct world w;
	struct mm *mm;
	struct space *space;   /* pid 1 */
	struct tally tally[8]; /* by pid */
	enum cause last;       /* of the last fault */
	unsigned turn;
};

static const struct space_layout lab_layout = {
    .bottom = 65536,
    .top = UINT64_C(1) << 38,
    .map_top = (UINT64_C(1) << 38) - (UINT64_C(1) << 30),
    .stack_limit = 8 << 20,
};

static struct lab *lab_now; /* for the helpers below, which only know a space */

static inline void lab_verify(struct lab *l)
{
	char why[200] = "";
	int64_t fail = l->w.fail_in;
	l->w.fail_in = -1;
	if (!mm_verify(l->mm, why, sizeof(why)))
		FAIL("%s: %s", world_name[l->w.kind], why);
	l->w.fail_in = fail;
}

static inline struct space *lab_space(struct lab *l, int32_t pid)
{
	struct space *s;
	CHECK_EQ(space_create(l->mm, pid, &l->tally[pid], &lab_layout, &s), 0);
	return s;
}

static inline void lab_begin(struct lab *l, enum world_kind kind, uint32_t frames)
{
	world_begin(&l->w, kind, frames);
	l->mm = l->w.mm;
	lab_now = l;
	memset(l->tally, 0, sizeof(l->tally));
	l->space = lab_space(l, 1);
}

static inline void lab_end(struct lab *l)
{
	lab_verify(l);
	while (l->mm->spaces)
		space_destroy(l->mm->spaces);
	mm_retired(l->mm);
	CHECK_EQ(l->mm->pool.kind[FRAME_ANON] + l->mm->pool.kind[FRAME_FILE] + l->mm->pool.kind[FRAME_TABLE], 0);
	CHECK_EQ(l->mm->pool.free, l->mm->frames - 1);
	world_end(&l->w);
	CHECK_EQ(l->w.bytes, 0);
}

static inline bool lab_next(struct lab *l, uint32_t frames)
{
	static const enum world_kind kinds[] = {WORLD_SOFT, WORLD_SV39, WORLD_SV48};
	if (l->turn)
		lab_end(l);
	if (l->turn == array_size(kinds))
		return false;
	lab_begin(l, kinds[l->turn++], frames);
	return true;
}

#define EACH_LAB(l, frames) for (struct lab l = {.turn = 0}; lab_next(&l, frames);)

/* ---- What a program does ---- */

/* One access. Returns the cause of the fault that it took, CAUSE_none without one. */
static inline enum cause lab_access(struct space *s, uint64_t va, enum access access,
				    uint32_t *ret_frame)
{
	struct fault_request q = {.va = va, .access = access, .by = BY_PROGRAM};
	struct fault_plan p = {.cause = CAUSE_none};
	while (!s->mm->pmap->touch(s->pmap, va, access, ret_frame)) {
		struct tally before = s->mm->events->total;
		enum fault_result r = fault_handle(s, &q);
		for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
			if (s->mm->events->total.cause[c] != before.cause[c])
				p.cause = c;
		if (r != FAULT_DONE) {
			*ret_frame = NO_FRAME;
			break;
		}
	}
	mm_retired(s->mm);
	return p.cause;
}

static inline enum cause lab_store(struct space *s, uint64_t va, uint8_t byte)
{
	uint32_t frame;
	enum cause c = lab_access(s, va, ACCESS_WRITE, &frame);
	if (frame != NO_FRAME)
		frame_bytes(s->mm, frame)[va % PAGE_SIZE] = byte;
	return c;
}

/* Returns the byte, or -cause. */
static inline int lab_load(struct space *s, uint64_t va)
{
	uint32_t frame;
	enum cause c = lab_access(s, va, ACCESS_READ, &frame);
	return frame == NO_FRAME ? -(int)c : frame_bytes(s->mm, frame)[va % PAGE_SIZE];
}

static inline enum cause lab_read(struct space *s, uint64_t va)
{
	uint32_t frame;
	return lab_access(s, va, ACCESS_READ, &frame);
}

static inline uint64_t lab_map_at(struct space *s, uint64_t at, uint64_t pages, unsigned prot)
{
	uint64_t start = 0;
	struct map_request m = {.start = at,
				.length = pages << PAGE_SHIFT,
				.prot = prot,
				.prot_max = PROT_ALL,
				.map_flags = at ? MAP_AT : 0};
	int error = space_map(s, &m, &start);
	if (error)
		FAIL("cannot map: %d", error);
	return start;
}

static inline uint64_t lab_map(struct space *s, uint64_t pages, unsigned prot)
{
	return lab_map_at(s, 0, pages, prot);
}

static inline uint64_t lab_map_object(struct space *s, struct object *o, uint64_t pages,
				      unsigned prot, unsigned flags)
{
	uint64_t start = 0;
	struct map_request m = {.length = pages << PAGE_SHIFT,
				.prot = prot,
				.prot_max = PROT_ALL,
				.region_flags = flags,
				.object = o};
	CHECK_EQ(space_map(s, &m, &start), 0);
	return start;
}

static inline struct space *lab_fork(struct space *parent, int32_t pid)
{
	struct space *child;
	CHECK_EQ(space_fork(parent, pid, &lab_now->tally[pid], &child), 0);
	return child;
}

static inline uint64_t lab_faults(const struct space *s)
{
	return tally_minor(s->tally) + tally_major(s->tally);
}

static inline int64_t lab_resident(struct space *s)
{
	struct pmap_stats stats;
	s->mm->pmap->stats(s->pmap, &stats);
	return (int64_t)(stats.resident[0] + stats.resident[1] + stats.resident[2]);
}

/* ---- A file ---- */

enum { FILE_PAGES = 64 };

struct lab_file {
	struct object *object;
	uint8_t bytes[FILE_PAGES * PAGE_SIZE];
	unsigned gets, puts, released;
	int lost; /* what could not be written at the end, and why */
	int get_error, put_error; /* what the next ones return; -EAGAIN: they take long */
	uint8_t *pending;         /* the page that a slow get will fill */
	uint64_t pending_index;
};

static inline int lab_file_get(void *ctx, uint64_t index, uint8_t *bytes)
{
	struct lab_file *f = ctx;
	f->gets++;
	if (f->get_error == -EAGAIN) {
		f->pending = bytes;
		f->pending_index = index;
	}
	if (f->get_error)
		return f->get_error;
	memcpy(bytes, f->bytes + index * PAGE_SIZE, PAGE_SIZE);
	return 0;
}

static inline int lab_file_put(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length)
{
	struct lab_file *f = ctx;
	f->puts++;
	if (f->put_error)
		return f->put_error;
	memcpy(f->bytes + index * PAGE_SIZE, bytes, length);
	return 0;
}

static inline int lab_file_peek(void *ctx, uint64_t index, uint8_t *bytes)
{
	memcpy(bytes, ((struct lab_file *)ctx)->bytes + index * PAGE_SIZE, PAGE_SIZE);
	return 0;
}

static inline void lab_file_lost(void *ctx, int error)
{
	((struct lab_file *)ctx)->lost = error;
}

static inline void lab_file_release(void *ctx)
{
	((struct lab_file *)ctx)->released++;
}

static inline void lab_file_ready(struct lab_file *f, int error)
{
	if (!error)
		memcpy(f->pending, f->bytes + f->pending_index * PAGE_SIZE, PAGE_SIZE);
	object_ready(lab_now->mm, f->object, f->pending_index, error);
}

/* Page n of it holds n + 1 in each byte. The caller of object_put is the test. */
static inline struct object *lab_file(struct lab *l, struct lab_file *f)
{
	static const struct pager pager = {.get = lab_file_get,
					   .put = lab_file_put,
					   .peek = lab_file_peek,
					   .lost = lab_file_lost,
					   .release = lab_file_release};
	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < FILE_PAGES; i++)
		memset(f->bytes + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
	CHECK_EQ(object_create(l->mm, OBJECT_FILE, sizeof(f->bytes), &pager, f, &f->object), 0);
	return f->object;
}

static inline struct object *lab_shared(struct lab *l, uint64_t pages)
{
	struct object *o;
	CHECK_EQ(object_create(l->mm, OBJECT_SHARED, pages << PAGE_SHIFT, NULL, NULL, &o), 0);
	return o;
}

#endif
