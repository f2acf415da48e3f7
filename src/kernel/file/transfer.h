/* SPDX-License-Identifier: MIT */
/* transfer.h - bytes between a program's memory and an open file, for every call that moves them
 *
 * A call that moved something before it had to wait, or met an error, returns what it moved: the
 * count is kept in call.done. Reading stops at the first short count; writing goes on until all is
 * written, in pieces of WORK_BYTES. Between those a signal ends it where the file has no size, as of
 * /dev/zero; of a file only one that ends the process, and no other program runs meanwhile, so that a
 * write is one piece to all others, as on Linux. A write to a pipe or terminal of at most PIPE_ATOMIC bytes is given to it in one
 * piece, however it lies in memory.
 */
#ifndef KERNEL_TRANSFER_H
#define KERNEL_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

struct task;
struct file;
struct abi_iovec;

/* The file of a descriptor that may be read, or written. Returns 0 or -EBADF. */
int transfer_file(struct task *t, uint64_t fd, bool write, struct file **ret_file);
/* pos: the file's own, for read and write; else a copy of the offset that the call was given. It
 * is where the call begins: progress made before it waited is added here. */
int64_t transfer(struct task *t, struct file *f, bool write, const struct abi_iovec *iov,
		 unsigned count, uint64_t *pos);

#endif
