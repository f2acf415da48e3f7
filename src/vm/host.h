/* SPDX-License-Identifier: MIT */
/* host.h - everything that the paging system takes from outside
 *
 * src/vm has no stdio, no malloc, no clock and no global state. Whoever makes an mm hands it one
 * struct host; a test hands it one that fails the n-th allocation, or a clock that it moves itself.
 */
#ifndef VM_HOST_H
#define VM_HOST_H

#include <stdint.h>

#include "base/alloc.h"

struct swap_trouble;

struct host {
	/* Memory for bookkeeping, never for the contents of pages: those lie in frames. May fail. */
	struct alloc alloc;
	/* Virtual time in nanoseconds since the machine started. Never goes back. */
	uint64_t (*now)(void *ctx);
	/* The next number of a seeded sequence; the same seed gives the same sequence. */
	uint64_t (*random)(void *ctx);
	/* The I/O of a frame has ended, well or not: whoever was told to wait for it (mm->waits_for)
	 * should try again. NULL: nobody ever waits. */
	void (*wake)(void *ctx, uint32_t frame);
	/* The frames from this one on are about to be used for the first time, one after the other: the
	 * host may put memory behind several at once, which costs it less than a fault for each.
	 * Returns the first frame above for which it wants to be asked again. NULL: need not know. */
	uint32_t (*back)(void *ctx, uint32_t frame);
	/* A swap device failed. The program that is hurt is told in its own way: this is for people.
	 * May be NULL. */
	void (*trouble)(void *ctx, const struct swap_trouble *t);
	void *ctx; /* for all but alloc */
};

#endif
