/* SPDX-License-Identifier: MIT */
/* hostnode.c - one node per file of the host, and its pager */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/hostnode_private.h"
#include "kernel/file/owners.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

RB_HEAD(node_tree, node);

struct hostfs {
	struct kernel *kernel;
	struct node_tree tree;
	TAILQ_HEAD(, node) idle; /* oldest first */
	unsigned idle_count;
};

struct kernel *node_kernel(const struct node *n)
{
	return n->hostfs->kernel;
}

static int node_compare(const struct node *a, const struct node *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

RB_GENERATE_INTERNAL(node_tree, node, tree, node_compare, __attribute__((unused)) static)

int64_t node_read_host(int fd, uint8_t *bytes, size_t size, uint64_t pos)
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
	int64_t got = node_read_host(n->fd, bytes, PAGE_SIZE, index * PAGE_SIZE);
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
	struct node *n = ctx;
	struct stat st;
	if (fstat(n->fd, &st) < 0)
		return 0;
	node_refresh(n, &st);
	return (uint64_t)st.st_size;
}

/* Also the pages of [first, last] that were not written yet must be on the host before it is asked
 * to change: an edge of the hole may lie within one. */
int node_change(struct node *n, unsigned mode, uint64_t offset, uint64_t length)
{
	struct mm *mm = node_kernel(n)->mm;
	struct stat st;
	bool moves = mode & ~(unsigned)FALLOC_FL_KEEP_SIZE;
	int err = moves ? object_sync(mm, n->object, 0, UINT64_MAX / PAGE_SIZE) : 0;
	if (err)
		return err;
	if (fallocate(n->fd, (int)mode, (off_t)offset, (off_t)length) < 0)
		return -errno;
	if (moves && mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		object_punch(mm, n->object, offset / PAGE_SIZE, UINT64_MAX / PAGE_SIZE);
	else if (moves)
		object_punch(mm, n->object, offset / PAGE_SIZE, (offset + length - 1) / PAGE_SIZE);
	if (fstat(n->fd, &st) == 0) {
		object_resize(mm, n->object, (uint64_t)st.st_size);
		node_note(n, &st);
	}
	return 0;
}

static int node_punch(void *ctx, uint64_t first, uint64_t last)
{
	struct node *n = ctx;
	if (!n->writable)
		return -EACCES;
	return node_change(n, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PAGE_SIZE,
			   (last - first + 1) * PAGE_SIZE);
}

void node_note(struct node *n, const struct stat *st)
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

static void node_lost(void *ctx, int error)
{
	const struct node *n = ctx;
	kernel_say(node_kernel(n),
		   "%s: what programs stored through mappings of it could not be written (%s) and is "
		   "lost. Make room on the host, or bind a directory that can be written.",
		   n->name ? n->name : "a file of the host", strerror(-error));
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
					.lost = node_lost,
					.release = node_release,
					.size = node_size,
					.punch = node_punch};

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

bool hostnode_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
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

struct node *node_find(struct hostfs *h, const struct stat *st)
{
	struct node key = {.device = st->st_dev, .inode = st->st_ino};
	return RB_FIND(node_tree, &h->tree, &key);
}

void node_refresh(struct node *n, const struct stat *st)
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

bool hostnode_executed(struct kernel *k, const struct stat *st)
{
	const struct node *n = node_find(k->mounts->hostfs, st);
	return n && n->programs > 0;
}

bool hostnode_in_use(struct kernel *k, const struct stat *st)
{
	const struct node *n = node_find(k->mounts->hostfs, st);
	return n && n->files > 0;
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

int node_open(struct hostfs *h, int fd, struct node **ret_node)
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

void node_closed(struct node *n)
{
	struct hostfs *h = n->hostfs;
	struct stat st;
	if (fstat(n->fd, &st) < 0 || st.st_nlink == 0) {
		st.st_dev = n->device;
		st.st_ino = n->inode;
		owners_forget(h->kernel, &st);
		node_unkeep(n);
		return;
	}
	n->idle = true;
	TAILQ_INSERT_TAIL(&h->idle, n, link);
	if (++h->idle_count > NODES_KEPT)
		node_unkeep(TAILQ_FIRST(&h->idle));
}
