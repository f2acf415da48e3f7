/* SPDX-License-Identifier: MIT */
/* points.c - breakpoints and watchpoints: what was asked for, by process; what the hart has, by
 * address space
 *
 * Debuggers take all points away when the program stops and set them again before it goes on. So Z
 * and z only write down, and points_sync brings the hart what has changed since.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "debug/impl.h"
#include "kernel/task.h"
#include "pmap/sv.h"

enum { WATCH_WRITE = 2, WATCH_READ = 3, WATCH_ACCESS = 4 };

static bool is_break(const struct point *p) { return p->kind < WATCH_WRITE; }

static bool alike(const struct point *a, const struct point *b)
{
	if (is_break(a) || is_break(b))
		return is_break(a) && is_break(b) && a->va == b->va;
	return a->kind == b->kind && a->va == b->va && a->size == b->size;
}

static int point_find(const struct traced *d, const struct point *p)
{
	for (unsigned i = 0; i < d->points; i++)
		if (d->point[i].kind == p->kind && d->point[i].va == p->va && d->point[i].size == p->size)
			return (int)i;
	return -1;
}

/* How many the hart would have of one sort. */
static unsigned wanted(const struct remote *r, bool breaks)
{
	const struct traced *d;
	unsigned n = 0;
	LIST_FOREACH (d, &r->traced, link)
		for (unsigned i = 0; i < d->points; i++)
			n += is_break(&d->point[i]) == breaks;
	return n;
}

static int point_add(struct remote *r, struct traced *d, const struct point *p)
{
	if (point_find(d, p) >= 0)
		return 0;
	if (!is_break(p) && (p->size == 0 || p->va + p->size < p->va))
		return -EINVAL;
	if (wanted(r, is_break(p)) >= (is_break(p) ? POINTS_MOST : POINTS_MOST / 4))
		return -ENOSPC;
	struct point *more = realloc(d->point, (d->points + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	d->point = more;
	d->point[d->points++] = *p;
	return 0;
}

/* Zk,va,size and zk,va,size; conditions and commands behind them are not taken. */
void points_command(struct remote *r, const char *body)
{
	struct point p;
	uint64_t kind, va, size;
	const char *at = body + 1;
	if (!hex_number(&at, &kind) || *at++ != ',' || !hex_number(&at, &va) || *at++ != ',' ||
	    !hex_number(&at, &size)) {
		reply_error(r, EINVAL);
		return;
	}
	if (kind > WATCH_ACCESS)
		return;
	p = (struct point){(uint8_t)kind, va, size};
	const struct task *t = general_task(r);
	struct traced *d = t ? traced_find(r, t->process->pid) : NULL;
	if (!d) {
		reply_error(r, ESRCH);
		return;
	}
	int e = 0;
	if (body[0] == 'Z') {
		e = point_add(r, d, &p);
	} else {
		int i = point_find(d, &p);
		if (i >= 0)
			d->point[i] = d->point[--d->points];
	}
	if (e != 0)
		reply_error(r, e);
	else
		reply_ok(r);
}

static bool asked_for(const struct remote *r, const struct installed *in)
{
	const struct traced *d;
	LIST_FOREACH (d, &r->traced, link) {
		const struct process *p = process_find(r->k, d->pid);
		if (!p || !p->space || sv_asid(p->space->pmap) != in->asid)
			continue;
		for (unsigned i = 0; i < d->points; i++)
			if (alike(&d->point[i], &in->point))
				return true;
	}
	return false;
}

static int install(struct remote *r, unsigned asid, const struct point *p)
{
	struct hart *h = r->k->hart;
	if (is_break(p))
		return hart_stop_at(h, asid, p->va);
	return hart_watch(h, asid, p->va, p->size, p->kind != WATCH_WRITE, p->kind != WATCH_READ);
}

static void uninstall(struct remote *r, const struct installed *in)
{
	struct hart *h = r->k->hart;
	const struct point *p = &in->point;
	if (is_break(p))
		(void)hart_stop_forget(h, in->asid, p->va); /* it is there */
	else
		(void)hart_watch_forget(h, in->asid, p->va, p->size, p->kind != WATCH_WRITE, p->kind != WATCH_READ);
}

static bool is_installed(const struct remote *r, unsigned asid, const struct point *p)
{
	for (unsigned i = 0; i < r->installed_count; i++)
		if (r->installed[i].asid == asid && alike(&r->installed[i].point, p))
			return true;
	return false;
}

static void install_all(struct remote *r, const struct traced *d, unsigned asid)
{
	for (unsigned i = 0; i < d->points; i++) {
		if (is_installed(r, asid, &d->point[i]))
			continue;
		struct installed *more = realloc(r->installed, (r->installed_count + 1) * sizeof(*more));
		if (!more)
			return;
		r->installed = more;
		if (install(r, asid, &d->point[i]) == 0)
			r->installed[r->installed_count++] = (struct installed){asid, d->point[i]};
	}
}

void points_sync(struct remote *r)
{
	const struct traced *d;
	for (unsigned i = 0; i < r->installed_count;) {
		if (asked_for(r, &r->installed[i])) {
			i++;
			continue;
		}
		uninstall(r, &r->installed[i]);
		r->installed[i] = r->installed[--r->installed_count];
	}
	LIST_FOREACH (d, &r->traced, link) {
		const struct process *p = process_find(r->k, d->pid);
		if (p && p->space)
			install_all(r, d, sv_asid(p->space->pmap));
	}
}

void points_forget(struct remote *r, struct traced *d)
{
	d->points = 0;
	points_sync(r);
}

int points_copy(const struct traced *from, struct traced *to)
{
	if (from->points == 0)
		return 0;
	to->point = malloc(from->points * sizeof(*to->point));
	if (!to->point)
		return -ENOMEM;
	memcpy(to->point, from->point, from->points * sizeof(*to->point));
	to->points = from->points;
	return 0;
}

const struct point *points_match(const struct traced *d, enum debug_what what, uint64_t va, unsigned access)
{
	for (unsigned i = 0; i < d->points; i++) {
		const struct point *p = &d->point[i];
		if (what == DEBUG_BREAK && is_break(p) && p->va == va)
			return p;
		if (what == DEBUG_WATCH && !is_break(p) && va >= p->va && va - p->va < p->size &&
		    (p->kind == WATCH_ACCESS || access & (p->kind == WATCH_WRITE ? HART_WROTE : HART_READ)))
			return p;
	}
	return NULL;
}
