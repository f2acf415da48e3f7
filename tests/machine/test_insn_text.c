/* SPDX-License-Identifier: MIT */
/* test_insn_text.c - the disassembler says what objdump says */
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "random.h"
#include "tests/test.h"

static bool has_objdump(void)
{
	return system("riscv64-linux-gnu-objdump --version >/dev/null 2>&1") == 0;
}

/* Tab-separated text up to the end, a comment, or a symbol. */
static void line_clean(char *s)
{
	char *end = strpbrk(s, "#<\n");

	if (end)
		*end = '\0';
	for (size_t n = strlen(s); n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
		s[n - 1] = '\0';
}

/* Compares every line of objdump's output. Instructions of extensions that only objdump knows are
 * passed over. Returns how many were compared. */
static unsigned compare(const uint8_t *bytes, uint64_t size)
{
	char path[] = "/tmp/carrel-insns-XXXXXX", command[160], line[256], ours[128];
	int fd = mkstemp(path);
	unsigned compared = 0, wrong = 0;

	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
	snprintf(command, sizeof(command),
		 "riscv64-linux-gnu-objdump -D -z -b binary -m riscv:rv64 -M no-aliases %s", path);
	FILE *f = popen(command, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		uint64_t at;
		unsigned word;
		int n = 0;
		/* "   10:\t00000013          \taddi\tzero,zero,0" */
		if (sscanf(line, " %" SCNx64 ":\t%x %n", &at, &word, &n) < 2 || n == 0 || at + 4 > size)
			continue;
		char *theirs = line + n;
		line_clean(theirs);
		insn_text(bytes + at, at, ours, sizeof(ours));
		/* Shifts by 0 are hints, which objdump gives names of another extension. */
		if (strstr(theirs, "64\t") && strncmp(theirs, "c.s", 3) == 0)
			continue;
		/* objdump 2.40 does not know exact conversions with a rounding mode other than RNE. */
		if (ours[0] == '.' || (theirs[0] == '.' && strstr(ours, "fcvt.d.")))
			continue;
		compared++;
		if (strcmp(ours, theirs) != 0 && wrong++ < 30)
			printf("# %08x at 0x%" PRIx64 ": \"%s\", objdump \"%s\"\n", word, at, ours,
			       theirs);
	}
	pclose(f);
	unlink(path);
	CHECK_EQ(wrong, 0);
	return compared;
}

TEST(every_instruction_reads_as_objdump_prints_it)
{
	static uint8_t bytes[1 << 20];
	struct random r = {.state = 42, .bytes = bytes};
	struct insn n;

	if (!has_objdump())
		SKIP("riscv64-linux-gnu-objdump is not installed");
	for (unsigned i = 0; i < array_size(random_patterns); i++)
		for (unsigned k = 0; k < 100; k++) {
			uint32_t mask = random_patterns[i].mask, match = random_patterns[i].match;
			uint32_t w = ((uint32_t)rnd64(&r) & ~mask) | match;
			if (match == 0x000f) /* objdump knows no reserved fences */
				w &= 0x0ff0707f;
			if (match == 0x100f)
				w = match;
			if (match == 0x8330000f)
				w = match;
			insn_decode(w, &n);
			if (n.id == INSN_fence && (w >> 20 & 15) == 0)
				w |= 3u << 20;
			if (n.id == INSN_fence && (w >> 24 & 15) == 0)
				w |= 3u << 24;
			if (n.format == FORMAT_CSR || n.format == FORMAT_CSRI)
				w = (w & 0xfffff) | (k % 3 + 1) << 20;
			/* For a raw file objdump does not assume Zihintpause. */
			if (n.id != INSN_illegal && n.id != INSN_pause)
				emit_word(&r, w, n.length);
		}
	emit32(&r, 0x13);
	CHECK(compare(bytes, r.size) > 10000);
}

TEST(the_c_library_reads_as_objdump_prints_it)
{
	uint64_t size = 0;
	uint8_t *file = file_read("/usr/riscv64-linux-gnu/lib/libc.so.6", &size);

	if (!has_objdump() || !file || size < 0x80000)
		SKIP("no riscv64-linux-gnu-objdump, or no /usr/riscv64-linux-gnu/lib/libc.so.6");
	CHECK(compare(file + 0x40000, 0x20000) > 20000);
	free(file);
}

TEST(text_that_does_not_fit_is_cut_and_an_unknown_word_is_shown_as_a_number)
{
	char text[32];
	const uint8_t addi[] = {0x93, 0x05, 0x15, 0x00}, zero[] = {0, 0}, ones[] = {255, 255, 255, 255};

	CHECK_EQ(insn_text(addi, 0, text, sizeof(text)), 4);
	CHECK_STR(text, "addi\ta1,a0,1");
	CHECK_EQ(insn_text(addi, 0, text, 5), 4);
	CHECK_STR(text, "addi");
	CHECK_EQ(insn_text(zero, 0, text, sizeof(text)), 2);
	CHECK_STR(text, ".short\t0x0000");
	CHECK_EQ(insn_text(ones, 0, text, sizeof(text)), 4);
	CHECK_STR(text, ".word\t0xffffffff");
}

TEST_MAIN
