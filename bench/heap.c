/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"

static uint64_t seed = 1;

uint64_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 33;
}

uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void *get(uint64_t size)
{
	void *p = calloc(1, size);
	check(p, "no memory");
	return p;
}

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

uint8_t *heap_pages(void)
{
	static const char *const names[] = {"/usr/include/stdio.h", "/usr/include/stdlib.h",
					    "/usr/include/string.h", "/usr/include/unistd.h",
					    "/usr/include/zstd.h"};
	uint8_t *start = (uint8_t *)align_up((uintptr_t)sbrk(0), PAGE_SIZE);
	while ((uint8_t *)sbrk(0) < start + HEAP_PAGES * PAGE_SIZE)
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
