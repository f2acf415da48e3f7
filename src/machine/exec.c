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

#define ALWAYS static inline __attribute__((always_inline, unused))

/* What each instruction does. */
#define DO(name)                                                                                   \
	ALWAYS enum done do_##name(struct hart *h, const union slot *op, int64_t left,             \
				   uint64_t *ret_to)
#define INSN(name, text, format, mask, match, ...)                                                 \
	DO(name)                                                                                   \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
		return DONE_NEXT;                                                                  \
	}
#define ROUND(name, text, format, mask, match, kind, ...)                                          \
	static inline void fast_##name(struct hart *h, const union slot *op) { __VA_ARGS__; }      \
	DO(name)                                                                                   \
	{                                                                                          \
		if (unlikely((op->imm & 7u) != h->rm_fast))                                        \
			return fp_slow(h, op, fast_##name, SOFT_##kind);                           \
		fast_##name(h, op);                                                                \
		return DONE_NEXT;                                                                  \
	}
#define INNER(name, slots, ...)                                                                    \
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
#define SLOTS(format) (FORMAT_##format == FORMAT_B || FORMAT_##format == FORMAT_J ? 3 : FORMAT_##format == FORMAT_JR ? 2 : 1)
enum {
#define INSN(name, text, format, ...)  SLOTS_##name = SLOTS(format),
#define ROUND(name, text, format, ...) SLOTS_##name = SLOTS(format),
#define INNER(name, slots, ...)	       SLOTS_##name = slots,
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

static const uint16_t pair_ids[][2] = {
#define PAIR(a, b) {INSN_##a, INSN_##b},
#include "machine/insn.def"
#undef PAIR
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

/* One instruction; what follows it runs when it is simply done. */
#define STEP(name)                                                                                 \
	switch (do_##name(h, op, left, &pc)) {                                                     \
	case DONE_NEXT: break;                                                                     \
	case DONE_JUMP:                                                                            \
		left -= op->imm;                                                                   \
		if (unlikely(left < 0)) {                                                          \
			pc = op[2].target;                                                         \
			goto out_of_budget;                                                        \
		}                                                                                  \
		op = op[1].to;                                                                     \
		DISPATCH();                                                                        \
	case DONE_JUMP_TO: left -= op->rs2; goto jump_to;                                          \
	case DONE_TRAP: goto trapped;                                                              \
	case DONE_LEAVE: goto leave;                                                               \
	case DONE_STOP_HERE: goto stopped;                                                         \
	}                                                                                          \
	op += SLOTS_##name

/* Called once with h NULL to fill exec_labels: labels have no names outside. */
enum exec_exit exec_run(struct hart *h, union slot *op, int64_t *left_)
{
	static const void *const labels[INSN_COUNT] = {
#define INSN(name, ...)	 [INSN_##name] = &&l_##name,
#define ROUND(name, ...) [INSN_##name] = &&l_##name,
#define INNER(name, ...) [INSN_##name] = &&l_##name,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
	};
	static const void *const pairs[] = {
#define PAIR(a, b) &&l_##a##__##b,
#include "machine/insn.def"
#undef PAIR
	};
	int64_t left = *left_;
	enum exec_exit why;
	uint64_t pc = 0;

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

#define INSN(name, ...)                                                                            \
	l_##name : STEP(name);                                                                     \
	DISPATCH();
#define ROUND(name, ...)                                                                           \
	l_##name : STEP(name);                                                                     \
	DISPATCH();
#define INNER(name, ...)                                                                           \
	l_##name : STEP(name);                                                                     \
	DISPATCH();
#define PAIR(a, b)                                                                                 \
	l_##a##__##b : STEP(a);                                                                    \
	STEP(b);                                                                                   \
	DISPATCH();
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
