/* SPDX-License-Identifier: MIT */
/* alloc.h - memory that is handed in
 *
 * The paging system and the containers below it call no malloc: they are given a struct alloc, so
 * that a test can fail any single allocation and a machine can be held to a limit.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

struct alloc {
	/* Returns zeroed memory of at least size bytes, aligned to 16, or NULL. */
	void *(*get)(void *ctx, size_t size);
	/* Gives back what get returned, with the same size. NULL is ignored. */
	void (*put)(void *ctx, void *p, size_t size);
	void *ctx;
};

static inline void *alloc_get(const struct alloc *a, size_t size) { return a->get(a->ctx, size); }
static inline void alloc_put(const struct alloc *a, void *p, size_t size) { a->put(a->ctx, p, size); }

/* The C library's calloc and free. */
extern const struct alloc alloc_libc;

#endif
