/* SPDX-License-Identifier: MIT */
/* Names of anonymous memory: they stay with its pages, and keep apart what has another. */
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };

/* "abb-": the name of each page in turn, with a bar where a region begins; '-': none, '.': no region. */
static void check_names(const struct space *s, uint64_t start, unsigned pages, const char *wanted)
{
	char said[64];
	unsigned n = 0;
	for (unsigned i = 0; i < pages; i++) {
		uint64_t va = start + i * P;
		const struct region *r = regions_find(&s->regions, va);
		if (i && r && r->start == va)
			said[n++] = '|';
		said[n++] = !r ? '.' : r->name ? r->name->text[0] : '-';
	}
	said[n] = 0;
	CHECK_STR(said, wanted);
}

TEST(where_memory_is_wanted_is_kept_with_it_and_cuts_its_range_out)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		const struct mempolicy bind = {POLICY_BIND, 1}, none = {0};
		uint64_t a = lab_map(s, 6, RW), to;
		CHECK_EQ(space_place_by(s, a + P, a + 3 * P, bind), 0);
		CHECK_EQ(s->regions.count, 3);
		CHECK_EQ(regions_find(&s->regions, a + 2 * P)->policy.mode, POLICY_BIND);
		CHECK_EQ(regions_find(&lab_fork(s, 2)->regions, a + 2 * P)->policy.nodes, 1);
		CHECK_EQ(space_unmap(s, a + 4 * P, P), 0);
		CHECK_EQ(space_place_by(s, a, a + 6 * P, bind), -EFAULT);
		CHECK_EQ(space_place_by(s, a + 4 * P, a + 5 * P, none), -EFAULT);
		CHECK_EQ(space_remap(s, a + P, P, P, 3, a + 4 * P, &to), 0);
		CHECK_EQ(regions_find(&s->regions, to)->policy.mode, POLICY_BIND);
		CHECK_EQ(space_place_by(s, a, a + 6 * P, none), 0);
		CHECK_EQ(s->regions.count, 2); /* before the hole that it left, and behind */
		lab_verify(&l);
	}
}

TEST(a_name_cuts_its_range_out_and_neighbours_of_the_same_name_are_one)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 6, RW);
		CHECK_EQ(space_name(s, a + P, 2 * P, "b"), 0);
		check_names(s, a, 6, "-|bb|---");
		CHECK_EQ(space_name(s, a + 3 * P, 2 * P - 1, "b"), 0);
		check_names(s, a, 6, "-|bbbb|-");
		CHECK_EQ(space_name(s, a + 2 * P, P, "c"), 0);
		check_names(s, a, 6, "-|b|c|bb|-");
		CHECK_EQ(space_name(s, a + 2 * P, P, "b"), 0);
		check_names(s, a, 6, "-|bbbb|-");
		CHECK_EQ(space_name(s, a, 6 * P, NULL), 0);
		check_names(s, a, 6, "------");
		CHECK_EQ(space_name(s, a, 6 * P, ""), 0);
		CHECK_STR(regions_find(&s->regions, a)->name->text, "");
	}
}

TEST(what_is_named_and_mapped_anew_has_no_name)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), b;
		CHECK_EQ(space_name(s, a, 4 * P, "n"), 0);
		struct map_request m = {.start = a + P, .length = P, .prot = RW, .prot_max = PROT_ALL, .map_flags = MAP_AT};
		CHECK_EQ(space_map(s, &m, &b), 0);
		check_names(s, a, 4, "n|-|nn");
		CHECK_EQ(space_unmap(s, a + 2 * P, P), 0);
		check_names(s, a, 4, "n|-.|n");
	}
}

TEST(a_name_stays_through_protection_moves_and_forks)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space, *child;
		uint64_t a = lab_map(s, 4, RW), to;
		CHECK_EQ(space_name(s, a, 4 * P, "n"), 0);
		CHECK_EQ(lab_store(s, a, 1), CAUSE_zero_fill);
		CHECK_EQ(space_protect(s, a + P, P, PROT_R), 0);
		check_names(s, a, 4, "n|n|nn");
		CHECK_EQ(space_protect(s, a + P, P, RW), 0);
		check_names(s, a, 4, "nnnn");
		CHECK_EQ(space_fork(s, 2, NULL, &child), 0);
		check_names(child, a, 4, "nnnn");
		CHECK_EQ(space_name(child, a, 2 * P, "c"), 0);
		check_names(child, a, 4, "cc|nn");
		check_names(s, a, 4, "nnnn");
		CHECK_EQ(space_remap(s, a, 4 * P, 6 * P, 1, 0, &to), 0);
		check_names(s, to, 6, "nnnnnn");
		space_destroy(child);
		check_names(s, to, 6, "nnnnnn");
		CHECK_EQ(space_remap(s, to, 6 * P, 6 * P, 3, UINT64_C(1) << 32, &to), 0);
		check_names(s, to, 6, "nnnnnn");
	}
}

TEST(a_name_is_refused_where_linux_refuses_it)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		static struct lab_file f;
		struct object *o = lab_file(&l, &f), *shared = lab_shared(&l, 4);
		uint64_t a = lab_map(s, 4, RW), file = lab_map_object(s, o, 2, PROT_R, 0);
		uint64_t anonymous = lab_map_object(s, shared, 2, RW, REGION_SHARED);
		CHECK_EQ(space_name(s, a + 1, P, "n"), -EINVAL);
		CHECK_EQ(space_name(s, a, UINT64_MAX, "n"), -EINVAL);
		CHECK_EQ(space_name(s, file, UINT64_MAX - file - P, "n"), -EBADF);
		CHECK_EQ(space_name(s, a, 0, "n"), 0);
		CHECK_EQ(space_name(s, file, P, "n"), -EBADF);
		CHECK_EQ(space_name(s, anonymous, 2 * P, "s"), 0);
		check_names(s, anonymous, 2, "ss");
		CHECK_EQ(space_unmap(s, a + P, P), 0);
		CHECK_EQ(space_name(s, a, 4 * P, "n"), -ENOMEM);
		check_names(s, a, 4, "n.|nn");
		CHECK_EQ(space_name(s, s->layout.top, P, "n"), -ENOMEM);
		object_put(l.mm, shared);
		object_put(l.mm, o);
	}
}

TEST(a_host_without_memory_leaves_the_names_as_they_were)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW);
		CHECK_EQ(space_name(s, a, 4 * P, "n"), 0);
		for (int64_t i = 0; i < 3; i++) {
			l.w.fail_in = i;
			CHECK_EQ(space_name(s, a + P, 2 * P, "m"), i ? -ENOBUFS : -ENOMEM);
			l.w.fail_in = -1;
			check_names(s, a, 4, "nnnn");
		}
		CHECK_EQ(space_name(s, a + P, 2 * P, "m"), 0);
		check_names(s, a, 4, "n|mm|n");
	}
}

TEST_MAIN
