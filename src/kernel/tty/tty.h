/* SPDX-License-Identifier: MIT */
/* tty.h - terminals: sessions, groups in the foreground, and what every terminal can be asked
 *
 *	console.c  the host's terminal as it is: the host edits and echoes
 *	pty.c      pseudo-terminals of the guest's own, with the discipline of ldisc.c
 *	relay.c    one of those whose other side is the host
 *	tty.c      what they have in common: who may read, write and change it
 *
 * A process has the terminal of its session (process->tty), or none. Signals of keys go to the
 * group in the foreground; others who read are stopped, and with TOSTOP others who write.
 */
#ifndef KERNEL_TTY_H
#define KERNEL_TTY_H

#include <stdint.h>

struct kernel;
struct task;
struct file;
struct process;
struct tty;

enum { PTS_MAJOR = 136, TTYS_MAX = 256 };

/* Opens the console over a descriptor of the host that is a terminal. Returns 0 or -errno. */
int tty_open_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file);
/* /dev/tty: the terminal of t's session. -ENXIO: it has none. */
int tty_open_current(struct kernel *k, struct task *t, uint32_t flags, struct file **ret_file);
/* A program that was started on the console: it becomes that of its session, if it is nobody's. */
void tty_console_joined(struct process *p);
/* For /proc/PID/stat: 0 when p has no terminal. Its foreground group, -1: none. */
uint64_t tty_device(const struct process *p);
int32_t tty_foreground(const struct process *p);
/* p, which ended, may have led the session of a terminal. */
void tty_process_ended(struct process *p);
/* p begins a session: it has no terminal. */
void tty_process_leaves(struct process *p);
void tty_destroy(struct kernel *k);

#endif
