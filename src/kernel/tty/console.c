/* SPDX-License-Identifier: MIT */
/* console.c - the terminal that Carrel was started on, as it is
 *
 * Settings and window size are those of the host's terminal, which does echo and line editing; they
 * are as they were when the machine ends. Only whose turn it is to use it is kept here: the host
 * knows one process.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/file/stream.h"
#include "kernel/kernel.h"
#include "kernel/tty/tty_private.h"

struct console {
	struct tty tty;
	int fd; /* an open file of our own, that does not block */
	struct abi_termios saved;
	struct host_watch in, out;
};

static struct console *of(struct tty *tty)
{
	return (struct console *)tty;
}

static int64_t console_look(struct tty *tty, struct file *f, struct task *t, size_t size)
{
	return stream_look(of(tty)->fd, &of(tty)->in, f, t);
}

static int64_t console_read(struct tty *tty, struct file *f, struct task *t, void *ret_bytes,
			    size_t size)
{
	return stream_read(of(tty)->fd, &of(tty)->in, f, t, ret_bytes, size);
}

static int64_t console_write(struct tty *tty, struct file *f, struct task *t, const void *bytes,
			     size_t size)
{
	return stream_write(of(tty)->fd, &of(tty)->out, f, t, bytes, size);
}

static int console_poll(struct tty *tty, struct waiter *w)
{
	return stream_poll(of(tty)->fd, &of(tty)->in, &of(tty)->out, w);
}

static int ask(struct tty *tty, uint64_t request, void *arg)
{
	return ioctl(of(tty)->fd, request, arg) < 0 ? -errno : 0;
}

static int console_get(struct tty *tty, struct abi_termios *ret_termios)
{
	return ask(tty, ABI_TCGETS, ret_termios);
}

static int console_set(struct tty *tty, const struct abi_termios *termios, uint64_t request)
{
	struct abi_termios copy = *termios;
	return ask(tty, request, &copy);
}

static int console_get_size(struct tty *tty, struct abi_winsize *ret_size)
{
	return ask(tty, ABI_TIOCGWINSZ, ret_size);
}

static int console_set_size(struct tty *tty, const struct abi_winsize *size)
{
	struct abi_winsize copy = *size;
	return ask(tty, ABI_TIOCSWINSZ, &copy);
}

static int console_flow(struct tty *tty, uint64_t request, int32_t *inout_number)
{
	if (request == ABI_FIONREAD || request == ABI_TIOCOUTQ)
		return ask(tty, request, inout_number);
	return ioctl(of(tty)->fd, request, (long)*inout_number) < 0 ? -errno : 0;
}

/* A machine has one, for as long as it lives: nothing changes when a file of it is closed. */
static const struct tty_kind console_kind = {
    .look = console_look,
    .read = console_read,
    .write = console_write,
    .poll = console_poll,
    .get = console_get,
    .set = console_set,
    .get_size = console_get_size,
    .set_size = console_set_size,
    .flow = console_flow,
};

static int console_create(struct kernel *k, int host_fd)
{
	struct console *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->fd = stream_own(host_fd, O_RDWR);
	if (c->fd < 0)
		c->fd = stream_own(host_fd, fcntl(host_fd, F_GETFL) & O_ACCMODE);
	int err = c->fd < 0 ? c->fd : ioctl(c->fd, TCGETS, &c->saved) < 0 ? -errno : 0;
	if (!err)
		err = tty_init(&c->tty, k, &console_kind);
	if (err) {
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		return err;
	}
	c->tty.lasting = true;
	c->in.fd = c->out.fd = c->fd;
	c->in.events = POLLIN;
	c->out.events = POLLOUT;
	host_watch_add(k, &c->in);
	host_watch_add(k, &c->out);
	k->console = &c->tty;
	return 0;
}

int tty_open_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file)
{
	int err = k->console ? 0 : console_create(k, host_fd);
	return err ? err : tty_file(k->console, NULL, flags, "/dev/pts/0", ret_file);
}

void tty_console_joined(struct process *p)
{
	struct tty *tty = p->kernel->console;
	if (!tty)
		return;
	if (tty->session == 0 && p->sid == p->pid)
		tty_set_session(tty, p);
	else if (tty->session == p->sid)
		p->tty = tty;
}

void tty_destroy(struct kernel *k)
{
	struct abi_termios now;
	struct console *c = k->console ? of(k->console) : NULL;
	if (!c)
		return;
	/* In the background this would stop us: nothing to restore then unless it changed. */
	if (ioctl(c->fd, TCGETS, &now) == 0 && memcmp(&now, &c->saved, sizeof(now)) != 0)
		(void)ioctl(c->fd, TCSETS, &c->saved);
	host_watch_remove(&c->in);
	host_watch_remove(&c->out);
	close(c->fd);
	tty_finish(&c->tty);
	free(c);
	k->console = NULL;
}
