/* SPDX-License-Identifier: MIT */
/* madvise, mlock and mremap at their edges: what Linux refuses is refused, and nothing else. */
#include "memory_store.h"
#include "unit.h"
#include "vm/watch.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };
enum {
	WILLNEED = 3, DONTNEED = 4, FREE = 8, REMOVE = 9, MERGEABLE = 12, DODUMP = 17, WIPEONFORK = 18,
	COLD = 20, PAGEOUT = 21, POPULATE_READ = 22, POPULATE_WRITE = 23, COLLAPSE = 25
};

static uint64_t map_flags(struct space *s, uint64_t pages, uint32_t flags)
{
	struct map_request m = {
	    .length = pages * P, .prot = RW, .prot_max = PROT_ALL, .region_flags = flags};
	uint64_t start = 0;
	CHECK_EQ(space_map(s, &m, &start), 0);
	return start;
}

TEST(populating_stops_where_it_may_not_go_on)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map(l.space, 4, PROT_R);
		CHECK_EQ(space_advise(l.space, a, 4 * P, POPULATE_WRITE), -EINVAL);
		CHECK_EQ(space_advise(l.space, a, 4 * P, POPULATE_READ), 0);
		CHECK_EQ(lab_read(l.space, a + 3 * P), CAUSE_none);
		CHECK_EQ(space_unmap(l.space, a + 2 * P, P), 0);
		CHECK_EQ(space_advise(l.space, a, 4 * P, POPULATE_READ), -ENOMEM);
		uint64_t b = lab_map_object(l.space, o, FILE_PAGES + 1, PROT_R, 0);
		CHECK_EQ(space_advise(l.space, b + (FILE_PAGES - 1) * P, 2 * P, POPULATE_READ), -EFAULT);
		f.get_error = -EAGAIN;
		CHECK_EQ(space_advise(l.space, b, P, POPULATE_READ), -EAGAIN);
		CHECK_EQ(space_populate(l.space, UINT64_MAX - P + 1, P, false), -ENOMEM);
		lab_file_ready(&f, 0);
		f.get_error = 0;
		object_put(l.mm, o);
	}
}

TEST(advice_is_refused_where_linux_refuses_it)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		static struct lab_file f;
		struct object *o = lab_file(&l, &f), *shared = lab_shared(&l, 4);
		uint64_t a = lab_map(s, 4, RW), special = map_flags(s, 2, REGION_SPECIAL);
		uint64_t file = lab_map_object(s, o, 4, PROT_R, 0);
		CHECK_EQ(space_advise(s, a, 4 * P, WILLNEED), 0);
		CHECK_EQ(space_advise(s, a, 4 * P, COLLAPSE), -EINVAL);
		CHECK_EQ(space_advise(s, a, 4 * P, 99), -EINVAL);
		CHECK_EQ(space_advise(s, a + 1, P, WILLNEED), -EINVAL);
		CHECK_EQ(space_advise(s, a, UINT64_MAX - a, WILLNEED), -EINVAL);
		CHECK_EQ(space_advise(s, s->layout.top, P, WILLNEED), -ENOMEM);
		CHECK_EQ(space_advise(s, special, P, COLD), -EINVAL);
		CHECK_EQ(space_advise(s, special, P, DODUMP), -EINVAL);
		CHECK_EQ(space_advise(s, a, P, DODUMP), 0);
		CHECK_EQ(space_advise(s, special, P, MERGEABLE), 0);
		CHECK(!(regions_find(&s->regions, special)->flags & REGION_MERGEABLE));
		CHECK_EQ(space_advise(s, a, P, MERGEABLE), 0);
		CHECK(regions_find(&s->regions, a)->flags & REGION_MERGEABLE);
		CHECK_EQ(space_advise(s, file, P, WIPEONFORK), -EINVAL);
		CHECK_EQ(space_advise(s, file, P, REMOVE), -EACCES);
		CHECK_EQ(space_advise(s, a, P, REMOVE), -EINVAL);
		uint64_t b = lab_map_object(s, o, 4, RW, REGION_SHARED);
		CHECK_EQ(space_advise(s, b, P, REMOVE), -EOPNOTSUPP); /* this one's pager cannot */
		CHECK_EQ(space_sync(s, b, P, 2 | 4), 0);
		CHECK_EQ(space_sync(s, UINT64_MAX - P + 1, 2 * P, 4), -ENOMEM);
		object_put(l.mm, o);
		object_put(l.mm, shared);
	}
}

TEST(cold_pages_are_unreferenced_and_go_first_where_they_can)
{
	EACH_LAB (l, 64) {
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &swap), 0);
		uint64_t a = lab_map(l.space, 4, RW);
		struct pmap_entry e;
		for (unsigned i = 0; i < 4; i++)
			lab_store(l.space, a + i * P, (uint8_t)(i + 1));
		CHECK_EQ(space_advise(l.space, a, 2 * P, COLD), 0);
		CHECK(l.mm->pmap->lookup(l.space->pmap, a, &e) && !e.accessed);
		CHECK_EQ(space_advise(l.space, a, 2 * P, PAGEOUT), 0);
		swap_drain(l.mm);
		CHECK_EQ(space_swapped(l.space), 2);
		/* What is not wanted any more is not read back. */
		CHECK_EQ(space_advise(l.space, a, P, FREE), 0);
		CHECK_EQ(lab_load(l.space, a), 0);
		CHECK_EQ(lab_load(l.space, a + P), 2);
		CHECK_EQ(lab_load(l.space, a + 3 * P), 4);
	}
}

TEST(the_kernels_own_regions_are_never_locked)
{
	EACH_LAB (l, 64) {
		uint64_t special = map_flags(l.space, 2, REGION_SPECIAL), a = lab_map(l.space, 2, RW);
		CHECK_EQ(space_lock(l.space, special, 2 * P, REGION_LOCKED), 0);
		CHECK_EQ(l.space->pages_locked, 0);
		CHECK_EQ(space_lock_all(l.space, REGION_LOCKED), 0);
		CHECK_EQ(l.space->pages_locked, 2);
		CHECK_EQ(lab_store(l.space, a, 1), CAUSE_none);
		CHECK_EQ(space_lock(l.space, a, UINT64_MAX - a, REGION_LOCKED), -EINVAL);
		CHECK_EQ(space_lock_all(l.space, 0), 0);
		CHECK_EQ(l.space->pages_locked, 0);
		uint8_t there[4];
		CHECK_EQ(space_incore(l.space, a, P, there), 1);
		CHECK_EQ(there[0], 1);
		CHECK_EQ(space_incore(l.space, 0, P, there), -ENOMEM);
	}
}

TEST(what_is_secret_is_brought_in_by_a_touch_alone_and_stays_locked)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, 4);
		uint64_t a = lab_map_object(s, o, 4, RW, REGION_SHARED | REGION_LOCKED | REGION_SECRET), b = lab_map(s, 1, RW);
		CHECK(space_secret_at(s, a) && !space_secret_at(s, b) && !space_secret_at(s, UINT64_MAX));
		CHECK_EQ(space_populate(s, a, 4 * P, true), -EFAULT);
		CHECK_EQ(space_advise(s, a, P, POPULATE_WRITE), -EINVAL);
		CHECK_EQ(space_lock(s, a, 4 * P, REGION_LOCK_MASK), -ENOMEM);
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING, 1), -EINVAL);
		CHECK_EQ(space_sync(s, a, P, 4), -EINVAL);
		CHECK_EQ(lab_resident(s), 0);
		lab_store(s, a, 7);
		CHECK_EQ(space_lock(s, a, 4 * P, 0), 0);
		CHECK_EQ(space_lock_all(s, 0), 0);
		CHECK_EQ(s->pages_locked, 4);
		CHECK_EQ(lab_load(s, a), 7);
		object_put(l.mm, o);
	}
}

/* As a table of pages would keep it. */
TEST(policies_of_shared_memory_are_those_of_its_pages)
{
	EACH_LAB (l, 64) {
		enum { PAGES = 16 };
		struct space *s = l.space;
		struct object *o = lab_shared(&l, PAGES);
		uint64_t a = lab_map_object(s, o, PAGES, RW, REGION_SHARED), b = lab_map_object(s, o, PAGES, RW, 0), random = 7;
		uint16_t mode[PAGES] = {0};
		for (unsigned i = 0; i < 2000; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			unsigned first = random >> 33 & 15, pages = 1 + (random >> 40 & 15), new = random >> 50 & 1 ? POLICY_BIND : random >> 51 & 1 ? POLICY_LOCAL : POLICY_DEFAULT;
			pages = first + pages > PAGES ? PAGES - first : pages;
			CHECK_EQ(object_place_by(o, first, first + pages - 1, (struct mempolicy){(uint16_t)new, 1}), 0);
			for (unsigned p = first; p < first + pages; p++)
				mode[p] = (uint16_t)new;
			for (unsigned p = 0; p < PAGES; p++) {
				CHECK_EQ(region_policy_at(regions_find(&s->regions, a), a + p * P).mode, mode[p]);
				CHECK_EQ(region_policy_at(regions_find(&s->regions, b), b + p * P).mode, mode[p]);
			}
		}
		CHECK_EQ(space_place_by(s, a, a + PAGES * P, (struct mempolicy){POLICY_BIND, 1}), 0);
		CHECK_EQ(region_policy_at(regions_find(&s->regions, b), b).mode, POLICY_BIND);
		CHECK_EQ(regions_find(&s->regions, b)->policy.mode, POLICY_DEFAULT);
		object_put(l.mm, o);
	}
}

TEST(a_file_is_in_core_while_its_pages_are_cached_by_whomever)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 2, PROT_R, 0);
		uint8_t there[2] = {9, 9};
		uint32_t frame;
		CHECK_EQ(object_page(l.mm, o, 1, false, &frame), 0);
		frame_unhold(l.mm, frame);
		CHECK_EQ(space_incore(l.space, a, 2 * P, there), 2);
		CHECK_EQ(there[0], 0);
		CHECK_EQ(there[1], 1);
		object_put(l.mm, o);
	}
}

TEST(mremap_refuses_what_linux_refuses)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), to, special = map_flags(s, 2, REGION_SPECIAL);
		CHECK_EQ(space_remap(s, a, P, P, 1 | 2, a + P + 1, &to), -EINVAL);
		CHECK_EQ(space_remap(s, a, P, P, 2, a + 2 * P, &to), -EINVAL);
		CHECK_EQ(space_remap(s, a, 2 * P, P, 1 | 4, 0, &to), -EINVAL);
		CHECK_EQ(space_remap(s, a, 0, P, 1, 0, &to), -EINVAL);
		CHECK_EQ(space_remap(s, special, 2 * P, 2 * P, 1 | 4, 0, &to), -EINVAL);
		CHECK_EQ(space_remap(s, special, P, 3 * P, 1, 0, &to), -EFAULT);
		/* What is locked is filled where it grows. */
		CHECK_EQ(space_lock(s, a, 4 * P, REGION_LOCKED), 0);
		CHECK_EQ(space_remap(s, a, 4 * P, 8 * P, 1, 0, &to), 0);
		CHECK_EQ(lab_store(s, to + 7 * P, 1), CAUSE_none);
	}
}

TEST(what_will_be_needed_is_read_ahead_from_files_and_from_swap_while_frames_are_free)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct space *s = l.space;
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &swap), 0);
		struct object *o = lab_file(&l, &f), *shared = lab_shared(&l, 4);
		uint64_t file = lab_map_object(s, o, FILE_PAGES + 1, PROT_R, 0), a = lab_map(s, 4, RW);
		uint64_t m = lab_map_object(s, shared, 4, RW, REGION_SHARED);
		CHECK_EQ(space_advise(s, file, 4 * P, WILLNEED), 0);
		CHECK_EQ(f.gets, 4);
		CHECK_EQ(lab_load(s, file + 3 * P), 4);
		CHECK_EQ(f.gets, 4);
		CHECK_EQ(space_advise(s, file + (FILE_PAGES - 1) * P, 2 * P, WILLNEED), 0);
		CHECK_EQ(f.gets, 5);
		f.get_error = -EIO;
		CHECK_EQ(space_advise(s, file + 10 * P, 2 * P, WILLNEED), 0);
		CHECK_EQ(f.gets, 6);
		f.get_error = 0;
		lab_store(s, a, 7);
		lab_store(s, m, 8);
		CHECK_EQ(space_advise(s, a, P, PAGEOUT), 0);
		CHECK_EQ(space_advise(s, m, P, PAGEOUT), 0);
		swap_drain(l.mm);
		CHECK_EQ(anon_map_get(&s->anons, a)->frame, NO_FRAME);
		CHECK_EQ(object_anon(shared, 0)->frame, NO_FRAME);
		CHECK_EQ(space_advise(s, a, 4 * P, WILLNEED), 0);
		CHECK_EQ(space_advise(s, m, 4 * P, WILLNEED), 0);
		CHECK(anon_map_get(&s->anons, a)->frame != NO_FRAME && object_anon(shared, 0)->frame != NO_FRAME);
		CHECK_EQ(lab_load(s, a), 7);
		CHECK_EQ(lab_load(s, m), 8);
		object_put(l.mm, o);
		object_put(l.mm, shared);
	}
}

TEST_MAIN
