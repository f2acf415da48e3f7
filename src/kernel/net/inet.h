/* SPDX-License-Identifier: MIT */
/* inet.h - what TCP and UDP within the machine share: addresses and ports
 *
 * The machine has one interface, lo, with 127.0.0.0/8 and ::1. Everything else cannot be reached
 * (-ENETUNREACH) and is nobody's to bind (-EADDRNOTAVAIL). Ports that nobody asked for are given
 * out one after the other, so that every run has the same.
 */
#ifndef KERNEL_INET_H
#define KERNEL_INET_H

#include "kernel/net/socket.h"

/* Reads a name. Returns 0, -EINVAL (too short) or -EAFNOSUPPORT. */
int inet_parse(const struct socket *s, const struct address *a, struct inet_end *ret_end);
/* As a program that uses s sees it. */
void inet_address(const struct socket *s, const struct inet_end *end, struct address *ret_address);
int inet_name(struct socket *s, bool peer, struct address *ret_address);
bool inet_is_v4(const uint8_t ip[16]);
bool inet_is_any(const uint8_t ip[16]);
bool inet_is_lo(const uint8_t ip[16]);
/* The same address and port? */
bool inet_same(const struct inet_end *a, const struct inet_end *b);
/* Where s is to send to: "any" is this machine. Returns 0, -ENETUNREACH or -EINVAL. */
int inet_destination(const struct socket *s, struct inet_end *end);
/* The address that s has when it talks to that one. */
void inet_source(const struct socket *s, const struct inet_end *to, struct inet_end *ret_source);
int inet_bind(struct socket *s, struct task *t, const struct address *a);
/* Gives s a port, if it has none. Returns 0 or -EADDRNOTAVAIL. */
int inet_autobind(struct socket *s);
/* May s, which is bound, be the one to listen there? */
bool inet_may_listen(const struct socket *s);
/* Gives the port back, unless bind asked for it. */
void inet_unchoose(struct socket *s);
/* Who is to get what is sent from one end to another; NULL: nobody. */
struct socket *inet_find(struct kernel *k, int type, const struct inet_end *to,
			 const struct inet_end *from);
/* The next that may get what is sent to a group, after this one (NULL: the first). */
struct socket *inet_next(struct kernel *k, const struct inet_end *to, const struct inet_end *from, struct socket *after);
void inet_bind_accepted(struct socket *s);
int inet_set_option(struct socket *s, int level, int name, const void *value, unsigned size);
int inet_get_option(struct socket *s, int level, int name, void *ret_value, unsigned *size);
/* udp.c: what all sockets of datagrams do. */
int64_t udp_receive(struct socket *s, struct task *t, struct message *m);
int udp_shutdown(struct socket *s, int how);
int udp_poll(struct socket *s, struct waiter *w);
int64_t udp_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg);
/* SIOCGIFCONF and others of lo. -ENOTTY: none of those. */
int64_t inet_ioctl(struct task *t, uint64_t request, uint64_t arg);

#endif
