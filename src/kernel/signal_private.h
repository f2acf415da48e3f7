/* SPDX-License-Identifier: MIT */
/* signal_private.h - what the files of the signal code share among themselves */
#ifndef KERNEL_SIGNAL_PRIVATE_H
#define KERNEL_SIGNAL_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/signal.h"

#define SS_AUTODISARM_KERNEL (1u << 31)

enum {
	SIGRTMIN_KERNEL = 32, /* the C library keeps the first for itself */
	SIGINFO_SIZE = 128,
};

/* The next pending signal of which, whatever is blocked; the task's own come first. Returns its
 * number, 0: none. signal_take takes it. */
int signal_look(struct task *t, signal_set which, struct signal_info *ret_info);
void signal_take(struct task *t, int number);

/* A timer expired periods times more. True: its last signal is still pending and will tell. */
bool signal_timer_overran(struct process *p, struct task *t, int number, int32_t id, uint64_t periods);

/* SIGCHLD for the parent, unless it wants none of these; its waiters are woken in any case. */
void signal_tell_parent(struct process *p, int code, int status);
/* Is there nobody of the same session, outside the group, who is the parent of a member? dying: a
 * process that does not count, as member or as parent; may be NULL. */
bool signal_group_orphaned(struct kernel *k, int32_t pgid, int32_t sid, const struct process *dying);

/* siginfo as Linux lays it out. */
void signal_info_encode(const struct signal_info *info, uint8_t ret_bytes[SIGINFO_SIZE]);
void signal_info_decode(const uint8_t bytes[SIGINFO_SIZE], struct signal_info *ret_info);

/* Pushes the frame of a handler and sets the registers for it; mask: what is blocked after it.
 * Returns 0, CALL_WAIT, or -EFAULT: no room. On failure nothing has changed. */
int signal_frame_push(struct task *t, const struct signal_info *info, const struct signal_action *action, signal_set mask);

/* sigaltstack's rules, also for what sigreturn restores; sp: where the program's stack is. Returns
 * 0, -EPERM, -EINVAL or -ENOMEM. */
int signal_stack_set(struct task *t, uint64_t sp, uint64_t stack, int32_t flags, uint64_t size);
/* SS_ONSTACK, SS_DISABLE or 0, for a stack pointer. */
int signal_stack_state(const struct task *t, uint64_t sp);

/* To all of a process group that from may signal. Returns 0, -EPERM (none of them) or -ESRCH. */
int64_t signal_send_group(struct task *from, int32_t pgid, const struct signal_info *info);

#endif
