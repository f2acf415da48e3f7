/* SPDX-License-Identifier: MIT */
/* netlink_private.h - how netlink.c and sock_diag.c put answers together */
#ifndef KERNEL_NETLINK_PRIVATE_H
#define KERNEL_NETLINK_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

struct kernel;
struct text;

/* struct nlmsghdr */
struct netlink_request {
	uint32_t size;
	uint16_t type, flags;
	uint32_t sequence, port;
};
_Static_assert(sizeof(struct netlink_request) == 16, "struct nlmsghdr");

/* A message: its header, then whatever the kind has, attributes, and at last that it is whole. */
void netlink_header(struct text *x, uint16_t type, uint16_t flags, const struct netlink_request *request, uint32_t port);
void netlink_attribute(struct text *x, uint16_t type, const void *value, uint16_t size);
void netlink_end(struct text *x, size_t start);

/* What a socket of NETLINK_SOCK_DIAG asks for. Returns 0 or a negative errno. */
int diag_answer(struct text *x, const struct netlink_request *h, uint32_t port, const uint8_t *body, size_t size,
		struct kernel *k);

#endif
