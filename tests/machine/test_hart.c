/* SPDX-License-Identifier: MIT */
/* test_hart.c - traps, budgets, caches of code and translations, reservations, stops */
#include "guest.h"
#include "tests/test.h"

enum { T0 = 5, T1 = 6, T2 = 7, S1 = 9, A0 = 10, A1 = 11, A2 = 12 };

/* Instructions. */
static uint32_t i_type(uint32_t op, unsigned rd, unsigned rs1, int imm)
{
	return op | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}
static uint32_t s_type(uint32_t op, unsigned rs2, unsigned rs1, int imm)
{
	return op | rs2 << 20 | rs1 << 15 | ((uint32_t)imm & 31) << 7 | ((uint32_t)imm >> 5) << 25;
}
static uint32_t addi(unsigned rd, unsigned rs1, int imm) { return i_type(0x13, rd, rs1, imm); }
static uint32_t ld(unsigned rd, unsigned rs1, int imm) { return i_type(0x3003, rd, rs1, imm); }
static uint32_t sd(unsigned rs2, unsigned rs1, int imm) { return s_type(0x3023, rs2, rs1, imm); }
static uint32_t sw(unsigned rs2, unsigned rs1, int imm) { return s_type(0x2023, rs2, rs1, imm); }
static uint32_t jalr(unsigned rd, unsigned rs1) { return i_type(0x67, rd, rs1, 0); }
static uint32_t bne(unsigned rs1, unsigned rs2, int imm)
{
	uint32_t i = (uint32_t)imm;
	return 0x1063 | rs1 << 15 | rs2 << 20 | (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 |
	       (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7;
}
static uint32_t jal(unsigned rd, int imm)
{
	uint32_t i = (uint32_t)imm;
	return 0x6f | rd << 7 | (i >> 20 & 1) << 31 | (i >> 1 & 0x3ff) << 21 | (i >> 11 & 1) << 20 |
	       (i >> 12 & 0xff) << 12;
}
#define LR_D(rd, rs1)	   (0x1000302fu | (rd) << 7 | (rs1) << 15)
#define SC_D(rd, rs2, rs1) (0x1800302fu | (rd) << 7 | (rs2) << 20 | (rs1) << 15)
enum { ECALL = 0x73, EBREAK = 0x100073, FENCE_I = 0x100f };

static const uint64_t CODE = 0x10000, DATA = 0x20000;

static struct guest g;

static void put_code(uint64_t va, const uint32_t *words, unsigned n) { guest_put(&g, va, words, n * 4ul); }
#define CODE_AT(va, ...)                                                                           \
	do {                                                                                       \
		const uint32_t words_[] = {__VA_ARGS__};                                           \
		put_code(va, words_, array_size(words_));                                          \
	} while (0)

/* Two pages of code, two of data; a0 points to the data. */
static void start(void)
{
	if (g.m)
		guest_finish(&g);
	guest_init(&g, 1024);
	guest_map_new(&g, CODE, 2 * PAGE_SIZE, GUEST_RWX);
	guest_map_new(&g, DATA, 2 * PAGE_SIZE, GUEST_RW);
	g.r->pc = CODE;
	g.r->x[A0] = DATA;
}

static void expect(uint64_t budget, enum trap_cause cause, uint64_t value, uint64_t pc, uint64_t retired)
{
	uint64_t before = hart_retired(g.h);
	struct trap t = hart_run(g.h, budget);

	CHECK_EQ(t.cause, cause);
	CHECK_EQ(t.value, value);
	CHECK_EQ(g.r->pc, pc);
	CHECK_EQ(hart_retired(g.h) - before, retired);
}

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

/* A loop with everything in it: both pages of code, calls, stores, floating point. */
static void put_loop(void)
{
	CODE_AT(CODE, addi(T0, 0, 200), addi(T1, 0, 0), addi(T0, T0, -1), sd(T0, A0, 0), ld(T2, A0, 0),
		bne(T2, T0, 8), addi(T1, T1, 3), jal(1, PAGE_SIZE - 2 - 28), bne(T0, 0, -24),
		0xc0202673 /* rdinstret a2 */, ECALL);
	/* the function begins with an instruction across the page */
	CODE_AT(CODE + PAGE_SIZE - 2, addi(T1, T1, 1), 0x02007053 | 1 << 20, jalr(0, 1));
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
