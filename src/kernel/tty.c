/* SPDX-License-Identifier: MIT */
/* tty.c - the console */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/path.h"
#include "kernel/stream.h"
#include "kernel/tty.h"
#include "kernel/uaccess.h"

struct tty {
	struct kernel *kernel;
	int fd; /* an open file of our own, that does not block */
	struct abi_termios saved;
	int32_t session, foreground; /* 0: nobody's yet */
	struct host_watch in, out;
};

static int tty_create(struct kernel *k, int host_fd)
{
	struct tty *tty = calloc(1, sizeof(*tty));
	if (!tty)
		return -ENOMEM;
	tty->kernel = k;
	tty->fd = stream_own(host_fd, O_RDWR);
	if (tty->fd < 0)
		tty->fd = stream_own(host_fd, fcntl(host_fd, F_GETFL) & O_ACCMODE);
	if (tty->fd < 0 || ioctl(tty->fd, TCGETS, &tty->saved) < 0) {
		int err = -errno;
		if (tty->fd >= 0)
			close(tty->fd);
		free(tty);
		return err;
	}
	tty->in.fd = tty->out.fd = tty->fd;
	tty->in.events = POLLIN;
	tty->out.events = POLLOUT;
	host_watch_add(k, &tty->in);
	host_watch_add(k, &tty->out);
	k->tty = tty;
	return 0;
}

void tty_restore(struct kernel *k)
{
	if (!k->tty)
		return;
	struct abi_termios now;
	/* In the background this would stop us: nothing to restore then unless it changed. */
	if (ioctl(k->tty->fd, TCGETS, &now) == 0 && memcmp(&now, &k->tty->saved, sizeof(now)) != 0)
		(void)ioctl(k->tty->fd, TCSETS, &k->tty->saved);
}

void tty_destroy(struct kernel *k)
{
	struct tty *tty = k->tty;
	if (!tty)
		return;
	tty_restore(k);
	host_watch_remove(&tty->in);
	host_watch_remove(&tty->out);
	close(tty->fd);
	free(tty);
	k->tty = NULL;
}

/* The terminal belongs to the session of the first who uses it. */
static void tty_claim(struct tty *tty, const struct task *t)
{
	if (tty->session == 0 && t) {
		tty->session = t->process->sid;
		tty->foreground = t->process->pgid;
	}
}

static void send_stop(struct process *p, void *ctx)
{
	(void)signal_send_process(p, ctx);
}

/* A process of the session that is not in the foreground must not use the terminal: its group is
 * sent number. Returns 0: it may; CALL_WAIT: the signal will say; -EIO: nobody would continue it.
 */
static int job_control(struct tty *tty, struct task *t, int number)
{
	if (!t)
		return 0;
	tty_claim(tty, t);
	struct process *p = t->process;
	if (p->sid != tty->session || p->pgid == tty->foreground)
		return 0;
	bool ignored = (t->signals.blocked & signal_bit(number)) ||
		       (p->signals.actions && p->signals.actions->action[number - 1].handler == 1);
	if (ignored)
		return number == SIGTTIN ? -EIO : 0;
	process_group_each(tty->kernel, p->pgid, send_stop,
			   &(struct signal_info){.number = number, .code = 0x80});
	int err = wait_on(t, &tty->in.queue);
	return err ? err : CALL_WAIT;
}

static int64_t tty_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct tty *tty = f->ctx;
	int err = job_control(tty, t, SIGTTIN);
	return err ? err : stream_look(tty->fd, &tty->in, f, t);
}

static int64_t tty_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	struct tty *tty = f->ctx;
	int err = job_control(tty, t, SIGTTIN);
	return err ? err : stream_read(tty->fd, &tty->in, f, t, ret_bytes, size);
}

static int64_t tty_write(struct file *f, struct task *t, const void *bytes, size_t size,
			 uint64_t *pos)
{
	struct tty *tty = f->ctx;
	struct abi_termios now;
	enum { TOSTOP_BIT = 0400 };
	if (t)
		tty_claim(tty, t);
	if (t && t->process->pgid != tty->foreground && ioctl(tty->fd, TCGETS, &now) == 0 &&
	    (now.lflag & TOSTOP_BIT)) {
		int err = job_control(tty, t, SIGTTOU);
		if (err)
			return err;
	}
	return stream_write(tty->fd, &tty->out, f, t, bytes, size);
}

static int tty_poll(struct file *f, struct waiter *w)
{
	struct tty *tty = f->ctx;
	return stream_poll(tty->fd, &tty->in, &tty->out, w);
}

static int tty_stat(struct file *f, struct stat *ret_stat)
{
	struct place at;
	int err = path_find(f->kernel, NULL, ABI_AT_FDCWD, "/dev/pts/0", 0, &at);
	if (!err)
		*ret_stat = at.stat;
	return err;
}

static int set_foreground(struct tty *tty, struct task *t, int32_t pgid)
{
	struct process *p = t->process;
	if (p->sid != tty->session)
		return -ENOTTY;
	if (pgid <= 0)
		return -EINVAL;
	for (struct process *x = process_group_first(tty->kernel, pgid); x;
	     x = process_group_next(x)) {
		if (!x->zombie) {
			if (x->sid != p->sid)
				return -EPERM;
			tty->foreground = pgid;
			return 0;
		}
	}
	return -ESRCH;
}

static int control(struct tty *tty, struct task *t, bool steal)
{
	struct process *p = t->process;
	if (tty->session == p->sid && p->sid == p->pid)
		return 0;
	if (p->sid != p->pid || (tty->session != 0 && !(steal && p->euid == 0)))
		return -EPERM;
	tty->session = p->sid;
	tty->foreground = p->pgid;
	return 0;
}

static int tty_set(struct tty *tty, struct task *t, uint64_t request, uint64_t arg)
{
	struct abi_termios termios;
	int err = uaccess_read(t, &termios, arg, sizeof(termios));
	if (!err)
		err = job_control(tty, t, SIGTTOU);
	if (err)
		return err;
	return ioctl(tty->fd, request, &termios) < 0 ? -errno : 0;
}

static int64_t tty_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct tty *tty = f->ctx;
	union {
		struct abi_termios termios;
		struct abi_winsize size;
		int32_t number;
	} u;
	int err;
	tty_claim(tty, t);
	switch (request) {
	case ABI_TCGETS:
		if (ioctl(tty->fd, TCGETS, &u.termios) < 0)
			return -errno;
		return uaccess_write(t, arg, &u, sizeof(u.termios));
	case ABI_TCSETS:
	case ABI_TCSETSW:
	case ABI_TCSETSF: return tty_set(tty, t, request, arg);
	case ABI_TIOCGWINSZ:
		if (ioctl(tty->fd, TIOCGWINSZ, &u.size) < 0)
			return -errno;
		return uaccess_write(t, arg, &u, sizeof(u.size));
	case ABI_TIOCSWINSZ:
		err = uaccess_read(t, &u, arg, sizeof(u.size));
		if (err)
			return err;
		return ioctl(tty->fd, TIOCSWINSZ, &u.size) < 0 ? -errno : 0;
	case ABI_TIOCGPGRP:
		if (t->process->sid != tty->session)
			return -ENOTTY;
		return uaccess_write(t, arg, &tty->foreground, 4);
	case ABI_TIOCSPGRP:
		err = uaccess_read(t, &u, arg, 4);
		if (!err)
			err = job_control(tty, t, SIGTTOU);
		return err ? err : set_foreground(tty, t, u.number);
	case ABI_TIOCGSID:
		if (t->process->sid != tty->session)
			return -ENOTTY;
		return uaccess_write(t, arg, &tty->session, 4);
	case ABI_TIOCSCTTY: return control(tty, t, arg == 1);
	case ABI_TIOCNOTTY:
		if (t->process->sid != tty->session)
			return -ENOTTY;
		if (t->process->sid == t->process->pid)
			tty->session = tty->foreground = -1;
		return 0;
	case ABI_TCXONC:
	case ABI_TCFLSH:
	case ABI_TCSBRK:
	case ABI_TCSBRKP:
		err = job_control(tty, t, SIGTTOU);
		if (err)
			return err;
		/* Waiting for output to drain would stop the machine: it drains without us. */
		if (request == ABI_TCSBRK || request == ABI_TCSBRKP)
			return 0;
		return ioctl(tty->fd, request, arg) < 0 ? -errno : 0;
	case ABI_FIONREAD:
	case ABI_TIOCOUTQ:
		if (ioctl(tty->fd, request, &u.number) < 0)
			return -errno;
		return uaccess_write(t, arg, &u, 4);
	default: return -ENOTTY;
	}
}

/* The machine has one terminal: nothing is left behind by a file that is closed. */
static const struct file_ops tty_ops = {
    .name = "tty",
    .look = tty_look,
    .read = tty_read,
    .write = tty_write,
    .stat = tty_stat,
    .ioctl = tty_ioctl,
    .poll = tty_poll,
};

int tty_open_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file)
{
	int err = k->tty ? 0 : tty_create(k, host_fd);
	return err ? err : file_create(k, &tty_ops, flags, "/dev/pts/0", k->tty, ret_file);
}

int tty_open(struct kernel *k, struct task *t, uint32_t flags, struct file **ret_file)
{
	if (!k->tty)
		return -ENXIO;
	if (t) {
		tty_claim(k->tty, t);
		if (t->process->sid != k->tty->session)
			return -ENXIO;
	}
	return file_create(k, &tty_ops, flags, "/dev/tty", k->tty, ret_file);
}

uint64_t tty_device(const struct process *p)
{
	const struct tty *tty = p->kernel->tty;
	return tty && tty->session == p->sid ? makedev(TTY_MAJOR, 0) : 0;
}

int32_t tty_foreground(const struct process *p)
{
	const struct tty *tty = p->kernel->tty;
	return tty && tty->session == p->sid ? tty->foreground : -1;
}

static void send_interrupt(struct process *p, void *ctx)
{
	(void)signal_send_process(p, ctx);
}

void tty_interrupt(struct kernel *k, int number)
{
	struct signal_info info = {.number = number, .code = 0x80}; /* SI_KERNEL */
	if (k->tty && k->tty->foreground > 0) {
		process_group_each(k, k->tty->foreground, send_interrupt, &info);
		return;
	}
	/* Nobody has used a terminal: all were started from the one the signal came from. */
	struct process *next;
	for (struct process *p = process_first(k); p; p = next) {
		next = process_next(p);
		if (p != k->init && !p->zombie)
			(void)signal_send_process(p, &info);
	}
}
