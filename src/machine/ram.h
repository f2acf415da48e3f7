/* SPDX-License-Identifier: MIT */
/* ram.h - the physical memory of the machine: exactly N frames of 4 KiB
 *
 * Physical addresses run from 0 to N * 4096. The host backs a frame with real memory only when it
 * is first touched, so a large RAM costs nothing until it is used.
 */
#ifndef MACHINE_RAM_H
#define MACHINE_RAM_H

#include <stdint.h>

struct ram {
	uint8_t *bytes;
	uint64_t frames;
};

/* Reserves host address space for frames frames (1 to 2^28). Returns 0 or -ENOMEM. */
int ram_init(struct ram *ram, uint64_t frames);
void ram_finish(struct ram *ram);

/* Puts host memory behind frame and some that follow, which are about to be used in this order: as
 * many as make the host's work for one small, and at most a sixteenth of those below, so that what
 * is backed stays close to what is used. Returns the first that it left alone. Where the host
 * cannot, a frame is backed when it is touched. */
uint64_t ram_back(struct ram *ram, uint64_t frame);

#endif
