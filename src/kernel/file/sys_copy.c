/* SPDX-License-Identifier: MIT */
/* sys_copy.c - bytes from file to file inside the kernel */
#include <errno.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/inotify.h"
#include "kernel/file/path.h"
#include "kernel/file/position.h"
#include "kernel/file/transfer.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/uaccess.h"

enum { COPY_PART = 16384, COPY_MAX = 0x7ffff000 };

/* Copies up to size bytes. A task may wait for room in out, and for pages of in, which can seek: what
 * was read but not written is read again. A signal ends it with what is done. */
static int64_t copy_bytes(struct task *t, struct file *in, uint64_t *in_pos, struct file *out,
		    uint64_t *out_pos, uint64_t size)
{
	uint8_t bytes[COPY_PART];
	uint64_t pause = t->call.done + WORK_BYTES;
	size = min_u64(size, COPY_MAX);
	while (t->call.done < size) {
		if (t->call.done >= pause)
			return t->call.interrupted ? (int64_t)t->call.done : wait_pause(t, PAUSE_OPEN);
		uint64_t at = *in_pos;
		int64_t n = in->ops->read(in, t, bytes,
					  min_u64(size - t->call.done, sizeof(bytes)), &at);
		if (n > 0)
			n = out->ops->write(out, t, bytes, (size_t)n, out_pos);
		if (n == CALL_WAIT && t->call.interrupted && t->call.done)
			wait_forget(t);
		else if (n == CALL_WAIT)
			return n;
		if (n <= 0)
			return t->call.done ? (int64_t)t->call.done : n;
		*in_pos += (uint64_t)n;
		t->call.done += (uint64_t)n;
	}
	return (int64_t)t->call.done;
}

static int64_t copy(struct task *t, struct file *in, uint64_t *in_pos, struct file *out,
		    uint64_t *out_pos, uint64_t size)
{
	int64_t n = copy_bytes(t, in, in_pos, out, out_pos, size);
	if (n > 0) {
		inotify_file(in, EVENT_ACCESS);
		inotify_file(out, EVENT_MODIFY);
	}
	return n;
}

uint64_t file_position(struct file *f)
{
	int64_t at = f->ops->seek ? f->ops->seek(f, 0, SEEK_CUR) : -1;
	return at < 0 ? f->pos : (uint64_t)at;
}

void file_set_position(struct file *f, uint64_t pos)
{
	if (!f->ops->seek || f->ops->seek(f, (int64_t)pos, SEEK_SET) < 0)
		f->pos = pos;
}

int64_t sys_sendfile(struct task *t, const uint64_t a[6])
{
	struct file *in, *out;
	uint64_t pos;
	int err = transfer_file(t, a[0], true, &out);
	if (!err)
		err = transfer_file(t, a[1], false, &in);
	if (err)
		return err;
	if ((!in->ops->size && !in->ops->seek) || (out->flags & ABI_O_APPEND) || out->ops->records)
		return -EINVAL;
	if (!a[2]) {
		pos = file_position(in);
		int64_t moved = copy(t, in, &pos, out, &out->pos, a[3]);
		file_set_position(in, pos);
		return moved;
	}
	err = uaccess_read(t, &pos, a[2], sizeof(pos));
	if (err)
		return err;
	if ((int64_t)pos < 0)
		return -EINVAL;
	/* The program's offset is written when all is done; a wait begins from it and what is
	 * done. */
	uint64_t at = pos + t->call.done;
	int64_t n =
	    t->call.state[0] ? (int64_t)t->call.done : copy(t, in, &at, out, &out->pos, a[3]);
	if (n < 0)
		return n;
	t->call.state[0] = 1;
	pos += (uint64_t)n;
	err = uaccess_write(t, a[2], &pos, sizeof(pos));
	return err ? err : n;
}

/* Does what is written lie on what is read of the same file? */
static bool overlap(struct file *in, uint64_t in_pos, struct file *out, uint64_t out_pos, uint64_t size)
{
	struct stat a, b;
	uint64_t apart = in_pos > out_pos ? in_pos - out_pos : out_pos - in_pos;
	return apart < size && in->ops->stat && out->ops->stat && in->ops->stat(in, &a) == 0 &&
	       out->ops->stat(out, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev &&
	       apart < (uint64_t)a.st_size;
}

/* Only regular files are copied from and to. */
static int copy_check(const struct file *in, const struct file *out)
{
	if (file_is_dir(in) || file_is_dir(out))
		return -EISDIR;
	if (!in->ops->size || !out->ops->size || !in->ops->object || !out->ops->object)
		return -EINVAL;
	if ((in->flags & ABI_O_ACCMODE) == ABI_O_WRONLY ||
	    (out->flags & ABI_O_ACCMODE) == ABI_O_RDONLY || (out->flags & ABI_O_APPEND))
		return -EBADF;
	return 0;
}

int64_t sys_copy_file_range(struct task *t, const uint64_t a[6])
{
	struct file *in = fd_get(t->process->files, (int)a[0]),
		    *out = fd_get(t->process->files, (int)a[2]);
	uint64_t in_pos, out_pos;
	if (!in || !out || (in->flags & ABI_O_PATH) || (out->flags & ABI_O_PATH))
		return -EBADF;
	int err = (uint32_t)a[5] ? -EINVAL : copy_check(in, out);
	if (err)
		return err;
	in_pos = file_position(in);
	out_pos = file_position(out);
	if (a[1])
		err = uaccess_read(t, &in_pos, a[1], sizeof(in_pos));
	if (!err && a[3])
		err = uaccess_read(t, &out_pos, a[3], sizeof(out_pos));
	if (err)
		return err;
	if ((int64_t)in_pos < 0 || (int64_t)out_pos < 0)
		return -EINVAL;
	int64_t n = t->call.state[0] ? (int64_t)t->call.done : 0;
	if (!t->call.done && overlap(in, in_pos, out, out_pos, a[4]))
		return -EINVAL;
	if (t->call.state[0]) {
		in_pos = t->call.state[1];
		out_pos = t->call.state[2];
	} else {
		in_pos += t->call.done;
		out_pos += t->call.done;
		n = copy(t, in, &in_pos, out, &out_pos, a[4]);
		if (n < 0)
			return n;
		t->call.state[0] = 1;
		t->call.state[1] = in_pos;
		t->call.state[2] = out_pos;
	}
	if (a[1])
		err = uaccess_write(t, a[1], &in_pos, sizeof(in_pos));
	else
		file_set_position(in, in_pos);
	if (!err && a[3])
		err = uaccess_write(t, a[3], &out_pos, sizeof(out_pos));
	else if (!a[3])
		file_set_position(out, out_pos);
	return err ? err : n;
}
