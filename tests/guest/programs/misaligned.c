/* SPDX-License-Identifier: MIT */
/* Loads and stores at every address of a page and of the line between two pages. */
#include "guest.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

#define ROUND(type, p, sum)                                                                        \
	do {                                                                                       \
		type v_;                                                                           \
		volatile type *at_ = (volatile type *)(void *)(p);                                 \
		v_ = *at_;                                                                         \
		sum = sum * 31 + (uint64_t)v_;                                                     \
		*at_ = (type)(v_ * 3 + 1);                                                         \
	} while (0)

int main(void)
{
	/* The pages are touched only here, by accesses that fault on one or on both. */
	unsigned char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t sum = 1;

	*(volatile uint64_t *)(void *)(p + PAGE - 3) = 0x1122334455667788;
	say("%02x %02x %02x %02x", p[PAGE - 3], p[PAGE - 1], p[PAGE], p[PAGE + 4]);
	say("%llx", (unsigned long long)*(volatile uint64_t *)(void *)(p + 2 * PAGE - 1));
	for (int i = 0; i < 2 * PAGE; i++)
		p[3 * PAGE + i] = (unsigned char)(i * 7);
	for (int i = 0; i < PAGE + 64; i++) {
		ROUND(uint16_t, p + 3 * PAGE + i, sum);
		ROUND(uint32_t, p + 3 * PAGE + i, sum);
		ROUND(uint64_t, p + 3 * PAGE + i, sum);
		ROUND(int32_t, p + 3 * PAGE + i, sum);
		ROUND(int16_t, p + 3 * PAGE + i, sum);
	}
	say("integers %llx", (unsigned long long)sum);
	for (int i = PAGE - 16; i < PAGE + 16; i++) {
		volatile double *d = (volatile double *)(void *)(p + 6 * PAGE + i);
		volatile float *f = (volatile float *)(void *)(p + 6 * PAGE + i + 100);
		*d = i * 1.25;
		*f = (float)i / 8;
		sum = sum * 31 + (uint64_t)(*d * 4) + (uint64_t)(*f * 8);
	}
	say("floating point %llx", (unsigned long long)sum);
	return 0;
}
