/* SPDX-License-Identifier: MIT */
/* bench.h - what bench/vm.c and bench/cpu.c share
 *
 * A kernel does an operation COUNT times and measures nothing: inside Carrel the clock is virtual.
 * scripts/bench times whole processes from outside at two counts and takes the difference.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel {
	const char *name;
	uint64_t (*run)(long count); /* returns a sum that every side must agree on */
};

static inline void bench_need(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		exit(1);
	}
}

/* PROG KERNEL COUNT: prints the sum and, on RISC-V, the instructions retired so far. */
static inline int bench_main(const struct kernel *kernels, const char *name, long count)
{
	uint64_t retired = 0, sum;
	const struct kernel *k = kernels;

	while (k->name && strcmp(k->name, name) != 0)
		k++;
	if (!k->name) {
		fprintf(stderr, "bench: no kernel is named %s\n", name);
		return 2;
	}
	sum = k->run(count);
#ifdef __riscv
	__asm__ volatile("rdinstret %0" : "=r"(retired));
#endif
	printf("%llu %llu\n", (unsigned long long)sum, (unsigned long long)retired);
	return 0;
}

#endif
