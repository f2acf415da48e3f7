/* SPDX-License-Identifier: MIT */
/* pidfd.h - processes held by a file instead of a number that may be used again
 *
 *	open files --> pidref <--> process     until it is reaped: then the pidref stands alone
 *
 * A pidfd polls as readable once its process is a zombie, and as hung up when it is reaped. It keeps
 * nothing of the process alive.
 */
#ifndef KERNEL_PIDFD_H
#define KERNEL_PIDFD_H

#include <stdint.h>

struct file;
struct process;
struct task;

/* An open file for t's process, or, if t is not its first thread, for t. flags: O_NONBLOCK, O_EXCL: of a
 * thread in any case. Returns 0 or -ENOMEM. */
int pidfd_create(const struct task *t, uint32_t flags, struct file **ret_file);
/* t is dead from now on. */
void pidfd_thread_ended(const struct task *t);
/* The process of a descriptor of t. Returns 0, -EBADF (no pidfd), or -ESRCH: it is gone; ret_flags may
 * be NULL: the open file's. */
int pidfd_process(struct task *t, int fd, struct process **ret_process, uint32_t *ret_flags);
/* p is a zombie from now on; p is about to be freed. */
void pidfd_exited(struct process *p);
void pidfd_forget(struct process *p);

#endif
