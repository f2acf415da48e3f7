/* SPDX-License-Identifier: MIT */
/* async.h - SIGIO: signals for what poll would tell (O_ASYNC, F_SETOWN, F_SETSIG)
 *
 * An open file that was given an owner or O_ASYNC has a struct async; while O_ASYNC is set it holds
 * watches on the file's queues and sends a signal at each change. The owner is a process, a thread
 * or a group, by number: when nobody has that number any more, nothing is sent. Nor is it to whom the
 * user who named him could not send a signal.
 */
#ifndef KERNEL_ASYNC_H
#define KERNEL_ASYNC_H

#include <stdbool.h>
#include <stdint.h>

struct file;
struct task;

enum async_kind { ASYNC_THREAD, ASYNC_PROCESS, ASYNC_GROUP }; /* F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP */

/* Returns 0, -ENOMEM, or -ESRCH: there is no such owner. id 0: nobody. */
int async_set_owner(struct file *f, enum async_kind kind, int32_t id);
void async_owner(const struct file *f, enum async_kind *ret_kind, int32_t *ret_id);
/* 0: SIGIO, without siginfo. Returns 0, -ENOMEM or -EINVAL. */
int async_set_signal(struct file *f, int number);
int async_signal(const struct file *f);
/* O_ASYNC set or cleared. fd: what siginfo names. Returns 0 or -ENOMEM. */
int async_turn(struct file *f, int fd, bool on);
/* Urgent data came to f: SIGURG for the owner, O_ASYNC or not. */
void async_urgent(struct file *f);
/* A signal for the owner: somebody else wants what f has a lease of; something happened in the directory f. */
void async_notify(struct file *f, int fd);
void async_forget_file(struct file *f);

#endif
