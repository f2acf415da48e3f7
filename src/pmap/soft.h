/* SPDX-License-Identifier: MIT */
/* soft.h - a mapping without hardware: for model tests and for replay without a machine
 *
 * A sorted set of entries in host memory. It has no tables and shares none, takes no frames, and
 * keeps A and D bits as hardware would. mm_config.pmap_ctx is not used.
 */
#ifndef PMAP_SOFT_H
#define PMAP_SOFT_H

#include "vm/pmap.h"

extern const struct pmap_ops soft_ops;

#endif
