/* SPDX-License-Identifier: MIT */
/* pty_private.h - one pseudo-terminal, between pty.c and relay.c */
#ifndef KERNEL_PTY_PRIVATE_H
#define KERNEL_PTY_PRIVATE_H

#include "kernel/tty/ldisc.h"
#include "kernel/tty/pty.h"
#include "kernel/tty/tty_private.h"

struct pty {
	struct tty tty; /* first: the slave */
	struct ldisc ldisc;
	struct abi_winsize size;
	bool has_master, locked, packet;
	bool opened;	 /* the slave was, at some time */
	unsigned slaves; /* open files of it */
	struct relay *relay; /* who is the master; NULL: a file */
	uint32_t uid, gid, mode;
	struct wait_queue readers, writers, masters;
	uint64_t stored, shown; /* of ldisc, as they were when the queues were told last */
	bool writable, room;
};

int pty_create(struct kernel *k, struct pty **ret_pty);
int pty_slave_open(struct pty *p, struct task *t, uint32_t flags, struct file **ret_file);
/* Something was read, written or set: whoever waits looks again. */
void pty_changed(struct pty *p);
/* One side is gone. */
void pty_closed(struct pty *p);
/* p may be no more afterwards. */
void pty_master_gone(struct pty *p);

#endif
