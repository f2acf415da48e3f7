/* SPDX-License-Identifier: MIT */
/* unix_name.c - what AF_UNIX sockets are called
 *
 *	path        a file of type socket in the guest's tree; the socket is found by device and
 *	            inode, so that renames and links lead to it; unlink and it cannot be found
 *	abstract    a NUL and any bytes; gone with its socket
 *
 * On a directory of the host the file is a socket there too, to which nobody listens: bytes never
 * leave the machine. While it is bound a descriptor keeps its inode, so that no other file gets the
 * number after an unlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/event/inotify.h"
#include "kernel/file/hostfs.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"

enum { FAMILY = 2, PATH_MOST = 108 };

static bool is_abstract(const struct address *a)
{
	return a->size > FAMILY && a->bytes[FAMILY] == 0;
}

static unsigned hash_bytes(const void *bytes, size_t size)
{
	const uint8_t *b = bytes;
	unsigned h = 5381;
	for (size_t i = 0; i < size; i++)
		h = h * 33 + b[i];
	return h;
}

static unsigned hash_inode(uint64_t device, uint64_t inode)
{
	uint64_t key[2] = {device, inode};
	return hash_bytes(key, sizeof(key));
}

/* Returns 0 or -EINVAL. */
static int check(const struct address *a)
{
	return a->size <= FAMILY || a->size > FAMILY + PATH_MOST ||
		       address_family(a) != SOCK_AF_UNIX
		   ? -EINVAL
		   : 0;
}

/* The path in a, which need not end with a NUL. */
static void path_of(const struct address *a, char ret_path[PATH_MOST + 1])
{
	size_t n = strnlen((const char *)a->bytes + FAMILY, a->size - FAMILY);
	memcpy(ret_path, a->bytes + FAMILY, n);
	ret_path[n] = '\0';
}

static struct socket *find_abstract(struct kernel *k, int type, const struct address *a)
{
	struct socket *s;
	unsigned h = hash_bytes(a->bytes, a->size);
	LIST_FOREACH (s, &k->sockets->bound[h % SOCKET_BUCKETS], bound) {
		if (s->domain == SOCK_AF_UNIX && s->type == type && s->u.un.name.size == a->size &&
		    memcmp(s->u.un.name.bytes, a->bytes, a->size) == 0)
			return s;
	}
	return NULL;
}

static int bind_abstract(struct socket *s, const struct address *a)
{
	if (find_abstract(s->kernel, s->type, a))
		return -EADDRINUSE;
	s->u.un.name = *a;
	socket_bind(s, hash_bytes(a->bytes, a->size));
	return 0;
}

int unix_autobind(struct socket *s)
{
	enum { NAMES = 1 << 20 };
	struct address a = {.size = FAMILY + 6, .bytes = {SOCK_AF_UNIX}};
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%05x", s->kernel->sockets->next_name++ % NAMES);
		memcpy(a.bytes + FAMILY + 1, name, 5);
		if (bind_abstract(s, &a) == 0)
			return 0;
	}
	return -ENOSPC;
}

static int bind_path(struct socket *s, struct task *t, const struct address *a)
{
	char path[PATH_MOST + 1];
	struct place at;
	path_of(a, path);
	int err = path_find(s->kernel, t, ABI_AT_FDCWD, path, FIND_NEW, &at);
	if (!err && at.exists)
		err = -EADDRINUSE;
	if (!err && s->u.un.name.size)
		err = -EINVAL;
	if (!err)
		err = at.slash ? -ENOENT : place_may_change(&at);
	if (!err && !at.mount->ops->mknod)
		err = -EPERM;
	if (!err)
		err = at.mount->ops->mknod(&at, S_IFSOCK | (0777 & ~fs_umask(t->process->fs)), 0);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	err = at.mount->ops->stat(&at, &at.stat);
	int fd = -1;
	if (!err && at.mount->ops == &hostfs_tree) {
		fd = host_open(&at, O_PATH, 0);
		if (fd < 0)
			err = fd;
	}
	if (err) {
		(void)at.mount->ops->unlink(&at, false);
		return err;
	}
	s->u.un.name = (struct address){.size = FAMILY + (uint32_t)strlen(path) + 1,
					.bytes = {SOCK_AF_UNIX}};
	memcpy(s->u.un.name.bytes + FAMILY, path, strlen(path));
	s->u.un.device = at.stat.st_dev;
	s->u.un.inode = at.stat.st_ino;
	s->u.un.host_fd = fd;
	socket_bind(s, hash_inode(at.stat.st_dev, at.stat.st_ino));
	inotify_created(&at, false);
	return 0;
}

int unix_bind(struct socket *s, struct task *t, const struct address *a)
{
	bool automatic = a->size == FAMILY && address_family(a) == SOCK_AF_UNIX;
	int err = automatic ? 0 : check(a);
	if (err)
		return err;
	if (automatic)
		return s->u.un.name.size ? 0 : unix_autobind(s);
	if (s->u.un.name.size && is_abstract(a))
		return -EINVAL;
	return is_abstract(a) ? bind_abstract(s, a) : bind_path(s, t, a);
}

void unix_unbind(struct socket *s)
{
	socket_unbind(s);
	if (s->u.un.host_fd >= 0)
		close(s->u.un.host_fd);
	s->u.un.host_fd = -1;
}

int unix_find(struct socket *s, struct task *t, const struct address *a, struct socket **ret_socket)
{
	char path[PATH_MOST + 1];
	struct kernel *k = s->kernel;
	struct place at;
	struct socket *o;
	int err = check(a);
	if (err)
		return err;
	if (is_abstract(a)) {
		o = find_abstract(k, s->type, a);
		if (!o)
			return -ECONNREFUSED;
		*ret_socket = socket_ref(o);
		return 0;
	}
	path_of(a, path);
	err = path_find(k, t, ABI_AT_FDCWD, path, FIND_FOLLOW, &at);
	if (!err)
		err = stat_access(&at.stat, t, W_OK);
	if (err)
		return err;
	if (!S_ISSOCK(at.stat.st_mode))
		return -ECONNREFUSED;
	unsigned h = hash_inode(at.stat.st_dev, at.stat.st_ino);
	LIST_FOREACH (o, &k->sockets->bound[h % SOCKET_BUCKETS], bound) {
		if (o->domain == SOCK_AF_UNIX && !is_abstract(&o->u.un.name) &&
		    o->u.un.inode == at.stat.st_ino && o->u.un.device == at.stat.st_dev) {
			if (o->type != s->type)
				return -EPROTOTYPE;
			*ret_socket = socket_ref(o);
			return 0;
		}
	}
	return -ECONNREFUSED;
}

int unix_name(struct socket *s, bool peer, struct address *ret_address)
{
	if (peer && !s->peer)
		return -ENOTCONN;
	const struct address *a = peer ? &s->peer->u.un.name : &s->u.un.name;
	*ret_address = a->size ? *a : (struct address){.size = FAMILY, .bytes = {SOCK_AF_UNIX}};
	return 0;
}
