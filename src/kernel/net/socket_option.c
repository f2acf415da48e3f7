/* SPDX-License-Identifier: MIT */
/* socket_option.c - setsockopt and getsockopt
 *
 * Some options mean something here and have a place in struct socket; others are about networks
 * that this machine has not: those are kept and given back, with the limits and the first values
 * that Linux has. What is in neither list is -ENOPROTOOPT.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/event/pidfd.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/uaccess.h"

/* The names of SOL_SOCKET. */
enum {
	DEBUG = 1, REUSEADDR, TYPE, ERROR, DONTROUTE, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE,
	OOBINLINE, NO_CHECK, PRIORITY, LINGER, BSDCOMPAT, REUSEPORT, PASSCRED, PEERCRED, RCVLOWAT,
	SNDLOWAT, RCVTIMEO, SNDTIMEO,
	BINDTODEVICE = 25, ATTACH_FILTER, DETACH_FILTER, PEERNAME, TIMESTAMP, ACCEPTCONN,
	PEERSEC, SNDBUFFORCE, RCVBUFFORCE, PASSSEC, TIMESTAMPNS, MARK, TIMESTAMPING, PROTOCOL,
	DOMAIN, RXQ_OVFL, PEEK_OFF = 42, BUSY_POLL = 46, INCOMING_CPU = 49, COOKIE = 57,
	PEERGROUPS = 59, PEERPIDFD = 77,
};

enum {
	MEMORY_MAX = 212992, /* net.core.wmem_max and rmem_max */
	SEND_LEAST = 4608,
	RECEIVE_LEAST = 2304,
};

/* Those that are only kept. Values outside [least, most] are -EINVAL. A byte may be given for an
 * IP option, as on Linux. */
static const struct kept {
	uint8_t level, name;
	int32_t first, least, most;
} kept[] = {
    {LEVEL_SOCKET, DEBUG, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, DONTROUTE, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, BROADCAST, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, KEEPALIVE, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, OOBINLINE, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, NO_CHECK, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, PRIORITY, 0, 0, 6},
    {LEVEL_SOCKET, TIMESTAMP, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, TIMESTAMPNS, 0, INT32_MIN, INT32_MAX},
    {LEVEL_SOCKET, RXQ_OVFL, 0, INT32_MIN, INT32_MAX},
    {LEVEL_IP, 1, 0, 0, 255},                   /* TOS */
    {LEVEL_IP, 2, 64, 1, 255},                  /* TTL */
    {LEVEL_IP, 7, 0, INT32_MIN, INT32_MAX},     /* RETOPTS */
    {LEVEL_IP, 8, 0, INT32_MIN, INT32_MAX},     /* PKTINFO */
    {LEVEL_IP, 10, 1, 0, 5},                    /* MTU_DISCOVER */
    {LEVEL_IP, 11, 0, INT32_MIN, INT32_MAX},    /* RECVERR */
    {LEVEL_IP, 12, 0, INT32_MIN, INT32_MAX},    /* RECVTTL */
    {LEVEL_IP, 13, 0, INT32_MIN, INT32_MAX},    /* RECVTOS */
    {LEVEL_IP, 15, 0, INT32_MIN, INT32_MAX},    /* FREEBIND */
    {LEVEL_IP, 24, 0, INT32_MIN, INT32_MAX},    /* BIND_ADDRESS_NO_PORT */
    {LEVEL_IP, 33, 1, 0, 255},                  /* MULTICAST_TTL */
    {LEVEL_IP, 34, 1, INT32_MIN, INT32_MAX},    /* MULTICAST_LOOP */
    {LEVEL_TCP, 1, 0, INT32_MIN, INT32_MAX},    /* NODELAY */
    {LEVEL_TCP, 2, 536, 88, 32767},             /* MAXSEG */
    {LEVEL_TCP, 3, 0, INT32_MIN, INT32_MAX},    /* CORK */
    {LEVEL_TCP, 4, 7200, 1, 32767},             /* KEEPIDLE */
    {LEVEL_TCP, 5, 75, 1, 32767},               /* KEEPINTVL */
    {LEVEL_TCP, 6, 9, 1, 127},                  /* KEEPCNT */
    {LEVEL_TCP, 7, 6, 1, 127},                  /* SYNCNT */
    {LEVEL_TCP, 8, 60, -1, INT32_MAX},          /* LINGER2 */
    {LEVEL_TCP, 9, 0, 0, INT32_MAX},            /* DEFER_ACCEPT */
    {LEVEL_TCP, 12, 1, INT32_MIN, INT32_MAX},   /* QUICKACK */
    {LEVEL_TCP, 18, 0, 0, INT32_MAX},           /* USER_TIMEOUT */
    {LEVEL_TCP, 23, 0, 0, INT32_MAX},           /* FASTOPEN */
    {LEVEL_IPV6, 16, 64, -1, 255},              /* UNICAST_HOPS */
    {LEVEL_IPV6, 18, 1, -1, 255},               /* MULTICAST_HOPS */
    {LEVEL_IPV6, 19, 1, 0, 1},                  /* MULTICAST_LOOP */
    {LEVEL_IPV6, 25, 0, INT32_MIN, INT32_MAX},  /* RECVERR */
    {LEVEL_IPV6, 49, 0, INT32_MIN, INT32_MAX},  /* RECVPKTINFO */
    {LEVEL_IPV6, 51, 0, INT32_MIN, INT32_MAX},  /* RECVHOPLIMIT */
    {LEVEL_IPV6, 66, 0, INT32_MIN, INT32_MAX},  /* RECVTCLASS */
    {LEVEL_IPV6, 67, 0, -1, 255},               /* TCLASS */
};
_Static_assert(array_size(kept) <= SOCKET_INTS, "a place for each in struct socket");

void socket_options_init(struct socket *s)
{
	bool tcp = s->domain != SOCK_AF_UNIX && s->type == SOCK_TYPE_STREAM;
	s->send_size = tcp ? 16384 : MEMORY_MAX;
	s->receive_size = tcp ? 131072 : MEMORY_MAX;
	s->linger = -1;
	s->low_water = 1;
	s->peek_offset = -1;
	for (unsigned i = 0; i < array_size(kept); i++)
		s->ints[i] = kept[i].first;
}

static bool level_known(const struct socket *s, int level)
{
	bool inet = s->domain == SOCK_AF_INET || s->domain == SOCK_AF_INET6;
	return level == LEVEL_SOCKET || (inet && level == LEVEL_IP) ||
	       (inet && level == (s->type == SOCK_TYPE_STREAM ? LEVEL_TCP : LEVEL_UDP)) ||
	       (s->domain == SOCK_AF_INET6 && level == LEVEL_IPV6);
}

static int kept_find(const struct socket *s, int level, int name)
{
	for (unsigned i = 0; level_known(s, level) && i < array_size(kept); i++) {
		if (kept[i].level == level && kept[i].name == name)
			return (int)i;
	}
	return -1;
}

int32_t socket_kept(const struct socket *s, int level, int name)
{
	int i = kept_find(s, level, name);
	return i < 0 ? 0 : s->ints[i];
}

static uint32_t buffer_size(int32_t value, uint32_t least)
{
	uint64_t asked = value < 0 ? 0 : (uint64_t)value;
	return (uint32_t)max_u64(min_u64(asked, MEMORY_MAX) * 2, least);
}

static int set_timeout(uint64_t *timeout, const void *value, uint32_t size)
{
	struct {
		int64_t sec, usec;
	} tv;
	if (size < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	uint64_t ns;
	/* A negative time is none; zero is for ever. */
	if (tv.sec < 0)
		ns = 1;
	else if (__builtin_mul_overflow((uint64_t)tv.sec, 1000000000, &ns) || ns > INT64_MAX / 2)
		ns = 0;
	else
		ns += (uint64_t)tv.usec * 1000;
	*timeout = ns;
	return 0;
}

static int set_linger(struct socket *s, const void *value, uint32_t size)
{
	int32_t l[2];
	if (size < sizeof(l))
		return -EINVAL;
	memcpy(l, value, sizeof(l));
	s->linger = l[0] ? (l[1] < 0 ? INT32_MAX : l[1]) : -1;
	return 0;
}

/* SOL_SOCKET's own. 1: not one of those. */
static int set_socket(struct socket *s, struct task *t, int name, const void *bytes, uint32_t size)
{
	int32_t value = 0;
	if (name == LINGER)
		return set_linger(s, bytes, size);
	if (name == RCVTIMEO || name == SNDTIMEO)
		return set_timeout(name == RCVTIMEO ? &s->receive_timeout : &s->send_timeout, bytes,
				   size);
	if (name == BINDTODEVICE)
		return size == 0 || *(const char *)bytes == '\0'      ? 0
		       : size >= 2 && memcmp(bytes, "lo", 2) == 0 ? 0
								      : -ENODEV;
	if (size < sizeof(value))
		return -EINVAL;
	memcpy(&value, bytes, sizeof(value));
	switch (name) {
	case REUSEADDR: s->reuse_address = value; return 0;
	case REUSEPORT:
		if (s->domain == SOCK_AF_UNIX)
			return -EOPNOTSUPP;
		s->reuse_port = value;
		return 0;
	case PASSCRED:
		if (s->domain != SOCK_AF_UNIX)
			return -EOPNOTSUPP;
		s->pass_cred = value;
		return 0;
	case SNDBUFFORCE:
	case RCVBUFFORCE:
		if (!task_can(t, CAP_NET_ADMIN))
			return -EPERM;
		break;
	case PEEK_OFF: s->peek_offset = value; return 0;
	case RCVLOWAT: s->low_water = value ? (uint32_t)(value < 0 ? INT32_MAX : value) : 1; return 0;
	case TYPE:
	case PROTOCOL:
	case DOMAIN:
	case ERROR: return -ENOPROTOOPT;
	case MARK: return task_can(t, CAP_NET_RAW) || task_can(t, CAP_NET_ADMIN) ? 0 : -EPERM;
	default: break;
	}
	if (name == SNDBUF || name == SNDBUFFORCE) {
		s->send_size = buffer_size(value, SEND_LEAST);
		s->send_size_set = true;
		socket_wake(s);
		return 0;
	}
	if (name == RCVBUF || name == RCVBUFFORCE) {
		s->receive_size = buffer_size(value, RECEIVE_LEAST);
		s->receive_size_set = true;
		return 0;
	}
	return 1;
}

static int set_kept(struct socket *s, struct task *t, int level, int name, const void *bytes,
		    uint32_t size)
{
	int i = kept_find(s, level, name);
	int32_t value = 0;
	if (i < 0)
		return -ENOPROTOOPT;
	if (size >= sizeof(value))
		memcpy(&value, bytes, sizeof(value));
	else if (level == LEVEL_IP && size >= 1)
		value = *(const uint8_t *)bytes;
	else
		return -EINVAL;
	if (value < kept[i].least || value > kept[i].most) {
		if (level == LEVEL_SOCKET && name == PRIORITY)
			return task_can(t, CAP_NET_ADMIN) ? s->ints[i] = value, 0 : -EPERM;
		return -EINVAL;
	}
	/* Switches are on or off, but for those that have a range. */
	if (kept[i].least == INT32_MIN)
		value = value != 0;
	if (value == -1 && kept[i].level == LEVEL_IPV6)
		value = kept[i].first;
	s->ints[i] = value;
	/* Time is told in one way. */
	int other = level != LEVEL_SOCKET ? -1
		    : name == TIMESTAMP	 ? kept_find(s, level, TIMESTAMPNS)
		    : name == TIMESTAMPNS ? kept_find(s, level, TIMESTAMP)
					  : -1;
	if (other >= 0)
		s->ints[other] = 0;
	return 0;
}

int socket_option_set(struct socket *s, struct task *t, int level, int name, uint64_t va,
		      uint32_t size)
{
	uint8_t bytes[128] = {0};
	if ((int32_t)size < 0)
		return -EINVAL;
	uint32_t some = (uint32_t)min_u64(size, sizeof(bytes));
	int err = uaccess_read(t, bytes, va, some);
	if (err)
		return err;
	if (s->ops->set_option) {
		err = s->ops->set_option(s, level, name, bytes, some);
		if (err <= 0)
			return err;
	}
	if (level == LEVEL_SOCKET) {
		err = set_socket(s, t, name, bytes, some);
		if (err <= 0)
			return err;
	} else if (s->domain == SOCK_AF_UNIX || s->domain == SOCK_AF_NETLINK) {
		return -EOPNOTSUPP;
	}
	return set_kept(s, t, level, name, bytes, some);
}

static unsigned get_timeout(uint64_t timeout, void *ret_value)
{
	int64_t tv[2] = {(int64_t)(timeout / 1000000000), (int64_t)(timeout % 1000000000 / 1000)};
	memcpy(ret_value, tv, sizeof(tv));
	return sizeof(tv);
}

/* SOL_SOCKET's own: its size, or a negative errno, -EAGAIN: not one of those. */
static int get_socket(struct socket *s, int name, void *ret_value)
{
	int32_t v[2] = {0};
	unsigned size = sizeof(v[0]);
	switch (name) {
	case REUSEADDR: v[0] = s->reuse_address; break;
	case REUSEPORT: v[0] = s->reuse_port; break;
	case TYPE: v[0] = s->type; break;
	case PROTOCOL: v[0] = s->protocol; break;
	case DOMAIN: v[0] = s->domain; break;
	case ERROR: v[0] = -socket_take_error(s); break;
	case SNDBUF: v[0] = (int32_t)s->send_size; break;
	case RCVBUF: v[0] = (int32_t)s->receive_size; break;
	case PASSCRED:
		if (s->domain != SOCK_AF_UNIX)
			return -EOPNOTSUPP;
		v[0] = s->pass_cred;
		break;
	case RCVLOWAT: v[0] = (int32_t)s->low_water; break;
	case SNDLOWAT: v[0] = 1; break;
	case PEEK_OFF: v[0] = s->peek_offset; break;
	case ACCEPTCONN: v[0] = s->state == SOCKET_LISTENING; break;
	case MARK:
	case INCOMING_CPU: break;
	case LINGER:
		v[0] = s->linger >= 0;
		v[1] = s->linger >= 0 ? s->linger : 0;
		size = sizeof(v);
		break;
	case COOKIE: memcpy(ret_value, &s->inode, 8); return 8;
	case RCVTIMEO: return (int)get_timeout(s->receive_timeout, ret_value);
	case SNDTIMEO: return (int)get_timeout(s->send_timeout, ret_value);
	case PEERCRED: memcpy(ret_value, &s->others, 12); return 12;
	case BINDTODEVICE: return 0;
	case PEERGROUPS: return s->others.pid ? 0 : -ENODATA;
	default: return -EAGAIN;
	}
	memcpy(ret_value, v, size);
	return (int)size;
}

/* SO_PEERPIDFD: a descriptor of the process at the other end. */
static int peer_pidfd(const struct socket *s, struct task *t, uint64_t va, uint64_t size_va)
{
	struct process *self = t->process, *p;
	struct file *f;
	int32_t room, fd, size = sizeof(fd);
	int err = uaccess_read(t, &room, size_va, sizeof(room));
	if (err)
		return err;
	if (room < 0)
		return -EINVAL;
	if (s->domain != SOCK_AF_UNIX || s->others.pid <= 0)
		return -ENODATA;
	p = process_find(s->kernel, s->others.pid);
	err = p ? pidfd_create(process_task(p), 0, &f) : -ESRCH;
	if (err)
		return err;
	fd = fd_give(t, f, true);
	if (fd < 0)
		return fd;
	size = min_u64((uint64_t)room, sizeof(fd)) < sizeof(fd) ? room : size;
	err = uaccess_write(t, va, &fd, (size_t)size);
	if (!err)
		err = uaccess_write(t, size_va, &size, sizeof(size));
	if (err)
		(void)fd_close(self->files, fd);
	return err;
}

int socket_option_get(struct socket *s, struct task *t, int level, int name, uint64_t va,
		      uint64_t size_va)
{
	uint8_t bytes[256] = {0};
	int32_t room, size = -EAGAIN;
	unsigned own = sizeof(bytes);
	int err = uaccess_read(t, &room, size_va, sizeof(room));
	if (err)
		return err;
	if (room < 0)
		return -EINVAL;
	if (level == LEVEL_SOCKET && name == PEERPIDFD)
		return peer_pidfd(s, t, va, size_va);
	if (level == LEVEL_SOCKET && name == PEERNAME) {
		struct address a;
		err = s->ops->name ? s->ops->name(s, true, &a) : -ENOTCONN;
		if (err)
			return err;
		if (room > (int32_t)a.size)
			return -EINVAL;
		memcpy(bytes, a.bytes, a.size);
		size = (int32_t)a.size;
	}
	/* SO_ERROR is gone once it is told: the program's memory comes first. */
	int kept_error = s->error;
	if (size == -EAGAIN && s->ops->get_option) {
		err = s->ops->get_option(s, level, name, bytes, &own);
		if (err < 0)
			return err;
		size = err == 0 ? (int32_t)own : -EAGAIN;
	}
	if (size == -EAGAIN && level == LEVEL_SOCKET)
		size = get_socket(s, name, bytes);
	if (size == -EAGAIN) {
		int i = kept_find(s, level, name);
		if (i < 0)
			return level_known(s, level) ? -ENOPROTOOPT : -EOPNOTSUPP;
		memcpy(bytes, &s->ints[i], 4);
		size = 4;
	}
	if (size < 0)
		return size;
	size = (int32_t)min_u64((uint64_t)size, (uint64_t)room);
	err = uaccess_write(t, va, bytes, (size_t)size);
	if (!err)
		err = uaccess_write(t, size_va, &size, sizeof(size));
	if (err == CALL_WAIT)
		s->error = kept_error;
	return err;
}
