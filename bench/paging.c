/* SPDX-License-Identifier: MIT */
/* paging.c - what a page through each store costs, beside the same work done bare: bench_paging
 * DIRECTORY
 *
 * Each line is JSON; scripts/bench --paging makes tables of them. Sides take turns; processor time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/bits.h"
#include "heap.h"
#include "store/store.h"

enum { PAGES = HEAP_PAGES, ROUNDS = 5 /* at most */ };

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

static void report_store(const char *name, const uint64_t *store, const uint64_t *bare, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		printf("{\"store\": \"%s\", \"store_ns\": %.1f, \"bare_ns\": %.1f}\n", name,
		       (double)store[i] / PAGES, (double)bare[i] / PAGES);
}

static void bench_stores(const char *directory, unsigned rounds)
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
	for (unsigned i = 0; i < rounds; i++) {
		bare[i] = bare_zstd(pages, back);
		store[i] = through_store(&o, pages, back);
	}
	o.ops->close(o.store);
	report_store("zram", store, bare, rounds);

	snprintf(path, sizeof(path), "%s/bare", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	check(fd >= 0, "cannot make a file");
	snprintf(spec, sizeof(spec), "file:%s/swap,size=16M", directory);
	check(store_open(spec, &env, &o, why, sizeof(why)) == 0, why);
	for (unsigned i = 0; i < rounds; i++) {
		bare[i] = bare_file(fd, pages, back);
		store[i] = through_store(&o, pages, back);
	}
	o.ops->close(o.store);
	close(fd);
	report_store("file", store, bare, rounds);
}

int main(int argc, char **argv)
{
	char *end = "";
	unsigned long rounds = argc > 2 ? strtoul(argv[2], &end, 10) : ROUNDS;
	check(argc >= 2 && argc <= 3 && !*end && rounds && rounds <= ROUNDS,
	      "say bench_paging DIRECTORY [ROUNDS], at most 5");
	bench_stores(argv[1], (unsigned)rounds);
	return 0;
}
