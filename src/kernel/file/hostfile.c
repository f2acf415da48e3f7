/* SPDX-License-Identifier: MIT */
/* hostfile.c - open regular files of the host: read and write through the page cache */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/attributes.h"
#include "kernel/file/hostfs.h"
#include "kernel/file/hostnode_private.h"
#include "kernel/file/owners.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

/* The context of an open file. */
struct host_file {
	struct node *node;
	const struct mount *mount; /* where it was opened; NULL: nowhere */
	int shared; /* host descriptor whose offset is the position; -1: none */
};

static struct node *node_of(const struct file *f)
{
	return ((struct host_file *)f->ctx)->node;
}

/* Copies between a cached page and the caller's bytes. Returns false when no frame could be had. */
static bool page_read(struct node *n, uint64_t pos, uint8_t *ret_bytes, size_t size)
{
	struct mm *mm = node_kernel(n)->mm;
	uint32_t frame;
	if (object_page(mm, n->object, pos / PAGE_SIZE, false, &frame) != 0)
		return false;
	memmove(ret_bytes, frame_bytes(mm, frame) + pos % PAGE_SIZE, size);
	frame_unhold(mm, frame);
	return true;
}

/* The file may have grown on the host: its end is looked up when it is met. */
static int64_t host_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct node *n = node_of(f);
	if (*pos + size > n->object->size) {
		struct stat st;
		if (fstat(n->fd, &st) == 0)
			node_refresh(n, &st);
	}
	return *pos < n->object->size ? (int64_t)(n->object->size - *pos) : 0;
}

static int64_t host_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			 uint64_t *pos)
{
	struct node *n = node_of(f);
	uint8_t *bytes = ret_bytes;
	size_t done = 0;
	(void)host_look(f, t, size, pos);
	while (done < size && *pos < n->object->size) {
		size_t part = min_u64(size - done, PAGE_SIZE - *pos % PAGE_SIZE);
		part = min_u64(part, n->object->size - *pos);
		if (!page_read(n, *pos, bytes + done, part)) {
			/* No frame to be had, or no right to read: what is not cached is on the
			 * host. */
			int64_t got = node_read_host(n->fd, bytes + done, part, *pos);
			if (got < 0)
				return done ? (int64_t)done : got;
			if (got == 0)
				break;
			part = (size_t)got;
		}
		*pos += part;
		done += part;
	}
	return (int64_t)done;
}

/* What was written to the host is written to the cached pages too; whole pages and those beyond the
 * old end become cached. old_size: before the write. */
static void pages_write(struct node *n, uint64_t pos, const uint8_t *bytes, size_t size,
			uint64_t old_size)
{
	struct mm *mm = node_kernel(n)->mm;
	while (size > 0) {
		uint64_t index = pos / PAGE_SIZE;
		size_t part = min_u64(size, PAGE_SIZE - pos % PAGE_SIZE);
		bool fresh = part == PAGE_SIZE || index * PAGE_SIZE >= old_size;
		bool cached = object_cached(n->object, index) != NO_FRAME;
		uint32_t frame;
		if (object_page(mm, n->object, index, fresh && !cached, &frame) == 0) {
			uint8_t *page = frame_bytes(mm, frame);
			mm->pmap->frame_changed(mm, frame);
			if (fresh && !cached && part < PAGE_SIZE)
				memset(page, 0, PAGE_SIZE);
			memmove(page + pos % PAGE_SIZE, bytes, part);
			frame_unhold(mm, frame);
		}
		pos += part;
		bytes += part;
		size -= part;
	}
}

static int64_t write_host(const struct file *f, int fd, const void *bytes, size_t size,
			  uint64_t *pos)
{
	ssize_t n;
	if (!(f->flags & ABI_O_APPEND)) {
		do
			n = pwrite(fd, bytes, size, (off_t)*pos);
		while (n < 0 && errno == EINTR);
		return n < 0 ? -errno : n;
	}
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	do
		n = pwritev2(fd, &iov, 1, -1, RWF_APPEND);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	off_t end = lseek(fd, 0, SEEK_CUR);
	if (end >= n)
		*pos = (uint64_t)(end - n);
	return n;
}

static int host_own(struct file *f, uint32_t uid, uint32_t gid, uint32_t mode);

static int64_t host_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	struct node *n = node_of(f);
	struct mm *mm = node_kernel(n)->mm;
	struct stat st;
	bool end = f->flags & ABI_O_APPEND && fstat(n->fd, &st) == 0 && S_ISREG(st.st_mode);
	int err = file_limit(t, end ? (uint64_t)st.st_size : *pos, &size);
	if (err)
		return err;
	/* What the host changed meanwhile must be known before our own change hides it. */
	if (fstat(n->fd, &st) == 0)
		node_refresh(n, &st);
	uint64_t old_size = n->object->size;
	int64_t put = write_host(f, n->fd, bytes, size, pos);
	if (put <= 0)
		return put;
	bool known = fstat(n->fd, &st) == 0;
	if (known && (uint64_t)st.st_size > n->object->size)
		object_resize(mm, n->object, (uint64_t)st.st_size);
	pages_write(n, *pos, bytes, (size_t)put, old_size);
	/* Who writes to a set-id file takes that from it. */
	if (known && t && (f->kernel->owners.count || st.st_mode & (S_ISUID | S_ISGID))) {
		owners_view(f->kernel, ((struct host_file *)f->ctx)->mount, &st);
		uint32_t mode = permission_written(&st, t);
		if (mode != (st.st_mode & 07777))
			(void)host_own(f, st.st_uid, st.st_gid, mode);
		known = fstat(n->fd, &st) == 0;
	}
	if (known)
		node_note(n, &st);
	*pos += (uint64_t)put;
	return put;
}

/* Standard input and output share their offset with other programs of the host: it is fetched
 * before, and put back after, what uses the file's own position. Returns the descriptor. */
static int shared_fetch(struct file *f, const uint64_t *pos)
{
	int fd = ((struct host_file *)f->ctx)->shared;
	off_t at = pos == &f->pos ? lseek(fd, 0, SEEK_CUR) : -1;
	if (at >= 0)
		f->pos = (uint64_t)at;
	return fd;
}

static void shared_put_back(struct file *f, const uint64_t *pos, int fd)
{
	if (pos == &f->pos)
		(void)lseek(fd, (off_t)f->pos, SEEK_SET);
}

static int64_t shared_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	shared_fetch(f, pos);
	return host_look(f, t, size, pos);
}

static int64_t shared_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			   uint64_t *pos)
{
	int fd = shared_fetch(f, pos);
	int64_t n = host_read(f, t, ret_bytes, size, pos);
	shared_put_back(f, pos, fd);
	return n;
}

static int64_t shared_write(struct file *f, struct task *t, const void *bytes, size_t size,
			    uint64_t *pos)
{
	int fd = shared_fetch(f, pos);
	int64_t n = host_write(f, t, bytes, size, pos);
	shared_put_back(f, pos, fd);
	return n;
}

static int64_t shared_seek(struct file *f, int64_t offset, int whence)
{
	off_t at = lseek(((struct host_file *)f->ctx)->shared, offset, whence);
	if (at < 0)
		return -errno;
	f->pos = (uint64_t)at;
	return at;
}

static int64_t host_seek(struct file *f, int64_t offset, int whence)
{
	off_t at;
	switch (whence) {
	case SEEK_SET: at = offset; break;
	case SEEK_CUR: at = (off_t)f->pos + offset; break;
	default:
		at = lseek(node_of(f)->fd, offset, whence);
		if (at < 0)
			return -errno;
	}
	if (at < 0)
		return -EINVAL;
	f->pos = (uint64_t)at;
	return at;
}

static int host_size(struct file *f, uint64_t *ret_size)
{
	struct node *n = node_of(f);
	struct stat st;
	if (fstat(n->fd, &st) < 0)
		return -errno;
	node_refresh(n, &st);
	*ret_size = n->object->size;
	return 0;
}

static int host_stat(struct file *f, struct stat *ret_stat)
{
	if (fstat(node_of(f)->fd, ret_stat) < 0)
		return -errno;
	owners_view(f->kernel, ((struct host_file *)f->ctx)->mount, ret_stat);
	return 0;
}

static int node_truncate(struct node *n, int fd, uint64_t size)
{
	struct stat st;
	if (size > INT64_MAX)
		return -EINVAL;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	if (n) {
		object_resize(node_kernel(n)->mm, n->object, size);
		if (fstat(fd, &st) == 0)
			node_note(n, &st);
	}
	return 0;
}

int hostnode_truncate(struct kernel *k, int fd, uint64_t size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	return node_truncate(node_find(k->mounts->hostfs, &st), fd, size);
}

static int host_truncate(struct file *f, uint64_t size)
{
	struct node *n = node_of(f);
	return node_truncate(n, n->fd, size);
}

static int host_sync(struct file *f)
{
	struct node *n = node_of(f);
	int err = object_sync(node_kernel(n)->mm, n->object, 0, UINT64_MAX / PAGE_SIZE);
	if (err)
		return err;
	return n->writable && fdatasync(n->fd) < 0 ? -errno : 0;
}

static int host_allocate(struct file *f, unsigned mode, uint64_t offset, uint64_t length)
{
	return node_change(node_of(f), mode, offset, length);
}

static int host_result(struct file *f, int n)
{
	struct stat st;
	int err = n < 0 ? -errno : 0;
	if (!err && fstat(node_of(f)->fd, &st) == 0)
		node_note(node_of(f), &st);
	return err;
}

static int host_own(struct file *f, uint32_t uid, uint32_t gid, uint32_t mode)
{
	struct host_file *h = f->ctx;
	int err = owners_set(f->kernel, h->mount, h->node->fd, uid, gid, mode & 07777);
	struct stat st;
	if (!err && fstat(h->node->fd, &st) == 0)
		node_note(h->node, &st);
	return err;
}

static void host_capability(struct file *f, struct cred_file *ret_caps)
{
	uint8_t value[CAPABILITY_SIZE_MAX];
	int64_t size = owners_capability(f->kernel, node_of(f)->fd, value);
	(void)capability_read(value, size, ret_caps); /* what is none gives none */
}

static int host_chmod(struct file *f, struct task *t, uint32_t mode)
{
	struct stat st;
	int err = host_stat(f, &st);
	return err ? err : host_own(f, st.st_uid, st.st_gid, mode);
}

static int host_chown(struct file *f, struct task *t, uint32_t uid, uint32_t gid)
{
	struct stat st;
	int err = host_stat(f, &st);
	return err ? err : host_own(f, uid, gid, st.st_mode);
}

static int host_utimens(struct file *f, struct task *t, const struct timespec times[2])
{
	return host_result(f, futimens(node_of(f)->fd, times));
}

static int host_link_to(struct file *f, const struct place *to)
{
	int err = host_link(node_of(f)->fd, to);
	if (!err && f->unlinked)
		names_given(f, to->guest);
	return err;
}

static int host_object(struct file *f, struct object **ret_object)
{
	struct node *n = node_of(f);
	struct stat st;
	if (!n->readable)
		return -EACCES;
	if (fstat(n->fd, &st) == 0)
		node_refresh(n, &st);
	object_get(n->object);
	*ret_object = n->object;
	return 0;
}

static int host_execute(struct file *f, int by)
{
	struct node *n = node_of(f);
	if (by >= 0 && n->writers > 0)
		return -ETXTBSY;
	n->programs += (unsigned)by;
	return 0;
}

static bool writes(uint32_t flags)
{
	return (flags & ABI_O_ACCMODE) != ABI_O_RDONLY;
}

static void host_release(struct file *f)
{
	struct host_file *h = f->ctx;
	h->node->writers -= writes(f->flags);
	if (h->shared >= 0)
		close(h->shared);
	if (--h->node->files == 0)
		node_closed(h->node);
	free(h);
}

static const struct file_ops host_ops = {
    .name = "file",
    .look = host_look,
    .read = host_read,
    .write = host_write,
    .size = host_size,
    .stat = host_stat,
    .truncate = host_truncate,
    .sync = host_sync,
    .seek = host_seek,
    .object = host_object,
    .allocate = host_allocate,
    .chmod = host_chmod,
    .chown = host_chown,
    .utimens = host_utimens,
    .link = host_link_to,
    .execute = host_execute,
    .capability = host_capability,
    .release = host_release,
};

static const struct file_ops shared_ops = {
    .name = "file",
    .look = shared_look,
    .read = shared_read,
    .write = shared_write,
    .size = host_size,
    .stat = host_stat,
    .truncate = host_truncate,
    .sync = host_sync,
    .seek = shared_seek,
    .object = host_object,
    .allocate = host_allocate,
    .chmod = host_chmod,
    .chown = host_chown,
    .utimens = host_utimens,
    .link = host_link_to,
    .release = host_release,
};

int hostnode_openers(const struct file *f, unsigned *ret_others, unsigned *ret_writers)
{
	if (f->ops != &host_ops && f->ops != &shared_ops)
		return -EINVAL;
	*ret_others = node_of(f)->files - 1;
	*ret_writers = node_of(f)->writers;
	return 0;
}

uint8_t *hostnode_hint(const struct file *f)
{
	return f->ops == &host_ops || f->ops == &shared_ops ? &node_of(f)->write_hint : NULL;
}

int hostnode_open(struct kernel *k, int fd, uint32_t flags, const char *path, bool host_offset,
		  struct file **ret_file)
{
	struct host_file *h = calloc(1, sizeof(*h));
	struct node *n = NULL;
	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->shared = -1;
	h->mount = path ? mounts_at(k->mounts, path, strlen(path)) : NULL;
	int err = -ENOMEM;
	if (host_offset) {
		h->shared = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (h->shared < 0) {
			close(fd);
			goto out;
		}
	}
	err = node_open(k->mounts->hostfs, fd, &n);
	if (err)
		goto out;
	n->files++;
	h->node = n;
	err = file_create(k, host_offset ? &shared_ops : &host_ops, flags, path, h, ret_file);
	if (err) {
		if (--n->files == 0)
			node_closed(n);
		goto out;
	}
	n->writers += writes(flags);
	if (path) {
		char *name = strdup(path);
		if (name) {
			free(n->name);
			n->name = name;
			n->gone = false;
		}
	}
	return 0;
out:
	if (h->shared >= 0)
		close(h->shared);
	free(h);
	return err;
}
