/* SPDX-License-Identifier: MIT */
/* test_hart_near.c - what a miss of the TLB must not forget where the leaf table is known (tlb_near.h) */
#include "code.h"

static uint64_t misses(void)
{
	struct hart_stats s;

	hart_stats(g.h, &s);
	return s.tlb_misses;
}

/* The same at pc again. */
static void again(uint64_t pc, uint64_t a0)
{
	g.r->pc = pc;
	g.r->x[A0] = a0;
}

TEST(a_store_near_an_earlier_miss_changes_code_that_ran_before)
{
	start();
	CODE_AT(CODE, sd(T0, A0, 0), jalr(1, A1), ECALL);
	CODE_AT(CODE + PAGE_SIZE, addi(T1, 0, 1), jalr(0, 1));
	guest_map_new(&g, CODE + 2 * PAGE_SIZE, PAGE_SIZE, GUEST_RW);
	g.r->x[A1] = CODE + PAGE_SIZE;
	/* beside it first: now the table is known for data, too */
	again(CODE, CODE + 2 * PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 8, 4);
	CHECK_EQ(g.r->x[T1], 1);
	g.r->x[T0] = addi(T1, 0, 2) | (uint64_t)jalr(0, 1) << 32;
	again(CODE, CODE + PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 8, 4);
	CHECK_EQ(g.r->x[T1], 2);
	/* nor does a load open it for stores that nobody notices */
	CODE_AT(CODE, ld(T2, A0, 0), sd(T0, A0, 0), jalr(1, A1), ECALL);
	machine_frame_changed(g.m, *guest_pte(&g, CODE, 0) >> PTE_PPN_SHIFT);
	machine_flush_space(g.m, 1);
	g.r->x[T0] = addi(T1, 0, 3) | (uint64_t)jalr(0, 1) << 32;
	again(CODE, CODE + PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 12, 5);
	CHECK_EQ(g.r->x[T1], 3);
}

TEST(a_watched_page_is_met_though_the_table_that_it_lies_in_is_known)
{
	start();
	guest_map_new(&g, DATA, 4 * PAGE_SIZE, GUEST_RW);
	CODE_AT(CODE, ld(T0, A0, 0), sd(T0, A0, 8), ECALL);
	for (unsigned known = 0; known < 2; known++) {
		/* before it is watched, and after */
		if (known)
			CHECK_EQ(hart_watch(g.h, 1, DATA + 2 * PAGE_SIZE, 16, true, true), 0);
		again(CODE, DATA);
		expect(1000, TRAP_ECALL, 0, CODE + 8, 2);
		again(CODE, DATA + PAGE_SIZE);
		expect(1000, TRAP_ECALL, 0, CODE + 8, 2);
		if (!known)
			CHECK_EQ(hart_watch(g.h, 1, DATA + 2 * PAGE_SIZE, 16, true, true), 0);
		again(CODE, DATA + 2 * PAGE_SIZE);
		expect(1000, TRAP_WATCH, DATA + 2 * PAGE_SIZE, CODE + 4, 1);
		expect(1000, TRAP_WATCH, DATA + 2 * PAGE_SIZE + 8, CODE + 8, 1);
		CHECK_EQ(hart_watch_forget(g.h, 1, DATA + 2 * PAGE_SIZE, 16, true, true), 0);
		again(CODE, DATA + 2 * PAGE_SIZE);
		expect(1000, TRAP_ECALL, 0, CODE + 8, 2);
	}
}

static void note(void *ctx, uint64_t va, enum mmu_access access)
{
	*(uint64_t *)ctx += access == MMU_EXEC ? 0 : va - DATA + 1;
}

TEST(an_observer_sees_a_page_whose_leaf_table_is_known)
{
	uint64_t seen = 0;

	start();
	CODE_AT(CODE, ld(T0, A0, 0), ECALL);
	again(CODE, DATA);
	expect(1000, TRAP_ECALL, 0, CODE + 4, 1);
	hart_observe(g.h, note, &seen);
	again(CODE, DATA);
	expect(1000, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(seen, 1);
	again(CODE, DATA + PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(seen, PAGE_SIZE + 2);
	hart_observe(g.h, NULL, NULL);
	again(CODE, DATA);
	expect(1000, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(seen, PAGE_SIZE + 2);
}

TEST(a_store_near_an_earlier_miss_breaks_another_harts_reservation)
{
	/* the store itself misses, or a load before it did */
	for (unsigned loads = 0; loads < 2; loads++) {
		if (g.m)
			guest_finish(&g);
		guest_init_mode(&g, 256, 2, MMU_SV48);
		guest_map_new(&g, CODE, PAGE_SIZE, GUEST_RWX);
		guest_map_new(&g, DATA, 2 * PAGE_SIZE, GUEST_RW);
		CODE_AT(CODE, LR_D(T0, A0), SC_D(T1, A0, A0), ECALL);
		CODE_AT(CODE + 256, ld(T0, A1, 0), loads ? ld(T0, A0, 0) : addi(T0, T0, 0), sd(T0, A0, 0), ECALL);
		*guest_pte(&g, DATA, 0) |= PTE_A | PTE_D;
		struct hart *two = machine_hart(g.m, 1);
		struct regs *r = hart_regs(two);
		hart_set_satp(two, mmu_satp(MMU_SV48, 1, g.root));
		r->x[A0] = g.r->x[A0] = DATA;
		r->x[A1] = DATA + PAGE_SIZE;
		r->pc = CODE + 256;
		g.r->pc = CODE;
		CHECK_EQ(hart_run(two, 1).cause, TRAP_BUDGET); /* it knows the table */
		CHECK_EQ(hart_run(g.h, 1).cause, TRAP_BUDGET);
		CHECK_EQ(hart_run(two, 100).cause, TRAP_ECALL);
		CHECK_EQ(hart_run(g.h, 9).cause, TRAP_ECALL);
		CHECK_EQ(g.r->x[T1], 1);
	}
	guest_finish(&g);
	g.m = NULL;
}

TEST(a_miss_near_an_earlier_one_is_counted_once_and_serves_what_its_bits_allow)
{
	start();
	guest_map_new(&g, DATA, 6 * PAGE_SIZE, GUEST_RW);
	uint64_t *e = guest_pte(&g, DATA, 0);
	CODE_AT(CODE, ld(T0, A0, 0), ld(T1, A0, 8), ECALL);
	CODE_AT(CODE + 256, sd(T0, A0, 0), ld(T1, A0, 8), sd(T0, A0, 16), ECALL);
	CODE_AT(CODE + 512, ld(T0, A0, 0), sd(T0, A0, 16), ECALL);
	again(CODE, DATA);
	expect(1000, TRAP_ECALL, 0, CODE + 8, 2);
	again(CODE + 256, DATA);
	expect(1000, TRAP_ECALL, 0, CODE + 268, 3);
	uint64_t before = misses();
	/* a load serves loads, */
	again(CODE, DATA + PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 8, 2);
	CHECK_EQ(misses(), before + 1);
	CHECK_EQ(e[1] & (PTE_A | PTE_D), PTE_A);
	/* a store serves both, */
	again(CODE + 256, DATA + 2 * PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 268, 3);
	CHECK_EQ(misses(), before + 2);
	CHECK_EQ(e[2] & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* a load stores only where D was set. */
	e[3] |= PTE_D;
	again(CODE + 512, DATA + 3 * PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 520, 2);
	CHECK_EQ(misses(), before + 3);
	again(CODE + 512, DATA + 4 * PAGE_SIZE);
	expect(1000, TRAP_ECALL, 0, CODE + 520, 2);
	CHECK_EQ(misses(), before + 5);
	CHECK_EQ(e[4] & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* What is refused is counted, too, each time. */
	e[5] = 0;
	again(CODE + 256, DATA + 5 * PAGE_SIZE);
	expect(1000, TRAP_STORE_PAGE, DATA + 5 * PAGE_SIZE, CODE + 256, 0);
	expect(1000, TRAP_STORE_PAGE, DATA + 5 * PAGE_SIZE, CODE + 256, 0);
	CHECK_EQ(misses(), before + 7);
}

TEST_MAIN
