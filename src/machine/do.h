/* SPDX-License-Identifier: MIT */
/* do.h - the words that insn.def's semantics are written in
 *
 * A semantics is the body of
 *	enum done do_NAME(struct hart *h, union slot *op, int64_t left, uint64_t context, int effort,
 *			  uint64_t *ret_to, uint64_t rs1, uint64_t rs2, uint64_t rs3, uint64_t *rd)
 * which returns DONE_NEXT unless a word below returns something else. An instruction that traps
 * has changed nothing: words that may trap come before what changes something.
 *
 * Each is compiled with several values of effort. Below EFFORT_ALL it calls no function, and returns
 * DONE_SLOW, having changed nothing that it would not change anyway, where one is needed; then that with
 * EFFORT_ALL does the instruction from its start. A load or store
 *	with EFFORT_NONE	looks at one entry of the TLB, or returns DONE_MOVED
 *	with EFFORT_HASH	looks where its page hashes to, or returns DONE_MISSED
 *	with EFFORT_NEAR	fills that entry by one step of a walk (tlb_near.h), or returns DONE_SLOW
 */
#ifndef MACHINE_DO_H
#define MACHINE_DO_H

#include <string.h>

#include "machine/impl.h"
#include "machine/soft.h"
#include "machine/tlb_near.h"

enum { EFFORT_NONE, EFFORT_HASH, EFFORT_NEAR, EFFORT_ALL };

#define NOTHING ((void)0)

/* Operands. Sources are parameters, since the last result may still be in a register of the host.
 * What is left in RD goes to the register when the instruction is done; writes to x0 go to R_SINK. */
#define RD     (*rd)
#define RS1    rs1
#define RS2    rs2
#define RS3    rs3
#define S1     ((int64_t)RS1)
#define S2     ((int64_t)RS2)
#define IMM    ((uint64_t)(int64_t)op->imm)
#define PC     code_pc(op)
#define FLAGS  (&h->regs.fcsr)
#define SEXT(v) ((uint64_t)(int64_t)(v))
#define W(v)   ((uint64_t)(int64_t)(int32_t)(v))

/* The second slot of auipc and jalr, the third of jal. */
#define CONST  (op[1].constant)
#define CONST2 (op[2].constant)

/* Singles as bits and as float, doubles as double. RM: the rounding mode, or a trap. */
#define SB1	 fp_unbox(RS1)
#define SB2	 fp_unbox(RS2)
#define SF1	 fp_s(fp_unbox(RS1))
#define SF2	 fp_s(fp_unbox(RS2))
#define SF3	 fp_s(fp_unbox(RS3))
#define DF1	 fp_d(RS1)
#define DF2	 fp_d(RS2)
#define DF3	 fp_d(RS3)
#define PUT_S(v) RD = S_BOX | (uint32_t)(v)
#define SET_S(v) RD = fp_box(v)
#define SET_D(v) RD = fp_canonical(v)
#define RM(fast)                                                                                   \
	int rm = op->imm & 7;                                                                      \
	if (unlikely(!(fast))) {                                                                   \
		SLOWLY;                                                                            \
		rm = fp_rounding(h, op);                                                           \
		if (rm < 0)                                                                        \
			return hart_illegal(h, op);                                                \
	}                                                                                          \
	(void)0
/* Conversions to integers mostly cut; the exact conversions only want to know that there is a mode. */
#define RM_CUT RM(rm == RM_RTZ)
#define RM_ANY RM(rm != RM_DYN)

#define RAISE(cause, value)                                                                        \
	do {                                                                                       \
		h->trap = (struct trap){cause, value};                                             \
		return DONE_TRAP;                                                                  \
	} while (0)

#define JUMP	  return DONE_JUMP
#define STOP_HERE return DONE_STOP_HERE
#define BRANCH(condition)                                                                          \
	if (condition)                                                                             \
	return DONE_JUMP
/* The address is computed before RD is written: they may be one register. */
#define JUMP_TO(address, back)                                                                     \
	*ret_to = (address);                                                                       \
	RD = (back);                                                                               \
	return DONE_JUMP_TO

/* What only the last variant does. */
#define SLOWLY                                                                                     \
	if (effort < EFFORT_ALL)                                                                   \
	return DONE_SLOW

/* The entry where this very instruction found its page last, in h->load or h->store. An address
 * that is not a multiple of its size has low bits that no key has: it misses, whether it crosses a
 * page or not. The compiler may not see that window_ is used twice: it would add up what addressing can. */
#define MEM_KEY(va, size) (((va) & (~(uint64_t)(PAGE_SIZE - 1) | ((size)-1))) | context)
#define MEM_AT(table, window)                                                                      \
	((const struct tlb_entry *)(const void *)((const char *)h + (window) +                     \
						  offsetof(struct hart, table)))
#define MEM_NEAR(table, va, size)                                                                  \
	if (effort == EFFORT_NEAR) {                                                               \
		enum mmu_access access_ = &h->table == &h->store ? MMU_WRITE : MMU_READ;           \
		enum mmu_result near_ = (va) & ((size)-1)                                          \
					    ? MMU_ACCESS_FAULT                                     \
					    : tlb_near(h, va, access_, context, window_, &add_);   \
		if (unlikely(near_ == MMU_PAGE_FAULT))                                             \
			RAISE(access_ == MMU_WRITE ? TRAP_STORE_PAGE : TRAP_LOAD_PAGE, va);        \
		hit_ = near_ == MMU_OK;                                                            \
	}
#define MEM_LOOK(table, va, size)                                                                  \
	uint64_t window_ = op->window, key_ = MEM_KEY(va, size), add_ = 0;                         \
	if (effort == EFFORT_HASH) {                                                               \
		window_ = tlb_index(va) * sizeof(struct tlb_entry);                                \
		op->window = (uint16_t)window_;                                                    \
	}                                                                                          \
	bool hit_ = effort < EFFORT_NEAR && MEM_AT(table, window_)->key == key_;                   \
	__asm__("" : "+r"(window_));                                                               \
	MEM_NEAR(table, va, size)
#define MEM_HOST(table, va)                                                                        \
	((void *)(uintptr_t)((va) + (effort == EFFORT_NEAR ? add_ : MEM_AT(table, window_)->add)))
#define MEM_MISS                                                                                   \
	if (effort == EFFORT_NONE)                                                                 \
		return DONE_MOVED;                                                                 \
	if (effort == EFFORT_HASH)                                                                 \
		return DONE_MISSED;                                                                \
	SLOWLY

/* Declares v, and loads it. */
#define LOAD(type)                                                                                 \
	type v;                                                                                    \
	uint64_t va_ = RS1 + (uint64_t)(int64_t)op->offset;                                        \
	MEM_LOOK(load, va_, sizeof(type));                                                         \
	if (likely(hit_)) {                                                                        \
		memcpy(&v, MEM_HOST(load, va_), sizeof(type));                                     \
	} else {                                                                                   \
		MEM_MISS;                                                                          \
		enum done loaded_ = mem_load(h, va_, sizeof(type));                                \
		if (loaded_ != DONE_NEXT)                                                          \
			return loaded_;                                                            \
		v = (type)h->value;                                                                \
	}

#define STORE(type)                                                                                \
	uint64_t va_ = RS1 + (uint64_t)(int64_t)op->offset;                                        \
	type v = (type)RS2;                                                                        \
	MEM_LOOK(store, va_, sizeof(type));                                                        \
	if (likely(hit_)) {                                                                        \
		memcpy(MEM_HOST(store, va_), &v, sizeof(type));                                    \
	} else {                                                                                   \
		MEM_MISS;                                                                          \
		return mem_store(h, va_, sizeof(type), v);                                         \
	}

#define ALIGNED(type, cause)                                                                       \
	SLOWLY;                                                                                    \
	uint64_t va_ = RS1;                                                                        \
	if (unlikely(va_ & (sizeof(type) - 1)))                                                    \
	RAISE(cause, va_)

#define LOAD_RESERVED(type)                                                                        \
	ALIGNED(type, TRAP_LOAD_MISALIGNED);                                                       \
	enum done done_ = mem_reserve(h, va_, sizeof(type));                                       \
	if (done_ != DONE_NEXT)                                                                    \
		return done_;                                                                      \
	RD = SEXT((type)h->value)

#define STORE_CONDITIONAL(type)                                                                    \
	ALIGNED(type, TRAP_STORE_MISALIGNED);                                                      \
	uint64_t failed_;                                                                          \
	enum done done_ = mem_conditional(h, va_, sizeof(type), RS2, &failed_);                    \
	if (done_ == DONE_TRAP || done_ == DONE_STOP_HERE)                                         \
		return done_;                                                                      \
	RD = failed_;                                                                              \
	return done_

#define AMO(type, new)                                                                             \
	ALIGNED(type, TRAP_STORE_MISALIGNED);                                                      \
	enum done done_;                                                                           \
	void *p_ = mem_atomic(h, va_, sizeof(type), &done_);                                       \
	if (!p_)                                                                                   \
		return done_;                                                                      \
	type v, w = (type)RS2;                                                                     \
	memcpy(&v, p_, sizeof(type));                                                              \
	type new_ = (type)(new);                                                                   \
	memcpy(p_, &new_, sizeof(type));                                                           \
	RD = SEXT(v);                                                                              \
	return done_

/* op->imm: the register; op->rs2: the 5-bit field, rs1 or the immediate. The counters read the
 * instructions retired before this one. */
#define CSR_FIELD (op->rs2)
#define CSR(operand, writes, new)                                                                  \
	SLOWLY;                                                                                    \
	uint64_t old, v = (operand);                                                               \
	uint64_t now_ = h->clock - (uint64_t)left + code_where(op)->before;                        \
	if (csr_read(h, (unsigned)op->imm, now_, &old) < 0)                                        \
		return hart_illegal(h, op);                                                        \
	if ((writes) && csr_write(h, (unsigned)op->imm, (new)) < 0)                                \
		return hart_illegal(h, op);                                                        \
	(void)v;                                                                                   \
	RD = old

static inline uint64_t mul_high_ss(int64_t a, int64_t b)
{
	return (uint64_t)((__int128)a * b >> 64);
}
static inline uint64_t mul_high_su(int64_t a, uint64_t b)
{
	return (uint64_t)((__int128)a * (__int128)b >> 64);
}
static inline uint64_t mul_high_uu(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* Division by zero gives all ones and the dividend; the one overflow wraps. Words do not overflow
 * in 64 bits, and are cut after. */
static inline uint64_t div_s(int64_t a, int64_t b)
{
	if (b == 0)
		return UINT64_MAX;
	return b == -1 ? -(uint64_t)a : (uint64_t)(a / b);
}
static inline uint64_t rem_s(int64_t a, int64_t b)
{
	if (b == 0)
		return (uint64_t)a;
	return b == -1 ? 0 : (uint64_t)(a % b);
}

/* The rounding mode of an instruction, or -1 when it is a reserved one. */
int fp_rounding(const struct hart *h, const union slot *op);

/* fast, with another rounding mode than the unit has. */
typedef void fp_fast(struct hart *h, const union slot *op, uint64_t rs1, uint64_t rs2, uint64_t rs3,
		     uint64_t *rd);
enum done fp_slow(struct hart *h, const union slot *op, fp_fast *fast, enum soft_kind kind,
		  uint64_t *ret_rd);

/* Does the host have no instruction for this? fp_slow calls a function then. */
static inline bool fp_calls(enum soft_kind kind)
{
	return !fp_fma_inline() && ((kind >= SOFT_MADD_S && kind <= SOFT_NMADD_S) ||
				    (kind >= SOFT_MADD_D && kind <= SOFT_NMADD_D));
}

/* Declares do_NAME for every instruction. */
#define ALWAYS static inline __attribute__((always_inline, unused))
#define DO(name)                                                                                   \
	ALWAYS enum done do_##name(struct hart *h, union slot *op, int64_t left, uint64_t context, \
				   int effort, uint64_t *ret_to, uint64_t rs1, uint64_t rs2,        \
				   uint64_t rs3, uint64_t *rd)
#define INSN(name, text, format, mask, match, ...)                                                 \
	DO(name)                                                                                   \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
		return DONE_NEXT;                                                                  \
	}
#define ROUND(name, text, format, mask, match, kind, ...)                                          \
	ALWAYS void fast_##name(struct hart *h, const union slot *op, uint64_t rs1, uint64_t rs2,  \
				uint64_t rs3, uint64_t *rd)                                        \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}                                                                                          \
	DO(name)                                                                                   \
	{                                                                                          \
		if (unlikely((op->imm & 7u) != h->rm_fast || fp_calls(SOFT_##kind))) {             \
			SLOWLY;                                                                    \
			return fp_slow(h, op, fast_##name, SOFT_##kind, rd);                       \
		}                                                                                  \
		fast_##name(h, op, rs1, rs2, rs3, rd);                                             \
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

#endif
