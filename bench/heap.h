/* SPDX-License-Identifier: MIT */
/* heap.h - what bench/paging.c and bench/whole.c share: pages of a real heap, chance, a clock
 *
 * Whatever fails ends the program with a sentence: a measurement cannot go on.
 */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include <stdbool.h>
#include <stdint.h>

enum { HEAP_PAGES = 4096 };

/* HEAP_PAGES pages: strings of this host's C headers in a hash table of malloc's. Called once. */
uint8_t *heap_pages(void);

/* The next number of a sequence that is the same in every run. */
uint64_t draw(void);
/* Processor time of this process. */
uint64_t cpu_ns(void);
void check(bool good, const char *what);
/* Zeroed memory, never NULL. */
void *get(uint64_t size);

#endif
