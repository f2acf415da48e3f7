/* SPDX-License-Identifier: MIT */
/* sys_splice.c - splice, tee, vmsplice: bytes between pipes, files and memory without a program's hands
 *
 *	splice     file -> pipe     pipe -> file     pipe -> pipe
 *	tee        pipe -> pipe, and they stay in the first
 *	vmsplice   memory -> pipe   pipe -> memory
 *
 * As on Linux a call moves what is there and what there is room for, and waits only for the first
 * byte. Unlike there, bytes are copied: no page is ever shared, so a gift is none. What is taken out
 * of a pipe is looked at first and dropped when it has arrived; what goes into one has its frames
 * before anything is read.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/inotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/position.h"
#include "kernel/file/transfer.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum { FLAG_NONBLOCK = 2, FLAGS = 15 };

/* Who may wait: nobody, if the call or the open file says so. */
static struct task *waiter(struct task *t, uint32_t flags, const struct file *f)
{
	return (flags & FLAG_NONBLOCK) || (f->flags & ABI_O_NONBLOCK) ? NULL : t;
}

/* Can it be spliced at all? What gives and takes records cannot. */
static int splice_check(const struct file *f, bool write)
{
	bool can = write ? f->ops->write != NULL : f->ops->read != NULL;
	return can && !f->ops->records && !file_is_dir(f) ? 0 : -EINVAL;
}

static int64_t pipe_to_file(struct task *t, struct file *in, struct file *out, uint64_t *pos,
			    uint64_t size, uint32_t flags)
{
	uint64_t done = 0;
	int err = splice_check(out, true);
	int64_t n = err ? err : pipe_bytes(in, waiter(t, flags, in));
	if (n <= 0)
		return n;
	while (done < size && pipe_pieces(in) > 0) {
		unsigned part;
		const uint8_t *bytes = pipe_piece(in, 0, &part);
		n = out->ops->write(out, done ? NULL : t, bytes, min_u64(part, size - done), pos);
		if (n <= 0)
			break;
		pipe_drop(in, (unsigned)n);
		done += (uint64_t)n;
	}
	return done ? (int64_t)done : n;
}

/* One piece of a file: not beyond the end of a page of it, as each is a page of its cache on Linux. */
static int64_t file_piece(struct task *t, struct file *in, uint64_t *pos, uint8_t *ret_bytes, uint64_t size,
			  bool wait)
{
	uint64_t part = min_u64(size, in->ops->size ? PAGE_SIZE - *pos % PAGE_SIZE : PAGE_SIZE);
	int64_t n = in->ops->look ? in->ops->look(in, wait ? t : NULL, part, pos) : (int64_t)part;
	return n > 0 ? in->ops->read(in, wait ? t : NULL, ret_bytes, min_u64((uint64_t)n, part), pos) : n;
}

static int64_t file_to_pipe(struct task *t, struct file *in, uint64_t *pos, struct file *out,
			    uint64_t size, uint32_t flags)
{
	uint64_t done = 0;
	int err = splice_check(in, false);
	int64_t n = err ? err : pipe_room(out, t, !waiter(t, flags, out));
	for (int64_t room = n; room > 0 && done < size; room--) {
		uint8_t *bytes;
		n = pipe_begin(out, done ? NULL : t, &bytes);
		if (n)
			break;
		n = file_piece(t, in, pos, bytes, size - done, !done && !(flags & FLAG_NONBLOCK));
		pipe_end(out, n > 0 ? (unsigned)n : 0);
		if (n <= 0)
			break;
		done += (uint64_t)n;
	}
	return done ? (int64_t)done : n;
}

/* keep: tee. */
static int64_t pipe_to_pipe(struct task *t, struct file *in, struct file *out, uint64_t size,
			    uint32_t flags, bool keep)
{
	uint64_t done = 0;
	struct task *w = waiter(t, flags, in);
	bool nonblock = !w || !waiter(t, flags, out);
	if (pipe_same(in, out))
		return -EINVAL;
	int64_t n = pipe_bytes(in, nonblock ? NULL : t);
	if (n <= 0)
		return n;
	int64_t room = pipe_room(out, t, nonblock);
	if (room <= 0)
		return room;
	for (unsigned i = 0; room > 0 && done < size && pipe_pieces(in) > (keep ? i : 0); room--, i++) {
		n = pipe_copy(in, keep ? i : 0, out, done ? NULL : t, (unsigned)min_u64(size - done, PAGE_SIZE), keep);
		if (n <= 0)
			break;
		done += (uint64_t)n;
	}
	return done ? (int64_t)done : n;
}

/* Both ends and where they are read and written. */
struct splice {
	struct file *in, *out;
	uint64_t in_pos, out_pos;
	uint64_t in_va, out_va; /* where the program keeps them; 0: it does not */
	bool in_pipe, out_pipe;
};

static bool has_access(const struct file *f, bool write)
{
	return (f->flags & ABI_O_ACCMODE) != (write ? ABI_O_RDONLY : ABI_O_WRONLY);
}

static int splice_open(struct task *t, const uint64_t a[6], struct splice *s)
{
	const struct fd_table *ft = t->process->files;
	*s = (struct splice){.in = fd_get(ft, (int)a[0]), .out = fd_get(ft, (int)a[2]),
			     .in_va = a[1], .out_va = a[3]};
	if (!s->in || !s->out || (s->in->flags & ABI_O_PATH) || (s->out->flags & ABI_O_PATH))
		return -EBADF;
	s->in_pipe = file_is_pipe(s->in);
	s->out_pipe = file_is_pipe(s->out);
	if ((s->in_pipe && a[1]) || (s->out_pipe && a[3]))
		return -ESPIPE;
	s->in_pos = file_position(s->in);
	s->out_pos = file_position(s->out);
	int err = a[3] ? uaccess_read(t, &s->out_pos, a[3], sizeof(s->out_pos)) : 0;
	if (!err && a[1])
		err = uaccess_read(t, &s->in_pos, a[1], sizeof(s->in_pos));
	if (err)
		return err;
	if (!has_access(s->in, false) || !has_access(s->out, true))
		return -EBADF;
	if (!s->in_pipe && !s->out_pipe)
		return -EINVAL;
	if ((a[1] && !s->in->ops->size && !s->in->ops->seek) ||
	    (a[3] && !s->out->ops->size && !s->out->ops->seek))
		return -EINVAL;
	if (!s->out_pipe && (s->out->flags & ABI_O_APPEND))
		return -EINVAL;
	return (int64_t)s->in_pos < 0 || (int64_t)s->out_pos < 0 ? -EINVAL : 0;
}

/* The positions have moved. What the program has no room for is lost, as on Linux. */
static int64_t splice_close(struct task *t, struct splice *s, int64_t n)
{
	int err = 0;
	if (n <= 0)
		return n;
	inotify_file(s->in, EVENT_ACCESS);
	inotify_file(s->out, EVENT_MODIFY);
	if (s->in_va)
		err = uaccess_write(t, s->in_va, &s->in_pos, sizeof(s->in_pos));
	else if (!s->in_pipe)
		file_set_position(s->in, s->in_pos);
	if (s->out_va)
		err = uaccess_write(t, s->out_va, &s->out_pos, sizeof(s->out_pos));
	else if (!s->out_pipe)
		file_set_position(s->out, s->out_pos);
	return err ? err : n;
}

int64_t sys_splice(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[5];
	struct splice s;
	int64_t n;
	if (a[4] == 0)
		return 0;
	if (flags & ~(uint32_t)FLAGS)
		return -EINVAL;
	/* The bytes are moved, and only the positions are left to be told. */
	if (t->call.state[0]) {
		n = splice_open(t, a, &s);
		s.in_pos = t->call.state[1];
		s.out_pos = t->call.state[2];
		return n ? n : splice_close(t, &s, (int64_t)t->call.done);
	}
	n = splice_open(t, a, &s);
	if (n)
		return n;
	if (s.in_pipe && s.out_pipe)
		n = pipe_to_pipe(t, s.in, s.out, a[4], flags, false);
	else if (s.in_pipe)
		n = pipe_to_file(t, s.in, s.out, &s.out_pos, a[4], flags);
	else
		n = file_to_pipe(t, s.in, &s.in_pos, s.out, a[4], flags);
	if (n > 0) {
		t->call.state[0] = 1;
		t->call.state[1] = s.in_pos;
		t->call.state[2] = s.out_pos;
		t->call.done = (uint64_t)n;
	}
	return splice_close(t, &s, n);
}

int64_t sys_tee(struct task *t, const uint64_t a[6])
{
	const struct fd_table *ft = t->process->files;
	struct file *in = fd_get(ft, (int)a[0]), *out = fd_get(ft, (int)a[1]);
	if ((uint32_t)a[3] & ~(uint32_t)FLAGS)
		return -EINVAL;
	if (a[2] == 0)
		return 0;
	if (!in || !out || (in->flags & ABI_O_PATH) || (out->flags & ABI_O_PATH))
		return -EBADF;
	if (!has_access(in, false) || !has_access(out, true))
		return -EBADF;
	if (!file_is_pipe(in) || !file_is_pipe(out))
		return -EINVAL;
	return pipe_to_pipe(t, in, out, a[2], (uint32_t)a[3], true);
}

/* Memory becomes pieces of a page each at most, which end where its pages do. */
static int64_t memory_to_pipe(struct task *t, struct file *f, const struct abi_iovec *iov, unsigned count,
			      uint32_t flags)
{
	uint64_t done = t->call.done, skip = done;
	int64_t room = pipe_room(f, done ? NULL : t, done || flags & FLAG_NONBLOCK);
	for (unsigned i = 0; room > 0 && i < count; i++) {
		uint64_t at = min_u64(skip, iov[i].len), part;
		skip -= at;
		for (; room > 0 && at < iov[i].len; at += part, room--) {
			uint64_t va = iov[i].base + at;
			uint8_t *bytes;
			part = min_u64(iov[i].len - at, PAGE_SIZE - va % PAGE_SIZE);
			int n = pipe_begin(f, t, &bytes);
			if (n)
				return n == CALL_WAIT || !done ? n : (int64_t)done;
			n = space_secret_at(t->process->space, va) ? -EFAULT : uaccess_read(t, bytes, va, part);
			pipe_end(f, n ? 0 : (unsigned)part);
			if (n)
				return n == CALL_WAIT || !done ? n : (int64_t)done;
			t->call.done = done += part;
		}
	}
	return done ? (int64_t)done : room;
}

static int64_t pipe_to_memory(struct task *t, struct file *f, const struct abi_iovec *iov, unsigned count,
			      uint32_t flags)
{
	uint64_t done = t->call.done;
	int64_t n = done ? 0 : pipe_bytes(f, flags & FLAG_NONBLOCK ? NULL : t);
	if (n < 0 || (n == 0 && !done))
		return n;
	uint64_t before = 0;
	for (unsigned i = 0; i < count; before += iov[i].len, i++) {
		while (done < before + iov[i].len && pipe_pieces(f) > 0) {
			unsigned part;
			const uint8_t *bytes = pipe_piece(f, 0, &part);
			part = (unsigned)min_u64(part, before + iov[i].len - done);
			n = uaccess_write(t, iov[i].base + (done - before), bytes, part);
			if (n)
				return n == CALL_WAIT || !done ? n : (int64_t)done;
			pipe_drop(f, part);
			t->call.done = done += part;
		}
	}
	return (int64_t)done;
}

static int64_t splice_memory(struct task *t, struct file *f, const struct abi_iovec *iov,
			     unsigned count, bool write, uint32_t flags)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < count; i++)
		total += iov[i].len;
	if (total == 0)
		return 0;
	return write ? memory_to_pipe(t, f, iov, count, flags) : pipe_to_memory(t, f, iov, count, flags);
}

int64_t sys_vmsplice(struct task *t, const uint64_t a[6])
{
	struct file *f = fd_get(t->process->files, (int)a[0]);
	struct abi_iovec *iov;
	uint64_t count = a[2];
	if ((uint32_t)a[3] & ~(uint32_t)FLAGS)
		return -EINVAL;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (count > IOV_MAX)
		return -EINVAL;
	iov = calloc(count ? count : 1, sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	int64_t n = uaccess_read(t, iov, a[1], count * sizeof(*iov));
	for (uint64_t i = 0; n == 0 && i < count; i++) {
		if ((int64_t)iov[i].len < 0)
			n = -EINVAL;
	}
	if (n == 0)
		n = file_is_pipe(f) ? splice_memory(t, f, iov, (unsigned)count, has_access(f, true),
						    (uint32_t)a[3])
				    : -EBADF;
	free(iov);
	return n;
}
