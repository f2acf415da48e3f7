/* SPDX-License-Identifier: MIT */
/* random.h - random sequences of instructions, as a program
 *
 * The program runs one sequence after the other. Each has a block of 1 KiB with its registers and
 * a little memory: they are loaded from there, the sequence runs, they are stored back there, and
 * at the end all blocks are written to standard output. So whoever runs the program, the same
 * bytes must come out.
 *
 *	block	  0 x0-x31    256 f0-f31    512 fcsr    768 memory, which x2 and x8 point into
 *
 * x31 points to the block; x30 is for addresses that are made on the way. Sequences write neither
 * these nor x2 and x8, and jump forward only.
 */
#ifndef TESTS_MACHINE_RANDOM_H
#define TESTS_MACHINE_RANDOM_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/hart.h"
#include "machine/insn.h"

enum {
	BLOCK = 1024,
	BLOCK_F = 256,
	BLOCK_FCSR = 512,
	BLOCK_MEMORY = 768,
	BLOCK_BASE = 896, /* where x2 and x8 point */
	REACH = 96,	  /* loads and stores stay this close to the base */
	RANDOM_INSNS = 40,
};

#define RANDOM_VA UINT64_C(0x100000)

struct random {
	uint64_t state;
	uint8_t *bytes; /* the file: headers, blocks, code */
	uint64_t size, room;
	unsigned sequences;
	uint64_t *starts; /* file offsets of the sequences */
};

static uint64_t rnd(struct random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

static uint64_t rnd64(struct random *r) { return rnd(r) << 32 ^ rnd(r); }
static unsigned rnd_to(struct random *r, unsigned n) { return (unsigned)(rnd(r) % n); }

static void emit16(struct random *r, unsigned v)
{
	memcpy(r->bytes + r->size, &(uint16_t){(uint16_t)v}, 2);
	r->size += 2;
}

static void emit32(struct random *r, uint32_t v)
{
	emit16(r, v & 0xffff);
	emit16(r, v >> 16);
}

static uint32_t enc_i(uint32_t match, unsigned rd, unsigned rs1, int imm)
{
	return match | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static uint32_t enc_s(uint32_t match, unsigned rs2, unsigned rs1, int imm)
{
	return match | rs2 << 20 | rs1 << 15 | ((uint32_t)imm & 31) << 7 |
	       ((uint32_t)imm >> 5 & 127) << 25;
}

static uint32_t enc_b(uint32_t word, int imm)
{
	uint32_t i = (uint32_t)imm;
	return (word & 0x01fff07f) | (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 | (i >> 1 & 15) << 8 |
	       (i >> 11 & 1) << 7;
}

static const struct {
	uint32_t mask, match;
} random_patterns[] = {
#define INSN(name, text, format, mask, match, ...)	  {mask, match},
#define ROUND(name, text, format, mask, match, kind, ...) {mask, match},
#define SHORT(name, text, format, mask, match, expansion) {mask, match},
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef SHORT
};

static bool x_kept(unsigned x) { return x == 2 || x == 8 || x >= 30; }

/* A value that arithmetic may trip over. */
static uint64_t rnd_f(struct random *r)
{
	static const uint64_t doubles[] = {
		0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x3ff0000000000000,
		0x3ff8000000000000, 0x4004000000000000, 0x3fe0000000000000, 0x7fefffffffffffff,
		0x7ff0000000000000, 0x7ff0000000000001, 0x7ff8000000000000, 0x41dfffffffc00000,
		0x41e0000000000000, 0x41efffffffe00000, 0x43e0000000000000, 0x43f0000000000000,
		0x36a0000000000000, 0x3690000000000000, 0x47efffffe0000000, 0x47effffff0000000,
		0x380fffffffffffff, 0x3ff0000000000001, 0x4330000000000001, 0x3ca0000000000000};
	static const uint32_t singles[] = {
		0, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x3fc00000, 0x40200000, 0x3f000000,
		0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x4effffff, 0x4f000000, 0x4f7fffff,
		0x4f800000, 0x5f000000, 0x5f800000, 0x3f800001, 0x4b000001, 0x33800000, 0x00ffffff};

	switch (rnd_to(r, 10)) {
	case 0:
	case 1: return doubles[rnd_to(r, array_size(doubles))] | (rnd(r) & 1) << 63;
	case 2:
	case 3:
		return 0xffffffff00000000 | singles[rnd_to(r, array_size(singles))] |
		       (rnd(r) & 1) << 31;
	case 4: return rnd64(r);
	case 5: return 0xffffffff00000000 | rnd(r);
	case 6: /* single of a moderate exponent and few bits, for ties */
		return 0xffffffff00000000 | (rnd(r) & 1) << 31 | (uint64_t)(120 + rnd_to(r, 30)) << 23 |
		       (rnd(r) & 0x7f000f);
	case 7: /* near the subnormals */
		return 0xffffffff00000000 | (rnd(r) & 1) << 31 | (uint64_t)rnd_to(r, 80) << 23 |
		       (rnd(r) & 0x7fffff);
	case 8:
		return (rnd(r) & 1) << 63 | (uint64_t)(1010 + rnd_to(r, 70)) << 52 |
		       (rnd64(r) & 0xff0000000000f);
	default: return (rnd(r) & 1) << 63 | (uint64_t)rnd_to(r, 1100) << 52 | rnd64(r) >> 12;
	}
}

static uint64_t rnd_x(struct random *r)
{
	switch (rnd_to(r, 6)) {
	case 0: return rnd_to(r, 64);
	case 1: return (uint64_t)-(int64_t)rnd_to(r, 64);
	case 2: return UINT64_C(1) << rnd_to(r, 64);
	case 3: return (UINT64_C(1) << rnd_to(r, 64)) - 1;
	case 4: return (uint64_t)(int64_t)(int32_t)rnd(r);
	default: return rnd64(r);
	}
}

/* Whether a sequence may contain this as it stands. */
static bool insn_suits(const struct insn *n)
{
	int limit = REACH;

	switch (n->format) {
	case FORMAT_NONE: return n->id == INSN_pause || n->id == INSN_fence_i;
	case FORMAT_CNONE:
	case FORMAT_JR:
	case FORMAT_CJR:
	case FORMAT_CJALR:
	case FORMAT_AMO:
	case FORMAT_LR: return false; /* made by hand */
	case FORMAT_B:
	case FORMAT_CB:
	case FORMAT_CJ: return true; /* the offset is put right */
	case FORMAT_J: return !x_kept(n->rd);
	case FORMAT_CSR:
		/* A register may hold no rounding mode; the flags take anything. */
		return !x_kept(n->rd) && (n->imm == 1 || (n->imm <= 3 && n->rs1 == 0 && n->id != INSN_csrrw));
	case FORMAT_CSRI: return !x_kept(n->rd) && (n->imm == 1 || (n->imm == 2 && n->rs1 <= 4 && n->id == INSN_csrrwi));
	case FORMAT_FLD:
	case FORMAT_CFLD:
	case FORMAT_CFLDSP:
	case FORMAT_FST:
	case FORMAT_ST:
	case FORMAT_CFSD:
	case FORMAT_CSW:
	case FORMAT_CSD:
	case FORMAT_CFSDSP:
	case FORMAT_CSWSP:
	case FORMAT_CSDSP: return (n->rs1 == 2 || n->rs1 == 8) && n->imm >= -limit && n->imm < limit;
	case FORMAT_LD:
	case FORMAT_CLW:
	case FORMAT_CLD:
	case FORMAT_CLWSP:
	case FORMAT_CLDSP:
		return (n->rs1 == 2 || n->rs1 == 8) && n->imm >= -limit && n->imm < limit && !x_kept(n->rd);
	case FORMAT_FENCE: return true;
	/* auipc is the same everywhere: the program is not moved */
	default: return insn_f_rd(n->format) || !x_kept(n->rd);
	}
}

/* Makes it likelier that a random word suits. */
static uint32_t word_steer(struct random *r, uint32_t w)
{
	struct insn n;

	insn_decode(w, &n);
	unsigned base = rnd(r) & 1 ? 2 : 8;
	int offset = (int)rnd_to(r, 2 * REACH) - REACH;
	switch (n.format) {
	case FORMAT_LD:
	case FORMAT_FLD: return (w & 0x7fff) | base << 15 | (uint32_t)offset << 20;
	case FORMAT_ST:
	case FORMAT_FST: return enc_s(w & 0x707f, n.rs2, base, offset);
	case FORMAT_CSR: return rnd(r) & 1 ? (w & 0xfffff) | 1u << 20
					   : (w & 0xf8fff) >> 12 << 12 | (w & 0xf80) | 0x2073 | (rnd_to(r, 3) + 1) << 20;
	case FORMAT_CSRI: return rnd(r) & 1 ? (w & 0xfffff) | 1u << 20 : (w & 0xf80) | 0x5073 | rnd_to(r, 5) << 15 | 2u << 20;
	default: return w;
	}
}

static uint32_t rnd_word(struct random *r, struct insn *ret_insn)
{
	for (;;) {
		unsigned i = rnd_to(r, array_size(random_patterns));
		uint32_t mask = random_patterns[i].mask, match = random_patterns[i].match;
		uint32_t w = ((uint32_t)rnd64(r) & ~mask) | match;
		if ((match & 3) != 3)
			w &= 0xffff;
		if ((w & 0x60) == 0x40 && (w & 0x13) == 0x13 && rnd(r) & 1)
			w |= 0x7000; /* dynamic rounding is the usual case */
		w = word_steer(r, w);
		insn_decode(w, ret_insn);
		if (ret_insn->id != INSN_illegal && insn_suits(ret_insn))
			return w;
	}
}

static void emit_word(struct random *r, uint32_t w, unsigned length)
{
	if (length == 2)
		emit16(r, w);
	else
		emit32(r, w);
}

/* A jump over a few other instructions. */
static void emit_plain(struct random *r);
static void emit_skip(struct random *r, uint32_t w, const struct insn *n)
{
	uint64_t at = r->size;
	emit_word(r, w, n->length);
	for (unsigned i = rnd_to(r, 3); i > 0; i--)
		emit_plain(r);
	int by = (int)(r->size - at);
	uint32_t u = (uint32_t)by;
	if (n->format == FORMAT_B)
		w = enc_b(w, by);
	else if (n->format == FORMAT_J)
		w = (w & 0xfff) | (u >> 1 & 0x3ff) << 21;
	else if (n->format == FORMAT_CJ)
		w = 0xa001 | (u >> 1 & 7) << 3 | (u >> 4 & 1) << 11 | (u >> 5 & 1) << 2;
	else
		w = (w & 0xe383) | (u >> 1 & 3) << 3 | (u >> 3 & 3) << 10 | (u >> 5 & 1) << 2;
	memcpy(r->bytes + at, &w, n->length);
}

/* Atomics want an aligned address in a register. */
static void emit_atomic(struct random *r)
{
	static const uint32_t ops[] = {0x00, 0x01, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c};
	unsigned size = 2 + (rnd(r) & 1), rd = rnd_to(r, 30), rs2 = rnd_to(r, 32);
	uint32_t order = rnd_to(r, 4) << 25, base = 0x2f | size << 12 | 30u << 15;

	while (x_kept(rd))
		rd = rnd_to(r, 30);
	emit32(r, enc_i(0x13, 30, 2, ((int)rnd_to(r, 20) - 10) * 8));
	if (rnd_to(r, 4) > 0) {
		emit32(r, base | ops[rnd_to(r, array_size(ops))] << 27 | order | rd << 7 | rs2 << 20);
		return;
	}
	emit32(r, base | 0x10000000 | order | rd << 7);
	if (rnd(r) & 1)
		emit32(r, 0x00148493); /* addi s1,s1,1: between, only plain arithmetic */
	emit32(r, base | 0x18000000 | order | rd << 7 | rs2 << 20);
	if (rnd(r) & 1) /* a second one fails */
		emit32(r, base | 0x18000000 | order | 5 << 7 | rs2 << 20);
}

/* auipc x30; jalr over one instruction. */
static void emit_indirect(struct random *r)
{
	unsigned rd = rnd(r) & 1 ? 1 : 0;

	emit32(r, 0x17 | 30u << 7);
	if (rnd(r) & 1)
		emit32(r, enc_i(0x67, rd, 30, 12 + (int)(rnd(r) & 1)));
	else {
		emit16(r, 0x0f39 | 0); /* c.addi x30,14; then c.jr or c.jalr x30 */
		emit16(r, rd ? 0x9f02 : 0x8f02);
		emit16(r, 0x0001);
	}
	while (r->size % 2)
		r->size++;
	emit32(r, 0x00148493);
}

static void emit_plain(struct random *r)
{
	struct insn n;
	uint32_t w;

	do
		w = rnd_word(r, &n);
	while (n.format == FORMAT_B || n.format == FORMAT_J || n.format == FORMAT_CJ ||
	       n.format == FORMAT_CB);
	emit_word(r, w, n.length);
}

static void emit_random(struct random *r)
{
	struct insn n;
	uint32_t w = rnd_word(r, &n);
	unsigned what = rnd_to(r, 40);

	if (what < 2)
		emit_atomic(r);
	else if (what == 2)
		emit_indirect(r);
	else if (n.format == FORMAT_B || n.format == FORMAT_J || n.format == FORMAT_CJ ||
		 n.format == FORMAT_CB)
		emit_skip(r, w, &n);
	else
		emit_word(r, w, n.length);
}

static uint64_t random_block(unsigned i) { return PAGE_SIZE + (uint64_t)i * BLOCK; }

/* lui and addi for an address below 2 GiB. */
static void emit_address(struct random *r, unsigned rd, uint64_t va)
{
	emit32(r, 0x37 | rd << 7 | (((uint32_t)va + 0x800) & 0xfffff000));
	emit32(r, enc_i(0x1b, rd, rd, (int)(va << 20 & 0xfff00000) >> 20));
}

static void random_sequence(struct random *r, unsigned i)
{
	uint8_t *block = r->bytes + random_block(i);
	uint64_t va = RANDOM_VA + random_block(i), v;

	for (unsigned x = 0; x < 32; x++) {
		v = x == 2 || x == 8 ? va + BLOCK_BASE : x == 31 ? va : rnd_x(r);
		memcpy(block + x * 8, &v, 8);
		v = rnd_f(r);
		memcpy(block + BLOCK_F + x * 8, &v, 8);
	}
	v = rnd_to(r, 32) & rnd_to(r, 32);
	v |= (uint64_t)(rnd(r) & 1 ? 0 : rnd_to(r, 5)) << 5;
	memcpy(block + BLOCK_FCSR, &v, 8);
	for (unsigned k = BLOCK_MEMORY; k < BLOCK; k += 8) {
		v = rnd(r) & 1 ? rnd_f(r) : rnd_x(r);
		memcpy(block + k, &v, 8);
	}

	emit_address(r, 31, va);
	emit32(r, enc_i(0x3003, 5, 31, BLOCK_FCSR));
	emit32(r, enc_i(0x1073, 0, 5, 3));
	for (unsigned x = 1; x < 31; x++)
		emit32(r, enc_i(0x3003, x, 31, (int)x * 8));
	for (unsigned f = 0; f < 32; f++)
		emit32(r, enc_i(0x3007, f, 31, BLOCK_F + (int)f * 8));
	r->starts[i] = r->size;
	for (unsigned n = 0; n < RANDOM_INSNS; n++)
		emit_random(r);
	for (unsigned x = 1; x < 31; x++)
		emit32(r, enc_s(0x3023, x, 31, (int)x * 8));
	for (unsigned f = 0; f < 32; f++)
		emit32(r, enc_s(0x3027, f, 31, BLOCK_F + (int)f * 8));
	emit32(r, enc_i(0x2073, 5, 0, 3));
	emit32(r, enc_s(0x3023, 5, 31, BLOCK_FCSR));
}

__attribute__((unused)) static void random_make(struct random *r, uint64_t seed, unsigned sequences)
{
	uint64_t code = random_block(sequences);

	r->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	r->sequences = sequences;
	r->room = code + (uint64_t)sequences * 2048 + PAGE_SIZE;
	r->bytes = calloc(1, r->room);
	r->starts = calloc(sequences, sizeof(*r->starts));
	r->size = code;
	for (unsigned i = 0; i < sequences; i++)
		random_sequence(r, i);
	r->starts = realloc(r->starts, (sequences + 1) * sizeof(*r->starts));
	r->starts[sequences] = r->size;
	emit32(r, enc_i(0x13, 10, 0, 1)); /* write(1, blocks, size) */
	emit_address(r, 11, RANDOM_VA + random_block(0));
	emit_address(r, 12, (uint64_t)sequences * BLOCK);
	emit32(r, enc_i(0x13, 17, 0, 64));
	emit32(r, 0x73);
	emit32(r, enc_i(0x13, 10, 0, 0)); /* exit(0) */
	emit32(r, enc_i(0x13, 17, 0, 93));
	emit32(r, 0x73);

	Elf64_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			.e_type = ET_EXEC, .e_machine = EM_RISCV, .e_version = EV_CURRENT,
			.e_entry = RANDOM_VA + code, .e_phoff = sizeof(e), .e_ehsize = sizeof(e),
			.e_flags = 5 /* RVC, double-float ABI */,
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
	Elf64_Phdr p = {.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_vaddr = RANDOM_VA,
			.p_paddr = RANDOM_VA, .p_filesz = r->size, .p_memsz = r->size,
			.p_align = PAGE_SIZE};
	memcpy(r->bytes, &e, sizeof(e));
	memcpy(r->bytes + sizeof(e), &p, sizeof(p));
}

__attribute__((unused)) static void random_free(struct random *r)
{
	free(r->bytes);
	free(r->starts);
}

#endif
