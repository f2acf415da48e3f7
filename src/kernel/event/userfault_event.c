/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/bits.h"
#include "kernel/event/userfault_private.h"
#include "kernel/kernel.h"

/* ---- What is about to happen ---- */

static int event_add(struct userfault_list *list, struct task *t, struct userfault *of, struct message m)
{
	struct userfault_event *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct userfault_event){.of = of, .task = t, .message = m};
	TAILQ_INSERT_TAIL(list, e, link);
	return 0;
}

static bool has_of(const struct userfault_list *list, const struct userfault *of, uint64_t start)
{
	const struct userfault_event *e;
	TAILQ_FOREACH (e, list, link) {
		if (e->of == of && e->message.event == TOLD_UNMAP && e->message.arg[0] == start)
			return true;
	}
	return false;
}

static void events_free(struct userfault_list *list)
{
	struct userfault_event *e;
	while ((e = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, e, link);
		free(e);
	}
}

/* Each region of t's in the range that is watched by one with this feature: once each, or (whole) once for
 * the whole range. */
static int range_expect(struct task *t, uint64_t start, uint64_t end, enum feature feature, bool whole,
			struct userfault_list *list)
{
	const struct kernel *k = t->process->kernel;
	int r = 0;
	if (LIST_EMPTY(&k->userfaults))
		return 0;
	for (const struct region *g = regions_at_or_after(&t->process->space->regions, start);
	     g && g->start < end && r == 0; g = region_next(g)) {
		struct userfault *u = g->watcher ? userfault_find(k, g->watcher) : NULL;
		if (!u || !(u->features & feature) || (whole && has_of(list, u, start)))
			continue;
		uint64_t from = whole ? start : max_u64(start, g->start), to = whole ? end : min_u64(end, g->end);
		r = event_add(list, t, u,
			      (struct message){.event = whole ? TOLD_UNMAP : TOLD_REMOVE, .arg = {from, to}});
	}
	if (r != 0)
		events_free(list);
	return r;
}

int userfault_expect_unmap(struct task *t, uint64_t start, uint64_t length, struct userfault_list *list)
{
	uint64_t end = start + page_up(length);
	return end > start ? range_expect(t, start, end, EVENT_UNMAP, true, list) : 0;
}

int userfault_expect_remap(struct task *t, uint64_t start, uint64_t length, struct userfault_list *list)
{
	const struct kernel *k = t->process->kernel;
	const struct region *g = LIST_EMPTY(&k->userfaults) ? NULL : regions_find(&t->process->space->regions, start);
	struct userfault *u = g && g->watcher ? userfault_find(k, g->watcher) : NULL;
	if (!u || !(u->features & EVENT_REMAP))
		return 0;
	int r = event_add(list, t, u, (struct message){.event = TOLD_REMAP, .arg = {start, 0, length}});
	if (r != 0)
		events_free(list);
	return r;
}

void userfault_moved(struct userfault_list *list, uint64_t to)
{
	struct userfault_event *e, *next;
	for (e = TAILQ_FIRST(list); e; e = next) {
		next = TAILQ_NEXT(e, link);
		uint64_t *arg = e->message.arg;
		if (e->message.event != TOLD_REMAP)
			continue;
		if (to != arg[0]) {
			arg[1] = to;
			continue;
		}
		TAILQ_REMOVE(list, e, link);
		free(e);
	}
}

/* ---- What has happened ---- */

void userfault_tell(struct task *t, struct userfault_list *list, bool happened)
{
	struct userfault_event *e;
	if (!happened) {
		events_free(list);
		return;
	}
	while ((e = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, e, link);
		TAILQ_INSERT_TAIL(&e->of->events, e, link);
		t->tells.unread++;
		wait_wake_for(&e->of->readers, POLLIN);
	}
}

int userfault_removing(struct task *t, uint64_t start, uint64_t length)
{
	struct userfault_list list = TAILQ_HEAD_INITIALIZER(list);
	uint64_t end = start + page_up(length);
	if (start % PAGE_SIZE || end <= start)
		return 0;
	int r = range_expect(t, start, end, EVENT_REMOVE, false, &list);
	if (r == 0)
		userfault_tell(t, &list, true);
	return r;
}

/* The child's regions are watched by another, of whom nobody has a descriptor yet. */
static int fork_tell(struct task *t, struct userfault *u, struct space *child)
{
	struct userfault *heir;
	struct userfault_list list = TAILQ_HEAD_INITIALIZER(list);
	int r = event_add(&list, t, u, (struct message){.event = TOLD_FORK});
	if (r == 0)
		r = userfault_make(u->kernel, child->serial, &heir);
	if (r != 0) {
		events_free(&list);
		return r;
	}
	heir->begun = true;
	heir->user_only = u->user_only;
	heir->features = u->features;
	heir->flags = u->flags;
	r = watch_inherit(t->process->space, child, u->serial, heir->serial);
	if (r != 0) {
		events_free(&list);
		userfault_free(heir);
		return r;
	}
	TAILQ_FIRST(&list)->heir = heir;
	userfault_tell(t, &list, true);
	return 0;
}

static bool watches(const struct userfault *u, const struct space *s)
{
	for (const struct region *r = regions_first(&s->regions); r; r = region_next(r)) {
		if (r->watcher == u->serial && !(r->flags & REGION_DONTFORK))
			return true;
	}
	return false;
}

int userfault_forked(struct task *t, struct space *child)
{
	const struct space *s = t->process->space;
	struct userfault *u;
	int r = 0;
	LIST_FOREACH (u, &t->process->kernel->userfaults, link) {
		if (r == 0 && u->space == s->serial && u->features & EVENT_FORK && watches(u, s))
			r = fork_tell(t, u, child);
	}
	if (r != 0)
		userfault_forget(t);
	return r;
}

/* ---- Until it is read ---- */

static void event_over(struct userfault_event *e)
{
	struct task *t = e->task;
	TAILQ_REMOVE(&e->of->events, e, link);
	free(e);
	if (--t->tells.unread == 0)
		wait_wake(t);
}

int userfault_event_read(struct userfault *u, struct task *t, struct message *ret_message)
{
	struct userfault_event *e = TAILQ_FIRST(&u->events);
	if (e->heir) {
		int64_t fd = userfault_install(t, e->heir);
		if (fd < 0)
			return (int)fd;
		e->message.arg[0] = (uint64_t)fd;
	}
	*ret_message = e->message;
	event_over(e);
	return 0;
}

static void event_drop(struct userfault_event *e)
{
	struct userfault *heir = e->heir;
	event_over(e);
	if (heir)
		userfault_free(heir);
}

void userfault_events_drop(struct userfault *u)
{
	struct userfault_event *e;
	while ((e = TAILQ_FIRST(&u->events)))
		event_drop(e);
}

void userfault_forget(struct task *t)
{
	struct userfault *u;
	struct userfault_event *e, *next;
	t->tells.over = false;
	if (t->tells.unread == 0)
		return;
	/* Those of forks take others out of the list as they go. */
again:
	LIST_FOREACH (u, &t->process->kernel->userfaults, link) {
		for (e = TAILQ_FIRST(&u->events); e; e = next) {
			next = TAILQ_NEXT(e, link);
			if (e->task != t)
				continue;
			event_drop(e);
			goto again;
		}
	}
}

int64_t userfault_result(struct task *t, int64_t result)
{
	if (!t->tells.over) {
		t->tells.over = true;
		t->tells.result = result;
	}
	if (t->tells.unread > 0)
		return CALL_WAIT;
	t->tells.over = false;
	return t->tells.result;
}
