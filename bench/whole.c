/* SPDX-License-Identifier: MIT */
/* whole.c - swapping through the whole paging system, as faults bring it about
 *
 *	bench_whole swap DIRECTORY [ROUNDS]	a fault that evicts a page and brings another back, beside
 *						the same pages moved bare, in the same order
 *	bench_whole victims [MIB]		what emptying a frame costs, by policy and RAM, or in one
 *						RAM
 *
 * Real page tables in a real machine's RAM; the accesses are made here, so that no instruction is
 * interpreted. Each line is JSON; scripts/bench --paging makes tables of them. Processor time.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "heap.h"
#include "machine/ram.h"
#include "pmap/sv.h"
#include "policy/policies.h"
#include "store/store.h"
#include "vm/mm.h"

enum { ROUNDS = 7 }; /* unless told */

/* ---- A machine with one space ---- */

struct system {
	struct machine *machine;
	struct sv_config sv;
	struct host host;
	struct events events;
	struct tally tally;
	struct mm *mm;
	struct space *space;
	uint64_t base; /* of its one mapping */
};

static uint64_t system_now(void *ctx)
{
	return 0;
}

static uint64_t system_random(void *ctx)
{
	return draw();
}

static void system_begin(struct system *s, uint32_t frames, const struct policy_ops *policy)
{
	*s = (struct system){.host = {.alloc = alloc_libc, .now = system_now, .random = system_random}};
	check(machine_create(frames, 1, &s->machine) == 0, "no memory for a machine");
	s->sv = (struct sv_config){.machine = s->machine, .mode = MMU_SV39};
	struct mm_config c = {.ram = machine_ram(s->machine)->bytes,
			      .frames = frames,
			      .host = &s->host,
			      .events = &s->events,
			      .pmap = &sv_ops,
			      .pmap_ctx = &s->sv,
			      .policy = policy,
			      .fault_around = 1};
	check(mm_create(&c, &s->mm) == 0, "no memory for a paging system");
	s->mm->commit.rule.mode = OVERCOMMIT_ALWAYS;
}

static void system_store(struct system *s, const struct store_ops *ops, struct store *store)
{
	struct swap_area_config c = {.ops = ops, .store = store, .name = "bench"};
	check(swap_add(s->mm, &c) == 0, "no memory for slots");
}

static void system_map(struct system *s, uint64_t pages)
{
	static const struct space_layout layout = {.bottom = 65536,
						   .top = UINT64_C(1) << 38,
						   .map_top = UINT64_C(1) << 37,
						   .stack_limit = 8 << 20};
	struct map_request m = {
	    .length = pages << PAGE_SHIFT, .prot = PROT_R | PROT_W, .prot_max = PROT_ALL};
	check(space_create(s->mm, 1, &s->tally, &layout, &s->space) == 0, "no space");
	check(space_map(s->space, &m, &s->base) == 0, "no mapping");
}

static void system_end(struct system *s)
{
	space_destroy(s->space);
	mm_destroy(s->mm);
	machine_destroy(s->machine);
}

/* One access of the program, with the faults that it takes. Returns the page's bytes. */
static uint8_t *system_access(struct system *s, uint64_t page, enum access access)
{
	uint64_t va = s->base + (page << PAGE_SHIFT);
	struct fault_request q = {.va = va, .access = access, .by = BY_PROGRAM};
	uint32_t frame;
	while (!s->mm->pmap->touch(s->space->pmap, va, access, &frame))
		check(fault_handle(s->space, &q) == FAULT_DONE, "a fault failed");
	mm_retired(s->mm);
	return frame_bytes(s->mm, frame);
}

/* ---- A store that notes what is asked of it ---- */

struct move {
	uint32_t slot, page;
	bool write;
};

struct store {
	struct store_opened beneath;
	struct move *move;
	uint32_t moves, room;
	uint32_t *page; /* by slot */
};

static void noted_submit(struct store *s, struct store_transfer *t)
{
	check(s->moves < s->room && t->pages == 1, "more transfers than faults");
	/* A page says its number itself. */
	if (t->write)
		memcpy(&s->page[t->slot], t->bytes[0], sizeof(s->page[t->slot]));
	s->move[s->moves++] = (struct move){t->slot, s->page[t->slot], t->write};
	s->beneath.ops->submit(s->beneath.store, t);
}

static int noted_finish(struct store *s, struct store_transfer *t)
{
	return s->beneath.ops->finish(s->beneath.store, t);
}

static void noted_discard(struct store *s, uint32_t slot)
{
	s->beneath.ops->discard(s->beneath.store, slot);
}

static bool noted_takes_frames(const struct store *s)
{
	const struct store_opened *o = &s->beneath;
	return o->ops->takes_frames && o->ops->takes_frames(o->store);
}

static uint32_t noted_slots(const struct store *s)
{
	return s->beneath.ops->slots(s->beneath.store);
}

static void noted_close(struct store *s)
{
	s->beneath.ops->close(s->beneath.store);
}

/* ---- The same work done bare ---- */

struct bare {
	uint8_t *pages; /* HEAP_PAGES of them, what they hold does not change */
	int fd;
	uint8_t *packed; /* by slot */
	size_t room, *size;
	ZSTD_CCtx *deflate;
	ZSTD_DCtx *inflate;
};

static void bare_file(struct bare *b, const struct move *m)
{
	uint8_t *page = b->pages + (size_t)m->page * PAGE_SIZE;
	off_t at = (off_t)m->slot * PAGE_SIZE;
	ssize_t n = m->write ? pwrite(b->fd, page, PAGE_SIZE, at) : pread(b->fd, page, PAGE_SIZE, at);
	check(n == PAGE_SIZE, "a bare transfer failed");
}

static void bare_zstd(struct bare *b, const struct move *m)
{
	uint8_t *page = b->pages + (size_t)m->page * PAGE_SIZE, *packed = b->packed + m->slot * b->room;
	size_t n;
	if (m->write)
		n = b->size[m->slot] = ZSTD_compress2(b->deflate, packed, b->room, page, PAGE_SIZE);
	else
		n = ZSTD_decompressDCtx(b->inflate, page, PAGE_SIZE, packed, b->size[m->slot]);
	check(!ZSTD_isError(n), "zstd failed");
}

static uint64_t bare_moves(struct bare *b, const struct store *s)
{
	uint64_t begun = cpu_ns();
	for (uint32_t i = 0; i < s->moves; i++)
		if (b->packed)
			bare_zstd(b, &s->move[i]);
		else
			bare_file(b, &s->move[i]);
	return cpu_ns() - begun;
}

/* ---- Swapping ---- */

/* Stores to every page in turn, so that each fault evicts a dirty page and brings one back. */
static uint64_t system_round(struct system *s)
{
	uint64_t begun = cpu_ns();
	for (uint32_t i = 0; i < HEAP_PAGES; i++)
		memcpy(system_access(s, i, ACCESS_WRITE), &i, sizeof(i));
	return cpu_ns() - begun;
}

static void bench_swap(const char *name, const char *spec, struct bare *b, const uint8_t *pages,
		       unsigned rounds)
{
	enum { FRAMES = 2560, MOVES = 64 * HEAP_PAGES };
	char why[300];
	struct system s;
	struct store_env env;
	system_begin(&s, FRAMES, policies[0]);
	swap_store_env(s.mm, &env);
	struct store noted = {.room = MOVES, .move = get(MOVES * sizeof(struct move))};
	check(store_open(spec, &env, &noted.beneath, why, sizeof(why)) == 0, why);
	noted.page = get(noted_slots(&noted) * sizeof(*noted.page));
	b->size = get(noted_slots(&noted) * sizeof(*b->size));
	const struct store_ops ops = {.name = name,
				      .takes_frames = noted_takes_frames,
				      .close = noted_close,
				      .slots = noted_slots,
				      .submit = noted_submit,
				      .finish = noted_finish,
				      .discard = noted_discard};
	system_store(&s, &ops, &noted);
	system_map(&s, HEAP_PAGES);
	for (uint32_t i = 0; i < HEAP_PAGES; i++)
		memcpy(system_access(&s, i, ACCESS_WRITE), pages + (size_t)i * PAGE_SIZE, PAGE_SIZE);
	(void)system_round(&s);
	(void)bare_moves(b, &noted);
	for (unsigned i = 0; i < rounds; i++) {
		noted.moves = 0;
		uint64_t before = s.tally.cause[CAUSE_swap_in];
		uint64_t through = system_round(&s), bare = bare_moves(b, &noted);
		uint64_t faults = s.tally.cause[CAUSE_swap_in] - before;
		printf("{\"swap\": \"%s\", \"faults\": %" PRIu64 ", \"moves\": %" PRIu32
		       ", \"system_ns\": %.1f, \"bare_ns\": %.1f}\n",
		       name, faults, noted.moves, (double)through / (double)faults,
		       (double)bare / (double)faults);
	}
	for (uint32_t i = 0; i < HEAP_PAGES; i++)
		check(memcmp(system_access(&s, i, ACCESS_READ), pages + (size_t)i * PAGE_SIZE, PAGE_SIZE) == 0,
		      "other bytes came back");
	check(memcmp(b->pages, pages, (size_t)HEAP_PAGES * PAGE_SIZE) == 0, "other bytes came back bare");
	system_end(&s);
	free(noted.move);
	free(noted.page);
	free(b->size);
}

static void bench_swaps(const char *directory, unsigned rounds)
{
	char path[300], spec[320];
	uint64_t size = (uint64_t)HEAP_PAGES * PAGE_SIZE;
	uint8_t *pages = get(size); /* a copy: the heap lives on */
	struct bare b = {.pages = get(size), .room = ZSTD_compressBound(PAGE_SIZE)};
	memcpy(pages, heap_pages(), size);
	for (uint32_t i = 0; i < HEAP_PAGES; i++)
		memcpy(pages + (size_t)i * PAGE_SIZE, &i, sizeof(i));
	memcpy(b.pages, pages, size);

	snprintf(path, sizeof(path), "%s/bare", directory);
	b.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	check(b.fd >= 0, "cannot make a file");
	snprintf(spec, sizeof(spec), "file:%s/swap,size=16M", directory);
	bench_swap("file", spec, &b, pages, rounds);
	close(b.fd);

	b.packed = get(HEAP_PAGES * b.room);
	b.deflate = ZSTD_createCCtx();
	b.inflate = ZSTD_createDCtx();
	check(b.deflate && b.inflate, "no memory");
	check(!ZSTD_isError(ZSTD_CCtx_setParameter(b.deflate, ZSTD_c_compressionLevel, 1)), "zstd");
	bench_swap("zram", "zram:16M", &b, pages, rounds);
	ZSTD_freeCCtx(b.deflate);
	ZSTD_freeDCtx(b.inflate);
	free(b.packed);
	free(b.pages);
	free(pages);
}

/* ---- Victims ---- */

/* Pages stay zeros, so that a large RAM takes no memory of the host, and the store has nothing to
 * do: what is measured is the paging system's part. */
static void nothing_submit(struct store *s, struct store_transfer *t) {}

static int nothing_finish(struct store *s, struct store_transfer *t)
{
	return 0;
}

static void nothing_discard(struct store *s, uint32_t slot) {}

static uint32_t nothing_slots(const struct store *s)
{
	return s->room;
}

static void nothing_close(struct store *s) {}

static const struct store_ops store_nothing = {.name = "nothing",
					       .close = nothing_close,
					       .slots = nothing_slots,
					       .submit = nothing_submit,
					       .finish = nothing_finish,
					       .discard = nothing_discard};

enum { BATCH = 64, OUT = 1024 };

struct absent {
	uint64_t page[OUT + 2 * BATCH];
	unsigned pages;
};

static void evict_one(struct system *s, struct absent *a)
{
	check(evict_until(s->mm, (uint32_t)frames_available(s->mm) + 1, 0) == 0, "nothing was evicted");
	check(a->pages < array_size(a->page), "too many pages are absent");
	a->page[a->pages++] = (s->mm->victim.addr - s->base) >> PAGE_SHIFT;
}

/* As many absent pages come back, half of them stored to; half of all other references go to an
 * eighth of the pages. */
static void refill(struct system *s, struct absent *a, uint64_t pages)
{
	uint32_t frame;
	for (unsigned i = 0; i < BATCH; i++) {
		unsigned at = (unsigned)(draw() % a->pages);
		system_access(s, a->page[at], draw() % 2 ? ACCESS_WRITE : ACCESS_READ);
		a->page[at] = a->page[--a->pages];
		for (unsigned n = 0; n < 4; n++) {
			uint64_t page = draw() % (n % 2 ? pages : pages / 8);
			s->mm->pmap->touch(s->space->pmap, s->base + (page << PAGE_SHIFT), ACCESS_READ,
					   &frame);
		}
	}
}

/* Returns the time of the evictions alone. */
static uint64_t batch(struct system *s, struct absent *a, uint64_t pages)
{
	uint64_t begun = cpu_ns();
	for (unsigned i = 0; i < BATCH; i++)
		evict_one(s, a);
	uint64_t spent = cpu_ns() - begun;
	refill(s, a, pages);
	return spent;
}

static void bench_policy(const struct policy_ops *ops, uint32_t frames)
{
	enum { VICTIMS = 20 * 1024, SAMPLES = 5 };
	uint64_t pages = frames - frames / 256 - 32 + OUT, spent = 0;
	struct system s;
	struct store nothing = {.room = (uint32_t)pages};
	struct absent absent = {.pages = 0};
	system_begin(&s, frames, ops);
	system_store(&s, &store_nothing, &nothing);
	system_map(&s, pages);
	for (uint64_t i = 0; i < pages; i++) {
		if (frames_available(s.mm) < 8)
			evict_one(&s, &absent);
		system_access(&s, i, draw() % 2 ? ACCESS_WRITE : ACCESS_READ);
	}
	/* Once round first, so that every page has been looked at. */
	for (uint32_t n = 0; n < frames; n += BATCH)
		(void)batch(&s, &absent, pages);
	for (unsigned i = 0; i < SAMPLES; i++, spent = 0) {
		for (unsigned n = 0; n < VICTIMS; n += BATCH)
			spent += batch(&s, &absent, pages);
		printf("{\"policy\": \"%s\", \"frames\": %" PRIu32 ", \"victim_ns\": %.1f}\n", ops->name,
		       frames, (double)spent / VICTIMS);
	}
	fflush(stdout);
	system_end(&s);
}

/* only: of all sizes; 0: each. */
static void bench_victims(unsigned only)
{
	static const uint32_t mib[] = {16, 64, 256, 1024, 8192};
	for (unsigned n = 0; n < array_size(mib); n++)
		for (unsigned i = 0; policies[i] && (!only || mib[n] == only); i++)
			bench_policy(policies[i], mib[n] << 8);
}

/* A number that is not 0, or what holds without one. */
static unsigned number(const char *text, unsigned without)
{
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : without;
	check(!text || (*text && !*end && n && n <= UINT16_MAX), "the last argument is no number");
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && argc <= 4 && strcmp(argv[1], "swap") == 0) {
		bench_swaps(argv[2], number(argv[3], ROUNDS));
	} else {
		check(argc >= 2 && argc <= 3 && strcmp(argv[1], "victims") == 0,
		      "say swap DIRECTORY [ROUNDS], or victims [MIB]");
		bench_victims(number(argv[2], 0));
	}
	return 0;
}
