/* SPDX-License-Identifier: MIT */
/* The ordered set of regions, against a plain array of pages. */
#include "unit.h"

enum { PAGES = 256 };

static struct regions set;
static bool used[PAGES];

static struct region *region_at(uint64_t page, uint64_t pages)
{
	struct region *r = calloc(1, sizeof(*r));
	r->start = page << PAGE_SHIFT;
	r->end = (page + pages) << PAGE_SHIFT;
	return r;
}

/* The highest or lowest place for n pages within [low, high), by trying all. 0: none. */
static uint64_t hole_by_hand(unsigned low, unsigned high, unsigned n, bool highest)
{
	uint64_t found = 0;
	for (unsigned p = low; p + n <= high; p++) {
		bool fits = true;
		for (unsigned i = 0; i < n; i++)
			fits &= !used[p + i];
		if (fits && (highest || !found))
			found = (uint64_t)p << PAGE_SHIFT;
	}
	return found;
}

TEST(a_hole_is_found_exactly_when_there_is_one)
{
	uint64_t seed = 1;
	regions_init(&set);
	memset(used, 0, sizeof(used));
	for (unsigned step = 0; step < 20000; step++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		unsigned p = 1 + (seed >> 33) % (PAGES - 20), n = 1 + (seed >> 50) % 12;
		struct region *there = regions_find(&set, (uint64_t)p << PAGE_SHIFT);
		CHECK_EQ(there != NULL, used[p]);
		bool is_free = true;
		for (unsigned i = 0; i < n; i++)
			is_free &= !used[p + i];
		if (there) {
			for (uint64_t va = there->start; va < there->end; va += PAGE_SIZE)
				used[va >> PAGE_SHIFT] = false;
			regions_remove(&set, there);
			free(there);
		} else if (is_free) {
			regions_insert(&set, region_at(p, n));
			memset(used + p, true, n);
		}
		unsigned low = 1 + (seed >> 20) % 100, high = low + (seed >> 40) % 150,
			 want = 1 + (seed >> 10) % 16;
		uint64_t bottom = (uint64_t)low << PAGE_SHIFT, top = (uint64_t)high << PAGE_SHIFT;
		CHECK_EQ(regions_hole_below(&set, bottom, top, (uint64_t)want << PAGE_SHIFT),
			 hole_by_hand(low, high, want, true));
		CHECK_EQ(regions_hole_above(&set, bottom, top, (uint64_t)want << PAGE_SHIFT),
			 hole_by_hand(low, high, want, false));
	}
	for (struct region *r; (r = regions_first(&set));) {
		regions_remove(&set, r);
		free(r);
	}
	CHECK_EQ(set.count, 0);
}

TEST(a_mapping_keeps_its_distance_from_a_stack)
{
	regions_init(&set);
	struct region *stack = region_at(1 << 20, 4);
	stack->flags = REGION_GROWSDOWN;
	regions_insert(&set, stack);
	uint64_t top = stack->start + (1 << 20);
	CHECK_EQ(regions_hole_below(&set, 65536, stack->start, PAGE_SIZE),
		 stack->start - STACK_GUARD - PAGE_SIZE);
	CHECK_EQ(regions_hole_below(&set, 65536, top, 2 << 20),
		 stack->start - STACK_GUARD - (2 << 20));
	regions_remove(&set, stack);
	free(stack);
}

TEST(neighbours_that_say_the_same_are_alike)
{
	struct region *a = region_at(1, 2), *b = region_at(3, 1);
	CHECK(!region_alike(a, b)); /* both say that they were mapped at 0 */
	b->offset = 2 * PAGE_SIZE;
	CHECK(region_alike(a, b));
	b->flags = REGION_SHARED;
	CHECK(!region_alike(a, b));
	b->flags = 0;
	b->source = 1;
	CHECK(!region_alike(a, b));
	b->source = 0;
	b->prot = PROT_R;
	CHECK(!region_alike(a, b));
	b->prot = 0;
	CHECK(region_alike(a, b));
	a->object = b->object = (struct object *)&set;
	CHECK(region_alike(a, b));
	b->offset = PAGE_SIZE;
	CHECK(!region_alike(a, b));
	free(a);
	free(b);
}

TEST_MAIN
