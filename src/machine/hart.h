/* SPDX-License-Identifier: MIT */
/* hart.h - a machine: RAM and the harts that run programs on it
 *
 * A hart is one RV64GC processor in user mode. It runs until an instruction traps or until its
 * budget of instructions is used up, and then says why it stopped; state at a trap is precise: pc
 * names the instruction that trapped, nothing of it has happened (but for an A bit that its
 * translation set), everything before it has.
 *
 *	machine ---- ram
 *	   |
 *	   +-- hart ---- regs	the program's registers, copied in and out at a context switch
 *	         |
 *	         +------ tlb	translations: only with A set; for writing only with D set
 *	         +------ code	decoded superblocks, keyed by frame and virtual page
 *
 * TLB and code are caches of what RAM says. Who clears V, W, A or D of an entry must call
 * machine_flush_*, for an upper one once for each 2 MiB below it; who changes or reuses a frame by other means than a hart's store must call
 * machine_frame_changed. Both take effect before any hart's next instruction, and neither can be
 * seen by a program or in the event log.
 *
 * Breakpoints and counters of the engine live here, never in guest memory.
 */
#ifndef MACHINE_HART_H
#define MACHINE_HART_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/mmu.h"
#include "machine/ram.h"

/* What a program can see of a hart: 32 integer and 32 floating-point registers. f holds raw bits;
 * a single-precision value is NaN-boxed. x[0] is always 0. */
struct regs {
	uint64_t x[32];
	uint64_t f[32];
	uint64_t pc;
	uint32_t fcsr;
};

/* Register numbers that the kernel and the debugger name. */
enum { REG_RA = 1, REG_SP = 2, REG_GP = 3, REG_TP = 4, REG_A0 = 10, REG_A7 = 17 };

/* Why a hart stopped: exception codes of mcause, and two of our own. */
enum trap_cause {
	TRAP_FETCH_MISALIGNED = 0,
	TRAP_FETCH_ACCESS = 1,
	TRAP_ILLEGAL = 2, /* value: the instruction's bits */
	TRAP_BREAKPOINT = 3,
	TRAP_LOAD_ACCESS = 5, /* value: the address, here and below */
	TRAP_STORE_MISALIGNED = 6, /* atomics only; plain accesses may be misaligned */
	TRAP_LOAD_MISALIGNED = 4,  /* LR only */
	TRAP_STORE_ACCESS = 7,
	TRAP_ECALL = 8,
	TRAP_FETCH_PAGE = 12,
	TRAP_LOAD_PAGE = 13,
	TRAP_STORE_PAGE = 15,
	TRAP_BUDGET = 32, /* the budget is used up */
	TRAP_STOP = 33,	  /* hart_stop was called (value 0), or a stop address was reached (value: it) */
	TRAP_WATCH = 34,  /* an instruction that touched what is watched was executed (value: where) */
};

struct trap {
	enum trap_cause cause;
	uint64_t value; /* mtval */
};

struct machine;
struct hart;

/* Creates a machine of frames frames and harts harts (1 to 64). Returns 0 or -ENOMEM. */
int machine_create(uint64_t frames, unsigned harts, struct machine **ret_machine);
void machine_destroy(struct machine *m);
struct ram *machine_ram(struct machine *m);
struct hart *machine_hart(struct machine *m, unsigned n);

/* Forgets the translation of one page and where its leaf table lies, one address space, or all, on
 * every hart. */
void machine_flush_page(struct machine *m, unsigned asid, uint64_t va);
void machine_flush_space(struct machine *m, unsigned asid);
void machine_flush_all(struct machine *m);

/* The bytes of a frame changed, or are about to, other than by a hart's own store: code decoded
 * from it is forgotten. Cheap when the frame holds no code. */
void machine_frame_changed(struct machine *m, uint64_t frame);

/* The program's registers; valid while the hart is not running, and live across runs. */
struct regs *hart_regs(struct hart *h);

/* Chooses the address space; costs nothing when it is the same. Also drops an LR reservation, as a
 * context switch does. */
void hart_set_satp(struct hart *h, uint64_t satp);

/* Runs at most budget instructions and returns why it stopped. An ecall or ebreak has not advanced
 * pc and is not yet counted as retired: call hart_retire when it is done.
 * TRAP_BUDGET comes after exactly budget retired instructions, at any budget down to 1. */
struct trap hart_run(struct hart *h, uint64_t budget);

/* Counts an instruction that the kernel finished for the program (ecall): pc += 4. */
void hart_retire(struct hart *h);

/* Instructions retired by this hart since it was created. */
uint64_t hart_retired(const struct hart *h);

/* rdcycle and rdinstret read the instructions retired; rdtime reads (retired + offset) / 100, the
 * 10 MHz timebase of a hart that retires one instruction a nanosecond. */
void hart_set_time_offset(struct hart *h, uint64_t ns);

/* A stop address: hart_run returns TRAP_STOP before the instruction at va in this address space is
 * executed, or found not to be there; the next run that begins there steps off it. At most 256.
 * Returns 0, -ENOSPC or -EEXIST. */
int hart_stop_at(struct hart *h, unsigned asid, uint64_t va);
/* Returns 0 or -ENOENT. */
int hart_stop_forget(struct hart *h, unsigned asid, uint64_t va);
/* The next run stops where the last one did, if there is a stop address. */
void hart_stop_again(struct hart *h);

/* Watches size bytes at va in this address space: hart_run returns TRAP_WATCH behind the instruction
 * that loaded from them (read), stored to them (write), or either. Their pages leave the TLB, so that
 * only accesses to those pages become slow. At most 64. Returns 0, -ENOSPC, -EINVAL (no bytes, or no
 * access) or -EEXIST. */
int hart_watch(struct hart *h, unsigned asid, uint64_t va, uint64_t size, bool read, bool write);
/* Returns 0 or -ENOENT: no watch of just that. */
int hart_watch_forget(struct hart *h, unsigned asid, uint64_t va, uint64_t size, bool read, bool write);
/* What the last TRAP_WATCH did there: an atomic instruction does both. */
enum hart_watched { HART_READ = 1, HART_WROTE = 2 };
unsigned hart_watched(const struct hart *h);

/* Makes a running hart_run return TRAP_STOP soon; safe from a signal handler. */
void hart_stop(struct hart *h);

/* What each figure counts is said in insn.def and tlb.h; for `stat` and the benchmarks. */
struct hart_stats {
	uint64_t tlb_misses;
	uint64_t blocks_decoded;
	uint64_t blocks_forgotten;
};
void hart_stats(const struct hart *h, struct hart_stats *ret_stats);

/* Calls seen(ctx, va, access) for every page reference of a program, repeated references to the
 * same page by consecutive accesses folded into one; NULL turns it off. Slow: for --refs exact. */
void hart_observe(struct hart *h, void (*seen)(void *ctx, uint64_t va, enum mmu_access access), void *ctx);

/* Writes the instruction at bytes (2 to 4 of them) as text, as objdump prints it without aliases.
 * Returns its length, 2 or 4; an unknown one becomes ".short 0x..." or ".word 0x...". */
unsigned insn_text(const uint8_t *bytes, uint64_t pc, char *ret_text, unsigned size);

#endif
