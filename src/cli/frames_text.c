/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/text.h"
#include "cli/frames.h"
#include "cli/json.h"
#include "observe/event_text.h"

/* The kinds in the order in which they are shown. */
static const enum frame_kind order[] = {FRAME_ANON, FRAME_FILE, FRAME_TABLE, FRAME_KERNEL,
					FRAME_STORE, FRAME_ZERO};

static const char *run_kind(const struct frame_run *r)
{
	return r->state == FRAME_FREE       ? "free"
	       : r->state == FRAME_RESERVED ? "reserved"
					    : frame_kind_text(r->kind);
}

static void print_place(FILE *f, const struct frame_run *r)
{
	if (r->kind == FRAME_FILE && r->count == 1)
		fprintf(f, ", page %" PRIu64, r->from);
	else if (r->kind == FRAME_FILE)
		fprintf(f, ", pages %" PRIu64 "-%" PRIu64, r->from, r->to);
	else if (r->kind == FRAME_ANON)
		fprintf(f, ", 0x%" PRIx64 "-0x%" PRIx64, r->from, r->to + PAGE_SIZE);
	else
		fprintf(f, ", from 0x%" PRIx64 " on", r->from);
}

static void print_run(FILE *f, const struct frame_run *r)
{
	char range[32];
	snprintf(range, sizeof(range), r->count > 1 ? "%" PRIu32 "-%" PRIu32 : "%" PRIu32, r->first,
		 r->first + r->count - 1);
	fprintf(f, "%-17s  %8" PRIu32 "  ", range, r->count);
	if (!r->owner[0]) {
		fprintf(f, "%s\n", run_kind(r));
		return;
	}
	fprintf(f, "%-6s  %s", run_kind(r), r->owner);
	if (r->placed)
		print_place(f, r);
	fputc('\n', f);
}

void frames_print(FILE *f, const struct frames_look *l)
{
	uint32_t sum = l->free + l->reserved;
	struct text time = TEXT;
	text_add_time(&time, l->time);
	fprintf(f, "%" PRIu32 " frames of 4 KiB, after %s of virtual time\n", l->frames,
		text_str(&time));
	text_finish(&time);
	fprintf(f, "%-17s  %8s  %-6s  %s\n", "frames", "count", "kind", "owner");
	for (unsigned i = 0; i < l->runs; i++)
		print_run(f, &l->run[i]);
	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++) {
		/* Only swap in compressed RAM has any. */
		if (order[i] == FRAME_STORE && l->kind[order[i]] == 0)
			continue;
		sum += l->kind[order[i]];
		fprintf(f, "%s %" PRIu32 " + ", frame_kind_text(order[i]), l->kind[order[i]]);
	}
	if (l->reserved)
		fprintf(f, "reserved %" PRIu32 " + ", l->reserved);
	fprintf(f, "free %" PRIu32 " = %" PRIu32 " frames\n", l->free, sum);
}

void frames_print_header(FILE *f)
{
	fprintf(f, "%10s", "time");
	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++)
		fprintf(f, "%10s", frame_kind_text(order[i]));
	fprintf(f, "%10s%10s%10s\n", "reserved", "free", "sum");
}

void frames_print_line(FILE *f, const struct frames_look *l)
{
	uint32_t sum = l->free + l->reserved;
	fprintf(f, "%10.3f", (double)l->time / 1e9);
	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++) {
		sum += l->kind[order[i]];
		fprintf(f, "%10" PRIu32, l->kind[order[i]]);
	}
	fprintf(f, "%10" PRIu32 "%10" PRIu32 "%10" PRIu32 "\n", l->reserved, l->free, sum);
	fflush(f);
}

static json_t *json_runs(const struct frames_look *l)
{
	json_t *runs = json_array();
	for (unsigned i = 0; i < l->runs; i++) {
		const struct frame_run *r = &l->run[i];
		json_t *j = json_pack("{s:I, s:I, s:s, s:o}", "first", (json_int_t)r->first,
				      "count", (json_int_t)r->count, "kind", run_kind(r), "owner",
				      r->owner[0] ? json_text(r->owner) : json_null());
		if (r->placed && r->kind == FRAME_FILE)
			json_object_set_new(j, "page", json_integer((json_int_t)r->from));
		else if (r->placed)
			json_object_set_new(j, "address", json_hex(r->from));
		json_array_append_new(runs, j);
	}
	return runs;
}

void frames_print_json(FILE *f, const struct frames_look *l, unsigned count)
{
	json_t *looks = json_array();
	for (unsigned i = 0; i < count; i++) {
		json_t *j = json_pack("{s:I, s:I, s:I, s:I}", "time_ns", (json_int_t)l[i].time,
				      "frames", (json_int_t)l[i].frames, "free",
				      (json_int_t)l[i].free, "reserved", (json_int_t)l[i].reserved);
		for (unsigned n = 0; n < sizeof(order) / sizeof(*order); n++)
			json_object_set_new(j, frame_kind_text(order[n]),
					    json_integer(l[i].kind[order[n]]));
		if (l[i].run)
			json_object_set_new(j, "runs", json_runs(&l[i]));
		json_array_append_new(looks, j);
	}
	json_print(f, json_pack("{s:i, s:o}", "schema", 1, "looks", looks));
}
