/* SPDX-License-Identifier: MIT */
/* exec.c - the interpreter: a handler for each instruction, and the ways in and out
 *
 * insn.def is read several times: by do.h as functions do_NAME, by part.h as their slots, here as
 * handlers and as slow handlers. Those of several operations together are in fuse.c.
 */
#include "machine/part.h"

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

static int out(struct hart *h, uint64_t pc, int64_t left, enum exec_exit why)
{
	h->regs.pc = pc;
	h->at.left = left;
	return why;
}

COLD HANDLER(exec_trapped)
{
	return out(h, code_pc(op), left - code_where(op)->before, EXEC_TRAP);
}

COLD HANDLER(exec_stopped)
{
	uint64_t pc = code_pc(op);

	return out(h, pc, left - code_where(op)->before, stop_here(h, pc) ? EXEC_STOP : EXEC_STEP);
}

COLD HANDLER(exec_budget_at) { return out(h, last, left, EXEC_BUDGET); }
COLD HANDLER(exec_budget) { return out(h, op[2].target, left, EXEC_BUDGET); }

COLD HANDLER(exec_jump)
{
	enum exec_exit why = EXEC_TRAP;

	if (left < 0)
		return out(h, last, left, EXEC_BUDGET);
	op = jump_find(h, last, &why);
	if (!op)
		return out(h, last, left, why);
	NEXT();
}

/* The instruction at op is done, but code was forgotten: go on with what is there now. */
COLD HANDLER(exec_leave)
{
	last = code_pc(op) + code_where(op)->length;
	left -= code_where(op)->before + 1;
	GO(exec_jump, last);
}

/* The first operation of a block that was forgotten, and that the jump cache may still name. */
COLD HANDLER(exec_stale) { GO(exec_jump, code_pc(op)); }

/* The link of a jump within the page, taken for the first time; paid for already. */
COLD HANDLER(exec_unlinked)
{
	union slot *to = link_follow(h, op);

	if (!to)
		return out(h, op[1].target, left, EXEC_STEP);
	op = to;
	NEXT();
}

/* The link of a jump to another page. */
HANDLER(exec_far) { JUMP_CACHED(op[1].target); }

static HANDLER(start) { JUMP_CACHED(h->regs.pc); }

/* The whole of each instruction. Results go through the hart: a variable whose address is taken
 * would keep gcc from jumping to the next handler. */
#define SLOW(name)                                                                                 \
	COLD HANDLER(slow_##name)                                                                  \
	{                                                                                          \
		uint64_t to = 0;                                                                   \
		enum done done =                                                                   \
			do_##name(h, op, left, context, EFFORT_ALL, &to, FROM_0(name), &h->result); \
		uint64_t result = h->result;                                                       \
		AFTER(done, name, true, IMPOSSIBLE);                                               \
		(void)result;                                                                      \
		NEXT();                                                                            \
	}

/* Who takes all operands from their registers, and writes one, needs no last result: a register of the
 * host less to keep. */
#define LAST_UNUSED(name)                                                                          \
	if (WRITES_##name)                                                                         \
	last = 0

/* A load or store that missed, with more effort: most have moved to another page of those that the TLB knows,
 * and most that are not among those are near one that was. */
#define MISSED(handler, name, effort)                                                              \
	HANDLER(handler##_##name)                                                                  \
	{                                                                                          \
		LAST_UNUSED(name);                                                                 \
		uint64_t result = 0, to = 0;                                                       \
		enum done done =                                                                   \
			do_##name(h, op, left, context, effort, &to, FROM_0(name), &result);       \
		AFTER(done, name, true, AGAIN);                                                    \
		(void)to;                                                                          \
		NEXT();                                                                            \
	}
#define SINGLE(name, source)                                                                       \
	static __attribute__((unused)) HANDLER(do_##name##_##source)                               \
	{                                                                                          \
		PART(name, true, FROM_##source(name));                                             \
		NEXT();                                                                            \
	}
#ifdef EXEC_FEW
#define IF_MANY(handler) NULL
#else
#define IF_MANY(handler) handler
#endif
#define INSN(name, ...)                                                                            \
	SLOW(name) MISSED(moved, name, EFFORT_HASH) MISSED(near, name, EFFORT_NEAR)                \
	SINGLE(name, 0) SINGLE(name, 1) SINGLE(name, 2) SINGLE(name, 3) SINGLE(name, s) SINGLE(name, t)
#define ROUND INSN
#define INNER INSN
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER

exec_handler *const exec_handlers[INSN_COUNT][SOURCES] = {
#define INSN(name, ...)                                                                            \
	[INSN_##name] = {do_##name##_0,                                                            \
			 N_##name >= 1 ? IF_MANY(do_##name##_1) : NULL,                            \
			 N_##name >= 2 ? IF_MANY(do_##name##_2) : NULL,                            \
			 N_##name >= 3 ? IF_MANY(do_##name##_3) : NULL,                            \
			 N_##name >= 1 && WRITES_##name == 1 ? IF_MANY(do_##name##_s) : NULL,      \
			 N_##name >= 2 && WRITES_##name == 1 ? IF_MANY(do_##name##_t) : NULL},
#define ROUND INSN
#define INNER INSN
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

enum exec_exit exec_run(struct hart *h, union slot *op, int64_t *left)
{
	int why = (op ? op->run : start)(op, h, *left, 0, h->context);

	while (why == EXEC_ON)
		why = h->at.op->run(h->at.op, h, h->at.left, h->at.last, h->context);
	*left = h->at.left;
	return (enum exec_exit)why;
}
