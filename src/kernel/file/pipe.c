/* SPDX-License-Identifier: MIT */
/* pipe.c - pipes and FIFOs: their ends, their size, and who waits for them */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/pipe_private.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

struct pipes {
	LIST_HEAD(, pipe) list;
};

/* Who asks is bound by what a user's pipes may have together. */
static bool bound(const struct kernel *k)
{
	const struct task *t = k->current;
	return t && !task_can(t, CAP_SYS_RESOURCE) && !task_can(t, CAP_SYS_ADMIN);
}

static bool beyond(uint64_t pages, uint64_t limit)
{
	return limit && pages > limit;
}

/* How many pages a new pipe of this user has; 0: none can be made. */
static unsigned first_room(const struct kernel *k, const struct user *u)
{
	enum { FEW = 2 };
	const struct settings *s = &k->settings;
	uint64_t room = PIPE_CAPACITY / PAGE_SIZE;
	if (PIPE_CAPACITY > s->pipe_size && k->current && !task_can(k->current, CAP_SYS_RESOURCE))
		room = s->pipe_size / PAGE_SIZE;
	if (beyond(u->pipe_pages + room, s->pipe_user_soft) && bound(k))
		room = FEW;
	return beyond(u->pipe_pages + room, s->pipe_user_hard) && bound(k) ? 0 : (unsigned)room;
}

static int pipe_new(struct kernel *k, struct pipe **ret_pipe)
{
	const struct cred *c = k->current ? k->current->cred : process_cred(k->init);
	unsigned room = first_room(k, c->user);
	struct pipe *p = room ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return room ? -ENOMEM : -ENFILE;
	p->kernel = k;
	p->user = user_ref(c->user);
	p->uid = c->fsuid;
	p->gid = c->fsgid;
	p->room = room;
	p->user->pipe_pages += room;
	pieces_init(&p->pieces, k->mm);
	wait_queue_init(&p->read_queue);
	wait_queue_init(&p->write_queue);
	wait_queue_init(&p->openers);
	p->inode = ++k->mounts->inode;
	p->mode = S_IFIFO | 0600;
	*ret_pipe = p;
	return 0;
}

static void pipe_free(struct pipe *p)
{
	wait_queue_finish(&p->read_queue);
	wait_queue_finish(&p->write_queue);
	wait_queue_finish(&p->openers);
	if (p->named)
		LIST_REMOVE(p, fifo);
	pieces_finish(&p->pieces);
	p->user->pipe_pages -= p->room;
	user_put(p->kernel, p->user);
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

static int pipe_poll(struct file *f, struct waiter *w)
{
	struct pipe *p = f->ctx;
	int mask = 0;
	if (reads(f)) {
		if (p->pieces.count > 0)
			mask |= POLLIN | POLLRDNORM;
		if (p->writers == 0 && p->left >= f->serial)
			mask |= POLLHUP;
	}
	if (writes(f)) {
		if (!pipe_full(p))
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
    .transfer = pipe_transfer,
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
	int32_t n = (int32_t)p->pieces.bytes;
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
	struct pipe *p;
	int err = pipe_new(k, &p);
	if (err)
		return err;
	flags &= ABI_O_NONBLOCK | ABI_O_DIRECT;
	err = pipe_open(p, (flags & ABI_O_NONBLOCK) | ABI_O_RDONLY, NULL, &r);
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
	return f->ops == &pipe_ops ? (int64_t)p->room * PAGE_SIZE : -EBADF;
}

int64_t pipe_set_size(struct file *f, uint64_t size)
{
	struct pipe *p = f->ctx;
	if (f->ops != &pipe_ops)
		return -EBADF;
	const struct kernel *k = f->kernel;
	const struct settings *s = &k->settings;
	uint64_t capacity = PAGE_SIZE;
	size = (uint32_t)size;
	if (size > PIPE_CAPACITY_MOST)
		return -EINVAL;
	while (capacity < size)
		capacity *= 2;
	unsigned room = (unsigned)(capacity / PAGE_SIZE);
	uint64_t pages = p->user->pipe_pages - p->room + room;
	if (room > p->room && capacity > s->pipe_size && k->current && !task_can(k->current, CAP_SYS_RESOURCE))
		return -EPERM;
	if (room > p->room && (beyond(pages, s->pipe_user_soft) || beyond(pages, s->pipe_user_hard)) && bound(k))
		return -EPERM;
	if (p->pieces.count > room)
		return -EBUSY;
	p->user->pipe_pages = pages;
	p->room = room;
	wait_wake_all(&p->write_queue);
	return (int64_t)capacity;
}

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_ops;
}

static int fifo_find(const struct place *at, struct pipe **ret_pipe)
{
	struct mounts *m = at->kernel->mounts;
	struct pipe *p;
	if (!m->fifos) {
		m->fifos = calloc(1, sizeof(*m->fifos));
		if (!m->fifos)
			return -ENOMEM;
	}
	LIST_FOREACH (p, &m->fifos->list, fifo) {
		if (p->device == at->stat.st_dev && p->fifo_inode == at->stat.st_ino) {
			*ret_pipe = p;
			return 0;
		}
	}
	int err = pipe_new(at->kernel, &p);
	if (err)
		return err;
	p->named = true;
	p->device = at->stat.st_dev;
	p->fifo_inode = at->stat.st_ino;
	p->mode = at->stat.st_mode;
	p->uid = at->stat.st_uid;
	p->gid = at->stat.st_gid;
	LIST_INSERT_HEAD(&m->fifos->list, p, fifo);
	*ret_pipe = p;
	return 0;
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
	struct pipe *p = waiting ? (struct pipe *)(uintptr_t)t->call.state[0] : NULL;
	int err = waiting ? 0 : fifo_find(at, &p);
	if (err)
		return err;
	if (waiting || (t && !(flags & ABI_O_NONBLOCK) && access != ABI_O_RDWR)) {
		err = fifo_wait(p, t, access);
		if (err == CALL_WAIT)
			return err;
	} else if (access == ABI_O_WRONLY && p->readers == 0) {
		err = -ENXIO;
	}
	/* Packets are for F_SETFL and pipe2 alone. */
	if (!err && flags & ABI_O_DIRECT)
		err = -EINVAL;
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
