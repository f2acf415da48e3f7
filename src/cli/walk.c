/* SPDX-License-Identifier: MIT */
#include "cli/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/symbol.h"
#include "cli/verb.h"
#include "pmap/sv.h"

enum { WORDS_MAX = 16 };

struct walks {
	char *words[WORDS_MAX];
	unsigned words_count, count, room;
	struct walk *walk;
};

/* --- looking --------------------------------------------------------------------------------- */

static void take_region(struct kernel *k, struct process *p, struct walk *w)
{
	struct region_lines lines;
	snprintf(w->what, sizeof(w->what), "no region");
	if (region_lines_read(k, p, &lines) < 0)
		return;
	const struct region_line *l = region_lines_at(&lines, w->va);
	if (l) {
		region_describe(l, w->what, sizeof(w->what));
		w->start = l->start;
		w->end = l->end;
		memcpy(w->perms, l->perms, sizeof(w->perms));
	}
	region_lines_finish(&lines);
}

static void take_frame(struct kernel *k, struct walk *w)
{
	w->frame = (uint32_t)(w->walk.pa >> PAGE_SHIFT);
	w->kind = frame_at(k->mm, w->frame)->kind;
	/* The zero frame has no reverse map: it may be anywhere any number of times. */
	if (w->kind == FRAME_ZERO)
		return;
	w->places = k->mm->pmap->places(k->mm, w->frame, w->place, PLACES_MAX);
	unsigned shown = w->places < PLACES_MAX ? w->places : PLACES_MAX;
	for (unsigned i = 0; i < shown; i++) {
		unsigned j = 0;
		while (j < i && w->place[j].space != w->place[i].space)
			j++;
		w->processes += j == i;
	}
}

/* What an access would do: the hardware does it if the entry allows it, else it is a fault. */
static void take_touch(struct process *p, struct walk *w, enum access access)
{
	static const uint64_t bit[] = {
	    [ACCESS_READ] = PTE_R, [ACCESS_WRITE] = PTE_W, [ACCESS_EXEC] = PTE_X};
	struct walk_touch *t = &w->touch[access];
	uint64_t leaf = w->walk.steps ? w->walk.step[w->walk.steps - 1].pte : 0;
	t->fault = w->walk.result != MMU_OK || !(leaf & bit[access]) || !(leaf & PTE_U);
	if (t->fault) {
		struct fault_request q = {.va = w->va, .access = access, .by = BY_PROGRAM};
		fault_plan(p->space, &q, &t->plan);
	}
}

void walk_take(struct kernel *k, struct symbol_cache *c, struct process *p, const char *word,
	       unsigned n, struct walk *ret_walk)
{
	struct walk *w = ret_walk;
	*w = (struct walk){.pid = p->pid, .word = n, .mode = k->config.mode};
	snprintf(w->name, sizeof(w->name), "%s", process_name(p));
	w->found = symbol_address(c, p, word, &w->va);
	if (!w->found)
		return;
	uint64_t satp = sv_satp(p->space->pmap);
	w->root = satp & ((UINT64_C(1) << 44) - 1);
	take_region(k, p, w);
	if (!symbol_text(c, p, w->va, w->symbol, sizeof(w->symbol)))
		w->symbol[0] = 0;
	mmu_walk(machine_ram(k->machine), satp, w->va, &w->walk);
	if (w->walk.result == MMU_OK)
		take_frame(k, w);
	for (enum access a = ACCESS_READ; a <= ACCESS_EXEC; a++)
		take_touch(p, w, a);
	const struct anon *anon =
	    w->touch[ACCESS_READ].fault ? w->touch[ACCESS_READ].plan.anon : NULL;
	w->slot = anon && anon->frame == NO_FRAME ? anon->slot : 0;
}

/* --- the verb -------------------------------------------------------------------------------- */

static void walk_look(struct session *s, struct process *p)
{
	struct walks *ws = s->ctx;
	for (unsigned i = 0; i < ws->words_count; i++) {
		if (ws->count == ws->room) {
			unsigned room = ws->room ? 2 * ws->room : 8;
			struct walk *more = realloc(ws->walk, room * sizeof(*more));
			if (!more)
				return;
			ws->walk = more;
			ws->room = room;
		}
		walk_take(s->kernel, s->symbols, p, ws->words[i], i, &ws->walk[ws->count++]);
	}
}

static int by_word_and_pid(const void *a, const void *b)
{
	const struct walk *x = a, *y = b;
	if (x->word != y->word)
		return x->word < y->word ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int walk_end(struct session *s, int status)
{
	struct walks *ws = s->ctx;
	if (ws->count)
		qsort(ws->walk, ws->count, sizeof(*ws->walk), by_word_and_pid);
	for (unsigned i = 0; i < ws->count; i++) {
		const struct walk *w = &ws->walk[i];
		if (!w->found) {
			say("%s: %s (pid %d) has no symbol, region or file of that name; carrel "
			    "maps shows what it has",
			    ws->words[w->word], w->name, w->pid);
			status = STATUS_CARREL << 8;
		}
	}
	if (s->o->json) {
		walk_print_json(s->out, ws->walk, ws->count, ws->words);
	} else if (s->o->brief) {
		walk_print_brief(s->out, ws->walk, ws->count, ws->words);
	} else {
		bool first = true;
		for (unsigned i = 0; i < ws->count; i++) {
			if (!ws->walk[i].found)
				continue;
			fputs(first ? "" : "\n", s->out);
			walk_print(s->out, &ws->walk[i], ws->words[ws->walk[i].word]);
			first = false;
		}
	}
	return status;
}

/* "0x2002a0,libc" */
static int split(struct walks *ws, char *words)
{
	char *rest = words;
	for (char *word; (word = strsep(&rest, ","));) {
		if (!*word)
			continue;
		if (ws->words_count == WORDS_MAX)
			return say("more than %d addresses to walk to", WORDS_MAX);
		ws->words[ws->words_count++] = word;
	}
	return ws->words_count
		   ? -1
		   : say("carrel walk wants an address: 0x2002a0, main, heap, stack, libc");
}

int verb_walk(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .look = walk_look, .end = walk_end, .ctrl_c_ends = true};
	struct options o;
	struct walks ws = {0};
	const char *operand = NULL;
	int at = 0, r = session_options(&o, argc, argv, &operand, &at);
	char *words = r < 0 ? strdup(operand) : NULL;
	if (r < 0)
		r = words ? split(&ws, words) : say("no memory");
	if (r < 0) {
		if (!o.pid_given && o.brief)
			o.pid = PID_ALL;
		r = session_main(&o, &hooks, &ws, argv + at);
	}
	free(ws.walk);
	free(words);
	options_finish(&o);
	return r;
}
