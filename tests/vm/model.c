/* SPDX-License-Identifier: MIT */
/* model.c - random operations, done to the paging system and to a flat model of it
 *
 * A seed gives a world (which page tables, how much RAM) and a sequence of operations. Sequences
 * run in a child process, since what is wrong may end it. A sequence that fails is shrunk: parts
 * are left out for as long as it still fails, and what remains is printed as a list to be read.
 *
 *	SEED=n OPS=n	runs that sequence alone; FAIL_AT=n: with that allocation failing in every other operation
 *	CARREL_LONG=1	runs ten times as many
 */
#include "model.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

enum { SEQUENCE = 500, SEQUENCES = 50 /* of each kind of world */ };

/* What a child tells, also when it dies. */
static struct {
	uint64_t seed;
	unsigned at; /* operation */
	uint64_t done, refused;
	char why[512];
} * told;

/* Generating. */

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
	random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	uint64_t x = random_state;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

/* How often each comes, in all of 1000. */
static const unsigned weight[OP_KINDS] = {
    [OP_WRITE] = 260,  [OP_READ] = 130,    [OP_EXEC] = 30,    [OP_MAP] = 130, [OP_UNMAP] = 50,
    [OP_PROTECT] = 70, [OP_FORK] = 45,     [OP_EXIT] = 30,    [OP_BRK] = 30,  [OP_REMAP] = 60,
    [OP_ADVISE] = 60,  [OP_POPULATE] = 20, [OP_SYNC] = 15,    [OP_LOCK] = 15, [OP_LOCK_ALL] = 2, [OP_SEAL] = 4,
    [OP_INCORE] = 10,  [OP_OPEN] = 10,     [OP_RESIZE] = 10,  [OP_REMOVE] = 40, [OP_HARVEST] = 10, [OP_TRACK] = 12,
};

static uint8_t draw_kind(void)
{
	unsigned sum = 0, n, k = 0;

	for (unsigned i = 0; i < OP_KINDS; i++)
		sum += weight[i];
	for (n = draw(sum); n >= weight[k]; k++)
		n -= weight[k];
	return (uint8_t)k;
}

/* Mostly close to where tables end. */
static uint16_t draw_page(void)
{
	switch (draw(8)) {
	case 0: return (uint16_t)draw(PAGES);
	case 1: return EDGE;
	case 2: return 0;
	case 3:
	case 4: return (uint16_t)(EDGE + SPAN_PAGES - 8 + draw(16));
	default: return (uint16_t)(EDGE - 8 + draw(16));
	}
}

static uint16_t draw_pages(void)
{
	static const uint16_t some[] = {EDGE, SPAN_PAGES, SPAN_PAGES + EDGE, PAGES};

	return draw(16) ? (uint16_t)(1 + draw(draw(4) ? 5 : 30)) : some[draw(4)];
}

/* The allocation that fails in every other operation; -1: now and then, whichever. FAIL_AT names it. */
static int fail_at = -1;

static void draw_sequence(uint64_t seed, struct op *ops, unsigned n)
{
	random_state = seed * 1000003;
	bool failing = draw(2); /* every other sequence: else the rest would hardly be tried */
	for (unsigned i = 0; i < n; i++) {
		struct op *op = &ops[i];
		*op = (struct op){.kind = draw_kind(),
				  .space = (uint8_t)draw(SPACES),
				  .mode = (uint8_t)draw(256),
				  .fail = -1,
				  .page = draw_page(),
				  .pages = draw_pages(),
				  .to = draw_page(),
				  .value = (uint32_t)draw(UINT32_MAX)};
		if (failing && draw(6) == 0)
			op->fail = (int8_t)draw(draw(2) ? 4 : 12);
		if (fail_at >= 0)
			op->fail = i % 2 ? (int8_t)fail_at : -1;
		bool io = op->kind == OP_READ || op->kind == OP_WRITE || op->kind == OP_POPULATE ||
			  op->kind == OP_SYNC;
		if (io && draw(16) == 0)
			op->io = 1 + (uint8_t)draw(2);
	}
}

/* Running. */

static struct model model;

/* The operation that the process died of. */
static void died(int signal_number)
{
	printf("#   %s   <-- here\n", model.text);
	fflush(stdout);
	_exit(1);
}

/* Runs those that are kept (NULL: all); false when something did not hold. */
static bool sequence_run(uint64_t seed, const struct op *ops, unsigned n, const bool *keep,
			 bool verbose)
{
	struct model *m = &model;
	bool ok = true;

	if (verbose) {
		signal(SIGABRT, died);
		signal(SIGSEGV, died);
	}
	told->seed = seed;
	told->why[0] = '\0';
	model_begin(m, seed, verbose);
	for (unsigned i = 0; i < n && ok; i++) {
		told->at = i;
		if (!keep || keep[i])
			ok = model_op(m, &ops[i]);
	}
	if (ok)
		ok = model_end(m);
	told->done += m->done;
	told->refused += m->refused;
	memcpy(told->why, m->why, sizeof(told->why));
	return ok;
}

/* The same in a child of its own, as what is wrong may end it. */
static bool sequence_try(uint64_t seed, const struct op *ops, unsigned n, const bool *keep,
			 bool verbose)
{
	int status;

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (!verbose) {
			fclose(stderr); /* what ends it is said once, at the end */
			alarm(20);
		}
		bool ok = sequence_run(seed, ops, n, keep, verbose);
		fflush(stdout);
		_exit(ok ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Leaves out what need not be there, in ever smaller parts. */
static unsigned shrink(uint64_t seed, const struct op *ops, unsigned n, bool *keep)
{
	unsigned left = 0;
	time_t end = time(NULL) + 60;

	for (unsigned part = n / 2 ? n / 2 : 1;; part /= 2) {
		bool again = false;
		for (unsigned at = 0; at < n && time(NULL) < end; at += part) {
			static bool was[SEQUENCE * 1000];
			unsigned stop = at + part < n ? at + part : n, dropped = 0;
			for (unsigned i = at; i < stop; i++) {
				was[i] = keep[i];
				dropped += keep[i];
				keep[i] = false;
			}
			if (!dropped)
				continue;
			if (sequence_try(seed, ops, n, keep, false))
				memcpy(&keep[at], &was[at], stop - at);
			else
				again = true;
		}
		if (part == 1 && (!again || time(NULL) >= end))
			break;
		part += part == 1; /* once more in single steps */
	}
	for (unsigned i = 0; i < n; i++)
		left += keep[i];
	return left;
}

static void sequence_failed(uint64_t seed, const struct op *ops, unsigned n)
{
	static bool keep[SEQUENCE * 1000];

	printf("# sequence SEED=%" PRIu64 " OPS=%u fails (%s); shrinking it\n", seed, n,
	       world_name[seed % WORLD_KINDS]);
	memset(keep, 1, n);
	unsigned left = shrink(seed, ops, n, keep);
	printf("# %u operations are enough:\n", left);
	sequence_try(seed, ops, n, keep, true);
	FAIL("SEED=%" PRIu64 " OPS=%u: %s", seed, n,
	     told->why[0] ? told->why : "it ended the process");
}

static void run_one(uint64_t seed, unsigned n)
{
	struct op *ops = calloc(n, sizeof(*ops));

	draw_sequence(seed, ops, n);
	if (!sequence_try(seed, ops, n, NULL, false))
		sequence_failed(seed, ops, n);
	printf("# SEED=%" PRIu64 " OPS=%u: %" PRIu64 " operations, %" PRIu64 " refused\n", seed, n,
	       told->done, told->refused);
	free(ops);
}

/* Sequences from a seed on, in a child of their own; what fails is told and shrunk. */
static void run_sequences(enum world_kind kind, uint64_t first, unsigned sequences)
{
	static struct op ops[SEQUENCE];
	int status;

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		bool ok = true;
		for (unsigned i = 0; i < sequences && ok; i++) {
			uint64_t seed = (first + i) * WORLD_KINDS + kind;
			alarm(60);
			draw_sequence(seed, ops, SEQUENCE);
			ok = sequence_run(seed, ops, SEQUENCE, NULL, false);
		}
		_exit(ok ? 0 : 1);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (fail_at >= 0)
		printf("# FAIL_AT=%d\n", fail_at);
	draw_sequence(told->seed, ops, SEQUENCE);
	unsigned n = told->at + 1 < SEQUENCE ? told->at + 1 : SEQUENCE;
	sequence_failed(told->seed, ops, n);
}

static uint64_t first_seed(void)
{
	return getenv("CARREL_SEED") ? strtoull(getenv("CARREL_SEED"), NULL, 0) : 1;
}

static void run_kind(enum world_kind kind)
{
	told->done = told->refused = 0;
	if (getenv("SEED")) {
		uint64_t seed = strtoull(getenv("SEED"), NULL, 0);
		unsigned n = getenv("OPS") ? (unsigned)strtoul(getenv("OPS"), NULL, 0) : SEQUENCE;
		if (seed % WORLD_KINDS != kind)
			SKIP("SEED is for %s", world_name[seed % WORLD_KINDS]);
		fail_at = getenv("FAIL_AT") ? atoi(getenv("FAIL_AT")) : -1;
		run_one(seed, n < SEQUENCE * 1000 ? n : SEQUENCE * 1000);
		return;
	}
	run_sequences(kind, first_seed(), getenv("CARREL_LONG") ? SEQUENCES * 10 : SEQUENCES);
	printf("# %s: seeds from %" PRIu64 ", %" PRIu64 " operations, %" PRIu64 " refused\n",
	       world_name[kind], first_seed() * WORLD_KINDS + kind, told->done, told->refused);
}

__attribute__((constructor)) static void told_make(void)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

TEST(spaces_show_what_a_flat_model_says_soft)
{
	run_kind(WORLD_SOFT);
}
TEST(spaces_show_what_a_flat_model_says_sv39)
{
	run_kind(WORLD_SV39);
}
TEST(spaces_show_what_a_flat_model_says_sv48)
{
	run_kind(WORLD_SV48);
}
TEST(spaces_show_what_a_flat_model_says_sv57)
{
	run_kind(WORLD_SV57);
}

/* 10^4 operations for each, where there is time; a sample of that else. */
TEST(whichever_allocation_fails_nothing_is_lost_and_nothing_is_half_done)
{
	enum { ALLOCATIONS = 12, OPERATIONS = 10000 };
	unsigned sequences = (OPERATIONS + SEQUENCE - 1) / SEQUENCE;

	if (getenv("SEED"))
		SKIP("SEED names one sequence");
	told->done = told->refused = 0;
	for (fail_at = 0; fail_at < ALLOCATIONS; fail_at++)
		run_sequences((enum world_kind)(fail_at % WORLD_KINDS), first_seed() + 1000,
			      getenv("CARREL_LONG") ? sequences : sequences / 10 + 1);
	fail_at = -1;
	printf("# the 1st to %uth allocation of every other operation: %" PRIu64 " operations, %" PRIu64
	       " refused\n",
	       (unsigned)ALLOCATIONS, told->done, told->refused);
}

TEST_MAIN
