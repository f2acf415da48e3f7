/* SPDX-License-Identifier: MIT */
/* paging.c - what stores and policies cost, without a machine around them
 *
 *	bench_paging stores DIRECTORY	a page through each store, beside the same work done bare
 *	bench_paging victims		a victim's cost per policy, from 16 MiB to 8 GiB of RAM
 *
 * Pages are those of a real heap: strings of this host's C headers in a hash table of malloc's. Each
 * line is JSON; scripts/bench --paging makes tables of them. Sides take turns; processor time.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zstd.h>

#include "base/bits.h"
#include "policy/policies.h"
#include "store/store.h"

enum { PAGES = 4096, ROUNDS = 5 };

static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 33;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_paging: %s\n", what);
	exit(1);
}

static void check(bool good, const char *what)
{
	if (!good)
		die(what);
}

/* ---- Pages of a heap ---- */

struct word {
	struct word *next;
	uint64_t hash, count;
	char text[];
};

static struct word *words[4096];

static void heap_add(const char *text, size_t length)
{
	uint64_t hash = 5381;
	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + (unsigned char)text[i];
	struct word *w = malloc(sizeof(*w) + length + 1);
	check(w, "no memory");
	*w = (struct word){.next = words[hash % 4096], .hash = hash, .count = draw() % 100};
	memcpy(w->text, text, length);
	w->text[length] = 0;
	words[hash % 4096] = w;
}

static uint8_t *heap_pages(void)
{
	static const char *const names[] = {"/usr/include/stdio.h", "/usr/include/stdlib.h",
					    "/usr/include/string.h", "/usr/include/unistd.h",
					    "/usr/include/zstd.h"};
	uint8_t *start = (uint8_t *)align_up((uintptr_t)sbrk(0), PAGE_SIZE);
	while ((uint8_t *)sbrk(0) < start + PAGES * PAGE_SIZE)
		for (size_t n = 0; n < array_size(names); n++) {
			char line[512];
			FILE *f = fopen(names[n], "r");
			check(f, "cannot read the C headers");
			while (fgets(line, sizeof(line), f))
				for (char *p = line; *p;) {
					size_t length = strcspn(p, " \t\n(),;*");
					if (length)
						heap_add(p, length);
					p += length + (p[length] != 0);
				}
			fclose(f);
		}
	return start;
}

/* ---- Stores ---- */

static uint8_t *frames[2 * PAGES];
static uint32_t frame_free[2 * PAGES], frames_free;

static uint8_t *frame_take(void *ctx, uint32_t *ret_frame)
{
	if (!frames_free)
		return NULL;
	*ret_frame = frame_free[--frames_free];
	memset(frames[*ret_frame], 0, PAGE_SIZE);
	return frames[*ret_frame];
}

static void frame_give(void *ctx, uint32_t frame)
{
	frame_free[frames_free++] = frame;
}

static void frames_make(void)
{
	uint8_t *ram = aligned_alloc(PAGE_SIZE, (size_t)2 * PAGES * PAGE_SIZE);
	check(ram, "no memory");
	memset(ram, 1, (size_t)2 * PAGES * PAGE_SIZE);
	for (uint32_t i = 0; i < 2 * PAGES; i++) {
		frames[i] = ram + (size_t)i * PAGE_SIZE;
		frame_give(NULL, i);
	}
}

static uint64_t through_store(const struct store_opened *o, uint8_t *pages, uint8_t *back)
{
	uint64_t begun = cpu_ns();
	for (unsigned write = 2; write--;)
		for (uint32_t i = 0; i < PAGES; i++) {
			struct store_transfer t = {.slot = i, .pages = 1, .write = write};
			t.bytes[0] = (write ? pages : back) + (size_t)i * PAGE_SIZE;
			o->ops->submit(o->store, &t);
			check(o->ops->finish(o->store, &t) == 0, "a transfer failed");
		}
	uint64_t ns = cpu_ns() - begun;
	check(memcmp(pages, back, (size_t)PAGES * PAGE_SIZE) == 0, "other bytes came back");
	for (uint32_t i = 0; i < PAGES; i++)
		o->ops->discard(o->store, i);
	return ns;
}

static uint64_t bare_zstd(uint8_t *pages, uint8_t *back)
{
	static size_t at[PAGES + 1];
	static uint8_t *packed;
	size_t room = ZSTD_compressBound(PAGE_SIZE);
	ZSTD_CCtx *deflate = ZSTD_createCCtx();
	ZSTD_DCtx *inflate = ZSTD_createDCtx();
	if (!packed) {
		packed = malloc(PAGES * room);
		check(packed, "no memory");
		memset(packed, 0, PAGES * room);
	}
	check(deflate && inflate, "no memory");
	check(!ZSTD_isError(ZSTD_CCtx_setParameter(deflate, ZSTD_c_compressionLevel, 1)), "zstd");
	uint64_t begun = cpu_ns();
	for (uint32_t i = 0; i < PAGES; i++) {
		size_t size = ZSTD_compress2(deflate, packed + at[i], room,
					     pages + (size_t)i * PAGE_SIZE, PAGE_SIZE);
		check(!ZSTD_isError(size), "zstd");
		at[i + 1] = at[i] + size;
	}
	for (uint32_t i = 0; i < PAGES; i++)
		check(ZSTD_decompressDCtx(inflate, back + (size_t)i * PAGE_SIZE, PAGE_SIZE,
					  packed + at[i], at[i + 1] - at[i]) == PAGE_SIZE,
		      "zstd");
	uint64_t ns = cpu_ns() - begun;
	ZSTD_freeCCtx(deflate);
	ZSTD_freeDCtx(inflate);
	return ns;
}

static uint64_t bare_file(int fd, uint8_t *pages, uint8_t *back)
{
	uint64_t begun = cpu_ns();
	for (uint32_t i = 0; i < PAGES; i++)
		check(pwrite(fd, pages + (size_t)i * PAGE_SIZE, PAGE_SIZE, (off_t)i * PAGE_SIZE) ==
			  PAGE_SIZE,
		      "cannot write");
	for (uint32_t i = 0; i < PAGES; i++)
		check(pread(fd, back + (size_t)i * PAGE_SIZE, PAGE_SIZE, (off_t)i * PAGE_SIZE) ==
			  PAGE_SIZE,
		      "cannot read");
	return cpu_ns() - begun;
}

static void report_store(const char *name, const uint64_t *store, const uint64_t *bare)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		printf("{\"store\": \"%s\", \"store_ns\": %.1f, \"bare_ns\": %.1f}\n", name,
		       (double)store[i] / PAGES, (double)bare[i] / PAGES);
}

static void bench_stores(const char *directory)
{
	static char spec[300], path[300], why[300];
	uint8_t *pages = malloc((size_t)PAGES * PAGE_SIZE),
		*back = malloc((size_t)PAGES * PAGE_SIZE);
	check(pages && back, "no memory");
	memcpy(pages, heap_pages(), (size_t)PAGES * PAGE_SIZE);
	memset(back, 0, (size_t)PAGES * PAGE_SIZE);
	frames_make();
	struct store_env env = {.alloc = &alloc_libc,
				.frame_take = frame_take,
				.frame_give = frame_give,
				.frames = 2 * PAGES};
	struct store_opened o;
	uint64_t store[ROUNDS], bare[ROUNDS];

	check(store_open("zram:16M", &env, &o, why, sizeof(why)) == 0, why);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bare[i] = bare_zstd(pages, back);
		store[i] = through_store(&o, pages, back);
	}
	o.ops->close(o.store);
	report_store("zram", store, bare);

	snprintf(path, sizeof(path), "%s/bare", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	check(fd >= 0, "cannot make a file");
	snprintf(spec, sizeof(spec), "file:%s/swap,size=16M", directory);
	check(store_open(spec, &env, &o, why, sizeof(why)) == 0, why);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bare[i] = bare_file(fd, pages, back);
		store[i] = through_store(&o, pages, back);
	}
	o.ops->close(o.store);
	close(fd);
	report_store("file", store, bare);
}

/* ---- Policies ---- */

struct ram {
	uint8_t *a, *d; /* by frame */
};

static bool yes(void *ctx, uint32_t frame)
{
	return true;
}

static bool harvest(void *ctx, uint32_t frame)
{
	struct ram *r = ctx;
	bool a = r->a[frame];
	r->a[frame] = 0;
	return a;
}

static bool dirty(void *ctx, uint32_t frame)
{
	struct ram *r = ctx;
	return r->d[frame];
}

static uint64_t any(void *ctx)
{
	return draw();
}

/* Half of all references go to an eighth of the pages. */
static void bench_policy(const struct policy_ops *ops, uint32_t count)
{
	enum { VICTIMS = 200000, REFERENCES = 4 };
	struct ram r = {calloc(1, count), calloc(1, count)};
	struct policy_env env = {.ctx = &r,
				 .alloc = &alloc_libc,
				 .frames = count,
				 .evictable = yes,
				 .harvest = harvest,
				 .dirty = dirty,
				 .random = any};
	struct policy *p;
	uint64_t key = 0, begun, spent = 0;
	check(r.a && r.d && ops->create(&env, NULL, &p) == 0, "no memory");
	for (uint32_t f = 0; f < count; f++) {
		struct policy_enter how = {.key = ++key};
		ops->enter(p, f, &how);
		r.a[f] = draw() % 2;
		r.d[f] = draw() % 2;
	}
	/* Once round first, so that every page has been looked at. */
	for (uint64_t n = 0; n < (uint64_t)VICTIMS + count; n++) {
		begun = n == count ? cpu_ns() : 0;
		if (begun)
			spent = begun;
		uint32_t f = ops->victim(p, key + 1);
		ops->leave(p, f, key, LEAVE_EVICTED);
		struct policy_enter how = {.key = ++key};
		ops->enter(p, f, &how);
		r.a[f] = 1;
		r.d[f] = draw() % 2;
		for (unsigned i = 0; i < REFERENCES; i++)
			r.a[draw() % (i % 2 ? count : count / 8)] = 1;
	}
	spent = cpu_ns() - spent;
	printf("{\"policy\": \"%s\", \"frames\": %" PRIu32 ", \"victim_ns\": %.1f}\n", ops->name,
	       count, (double)spent / VICTIMS);
	fflush(stdout);
	ops->destroy(p);
	free(r.a);
	free(r.d);
}

static void bench_victims(void)
{
	for (unsigned i = 0; policies[i]; i++)
		for (uint32_t mib = 16; mib <= 8192; mib *= 8)
			bench_policy(policies[i], mib << 8);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "stores") == 0)
		bench_stores(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "victims") == 0)
		bench_victims();
	else
		die("say stores DIRECTORY, or victims");
	return 0;
}
