/* SPDX-License-Identifier: MIT */
/* shmfile.c - open files that live in RAM: reading, writing, holes, seals */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"

static const struct file_ops shm_ops;

/* A page beyond this cannot be had: pages are named by 40 bits. */
static const uint64_t SIZE_MAX_WRITTEN = UINT64_C(1) << (OBJECT_INDEX_BITS + PAGE_SHIFT);

struct shm_node *shm_node_of(const struct file *f)
{
	return f->ops == &shm_ops ? f->ctx : NULL;
}

uint8_t *shm_hint(const struct file *f)
{
	return &((struct shm_node *)f->ctx)->write_hint;
}

static struct mm *mm_of(const struct shm_node *n)
{
	return n->shm->kernel->mm;
}

static uint64_t size_of(const struct shm_node *n)
{
	return n->object->size;
}

/* ---- Bytes ---- */

/* Pages of a file, all there at once: what waits for one of them has changed nothing yet. */
enum { SPAN = 8 };

struct span {
	struct shm_node *node;
	unsigned pages;
	uint32_t frame[SPAN]; /* held; NO_FRAME: a hole */
};

static void span_release(struct span *s)
{
	while (s->pages > 0) {
		uint32_t frame = s->frame[--s->pages];
		if (frame != NO_FRAME)
			frame_unhold(mm_of(s->node), frame);
	}
}

/* Holds the pages of *size bytes at pos, or as many as there is room for, and makes *size less. Holes
 * become pages only for who writes. Returns 0 with at least one page, -EIO, -ENOMEM, -ENOSPC, or
 * CALL_WAIT (-EAGAIN with t NULL). */
static int span_hold(struct shm_node *n, struct task *t, bool write, uint64_t pos, size_t *size,
		     struct span *ret_span)
{
	struct span s = {.node = n};
	uint64_t first = pos >> PAGE_SHIFT;
	int err = 0;
	*size = min_u64(*size, SPAN * PAGE_SIZE - pos % PAGE_SIZE);
	uint64_t pages = ((pos + *size - 1) >> PAGE_SHIFT) - first + 1;
	while (!err && s.pages < pages) {
		uint32_t *frame = &s.frame[s.pages];
		*frame = NO_FRAME;
		if (write || object_anon(n->object, first + s.pages))
			err = object_page(mm_of(n), n->object, first + s.pages, false, frame);
		s.pages += !err;
	}
	if (err == -EAGAIN || (err && s.pages == 0)) {
		span_release(&s);
		if (err != -EAGAIN || !t)
			return err;
		err = wait_on_io(t);
		return err ? err : CALL_WAIT;
	}
	*size = min_u64(*size, s.pages * PAGE_SIZE - pos % PAGE_SIZE);
	*ret_span = s;
	return 0;
}

static void span_read(const struct span *s, uint64_t at, uint8_t *ret_bytes, size_t size)
{
	for (size_t done = 0, part; done < size; done += part, at += part) {
		uint32_t frame = s->frame[at >> PAGE_SHIFT];
		part = min_u64(size - done, PAGE_SIZE - at % PAGE_SIZE);
		if (frame == NO_FRAME)
			memset(ret_bytes + done, 0, part);
		else
			memmove(ret_bytes + done, frame_bytes(mm_of(s->node), frame) + at % PAGE_SIZE,
				part);
	}
}

/* bytes NULL: zeros; holes stay holes. */
static void span_write(const struct span *s, uint64_t at, const uint8_t *bytes, size_t size)
{
	struct mm *mm = mm_of(s->node);
	for (size_t done = 0, part; done < size; done += part, at += part) {
		uint32_t frame = s->frame[at >> PAGE_SHIFT];
		part = min_u64(size - done, PAGE_SIZE - at % PAGE_SIZE);
		if (frame == NO_FRAME)
			continue;
		mm->pmap->frame_changed(mm, frame);
		frame_at(mm, frame)->flags |= FRAME_DIRTY;
		uint8_t *to = frame_bytes(mm, frame) + at % PAGE_SIZE;
		if (bytes)
			memmove(to, bytes + done, part);
		else
			memset(to, 0, part);
	}
}

static int64_t shm_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	uint64_t end = size_of(f->ctx);
	return *pos < end ? (int64_t)(end - *pos) : 0;
}

/* As relatime: an access is noted when the last noted one is not younger than the last change. */
static void accessed(struct shm_node *n)
{
	bool older =
	    n->atime.tv_sec < n->mtime.tv_sec ||
	    (n->atime.tv_sec == n->mtime.tv_sec && n->atime.tv_nsec <= n->mtime.tv_nsec);
	if (!older)
		return;
	uint64_t ns = kernel_realtime(n->shm->kernel);
	n->atime = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

static int64_t shm_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	struct shm_node *n = f->ctx;
	struct span s;
	size = min_u64(size, (uint64_t)shm_look(f, t, size, pos));
	if (size == 0)
		return 0;
	int err = span_hold(n, t, false, *pos, &size, &s);
	if (err)
		return err;
	span_read(&s, *pos % PAGE_SIZE, ret_bytes, size);
	span_release(&s);
	accessed(n);
	*pos += size;
	return (int64_t)size;
}

static int write_check(const struct shm_node *n, uint64_t pos, size_t *size)
{
	if (n->seals & (SHM_SEAL_WRITE | SHM_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (pos >= SIZE_MAX_WRITTEN)
		return -EFBIG;
	*size = min_u64(*size, SIZE_MAX_WRITTEN - pos);
	/* As on Linux, which writes page by page: those that lie within are written. */
	if (n->seals & SHM_SEAL_GROW && pos + *size > size_of(n)) {
		uint64_t within = page_down(size_of(n));
		if (pos >= within)
			return -EPERM;
		*size = within - pos;
	}
	return 0;
}

static int64_t shm_write(struct file *f, struct task *t, const void *bytes, size_t size,
			 uint64_t *pos)
{
	struct shm_node *n = f->ctx;
	struct span s;
	if (f->flags & ABI_O_APPEND)
		*pos = size_of(n);
	int err = file_limit(t, *pos, &size);
	if (!err)
		err = write_check(n, *pos, &size);
	if (!err)
		err = span_hold(n, t, true, *pos, &size, &s);
	if (err)
		return err;
	span_write(&s, *pos % PAGE_SIZE, bytes, size);
	span_release(&s);
	*pos += size;
	if (*pos > size_of(n))
		object_resize(mm_of(n), n->object, *pos);
	shm_node_changed(n, true);
	if (t && n->mode & (S_ISUID | S_ISGID)) {
		struct stat st;
		shm_node_stat(n, &st);
		n->mode = (n->mode & S_IFMT) | permission_written(&st, t);
	}
	return (int64_t)size;
}

/* ---- Size and holes ---- */

static int shm_size(struct file *f, uint64_t *ret_size)
{
	*ret_size = size_of(f->ctx);
	return 0;
}

/* The next data (or hole) at or after offset, by page. */
static int64_t next_extent(const struct object *o, uint64_t offset, bool data)
{
	uint64_t index = offset >> PAGE_SHIFT, last = (o->size - 1) >> PAGE_SHIFT;
	if (data) {
		if (!sparse_next(&o->pages, &index, last))
			return -ENXIO;
	} else {
		while (index <= last && sparse_get(&o->pages, index))
			index++;
	}
	uint64_t at = max_u64(offset, index << PAGE_SHIFT);
	return (int64_t)min_u64(at, o->size);
}

static int64_t shm_seek(struct file *f, int64_t offset, int whence)
{
	struct object *o = ((struct shm_node *)f->ctx)->object;
	int64_t at = offset;
	bool over = false;
	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR: over = __builtin_add_overflow((int64_t)f->pos, offset, &at); break;
	case SEEK_END: over = __builtin_add_overflow((int64_t)o->size, offset, &at); break;
	default:
		if (offset < 0 || (uint64_t)offset >= o->size)
			return -ENXIO;
		at = next_extent(o, (uint64_t)offset, whence == SEEK_DATA);
		if (at < 0)
			return at;
	}
	if (over || at < 0)
		return -EINVAL;
	f->pos = (uint64_t)at;
	return at;
}

static int shm_truncate(struct file *f, uint64_t size)
{
	return shm_node_resize(f->ctx, size);
}

/* Zeros [start, end) within pages; those that are wholly in it become holes. */
static int punch(struct shm_node *n, uint64_t start, uint64_t end)
{
	uint64_t first = page_up(start), last = page_down(end);
	/* The two edges; one page where it has both. */
	const uint64_t edge[2][2] = {{start, min_u64(first, end)},
				     {max_u64(last, min_u64(first, end)), end}};
	struct span s[2];
	unsigned held = 0;
	int err = 0;
	for (; held < 2 && !err; held += !err) {
		size_t size = edge[held][1] - edge[held][0];
		s[held] = (struct span){.node = n};
		if (size)
			err = span_hold(n, NULL, false, edge[held][0], &size, &s[held]);
	}
	for (unsigned i = 0; i < held; i++) {
		if (!err && s[i].pages)
			span_write(&s[i], edge[i][0] % PAGE_SIZE, NULL, edge[i][1] - edge[i][0]);
		span_release(&s[i]);
	}
	if (!err && first < last)
		object_punch(mm_of(n), n->object, first >> PAGE_SHIFT, (last >> PAGE_SHIFT) - 1);
	return err;
}

/* Pages of [first, last] that are holes. */
static uint64_t holes(const struct object *o, uint64_t first, uint64_t last)
{
	uint64_t n = last - first + 1;
	for (uint64_t i = first; i <= last && sparse_next(&o->pages, &i, last); i++)
		n--;
	return n;
}

/* Gives every page of [start, end) its contents. */
static int fill(struct shm_node *n, uint64_t start, uint64_t end)
{
	struct mm *mm = mm_of(n);
	uint64_t first = start >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
	const struct object_quota *q = &n->shm->quota;
	/* What cannot be is not begun: no page more than the file system or RAM and swap have. */
	uint64_t room = min_u64(q->limit - q->pages, mm->frames + swap_slots(mm));
	if (end > SIZE_MAX_WRITTEN)
		return -EFBIG;
	if (last - first >= room + n->object->resident || holes(n->object, first, last) > room)
		return -ENOSPC;
	for (uint64_t i = first; i <= last; i++) {
		uint32_t frame;
		if (object_anon(n->object, i))
			continue;
		int err = object_page(mm, n->object, i, true, &frame);
		if (err)
			return err;
		frame_unhold(mm, frame);
	}
	return 0;
}

static int shm_allocate(struct file *f, unsigned mode, uint64_t offset, uint64_t length)
{
	struct shm_node *n = f->ctx;
	uint64_t end = offset + length;
	if (mode & ~(unsigned)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) ||
	    mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	int err;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (n->seals & (SHM_SEAL_WRITE | SHM_SEAL_FUTURE_WRITE))
			return -EPERM;
		err = punch(n, offset, end);
	} else {
		if (n->seals & SHM_SEAL_GROW && end > size_of(n))
			return -EPERM;
		err = fill(n, offset, end);
		if (!err && end > size_of(n) && !(mode & FALLOC_FL_KEEP_SIZE))
			object_resize(mm_of(n), n->object, end);
	}
	if (!err)
		shm_node_changed(n, true);
	return err;
}

/* ---- The rest ---- */

int shm_stat(struct file *f, struct stat *ret_stat)
{
	shm_node_stat(f->ctx, ret_stat);
	return 0;
}

static int shm_sync(struct file *f)
{
	return 0;
}

int shm_object(struct file *f, struct object **ret_object)
{
	struct shm_node *n = f->ctx;
	object_get(n->object);
	*ret_object = n->object;
	return 0;
}

static bool shm_sealed(struct file *f)
{
	const struct shm_node *n = f->ctx;
	return n->seals & (SHM_SEAL_WRITE | SHM_SEAL_FUTURE_WRITE);
}

int shm_chmod(struct file *f, struct task *t, uint32_t mode)
{
	return shm_node_chmod(f->ctx, mode);
}

int shm_chown(struct file *f, struct task *t, uint32_t uid, uint32_t gid)
{
	shm_node_chown(f->ctx, uid, gid);
	return 0;
}

int shm_utimens(struct file *f, struct task *t, const struct timespec times[2])
{
	shm_node_utimens(f->ctx, times);
	return 0;
}

static int shm_reopen(struct file *f, uint32_t flags, struct file **ret_file)
{
	struct shm_node *n = f->ctx;
	if (flags & ABI_O_TRUNC) {
		int err = shm_node_resize(n, 0);
		if (err)
			return err;
	}
	int err = shm_open(n, flags, f->path, ret_file);
	if (!err)
		(*ret_file)->unlinked = f->unlinked;
	return err;
}

static void shm_capability(struct file *f, struct cred_file *ret_caps)
{
	const struct shm_node *n = f->ctx;
	uint8_t value[CAPABILITY_SIZE_MAX];
	int64_t size = attributes_get(&n->attributes, ATTRIBUTE_CAPABILITY, value, sizeof(value));
	(void)capability_read(value, size, ret_caps); /* what is none gives none */
}

void shm_release(struct file *f)
{
	shm_node_put(f->ctx);
}

static const struct file_ops shm_ops = {
    .name = "file",
    .look = shm_look,
    .read = shm_read,
    .write = shm_write,
    .size = shm_size,
    .stat = shm_stat,
    .truncate = shm_truncate,
    .sync = shm_sync,
    .seek = shm_seek,
    .object = shm_object,
    .sealed = shm_sealed,
    .allocate = shm_allocate,
    .chmod = shm_chmod,
    .chown = shm_chown,
    .utimens = shm_utimens,
    .reopen = shm_reopen,
    .link = shm_link,
    .capability = shm_capability,
    .release = shm_release,
};

int shm_open(struct shm_node *n, uint32_t flags, const char *path, struct file **ret_file)
{
	char *name = path ? strdup(path) : NULL;
	if (path && !name)
		return -ENOMEM;
	int err = file_create(n->shm->kernel, &shm_ops, flags, path, n, ret_file);
	if (err) {
		free(name);
		return err;
	}
	n->refs++;
	if (name) {
		free(n->name);
		n->name = name;
		n->gone = false;
	}
	return 0;
}
