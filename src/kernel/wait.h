/* SPDX-License-Identifier: MIT */
/* wait.h - how a task sleeps without a stack of its own
 *
 * No task has a host stack. A system call that must wait puts the task on the queues of what it
 * waits for, may set a deadline, and returns CALL_WAIT. When a queue is woken or the deadline is
 * reached the task runs again and its handler is called anew with the same arguments and the
 * progress that it kept in task->call. So a handler reads
 *
 *	check everything; take what is there; else wait on it and return CALL_WAIT
 *
 * and never assumes that a wake-up means success. Waking clears all of a task's queue entries and
 * its deadline. A wake-up costs the same however many other tasks sleep elsewhere.
 *
 * Not only tasks want to hear of a change: an epoll, or an open file with O_ASYNC, puts a *watch* on
 * the queues, which stays there and is called at each wake-up:
 *
 *	queue:  watch  watch  watch | task  task        watches first, the youngest in front;
 *	                            |                   who shares (EPOLLEXCLUSIVE) behind the others
 *
 * A watch is called in the middle of whatever caused the change. It may wake others and send
 * signals; it never puts a watch on a queue or takes one off, and never touches user memory.
 *
 * A file's poll tells which queues are its own: it is given a waiter, and asks wait_join for each.
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct kernel;
struct task;
struct wait_entry;

TAILQ_HEAD(wait_queue, wait_entry);

struct wait_entry {
	struct task *task; /* sleeps; NULL: a watch */
	/* events: what became true (POLLIN, ...), 0: unknown. Of those that share a queue the first to
	 * return true is the last to be called. */
	bool (*woken)(struct wait_entry *e, int events);
	bool shares;
	struct wait_queue *queue; /* of a watch, NULL: none (any more) */
	TAILQ_ENTRY(wait_entry) link;
};

/* Who asks a file to be put on its queues. */
struct waiter {
	struct task *task; /* is put there itself; or */
	/* puts a watch of its own there. Returns 0 or -ENOMEM. */
	int (*join)(struct waiter *w, struct wait_queue *q);
};

/* What a handler returns to sleep; not an errno that a program can see. */
#define CALL_WAIT (-10000)

#define NO_DEADLINE UINT64_MAX

void wait_queue_init(struct wait_queue *q);
/* Puts t on q, besides any others. Returns 0 or -ENOMEM (the first four never fail). */
int wait_on(struct task *t, struct wait_queue *q);
/* Wakes t at virtual time ns at the latest; the earliest of several calls counts. */
void wait_until(struct task *t, uint64_t ns);
/* Puts t on the queue of the frame that the paging system just said to wait for. Returns as
 * wait_on. */
int wait_on_io(struct task *t);
/* A handler's result; -EAGAIN, which the paging system said, becomes such a wait: CALL_WAIT. */
int64_t wait_result(struct task *t, int64_t result);
/* Does t wait for such a frame? */
bool wait_is_for_io(const struct task *t);
/* What a handler returns that has done one piece of a long work, and has more to do: call.done or its
 * state say how far it is. Others run, the host is heard, and the handler is called again, as after a
 * wait. The piece is paid for in virtual time: see sched.h. */
enum wait_pause {
	PAUSE_OPEN,  /* a signal ends the call with its count */
	PAUSE_HELD,  /* only a signal that ends the process does */
	PAUSE_ALONE, /* the same, and nobody else runs: the work is one piece to the others */
};
enum { WORK_BYTES = 1 << 20, WORK_PAGES = 4096 }; /* a piece of copying, and of looking after pages */
int64_t wait_pause(struct task *t, enum wait_pause how);
/* Takes t off every queue and makes it runnable, if it sleeps. */
void wait_wake(struct task *t);
/* Wakes all who wait on q and calls all watches. */
void wait_wake_all(struct wait_queue *q);
/* The same, for a change that concerns only who looks for these events; 0: no watch. Edges that
 * epoll reports are as exact as this is. */
void wait_wake_for(struct wait_queue *q, int events);
/* Wakes the task that waits longest, and no watch. */
void wait_wake_one(struct wait_queue *q);
/* Wakes all, and lets go of the watches: before q is freed. */
void wait_queue_finish(struct wait_queue *q);

/* For a file's poll: w NULL is nobody. Returns 0 or -ENOMEM. */
int wait_join(struct waiter *w, struct wait_queue *q);
/* Puts a watch on q; its woken and shares are set. */
void wait_watch(struct wait_entry *e, struct wait_queue *q);
/* Takes a watch off its queue, if it is on one. */
void wait_unwatch(struct wait_entry *e);
/* Has q a watch? */
bool wait_watched(const struct wait_queue *q);

#endif
