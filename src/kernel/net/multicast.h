/* SPDX-License-Identifier: MIT */
/* multicast.h - groups on lo: who has joined which, and which way datagrams for a group go
 *
 * A group is joined on lo, by its address or its number: there is no route to groups, so who names no interface
 * gets -ENODEV, and -ENETUNREACH when he sends without IP_MULTICAST_IF or an address of his own. As on Linux a
 * datagram for a group that anybody in the machine has joined reaches every socket with its port and address, but
 * for those that turned IP_MULTICAST_ALL off and have not joined it themselves. What lo sends it receives:
 * IP_MULTICAST_LOOP changes nothing there. Groups of IPv6 can be joined, but lo has no route to any: as on Linux what
 * is sent to one is -ENETUNREACH, whatever IPV6_MULTICAST_IF says.
 */
#ifndef KERNEL_MULTICAST_H
#define KERNEL_MULTICAST_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct socket;

/* igmp_max_memberships */
enum { MULTICAST_GROUPS = 20 };

struct multicast {
	unsigned count;
	uint8_t group[MULTICAST_GROUPS][16];
};

bool multicast_is(const uint8_t ip[16]);
/* 1: not one of these options. */
int multicast_set_option(struct socket *s, int level, int name, const void *value, unsigned size);
int multicast_get_option(const struct socket *s, int level, int name, void *ret_value, unsigned *size);
/* Does what s sends to a group have a way? */
bool multicast_goes(const struct socket *s, const uint8_t group[16]);
/* Does s, whose address and port fit, get what was sent to a group? */
bool multicast_gets(const struct socket *s, const uint8_t group[16]);
void multicast_leave_all(struct socket *s);

#endif
