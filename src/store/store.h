/* SPDX-License-Identifier: MIT */
/* store.h - the kinds of stores, and how one is named
 *
 *	--swap none
 *	--swap file:PATH[,size=1G][,prio=N]
 *	--swap zram:SIZE[,dict=SIZE][,prio=N]
 *	--swap nbd:URI[,prio=N]
 *	--swap faulty[RULE,...]:STORE
 *
 * Options stand at the end, so that a path may have commas of its own. The interface is that of
 * vm/store.h: one file here for each kind.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "vm/store.h"

enum { STORE_PARAMS = 4096, STORE_PRIO_NONE = -1, STORE_PRIO_MAX = 32767 };

extern const struct store_ops store_file, store_zram, store_nbd, store_faulty;

/* All kinds that this build has; NULL at the end. */
extern const struct store_ops *const stores[];

/* What --swap said, taken apart. */
struct store_spec {
	const struct store_ops *ops; /* NULL: none */
	char params[STORE_PARAMS];   /* for ops->open, without prio */
	int prio;		     /* 0 to STORE_PRIO_MAX, or STORE_PRIO_NONE: in the order given */
};

/* Returns 0, or -EINVAL with a sentence in ret_why (whys bytes): which part, why, what is allowed. */
int store_parse(const char *text, struct store_spec *ret_spec, char *ret_why, unsigned whys);

/* An open store, for those who hold several kinds. */
struct store_opened {
	const struct store_ops *ops;
	struct store *store;
	int prio;
};

/* Parses and opens. Returns 0, or a negative errno with a sentence in ret_why. "none" is -EINVAL:
 * there is nothing to open. */
int store_open(const char *text, const struct store_env *env, struct store_opened *ret_opened, char *ret_why,
	       unsigned whys);

/* "none, file, zram, ...", into ret_names. */
void store_names(char *ret_names, unsigned size);

/* ---- For the stores themselves ---- */

/* Takes ",KEY=value" off the end of text, if it ends so, and returns value, else NULL. */
char *store_option(char *text, const char *key);
/* Writes the sentence. Returns error. */
int store_why(char *ret_why, unsigned whys, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A size in whole pages: at least one, and no more than slots can be numbered. Returns 0, or -EINVAL
 * with a sentence that names what it is the size of. */
int store_size(const char *what, const char *text, uint64_t *ret_bytes, char *ret_why, unsigned whys);

/* One bit for each slot that has contents. */
struct store_map {
	uint64_t *bits;
	uint32_t slots;
	uint64_t count; /* of them set */
};

/* Returns 0 or -ENOMEM. */
int store_map_init(struct store_map *m, const struct alloc *alloc, uint32_t slots);
void store_map_finish(struct store_map *m, const struct alloc *alloc);
void store_map_set(struct store_map *m, uint32_t slot, bool kept);

#endif
