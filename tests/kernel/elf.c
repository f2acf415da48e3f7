/* SPDX-License-Identifier: MIT */
/* The parser of program files: what it accepts can be mapped without a further look, and what it
 * refuses it names. */
#include "kernel/program/elf.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "../test.h"
#include "base/bits.h"
#include "elf_make.h"

static uint64_t seed = 1;

static uint64_t random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Both steps over a file of size bytes. */
static int parse(const uint8_t *bytes, size_t size, struct elf *e, char why[ELF_WHY_SIZE])
{
	int r = elf_header(bytes, min_u64(size, ELF_HEADER_SIZE), size, e, why);
	return r ? r : elf_segments(bytes + e->header_offset, size, e, why);
}

static size_t sample(uint8_t bytes[ELF_MAKE_SIZE])
{
	struct code c = {0};
	emit(&c, li(X_A0, 42));
	leave(&c);
	return elf_make(&c, bytes);
}

static void refused(const uint8_t *bytes, size_t size, const char *because)
{
	struct elf e;
	char why[ELF_WHY_SIZE];
	CHECK_EQ(parse(bytes, size, &e, why), -ENOEXEC);
	if (!strstr(why, because))
		FAIL("it was refused as \"%s\", which does not say \"%s\"", why, because);
}

TEST(a_sound_program_is_described_as_it_is)
{
	uint8_t b[ELF_MAKE_SIZE];
	size_t size = sample(b);
	struct elf e;
	char why[ELF_WHY_SIZE];
	CHECK_EQ(parse(b, size, &e, why), 0);
	CHECK_EQ(e.segments, 1);
	CHECK_EQ(e.entry, ELF_BASE + ELF_CODE);
	CHECK_EQ(e.low, ELF_BASE);
	CHECK_EQ(e.high, ELF_BASE + 2 * 4096);
	CHECK_EQ(e.headers_va, ELF_BASE + 64);
	CHECK(!e.relative && !e.stack_executable && e.interpreter_size == 0);
}

TEST(who_runs_a_program_of_another_machine_is_told_which_it_is_for)
{
	uint8_t b[ELF_MAKE_SIZE];
	size_t size = sample(b);
	put(b + 18, 62, 2);
	refused(b, size, "an x86-64 program; Carrel runs riscv64");
	put(b + 18, 183, 2);
	refused(b, size, "an arm64 program");
	put(b + 18, 4711, 2);
	refused(b, size, "machine type 4711");
	put(b + 18, 243, 2);
	b[4] = 1;
	refused(b, size, "a 32-bit RISC-V program");
}

TEST(a_file_that_is_no_program_is_called_what_it_is)
{
	uint8_t b[ELF_MAKE_SIZE];
	size_t size = sample(b);
	refused(b, 0, "an empty file");
	refused(b, 63, "cut short");
	refused(b, size - 1, "cut short");
	put(b + 16, 1, 2);
	refused(b, size, "an object file");
	put(b + 16, 4, 2);
	refused(b, size, "a core dump");
	refused((const uint8_t *)"echo hello\n", 11, "");
}

TEST(segments_that_lie_are_refused_by_name)
{
	static const struct {
		unsigned at;
		uint64_t value;
		const char *because;
	} lies[] = {
	    {64 + 16, ELF_BASE + 1, "segment 0 cannot be mapped"},
	    {64 + 8, UINT64_MAX - 4095, "segment 0 ends beyond"},
	    {64 + 16, UINT64_MAX - 4095, "segment 0 reaches beyond any address"},
	    {64 + 32, UINT64_MAX, "segment 0 has more bytes in the file than in memory"},
	    {64 + 40, UINT64_MAX, "segment 0 reaches beyond any address"},
	    {24, ELF_BASE - 2, "its entry point 0xfffe"},
	    {24, ELF_BASE + ELF_CODE + 1, "its entry point"},
	    {32, UINT64_MAX - 10, "its program headers end beyond"},
	};
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t b[ELF_MAKE_SIZE];
		size_t size = sample(b);
		put(b + lies[i].at, lies[i].value, 8);
		refused(b, size, lies[i].because);
	}
}

TEST(segments_that_overlap_are_refused)
{
	struct code c = {0};
	uint8_t b[ELF_MAKE_SIZE];
	for (unsigned i = 0; i < 64; i++)
		emit(&c, li(X_A0, 1));
	size_t size = elf_make(&c, b);
	memcpy(b + 64 + 56, b + 64, 56);
	put(b + 56, 2, 2);
	refused(b, size, "segment 1 overlaps");
}

/* What exec relies on. */
static void check_promises(const struct elf *e, uint64_t file_size)
{
	bool entry = false;
	uint64_t end = 0;
	CHECK(e->segments >= 1 && e->segments <= ELF_SEGMENTS_MAX);
	CHECK(e->align >= 4096 && (e->align & (e->align - 1)) == 0);
	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *s = &e->segment[i];
		CHECK(s->va >= end && s->memory_size > 0 && s->file_size <= s->memory_size);
		end = s->va + s->memory_size;
		CHECK(end > s->va && end <= UINT64_C(1) << 56);
		CHECK(s->offset <= file_size && s->file_size <= file_size - s->offset);
		CHECK(s->file_size == 0 || (s->va - s->offset) % 4096 == 0);
		CHECK(s->va >= e->low && end <= e->high);
		entry |= e->entry >= s->va && e->entry < end;
	}
	CHECK(entry);
	CHECK(e->low % 4096 == 0 && e->high % 4096 == 0);
	CHECK(e->interpreter_size <= ELF_INTERPRETER_MAX);
	CHECK(e->interpreter_offset + e->interpreter_size <= file_size);
}

static void mutate(uint8_t *b, size_t interesting)
{
	static const uint64_t odd[] = {0,
				       1,
				       7,
				       56,
				       4095,
				       4096,
				       65535,
				       INT32_MAX,
				       UINT32_MAX,
				       INT64_MAX,
				       UINT64_MAX - 4095,
				       UINT64_MAX};
	for (unsigned n = 1 + random_next() % 4; n > 0; n--) {
		size_t at = random_next() % interesting;
		unsigned size = 1u << random_next() % 4;
		uint64_t value =
		    random_next() % 2 ? odd[random_next() % array_size(odd)] : random_next();
		if (at + size <= interesting)
			put(b + at, value, size);
	}
}

static void mutate_many(const uint8_t *original, size_t size, unsigned times)
{
	uint8_t *b = malloc(size);
	unsigned accepted = 0;
	struct elf e;
	char why[ELF_WHY_SIZE];
	CHECK(b);
	for (unsigned i = 0; i < times; i++) {
		size_t cut = random_next() % 8 ? size : random_next() % (size + 1);
		memcpy(b, original, size);
		mutate(b, min_u64(size, 64 + 12 * 56));
		/* Memory of exactly that size lets a sanitizer see a step too far. */
		uint8_t *exact = malloc(cut ? cut : 1);
		CHECK(exact);
		memcpy(exact, b, cut);
		int r = parse(exact, cut, &e, why);
		free(exact);
		CHECK(r == 0 || r == -ENOEXEC);
		CHECK(strlen(why) < ELF_WHY_SIZE);
		if (r == 0) {
			accepted++;
			check_promises(&e, cut);
		}
	}
	free(b);
	printf("# %u of %u accepted\n", accepted, times);
}

TEST(no_bytes_in_a_program_file_can_make_the_parser_lie)
{
	uint8_t b[ELF_MAKE_SIZE];
	mutate_many(b, sample(b), 100000);
}

TEST(no_change_to_a_real_dynamic_loader_can_make_the_parser_lie)
{
	const char *path = "/usr/riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1";
	struct stat st;
	FILE *f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st) != 0)
		SKIP("there is no %s: install libc6-riscv64-cross", path);
	uint8_t *b = malloc((size_t)st.st_size);
	bool whole = b && fread(b, 1, (size_t)st.st_size, f) == (size_t)st.st_size;
	fclose(f);
	CHECK(whole);
	mutate_many(b, (size_t)st.st_size, 5000);
	free(b);
}

TEST_MAIN
