/* SPDX-License-Identifier: MIT */
/* soft.h - floating point in integers, for the rounding mode that the host lacks
 *
 * RMM (to nearest, ties away from zero) is rare, so this is short rather than fast. All five modes
 * work here, which lets a test compare the host's unit with it.
 */
#ifndef MACHINE_SOFT_H
#define MACHINE_SOFT_H

#include <stdint.h>

#include "machine/insn.h"

enum soft_kind {
	SOFT_ADD_S,
	SOFT_SUB_S,
	SOFT_MUL_S,
	SOFT_DIV_S,
	SOFT_SQRT_S,
	SOFT_MADD_S,
	SOFT_MSUB_S,
	SOFT_NMSUB_S,
	SOFT_NMADD_S,
	SOFT_I32_S, /* conversions from integers */
	SOFT_U32_S,
	SOFT_I64_S,
	SOFT_U64_S,
	SOFT_D_S, /* double to single */
	SOFT_ADD_D,
	SOFT_SUB_D,
	SOFT_MUL_D,
	SOFT_DIV_D,
	SOFT_SQRT_D,
	SOFT_MADD_D,
	SOFT_MSUB_D,
	SOFT_NMSUB_D,
	SOFT_NMADD_D,
	SOFT_I64_D,
	SOFT_U64_D,
};

/* Operands are raw bits, singles already unboxed. Returns raw bits (of a single: the low half) and
 * ors exception flags into *flags. */
uint64_t soft_op(enum soft_kind kind, enum insn_rm rm, uint64_t a, uint64_t b, uint64_t c,
		 uint32_t *flags);

#endif
