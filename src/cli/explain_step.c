/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/explain.h"
#include "cli/json.h"
#include "cli/symbol.h"
#include "cli/tables.h"
#include "observe/event_text.h"
#include "pmap/sv.h"

enum { WIDTH = 100, INDENT = 4 };

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* --- made ------------------------------------------------------------------------------------ */

struct step *step_begin(struct explain *x, struct tale *t, const char *kind, uint64_t time,
			const char *title, ...)
{
	va_list args;
	if (t->steps == t->room) {
		unsigned room = t->room ? 2 * t->room : 16;
		struct step **more = realloc(t->step, room * sizeof(*more));
		x->failed = x->failed || !more;
		if (!more)
			return NULL;
		t->step = more;
		t->room = room;
	}
	struct step *s = malloc(sizeof(*s));
	x->failed = x->failed || !s;
	if (!s)
		return NULL;
	*s = (struct step){.kind = kind, .time = time, .title = TEXT, .body = TEXT};
	s->events = x->session->o->json ? json_array() : NULL;
	va_start(args, title);
	text_add_v(&s->title, title, args);
	va_end(args);
	t->step[t->steps++] = s;
	t->touches = NULL;
	return s;
}

static char last_char(const struct text *t)
{
	return t->size ? t->bytes[t->size - 1] : '\n';
}

void step_says(struct step *s, const char *format, ...)
{
	va_list args;
	if (!s)
		return;
	if (last_char(&s->body) != '\n')
		text_add(&s->body, " ");
	va_start(args, format);
	text_add_v(&s->body, format, args);
	va_end(args);
}

void step_break(struct step *s)
{
	if (s && last_char(&s->body) != '\n')
		text_add(&s->body, "\n");
}

void step_row(struct step *s, const char *format, ...)
{
	va_list args;
	if (!s)
		return;
	step_break(s);
	text_add(&s->body, "\t");
	va_start(args, format);
	text_add_v(&s->body, format, args);
	va_end(args);
	text_add(&s->body, "\n");
}

void step_event(struct step *s, const struct event *e)
{
	if (!s || !s->events)
		return;
	struct text t = TEXT;
	event_add_json(&t, e);
	json_array_append_new(s->events, json_loads(text_str(&t), 0, NULL));
	text_finish(&t);
}

void step_finish(struct step *s)
{
	text_finish(&s->title);
	text_finish(&s->body);
	json_decref(s->events);
}

/* --- shown ----------------------------------------------------------------------------------- */

void explain_wrap(FILE *f, const char *text, unsigned indent)
{
	while (*text) {
		size_t length = strlen(text), now = length, room = WIDTH - indent;
		if (length > room)
			for (now = room; now > 1 && text[now] != ' ';)
				now--;
		/* A word that is longer than a line stays whole. */
		if (now == 1)
			now = strcspn(text, " ");
		fprintf(f, "%*s%.*s\n", (int)indent, "", (int)now, text);
		text += now;
		text += *text == ' ';
	}
}

void step_print(FILE *f, const struct step *s, unsigned number)
{
	struct text time = TEXT;
	text_add_time(&time, s->time);
	fprintf(f, "\n%2u. %-*s  %12s\n", number, WIDTH - 4 - 14, text_str(&s->title),
		text_str(&time));
	text_finish(&time);
	char *body = strdup(text_str(&s->body)), *rest = body;
	for (char *line; body && (line = strsep(&rest, "\n"));) {
		if (line[0] == '\t')
			fprintf(f, "%*s%s\n", INDENT + 2, "", line + 1);
		else
			explain_wrap(f, line, INDENT);
	}
	free(body);
}

json_t *step_json(const struct step *s)
{
	json_t *lines = json_array();
	char *body = strdup(text_str(&s->body)), *rest = body;
	for (char *line; body && (line = strsep(&rest, "\n"));)
		if (*line)
			json_array_append_new(lines, json_text(line[0] == '\t' ? line + 1 : line));
	free(body);
	return json_pack("{s:s, s:I, s:o, s:o, s:O}", "kind", s->kind, "time", (json_int_t)s->time,
			 "title", json_text(text_str(&s->title)), "text", lines, "events",
			 s->events);
}

/* --- places ---------------------------------------------------------------------------------- */

static const char *const part_names[PARTS] = {
    "no region", "text",    "constants",        "data",          "bss",
    "[heap]",    "[stack]", "anonymous memory", "shared memory", "[vdso]"};

static bool in_program(const struct process *p, uint64_t va)
{
	return va >= p->data_start && va < page_up(p->data_end);
}

/* Zeroed data goes on where a file's writable data ends. */
static bool is_bss(const struct process *p, const struct region *r, uint64_t va)
{
	if (in_program(p, va))
		return true;
	const struct region *below = region_prev(r);
	return below && below->end == r->start && below->object && (below->prot & PROT_W) &&
	       !(below->flags & REGION_SHARED);
}

static enum part part_of(const struct explain *x, const struct process *p, const struct region *r,
			 uint64_t va)
{
	if (r->object && signal_is_trampoline(x->session->kernel, r->object))
		return PART_KERNEL;
	if (r->object && (r->object->kind == OBJECT_SHARED || r->flags & REGION_SHARED))
		return PART_SHARED;
	if (r->object)
		return r->prot & PROT_X ? PART_TEXT : r->prot & PROT_W ? PART_DATA : PART_CONSTANTS;
	if (r->flags & REGION_STACK || (r->start <= p->stack_start && p->stack_start < r->end))
		return PART_STACK;
	/* The heap may go on where the program's zeroed data ends, in one region with it. */
	if (space_is_heap(p->space, r))
		return va < p->space->brk_start ? PART_BSS : PART_HEAP;
	return is_bss(p, r, va) ? PART_BSS : PART_ANONYMOUS;
}

static enum role role_of(const struct tale *t, const struct region *r)
{
	if (!r->object)
		return ROLE_NONE;
	return r->object->serial == t->program  ? ROLE_PROGRAM
	       : r->object->serial == t->loader ? ROLE_LOADER
						: ROLE_OTHER;
}

void place_find(struct explain *x, const struct tale *t, struct process *p, uint64_t va,
		struct place *ret_place)
{
	struct place *pl = ret_place;
	struct region *r = p->space ? regions_find(&p->space->regions, va) : NULL;
	*pl = (struct place){.region = r};
	if (r) {
		pl->part = part_of(x, p, r, va);
		pl->role = role_of(t, r);
	}
	const struct region *named = r && pl->part == PART_BSS ? region_prev(r) : r;
	struct text name = TEXT;
	uint64_t device, inode;
	if (pl->part == PART_BSS && in_program(p, va))
		snprintf(pl->name, sizeof(pl->name), "%.60s bss", process_name(p));
	else if (named && named->object && pl->part != PART_KERNEL &&
		 object_file_name(named->object, &name, &device, &inode)) {
		const char *slash = strrchr(text_str(&name), '/');
		bool loader = role_of(t, named) == ROLE_LOADER;
		snprintf(pl->name, sizeof(pl->name), "%.60s %s",
			 loader  ? "loader"
			 : slash ? slash + 1
				 : text_str(&name),
			 pl->part == PART_SHARED ? "(shared)" : part_names[pl->part]);
	} else {
		snprintf(pl->name, sizeof(pl->name), "%s", part_names[pl->part]);
	}
	text_finish(&name);
}

/* --- the machine ----------------------------------------------------------------------------- */

bool step_walk(struct explain *x, struct step *s, struct process *p, uint64_t va,
	       uint64_t *ret_physical)
{
	struct kernel *k = x->session->kernel;
	struct mmu_walk w;
	char flags[9];
	mmu_walk(machine_ram(k->machine), sv_satp(p->space->pmap), va, &w);
	step_row(s, "%s: root table in frame %" PRIu32, mmu_mode_text(k->config.mode),
		 tables_root(p->space));
	for (unsigned i = 0; i < w.steps; i++) {
		const struct mmu_step *st = &w.step[i];
		pte_flags(st->pte, flags);
		bool last = i + 1 == w.steps;
		struct text to = TEXT;
		if (last && w.result != MMU_OK)
			text_add(&to, "%s", w.why ? w.why : "the walk stops");
		else
			text_add(&to, "%s in frame %" PRIu32, last ? "page" : "table",
				 pte_frame(st->pte));
		step_row(
		    s, "level %u  index %3u  entry at 0x%08" PRIx64 ": 0x%016" PRIx64 "  %s  %s",
		    st->level, mmu_index(va, st->level), st->pte_pa, st->pte, flags, text_str(&to));
		text_finish(&to);
	}
	if (w.result != MMU_OK)
		return false;
	*ret_physical = w.pa;
	return true;
}

void add_place(struct explain *x, const struct tale *t, struct process *p, uint64_t pc,
	       struct text *to)
{
	struct place pl;
	char place[192];
	if (symbol_text(x->session->symbols, p, pc, place, sizeof(place))) {
		text_add(to, "at %s", place);
	} else {
		place_find(x, t, p, pc, &pl);
		text_add(to, "at 0x%" PRIx64 " in %s", pc, pl.name);
	}
}

void add_instruction(struct explain *x, const struct tale *t, struct process *p, uint64_t pc,
		     struct text *to)
{
	uint8_t bytes[4] = {0};
	char text[64];
	if (p->space &&
	    (space_peek(p->space, pc, bytes, 4) || space_peek(p->space, pc, bytes, 2))) {
		insn_text(bytes, pc, text, sizeof(text));
		for (char *c = text; *c; c++)
			*c = *c == '\t' ? ' ' : *c;
		text_add(to, "%s ", text);
	}
	add_place(x, t, p, pc, to);
}
