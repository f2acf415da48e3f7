/* SPDX-License-Identifier: MIT */
#include "base/sparse.h"

#include <errno.h>

#include "../test.h"

static int64_t fail_in;
static uint64_t bytes;

static void *get(void *ctx, size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	bytes += size;
	return calloc(1, size);
}

static void put(void *ctx, void *p, size_t size)
{
	bytes -= p ? size : 0;
	if (p)
		memset(p, 0xa5, size); /* whoever still looks there sees it */
	__asm__ volatile("" : : "r"(p) : "memory");
	free(p);
}

static const struct alloc alloc = {.get = get, .put = put};

/* Indices that meet at every level, and the two ends. */
static uint64_t index_of(unsigned i)
{
	return i == 63 ? UINT64_MAX : ((uint64_t)(i % 7) << (i / 7 * 7)) | i;
}

TEST(what_was_stored_is_found_and_nothing_else)
{
	struct sparse s;
	fail_in = -1;
	bytes = 0;
	sparse_init(&s, &alloc);
	int value[64];
	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(sparse_set(&s, index_of(i), &value[i]), 0);
	for (unsigned i = 0; i < 64; i++) {
		CHECK(sparse_get(&s, index_of(i)) != NULL);
		CHECK(sparse_get(&s, index_of(i) + (UINT64_C(1) << 60)) == NULL);
	}
	uint64_t at = 0, last = 0;
	unsigned n = 0;
	for (; sparse_next(&s, &at, UINT64_MAX); at++) {
		CHECK(n == 0 || at > last);
		last = at;
		n++;
		if (at == UINT64_MAX)
			break;
	}
	CHECK_EQ(last, UINT64_MAX);
	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(sparse_set(&s, index_of(i), NULL), 0);
	CHECK_EQ(bytes, 0); /* a hole costs nothing, also one that was made */
	sparse_finish(&s);
}

/* Each look-up is tried right after one nearby and after one far away, as it may remember the way. */
TEST(an_entry_is_found_whatever_was_asked_for_before)
{
	struct sparse s;
	uint64_t state = 1;
	static int value[256];
	static bool there[256];
	fail_in = -1;
	bytes = 0;
	memset(there, 0, sizeof(there));
	sparse_init(&s, &alloc);
	for (unsigned turn = 0; turn < 200000; turn++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		unsigned i = state >> 56, what = state >> 40 & 3;
		/* Four clusters, so that nodes come and go, and levels too. */
		uint64_t index = ((uint64_t)(i >> 6) << (i >> 6) * 9) * 64 + (i & 63) * (1 + (i >> 6));
		if (what == 0)
			CHECK_EQ(sparse_set(&s, index, &value[i]), 0);
		else if (what < 3)
			CHECK_EQ(sparse_set(&s, index, NULL), 0);
		there[i] = what == 0 || (what == 3 && there[i]);
		CHECK(sparse_get(&s, index) == (there[i] ? &value[i] : NULL));
		if (what == 1 && turn % 64 == 0)
			CHECK_EQ(sparse_prepare(&s, index + 1), 0);
	}
	for (unsigned i = 0; i < 256; i++)
		CHECK_EQ(sparse_set(&s, ((uint64_t)(i >> 6) << (i >> 6) * 9) * 64 + (i & 63) * (1 + (i >> 6)), NULL), 0);
	sparse_finish(&s);
	CHECK_EQ(bytes, 0);
}

TEST(an_entry_that_was_only_prepared_costs_nothing_once_it_is_removed)
{
	struct sparse s;
	fail_in = -1;
	bytes = 0;
	sparse_init(&s, &alloc);
	CHECK_EQ(sparse_prepare(&s, 300), 0);
	CHECK(!sparse_get(&s, 300));
	CHECK_EQ(sparse_set(&s, 300, NULL), 0);
	CHECK_EQ(bytes, 0);
	sparse_finish(&s);
}

TEST(neighbours_are_found_at_once_however_they_lie_in_nodes)
{
	static uint64_t starts[] = {0, 1, 48, 60, 64, 4090, 4096, UINT64_MAX - 20};
	struct sparse s;
	fail_in = -1;
	bytes = 0;
	sparse_init(&s, &alloc);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			for (unsigned k = 0; round > 0 && k < 20; k += round)
				CHECK_EQ(sparse_set(&s, starts[i] + k, round == 1 || k % 3 ? &starts[i] : NULL), 0);
			for (unsigned done = 0, part; done < 20; done += part) {
				part = 20 - done;
				void *const *run = sparse_run(&s, starts[i] + done, &part);
				CHECK(part > 0 && part <= 20 - done);
				for (unsigned k = 0; k < part; k++)
					CHECK((run ? run[k] : NULL) == sparse_get(&s, starts[i] + done + k));
			}
		}
	}
	sparse_finish(&s);
	CHECK_EQ(bytes, 0);
}

TEST(next_stops_where_it_is_told)
{
	struct sparse s;
	fail_in = -1;
	sparse_init(&s, &alloc);
	int value;
	uint64_t at = 0;
	CHECK(!sparse_next(&s, &at, UINT64_MAX));
	CHECK_EQ(sparse_set(&s, 1000, &value), 0);
	CHECK(!sparse_next(&s, &at, 999));
	CHECK_EQ(at, 0);
	CHECK(sparse_next(&s, &at, 1000) == &value);
	CHECK_EQ(at, 1000);
	at = 1001;
	CHECK(!sparse_next(&s, &at, UINT64_MAX));
	sparse_finish(&s);
	CHECK_EQ(bytes, 0);
}

TEST(a_store_that_finds_no_memory_changes_nothing)
{
	for (int64_t n = 0;; n++) {
		struct sparse s;
		int a, b;
		fail_in = -1;
		bytes = 0;
		sparse_init(&s, &alloc);
		CHECK_EQ(sparse_set(&s, 5, &a), 0);
		uint64_t before = bytes;
		fail_in = n;
		int error = sparse_set(&s, UINT64_C(1) << 40, &b);
		CHECK(sparse_get(&s, 5) == &a);
		if (error) {
			CHECK_EQ(error, -ENOMEM);
			CHECK_EQ(bytes, before);
		}
		sparse_finish(&s);
		CHECK_EQ(bytes, 0);
		if (!error)
			break;
	}
}

TEST(a_prepared_store_cannot_fail)
{
	struct sparse s;
	int a;
	fail_in = -1;
	sparse_init(&s, &alloc);
	CHECK_EQ(sparse_prepare(&s, 77777), 0);
	CHECK(!sparse_get(&s, 77777));
	fail_in = 0;
	CHECK_EQ(sparse_set(&s, 77777, &a), 0);
	CHECK(sparse_get(&s, 77777) == &a);
	sparse_finish(&s);
	CHECK_EQ(bytes, 0);
}

TEST_MAIN
