/* SPDX-License-Identifier: MIT */
/* symbols.h - the names in one ELF file
 *
 * Addresses here are those of the file, as its program headers have them; who knows where the file
 * is loaded adds the difference. Whatever the file holds, nothing worse comes of it than no name.
 */
#ifndef OBSERVE_SYMBOLS_H
#define OBSERVE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;
struct symbols;

/* Takes over bytes (from malloc), also on failure. Returns 0, -ENOEXEC (no ELF file) or -ENOMEM. */
int symbols_open(void *bytes, size_t size, struct symbols **ret_symbols);
void symbols_close(struct symbols *s);

/* The page-aligned address of its first loaded byte. */
uint64_t symbols_base(const struct symbols *s);
/* Adds "main+0x1c (mem.c:9)", or less if less is known. False: nothing is. */
bool symbols_add(const struct symbols *s, uint64_t address, struct text *t);
/* function: only functions count. False: nothing is called so. */
bool symbols_find(const struct symbols *s, const char *name, bool function, uint64_t *ret_address);

#endif
