/* SPDX-License-Identifier: MIT */
/* mqueue.h - POSIX message queues: mq_overview(7)
 *
 *	name -> queue <- open files	a queue lives while it has either
 *
 *	ring: [head|text][head|text]...	the highest priority first, among equals the oldest
 *
 * Names are a list of their own, which no file system need show. As with System V's a message for which
 * somebody waits goes into his letter (ipc.h) and is never queued; RLIMIT_MSGQUEUE bounds what the queues
 * of a user may hold, and what they hold lies in frames of the machine.
 */
#ifndef KERNEL_MQUEUE_H
#define KERNEL_MQUEUE_H

struct kernel;

/* For kernel_destroy: no file is open any more. */
void mqueues_destroy(struct kernel *k);

#endif
