/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "cli/explain.h"

static int by_key(const struct known_page *a, const struct known_page *b)
{
	return (a->key > b->key) - (a->key < b->key);
}
RB_GENERATE_INTERNAL(known_pages, known_page, tree, by_key, __attribute__((unused)) static)

struct known_page *pages_find(struct known_pages *pages, uint64_t key)
{
	struct known_page wanted = {.key = key};
	return RB_FIND(known_pages, pages, &wanted);
}

bool pages_note(struct known_pages *pages, uint64_t key, uint32_t frame, int32_t pid)
{
	struct known_page *k = pages_find(pages, key);
	if (k) {
		k->frame = frame;
		return true;
	}
	k = malloc(sizeof(*k));
	if (!k)
		return false;
	*k = (struct known_page){.key = key, .frame = frame, .pid = pid};
	RB_INSERT(known_pages, pages, k);
	return true;
}

void pages_forget(struct known_pages *pages, uint64_t key)
{
	struct known_page *k = pages_find(pages, key);
	if (k)
		RB_REMOVE(known_pages, pages, k);
	free(k);
}

void pages_finish(struct known_pages *pages)
{
	struct known_page *k;
	while ((k = RB_ROOT(pages))) {
		RB_REMOVE(known_pages, pages, k);
		free(k);
	}
}
