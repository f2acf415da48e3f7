/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <errno.h>

#include "../test.h"

static void check_quoted(const char *bytes, size_t size, size_t max, const char *wanted)
{
	struct text t = TEXT;
	text_add_quoted(&t, bytes, size, max);
	bool same = strcmp(text_str(&t), wanted) == 0;
	if (!same)
		printf("# %s\n", text_str(&t));
	text_finish(&t);
	CHECK(same);
}

TEST(a_text_grows_and_keeps_what_was_added_in_order)
{
	struct text t = TEXT;
	CHECK_STR(text_str(&t), "");
	for (int i = 0; i < 1000; i++)
		text_add(&t, "%d,", i);
	CHECK(!text_failed(&t));
	CHECK_EQ(strlen(text_str(&t)), t.size);
	CHECK(strncmp(text_str(&t), "0,1,2,", 6) == 0);
	CHECK(strcmp(text_str(&t) + t.size - 4, "999,") == 0);
	text_finish(&t);
	CHECK_STR(text_str(&t), "");
}

TEST(bytes_with_a_nul_are_kept_whole)
{
	struct text t = TEXT;
	text_add_bytes(&t, "a\0b", 3);
	CHECK_EQ(t.size, 3);
	CHECK_EQ(t.bytes[2], 'b');
	CHECK_EQ(t.bytes[3], 0);
	text_finish(&t);
}

TEST(strings_are_quoted_as_strace_quotes_them)
{
	check_quoted("hello", 5, 32, "\"hello\"");
	check_quoted("a\"b\\c\n\t", 7, 32, "\"a\\\"b\\\\c\\n\\t\"");
	check_quoted("\0", 1, 32, "\"\\0\"");
	check_quoted("\0"
		     "1",
		     2, 32, "\"\\0001\"");
	check_quoted("\x7f"
		     "ELF\2\1\1",
		     7, 32, "\"\\177ELF\\2\\1\\1\"");
	check_quoted("\0018", 2, 32, "\"\\18\"");
	check_quoted("abcdef", 6, 3, "\"abc\"...");
	check_quoted("", 0, 3, "\"\"");
}

TEST(sizes_take_units_of_1024_and_refuse_what_is_not_a_size)
{
	uint64_t v = 7;
	CHECK_EQ(parse_size("64M", &v), 0);
	CHECK_EQ(v, 64 << 20);
	CHECK_EQ(parse_size("4k", &v), 0);
	CHECK_EQ(v, 4096);
	CHECK_EQ(parse_size("1GiB", &v), 0);
	CHECK_EQ(v, 1 << 30);
	CHECK_EQ(parse_size("2TB", &v), 0);
	CHECK_EQ(v, UINT64_C(2) << 40);
	CHECK_EQ(parse_size("512", &v), 0);
	CHECK_EQ(v, 512);
	CHECK_EQ(parse_size("7B", &v), 0);
	CHECK_EQ(v, 7);
	CHECK_EQ(parse_size("", &v), -EINVAL);
	CHECK_EQ(parse_size("-1", &v), -EINVAL);
	CHECK_EQ(parse_size(" 1", &v), -EINVAL);
	CHECK_EQ(parse_size("1X", &v), -EINVAL);
	CHECK_EQ(parse_size("1Mi", &v), -EINVAL);
	CHECK_EQ(parse_size("M", &v), -EINVAL);
	CHECK_EQ(parse_size("16777216T", &v), -ERANGE);
	CHECK_EQ(parse_size("99999999999999999999", &v), -ERANGE);
	CHECK_EQ(parse_size("99999999999999999999x", &v), -EINVAL);
	CHECK_EQ(v, 7);
}

TEST(times_take_units_and_fractions_exactly)
{
	uint64_t v = 7;
	CHECK_EQ(parse_time("5s", &v), 0);
	CHECK_EQ(v, 5000000000);
	CHECK_EQ(parse_time("5", &v), 0);
	CHECK_EQ(v, 5000000000);
	CHECK_EQ(parse_time("0.1", &v), 0);
	CHECK_EQ(v, 100000000);
	CHECK_EQ(parse_time("1.5ms", &v), 0);
	CHECK_EQ(v, 1500000);
	CHECK_EQ(parse_time("2us", &v), 0);
	CHECK_EQ(v, 2000);
	CHECK_EQ(parse_time("3ns", &v), 0);
	CHECK_EQ(v, 3);
	CHECK_EQ(parse_time("2m", &v), 0);
	CHECK_EQ(v, 120000000000);
	CHECK_EQ(parse_time("1.000000001s", &v), 0);
	CHECK_EQ(v, 1000000001);
	v = 7;
	CHECK_EQ(parse_time("", &v), -EINVAL);
	CHECK_EQ(parse_time("1.s", &v), -EINVAL);
	CHECK_EQ(parse_time("-1s", &v), -EINVAL);
	CHECK_EQ(parse_time("1 s", &v), -EINVAL);
	CHECK_EQ(parse_time("1d", &v), -EINVAL);
	CHECK_EQ(parse_time("99999999999s", &v), -ERANGE);
	CHECK_EQ(v, 7);
}

TEST(numbers_are_decimal_or_hexadecimal_and_nothing_else)
{
	uint64_t v = 7;
	CHECK_EQ(parse_u64("0x200000", &v), 0);
	CHECK_EQ(v, 0x200000);
	CHECK_EQ(parse_u64("18446744073709551615", &v), 0);
	CHECK_EQ(v, -1);
	v = 7;
	CHECK_EQ(parse_u64("18446744073709551616", &v), -ERANGE);
	CHECK_EQ(parse_u64("0x", &v), -EINVAL);
	CHECK_EQ(parse_u64("0x0x1", &v), -EINVAL);
	CHECK_EQ(parse_u64("0x-1", &v), -EINVAL);
	CHECK_EQ(parse_u64("ff", &v), -EINVAL);
	CHECK_EQ(parse_u64("+1", &v), -EINVAL);
	CHECK_EQ(parse_u64("", &v), -EINVAL);
	CHECK_EQ(v, 7);
}

TEST(counts_and_times_are_written_for_people)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} times[] = {{0, "0 ns"},
		     {999, "999 ns"},
		     {1000, "1.000 us"},
		     {20772, "20.77 us"},
		     {999999, "999.9 us"},
		     {1203311, "1.203 ms"},
		     {3500000000, "3.500 s"},
		     {86400000000000, "86,400.0 s"}};
	struct text t = TEXT;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		text_add_time(&t, times[i].ns);
		CHECK_STR(text_str(&t), times[i].text);
		text_finish(&t);
	}
	text_add_count(&t, 0);
	text_add(&t, " ");
	text_add_count(&t, 1000);
	text_add(&t, " ");
	text_add_count(&t, 1234056);
	CHECK_STR(text_str(&t), "0 1,000 1,234,056");
	text_finish(&t);
}

TEST_MAIN
