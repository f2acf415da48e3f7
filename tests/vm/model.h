/* SPDX-License-Identifier: MIT */
/* model.h - the paging system against a flat model of what a program may see
 *
 *	model.c		sequences of operations, and what to do with one that fails: shrink it
 *	model_ops.c	each operation, done to the model and to the system: accesses, mapping,
 *			processes
 *	model_range.c	those on ranges that stay or move
 *	model_object.c	files and shared memory; how a world begins and ends
 *	model_check.c	does the system show what the model says?
 *
 * The model has an array of pages for each space: permissions, what backs the page, and four bytes
 * of its contents. It knows nothing of frames, faults, sharing or tables. Operations are numbers
 * that mean something in any state, so that one can be left out and the rest still runs.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "pmap_world.h"

/* Spaces end 40 pages into the span after a whole one; before it lies a boundary of every level of
 * page tables. */
enum { EDGE = 40, PAGES = EDGE + SPAN_PAGES + EDGE, SPACES = 4, PROBES = 4, BRK_PAGE = 20 };
/* Objects 0 and 1 are files, 2 and 3 shared memory. */
enum { OBJECTS = 4, FILES = 2, OBJECT_PAGES = 48 };

extern const unsigned probe_at[PROBES]; /* which bytes of a page the model knows */

enum op_kind {
	OP_WRITE,
	OP_READ,
	OP_EXEC,
	OP_MAP,
	OP_UNMAP,
	OP_PROTECT,
	OP_FORK,
	OP_EXIT,
	OP_BRK,
	OP_REMAP,
	OP_ADVISE,
	OP_POPULATE,
	OP_SYNC,
	OP_LOCK,
	OP_LOCK_ALL,
	OP_SEAL,
	OP_INCORE,
	OP_OPEN,
	OP_RESIZE,
	OP_REMOVE,
	OP_HARVEST,
	OP_TRACK,
	OP_KINDS
};

/* The numbers are taken modulo whatever there is. */
struct op {
	uint8_t kind, space, mode;
	uint8_t io;  /* 1: reading files fails during it; 2: writing them does */
	int8_t fail; /* the allocation that fails; -1: none */
	uint16_t page, pages, to;
	uint32_t value;
};

struct model_page {
	bool mapped, shared;
	uint8_t prot, prot_max;
	bool dont_fork, wipe, sealed, locked, on_fault; /* on_fault: locked so that nothing is brought in */
	bool barred; /* a guard page */
	int8_t object; /* -1: none */
	uint16_t index;
	bool own; /* private contents, in bytes; else what lies beneath */
	bool given_up; /* by MADV_FREE, and not written since: zeros will do as well */
	uint8_t bytes[PROBES];
};

struct model_space {
	struct space *space; /* NULL: this one does not exist */
	uint64_t brk;
	struct model_page page[PAGES];
};

struct model_object {
	struct object *object; /* NULL: not alive */
	bool open;             /* the test has a reference */
	unsigned pages;        /* its size */
	uint8_t bytes[OBJECT_PAGES][PROBES];
	uint8_t (*disk)[PAGE_SIZE]; /* of a file; what the pager reads and writes */
	struct model *model;
};

struct model {
	struct world world;
	struct mm *mm;
	uint64_t base; /* address of page 0 */
	bool verbose;
	unsigned io; /* of the current op */
	int32_t last_pid;
	struct model_space space[SPACES];
	struct model_object object[OBJECTS];
	unsigned first, last;   /* pages that the current op may have changed */
	char text[256];         /* what the current op is */
	char why[512];          /* what does not hold; "" while all does */
	uint64_t done, refused; /* operations that succeeded, and not */
};

void model_begin(struct model *m, uint64_t seed, bool verbose);
/* Does one operation and checks; false: m->why says what does not hold. */
bool model_op(struct model *m, const struct op *op);
/* Gives everything back, and checks that all of it came back and nothing that was stored is
 * lost. */
bool model_end(struct model *m);

/* Says what is wrong, once; returns false. */
bool model_wrong(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Could an operation fail now for want of memory? */
bool model_starved(struct model *m);
bool model_check(struct model *m);
bool model_check_page(struct model *m, const struct model_space *s, unsigned page);
/* A page that was given up and shows zeros has lost its contents for good. bytes: of all of it. */
void model_settle(struct model_page *p, const uint8_t *bytes);
/* The bytes that a page shows. */
const uint8_t *model_bytes(const struct model *m, const struct model_page *p);
/* Does it lie beyond the end of its object? */
bool model_beyond(const struct model *m, const struct model_page *p);

static inline uint64_t model_va(const struct model *m, unsigned page)
{
	return m->base + (uint64_t)page * PAGE_SIZE;
}

#endif
