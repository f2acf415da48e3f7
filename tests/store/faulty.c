/* SPDX-License-Identifier: MIT */
#include "world.h"

#ifdef HAVE_ZSTD
#define INNER "zram:4M"
#else
/* A build without libzstd. */
#define FILE_NAME "/tmp/carrel-store-faulty.img"
#define INNER "file:" FILE_NAME ",size=4M"

__attribute__((destructor)) static void file_remove(void)
{
	unlink(FILE_NAME);
}
#endif

/* Writes or reads slots 0 on, one page each, and says which failed. */
static uint64_t failures(struct world *w, bool write, unsigned count)
{
	uint64_t failed = 0;
	uint8_t page[1][PAGE_SIZE];
	for (unsigned i = 0; i < count; i++) {
		page_make(page[0], i);
		failed |= (uint64_t)(world_move(w, write, i, 1, page) != 0) << i;
	}
	return failed;
}

/* Which slots hold something else than was written. */
static uint64_t different(struct world *w, unsigned count)
{
	uint64_t found = 0;
	for (unsigned i = 0; i < count; i++)
		found |= (uint64_t)!world_holds(w, i, i) << i;
	return found;
}

TEST(without_rules_it_is_the_store_inside)
{
	oracle_test("faulty[]:" INNER, NULL);
}

TEST(the_nth_page_fails_and_no_other)
{
	static struct world w;
	world_open(&w, "faulty[write=7:fail,read=3:fail]:" INNER);
	CHECK_EQ(failures(&w, true, 20), 1 << 6);
	CHECK(strstr(w.ops->why(w.store), "the rule write=7:fail struck write 7"));
	CHECK_EQ(world_write(&w, 6, 6), 0);
	CHECK_EQ(different(&w, 20), 1 << 2);
	CHECK_EQ(different(&w, 20), 0);
	world_close(&w);
}

TEST(a_rule_can_strike_each_nth_or_all_from_the_nth_on)
{
	static struct world w;
	world_open(&w, "faulty[write=every=3:fail]:" INNER);
	CHECK_EQ(failures(&w, true, 10), 0x124);
	world_close(&w);
	world_open(&w, "faulty[write=4+:fail]:" INNER);
	CHECK_EQ(failures(&w, true, 8), 0xf8);
	world_close(&w);
}

TEST(chances_follow_the_seed)
{
	static struct world w;
	uint64_t got[3];
	static const char *const spec[] = {"faulty[write=1/4:fail,seed=1]:" INNER,
					   "faulty[write=1/4:fail,seed=1]:" INNER,
					   "faulty[write=1/4:fail,seed=2]:" INNER};
	for (unsigned i = 0; i < 3; i++) {
		world_open(&w, spec[i]);
		got[i] = failures(&w, true, 64);
		world_close(&w);
	}
	CHECK_EQ(got[0], got[1]);
	CHECK(got[0] != got[2]);
	CHECK(got[0] != 0 && __builtin_popcountll(got[0]) < 40);
}

TEST(a_device_that_is_full_says_so)
{
	static struct world w;
	world_open(&w, "faulty[write=2:full]:" INNER);
	CHECK_EQ(world_write(&w, 0, 3), 0);
	CHECK_EQ(world_write(&w, 1, 3), -ENOSPC);
	CHECK_EQ(world_write(&w, 1, 3), 0);
	world_close(&w);
}

TEST(a_corrupt_write_lies_wrongly_in_the_store_and_leaves_the_callers_page)
{
	static struct world w;
	static uint8_t page[1][PAGE_SIZE], made[PAGE_SIZE];
	world_open(&w, "faulty[write=1:corrupt,read=3:corrupt]:" INNER);
	page_make(made, 3);
	memcpy(page[0], made, PAGE_SIZE);
	CHECK_EQ(world_move(&w, true, 0, 1, page), 0);
	CHECK(memcmp(page[0], made, PAGE_SIZE) == 0);
	CHECK(!world_holds(&w, 0, 3));
	CHECK(!world_holds(&w, 0, 3));
	CHECK_EQ(world_write(&w, 0, 3), 0);
	CHECK(!world_holds(&w, 0, 3)); /* the third read */
	CHECK(world_holds(&w, 0, 3));
	world_close(&w);
}

TEST(exactly_one_bit_of_a_corrupt_page_differs)
{
	static struct world w;
	static uint8_t page[1][PAGE_SIZE], made[PAGE_SIZE];
	world_open(&w, "faulty[read=every=1:corrupt]:" INNER);
	page_make(made, 3);
	CHECK_EQ(world_write(&w, 0, 3), 0);
	for (unsigned n = 0; n < 50; n++) {
		unsigned bits = 0;
		CHECK_EQ(world_move(&w, false, 0, 1, page), 0);
		for (unsigned i = 0; i < PAGE_SIZE; i++)
			bits += (unsigned)__builtin_popcount(page[0][i] ^ made[i]);
		CHECK_EQ(bits, 1);
	}
	world_close(&w);
}

TEST(a_torn_write_leaves_the_second_half_as_it_was)
{
	static struct world w;
	static uint8_t page[1][PAGE_SIZE], old[PAGE_SIZE], new[PAGE_SIZE];
	world_open(&w, "faulty[write=2:tear]:" INNER);
	page_make(old, 3);
	page_make(new, 11);
	CHECK_EQ(world_write(&w, 0, 3), 0);
	CHECK_EQ(world_write(&w, 0, 11), 0);
	CHECK_EQ(world_move(&w, false, 0, 1, page), 0);
	CHECK(memcmp(page[0], new, PAGE_SIZE / 2) == 0);
	CHECK(memcmp(page[0] + PAGE_SIZE / 2, old + PAGE_SIZE / 2, PAGE_SIZE / 2) == 0);
	world_close(&w);
}

TEST(a_delay_is_told_to_who_keeps_the_time)
{
	static struct world w;
	static uint8_t page[4][PAGE_SIZE];
	world_open(&w, "faulty[write=2:delay=5ms,write=3:delay=2ms]:" INNER);
	struct store_transfer t = {.slot = 0, .pages = 4, .write = true};
	for (unsigned i = 0; i < 4; i++) {
		page_make(page[i], i);
		t.bytes[i] = page[i];
	}
	w.ops->submit(w.store, &t);
	CHECK_EQ(t.delay, 7000000);
	CHECK_EQ(w.ops->finish(w.store, &t), 0);
	CHECK_EQ(different(&w, 4), 0);
	world_close(&w);
}

TEST(pages_are_counted_however_many_a_transfer_has)
{
	static struct world w;
	static uint8_t page[8][PAGE_SIZE];
	world_open(&w, "faulty[write=5:corrupt,write=12:fail]:" INNER);
	for (unsigned i = 0; i < 8; i++)
		page_make(page[i], i);
	CHECK_EQ(world_move(&w, true, 0, 8, page), 0);
	CHECK_EQ(different(&w, 8), 1 << 4);
	CHECK_EQ(world_move(&w, true, 0, 8, page), -EIO);
	CHECK_EQ(different(&w, 8), 1 << 4); /* nothing of it was moved */
	world_close(&w);
}

TEST(transfers_may_be_under_way_at_once)
{
	static struct world w;
	static uint8_t page[4][PAGE_SIZE];
	world_open(&w, "faulty[read=2:corrupt]:" INNER);
	CHECK_EQ(failures(&w, true, 4), 0);
	struct store_transfer t[4] = {0};
	for (unsigned i = 0; i < 4; i++) {
		t[i] = (struct store_transfer){.slot = i, .pages = 1, .bytes = {page[i]}};
		w.ops->submit(w.store, &t[i]);
	}
	for (unsigned i = 4; i--;) {
		uint8_t made[PAGE_SIZE];
		CHECK_EQ(w.ops->finish(w.store, &t[i]), 0);
		page_make(made, i);
		CHECK_EQ(memcmp(page[i], made, PAGE_SIZE) != 0, i == 1);
	}
	world_close(&w);
}

TEST(a_host_without_memory_fails_the_transfer_and_nothing_else)
{
	static struct world w;
	world_open(&w, "faulty[]:" INNER);
	CHECK_EQ(world_write(&w, 0, 3), 0);
	w.fail_in = 0;
	CHECK_EQ(world_write(&w, 1, 3), -EIO);
	CHECK(world_holds(&w, 0, 3));
	world_close(&w);
}

TEST(wrong_rules_are_told)
{
	check_refused("faulty:" INNER, -EINVAL, "faulty wants rules and a store");
	check_refused("faulty[read=1:fail]", -EINVAL, "faulty wants rules and a store");
	check_refused("faulty[read:fail]:" INNER, -EINVAL, "\"read:fail\" is no rule");
	check_refused("faulty[open=1:fail]:" INNER, -EINVAL, "\"open=1:fail\" is no rule");
	check_refused("faulty[read=0:fail]:" INNER, -EINVAL, "\"0\" does not say when");
	check_refused("faulty[read=every=x:fail]:" INNER, -EINVAL, "does not say when");
	check_refused("faulty[read=1:burn]:" INNER, -EINVAL,
		      "\"burn\" does not say what a read does; write fail, corrupt, tear");
	check_refused("faulty[read=1:full]:" INNER, -EINVAL, "\"full\" does not say what a read");
	check_refused("faulty[seed=1,seed=2]:" INNER, -EINVAL, "seed stands there twice; once is enough");
	check_refused("faulty[seed=x]:" INNER, -EINVAL, "\"seed=x\" is not seed=N");
	check_refused("faulty[read=1:fail]:tape:", -EINVAL, "there is no store \"tape\"");
	check_refused("faulty[read=1:fail]:none", -EINVAL, "none is no store");
}

TEST_MAIN
