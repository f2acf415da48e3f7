/* SPDX-License-Identifier: MIT */
/* pipe_private.h - what pipe.c (ends, sizes, names) and pipe_move.c (bytes in and out) share */
#ifndef KERNEL_PIPE_PRIVATE_H
#define KERNEL_PIPE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/file/pieces.h"
#include "kernel/wait.h"

struct abi_iovec;
struct file;
struct kernel;
struct task;
struct user;

struct pipe {
	struct kernel *kernel;
	struct user *user; /* whose pages it counts for */
	unsigned ends; /* open files */
	unsigned readers, writers;
	uint64_t reader_opens, writer_opens; /* ever; for open of a FIFO */
	uint64_t left; /* serial of the youngest file when the last writer left: who is younger met none */
	struct pieces pieces;
	unsigned room; /* how many pieces there may be */
	struct wait_queue read_queue, write_queue; /* for bytes; for room */
	struct wait_queue openers;                 /* who waits in open for the other side */
	uint64_t inode, device, fifo_inode;
	uint32_t mode, uid, gid;
	LIST_ENTRY(pipe) fifo;
	bool named;
};

static inline bool pipe_full(const struct pipe *p)
{
	return p->pieces.count >= p->room;
}

/* file_ops of a pipe. */
int64_t pipe_transfer(struct file *f, struct task *t, bool write, const struct abi_iovec *iov, unsigned count);
int64_t pipe_look(struct file *f, struct task *t, size_t size, uint64_t *pos);
int64_t pipe_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos);
int64_t pipe_write(struct file *f, struct task *t, const void *bytes, size_t size, uint64_t *pos);

#endif
