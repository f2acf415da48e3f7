/* SPDX-License-Identifier: MIT */
/* The reference strings of textbooks, run through the whole paging system: a file of ten pages is
 * mapped over pmap/soft.c, in a RAM in which all but so many frames are taken. */
#include <errno.h>

#include "../test.h"
#include "base/text.h"
#include "pmap/soft.h"
#include "policy/policies.h"
#include "vm/mm.h"

enum { RAM = 32, PAGES = 10 };

static char rows[65536];

struct world {
	struct host host;
	struct events events;
	struct tally tally;
	struct mm *mm;
	struct space *space;
	uint64_t start;
};

static int file_get(void *ctx, uint64_t index, uint8_t *bytes)
{
	memset(bytes, (int)index + 1, PAGE_SIZE);
	return 0;
}

static const struct pager pager = {.get = file_get, .peek = file_get};

static uint8_t ram[RAM][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void world_begin(struct world *w, const char *policy, bool exact, unsigned frames)
{
	static const struct space_layout layout = {.bottom = 65536,
						   .top = UINT64_C(1) << 38,
						   .map_top = UINT64_C(1) << 37,
						   .stack_limit = 8 << 20};
	char why[200];
	*w = (struct world){.host = {.alloc = alloc_libc}};
	memset(ram, 0, sizeof(ram));
	struct mm_config config = {.ram = ram[0],
				   .frames = RAM,
				   .host = &w->host,
				   .events = &w->events,
				   .pmap = &soft_ops,
				   .exact_refs = exact,
				   .fault_around = 1};
	if (policy_find(policy, &config.policy, &config.policy_params, why, sizeof(why)) < 0)
		FAIL("%s: %s", policy, why);
	CHECK_EQ(mm_create(&config, &w->mm), 0);
	while (w->mm->pool.free > frames) {
		uint32_t unused;
		CHECK_EQ(frame_take_kernel(w->mm, NULL, &unused), 0);
	}
	CHECK_EQ(space_create(w->mm, 1, &w->tally, &layout, &w->space), 0);
	struct object *o;
	CHECK_EQ(object_create(w->mm, OBJECT_FILE, PAGES * PAGE_SIZE, &pager, NULL, &o), 0);
	struct map_request m = {
	    .length = PAGES * PAGE_SIZE, .prot = PROT_R, .prot_max = PROT_ALL, .object = o};
	CHECK_EQ(space_map(w->space, &m, &w->start), 0);
	object_put(w->mm, o);
}

static void world_end(struct world *w)
{
	space_destroy(w->space);
	for (uint32_t f = 0; f < RAM; f++)
		if (w->mm->frame[f].state == FRAME_OWNED && w->mm->frame[f].kind == FRAME_KERNEL)
			frame_free(w->mm, f);
	mm_destroy(w->mm);
}

static void world_refer(struct world *w, unsigned page)
{
	uint64_t va = w->start + page * PAGE_SIZE;
	struct fault_request q = {.va = va, .access = ACCESS_READ, .by = BY_PROGRAM};
	uint32_t frame;
	bool hit = true;
	while (!w->mm->pmap->touch(w->space->pmap, va, ACCESS_READ, &frame)) {
		CHECK_EQ(fault_handle(w->space, &q), FAULT_DONE);
		hit = false;
	}
	CHECK_EQ(frame_bytes(w->mm, frame)[page], page + 1);
	if (hit && w->mm->config.exact_refs)
		w->mm->policy_ops->touch(w->mm->policy, frame);
	mm_retired(w->mm);
}

/* The faults of one string, in which each page is a digit. */
static unsigned faults(const char *string, unsigned frames, const char *policy, bool exact)
{
	struct world w;
	world_begin(&w, policy, exact, frames);
	for (const char *c = string; *c; c++)
		if (*c != ' ')
			world_refer(&w, (unsigned)(*c - '0'));
	char why[200];
	if (!mm_verify(w.mm, why, sizeof(why)))
		FAIL("%s", why);
	unsigned n = (unsigned)w.events.total.cause[CAUSE_file_read];
	world_end(&w);
	return n;
}

static void read_rows(void)
{
	FILE *f = fopen(REFERENCE_STRINGS, "r");
	if (!f)
		FAIL("cannot read %s", REFERENCE_STRINGS);
	rows[fread(rows, 1, sizeof(rows) - 1, f)] = 0;
	fclose(f);
}

/* Every row of one policy of the file. */
static void check_rows(const char *name, const char *policy, bool exact)
{
	unsigned checked = 0;
	read_rows();
	for (const char *line = rows; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char string[128], of[32];
		unsigned frames, known;
		if (sscanf(line, "%127[0-9 ]\t%u\t%31s\t%u", string, &frames, of, &known) != 4 ||
		    strcmp(of, name) != 0)
			continue;
		unsigned n = faults(string, frames, policy, exact);
		if (n != known)
			FAIL("%s in %u frames, %s: %u faults, not %u", string, frames, policy, n,
			     known);
		checked++;
	}
	printf("# %s: %u rows\n", policy, checked);
	CHECK_EQ(checked, 42);
}

TEST(fifo_faults_as_often_as_the_textbooks_say)
{
	check_rows("fifo", "fifo:clean-first=0", true);
	check_rows("fifo", "fifo", false);
}

TEST(lru_with_exact_references_faults_as_often_as_the_textbooks_say)
{
	check_rows("lru", "lru:clean-first=0", true);
	check_rows("lru", "lru", true);
}

TEST(clock_whose_pages_enter_referenced_faults_as_often_as_the_textbooks_say)
{
	check_rows("clock-r1", "clock:clean-first=0,entry=1", true);
	check_rows("clock-r1", "clock", true);
	check_rows("clock-r1", "clock", false);
}

TEST(clock_whose_pages_enter_unreferenced_faults_as_often_as_the_textbooks_say)
{
	check_rows("clock-r0", "clock:entry=0,clean-first=0", true);
	check_rows("clock-r0", "clock:entry=0", true);
}

TEST(fifo_shows_beladys_anomaly_and_lru_does_not)
{
	static const char string[] = "1 2 3 4 1 2 5 1 2 3 4 5";
	CHECK(faults(string, 4, "fifo", true) > faults(string, 3, "fifo", true));
	for (unsigned frames = 1; frames < 7; frames++)
		CHECK(faults(string, frames + 1, "lru", true) <=
		      faults(string, frames, "lru", true));
}

TEST_MAIN
