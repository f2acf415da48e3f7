/* SPDX-License-Identifier: MIT */
/* soft.h - a mapping without hardware: for model tests and for replay without a machine
 *
 * Entries lie in spans of host memory, ordered by address. They take no frames and are never
 * shared: a fork copies them. A and D bits are kept as hardware would, by soft's own touch.
 * mm_config.pmap_ctx is not used.
 */
#ifndef PMAP_SOFT_H
#define PMAP_SOFT_H

#include "vm/pmap.h"

extern const struct pmap_ops soft_ops;

#endif
