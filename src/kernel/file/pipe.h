/* SPDX-License-Identifier: MIT */
/* pipe.h - pipes and FIFOs: bytes in frames of RAM, in order
 *
 * A pipe holds up to its capacity (64 KiB, F_SETPIPE_SZ) in pages that are taken from RAM when
 * bytes arrive and given back when they have been read. A FIFO is a pipe with a name: one per
 * device and inode of the host's directory entry, while it is open; its bytes never reach the host.
 */
#ifndef KERNEL_PIPE_H
#define KERNEL_PIPE_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct task;
struct file;
struct mounts;
struct place;

enum { PIPE_CAPACITY = 65536, PIPE_ATOMIC = 4096, PIPE_CAPACITY_MAX = 1 << 20 };

/* flags: O_NONBLOCK, O_CLOEXEC is the caller's. Returns 0, -ENOMEM. */
int pipe_create(struct kernel *k, uint32_t flags, struct file **ret_reader,
		struct file **ret_writer);
/* Waits for the other side, unless O_NONBLOCK. Returns 0, -ENXIO, -ENOMEM or CALL_WAIT. */
int fifo_open(const struct place *at, struct task *t, uint32_t flags, struct file **ret_file);
void fifos_destroy(struct mounts *m);
/* Opens another end of the pipe behind f, as /proc/self/fd/N does. -EINVAL: f is no pipe. */
int pipe_reopen(struct file *f, uint32_t flags, struct file **ret_file);

/* What splice and its family need. All but the first two are for pipes only. */
bool file_is_pipe(const struct file *f);
bool pipe_same(const struct file *a, const struct file *b);
/* How many bytes are there; 0: none, and no writer; -EAGAIN (t NULL) or CALL_WAIT. */
int64_t pipe_bytes(struct file *f, struct task *t);
/* How much may be put; -EPIPE after a SIGPIPE for t, -EAGAIN (nonblock) or CALL_WAIT. */
int64_t pipe_room(struct file *f, struct task *t, bool nonblock);
/* Copies bytes from an offset on, which stay; returns how many. */
uint64_t pipe_peek(struct file *f, uint64_t offset, void *ret_bytes, uint64_t size);
void pipe_drop(struct file *f, uint64_t size);
/* Takes frames for up to size bytes; returns for how many, at least 1, -ENOMEM, or CALL_WAIT. */
int64_t pipe_reserve(struct file *f, struct task *t, uint64_t size);
/* Puts what was reserved for; at the end the frames that are not needed go back. */
void pipe_put(struct file *f, const void *bytes, uint64_t size);
void pipe_settle(struct file *f);

/* F_GETPIPE_SZ, F_SETPIPE_SZ: the capacity. -EBADF: no pipe; -EBUSY: more than that is in it. */
int64_t pipe_size(struct file *f);
int64_t pipe_set_size(struct file *f, uint64_t size);

#endif
