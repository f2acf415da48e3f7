/* SPDX-License-Identifier: MIT */
/* rseq.h - restartable sequences: code that begins again when it was not alone
 *
 * A task registers 32 bytes of its memory with the system call. While it is in a critical section
 * it keeps the address of the section's descriptor there. When it comes back from another task's
 * turn, or before it enters a signal handler, a pc within the section goes to the section's abort
 * address, and the descriptor is forgotten. There is one CPU, number 0, so that the numbers written
 * at registration stay right.
 *
 * Registered: fork inherits it, what shares memory (CLONE_VM) and what execve starts does not.
 */
#ifndef KERNEL_RSEQ_H
#define KERNEL_RSEQ_H

#include <stdbool.h>

struct task;

/* t's program is about to go on elsewhere than in a straight line. Returns 0, CALL_WAIT (nothing
 * has changed), or -EFAULT: the program's tables are wrong, which is worth a SIGSEGV. */
int rseq_abort(struct task *t);
/* t had to let others run and goes on: does the above. False: not yet, or it has a signal to take
 * first. */
bool rseq_resume(struct task *t);
/* For execve. */
void rseq_forget(struct task *t);
/* The child has a copy of t's memory. */
void rseq_fork(const struct task *t, struct task *child);

#endif
