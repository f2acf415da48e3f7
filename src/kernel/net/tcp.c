/* SPDX-License-Identifier: MIT */
/* tcp.c - TCP between programs of this machine
 *
 * A connection is a pair of rings, as of AF_UNIX streams; no segment is ever made. What is Linux's
 * and kept: addresses, the queue of a listener, half-closed connections, and what a reset does:
 *
 *	A closes         B reads: all that A sent, then 0
 *	                 B writes: once with success, to nobody; then -EPIPE
 *	A closes with    B: -ECONNRESET, once
 *	bytes unread
 *
 * Nothing is ever late; but whoever closes first keeps the port for its TIME_WAIT (timewait.h), as programs know it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/timewait.h"

/* How many bytes are on their way from s, at most. Linux lets the buffers of a connection grow
 * unless the program sets their size; a small machine keeps seven eighths of its RAM. */
static uint64_t limit(const struct socket *s, const struct socket *to)
{
	enum { GROWN = 2 << 20, SHARE = 8 };
	if (s->send_size_set || to->receive_size_set)
		return (uint64_t)s->send_size + to->receive_size;
	uint64_t share = (uint64_t)s->kernel->config.frames * PAGE_SIZE / SHARE;
	return max_u64(min_u64(GROWN, share), PAGE_SIZE);
}

static void set_peer(struct socket *s, struct socket *peer)
{
	struct socket *old = s->peer;
	s->peer = peer ? socket_ref(peer) : NULL;
	if (old)
		socket_put(old);
}

/* s's connection broke off. */
static void reset(struct socket *s, int error)
{
	if (s->dead || s->state != SOCKET_CONNECTED)
		return;
	s->error = s->u.inet.fin ? EPIPE : error;
	s->shut = SOCK_SHUT_BOTH;
	s->state = SOCKET_CLOSED;
	socket_wake(s);
}

/* The other side of s will send no more. */
static void finish(struct socket *s)
{
	if (s->dead || s->state != SOCKET_CONNECTED)
		return;
	s->u.inet.fin = true;
	s->shut |= SOCK_SHUT_IN;
	socket_wake(s);
}

/* Both sides have finished: the connection is over. */
static void over(struct socket *s)
{
	if (s->state == SOCKET_CONNECTED && s->shut & SOCK_SHUT_OUT && s->u.inet.fin) {
		s->shut = SOCK_SHUT_BOTH;
		s->state = SOCKET_CLOSED;
		if (s->u.inet.first)
			timewait_begin(s, false);
		socket_wake(s);
	}
}

/* s finishes: its other side hears of it, be it a socket or what is left of one. */
static void finish_both(struct socket *s)
{
	s->u.inet.first = !s->u.inet.fin;
	if (s->peer->dead)
		timewait_finished(s->kernel, &s->u.inet.remote, &s->u.inet.local);
	finish(s->peer);
	over(s->peer);
}

/* ---- Listening, connecting ---- */

static int tcp_listen(struct socket *s, struct task *t, int backlog)
{
	if (s->state != SOCKET_CLOSED && s->state != SOCKET_LISTENING)
		return -EINVAL;
	int err = inet_autobind(s);
	if (err)
		return err;
	if (s->state == SOCKET_CLOSED && !inet_may_listen(s))
		return -EADDRINUSE;
	s->state = SOCKET_LISTENING;
	s->backlog = (unsigned)backlog;
	return 0;
}

/* The listener's end of a connection of s, for which there is room. Returns 0 or -ENOMEM. */
static int establish(struct socket *s, struct socket *listener)
{
	struct socket *c;
	int err = socket_create(s->kernel, &tcp_ops, listener->domain, listener->type,
				listener->protocol, NULL, &c);
	if (err)
		return err;
	c->uid = listener->uid;
	c->gid = listener->gid;
	c->shut = listener->shut;
	c->state = s->state = SOCKET_CONNECTED;
	c->u.inet.local = s->u.inet.remote;
	c->u.inet.remote = s->u.inet.local;
	c->u.inet.v6_only = listener->u.inet.v6_only;
	c->u.inet.chosen = true;
	memcpy(c->u.inet.asked, c->u.inet.local.ip, 16);
	c->reuse_address = listener->reuse_address;
	c->reuse_port = listener->reuse_port;
	c->linger = listener->linger;
	c->low_water = listener->low_water;
	c->send_timeout = listener->send_timeout;
	c->receive_timeout = listener->receive_timeout;
	c->send_size = listener->send_size;
	c->receive_size = listener->receive_size;
	c->send_size_set = listener->send_size_set;
	c->receive_size_set = listener->receive_size_set;
	memcpy(c->ints, listener->ints, sizeof(c->ints));
	inet_bind_accepted(c);
	set_peer(c, s);
	set_peer(s, c);
	socket_queue(listener, c);
	socket_wake(s);
	return 0;
}

/* s waits for listener no longer. */
static void stop_connecting(struct socket *s)
{
	TAILQ_REMOVE(&s->listener->connecting, s, queued);
	s->listener = NULL;
	s->state = SOCKET_CLOSED;
	socket_put(s);
}

static void refuse(struct socket *s, int error)
{
	s->error = error;
	s->shut = SOCK_SHUT_BOTH;
	s->state = SOCKET_CLOSED;
	inet_unchoose(s);
	socket_wake(s);
}

static int begin_connect(struct socket *s, struct inet_end *to)
{
	int err = inet_destination(s, to);
	if (!err)
		err = inet_autobind(s);
	if (err)
		return err;
	struct inet_end from;
	inet_source(s, to, &from);
	timewait_taken(s->kernel, &from, to);
	s->u.inet.local = from;
	s->u.inet.remote = *to;
	s->u.inet.fin = s->u.inet.first = false;
	memset(&s->u.inet.count, 0, sizeof(s->u.inet.count));
	s->u.inet.count.asked = true;
	s->error = 0;
	set_peer(s, NULL);
	struct socket *listener = inet_find(s->kernel, s->type, to, &from);
	if (!listener) {
		refuse(s, ECONNREFUSED);
		return 0;
	}
	if (!socket_queue_full(listener))
		return establish(s, listener);
	s->state = SOCKET_CONNECTING;
	s->listener = listener;
	TAILQ_INSERT_TAIL(&listener->connecting, socket_ref(s), queued);
	return 0;
}

static int connect_result(struct socket *s)
{
	s->u.inet.promised = false;
	if (s->state == SOCKET_CONNECTED)
		return 0;
	int err = socket_take_error(s);
	s->shut = 0;
	return err ? err : -ECONNABORTED;
}

static int disconnect(struct socket *s)
{
	if (s->state == SOCKET_CONNECTING)
		stop_connecting(s);
	if (s->peer)
		reset(s->peer, ECONNRESET);
	set_peer(s, NULL);
	packets_clear(s);
	s->state = SOCKET_CLOSED;
	s->u.inet.promised = false;
	s->shut = 0;
	s->error = 0;
	inet_unchoose(s);
	socket_wake(s);
	return 0;
}

static int tcp_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct inet_end to;
	bool begun = t->call.state[3];
	if (a->size < 2)
		return -EINVAL;
	if (address_family(a) == SOCK_AF_UNSPEC)
		return disconnect(s);
	if (!begun && s->state == SOCKET_CONNECTING && nonblock)
		return -EALREADY;
	if (!begun && s->state != SOCKET_CONNECTING) {
		if (s->u.inet.promised)
			return connect_result(s);
		if (s->state != SOCKET_CLOSED)
			return -EISCONN;
		int err = inet_parse(s, a, &to);
		if (!err && to.port == 0)
			err = -ECONNREFUSED;
		if (!err)
			err = begin_connect(s, &to);
		if (err)
			return err;
		/* A network takes its time: who does not wait never sees the result at once. */
		if (nonblock) {
			s->u.inet.promised = true;
			return -EINPROGRESS;
		}
	}
	if (s->state != SOCKET_CONNECTING)
		return connect_result(s);
	t->call.state[3] = 1;
	int err = socket_wait(t, &s->writers, s->send_timeout, false);
	if (err == -EAGAIN) {
		s->u.inet.promised = true;
		return -EINPROGRESS;
	}
	return err;
}

static int tcp_accept(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket)
{
	int err = socket_accept(s, t, nonblock, ret_socket);
	struct socket *next = err ? NULL : TAILQ_FIRST(&s->connecting);
	if (next) {
		TAILQ_REMOVE(&s->connecting, next, queued);
		next->listener = NULL;
		if (establish(next, s) != 0)
			refuse(next, ENOMEM);
		socket_put(next);
	}
	return err;
}

static void stop_listening(struct socket *s)
{
	struct socket *c;
	while ((c = TAILQ_FIRST(&s->connecting))) {
		socket_ref(c);
		stop_connecting(c);
		refuse(c, ECONNREFUSED);
		socket_put(c);
	}
	socket_queue_clear(s);
	s->state = SOCKET_CLOSED;
}

/* ---- Ending ---- */

static int tcp_shutdown(struct socket *s, int how)
{
	if (s->state == SOCKET_LISTENING) {
		if (how & SOCK_SHUT_IN) {
			/* It is as before listen. */
			stop_listening(s);
			s->shut = 0;
			inet_unchoose(s);
			socket_wake(s);
		}
		return 0;
	}
	if (s->state == SOCKET_CONNECTING)
		return disconnect(s);
	if (s->state != SOCKET_CONNECTED) {
		/* It counts all the same, for connections that will be accepted too. */
		s->shut |= (unsigned)how;
		return -ENOTCONN;
	}
	bool more = how & SOCK_SHUT_OUT && !(s->shut & SOCK_SHUT_OUT);
	s->shut |= (unsigned)how;
	if (more) {
		finish_both(s);
		over(s);
	}
	socket_wake(s);
	return 0;
}

static void tcp_close(struct socket *s)
{
	struct socket *o = s->peer;
	bool unread = !TAILQ_EMPTY(&s->packets) || s->listener;
	if (s->state == SOCKET_LISTENING)
		stop_listening(s);
	if (s->state == SOCKET_CONNECTING)
		stop_connecting(s);
	if (o && s->state == SOCKET_CONNECTED) {
		if (unread || s->linger == 0) {
			timewait_broken(s->kernel, &s->u.inet.remote, &s->u.inet.local);
			reset(o, ECONNRESET);
		} else {
			if (!s->u.inet.fin)
				timewait_begin(s, true);
			if (!(s->shut & SOCK_SHUT_OUT))
				finish_both(s);
		}
	}
	socket_unbind(s);
	s->u.inet.local.port = 0;
	s->shut = SOCK_SHUT_BOTH;
	s->state = SOCKET_CLOSED;
	if (o)
		socket_wake(o);
	set_peer(s, NULL);
}

/* ---- Bytes ---- */

/* For TCP_INFO: bytes went from s to its peer, in segments as long as lo takes. */
static void count(struct socket *s, struct socket *to, uint64_t bytes)
{
	enum { SEGMENT = 65483 };
	uint32_t segments = (uint32_t)((bytes + SEGMENT - 1) / SEGMENT);
	s->u.inet.count.sent += bytes;
	s->u.inet.count.out += segments;
	to->u.inet.count.received += bytes;
	to->u.inet.count.in += segments;
}

static int64_t tcp_send(struct socket *s, struct task *t, struct message *m)
{
	int64_t done = t ? (int64_t)t->call.done : 0;
	if (s->state == SOCKET_CONNECTING)
		return socket_wait(t, &s->writers, s->send_timeout, m->nonblock);
	if (s->error || s->shut & SOCK_SHUT_OUT || s->state != SOCKET_CONNECTED) {
		if (done)
			return done;
		return s->error && s->error != EPIPE ? socket_take_error(s)
						     : (s->error = 0, socket_broken(t, m));
	}
	if (m->size == 0)
		return 0;
	struct socket *to = s->peer;
	if (to->dead) {
		/* It goes nowhere; the answer to it is a reset. */
		timewait_broken(s->kernel, &s->u.inet.remote, &s->u.inet.local);
		reset(s, EPIPE);
		return (int64_t)m->size;
	}
	uint64_t before = ring_used(&to->in);
	int64_t n = stream_give(to, t, m, limit(s, to));
	count(s, to, ring_used(&to->in) - before);
	if (n > 0 && m->flags & MESSAGE_OOB && ((uint64_t)n == m->size || m->nonblock))
		urgent_sent(to);
	if (n < 0 || (uint64_t)n == m->size)
		return n;
	return socket_wait_more(t, &s->writers, s->send_timeout, m->nonblock, n);
}

/* As Linux: a third of the buffer is free. */
static bool writable(const struct socket *s)
{
	return !s->peer || (ring_used(&s->peer->in) * 3 <= limit(s, s->peer) * 2 &&
			    s->peer->packet_count < STREAM_PACKETS);
}

static int64_t tcp_receive(struct socket *s, struct task *t, struct message *m)
{
	bool end;
	if (m->flags & MESSAGE_ERRQUEUE)
		return -EAGAIN;
	if (s->state == SOCKET_LISTENING)
		return -ENOTCONN;
	if (m->flags & MESSAGE_OOB)
		return urgent_take(s, t, m);
	bool was_full = s->peer && !writable(s->peer);
	int64_t n = stream_take(s, t, m, &end);
	if (s->peer)
		socket_wake_writers(s->peer, was_full && writable(s->peer));
	if (n < 0 || end || (uint64_t)n >= socket_target(s, m) || (n > 0 && m->flags & MESSAGE_PEEK))
		return n;
	if (s->u.inet.fin)
		return n;
	if (s->error)
		return n ? n : socket_take_error(s);
	if (s->shut & SOCK_SHUT_IN)
		return n;
	if (s->state == SOCKET_CLOSED)
		return n ? n : -ENOTCONN;
	return socket_wait_more(t, &s->readers, s->receive_timeout, m->nonblock, n);
}

static int tcp_poll(struct socket *s, struct waiter *w)
{
	int mask = 0, err = socket_join(s, w);
	if (err)
		return err;
	if (s->state == SOCKET_LISTENING)
		return TAILQ_EMPTY(&s->accepting) ? 0 : POLLIN | POLLRDNORM;
	if (s->error)
		mask |= POLLERR;
	if (s->shut == SOCK_SHUT_BOTH || s->state == SOCKET_CLOSED)
		mask |= POLLHUP;
	if (s->shut & SOCK_SHUT_IN)
		mask |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (s->state == SOCKET_CONNECTING)
		return mask;
	uint64_t there = ring_used(&s->in);
	bool at_mark = urgent_at_mark(s) && !urgent_inline(s);
	if (there > at_mark && there - at_mark >= s->low_water)
		mask |= POLLIN | POLLRDNORM;
	if (urgent_waits(s))
		mask |= POLLPRI;
	if (s->shut & SOCK_SHUT_OUT || writable(s))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

static int64_t tcp_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg)
{
	enum { SIOCATMARK = 0x8905 };
	switch (request) {
	case ABI_FIONREAD:
		if (s->state == SOCKET_LISTENING)
			return -EINVAL;
		return socket_ioctl_int(t, arg, urgent_readable(s));
	case ABI_TIOCOUTQ:
		/* What was sent has arrived. */
		return s->state == SOCKET_LISTENING ? -EINVAL : socket_ioctl_int(t, arg, 0);
	case SIOCATMARK: return socket_ioctl_int(t, arg, urgent_at_mark(s));
	default: return inet_ioctl(t, request, arg);
	}
}

const struct socket_ops tcp_ops = {
    .bind = inet_bind,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .connect = tcp_connect,
    .name = inet_name,
    .send = tcp_send,
    .receive = tcp_receive,
    .shutdown = tcp_shutdown,
    .poll = tcp_poll,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .ioctl = tcp_ioctl,
    .close = tcp_close,
};
