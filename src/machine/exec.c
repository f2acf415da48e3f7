/* SPDX-License-Identifier: MIT */
/* exec.c - the interpreter
 *
 * insn.def is read several times: as functions do_NAME, as their slots, as one label for each in
 * exec_run, and as one label for each pair. An operation ends by going straight to the label of
 * the next one.
 *
 * `left` is the budget: each way out of a block subtracts the instructions executed on it. A jump
 * is followed while the budget is not below 0, so it may be overdrawn by one block; hart_run keeps
 * that much back.
 */
#include "machine/do.h"
#include "machine/impl.h"

/* Sanitizers make so much code of every label, and clang copies so many jumps, that compiling takes
 * many minutes: then there are no pairs, and one variant of each instruction. */
#if defined(__clang__) || defined(__SANITIZE_ADDRESS__)
#define EXEC_SMALL
#endif

#define ALWAYS static inline __attribute__((always_inline, unused))

/* What each instruction does. */
#define DO(name)                                                                                   \
	ALWAYS enum done do_##name(struct hart *h, const union slot *op, int64_t left,             \
				   uint64_t *ret_to, uint64_t rs1, uint64_t rs2, uint64_t rs3,   \
				   uint64_t *rd)
#define INSN(name, text, format, mask, match, ...)                                                 \
	DO(name)                                                                                   \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
		return DONE_NEXT;                                                                  \
	}
#define ROUND(name, text, format, mask, match, kind, ...)                                          \
	ALWAYS void fast_##name(struct hart *h, const union slot *op, uint64_t rs1, uint64_t rs2,  \
				uint64_t rs3, uint64_t *rd)                                                      \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}                                                                                          \
	DO(name)                                                                                   \
	{                                                                                          \
		if (unlikely((op->imm & 7u) != h->rm_fast))                                        \
			return fp_slow(h, op, fast_##name, SOFT_##kind, rd);                           \
		fast_##name(h, op, rs1, rs2, rs3, rd);                                                                \
		return DONE_NEXT;                                                                  \
	}
#define INNER(name, slots, writes, ...)                                                            \
	DO(name)                                                                                   \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
		return DONE_NEXT;                                                                  \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunreachable-code"
#include "machine/insn.def"
#pragma GCC diagnostic pop
#undef INSN
#undef ROUND
#undef INNER

/* How many slots each takes: jumps have a link and a value, jalr and auipc a constant. */
#define FORMAT_SLOTS(f)                                                                            \
	(FORMAT_##f == FORMAT_B || FORMAT_##f == FORMAT_J ? 3 : FORMAT_##f == FORMAT_JR ? 2 : 1)
enum {
#define INSN(name, text, format, ...)  SLOTS_##name = FORMAT_SLOTS(format),
#define ROUND(name, text, format, ...) SLOTS_##name = FORMAT_SLOTS(format),
#define INNER(name, slots, ...)	       SLOTS_##name = slots,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

/* Which write RD. */
#define FORMAT_WRITES(f)                                                                           \
	(FORMAT_##f != FORMAT_B && FORMAT_##f != FORMAT_ST && FORMAT_##f != FORMAT_FST &&          \
	 FORMAT_##f != FORMAT_NONE && FORMAT_##f != FORMAT_FENCE)
enum {
#define INSN(name, text, format, ...)  WRITES_##name = FORMAT_WRITES(format),
#define ROUND(name, text, format, ...) WRITES_##name = FORMAT_WRITES(format),
#define INNER(name, slots, writes, ...) WRITES_##name = writes,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

const uint8_t insn_slots[INSN_COUNT] = {
#define INSN(name, ...)	 [INSN_##name] = SLOTS_##name,
#define ROUND(name, ...) [INSN_##name] = SLOTS_##name,
#define INNER(name, ...) [INSN_##name] = SLOTS_##name,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

const bool insn_writes[INSN_COUNT] = {
#define INSN(name, ...)	 [INSN_##name] = WRITES_##name,
#define ROUND(name, ...) [INSN_##name] = WRITES_##name,
#define INNER(name, ...) [INSN_##name] = WRITES_##name,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

/* Which operands each format takes from registers, where a variant pays: 0, 1, 2 or 3 of them. */
#define SOURCES_NONE(M, name)  M##0(name)
#define SOURCES_U(M, name)     M##0(name)
#define SOURCES_J(M, name)     M##0(name)
#define SOURCES_CSR(M, name)   M##0(name)
#define SOURCES_CSRI(M, name)  M##0(name)
#define SOURCES_FENCE(M, name) M##0(name)
#define SOURCES_LR(M, name)    M##0(name)
#define SOURCES_AMO(M, name)   M##0(name)
#define SOURCES_I(M, name)     M##1(name)
#define SOURCES_SH(M, name)    M##1(name)
#define SOURCES_LD(M, name)    M##1(name)
#define SOURCES_JR(M, name)    M##1(name)
#define SOURCES_FLD(M, name)   M##1(name)
#define SOURCES_FRM1(M, name)  M##1(name)
#define SOURCES_FRM1X(M, name) M##1(name)
#define SOURCES_FX(M, name)    M##1(name)
#define SOURCES_FXM(M, name)   M##1(name)
#define SOURCES_XF(M, name)    M##1(name)
#define SOURCES_XFM(M, name)   M##1(name)
#define SOURCES_XFMX(M, name)  M##1(name)
#define SOURCES_R(M, name)     M##2(name)
#define SOURCES_ST(M, name)    M##2(name)
#define SOURCES_B(M, name)     M##2(name)
#define SOURCES_FST(M, name)   M##2(name)
#define SOURCES_FR(M, name)    M##2(name)
#define SOURCES_FRM(M, name)   M##2(name)
#define SOURCES_FCMP(M, name)  M##2(name)
#define SOURCES_FR4(M, name)   M##3(name)

static const uint16_t pair_ids[][2] = {
#ifndef EXEC_SMALL
#define PAIR(a, b) {INSN_##a, INSN_##b},
#include "machine/insn.def"
#undef PAIR
#endif
};

struct exec_labels exec_labels;

__attribute__((constructor)) static void labels_fill(void)
{
	int64_t none = -1;
	exec_run(NULL, NULL, &none);
}

/* Finds or makes the block that a link within a page goes to. NULL: step over what is there. */
static union slot *link_follow(struct hart *h, union slot *link)
{
	struct code *code = &h->m->code;
	uint64_t resets = code->resets;
	union slot *to = code_find(h->m, code_block(link - 1)->frame, link[1].target);

	if (to && code->resets == resets)
		link->to = to;
	return to;
}

/* The block at pc, for the jump cache. On NULL, *ret_exit tells. */
static union slot *jump_find(struct hart *h, uint64_t pc, enum exec_exit *ret_exit)
{
	uint64_t frame;

	if (!tlb_fetch(h, pc, &frame)) {
		*ret_exit = EXEC_TRAP;
		return NULL;
	}
	union slot *to = code_find(h->m, frame, pc);
	if (!to) {
		*ret_exit = EXEC_STEP;
		return NULL;
	}
	*hart_jump(h, pc) = (struct jump){pc, h->jump_gen, to};
	return to;
}

static bool stop_here(const struct hart *h, uint64_t pc)
{
	for (unsigned i = 0; i < h->stop_count; i++)
		if (h->stops[i].va == pc && h->stops[i].asid == (h->satp >> 44 & 0xffff))
			return true;
	return false;
}

#define DISPATCH() goto *op->run

#define REG1 h->r[op->rs1]
#define REG2 h->r[op->rs2]
/* Only of instructions that have a third source: of others imm is something else. */
#define REG3(name) (N_##name == 3 ? h->r[op->imm >> 8] : 0)

/* One instruction, with its operands; what follows it runs when it is simply done. */
#define STEP(name, ...) \
	do { \
		uint64_t result = 0; \
		switch (do_##name(h, op, left, &pc, __VA_ARGS__, &result)) { \
		case DONE_NEXT: break; \
		case DONE_JUMP: \
			COMMIT(name); \
			left -= op->imm; \
			if (unlikely(left < 0)) { \
				pc = op[2].target; \
				goto out_of_budget; \
			} \
			op = op[1].to; \
			DISPATCH(); \
		case DONE_JUMP_TO: \
			COMMIT(name); \
			left -= op->rs2; \
			goto jump_to; \
		case DONE_TRAP: goto trapped; \
		case DONE_LEAVE: COMMIT(name); goto leave; \
		case DONE_STOP_HERE: goto stopped; \
		} \
		COMMIT(name); \
		op += SLOTS_##name; \
	} while (0)

#define COMMIT(name)                                                                               \
	if (WRITES_##name)                                                                         \
	h->r[op->rd] = last = result

/* The labels of one instruction, by the number of its register operands. */
#define BODY0(name)                                                                                \
	l_##name##_0 : STEP(name, REG1, REG2, REG3(name));                                               \
	DISPATCH();
#define BODY1(name)                                                                                \
	BODY0(name)                                                                                \
	l_##name##_1 : STEP(name, last, REG2, REG3(name));                                               \
	DISPATCH();
#define BODY2(name)                                                                                \
	BODY1(name)                                                                                \
	l_##name##_2 : STEP(name, REG1, last, REG3(name));                                               \
	DISPATCH();
#define BODY3(name)                                                                                \
	BODY2(name)                                                                                \
	l_##name##_3 : STEP(name, REG1, REG2, last);                                               \
	DISPATCH();

#ifdef EXEC_SMALL
#undef BODY1
#undef BODY2
#undef BODY3
#define BODY1	BODY0
#define BODY2	BODY0
#define BODY3	BODY0
#define LABELS1 LABELS0
#define LABELS2 LABELS0
#define LABELS3 LABELS0
#endif

#define LABELS0(name) {&&l_##name##_0, &&l_##name##_0, &&l_##name##_0, &&l_##name##_0},
#ifndef EXEC_SMALL
#define LABELS1(name) {&&l_##name##_0, &&l_##name##_1, &&l_##name##_0, &&l_##name##_0},
#define LABELS2(name) {&&l_##name##_0, &&l_##name##_1, &&l_##name##_2, &&l_##name##_0},
#define LABELS3(name) {&&l_##name##_0, &&l_##name##_1, &&l_##name##_2, &&l_##name##_3},
#endif

/* How many that is. */
#define COUNT0(name) N_##name = 0,
#define COUNT1(name) N_##name = 1,
#define COUNT2(name) N_##name = 2,
#define COUNT3(name) N_##name = 3,
enum {
#define INSN(name, text, format, ...)  SOURCES_##format(COUNT, name)
#define ROUND(name, text, format, ...) SOURCES_##format(COUNT, name)
#define INNER(name, slots, writes, ...) N_##name = INSN_##name == INSN_mv,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

/* A pair: the first with either source, the second with any of three. */
#define PAIR_BODY(a, b, n, first1)                                                                 \
	l_##a##_##b##_##n##0 : STEP(a, first1, REG2, REG3(a));                                        \
	STEP(b, REG1, REG2, REG3(b));                                                                 \
	DISPATCH();                                                                                \
	l_##a##_##b##_##n##1 : STEP(a, first1, REG2, REG3(a));                                        \
	STEP(b, last, REG2, REG3(b));                                                                 \
	DISPATCH();                                                                                \
	l_##a##_##b##_##n##2 : STEP(a, first1, REG2, REG3(a));                                        \
	STEP(b, REG1, last, REG3(b));                                                                 \
	DISPATCH();

/* Variants that make no difference are not named, and so not compiled. */
#define PAIR_LABEL(a, b, n, k) (N_##a > 0 || n == 0 ? &&l_##a##_##b##_##n##k : &&l_##a##_##b##_0##k)
#define PAIR_LABELS(a, b, n)                                                                       \
	{PAIR_LABEL(a, b, n, 0),                                                                   \
	 N_##b >= 1 && WRITES_##a == 1 ? PAIR_LABEL(a, b, n, 1) : PAIR_LABEL(a, b, n, 0),               \
	 N_##b >= 2 && WRITES_##a == 1 ? PAIR_LABEL(a, b, n, 2) : PAIR_LABEL(a, b, n, 0)}

/* Called once with h NULL to fill exec_labels: labels have no names outside. */
enum exec_exit exec_run(struct hart *h, union slot *op, int64_t *left_)
{
	static const void *const labels[INSN_COUNT][SOURCES] = {
#define INSN(name, text, format, ...)	SOURCES_##format(LABELS, name)
#define ROUND(name, text, format, ...)	SOURCES_##format(LABELS, name)
#define INNER(name, ...)		LABELS1(name)
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
	};
	static const void *const pairs[][PAIR_FIRST_SOURCES][PAIR_SECOND_SOURCES] = {
#ifndef EXEC_SMALL
#define PAIR(a, b) {PAIR_LABELS(a, b, 0), PAIR_LABELS(a, b, 1)},
#include "machine/insn.def"
#undef PAIR
#endif
	};
	int64_t left = *left_;
	enum exec_exit why;
	uint64_t pc = 0, last = 0;

	if (!h) {
		memcpy(exec_labels.of, labels, sizeof(labels));
		exec_labels.unlinked = &&unlinked;
		exec_labels.far = &&far;
		exec_labels.stale = &&stale;
		exec_labels.pairs = pairs;
		exec_labels.pair_ids = pair_ids;
		exec_labels.pair_count = array_size(pairs);
		return EXEC_BUDGET;
	}
	if (op)
		DISPATCH();
	pc = h->regs.pc;

jump_to: {
	struct jump *j = hart_jump(h, pc);
	if (unlikely(left < 0))
		goto out_of_budget;
	if (likely(j->pc == pc && j->gen == h->jump_gen)) {
		op = j->to;
		DISPATCH();
	}
	op = jump_find(h, pc, &why);
	if (op)
		DISPATCH();
	h->regs.pc = pc;
	*left_ = left;
	return why;
}

	/* The link of a jump within the page, taken for the first time; paid for already. */
unlinked:
	pc = op[1].target;
	op = link_follow(h, op);
	if (op)
		DISPATCH();
	h->regs.pc = pc;
	*left_ = left;
	return EXEC_STEP;

	/* The link of a jump to another page. */
far:
	pc = op[1].target;
	goto jump_to;

	/* The first operation of a block that was forgotten. */
stale:
	pc = code_pc(op);
	goto jump_to_anew;

#define INSN(name, text, format, ...)	SOURCES_##format(BODY, name)
#define ROUND(name, text, format, ...)	SOURCES_##format(BODY, name)
#define INNER(name, ...)		BODY1(name)
#ifndef EXEC_SMALL
#define PAIR(a, b) PAIR_BODY(a, b, 0, REG1) PAIR_BODY(a, b, 1, last)
#endif
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
#undef PAIR

	/* The jump cache may still name the block that was forgotten. */
jump_to_anew:
	hart_jump(h, pc)->gen = 0;
	goto jump_to;

	/* The instruction at op is done, but code was forgotten: go on with what is there now. */
leave:
	pc = code_pc(op) + code_where(op)->length;
	left -= code_where(op)->before + 1;
	goto jump_to;

trapped:
	h->regs.pc = code_pc(op);
	*left_ = left - code_where(op)->before;
	return EXEC_TRAP;

stopped:
	h->regs.pc = code_pc(op);
	*left_ = left - code_where(op)->before;
	return stop_here(h, h->regs.pc) ? EXEC_STOP : EXEC_STEP;

out_of_budget:
	h->regs.pc = pc;
	*left_ = left;
	return EXEC_BUDGET;
}
