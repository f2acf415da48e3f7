/* SPDX-License-Identifier: MIT */
/* test_hart_stops.c - reservations, stops at an address, watched bytes, and who is told of references */
#include "code.h"

TEST(a_store_conditional_needs_the_reservation_of_a_load_reserved)
{
	start();
	CODE_AT(CODE, SC_D(T0, T1, A0), LR_D(T2, A0), SC_D(T1, A0, A0), SC_D(S1, A0, A0), LR_D(T2, A0),
		ECALL, SC_D(A1, 0, A0), ECALL);
	expect(99, TRAP_ECALL, 0, CODE + 20, 5);
	CHECK_EQ(g.r->x[T0], 1);
	CHECK_EQ(g.r->x[T1], 0);
	CHECK_EQ(g.r->x[S1], 1);
	CHECK_EQ(g.r->x[T2], DATA);
	/* a context switch drops it */
	hart_set_satp(g.h, mmu_satp(MMU_SV48, 1, g.root));
	hart_retire(g.h);
	expect(99, TRAP_ECALL, 0, CODE + 28, 1);
	CHECK_EQ(g.r->x[A1], 1);
	start();
	g.r->x[A0] = DATA + 4;
	CODE_AT(CODE, LR_D(T0, A0));
	expect(9, TRAP_LOAD_MISALIGNED, DATA + 4, CODE, 0);
	CODE_AT(CODE, SC_D(T0, 0, A0));
	machine_frame_changed(g.m, *guest_pte(&g, CODE, 0) >> PTE_PPN_SHIFT);
	expect(9, TRAP_STORE_MISALIGNED, DATA + 4, CODE, 0);
}

TEST(another_harts_store_breaks_a_reservation_and_its_loads_do_not)
{
	for (unsigned store = 0; store < 2; store++) {
		if (g.m)
			guest_finish(&g);
		guest_init_mode(&g, 256, 2, MMU_SV48);
		guest_map_new(&g, CODE, 2 * PAGE_SIZE, GUEST_RWX);
		guest_map_new(&g, DATA, PAGE_SIZE, GUEST_RW);
		CODE_AT(CODE, LR_D(T0, A0), SC_D(T1, A0, A0), ECALL);
		CODE_AT(CODE + 256, sd(T0, A0, 128), ld(T0, A0, 0), store ? sd(T0, A0, 0) : ld(T0, A0, 0), ECALL);
		struct hart *two = machine_hart(g.m, 1);
		struct regs *r = hart_regs(two);
		hart_set_satp(two, mmu_satp(MMU_SV48, 1, g.root));
		r->x[A0] = g.r->x[A0] = DATA;
		r->pc = CODE + 256;
		g.r->pc = CODE;
		CHECK_EQ(hart_run(two, 1).cause, TRAP_BUDGET); /* it may store there from now on */
		CHECK_EQ(hart_run(g.h, 1).cause, TRAP_BUDGET);
		CHECK_EQ(hart_run(two, 9).cause, TRAP_ECALL);
		CHECK_EQ(hart_run(g.h, 9).cause, TRAP_ECALL);
		CHECK_EQ(g.r->x[T1], store);
	}
}

TEST(a_run_stops_at_an_address_and_steps_off_it)
{
	start();
	put_loop();
	CHECK_EQ(hart_stop_at(g.h, 1, CODE + 24), 0);
	CHECK_EQ(hart_stop_at(g.h, 1, CODE + 24), -17);
	CHECK_EQ(hart_stop_at(g.h, 2, CODE + 12), 0); /* of another space */
	expect(100000, TRAP_STOP, CODE + 24, CODE + 24, 6);
	expect(100000, TRAP_STOP, CODE + 24, CODE + 24, 10);
	CHECK_EQ(g.r->x[T1], 4);
	CHECK_EQ(hart_stop_forget(g.h, 1, CODE + 24), 0);
	CHECK_EQ(hart_stop_forget(g.h, 1, CODE + 24), -2);
	CHECK_EQ(hart_run(g.h, 100000).cause, TRAP_ECALL);
	CHECK_EQ(g.r->x[T1], 800);
	hart_stop(g.h);
	g.r->pc = CODE;
	expect(100, TRAP_STOP, 0, CODE, 0);
	expect(3, TRAP_BUDGET, 0, CODE + 12, 3);
	/* Nor does an address get lost at which a run happened to end. */
	CHECK_EQ(hart_stop_at(g.h, 1, CODE + 12), 0);
	expect(100, TRAP_STOP, CODE + 12, CODE + 12, 0);
	expect(1, TRAP_BUDGET, 0, CODE + 16, 1);
}

TEST(a_watched_store_stops_behind_it_and_what_is_beside_it_does_not)
{
	start();
	CODE_AT(CODE, addi(T0, 0, 5), sd(T0, A0, 0), sd(T0, A0, 16), sw(T0, A0, 12), ld(T1, A0, 8),
		sd(T0, A0, PAGE_SIZE - 4 - 2048), ECALL);
	CHECK_EQ(hart_watch(g.h, 1, DATA + 8, 8, false, true), 0);
	CHECK_EQ(hart_watch(g.h, 1, DATA + 8, 8, false, true), -17);
	CHECK_EQ(hart_watch(g.h, 1, DATA, 0, true, true), -22);
	CHECK_EQ(hart_watch(g.h, 2, DATA, 8, true, true), 0); /* of another space */
	expect(100000, TRAP_WATCH, DATA + 12, CODE + 16, 4);
	CHECK_EQ(hart_watched(g.h), HART_WROTE);
	CHECK_EQ(guest_at(&g, DATA)[12], 5);
	expect(100000, TRAP_ECALL, 0, CODE + 24, 2);
	CHECK_EQ(g.r->x[T1], 5ll << 32);
	CHECK_EQ(hart_watch_forget(g.h, 1, DATA + 8, 8, false, true), 0);
	CHECK_EQ(hart_watch_forget(g.h, 1, DATA + 8, 8, false, true), -2);
	g.r->pc = CODE;
	expect(100000, TRAP_ECALL, 0, CODE + 24, 6);
}

TEST(every_kind_of_access_meets_a_watch_at_any_budget)
{
	enum { AMOADD = 0x0000302f };
	static const struct {
		bool read, write;
		unsigned at[4];
	} runs[] = {
		/* behind: ld, lr, sc, amoadd, and sd that crosses from the page before */
		{true, false, {8, 12, 20, 0}}, {false, true, {16, 20, 24, 0}}, {true, true, {8, 12, 16, 20}}};

	for (unsigned i = 0; i < array_size(runs); i++)
		for (uint64_t budget = 1; budget < 1000; budget = budget * 7 + 1) {
			start();
			CODE_AT(CODE, addi(A1, A0, 2044), ld(T0, A0, 0), LR_D(T1, A0), SC_D(T2, T0, A0),
				AMOADD | 0u << 7 | T0 << 20 | A0 << 15, sd(T0, A0, -1), ECALL);
			guest_map_new(&g, DATA - PAGE_SIZE, PAGE_SIZE, GUEST_RW);
			/* Known to the TLB before it is watched. */
			CHECK_EQ(hart_run(g.h, 100).cause, TRAP_ECALL);
			g.r->pc = CODE;
			CHECK_EQ(hart_watch(g.h, 1, DATA, 8, runs[i].read, runs[i].write), 0);
			unsigned n = 0;
			struct trap t;
			while ((t = hart_run(g.h, budget)).cause == TRAP_BUDGET || t.cause == TRAP_WATCH) {
				if (t.cause != TRAP_WATCH)
					continue;
				CHECK_EQ(t.value, DATA);
				CHECK_EQ(g.r->pc, CODE + runs[i].at[n < 3 ? n : 3]);
				n++;
				if (runs[i].read && runs[i].write && n == 4) {
					CHECK_EQ(hart_watched(g.h), HART_READ | HART_WROTE);
					break;
				}
			}
			CHECK_EQ(n, runs[i].read && runs[i].write ? 4 : 3);
		}
}

TEST(a_watched_access_that_faults_is_no_hit_until_it_is_done)
{
	start();
	CODE_AT(CODE, ld(T0, A0, 0), ECALL);
	g.r->x[A0] = DATA + 2 * PAGE_SIZE;
	CHECK_EQ(hart_watch(g.h, 1, DATA + 2 * PAGE_SIZE, 4, true, false), 0);
	expect(100, TRAP_LOAD_PAGE, DATA + 2 * PAGE_SIZE, CODE, 0);
	guest_map_new(&g, DATA + 2 * PAGE_SIZE, PAGE_SIZE, GUEST_RW);
	expect(100, TRAP_WATCH, DATA + 2 * PAGE_SIZE, CODE + 4, 1);
}

TEST(a_stop_address_that_is_not_there_yet_is_reached_before_its_page)
{
	start();
	uint64_t far = CODE + 64 * PAGE_SIZE;
	CODE_AT(CODE, jalr(0, A0));
	g.r->x[A0] = far;
	CHECK_EQ(hart_stop_at(g.h, 1, far), 0);
	expect(100, TRAP_STOP, far, far, 1);
	expect(100, TRAP_FETCH_PAGE, far, far, 0);
	guest_map_new(&g, far, PAGE_SIZE, GUEST_RWX);
	CODE_AT(far, addi(T0, 0, 1), ECALL);
	expect(100, TRAP_ECALL, 0, far + 4, 1);
	g.r->pc = far;
	hart_stop_again(g.h);
	expect(100, TRAP_STOP, far, far, 0);
}

struct seen {
	unsigned count;
	uint64_t va[64];
	enum mmu_access access[64];
};

static void note(void *ctx, uint64_t va, enum mmu_access access)
{
	struct seen *s = ctx;

	if (s->count < 64) {
		s->va[s->count] = page_down(va);
		s->access[s->count] = access;
	}
	s->count++;
}

TEST(an_observer_sees_every_page_reference_in_order)
{
	struct seen s = {0};

	start();
	CODE_AT(CODE, addi(T0, 0, 1), addi(T0, 0, 1), ld(T1, A0, 0), ld(T1, A0, 8), sd(T1, A0, 8), ECALL);
	hart_observe(g.h, note, &s);
	expect(99, TRAP_ECALL, 0, CODE + 20, 5);
	static const enum mmu_access want[] = {MMU_EXEC, MMU_READ,  MMU_EXEC, MMU_READ,
					       MMU_EXEC, MMU_WRITE, MMU_EXEC};
	CHECK_EQ(s.count, array_size(want));
	for (unsigned i = 0; i < array_size(want); i++) {
		CHECK_EQ(s.access[i], want[i]);
		CHECK_EQ(s.va[i], want[i] == MMU_EXEC ? CODE : DATA);
	}
	hart_observe(g.h, NULL, NULL);
	g.r->pc = CODE;
	expect(99, TRAP_ECALL, 0, CODE + 20, 5);
	CHECK_EQ(s.count, array_size(want));
}

TEST_MAIN
