/* SPDX-License-Identifier: MIT */
/* Each operation, with its first, second, third... allocation of host memory failing until none
 * does: it fails cleanly, having changed nothing that a program can see, and leaks nothing. */
#include "unit.h"

enum { PAGES = 1100, RW = PROT_R | PROT_W }; /* more than two spans */

struct scene {
	struct lab *l;
	struct space *s, *child;
	uint64_t a, b; /* two ranges of PAGES pages each */
	uint64_t far; /* a page where no other is near */
	struct lab_file file;
};

/* All that a program can see: regions and contents. */
static uint64_t digest(const struct space *s)
{
	uint64_t h = s->pages * 31 + s->brk;
	for (const struct region *r = regions_first(&s->regions); r; r = region_next(r)) {
		h = (h ^ r->start) * 1099511628211u;
		h = (h ^ r->end ^ r->prot) * 1099511628211u;
		h = (h ^ (r->flags & ~(uint32_t)REGION_INHERITED)) * 1099511628211u;
		for (uint64_t va = r->start; va < r->end; va += PAGE_SIZE) {
			uint8_t byte = 0;
			CHECK(space_peek(s, va, &byte, 1));
			h = (h ^ byte) * 1099511628211u;
		}
	}
	return h;
}

/* Two anonymous ranges, every 64th page touched, shared with a child that wrote one. */
static void scene_begin(struct scene *c, struct lab *l)
{
	c->l = l;
	c->s = l->space;
	c->a = lab_map(c->s, PAGES, RW);
	c->b = lab_map_at(c->s, c->a - (1 << 30) - (PAGES << PAGE_SHIFT), PAGES, RW);
	c->far = lab_map_at(c->s, UINT64_C(1) << 33, 1, RW);
	for (unsigned i = 0; i < PAGES; i += 64) {
		lab_store(c->s, c->a + ((uint64_t)i << PAGE_SHIFT), 7);
		lab_store(c->s, c->b + ((uint64_t)i << PAGE_SHIFT), 9);
	}
	c->s->brk_start = c->s->brk = 1 << 20;
	lab_file(l, &c->file);
	c->child = lab_fork(c->s, 2);
	lab_store(c->child, c->a, 8);
}

static void scene_end(struct scene *c)
{
	while (c->l->mm->spaces)
		space_destroy(c->l->mm->spaces);
	object_put(c->l->mm, c->file.object);
}

static void fail_each(int (*operation)(struct scene *c))
{
	static struct scene c;
	for (enum world_kind kind = WORLD_SOFT; kind <= WORLD_SV48; kind++) {
		bool failed = true;
		for (int64_t n = 0; failed; n++) {
			struct lab l = {.turn = 1};
			lab_begin(&l, kind, 512);
			scene_begin(&c, &l);
			uint64_t parent = digest(c.s), child = digest(c.child);
			uint32_t spaces = 0, objects = 0;
			for (struct space *s = l.mm->spaces; s; s = s->next)
				spaces++;
			for (struct object *o = l.mm->objects; o; o = o->next)
				objects++;
			l.w.fail_in = n;
			l.w.failed = false;
			int error = operation(&c);
			l.w.fail_in = -1;
			failed = l.w.failed;
			lab_verify(&l);
			if (!failed)
				CHECK_EQ(error, 0);
			if (error) {
				CHECK_EQ(error, -ENOMEM);
				CHECK_EQ(digest(c.s), parent);
				for (struct space *s = l.mm->spaces; s; s = s->next)
					spaces--;
				for (struct object *o = l.mm->objects; o; o = o->next)
					objects--;
				CHECK_EQ(spaces, 0);
				CHECK_EQ(objects, 0);
			}
			CHECK_EQ(digest(c.child), child);
			/* It can be done afterwards. */
			if (error)
				CHECK_EQ(operation(&c), 0);
			lab_verify(&l);
			scene_end(&c);
			lab_end(&l);
			CHECK(n < 1000);
		}
	}
}

static uint64_t at(uint64_t start, unsigned page)
{
	return start + ((uint64_t)page << PAGE_SHIFT);
}

static int op_map(struct scene *c)
{
	uint64_t start;
	struct map_request m = {.length = 1 << 20, .prot = PROT_R, .prot_max = PROT_ALL};
	return space_map(c->s, &m, &start);
}

static int op_map_over(struct scene *c)
{
	uint64_t start;
	struct map_request m = {.start = at(c->a, 10),
				.length = 600 << PAGE_SHIFT,
				.prot = PROT_R,
				.prot_max = PROT_ALL,
				.map_flags = MAP_AT,
				.object = c->file.object};
	return space_map(c->s, &m, &start);
}

static int op_unmap(struct scene *c)
{
	return space_unmap(c->s, at(c->a, 60), 700 << PAGE_SHIFT);
}
static int op_protect(struct scene *c)
{
	return space_protect(c->s, at(c->a, 60), 700 << PAGE_SHIFT, PROT_R);
}
static int op_dontneed(struct scene *c)
{
	return space_advise(c->s, at(c->a, 60), 700 << PAGE_SHIFT, 4);
}
static int op_dontfork(struct scene *c)
{
	int error = space_advise(c->s, at(c->a, 60), 700 << PAGE_SHIFT, 10);
	return error == -ENOBUFS ? -ENOMEM : error;
}
static int op_brk(struct scene *c)
{
	return space_brk(c->s, (1 << 20) + 5000) == (1 << 20) + 5000 ? 0 : -ENOMEM;
}

static int op_lock(struct scene *c)
{
	/* As on Linux the lock stands even where not all could be brought in. */
	int error = space_lock(c->s, at(c->a, 60), 10 << PAGE_SHIFT, REGION_LOCKED);
	return regions_find(&c->s->regions, at(c->a, 60))->flags & REGION_LOCKED ? 0 : error;
}

static int op_move(struct scene *c)
{
	uint64_t start, length = 700 << PAGE_SHIFT;
	return space_remap(c->s, at(c->a, 60), length, length + PAGE_SIZE, 1, 0, &start);
}

static int op_move_fixed(struct scene *c)
{
	uint64_t start, length = 700 << PAGE_SHIFT;
	return space_remap(c->s, at(c->a, 60), length, length, 3, UINT64_C(1) << 32, &start);
}

static int op_fork(struct scene *c)
{
	struct space *child;
	return space_fork(c->s, 3, NULL, &child);
}

/* A span with a region that is not carried over: copied page by page. */
static int op_fork_mixed(struct scene *c)
{
	struct space *child;
	int error = space_advise(c->s, at(c->a, 64), PAGE_SIZE, 10);
	return error ? error : space_fork(c->s, 3, NULL, &child);
}

static int op_create(struct scene *c)
{
	struct space *s;
	return space_create(c->l->mm, 3, NULL, &lab_layout, &s);
}

static int fault(struct scene *c, uint64_t va, enum access access)
{
	switch (fault_handle(c->s, &(struct fault_request){.va = va, .access = access})) {
	case FAULT_DONE: return 0;
	case FAULT_NO_MEMORY: return -ENOMEM;
	default: return -EFAULT;
	}
}

static int op_touch(struct scene *c)
{
	return fault(c, at(c->a, 1), ACCESS_WRITE);
}
static int op_touch_far(struct scene *c)
{
	return fault(c, c->far, ACCESS_WRITE);
}
static int op_cow(struct scene *c)
{
	return fault(c, at(c->a, 64), ACCESS_WRITE);
}

static int op_read_file(struct scene *c)
{
	uint32_t frame;
	int error = object_page(c->l->mm, c->file.object, 3, false, &frame);
	if (!error)
		frame_unhold(c->l->mm, frame);
	return error;
}

static int op_object(struct scene *c)
{
	struct object *o;
	int error = object_create(c->l->mm, OBJECT_SHARED, 4096, NULL, NULL, &o);
	if (error)
		return error;
	uint32_t frame;
	error = object_page(c->l->mm, o, 0, false, &frame);
	if (!error)
		frame_unhold(c->l->mm, frame);
	if (!error)
		error = object_place_by(o, 0, 3, (struct mempolicy){POLICY_BIND, 1});
	if (!error)
		error = object_place_by(o, 1, 1, (struct mempolicy){POLICY_LOCAL, 0});
	object_put(c->l->mm, o);
	return error;
}

TEST(a_mapping_that_fails_leaves_no_trace)
{
	fail_each(op_map);
}
TEST(a_mapping_over_others_that_fails_leaves_them_as_they_were)
{
	fail_each(op_map_over);
}
TEST(an_unmapping_that_fails_leaves_all_pages)
{
	fail_each(op_unmap);
}
TEST(a_protection_that_fails_is_not_set_in_part)
{
	fail_each(op_protect);
}
TEST(pages_are_dropped_wholly_or_not_at_all)
{
	fail_each(op_dontneed);
}
TEST(advice_that_fails_is_forgotten)
{
	fail_each(op_dontfork);
}
TEST(a_heap_that_cannot_grow_stays_as_it_is)
{
	fail_each(op_brk);
}
TEST(a_lock_that_fails_locks_nothing_in_part)
{
	fail_each(op_lock);
}
TEST(a_move_that_fails_leaves_pages_at_their_old_place)
{
	fail_each(op_move);
}
TEST(a_move_to_a_fixed_place_that_fails_leaves_pages_at_their_old_place)
{
	fail_each(op_move_fixed);
}
TEST(a_fork_that_fails_leaves_the_parent_alone)
{
	fail_each(op_fork);
}
TEST(a_space_that_cannot_be_made_leaks_nothing)
{
	fail_each(op_create);
}
TEST(a_first_touch_that_fails_can_be_repeated)
{
	fail_each(op_touch);
	fail_each(op_touch_far);
}
TEST(a_copy_on_write_that_fails_can_be_repeated)
{
	fail_each(op_cow);
}
TEST(a_file_page_that_finds_no_memory_can_be_read_later)
{
	fail_each(op_read_file);
}
TEST(shared_memory_that_finds_no_memory_leaks_nothing)
{
	fail_each(op_object);
}

TEST(a_fork_of_mixed_spans_that_fails_leaves_the_parent_alone)
{
	/* Setting DONTFORK first is part of the operation, and can be seen when the fork fails. */
	struct lab l = {.turn = 1};
	static struct scene c;
	for (int64_t n = 0; n < 200; n++) {
		lab_begin(&l, n % 2 ? WORLD_SOFT : WORLD_SV48, 512);
		scene_begin(&c, &l);
		l.w.fail_in = n / 2;
		op_fork_mixed(&c);
		lab_verify(&l);
		l.w.fail_in = -1;
		scene_end(&c);
		lab_end(&l);
	}
}

TEST_MAIN
