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
 */
#ifndef KERNEL_USERFAULT_H
#define KERNEL_USERFAULT_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct task;
struct file;
struct file_ops;

/* The last fault of t's space was FAULT_HANDED, at va. by_kernel: in a system call. Returns CALL_WAIT:
 * t is on its queue; 0: nobody watches any more, try again; -EFAULT: who watches wants a SIGBUS. */
int userfault_wait(struct task *t, uint64_t va, bool by_kernel);
/* Is that what t sleeps for? */
bool userfault_sleeps(const struct task *t);

/* Of /dev/userfaultfd. */
extern const struct file_ops userfault_device_ops;

#endif
