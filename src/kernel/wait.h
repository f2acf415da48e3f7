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
/* Takes t off every queue and makes it runnable, if it sleeps. */
void wait_wake(struct task *t);
/* Wakes all who wait on q. Called before q is freed. */
void wait_wake_all(struct wait_queue *q);

#endif
