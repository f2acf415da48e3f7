/* SPDX-License-Identifier: MIT */
/* transfer.c - the loop of read and write
 *
 *	done = call.done --> which iovec? --> how much can come? --> hold up to 16 pages of it
 *	  ^                                   (reads only)                      |
 *	  +-- count added to call.done <-- file's read or write, by piece <-----+
 *
 * A read holds, and so makes present, no page that it does not write to: as on Linux.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/event/inotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/pipe.h"
#include "kernel/file/transfer.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

int transfer_file(struct task *t, uint64_t fd, bool write, struct file **ret_file)
{
	struct file *f = fd_get(t->process->files, (int)fd);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	uint32_t access = f->flags & ABI_O_ACCMODE;
	if (access == (write ? ABI_O_RDONLY : ABI_O_WRONLY))
		return -EBADF;
	if (write ? !f->ops->write : !f->ops->read)
		return -EINVAL;
	*ret_file = f;
	return 0;
}

/* What is left of the iovecs after done bytes. False: nothing. */
static bool remaining(const struct abi_iovec *iov, unsigned count, uint64_t done, uint64_t *ret_va,
		      uint64_t *ret_size)
{
	for (unsigned i = 0; i < count; i++) {
		if (done < iov[i].len) {
			*ret_va = iov[i].base + done;
			*ret_size = iov[i].len - done;
			return true;
		}
		done -= iov[i].len;
	}
	return false;
}

static uint64_t total(const struct abi_iovec *iov, unsigned count)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++)
		sum += iov[i].len;
	return sum;
}

/* What to return when nothing more can be moved now. */
static int64_t result(struct task *t, int64_t n)
{
	return t->call.done > 0 && n != CALL_WAIT ? (int64_t)t->call.done : n;
}

/* Streams take a small write whole or not at all, records any: one without a position. */
static int64_t write_whole(struct task *t, struct file *f, const struct abi_iovec *iov,
			   unsigned count, uint64_t size)
{
	uint8_t few[PIPE_ATOMIC], *bytes = size > sizeof(few) ? malloc(size) : few;
	uint64_t at = 0;
	int64_t n = bytes ? 0 : -ENOMEM;
	for (unsigned i = 0; n == 0 && i < count && at < size; i++) {
		uint64_t part = min_u64(iov[i].len, size - at);
		n = uaccess_read(t, bytes + at, iov[i].base, part);
		at += part;
	}
	if (n == 0)
		n = f->ops->write(f, t, bytes, size, NULL);
	if (bytes != few)
		free(bytes);
	return n;
}

/* A read of records: into memory that is one piece. */
static int64_t read_records(struct task *t, struct file *f, const struct abi_iovec *iov,
			    unsigned count, uint64_t *pos)
{
	uint64_t va = 0, left = 0;
	struct hold h;
	(void)remaining(iov, count, 0, &va, &left);
	int64_t n = f->ops->look(f, t, left, pos);
	if (n <= 0)
		return n;
	left = min_u64(min_u64(left, (uint64_t)n), READ_WHOLE);
	int err = uaccess_hold(t, va, left, ACCESS_WRITE, &h);
	if (err)
		return err;
	uint8_t *bytes = malloc(h.size);
	n = bytes ? f->ops->read(f, NULL, bytes, h.size, pos) : -ENOMEM;
	if (n > 0)
		uaccess_put(&h, bytes, (size_t)n);
	free(bytes);
	bool cut = h.size < left;
	uaccess_release(&h);
	return n == -EINVAL && cut ? -EFAULT : n;
}

/* Moves one stretch of held memory; returns how much, or what is to be returned when that is
 * nothing. ret_stop: no more will come of it now. */
static int64_t move(struct task *t, struct file *f, bool write, const struct hold *h, uint64_t *pos,
		    bool *ret_stop)
{
	bool stream = !f->ops->size;
	int64_t moved = 0;
	for (unsigned i = 0; i < h->pieces; i++) {
		bool waits = !stream || (t->call.done == 0 && moved == 0);
		uint8_t *bytes = h->piece[i].bytes;
		uint32_t size = h->piece[i].size;
		/* A read of a stream that has something does not wait for more; a write waits
		 * until all is out, and a page of a file is on its way. */
		int64_t n = write ? f->ops->write(f, t, bytes, size, pos)
				  : f->ops->read(f, waits ? t : NULL, bytes, size, pos);
		if (n < 0) {
			*ret_stop = n != CALL_WAIT;
			return moved > 0 ? moved : n;
		}
		moved += n;
		if (n < size) {
			*ret_stop = !write || n == 0 || !stream;
			return moved;
		}
	}
	*ret_stop = false;
	return moved;
}

static int64_t transfer_bytes(struct task *t, struct file *f, bool write,
			      const struct abi_iovec *iov, unsigned count, uint64_t *pos)
{
	uint64_t size = total(iov, count), va, left;
	bool stream = !f->ops->size;
	if (f->ops->transfer)
		return f->ops->transfer(f, t, write, iov, count);
	if (pos != &f->pos)
		*pos += t->call.done;
	if (f->ops->records)
		return write ? write_whole(t, f, iov, count, min_u64(size, READ_WHOLE))
			     : read_records(t, f, iov, count, pos);
	if (size == 0)
		return 0;
	if (write && stream && t->call.done == 0 && size <= PIPE_ATOMIC) {
		int64_t n = write_whole(t, f, iov, count, size);
		if (n < 0 || (uint64_t)n == size)
			return n;
		t->call.done = (uint64_t)n;
	}
	uint64_t pause = t->call.done + WORK_BYTES;
	while (remaining(iov, count, t->call.done, &va, &left)) {
		struct hold h;
		bool stop;
		uint64_t there = UINT64_MAX;
		if (t->call.done >= pause)
			return wait_pause(t, stream ? PAUSE_OPEN : PAUSE_ALONE);
		if (!write && f->ops->look) {
			int64_t n = f->ops->look(f, t->call.done == 0 ? t : NULL, left, pos);
			if (n <= 0)
				return result(t, n);
			there = (uint64_t)n;
			left = min_u64(left, there);
		}
		int err = uaccess_hold(t, va, left, write ? ACCESS_READ : ACCESS_WRITE, &h);
		if (err)
			return result(t, err);
		int64_t n = move(t, f, write, &h, pos, &stop);
		uaccess_release(&h);
		if (n < 0)
			return result(t, n);
		t->call.done += (uint64_t)n;
		if (stop || (uint64_t)n == there)
			break;
	}
	return (int64_t)t->call.done;
}

int64_t transfer(struct task *t, struct file *f, bool write, const struct abi_iovec *iov,
		 unsigned count, uint64_t *pos)
{
	int64_t n = transfer_bytes(t, f, write, iov, count, pos);
	if (n > 0)
		inotify_file(f, write ? EVENT_MODIFY : EVENT_ACCESS);
	return n;
}
