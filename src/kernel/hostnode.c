/* SPDX-License-Identifier: MIT */
/* hostnode.c - one node per file of the host; its pager; read and write through the page cache */
#include <bsd/sys/tree.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/hostnode.h"
#include "kernel/kernel.h"
#include "kernel/path.h"

struct node {
	uint64_t device, inode;
	struct hostfs *hostfs;
	struct object *object;
	int fd;
	bool writable, readable; /* through fd */
	struct timespec mtime, ctime;
	unsigned files; /* open ones */
	bool kept;      /* the cache has a reference to object */
	bool idle;      /* kept and in the idle list */
	char *name;     /* the guest path it was opened by last */
	bool gone;
	RB_ENTRY(node) tree;
	TAILQ_ENTRY(node) link;
};

RB_HEAD(node_tree, node);

struct hostfs {
	struct kernel *kernel;
	struct node_tree tree;
	TAILQ_HEAD(, node) idle; /* oldest first */
	unsigned idle_count;
};

static int node_compare(const struct node *a, const struct node *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

RB_GENERATE_INTERNAL(node_tree, node, tree, node_compare, __attribute__((unused)) static)

/* The context of an open file. */
struct host_file {
	struct node *node;
	int shared; /* host descriptor whose offset is the position; -1: none */
};

static struct node *node_of(const struct file *f)
{
	return ((struct host_file *)f->ctx)->node;
}

static int64_t read_host(int fd, uint8_t *bytes, size_t size, uint64_t pos)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)(pos + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return done ? (int64_t)done : -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

static int node_get(void *ctx, uint64_t index, uint8_t *bytes)
{
	const struct node *n = ctx;
	int64_t got = read_host(n->fd, bytes, PAGE_SIZE, index * PAGE_SIZE);
	if (got < 0)
		return -EIO;
	/* Nothing left where the file said there was: it was cut short on the host. */
	if (got == 0 && index * PAGE_SIZE < n->object->size)
		return -ESTALE;
	memset(bytes + got, 0, PAGE_SIZE - (size_t)got);
	return 0;
}

static uint64_t node_size(void *ctx)
{
	const struct node *n = ctx;
	struct stat st;
	return fstat(n->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void node_note(struct node *n, const struct stat *st)
{
	n->mtime = st->st_mtim;
	n->ctime = st->st_ctim;
}

static int node_put(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length)
{
	struct node *n = ctx;
	struct stat st;
	uint32_t done = 0;
	while (done < length) {
		ssize_t put =
		    pwrite(n->fd, bytes + done, length - done, (off_t)(index * PAGE_SIZE + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
		done += (uint32_t)put;
	}
	if (fstat(n->fd, &st) == 0)
		node_note(n, &st);
	return 0;
}

static void node_release(void *ctx)
{
	struct node *n = ctx;
	RB_REMOVE(node_tree, &n->hostfs->tree, n);
	close(n->fd);
	free(n->name);
	free(n);
}

static const struct pager node_pager = {.get = node_get,
					.put = node_put,
					.peek = node_get,
					.release = node_release,
					.size = node_size};

static void node_unkeep(struct node *n)
{
	struct hostfs *h = n->hostfs;
	if (n->idle) {
		TAILQ_REMOVE(&h->idle, n, link);
		h->idle_count--;
		n->idle = false;
	}
	if (n->kept) {
		n->kept = false;
		object_put(h->kernel->mm, n->object);
	}
}

int hostnodes_create(struct kernel *k, struct hostfs **ret_hostfs)
{
	struct hostfs *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->kernel = k;
	RB_INIT(&h->tree);
	TAILQ_INIT(&h->idle);
	*ret_hostfs = h;
	return 0;
}

void hostnodes_destroy(struct hostfs *h)
{
	struct node *n;
	if (!h)
		return;
	while ((n = TAILQ_FIRST(&h->idle)))
		node_unkeep(n);
	free(h);
}

void hostnodes_names(struct hostfs *h, name_change *change, const char *a, const char *b)
{
	struct node *n;
	RB_FOREACH (n, node_tree, &h->tree) {
		if (n->name)
			change(&n->name, &n->gone, a, b);
	}
}

bool object_file_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		      uint64_t *ret_inode)
{
	if (o->pager != &node_pager)
		return false;
	const struct node *n = o->ctx;
	text_add(ret_name, "%s%s", n->name ? n->name : "", n->name && n->gone ? " (deleted)" : "");
	*ret_device = n->device;
	*ret_inode = n->inode;
	return true;
}

static struct node *node_find(struct hostfs *h, const struct stat *st)
{
	struct node key = {.device = st->st_dev, .inode = st->st_ino};
	return RB_FIND(node_tree, &h->tree, &key);
}

/* Compares with what the host says now. */
static void node_refresh(struct node *n, const struct stat *st)
{
	struct mm *mm = n->hostfs->kernel->mm;
	bool same =
	    st->st_mtim.tv_sec == n->mtime.tv_sec && st->st_mtim.tv_nsec == n->mtime.tv_nsec &&
	    st->st_ctim.tv_sec == n->ctime.tv_sec && st->st_ctim.tv_nsec == n->ctime.tv_nsec;
	if (same && (uint64_t)st->st_size == n->object->size)
		return;
	object_drop_clean(mm, n->object);
	if ((uint64_t)st->st_size != n->object->size)
		object_resize(mm, n->object, (uint64_t)st->st_size);
	node_note(n, st);
}

void hostnode_touched(struct kernel *k, const struct stat *now)
{
	struct node *n = node_find(k->mounts->hostfs, now);
	if (n && (uint64_t)now->st_size == n->object->size)
		node_note(n, now);
}

static int node_create(struct hostfs *h, int fd, const struct stat *st, struct node **ret_node)
{
	struct node *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	int err = object_create(h->kernel->mm, OBJECT_FILE, (uint64_t)st->st_size, &node_pager, n,
				&n->object);
	if (err) {
		free(n);
		return err;
	}
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	n->device = st->st_dev;
	n->inode = st->st_ino;
	n->hostfs = h;
	n->fd = fd;
	n->writable = mode != O_RDONLY;
	n->readable = mode != O_WRONLY;
	n->kept = true;
	node_note(n, st);
	RB_INSERT(node_tree, &h->tree, n);
	*ret_node = n;
	return 0;
}

/* Finds or makes the node of fd, which it takes over or closes. The caller counts in files. */
static int node_open(struct hostfs *h, int fd, struct node **ret_node)
{
	struct stat st;
	if (fstat(fd, &st) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	struct node *n = node_find(h, &st);
	if (!n) {
		int err = node_create(h, fd, &st, ret_node);
		if (err)
			close(fd);
		return err;
	}
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	bool writable = mode != O_RDONLY, readable = mode != O_WRONLY;
	if ((writable || !n->writable) && (readable || !n->readable) &&
	    (writable != n->writable || readable != n->readable)) {
		close(n->fd);
		n->fd = fd;
		n->writable = writable;
		n->readable = readable;
	} else {
		close(fd);
	}
	node_refresh(n, &st);
	if (!n->kept) {
		object_get(n->object);
		n->kept = true;
	}
	if (n->idle) {
		TAILQ_REMOVE(&h->idle, n, link);
		h->idle_count--;
		n->idle = false;
	}
	*ret_node = n;
	return 0;
}

/* The last open file of n is gone. */
static void node_closed(struct node *n)
{
	struct hostfs *h = n->hostfs;
	struct stat st;
	if (fstat(n->fd, &st) < 0 || st.st_nlink == 0) {
		node_unkeep(n);
		return;
	}
	n->idle = true;
	TAILQ_INSERT_TAIL(&h->idle, n, link);
	if (++h->idle_count > NODES_KEPT)
		node_unkeep(TAILQ_FIRST(&h->idle));
}

/* Copies between a cached page and the caller's bytes. Returns false when no frame could be had. */
static bool page_read(struct node *n, uint64_t pos, uint8_t *ret_bytes, size_t size)
{
	struct mm *mm = n->hostfs->kernel->mm;
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
			int64_t got = read_host(n->fd, bytes + done, part, *pos);
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
	struct mm *mm = n->hostfs->kernel->mm;
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

static int64_t host_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	struct node *n = node_of(f);
	struct mm *mm = n->hostfs->kernel->mm;
	struct stat st;
	if (t && !(f->flags & ABI_O_APPEND)) {
		uint64_t limit = t->process->limit[1].soft; /* RLIMIT_FSIZE */
		if (*pos >= limit) {
			(void)signal_send_task(t, &(struct signal_info){.number = SIGXFSZ});
			return -EFBIG;
		}
		size = min_u64(size, limit - *pos);
	}
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
	return fstat(node_of(f)->fd, ret_stat) < 0 ? -errno : 0;
}

static int node_truncate(struct node *n, int fd, uint64_t size)
{
	struct stat st;
	if (size > INT64_MAX)
		return -EINVAL;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	if (n) {
		object_resize(n->hostfs->kernel->mm, n->object, size);
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
	int err = object_sync(n->hostfs->kernel->mm, n->object, 0, UINT64_MAX / PAGE_SIZE);
	if (err)
		return err;
	return n->writable && fdatasync(n->fd) < 0 ? -errno : 0;
}

int hostnode_allocate(struct file *f, unsigned mode, uint64_t offset, uint64_t length)
{
	struct node *n = hostnode_fd(f) < 0 ? NULL : node_of(f);
	struct stat st;
	if (!n || (mode & ~(unsigned)FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (fallocate(n->fd, (int)mode, (off_t)offset, (off_t)length) < 0)
		return -errno;
	if (fstat(n->fd, &st) == 0) {
		if ((uint64_t)st.st_size > n->object->size)
			object_resize(n->hostfs->kernel->mm, n->object, (uint64_t)st.st_size);
		node_note(n, &st);
	}
	return 0;
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

static void host_release(struct file *f)
{
	struct host_file *h = f->ctx;
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
    .release = host_release,
};

int hostnode_fd(const struct file *f)
{
	return f->ops == &host_ops || f->ops == &shared_ops ? node_of(f)->fd : -1;
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
