/* SPDX-License-Identifier: MIT */
#include "store/units.h"

#include "world.h"

enum { OWNERS = 300, MOST = FRAME_UNITS * UNIT_BYTES };

static uint32_t heads[OWNERS];

static uint32_t *head(void *ctx, uint32_t owner)
{
	return &heads[owner];
}

static void bytes_make(uint8_t *bytes, uint32_t size, uint32_t seed)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

TEST(things_of_any_size_stay_as_they_were_and_frames_stay_full)
{
	static struct world w;
	static uint32_t size[OWNERS];
	static bool whole[OWNERS];
	static uint8_t bytes[MOST], made[MOST];
	struct units u;
	memset(heads, 0, sizeof(heads));
	world_init(&w);
	units_init(&u, &w.env, head, NULL);
	for (unsigned n = 0; n < 20000; n++) {
		uint32_t o = (uint32_t)(world_draw(&w) % OWNERS);
		if (whole[o]) {
			CHECK_EQ(units_whole(&u, heads[o])[4095], (uint8_t)o);
			units_drop_whole(&u, o);
			whole[o] = false;
		} else if (size[o]) {
			bytes_make(made, size[o], o);
			units_get(&u, heads[o], bytes, size[o]);
			CHECK(memcmp(bytes, made, size[o]) == 0);
			units_drop(&u, o);
			size[o] = 0;
		} else if (world_draw(&w) % 8 == 0) {
			uint8_t *frame = units_take_whole(&u, o);
			CHECK(frame != NULL);
			memset(frame, (int)o, 4096);
			whole[o] = true;
		} else {
			size[o] = 1 + (uint32_t)(world_draw(&w) % MOST) / (1 + n % 5);
			bytes_make(made, size[o], o);
			CHECK_EQ(units_put(&u, o, made, size[o]), 0);
		}
		CHECK_EQ(heads[o] != 0, size[o] || whole[o]);
		CHECK(units_verify(&u));
		CHECK_EQ(u.frames, w.in_use);
	}
	units_finish(&u);
	CHECK_EQ(w.in_use, 0);
	CHECK_EQ(w.bytes, 0);
}

TEST(a_thing_that_finds_no_frame_changes_nothing)
{
	static struct world w;
	static uint8_t bytes[MOST];
	struct units u;
	memset(heads, 0, sizeof(heads));
	world_init(&w);
	w.frames = 1;
	units_init(&u, &w.env, head, NULL);
	CHECK_EQ(units_put(&u, 1, bytes, 20 * UNIT_BYTES), 0);
	CHECK_EQ(units_put(&u, 2, bytes, 13 * UNIT_BYTES), -ENOSPC);
	CHECK_EQ(heads[2], 0);
	CHECK(!units_take_whole(&u, 2));
	CHECK_EQ(units_put(&u, 2, bytes, 12 * UNIT_BYTES), 0);
	CHECK_EQ(units_put(&u, 3, bytes, MOST + 1), -ENOSPC);
	CHECK(units_verify(&u));
	units_drop(&u, 1);
	units_drop(&u, 2);
	CHECK_EQ(w.in_use, 0);
	units_finish(&u);
	CHECK_EQ(w.bytes, 0);
}

TEST_MAIN
