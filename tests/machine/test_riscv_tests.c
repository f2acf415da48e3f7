/* SPDX-License-Identifier: MIT */
/* test_riscv_tests.c - the official user-level tests, when somebody built them; see riscv_test.h */
#include <dirent.h>

#include "guest.h"
#include "tests/test.h"

/* Runs one program at one budget; says what went wrong. */
static bool program_passes(const char *path, const char *name, uint64_t slice)
{
	struct guest g;
	struct trap t;
	uint64_t size;
	uint8_t *file = file_read(path, &size);

	if (!file)
		return false;
	guest_init(&g, 4096);
	bool loaded = guest_load(&g, file, size);
	int code = loaded ? guest_run(&g, slice, &t) : -1;
	if (loaded && code < 0)
		printf("# %s: trap %d at 0x%" PRIx64 ", value 0x%" PRIx64 ", case %d\n", name,
		       t.cause, g.r->pc, t.value, (int)g.r->x[REG_GP]);
	else if (loaded && code > 0)
		printf("# %s: case %d failed\n", name, code);
	guest_finish(&g);
	free(file);
	return code == 0;
}

TEST(the_official_user_level_tests_pass_at_any_budget)
{
	const char *folder = getenv("CARREL_RISCV_TESTS");
	unsigned passed = 0, total = 0;
	struct dirent *d;

	if (!folder)
		SKIP("CARREL_RISCV_TESTS does not name a folder of built riscv-tests");
	DIR *dir = opendir(folder);
	if (!dir)
		SKIP("%s cannot be opened", folder);
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
