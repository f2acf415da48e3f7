/* SPDX-License-Identifier: MIT */
/* test_hart.c - traps, budgets and time: where a run ends, and what has been done by then */
#include "code.h"

TEST(a_trap_names_its_instruction_and_leaves_no_trace_of_it)
{
	start();
	/* pairs: the second of (addi, ld) and (ld, addi) faults or follows a fault */
	CODE_AT(CODE, addi(T0, 0, 1), addi(T1, A0, 0), addi(T1, 0, 16), ld(T1, T1, 0), addi(T2, 0, 7));
	expect(100, TRAP_LOAD_PAGE, 16, CODE + 12, 3);
	CHECK_EQ(g.r->x[T1], 16);
	CHECK_EQ(g.r->x[T2], 0);
	start();
	CODE_AT(CODE, addi(T0, 0, 1), sd(T0, 0, -8), addi(T2, 0, 7));
	expect(100, TRAP_STORE_PAGE, (uint64_t)-8, CODE + 4, 1);
	CHECK_EQ(g.r->x[T2], 0);
	start();
	CODE_AT(CODE, addi(T0, 0, 1), ECALL, addi(T0, T0, 1), EBREAK, 0xffffffff);
	expect(100, TRAP_ECALL, 0, CODE + 4, 1);
	expect(100, TRAP_ECALL, 0, CODE + 4, 0);
	hart_retire(g.h);
	CHECK_EQ(hart_retired(g.h), 2);
	expect(100, TRAP_BREAKPOINT, CODE + 12, CODE + 12, 1);
	g.r->pc += 4;
	expect(100, TRAP_ILLEGAL, 0xffffffff, CODE + 16, 0);
	CHECK_EQ(g.r->x[T0], 2);
}

TEST(illegal_instructions_report_their_bits)
{
	static const uint32_t words[] = {
		0, 0x8002, 0x2001, 0x6081, /* zero, c.jr x0, c.addiw x0, c.lui 0 */
		0xc0001073, 0xc0002873u + (1u << 15), /* writes to cycle */
		0x30002573, 0x10500073, 0x12000073, 0x02057053 | 5 << 12, 0xf80002af};

	for (unsigned i = 0; i < array_size(words); i++) {
		bool is_short = (words[i] & 3) != 3;
		uint32_t w = i == 9 ? (0x02000053u | 6u << 12) : words[i];
		start();
		CODE_AT(CODE, w);
		struct trap t = hart_run(g.h, 10);
		CHECK_EQ(t.cause, TRAP_ILLEGAL);
		CHECK_EQ(t.value, is_short ? w & 0xffff : w);
		CHECK_EQ(g.r->pc, CODE);
	}
}

TEST(a_reserved_rounding_mode_in_frm_traps_only_who_uses_it)
{
	start();
	g.r->fcsr = 5 << 5;
	CODE_AT(CODE, 0x02000053 /* fadd.d rne */, 0x22000053 /* fsgnj.d */, 0x02007053 /* fadd.d dyn */);
	expect(100, TRAP_ILLEGAL, 0x02007053, CODE + 8, 2);
	CHECK_EQ(g.r->fcsr, 5 << 5);
}

TEST(the_flags_of_a_run_are_in_fcsr_after_it_and_the_hosts_rounding_is_untouched)
{
	start();
	g.r->fcsr = 3 << 5; /* round up */
	g.r->f[0] = 0x3ff0000000000000;
	g.r->f[1] = 0x4008000000000000;
	CODE_AT(CODE, 0x1a107153 /* fdiv.d f2,f0,f1 */, ECALL);
	expect(100, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->f[2], 0x3fd5555555555556);
	CHECK_EQ(g.r->fcsr, 3 << 5 | 1);
	volatile double one = 1, three = 3;
	double third = one / three;
	CHECK(memcmp(&third, &(uint64_t){0x3fd5555555555555}, 8) == 0);
}

TEST(an_access_that_crosses_into_a_missing_page_changes_nothing)
{
	for (unsigned store = 0; store < 2; store++) {
		start();
		uint64_t edge = DATA + 2 * PAGE_SIZE;
		g.r->x[A1] = edge - 4;
		g.r->x[T0] = 0x1122334455667788;
		CODE_AT(CODE, store ? sd(T0, A1, 0) : ld(T0, A1, 0), ECALL);
		*guest_pte(&g, edge - 4, 0) &= ~(uint64_t)(PTE_A | PTE_D);
		expect(100, store ? TRAP_STORE_PAGE : TRAP_LOAD_PAGE, edge, CODE, 0);
		CHECK_EQ(*guest_at(&g, edge - 1), 0);
		CHECK_EQ(*guest_pte(&g, edge - 1, 0) & (PTE_A | PTE_D), 0);
		CHECK_EQ(g.r->x[T0], 0x1122334455667788);
		guest_map_new(&g, edge, 1, store ? GUEST_RW : GUEST_R);
		expect(100, TRAP_ECALL, 0, CODE + 4, 1);
		CHECK_EQ(*guest_pte(&g, edge - 1, 0) & (PTE_A | PTE_D), store ? PTE_A | PTE_D : PTE_A);
		CHECK_EQ(*guest_pte(&g, edge, 0) & (PTE_A | PTE_D), store ? PTE_A | PTE_D : PTE_A);
		if (store) {
			CHECK_EQ(*guest_at(&g, edge - 1), 0x55);
			CHECK_EQ(*guest_at(&g, edge), 0x44);
		}
	}
	/* the other way round: the first page is the one that is missing */
	start();
	g.r->x[A1] = DATA - 4;
	CODE_AT(CODE, sd(T0, A1, 0));
	expect(100, TRAP_STORE_PAGE, DATA - 4, CODE, 0);
	CHECK_EQ(*guest_pte(&g, DATA, 0) & (PTE_A | PTE_D), 0);
}

TEST(an_instruction_that_crosses_into_a_missing_page_faults_at_that_page)
{
	uint64_t edge = CODE + 2 * PAGE_SIZE;

	start();
	CODE_AT(edge - 8, addi(T0, 0, 3), 0x00010001);
	guest_put(&g, edge - 4, &(uint16_t){0x0001}, 2);
	guest_put(&g, edge - 2, &(uint16_t){(uint16_t)addi(T0, T0, 1)}, 2);
	g.r->pc = edge - 8;
	expect(100, TRAP_FETCH_PAGE, edge, edge - 2, 2);
	guest_map_new(&g, edge, 1, GUEST_RWX);
	uint32_t rest[] = {addi(T0, T0, 1) >> 16 | (uint32_t)ECALL << 16, ECALL >> 16};
	guest_put(&g, edge, rest, 8);
	expect(100, TRAP_ECALL, 0, edge + 2, 1);
	CHECK_EQ(g.r->x[T0], 4);
}

TEST(any_budget_ends_in_the_same_state)
{
	static const uint64_t slices[] = {1, 2, 3, 7, 64, 65, 66, 100, 1000};
	struct regs want;
	uint64_t retired;

	start();
	put_loop();
	CHECK_EQ(hart_run(g.h, 1000000).cause, TRAP_ECALL);
	want = *g.r;
	retired = hart_retired(g.h);
	CHECK_EQ(want.x[T1], 800);
	CHECK_EQ(want.x[A2], retired - 1);
	for (unsigned i = 0; i < array_size(slices); i++) {
		start();
		put_loop();
		struct trap t;
		for (uint64_t n = 0;; n += slices[i]) {
			CHECK_EQ(hart_retired(g.h), n);
			t = hart_run(g.h, slices[i]);
			if (t.cause != TRAP_BUDGET)
				break;
		}
		CHECK_EQ(t.cause, TRAP_ECALL);
		CHECK_EQ(hart_retired(g.h), retired);
		CHECK(memcmp(g.r, &want, sizeof(want)) == 0);
	}
}

TEST(a_long_run_does_not_deepen_the_stack_of_the_host)
{
	start();
	CODE_AT(CODE, addi(T0, T0, -1), ld(T1, A0, 0), sd(T1, A0, 8), bne(T0, 0, -12), ECALL);
	g.r->x[T0] = 3000000;
	expect(100000000, TRAP_ECALL, 0, CODE + 16, 12000000);
}

TEST(time_runs_with_the_instructions_and_the_offset)
{
	start();
	CODE_AT(CODE, addi(0, 0, 0), 0xc0102573 /* rdtime a0 */, 0xc00025f3 /* rdcycle a1 */, ECALL);
	hart_set_time_offset(g.h, 12345);
	expect(99, TRAP_ECALL, 0, CODE + 12, 3);
	CHECK_EQ(g.r->x[A0], 12346 / 100);
	CHECK_EQ(g.r->x[A1], 2);
}

TEST_MAIN
