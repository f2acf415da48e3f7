/* SPDX-License-Identifier: MIT */
/* test_fuse.c - operations that the interpreter runs together do what they do one by one
 *
 * For each sequence of fuse.def instructions are made whose registers depend on each other as it
 * says. They run twice: as a whole, and with a budget of one instruction at a time, which never runs
 * two together. The instructions' own meaning is the business of test_random.
 */
#include "guest.h"
#include "machine/insn.h"
#include "tests/test.h"

enum { PART_MAX = 8, TRIES = 8, DATA_PAGES = 4, CODE_SIZE = 256 };
static const uint64_t CODE = 0x10000, DATA = 0x20000;

struct part {
	enum insn_id id;
	const char *how;
};

struct sequence {
	const char *name;
	unsigned count;
	struct part part[PART_MAX];
};

#define P(name, how)			 {INSN_##name, #how},
#define FUSE(n, ...)			 {#__VA_ARGS__, n, {__VA_ARGS__}},
#define FUSE2(a, A, b, B)		 FUSE(2, P(a, A) P(b, B))
#define FUSE3(a, A, b, B, c, C)		 FUSE(3, P(a, A) P(b, B) P(c, C))
#define FUSE4(a, A, b, B, c, C, d, D)	 FUSE(4, P(a, A) P(b, B) P(c, C) P(d, D))
#define FUSE5(a, A, b, B, c, C, d, D, e, E) FUSE(5, P(a, A) P(b, B) P(c, C) P(d, D) P(e, E))
#define FUSE6(a, A, b, B, c, C, d, D, e, E, f, F)                                                  \
	FUSE(6, P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F))
#define FUSE7(a, A, b, B, c, C, d, D, e, E, f, F, g, G)                                            \
	FUSE(7, P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F) P(g, G))
#define FUSE8(a, A, b, B, c, C, d, D, e, E, f, F, g, G, h, H)                                      \
	FUSE(8, P(a, A) P(b, B) P(c, C) P(d, D) P(e, E) P(f, F) P(g, G) P(h, H))
static const struct sequence sequences[] = {
#include "machine/fuse.def"
};

static const struct {
	uint32_t match;
	enum insn_format format;
} encoding[INSN_COUNT] = {
#define INSN(name, text, format, mask, match, ...)  [INSN_##name] = {match, FORMAT_##format},
#define ROUND(name, text, format, mask, match, ...) [INSN_##name] = {match, FORMAT_##format},
#include "machine/insn.def"
#undef INSN
#undef ROUND
};

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * UINT64_C(2685821657736338717) >> 33) % below;
}

static uint32_t b_imm(uint32_t i)
{
	return (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 | (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7;
}

/* The word of an operation. Jumps go forward, over what is left of the sequence. */
static uint32_t word_of(enum insn_id id, unsigned rd, unsigned rs1, unsigned rs2)
{
	enum { FORWARD = CODE_SIZE / 2 };
	int32_t offset = (int32_t)draw(8) * 8;
	uint32_t imm = (uint32_t)(offset & 0xfff) << 20;

	switch (id) {
	case INSN_li: return encoding[INSN_addi].match | rd << 7 | (uint32_t)draw(4096) << 20;
	case INSN_mv: return encoding[INSN_addi].match | rd << 7 | rs1 << 15;
	case INSN_constant: return encoding[INSN_auipc].match | rd << 7 | (uint32_t)draw(16) << 12;
	case INSN_beqz: return encoding[INSN_beq].match | rs1 << 15 | b_imm(FORWARD);
	case INSN_bnez: return encoding[INSN_bne].match | rs1 << 15 | b_imm(FORWARD);
	case INSN_bltz: return encoding[INSN_blt].match | rs1 << 15 | b_imm(FORWARD);
	case INSN_bgez: return encoding[INSN_bge].match | rs1 << 15 | b_imm(FORWARD);
	case INSN_bgtz: return encoding[INSN_blt].match | rs1 << 20 | b_imm(FORWARD);
	case INSN_blez: return encoding[INSN_bge].match | rs1 << 20 | b_imm(FORWARD);
	default: break;
	}
	uint32_t word = encoding[id].match | rd << 7 | rs1 << 15;
	switch (encoding[id].format) {
	case FORMAT_I: return word | (uint32_t)draw(4096) << 20;
	case FORMAT_SH: return word | (uint32_t)draw(32) << 20;
	case FORMAT_LD:
	case FORMAT_FLD:
	case FORMAT_JR: return word | imm;
	case FORMAT_ST:
	case FORMAT_FST:
		return encoding[id].match | rs1 << 15 | rs2 << 20 | ((uint32_t)offset & 31) << 7 |
		       ((uint32_t)offset >> 5) << 25;
	case FORMAT_B: return encoding[id].match | rs1 << 15 | rs2 << 20 | b_imm(FORWARD);
	case FORMAT_J: return encoding[id].match | rd << 7 | (uint32_t)FORWARD << 20;
	case FORMAT_FR4: return word | rs2 << 20 | (uint32_t)draw(32) << 27 | 7 << 12;
	case FORMAT_FRM:
	case FORMAT_FRM1:
	case FORMAT_FXM:
	case FORMAT_XFM: return word | rs2 << 20 | 7 << 12;
	default: return word | rs2 << 20;
	}
}

/* x2 to x17: never x0, so that the operation is not simplified away. */
static unsigned any_register(void) { return 2 + (unsigned)draw(16); }

/* Writes instructions for a sequence. Returns how many. */
static unsigned sequence_words(const struct sequence *s, uint32_t *words)
{
	unsigned rd = any_register(), last = rd;
	bool dead = false;

	for (unsigned i = 0; i < s->count; i++) {
		const char *how = s->part[i].how;
		unsigned rs1 = any_register(), rs2 = any_register();
		rd = dead ? last : any_register();
		if (how[0] == '1')
			rs1 = last;
		if (how[0] == '2' || how[0] == 't')
			rs2 = last;
		if (how[0] == 's' || how[0] == 't')
			rd = dead ? last : rs1, rs1 = rd;
		dead = how[1] == 'd';
		words[i] = word_of(s->part[i].id, rd, rs1, rs2);
		if (insn_f_rd(encoding[s->part[i].id].format) ||
		    encoding[s->part[i].id].format != FORMAT_B)
			last = rd;
	}
	return s->count;
}

/* Data that is half addresses of data, and half small numbers. */
static uint64_t any_value(void)
{
	return draw(4) ? DATA + draw(DATA_PAGES * PAGE_SIZE / 8 - 64) * 8 : draw(100);
}

static struct guest whole, steps;

static void create(struct guest *g)
{
	guest_init(g, 64);
	guest_map_new(g, CODE, PAGE_SIZE, GUEST_RX);
	guest_map_new(g, DATA, DATA_PAGES * PAGE_SIZE, GUEST_RW);
}

static void start(struct guest *g, uint64_t from, const uint32_t *words, unsigned n)
{
	seed = from * 7919;
	for (unsigned page = 0; page < DATA_PAGES; page++) {
		uint8_t *bytes = guest_at(g, DATA + page * PAGE_SIZE);
		for (unsigned i = 0; i < PAGE_SIZE; i += 8) {
			uint64_t v = any_value();
			memcpy(bytes + i, &v, sizeof(v));
		}
	}
	memset(g->r, 0, sizeof(*g->r));
	for (unsigned i = 1; i < 32; i++) {
		g->r->x[i] = any_value();
		g->r->f[i] = draw(1 << 20) << 40;
	}
	const uint32_t ecall = 0x73;
	for (unsigned i = 0; i < CODE_SIZE; i += 4)
		guest_put(g, CODE + i, &ecall, 4);
	guest_put(g, CODE, words, n * 4ul);
	machine_frame_changed(g->m, *guest_pte(g, CODE, 0) >> PTE_PPN_SHIFT);
	g->r->pc = CODE;
}

static void compare(const struct sequence *s, uint64_t from)
{
	uint32_t words[PART_MAX];

	seed = from * 7919;
	unsigned n = sequence_words(s, words);
	/* twice: the second time the loads and stores know their pages */
	start(&whole, from, words, n);
	struct regs first = *whole.r;
	hart_run(whole.h, 1000);
	*whole.r = first;
	uint64_t before = hart_retired(whole.h);
	struct trap a = hart_run(whole.h, 1000), b;
	uint64_t retired = hart_retired(whole.h) - before;

	start(&steps, from, words, n);
	for (unsigned round = 0; round < 2; round++) {
		*steps.r = first;
		before = hart_retired(steps.h);
		do
			b = hart_run(steps.h, 1);
		while (b.cause == TRAP_BUDGET);
	}
	if (a.cause != b.cause || a.value != b.value || memcmp(whole.r, steps.r, sizeof(*whole.r)) != 0 ||
	    retired != hart_retired(steps.h) - before)
		FAIL("%s, seed %" PRIu64 ": trap %d at 0x%" PRIx64 " after %" PRIu64 ", not %d at 0x%" PRIx64,
		     s->name, from, a.cause, whole.r->pc, retired, b.cause, steps.r->pc);
	for (uint64_t i = 0; i < DATA_PAGES; i++)
		if (memcmp(guest_at(&whole, DATA + i * PAGE_SIZE), guest_at(&steps, DATA + i * PAGE_SIZE), PAGE_SIZE))
			FAIL("%s, seed %" PRIu64 ": memory differs", s->name, from);
}

TEST(operations_run_together_do_what_they_do_one_by_one)
{
	create(&whole);
	create(&steps);
	for (unsigned i = 0; i < array_size(sequences); i++)
		for (unsigned try = 0; try < TRIES; try++)
			compare(&sequences[i], (uint64_t)i * TRIES + try + 1);
	guest_finish(&whole);
	guest_finish(&steps);
	printf("# %zu sequences, %d times each\n", array_size(sequences), TRIES);
}

TEST_MAIN
