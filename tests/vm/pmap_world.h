/* SPDX-License-Identifier: MIT */
/* pmap_world.h - a small machine for tests of pmaps and of all of vm on top of them
 *
 * One kind of world for each implementation of pmap_ops; a machine only where it is needed. Host
 * memory is counted, and any single allocation can be made to fail.
 */
#ifndef TESTS_PMAP_WORLD_H
#define TESTS_PMAP_WORLD_H

#include "pmap/soft.h"
#include "pmap/sv.h"
#include "vm/mm.h"

enum world_kind { WORLD_SOFT, WORLD_SV39, WORLD_SV48, WORLD_SV57, WORLD_KINDS };
extern const char *const world_name[WORLD_KINDS];

struct world {
	enum world_kind kind;
	struct mm *mm;
	const struct pmap_ops *ops;
	struct machine *machine; /* NULL: soft */
	uint8_t *ram;            /* soft's own */
	struct sv_config sv;
	struct events events;
	struct host host;
	uint64_t now, seed;
	/* Allocations. fail_in: how many succeed before one fails; -1: all do. */
	int64_t fail_in;
	bool failed;    /* one did */
	uint64_t gets;  /* how many there were */
	uint64_t bytes; /* not yet given back */
};

struct world_options {
	const struct policy_ops *policy; /* NULL: world_policy */
	const char *policy_params;
	struct swap_config swap;
	struct local_config local;
	bool exact_refs;
	uint32_t low, high;
};

/* Exits where the host has no memory: a test cannot go on. */
void world_begin_as(struct world *w, enum world_kind kind, uint32_t frames,
		    const struct world_options *o);
void world_begin(struct world *w, enum world_kind kind, uint32_t frames);
/* Checks nothing but frees all; w->bytes is then what leaked. */
void world_end(struct world *w);

/* A frame that belongs to an anon of the test, and its way back. */
uint32_t world_frame(struct world *w);
void world_frame_free(struct world *w, uint32_t frame);

/* Enters a page with what it takes. Returns 0 or reserve_make's error. */
int world_enter(struct world *w, struct pmap *p, uint64_t va, uint32_t frame, unsigned prot,
		enum resident as);
/* Shares one span. */
int world_share(struct world *w, struct pmap *parent, struct pmap *child, uint64_t va);

/* First in, first out: the policy of these tests. */
extern const struct policy_ops world_policy;

#endif
