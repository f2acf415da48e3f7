/* SPDX-License-Identifier: MIT */
/* elf_make.h - small programs made in a test, so that no compiler is needed
 *
 *	struct code c = {0};
 *	emit(&c, LI(REG_A0, 42));
 *	...
 *	size = elf_make(&c, bytes)	one segment, read, write and execute, at 0x10000
 */
#ifndef TEST_ELF_MAKE_H
#define TEST_ELF_MAKE_H

#include <stdint.h>
#include <string.h>

enum {
	ELF_BASE = 0x10000,
	ELF_CODE = 64 + 56,
	CODE_MAX = 256,
	ELF_MAKE_SIZE = ELF_CODE + 4 * CODE_MAX
};
enum { X_SP = 2, X_T0 = 5, X_T1 = 6, X_A0 = 10, X_A1, X_A2, X_A3, X_A4, X_A5, X_A7 = 17 };

struct code {
	uint32_t word[CODE_MAX];
	unsigned words;
};

static inline void emit(struct code *c, uint32_t insn)
{
	c->word[c->words++] = insn;
}

static inline uint32_t addi(unsigned rd, unsigned rs, int imm)
{
	return (uint32_t)imm << 20 | rs << 15 | rd << 7 | 0x13;
}
static inline uint32_t li(unsigned rd, int imm)
{
	return addi(rd, 0, imm);
}
static inline uint32_t lui(unsigned rd, uint32_t pages)
{
	return pages << 12 | rd << 7 | 0x37;
}
static inline uint32_t ld(unsigned rd, unsigned rs, int imm)
{
	return (uint32_t)imm << 20 | rs << 15 | 3 << 12 | rd << 7 | 0x03;
}
static inline uint32_t sd(unsigned rs2, unsigned rs1, int imm)
{
	return ((uint32_t)imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | 3 << 12 |
	       ((uint32_t)imm & 31) << 7 | 0x23;
}
static inline uint32_t add(unsigned rd, unsigned a, unsigned b)
{
	return b << 20 | a << 15 | rd << 7 | 0x33;
}
/* Branches by bytes from the instruction itself. */
static inline uint32_t branch(unsigned kind, unsigned a, unsigned b, int by)
{
	uint32_t i = (uint32_t)by;
	return (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 | b << 20 | a << 15 | kind << 12 |
	       (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7 | 0x63;
}
static inline uint32_t beq(unsigned a, unsigned b, int by)
{
	return branch(0, a, b, by);
}
static inline uint32_t bne(unsigned a, unsigned b, int by)
{
	return branch(1, a, b, by);
}

static inline void call(struct code *c, int number)
{
	emit(c, li(X_A7, number));
	emit(c, 0x73);
}

/* exit_group of what is in a0. */
static inline void leave(struct code *c)
{
	call(c, 94);
}

static inline void put(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static inline size_t elf_make(const struct code *c, uint8_t bytes[ELF_MAKE_SIZE])
{
	size_t size = ELF_CODE + 4 * c->words;
	memset(bytes, 0, ELF_MAKE_SIZE);
	memcpy(bytes, "\177ELF\2\1\1", 7);
	put(bytes + 16, 2, 2);   /* ET_EXEC */
	put(bytes + 18, 243, 2); /* RISC-V */
	put(bytes + 20, 1, 4);
	put(bytes + 24, ELF_BASE + ELF_CODE, 8);
	put(bytes + 32, 64, 8); /* program headers */
	put(bytes + 48, 5, 4);  /* compressed, double */
	put(bytes + 52, 64, 2);
	put(bytes + 54, 56, 2);
	put(bytes + 56, 1, 2);
	uint8_t *h = bytes + 64;
	put(h, 1, 4);
	put(h + 4, 7, 4);
	put(h + 16, ELF_BASE, 8);
	put(h + 24, ELF_BASE, 8);
	put(h + 32, size, 8);
	put(h + 40, size + 4096, 8);
	put(h + 48, 4096, 8);
	for (unsigned i = 0; i < c->words; i++)
		put(bytes + ELF_CODE + 4 * i, c->word[i], 4);
	return size;
}

#endif
