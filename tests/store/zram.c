/* SPDX-License-Identifier: MIT */
#include "store/units.h"
#include "world.h"

enum { MIB_SLOTS = 256 };

static void usage_is_bounded(struct world *w)
{
	struct store_usage u;
	w->ops->usage(w->store, &u);
	/* Each thing fills its units but the last; units fill their frames but two. */
	uint64_t most = u.bytes + u.bytes / 15 + u.stored * UNIT + UNITS_SPARE * PAGE_SIZE;
	CHECK(u.frames * (uint64_t)PAGE_SIZE <= most + 16 * PAGE_SIZE);
	CHECK(u.bytes <= u.stored * PAGE_SIZE);
}

TEST(compressed_pages_come_back_as_they_were)
{
	oracle_test("zram:4M", usage_is_bounded);
}

TEST(pages_compressed_with_a_dictionary_come_back_as_they_were)
{
	oracle_test("zram:4M,dict=8K", usage_is_bounded);
}

TEST(the_size_is_that_of_the_pages_before_compression)
{
	static struct world w;
	world_open(&w, "zram:1M");
	CHECK_EQ(w.ops->slots(w.store), MIB_SLOTS);
	world_close(&w);
}

TEST(a_page_of_one_word_takes_no_frame)
{
	static struct world w;
	world_open(&w, "zram:1M");
	for (uint32_t i = 0; i < MIB_SLOTS; i++)
		CHECK_EQ(world_write(&w, i, (i + 1) * 8), 0);
	CHECK_EQ(w.in_use, 0);
	for (uint32_t i = 0; i < MIB_SLOTS; i++)
		CHECK(world_holds(&w, i, (i + 1) * 8));
	world_close(&w);
}

TEST(a_page_that_does_not_shrink_takes_one_frame_and_gives_it_back)
{
	static struct world w;
	world_open(&w, "zram:1M");
	CHECK_EQ(world_write(&w, 3, 1), 0);
	CHECK_EQ(w.in_use, 1);
	CHECK_EQ(world_write(&w, 3, 9), 0);
	CHECK_EQ(w.in_use, 1);
	w.ops->discard(w.store, 3);
	CHECK_EQ(w.in_use, 0);
	w.ops->discard(w.store, 3);
	world_close(&w);
}

TEST(text_takes_less_than_half_of_its_size)
{
	static struct world w;
	struct store_usage u;
	world_open(&w, "zram:1M");
	for (uint32_t i = 0; i < MIB_SLOTS; i++)
		CHECK_EQ(world_write(&w, i, i * 8 + 3), 0);
	w.ops->usage(w.store, &u);
	printf("# %u pages in %u frames, %" PRIu64 " bytes\n", MIB_SLOTS, u.frames, u.bytes);
	CHECK_EQ(u.stored, MIB_SLOTS);
	CHECK(u.frames < MIB_SLOTS / 2);
	world_close(&w);
}

TEST(when_most_pages_are_gone_most_frames_are_given_back)
{
	static struct world w;
	world_open(&w, "zram:1M");
	for (uint32_t i = 0; i < MIB_SLOTS; i++)
		CHECK_EQ(world_write(&w, i, i * 8 + 3), 0);
	uint32_t before = w.in_use;
	for (uint32_t i = 0; i < MIB_SLOTS; i++)
		if (i % 16)
			w.ops->discard(w.store, i);
	printf("# %u frames, then %u\n", before, w.in_use);
	CHECK(w.in_use <= before / 16 + 1 + UNITS_SPARE);
	for (uint32_t i = 0; i < MIB_SLOTS; i += 16)
		CHECK(world_holds(&w, i, i * 8 + 3));
	world_close(&w);
}

TEST(a_full_ram_refuses_a_page_and_keeps_every_other)
{
	static struct world w;
	world_open(&w, "zram:1M");
	w.frames = 20;
	uint32_t kept = 0;
	while (world_write(&w, kept, kept * 8 + 3) == 0)
		kept++;
	CHECK(kept > 20);
	CHECK_EQ(world_write(&w, kept, 3), -ENOSPC);
	CHECK(strstr(w.ops->why(w.store), "no free frame"));
	for (uint32_t i = 0; i < kept; i++)
		CHECK(world_holds(&w, i, i * 8 + 3));
	w.ops->discard(w.store, 0);
	w.ops->discard(w.store, 1);
	CHECK_EQ(world_write(&w, 0, 11), 0);
	CHECK(world_holds(&w, 0, 11));
	world_close(&w);
}

TEST(one_frame_is_enough_to_write_any_page)
{
	static struct world w;
	for (uint64_t number = 0; number < 64; number++) {
		world_open(&w, "zram:1M");
		w.frames = 1;
		CHECK_EQ(world_write(&w, 0, number), 0);
		CHECK(world_holds(&w, 0, number));
		world_close(&w);
	}
}

TEST(of_a_transfer_that_found_no_room_nothing_is_kept)
{
	static struct world w;
	static uint8_t page[4][PAGE_SIZE];
	struct store_usage u;
	world_open(&w, "zram:1M");
	w.frames = 2;
	for (unsigned i = 0; i < 4; i++)
		page_make(page[i], 1 + i * 8);
	CHECK_EQ(world_move(&w, true, 0, 4, page), -ENOSPC);
	w.ops->usage(w.store, &u);
	CHECK_EQ(u.stored, 0);
	CHECK_EQ(w.in_use, 0);
	world_close(&w);
}

TEST(a_page_that_was_garbled_in_ram_is_an_error_or_other_bytes_but_never_a_crash)
{
	static struct world w;
	world_open(&w, "zram:1M");
	unsigned errors = 0;
	for (unsigned i = 0; i < 2000; i++) {
		CHECK_EQ(world_write(&w, 0, 3), 0);
		/* Not the links of units, which lie in their first 8 bytes. */
		unsigned at = (unsigned)(world_draw(&w) % FRAME_UNITS * UNIT + 8 +
					 world_draw(&w) % UNIT_BYTES);
		for (uint32_t f = 0; f < WORLD_FRAMES; f++)
			if (w.frame[f])
				w.frame[f][at] ^= (uint8_t)(1 << world_draw(&w) % 8);
		errors += !world_holds(&w, 0, 3);
	}
	printf("# %u of 2000\n", errors);
	CHECK(errors > 0);
	world_close(&w);
}

/* Pages that have something in common, which no page has twice. */
static void page_alike(uint8_t *page, uint64_t number)
{
	uint8_t common[PAGE_SIZE];
	page_make(page, number * 8 + 1);
	page_make(common, 1);
	memcpy(page + number % 32 * 64, common + 1024, 1536);
}

static uint64_t bytes_of_alike_pages(const char *spec)
{
	enum { PAGES = 1000 };
	static struct world w;
	static uint8_t page[1][PAGE_SIZE], made[PAGE_SIZE];
	struct store_usage u;
	world_open(&w, spec);
	for (uint32_t i = 0; i < PAGES; i++) {
		page_alike(page[0], i);
		memset(page[0] + 3584, 0, 512); /* so that it shrinks in any case */
		CHECK_EQ(world_move(&w, true, i, 1, page), 0);
	}
	w.ops->usage(w.store, &u);
	CHECK_EQ(u.frames, w.in_use);
	for (uint32_t i = 0; i < PAGES; i++) {
		page_alike(made, i);
		memset(made + 3584, 0, 512);
		CHECK_EQ(world_move(&w, false, i, 1, page), 0);
		CHECK(memcmp(page[0], made, PAGE_SIZE) == 0);
	}
	printf("# %s: %" PRIu64 " bytes in %u frames\n", spec, u.bytes, u.frames);
	world_close(&w);
	return u.bytes;
}

TEST(a_dictionary_knows_what_pages_have_in_common_and_lies_in_frames)
{
	CHECK(bytes_of_alike_pages("zram:4M,dict=8K") < bytes_of_alike_pages("zram:4M") * 3 / 4);
}

TEST(two_runs_use_the_same_frames)
{
	static struct world a, b;
	static struct oracle o;
	world_open(&a, "zram:4M,dict=8K");
	oracle_run(&a, &o, 5000, NULL);
	memset(&o, 0, sizeof(o));
	world_open(&b, "zram:4M,dict=8K");
	oracle_run(&b, &o, 5000, NULL);
	for (uint32_t f = 0; f < WORLD_FRAMES; f++) {
		CHECK_EQ(!a.frame[f], !b.frame[f]);
		CHECK(!a.frame[f] || memcmp(a.frame[f], b.frame[f], PAGE_SIZE) == 0);
	}
	world_close(&a);
	world_close(&b);
}

TEST(a_host_without_memory_is_told_of_and_nothing_leaks)
{
	static struct world w;
	for (int64_t n = 0;; n++) {
		world_init(&w);
		w.fail_in = n;
		int error = world_try(&w, "zram:1M");
		if (!error)
			break;
		CHECK_EQ(error, -ENOMEM);
		CHECK_EQ(w.bytes, 0);
	}
	w.fail_in = 0;
	CHECK_EQ(world_write(&w, 0, 3), -ENOSPC);
	CHECK_EQ(world_write(&w, 0, 3), 0);
	CHECK(world_holds(&w, 0, 3));
	world_close(&w);
}

TEST(wrong_sizes_are_told)
{
	check_refused("zram:", -EINVAL, "zram wants a size, as in zram:256M");
	check_refused("zram", -EINVAL, "zram wants a size");
	check_refused("zram:many", -EINVAL, "the size of zram \"many\" is not a size");
	check_refused("zram:1K", -EINVAL, "too small");
	check_refused("zram:5T", -EINVAL, "too large");
	check_refused("zram:64M,dict=1M", -EINVAL, "dict=1M is too large; 128K is the most");
	check_refused("zram:64M,dict=big", -EINVAL, "dict \"big\" is not a size");
	check_refused("zram:64M,dict=4K,dict=8K", -EINVAL, "\"dict=4K\" is more than zram takes: a size, dict=SIZE and prio=N, each once");
	check_refused("zram:64M,dictionary=4K", -EINVAL, "is more than zram takes");
}

TEST_MAIN
