/* SPDX-License-Identifier: MIT */
/* pty.h - pseudo-terminals: /dev/ptmx, /dev/pts/N, and those whose other side is the host
 *
 *	program: open("/dev/ptmx")                 program: open("/dev/pts/3")
 *	   master  <---- keys, text ---->  ldisc  <---- lines, text ---->  slave
 *	   or the host: relay.c
 *
 * A pty lives until its master and all open files of its slave are closed. Once the master is
 * closed the slave is hung up and has no name. Each has fixed buffers of about 40 KiB on the host,
 * and there are at most TTYS_MAX.
 */
#ifndef KERNEL_PTY_H
#define KERNEL_PTY_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct task;
struct file;
struct process;
struct relay;

/* A new master. Returns 0, -ENOSPC or -ENOMEM. */
int ptmx_open(struct kernel *k, struct task *t, uint32_t flags, const char *path,
	      struct file **ret_file);

/* A pty whose master is the host: keys come from in, what is shown goes to out, both descriptors of
 * the host that stay the caller's. lasting: it outlives the leader of its session. Returns 0 or
 * -errno. */
int relay_create(struct kernel *k, int in, int out, bool lasting, struct relay **ret_relay);
/* Hangs up. wait: first shows what is left, however long that takes. */
void relay_destroy(struct relay *r, bool wait);
/* Is there something that out did not take yet? Then done is called when it has taken all: from the
 * kernel's poll loop, and it may destroy r. */
bool relay_drain(struct relay *r, void (*done)(void *ctx), void *ctx);
/* It is what Carrel itself was started on: signals and the window's size are for it. */
void relay_attach(struct relay *r);
/* SIGWINCH, where that is a change. */
void relay_resize(struct relay *r, uint16_t rows, uint16_t cols);
void relay_hangup(struct relay *r);
/* A signal for its foreground group. */
void relay_signal(struct relay *r, int number);
/* The slave, for a program that begins a session on it. */
int relay_open(struct relay *r, uint32_t flags, struct file **ret_file);
void relay_joined(struct relay *r, struct process *leader);

#endif
