/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/stat.h"
#include "cli/verb.h"
#include "observe/event_text.h"

/* More processes than this do not fit beside each other: only the total is printed. */
enum { COLUMNS_MAX = 5 };

static uint64_t class_sum(const struct tally *t, enum cause_class class)
{
	uint64_t n = 0;
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
		if (cause_class(c) == class)
			n += t->cause[c];
	return n;
}

static uint64_t get_faults(const struct run_figures *st, const struct figures *g)
{
	return g->tally.event[EVENT_fault];
}
static uint64_t get_minor(const struct run_figures *st, const struct figures *g)
{
	return class_sum(&g->tally, CLASS_minor);
}
static uint64_t get_major(const struct run_figures *st, const struct figures *g)
{
	return class_sum(&g->tally, CLASS_major);
}
static uint64_t get_fatal(const struct run_figures *st, const struct figures *g)
{
	return class_sum(&g->tally, CLASS_fatal);
}
static uint64_t get_calls(const struct run_figures *st, const struct figures *g)
{
	return g->tally.event[EVENT_syscall_enter];
}
static uint64_t get_signals(const struct run_figures *st, const struct figures *g)
{
	return g->tally.event[EVENT_signal];
}
static uint64_t get_forks(const struct run_figures *st, const struct figures *g)
{
	return g->tally.event[EVENT_space_fork];
}
static uint64_t get_instructions(const struct run_figures *st, const struct figures *g)
{
	return g->instructions;
}
static uint64_t get_time(const struct run_figures *st, const struct figures *g)
{
	return g->time;
}
static uint64_t get_resident(const struct run_figures *st, const struct figures *g)
{
	return g->resident_peak;
}
static uint64_t get_tables(const struct run_figures *st, const struct figures *g)
{
	return g->tables;
}
static uint64_t get_tables_shared(const struct run_figures *st, const struct figures *g)
{
	return g->tables_shared;
}
static uint64_t get_zero(const struct run_figures *st, const struct figures *g)
{
	return g->zero_pages;
}
static uint64_t get_shared(const struct run_figures *st, const struct figures *g)
{
	return g->shared_pages;
}
static uint64_t get_evictions(const struct run_figures *st, const struct figures *g)
{
	return st->total.tally.event[EVENT_evict];
}
static uint64_t get_used(const struct run_figures *st, const struct figures *g)
{
	return st->frames_used;
}
static uint64_t get_processes(const struct run_figures *st, const struct figures *g)
{
	return st->count;
}

/* name: for --expect and JSON; label: NULL if the text does not have it. */
static const struct figure {
	const char *name, *label;
	uint64_t (*get)(const struct run_figures *st, const struct figures *g);
	bool machine; /* of the machine, not of a process */
} figures[] = {
    {"faults", "page faults", get_faults, false},
    {"minor", NULL, get_minor, false},
    {"major", NULL, get_major, false},
    {"fatal", NULL, get_fatal, false},
    {"calls", "system calls", get_calls, false},
    {"signals", "signals", get_signals, false},
    {"forks", "forks", get_forks, false},
    {"instructions", "instructions", get_instructions, false},
    {"time", NULL, get_time, false},
    {"resident-peak", "resident peak, pages", get_resident, false},
    {"tables", "page tables, frames", get_tables, false},
    {"tables-shared", "  shared by fork", get_tables_shared, false},
    {"zero-pages", "zero-frame pages", get_zero, false},
    {"shared-pages", "shared pages", get_shared, false},
    {"evictions", "evictions", get_evictions, true},
    {"frames-used", "frames ever used", get_used, true},
    {"processes", NULL, get_processes, true},
};

/* --- text ------------------------------------------------------------------------------------ */

/* 1234567 -> 1,234,567 */
static const char *thousands(uint64_t v, char *buffer, size_t size)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v);
	size_t at = 0;
	for (int i = 0; i < n && at + 2 < size; i++) {
		if (i && (n - i) % 3 == 0)
			buffer[at++] = ',';
		buffer[at++] = digits[i];
	}
	buffer[at] = 0;
	return buffer;
}

static unsigned columns(const struct run_figures *st)
{
	return st->count > 1 && st->count <= COLUMNS_MAX ? st->count : 0;
}

static void print_row(FILE *f, const struct run_figures *st, const char *label, uint64_t total,
		      const uint64_t *each)
{
	char b[32];
	fprintf(f, "%-24s%15s", label, thousands(total, b, sizeof(b)));
	for (unsigned i = 0; each && i < columns(st); i++)
		fprintf(f, "%15s", thousands(each[i], b, sizeof(b)));
	fputc('\n', f);
}

static void print_causes(FILE *f, const struct run_figures *st, enum cause_class class)
{
	uint64_t total = class_sum(&st->total.tally, class), each[COLUMNS_MAX] = {0};
	char label[64];
	for (unsigned i = 0; i < columns(st); i++)
		each[i] = class_sum(&st->process[i].tally, class);
	if (total == 0 && class == CLASS_fatal)
		return;
	snprintf(label, sizeof(label), "  %s", cause_class_text(class));
	print_row(f, st, label, total, each);
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++) {
		if (cause_class(c) != class || st->total.tally.cause[c] == 0)
			continue;
		for (unsigned i = 0; i < columns(st); i++)
			each[i] = st->process[i].tally.cause[c];
		snprintf(label, sizeof(label), "    %s", cause_text(c));
		print_row(f, st, label, st->total.tally.cause[c], each);
	}
}

static void print_time(FILE *f, const struct run_figures *st)
{
	fprintf(f, "%-24s%14.3fs", "virtual time", (double)st->total.time / 1e9);
	for (unsigned i = 0; i < columns(st); i++)
		fprintf(f, "%14.3fs", (double)st->process[i].time / 1e9);
	fputc('\n', f);
}

static void print_figure(FILE *f, const struct run_figures *st, const struct figure *n)
{
	uint64_t each[COLUMNS_MAX] = {0}, total = n->get(st, &st->total);
	for (unsigned i = 0; i < columns(st); i++)
		each[i] = n->get(st, &st->process[i]);
	if (total == 0 && n->get != get_faults && n->get != get_calls)
		return;
	print_row(f, st, n->label, total, n->machine ? NULL : each);
}

void stat_print(FILE *f, const struct run_figures *st)
{
	char name[64];
	fprintf(f, "\n%s: %u process%s in %" PRIu64 " frames%s%s\n\n%-24s%15s", st->command,
		st->count, st->count == 1 ? "" : "es", st->frames, st->like ? ", like " : "",
		st->like ? st->like : "", "", "total");
	for (unsigned i = 0; i < columns(st); i++) {
		snprintf(name, sizeof(name), "%.6s (%d)", st->process[i].name, st->process[i].pid);
		fprintf(f, "%15s", name);
	}
	fputc('\n', f);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const struct figure *n = &figures[i];
		if (n->label)
			print_figure(f, st, n);
		if (n->get == get_faults)
			for (enum cause_class c = CLASS_minor; c <= CLASS_fatal; c++)
				print_causes(f, st, c);
		if (n->get == get_instructions)
			print_time(f, st);
	}
	if (st->count > COLUMNS_MAX)
		fprintf(f,
			"\nMore processes than fit beside each other: --json has each of them.\n");
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *json_figures(const struct run_figures *st, const struct figures *g)
{
	json_t *j = json_object(), *causes = json_object();
	if (g->pid) {
		json_object_set_new(j, "pid", json_integer(g->pid));
		json_object_set_new(j, "name", json_text(g->name));
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (!figures[i].machine || !g->pid)
			json_object_set_new(j, figures[i].name,
					    json_integer((json_int_t)figures[i].get(st, g)));
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
		json_object_set_new(causes, cause_text(c),
				    json_integer((json_int_t)g->tally.cause[c]));
	json_object_set_new(j, "causes", causes);
	return j;
}

void stat_print_json(FILE *f, const struct run_figures *st)
{
	json_t *processes = json_array();
	for (unsigned i = 0; i < st->count; i++)
		json_array_append_new(processes, json_figures(st, &st->process[i]));
	json_print(f, json_pack("{s:i, s:o, s:I, s:s?, s:o, s:o}", "schema", 1, "command",
				json_text(st->command), "frames", (json_int_t)st->frames, "like",
				st->like, "total", json_figures(st, &st->total), "processes",
				processes));
}

/* --- --expect -------------------------------------------------------------------------------- */

int stat_figure(const struct run_figures *st, const struct figures *g, const char *name,
		uint64_t *ret_value)
{
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (strcmp(figures[i].name, name) == 0) {
			*ret_value = g ? figures[i].get(st, g) : 0;
			return 0;
		}
	}
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++) {
		if (strcmp(cause_text(c), name) == 0) {
			*ret_value = g ? g->tally.cause[c] : 0;
			return 0;
		}
	}
	return -EINVAL;
}

static bool holds(uint64_t a, const char *op, uint64_t b)
{
	if (strcmp(op, "<=") == 0)
		return a <= b;
	if (strcmp(op, ">=") == 0)
		return a >= b;
	if (strcmp(op, "!=") == 0)
		return a != b;
	return op[0] == '<' ? a < b : op[0] == '>' ? a > b : a == b;
}

static int names_wrong(const char *expect, const char *name)
{
	struct text t = TEXT;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		text_add(&t, "%s%s", i ? ", " : "", figures[i].name);
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
		text_add(&t, ", %s", cause_text(c));
	say("--expect %s: %s is nothing that stat counts; it counts %s", expect, name,
	    text_str(&t));
	text_finish(&t);
	return -EINVAL;
}

int stat_expect(const struct run_figures *st, const struct figures *g, const char *expect)
{
	char name[64], op[3] = "";
	uint64_t wanted, value;
	size_t length = strcspn(expect, "<>=! ");
	const char *p = expect + length + strspn(expect + length, " ");
	size_t op_length = strspn(p, "<>=!");
	const char *number = p + op_length + strspn(p + op_length, " ");
	if (length == 0 || length >= sizeof(name) || op_length == 0 || op_length > 2 ||
	    parse_u64(number, &wanted) < 0) {
		say("--expect %s: must be a name, one of <= >= < > = !=, and a number, such as "
		    "cow-copy<=512",
		    expect);
		return -EINVAL;
	}
	memcpy(name, expect, length);
	name[length] = 0;
	memcpy(op, p, op_length);
	if (!strstr(" <= >= < > = == != ", op)) {
		say("--expect %s: %s is none of <= >= < > = !=", expect, op);
		return -EINVAL;
	}
	if (stat_figure(st, g, name, &value) < 0)
		return names_wrong(expect, name);
	if (!g || holds(value, op, wanted))
		return 1;
	say("expected %s %s %" PRIu64 ", but it is %" PRIu64, name, op, wanted, value);
	return 0;
}
