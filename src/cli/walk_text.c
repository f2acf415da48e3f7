/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "cli/json.h"
#include "cli/tables.h"
#include "cli/walk.h"
#include "observe/event_text.h"

static void print_step(FILE *f, const struct walk *w, const struct mmu_step *st, bool last)
{
	char flags[9];
	pte_flags(st->pte, flags);
	fprintf(f, "  level %u  index %3u  entry at 0x%08" PRIx64 ": 0x%016" PRIx64 "  %s  ",
		st->level, mmu_index(w->va, st->level), st->pte_pa, st->pte, flags);
	if (!last)
		fprintf(f, "table in frame %" PRIu32 "\n", pte_frame(st->pte));
	else if (w->walk.result == MMU_OK)
		fprintf(f, "page in frame %" PRIu32 "\n", pte_frame(st->pte));
	else
		fprintf(f, "%s\n", w->walk.why ? w->walk.why : "the walk stops");
}

static void print_frame(FILE *f, const struct walk *w)
{
	static const char *const what[FRAME_KINDS] = {"unused",
						      "a private or shared anonymous page",
						      "a page of the page cache",
						      "a page table",
						      "the kernel's own",
						      "the one shared zero frame"};
	fprintf(f, "physical address 0x%" PRIx64 ": frame %" PRIu32 ", %s", w->walk.pa, w->frame,
		what[w->kind]);
	if (w->kind == FRAME_ZERO) {
		fprintf(f, "\n");
		return;
	}
	fprintf(f, ", mapped by %u process%s\n", w->processes, w->processes == 1 ? "" : "es");
	if (w->places < 2)
		return;
	for (unsigned i = 0; i < w->places && i < PLACES_MAX; i++)
		fprintf(f, "  pid %d at 0x%" PRIx64 "\n", w->place[i].pid, w->place[i].va);
	if (w->places > PLACES_MAX)
		fprintf(f, "  and %u more\n", w->places - PLACES_MAX);
}

static const char *const touches[] = {"a read", "a write", "a fetch"};

static void print_touch(FILE *f, const struct walk *w, enum access a)
{
	const struct walk_touch *t = &w->touch[a];
	if (!t->fault) {
		fprintf(f, "%s: no fault\n", touches[a]);
		return;
	}
	fprintf(f, "%s: a %s fault, %s: %s", touches[a],
		cause_class_text(cause_class(t->plan.cause)), cause_text(t->plan.cause),
		cause_sentence(t->plan.cause));
	if (cause_class(t->plan.cause) != CLASS_fatal) {
		unsigned pages = t->plan.need.frames, tables = t->plan.need.tables;
		if (pages + tables == 0)
			fprintf(f, "; takes no frame");
		else if (tables == 0 || pages == 0)
			fprintf(f, "; takes %u frame%s%s", pages + tables,
				pages + tables == 1 ? "" : "s", tables ? " for page tables" : "");
		else
			fprintf(f, "; takes %u frame%s, %u of them for page tables", pages + tables,
				pages + tables == 1 ? "" : "s", tables);
	}
	fputc('\n', f);
}

void walk_print(FILE *f, const struct walk *w, const char *word)
{
	fprintf(f, "0x%" PRIx64 " in %s (pid %d)", w->va, w->name, w->pid);
	if (w->symbol[0])
		fprintf(f, " is %s", w->symbol);
	else if (strncmp(word, "0x", 2) != 0 && (word[0] < '0' || word[0] > '9'))
		fprintf(f, " is %s", word);
	if (w->perms[0])
		fprintf(f, ", in %s 0x%" PRIx64 "-0x%" PRIx64 " (%s)\n", w->what, w->start, w->end,
			w->perms);
	else
		fprintf(f, ", in no region\n");
	fprintf(f, "%s: root table in frame %" PRIu64 "\n", mmu_mode_text(w->mode), w->root);
	for (unsigned i = 0; i < w->walk.steps; i++)
		print_step(f, w, &w->walk.step[i], i + 1 == w->walk.steps);
	if (w->walk.result == MMU_OK)
		print_frame(f, w);
	else if (w->walk.steps == 0)
		fprintf(f, "  %s\n", w->walk.why ? w->walk.why : "no table is read");
	if (w->slot)
		fprintf(f, "the contents are in slot %" PRIu32 " of the swap space\n", w->slot);
	print_touch(f, w, ACCESS_READ);
	print_touch(f, w, ACCESS_WRITE);
	if (w->perms[2] == 'x')
		print_touch(f, w, ACCESS_EXEC);
}

void walk_print_brief(FILE *f, const struct walk *w, unsigned count, char *const *words)
{
	size_t width = 4;
	for (unsigned i = 0; i < count; i++)
		if (strlen(w[i].what) > width)
			width = strlen(w[i].what);
	fprintf(f, "%5s  %-14s  %8s  %-*s  mapped by\n", "pid", "address", "frame", (int)width,
		"what");
	for (unsigned i = 0; i < count; i++) {
		if (!w[i].found) {
			fprintf(f, "%5d  %-14s  %8s\n", w[i].pid, words[w[i].word], "-");
			continue;
		}
		fprintf(f, "%5d  0x%-12" PRIx64, w[i].pid, w[i].va);
		if (w[i].walk.result != MMU_OK)
			fprintf(f, "  %8s  %-*s  a read would be %s\n", "-", (int)width, w[i].what,
				cause_text(w[i].touch[ACCESS_READ].plan.cause));
		else if (w[i].kind == FRAME_ZERO)
			fprintf(f, "  %8" PRIu32 "  %-*s  all: the zero frame\n", w[i].frame,
				(int)width, w[i].what);
		else
			fprintf(f, "  %8" PRIu32 "  %-*s  %u process%s\n", w[i].frame, (int)width,
				w[i].what, w[i].processes, w[i].processes == 1 ? "" : "es");
	}
}

static json_t *json_steps(const struct walk *w)
{
	json_t *steps = json_array();
	for (unsigned i = 0; i < w->walk.steps; i++) {
		const struct mmu_step *st = &w->walk.step[i];
		char flags[9];
		pte_flags(st->pte, flags);
		json_array_append_new(steps, json_pack("{s:i, s:i, s:o, s:o, s:s}", "level",
						       (int)st->level, "index",
						       (int)mmu_index(w->va, st->level), "entry_at",
						       json_hex(st->pte_pa), "entry",
						       json_hex(st->pte), "flags", flags));
	}
	return steps;
}

static json_t *json_touch(const struct walk_touch *t)
{
	if (!t->fault)
		return json_pack("{s:b}", "fault", 0);
	return json_pack("{s:b, s:s, s:s, s:i, s:i}", "fault", 1, "cause",
			 cause_text(t->plan.cause), "kind",
			 cause_class_text(cause_class(t->plan.cause)), "frames",
			 (int)t->plan.need.frames, "tables", (int)t->plan.need.tables);
}

static json_t *json_walk(const struct walk *w, const char *word)
{
	json_t *j = json_pack("{s:i, s:o, s:o}", "pid", w->pid, "name", json_text(w->name), "asked",
			      json_text(word));
	if (!w->found)
		return j;
	json_object_set_new(j, "address", json_hex(w->va));
	json_object_set_new(j, "symbol", w->symbol[0] ? json_text(w->symbol) : json_null());
	json_object_set_new(j, "region",
			    w->perms[0]
				? json_pack("{s:o, s:o, s:s, s:o}", "start", json_hex(w->start),
					    "end", json_hex(w->end), "permissions", w->perms,
					    "what", json_text(w->what))
				: json_null());
	json_object_set_new(j, "format", json_string(mmu_mode_text(w->mode)));
	json_object_set_new(j, "root_frame", json_integer((json_int_t)w->root));
	json_object_set_new(j, "steps", json_steps(w));
	if (w->walk.result == MMU_OK) {
		json_object_set_new(j, "physical", json_hex(w->walk.pa));
		json_object_set_new(j, "frame", json_integer(w->frame));
		json_object_set_new(j, "frame_kind", json_string(frame_kind_text(w->kind)));
		json_object_set_new(j, "processes", json_integer(w->processes));
	} else {
		json_object_set_new(j, "stops", json_text(w->walk.why));
		json_object_set_new(j, "slot", w->slot ? json_integer(w->slot) : json_null());
	}
	json_object_set_new(j, "read", json_touch(&w->touch[ACCESS_READ]));
	json_object_set_new(j, "write", json_touch(&w->touch[ACCESS_WRITE]));
	json_object_set_new(j, "execute", json_touch(&w->touch[ACCESS_EXEC]));
	return j;
}

void walk_print_json(FILE *f, const struct walk *w, unsigned count, char *const *words)
{
	json_t *walks = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(walks, json_walk(&w[i], words[w[i].word]));
	json_print(f, json_pack("{s:i, s:o}", "schema", 1, "walks", walks));
}
