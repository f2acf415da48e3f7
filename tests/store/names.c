/* SPDX-License-Identifier: MIT */
#include "world.h"

static void check_wrong(const char *spec, const char *sentence)
{
	static struct store_spec parsed;
	char why[300] = "";
	CHECK_EQ(store_parse(spec, &parsed, why, sizeof(why)), -EINVAL);
	if (!strstr(why, sentence))
		FAIL("%s: \"%s\" has no \"%s\"", spec, why, sentence);
}

static void check_right(const char *spec, const char *name, const char *params, int prio)
{
	static struct store_spec parsed;
	char why[300] = "";
	if (store_parse(spec, &parsed, why, sizeof(why)) < 0)
		FAIL("%s: %s", spec, why);
	CHECK_STR(parsed.ops ? parsed.ops->name : "none", name);
	CHECK_STR(parsed.params, params);
	CHECK_EQ(parsed.prio, prio);
}

TEST(a_store_is_taken_apart_into_its_kind_its_parameters_and_its_priority)
{
	check_right("none", "none", "", STORE_PRIO_NONE);
	check_right("file:/a/b", "file", "/a/b", STORE_PRIO_NONE);
	check_right("file:/a/b,prio=0", "file", "/a/b", 0);
	check_right("file:/a/b,size=1G,prio=32767", "file", "/a/b,size=1G", 32767);
	check_right("file:/a/b,prio=7,size=1G", "file", "/a/b,size=1G", 7);
	check_right("faulty[read=1:fail]:file:/a,prio=3", "faulty", "[read=1:fail]:file:/a", 3);
}

TEST(what_is_wrong_with_a_store_is_told)
{
	check_wrong("", "there is no store \"\"; there is none, file");
	check_wrong("disk:/dev/sda", "there is no store \"disk\"; there is none, file");
	check_wrong("files:/x", "there is no store \"files\"");
	check_wrong("file:/a,prio=-1", "prio=-1 must be a number from 0 to 32767");
	check_wrong("file:/a,prio=40000", "must be a number from 0 to 32767");
	check_wrong("file:/a,prio=", "must be a number");
	check_wrong("file:/a,prio=12345678901234567890", "must be a number");
	check_wrong("file:/a,prio=1,prio=2", "prio stands there twice");
	static char path[STORE_PARAMS + 10] = "file:";
	memset(path + 5, 'x', sizeof(path) - 6);
	check_wrong(path, "too long");
}

TEST(names_are_listed_and_cut_short_where_there_is_no_room)
{
	char names[100], few[12];
	store_names(names, sizeof(names));
	CHECK(strncmp(names, "none, file", 10) == 0);
	CHECK(strstr(names, "faulty"));
	store_names(few, sizeof(few));
	CHECK_STR(few, "none, file,");
}

TEST_MAIN
