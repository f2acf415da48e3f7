/* SPDX-License-Identifier: MIT */
/* pipe.c - pipes and FIFOs: a ring, its ends, and who waits for them */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/ring.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

struct pipe {
	struct kernel *kernel;
	unsigned ends; /* open files */
	unsigned readers, writers;
	uint64_t reader_opens, writer_opens; /* ever; for open of a FIFO */
	uint64_t left; /* serial of the youngest file when the last writer left: who is younger met none */
	struct ring ring;
	uint64_t capacity;
	struct wait_queue read_queue, write_queue; /* for bytes; for room */
	struct wait_queue openers;                 /* who waits in open for the other side */
	uint64_t inode, device, fifo_inode;
	uint32_t mode, uid, gid;
	LIST_ENTRY(pipe) fifo;
	bool named;
};

struct pipes {
	LIST_HEAD(, pipe) list;
};

static struct pipe *pipe_new(struct kernel *k)
{
	struct pipe *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	const struct cred *c = k->current ? k->current->cred : process_cred(k->init);
	p->kernel = k;
	p->uid = c->fsuid;
	p->gid = c->fsgid;
	p->capacity = PIPE_CAPACITY;
	ring_init(&p->ring, k->mm);
	wait_queue_init(&p->read_queue);
	wait_queue_init(&p->write_queue);
	wait_queue_init(&p->openers);
	p->inode = ++k->mounts->inode;
	p->mode = S_IFIFO | 0600;
	return p;
}

static void pipe_free(struct pipe *p)
{
	wait_queue_finish(&p->read_queue);
	wait_queue_finish(&p->write_queue);
	wait_queue_finish(&p->openers);
	if (p->named)
		LIST_REMOVE(p, fifo);
	ring_finish(&p->ring);
	free(p);
}

static bool reads(const struct file *f)
{
	return (f->flags & ABI_O_ACCMODE) != ABI_O_WRONLY;
}

static bool writes(const struct file *f)
{
	return (f->flags & ABI_O_ACCMODE) != ABI_O_RDONLY;
}

static uint64_t pipe_used(const struct pipe *p)
{
	return ring_used(&p->ring);
}

/* As poll says: a small write would not wait. */
static bool pipe_writable(const struct pipe *p)
{
	return p->capacity - pipe_used(p) >= PIPE_ATOMIC;
}

static int64_t pipe_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct pipe *p = f->ctx;
	if (pipe_used(p) > 0 || p->writers == 0)
		return (int64_t)pipe_used(p);
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &p->read_queue);
	return err ? err : CALL_WAIT;
}

static int64_t pipe_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			 uint64_t *pos)
{
	struct pipe *p = f->ctx;
	if (size == 0)
		return 0;
	int64_t there = pipe_look(f, t, size, pos);
	if (there <= 0)
		return there;
	size = min_u64(size, (uint64_t)there);
	ring_peek(&p->ring, 0, ret_bytes, size);
	pipe_drop(f, size);
	return (int64_t)size;
}

static int64_t pipe_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	struct pipe *p = f->ctx;
	if (size == 0)
		return 0;
	if (p->readers == 0) {
		if (t)
			(void)signal_send_task(t, &(struct signal_info){.number = SIGPIPE});
		return -EPIPE;
	}
	/* A write of at most PIPE_ATOMIC comes whole, without a position; others fill what room
	 * there is. */
	uint64_t room = p->capacity - pipe_used(p);
	if (room > 0 && (pos || size <= room)) {
		int64_t n = ring_put(&p->ring, bytes, min_u64(size, room));
		if (n > 0) {
			wait_wake_for(&p->read_queue, POLLIN | POLLRDNORM);
			return n;
		}
		if (pipe_used(p) == 0)
			return n == -EAGAIN ? t && wait_on_io(t) == 0 ? CALL_WAIT : -ENOMEM : n;
	}
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &p->write_queue);
	return err ? err : CALL_WAIT;
}

static int pipe_poll(struct file *f, struct waiter *w)
{
	struct pipe *p = f->ctx;
	int mask = 0;
	if (reads(f)) {
		if (pipe_used(p) > 0)
			mask |= POLLIN | POLLRDNORM;
		if (p->writers == 0 && p->left >= f->serial)
			mask |= POLLHUP;
	}
	if (writes(f)) {
		if (pipe_writable(p))
			mask |= POLLOUT | POLLWRNORM;
		if (p->readers == 0)
			mask |= POLLERR;
	}
	int err = reads(f) ? wait_join(w, &p->read_queue) : 0;
	if (!err && writes(f))
		err = wait_join(w, &p->write_queue);
	return err ? err : mask;
}

static int pipe_stat(struct file *f, struct stat *ret_stat)
{
	const struct pipe *p = f->ctx;
	*ret_stat = (struct stat){.st_dev = p->named ? p->device : 14,
				  .st_ino = p->named ? p->fifo_inode : p->inode,
				  .st_mode = p->mode,
				  .st_nlink = 1,
				  .st_blksize = PAGE_SIZE,
				  .st_uid = p->uid,
				  .st_gid = p->gid};
	return 0;
}

static int64_t pipe_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg);

static void end_add(struct pipe *p, uint32_t access)
{
	p->ends++;
	if (access != ABI_O_WRONLY) {
		p->readers++;
		p->reader_opens++;
	}
	if (access != ABI_O_RDONLY) {
		p->writers++;
		p->writer_opens++;
	}
	wait_wake_all(&p->openers);
}

static void end_remove(struct pipe *p, uint32_t access)
{
	if (access != ABI_O_WRONLY && --p->readers == 0)
		wait_wake_for(&p->write_queue, POLLOUT | POLLERR);
	if (access != ABI_O_RDONLY && --p->writers == 0) {
		p->left = p->kernel->last_file;
		wait_wake_for(&p->read_queue, POLLIN | POLLHUP);
	}
	if (--p->ends == 0)
		pipe_free(p);
}

static void pipe_release(struct file *f)
{
	end_remove(f->ctx, f->flags & ABI_O_ACCMODE);
}

static const struct file_ops pipe_ops = {
    .name = "pipe",
    .look = pipe_look,
    .read = pipe_read,
    .write = pipe_write,
    .stat = pipe_stat,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .release = pipe_release,
};

static int64_t pipe_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	const struct pipe *p = f->ctx;
	if (request != ABI_FIONREAD)
		return -ENOTTY;
	int32_t n = (int32_t)pipe_used(p);
	int err = uaccess_write(t, arg, &n, sizeof(n));
	return err;
}

static int pipe_open(struct pipe *p, uint32_t flags, const char *path, struct file **ret_file)
{
	int err = file_create(p->kernel, &pipe_ops, flags, path, p, ret_file);
	if (!err)
		end_add(p, flags & ABI_O_ACCMODE);
	return err;
}

int pipe_create(struct kernel *k, uint32_t flags, struct file **ret_reader,
		struct file **ret_writer)
{
	struct file *r, *w;
	struct pipe *p = pipe_new(k);
	if (!p)
		return -ENOMEM;
	flags &= ABI_O_NONBLOCK | ABI_O_DIRECT;
	int err = pipe_open(p, flags | ABI_O_RDONLY, NULL, &r);
	if (err) {
		pipe_free(p);
		return err;
	}
	err = pipe_open(p, flags | ABI_O_WRONLY, NULL, &w);
	if (err) {
		file_put(r);
		return err;
	}
	*ret_reader = r;
	*ret_writer = w;
	return 0;
}

int pipe_reopen(struct file *f, uint32_t flags, struct file **ret_file)
{
	struct pipe *p = f->ctx;
	return f->ops == &pipe_ops ? pipe_open(p, flags, NULL, ret_file) : -EINVAL;
}

int64_t pipe_size(struct file *f)
{
	const struct pipe *p = f->ctx;
	return f->ops == &pipe_ops ? (int64_t)p->capacity : -EBADF;
}

int64_t pipe_set_size(struct file *f, uint64_t size)
{
	struct pipe *p = f->ctx;
	if (f->ops != &pipe_ops)
		return -EBADF;
	if (size > PIPE_CAPACITY_MAX || size > f->kernel->settings.pipe_size)
		return size > INT32_MAX ? -EINVAL : -EPERM;
	uint64_t capacity = PAGE_SIZE;
	while (capacity < size)
		capacity *= 2;
	if (pipe_used(p) > capacity)
		return -EBUSY;
	p->capacity = capacity;
	wait_wake_all(&p->write_queue);
	return (int64_t)capacity;
}

/* --- splice --- */

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_ops;
}

bool pipe_same(const struct file *a, const struct file *b)
{
	return a->ctx == b->ctx;
}

int64_t pipe_bytes(struct file *f, struct task *t)
{
	struct pipe *p = f->ctx;
	if (pipe_used(p) > 0 || p->writers == 0)
		return (int64_t)pipe_used(p);
	if (!t)
		return -EAGAIN;
	int err = wait_on(t, &p->read_queue);
	return err ? err : CALL_WAIT;
}

int64_t pipe_room(struct file *f, struct task *t, bool nonblock)
{
	struct pipe *p = f->ctx;
	if (p->readers == 0) {
		if (t)
			(void)signal_send_task(t, &(struct signal_info){.number = SIGPIPE});
		return -EPIPE;
	}
	if (pipe_used(p) < p->capacity)
		return (int64_t)(p->capacity - pipe_used(p));
	if (nonblock || !t)
		return -EAGAIN;
	int err = wait_on(t, &p->write_queue);
	return err ? err : CALL_WAIT;
}

uint64_t pipe_peek(struct file *f, uint64_t offset, void *ret_bytes, uint64_t size)
{
	const struct pipe *p = f->ctx;
	size = min_u64(size, pipe_used(p) - offset);
	ring_peek(&p->ring, offset, ret_bytes, size);
	return size;
}

void pipe_drop(struct file *f, uint64_t size)
{
	struct pipe *p = f->ctx;
	bool was_full = !pipe_writable(p);
	ring_take(&p->ring, size);
	wait_wake_for(&p->write_queue, was_full && pipe_writable(p) ? POLLOUT | POLLWRNORM : 0);
}

int64_t pipe_reserve(struct file *f, struct task *t, uint64_t size)
{
	struct pipe *p = f->ctx;
	int64_t n = ring_reserve(&p->ring, min_u64(size, p->capacity - pipe_used(p)));
	if (n != -EAGAIN)
		return n;
	return t && wait_on_io(t) == 0 ? CALL_WAIT : -ENOMEM;
}

void pipe_put(struct file *f, const void *bytes, uint64_t size)
{
	struct pipe *p = f->ctx;
	(void)ring_put(&p->ring, bytes, size); /* it was reserved for */
	wait_wake_for(&p->read_queue, POLLIN | POLLRDNORM);
}

void pipe_settle(struct file *f)
{
	struct pipe *p = f->ctx;
	ring_settle(&p->ring);
}

static struct pipe *fifo_find(const struct place *at)
{
	struct mounts *m = at->kernel->mounts;
	struct pipe *p;
	if (!m->fifos) {
		m->fifos = calloc(1, sizeof(*m->fifos));
		if (!m->fifos)
			return NULL;
	}
	LIST_FOREACH (p, &m->fifos->list, fifo) {
		if (p->device == at->stat.st_dev && p->fifo_inode == at->stat.st_ino)
			return p;
	}
	p = pipe_new(at->kernel);
	if (!p)
		return NULL;
	p->named = true;
	p->device = at->stat.st_dev;
	p->fifo_inode = at->stat.st_ino;
	p->mode = at->stat.st_mode;
	p->uid = at->stat.st_uid;
	p->gid = at->stat.st_gid;
	LIST_INSERT_HEAD(&m->fifos->list, p, fifo);
	return p;
}

/* open of a FIFO waits until the other side is open, or was at some time since. From the first try
 * on it counts as an end, so that the two sides find each other:
 *
 *	state[0]  the pipe         state[1]  how often the other side had been opened by then
 *	state[2]  access mode
 */
static void fifo_abandon(struct task *t)
{
	end_remove((struct pipe *)(uintptr_t)t->call.state[0], (uint32_t)t->call.state[2]);
	t->call.state[0] = 0;
	t->call.abandon = NULL;
}

static int fifo_wait(struct pipe *p, struct task *t, uint32_t access)
{
	bool reader = access == ABI_O_RDONLY;
	uint64_t opens = reader ? p->writer_opens : p->reader_opens;
	if (t->call.state[0] == 0) {
		end_add(p, access);
		t->call.state[0] = (uint64_t)(uintptr_t)p;
		t->call.state[1] = opens;
		t->call.state[2] = access;
		t->call.abandon = fifo_abandon;
	}
	if ((reader ? p->writers : p->readers) > 0 || opens != t->call.state[1])
		return 0;
	if (t->call.interrupted) {
		fifo_abandon(t);
		return CALL_WAIT;
	}
	int err = wait_on(t, &p->openers);
	return err ? err : CALL_WAIT;
}

int fifo_open(const struct place *at, struct task *t, uint32_t flags, struct file **ret_file)
{
	uint32_t access = flags & ABI_O_ACCMODE;
	bool waiting = t && t->call.state[0];
	struct pipe *p = waiting ? (struct pipe *)(uintptr_t)t->call.state[0] : fifo_find(at);
	int err = 0;
	if (!p)
		return -ENOMEM;
	if (waiting || (t && !(flags & ABI_O_NONBLOCK) && access != ABI_O_RDWR)) {
		err = fifo_wait(p, t, access);
		if (err == CALL_WAIT)
			return err;
	} else if (access == ABI_O_WRONLY && p->readers == 0) {
		err = -ENXIO;
	}
	if (!err)
		err = pipe_open(p, flags, at->guest, ret_file);
	/* Who waited for a writer has met it, though it may have left meanwhile. */
	if (!err && waiting && p->writers == 0)
		p->left = (*ret_file)->serial;
	if (t && t->call.state[0])
		fifo_abandon(t);
	else if (err && p->ends == 0)
		pipe_free(p);
	return err;
}

void fifos_destroy(struct mounts *m)
{
	struct pipe *p;
	if (!m->fifos)
		return;
	while ((p = LIST_FIRST(&m->fifos->list)))
		pipe_free(p);
	free(m->fifos);
	m->fifos = NULL;
}
