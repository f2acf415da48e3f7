/* SPDX-License-Identifier: MIT */
/* sys_message.c - the system calls that send and receive
 *
 * The message of a call lives across its waits (message_begin): what was read of the program's
 * memory is not read again, and what was received is kept until the program has all of it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/net/sys_socket.h"
#include "kernel/uaccess.h"

enum { MOVE_MAX = 0x7ffff000, CONTROL_MAX = 131072 };
enum { SCM_RIGHTS_ = 1, SCM_CREDENTIALS_ = 2 };

struct abi_msghdr {
	uint64_t name;
	uint32_t name_size, pad;
	uint64_t iov, count;
	uint64_t control, control_size;
	uint32_t flags, pad2;
};
_Static_assert(sizeof(struct abi_msghdr) == 56, "struct msghdr of 64-bit Linux");

struct abi_mmsghdr {
	struct abi_msghdr header;
	uint32_t size, pad;
};

/* ---- What is sent ---- */

static int read_iov(struct task *t, struct message *m, uint64_t va, uint64_t count)
{
	if (count > IOV_MAX)
		return -EMSGSIZE;
	m->iov = m->few;
	if (count > array_size(m->few)) {
		free(m->more);
		m->iov = m->more = calloc(count, sizeof(*m->more));
		if (!m->more)
			return -ENOMEM;
	}
	int err = uaccess_read(t, m->iov, va, count * sizeof(*m->iov));
	if (err)
		return err;
	uint64_t left = MOVE_MAX;
	for (uint64_t i = 0; i < count; i++) {
		if ((int64_t)m->iov[i].len < 0)
			return -EINVAL;
		m->iov[i].len = min_u64(m->iov[i].len, left);
		left -= m->iov[i].len;
	}
	m->count = (unsigned)count;
	m->size = MOVE_MAX - left;
	return 0;
}

static void set_buffer(struct message *m, uint64_t va, uint64_t size)
{
	m->few[0] = (struct abi_iovec){va, min_u64(size, MOVE_MAX)};
	m->iov = m->few;
	m->count = 1;
	m->size = m->few[0].len;
}

static int add_credentials(struct task *t, struct message *m, const uint8_t *data, uint64_t size)
{
	const struct process *p = t->process;
	struct credentials c;
	if (size != sizeof(c))
		return -EINVAL;
	memcpy(&c, data, sizeof(c));
	const struct cred *me = t->cred;
	bool pid = c.pid == p->pid || task_can(t, CAP_SYS_ADMIN);
	bool uid = c.uid == me->uid || c.uid == me->euid || c.uid == me->suid || task_can(t, CAP_SETUID);
	bool gid = c.gid == me->gid || c.gid == me->egid || c.gid == me->sgid || task_can(t, CAP_SETGID);
	if (!pid || !uid || !gid)
		return -EPERM;
	if (!process_find(p->kernel, c.pid))
		return -ESRCH;
	m->cred = c;
	m->has_cred = true;
	return 0;
}

/* Goes through the control messages. fd: room for RIGHTS_MAX. */
static int scan_control(struct task *t, const struct socket *s, struct message *m,
			const uint8_t *bytes, uint64_t size, int32_t *fd, unsigned *ret_count)
{
	unsigned count = 0;
	uint64_t at = 0;
	while (at + sizeof(struct abi_cmsghdr) <= size) {
		struct abi_cmsghdr h;
		memcpy(&h, bytes + at, sizeof(h));
		if (h.size < sizeof(h) || h.size > size - at)
			return -EINVAL;
		const uint8_t *data = bytes + at + sizeof(h);
		uint64_t length = h.size - sizeof(h);
		int err = 0;
		if (h.level == LEVEL_SOCKET && h.type == SCM_RIGHTS_) {
			uint64_t n = length / sizeof(*fd);
			if (s->domain != SOCK_AF_UNIX || count + n > RIGHTS_MAX)
				return -EINVAL;
			memcpy(fd + count, data, n * sizeof(*fd));
			count += (unsigned)n;
		} else if (h.level == LEVEL_SOCKET && h.type == SCM_CREDENTIALS_) {
			err = add_credentials(t, m, data, length);
		} else if (h.level == LEVEL_SOCKET) {
			err = -EINVAL;
		} else {
			err = control_read(s, m, h.level, h.type, data, length);
		}
		if (err)
			return err;
		at += align_up(h.size, 8);
	}
	*ret_count = count;
	return 0;
}

static int read_control(struct task *t, const struct socket *s, struct message *m, uint64_t va,
			uint64_t size)
{
	int32_t fd[RIGHTS_MAX];
	unsigned count = 0;
	if (!size)
		return 0;
	if (size > CONTROL_MAX)
		return -ENOBUFS;
	uint8_t *bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	int err = uaccess_read(t, bytes, va, size);
	if (!err)
		err = scan_control(t, s, m, bytes, size, fd, &count);
	if (!err && count)
		err = rights_create(t, fd, count, &m->rights);
	free(bytes);
	return err;
}

static int read_header(struct task *t, const struct socket *s, struct message *m, uint64_t va)
{
	struct abi_msghdr h;
	int err = uaccess_read(t, &h, va, sizeof(h));
	if (err)
		return err;
	if ((int32_t)h.name_size < 0)
		return -EINVAL;
	if (h.name)
		err = address_read(t, h.name, (uint32_t)min_u64(h.name_size, ADDRESS_MAX),
				   &m->address);
	if (!err)
		err = read_iov(t, m, h.iov, h.count);
	return err ? err : read_control(t, s, m, h.control, h.control_size);
}

static void set_flags(struct message *m, uint32_t flags, bool nonblock)
{
	m->flags = flags;
	m->nonblock = nonblock || flags & MESSAGE_DONTWAIT;
}

static int64_t send_message(struct task *t, struct socket *s, struct message *m, uint64_t va,
			    uint32_t flags, bool nonblock)
{
	if (!m->iov) {
		int err = read_header(t, s, m, va);
		if (err) {
			message_reset(s->kernel, m);
			return err;
		}
	}
	set_flags(m, flags, nonblock);
	return s->ops->send(s, t, m);
}

/* The socket of a descriptor, and the message of t's call. Returns 0, -EBADF, -ENOTSOCK or -ENOMEM. */
static int begin(struct task *t, uint64_t fd, struct socket **ret_socket, struct message **ret_message,
		 bool *ret_nonblock)
{
	struct message *m;
	int err = socket_get(t, fd, ret_socket, ret_nonblock);
	if (err)
		return err;
	m = message_begin(t);
	if (!m)
		return -ENOMEM;
	*ret_message = m;
	return 0;
}

int64_t sys_sendmsg(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct message *m;
	bool nonblock;
	int err = begin(t, a[0], &s, &m, &nonblock);
	return err ? err : send_message(t, s, m, a[1], (uint32_t)a[2], nonblock);
}

int64_t sys_sendto(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct message *m;
	bool nonblock;
	int err = begin(t, a[0], &s, &m, &nonblock);
	if (!err && a[4])
		err = address_read(t, a[4], (uint32_t)a[5], &m->address);
	if (err)
		return err;
	set_buffer(m, a[1], a[2]);
	set_flags(m, (uint32_t)a[3], nonblock);
	return s->ops->send(s, t, m);
}

/* ---- What is received ---- */

/* Credentials, rights, and what IP has to tell. */
enum { CONTROL_ROOM = sizeof(struct abi_cmsghdr) * 8 + 128 + RIGHTS_MAX * 4 + 8 };

/* Gives the program descriptors for m's rights: as many as there is room for. */
static unsigned install_rights(struct task *t, struct message *m, const struct control *c,
			       int32_t fd[RIGHTS_MAX])
{
	const struct rights *r = m->rights;
	uint64_t left = c->room - c->size;
	uint64_t most = left > sizeof(struct abi_cmsghdr)
			    ? (left - sizeof(struct abi_cmsghdr)) / sizeof(*fd)
			    : 0;
	unsigned n = 0;
	while (n < r->count && n < most) {
		fd[n] = fd_give(t, file_ref(r->file[n]), m->flags & MESSAGE_CMSG_CLOEXEC);
		if (fd[n] < 0)
			break;
		n++;
	}
	if (n < r->count)
		m->result |= MESSAGE_CTRUNC;
	return n;
}

/* Tells the program what came beside the bytes. Descriptors that were given are closed again if its
 * memory must be waited for: the next try gives the same. */
static int write_header(struct task *t, const struct socket *s, struct message *m, uint64_t va)
{
	static const struct credentials nobody = {0, 65534, 65534};
	struct abi_msghdr h;
	int32_t fd[RIGHTS_MAX];
	unsigned n = 0;
	int err = uaccess_read(t, &h, va, sizeof(h));
	if (!err && h.name && m->address.size)
		err = uaccess_write(t, h.name, m->address.bytes,
				    min_u64(h.name_size, m->address.size));
	if (err)
		return err;
	uint8_t bytes[CONTROL_ROOM];
	struct control c = {.bytes = bytes, .room = h.control ? min_u64(h.control_size, sizeof(bytes)) : 0};
	m->result &= ~(uint32_t)MESSAGE_CTRUNC;
	control_tell(s, m, &c);
	if (s->pass_cred)
		control_add(&c, m, LEVEL_SOCKET, SCM_CREDENTIALS_, m->has_cred ? &m->cred : &nobody,
			    sizeof(m->cred));
	if (m->rights) {
		n = install_rights(t, m, &c, fd);
		if (n)
			control_add(&c, m, LEVEL_SOCKET, SCM_RIGHTS_, fd, n * sizeof(*fd));
	}
	if (h.name)
		h.name_size = m->address.size;
	h.control_size = c.size;
	h.flags = m->result | (m->flags & MESSAGE_CMSG_CLOEXEC);
	err = c.size ? uaccess_write(t, h.control, c.bytes, c.size) : 0;
	if (!err)
		err = uaccess_write(t, va + offsetof(struct abi_msghdr, name_size), &h.name_size,
				    sizeof(h.name_size));
	if (!err)
		err = uaccess_write(t, va + offsetof(struct abi_msghdr, control_size),
				    &h.control_size, sizeof(h.control_size));
	if (!err)
		err = uaccess_write(t, va + offsetof(struct abi_msghdr, flags), &h.flags,
				    sizeof(h.flags));
	for (unsigned i = 0; err && i < n; i++)
		(void)fd_close(t->process->files, fd[i]);
	return err;
}

static int64_t receive_message(struct task *t, struct socket *s, struct message *m, uint64_t va,
			       uint32_t flags, bool nonblock)
{
	if (!m->finished) {
		struct abi_msghdr h;
		int64_t n = m->iov ? 0 : uaccess_read(t, &h, va, sizeof(h));
		if (n == 0 && !m->iov)
			n = (int32_t)h.name_size < 0 ? -EINVAL : read_iov(t, m, h.iov, h.count);
		if (n) {
			message_reset(s->kernel, m);
			return n;
		}
		m->control = true;
		set_flags(m, flags, nonblock);
		n = s->ops->receive(s, t, m);
		if (n < 0)
			return n;
		m->finished = true;
		m->moved = n;
	}
	int err = write_header(t, s, m, va);
	return err ? err : m->moved;
}

int64_t sys_recvmsg(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct message *m;
	bool nonblock;
	int err = begin(t, a[0], &s, &m, &nonblock);
	return err ? err : receive_message(t, s, m, a[1], (uint32_t)a[2], nonblock);
}

int64_t sys_recvfrom(struct task *t, const uint64_t a[6])
{
	struct socket *s;
	struct message *m;
	bool nonblock;
	int err = begin(t, a[0], &s, &m, &nonblock);
	if (err)
		return err;
	if (!m->finished) {
		set_buffer(m, a[1], a[2]);
		set_flags(m, (uint32_t)a[3], nonblock);
		m->control = a[4] != 0;
		int64_t n = s->ops->receive(s, t, m);
		if (n < 0)
			return n;
		m->finished = true;
		m->moved = n;
	}
	if (a[4] && a[5])
		err = address_write(t, &m->address, a[4], a[5]);
	return err ? err : m->moved;
}

/* ---- Several at once ---- */

/* Progress: state[1] messages that are done. An error after the first ends the call with their
 * count. */
static int64_t several(struct task *t, const uint64_t a[6], bool receive, uint64_t deadline)
{
	struct socket *s;
	struct message *m;
	bool nonblock;
	uint32_t flags = (uint32_t)a[3];
	uint64_t count = min_u64((uint32_t)a[2], IOV_MAX);
	int64_t n = begin(t, a[0], &s, &m, &nonblock);
	if (n)
		return n;
	while (t->call.state[1] < count) {
		uint64_t va = a[1] + t->call.state[1] * sizeof(struct abi_mmsghdr);
		if (!receive && m->finished)
			n = m->moved;
		else
			n = receive ? receive_message(t, s, m, va, flags, nonblock)
				    : send_message(t, s, m, va, flags, nonblock);
		uint32_t size = (uint32_t)n;
		if (n >= 0) {
			m->finished = true;
			m->moved = n;
			n = uaccess_write(t, va + offsetof(struct abi_mmsghdr, size), &size,
					  sizeof(size));
		}
		if (n == CALL_WAIT && t->call.interrupted && t->call.state[1] > 0 &&
		    !wait_is_for_io(t))
			break;
		if (n == CALL_WAIT)
			return n;
		if (n < 0)
			return t->call.state[1] ? (int64_t)t->call.state[1] : n;
		message_reset(s->kernel, m);
		t->call.done = 0;
		t->call.state[1]++;
		if (flags & MESSAGE_WAITFORONE)
			nonblock = true;
		if (deadline <= kernel_now(s->kernel))
			break;
	}
	return (int64_t)t->call.state[1];
}

int64_t sys_sendmmsg(struct task *t, const uint64_t a[6])
{
	return several(t, a, false, NO_DEADLINE);
}

int64_t sys_recvmmsg(struct task *t, const uint64_t a[6])
{
	struct abi_timespec ts;
	if (!a[4])
		return several(t, a, true, NO_DEADLINE);
	int err = uaccess_read(t, &ts, a[4], sizeof(ts));
	if (err)
		return err;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	/* As on Linux, looked at after each message: state[2] is when it ends, and one more. */
	if (!t->call.state[2])
		t->call.state[2] = kernel_now(t->process->kernel) + 1 +
				   min_u64((uint64_t)ts.sec, 1000000000) * 1000000000 +
				   (uint64_t)ts.nsec;
	return several(t, a, true, t->call.state[2] - 1);
}
