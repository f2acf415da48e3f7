/* SPDX-License-Identifier: MIT */
/* netlink.h - AF_NETLINK sockets: what the machine tells of its interface, and mq_notify's threads */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

struct socket;
struct socket_ops;
struct task;

extern const struct socket_ops netlink_ops;

/* Returns 0, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT or -ENOMEM. */
int netlink_make(struct task *t, int type, int protocol, struct socket **ret_socket);
bool netlink_is(const struct socket *s);
/* The kernel says something to whoever reads from s; lost where there is no room. */
void netlink_tell(struct socket *s, const void *bytes, uint64_t size);

#endif
