/* SPDX-License-Identifier: MIT */
/* Swap slots, against a plain list of them. */
#include <stdint.h>

#include "../test.h"
#include "base/alloc.h"
#include "vm/slots.h"

enum { COUNT = 3000 }; /* two whole blocks and a part */

static struct slots s;
static bool taken[COUNT + 1];
static uint64_t seed;

static unsigned random_below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (seed >> 33) % n;
}

static void begin(void)
{
	memset(taken, 0, sizeof(taken));
	seed = 1;
	CHECK_EQ(slots_init(&s, &alloc_libc, COUNT), 0);
}

static void compare(void)
{
	unsigned used = 0;
	for (unsigned i = 1; i <= COUNT; i++) {
		CHECK_EQ(s.taken[i], taken[i]);
		used += taken[i];
	}
	CHECK_EQ(s.used, used);
}

/* Is there a run of n free slots in one block? */
static bool has_run(unsigned n)
{
	for (unsigned i = 1, run = 0; i <= COUNT; i++) {
		if (i % SLOT_BLOCK == 0)
			run = 0;
		run = taken[i] ? 0 : run + 1;
		if (run == n)
			return true;
	}
	return false;
}

static uint32_t take(unsigned n)
{
	uint32_t first = slots_take(&s, n);
	if (!first) {
		CHECK(!has_run(n));
		return 0;
	}
	for (unsigned i = first; i < first + n; i++) {
		CHECK(i >= 1 && i <= COUNT);
		CHECK(!taken[i]);
		taken[i] = true;
	}
	CHECK_EQ(first / SLOT_BLOCK, (first + n - 1) / SLOT_BLOCK);
	return first;
}

static void put(unsigned slot)
{
	slots_put(&s, slot);
	taken[slot] = false;
}

TEST(a_swap_slot_is_never_given_to_two)
{
	begin();
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = 1 + random_below(COUNT);
		/* Now it fills, now it empties. */
		bool fill = random_below(8) < (step / 20000 % 2 ? 2 : 6);
		if (fill)
			take(random_below(4) ? 1 : 1 + random_below(16));
		else if (taken[i])
			put(i);
		if (step % 1000 == 0)
			compare();
	}
	compare();
	slots_finish(&s, &alloc_libc);
}

TEST(every_slot_of_a_swap_space_can_be_used_and_no_more)
{
	static const uint32_t counts[] = {1, 2, 1022, 1023, 1024, 1025, 2047, 2048, COUNT};
	for (unsigned k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		CHECK_EQ(slots_init(&s, &alloc_libc, counts[k]), 0);
		for (uint32_t i = 1; i <= counts[k]; i++)
			CHECK_EQ(slots_take(&s, 1), i);
		CHECK_EQ(slots_take(&s, 1), 0);
		CHECK_EQ(s.used, counts[k]);
		/* The only one that is free is found again. */
		uint32_t middle = 1 + counts[k] / 2;
		slots_put(&s, middle);
		CHECK_EQ(slots_take(&s, 1), middle);
		slots_finish(&s, &alloc_libc);
	}
}

TEST(pages_swapped_out_one_after_the_other_lie_beside_each_other)
{
	begin();
	for (uint32_t i = 1; i <= 100; i++)
		CHECK_EQ(take(1), i);
	/* What is freed behind is not taken at once. */
	for (uint32_t i = 10; i < 30; i++)
		put(i);
	CHECK_EQ(slots_take(&s, 1), 101);
	CHECK_EQ(slots_take(&s, 16), 102);
	slots_finish(&s, &alloc_libc);
}

TEST(a_cluster_is_found_wherever_it_fits_in_a_block)
{
	begin();
	while (slots_take(&s, 1))
		;
	/* Fifteen neighbours, and sixteen across the end of a block: neither holds sixteen. */
	for (uint32_t i = 500; i < 515; i++)
		slots_put(&s, i);
	for (uint32_t i = 2 * SLOT_BLOCK - 8; i < 2 * SLOT_BLOCK + 8; i++)
		slots_put(&s, i);
	CHECK_EQ(slots_take(&s, 16), 0);
	slots_put(&s, 515);
	CHECK_EQ(slots_take(&s, 16), 500);
	CHECK_EQ(slots_take(&s, 16), 0);
	CHECK_EQ(slots_take(&s, 8), 2 * SLOT_BLOCK - 8);
	slots_finish(&s, &alloc_libc);
}

static unsigned fail_in;

static void *failing_get(void *ctx, size_t size)
{
	(void)ctx;
	return fail_in-- ? calloc(1, size) : NULL;
}

static void failing_put(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

TEST(without_memory_a_swap_space_is_not_begun)
{
	const struct alloc failing = {failing_get, failing_put, NULL};
	for (unsigned n = 0; n < 2; n++) {
		fail_in = n;
		CHECK_EQ(slots_init(&s, &failing, COUNT), -12); /* ENOMEM */
	}
	fail_in = 2;
	CHECK_EQ(slots_init(&s, &failing, COUNT), 0);
	slots_finish(&s, &failing);
}

TEST_MAIN
