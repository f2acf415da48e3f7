/* SPDX-License-Identifier: MIT */
/* timewait.h - ends of TCP connections that are over, and whose port is not free yet
 *
 *	closes first                     the other side closes too         60 s of the machine's clock
 *	CONNECTED -----------> FIN_WAIT2 -----------------------> TIME_WAIT ---------------------> gone
 *	                 60 s      |  data for who is gone, or a reset
 *	                           +--------------------------------> gone
 *
 * Who closes first keeps its end of the connection, though no socket stands for it any more: so bind tells
 * -EADDRINUSE to who did not say SO_REUSEADDR, as on Linux. There are at most TIMEWAITS_MAX; then the oldest
 * goes.
 */
#ifndef KERNEL_TIMEWAIT_H
#define KERNEL_TIMEWAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/net/socket.h"

enum { TIMEWAITS_MAX = 4096 };

struct timewait {
	LIST_ENTRY(timewait) link; /* the youngest first */
	int domain;
	struct inet_end local, remote;
	uint64_t ends; /* virtual ns */
	uint64_t serial;      /* as sockets have inodes */
	bool finishing;	      /* FIN_WAIT2: the other side is not done */
	bool reuse_address, reuse_port, v6_only;
};

/* s was closed, or its connection is over: its end stays. finishing: the other side has not finished. */
void timewait_begin(const struct socket *s, bool finishing);
/* The other side of that end has finished, or broke it off. */
void timewait_finished(struct kernel *k, const struct inet_end *local, const struct inet_end *remote);
void timewait_broken(struct kernel *k, const struct inet_end *local, const struct inet_end *remote);
/* Walks those that are not over, the youngest first: NULL begins, and ends. */
struct timewait *timewait_next(struct kernel *k, struct timewait *after);
/* The same two ends are connected anew. */
void timewait_taken(struct kernel *k, const struct inet_end *local, const struct inet_end *remote);
void timewaits_destroy(struct sockets *all);

#endif
