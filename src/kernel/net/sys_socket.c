/* SPDX-License-Identifier: MIT */
/* sys_socket.c - the system calls that make, name and join sockets */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/net/sys_socket.h"
#include "kernel/uaccess.h"

enum { TYPE_MASK = 0xf, SOMAXCONN_ = 4096 };

int socket_get(struct task *t, uint64_t fd, struct socket **ret_socket, bool *ret_nonblock)
{
	const struct file *f = fd_get(t->process->files, (int)fd);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	struct socket *s = socket_of(f);
	if (!s)
		return -ENOTSOCK;
	*ret_socket = s;
	if (ret_nonblock)
		*ret_nonblock = f->flags & ABI_O_NONBLOCK;
	return 0;
}

int address_read(struct task *t, uint64_t va, uint32_t size, struct address *ret_address)
{
	if ((int32_t)size < 0 || size > ADDRESS_MAX)
		return -EINVAL;
	*ret_address = (struct address){.size = size};
	return size ? uaccess_read(t, ret_address->bytes, va, size) : 0;
}

int address_write(struct task *t, const struct address *a, uint64_t va, uint64_t size_va)
{
	int32_t room;
	int err = uaccess_read(t, &room, size_va, sizeof(room));
	if (err)
		return err;
	if (room < 0)
		return -EINVAL;
	if (room > 0)
		err = uaccess_write(t, va, a->bytes, min_u64((uint64_t)room, a->size));
	return err ? err : uaccess_write(t, size_va, &a->size, sizeof(a->size));
}

/* A descriptor for a socket whose reference passes; on failure it is closed. */
static int install(struct task *t, struct socket *s, uint32_t flags)
{
	struct file *f;
	int err = socket_open(s, flags & ABI_O_NONBLOCK, &f);
	if (err) {
		socket_abandon(s);
		return err;
	}
	return fd_give(t, f, flags & ABI_O_CLOEXEC);
}

static bool flags_known(uint32_t flags)
{
	return !(flags & ~(uint32_t)(ABI_O_CLOEXEC | ABI_O_NONBLOCK));
}

int64_t sys_socket(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	uint32_t flags = (uint32_t)a[1] & ~(uint32_t)TYPE_MASK;
	if (!flags_known(flags))
		return -EINVAL;
	int err = socket_make(t, (int)a[0], (int)a[1] & TYPE_MASK, (int)a[2], &s);
	return err ? err : install(t, s, flags);
}

int64_t sys_socketpair(struct task *t, const uint64_t a[6])
{
	struct socket *one, *other;
	uint32_t flags = (uint32_t)a[1] & ~(uint32_t)TYPE_MASK;
	int32_t fd[2];
	if (!flags_known(flags))
		return -EINVAL;
	int err = socket_make(t, (int)a[0], (int)a[1] & TYPE_MASK, (int)a[2], &one);
	if (err)
		return err;
	if (one->domain != SOCK_AF_UNIX) {
		socket_abandon(one);
		return -EOPNOTSUPP;
	}
	err = socket_make(t, (int)a[0], (int)a[1] & TYPE_MASK, (int)a[2], &other);
	if (err) {
		socket_abandon(one);
		return err;
	}
	unix_pair(t, one, other);
	fd[0] = install(t, one, flags);
	if (fd[0] < 0) {
		socket_abandon(other);
		return fd[0];
	}
	fd[1] = install(t, other, flags);
	err = fd[1] < 0 ? fd[1] : uaccess_write(t, a[3], fd, sizeof(fd));
	if (!err)
		return 0;
	if (fd[1] >= 0)
		(void)fd_close(t->process->files, fd[1]);
	(void)fd_close(t->process->files, fd[0]);
	return err;
}

int64_t sys_bind(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct address name;
	int err = socket_get(t, a[0], &s, NULL);
	if (!err)
		err = address_read(t, a[1], (uint32_t)a[2], &name);
	return err ? err : s->ops->bind(s, t, &name);
}

int64_t sys_listen(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	int err = socket_get(t, a[0], &s, NULL);
	if (err)
		return err;
	return s->ops->listen ? s->ops->listen(s, t, (int)min_u64((uint32_t)a[1], SOMAXCONN_))
			      : -EOPNOTSUPP;
}

int64_t sys_connect(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct address name;
	bool nonblock;
	int err = socket_get(t, a[0], &s, &nonblock);
	if (!err)
		err = address_read(t, a[1], (uint32_t)a[2], &name);
	return err ? err : s->ops->connect(s, t, &name, nonblock);
}

/* A connection that is accepted stays with the call until the program's memory took its name:
 *	state[0]  the new socket
 */
static void accept_abandon(struct task *t)
{
	socket_abandon((struct socket *)(uintptr_t)t->call.state[0]);
	t->call.state[0] = 0;
	t->call.abandon = NULL;
}

static int64_t accept_on(struct task *t, const uint64_t a[6], uint32_t flags)
{
	struct socket *s, *c = (struct socket *)(uintptr_t)t->call.state[0];
	bool nonblock;
	int err;
	if (!flags_known(flags))
		return -EINVAL;
	if (!c) {
		err = socket_get(t, a[0], &s, &nonblock);
		if (!err && !s->ops->accept)
			err = -EOPNOTSUPP;
		if (!err)
			err = s->ops->accept(s, t, nonblock, &c);
		if (err)
			return err;
		t->call.state[0] = (uint64_t)(uintptr_t)c;
		t->call.abandon = accept_abandon;
	}
	if (a[1]) {
		struct address name;
		/* Who connected may have gone again. */
		if (c->ops->name(c, true, &name) != 0 && c->ops->name(c, false, &name) != 0)
			return -ECONNABORTED;
		err = address_write(t, &name, a[1], a[2]);
		if (err)
			return err;
	}
	t->call.state[0] = 0;
	t->call.abandon = NULL;
	return install(t, c, flags);
}

int64_t sys_accept(struct task *t, const uint64_t a[6])
{
	return accept_on(t, a, 0);
}

int64_t sys_accept4(struct task *t, const uint64_t a[6])
{
	return accept_on(t, a, (uint32_t)a[3]);
}

static int64_t get_name(struct task *t, const uint64_t a[6], bool peer)
{
	struct socket *s;
	struct address name;
	int err = socket_get(t, a[0], &s, NULL);
	if (!err)
		err = s->ops->name(s, peer, &name);
	return err ? err : address_write(t, &name, a[1], a[2]);
}

int64_t sys_getsockname(struct task *t, const uint64_t a[6])
{
	return get_name(t, a, false);
}

int64_t sys_getpeername(struct task *t, const uint64_t a[6])
{
	return get_name(t, a, true);
}

int64_t sys_setsockopt(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	int err = socket_get(t, a[0], &s, NULL);
	return err ? err : socket_option_set(s, t, (int)a[1], (int)a[2], a[3], (uint32_t)a[4]);
}

int64_t sys_getsockopt(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	int err = socket_get(t, a[0], &s, NULL);
	return err ? err : socket_option_get(s, t, (int)a[1], (int)a[2], a[3], a[4]);
}

int64_t sys_shutdown(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	int err = socket_get(t, a[0], &s, NULL);
	if (err)
		return err;
	if (!s->ops->shutdown)
		return -EOPNOTSUPP;
	if ((int)a[1] < 0 || (int)a[1] > 2)
		return -EINVAL;
	return s->ops->shutdown(s, (int)a[1] + 1);
}
