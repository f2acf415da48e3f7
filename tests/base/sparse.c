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
