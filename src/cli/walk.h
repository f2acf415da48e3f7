/* SPDX-License-Identifier: MIT */
/* walk.h - how one virtual address becomes a physical one
 *
 * walk_take looks once, when the run is at the point that --at names, and keeps what it saw; the
 * printers in walk_text.c know nothing of the machine.
 */
#ifndef CLI_WALK_H
#define CLI_WALK_H

#include <stdio.h>

#include "kernel/kernel.h"
#include "machine/mmu.h"

enum { PLACES_MAX = 64 };

struct walk_touch {
	bool fault; /* else the hardware does it */
	struct fault_plan plan;
};

struct walk {
	int32_t pid;
	unsigned word; /* which of the addresses that were asked for */
	bool found;    /* the word means something in this process */
	uint64_t va;
	char name[64];       /* of the process */
	char symbol[128];    /* "" if there is none */
	char what[128];      /* "libc.so.6 text", or "no region" */
	uint64_t start, end; /* of the region */
	char perms[5];       /* "" without a region */
	enum mmu_mode mode;
	uint64_t root; /* frame of the root table */
	struct mmu_walk walk;
	uint32_t frame; /* if the walk arrived */
	enum frame_kind kind;
	unsigned places,
	    processes; /* entries that map the frame, and processes that they belong to */
	struct pmap_place place[PLACES_MAX];
	struct walk_touch touch[3]; /* by enum access */
	uint32_t slot; /* where the contents are, if they are in swap only; 0: they are not */
};

/* word "libc": number n of those asked for. */
struct symbol_cache;
void walk_take(struct kernel *k, struct symbol_cache *c, struct process *p, const char *word,
	       unsigned n, struct walk *ret_walk);

void walk_print(FILE *f, const struct walk *w, const char *word);
void walk_print_brief(FILE *f, const struct walk *w, unsigned count, char *const *words);
void walk_print_json(FILE *f, const struct walk *w, unsigned count, char *const *words);

#endif
