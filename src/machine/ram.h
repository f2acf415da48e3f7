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

#endif
