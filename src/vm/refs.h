/* SPDX-License-Identifier: MIT */
/* refs.h - a count of references, which never wraps and never goes below none
 *
 * What is counted (an anon, a chunk, an object) lives while its count is above 0. Who makes it has
 * the first reference; refs_put says who had the last one, and that one takes it apart.
 */
#ifndef VM_REFS_H
#define VM_REFS_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/assert.h"

/*@ requires \valid(refs) && 0 < *refs < UINT32_MAX;
    assigns *refs;
    ensures *refs == \old(*refs) + 1;
 */
static inline void refs_get(uint32_t *refs)
{
	VM_ASSERT(*refs > 0 && *refs < UINT32_MAX);
	++*refs;
}

/* Returns true if it was the last. */
/*@ requires \valid(refs) && 0 < *refs;
    assigns *refs;
    ensures *refs == \old(*refs) - 1;
    ensures \result <==> *refs == 0;
 */
static inline bool refs_put(uint32_t *refs)
{
	VM_ASSERT(*refs > 0);
	return --*refs == 0;
}

#endif
