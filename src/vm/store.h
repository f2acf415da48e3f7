/* SPDX-License-Identifier: MIT */
/* store.h - where swapped pages go: the device beneath the slots
 *
 * A store keeps pages by slot number, 0 to slots - 1. A transfer is started by submit and ends with
 * finish, which waits for it. When it ends for the machine is the device model's affair, in virtual
 * time; so a store may do the work in either call, or between them, and how long the host takes is
 * never seen. The paging system keeps the checksums: a store need not notice that it returns the
 * wrong bytes.
 *
 * The caller owns transfers, and the memory they name, until finish has returned. A slot is in at
 * most one transfer at a time.
 */
#ifndef VM_STORE_H
#define VM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

struct store; /* each store's own */

enum { STORE_CLUSTER = 16 }; /* pages of one transfer at most: 64 KiB */

struct store_transfer {
	uint32_t slot;	/* the first */
	uint32_t pages; /* neighbouring slots, 1 to STORE_CLUSTER */
	bool write;
	uint8_t *bytes[STORE_CLUSTER]; /* one page each */
	uint64_t delay; /* ns, 0 before submit, which may add: it ends so much later than the device says */
	int error;		       /* the store's, between submit and finish */
	void *own;		       /* the store's, as above */
};

/* What a store may take from the machine: compressed RAM lies in the machine's own frames. */
struct store_env {
	const struct alloc *alloc;
	void *ctx;
	/* A zeroed frame for the store itself, or NULL: none is free just now. Never evicts. */
	uint8_t *(*frame_take)(void *ctx, uint32_t *ret_frame);
	void (*frame_give)(void *ctx, uint32_t frame);
	unsigned frames; /* how many frame_take will give at least, when a write needs them */
};

struct store_usage {
	uint64_t stored; /* pages that are kept now */
	uint64_t bytes;	 /* what they take up; less than stored pages where compressed */
	uint32_t frames; /* of the machine's own */
};

struct store_ops {
	const char *name;    /* what stands before the colon of --swap */
	const char *summary; /* one line for the man page */
	/* Does it keep pages in the machine's own frames? NULL: never. */
	bool (*takes_frames)(const struct store *s);
	/* params: what stood after the colon, NULL if nothing. Returns 0, or a negative errno with a
	 * sentence in ret_why (whys bytes) that names the thing, the reason and the remedy. */
	int (*open)(const struct store_env *env, const char *params, struct store **ret_store, char *ret_why,
		    unsigned whys);
	/* No transfer is under way. */
	void (*close)(struct store *s);
	uint32_t (*slots)(const struct store *s);
	/* Cannot fail: an error is finish's to tell. */
	void (*submit)(struct store *s, struct store_transfer *t);
	/* Waits for t. Returns 0; -EIO; -ENOSPC (a write found no room: try another store). */
	int (*finish)(struct store *s, struct store_transfer *t);
	/* The contents of the slot are no longer wanted. */
	void (*discard)(struct store *s, uint32_t slot);
	void (*usage)(const struct store *s, struct store_usage *ret_usage);
	/* Why the last transfer that failed did, a sentence without a full stop; "": none failed.
	 * NULL: the store never knows. */
	const char *(*why)(const struct store *s);
};

#endif
