/* SPDX-License-Identifier: MIT */
/* keys.h - what an observer remembers of pages, by their keys
 *
 * Each observer uses the fields that it needs. Notes are the observer's until keys_finish.
 */
#ifndef OBSERVE_KEYS_H
#define OBSERVE_KEYS_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

struct key_note {
	uint64_t key;
	uint32_t frame; /* where the contents are, as far as is known */
	int32_t pid;    /* a process that it has to do with; 0: none */
	bool again; /* it came back, and nobody was charged for it yet */
	uint64_t took;  /* ns, of a transfer that nobody was charged for yet */
	RB_ENTRY(key_note) tree;
};
RB_HEAD(keys, key_note);

/* NULL: there is none. */
struct key_note *keys_find(struct keys *keys, uint64_t key);
/* The note of this key, a new one if need be. NULL: no memory. */
struct key_note *keys_note(struct keys *keys, uint64_t key);
void keys_forget(struct keys *keys, uint64_t key);
void keys_finish(struct keys *keys);

#endif
