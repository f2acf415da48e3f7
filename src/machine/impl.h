/* SPDX-License-Identifier: MIT */
/* impl.h - what machines and harts are made of; for this room only
 *
 *	hart.c	  machines, harts, the loop around exec_run
 *	exec.c	  the interpreter: a handler for each instruction, made from insn.def, do.h and part.h
 *	fuse.c	  handlers for sequences of instructions, made from fuse.def
 *	code.c	  from frames to blocks of decoded instructions
 *	tlb.c	  from addresses to frames, quickly; tlb_near.h: more so
 *	mem.c	  loads and stores that missed the TLB
 *	csr.c	  fcsr, counters, and rounding modes other than the current one
 */
#ifndef MACHINE_IMPL_H
#define MACHINE_IMPL_H

#include "base/bits.h"
#include "machine/code.h"
#include "machine/fp.h"
#include "machine/hart.h"
#include "machine/tlb.h"

/* How an instruction went. */
enum done {
	DONE_NEXT,
	DONE_JUMP,	/* to the target of its link */
	DONE_JUMP_TO,	/* to an address */
	DONE_TRAP,	/* not executed; h->trap says why */
	DONE_LEAVE,	/* executed, but the rest of the block may be out of date */
	DONE_STOP_HERE, /* not executed: there may be a stop address here */
	DONE_MOVED,	/* not executed: the page is not in the TLB's entry it looked at */
	DONE_MISSED,	/* not executed: the page is not in the TLB */
	DONE_SLOW,	/* not executed: it takes a call */
};

enum {
	/* hart.r: x registers, f registers, pc, fcsr, and one that takes what is written to x0 */
	R_F = 32,
	R_SINK = sizeof(struct regs) / sizeof(uint64_t),
	R_COUNT = R_SINK + 1,

	JUMP_BITS = 11,
	STOPS_MAX = 256,
	WATCHES_MAX = 64,
};

/* From an address to its block, for jumps that have no link. */
struct jump {
	uint64_t pc, gen;
	union slot *to;
};

struct stop {
	unsigned asid;
	uint64_t va;
};

/* Bytes [start, end) that a debugger watches. */
struct watch {
	unsigned asid;
	uint64_t start, end;
	bool read, write;
};

struct hart {
	union {
		struct regs regs;
		uint64_t r[R_COUNT];
	};
	uint64_t context;  /* the current one, shifted to its place in a key; constant in exec_run */
	uint64_t jump_gen; /* entries of jumps with another gen are void */
	uint64_t clock;	   /* instructions retired, plus the budget left: constant in exec_run */
	uint32_t rm_fast;  /* RM_DYN when the unit has the mode of frm, else no value of rm */
	uint64_t value;	   /* what mem_load read */
	uint64_t result;   /* of an instruction done slowly */
	struct {	   /* where exec_run was left, and what its handlers hand on */
		union slot *op;
		int64_t left;
		uint64_t last;
	} at;
	struct trap trap;

	struct machine *m;
	uint64_t satp;
	uint64_t retired;
	uint64_t time_offset;
	uint64_t miss_count;
	volatile bool stop_asked;
	struct fp_host fp_host;

	/* The reservation of LR. size 0: none. */
	uint64_t reserved_va, reserved_pa;
	unsigned reserved_size;

	struct stop stops[STOPS_MAX];
	unsigned stop_count;
	struct stop stopped; /* where the last TRAP_STOP was: a run from there steps off it; va 1: nowhere */

	/* What is watched is in no TLB. Code that comes to it is left before the instruction, which
	 * is then executed alone (stepping), and noted in watched: there it can be told exactly. */
	struct watch watches[WATCHES_MAX];
	unsigned watch_count;
	bool stepping;
	struct {
		bool hit;
		unsigned did; /* enum hart_watched */
		uint64_t va;
	} watched;

	/* Observed harts fill no TLB and run one instruction at a time. */
	void (*seen)(void *ctx, uint64_t va, enum mmu_access access);
	void *seen_ctx;
	uint64_t seen_page;
	int seen_access; /* -1: nothing yet */

	struct block *scratch; /* for parts of blocks, and instructions that cross a page */
	struct tlb_entry load[TLB_SIZE], store[TLB_SIZE];
	struct jump jumps[1 << JUMP_BITS];
	struct tlb tlb;
};

struct machine {
	struct ram ram;
	unsigned hart_count;
	struct hart **harts;
	struct code code;
	uint8_t *stored; /* per frame: it may be in some store table */
	uint64_t gens;	 /* last jump_gen given out */
};

static inline uint64_t hart_key(const struct hart *h, uint64_t va)
{
	return page_down(va) | h->context;
}

static inline struct jump *hart_jump(struct hart *h, uint64_t pc)
{
	return &h->jumps[(pc >> 1 ^ pc >> 12) & ((1 << JUMP_BITS) - 1)];
}

/* The first byte of a frame. */
static inline uint8_t *machine_frame(const struct machine *m, uint64_t frame)
{
	return m->ram.bytes + (frame << PAGE_SHIFT);
}

/* Tells the observer, if any, of a reference that happens. */
void hart_saw(struct hart *h, uint64_t va, enum mmu_access access);

/* Sets h->trap for a failed translation and returns DONE_TRAP. */
enum done hart_fault(struct hart *h, enum mmu_result result, uint64_t va, enum mmu_access access);

/* Is any of these bytes watched? */
static inline bool hart_watches(const struct hart *h, uint64_t start, uint64_t size)
{
	for (unsigned i = 0; i < h->watch_count; i++)
		if (h->watches[i].asid == (h->satp >> 44 & 0xffff) &&
		    start < h->watches[i].end && h->watches[i].start < start + size)
			return true;
	return false;
}

/* mem.c: the access missed the TLB, or is not aligned. size: 1, 2, 4 or 8; it may cross a page.
 * DONE_STOP_HERE: it is watched, and must be executed alone. */
enum done mem_load(struct hart *h, uint64_t va, unsigned size); /* into h->value */
enum done mem_store(struct hart *h, uint64_t va, unsigned size, uint64_t value);

/* Where an aligned read-modify-write happens, or NULL after setting h->trap. *ret_done is what the
 * instruction returns when it is complete. */
void *mem_atomic(struct hart *h, uint64_t va, unsigned size, enum done *ret_done);
/* LR into h->value; SC, *ret_failed 0 or 1. The address is aligned. */
enum done mem_reserve(struct hart *h, uint64_t va, unsigned size);
enum done mem_conditional(struct hart *h, uint64_t va, unsigned size, uint64_t value,
			  uint64_t *ret_failed);
/* The frame is about to be written: reservations in it, but for h's own, are void. */
void mem_break_reservations(struct machine *m, const struct hart *h, uint64_t pa, uint64_t size);

/* csr.c: -1 when there is no such register, or it cannot be written. now: instructions retired. */
int csr_read(struct hart *h, unsigned csr, uint64_t now, uint64_t *ret_value);
int csr_write(struct hart *h, unsigned csr, uint64_t value);
/* The unit follows fcsr from here to fp_finish, and gathers flags. */
void csr_fp_start(struct hart *h);
void csr_fp_finish(struct hart *h);

/* Traps as an illegal instruction. */
enum done hart_illegal(struct hart *h, const union slot *op);

/* Runs from op, or from regs.pc when op is NULL, with at most *left + CODE_INSNS_MAX instructions:
 * the first block that ends with *left below 0 is the last one. Sets regs.pc. */
enum exec_exit { EXEC_TRAP, EXEC_BUDGET, EXEC_STEP, EXEC_STOP, EXEC_ON /* inside only */ };
enum exec_exit exec_run(struct hart *h, union slot *op, int64_t *left);

#endif
