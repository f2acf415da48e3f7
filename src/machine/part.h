/* SPDX-License-Identifier: MIT */
/* part.h - handlers: what the interpreter jumps along
 *
 * A handler does one operation, or a few that follow each other, and hands over to the handler of
 * the next. What all of them need is in their parameters, which the calling convention keeps in
 * registers of the host:
 *
 *	op	the operation
 *	h	the hart
 *	left	the budget: each way out of a block subtracts the instructions executed on it. A
 *		jump is followed while this is not below 0, so it may be overdrawn by one block;
 *		hart_run keeps that much back
 *	last	what was last written to a register
 *	context	h->context
 *
 * With EXEC_TAIL a handler ends in a jump to the next one: the compiler must turn a call before a
 * return into one, which gcc does when it optimises, and clang when told so (meson.build knows).
 * Without, it returns, and a loop in exec_run calls the next. With EXEC_FEW there are few handlers
 * beyond one for each operation, for compilers that take long over them.
 *
 * A handler that is jumped to calls no function, so that nothing is saved and restored. What is
 * unusual is done by another handler, to which it jumps: the whole instruction anew (slow_NAME),
 * or a way out of exec_run.
 */
#ifndef MACHINE_PART_H
#define MACHINE_PART_H

#include "machine/do.h"

#define HANDLER(name)                                                                              \
	int name(union slot *op, struct hart *h, int64_t left, uint64_t last, uint64_t context)
#define COLD __attribute__((cold, noinline))

#ifndef EXEC_TAIL
#define NEXT()                                                                                     \
	do {                                                                                       \
		h->at.op = op;                                                                     \
		h->at.left = left;                                                                 \
		h->at.last = last;                                                                 \
		return EXEC_ON;                                                                    \
	} while (0)
#define GO(handler, last_) return handler(op, h, left, last_, context)
#else
#ifdef __clang__
#define TAIL __attribute__((musttail)) return
#else
#define TAIL return
#endif
/* The compiler must not know where op came from: it would load from there, and add in another
 * register. */
#define NEXT()                                                                                     \
	do {                                                                                       \
		__asm__("" : "+r"(op));                                                            \
		TAIL op->run(op, h, left, last, context);                                          \
	} while (0)
#define GO(handler, last_) TAIL handler(op, h, left, last_, context)
#endif

/* Ways out, and to where there is no link. For budget_at, and jump, last is the address. */
exec_handler exec_trapped, exec_leave, exec_stopped, exec_budget, exec_budget_at, exec_jump;

/* The whole instruction again, with more effort. moved_NAME and near_NAME are for loads and stores. */
#define INSN(name, ...)	 exec_handler slow_##name, moved_##name, near_##name;
#define ROUND(name, ...) exec_handler slow_##name, moved_##name, near_##name;
#define INNER(name, ...) exec_handler slow_##name, moved_##name, near_##name;
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER

/* How many slots each takes: jumps have a link and a value, jalr and auipc a constant. */
#define FORMAT_SLOTS(f)                                                                            \
	(FORMAT_##f == FORMAT_B || FORMAT_##f == FORMAT_J ? 3 : FORMAT_##f == FORMAT_JR ? 2 : 1)
/* Which write RD. */
#define FORMAT_WRITES(f)                                                                           \
	(FORMAT_##f != FORMAT_B && FORMAT_##f != FORMAT_ST && FORMAT_##f != FORMAT_FST &&          \
	 FORMAT_##f != FORMAT_NONE && FORMAT_##f != FORMAT_FENCE)
/* Which operands each takes from registers, where taking one from `last` pays: none, 1, 2 or 3. */
#define FORMAT_SOURCES(f)                                                                          \
	(FORMAT_##f == FORMAT_FR4 ? 3                                                              \
	 : FORMAT_##f == FORMAT_R || FORMAT_##f == FORMAT_ST || FORMAT_##f == FORMAT_B ||          \
			 FORMAT_##f == FORMAT_FST || FORMAT_##f == FORMAT_FR ||                    \
			 FORMAT_##f == FORMAT_FRM || FORMAT_##f == FORMAT_FCMP                     \
		 ? 2                                                                               \
	 : FORMAT_##f == FORMAT_NONE || FORMAT_##f == FORMAT_U || FORMAT_##f == FORMAT_J ||        \
			 FORMAT_##f == FORMAT_CSR || FORMAT_##f == FORMAT_CSRI ||                  \
			 FORMAT_##f == FORMAT_FENCE || FORMAT_##f == FORMAT_LR ||                  \
			 FORMAT_##f == FORMAT_AMO                                                  \
		 ? 0                                                                               \
		 : 1)
enum {
#define INSN(name, text, format, ...)                                                              \
	SLOTS_##name = FORMAT_SLOTS(format), WRITES_##name = FORMAT_WRITES(format),                \
	N_##name = FORMAT_SOURCES(format),
#define ROUND INSN
#define INNER(name, slots, writes, ...)                                                            \
	SLOTS_##name = slots, WRITES_##name = writes,                                              \
	N_##name = INSN_##name == INSN_mv ||                                                       \
		   (INSN_##name >= INSN_beqz && INSN_##name <= INSN_blez),
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
};

/* The operands, by source; s and t stand for SOURCE_SAME and SOURCE_2_SAME. Only instructions that have a third have it in imm. */
#define REG1	     h->r[op->rs1]
#define REG2	     h->r[op->rs2]
#define REG3(name)   (N_##name == 3 ? h->r[op->imm >> 8] : 0)
#define FROM_0(name) REG1, REG2, REG3(name)
#define FROM_1(name) last, REG2, REG3(name)
#define FROM_2(name) REG1, last, REG3(name)
#define FROM_3(name) REG1, REG2, last
#define FROM_s(name) h->r[op->rd], REG2, REG3(name)
#define FROM_t(name) h->r[op->rd], last, REG3(name)

#define COMMIT(name, keep)                                                                         \
	do {                                                                                       \
		if (WRITES_##name) {                                                               \
			last = result;                                                             \
			if (keep)                                                                  \
				h->r[op->rd] = last;                                               \
		}                                                                                  \
	} while (0)

/* To an address, by the jump cache. */
#define JUMP_CACHED(address)                                                                       \
	do {                                                                                       \
		uint64_t pc_ = (address);                                                          \
		if (unlikely(left < 0))                                                            \
			GO(exec_budget_at, pc_);                                                   \
		const struct jump *j_ = hart_jump(h, pc_);                                         \
		if (unlikely(j_->pc != pc_ || j_->gen != h->jump_gen))                             \
			GO(exec_jump, pc_);                                                        \
		op = j_->to;                                                                       \
		NEXT();                                                                            \
	} while (0)

/* Instructions executed when a jump is taken. For branches as wide as what it is taken from. */
#define JUMP_COST(name) (WRITES_##name ? (uint64_t)op->imm : CONST2)

/* What becomes of an instruction; falls through to what follows it when it is simply done. keep:
 * is its result wanted in its register? */
#define AFTER(done, name, keep, again)                                                             \
	switch (done) {                                                                            \
	case DONE_NEXT: break;                                                                     \
	case DONE_JUMP:                                                                            \
		COMMIT(name, keep);                                                                \
		left -= (int64_t)JUMP_COST(name);                                                  \
		if (unlikely(left < 0))                                                            \
			GO(exec_budget, last);                                                     \
		op = op[1].to;                                                                     \
		NEXT();                                                                            \
	case DONE_JUMP_TO:                                                                         \
		COMMIT(name, keep);                                                                \
		left -= op->rs2;                                                                   \
		JUMP_CACHED(to);                                                                   \
	case DONE_MOVED: again(moved_##name);                                                      \
	case DONE_MISSED: again(near_##name);                                                      \
	case DONE_SLOW: again(slow_##name);                                                        \
	case DONE_TRAP: GO(exec_trapped, last);                                                    \
	case DONE_LEAVE: COMMIT(name, keep); GO(exec_leave, last);                                 \
	case DONE_STOP_HERE: GO(exec_stopped, last);                                               \
	}                                                                                          \
	COMMIT(name, keep);                                                                        \
	op += SLOTS_##name

#define AGAIN(handler)	GO(handler, last)
#define IMPOSSIBLE(...) __builtin_unreachable()

#define PART(name, keep, ...)                                                                      \
	do {                                                                                       \
		uint64_t result = 0, to = 0;                                                       \
		enum done done_ = do_##name(h, op, left, context, EFFORT_NONE, &to, __VA_ARGS__,   \
					    &result);                                              \
		AFTER(done_, name, keep, AGAIN);                                                   \
		(void)to;                                                                          \
	} while (0)

#endif
