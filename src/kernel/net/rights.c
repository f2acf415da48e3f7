/* SPDX-License-Identifier: MIT */
/* rights.c - open files on their way in messages, and cycles of them
 *
 * A message may carry the very socket in whose queue it lies, or two sockets lie in each other's
 * queues: once no descriptor is left, nobody can receive them, and each keeps the other. As Linux
 * did up to 6.9 (net/unix/garbage.c) such sockets are found by counting:
 *
 *	1. candidates: sockets on their way all of whose files' references are messages
 *	2. take from each candidate the references that lie in candidates' queues
 *	3. one that has some left can be reached from outside, and so can all in its queue
 *	4. the others are garbage: their queues are emptied
 *
 * It is done when a socket is closed while others are on their way, when too many files are, and at
 * the end of the machine. Closing a file may empty a queue of files, and so on: they are buried one
 * after the other, not one within the other, since the chain may be long.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/kernel.h"
#include "kernel/net/socket.h"

/* Files on their way: at most as many as the sender may have open; root may fill this. */
enum { FLIGHTS_MAX = 65536 };

static struct socket *flyer(const struct file *f)
{
	struct socket *s = socket_of(f);
	return s && s->domain == SOCK_AF_UNIX ? s : NULL;
}

static void take_off(struct kernel *k, struct file *f)
{
	struct socket *s = flyer(f);
	k->sockets->flights++;
	if (s && s->flights++ == 0)
		LIST_INSERT_HEAD(&k->sockets->flying, s, flying);
}

static void land(struct kernel *k, struct file *f)
{
	struct socket *s = flyer(f);
	k->sockets->flights--;
	if (s && --s->flights == 0)
		LIST_REMOVE(s, flying);
}

static struct rights *rights_new(unsigned count)
{
	return calloc(1, sizeof(struct rights) + count * sizeof(struct file *));
}

int rights_create(struct task *t, const int32_t *fd, unsigned count, struct rights **ret_rights)
{
	struct kernel *k = t->process->kernel;
	uint64_t limit =
	    task_can(t, CAP_SYS_RESOURCE) || task_can(t, CAP_SYS_ADMIN) ? FLIGHTS_MAX : fd_limit(t);
	if (k->sockets->flights >= limit)
		rights_collect(k);
	if (k->sockets->flights >= limit)
		return -ETOOMANYREFS;
	for (unsigned i = 0; i < count; i++) {
		const struct file *f = fd_get(t->process->files, fd[i]);
		if (!f)
			return -EBADF;
	}
	struct rights *r = rights_new(count);
	if (!r)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		r->file[i] = file_ref(fd_get(t->process->files, fd[i]));
		take_off(k, r->file[i]);
	}
	r->count = count;
	*ret_rights = r;
	return 0;
}

struct rights *rights_copy(struct kernel *k, const struct rights *from)
{
	struct rights *r = rights_new(from->count);
	if (!r)
		return NULL;
	for (unsigned i = 0; i < from->count; i++) {
		r->file[i] = file_ref(from->file[i]);
		take_off(k, r->file[i]);
	}
	r->count = from->count;
	return r;
}

void rights_destroy(struct kernel *k, struct rights *r)
{
	struct sockets *ss = k->sockets;
	if (!r)
		return;
	LIST_INSERT_HEAD(&ss->dying, r, dying);
	if (ss->burying)
		return;
	ss->burying = true;
	while ((r = LIST_FIRST(&ss->dying))) {
		LIST_REMOVE(r, dying);
		for (unsigned i = 0; i < r->count; i++) {
			land(k, r->file[i]);
			file_put(r->file[i]);
		}
		free(r);
	}
	ss->burying = false;
}

/* Calls fn for every socket that lies in a message in the queue of s, or in those of connections
 * that s has not accepted. */
static void each_within(struct socket *s, void (*fn)(struct socket *))
{
	struct packet *p;
	struct socket *c;
	TAILQ_FOREACH (p, &s->packets, link) {
		for (unsigned i = 0; p->rights && i < p->rights->count; i++) {
			struct socket *in = flyer(p->rights->file[i]);
			if (in && in->candidate)
				fn(in);
		}
	}
	TAILQ_FOREACH (c, &s->accepting, queued)
		each_within(c, fn);
}

static void count_inside(struct socket *s)
{
	s->outside--;
}

/* Reached from outside: counted again, so that a walk of the list comes by. */
static void reached(struct socket *s)
{
	s->outside++;
}

void rights_collect(struct kernel *k)
{
	struct sockets *ss = k->sockets;
	struct socket *s;
	bool more = true;
	if (ss->burying)
		return;
	LIST_FOREACH (s, &ss->flying, flying) {
		s->candidate = s->file && s->file->refs == s->flights;
		s->outside = s->flights;
	}
	LIST_FOREACH (s, &ss->flying, flying) {
		if (s->candidate)
			each_within(s, count_inside);
	}
	while (more) {
		more = false;
		LIST_FOREACH (s, &ss->flying, flying) {
			if (!s->candidate || s->outside == 0)
				continue;
			s->candidate = false;
			each_within(s, reached);
			more = true;
		}
	}
	/* What is emptied may close others: the files are only buried when all are found. */
	ss->burying = true;
	LIST_FOREACH (s, &ss->flying, flying) {
		struct packet *p;
		struct socket *c;
		if (!s->candidate)
			continue;
		s->candidate = false;
		TAILQ_FOREACH (p, &s->packets, link) {
			rights_destroy(k, p->rights);
			p->rights = NULL;
		}
		TAILQ_FOREACH (c, &s->accepting, queued) {
			TAILQ_FOREACH (p, &c->packets, link) {
				rights_destroy(k, p->rights);
				p->rights = NULL;
			}
		}
	}
	ss->burying = false;
	if (!LIST_EMPTY(&ss->dying)) {
		struct rights *r = LIST_FIRST(&ss->dying);
		LIST_REMOVE(r, dying);
		rights_destroy(k, r);
	}
}
