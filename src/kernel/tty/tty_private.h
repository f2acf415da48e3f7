/* SPDX-License-Identifier: MIT */
/* tty_private.h - a terminal, between the files that are named in tty.h */
#ifndef KERNEL_TTY_PRIVATE_H
#define KERNEL_TTY_PRIVATE_H

#include <stdbool.h>

#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/tty/tty.h"

/* What each kind of terminal does in its own way. Those of read and write are as of file_ops, for
 * callers that may use the terminal. */
struct tty_kind {
	int64_t (*look)(struct tty *tty, struct file *f, struct task *t, size_t size);
	int64_t (*read)(struct tty *tty, struct file *f, struct task *t, void *ret_bytes,
			size_t size);
	int64_t (*write)(struct tty *tty, struct file *f, struct task *t, const void *bytes,
			 size_t size);
	int (*poll)(struct tty *tty, struct waiter *w);
	int (*get)(struct tty *tty, struct abi_termios *ret_termios);
	/* request: TCSETS, TCSETSW, TCSETSF. */
	int (*set)(struct tty *tty, const struct abi_termios *termios, uint64_t request);
	int (*get_size)(struct tty *tty, struct abi_winsize *ret_size);
	int (*set_size)(struct tty *tty, const struct abi_winsize *size);
	/* TCXONC, TCFLSH, TIOCINQ, TIOCOUTQ with their argument, or where their result goes. */
	int (*flow)(struct tty *tty, uint64_t request, int32_t *inout_number);
	/* One more open file; one less. NULL: it does not count them. */
	void (*open)(struct tty *tty);
	void (*release)(struct tty *tty);
};

struct tty {
	struct kernel *kernel;
	const struct tty_kind *kind;
	unsigned number;	     /* it is /dev/pts/number */
	int32_t session, foreground; /* 0: nobody's */
	bool exclusive;
	bool hung;    /* nobody is at the other side any more */
	bool lasting; /* it outlives its session's leader: the host's, and that of run -t */
	struct wait_queue stopped; /* those in the background that their signal did not stop */
};

/* Gives it the lowest number. Returns 0 or -ENOSPC. */
int tty_init(struct tty *tty, struct kernel *k, const struct tty_kind *kind);
/* Nobody has it any more. */
void tty_finish(struct tty *tty);
struct tty *tty_find(struct kernel *k, unsigned number);

/* An open file of it. t: who opens it, and may get it as the terminal of its session; NULL: nobody. */
int tty_file(struct tty *tty, struct task *t, uint32_t flags, const char *path,
	     struct file **ret_file);
int64_t tty_control(struct tty *tty, struct file *f, struct task *t, uint64_t request,
		    uint64_t arg, bool master);
void tty_signal(struct tty *tty, int number);
/* The other side is gone: its session loses it, and the leader is told by SIGHUP. */
void tty_hangup(struct tty *tty);
void tty_set_session(struct tty *tty, struct process *leader);
/* No process has it as its terminal any more. */
void tty_forget(struct tty *tty);

/* relay.c: what a pty with the host at its other side has to show. */
struct relay;
void relay_show(struct relay *r);
/* A signal that Carrel got, for a machine whose console is a relay. False: it is none. */
bool relay_interrupt(struct kernel *k, int number);

#endif
