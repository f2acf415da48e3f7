/* SPDX-License-Identifier: MIT */
/* polling.h - what ppoll, pselect6 and epoll_pwait share: how long, and with which signals blocked */
#ifndef KERNEL_POLLING_H
#define KERNEL_POLLING_H

#include <stdint.h>

struct task;

/* Sets call.deadline when the call begins; a call that is resumed keeps the one it has. */
void poll_timeout(struct task *t, uint64_t ns);
/* The same from the program's timespec at va (0: for ever), read once. Returns 0, -EINVAL, -EFAULT or
 * CALL_WAIT. Uses bit 0 of call.state[0]. */
int poll_deadline(struct task *t, uint64_t va);
/* The program's mask at va (0: none) holds until the call ends. Returns as signal_read_set. */
int poll_mask(struct task *t, uint64_t va, uint64_t size);

#endif
