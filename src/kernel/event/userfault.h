/* SPDX-License-Identifier: MIT */
/* userfault.h - faults that a program handles: userfaultfd(2)
 *
 *	toucher --fault--> FAULT_HANDED --> sleeps on its watcher's queue, t->handed says at what
 *	                                       |                 ^
 *	                                  read |                 | UFFDIO_COPY, ZEROPAGE, CONTINUE,
 *	                                       v                 | WRITEPROTECT, WAKE, close
 *	                                 who has the descriptor -+
 *
 * What is watched stands in the regions (vm/watch.h); here is who is told. The messages are the sleeping
 * tasks themselves, so that nothing can be lost or grow: one that is read stays until it is answered.
 * The kernel's own accesses for a program sleep in the same way.
 *
 * Who asked for it is told of changes, too: a call that forks, moves, unmaps or gives up what is watched is
 * done, and then sleeps until its events are read (userfault_private.h).
 */
#ifndef KERNEL_USERFAULT_H
#define KERNEL_USERFAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct kernel;
struct space;
struct task;
struct file;
struct file_ops;

/* The last fault of t's space was FAULT_HANDED, at va. by_kernel: in a system call. Returns CALL_WAIT:
 * t is on its queue; 0: nobody watches any more, try again; -EFAULT: who watches wants a SIGBUS. */
int userfault_wait(struct task *t, uint64_t va, bool by_kernel);
/* Is that what t sleeps for, or for events of its to be read? */
bool userfault_sleeps(const struct task *t);

struct userfault_event;
TAILQ_HEAD(userfault_list, userfault_event);

/* What t is about to do is noted in the list, if anybody wants to know. Return 0 or -ENOMEM; on failure the
 * list is empty. */
int userfault_expect_unmap(struct task *t, uint64_t start, uint64_t length, struct userfault_list *list);
int userfault_expect_remap(struct task *t, uint64_t start, uint64_t length, struct userfault_list *list);
/* It has moved to there, or stayed, so that nobody is told of that. */
void userfault_moved(struct userfault_list *list, uint64_t to);
/* What is noted has happened, and is told; or it has not. The list is empty then. */
void userfault_tell(struct task *t, struct userfault_list *list, bool happened);
/* Pages of the range will be given up: told at once. Returns 0 or -ENOMEM. */
int userfault_removing(struct task *t, uint64_t start, uint64_t length);
/* t's space was forked. Returns 0 or -ENOMEM: then nobody was told. */
int userfault_forked(struct task *t, struct space *child);
/* t's call is over, with this result: returns that, or CALL_WAIT while events of it are unread. Called
 * again, it knows the result. */
int64_t userfault_result(struct task *t, int64_t result);
/* t or its call goes: its events are not told any more. */
void userfault_forget(struct task *t);

/* Of /dev/userfaultfd. */
extern const struct file_ops userfault_device_ops;

#endif
