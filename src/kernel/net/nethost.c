/* SPDX-License-Identifier: MIT */
/* nethost.c - with --net host: AF_INET and AF_INET6 sockets are sockets of the host
 *
 * Each is a socket of the host that never blocks; who must wait does so on a host_watch. Layouts
 * of names and the numbers of options are the same on every Linux that Carrel runs on. What is
 * received lies with the message until the program's memory has all of it. Options that take
 * pointers, or change more than the socket, are not passed on.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/uaccess.h"

struct nethost {
	int fd;
	struct host_watch in, out;
};

enum { PART = 16384, RECEIVE_MOST = 65536 };

static int adopt(struct kernel *k, const struct task *t, int fd, int domain, int type,
		 int protocol, struct socket **ret_socket)
{
	struct nethost *h = calloc(1, sizeof(*h));
	struct socket *s;
	int err = h ? socket_create(k, &nethost_ops, domain, type, protocol, t, &s) : -ENOMEM;
	if (err) {
		free(h);
		close(fd);
		return err;
	}
	h->fd = h->in.fd = h->out.fd = fd;
	h->in.events = POLLIN | POLLPRI | POLLRDHUP;
	h->out.events = POLLOUT;
	host_watch_add(k, &h->in);
	host_watch_add(k, &h->out);
	s->u.host = h;
	*ret_socket = s;
	return 0;
}

int nethost_create(struct task *t, int domain, int type, int protocol, struct socket **ret_socket)
{
	int fd = socket(domain == SOCK_AF_INET ? AF_INET : AF_INET6,
			(type == SOCK_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK |
			    SOCK_CLOEXEC,
			protocol);
	if (fd < 0)
		return -errno;
	return adopt(t->process->kernel, t, fd, domain, type, protocol, ret_socket);
}

static int result(int n)
{
	return n < 0 ? -errno : 0;
}

static const struct sockaddr *name_of(const struct address *a)
{
	return (const struct sockaddr *)(const void *)a->bytes;
}

static int ready(const struct nethost *h, short events)
{
	struct pollfd p = {.fd = h->fd, .events = events};
	int n;
	do
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? p.revents : 0;
}

static int host_bind(struct socket *s, struct task *t, const struct address *a)
{
	return result(bind(s->u.host->fd, name_of(a), a->size));
}

static int host_listen(struct socket *s, struct task *t, int backlog)
{
	int err = result(listen(s->u.host->fd, backlog));
	if (!err)
		s->state = SOCKET_LISTENING;
	return err;
}

static int host_accept(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket)
{
	int fd = accept4(s->u.host->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && (errno == EAGAIN || errno == EINTR))
		return socket_wait(t, &s->u.host->in.queue, s->receive_timeout, nonblock);
	if (fd < 0)
		return -errno;
	return adopt(s->kernel, t, fd, s->domain, s->type, s->protocol, ret_socket);
}

/* state[3]: the host was asked, and its answer is waited for. */
static int host_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct nethost *h = s->u.host;
	if (!t->call.state[3]) {
		int err = result(connect(h->fd, name_of(a), a->size));
		if (err != -EINPROGRESS || nonblock)
			return err;
		t->call.state[3] = 1;
	}
	if (ready(h, POLLOUT)) {
		int error = 0;
		socklen_t size = sizeof(error);
		if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			return -errno;
		return -error;
	}
	int err = socket_wait(t, &h->out.queue, s->send_timeout, false);
	return err == -EAGAIN ? -EINPROGRESS : err;
}

static int host_name(struct socket *s, bool peer, struct address *ret_address)
{
	struct address a = {0};
	socklen_t size = sizeof(a.bytes);
	struct sockaddr *to = (struct sockaddr *)(void *)a.bytes;
	if ((peer ? getpeername(s->u.host->fd, to, &size) : getsockname(s->u.host->fd, to, &size)) <
	    0)
		return -errno;
	a.size = (uint32_t)min_u64(size, sizeof(a.bytes));
	*ret_address = a;
	return 0;
}

/* ---- Bytes ---- */

static int64_t send_part(struct socket *s, const struct message *m, const void *bytes, size_t size)
{
	ssize_t n = sendto(s->u.host->fd, bytes, size,
			   (int)(m->flags & (MESSAGE_OOB | MESSAGE_DONTROUTE | MESSAGE_EOR)) |
			       MSG_DONTWAIT | MSG_NOSIGNAL,
			   m->address.size ? name_of(&m->address) : NULL, m->address.size);
	return n < 0 ? errno == EINTR ? -EAGAIN : -errno : n;
}

static int64_t send_stream(struct socket *s, struct task *t, struct message *m)
{
	uint64_t done = t ? t->call.done : 0, va, left;
	while (done < m->size) {
		uint8_t part[PART];
		int64_t n = 0;
		if (m->bytes) {
			n = send_part(s, m, (uint8_t *)m->bytes + done, m->size - done);
		} else if (message_at(m, done, &va, &left)) {
			left = min_u64(left, sizeof(part));
			n = uaccess_read(t, part, va, left);
			if (n == 0)
				n = send_part(s, m, part, left);
		}
		if (n == CALL_WAIT)
			return n;
		if (n == -EAGAIN)
			return socket_wait_more(t, &s->u.host->out.queue, s->send_timeout,
						m->nonblock, (int64_t)done);
		if (n < 0 && done)
			break;
		if (n == -EPIPE)
			return socket_broken(t, m);
		if (n < 0)
			return n;
		done += (uint64_t)n;
		if (t)
			t->call.done = done;
	}
	return (int64_t)done;
}

static int64_t host_send(struct socket *s, struct task *t, struct message *m)
{
	enum { DATAGRAM_MOST = 65535 };
	const uint8_t *bytes;
	if (s->type == SOCK_TYPE_STREAM)
		return send_stream(s, t, m);
	if (m->size > DATAGRAM_MOST)
		return -EMSGSIZE;
	int err = message_gather(t, m, &bytes);
	if (err)
		return err;
	int64_t n = send_part(s, m, bytes, m->size);
	return n == -EAGAIN ? socket_wait(t, &s->u.host->out.queue, s->send_timeout, m->nonblock)
			    : n;
}

/* Asks the host for what m has room for. m->serial: there is something, m->moved of it. */
static int64_t fetch(struct socket *s, struct message *m)
{
	struct sockaddr *from = (struct sockaddr *)(void *)m->address.bytes;
	struct iovec iov;
	uint64_t size = min_u64(m->size - (m->bytes ? 0 : m->copied), RECEIVE_MOST);
	if (!m->bytes && !m->gathered)
		m->gathered = malloc(RECEIVE_MOST);
	if (!m->bytes && !m->gathered)
		return -ENOMEM;
	iov = (struct iovec){m->bytes ? m->bytes : m->gathered, size};
	struct msghdr h = {.msg_name = from,
			   .msg_namelen = sizeof(m->address.bytes),
			   .msg_iov = &iov,
			   .msg_iovlen = 1};
	ssize_t n = recvmsg(s->u.host->fd, &h,
			    (int)(m->flags & (MESSAGE_OOB | MESSAGE_PEEK | MESSAGE_TRUNC)) |
				MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	m->address.size = (uint32_t)min_u64(h.msg_namelen, sizeof(m->address.bytes));
	m->result |= (uint32_t)h.msg_flags & MESSAGE_TRUNC;
	m->moved = n;
	m->copied = 0;
	m->serial = 1;
	return 0;
}

/* Gives the program what was fetched. */
static int64_t hand_over(struct task *t, struct message *m, uint64_t done)
{
	uint64_t there = min_u64((uint64_t)m->moved, m->size - done), va, left;
	while (m->copied < there && message_at(m, done + m->copied, &va, &left)) {
		left = min_u64(min_u64(left, there - m->copied), PAGE_SIZE - va % PAGE_SIZE);
		int err = uaccess_write(t, va, m->gathered + m->copied, left);
		if (err)
			return err;
		m->copied += left;
	}
	return m->moved;
}

static int64_t host_receive(struct socket *s, struct task *t, struct message *m)
{
	uint64_t done = t && !m->bytes ? t->call.done : 0;
	bool stream = s->type == SOCK_TYPE_STREAM;
	for (;;) {
		int64_t n = 0;
		if (!m->serial) {
			struct message rest = *m;
			rest.size = m->size - done;
			rest.copied = 0;
			n = fetch(s, &rest);
			m->gathered = rest.gathered;
			if (n == 0) {
				m->address = rest.address;
				m->result = rest.result;
				m->moved = rest.moved;
				m->copied = 0;
				m->serial = 1;
			}
		}
		if (n == -EAGAIN)
			return socket_wait_more(t, &s->u.host->in.queue, s->receive_timeout,
						m->nonblock, (int64_t)done);
		if (n < 0)
			return done ? (int64_t)done : n;
		if (!m->bytes)
			n = hand_over(t, m, done);
		else
			n = m->moved;
		if (n < 0)
			return n;
		m->serial = 0;
		done += (uint64_t)n;
		if (!stream || m->bytes || n == 0 || m->flags & (MESSAGE_PEEK | MESSAGE_TRUNC) ||
		    done >= socket_target(s, m))
			return (int64_t)done;
		t->call.done = done;
	}
}

static int host_shutdown(struct socket *s, int how)
{
	return result(shutdown(s->u.host->fd, how - 1));
}

static int host_poll(struct socket *s, struct waiter *w)
{
	struct nethost *h = s->u.host;
	int mask = ready(h, POLLIN | POLLOUT | POLLPRI | POLLRDHUP);
	int err = host_watch_join(w, &h->in, &h->out, mask);
	if (mask & POLLIN)
		mask |= POLLRDNORM;
	if (mask & POLLOUT)
		mask |= POLLWRNORM;
	return err ? err : mask;
}

/* ---- Options ---- */

/* Those of ours, those that need no host, and those that take pointers. */
static bool passed_on(int level, int name)
{
	enum { TIMEOUTS = 20, FILTER = 26, LOCK_FILTER = 44, ATTACH_BPF = 50, ATTACH_LAST = 52 };
	enum { PLAIN_TCP = 30, PLAIN_IP = 63 };
	if (level == LEVEL_SOCKET)
		return name != FILTER && name != LOCK_FILTER &&
		       (name < ATTACH_BPF || name > ATTACH_LAST);
	return name <= (level == LEVEL_TCP ? (int)PLAIN_TCP : (int)PLAIN_IP);
}

static bool is_timeout(int level, int name)
{
	enum { RCVTIMEO = 20, SNDTIMEO = 21 };
	return level == LEVEL_SOCKET && (name == RCVTIMEO || name == SNDTIMEO);
}

static int host_set_option(struct socket *s, int level, int name, const void *value, unsigned size)
{
	enum { RCVLOWAT = 18 };
	if (is_timeout(level, name) || (level == LEVEL_SOCKET && name == RCVLOWAT))
		return 1;
	if (!passed_on(level, name))
		return -ENOPROTOOPT;
	return result(setsockopt(s->u.host->fd, level, name, value, size));
}

static int host_get_option(struct socket *s, int level, int name, void *ret_value, unsigned *size)
{
	if (is_timeout(level, name))
		return 1;
	if (!passed_on(level, name))
		return -ENOPROTOOPT;
	socklen_t n = *size;
	if (getsockopt(s->u.host->fd, level, name, ret_value, &n) < 0)
		return -errno;
	*size = n;
	return 0;
}

static int64_t host_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg)
{
	enum { IFREQ_SIZE = 40, GIFNAME = 0x8910, GIFCONF = 0x8912, GIFINDEX = 0x8933 };
	enum { GIFFLAGS = 0x8913, GIFADDR = 0x8915, GIFBRDADDR = 0x8919, GIFNETMASK = 0x891b };
	enum { GIFMTU = 0x8921, GIFHWADDR = 0x8927 };
	static const uint32_t plain[] = {GIFNAME,    GIFFLAGS, GIFADDR,   GIFBRDADDR,
					 GIFNETMASK, GIFMTU,   GIFHWADDR, GIFINDEX};
	uint8_t r[IFREQ_SIZE];
	int n;
	if (request == ABI_FIONREAD || request == ABI_TIOCOUTQ) {
		if (ioctl(s->u.host->fd, request, &n) < 0)
			return -errno;
		return uaccess_write(t, arg, &n, sizeof(n));
	}
	for (unsigned i = 0; i < array_size(plain); i++) {
		if (request != plain[i])
			continue;
		int err = uaccess_read(t, r, arg, sizeof(r));
		if (err)
			return err;
		if (ioctl(s->u.host->fd, request, r) < 0)
			return -errno;
		return uaccess_write(t, arg, r, sizeof(r));
	}
	return -ENOTTY;
}

static void host_close(struct socket *s)
{
	struct nethost *h = s->u.host;
	host_watch_remove(&h->in);
	host_watch_remove(&h->out);
	close(h->fd);
	free(h);
	s->u.host = NULL;
}

const struct socket_ops nethost_ops = {
    .bind = host_bind,
    .listen = host_listen,
    .accept = host_accept,
    .connect = host_connect,
    .name = host_name,
    .send = host_send,
    .receive = host_receive,
    .shutdown = host_shutdown,
    .poll = host_poll,
    .set_option = host_set_option,
    .get_option = host_get_option,
    .ioctl = host_ioctl,
    .close = host_close,
};
