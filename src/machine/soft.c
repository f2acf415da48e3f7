/* SPDX-License-Identifier: MIT */
/* soft.c - a number is unpacked into sign * sig * 2^exp with sig of 128 bits, combined with others
 * (bits that fall off the right end leave a one behind in bit 0, "jam"), and rounded once.
 */
#include "machine/soft.h"

#include <stdbool.h>

#include "base/bits.h"
#include "machine/fp.h"

typedef unsigned __int128 u128;

enum soft_class { ZERO, NUMBER, INFINITE, NAN_QUIET, NAN_SIGNALING };

struct soft {
	enum soft_class class;
	bool sign;
	int exp;
	u128 sig; /* of a NUMBER: not 0 */
};

/* The two formats: bits of the fraction, greatest exponent field. */
struct shape {
	unsigned fraction, exp_max;
};

static const struct shape single = {23, 255}, twice = {52, 2047};

static unsigned sig_bits(u128 sig)
{
	uint64_t high = (uint64_t)(sig >> 64), low = (uint64_t)sig;
	return high ? 128 - (unsigned)__builtin_clzll(high)
		    : low ? 64 - (unsigned)__builtin_clzll(low) : 0;
}

static u128 shift_right_jam(u128 sig, int by)
{
	if (by <= 0)
		return sig;
	if (by >= 128)
		return sig != 0;
	return sig >> by | ((sig & (((u128)1 << by) - 1)) != 0);
}

static struct soft unpack(const struct shape *f, uint64_t bits)
{
	uint64_t fraction = bits & ((UINT64_C(1) << f->fraction) - 1);
	unsigned field = bits >> f->fraction & f->exp_max;
	int bias = (int)(f->exp_max >> 1) + (int)f->fraction;
	struct soft n = {NUMBER, .sign = bits >> f->fraction & (f->exp_max + 1)};

	if (field == f->exp_max) {
		n.class = fraction == 0			       ? INFINITE
			  : fraction >> (f->fraction - 1) & 1 ? NAN_QUIET
							       : NAN_SIGNALING;
	} else if (field == 0) {
		n.class = fraction ? NUMBER : ZERO;
		n.sig = fraction;
		n.exp = 1 - bias;
	} else {
		n.sig = fraction | UINT64_C(1) << f->fraction;
		n.exp = (int)field - bias;
	}
	return n;
}

static uint64_t pack(const struct shape *f, bool sign, uint64_t field, uint64_t fraction)
{
	return (sign ? (uint64_t)(f->exp_max + 1) << f->fraction : 0) | field << f->fraction |
	       fraction;
}

static uint64_t pack_nan(const struct shape *f)
{
	return pack(f, false, f->exp_max, UINT64_C(1) << (f->fraction - 1));
}

/* sig shifted right by `by` and rounded; *inexact tells whether anything was lost. */
static u128 round_at(u128 sig, int by, bool sign, enum insn_rm rm, bool *inexact)
{
	if (by <= 0) {
		*inexact = false;
		return sig << -by;
	}
	if (by > 126)
		sig = shift_right_jam(sig, by - 126), by = 126;
	u128 kept = sig >> by, lost = sig & (((u128)1 << by) - 1), half = (u128)1 << (by - 1);
	*inexact = lost != 0;
	switch (rm) {
	case RM_RNE: return kept + (lost > half || (lost == half && (kept & 1)));
	case RM_RTZ: return kept;
	case RM_RDN: return kept + (sign && lost);
	case RM_RUP: return kept + (!sign && lost);
	default: return kept + (lost >= half);
	}
}

/* Does overflow give infinity, or the greatest number? */
static bool overflow_is_infinite(bool sign, enum insn_rm rm)
{
	return rm == RM_RNE || rm == RM_RMM || (rm == RM_RUP && !sign) || (rm == RM_RDN && sign);
}

static uint64_t round_pack(const struct shape *f, struct soft n, enum insn_rm rm, uint32_t *flags)
{
	int bias = (int)(f->exp_max >> 1) + (int)f->fraction;

	switch (n.class) {
	case ZERO: return pack(f, n.sign, 0, 0);
	case INFINITE: return pack(f, n.sign, f->exp_max, 0);
	case NAN_SIGNALING: *flags |= FP_NV; return pack_nan(f);
	case NAN_QUIET: return pack_nan(f);
	case NUMBER: break;
	}

	/* Round to full precision as if exponents had no bounds; tininess is judged by that. */
	int by = (int)sig_bits(n.sig) - (int)(f->fraction + 1);
	bool inexact;
	u128 sig = round_at(n.sig, by, n.sign, rm, &inexact);
	int exp = n.exp + by;
	if (sig >> (f->fraction + 1))
		sig >>= 1, exp++;

	int field = exp + bias;
	if (field >= (int)f->exp_max) {
		*flags |= FP_OF | FP_NX;
		if (overflow_is_infinite(n.sign, rm))
			return pack(f, n.sign, f->exp_max, 0);
		return pack(f, n.sign, f->exp_max - 1, (UINT64_C(1) << f->fraction) - 1);
	}
	if (field <= 0) {
		/* Subnormal: round again, at the fixed place of the last bit. */
		sig = round_at(n.sig, 1 - bias - n.exp, n.sign, rm, &inexact);
		if (inexact)
			*flags |= FP_UF | FP_NX;
		return pack(f, n.sign, 0, 0) + (uint64_t)sig;
	}
	if (inexact)
		*flags |= FP_NX;
	return pack(f, n.sign, (uint64_t)field, (uint64_t)sig & ((UINT64_C(1) << f->fraction) - 1));
}

static bool is_nan(struct soft a) { return a.class >= NAN_QUIET; }

static struct soft invalid(void) { return (struct soft){.class = NAN_SIGNALING}; }

static struct soft nan_of(struct soft a, struct soft b)
{
	bool signaling = a.class == NAN_SIGNALING || b.class == NAN_SIGNALING;
	return (struct soft){.class = signaling ? NAN_SIGNALING : NAN_QUIET};
}

/* Moves the top bit of sig to bit `top`. */
static void normalise(struct soft *a, unsigned top)
{
	int by = (int)top + 1 - (int)sig_bits(a->sig);

	a->sig = by >= 0 ? a->sig << by : shift_right_jam(a->sig, -by);
	a->exp -= by;
}

static struct soft soft_add(struct soft a, struct soft b, enum insn_rm rm)
{
	if (is_nan(a) || is_nan(b))
		return nan_of(a, b);
	if (a.class == INFINITE || b.class == INFINITE) {
		if (a.class == b.class && a.sign != b.sign)
			return invalid();
		return a.class == INFINITE ? a : b;
	}
	if (a.class == ZERO && b.class == ZERO) {
		a.sign = a.sign == b.sign ? a.sign : rm == RM_RDN;
		return a;
	}
	if (a.class == ZERO || b.class == ZERO)
		return a.class == ZERO ? b : a;

	/* Both at bit 125: a product of 106 bits has 20 zeros below, so bits fall off only when
	 * the exponents are far apart, and then the sum keeps its top. */
	normalise(&a, 125);
	normalise(&b, 125);
	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		struct soft t = a;
		a = b;
		b = t;
	}
	b.sig = shift_right_jam(b.sig, a.exp - b.exp);
	a.sig = a.sign == b.sign ? a.sig + b.sig : a.sig - b.sig;
	if (a.sig == 0)
		return (struct soft){.class = ZERO, .sign = rm == RM_RDN};
	return a;
}

static struct soft soft_mul(struct soft a, struct soft b)
{
	bool sign = a.sign ^ b.sign;

	if (is_nan(a) || is_nan(b))
		return nan_of(a, b);
	if (a.class == INFINITE || b.class == INFINITE) {
		if (a.class == ZERO || b.class == ZERO)
			return invalid();
		return (struct soft){.class = INFINITE, .sign = sign};
	}
	if (a.class == ZERO || b.class == ZERO)
		return (struct soft){.class = ZERO, .sign = sign};
	return (struct soft){NUMBER, sign, a.exp + b.exp, a.sig * b.sig};
}

static struct soft soft_div(struct soft a, struct soft b, uint32_t *flags)
{
	bool sign = a.sign ^ b.sign;

	if (is_nan(a) || is_nan(b))
		return nan_of(a, b);
	if (a.class == b.class && (a.class == INFINITE || a.class == ZERO))
		return invalid();
	if (a.class == INFINITE || b.class == ZERO) {
		if (a.class != INFINITE)
			*flags |= FP_DZ;
		return (struct soft){.class = INFINITE, .sign = sign};
	}
	if (a.class == ZERO || b.class == INFINITE)
		return (struct soft){.class = ZERO, .sign = sign};
	normalise(&a, 126);
	normalise(&b, 62);
	u128 q = a.sig / b.sig;
	return (struct soft){NUMBER, sign, a.exp - b.exp, q | (q * b.sig != a.sig)};
}

static struct soft soft_sqrt(struct soft a)
{
	if (is_nan(a) || a.class == ZERO)
		return is_nan(a) ? nan_of(a, a) : a;
	if (a.sign)
		return invalid();
	if (a.class == INFINITE)
		return a;
	normalise(&a, 126);
	if (a.exp & 1)
		a.sig >>= 1, a.exp++; /* the bit is 0: far fewer than 126 are in use */
	uint64_t root = 0;
	for (int bit = 63; bit >= 0; bit--) {
		uint64_t try = root | UINT64_C(1) << bit;
		if ((u128)try * try <= a.sig)
			root = try;
	}
	u128 sig = (u128)root << 1 | ((u128)root * root != a.sig);
	return (struct soft){NUMBER, false, a.exp / 2 - 1, sig};
}

static struct soft from_int(bool sign, uint64_t magnitude)
{
	return (struct soft){magnitude ? NUMBER : ZERO, sign, 0, magnitude};
}

static struct soft from_signed(int64_t v)
{
	return from_int(v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static struct soft negate(struct soft a)
{
	a.sign = !a.sign;
	return a;
}

/* A product with a NaN in the addend: inf * 0 is invalid all the same. */
static struct soft soft_fma(struct soft a, struct soft b, struct soft c, enum insn_rm rm)
{
	return soft_add(soft_mul(a, b), c, rm);
}

uint64_t soft_op(enum soft_kind kind, enum insn_rm rm, uint64_t a, uint64_t b, uint64_t c,
		 uint32_t *flags)
{
	const struct shape *f = kind >= SOFT_ADD_D ? &twice : &single;
	struct soft x = unpack(f, a), y = unpack(f, b), z = unpack(f, c), r;

	switch (kind) {
	case SOFT_ADD_S:
	case SOFT_ADD_D: r = soft_add(x, y, rm); break;
	case SOFT_SUB_S:
	case SOFT_SUB_D: r = soft_add(x, negate(y), rm); break;
	case SOFT_MUL_S:
	case SOFT_MUL_D: r = soft_mul(x, y); break;
	case SOFT_DIV_S:
	case SOFT_DIV_D: r = soft_div(x, y, flags); break;
	case SOFT_SQRT_S:
	case SOFT_SQRT_D: r = soft_sqrt(x); break;
	case SOFT_MADD_S:
	case SOFT_MADD_D: r = soft_fma(x, y, z, rm); break;
	case SOFT_MSUB_S:
	case SOFT_MSUB_D: r = soft_fma(x, y, negate(z), rm); break;
	case SOFT_NMSUB_S:
	case SOFT_NMSUB_D: r = soft_fma(negate(x), y, z, rm); break;
	case SOFT_NMADD_S:
	case SOFT_NMADD_D: r = soft_fma(negate(x), y, negate(z), rm); break;
	case SOFT_I32_S: r = from_signed((int32_t)a); break;
	case SOFT_U32_S: r = from_int(false, (uint32_t)a); break;
	case SOFT_I64_S:
	case SOFT_I64_D: r = from_signed((int64_t)a); break;
	case SOFT_U64_S:
	case SOFT_U64_D: r = from_int(false, a); break;
	case SOFT_D_S: r = unpack(&twice, a); break;
	default: __builtin_unreachable();
	}
	return round_pack(f, r, rm, flags);
}
