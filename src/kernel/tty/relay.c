/* SPDX-License-Identifier: MIT */
/* relay.c - a pseudo-terminal of the guest whose other side is the host
 *
 *	host's in ---- keys ---> pty <--- guest
 *	host's out <-- text -----+
 *
 * The host's terminal is raw meanwhile; making it so is the affair of who has it. The end of in is
 * a Ctrl-D, once: it may have been a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/file/stream.h"
#include "kernel/kernel.h"
#include "kernel/tty/pty_private.h"

struct relay {
	struct kernel *kernel;
	struct pty *pty;
	struct host_service in, out;
	bool deaf; /* out takes nothing any more */
	void (*drained)(void *ctx);
	void *drained_ctx;
	unsigned shown; /* of text: what is on its way to out */
	unsigned size;
	uint8_t text[4096]; /* a pipe that polls as writable takes this much */
};

static void relay_listen(struct relay *r)
{
	r->in.events = r->in.awaited && ldisc_receive_room(&r->pty->ldisc) > 0 ? POLLIN : 0;
}

static void in_ready(struct host_service *s, short revents)
{
	struct relay *r = (struct relay *)((char *)s - offsetof(struct relay, in));
	uint8_t keys[1024];
	size_t size = min_u64(sizeof(keys), ldisc_receive_room(&r->pty->ldisc));
	ssize_t n = read(s->fd, keys, size);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* EIO: the terminal is gone, not only its keys. */
		r->in.awaited = false;
		r->in.events = 0;
		if (n < 0) {
			relay_hangup(r);
			return;
		}
		keys[0] = r->pty->ldisc.termios.cc[CC_EOF];
		n = 1;
	}
	(void)ldisc_receive(&r->pty->ldisc, keys, (size_t)n);
	pty_changed(r->pty);
}

/* Writes what there is, as far as out takes it now. */
static void relay_push(struct relay *r)
{
	while (!r->deaf) {
		if (r->shown == r->size) {
			r->shown = 0;
			r->size = (unsigned)ldisc_take_out(&r->pty->ldisc, r->text, sizeof(r->text));
			if (r->size == 0)
				break;
		}
		struct pollfd p = {.fd = r->out.fd, .events = POLLOUT};
		if (poll(&p, 1, 0) <= 0)
			break;
		ssize_t n = write(r->out.fd, r->text + r->shown, r->size - r->shown);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			r->deaf = true;
		else if (n < 0)
			break;
		else
			r->shown += (unsigned)n;
	}
	/* Nobody will ever see it: as if it had been shown. */
	while (r->deaf && ldisc_take_out(&r->pty->ldisc, r->text, sizeof(r->text)) > 0)
		r->shown = r->size = 0;
	r->out.events = !r->deaf && r->shown < r->size ? POLLOUT : 0;
}

void relay_show(struct relay *r)
{
	relay_push(r);
	relay_listen(r);
}

static void out_ready(struct host_service *s, short revents)
{
	struct relay *r = (struct relay *)((char *)s - offsetof(struct relay, out));
	pty_changed(r->pty);
	if (!r->out.events && r->drained)
		r->drained(r->drained_ctx);
}

int relay_create(struct kernel *k, int in, int out, bool lasting, struct relay **ret_relay)
{
	struct relay *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->kernel = k;
	r->in = (struct host_service){
	    .fd = stream_own(in, O_RDONLY), .events = POLLIN, .awaited = true, .ready = in_ready};
	r->out = (struct host_service){.fd = stream_own(out, O_WRONLY), .ready = out_ready};
	int err = r->in.fd < 0 ? r->in.fd : r->out.fd < 0 ? r->out.fd : pty_create(k, &r->pty);
	if (err) {
		if (r->in.fd >= 0)
			close(r->in.fd);
		if (r->out.fd >= 0)
			close(r->out.fd);
		free(r);
		return err;
	}
	r->pty->relay = r;
	r->pty->tty.lasting = lasting;
	host_service_add(k, &r->in);
	host_service_add(k, &r->out);
	*ret_relay = r;
	return 0;
}

bool relay_drain(struct relay *r, void (*done)(void *ctx), void *ctx)
{
	relay_push(r);
	if (!r->out.events)
		return false;
	r->drained = done;
	r->drained_ctx = ctx;
	return true;
}

void relay_destroy(struct relay *r, bool wait)
{
	/* The last words of who has ended. */
	for (relay_push(r); wait && r->out.events; relay_push(r)) {
		struct pollfd p = {.fd = r->out.fd, .events = POLLOUT};
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
	}
	if (r->kernel->relay == r)
		r->kernel->relay = NULL;
	pty_master_gone(r->pty);
	host_service_remove(&r->in);
	host_service_remove(&r->out);
	close(r->in.fd);
	close(r->out.fd);
	free(r);
}

void relay_hangup(struct relay *r)
{
	r->in.awaited = false;
	r->in.events = 0;
	tty_hangup(&r->pty->tty);
	pty_closed(r->pty);
}

void relay_resize(struct relay *r, uint16_t rows, uint16_t cols)
{
	const struct abi_winsize size = {.row = rows, .col = cols};
	(void)r->pty->tty.kind->set_size(&r->pty->tty, &size); /* cannot fail */
}

void relay_signal(struct relay *r, int number)
{
	tty_signal(&r->pty->tty, number);
}

int relay_open(struct relay *r, uint32_t flags, struct file **ret_file)
{
	return pty_slave_open(r->pty, NULL, flags, ret_file);
}

void relay_joined(struct relay *r, struct process *leader)
{
	struct tty *tty = &r->pty->tty;
	if (tty->session == 0 && leader->sid == leader->pid)
		tty_set_session(tty, leader);
	else if (tty->session == leader->sid)
		leader->tty = tty;
}

/* Its size is that of the host's terminal, whichever of the two that is. */
static void relay_measure(struct relay *r)
{
	struct winsize size;
	if (ioctl(r->in.fd, TIOCGWINSZ, &size) == 0 || ioctl(r->out.fd, TIOCGWINSZ, &size) == 0)
		relay_resize(r, size.ws_row, size.ws_col);
}

bool relay_interrupt(struct kernel *k, int number)
{
	struct relay *r = k->relay;
	if (!r)
		return false;
	if (number == SIGWINCH)
		relay_measure(r);
	else if (number == SIGHUP)
		relay_hangup(r);
	else
		relay_signal(r, number);
	return true;
}

void relay_attach(struct relay *r)
{
	r->kernel->relay = r;
	relay_measure(r);
}
