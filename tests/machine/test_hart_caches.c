/* SPDX-License-Identifier: MIT */
/* test_hart_caches.c - translations and decoded code that are remembered, and when they must not be */
#include "code.h"

TEST(a_translation_is_cached_for_writing_only_when_d_is_set)
{
	start();
	uint64_t *e = guest_pte(&g, DATA, 0);
	CODE_AT(CODE, ld(T0, A0, 0), ECALL, sd(T0, A0, 0), ECALL, ld(T0, A0, 0), sd(T0, A0, 0), ECALL);
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(*e & (PTE_A | PTE_D), PTE_A);
	g.r->pc = CODE + 8;
	expect(9, TRAP_ECALL, 0, CODE + 12, 1);
	CHECK_EQ(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* cleared and flushed: set again by the next use; not before */
	*e &= ~(uint64_t)(PTE_A | PTE_D);
	machine_flush_page(g.m, 1, DATA);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(*e & (PTE_A | PTE_D), PTE_A);
	g.r->pc = CODE + 16;
	expect(9, TRAP_ECALL, 0, CODE + 24, 2);
	CHECK_EQ(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* the same for fetches */
	uint64_t *x = guest_pte(&g, CODE, 0);
	CHECK_EQ(*x & (PTE_A | PTE_D), PTE_A);
	*x &= ~(uint64_t)PTE_A;
	machine_flush_space(g.m, 1);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(*x & (PTE_A | PTE_D), PTE_A);
	*x &= ~(uint64_t)PTE_X;
	machine_flush_page(g.m, 1, CODE);
	g.r->pc = CODE;
	expect(9, TRAP_FETCH_PAGE, CODE, CODE, 0);
}

TEST(flushing_one_page_of_a_superpage_forgets_all_of_it)
{
	start();
	uint64_t va = UINT64_C(1) << 30, *e = guest_pte(&g, va, 1);
	*e = GUEST_RW;
	g.r->x[A0] = va;
	CODE_AT(CODE, ld(T0, A0, 0), sd(T0, A0, 64), ECALL);
	expect(9, TRAP_ECALL, 0, CODE + 8, 2);
	*e = 0;
	machine_flush_page(g.m, 1, va + 5 * PAGE_SIZE);
	g.r->pc = CODE;
	expect(9, TRAP_LOAD_PAGE, va, CODE, 0);
}

TEST(a_leaf_table_that_another_took_the_place_of_is_never_walked_again)
{
	const uint64_t va = UINT64_C(3) << 30;

	start();
	guest_map_new(&g, va, 4 * PAGE_SIZE, GUEST_RW);
	CODE_AT(CODE, ld(T0, A0, 0), ECALL);
	for (unsigned i = 0; i < 4; i++)
		*guest_at(&g, va + i * PAGE_SIZE) = (uint8_t)(10 + i);
	g.r->x[A0] = va;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1); /* from here on the table is known */
	g.r->x[A0] = va + PAGE_SIZE;
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 11);
	/* another table, then none, and the old one is there still, as a frame that is used anew */
	uint64_t *upper = guest_pte(&g, va, 1), was = *upper;
	*upper = 0;
	guest_map_new(&g, va + 2 * PAGE_SIZE, PAGE_SIZE, GUEST_RW);
	*guest_at(&g, va + 2 * PAGE_SIZE) = 99;
	machine_flush_page(g.m, 1, va + 5 * PAGE_SIZE);
	g.r->x[A0] = va + 2 * PAGE_SIZE;
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 99);
	g.r->x[A0] = va + 3 * PAGE_SIZE;
	g.r->pc = CODE;
	expect(9, TRAP_LOAD_PAGE, va + 3 * PAGE_SIZE, CODE, 0);
	*upper = 0;
	machine_flush_space(g.m, 1);
	g.r->x[A0] = va + 2 * PAGE_SIZE;
	expect(9, TRAP_LOAD_PAGE, va + 2 * PAGE_SIZE, CODE, 0);
	*upper = was;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 12);
	/* that of another space stays */
	*upper = 0;
	machine_flush_page(g.m, 2, va);
	g.r->x[A0] = va + 3 * PAGE_SIZE;
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 13);
}

TEST(a_walk_from_a_known_leaf_table_faults_marks_and_counts_as_a_whole_one)
{
	struct hart_stats before, after;

	start();
	guest_map_new(&g, DATA + 2 * PAGE_SIZE, 3 * PAGE_SIZE, GUEST_RW);
	uint64_t *e = guest_pte(&g, DATA, 0);
	CODE_AT(CODE, ld(T0, A0, 0), ECALL, sd(T0, A0, 0), ECALL);
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	hart_stats(g.h, &before);
	/* A and D */
	g.r->x[A0] = DATA + PAGE_SIZE;
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(e[1] & (PTE_A | PTE_D), PTE_A);
	g.r->pc = CODE + 8;
	expect(9, TRAP_ECALL, 0, CODE + 12, 1);
	CHECK_EQ(e[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* no entry; not for writing; reserved bits; outside RAM; another table instead of a page */
	const uint64_t pte = e[2];
	const struct {
		uint64_t pte;
		enum trap_cause load, store;
	} is[] = {{0, TRAP_LOAD_PAGE, TRAP_STORE_PAGE},
		  {pte & ~(uint64_t)PTE_W, TRAP_ECALL, TRAP_STORE_PAGE},
		  {pte & ~(uint64_t)PTE_R, TRAP_LOAD_PAGE, TRAP_STORE_PAGE},
		  {pte & ~(uint64_t)PTE_U, TRAP_LOAD_PAGE, TRAP_STORE_PAGE},
		  {pte | UINT64_C(1) << 60, TRAP_LOAD_PAGE, TRAP_STORE_PAGE},
		  {(pte & 0x3ff) | UINT64_C(4096) << PTE_PPN_SHIFT, TRAP_LOAD_ACCESS, TRAP_STORE_ACCESS},
		  {(pte & ~(uint64_t)0x3ff) | PTE_V, TRAP_LOAD_PAGE, TRAP_STORE_PAGE}};
	g.r->x[A0] = DATA + 2 * PAGE_SIZE;
	for (unsigned i = 0; i < array_size(is); i++) {
		e[2] = is[i].pte;
		machine_flush_page(g.m, 1, DATA + 2 * PAGE_SIZE);
		g.r->pc = CODE;
		CHECK_EQ(hart_run(g.h, 9).cause, is[i].load);
		CHECK_EQ(e[2], is[i].pte | (is[i].load == TRAP_ECALL ? PTE_A : 0));
		g.r->pc = CODE + 8;
		CHECK_EQ(hart_run(g.h, 9).cause, is[i].store);
	}
	hart_stats(g.h, &after);
	CHECK_EQ(after.tlb_misses - before.tlb_misses, 2 + 2 * array_size(is));
}

TEST(spaces_keep_apart_and_are_flushed_apart)
{
	struct guest other;

	start();
	other = g;
	other.root = guest_frame(&g);
	other.next_frame = g.next_frame;
	guest_map_new(&other, CODE, 1, GUEST_RWX);
	guest_map_new(&other, DATA, 2 * PAGE_SIZE, GUEST_RW);
	uint64_t satp1 = mmu_satp(MMU_SV48, 1, g.root), satp2 = mmu_satp(MMU_SV48, 2, other.root);
	CODE_AT(CODE, ld(T0, A0, 0), ECALL);
	/* another page, so that they do not meet in one entry */
	uint32_t words[] = {ld(T1, A1, 0), addi(T1, T1, 1), ECALL};
	g.r->x[A1] = DATA + PAGE_SIZE;
	guest_put(&other, CODE, words, sizeof(words));
	*guest_at(&g, DATA) = 11;
	*guest_at(&other, DATA + PAGE_SIZE) = 22;
	for (unsigned round = 0; round < 3; round++) {
		hart_set_satp(g.h, satp1);
		g.r->pc = CODE;
		expect(9, TRAP_ECALL, 0, CODE + 4, 1);
		hart_set_satp(g.h, satp2);
		g.r->pc = CODE;
		expect(9, TRAP_ECALL, 0, CODE + 8, 2);
		CHECK_EQ(g.r->x[T0], 11);
		CHECK_EQ(g.r->x[T1], 23);
	}
	struct hart_stats before, after;
	hart_stats(g.h, &before);
	machine_flush_space(g.m, 2);
	hart_set_satp(g.h, satp1);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	hart_stats(g.h, &after);
	CHECK_EQ(after.tlb_misses, before.tlb_misses);
	hart_set_satp(g.h, satp2);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 8, 2);
	hart_stats(g.h, &after);
	CHECK_EQ(after.tlb_misses, before.tlb_misses + 2);
	/* more flushes than there are numbers of contexts */
	for (unsigned i = 0; i < 10000; i++) {
		machine_flush_space(g.m, 2);
		hart_set_satp(g.h, i & 1 ? satp1 : satp2);
	}
	hart_set_satp(g.h, satp1);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 11);
}

TEST(code_that_a_program_rewrites_is_run_as_rewritten)
{
	static const uint64_t slices[] = {1, 5, 1000000};

	for (unsigned i = 0; i < array_size(slices); i++) {
		start();
		/* a loop whose body changes itself each time: addi t1,t1,imm with imm counting down */
		CODE_AT(CODE, addi(T0, 0, 100), addi(T1, 0, 0), addi(T1, T1, 0), addi(S1, S1, 0),
			0x01411313 | 0, 0, 0);
		CODE_AT(CODE, addi(T0, 0, 100), addi(T1, 0, 0), addi(T1, T1, 1), sw(T2, A1, 8), FENCE_I,
			addi(T0, T0, -1), bne(T0, 0, -16), ECALL);
		g.r->x[A1] = CODE;
		g.r->x[T2] = addi(T1, T1, 2);
		struct trap t;
		do
			t = hart_run(g.h, slices[i]);
		while (t.cause == TRAP_BUDGET);
		CHECK_EQ(t.cause, TRAP_ECALL);
		CHECK_EQ(g.r->x[T1], 199); /* once as it was */
	}
}

TEST(code_changed_by_the_kernel_or_in_a_new_frame_is_run_as_it_is_now)
{
	start();
	CODE_AT(CODE, addi(T0, 0, 1), ECALL);
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	machine_frame_changed(g.m, *guest_pte(&g, CODE, 0) >> PTE_PPN_SHIFT);
	CODE_AT(CODE, addi(T0, 0, 2), ECALL);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 2);
	/* remapped: another frame at the same address, then the first one again */
	uint64_t was = *guest_pte(&g, CODE, 0);
	guest_map(&g, CODE, guest_frame(&g), GUEST_RWX);
	machine_flush_page(g.m, 1, CODE);
	CODE_AT(CODE, addi(T0, 0, 3), ECALL);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 3);
	*guest_pte(&g, CODE, 0) = was;
	machine_flush_page(g.m, 1, CODE);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], 2);
	/* one frame at two addresses: pc-relative results differ */
	guest_map(&g, CODE + 64 * PAGE_SIZE, was >> PTE_PPN_SHIFT, GUEST_RWX);
	CODE_AT(CODE, 0x00000297 /* auipc t0 */, ECALL);
	machine_frame_changed(g.m, was >> PTE_PPN_SHIFT);
	g.r->pc = CODE;
	expect(9, TRAP_ECALL, 0, CODE + 4, 1);
	CHECK_EQ(g.r->x[T0], CODE);
	g.r->pc = CODE + 64 * PAGE_SIZE;
	expect(9, TRAP_ECALL, 0, CODE + 64 * PAGE_SIZE + 4, 1);
	CHECK_EQ(g.r->x[T0], CODE + 64 * PAGE_SIZE);
}

TEST(a_jump_to_another_page_sees_that_the_page_went_away)
{
	start();
	CODE_AT(CODE, jal(1, PAGE_SIZE), ECALL);
	CODE_AT(CODE + PAGE_SIZE, addi(T0, T0, 1), jalr(0, 1));
	for (unsigned i = 0; i < 3; i++) {
		g.r->pc = CODE;
		expect(99, TRAP_ECALL, 0, CODE + 4, 3);
	}
	*guest_pte(&g, CODE + PAGE_SIZE, 0) = 0;
	machine_flush_page(g.m, 1, CODE + PAGE_SIZE);
	g.r->pc = CODE;
	expect(99, TRAP_FETCH_PAGE, CODE + PAGE_SIZE, CODE + PAGE_SIZE, 1);
}

TEST(more_code_than_the_cache_holds_still_runs_right)
{
	enum { PAGES = 5000 };

	if (g.m)
		guest_finish(&g);
	guest_init(&g, PAGES + 512);
	guest_map_new(&g, CODE, (uint64_t)PAGES * PAGE_SIZE, GUEST_RX);
	for (uint64_t p = 0; p < PAGES; p++)
		CODE_AT(CODE + p * PAGE_SIZE, addi(T0, T0, 1), p + 1 < PAGES ? jal(0, PAGE_SIZE - 4) : ECALL);
	for (unsigned round = 1; round <= 3; round++) {
		g.r->pc = CODE;
		CHECK_EQ(hart_run(g.h, 1000000).cause, TRAP_ECALL);
		CHECK_EQ(g.r->x[T0], (uint64_t)PAGES * round);
	}
	guest_finish(&g);
	g.m = NULL;
}

TEST(buffers_a_power_of_two_apart_do_not_fight_for_one_entry)
{
	struct hart_stats before, after;
	uint64_t regs[] = {A0, A1, A2};

	for (unsigned shift = 16; shift < 46; shift++) {
		start();
		for (unsigned i = 0; i < 3; i++) {
			uint64_t va = (UINT64_C(1) << 20) + ((uint64_t)i << shift);
			g.r->x[regs[i]] = va;
			guest_map_new(&g, va, 1, GUEST_RW);
		}
		g.r->x[T0] = 1000;
		CODE_AT(CODE, ld(T1, A0, 0), ld(T1, A1, 0), ld(T1, A2, 0), addi(T0, T0, -1), bne(T0, 0, -16),
			ECALL);
		hart_stats(g.h, &before);
		CHECK_EQ(hart_run(g.h, 100000).cause, TRAP_ECALL);
		hart_stats(g.h, &after);
		if (after.tlb_misses - before.tlb_misses > 10)
			FAIL("%" PRIu64 " misses at a distance of 2^%u",
			     after.tlb_misses - before.tlb_misses, shift);
	}
}

TEST(a_load_or_store_that_remembers_its_page_sees_that_it_went_away_or_may_not_be_written)
{
	start();
	/* the same two instructions each round: a0 page 0, a0 page 1, then page 0 without a mapping */
	CODE_AT(CODE, ld(T0, A0, 0), sd(T0, A0, 8), ECALL);
	for (unsigned round = 0; round < 6; round++) {
		uint64_t va = DATA + round % 2 * PAGE_SIZE;
		*guest_at(&g, va) = (uint8_t)(round + 1);
		g.r->x[A0] = va;
		g.r->pc = CODE;
		expect(9, TRAP_ECALL, 0, CODE + 8, 2);
		CHECK_EQ(*guest_at(&g, va + 8), round + 1);
	}
	g.r->pc = CODE;
	*guest_pte(&g, DATA + PAGE_SIZE, 0) &= ~(uint64_t)PTE_W;
	machine_flush_page(g.m, 1, DATA + PAGE_SIZE);
	expect(9, TRAP_STORE_PAGE, DATA + PAGE_SIZE + 8, CODE + 4, 1);
	*guest_pte(&g, DATA, 0) = 0;
	machine_flush_page(g.m, 1, DATA);
	g.r->x[A0] = DATA;
	g.r->pc = CODE;
	expect(9, TRAP_LOAD_PAGE, DATA, CODE, 0);
	/* an address that is another one but for bits no space has */
	g.r->x[A0] = (DATA + PAGE_SIZE) | UINT64_C(1) << 60;
	expect(9, TRAP_LOAD_PAGE, g.r->x[A0], CODE, 0);
}

TEST(an_instruction_shared_by_two_spaces_reaches_the_data_of_each)
{
	struct guest other;

	start();
	other = g;
	other.root = guest_frame(&g);
	other.next_frame = g.next_frame;
	CODE_AT(CODE, ld(T0, A0, 0), sd(T0, A0, 8), ECALL);
	guest_map(&other, CODE, *guest_pte(&g, CODE, 0) >> PTE_PPN_SHIFT, GUEST_RWX);
	guest_map_new(&other, DATA, PAGE_SIZE, GUEST_RW);
	*guest_at(&g, DATA) = 11;
	*guest_at(&other, DATA) = 22;
	/* and more spaces than the TLB has numbers for */
	for (unsigned round = 0; round < 1200; round++) {
		bool first = round % 2 == 0;
		hart_set_satp(g.h, mmu_satp(MMU_SV48, first ? 1 : 2 + round, first ? g.root : other.root));
		g.r->pc = CODE;
		expect(9, TRAP_ECALL, 0, CODE + 8, 2);
		CHECK_EQ(g.r->x[T0], first ? 11 : 22);
	}
	CHECK_EQ(*guest_at(&g, DATA + 8), 11);
	CHECK_EQ(*guest_at(&other, DATA + 8), 22);
}

TEST(an_access_that_is_not_aligned_is_done_and_does_not_walk_each_time)
{
	struct hart_stats before, after;
	uint64_t want;

	start();
	for (unsigned i = 0; i < 64; i++)
		*guest_at(&g, DATA + i) = (uint8_t)(i * 7 + 1);
	CODE_AT(CODE, ld(T0, A0, 0), sd(T0, A0, 16), ECALL);
	for (unsigned shift = 0; shift < 16; shift++) {
		hart_stats(g.h, &before);
		memcpy(&want, guest_at(&g, DATA + shift), 8);
		g.r->x[A0] = DATA + shift;
		g.r->pc = CODE;
		expect(9, TRAP_ECALL, 0, CODE + 8, 2);
		CHECK_EQ(g.r->x[T0], want);
		CHECK(memcmp(guest_at(&g, DATA + shift + 16), &want, 8) == 0);
		hart_stats(g.h, &after);
		CHECK(shift == 0 || after.tlb_misses == before.tlb_misses);
	}
}

TEST_MAIN
