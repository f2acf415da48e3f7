/* SPDX-License-Identifier: MIT */
/* pipe.h - pipes and FIFOs: bytes in frames of RAM, in order
 *
 * A pipe holds up to 16 pieces (pieces.h), or as many pages as F_SETPIPE_SZ asks for, in frames that are
 * taken from RAM when bytes arrive and given back when they have been read. With O_DIRECT each write is a
 * packet. A FIFO is a pipe with a name: one per device and inode of the host's directory entry, while it
 * is open; its bytes never reach the host.
 *
 * How many pages all pipes of a user may have, if he is not privileged, /proc/sys/fs/pipe-user-pages-soft
 * and -hard say: beyond the first a new pipe has two, beyond the second there is none.
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

enum { PIPE_CAPACITY = 65536, PIPE_ATOMIC = 4096, PIPE_CAPACITY_MAX = 1 << 20, PIPE_USER_PAGES = 16384 };
/* Whatever /proc/sys/fs/pipe-max-size says. */
#define PIPE_CAPACITY_MOST (UINT64_C(1) << 31)

/* flags: O_NONBLOCK and O_DIRECT; O_CLOEXEC is the caller's. Returns 0, -ENOMEM, or -ENFILE: the user has
 * too many pages. */
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
/* How many pieces may be put; -EPIPE after a SIGPIPE for t, -EAGAIN (nonblock) or CALL_WAIT. */
int64_t pipe_room(struct file *f, struct task *t, bool nonblock);
/* How many there are, and one of them by number. */
unsigned pipe_pieces(const struct file *f);
const uint8_t *pipe_piece(const struct file *f, unsigned number, unsigned *ret_size);
/* Takes bytes of the first piece away. */
void pipe_drop(struct file *f, unsigned size);
/* A new piece, where there is room: a page to write to. Returns 0, -ENOMEM or CALL_WAIT. */
int pipe_begin(struct file *f, struct task *t, uint8_t **ret_bytes);
/* So many bytes were written; 0: there is no new piece after all. */
void pipe_end(struct file *f, unsigned size);
/* At most so many bytes of one piece into another pipe; keep: they stay (tee). Returns how many, or as
 * pipe_begin. */
int pipe_copy(struct file *in, unsigned number, struct file *out, struct task *t, unsigned most, bool keep);

/* F_GETPIPE_SZ, F_SETPIPE_SZ: the capacity in bytes. -EBADF: no pipe; -EBUSY: more than that is in it;
 * -EPERM: who asks may not have so much. */
int64_t pipe_size(struct file *f);
int64_t pipe_set_size(struct file *f, uint64_t size);

#endif
