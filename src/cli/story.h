/* SPDX-License-Identifier: MIT */
/* story.h - the life of one page, for those who ask while the program is stopped */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include <stddef.h>

struct event;
struct kernel;
struct process;
struct story;
struct symbol_cache;
struct text;

/* Keeps at most that many events, the last ones; 0: all. Returns NULL when there is no memory. */
struct story *story_create(size_t most);
void story_destroy(struct story *st);
void story_keep(struct story *st, const struct event *e);
/* Adds the story of the page that word names in p, which has an address space. */
void story_text(struct story *st, struct kernel *k, struct symbol_cache *symbols, struct process *p, const char *word,
		struct text *ret_text);

#endif
