/* SPDX-License-Identifier: MIT */
/* test_riscv_tests.c - the official user-level tests, when somebody built them; see riscv_test.h */
#include <dirent.h>

#include "code.h"

/* What riscv_test.h makes of a test that ends: a0 is 0, or the number of the case that failed. */
static int ends_with(unsigned number)
{
	struct trap t;
	start();
	CODE_AT(CODE, addi(REG_A0, 0, (int)number), addi(REG_A7, 0, 93), ECALL);
	return guest_run(&g, 1000, &t);
}

TEST(an_official_test_that_fails_is_not_taken_for_one_that_passes)
{
	CHECK_EQ(ends_with(0), 0);
	CHECK_EQ(ends_with(7), 7);
	struct trap t;
	start();
	CODE_AT(CODE, addi(REG_A0, 0, 0), EBREAK);
	CHECK(guest_run(&g, 1000, &t) < 0);
}

/* Runs one program at one budget; says what went wrong. */
static bool program_passes(const char *path, const char *name, uint64_t slice)
{
	struct guest x;
	struct trap t;
	uint64_t size;
	uint8_t *file = file_read(path, &size);

	if (!file)
		return false;
	guest_init(&x, 4096);
	bool loaded = guest_load(&x, file, size);
	int code = loaded ? guest_run(&x, slice, &t) : -1;
	if (loaded && code < 0)
		printf("# %s: trap %d at 0x%" PRIx64 ", value 0x%" PRIx64 ", case %d\n", name,
		       t.cause, x.r->pc, t.value, (int)x.r->x[REG_GP]);
	else if (loaded && code > 0)
		printf("# %s: case %d failed\n", name, code);
	guest_finish(&x);
	free(file);
	return code == 0;
}

/* Only for who has fetched and built them, and for long runs, which say that nobody has. */
TEST_WHERE(getenv("CARREL_RISCV_TESTS") || getenv("CARREL_LONG"),
	   the_official_user_level_tests_pass_at_any_budget)
{
	const char *folder = getenv("CARREL_RISCV_TESTS");
	unsigned passed = 0, total = 0;
	struct dirent *d;

	if (!folder)
		SKIP("CARREL_RISCV_TESTS does not name a folder of built riscv-tests");
	DIR *dir = opendir(folder);
	if (!dir)
		FAIL("CARREL_RISCV_TESTS names %s, which cannot be opened", folder);
	while ((d = readdir(dir))) {
		char path[4096];
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		total++;
		passed += program_passes(path, d->d_name, 1000000) &&
			  program_passes(path, d->d_name, 3) && program_passes(path, d->d_name, 1);
	}
	closedir(dir);
	printf("# %u of %u passed\n", passed, total);
	CHECK_EQ(passed, total);
}

TEST_MAIN
