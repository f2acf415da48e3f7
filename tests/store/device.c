/* SPDX-License-Identifier: MIT */
#include "store/device.h"

#include "world.h"

enum { MS = 1000000, US = 1000 };

static struct device made(const char *text)
{
	struct device_model m;
	struct device d;
	char why[300];
	if (device_parse(text, &m, why, sizeof(why)) < 0)
		FAIL("%s: %s", text, why);
	device_init(&d, &m);
	return d;
}

TEST(a_disk_seeks_unless_the_slot_follows)
{
	/* 4 pages of 4096 bytes at 16 KiB a second: a second. */
	struct device d = made("hdd:seek=8ms,rotate=4ms,rate=16K");
	uint64_t second = 1000 * MS;
	CHECK_EQ(device_ends(&d, 100, 4, true, 0), 12 * MS + second);
	uint64_t t = 5 * second;
	CHECK_EQ(device_ends(&d, 104, 4, true, t), t + second);
	t += 5 * second;
	CHECK_EQ(device_ends(&d, 104, 4, false, t), t + 12 * MS + second);
}

TEST(a_disk_does_one_thing_after_the_other)
{
	struct device d = made("hdd:seek=8ms,rotate=4ms,rate=4K");
	uint64_t second = 1000 * MS;
	CHECK_EQ(device_ends(&d, 10, 1, true, 0), 12 * MS + second);
	CHECK_EQ(device_ends(&d, 11, 1, true, 0), 12 * MS + 2 * second);
	CHECK_EQ(device_ends(&d, 50, 1, true, 0), 24 * MS + 3 * second);
}

TEST(the_latencies_of_an_ssd_overlap_and_its_bytes_queue)
{
	struct device d = made("ssd:latency=80us,rate=40960000");
	CHECK_EQ(device_ends(&d, 7, 1, false, 0), 180 * US);
	CHECK_EQ(device_ends(&d, 3, 1, false, 0), 280 * US);
	CHECK_EQ(device_ends(&d, 9, 2, true, 0), 480 * US);
	CHECK_EQ(device_ends(&d, 1, 1, false, MS), MS + 180 * US);
}

TEST(a_device_of_none_takes_no_time)
{
	struct device d = made("none");
	CHECK_EQ(device_ends(&d, 7, 16, false, 0), 0);
	CHECK_EQ(device_ends(&d, 700, 16, true, 55), 55);
}

TEST(the_usual_devices_differ_by_orders_of_magnitude)
{
	struct device hdd = made("hdd"), ssd = made("ssd"), nvme = made("nvme");
	uint64_t a = device_ends(&hdd, 9, 1, false, 0), b = device_ends(&ssd, 9, 1, false, 0),
		 c = device_ends(&nvme, 9, 1, false, 0);
	printf("# a page: hdd %" PRIu64 " ns, ssd %" PRIu64 " ns, nvme %" PRIu64 " ns\n", a, b, c);
	CHECK(a > 100 * b && b > 3 * c && c > 10 * US);
}

TEST(time_never_goes_back)
{
	static struct world w;
	world_init(&w);
	static const char *const kinds[] = {"hdd", "ssd", "nvme", "none", "hdd:rate=4K"};
	for (unsigned k = 0; k < array_size(kinds); k++) {
		struct device d = made(kinds[k]);
		uint64_t now = 0, last = 0;
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t ends =
			    device_ends(&d, (uint32_t)world_draw(&w),
					(unsigned)(1 + world_draw(&w) % 16), i % 2, now);
			CHECK(ends >= now && ends >= last);
			last = ends;
			now += world_draw(&w) % MS;
		}
	}
}

static void check_wrong(const char *text, const char *sentence)
{
	struct device_model m;
	char why[300] = "";
	CHECK_EQ(device_parse(text, &m, why, sizeof(why)), -EINVAL);
	if (!strstr(why, sentence))
		FAIL("%s: \"%s\" has no \"%s\"", text, why, sentence);
}

TEST(wrong_devices_are_told)
{
	check_wrong("tape", "there is no device \"tape\"; there is hdd, ssd, nvme, none");
	check_wrong("", "there is no device \"\"");
	check_wrong("ssd:seek=1ms", "ssd has no number \"seek\"; it has latency, rate");
	check_wrong("none:rate=1M", "none has no number \"rate\"; it has none");
	check_wrong("hdd:seek", "seek wants a value, as in seek=4ms");
	check_wrong("hdd:seek=fast", "seek=fast is not a time; write 8ms or 80us");
	check_wrong("hdd:seek=11s", "seek=11s is too long; 10s is the most");
	check_wrong("hdd:rate=1", "rate=1 is too slow");
	check_wrong("hdd:rate=quick", "is not a number of bytes a second");
	check_wrong("hdd:rate=99999999999999999999", "is too fast");
	check_wrong("hdd:seek=1ms,rate=1M,seek=2ms", "seek stands there twice; once is enough");
	check_wrong("hdd:seek=1ms,,", "hdd has no number \"\"");
}

TEST_MAIN
