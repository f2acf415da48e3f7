/* SPDX-License-Identifier: MIT */
/* sys_socket.h - what the calls on sockets share: descriptors and names in the program's memory */
#ifndef KERNEL_SYS_SOCKET_H
#define KERNEL_SYS_SOCKET_H

#include "kernel/net/socket.h"

/* The socket of a descriptor, not referenced for the caller. Returns 0, -EBADF or -ENOTSOCK.
 * ret_nonblock may be NULL. */
int socket_get(struct task *t, uint64_t fd, struct socket **ret_socket, bool *ret_nonblock);
/* Returns 0, -EINVAL or as uaccess. */
int address_read(struct task *t, uint64_t va, uint32_t size, struct address *ret_address);
/* As much of a as there is room for; how long it is is written to size_va. */
int address_write(struct task *t, const struct address *a, uint64_t va, uint64_t size_va);

#endif
