/* SPDX-License-Identifier: MIT */
/* test.h - tests that say what a user would lose
 *
 *	TEST(munmap_of_the_middle_leaves_both_ends_as_they_were)
 *	{
 *		CHECK_EQ(space_unmap(space, a, b), 0);
 *	}
 *	TEST_MAIN
 *
 * Each TEST registers itself; the program prints TAP, which Meson reads. A failed CHECK ends its
 * test and names the values. SKIP("reason") ends a test that cannot run here; one that is TEST_WHERE
 * (condition, name) does not even exist where the condition does not hold when the program starts. An
 * argument runs only the tests whose names contain it.
 */
#ifndef CARREL_TEST_H
#define CARREL_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_first, **test_last = &test_first;
static jmp_buf test_out;

enum { TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

#define TEST(name_) TEST_WHERE(true, name_)

#define TEST_WHERE(condition_, name_)                                                              \
	static void name_(void);                                                                   \
	__attribute__((constructor)) static void test_add_##name_(void)                            \
	{                                                                                          \
		static struct test t = {#name_, name_, NULL};                                      \
		if (!(condition_))                                                                 \
			return;                                                                    \
		*test_last = &t;                                                                   \
		test_last = &t.next;                                                               \
	}                                                                                          \
	static void name_(void)

#define SKIP(...)                                                                                  \
	do {                                                                                       \
		snprintf(test_reason, sizeof(test_reason), __VA_ARGS__);                           \
		longjmp(test_out, TEST_SKIPPED);                                                   \
	} while (0)

#define FAIL(...)                                                                                  \
	do {                                                                                       \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		longjmp(test_out, TEST_FAILED);                                                    \
	} while (0)

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			FAIL("not true: %s", #x);                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                                      \
		if (a_ != b_)                                                                      \
			FAIL("%s is %" PRId64 " (0x%" PRIx64 "), not %" PRId64 " (0x%" PRIx64      \
			     ")",                                                                  \
			     #a, a_, (uint64_t)a_, b_, (uint64_t)b_);                              \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
		if (strcmp(a_, b_) != 0)                                                           \
			FAIL("%s is \"%s\", not \"%s\"", #a, a_, b_);                              \
	} while (0)

static char test_reason[256];

#define TEST_MAIN                                                                                  \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		/* Static: longjmp may clobber what lives in registers. */                         \
		static int n, failed;                                                              \
		static struct test *t;                                                             \
		setvbuf(stdout, NULL, _IOLBF, 0);                                                  \
		for (t = test_first; t; t = t->next) {                                             \
			if (argc > 1 && !strstr(t->name, argv[1]))                                 \
				continue;                                                          \
			int r = setjmp(test_out);                                                  \
			if (r == 0)                                                                \
				t->run();                                                          \
			n++;                                                                       \
			if (r == TEST_FAILED)                                                      \
				failed++;                                                          \
			printf("%sok %d - %s", r == TEST_FAILED ? "not " : "", n, t->name);        \
			if (r == TEST_SKIPPED)                                                     \
				printf(" # SKIP %s", test_reason);                                 \
			printf("\n");                                                              \
		}                                                                                  \
		printf("1..%d\n", n);                                                              \
		return failed > 0;                                                                 \
	}

#endif
