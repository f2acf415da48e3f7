/* SPDX-License-Identifier: MIT */
/* pmap_sv.c - what only hardware page tables can do: be walked, be shared, be cached by a hart */
#include "../test.h"
#include "pmap_world.h"

#include <time.h>

static const uint64_t A = 0x10000000;

static struct world world;

static void verify(struct mm *mm)
{
	char why[256];

	if (!sv_ops.verify(mm, why, sizeof(why)))
		FAIL("%s", why);
}

static struct pmap *pmap_new(struct mm *mm, uint32_t space)
{
	struct pmap *p = NULL;

	CHECK_EQ(sv_ops.create(mm, space, (int32_t)space, &p), 0);
	return p;
}

static void end(struct world *w)
{
	world_end(w);
	CHECK_EQ(w->bytes, 0);
}

static uint64_t next_random(void)
{
	return world.host.random(&world) >> 17;
}

/* What a walk of RAM says of va is what the pmap says. */
static void same_as_walk(struct world *w, const struct pmap *p, uint64_t va)
{
	struct mmu_walk walk;
	struct pmap_entry e = {0};
	bool there = sv_ops.lookup(p, va, &e);

	mmu_walk(machine_ram(w->machine), sv_satp(p), va, &walk);
	CHECK_EQ(walk.result == MMU_OK, there && e.prot != 0);
	if (walk.result != MMU_OK)
		return;
	uint64_t pte = walk.step[walk.steps - 1].pte;
	CHECK_EQ(walk.steps, mmu_levels(w->sv.mode));
	CHECK_EQ(walk.pa, (uint64_t)e.frame * PAGE_SIZE + va % PAGE_SIZE);
	CHECK_EQ(!(pte & PTE_W), !(e.prot & PROT_W));
	CHECK_EQ(!(pte & PTE_R), !(e.prot & PROT_R));
	CHECK_EQ(!(pte & PTE_X), !(e.prot & PROT_X));
	CHECK_EQ(!(pte & PTE_A), !e.accessed);
	CHECK_EQ(!(pte & PTE_D), !e.dirty);
	CHECK(pte & PTE_U);
}

static void walk_in(enum world_kind kind)
{
	struct world *w = &world;
	uint32_t frame[16], f;
	uint64_t va[64];

	world_begin(w, kind, 1024);
	struct pmap *p = pmap_new(w->mm, 1), *q = pmap_new(w->mm, 2);
	uint64_t top = UINT64_C(1) << (mmu_va_bits(w->sv.mode) - 1);
	for (unsigned i = 0; i < array_size(frame); i++)
		frame[i] = world_frame(w);
	for (unsigned i = 0; i < array_size(va); i++) {
		va[i] = next_random() * PAGE_SIZE % top + i; /* all over, and two close by */
		if (i % 2)
			va[i] = (va[i - 1] ^ PAGE_SIZE << next_random() % 9) + 5;
	}
	for (unsigned n = 0; n < 2000; n++) {
		uint64_t at = page_down(va[next_random() % array_size(va)]);
		struct pmap *who = next_random() % 2 ? p : q;
		unsigned prot = next_random() % 8;

		switch (next_random() % 8) {
		case 0: sv_ops.unmap(who, at, at + PAGE_SIZE * (1 + next_random() % 3)); break;
		case 1: sv_ops.protect(who, at, prot); break;
		case 2: sv_ops.remove(w->mm, frame[next_random() % array_size(frame)]); break;
		case 3: sv_ops.touch(who, at, next_random() % 3, &f); break;
		case 4: sv_ops.clean(w->mm, frame[next_random() % array_size(frame)], true); break;
		default:
			CHECK_EQ(world_enter(w, who, at, frame[next_random() % array_size(frame)],
					     prot, n % 3),
				 0);
		}
		for (unsigned i = n % 8; i < array_size(va); i += 8) {
			same_as_walk(w, p, va[i]);
			same_as_walk(w, q, va[i]);
		}
		verify(w->mm);
	}
	sv_ops.destroy(p);
	sv_ops.destroy(q);
	for (unsigned i = 0; i < array_size(frame); i++)
		world_frame_free(w, frame[i]);
	end(w);
}

TEST(the_mmu_reads_what_the_pmap_says_sv39)
{
	walk_in(WORLD_SV39);
}
TEST(the_mmu_reads_what_the_pmap_says_sv48)
{
	walk_in(WORLD_SV48);
}
TEST(the_mmu_reads_what_the_pmap_says_sv57)
{
	walk_in(WORLD_SV57);
}

/* Fills n spans with one page each. */
static void fill(struct world *w, struct pmap *p, uint32_t frame, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(
		    world_enter(w, p, A + i * SPAN_SIZE, frame, PROT_R | PROT_W, RESIDENT_ANON), 0);
}

TEST(a_forked_child_takes_frames_for_its_upper_tables_only)
{
	struct world *w = &world;
	enum { SPANS = 100 };
	struct pmap_stats st;

	world_begin(w, WORLD_SV48, 512);
	uint32_t frame = world_frame(w);
	struct pmap *p = pmap_new(w->mm, 1);
	fill(w, p, frame, SPANS);
	sv_ops.stats(p, &st);
	CHECK_EQ(st.tables, SPANS + 3);
	CHECK_EQ(st.tables_shared, 0);
	uint32_t before = w->mm->pool.free;
	struct pmap *q = pmap_new(w->mm, 2);
	for (unsigned i = 0; i < SPANS; i++)
		CHECK_EQ(world_share(w, p, q, A + i * SPAN_SIZE), 0);
	CHECK_EQ(before - w->mm->pool.free, 3);
	sv_ops.stats(q, &st);
	CHECK_EQ(st.tables, SPANS + 3);
	CHECK_EQ(st.tables_shared, SPANS);
	CHECK_EQ(st.resident[RESIDENT_ANON], SPANS);
	verify(w->mm);
	/* Exit drops what is shared: no table is copied for it. */
	uint64_t gets = w->gets;
	sv_ops.destroy(q);
	CHECK_EQ(w->gets, gets);
	CHECK_EQ(w->mm->pool.free, before);
	sv_ops.stats(p, &st);
	CHECK_EQ(st.tables_shared, 0);
	sv_ops.destroy(p);
	world_frame_free(w, frame);
	end(w);
}

TEST(two_spaces_alive_never_have_the_same_asid)
{
	struct world *w = &world;

	world_begin(w, WORLD_SV39, 64);
	struct pmap *p = pmap_new(w->mm, 5), *q = pmap_new(w->mm, 5 + 65536),
		    *r = pmap_new(w->mm, 6);
	CHECK_EQ(sv_asid(p), 5);
	CHECK(sv_asid(q) != sv_asid(p) && sv_asid(r) != sv_asid(q) && sv_asid(r) != sv_asid(p));
	CHECK(sv_satp(p) != sv_satp(q));
	sv_ops.destroy(p);
	p = pmap_new(w->mm, 5 + 2 * 65536);
	CHECK_EQ(sv_asid(p), 5);
	sv_ops.destroy(p);
	sv_ops.destroy(q);
	sv_ops.destroy(r);
	end(w);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The best of some tries, in ns: unmap one of many mappings of a frame, and map it again. */
static double unmap_time(struct world *w, struct pmap *p, uint32_t frame)
{
	double best = 1e9;

	for (unsigned n = 0; n < 200; n++) {
		double t = seconds();
		for (unsigned i = 0; i < 16; i++)
			sv_ops.unmap(p, A, A + PAGE_SIZE);
		best = best < seconds() - t ? best : seconds() - t;
		CHECK_EQ(world_enter(w, p, A, frame, PROT_R, RESIDENT_FILE), 0);
	}
	return best * 1e9;
}

TEST(unmapping_a_page_costs_the_same_however_many_processes_map_it)
{
	struct world *w = &world;
	unsigned many = getenv("CARREL_LONG") ? 10000 : 1000;

	world_begin(w, WORLD_SV39, many * 3 + 16);
	struct pmap **p = calloc(many, sizeof(struct pmap *));
	uint32_t frame = world_frame(w);
	double few = 0;
	for (unsigned i = 0; i < many; i++) {
		p[i] = pmap_new(w->mm, i + 1);
		CHECK_EQ(world_enter(w, p[i], A, frame, PROT_R, RESIDENT_FILE), 0);
		if (i == 9)
			few = unmap_time(w, p[5], frame);
	}
	CHECK_EQ(w->mm->frame[frame].maps, many);
	double lots = unmap_time(w, p[many / 2], frame);
	printf("# unmap with 10 sharers: %.0f ns, with %u: %.0f ns\n", few, many, lots);
	CHECK(lots < few * 20 + 2000);
	double t = seconds();
	sv_ops.remove(w->mm, frame);
	printf("# remove from %u spaces: %.0f ns each\n", many, (seconds() - t) * 1e9 / many);
	for (unsigned i = 0; i < many; i++)
		sv_ops.destroy(p[i]);
	free(p);
	world_frame_free(w, frame);
	end(w);
}

/* A hart that stores to and loads from data for ever, with its translations cached. */
struct loop {
	struct world *w;
	struct pmap *p;
	struct hart *hart;
	uint32_t code, data;
};

static const uint64_t CODE = 0x10000, DATA = 0x20000000;

static void loop_begin(struct loop *l, struct world *w, const uint32_t *insn, unsigned insns)
{
	world_begin(w, WORLD_SV48, 64);
	*l = (struct loop){.w = w, .p = pmap_new(w->mm, 7), .hart = machine_hart(w->machine, 0)};
	l->code = world_frame(w);
	l->data = world_frame(w);
	memcpy(frame_bytes(w->mm, l->code), insn, insns * sizeof(*insn));
	CHECK_EQ(world_enter(w, l->p, CODE, l->code, PROT_R | PROT_X, RESIDENT_FILE), 0);
	CHECK_EQ(world_enter(w, l->p, DATA, l->data, PROT_R | PROT_W, RESIDENT_ANON), 0);
	hart_set_satp(l->hart, sv_satp(l->p));
	hart_regs(l->hart)->pc = CODE;
	hart_regs(l->hart)->x[REG_A0] = DATA;
	CHECK_EQ(hart_run(l->hart, 1000).cause, TRAP_BUDGET);
}

static void loop_end(struct loop *l)
{
	sv_ops.destroy(l->p);
	world_frame_free(l->w, l->code);
	world_frame_free(l->w, l->data);
	end(l->w);
}

static struct pmap_entry entry(const struct loop *l)
{
	struct pmap_entry e = {0};

	CHECK(sv_ops.lookup(l->p, DATA, &e));
	return e;
}

static const uint32_t store_loop[] = {0x00b53023 /* sd a1, 0(a0) */, 0xffdff06f /* j -4 */};
static const uint32_t load_loop[] = {0x00053603 /* ld a2, 0(a0) */, 0xffdff06f};

TEST(a_store_after_a_page_was_cleaned_makes_it_dirty_again_at_once)
{
	struct loop l;

	loop_begin(&l, &world, store_loop, 2);
	CHECK(entry(&l).accessed && entry(&l).dirty);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(sv_ops.clean(world.mm, l.data, false));
		CHECK(!entry(&l).dirty);
		CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_BUDGET);
		CHECK(entry(&l).dirty);
	}
	CHECK(sv_ops.clean(world.mm, l.data, true));
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_STORE_PAGE);
	CHECK(!entry(&l).dirty);
	sv_ops.protect(l.p, DATA, PROT_R | PROT_W);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_BUDGET);
	CHECK(entry(&l).dirty);
	loop_end(&l);
}

TEST(a_load_after_a_harvest_is_seen_by_the_next_one)
{
	struct loop l;

	loop_begin(&l, &world, load_loop, 2);
	CHECK(entry(&l).accessed && !entry(&l).dirty);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(sv_ops.harvest(world.mm, l.data));
		CHECK(!sv_ops.harvest(world.mm, l.data));
		CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_BUDGET);
	}
	loop_end(&l);
}

TEST(a_page_that_was_taken_away_traps_at_the_next_instruction)
{
	struct loop l;
	struct pmap *child;

	loop_begin(&l, &world, store_loop, 2);
	sv_ops.remove(world.mm, l.data);
	CHECK(world.mm->frame[l.data].flags & FRAME_DIRTY);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_STORE_PAGE);

	CHECK_EQ(world_enter(&world, l.p, DATA, l.data, PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK_EQ(hart_run(l.hart, 100).cause, TRAP_BUDGET);
	sv_ops.protect(l.p, DATA, PROT_R);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_STORE_PAGE);
	sv_ops.protect(l.p, DATA, PROT_R | PROT_W);
	CHECK_EQ(hart_run(l.hart, 100).cause, TRAP_BUDGET);

	child = pmap_new(world.mm, 8);
	CHECK_EQ(world_share(&world, l.p, child, DATA), 0);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_STORE_PAGE);
	sv_ops.unmap(l.p, align_down(DATA, SPAN_SIZE), align_down(DATA, SPAN_SIZE) + SPAN_SIZE);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_STORE_PAGE);
	sv_ops.destroy(child);

	sv_ops.unmap(l.p, CODE, CODE + PAGE_SIZE);
	CHECK_EQ(hart_run(l.hart, 2).cause, TRAP_FETCH_PAGE);
	loop_end(&l);
}

TEST_MAIN
