/* SPDX-License-Identifier: MIT */
/* sv.h - the page tables that the machine's MMU reads: Sv39, Sv48, Sv57
 *
 * The tables lie in the machine's RAM, one frame each, and are what a hart walks. Beside each leaf
 * table stand 512 links of host memory, which thread the mappings of a frame into a list:
 *
 *	frame.rmap -> (table, index) -> (table, index) -> ...	links of the leaf tables
 *	frame.rmap of a table's frame -> (upper table, index)	who points to this table: its owners
 *
 * so that every mapping is found from its frame, and every space from a shared table, by the same
 * means. Upper tables belong to one pmap; only leaf tables are shared.
 */
#ifndef PMAP_SV_H
#define PMAP_SV_H

#include "machine/hart.h"
#include "vm/pmap.h"

/* What mm_config.pmap_ctx points to for sv_ops; it must outlive the mm. */
struct sv_config {
	struct machine *machine; /* its RAM is the mm's */
	enum mmu_mode mode;
};

extern const struct pmap_ops sv_ops;

/* What a hart's satp must hold to run in this address space. */
uint64_t sv_satp(const struct pmap *p);
unsigned sv_asid(const struct pmap *p);

#endif
