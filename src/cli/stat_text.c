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

/* More processes than this do not fit beside each other: they have a table, of so many rows. */
enum { COLUMNS_MAX = 5, ROWS_MAX = 100 };

static uint64_t class_sum(const struct tally *t, enum cause_class class)
{
	uint64_t n = 0;
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
		if (cause_class(c) == class)
			n += t->cause[c];
	return n;
}

/* What one instruction takes on the average, in picoseconds: its nanosecond, and its part of the time
 * in which its process waited for pages to come from a device. */
static uint64_t access_time(const struct figures *g)
{
	if (g->instructions == 0)
		return 0;
	return (uint64_t)((double)(g->instructions + g->paging.read_ns) * 1000 /
			  (double)g->instructions);
}

#define GET(name, value)                                                                           \
	static uint64_t get_##name(const struct run_figures *st, const struct figures *g)          \
	{                                                                                          \
		return value;                                                                      \
	}
GET(faults, g->tally.event[EVENT_fault])
GET(minor, class_sum(&g->tally, CLASS_minor))
GET(major, class_sum(&g->tally, CLASS_major))
GET(fatal, class_sum(&g->tally, CLASS_fatal))
GET(ahead, g->tally.by[BY_AHEAD])
GET(calls, g->tally.event[EVENT_syscall_enter])
GET(signals, g->tally.event[EVENT_signal])
GET(forks, g->tally.event[EVENT_space_fork])
GET(instructions, g->instructions)
GET(time, g->time)
GET(resident, g->resident_peak)
GET(tables, g->tables)
GET(tables_shared, g->tables_shared)
GET(zero, g->zero_pages)
GET(shared, g->shared_pages)
GET(evictions, paging_evictions(&g->paging))
GET(anon_clean, g->paging.evicted_anon_clean)
GET(anon_dirty, g->paging.evicted_anon_dirty)
GET(file_clean, g->paging.evicted_file_clean)
GET(file_dirty, g->paging.evicted_file_dirty)
GET(refaults, paging_refaults(&g->paging))
GET(refaults_anon, g->paging.refaults_anon)
GET(refaults_file, g->paging.refaults_file)
GET(swap_ins, g->paging.swap_ins)
GET(swap_outs, g->paging.swap_outs)
GET(read_time, g->paging.read_ns)
GET(write_time, g->paging.write_ns)
GET(access, g->paging.read_ns ? access_time(g) : 0)
GET(used, st->frames_used)
GET(processes, st->ended)
#undef GET

enum unit { COUNT, NS, PS };
static const char *const units[] = {"", " ns", " ps"};

/* name: for --expect and JSON; label: NULL if the text does not have it. */
static const struct figure {
	const char *name, *label;
	uint64_t (*get)(const struct run_figures *st, const struct figures *g);
	enum unit unit;
	bool machine; /* of the machine, not of a process */
} figures[] = {
    {"faults", "page faults", get_faults, COUNT, false},
    {"minor", NULL, get_minor, COUNT, false},
    {"major", NULL, get_major, COUNT, false},
    {"fatal", NULL, get_fatal, COUNT, false},
    {"ahead", "  before a touch", get_ahead, COUNT, false},
    {"refaults", "  refaults", get_refaults, COUNT, false},
    {"refaults-anon", "    anonymous", get_refaults_anon, COUNT, false},
    {"refaults-file", "    of files", get_refaults_file, COUNT, false},
    {"evictions", "evictions", get_evictions, COUNT, false},
    {"evicted-anon-clean", "  anonymous, clean", get_anon_clean, COUNT, false},
    {"evicted-anon-dirty", "  anonymous, dirty", get_anon_dirty, COUNT, false},
    {"evicted-file-clean", "  of files, clean", get_file_clean, COUNT, false},
    {"evicted-file-dirty", "  of files, dirty", get_file_dirty, COUNT, false},
    {"swap-ins", "pages swapped in", get_swap_ins, COUNT, false},
    {"swap-outs", "pages swapped out", get_swap_outs, COUNT, true},
    {"device-read-time", "device time, reads", get_read_time, NS, false},
    {"device-write-time", "device time, writes", get_write_time, NS, true},
    {"access-time", "effective access time", get_access, PS, false},
    {"calls", "system calls", get_calls, COUNT, false},
    {"signals", "signals", get_signals, COUNT, false},
    {"forks", "forks", get_forks, COUNT, false},
    {"instructions", "instructions", get_instructions, COUNT, false},
    {"time", "virtual time", get_time, NS, false},
    {"resident-peak", "resident peak, pages", get_resident, COUNT, false},
    {"tables", "page tables, frames", get_tables, COUNT, false},
    {"tables-shared", "  shared by fork", get_tables_shared, COUNT, false},
    {"zero-pages", "zero-frame pages", get_zero, COUNT, false},
    {"shared-pages", "shared pages", get_shared, COUNT, false},
    {"frames-used", "frames ever used", get_used, COUNT, true},
    {"processes", NULL, get_processes, COUNT, true},
};

/* --- text ------------------------------------------------------------------------------------ */

static unsigned columns(const struct run_figures *st)
{
	return st->count > 1 && st->count <= COLUMNS_MAX ? st->count : 0;
}

static void print_value(FILE *f, unsigned width, uint64_t v, enum unit unit)
{
	struct text t = TEXT;
	if (unit == NS)
		text_add_time(&t, v);
	else if (unit == PS && v < 1000000)
		text_add(&t, "%.3f ns", (double)v / 1000);
	else if (unit == PS)
		text_add_time(&t, v / 1000);
	else
		text_add_count(&t, v);
	fprintf(f, "%*s", (int)width, text_str(&t));
	text_finish(&t);
}

static void print_row(FILE *f, const struct run_figures *st, const char *label, enum unit unit,
		      uint64_t total, const uint64_t *each)
{
	fprintf(f, "%-24s", label);
	print_value(f, 15, total, unit);
	for (unsigned i = 0; each && i < columns(st); i++)
		print_value(f, 15, each[i], unit);
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
	print_row(f, st, label, COUNT, total, each);
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++) {
		if (cause_class(c) != class || st->total.tally.cause[c] == 0)
			continue;
		for (unsigned i = 0; i < columns(st); i++)
			each[i] = st->process[i].tally.cause[c];
		snprintf(label, sizeof(label), "    %s", cause_text(c));
		print_row(f, st, label, COUNT, st->total.tally.cause[c], each);
	}
}

static void print_figure(FILE *f, const struct run_figures *st, const struct figure *n)
{
	uint64_t each[COLUMNS_MAX] = {0}, total = n->get(st, &st->total);
	for (unsigned i = 0; i < columns(st); i++)
		each[i] = n->get(st, &st->process[i]);
	if (total == 0 && n->get != get_faults && n->get != get_calls)
		return;
	print_row(f, st, n->label, n->unit, total, n->machine ? NULL : each);
}

/* Those who do not fit beside each other, one below the other. */
static void print_table(FILE *f, const struct run_figures *st)
{
	unsigned shown = st->count < ROWS_MAX ? st->count : ROWS_MAX;
	fprintf(f, "\n%7s  %-16s%10s%10s%10s%10s%15s%13s%10s\n", "pid", "name", "faults", "minor",
		"major", "calls", "instructions", "time", "peak");
	for (unsigned i = 0; i < shown; i++) {
		const struct figures *g = &st->process[i];
		fprintf(f, "%7d  %-16.16s", g->pid, g->name);
		print_value(f, 10, get_faults(st, g), COUNT);
		print_value(f, 10, get_minor(st, g), COUNT);
		print_value(f, 10, get_major(st, g), COUNT);
		print_value(f, 10, get_calls(st, g), COUNT);
		print_value(f, 15, g->instructions, COUNT);
		print_value(f, 13, g->time, NS);
		print_value(f, 10, g->resident_peak, COUNT);
		fputc('\n', f);
	}
	if (shown < st->ended)
		fprintf(f, "and %" PRIu64 " more: --json has %s\n", st->ended - shown,
			st->count < st->ended ? "the first 10,000 of all" : "each of them");
}

void stat_print(FILE *f, const struct run_figures *st)
{
	char name[64];
	fprintf(f, "\n%s: %" PRIu64 " process%s in %" PRIu64 " frames\n\n%-24s%15s", st->command, st->ended,
		st->ended == 1 ? "" : "es", st->frames, "", "total");
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
	}
	if (st->count > COLUMNS_MAX)
		print_table(f, st);
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

static enum unit name_unit(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (strlen(figures[i].name) == length &&
		    strncmp(figures[i].name, name, length) == 0)
			return figures[i].unit;
	return COUNT;
}

/* A count, or for times also 5ms. */
static int parse_wanted(enum unit unit, const char *s, uint64_t *ret_wanted)
{
	bool bare = s[strspn(s, "0123456789")] == 0;
	return unit == NS && !bare ? parse_time(s, ret_wanted) : parse_u64(s, ret_wanted);
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
	    parse_wanted(name_unit(expect, length), number, &wanted) < 0) {
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
	const char *unit = units[name_unit(name, strlen(name))];
	struct text whose = TEXT;
	if (g->pid)
		text_add(&whose, " of pid %d", g->pid);
	say("expected %s%s %s %" PRIu64 "%s, but it is %" PRIu64 "%s", name, text_str(&whose), op,
	    wanted, unit, value, unit);
	text_finish(&whose);
	return 0;
}
