/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "store/device.h"
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

/* ---- Whatever is written there ---- */

static void *get_some(void *ctx, size_t size)
{
	return size > 16 << 20 ? NULL : world_get(ctx, size);
}

/* text, with a piece put in, a byte taken out, doubled from somewhere on, or cut off. No piece is a path. */
static void mutate(struct world *w, struct text *t)
{
	static const char *const piece[] = {",", "=", ":", "[", "]", "]:", "1", "0", "-1", "99999999999999999999", "K", "T",
					    "ms", "h", "prio=3", "dict=4K", "size=1M", "read=1:fail", "write=every=2:tear",
					    "seed=1", "faulty[", "faulty[]:", "zram:", "none", "hdd:", "seek=1ms", "rate=1M",
					    "\xff", " ", "%s%n"};
	struct text was = *t;
	const char *put = piece[world_draw(w) % array_size(piece)];
	int at = (int)(world_draw(w) % (was.size + 1));
	*t = (struct text)TEXT;
	switch (world_draw(w) % 4) {
	case 0: text_add(t, "%.*s%s%s", at, was.bytes, put, was.bytes + at); break;
	case 1: text_add(t, "%.*s%s", at, was.bytes, (size_t)at < was.size ? was.bytes + at + 1 : ""); break;
	case 2: text_add(t, "%s%s", was.bytes, was.bytes + at); break;
	default: text_add(t, "%.*s", at, was.bytes);
	}
	text_finish(&was);
}

TEST(whatever_is_written_for_a_store_or_a_device_is_taken_or_refused_with_a_sentence)
{
	static const char *const texts[] = {"zram:1M,dict=16K,prio=7", "faulty[read=100:corrupt,write=7:fail,seed=3]:zram:64K",
					    "faulty[read=1/50:delay=5ms]:faulty[write=9+:full]:zram:64K,prio=0",
					    "hdd:seek=4ms,rotate=2ms,rate=100M", "nvme:latency=10us,rate=3G", "none"};
	static struct world w;
	unsigned taken = 0, many = getenv("CARREL_LONG") ? 300000 : 3000;
	world_init(&w);
	w.alloc.get = get_some;
	for (unsigned i = 0; i < many; i++) {
		struct device_model model;
		struct text t = TEXT;
		text_add(&t, "%s", texts[i % array_size(texts)]);
		for (uint64_t n = world_draw(&w) % 4; n; n--)
			mutate(&w, &t);
		const char *text = text_str(&t);
		if (world_try(&w, text) == 0) {
			taken++;
			(void)world_write(&w, 0, 3); /* fails where the text says so */
			world_close(&w);
		} else if (!w.why[0]) {
			FAIL("%s is refused without a sentence", text);
		}
		CHECK_EQ(w.bytes, 0);
		w.why[0] = 0;
		if (device_parse(text, &model, w.why, sizeof(w.why)) < 0 && !w.why[0])
			FAIL("%s is refused without a sentence", text);
		text_finish(&t);
	}
	printf("# %u of %u texts name a store, seed 1\n", taken, many);
	CHECK(taken > 0);
}

TEST(faults_within_faults_end_somewhere)
{
	char text[STORE_PARAMS] = "";
	for (size_t n = 0; n + 20 < sizeof(text); n += 9)
		strcpy(text + n, "faulty[]:");
	strcat(text, "zram:64K");
	check_refused(text, -EINVAL, "one in another at most");
}

TEST_MAIN
