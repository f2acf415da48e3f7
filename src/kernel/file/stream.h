/* SPDX-License-Identifier: MIT */
/* stream.h - what the host gave as standard input, output and error, if it cannot seek
 *
 * A pipe, socket or terminal of the host. It is asked with poll before it is read or written, and
 * by way of an open file of our own that does not block where the host allows to make one, so that
 * neither the machine is held up nor the flags of other programs' files are changed. A task that
 * must wait does so on a host_watch.
 */
#ifndef KERNEL_STREAM_H
#define KERNEL_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct file;
struct task;
struct host_watch;
struct waiter;
struct kernel;

/* A descriptor for what host_fd is, with the host's access mode: an open file of our own with
 * O_NONBLOCK if that can be had, else a duplicate. Returns it or -errno. */
int stream_own(int host_fd, int access);
/* See file_ops.look. 1 also means that there may be something, or the end. */
int64_t stream_look(int fd, struct host_watch *w, struct file *f, struct task *t);
int64_t stream_read(int fd, struct host_watch *w, struct file *f, struct task *t, void *ret_bytes,
		    size_t size);
int64_t stream_write(int fd, struct host_watch *w, struct file *f, struct task *t,
		     const void *bytes, size_t size);
int stream_poll(int fd, struct host_watch *in, struct host_watch *out, struct waiter *w);
int stream_open(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file);

#endif
