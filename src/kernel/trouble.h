/* SPDX-License-Identifier: MIT */
/* trouble.h - what a person is told of swap devices that fail
 *
 * A device that fails once often fails a thousand times. Of each device and each way to fail (a page
 * cannot be read, cannot be written, came back different) the first few are told one by one, the last
 * of them with the promise of a sum, and the sum when the machine ends. What becomes of the program
 * that needed the page is told elsewhere, each time: see trap.c.
 *
 * The counts are part of struct kernel. Nothing here fails.
 */
#ifndef KERNEL_TROUBLE_H
#define KERNEL_TROUBLE_H

#include <stdint.h>

#include "vm/swap.h"

enum trouble_kind { TROUBLE_READ, TROUBLE_WRITE, TROUBLE_BYTES, TROUBLE_KINDS };

struct kernel;
struct troubles {
	uint64_t count[SWAP_AREAS][TROUBLE_KINDS];
};

/* A host's trouble; ctx is the kernel: see vm/host.h. */
void trouble_tell(void *ctx, const struct swap_trouble *t);
/* How many there were beyond those that were told. */
void trouble_sum(struct kernel *k);

#endif
