/* SPDX-License-Identifier: MIT */
/* socket.c - sockets as open files: made, counted, waited for, closed */
#include "kernel/net/socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/net/netlink.h"
#include "kernel/net/timewait.h"
#include "kernel/uaccess.h"

/* ---- The machine's ---- */

int sockets_create(struct kernel *k)
{
	struct sockets *ss = calloc(1, sizeof(*ss));
	if (!ss)
		return -ENOMEM;
	for (unsigned i = 0; i < SOCKET_BUCKETS; i++)
		LIST_INIT(&ss->bound[i]);
	k->sockets = ss;
	return 0;
}

void sockets_destroy(struct kernel *k)
{
	if (!k->sockets)
		return;
	rights_collect(k);
	timewaits_destroy(k->sockets);
	free(k->sockets);
	k->sockets = NULL;
}

/* ---- One of them ---- */

int socket_create(struct kernel *k, const struct socket_ops *ops, int domain, int type,
		  int protocol, const struct task *t, struct socket **ret_socket)
{
	struct socket *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->refs = 1;
	s->kernel = k;
	s->ops = ops;
	s->domain = domain;
	s->type = type;
	s->protocol = protocol;
	s->inode = ++k->mounts->inode;
	s->uid = t ? t->cred->fsuid : 0;
	s->gid = t ? t->cred->fsgid : 0;
	s->others = (struct credentials){0, UINT32_MAX, UINT32_MAX};
	ring_init(&s->in, k->mm);
	TAILQ_INIT(&s->packets);
	TAILQ_INIT(&s->accepting);
	TAILQ_INIT(&s->connecting);
	wait_queue_init(&s->readers);
	wait_queue_init(&s->writers);
	wait_queue_init(&s->room);
	s->u.un.host_fd = -1;
	socket_options_init(s);
	LIST_INSERT_HEAD(&k->sockets->all, s, all);
	k->sockets->count++;
	*ret_socket = s;
	return 0;
}

int socket_make(struct task *t, int domain, int type, int protocol, struct socket **ret_socket)
{
	struct kernel *k = t->process->kernel;
	enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, RAW = 3 };
	if (type < 1 || type > 10)
		return -EINVAL;
	switch (domain) {
	case SOCK_AF_UNIX:
		if (protocol && protocol != SOCK_AF_UNIX)
			return -EPROTONOSUPPORT;
		if (type == RAW)
			type = SOCK_TYPE_DGRAM;
		if (type != SOCK_TYPE_STREAM && type != SOCK_TYPE_DGRAM &&
		    type != SOCK_TYPE_SEQPACKET)
			return -ESOCKTNOSUPPORT;
		return socket_create(k,
				     type == SOCK_TYPE_STREAM ? &unix_stream_ops : &unix_dgram_ops,
				     domain, type, 0, t, ret_socket);
	case SOCK_AF_INET:
	case SOCK_AF_INET6:
		if (protocol < 0 || protocol > 255)
			return -EINVAL;
		if (type == RAW || protocol == ICMP || protocol == ICMPV6)
			return icmp_make(t, domain, type, protocol, ret_socket);
		if (type != SOCK_TYPE_STREAM && type != SOCK_TYPE_DGRAM)
			return -ESOCKTNOSUPPORT;
		int own = type == SOCK_TYPE_STREAM ? TCP : UDP;
		if (protocol && protocol != own)
			return -EPROTONOSUPPORT;
		if (k->config.net_host)
			return nethost_create(t, domain, type, protocol, ret_socket);
		return socket_create(k, own == TCP ? &tcp_ops : &udp_ops, domain, type, own, t,
				     ret_socket);
	case SOCK_AF_NETLINK:
		return netlink_make(t, type, protocol, ret_socket);
	default: return -EAFNOSUPPORT;
	}
}

struct socket *socket_ref(struct socket *s)
{
	s->refs++;
	return s;
}

void socket_put(struct socket *s)
{
	if (--s->refs > 0)
		return;
	if (s->ops->destroy)
		s->ops->destroy(s);
	packets_clear(s);
	ring_finish(&s->in);
	wait_queue_finish(&s->readers);
	wait_queue_finish(&s->writers);
	wait_queue_finish(&s->room);
	socket_unbind(s);
	LIST_REMOVE(s, all);
	s->kernel->sockets->count--;
	free(s);
}

static void socket_close(struct socket *s)
{
	s->dead = true;
	s->file = NULL;
	if (s->ops->close)
		s->ops->close(s);
	packets_clear(s);
	socket_wake(s);
	wait_wake_all(&s->room);
}

void socket_abandon(struct socket *s)
{
	socket_close(s);
	socket_put(s);
}

void socket_wake(struct socket *s)
{
	wait_wake_all(&s->readers);
	wait_wake_all(&s->writers);
}

void socket_wake_readers(struct socket *s)
{
	wait_wake_for(&s->readers, POLLIN | POLLRDNORM);
}

void socket_wake_urgent(struct socket *s)
{
	wait_wake_for(&s->readers, POLLPRI | POLLRDBAND);
}

void socket_wake_writers(struct socket *s, bool writable)
{
	wait_wake_for(&s->writers, writable ? POLLOUT | POLLWRNORM : 0);
}

struct credentials socket_credentials(const struct task *t)
{
	return (struct credentials){t->process->pid, t->cred->euid, t->cred->egid};
}

int socket_join(struct socket *s, struct waiter *w)
{
	int err = wait_join(w, &s->readers);
	return err ? err : wait_join(w, &s->writers);
}

int socket_ready(const struct socket *s)
{
	int mask = s->error ? POLLERR : 0;
	if (s->shut == SOCK_SHUT_BOTH)
		mask |= POLLHUP;
	if (s->shut & SOCK_SHUT_IN)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!TAILQ_EMPTY(&s->packets))
		mask |= POLLIN | POLLRDNORM;
	return mask;
}

int socket_take_error(struct socket *s)
{
	int err = -s->error;
	s->error = 0;
	return err;
}

int socket_broken(struct task *t, const struct message *m)
{
	if (t && !(m->flags & MESSAGE_NOSIGNAL))
		(void)signal_send_task(t, &(struct signal_info){.number = SIGPIPE});
	return -EPIPE;
}

int socket_wait(struct task *t, struct wait_queue *q, uint64_t timeout, bool nonblock)
{
	if (!t || nonblock)
		return -EAGAIN;
	uint64_t now = kernel_now(t->process->kernel);
	if (timeout && t->call.deadline == NO_DEADLINE)
		t->call.deadline = now + timeout;
	if (timeout && now >= t->call.deadline)
		return -EAGAIN;
	/* A call with a timeout is never begun again: it would have all of its time anew. */
	if (timeout && t->call.interrupted && t->call.done == 0)
		return -EINTR;
	int err = wait_on(t, q);
	if (err)
		return err;
	if (timeout)
		wait_until(t, t->call.deadline);
	return CALL_WAIT;
}

int64_t socket_wait_more(struct task *t, struct wait_queue *q, uint64_t timeout, bool nonblock,
			 int64_t done)
{
	int err = socket_wait(t, q, timeout, nonblock);
	return done > 0 && err != CALL_WAIT ? done : err;
}

void socket_bind(struct socket *s, unsigned hash)
{
	LIST_INSERT_HEAD(&s->kernel->sockets->bound[hash % SOCKET_BUCKETS], s, bound);
	s->is_bound = true;
}

void socket_unbind(struct socket *s)
{
	if (s->is_bound)
		LIST_REMOVE(s, bound);
	s->is_bound = false;
}

uint64_t socket_target(const struct socket *s, const struct message *m)
{
	return m->flags & MESSAGE_WAITALL ? m->size : min_u64(s->low_water, m->size);
}

/* ---- Connections that nobody accepted yet ---- */

bool socket_queue_full(const struct socket *s)
{
	return s->accepting_count > s->backlog;
}

void socket_queue(struct socket *s, struct socket *connection)
{
	connection->listener = s;
	TAILQ_INSERT_TAIL(&s->accepting, connection, queued);
	s->accepting_count++;
	socket_wake_readers(s);
}

static struct socket *unqueue(struct socket *s)
{
	struct socket *c = TAILQ_FIRST(&s->accepting);
	TAILQ_REMOVE(&s->accepting, c, queued);
	s->accepting_count--;
	c->listener = NULL;
	return c;
}

int socket_accept(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket)
{
	if (s->state != SOCKET_LISTENING)
		return -EINVAL;
	if (!TAILQ_EMPTY(&s->accepting)) {
		*ret_socket = unqueue(s);
		wait_wake_all(&s->room);
		return 0;
	}
	if (s->shut & SOCK_SHUT_IN)
		return -EINVAL;
	return socket_wait(t, &s->readers, s->receive_timeout, nonblock);
}

void socket_queue_clear(struct socket *s)
{
	while (!TAILQ_EMPTY(&s->accepting)) {
		struct socket *c = TAILQ_FIRST(&s->accepting);
		TAILQ_REMOVE(&s->accepting, c, queued);
		s->accepting_count--;
		/* It still has its listener: close knows from that that nobody accepted it. */
		socket_abandon(c);
	}
}

int64_t socket_ioctl_int(struct task *t, uint64_t arg, uint64_t value)
{
	int32_t n = (int32_t)min_u64(value, INT32_MAX);
	return uaccess_write(t, arg, &n, sizeof(n));
}

/* ---- As a file ---- */

static int64_t socket_transfer(struct file *f, struct task *t, bool write,
			       const struct abi_iovec *iov, unsigned count)
{
	struct socket *s = f->ctx;
	struct message *m = message_begin(t);
	if (!m)
		return -ENOMEM;
	m->iov = (struct abi_iovec *)(uintptr_t)iov;
	m->count = count;
	m->size = 0;
	for (unsigned i = 0; i < count; i++)
		m->size += iov[i].len;
	m->flags = 0;
	m->nonblock = f->flags & ABI_O_NONBLOCK;
	/* A write of nothing may be an empty message; a read of nothing is none. */
	if (m->size == 0 && (!write || s->type == SOCK_TYPE_STREAM))
		return 0;
	return write ? s->ops->send(s, t, m) : s->ops->receive(s, t, m);
}

static int64_t socket_move(struct file *f, struct task *t, bool write, void *bytes, size_t size)
{
	struct socket *s = f->ctx;
	struct message m = {
	    .bytes = bytes, .size = size, .nonblock = !t || f->flags & ABI_O_NONBLOCK};
	if (size == 0)
		return 0;
	/* The progress of the caller is not this one's. */
	uint64_t done = t ? t->call.done : 0;
	if (t)
		t->call.done = 0;
	int64_t n = write ? s->ops->send(s, t, &m) : s->ops->receive(s, t, &m);
	if (n == CALL_WAIT && t->call.done > 0)
		n = (int64_t)t->call.done;
	if (t)
		t->call.done = done;
	rights_destroy(s->kernel, m.rights);
	return n;
}

static int64_t socket_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			   uint64_t *pos)
{
	return socket_move(f, t, false, ret_bytes, size);
}

static int64_t socket_write(struct file *f, struct task *t, const void *bytes, size_t size,
			    uint64_t *pos)
{
	return socket_move(f, t, true, (void *)(uintptr_t)bytes, size);
}

static int socket_poll(struct file *f, struct waiter *w)
{
	struct socket *s = f->ctx;
	return s->ops->poll(s, w);
}

static int socket_stat(struct file *f, struct stat *ret_stat)
{
	const struct socket *s = f->ctx;
	*ret_stat = (struct stat){.st_dev = 8,
				  .st_ino = s->inode,
				  .st_mode = S_IFSOCK | 0777,
				  .st_nlink = 1,
				  .st_blksize = PAGE_SIZE,
				  .st_uid = s->uid,
				  .st_gid = s->gid};
	return 0;
}

static int64_t socket_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct socket *s = f->ctx;
	return s->ops->ioctl ? s->ops->ioctl(s, t, request, arg) : -ENOTTY;
}

static void socket_release(struct file *f)
{
	struct socket *s = f->ctx;
	struct kernel *k = s->kernel;
	bool un = s->domain == SOCK_AF_UNIX;
	socket_close(s);
	socket_put(s);
	if (un && !LIST_EMPTY(&k->sockets->flying))
		rights_collect(k);
}

static const struct file_ops socket_ops = {
    .name = "socket",
    .transfer = socket_transfer,
    .read = socket_read,
    .write = socket_write,
    .stat = socket_stat,
    .ioctl = socket_ioctl,
    .poll = socket_poll,
    .release = socket_release,
};

int socket_open(struct socket *s, uint32_t flags, struct file **ret_file)
{
	int err = file_create(s->kernel, &socket_ops, ABI_O_RDWR | (flags & ABI_O_NONBLOCK), NULL, s,
			      ret_file);
	if (!err)
		s->file = *ret_file;
	return err;
}

struct socket *socket_of(const struct file *f)
{
	return f->ops == &socket_ops ? f->ctx : NULL;
}
