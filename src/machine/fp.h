/* SPDX-License-Identifier: MIT */
/* fp.h - floating point on the host's unit
 *
 * While a hart runs, the host's unit has the rounding mode of frm and gathers the exception flags;
 * fp_enter and fp_leave switch it, fp_flags takes what was gathered. No instruction pays for that.
 * Flags that Carrel itself raised are nobody's: fp_leave does not bring them back. What differs from
 * RISC-V is put right here: every NaN result is the canonical one, a single that is not NaN-boxed
 * reads as NaN, minimum, maximum, comparisons and conversions to integers are spelt out.
 *
 * The files that include this are compiled with -frounding-math and without contraction.
 */
#ifndef MACHINE_FP_H
#define MACHINE_FP_H

#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "machine/insn.h"

enum fp_flag { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };

#define S_BOX	(UINT64_C(0xffffffff) << 32)
#define S_SIGN	UINT32_C(0x80000000)
#define D_SIGN	(UINT64_C(1) << 63)
#define S_NAN	UINT32_C(0x7fc00000)
#define D_NAN	UINT64_C(0x7ff8000000000000)
#define S_QUIET UINT32_C(0x00400000)
#define D_QUIET UINT64_C(0x0008000000000000)

/* The compiler does not know that arithmetic reads and writes the unit's state; operands and
 * results live in memory, so a barrier on memory orders them. */
#define fp_barrier() __asm__ volatile("" ::: "memory")

#if defined(__x86_64__)

struct fp_host {
	unsigned mxcsr;
};

static inline unsigned fp_mode_bits(unsigned rm)
{
	static const unsigned bits[8] = {0, 3, 1, 2};
	return bits[rm & 7];
}

/* All exceptions masked, no flags, denormals kept. RMM runs as RNE here; see soft.h. */
static inline void fp_set_mode(unsigned rm)
{
	fp_barrier();
	unsigned flags = __builtin_ia32_stmxcsr() & 0x3f;
	__builtin_ia32_ldmxcsr(0x1f80 | fp_mode_bits(rm) << 13 | flags);
	fp_barrier();
}

/* Writing the unit's state costs more than the rest of a short system call, so that it is only
 * written when it changes: between runs it is mostly the default, without flags, on both sides. */
static inline void fp_enter(struct fp_host *host, unsigned rm)
{
	unsigned mxcsr = 0x1f80 | fp_mode_bits(rm) << 13;

	fp_barrier();
	host->mxcsr = __builtin_ia32_stmxcsr();
	if (host->mxcsr != mxcsr)
		__builtin_ia32_ldmxcsr(mxcsr);
	fp_barrier();
}

static inline unsigned fp_fflags(unsigned mxcsr)
{
	if (likely(!(mxcsr & 0x3f)))
		return 0;
	return (mxcsr & 1 ? FP_NV : 0) | (mxcsr & 4 ? FP_DZ : 0) | (mxcsr & 8 ? FP_OF : 0) |
	       (mxcsr & 16 ? FP_UF : 0) | (mxcsr & 32 ? FP_NX : 0);
}

/* The flags gathered since the last call, as fflags. */
static inline unsigned fp_flags(void)
{
	fp_barrier();
	unsigned mxcsr = __builtin_ia32_stmxcsr();
	if (mxcsr & 0x3f)
		__builtin_ia32_ldmxcsr(mxcsr & ~0x3fu);
	fp_barrier();
	return fp_fflags(mxcsr);
}

/* Returns the flags, too. */
static inline unsigned fp_leave(const struct fp_host *host)
{
	fp_barrier();
	unsigned mxcsr = __builtin_ia32_stmxcsr();
	if (mxcsr != (host->mxcsr & ~0x3fu))
		__builtin_ia32_ldmxcsr(host->mxcsr & ~0x3fu);
	fp_barrier();
	return fp_fflags(mxcsr);
}

#else

/* With fenv.h alone. A host that detects tininess before rounding (arm64) raises underflow for a
 * result that rounds up to the smallest normal number, where RISC-V does not. */
struct fp_host {
	fenv_t env;
};

static inline void fp_set_mode(unsigned rm)
{
	static const int modes[8] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};

	fp_barrier();
	fesetround(modes[rm & 7]);
	fp_barrier();
}

static inline void fp_enter(struct fp_host *host, unsigned rm)
{
	fp_barrier();
	feholdexcept(&host->env);
	fp_set_mode(rm);
}

static inline unsigned fp_flags(void)
{
	fp_barrier();
	int e = fetestexcept(FE_ALL_EXCEPT);
	feclearexcept(FE_ALL_EXCEPT);
	return (e & FE_INVALID ? FP_NV : 0) | (e & FE_DIVBYZERO ? FP_DZ : 0) |
	       (e & FE_OVERFLOW ? FP_OF : 0) | (e & FE_UNDERFLOW ? FP_UF : 0) |
	       (e & FE_INEXACT ? FP_NX : 0);
}

static inline unsigned fp_leave(const struct fp_host *host)
{
	unsigned flags = fp_flags();

	fesetenv(&host->env);
	fp_barrier();
	return flags;
}

#endif

static inline float fp_s(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

static inline double fp_d(uint64_t bits)
{
	double d;
	memcpy(&d, &bits, sizeof(d));
	return d;
}

static inline uint32_t fp_s_bits(float f)
{
	uint32_t bits;
	memcpy(&bits, &f, sizeof(f));
	return bits;
}

static inline uint64_t fp_d_bits(double d)
{
	uint64_t bits;
	memcpy(&bits, &d, sizeof(d));
	return bits;
}

static inline bool fp_nan_s(uint32_t v) { return (v & ~S_SIGN) > 0x7f800000; }
static inline bool fp_nan_d(uint64_t v) { return (v & ~D_SIGN) > UINT64_C(0x7ff0000000000000); }
static inline bool fp_signaling_s(uint32_t v) { return fp_nan_s(v) && !(v & S_QUIET); }
static inline bool fp_signaling_d(uint64_t v) { return fp_nan_d(v) && !(v & D_QUIET); }

/* A single in an f register: NaN when it is not boxed. */
static inline uint32_t fp_unbox(uint64_t reg)
{
	return likely(reg >= S_BOX) ? (uint32_t)reg : S_NAN;
}

static inline uint64_t fp_box(float f)
{
	return S_BOX | (likely(!__builtin_isnan(f)) ? fp_s_bits(f) : S_NAN);
}

static inline uint64_t fp_canonical(double d)
{
	return likely(!__builtin_isnan(d)) ? fp_d_bits(d) : D_NAN;
}

/* Both precisions of everything below come from one text. */
#define FP_PRECISION(S, float_t, bits_t, value, SIGN, NAN_)                                        \
	/* -0 is below +0; a NaN gives way to a number; flags are raised for signaling NaNs. */    \
	static inline bits_t fp_min_##S(bits_t a, bits_t b, uint32_t *flags)                       \
	{                                                                                          \
		if (unlikely(fp_nan_##S(a) || fp_nan_##S(b))) {                                    \
			if (fp_signaling_##S(a) || fp_signaling_##S(b))                            \
				*flags |= FP_NV;                                                   \
			return !fp_nan_##S(a) ? a : !fp_nan_##S(b) ? b : NAN_;                     \
		}                                                                                  \
		if (((a | b) & ~SIGN) == 0)                                                        \
			return a | b;                                                              \
		return value(a) < value(b) ? a : b;                                                \
	}                                                                                          \
	static inline bits_t fp_max_##S(bits_t a, bits_t b, uint32_t *flags)                       \
	{                                                                                          \
		if (unlikely(fp_nan_##S(a) || fp_nan_##S(b))) {                                    \
			if (fp_signaling_##S(a) || fp_signaling_##S(b))                            \
				*flags |= FP_NV;                                                   \
			return !fp_nan_##S(a) ? a : !fp_nan_##S(b) ? b : NAN_;                     \
		}                                                                                  \
		if (((a | b) & ~SIGN) == 0)                                                        \
			return a & b;                                                              \
		return value(a) > value(b) ? a : b;                                                \
	}                                                                                          \
	static inline bool fp_eq_##S(bits_t a, bits_t b, uint32_t *flags)                          \
	{                                                                                          \
		if (unlikely(fp_nan_##S(a) || fp_nan_##S(b))) {                                    \
			if (fp_signaling_##S(a) || fp_signaling_##S(b))                            \
				*flags |= FP_NV;                                                   \
			return false;                                                              \
		}                                                                                  \
		return value(a) == value(b);                                                       \
	}                                                                                          \
	/* Ordered comparisons are signaling: any NaN is invalid. */                               \
	static inline bool fp_lt_##S(bits_t a, bits_t b, uint32_t *flags)                          \
	{                                                                                          \
		if (unlikely(fp_nan_##S(a) || fp_nan_##S(b))) {                                    \
			*flags |= FP_NV;                                                           \
			return false;                                                              \
		}                                                                                  \
		return value(a) < value(b);                                                        \
	}                                                                                          \
	static inline bool fp_le_##S(bits_t a, bits_t b, uint32_t *flags)                          \
	{                                                                                          \
		if (unlikely(fp_nan_##S(a) || fp_nan_##S(b))) {                                    \
			*flags |= FP_NV;                                                           \
			return false;                                                              \
		}                                                                                  \
		return value(a) <= value(b);                                                       \
	}

FP_PRECISION(s, float, uint32_t, fp_s, S_SIGN, S_NAN)
FP_PRECISION(d, double, uint64_t, fp_d, D_SIGN, D_NAN)
#undef FP_PRECISION

/* The library's fma is right everywhere, but a call; with the instruction at hand, use that. */
#if defined(__x86_64__)
extern bool fp_has_fma;
static inline bool fp_fma_inline(void) { return fp_has_fma; }

static inline float fp_fma_host_s(float a, float b, float c)
{
	if (likely(fp_has_fma)) {
		__asm__("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
		return c;
	}
	return __builtin_fmaf(a, b, c);
}

static inline double fp_fma_host_d(double a, double b, double c)
{
	if (likely(fp_has_fma)) {
		__asm__("vfmadd231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
		return c;
	}
	return __builtin_fma(a, b, c);
}
#else
static inline bool fp_fma_inline(void) { return true; }
static inline float fp_fma_host_s(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fp_fma_host_d(double a, double b, double c) { return __builtin_fma(a, b, c); }
#endif

/* infinity times zero is invalid even when a quiet NaN is added, which hosts see differently. */
static inline float fp_fma_s(float a, float b, float c, uint32_t *flags)
{
	float r = fp_fma_host_s(a, b, c);

	if (unlikely(__builtin_isnan(r)) &&
	    ((__builtin_isinf(a) && b == 0) || (a == 0 && __builtin_isinf(b))))
		*flags |= FP_NV;
	return r;
}

static inline double fp_fma_d(double a, double b, double c, uint32_t *flags)
{
	double r = fp_fma_host_d(a, b, c);

	if (unlikely(__builtin_isnan(r)) &&
	    ((__builtin_isinf(a) && b == 0) || (a == 0 && __builtin_isinf(b))))
		*flags |= FP_NV;
	return r;
}

/* One bit of ten: -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf, sNaN, qNaN. */
static inline unsigned fp_class(bool sign, bool nan, bool signaling, bool inf, bool normal,
				bool zero)
{
	if (nan)
		return signaling ? 1 << 8 : 1 << 9;
	unsigned n = inf ? 0 : normal ? 1 : zero ? 3 : 2;
	return 1u << (sign ? n : 7 - n);
}

static inline unsigned fp_class_s(uint32_t v)
{
	uint32_t e = v & 0x7f800000;
	return fp_class(v >> 31, fp_nan_s(v), fp_signaling_s(v), e == 0x7f800000, e != 0,
			(v & ~S_SIGN) == 0);
}

static inline unsigned fp_class_d(uint64_t v)
{
	uint64_t e = v & UINT64_C(0x7ff0000000000000);
	return fp_class(v >> 63, fp_nan_d(v), fp_signaling_d(v), e == UINT64_C(0x7ff0000000000000),
			e != 0, (v & ~D_SIGN) == 0);
}

/* Compilers turn an unsigned conversion into sums that round wrongly in other modes than RNE.
 * Halving keeps the lost bit, so that the conversion rounds as the whole would. */
static inline float fp_from_u64_s(uint64_t v)
{
	if (likely((int64_t)v >= 0))
		return (float)(int64_t)v;
	return (float)(int64_t)(v >> 1 | (v & 1)) * 2.0f;
}

static inline double fp_from_u64_d(uint64_t v)
{
	if (likely((int64_t)v >= 0))
		return (double)(int64_t)v;
	return (double)(int64_t)(v >> 1 | (v & 1)) * 2.0;
}

/* Conversions to integers round by rm, not by the unit's mode: invalid results saturate, and raise
 * NV only. A 32-bit result is sign-extended, the unsigned one too. A single converts to double
 * exactly first. Rounding towards zero, the mode of C, has no detour. */
static inline double fp_round(double x, unsigned rm)
{
	switch (rm) {
	case RM_RNE: return roundeven(x);
	case RM_RTZ: return trunc(x);
	case RM_RDN: return floor(x);
	case RM_RUP: return ceil(x);
	default: return round(x);
	}
}

/* x lies strictly between below and above: in reach of the type once cut. */
#define FP_TO_INT(name, int_t, below, above, least, greatest)                                      \
	static inline uint64_t name(double x, unsigned rm, uint32_t *flags)                        \
	{                                                                                          \
		double r = x;                                                                      \
		if (unlikely(rm != RM_RTZ) && fabs(x) < 0x1p53)                                    \
			r = fp_round(x, rm);                                                       \
		if (unlikely(!(r > (below) && r < (above)))) {                                     \
			*flags |= FP_NV;                                                           \
			return r <= (below) ? (uint64_t)(least) : (uint64_t)(greatest);            \
		}                                                                                  \
		int_t i = (int_t)r;                                                                \
		if ((double)i != x)                                                                \
			*flags |= FP_NX;                                                           \
		return (uint64_t)FP_INT_RESULT(i);                                                 \
	}

#define FP_INT_RESULT(i) (int64_t)(i)
FP_TO_INT(fp_to_i32, int32_t, -0x1p31 - 1, 0x1p31, INT32_MIN, INT32_MAX)
FP_TO_INT(fp_to_i64, int64_t, -0x1.0000000000001p63, 0x1p63, INT64_MIN, INT64_MAX)
#undef FP_INT_RESULT
#define FP_INT_RESULT(i) (int64_t)(int32_t)(i)
FP_TO_INT(fp_to_u32, uint32_t, -1.0, 0x1p32, 0, UINT64_MAX)
#undef FP_INT_RESULT
#undef FP_TO_INT

static inline uint64_t fp_to_u64(double x, unsigned rm, uint32_t *flags)
{
	double r = x;

	if (unlikely(rm != RM_RTZ) && fabs(x) < 0x1p53)
		r = fp_round(x, rm);
	if (unlikely(!(r > -1.0 && r < 0x1p64))) {
		*flags |= FP_NV;
		return r <= -1.0 ? 0 : UINT64_MAX;
	}
	/* Above 2^53 every double is whole. */
	uint64_t i = r < 0x1p62 ? (uint64_t)(int64_t)r : (uint64_t)(int64_t)(r * 0.5) << 1;
	if (r < 0x1p53 && (double)(int64_t)i != x)
		*flags |= FP_NX;
	return i;
}

#endif
