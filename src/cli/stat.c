/* SPDX-License-Identifier: MIT */
#include "cli/stat.h"

#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "cli/verb.h"

/* A guest may make a million processes: then not each has figures of its own. */
static void keep(struct run_figures *st, const struct figures *g)
{
	if (st->count >= PROCESSES_KEPT && g->pid != st->expect_pid)
		return;
	if (st->count == st->room) {
		unsigned room = st->room ? 2 * st->room : 16;
		struct figures *more = realloc(st->process, room * sizeof(*more));
		if (!more)
			return;
		st->process = more;
		st->room = room;
	}
	st->process[st->count++] = *g;
}

static uint64_t zero_pages(const struct kernel *k, const struct space *s)
{
	struct pmap_entry e;
	uint64_t n = 0;
	for (uint64_t va = 0; k->mm->pmap->next(s->pmap, &va, s->layout.top, &e); va += PAGE_SIZE)
		n += e.frame == k->mm->zero;
	return n;
}

static void stat_seen(struct session *s, const struct event *e)
{
	struct run_figures *st = s->ctx;
	paging_event(&st->paging, e);
}

/* A process has ended, or the run has. */
static void stat_look(struct session *s, struct process *p)
{
	struct run_figures *st = s->ctx;
	struct figures *t = &st->total, g = {
		.pid = p->pid,
		.tally = p->tally,
		.instructions = p->retired - p->system,
		.time = kernel_now(s->kernel) - p->started,
		.resident_peak = max_u64(p->space->resident_peak, pmap_resident(p->space->pmap)),
		.zero_pages = zero_pages(s->kernel, p->space),
	};
	struct pmap_stats ps;
	snprintf(g.name, sizeof(g.name), "%s", process_name(p));
	s->kernel->mm->pmap->stats(p->space->pmap, &ps);
	g.tables = ps.tables;
	g.tables_shared = ps.tables_shared;
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		struct region_usage u;
		space_usage(p->space, r, &u);
		g.shared_pages += u.shared;
	}
	t->resident_peak = max_u64(t->resident_peak, g.resident_peak);
	t->tables += g.tables;
	t->tables_shared += g.tables_shared;
	t->zero_pages += g.zero_pages;
	t->shared_pages += g.shared_pages;
	st->ended++;
	keep(st, &g);
}

static int by_pid(const void *a, const void *b)
{
	const struct figures *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void sum(struct run_figures *st, struct session *s)
{
	struct figures *t = &st->total;
	t->paging = st->paging.total;
	t->tally = s->events.total;
	t->time = kernel_now(s->kernel);
	t->instructions = hart_retired(s->kernel->hart);
	st->forks = s->events.total.event[EVENT_space_fork];
	st->frames = s->kernel->mm->frames;
	st->frames_used = s->kernel->mm->pool.untouched;
	for (unsigned i = 0; i < st->count; i++) {
		struct figures *g = &st->process[i];
		const struct paging_counts *c = paging_of(&st->paging, g->pid);
		if (c)
			g->paging = *c;
	}
}

/* Whom --expect is about; NULL: a process that there was not. */
static const struct figures *asked_for(const struct run_figures *st)
{
	if (st->expect_pid == PID_FIRST || st->expect_pid == PID_ALL)
		return &st->total;
	for (unsigned i = 0; i < st->count; i++)
		if (st->process[i].pid == st->expect_pid)
			return &st->process[i];
	return NULL;
}

/* Returns what becomes of status. */
static int expect_all(const struct run_figures *st, const struct options *o, int status)
{
	const struct figures *g = asked_for(st);
	if (!g)
		return say("--pid %d: there was no process of that number", st->expect_pid) << 8;
	for (unsigned i = 0; i < o->expects; i++)
		if (stat_expect(st, g, o->expect[i]) != 1)
			status = 1 << 8;
	return status;
}

static int stat_end(struct session *s, int status)
{
	struct run_figures *st = s->ctx;
	st->command = s->argv[0];
	st->like = s->o->like;
	if (st->count)
		qsort(st->process, st->count, sizeof(*st->process), by_pid);
	sum(st, s);
	if (s->o->json)
		stat_print_json(s->out, st);
	else
		stat_print(s->out, st);
	if (st->paging.failed)
		say("no memory to count all evictions: those figures are too low");
	status = expect_all(st, s->o, status);
	free(st->process);
	return status;
}

/* What cannot be understood is told before the program runs. */
static bool expects_good(const struct options *o)
{
	struct run_figures none = {0};
	for (unsigned i = 0; i < o->expects; i++)
		if (stat_expect(&none, NULL, o->expect[i]) < 0)
			return false;
	return true;
}

int verb_stat(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .seen = stat_seen, .look = stat_look, .end = stat_end};
	struct options o;
	struct run_figures st = {0};
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	paging_init(&st.paging);
	if (r < 0 && !expects_good(&o))
		r = STATUS_CARREL;
	if (r < 0) {
		/* Every process counts; --pid only chooses for --expect. */
		struct options all = o;
		all.pid = PID_ALL;
		st.expect_pid = o.pid;
		r = session_main(&all, &hooks, &st, argv + at);
	}
	paging_finish(&st.paging);
	options_finish(&o);
	return r;
}
