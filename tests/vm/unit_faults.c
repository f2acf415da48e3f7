/* SPDX-License-Identifier: MIT */
/* The cases of tests/guest/faults.c without a machine: as many faults as Linux takes, and why. */
#include "unit.h"

enum { N = 1024 };

static uint64_t reads(struct space *s, uint64_t va, unsigned step)
{
	uint64_t before = lab_faults(s);
	for (unsigned i = 0; i < N; i += step)
		lab_read(s, va + ((uint64_t)i << PAGE_SHIFT));
	return lab_faults(s) - before;
}

static uint64_t writes(struct space *s, uint64_t va, unsigned step)
{
	uint64_t before = lab_faults(s);
	for (unsigned i = 0; i < N; i += step)
		lab_store(s, va + ((uint64_t)i << PAGE_SHIFT), 1);
	return lab_faults(s) - before;
}

TEST(anonymous_memory_faults_as_often_as_on_linux)
{
	EACH_LAB (l, 4 * N) {
		struct space *s = l.space;
		uint64_t p = lab_map(s, N, PROT_R | PROT_W), length = (uint64_t)N << PAGE_SHIFT;
		CHECK_EQ(writes(s, p, 1), N);
		CHECK_EQ(writes(s, p, 1), 0);
		CHECK_EQ(space_unmap(s, p, length), 0);

		p = lab_map(s, N, PROT_R | PROT_W);
		CHECK_EQ(reads(s, p, 1), N);
		CHECK_EQ(lab_resident(s), 0);
		CHECK_EQ(writes(s, p, 1), N);
		CHECK_EQ(space_advise(s, p, length, 4), 0);
		CHECK_EQ(writes(s, p, 1), N);
		CHECK_EQ(space_protect(s, p, length, PROT_R), 0);
		CHECK_EQ(space_protect(s, p, length, PROT_R | PROT_W), 0);
		CHECK_EQ(writes(s, p, 1), 0);

		for (unsigned i = 0; i < 3; i++) {
			struct space *child = lab_fork(s, 2);
			CHECK_EQ(lab_resident(child), N);
			CHECK_EQ(i == 0 ? reads(child, p, 1) : writes(child, p, 3 - i),
				 i == 0 ? 0 : N / (3 - i));
			lab_verify(&l);
			space_destroy(child);
		}
		CHECK_EQ(writes(s, p, 1), N);
		CHECK_EQ(writes(s, p, 1), 0);
		uint64_t to = lab_map(s, N, PROT_R | PROT_W), q = 0;
		CHECK_EQ(space_remap(s, p, length, length, 1 | 2, to, &q), 0);
		CHECK_EQ(q, to);
		CHECK_EQ(reads(s, q, 1), 0);
		CHECK_EQ(lab_resident(s), N);
	}
}

TEST(shared_memory_faults_as_often_as_on_linux)
{
	EACH_LAB (l, 3 * N) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, N);
		uint64_t p = lab_map_object(s, o, N, PROT_R | PROT_W, REGION_SHARED);
		object_put(l.mm, o);
		CHECK_EQ(writes(s, p, 1), N);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(lab_resident(child), 0);
		CHECK_EQ(writes(child, p, 1), N);
		CHECK_EQ(lab_load(s, p), 1);
		lab_store(child, p, 9);
		CHECK_EQ(lab_load(s, p), 9);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], N);
	}
}

TEST(populated_memory_takes_no_fault)
{
	EACH_LAB (l, 2 * N) {
		uint64_t p = 0;
		struct map_request m = {.length = (uint64_t)N << PAGE_SHIFT,
					.prot = PROT_R | PROT_W,
					.prot_max = PROT_ALL};
		CHECK_EQ(space_map(l.space, &m, &p), 0);
		CHECK_EQ(space_populate(l.space, p, m.length, true), 0);
		CHECK_EQ(writes(l.space, p, 1), 0);
	}
}

TEST(mapped_files_fault_as_often_as_on_linux)
{
	static struct lab_file f;
	EACH_LAB (l, 1024) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t p = lab_map_object(s, o, FILE_PAGES, PROT_R, 0), at = lab_faults(s);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_load(s, p + i * PAGE_SIZE), i + 1);
		CHECK_EQ(lab_faults(s) - at, FILE_PAGES);
		CHECK_EQ(s->tally->cause[CAUSE_file_read], FILE_PAGES);
		CHECK_EQ(f.gets, FILE_PAGES);
		CHECK_EQ(space_unmap(s, p, sizeof(f.bytes)), 0);

		p = lab_map_object(s, o, FILE_PAGES, PROT_R | PROT_W, 0);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_store(s, p + i * PAGE_SIZE, 99), CAUSE_cow_copy);
		CHECK_EQ(space_unmap(s, p, sizeof(f.bytes)), 0);

		p = lab_map_object(s, o, FILE_PAGES, PROT_R | PROT_W, REGION_SHARED);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_read(s, p + i * PAGE_SIZE), CAUSE_file_cached);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_store(s, p + i * PAGE_SIZE, 77), CAUSE_write_notify);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_store(s, p + i * PAGE_SIZE, 78), CAUSE_none);
		CHECK_EQ(f.gets, FILE_PAGES);
		object_put(l.mm, o);
		CHECK_EQ(space_unmap(s, p, sizeof(f.bytes)), 0);
		CHECK_EQ(f.puts, FILE_PAGES);
		CHECK_EQ(f.bytes[5 * PAGE_SIZE], 78);
		CHECK_EQ(f.released, 1);
	}
}

TEST(each_of_the_four_cases_has_its_cause)
{
	static struct lab_file f;
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		uint64_t p = lab_map(s, 8, PROT_R | PROT_W);
		CHECK_EQ(lab_read(s, p), CAUSE_zero_map);
		CHECK_EQ(lab_store(s, p, 5), CAUSE_zero_fill);
		l.mm->pmap->unmap(s->pmap, p, p + PAGE_SIZE); /* the map is a cache */
		CHECK_EQ(lab_load(s, p), 5);
		CHECK_EQ(s->tally->cause[CAUSE_refill], 1);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(lab_store(child, p, 6), CAUSE_cow_copy);
		CHECK_EQ(lab_store(s, p, 7), CAUSE_cow_reuse);
		CHECK_EQ(lab_load(child, p), 6);
		CHECK_EQ(lab_load(s, p), 7);
		CHECK_EQ(lab_read(s, p - (64 << PAGE_SHIFT)), CAUSE_segv_unmapped);
		CHECK_EQ(space_protect(s, p, PAGE_SIZE, PROT_R), 0);
		CHECK_EQ(lab_store(s, p, 1), CAUSE_segv_protection);
		CHECK_EQ(lab_load(s, p), 7);

		struct object *o = lab_file(&l, &f);
		uint64_t q = lab_map_object(s, o, FILE_PAGES + 1, PROT_R | PROT_W, 0);
		CHECK_EQ(lab_store(s, q, 1), CAUSE_file_read);
		CHECK_EQ(lab_read(s, q + FILE_PAGES * PAGE_SIZE), CAUSE_bus_beyond_end);
		f.get_error = -EIO;
		CHECK_EQ(lab_read(s, q + PAGE_SIZE), CAUSE_bus_io);
		f.get_error = 0;
		CHECK_EQ(lab_load(s, q + PAGE_SIZE), 2);
		object_put(l.mm, o);
	}
}

TEST(a_plan_changes_nothing)
{
	EACH_LAB (l, 64) {
		uint64_t p = lab_map(l.space, 4, PROT_R | PROT_W), gets = l.w.gets;
		uint32_t free = l.mm->pool.free;
		struct fault_plan plan;
		fault_plan(l.space, &(struct fault_request){.va = p + 5, .access = ACCESS_WRITE},
			   &plan);
		CHECK_EQ(plan.cause, CAUSE_zero_fill);
		CHECK_EQ(plan.page, p);
		CHECK_EQ(plan.need.frames, 1);
		CHECK_EQ(plan.need.chunks, 1);
		CHECK_EQ(l.w.gets, gets);
		CHECK_EQ(l.mm->pool.free, free);
		fault_plan(l.space, &(struct fault_request){.va = 8}, &plan);
		CHECK_EQ(plan.cause, CAUSE_segv_unmapped);
		CHECK_EQ(plan.nearest->start, p);
	}
}

TEST(a_stack_grows_to_its_limit_and_keeps_its_distance)
{
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		uint64_t top = UINT64_C(1) << 37, p;
		struct map_request m = {.start = top - 2 * PAGE_SIZE,
					.length = 2 * PAGE_SIZE,
					.prot = PROT_R | PROT_W,
					.prot_max = PROT_ALL,
					.map_flags = MAP_AT,
					.region_flags = REGION_STACK | REGION_GROWSDOWN};
		CHECK_EQ(space_map(s, &m, &p), 0);
		CHECK_EQ(lab_store(s, top - 3 * PAGE_SIZE, 1), CAUSE_stack_grow);
		CHECK_EQ(lab_store(s, top - 100 * PAGE_SIZE, 1), CAUSE_stack_grow);
		CHECK_EQ(s->pages, 100);
		CHECK_EQ(s->pages_stack, 100);
		CHECK_EQ(lab_store(s, top - (8 << 20), 1), CAUSE_stack_grow);
		CHECK_EQ(lab_store(s, top - (8 << 20) - 1, 1), CAUSE_segv_unmapped);
		CHECK_EQ(space_unmap(s, top - (8 << 20), (8 << 20) - PAGE_SIZE), 0);
		lab_map_at(s, top - (2 << 20), 1, PROT_R);
		CHECK_EQ(lab_store(s, top - (1 << 20) + PAGE_SIZE, 1), CAUSE_stack_grow);
		CHECK_EQ(lab_store(s, top - (1 << 20), 1), CAUSE_segv_unmapped);
	}
}

TEST(a_stack_that_may_not_be_written_grows_and_then_says_so_as_on_linux)
{
	EACH_LAB (l, 64) {
		uint64_t top = 1 << 30, start;
		struct map_request m = {.start = top - PAGE_SIZE,
					.length = PAGE_SIZE,
					.prot = PROT_R,
					.prot_max = PROT_ALL,
					.region_flags = REGION_GROWSDOWN,
					.map_flags = MAP_AT};
		CHECK_EQ(space_map(l.space, &m, &start), 0);
		CHECK_EQ(lab_store(l.space, top - 2 * PAGE_SIZE, 1), CAUSE_segv_protection);
		CHECK_EQ(regions_find(&l.space->regions, top - PAGE_SIZE)->start, top - 2 * PAGE_SIZE);
	}
}

TEST_MAIN
