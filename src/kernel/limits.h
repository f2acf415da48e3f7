/* SPDX-License-Identifier: MIT */
/* limits.h - what a process may use, and what it has used */
#ifndef KERNEL_LIMITS_H
#define KERNEL_LIMITS_H

#include <stdint.h>

#include "kernel/task.h"

struct process;
struct space;
struct tally;
struct task;

/* The limits of a program that nobody limited: Linux's own, for init. Others inherit. */
void limits_default(struct process *p);
/* Tells a space, p's own or one that p will have, what p may use. After each change. */
void limits_apply(const struct process *p, struct space *s);

/* All tasks of a machine, as kernel.threads-max: not even root's may be more. */
enum { THREADS_MAX = 32768 };

struct usage {
	uint64_t retired, system; /* processor time in ns, and what of it was the kernel's work */
	uint64_t resident_peak; /* pages */
	const struct tally *tally;
	struct switches switches;
};

/* struct rusage, for getrusage, wait4 and waitid. Returns as uaccess_write. */
int usage_write(struct task *t, uint64_t va, const struct usage *usage);

#endif
