/* SPDX-License-Identifier: MIT */
/* stream.c - standard input, output and error of the host as files of the guest */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/dev.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/path.h"
#include "kernel/file/stream.h"
#include "kernel/kernel.h"
#include "kernel/tty/tty.h"
#include "kernel/uaccess.h"

struct stream {
	int fd;
	struct stat stat; /* what it is; nothing of the host's that changes from run to run */
	struct host_watch in, out;
};

void host_watch_add(struct kernel *k, struct host_watch *w)
{
	/* Two watches of one descriptor share what the host tells of it: the second is -EEXIST. */
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = w->fd};
	(void)epoll_ctl(k->edge_fd, EPOLL_CTL_ADD, w->fd, &e);
	w->kernel = k;
	wait_queue_init(&w->queue);
	LIST_INSERT_HEAD(&k->watches, w, link);
}

void host_watch_remove(struct host_watch *w)
{
	(void)epoll_ctl(w->kernel->edge_fd, EPOLL_CTL_DEL, w->fd, NULL);
	wait_queue_finish(&w->queue);
	LIST_REMOVE(w, link);
}

int host_watch_join(struct waiter *w, struct host_watch *in, struct host_watch *out, int mask)
{
	const int over = POLLERR | POLLHUP;
	bool edges = w && w->join;
	int err = edges || !(mask & (POLLIN | over)) ? wait_join(w, &in->queue) : 0;
	return !err && (edges || !(mask & (POLLOUT | over))) ? wait_join(w, &out->queue) : err;
}

void host_service_add(struct kernel *k, struct host_service *s)
{
	LIST_INSERT_HEAD(&k->services, s, link);
}

void host_service_remove(struct host_service *s)
{
	LIST_REMOVE(s, link);
}

int stream_own(int host_fd, int access)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", host_fd);
	int fd = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = fcntl(host_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;
	do
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? p.revents : 0;
}

/* Nothing can be done now. */
static int64_t stream_wait(const struct file *f, struct task *t, struct host_watch *w)
{
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &w->queue);
	return err ? err : CALL_WAIT;
}

int64_t stream_look(int fd, struct host_watch *w, struct file *f, struct task *t)
{
	int now = ready(fd, POLLIN), n;
	if (!now)
		return stream_wait(f, t, w);
	if (ioctl(fd, FIONREAD, &n) == 0 && n > 0)
		return n;
	/* The end, if nobody is left at the other side; else only reading can tell. */
	return now & POLLIN || !(now & POLLHUP);
}

int64_t stream_read(int fd, struct host_watch *w, struct file *f, struct task *t, void *ret_bytes,
		    size_t size)
{
	if (!ready(fd, POLLIN))
		return stream_wait(f, t, w);
	ssize_t n = read(fd, ret_bytes, size);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? stream_wait(f, t, w) : -errno;
}

int64_t stream_write(int fd, struct host_watch *w, struct file *f, struct task *t,
		     const void *bytes, size_t size)
{
	/* A pipe that polls as writable takes this much without blocking, should it be a blocking
	 * one. */
	enum { AT_ONCE = 4096 };
	if (!ready(fd, POLLOUT))
		return stream_wait(f, t, w);
	bool blocks = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ssize_t n = write(fd, bytes, blocks ? min_u64(size, AT_ONCE) : size);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return stream_wait(f, t, w);
	int err = -errno;
	if (err == -EPIPE && t)
		(void)signal_send_task(t, &(struct signal_info){.number = SIGPIPE});
	return err;
}

int stream_poll(int fd, struct host_watch *in, struct host_watch *out, struct waiter *w)
{
	int mask = ready(fd, POLLIN | POLLOUT) & (POLLIN | POLLOUT | POLLERR | POLLHUP);
	int err = host_watch_join(w, in, out, mask);
	return err ? err : mask;
}

static int64_t host_stream_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct stream *s = f->ctx;
	return stream_look(s->fd, &s->in, f, t);
}

static int64_t host_stream_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
				uint64_t *pos)
{
	struct stream *s = f->ctx;
	return stream_read(s->fd, &s->in, f, t, ret_bytes, size);
}

static int64_t host_stream_write(struct file *f, struct task *t, const void *bytes, size_t size,
				 uint64_t *pos)
{
	struct stream *s = f->ctx;
	return stream_write(s->fd, &s->out, f, t, bytes, size);
}

static int host_stream_poll(struct file *f, struct waiter *w)
{
	struct stream *s = f->ctx;
	return stream_poll(s->fd, &s->in, &s->out, w);
}

static int host_stream_stat(struct file *f, struct stat *ret_stat)
{
	*ret_stat = ((struct stream *)f->ctx)->stat;
	return 0;
}

static int64_t host_stream_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	const struct stream *s = f->ctx;
	int32_t n;
	if (request != ABI_FIONREAD)
		return -ENOTTY;
	if (ioctl(s->fd, FIONREAD, &n) < 0)
		return -errno;
	return uaccess_write(t, arg, &n, sizeof(n));
}

static void host_stream_release(struct file *f)
{
	struct stream *s = f->ctx;
	host_watch_remove(&s->in);
	host_watch_remove(&s->out);
	close(s->fd);
	free(s);
}

#define STREAM_OPS(name_)                                                                          \
	{                                                                                          \
		.name = name_, .look = host_stream_look, .read = host_stream_read,                 \
		.write = host_stream_write, .stat = host_stream_stat, .ioctl = host_stream_ioctl,  \
		.poll = host_stream_poll, .release = host_stream_release                           \
	}

/* As the links of /proc/PID/fd name them. */
static const struct file_ops pipe_ops = STREAM_OPS("pipe"), socket_ops = STREAM_OPS("socket"),
			     other_ops = STREAM_OPS("device");

int stream_open(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	int access = fcntl(host_fd, F_GETFL) & O_ACCMODE;
	s->fd = stream_own(host_fd, access);
	if (s->fd < 0) {
		int err = s->fd;
		free(s);
		return err;
	}
	struct stat st;
	mode_t type = fstat(s->fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
	s->stat = (struct stat){.st_dev = 14,
				.st_ino = ++k->mounts->inode,
				.st_mode = type | 0600,
				.st_nlink = 1,
				.st_blksize = PAGE_SIZE,
				.st_uid = geteuid(),
				.st_gid = getegid()};
	const struct file_ops *ops = S_ISFIFO(type)   ? &pipe_ops
				     : S_ISSOCK(type) ? &socket_ops
						      : &other_ops;
	int err = file_create(k, ops, flags, NULL, s, ret_file);
	if (err) {
		close(s->fd);
		free(s);
		return err;
	}
	s->in.fd = s->out.fd = s->fd;
	s->in.events = POLLIN;
	s->out.events = POLLOUT;
	host_watch_add(k, &s->in);
	host_watch_add(k, &s->out);
	return 0;
}

int file_from_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file)
{
	struct stat st;
	int mode = fcntl(host_fd, F_GETFL);
	if (mode < 0 || fstat(host_fd, &st) < 0)
		return -errno;
	uint32_t access = (mode & O_ACCMODE) == O_RDONLY   ? ABI_O_RDONLY
			  : (mode & O_ACCMODE) == O_WRONLY ? ABI_O_WRONLY
							   : ABI_O_RDWR;
	flags = (flags & ~(uint32_t)ABI_O_ACCMODE) | access | (mode & O_APPEND ? ABI_O_APPEND : 0);
	if (S_ISREG(st.st_mode)) {
		int fd = fcntl(host_fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : hostnode_open(k, fd, flags, NULL, true, ret_file);
	}
	if (S_ISCHR(st.st_mode) && isatty(host_fd))
		return tty_open_host(k, host_fd, flags, ret_file);
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return dev_open_null(k, flags, ret_file);
	return stream_open(k, host_fd, flags, ret_file);
}
