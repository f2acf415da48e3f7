/* SPDX-License-Identifier: MIT */
/* RAM of the machine as memory of the host. */
#include <sys/mman.h>

#include "../test.h"
#include "base/bits.h"
#include "machine/ram.h"

static unsigned resident(const struct ram *ram)
{
	static unsigned char in[8192];
	unsigned n = 0;
	CHECK(ram->frames <= sizeof(in));
	CHECK_EQ(mincore(ram->bytes, ram->frames << PAGE_SHIFT, in), 0);
	for (uint64_t i = 0; i < ram->frames; i++)
		n += in[i] & 1;
	return n;
}

TEST(a_machine_costs_the_host_no_memory_before_it_is_used)
{
	struct ram ram;
	CHECK_EQ(ram_init(&ram, 8192), 0);
	CHECK_EQ(resident(&ram), 0);
	ram_finish(&ram);
}

TEST(backing_frames_goes_on_to_the_last_and_not_beyond)
{
	for (uint64_t frames = 1; frames <= 6000; frames = frames * 3 + 1) {
		struct ram ram;
		CHECK_EQ(ram_init(&ram, frames), 0);
		for (uint64_t at = 0; at < frames;) {
			uint64_t next = ram_back(&ram, at);
			CHECK(next > at && next <= frames);
			for (uint64_t i = at << PAGE_SHIFT; i < next << PAGE_SHIFT; i++)
				CHECK_EQ(ram.bytes[i], 0);
			ram.bytes[at << PAGE_SHIFT] = 1;
			at = next;
		}
		ram_finish(&ram);
	}
}

TEST(what_is_backed_stays_close_to_what_is_used)
{
	struct ram ram;
	CHECK_EQ(ram_init(&ram, 8192), 0);
	/* Without huge pages, whose size it cannot choose. */
	CHECK_EQ(madvise(ram.bytes, ram.frames << PAGE_SHIFT, MADV_NOHUGEPAGE), 0);
	for (uint64_t at = 0; at < 8000;) {
		uint64_t next = ram_back(&ram, at);
		CHECK(next - at <= 16 + at / 16);
		CHECK(resident(&ram) <= next);
		at = next;
	}
	ram_finish(&ram);
}

TEST_MAIN
