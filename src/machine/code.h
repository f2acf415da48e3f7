/* SPDX-License-Identifier: MIT */
/* code.h - guest code decoded once and run many times
 *
 * A block is the way from one address through a page: it goes on past branches that are not taken
 * and along jumps within the page, until an indirect jump, a system call, the end of the page, or
 * CODE_INSNS_MAX instructions. It is an array of slots; an operation takes one or more:
 *
 *	operation   run, imm, rd, rs1, rs2	all have it; loads and stores have an offset, and
 *						the place of their page in the TLB, for imm
 *	link	    run, to			jumps: the block it goes to; at first the link
 *						itself, whose run then finds that block
 *	value	    target, constant		jumps: where to; jal, jalr, auipc: the result;
 *						branches: how many instructions end with it
 *
 * Code is keyed by frame and virtual page:
 *
 *	code.of_frame[frame] --> page (frame, va) --> page (frame, other va) --> 0
 *				  at[offset / 2] = block, or 0
 *
 * Links stay within a page, so they hold as long as the page's code does. Jumps to other pages go
 * through the jump cache, which is TLB state. An instruction that crosses a page is never in a
 * block of a page; hart_run steps over it.
 *
 * code_forget makes the first operation of each block of a frame "stale": who still holds a
 * pointer to it comes there, and looks again. The memory is used again only when it is full, and
 * then everything is forgotten, jump caches too.
 *
 * Counted: blocks_decoded; blocks_forgotten.
 */
#ifndef MACHINE_CODE_H
#define MACHINE_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "machine/insn.h"

enum {
	CODE_INSNS_MAX = 64,
	CODE_SLOTS_MAX = 3 * CODE_INSNS_MAX + 3,
	CODE_ARENA_SLOTS = 1 << 21, /* 32 MiB, touched as it fills */
	CODE_PAGES = 4096,
};

union slot;
struct hart;

/* Runs from an operation on until exec_run is left. left: instructions of the budget; last: the
 * result of the operation before; context: that of the hart. */
typedef int exec_handler(union slot *op, struct hart *h, int64_t left, uint64_t last, uint64_t context);

union slot {
	struct {
		exec_handler *run;
		union {
			int32_t imm;
			struct {
				int16_t offset;
				uint16_t window;
			};
		};
		uint8_t rd, rs1, rs2; /* indices into hart.r */
		uint8_t at;	      /* index in its block */
	};
	struct {
		exec_handler *link_run;
		union slot *to;
	};
	struct {
		uint64_t target, constant;
	};
};

/* What a slot stands for, looked up when something unusual happens. */
struct where {
	uint16_t offset; /* in the page */
	uint8_t before;	 /* instructions of the block that come before it */
	uint8_t length;	 /* of the instruction */
};

struct block {
	uint64_t va; /* of the page */
	uint64_t frame;
	struct where *where;
	uint32_t word; /* the instruction, when it is a single one that crosses the page */
	uint32_t slots;
	union slot op[];
};

struct code_page {
	uint64_t frame, va;
	uint32_t next; /* of the same frame, or of the free ones; 0 ends */
	uint32_t at[PAGE_SIZE / 2];
};

struct code {
	union slot *arena;
	uint32_t used;
	uint32_t *of_frame;
	struct code_page *pages; /* 1 to CODE_PAGES */
	uint32_t pages_used, pages_free;
	uint64_t resets; /* times the arena was emptied */
	uint64_t decoded, forgotten;
};

struct machine;

static inline struct block *code_block(const union slot *op)
{
	return (struct block *)((uintptr_t)(op - op->at) - offsetof(struct block, op));
}

static inline const struct where *code_where(const union slot *op)
{
	return &code_block(op)->where[op->at];
}

static inline uint64_t code_pc(const union slot *op)
{
	return code_block(op)->va + code_where(op)->offset;
}

int code_init(struct machine *m);
void code_finish(struct machine *m);

/* The block at pc, which lies in frame; decodes it when needed. NULL when the instruction there
 * crosses the page. May empty the arena: code.resets tells. */
union slot *code_find(struct machine *m, uint64_t frame, uint64_t pc);

/* Decodes at most limit instructions into b, which has room for CODE_SLOTS_MAX. second: the bytes
 * of the next page when the first instruction crosses, else NULL. Knows no stop addresses. */
union slot *code_scratch(struct machine *m, struct block *b, uint64_t frame, uint64_t pc,
			 unsigned limit, const uint8_t *second);
struct block *code_scratch_create(void);

/* Does decoded code come from this frame? */
static inline bool code_holds(const struct code *code, uint64_t frame)
{
	return code->of_frame[frame] != 0;
}

/* Forgets the code of a frame, or all. */
void code_forget(struct machine *m, uint64_t frame);
void code_reset(struct machine *m);

/* Where an operation finds its operands. The result of the operation before it (if that writes a
 * register) is still in a register of the host; taking it from there spares a round trip through
 * memory on the critical path. Every operation has an implementation for SOURCE_REGS. */
enum code_source {
	SOURCE_REGS, /* all from hart.r */
	SOURCE_1,    /* rs1 is the last result */
	SOURCE_2,
	SOURCE_3,
	SOURCE_SAME,   /* rs1 is rd, too: a field less to read */
	SOURCE_2_SAME, /* rs2 is the last result, and rs1 is rd */
	SOURCES,
};

/* exec.c: where each operation is implemented; NULL where a source makes no difference. */
extern exec_handler *const exec_handlers[INSN_COUNT][SOURCES];
exec_handler exec_unlinked, exec_far, exec_stale;

/* How many slots an operation takes, and whether it writes rd. */
extern const uint8_t insn_slots[INSN_COUNT];
extern const bool insn_writes[INSN_COUNT];

/* An operation to be fused with its neighbours. */
struct fuse_part {
	uint8_t id, slot; /* slot: in its block */
	uint8_t source;
	bool dead; /* its result is only read as the last one, by the next, which overwrites it */
};

/* How to run an operation: with the count - 1 operations after it. */
struct fuse_choice {
	exec_handler *run;
	unsigned count;
	unsigned cost; /* of all from here on, in some unit */
};

/* fuse.c: the cheapest way to run n operations in a row. ret_choices has room for n + 1; those that
 * another one covers are to be ignored, until an exit in its midst continues there. */
void fuse_choose(const struct fuse_part *part, unsigned n, struct fuse_choice *ret_choices);

#endif
