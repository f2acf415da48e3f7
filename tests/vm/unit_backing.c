/* SPDX-License-Identifier: MIT */
/* Frames that are used for the first time: the host is told in time, and they are zeros. */
#include "unit.h"

enum { P = PAGE_SIZE, RW = PROT_R | PROT_W, STEP = 8 };

static uint32_t asked[64];
static unsigned asks;

static uint32_t back(void *ctx, uint32_t frame)
{
	asked[asks++] = frame;
	return frame + STEP;
}

TEST(the_host_is_told_of_each_frame_once_and_before_it_is_first_used)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 40, RW);
		asks = 0;
		l.mm->host.back = back;
		l.mm->backed = l.mm->pool.untouched;
		uint32_t first = l.mm->pool.untouched;
		for (unsigned turn = 0; turn < 3; turn++) {
			for (unsigned i = 0; i < 24; i++) {
				lab_store(l.space, a + i * P, 1);
				CHECK(l.mm->pool.untouched <= l.mm->backed);
			}
			CHECK_EQ(space_unmap(l.space, a, 24 * P), 0);
			lab_map_at(l.space, a, 24, RW);
		}
		CHECK(asks >= 24 / STEP);
		for (unsigned i = 0; i < asks; i++)
			CHECK_EQ(asked[i], first + i * STEP);
	}
}

TEST(a_new_page_is_zeros_whoever_had_its_frame_before)
{
	EACH_LAB (l, 32) {
		for (unsigned turn = 0; turn < 4; turn++) {
			uint64_t a = lab_map(l.space, 16, RW);
			for (unsigned i = 0; i < 16; i++) {
				uint32_t frame;
				lab_access(l.space, a + i * P, ACCESS_WRITE, &frame);
				for (unsigned b = 0; b < P; b++)
					CHECK_EQ(frame_bytes(l.mm, frame)[b], 0);
				memset(frame_bytes(l.mm, frame), 0xa5, P);
			}
			CHECK_EQ(space_unmap(l.space, a, 16 * P), 0);
		}
	}
}

TEST(a_kernel_buffer_never_shows_what_a_program_left_in_its_frame)
{
	EACH_LAB (l, 32) {
		uint32_t frame;
		for (unsigned turn = 0; turn < 3; turn++) {
			CHECK_EQ(frame_take_kernel(l.mm, NULL, &frame), 0);
			for (unsigned b = 0; b < P; b++)
				CHECK_EQ(frame_bytes(l.mm, frame)[b], 0);
			memset(frame_bytes(l.mm, frame), 0x5a, P);
			frame_free(l.mm, frame);
		}
	}
}

TEST_MAIN
