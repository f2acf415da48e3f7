/* SPDX-License-Identifier: MIT */
/* tty.h - the console: the host's terminal, with sessions and groups of the guest's own
 *
 * Settings and window size are those of the host's terminal, which does echo and line editing; they
 * are as they were when the machine ends. Which process group is in the foreground is kept here:
 * the host only knows one process. The first process to use the terminal makes it that of its
 * session.
 */
#ifndef KERNEL_TTY_H
#define KERNEL_TTY_H

#include <stdint.h>

struct kernel;
struct task;
struct file;
struct process;

enum { TTY_MAJOR = 136 }; /* the console is /dev/pts/0 */

/* Opens the console over a descriptor of the host that is a terminal. Returns 0 or -errno. */
int tty_open_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file);
/* /dev/tty: the terminal of t's session. -ENXIO: it has none. */
int tty_open(struct kernel *k, struct task *t, uint32_t flags, struct file **ret_file);
/* For stat: 0 when p has no terminal. tpgid: its foreground group, -1: none. */
uint64_t tty_device(const struct process *p);
int32_t tty_foreground(const struct process *p);
/* Gives the host's terminal its settings back; safe in a signal handler. */
void tty_restore(struct kernel *k);
void tty_destroy(struct kernel *k);

#endif
