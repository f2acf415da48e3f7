/* SPDX-License-Identifier: MIT */
/* fd.h - what only the system calls on descriptors need of a table of them; the rest is in
 * file.h */
#ifndef KERNEL_FD_H
#define KERNEL_FD_H

#include <stdbool.h>

struct fd_table;
struct file;
struct process;

/* dup2: puts f, whose reference passes to the table, at fd, closing what was there. Returns fd or
 * -ENOMEM. */
int fd_replace(struct fd_table *ft, struct file *f, int fd, bool cloexec);
bool fd_cloexec(const struct fd_table *ft, int fd);
void fd_set_cloexec(struct fd_table *ft, int fd, bool cloexec);
/* The lowest open descriptor at or above from; -1: none. */
int fd_next(const struct fd_table *ft, int from);
/* For FDSize of /proc/PID/status. */
unsigned fd_table_size(const struct fd_table *ft);
bool fd_table_shared(const struct fd_table *ft);
/* A table of its own for a process that shares one with others. Returns 0 or -ENOMEM. */
int process_unshare_files(struct process *p);

#endif
