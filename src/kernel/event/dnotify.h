/* SPDX-License-Identifier: MIT */
/* dnotify.h - F_NOTIFY: a signal for what happens in a directory that a program has open
 *
 * What inotify took the place of. It hears of the same happenings (inotify.h), says only that there was one,
 * to the owner of the open directory as SIGIO or F_SETSIG's signal, and once, unless DN_MULTISHOT was asked for.
 * It belongs to the descriptor's table and the open file, goes when that closes one of its descriptors, and
 * counts as one of inotify's watches.
 */
#ifndef KERNEL_DNOTIFY_H
#define KERNEL_DNOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct fd_table;
struct file;
struct kernel;
struct task;

/* Returns 0, -ENOTDIR, -ENOMEM or -ENOSPC (there are too many watches). */
int dnotify_set(struct task *t, struct file *f, int fd, uint32_t events);
/* An event of inotify happened to this file; directory: it is one; named: it is a directory, and it happened
 * to what has a name in it. */
void dnotify_tell(struct kernel *k, uint64_t device, uint64_t inode, uint32_t event, bool directory, bool named);
/* by closed one of its descriptors of f. */
void dnotify_closed(struct file *f, const struct fd_table *by);

#endif
