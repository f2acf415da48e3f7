/* SPDX-License-Identifier: MIT */
/* code.h - a few instructions, a machine with two pages of code and two of data, and what a run must end with */
#ifndef TESTS_MACHINE_CODE_H
#define TESTS_MACHINE_CODE_H

#include "guest.h"
#include "tests/test.h"

enum { T0 = 5, T1 = 6, T2 = 7, S1 = 9, A0 = 10, A1 = 11, A2 = 12 };

/* Instructions. */
UNUSED static uint32_t i_type(uint32_t op, unsigned rd, unsigned rs1, int imm)
{
	return op | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}
UNUSED static uint32_t s_type(uint32_t op, unsigned rs2, unsigned rs1, int imm)
{
	return op | rs2 << 20 | rs1 << 15 | ((uint32_t)imm & 31) << 7 | ((uint32_t)imm >> 5) << 25;
}
UNUSED static uint32_t addi(unsigned rd, unsigned rs1, int imm)
{
	return i_type(0x13, rd, rs1, imm);
}
UNUSED static uint32_t ld(unsigned rd, unsigned rs1, int imm)
{
	return i_type(0x3003, rd, rs1, imm);
}
UNUSED static uint32_t sd(unsigned rs2, unsigned rs1, int imm)
{
	return s_type(0x3023, rs2, rs1, imm);
}
UNUSED static uint32_t sw(unsigned rs2, unsigned rs1, int imm)
{
	return s_type(0x2023, rs2, rs1, imm);
}
UNUSED static uint32_t jalr(unsigned rd, unsigned rs1)
{
	return i_type(0x67, rd, rs1, 0);
}
UNUSED static uint32_t bne(unsigned rs1, unsigned rs2, int imm)
{
	uint32_t i = (uint32_t)imm;
	return 0x1063 | rs1 << 15 | rs2 << 20 | (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 |
	       (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7;
}
UNUSED static uint32_t jal(unsigned rd, int imm)
{
	uint32_t i = (uint32_t)imm;
	return 0x6f | rd << 7 | (i >> 20 & 1) << 31 | (i >> 1 & 0x3ff) << 21 | (i >> 11 & 1) << 20 |
	       (i >> 12 & 0xff) << 12;
}
#define LR_D(rd, rs1)      (0x1000302fu | (rd) << 7 | (rs1) << 15)
#define SC_D(rd, rs2, rs1) (0x1800302fu | (rd) << 7 | (rs2) << 20 | (rs1) << 15)
enum { ECALL = 0x73, EBREAK = 0x100073, FENCE_I = 0x100f };

UNUSED static const uint64_t CODE = 0x10000, DATA = 0x20000;

static struct guest g;

UNUSED static void put_code(uint64_t va, const uint32_t *words, unsigned n)
{
	guest_put(&g, va, words, n * 4ul);
}
#define CODE_AT(va, ...)                                                                           \
	do {                                                                                       \
		const uint32_t words_[] = {__VA_ARGS__};                                           \
		put_code(va, words_, array_size(words_));                                          \
	} while (0)

/* Two pages of code, two of data; a0 points to the data. */
UNUSED static void start(void)
{
	if (g.m)
		guest_finish(&g);
	guest_init(&g, 1024);
	guest_map_new(&g, CODE, 2 * PAGE_SIZE, GUEST_RWX);
	guest_map_new(&g, DATA, 2 * PAGE_SIZE, GUEST_RW);
	g.r->pc = CODE;
	g.r->x[A0] = DATA;
}

UNUSED static void expect(uint64_t budget, enum trap_cause cause, uint64_t value, uint64_t pc,
			  uint64_t retired)
{
	uint64_t before = hart_retired(g.h);
	struct trap t = hart_run(g.h, budget);

	CHECK_EQ(t.cause, cause);
	CHECK_EQ(t.value, value);
	CHECK_EQ(g.r->pc, pc);
	CHECK_EQ(hart_retired(g.h) - before, retired);
}

/* A loop with everything in it: both pages of code, calls, stores, floating point. */
UNUSED static void put_loop(void)
{
	CODE_AT(CODE, addi(T0, 0, 200), addi(T1, 0, 0), addi(T0, T0, -1), sd(T0, A0, 0),
		ld(T2, A0, 0), bne(T2, T0, 8), addi(T1, T1, 3), jal(1, PAGE_SIZE - 2 - 28),
		bne(T0, 0, -24), 0xc0202673 /* rdinstret a2 */, ECALL);
	/* the function begins with an instruction across the page */
	CODE_AT(CODE + PAGE_SIZE - 2, addi(T1, T1, 1), 0x02007053 | 1 << 20, jalr(0, 1));
}

#endif
