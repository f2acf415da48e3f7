/* SPDX-License-Identifier: MIT */
#include "kernel/net/multicast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"

enum { LO = 1 };
/* Linux's numbers. */
enum { IF_V4 = 32, ADD_V4 = 35, DROP_V4 = 36, ALL_V4 = 49, IF_V6 = 17, ADD_V6 = 20, DROP_V6 = 21, ALL_V6 = 29 };

bool multicast_is(const uint8_t ip[16])
{
	return inet_is_v4(ip) ? ip[12] >> 4 == 14 : ip[0] == 0xff;
}

static int find(const struct socket *s, const uint8_t group[16])
{
	const struct multicast *m = s->u.inet.groups;
	for (unsigned i = 0; m && i < m->count; i++) {
		if (memcmp(m->group[i], group, 16) == 0)
			return (int)i;
	}
	return -1;
}

static int join(struct socket *s, const uint8_t group[16])
{
	struct multicast *m = s->u.inet.groups;
	if (find(s, group) >= 0)
		return -EADDRINUSE;
	if (m && m->count == MULTICAST_GROUPS)
		return -ENOBUFS;
	if (!m)
		m = s->u.inet.groups = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	memcpy(m->group[m->count++], group, 16);
	return 0;
}

static int leave(struct socket *s, const uint8_t group[16])
{
	struct multicast *m = s->u.inet.groups;
	int i = find(s, group);
	if (i < 0)
		return -EADDRNOTAVAIL;
	memmove(m->group[i], m->group[i + 1], (m->count - (unsigned)i - 1) * sizeof(m->group[0]));
	m->count--;
	return 0;
}

void multicast_leave_all(struct socket *s)
{
	free(s->u.inet.groups);
	s->u.inet.groups = NULL;
}

/* Which interface struct ip_mreq or ip_mreqn means: 1, 0: it says none, -ENODEV: no such. */
static int interface_v4(const uint8_t *address, int32_t index)
{
	static const uint8_t none[4];
	if (index)
		return index == LO ? LO : -ENODEV;
	if (memcmp(address, none, 4) == 0)
		return 0;
	return address[0] == 127 ? LO : -ENODEV;
}

static int member_v4(struct socket *s, int name, const uint8_t *b, unsigned size)
{
	enum { LEAST = 8, WITH_INDEX = 12 };
	uint8_t group[16] = {[10] = 0xff, [11] = 0xff};
	int32_t index = 0;
	if (s->type == SOCK_TYPE_STREAM)
		return -EPROTO;
	if (size < LEAST)
		return -EINVAL;
	if (size >= WITH_INDEX)
		memcpy(&index, b + 8, sizeof(index));
	memcpy(group + 12, b, 4);
	if (!multicast_is(group))
		return name == ADD_V4 ? -EINVAL : -EADDRNOTAVAIL;
	int interface = interface_v4(b + 4, index);
	/* Whatever interface it is on, a group can be left by its own address alone. */
	if (interface < 0 || (interface == 0 && (name == ADD_V4 || find(s, group) < 0)))
		return interface < 0 && name == DROP_V4 ? -EADDRNOTAVAIL : -ENODEV;
	return name == ADD_V4 ? join(s, group) : leave(s, group);
}

static int member_v6(struct socket *s, int name, const uint8_t *b, unsigned size)
{
	enum { LEAST = 20 };
	int32_t index;
	if (s->type == SOCK_TYPE_STREAM)
		return -EPROTO;
	if (size < LEAST)
		return -EINVAL;
	memcpy(&index, b + 16, sizeof(index));
	if (inet_is_v4(b) || !multicast_is(b))
		return -EINVAL;
	if (name == DROP_V6)
		return index == LO || index == 0 ? leave(s, b) : -EADDRNOTAVAIL;
	return index == LO ? join(s, b) : -ENODEV;
}

static int set_interface_v4(struct socket *s, const uint8_t *b, unsigned size)
{
	enum { REQUEST = 8, WITH_INDEX = 12 };
	int32_t index = 0;
	if (s->type == SOCK_TYPE_STREAM || size < 4)
		return -EINVAL;
	const uint8_t *address = size >= REQUEST ? b + 4 : b;
	if (size >= WITH_INDEX)
		memcpy(&index, b + 8, sizeof(index));
	int interface = interface_v4(address, index);
	if (interface < 0)
		return -EADDRNOTAVAIL;
	s->u.inet.by_lo = interface == LO;
	memcpy(s->u.inet.by_address, address, 4);
	return 0;
}

int multicast_set_option(struct socket *s, int level, int name, const void *value, unsigned size)
{
	int32_t v = 0;
	memcpy(&v, value, min_u64(size, sizeof(v)));
	if (level == LEVEL_IP && (name == ADD_V4 || name == DROP_V4))
		return member_v4(s, name, value, size);
	if (level == LEVEL_IP && name == IF_V4)
		return set_interface_v4(s, value, size);
	if (level == LEVEL_IP && name == ALL_V4) {
		if (size < 1 || (v != 0 && v != 1))
			return -EINVAL;
		s->u.inet.own_groups = !v;
		return 0;
	}
	if (level != LEVEL_IPV6 || s->domain != SOCK_AF_INET6)
		return 1;
	switch (name) {
	case ADD_V6:
	case DROP_V6: return member_v6(s, name, value, size);
	case IF_V6:
		if (s->type == SOCK_TYPE_STREAM)
			return -ENOPROTOOPT;
		if (size < sizeof(v) || v < 0)
			return -EINVAL;
		if (v > LO)
			return -ENODEV;
		s->u.inet.by_lo_v6 = v == LO;
		return 0;
	case ALL_V6:
		if (size < sizeof(v))
			return -EINVAL;
		s->u.inet.own_groups_v6 = !v;
		return 0;
	default: return 1;
	}
}

int multicast_get_option(const struct socket *s, int level, int name, void *ret_value, unsigned *size)
{
	int32_t v;
	if (level == LEVEL_IP && name == IF_V4)
		memcpy(&v, s->u.inet.by_address, 4);
	else if (level == LEVEL_IP && name == ALL_V4)
		v = !s->u.inet.own_groups;
	else if (level == LEVEL_IPV6 && s->domain == SOCK_AF_INET6 && (name == IF_V6 || name == ALL_V6))
		v = name == IF_V6 ? s->u.inet.by_lo_v6 : !s->u.inet.own_groups_v6;
	else
		return 1;
	memcpy(ret_value, &v, sizeof(v));
	*size = sizeof(v);
	return 0;
}

bool multicast_goes(const struct socket *s, const uint8_t group[16])
{
	if (!inet_is_v4(group))
		return false;
	return s->u.inet.by_lo || (s->u.inet.local.port && !inet_is_any(s->u.inet.local.ip) && inet_is_lo(s->u.inet.local.ip));
}

/* Every interface is in these. */
static bool is_all_hosts(const uint8_t group[16])
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 224, [15] = 1};
	static const uint8_t link[16] = {0xff, 2, [15] = 1}, node[16] = {0xff, 1, [15] = 1};
	return memcmp(group, v4, 16) == 0 || memcmp(group, link, 16) == 0 || memcmp(group, node, 16) == 0;
}

bool multicast_gets(const struct socket *s, const uint8_t group[16])
{
	const struct socket *o;
	if (find(s, group) >= 0 || is_all_hosts(group))
		return true;
	if (inet_is_v4(group) ? s->u.inet.own_groups : s->u.inet.own_groups_v6)
		return false;
	LIST_FOREACH (o, &s->kernel->sockets->all, all) {
		if ((o->ops == &udp_ops || o->ops == &icmp_ops) && find(o, group) >= 0)
			return true;
	}
	return false;
}
