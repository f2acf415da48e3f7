/* SPDX-License-Identifier: MIT */
/* test_mmu.c - the page walk, rule by rule (privileged specification, "Virtual Address Translation
 * Process" and "Sv39", "Sv48", "Sv57")
 */
#include "guest.h"
#include "tests/test.h"

static const enum mmu_mode modes[] = {MMU_SV39, MMU_SV48, MMU_SV57};
static const uint64_t VA = 0x12345678;

#define PTE_BIT(n) (UINT64_C(1) << (n))

static uint64_t satp(const struct guest *g) { return mmu_satp(g->mode, 1, g->root); }

static enum mmu_result translate(struct guest *g, uint64_t va, enum mmu_access access, uint64_t *ret_pa)
{
	return mmu_translate(g->ram, satp(g), va, access, ret_pa, NULL);
}

/* Runs check(g, leaf) for each format, with VA mapped RWX by a 4 KiB leaf. */
static void each_mode(void (*check)(struct guest *g, uint64_t *leaf))
{
	for (unsigned i = 0; i < array_size(modes); i++) {
		struct guest g;
		guest_init_mode(&g, 2048, 1, modes[i]);
		guest_map_new(&g, VA, 1, GUEST_RWX);
		check(&g, guest_pte(&g, VA, 0));
		guest_finish(&g);
	}
}

static void refuses(struct guest *g, uint64_t va, enum mmu_access access, enum mmu_result result)
{
	uint64_t pa = 1;

	CHECK_EQ(translate(g, va, access, &pa), result);
	CHECK_EQ(pa, 1);
}

static void check_maps(struct guest *g, uint64_t *leaf)
{
	uint64_t pa, pte;

	CHECK_EQ(mmu_translate(g->ram, satp(g), VA, MMU_READ, &pa, &pte), MMU_OK);
	CHECK_EQ(pa, (*leaf >> PTE_PPN_SHIFT) << 12 | (VA & 0xfff));
	CHECK_EQ(pte, *leaf);
	refuses(g, VA + 4096, MMU_READ, MMU_PAGE_FAULT);
	struct mmu_walk w;
	mmu_walk(g->ram, satp(g), VA, &w);
	CHECK_EQ(w.steps, mmu_levels(g->mode));
	CHECK_EQ(w.pa, pa);
	CHECK(!w.why);
	mmu_walk(g->ram, satp(g), VA + 4096, &w);
	CHECK(w.why);
}
TEST(a_mapped_page_is_found_and_its_neighbour_is_not) { each_mode(check_maps); }

static void check_accessed_dirty(struct guest *g, uint64_t *leaf)
{
	uint64_t pa, root = *((uint64_t *)guest_bytes(g, g->root));

	struct mmu_walk w;
	mmu_walk(g->ram, satp(g), VA, &w);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), 0);
	translate(g, VA, MMU_READ, &pa);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), PTE_A);
	*leaf &= ~(uint64_t)PTE_A;
	translate(g, VA, MMU_EXEC, &pa);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), PTE_A);
	translate(g, VA, MMU_WRITE, &pa);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), PTE_A | PTE_D);
	*leaf = (*leaf & ~(uint64_t)(PTE_A | PTE_D | PTE_W));
	refuses(g, VA, MMU_WRITE, MMU_PAGE_FAULT);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), 0);
	CHECK_EQ(*((uint64_t *)guest_bytes(g, g->root)), root);
}
TEST(only_an_access_that_is_allowed_sets_a_and_only_a_write_sets_d)
{
	each_mode(check_accessed_dirty);
}

/* Where on a level a leaf can stand, and no table does: not beside VA. */
static uint64_t leaf_place(unsigned level)
{
	unsigned shift = PAGE_SHIFT + 9 * level;
	return ((VA >> shift) + level + 1) << shift | (VA & (PAGE_SIZE - 1));
}

static void check_permissions(struct guest *g, uint64_t *leaf)
{
	uint64_t pa;

	(void)leaf;
	for (unsigned n = 0; n < mmu_levels(g->mode) * 32; n++) {
		unsigned level = n / 32, bits = n % 32;
		uint64_t va = leaf_place(level), *e = guest_pte(g, va, level);
		bool v = bits & PTE_V, r = bits & PTE_R, w = bits & PTE_W, x = bits & PTE_X,
		     u = bits & PTE_U, good = v && u && (r || !w);
		bool allowed[] = {[MMU_READ] = good && r, [MMU_WRITE] = good && w,
				  [MMU_EXEC] = good && x};
		for (unsigned access = 0; access < 3; access++) {
			*e = bits; /* frame 0, which is all zeros: no table */
			CHECK_EQ(translate(g, va, (enum mmu_access)access, &pa),
				 allowed[access] ? MMU_OK : MMU_PAGE_FAULT);
			CHECK_EQ(*e, bits | (allowed[access] ? PTE_A : 0) |
					 (allowed[access] && access == MMU_WRITE ? PTE_D : 0));
		}
		*e = 0;
	}
}
TEST(permissions_v_r_w_x_and_u_are_all_asked_on_every_level) { each_mode(check_permissions); }

/* No access gets through this entry, and none changes it. */
static void entry_refuses(struct guest *g, uint64_t va, uint64_t *e, uint64_t pte)
{
	for (unsigned access = 0; access < 3; access++) {
		*e = pte;
		refuses(g, va, (enum mmu_access)access, MMU_PAGE_FAULT);
		CHECK_EQ(*e, pte);
	}
	struct mmu_walk w;
	mmu_walk(g->ram, satp(g), va, &w);
	CHECK_EQ(w.result, MMU_PAGE_FAULT);
	CHECK(w.why);
	CHECK_EQ(w.step[w.steps - 1].pte, pte);
}

/* What is reserved in an entry, whether it is a leaf or points on. */
static void check_reserved_in(struct guest *g, uint64_t va, uint64_t *e, uint64_t good)
{
	uint64_t pa;
	for (unsigned bit = 54; bit < 64; bit++) /* reserved; Svpbmt; Svnapot */
		entry_refuses(g, va, e, good | PTE_BIT(bit));
	entry_refuses(g, va, e, good | PTE_BIT(61) | PTE_BIT(62));
	entry_refuses(g, va, e, good & ~(uint64_t)PTE_V);
	*e = good | PTE_G | PTE_RSW0 | PTE_RSW1;
	CHECK_EQ(translate(g, va, MMU_READ, &pa), MMU_OK);
	*e = good;
	CHECK_EQ(translate(g, va, MMU_READ, &pa), MMU_OK);
}

static void check_reserved_leaves(struct guest *g, uint64_t *leaf)
{
	(void)leaf;
	for (unsigned level = 0; level < mmu_levels(g->mode); level++) {
		uint64_t va = leaf_place(level), *e = guest_pte(g, va, level);
		check_reserved_in(g, va, e, GUEST_RWX);
		entry_refuses(g, va, e, GUEST_RWX & ~(unsigned)PTE_R);
		entry_refuses(g, va, e, PTE_V | PTE_U | PTE_W);
		entry_refuses(g, va, e, PTE_V | PTE_W); /* not a pointer either */
		*e = 0;
	}
}
TEST(reserved_encodings_of_a_leaf_fault_on_every_level) { each_mode(check_reserved_leaves); }

static void check_reserved_pointers(struct guest *g, uint64_t *leaf)
{
	uint64_t good = *leaf;
	for (unsigned level = 1; level < mmu_levels(g->mode); level++) {
		uint64_t *pointer = guest_pte(g, VA, level), was = *pointer;
		check_reserved_in(g, VA, pointer, was);
		for (unsigned bits = 1; bits < 8; bits++)
			entry_refuses(g, VA, pointer,
				      was | (bits & 1 ? PTE_A : 0) | (bits & 2 ? PTE_D : 0) |
					  (bits & 4 ? PTE_U : 0));
		*pointer = was;
	}
	entry_refuses(g, VA, leaf, (good & ~UINT64_C(0x3ff)) | PTE_V); /* points on from the last level */
}
TEST(reserved_encodings_of_a_pointer_fault_on_every_level) { each_mode(check_reserved_pointers); }

static void check_superpages(struct guest *g, uint64_t *leaf)
{
	uint64_t pa;

	(void)leaf;
	for (unsigned level = 1; level < mmu_levels(g->mode); level++) {
		uint64_t va = UINT64_C(1) << (12 + 9 * level), *e = guest_pte(g, va, level);
		*e = 0 << PTE_PPN_SHIFT | GUEST_RWX;
		CHECK_EQ(translate(g, va + 0x123456, MMU_WRITE, &pa), MMU_OK);
		CHECK_EQ(pa, 0x123456);
		CHECK_EQ(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
		for (unsigned bit = 0; bit < 9 * level; bit++) {
			entry_refuses(g, va, e, PTE_BIT(PTE_PPN_SHIFT + bit) | GUEST_RWX);
		}
		*e = 0;
	}
}
TEST(superpages_of_every_level_map_and_misaligned_ones_fault) { each_mode(check_superpages); }

static void check_outside(struct guest *g, uint64_t *leaf)
{
	uint64_t n = g->ram->frames, pa;

	*leaf = n << PTE_PPN_SHIFT | GUEST_RWX;
	refuses(g, VA, MMU_READ, MMU_ACCESS_FAULT);
	*leaf = ((UINT64_C(1) << 44) - 1) << PTE_PPN_SHIFT | GUEST_RWX;
	refuses(g, VA, MMU_WRITE, MMU_ACCESS_FAULT);
	CHECK_EQ(*leaf & (PTE_A | PTE_D), 0);
	*leaf &= ~(uint64_t)PTE_W;
	refuses(g, VA, MMU_WRITE, MMU_PAGE_FAULT);
	*leaf = (n - 1) << PTE_PPN_SHIFT | GUEST_RWX;
	CHECK_EQ(translate(g, VA, MMU_READ, &pa), MMU_OK);
	for (unsigned level = 1; level < mmu_levels(g->mode); level++) {
		uint64_t *pointer = guest_pte(g, VA, level), was = *pointer, at = leaf_place(level);
		*pointer = n << PTE_PPN_SHIFT | PTE_V;
		refuses(g, VA, MMU_READ, MMU_ACCESS_FAULT);
		*pointer = was;
		/* The page alone lies outside, or the superpage begins there. */
		uint64_t *e = guest_pte(g, at, level);
		*e = (UINT64_C(1) << 43) << PTE_PPN_SHIFT | GUEST_R;
		refuses(g, at, MMU_READ, MMU_ACCESS_FAULT);
		refuses(g, at, MMU_WRITE, MMU_PAGE_FAULT);
		*e = GUEST_R;
		at |= ((UINT64_C(1) << (9 * level)) - 1) << PAGE_SHIFT;
		CHECK_EQ(translate(g, at, MMU_READ, &pa),
			 n < UINT64_C(1) << (9 * level) ? MMU_ACCESS_FAULT : MMU_OK);
		*e = 0;
	}
	CHECK_EQ(mmu_translate(g->ram, mmu_satp(g->mode, 1, n), VA, MMU_READ, &pa, NULL),
		 MMU_ACCESS_FAULT);
}
TEST(entries_and_pages_outside_ram_are_access_faults) { each_mode(check_outside); }

static void check_canonical(struct guest *g, uint64_t *leaf)
{
	unsigned bits = mmu_va_bits(g->mode);
	uint64_t pa, top = ~UINT64_C(0) << (bits - 1);

	(void)leaf;
	for (unsigned bit = bits - 1; bit < 64; bit++)
		refuses(g, VA | PTE_BIT(bit), MMU_READ, MMU_PAGE_FAULT);
	refuses(g, VA | top, MMU_READ, MMU_PAGE_FAULT); /* canonical, not mapped */
	guest_map_new(g, VA | top, 1, GUEST_RWX);
	CHECK_EQ(translate(g, VA | top, MMU_READ, &pa), MMU_OK);
	refuses(g, (VA | top) ^ PTE_BIT(63), MMU_READ, MMU_PAGE_FAULT);
}
TEST(upper_bits_of_an_address_must_repeat_its_top_bit) { each_mode(check_canonical); }

TEST(a_satp_of_no_known_format_translates_nothing)
{
	struct guest g;
	uint64_t pa;

	guest_init(&g, 64);
	guest_map_new(&g, VA, 1, GUEST_RWX);
	for (uint64_t mode = 0; mode < 16; mode++)
		if (mode < 8 || mode > 10)
			CHECK_EQ(mmu_translate(g.ram, mode << 60 | g.root, VA, MMU_READ, &pa, NULL),
				 MMU_PAGE_FAULT);
	guest_finish(&g);
}

TEST(any_table_contents_leave_the_host_unharmed)
{
	struct guest g;
	uint64_t state = 88172645463325252u, pa;
	struct mmu_walk w;

	guest_init(&g, 64);
	for (unsigned round = 0; round < 200; round++) {
		uint64_t *words = (uint64_t *)g.ram->bytes;
		for (unsigned i = 0; i < 64 * 512; i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			words[i] = (i & 3) ? (state & UINT64_C(0xffff) << 10) | (state & 255)
					   : state;
		}
		for (unsigned i = 0; i < 100; i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			uint64_t s = (uint64_t)(state % 4 + 7) << 60 | state % 70;
			enum mmu_access access = (enum mmu_access)(state % 3);
			mmu_walk(g.ram, s, state >> 8, &w);
			CHECK(w.steps <= MMU_LEVELS_MAX);
			if (mmu_translate(g.ram, s, state >> 8, access, &pa, NULL) == MMU_OK)
				CHECK(pa < 64 * 4096);
		}
	}
	guest_finish(&g);
}

TEST_MAIN
