/* SPDX-License-Identifier: MIT */
/* tty.c - what all terminals have in common */
#include "kernel/tty/tty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "base/bits.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/signal_private.h"
#include "kernel/tty/tty_private.h"
#include "kernel/uaccess.h"

int tty_init(struct tty *tty, struct kernel *k, const struct tty_kind *kind)
{
	unsigned n = 0;
	while (n < TTYS_MAX && k->ttys[n])
		n++;
	if (n == TTYS_MAX)
		return -ENOSPC;
	*tty = (struct tty){.kernel = k, .kind = kind, .number = n};
	wait_queue_init(&tty->stopped);
	k->ttys[n] = tty;
	return 0;
}

void tty_finish(struct tty *tty)
{
	tty_forget(tty);
	wait_queue_finish(&tty->stopped);
	tty->kernel->ttys[tty->number] = NULL;
}

struct tty *tty_find(struct kernel *k, unsigned number)
{
	return number < TTYS_MAX ? k->ttys[number] : NULL;
}

/* --- whose terminal it is -------------------------------------------------------------------- */

void tty_forget(struct tty *tty)
{
	struct kernel *k = tty->kernel;
	for (struct process *p = process_first(k); p; p = process_next(p))
		if (p->tty == tty)
			p->tty = NULL;
}

void tty_set_session(struct tty *tty, struct process *leader)
{
	tty->session = leader->sid;
	tty->foreground = leader->pgid;
	leader->tty = tty;
}

static void session_end(struct tty *tty)
{
	tty_forget(tty);
	tty->session = tty->foreground = 0;
}

static void send_one(struct process *p, void *number)
{
	struct signal_info info = {.number = *(int *)number, .code = SI_KERNEL};
	(void)signal_send_process(p, &info); /* a standard signal: cannot fail */
}

static void send_group(struct kernel *k, int32_t pgid, int number)
{
	if (pgid > 0)
		process_group_each(k, pgid, send_one, &number);
}

void tty_signal(struct tty *tty, int number)
{
	send_group(tty->kernel, tty->foreground, number);
}

void tty_hangup(struct tty *tty)
{
	struct kernel *k = tty->kernel;
	struct process *leader = tty->session > 0 ? process_find(k, tty->session) : NULL;
	if (tty->hung)
		return;
	tty->hung = true;
	if (leader && !leader->zombie && leader->tty == tty) {
		int hup = SIGHUP, cont = SIGCONT;
		leader->hung_group = tty->foreground;
		send_one(leader, &hup);
		send_one(leader, &cont);
	}
	session_end(tty);
	wait_wake_all(&tty->stopped);
}

/* A leader that ends, or gives its terminal up: its session has none any more. */
static void leader_gives_up(struct process *p, bool ended)
{
	struct tty *tty = p->tty;
	int32_t group = tty->foreground;
	session_end(tty);
	send_group(p->kernel, group, SIGHUP);
	if (!ended)
		send_group(p->kernel, group, SIGCONT);
}

void tty_process_ended(struct process *p)
{
	struct tty *tty = p->tty;
	p->tty = NULL;
	if (p->sid != p->pid)
		return;
	if (tty && !tty->lasting) {
		p->tty = tty;
		leader_gives_up(p, true);
	} else if (!tty && p->hung_group) {
		send_group(p->kernel, p->hung_group, SIGHUP);
		send_group(p->kernel, p->hung_group, SIGCONT);
	}
}

void tty_process_leaves(struct process *p)
{
	p->tty = NULL;
	p->hung_group = 0;
}

uint64_t tty_device(const struct process *p)
{
	return p->tty ? makedev(PTS_MAJOR, p->tty->number) : 0;
}

int32_t tty_foreground(const struct process *p)
{
	return p->tty ? p->tty->foreground : -1;
}

void tty_interrupt(struct kernel *k, int number)
{
	struct process *next;
	if (relay_interrupt(k, number))
		return;
	const struct process *front =
	    k->console ? process_group_first(k, k->console->foreground) : NULL;
	if (front) {
		bool orphaned = signal_group_orphaned(k, front->pgid, front->sid, NULL);
		tty_signal(k->console, number);
		/* No shell in there would continue it: Ctrl-Z is for the shell that started us. */
		if (number == SIGTSTP && orphaned)
			raise(SIGSTOP);
		return;
	}
	/* Nobody has a terminal: all were started from the one the signal came from. */
	for (struct process *p = process_first(k); p; p = next) {
		next = process_next(p);
		if (p != k->init && !p->zombie)
			send_one(p, &number);
	}
}

/* --- who may use it -------------------------------------------------------------------------- */

/* A process of the session that is not in the foreground must not use the terminal: its group is
 * sent number. Returns 0: it may; CALL_WAIT: the signal will say; -EIO: nobody would continue it.
 */
static int job_control(struct tty *tty, struct task *t, int number)
{
	struct process *p = t ? t->process : NULL;
	if (!p || p->tty != tty || !tty->foreground || p->pgid == tty->foreground)
		return 0;
	bool ignored = (t->signals.blocked & signal_bit(number)) ||
		       (p->signals.actions && p->signals.actions->action[number - 1].handler == 1);
	if (ignored)
		return number == SIGTTIN ? -EIO : 0;
	if (signal_group_orphaned(p->kernel, p->pgid, p->sid, NULL))
		return -EIO;
	if (!t->call.interrupted)
		send_group(tty->kernel, p->pgid, number);
	int err = wait_on(t, &tty->stopped);
	return err ? err : CALL_WAIT;
}

static int64_t tty_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct tty *tty = f->ctx;
	int err = tty->hung ? 0 : job_control(tty, t, SIGTTIN);
	if (err || tty->hung)
		return err;
	return tty->kind->look(tty, f, t, size);
}

static int64_t tty_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			uint64_t *pos)
{
	struct tty *tty = f->ctx;
	int err = tty->hung ? 0 : job_control(tty, t, SIGTTIN);
	if (err || tty->hung)
		return err;
	return tty->kind->read(tty, f, t, ret_bytes, size);
}

static int64_t tty_write(struct file *f, struct task *t, const void *bytes, size_t size,
			 uint64_t *pos)
{
	struct tty *tty = f->ctx;
	struct abi_termios now;
	if (tty->hung)
		return -EIO;
	if (t && t->process->tty == tty && t->process->pgid != tty->foreground &&
	    tty->kind->get(tty, &now) == 0 && (now.lflag & TOSTOP)) {
		int err = job_control(tty, t, SIGTTOU);
		if (err)
			return err;
	}
	return tty->kind->write(tty, f, t, bytes, size);
}

static int tty_poll(struct file *f, struct waiter *w)
{
	struct tty *tty = f->ctx;
	if (tty->hung)
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	return tty->kind->poll(tty, w);
}

/* What the name says by which it was opened: /dev/tty is not /dev/pts/0. */
static int tty_stat(struct file *f, struct stat *ret_stat)
{
	const struct tty *tty = f->ctx;
	struct place at;
	int err = path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path ? f->path : "/dev/tty", 0, &at);
	if (!err) {
		*ret_stat = at.stat;
		return 0;
	}
	*ret_stat = (struct stat){.st_mode = S_IFCHR | 0620,
				  .st_nlink = 1,
				  .st_rdev = makedev(PTS_MAJOR, tty->number),
				  .st_blksize = 1024};
	return 0;
}

/* --- ioctl ----------------------------------------------------------------------------------- */

static int set_foreground(struct tty *tty, struct task *t, int32_t pgid)
{
	const struct process *p = t->process;
	if (p->tty != tty || p->sid != tty->session)
		return -ENOTTY;
	if (pgid < 0)
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

static int become_terminal(struct tty *tty, struct file *f, struct task *t, bool steal)
{
	struct process *p = t->process;
	bool root = task_can(t, CAP_SYS_ADMIN);
	if (tty->session == p->sid && p->sid == p->pid)
		return 0;
	if (p->sid != p->pid || p->tty)
		return -EPERM;
	if (tty->session != 0) {
		if (!steal || !root)
			return -EPERM;
		tty_forget(tty);
	}
	if ((f->flags & ABI_O_ACCMODE) == ABI_O_WRONLY && !root)
		return -EPERM;
	tty_set_session(tty, p);
	return 0;
}

static int give_up(struct tty *tty, struct task *t)
{
	struct process *p = t->process;
	if (p->tty != tty)
		return -ENOTTY;
	if (p->sid == p->pid)
		leader_gives_up(p, false);
	p->tty = NULL;
	return 0;
}

/* termios and speeds, as TCGETS2 has them. */
struct abi_termios2 {
	struct abi_termios base;
	uint32_t in_speed, out_speed;
};

static uint32_t speed_of(uint32_t cflag)
{
	static const uint32_t slow[] = {0,   50,  75,   110,  134,  150,  200,	300,
					600, 1200, 1800, 2400, 4800, 9600, 19200, 38400},
			      fast[] = {57600, 115200, 230400, 460800};
	uint32_t code = cflag & CBAUD;
	if (code < array_size(slow))
		return slow[code];
	code &= 017;
	return code >= 1 && code <= array_size(fast) ? fast[code - 1] : 38400;
}

static int termios_get(struct tty *tty, struct task *t, uint64_t arg, bool speeds)
{
	struct abi_termios2 now;
	int err = tty->kind->get(tty, &now.base);
	if (err)
		return err;
	now.in_speed = now.out_speed = speed_of(now.base.cflag);
	return uaccess_write(t, arg, &now, speeds ? sizeof(now) : sizeof(now.base));
}

static int termios_set(struct tty *tty, struct task *t, uint64_t request, uint64_t arg)
{
	struct abi_termios termios;
	int err = job_control(tty, t, SIGTTOU);
	if (!err)
		err = uaccess_read(t, &termios, arg, sizeof(termios));
	return err ? err : tty->kind->set(tty, &termios, request);
}

static int size_set(struct tty *tty, struct task *t, uint64_t arg)
{
	struct abi_winsize size;
	int err = uaccess_read(t, &size, arg, sizeof(size));
	return err ? err : tty->kind->set_size(tty, &size);
}

static int flow(struct tty *tty, struct task *t, uint64_t request, uint64_t arg)
{
	int32_t number = (int32_t)arg;
	int err = job_control(tty, t, SIGTTOU);
	return err ? err : tty->kind->flow(tty, request, &number);
}

static int queued(struct tty *tty, struct task *t, uint64_t request, uint64_t arg)
{
	int32_t number = 0;
	int err = tty->kind->flow(tty, request, &number);
	return err ? err : uaccess_write(t, arg, &number, sizeof(number));
}

/* Of the session and its groups. -ENOIOCTLCMD, a number that no program sees: something else. */
enum { OTHER = -515 };

static int64_t session_control(struct tty *tty, struct file *f, struct task *t, uint64_t request,
			       uint64_t arg, bool master)
{
	const struct process *p = t->process;
	int32_t number;
	int err;
	switch (request) {
	case ABI_TIOCGPGRP:
		if (!master && p->tty != tty)
			return -ENOTTY;
		return uaccess_write(t, arg, &tty->foreground, 4);
	case ABI_TIOCSPGRP:
		err = job_control(tty, t, SIGTTOU);
		if (err)
			return err == -EIO ? -ENOTTY : err;
		if (p->tty != tty || p->sid != tty->session)
			return -ENOTTY;
		err = uaccess_read(t, &number, arg, 4);
		return err ? err : set_foreground(tty, t, number);
	case ABI_TIOCGSID:
		if ((!master && p->tty != tty) || !tty->session)
			return -ENOTTY;
		return uaccess_write(t, arg, &tty->session, 4);
	case ABI_TIOCSCTTY: return become_terminal(tty, f, t, arg == 1);
	case ABI_TIOCNOTTY: return give_up(tty, t);
	default: return OTHER;
	}
}

int64_t tty_control(struct tty *tty, struct file *f, struct task *t, uint64_t request,
		    uint64_t arg, bool master)
{
	struct abi_winsize size;
	int32_t number = tty->exclusive;
	int err;
	int64_t r = session_control(tty, f, t, request, arg, master);
	if (r != OTHER)
		return r;
	switch (request) {
	case ABI_TCGETS:
	case ABI_TCGETS2: return termios_get(tty, t, arg, request == ABI_TCGETS2);
	case ABI_TCSETS:
	case ABI_TCSETSW:
	case ABI_TCSETSF: return termios_set(tty, t, request, arg);
	case ABI_TCSETS2:
	case ABI_TCSETSW2:
	case ABI_TCSETSF2:
		return termios_set(tty, t, request - ABI_TCSETS2 + ABI_TCSETS, arg);
	case ABI_TIOCGWINSZ:
		err = tty->kind->get_size(tty, &size);
		return err ? err : uaccess_write(t, arg, &size, sizeof(size));
	case ABI_TIOCSWINSZ: return size_set(tty, t, arg);
	case ABI_TCXONC:
	case ABI_TCFLSH: return flow(tty, t, request, arg);
	case ABI_TCSBRK:
	case ABI_TCSBRKP:
		/* Waiting for output to drain would stop the machine: it drains without us. */
		return job_control(tty, t, SIGTTOU);
	case ABI_FIONREAD:
	case ABI_TIOCOUTQ: return queued(tty, t, request, arg);
	case ABI_TIOCEXCL:
	case ABI_TIOCNXCL: tty->exclusive = request == ABI_TIOCEXCL; return 0;
	case ABI_TIOCGEXCL: return uaccess_write(t, arg, &number, 4);
	/* As Linux since 6.2, by default, for whoever asks. */
	case ABI_TIOCSTI: return -EIO;
	case ABI_TIOCGETD: number = 0; return uaccess_write(t, arg, &number, 4);
	case ABI_TIOCSETD:
		err = uaccess_read(t, &number, arg, 4);
		return err ? err : number == 0 ? 0 : -EINVAL;
	default: return -ENOTTY;
	}
}

static int64_t tty_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct tty *tty = f->ctx;
	if (tty->hung)
		return request == ABI_TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_control(tty, f, t, request, arg, false);
}

static void tty_release(struct file *f)
{
	struct tty *tty = f->ctx;
	if (tty->kind->release)
		tty->kind->release(tty);
}

static const struct file_ops tty_ops = {
    .name = "tty",
    .look = tty_look,
    .read = tty_read,
    .write = tty_write,
    .stat = tty_stat,
    .ioctl = tty_ioctl,
    .poll = tty_poll,
    .release = tty_release,
};

int tty_file(struct tty *tty, struct task *t, uint32_t flags, const char *path,
	     struct file **ret_file)
{
	int err = file_create(tty->kernel, &tty_ops, flags, path, tty, ret_file);
	struct process *p = t ? t->process : NULL;
	if (!err && tty->kind->open)
		tty->kind->open(tty);
	if (!err && p && p->sid == p->pid && !p->tty && tty->session == 0 &&
	    !(flags & ABI_O_NOCTTY) && (flags & ABI_O_ACCMODE) != ABI_O_WRONLY)
		tty_set_session(tty, p);
	return err;
}
