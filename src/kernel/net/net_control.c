/* SPDX-License-Identifier: MIT */
/* net_control.c - control messages about a datagram: when it came, where to, and through how many hops */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/net/inet.h"
enum { TIMESTAMP = 29, TIMESTAMPNS = 35 };
enum { IP_TOS_ = 1, IP_TTL_ = 2, IP_PKTINFO_ = 8, IP_RECVTTL_ = 12, IP_RECVTOS_ = 13, IP_RECVORIGDSTADDR_ = 20 };
enum {
	IPV6_UNICAST_HOPS_ = 16, IPV6_RECVPKTINFO_ = 49, IPV6_PKTINFO_ = 50, IPV6_RECVHOPLIMIT_ = 51, IPV6_HOPLIMIT_ = 52,
	IPV6_RECVTCLASS_ = 66, IPV6_TCLASS_ = 67,
};
enum { LO = 1 }; /* the number of the only interface */

/* struct in_pktinfo, in6_pktinfo. */
struct pktinfo_v4 {
	int32_t interface;
	uint8_t local[4], to[4];
};
struct pktinfo_v6 {
	uint8_t to[16];
	int32_t interface;
};

void control_add(struct control *c, struct message *m, int level, int type, const void *data, uint64_t size)
{
	struct abi_cmsghdr h = {sizeof(h) + size, level, type};
	uint64_t left = c->room - c->size;
	if (left < sizeof(h)) {
		m->result |= MESSAGE_CTRUNC;
		return;
	}
	if (left < h.size) {
		m->result |= MESSAGE_CTRUNC;
		h.size = left;
	}
	memset(c->bytes + c->size, 0, min_u64(align_up(h.size, 8), left));
	memcpy(c->bytes + c->size, &h, sizeof(h));
	memcpy(c->bytes + c->size + sizeof(h), data, h.size - sizeof(h));
	c->size += min_u64(align_up(h.size, 8), left);
}

/* Since a program asks for one of the two, the other is off: see socket_option.c. */
static void tell_time(const struct socket *s, struct message *m, struct control *c)
{
	bool fine = socket_kept(s, LEVEL_SOCKET, TIMESTAMPNS);
	if (m->time == 0 || (!fine && !socket_kept(s, LEVEL_SOCKET, TIMESTAMP)))
		return;
	const uint64_t time[2] = {m->time / 1000000000, m->time % 1000000000 / (fine ? 1 : 1000)};
	control_add(c, m, LEVEL_SOCKET, fine ? TIMESTAMPNS : TIMESTAMP, time, sizeof(time));
}

static void tell_v4(const struct socket *s, struct message *m, struct control *c)
{
	struct pktinfo_v4 info = {.interface = LO};
	memcpy(info.local, m->about.to + 12, 4);
	memcpy(info.to, m->about.to + 12, 4);
	uint8_t tos = (uint8_t)m->about.tos;
	if (socket_kept(s, LEVEL_IP, IP_PKTINFO_))
		control_add(c, m, LEVEL_IP, IP_PKTINFO_, &info, sizeof(info));
	if (socket_kept(s, LEVEL_IP, IP_RECVTTL_))
		control_add(c, m, LEVEL_IP, IP_TTL_, &m->about.ttl, sizeof(m->about.ttl));
	if (socket_kept(s, LEVEL_IP, IP_RECVTOS_))
		control_add(c, m, LEVEL_IP, IP_TOS_, &tos, sizeof(tos));
}

/* From IPv4 comes what lies in a mapped address, and nothing of hops. */
static void tell_v6(const struct socket *s, struct message *m, struct control *c)
{
	struct pktinfo_v6 info = {.interface = LO};
	memcpy(info.to, m->about.to, 16);
	if (socket_kept(s, LEVEL_IPV6, IPV6_RECVPKTINFO_))
		control_add(c, m, LEVEL_IPV6, IPV6_PKTINFO_, &info, sizeof(info));
	if (inet_is_v4(m->about.to))
		return;
	if (socket_kept(s, LEVEL_IPV6, IPV6_RECVHOPLIMIT_))
		control_add(c, m, LEVEL_IPV6, IPV6_HOPLIMIT_, &m->about.ttl, sizeof(m->about.ttl));
	if (socket_kept(s, LEVEL_IPV6, IPV6_RECVTCLASS_))
		control_add(c, m, LEVEL_IPV6, IPV6_TCLASS_, &m->about.tos, sizeof(m->about.tos));
}

void control_tell(const struct socket *s, struct message *m, struct control *c)
{
	if (s->type == SOCK_TYPE_STREAM || m->flags & MESSAGE_ERRQUEUE || s->ops == &nethost_ops)
		return;
	tell_time(s, m, c);
	if (s->domain == SOCK_AF_INET6)
		tell_v6(s, m, c);
	if (s->domain == SOCK_AF_INET || (s->domain == SOCK_AF_INET6 && inet_is_v4(m->about.to)))
		tell_v4(s, m, c);
}

static int number(const uint8_t *data, uint64_t size, int32_t least, int32_t most, int32_t *ret_value)
{
	int32_t value;
	if (size == 1)
		value = *data;
	else if (size != sizeof(value))
		return -EINVAL;
	else
		memcpy(&value, data, sizeof(value));
	if (value < least || value > most)
		return -EINVAL;
	*ret_value = value + 1; /* 0: as the options say */
	return 0;
}

static int read_v4(struct message *m, int type, const uint8_t *data, uint64_t size)
{
	struct pktinfo_v4 info;
	switch (type) {
	case IP_PKTINFO_:
		if (size != sizeof(info))
			return -EINVAL;
		memcpy(&info, data, sizeof(info));
		if (info.interface != 0 && info.interface != LO)
			return -ENODEV;
		memset(m->about.from + 10, 0xff, 2);
		memcpy(m->about.from + 12, info.local, 4);
		return 0;
	case IP_TTL_: return size == 4 ? number(data, size, 1, 255, &m->about.ttl) : -EINVAL;
	case IP_TOS_: return number(data, size, 0, 255, &m->about.tos);
	default: return -EINVAL;
	}
}

static int read_v6(struct message *m, int type, const uint8_t *data, uint64_t size)
{
	struct pktinfo_v6 info;
	switch (type) {
	case IPV6_PKTINFO_:
		if (size < sizeof(info))
			return -EINVAL;
		memcpy(&info, data, sizeof(info));
		if (info.interface != 0 && info.interface != LO)
			return -ENODEV;
		memcpy(m->about.from, info.to, 16);
		return 0;
	case IPV6_HOPLIMIT_: return size == 4 ? number(data, size, 0, 255, &m->about.ttl) : -EINVAL;
	case IPV6_TCLASS_: return size == 4 ? number(data, size, 0, 255, &m->about.tos) : -EINVAL;
	default: return -EINVAL;
	}
}

int control_read(const struct socket *s, struct message *m, int level, int type, const uint8_t *data, uint64_t size)
{
	if (s->type != SOCK_TYPE_DGRAM && s->type != SOCK_TYPE_RAW)
		return 0;
	if (s->domain == SOCK_AF_INET && level == LEVEL_IP)
		return read_v4(m, type, data, size);
	return s->domain == SOCK_AF_INET6 && level == LEVEL_IPV6 ? read_v6(m, type, data, size) : 0;
}
