/* SPDX-License-Identifier: MIT */
/* symbol.h - names for addresses of a running program, and addresses for names
 *
 * The program's ELF files are read through their pagers, past the page cache, so that looking
 * changes nothing in the machine. Each file is read once in a run.
 */
#ifndef CLI_SYMBOL_H
#define CLI_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct process;
struct text;
struct symbol_cache;

/* Returns NULL when there is no memory; the others take that as no symbols. */
struct symbol_cache *symbol_cache_create(void);
void symbol_cache_destroy(struct symbol_cache *c);

/* Adds "main+0x1c (mem.c:9)". False: nothing is known of va. */
bool symbol_add(struct symbol_cache *c, struct process *p, uint64_t va, struct text *t);
/* The same as kernel_config.symbol, ctx being the cache. */
bool symbol_text(void *cache, struct process *p, uint64_t va, char *ret_text, unsigned size);
/* Where a function or variable lies: in the program first, then in its libraries in order of their
 * addresses. function: only functions. False: none is called so. */
bool symbol_find(struct symbol_cache *c, struct process *p, const char *name, bool function,
		 uint64_t *ret_va);

/* An address as a person writes it: a number, a symbol, heap, stack, or the beginning of a file's
 * name (libc: its first page of text), and any of them with +NUMBER. */
bool symbol_address(struct symbol_cache *c, struct process *p, const char *word, uint64_t *ret_va);

#endif
