/* SPDX-License-Identifier: MIT */
/* trace_sum.c - the table of strace -c: calls, how long they took, and how many failed */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "observe/event_text.h"
#include "observe/trace.h"

void trace_count(struct trace *tr, uint64_t number, uint64_t took, bool failed)
{
	struct trace_sum *s = &tr->sum[number < TRACE_CALLS ? number : TRACE_CALLS];
	s->calls++;
	s->errors += failed;
	s->ns += took;
}

struct row {
	const char *name;
	struct trace_sum sum;
};

/* The longest first; of those alike the most frequent; then by name. */
static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->sum.ns != y->sum.ns)
		return x->sum.ns < y->sum.ns ? 1 : -1;
	if (x->sum.calls != y->sum.calls)
		return x->sum.calls < y->sum.calls ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void add_row(struct text *t, const struct row *r, uint64_t all)
{
	const struct trace_sum *s = &r->sum;
	uint64_t us = s->calls ? s->ns / s->calls / 1000 : 0;
	text_add(t, "%6.2f %4" PRIu64 ".%06" PRIu64 " %11" PRIu64 " %9" PRIu64 " ",
		 all ? 100.0 * (double)s->ns / (double)all : 0.0, s->ns / 1000000000, s->ns / 1000 % 1000000, us, s->calls);
	if (s->errors)
		text_add(t, "%9" PRIu64 " %s\n", s->errors, r->name);
	else
		text_add(t, "%9s %s\n", "", r->name);
}

void trace_add_summary(const struct trace *tr, struct text *t)
{
	static const char line[] = "------ ----------- ----------- --------- --------- ----------------\n";
	struct row row[TRACE_CALLS + 1], total = {.name = "total"};
	unsigned rows = 0;
	for (unsigned n = 0; n <= TRACE_CALLS; n++) {
		const struct trace_sum *s = &tr->sum[n];
		if (!s->calls)
			continue;
		const char *name = n < TRACE_CALLS ? call_name(n) : NULL;
		row[rows++] = (struct row){.name = name ? name : "(unknown)", .sum = *s};
		total.sum.calls += s->calls;
		total.sum.errors += s->errors;
		total.sum.ns += s->ns;
	}
	qsort(row, rows, sizeof(row[0]), by_time);
	text_add(t, "%% time     seconds  usecs/call     calls    errors syscall\n%s", line);
	for (unsigned i = 0; i < rows; i++)
		add_row(t, &row[i], total.sum.ns);
	text_add(t, "%s", line);
	add_row(t, &total, total.sum.ns);
}
