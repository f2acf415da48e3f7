/* SPDX-License-Identifier: MIT */
/* test_fence.c - what a hart may remember of page tables, and what it must forget
 *
 * As sfence.vma orders it (privileged specification, "Supervisor Memory-Management Fence
 * Instruction"): a change of a leaf holds for all accesses after a fence of its page, of its space or
 * of everything. Of an entry that was not valid nothing is ever remembered, so that making one valid
 * needs no fence. The guest is a user program: its own sfence.vma is illegal.
 */
#include "guest.h"
#include "tests/test.h"

enum { T0 = 5, A0 = 10, A1 = 11, ECALL = 0x73 };
enum { LD_T0_A0 = 0x3003 | T0 << 7 | A0 << 15, SD_T0_A0 = 0x3023 | T0 << 20 | A0 << 15,
       JR_A1 = 0x67 | A1 << 15, AMOADD_A0 = 0x302f | T0 << 7 | A0 << 15, /* amoadd.d t0, zero, (a0) */
       FLD_A0 = 0x3007 | A0 << 15, RET = 0x8067, NOP = 0x13 };

static const enum mmu_mode modes[] = {MMU_SV39, MMU_SV48, MMU_SV57};
/* DATA and FAR have tables of their own, below the root. */
static const uint64_t CODE = 0x10000;
static uint64_t DATA, FAR;

static struct guest g;

static void start(enum mmu_mode mode)
{
	static const uint32_t far[] = {RET};
	guest_init_mode(&g, 1024, 1, mode);
	DATA = UINT64_C(1) << (mmu_va_bits(mode) - 9);
	FAR = 2 * DATA;
	guest_map_new(&g, CODE, PAGE_SIZE, GUEST_RX);
	guest_map_new(&g, DATA, PAGE_SIZE, GUEST_RW);
	guest_map_new(&g, FAR, PAGE_SIZE, GUEST_RX);
	guest_put(&g, FAR, far, sizeof(far));
}

/* Runs one instruction, then an ecall. Returns why it stopped; TRAP_ECALL: all went well. */
static struct trap run(uint32_t instruction)
{
	/* jr leaves through a1 and comes back by itself: ra points behind it. */
	const uint32_t words[] = {instruction, ECALL};
	guest_put(&g, CODE, words, sizeof(words));
	machine_flush_all(g.m);
	g.r->x[1] = CODE + 4;
	g.r->x[A0] = DATA;
	g.r->x[A1] = FAR;
	g.r->pc = CODE;
	return hart_run(g.h, 9);
}

/* The same code again, with nothing flushed in between. */
static struct trap again(void)
{
	g.r->pc = CODE;
	return hart_run(g.h, 9);
}

static void fence_page(uint64_t va) { machine_flush_page(g.m, 1, va); }
static void fence_space(uint64_t va)
{
	(void)va;
	machine_flush_space(g.m, 1);
}
static void fence_all(uint64_t va)
{
	(void)va;
	machine_flush_all(g.m);
}
static void (*const fences[])(uint64_t va) = {fence_page, fence_space, fence_all};

static const struct kind {
	uint32_t instruction;
	const uint64_t *va;
	enum trap_cause page, access;
} kinds[] = {
    {LD_T0_A0, &DATA, TRAP_LOAD_PAGE, TRAP_LOAD_ACCESS},
    {FLD_A0, &DATA, TRAP_LOAD_PAGE, TRAP_LOAD_ACCESS},
    {SD_T0_A0, &DATA, TRAP_STORE_PAGE, TRAP_STORE_ACCESS},
    {AMOADD_A0, &DATA, TRAP_STORE_PAGE, TRAP_STORE_ACCESS},
    {JR_A1, &FAR, TRAP_FETCH_PAGE, TRAP_FETCH_ACCESS},
};

/* Every kind of access under every format. */
static void each(void (*check)(const struct kind *k, uint64_t va))
{
	for (unsigned m = 0; m < array_size(modes); m++)
		for (unsigned i = 0; i < array_size(kinds); i++) {
			start(modes[m]);
			check(&kinds[i], *kinds[i].va);
			guest_finish(&g);
		}
}

static void faults(struct trap t, enum trap_cause cause, uint64_t va)
{
	CHECK_EQ(t.cause, cause);
	CHECK_EQ(t.value, va);
}

static void check_fences(const struct kind *k, uint64_t va)
{
	for (unsigned f = 0; f < array_size(fences); f++)
		for (unsigned level = 0; level < mmu_levels(g.mode); level++) {
			uint64_t *e = guest_pte(&g, va, level), was = *e;
			CHECK_EQ(run(k->instruction).cause, TRAP_ECALL);
			CHECK_EQ(again().cause, TRAP_ECALL);
			*e = 0;
			fences[f](va + 8);
			faults(again(), k->page, va);
			*e = was;
		}
}
TEST(after_a_fence_no_access_goes_where_the_tables_led_before) { each(check_fences); }

static void check_valid(const struct kind *k, uint64_t va)
{
	for (unsigned level = 0; level < mmu_levels(g.mode); level++) {
		uint64_t *e = guest_pte(&g, va, level), was = *e;
		*e = 0;
		faults(run(k->instruction), k->page, va);
		*e = was;
		CHECK_EQ(again().cause, TRAP_ECALL);
	}
}
TEST(what_becomes_valid_is_seen_without_a_fence) { each(check_valid); }

TEST(a_translation_that_allows_more_after_a_change_is_found_without_a_fence)
{
	for (unsigned m = 0; m < array_size(modes); m++) {
		start(modes[m]);
		uint64_t *e = guest_pte(&g, DATA, 0);
		*e &= ~(uint64_t)PTE_W;
		CHECK_EQ(run(LD_T0_A0).cause, TRAP_ECALL);
		CHECK_EQ(run(SD_T0_A0).cause, TRAP_STORE_PAGE);
		*e |= PTE_W;
		CHECK_EQ(again().cause, TRAP_ECALL);
		guest_finish(&g);
	}
}

static void check_causes(const struct kind *k, uint64_t va)
{
	static const uint64_t change[] = {PTE_U, PTE_V, PTE_R, UINT64_C(1) << 54, UINT64_C(1) << 60,
					  UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_C(1) << 63};
	uint64_t *e = guest_pte(&g, va, 0), was = *e;
	for (unsigned i = 0; i < array_size(change); i++) {
		/* What may be executed need not be readable. */
		if (change[i] == PTE_R && k->page == TRAP_FETCH_PAGE)
			continue;
		*e = was ^ change[i];
		faults(run(k->instruction), k->page, va);
		CHECK_EQ(*e, was ^ change[i]);
	}
	*e = g.ram->frames << PTE_PPN_SHIFT | (was & 0x3ff);
	faults(run(k->instruction), k->access, va);
}
TEST(a_page_without_u_and_each_reserved_encoding_fault_with_the_cause_of_the_access)
{
	each(check_causes);
}

TEST(a_fence_of_one_page_of_one_space_leaves_the_rest_remembered)
{
	start(MMU_SV48);
	CHECK_EQ(run(LD_T0_A0).cause, TRAP_ECALL);
	struct hart_stats before, after;
	hart_stats(g.h, &before);
	machine_flush_page(g.m, 1, DATA + PAGE_SIZE);
	machine_flush_page(g.m, 2, DATA);
	machine_flush_space(g.m, 2);
	CHECK_EQ(again().cause, TRAP_ECALL);
	hart_stats(g.h, &after);
	CHECK_EQ(after.tlb_misses, before.tlb_misses);
	guest_finish(&g);
}

TEST(what_only_a_supervisor_may_do_is_illegal_for_a_program)
{
	static const uint32_t privileged[] = {
	    0x12000073, /* sfence.vma */
	    0x12b50073, /* sfence.vma a0, a1 */
	    0x16000073, /* sinval.vma */
	    0x18000073, /* sfence.w.inval */
	    0x18100073, /* sfence.inval.ir */
	    0x22000073, /* hfence.vvma */
	    0x10200073, /* sret */
	    0x30200073, /* mret */
	    0x10500073, /* wfi */
	    0x180022f3, /* csrr t0, satp */
	    0x18051073, /* csrw satp, a0 */
	    0x100022f3, /* csrr t0, sstatus */
	    0x300022f3, /* csrr t0, mstatus */
	};
	start(MMU_SV39);
	uint64_t satp = mmu_satp(MMU_SV39, 1, g.root);
	for (unsigned i = 0; i < array_size(privileged); i++) {
		struct trap t = run(privileged[i]);
		CHECK_EQ(t.cause, TRAP_ILLEGAL);
		CHECK_EQ(t.value, privileged[i]);
		CHECK_EQ(g.r->pc, CODE);
	}
	hart_set_satp(g.h, satp);
	CHECK_EQ(run(NOP).cause, TRAP_ECALL);
	guest_finish(&g);
}

TEST_MAIN
