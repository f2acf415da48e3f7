/* SPDX-License-Identifier: MIT */
/* fuse.c - one handler for several operations in a row
 *
 * It spares the jumps between them, which cost more than most operations, and the stores of results
 * that the next operation replaces. The sequences are those of fuse.def.
 */
#include "machine/part.h"

/* Sources as fuse.def writes them. */
#define FROM_0d FROM_0
#define FROM_1d FROM_1
#define FROM_2d FROM_2
#define FROM_3d FROM_3
#define FROM_sd FROM_s
#define FROM_td FROM_t
#define KEEP_0	true
#define KEEP_1	true
#define KEEP_2	true
#define KEEP_3	true
#define KEEP_s	true
#define KEEP_t	true
#define KEEP_0d false
#define KEEP_1d false
#define KEEP_2d false
#define KEEP_3d false
#define KEEP_sd false
#define KEEP_td false
#define HOW_0	SOURCE_REGS
#define HOW_1	SOURCE_1
#define HOW_2	SOURCE_2
#define HOW_3	SOURCE_3
#define HOW_s	SOURCE_SAME
#define HOW_t	SOURCE_2_SAME
#define HOW_0d	SOURCE_REGS
#define HOW_1d	SOURCE_1
#define HOW_2d	SOURCE_2
#define HOW_3d	SOURCE_3
#define HOW_sd	SOURCE_SAME
#define HOW_td	SOURCE_2_SAME

enum { FUSE_MAX = 8 };

struct fused {
	exec_handler *run;
	uint8_t count;
	struct {
		uint8_t id, source;
		bool dead;
	} part[FUSE_MAX];
};

/* fuse.def is read twice, with other FUSE and P. */
#define FUSE2(a, A, b, B)                                                                          \
	FUSE(2, a##A##_##b##B,                                                                     \
	     P(a, A) P(b, B))
#define FUSE3(a, A, b, B, c, C)                                                                    \
	FUSE(3, a##A##_##b##B##_##c##C,                                                            \
	     P(a, A) P(b, B) P(c, C))
#define FUSE4(a, A, b, B, c, C, d, D)                                                              \
	FUSE(4, a##A##_##b##B##_##c##C##_##d##D,                                                   \
	     P(a, A) P(b, B) P(c, C) P(d, D))
#define FUSE5(a, A, b, B, c, C, d, D, e, E)                                                        \
	FUSE(5, a##A##_##b##B##_##c##C##_##d##D##_##e##E,                                          \
	     P(a, A) P(b, B) P(c, C) P(d, D) P(e, E))
#define FUSE6(a, A, b, B, c, C, d, D, e, E, f, F)                                                  \
	FUSE(6, a##A##_##b##B##_##c##C##_##d##D##_##e##E##_##f##F,                                 \
	     P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F))
#define FUSE7(a, A, b, B, c, C, d, D, e, E, f, F, g, G)                                            \
	FUSE(7, a##A##_##b##B##_##c##C##_##d##D##_##e##E##_##f##F##_##g##G,                        \
	     P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F) P(g, G))
#define FUSE8(a, A, b, B, c, C, d, D, e, E, f, F, g, G, h, H)                                      \
	FUSE(8, a##A##_##b##B##_##c##C##_##d##D##_##e##E##_##f##F##_##g##G##_##h##H,               \
	     P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F) P(g, G) P(h, H))
#ifdef EXEC_FEW
#undef FUSE3
#undef FUSE4
#undef FUSE5
#undef FUSE6
#undef FUSE7
#undef FUSE8
#define FUSE3(...)
#define FUSE4(...)
#define FUSE5(...)
#define FUSE6(...)
#define FUSE7(...)
#define FUSE8(...)
#endif

#define P(name, how) PART(name, KEEP_##how, FROM_##how(name));
#define FUSE(n, name, parts)                                                                       \
	static HANDLER(fuse_##name)                                                                \
	{                                                                                          \
		parts NEXT();                                                                      \
	}
#include "machine/fuse.def"
#undef P
#undef FUSE

#define P(name, how)	     {INSN_##name, HOW_##how, !KEEP_##how},
#define FUSE(n, name, parts) {fuse_##name, n, {parts}},
static const struct fused fused[] = {
#include "machine/fuse.def"
};

/* Where the sequences that begin with two instructions begin in fused, which has them together;
 * plus one. */
static uint16_t first_of[INSN_COUNT][INSN_COUNT];

__attribute__((constructor)) static void first_fill(void)
{
	for (unsigned i = array_size(fused); i-- > 0;)
		first_of[fused[i].part[0].id][fused[i].part[1].id] = (uint16_t)(i + 1);
}

/* What a dispatch costs, and a result fetched or stored without need: about how many instructions
 * of the host. */
enum { COST_NEXT = 6, COST_FETCH = 3, COST_STORE = 4, COST_FIELD = 1, COST_NEVER = 1 << 20 };

/* What it costs that `have` could be had, and only `used` is. */
static unsigned source_cost(enum code_source used, enum code_source have)
{
	if (used == have)
		return 0;
	if (have == SOURCE_2_SAME && used == SOURCE_2)
		return COST_FIELD;
	if (have == SOURCE_2_SAME && used == SOURCE_SAME)
		return COST_FETCH;
	if (used != SOURCE_REGS)
		return COST_NEVER;
	return have == SOURCE_SAME ? COST_FIELD : COST_FETCH;
}

/* What doing part[0 ...] by f costs over the bare operations, or COST_NEVER when it is not for
 * them. */
static unsigned fused_cost(const struct fused *f, const struct fuse_part *part, unsigned n)
{
	unsigned cost = COST_NEXT;

	if (f->count > n)
		return COST_NEVER;
	for (unsigned i = 0; i < f->count; i++) {
		if (f->part[i].id != part[i].id || (f->part[i].dead && !part[i].dead))
			return COST_NEVER;
		cost += source_cost((enum code_source)f->part[i].source,
				    (enum code_source)part[i].source);
		if (cost >= COST_NEVER)
			return COST_NEVER;
		if (part[i].dead && !f->part[i].dead)
			cost += COST_STORE;
	}
	return cost;
}

/* Does fused[k] begin like part[0] and part[1]? */
static bool is_at(unsigned k, const struct fuse_part *part)
{
	return k < array_size(fused) && fused[k].part[0].id == part[0].id &&
	       fused[k].part[1].id == part[1].id;
}

void fuse_choose(const struct fuse_part *part, unsigned n, struct fuse_choice *ret_choices)
{
	struct fuse_choice *c = ret_choices;

	/* From the end: the cheapest way from i on is one step and the cheapest way from there. */
	c[n] = (struct fuse_choice){NULL, 0, 0};
	for (unsigned i = n; i-- > 0;) {
		c[i] = (struct fuse_choice){exec_handlers[part[i].id][part[i].source], 1,
					    COST_NEXT + (part[i].dead ? COST_STORE : 0) + c[i + 1].cost};
		unsigned first = i + 1 < n ? first_of[part[i].id][part[i + 1].id] : 0;
		for (unsigned k = first ? first - 1 : array_size(fused); is_at(k, &part[i]); k++) {
			unsigned cost = fused_cost(&fused[k], &part[i], n - i);
			if (cost < COST_NEVER && cost + c[i + fused[k].count].cost < c[i].cost)
				c[i] = (struct fuse_choice){fused[k].run, fused[k].count,
							    cost + c[i + fused[k].count].cost};
		}
	}
}
