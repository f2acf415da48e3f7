/* SPDX-License-Identifier: MIT */
/* bits.h - arithmetic and pointer idioms that every room uses */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define likely(x)			 __builtin_expect(!!(x), 1)
#define unlikely(x)			 __builtin_expect(!!(x), 0)
#define array_size(a)			 (sizeof(a) / sizeof((a)[0]))

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };

/* A span is what one leaf page table maps. */
enum { SPAN_SHIFT = 21, SPAN_PAGES = 512 };
#define SPAN_SIZE (UINT64_C(1) << SPAN_SHIFT)

static inline uint64_t align_down(uint64_t x, uint64_t to) { return x & ~(to - 1); }
static inline uint64_t align_up(uint64_t x, uint64_t to) { return (x + to - 1) & ~(to - 1); }

/*@ assigns \nothing;
    ensures \result % PAGE_SIZE == 0 && \result <= va < \result + PAGE_SIZE; */
static inline uint64_t page_down(uint64_t va) { return va - va % PAGE_SIZE; }
/* Beyond the last page it wraps to 0. */
/*@ assigns \nothing;
    ensures \result % PAGE_SIZE == 0;
    ensures va + PAGE_SIZE - 1 <= UINT64_MAX ==> va <= \result < va + PAGE_SIZE;
    ensures va + PAGE_SIZE - 1 > UINT64_MAX ==> \result == 0; */
static inline uint64_t page_up(uint64_t va)
{
	return va > UINT64_MAX - (PAGE_SIZE - 1) ? 0 : page_down(va + (PAGE_SIZE - 1));
}

/*@ assigns \nothing;
    ensures \result == \min(a, b); */
static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
/*@ assigns \nothing;
    ensures \result == \max(a, b); */
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

#endif
