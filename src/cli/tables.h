/* SPDX-License-Identifier: MIT */
/* tables.h - the page tables of a space as they lie in RAM, for those who show them
 *
 * Nothing here asks the paging system: the entries are read where a hart reads them.
 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include "kernel/kernel.h"
#include "machine/mmu.h"

/* An entry that is not zero. */
struct table_entry {
	unsigned level, index; /* level 0: leaf tables */
	uint64_t va, pte;      /* va: the first address that it is for */
	bool down;             /* it points to a table */
};

/* Each entry of the tables of a space, an upper one before those below it. */
void tables_each(struct kernel *k, const struct space *s,
		 void (*seen)(void *ctx, const struct table_entry *e), void *ctx);
uint32_t tables_root(const struct space *s);
/* The frame of the leaf table for va, or NO_FRAME. */
uint32_t tables_leaf(struct kernel *k, const struct space *s, uint64_t va);

uint32_t pte_frame(uint64_t pte);
/* The low eight bits as the privileged specification orders them: "DAGUXWRV". */
void pte_flags(uint64_t pte, char ret_text[9]);
/* "Sv48" */
const char *mmu_mode_text(enum mmu_mode mode);
/* Bytes that an entry of a level is for. */
static inline uint64_t level_bytes(unsigned level)
{
	return (uint64_t)PAGE_SIZE << (9 * level);
}

#endif
