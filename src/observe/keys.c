/* SPDX-License-Identifier: MIT */
#include "observe/keys.h"

#include <stdlib.h>

static int by_key(const struct key_note *a, const struct key_note *b)
{
	return (a->key > b->key) - (a->key < b->key);
}
RB_GENERATE_INTERNAL(keys, key_note, tree, by_key, __attribute__((unused)) static)

struct key_note *keys_find(struct keys *keys, uint64_t key)
{
	struct key_note wanted = {.key = key};
	return RB_FIND(keys, keys, &wanted);
}

struct key_note *keys_note(struct keys *keys, uint64_t key)
{
	struct key_note *k = keys_find(keys, key);
	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->key = key;
	RB_INSERT(keys, keys, k);
	return k;
}

void keys_forget(struct keys *keys, uint64_t key)
{
	struct key_note *k = keys_find(keys, key);
	if (k)
		RB_REMOVE(keys, keys, k);
	free(k);
}

void keys_finish(struct keys *keys)
{
	struct key_note *k;
	while ((k = RB_ROOT(keys))) {
		RB_REMOVE(keys, keys, k);
		free(k);
	}
}
