/* SPDX-License-Identifier: MIT */
/* epoll_private.h - what epoll.c and epoll_nest.c share */
#ifndef KERNEL_EPOLL_PRIVATE_H
#define KERNEL_EPOLL_PRIVATE_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/event/epoll.h"
#include "kernel/wait.h"

/* The queues that one kind of file joins at most. */
enum { ITEM_QUEUES = 4 };

struct epoll_watch {
	struct wait_entry entry; /* first: what is called is this */
	struct epoll_item *item;
};

struct epoll_item {
	struct epoll *epoll;
	struct file *file;
	int fd;
	uint32_t events; /* POLLERR and POLLHUP are always asked for; none at all: told once already */
	uint64_t data;
	bool is_ready; /* on the ready list: may have something */
	unsigned watches;
	struct epoll_watch watch[ITEM_QUEUES];
	RB_ENTRY(epoll_item) tree;
	LIST_ENTRY(epoll_item) of_file;
	TAILQ_ENTRY(epoll_item) ready;
};

RB_HEAD(epoll_items, epoll_item);
TAILQ_HEAD(epoll_ready, epoll_item);

struct epoll {
	struct kernel *kernel;
	struct file *file; /* its own, not counted */
	struct epoll_items items;
	struct epoll_ready ready;
	struct wait_queue waiters, pollers; /* in epoll_wait; in poll, and other epolls */
	uint64_t visit;			    /* epoll_nest.c: the last walk that came here, */
	int depth;			    /* and what it found */
};

/* The epoll that a file is, or NULL. */
struct epoll *epoll_of(const struct file *f);
/* The item behind i, NULL: the first one; NULL after the last. */
struct epoll_item *epoll_item_next(struct epoll *e, struct epoll_item *i);

/* May inner be watched by outer? Returns 0 or -ELOOP: outer is reached from it, or there would be more
 * than four of them one in the other. */
int epoll_nest_check(struct epoll *outer, struct epoll *inner);
/* Would a change below the new item be passed on by too many ways? Returns 0 or -EINVAL. */
int epoll_nest_paths(struct epoll_item *added);

#endif
