/* SPDX-License-Identifier: MIT */
/* world.h - a machine's frames for stores, and an oracle for what they keep */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../test.h"
#include "base/bits.h"
#include "store/store.h"

enum { WORLD_FRAMES = 4096 };

struct world {
	struct alloc alloc;
	struct store_env env;
	struct store_opened open;
	const struct store_ops *ops;
	struct store *store;
	uint64_t seed;
	int64_t fail_in, bytes;	  /* allocations: how many succeed before one fails, -1: all; not given back */
	uint32_t frames, in_use;  /* there are, taken */
	uint8_t *frame[WORLD_FRAMES];
	char why[512];
};

static inline uint64_t world_draw(struct world *w)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return w->seed >> 33;
}

static inline void *world_get(void *ctx, size_t size)
{
	struct world *w = ctx;
	if (w->fail_in >= 0 && w->fail_in-- == 0)
		return NULL;
	w->bytes += (int64_t)size;
	return calloc(1, size ? size : 1);
}

static inline void world_put(void *ctx, void *p, size_t size)
{
	struct world *w = ctx;
	if (!p)
		return;
	w->bytes -= (int64_t)size;
	free(p);
}

static inline uint8_t *world_frame_take(void *ctx, uint32_t *ret_frame)
{
	struct world *w = ctx;
	if (w->in_use >= w->frames)
		return NULL;
	uint32_t f = 0;
	while (w->frame[f])
		f++;
	CHECK(f < WORLD_FRAMES);
	w->frame[f] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(w->frame[f], 0, PAGE_SIZE);
	w->in_use++;
	*ret_frame = f;
	return w->frame[f];
}

static inline void world_frame_give(void *ctx, uint32_t frame)
{
	struct world *w = ctx;
	CHECK(frame < WORLD_FRAMES && w->frame[frame]);
	free(w->frame[frame]);
	w->frame[frame] = NULL;
	w->in_use--;
}

static inline void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->alloc = (struct alloc){world_get, world_put, w};
	w->env = (struct store_env){.alloc = &w->alloc,
				    .ctx = w,
				    .frame_take = world_frame_take,
				    .frame_give = world_frame_give,
				    .frames = WORLD_FRAMES};
	w->frames = WORLD_FRAMES;
	w->fail_in = -1;
	w->seed = 1;
}

static inline int world_try(struct world *w, const char *spec)
{
	w->why[0] = 0;
	int error = store_open(spec, &w->env, &w->open, w->why, sizeof(w->why));
	if (!error) {
		w->ops = w->open.ops;
		w->store = w->open.store;
	}
	return error;
}

static inline void world_open(struct world *w, const char *spec)
{
	world_init(w);
	int error = world_try(w, spec);
	if (error)
		FAIL("%s: %d: %s", spec, error, w->why);
}

static inline void world_close(struct world *w)
{
	w->ops->close(w->store);
	CHECK_EQ(w->bytes, 0);
	CHECK_EQ(w->in_use, 0);
}

/* Opening this fails so, and says this. */
static inline void check_refused(const char *spec, int error, const char *sentence)
{
	static struct world w;
	world_init(&w);
	CHECK_EQ(world_try(&w, spec), error);
	if (!strstr(w.why, sentence))
		FAIL("%s: \"%s\" has no \"%s\"", spec, w.why, sentence);
	CHECK_EQ(w.bytes, 0);
	CHECK_EQ(w.in_use, 0);
}

/* ---- Pages ---- */

/* Fills a page as its number says: words, text, what does not compress, and something of each. Ten
 * million are made: a word is put there as eight bytes, of which the next one covers what is not its own. */
static inline void page_make(uint8_t *page, uint64_t number)
{
	static const struct {
		char text[8];
		unsigned size;
	} word[] = {{"carrel", 6}, {"page", 4},	  {"frame", 5}, {"swap", 4}, {"the ", 4}, {"of ", 3},
		    {"memory", 6}, {"\n", 1}, {"0x7ff", 5}, {" ", 1},    {"anon", 4}, {";", 1}};
	uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	unsigned kind = (unsigned)(number % 8), random = kind == 1 ? PAGE_SIZE : kind == 2 ? 2048 : 0;
	uint8_t made[PAGE_SIZE + 8];
	if (kind == 0) {
		uint64_t fill = number % 16 ? x : 0;
		for (unsigned i = 0; i < PAGE_SIZE; i += 8)
			memcpy(page + i, &fill, 8);
		return;
	}
	for (unsigned i = 0; i < PAGE_SIZE;) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if (i < random) {
			made[i++] = (uint8_t)(x >> 56);
			continue;
		}
		unsigned n = (unsigned)((x >> 40) % array_size(word));
		memcpy(made + i, word[n].text, sizeof(word[n].text));
		i += word[n].size;
	}
	memcpy(page, made, PAGE_SIZE);
}

/* One transfer of neighbouring slots. Returns what finish says. */
static inline int world_move(struct world *w, bool write, uint32_t slot, unsigned pages,
			     uint8_t (*bytes)[PAGE_SIZE])
{
	struct store_transfer t = {.slot = slot, .pages = pages, .write = write};
	for (unsigned i = 0; i < pages; i++)
		t.bytes[i] = bytes[i];
	w->ops->submit(w->store, &t);
	return w->ops->finish(w->store, &t);
}

static inline int world_write(struct world *w, uint32_t slot, uint64_t number)
{
	uint8_t page[1][PAGE_SIZE];
	page_make(page[0], number);
	return world_move(w, true, slot, 1, page);
}

/* Is this what lies there? */
static inline bool world_holds(struct world *w, uint32_t slot, uint64_t number)
{
	uint8_t page[1][PAGE_SIZE], made[PAGE_SIZE];
	memset(page, 0xee, sizeof(page));
	page_make(made, number);
	return world_move(w, false, slot, 1, page) == 0 && memcmp(page[0], made, PAGE_SIZE) == 0;
}

enum { MANY = 10000000 };

/* The oracle: which page each slot should hold; 0: none. */
enum { ORACLE_SLOTS = 700 };

struct oracle {
	uint64_t number[ORACLE_SLOTS];
	uint64_t next, stored, moves;
};

/* Random writes, reads and discards, until so many pages have moved. check: called now and then. */
static inline void oracle_run(struct world *w, struct oracle *o, uint64_t moves,
			      void (*check)(struct world *w))
{
	static uint8_t page[STORE_CLUSTER][PAGE_SIZE], made[PAGE_SIZE];
	uint32_t slots = w->ops->slots(w->store);
	if (slots > ORACLE_SLOTS)
		slots = ORACLE_SLOTS;
	for (uint64_t end = o->moves + moves; o->moves < end;) {
		uint32_t slot = (uint32_t)(world_draw(w) % slots);
		unsigned pages = (unsigned)(1 + world_draw(w) % STORE_CLUSTER);
		if (world_draw(w) % 2)
			pages = 1;
		if (pages > slots - slot)
			pages = slots - slot;
		switch (world_draw(w) % 5) {
		case 0:
		case 1:
			for (unsigned i = 0; i < pages; i++) {
				o->stored += !o->number[slot + i];
				o->number[slot + i] = ++o->next;
				page_make(page[i], o->next);
			}
			CHECK_EQ(world_move(w, true, slot, pages, page), 0);
			o->moves += pages;
			break;
		case 2:
		case 3:
			memset(page, 0xee, sizeof(page));
			CHECK_EQ(world_move(w, false, slot, pages, page), 0);
			for (unsigned i = 0; i < pages; i++) {
				if (!o->number[slot + i])
					continue;
				page_make(made, o->number[slot + i]);
				if (memcmp(page[i], made, PAGE_SIZE) != 0)
					FAIL("slot %u is not page %" PRIu64 " after %" PRIu64
					     " moves, seed 1",
					     slot + i, o->number[slot + i], o->moves);
			}
			o->moves += pages;
			break;
		default:
			for (unsigned i = 0; i < pages; i++) {
				o->stored -= o->number[slot + i] != 0;
				o->number[slot + i] = 0;
				w->ops->discard(w->store, slot + i);
			}
		}
		if (o->moves % 64 == 0) {
			struct store_usage u;
			w->ops->usage(w->store, &u);
			CHECK_EQ(u.stored, o->stored);
			CHECK_EQ(u.frames, w->in_use);
			if (check)
				check(w);
		}
	}
}

/* 10^4 pages, or MANY where slow tests run: a tenth of them with sanitizers, which take ten times as long. */
static inline void oracle_test(const char *spec, void (*check)(struct world *w))
{
	static struct world w;
	static struct oracle o;
	const char *build = getenv("CARREL_BUILD");
	uint64_t many = build && strcmp(build, "sanitize") == 0 ? MANY / 10 : MANY;
	memset(&o, 0, sizeof(o));
	world_open(&w, spec);
	oracle_run(&w, &o, getenv("CARREL_LONG") ? many : 10000, check);
	printf("# %s: %" PRIu64 " pages moved, seed 1\n", spec, o.moves);
	world_close(&w);
}

/* A directory of the test's own, and names in it. */
static char world_directory[] = "/tmp/carrel-store-XXXXXX";

static inline void world_directory_remove(void)
{
	rmdir(world_directory);
}

static inline const char *world_path(const char *name)
{
	static char path[4][160];
	static unsigned n;
	if (n == 0) {
		if (!mkdtemp(world_directory))
			FAIL("cannot make a directory in /tmp");
		atexit(world_directory_remove);
	}
	char *p = path[n++ % array_size(path)];
	snprintf(p, sizeof(path[0]), "%s/%s", world_directory, name);
	return p;
}

/* "file:" and such, with a path in it; the same buffer each time. */
static inline const char *world_spec(const char *format, const char *path)
{
	static char spec[300];
	const char *at = strchr(format, '@');
	snprintf(spec, sizeof(spec), "%.*s%s%s", (int)(at - format), format, path, at + 1);
	return spec;
}

#endif
