/* SPDX-License-Identifier: MIT */
/* store.h - where swapped pages go: the device beneath the slots
 *
 * A store keeps pages by slot number, 0 to slots - 1. Transfers are started by submit and end, in
 * any order, when poll hands them back; the paging system keeps the checksums, so a store need not
 * notice that it returns the wrong bytes. The caller owns the transfers and the memory they name
 * until they are handed back.
 */
#ifndef VM_STORE_H
#define VM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

struct store; /* each store's own */

struct store_transfer {
	uint32_t slot;	/* the first */
	uint32_t pages; /* neighbouring slots, 1 to 16 */
	bool write;
	uint8_t *bytes[16]; /* one page each */
	int error;	    /* set when it is handed back: 0 or -EIO, -ENOSPC */
	struct store_transfer *next; /* the store's, while under way */
};

struct store_ops {
	const char *name;    /* what stands before the colon of --swap */
	const char *summary; /* one line for the man page */
	/* Returns 0, or a negative errno with a sentence in ret_why (whys bytes). */
	int (*open)(const struct alloc *alloc, const char *params, struct store **ret_store, char *ret_why, unsigned whys);
	void (*close)(struct store *s);
	uint32_t (*slots)(const struct store *s);
	/* Never fails: an error comes back with the transfer. */
	void (*submit)(struct store *s, struct store_transfer *t);
	/* A finished transfer, or NULL. wait: block until there is one, if any is under way. */
	struct store_transfer *(*poll)(struct store *s, bool wait);
	/* The contents of the slot are no longer wanted. */
	void (*discard)(struct store *s, uint32_t slot);
};

#endif
