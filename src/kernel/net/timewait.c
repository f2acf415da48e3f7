/* SPDX-License-Identifier: MIT */
#include "kernel/net/timewait.h"

#include <stdlib.h>

#include "kernel/kernel.h"
#include "kernel/net/inet.h"

static const uint64_t LASTS = UINT64_C(60) * 1000000000;

static void end(struct sockets *all, struct timewait *w)
{
	LIST_REMOVE(w, link);
	free(w);
	all->timewait_count--;
}

/* Those whose time is up. */
static void sweep(struct kernel *k)
{
	struct timewait *w, *next;
	for (w = LIST_FIRST(&k->sockets->timewaits); w; w = next) {
		next = LIST_NEXT(w, link);
		if (w->ends <= kernel_now(k))
			end(k->sockets, w);
	}
}

static struct timewait *find(struct kernel *k, const struct inet_end *local, const struct inet_end *remote)
{
	struct timewait *w;
	LIST_FOREACH (w, &k->sockets->timewaits, link) {
		if (inet_same(&w->local, local) && inet_same(&w->remote, remote))
			break;
	}
	return w;
}

void timewait_begin(const struct socket *s, bool finishing)
{
	struct kernel *k = s->kernel;
	struct sockets *all = k->sockets;
	sweep(k);
	struct timewait *w = find(k, &s->u.inet.local, &s->u.inet.remote), *x;
	if (w)
		end(all, w);
	if (all->timewait_count >= TIMEWAITS_MAX) {
		LIST_FOREACH (x, &all->timewaits, link)
			w = x;
		end(all, w);
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return; /* as where Linux has no memory for it: the port is free at once */
	*w = (struct timewait){.domain = s->domain,
			       .local = s->u.inet.local,
			       .remote = s->u.inet.remote,
			       .ends = kernel_now(k) + LASTS,
			       .serial = s->inode,
			       .finishing = finishing,
			       .reuse_address = s->reuse_address,
			       .reuse_port = s->reuse_port,
			       .v6_only = s->u.inet.v6_only};
	LIST_INSERT_HEAD(&all->timewaits, w, link);
	all->timewait_count++;
}

void timewait_finished(struct kernel *k, const struct inet_end *local, const struct inet_end *remote)
{
	struct timewait *w = find(k, local, remote);
	if (!w || !w->finishing)
		return;
	w->finishing = false;
	w->ends = kernel_now(k) + LASTS;
}

void timewait_broken(struct kernel *k, const struct inet_end *local, const struct inet_end *remote)
{
	struct timewait *w = find(k, local, remote);
	if (w && w->finishing)
		end(k->sockets, w);
}

struct timewait *timewait_next(struct kernel *k, struct timewait *after)
{
	if (!after)
		sweep(k);
	return after ? LIST_NEXT(after, link) : LIST_FIRST(&k->sockets->timewaits);
}

void timewait_taken(struct kernel *k, const struct inet_end *local, const struct inet_end *remote)
{
	struct timewait *w = find(k, local, remote);
	if (w)
		end(k->sockets, w);
}

void timewaits_destroy(struct sockets *all)
{
	while (!LIST_EMPTY(&all->timewaits))
		end(all, LIST_FIRST(&all->timewaits));
}
