/* SPDX-License-Identifier: MIT */
#include "machine/insn.h"

#include <string.h>

#include "base/bits.h"

struct pattern {
	uint32_t mask, match;
	const char *name;
	enum insn_format format;
	enum insn_id id;
};

static const struct pattern longs[] = {
#define INSN(name, text, format, mask, match, ...)                                                 \
	{mask, match, text, FORMAT_##format, INSN_##name},
#define ROUND(name, text, format, mask, match, kind, ...)                                          \
	{mask, match, text, FORMAT_##format, INSN_##name},
#include "machine/insn.def"
#undef INSN
#undef ROUND
};

static const struct pattern shorts[] = {
#define RESERVED(mask, match) {mask, match, "", FORMAT_CNONE, INSN_illegal},
#include "machine/insn.def"
#undef RESERVED
#define SHORT(name, text, format, mask, match, expansion)                                          \
	{mask, match, text, FORMAT_##format, INSN_##expansion},
#include "machine/insn.def"
#undef SHORT
};

/* Patterns sorted into bins by the bits that nearly all of them fix, in the order of insn.def:
 * opcode and funct3 of a long word, quadrant and funct3 of a short one. A pattern that does not
 * fix funct3 is in several bins. */
enum { LONG_BINS = 256, SHORT_BINS = 32, LONG_BIN_SIZE = 48, SHORT_BIN_SIZE = 16 };

static unsigned long_bin(uint32_t w) { return (w >> 2 & 31) << 3 | (w >> 12 & 7); }
static unsigned short_bin(uint32_t w) { return (w & 3) << 3 | (w >> 13 & 7); }

static uint8_t long_bins[LONG_BINS][LONG_BIN_SIZE]; /* index into longs + 1; 0 ends */
static uint8_t short_bins[SHORT_BINS][SHORT_BIN_SIZE];

static void bin_add(uint8_t *bin, unsigned size, unsigned index)
{
	unsigned n = strnlen((const char *)bin, size);

	if (n + 1 >= size)
		__builtin_trap(); /* insn.def outgrew the bins: seen by the first run of any test */
	bin[n] = (uint8_t)(index + 1);
}

__attribute__((constructor)) static void bins_fill(void)
{
	_Static_assert(array_size(longs) < 255 && array_size(shorts) < 255, "an index is a byte");
	for (unsigned i = 0; i < array_size(longs); i++)
		for (unsigned b = 0; b < LONG_BINS; b++) {
			uint32_t w = 3 | (b >> 3) << 2 | (b & 7) << 12, fixed = 0x707f;
			if (((w ^ longs[i].match) & longs[i].mask & fixed) == 0)
				bin_add(long_bins[b], LONG_BIN_SIZE, i);
		}
	for (unsigned i = 0; i < array_size(shorts); i++)
		for (unsigned b = 0; b < SHORT_BINS; b++) {
			uint32_t w = b >> 3 | (b & 7) << 13, fixed = 0xe003;
			if (((w ^ shorts[i].match) & shorts[i].mask & fixed) == 0)
				bin_add(short_bins[b], SHORT_BIN_SIZE, i);
		}
}

static const struct pattern *pattern_find(uint32_t word, bool is_short)
{
	const struct pattern *list = is_short ? shorts : longs;
	const uint8_t *bin = is_short ? short_bins[short_bin(word)] : long_bins[long_bin(word)];

	for (; *bin; bin++) {
		const struct pattern *p = &list[*bin - 1];
		if ((word & p->mask) == p->match)
			return p;
	}
	return NULL;
}

/* Bits hi to lo of w, moved to bit `to`. */
static uint32_t field(uint32_t w, unsigned hi, unsigned lo, unsigned to)
{
	return (w >> lo & ((UINT32_C(1) << (hi - lo + 1)) - 1)) << to;
}

/* Sign-extends a value of the given number of bits. */
static int32_t extend(uint32_t v, unsigned bits)
{
	uint32_t sign = UINT32_C(1) << (bits - 1);
	return (int32_t)((v ^ sign) - sign);
}

static int32_t imm_i(uint32_t w) { return extend(w >> 20, 12); }
static int32_t imm_s(uint32_t w) { return extend(field(w, 31, 25, 5) | field(w, 11, 7, 0), 12); }
static int32_t imm_b(uint32_t w)
{
	return extend(field(w, 31, 31, 12) | field(w, 7, 7, 11) | field(w, 30, 25, 5) |
			      field(w, 11, 8, 1),
		      13);
}
static int32_t imm_j(uint32_t w)
{
	return extend(field(w, 31, 31, 20) | field(w, 19, 12, 12) | field(w, 20, 20, 11) |
			      field(w, 30, 21, 1),
		      21);
}

static void decode_long(uint32_t w, struct insn *insn)
{
	insn->rd = field(w, 11, 7, 0);
	insn->rs1 = field(w, 19, 15, 0);
	insn->rs2 = field(w, 24, 20, 0);
	insn->rs3 = field(w, 31, 27, 0);
	insn->rm = field(w, 14, 12, 0);
	switch (insn->format) {
	case FORMAT_I:
	case FORMAT_LD:
	case FORMAT_FLD:
	case FORMAT_JR: insn->imm = imm_i(w); break;
	case FORMAT_SH: insn->imm = field(w, 25, 20, 0); break;
	case FORMAT_ST:
	case FORMAT_FST: insn->imm = imm_s(w); break;
	case FORMAT_B: insn->imm = imm_b(w); break;
	case FORMAT_U: insn->imm = (int32_t)(w & 0xfffff000); break;
	case FORMAT_J: insn->imm = imm_j(w); break;
	case FORMAT_CSR:
	case FORMAT_CSRI: insn->imm = field(w, 31, 20, 0); break;
	case FORMAT_FR4:
	case FORMAT_FRM:
	case FORMAT_FRM1:
	case FORMAT_FRM1X:
	case FORMAT_FXM:
	case FORMAT_XFM:
	case FORMAT_XFMX:
		if (insn->rm == 5 || insn->rm == 6)
			insn->id = INSN_illegal; /* reserved */
		break;
	default: break;
	}
}

/* Offsets scaled by 4 and by 8 of quadrant 0, and of the sp-relative forms of quadrant 2. */
static int32_t c_off4(uint32_t w)
{
	return field(w, 12, 10, 3) | field(w, 6, 6, 2) | field(w, 5, 5, 6);
}
static int32_t c_off8(uint32_t w) { return field(w, 12, 10, 3) | field(w, 6, 5, 6); }
static int32_t c_imm6(uint32_t w) { return extend(field(w, 12, 12, 5) | field(w, 6, 2, 0), 6); }

static int32_t c_imm_j(uint32_t w)
{
	return extend(field(w, 12, 12, 11) | field(w, 11, 11, 4) | field(w, 10, 9, 8) |
			      field(w, 8, 8, 10) | field(w, 7, 7, 6) | field(w, 6, 6, 7) |
			      field(w, 5, 3, 1) | field(w, 2, 2, 5),
		      12);
}

static int32_t c_imm_b(uint32_t w)
{
	return extend(field(w, 12, 12, 8) | field(w, 11, 10, 3) | field(w, 6, 5, 6) |
			      field(w, 4, 3, 1) | field(w, 2, 2, 5),
		      9);
}

static void decode_short(uint32_t w, struct insn *insn)
{
	enum { RA = 1, SP = 2 };
	unsigned rd = field(w, 11, 7, 0), rs2 = field(w, 6, 2, 0);
	unsigned low1 = field(w, 9, 7, 0) + 8, low2 = field(w, 4, 2, 0) + 8; /* x8 to x15 */

	switch (insn->format) {
	case FORMAT_CIW:
		insn->rd = low2, insn->rs1 = SP;
		insn->imm = field(w, 12, 11, 4) | field(w, 10, 7, 6) | field(w, 6, 6, 2) |
			    field(w, 5, 5, 3);
		break;
	case FORMAT_CLW: insn->rd = low2, insn->rs1 = low1, insn->imm = c_off4(w); break;
	case FORMAT_CLD:
	case FORMAT_CFLD: insn->rd = low2, insn->rs1 = low1, insn->imm = c_off8(w); break;
	case FORMAT_CSW: insn->rs2 = low2, insn->rs1 = low1, insn->imm = c_off4(w); break;
	case FORMAT_CSD:
	case FORMAT_CFSD: insn->rs2 = low2, insn->rs1 = low1, insn->imm = c_off8(w); break;
	case FORMAT_CI: insn->rd = insn->rs1 = rd, insn->imm = c_imm6(w); break;
	case FORMAT_CLI: insn->rd = rd, insn->imm = c_imm6(w); break;
	case FORMAT_C16SP:
		insn->rd = insn->rs1 = SP;
		insn->imm = extend(field(w, 12, 12, 9) | field(w, 6, 6, 4) | field(w, 5, 5, 6) |
					   field(w, 4, 3, 7) | field(w, 2, 2, 5),
				   10);
		break;
	case FORMAT_CLUI: insn->rd = rd, insn->imm = c_imm6(w) * 4096; break;
	case FORMAT_CSHB: insn->rd = insn->rs1 = low1, insn->imm = c_imm6(w) & 63; break;
	case FORMAT_CANDI: insn->rd = insn->rs1 = low1, insn->imm = c_imm6(w); break;
	case FORMAT_CSH: insn->rd = insn->rs1 = rd, insn->imm = c_imm6(w) & 63; break;
	case FORMAT_CA: insn->rd = insn->rs1 = low1, insn->rs2 = low2; break;
	case FORMAT_CJ: insn->imm = c_imm_j(w); break;
	case FORMAT_CB: insn->rs1 = low1, insn->imm = c_imm_b(w); break;
	case FORMAT_CLWSP:
		insn->rd = rd, insn->rs1 = SP;
		insn->imm = field(w, 12, 12, 5) | field(w, 6, 4, 2) | field(w, 3, 2, 6);
		break;
	case FORMAT_CLDSP:
	case FORMAT_CFLDSP:
		insn->rd = rd, insn->rs1 = SP;
		insn->imm = field(w, 12, 12, 5) | field(w, 6, 5, 3) | field(w, 4, 2, 6);
		break;
	case FORMAT_CSWSP:
		insn->rs2 = rs2, insn->rs1 = SP;
		insn->imm = field(w, 12, 9, 2) | field(w, 8, 7, 6);
		break;
	case FORMAT_CSDSP:
	case FORMAT_CFSDSP:
		insn->rs2 = rs2, insn->rs1 = SP;
		insn->imm = field(w, 12, 10, 3) | field(w, 9, 7, 6);
		break;
	case FORMAT_CJR: insn->rs1 = rd; break;
	case FORMAT_CJALR: insn->rd = RA, insn->rs1 = rd; break;
	case FORMAT_CMV: insn->rd = rd, insn->rs2 = rs2; break;
	case FORMAT_CADD: insn->rd = insn->rs1 = rd, insn->rs2 = rs2; break;
	default: break;
	}
}

void insn_decode(uint32_t word, struct insn *ret_insn)
{
	bool is_short = insn_length((uint16_t)word) == 2;
	uint32_t w = is_short ? word & 0xffff : word;
	const struct pattern *p = pattern_find(w, is_short);

	*ret_insn = (struct insn){
		.id = INSN_illegal, .format = FORMAT_NONE, .length = is_short ? 2 : 4, .word = w};
	if (!p || p->id == INSN_illegal)
		return;
	ret_insn->id = p->id;
	ret_insn->format = p->format;
	ret_insn->name = p->name;
	if (is_short)
		decode_short(w, ret_insn);
	else
		decode_long(w, ret_insn);
}

/* The templates say which operands are f registers: capital letters. */
static const char *const templates[] = {
#define FORMAT(name, text) text,
	INSN_FORMATS(FORMAT)
#undef FORMAT
};

bool insn_f_rd(enum insn_format format) { return strchr(templates[format], 'D'); }
bool insn_f_rs1(enum insn_format format) { return strchr(templates[format], 'S'); }
bool insn_f_rs2(enum insn_format format) { return strchr(templates[format], 'T'); }
