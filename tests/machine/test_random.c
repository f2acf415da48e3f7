/* SPDX-License-Identifier: MIT */
/* test_random.c - random programs leave the same registers and memory here as in qemu-riscv64
 *
 * CARREL_SEED chooses other programs, CARREL_RANDOM_SEQUENCES how many (4000).
 */
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "random.h"
#include "tests/test.h"

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

/* Prints sequence i. */
static void sequence_print(const struct random *r, unsigned i)
{
	char text[64];

	for (uint64_t at = r->starts[i]; at < r->starts[i] + 300;) {
		unsigned n = insn_text(r->bytes + at, RANDOM_VA + at, text, sizeof(text));
		printf("#   %06" PRIx64 "  %s\n", RANDOM_VA + at, text);
		at += n;
	}
}

/* The blocks must be the same, but for x31, which holds the address. */
static void blocks_compare(const struct random *r, const uint8_t *ours, const uint8_t *theirs,
			   const char *who)
{
	for (unsigned i = 0; i < r->sequences; i++, ours += BLOCK, theirs += BLOCK) {
		if (memcmp(ours, theirs, BLOCK) == 0)
			continue;
		printf("# sequence %u differs from %s\n", i, who);
		for (unsigned k = 0; k < BLOCK; k += 8) {
			uint64_t a, b, before;
			memcpy(&a, ours + k, 8);
			memcpy(&b, theirs + k, 8);
			memcpy(&before, r->bytes + random_block(i) + k, 8);
			if (a != b)
				printf("#   %s%u: %016" PRIx64 ", not %016" PRIx64 "; was %016" PRIx64 "\n",
				       k < BLOCK_F	? "x"
				       : k < BLOCK_FCSR ? "f"
							: "memory ",
				       k / 8 % 32, a, b, before);
		}
		sequence_print(r, i);
		FAIL("sequence %u", i);
	}
}

/* Runs the program here and returns its blocks. */
static uint8_t *run_here(const struct random *r, uint64_t slice)
{
	struct guest g;
	uint64_t size = (uint64_t)r->sequences * BLOCK;
	uint8_t *blocks = malloc(size);

	guest_init(&g, 2 * r->room / PAGE_SIZE + 256);
	CHECK(guest_load(&g, r->bytes, r->size));
	struct trap t;
	do
		t = hart_run(g.h, slice);
	while (t.cause == TRAP_BUDGET);
	if (t.cause != TRAP_ECALL || g.r->x[REG_A7] != 64)
		FAIL("trap %d at 0x%" PRIx64 ", value 0x%" PRIx64, t.cause, g.r->pc, t.value);
	for (uint64_t at = 0; at < size; at += BLOCK)
		memcpy(blocks + at, guest_at(&g, RANDOM_VA + random_block(0) + at), BLOCK);
	guest_finish(&g);
	return blocks;
}

static uint8_t *run_there(const struct random *r)
{
	char path[] = "/tmp/carrel-random-XXXXXX", command[128];
	uint64_t size = (uint64_t)r->sequences * BLOCK;
	uint8_t *blocks = malloc(size);
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK(write(fd, r->bytes, r->size) == (ssize_t)r->size);
	fchmod(fd, 0700);
	close(fd);
	snprintf(command, sizeof(command), "qemu-riscv64 %s", path);
	FILE *f = popen(command, "r");
	CHECK(f != NULL);
	uint64_t got = fread(blocks, 1, size, f);
	int status = pclose(f);
	unlink(path);
	if (status != 0 || got != size)
		FAIL("qemu-riscv64 ended with %d after %" PRIu64 " bytes", status, got);
	return blocks;
}

TEST(random_sequences_end_as_in_qemu_and_the_same_at_every_budget)
{
	uint64_t seed = env_number("CARREL_SEED", 1);
	uint64_t left = env_number("CARREL_RANDOM_SEQUENCES", 4000);

	if (system("qemu-riscv64 --version >/dev/null 2>&1") != 0)
		SKIP("qemu-riscv64 is not installed");
	for (; left > 0; seed++) {
		struct random r;
		unsigned n = (unsigned)min_u64(left, 1000);
		random_make(&r, seed, n);
		printf("# seed %" PRIu64 ", %u sequences\n", seed, n);
		uint8_t *theirs = run_there(&r), *ours = run_here(&r, 1000000);
		blocks_compare(&r, ours, theirs, "qemu-riscv64");
		static const uint64_t slices[] = {1, 2, 3, 7, 65, 100};
		uint8_t *again = run_here(&r, slices[seed % array_size(slices)]);
		blocks_compare(&r, again, ours, "a run with a large budget");
		free(theirs);
		free(ours);
		free(again);
		random_free(&r);
		left -= n;
	}
}

TEST_MAIN
