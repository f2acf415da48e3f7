/* SPDX-License-Identifier: MIT */
/* inotify.c - watches, queues and the files they are read from: see inotify.h */
#include "kernel/event/inotify.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/dnotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum { RAM_PART = 25 };

static const uint32_t Q_OVERFLOW = 0x4000, IGNORED = 0x8000,
		      ONLYDIR = 0x01000000, DONT_FOLLOW = 0x02000000, EXCL_UNLINK = 0x04000000,
		      MASK_CREATE = 0x10000000, MASK_ADD = 0x20000000, ISDIR = 0x40000000,
		      ONESHOT = 0x80000000, KNOWN = 0xf700efff;

/* Followed by the name, padded with NULs to a multiple of this. */
struct abi_inotify_event {
	int32_t wd;
	uint32_t mask, cookie, len;
};

struct notice {
	TAILQ_ENTRY(notice) link;
	struct abi_inotify_event head;
	char name[]; /* head.len bytes */
};

TAILQ_HEAD(events_kept, notice);

struct inotify_watch {
	struct inotify *inotify;
	int32_t wd;
	uint32_t mask;
	uint64_t device, inode;
	LIST_ENTRY(inotify_watch) link;	 /* of the inotify */
	LIST_ENTRY(inotify_watch) place; /* of all with this hash */
};

struct inotify {
	struct kernel *kernel;
	int32_t last_wd;
	LIST_HEAD(, inotify_watch) watches;
	struct events_kept events;
	unsigned count; /* events */
	bool overflowed;
	struct wait_queue queue;
};

static struct inotify_watches *bucket(struct kernel *k, uint64_t device, uint64_t inode)
{
	uint64_t hash = (device * 31 + inode) * UINT64_C(0x9e3779b97f4a7c15);
	return &k->inotify[hash >> 58];
}

/* --- the queue --- */

static size_t event_size(const struct notice *e)
{
	return sizeof(e->head) + e->head.len;
}

static void event_drop(struct inotify *n, struct notice *e)
{
	TAILQ_REMOVE(&n->events, e, link);
	n->count--;
	n->kernel->inotify_bytes -= sizeof(*e) + e->head.len;
	if (e->head.mask & Q_OVERFLOW)
		n->overflowed = false;
	free(e);
}

static void event_append(struct inotify *n, struct notice *e)
{
	TAILQ_INSERT_TAIL(&n->events, e, link);
	n->count++;
	n->kernel->inotify_bytes += sizeof(*e) + e->head.len;
	wait_wake_for(&n->queue, POLLIN | POLLRDNORM);
}

/* There is no room for another, or no memory: that is told once. */
static void overflow(struct inotify *n)
{
	struct notice *e = n->overflowed ? NULL : calloc(1, sizeof(*e));
	if (!e)
		return;
	e->head = (struct abi_inotify_event){.wd = -1, .mask = Q_OVERFLOW};
	n->overflowed = true;
	event_append(n, e);
}

static bool has_room(const struct inotify *n)
{
	const struct kernel *k = n->kernel;
	return n->count < k->settings.inotify.events &&
	       k->inotify_bytes < (uint64_t)k->mm->frames * PAGE_SIZE / RAM_PART;
}

static void event_add(struct inotify *n, int32_t wd, uint32_t mask, uint32_t cookie, const char *name)
{
	size_t length = name ? align_up(strlen(name) + 1, sizeof(struct abi_inotify_event)) : 0;
	const struct notice *last = TAILQ_LAST(&n->events, events_kept);
	if (!has_room(n)) {
		overflow(n);
		return;
	}
	struct notice *e = calloc(1, sizeof(*e) + length);
	if (!e) {
		overflow(n);
		return;
	}
	e->head = (struct abi_inotify_event){wd, mask, cookie, (uint32_t)length};
	if (name)
		strcpy(e->name, name);
	/* The same once more is no news. */
	if (last && !(last->head.mask & IGNORED) && last->head.wd == wd && last->head.mask == mask &&
	    last->head.len == length && memcmp(last->name, e->name, length) == 0) {
		free(e);
		return;
	}
	event_append(n, e);
}

/* --- watches --- */

static void watch_remove(struct inotify_watch *w, bool tell)
{
	struct inotify *n = w->inotify;
	LIST_REMOVE(w, link);
	LIST_REMOVE(w, place);
	n->kernel->inotify_watches--;
	if (tell)
		event_add(n, w->wd, IGNORED, 0, NULL);
	free(w);
}

static void watch_event(struct inotify_watch *w, uint32_t event, bool directory, uint32_t cookie,
			const char *name)
{
	bool of_itself = event & (EVENT_DELETE_SELF | EVENT_MOVE_SELF);
	if (!(w->mask & event))
		return;
	event_add(w->inotify, w->wd, event | (directory && !of_itself ? ISDIR : 0), cookie, name);
	if (w->mask & ONESHOT)
		watch_remove(w, true);
}

struct happening {
	uint32_t event, cookie;
	bool directory; /* what it happened to */
	bool unlinked;	/* that name is not there any more */
	const char *name;
};

static void tell(struct kernel *k, uint64_t device, uint64_t inode, const struct happening *h)
{
	struct inotify_watch *w, *next;
	dnotify_tell(k, device, inode, h->event, h->directory, h->name != NULL);
	for (w = LIST_FIRST(bucket(k, device, inode)); w; w = next) {
		next = LIST_NEXT(w, place);
		if (w->device == device && w->inode == inode &&
		    !(h->name && h->unlinked && w->mask & EXCL_UNLINK))
			watch_event(w, h->event, h->directory, h->cookie, h->name);
	}
}

static bool is_watched(struct kernel *k, const struct stat *st)
{
	const struct inotify_watch *w;
	LIST_FOREACH (w, bucket(k, st->st_dev, st->st_ino), place)
		if (w->device == st->st_dev && w->inode == st->st_ino)
			return true;
	return false;
}

/* For the directory that the path lies in, by the last name in it. */
static void tell_name(struct kernel *k, const char *path, struct happening h)
{
	char dir[PATH_SIZE];
	struct place at;
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (!slash || !slash[1] || n >= sizeof(dir))
		return;
	memcpy(dir, path, n);
	dir[n] = '\0';
	if (path_find(k, NULL, ABI_AT_FDCWD, n ? dir : "/", 0, &at) != 0)
		return;
	h.name = slash + 1;
	tell(k, at.stat.st_dev, at.stat.st_ino, &h);
}

static void tell_inode(struct kernel *k, const struct stat *st, uint32_t event)
{
	tell(k, st->st_dev, st->st_ino,
	     &(struct happening){.event = event, .directory = S_ISDIR(st->st_mode)});
}

static void tell_both(struct kernel *k, const char *path, bool unlinked, const struct stat *st,
		      uint32_t event)
{
	tell_name(k, path,
		  (struct happening){.event = event, .directory = S_ISDIR(st->st_mode), .unlinked = unlinked});
	tell_inode(k, st, event);
}

/* Nothing is left of the file. */
static void tell_gone(struct kernel *k, const struct stat *st)
{
	struct inotify_watch *w, *next;
	tell_inode(k, st, EVENT_DELETE_SELF);
	for (w = LIST_FIRST(bucket(k, st->st_dev, st->st_ino)); w; w = next) {
		next = LIST_NEXT(w, place);
		if (w->device == st->st_dev && w->inode == st->st_ino)
			watch_remove(w, true);
	}
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Has anybody but f (NULL: anybody) opened it? */
static bool is_open(struct kernel *k, const struct stat *st, const struct file *but)
{
	struct file *f;
	struct stat other;
	LIST_FOREACH (f, &k->mounts->named, named)
		if (f != but && f->ops->stat && f->ops->stat(f, &other) == 0 && same_file(st, &other))
			return true;
	return false;
}

/* One name less: of the last, all is gone, unless it is open. */
static void tell_unlinked(struct kernel *k, const struct stat *st)
{
	bool last = S_ISDIR(st->st_mode) || st->st_nlink <= 1;
	if (last && is_watched(k, st) && !is_open(k, st, NULL))
		tell_gone(k, st);
}

/* --- what happens --- */

void inotify_file(struct file *f, uint32_t event)
{
	struct kernel *k = f->kernel;
	struct stat st;
	if (!k->inotify_watches || !f->path || (f->flags & ABI_O_PATH) || !f->ops->stat ||
	    f->ops->stat(f, &st) != 0)
		return;
	tell_both(k, f->path, f->unlinked, &st, event);
}

bool inotify_closing(struct file *f, struct stat *ret_stat)
{
	struct kernel *k = f->kernel;
	if (!k->inotify_watches || !f->path || (f->flags & ABI_O_PATH) || !f->ops->stat ||
	    f->ops->stat(f, ret_stat) != 0)
		return false;
	bool wrote = (f->flags & ABI_O_ACCMODE) != ABI_O_RDONLY;
	tell_both(k, f->path, f->unlinked, ret_stat, wrote ? EVENT_CLOSE_WRITE : EVENT_CLOSE_NOWRITE);
	return f->unlinked && ret_stat->st_nlink == 0 && is_watched(k, ret_stat) &&
	       !is_open(k, ret_stat, f);
}

void inotify_closed(struct kernel *k, const struct stat *st, bool gone)
{
	if (gone)
		tell_gone(k, st);
}

void inotify_place(const struct place *at, uint32_t event)
{
	if (at->kernel->inotify_watches && !at->file)
		tell_both(at->kernel, at->guest, false, &at->stat, event);
}

void inotify_created(const struct place *at, bool directory)
{
	if (at->kernel->inotify_watches)
		tell_name(at->kernel, at->guest,
			  (struct happening){.event = EVENT_CREATE, .directory = directory});
}

void inotify_removed(const struct place *at)
{
	struct kernel *k = at->kernel;
	bool directory = S_ISDIR(at->stat.st_mode);
	if (!k->inotify_watches)
		return;
	if (!directory)
		tell_inode(k, &at->stat, EVENT_ATTRIB);
	tell_name(k, at->guest, (struct happening){.event = EVENT_DELETE, .directory = directory});
	tell_unlinked(k, &at->stat);
}

static void moved(const struct place *from, const struct place *to, const struct stat *over)
{
	struct kernel *k = from->kernel;
	struct happening h = {.event = EVENT_MOVED_FROM,
			      .cookie = ++k->inotify_cookie,
			      .directory = S_ISDIR(from->stat.st_mode)};
	tell_name(k, from->guest, h);
	h.event = EVENT_MOVED_TO;
	tell_name(k, to->guest, h);
	if (over && !S_ISDIR(over->st_mode))
		tell_inode(k, over, EVENT_ATTRIB);
	tell_inode(k, &from->stat, EVENT_MOVE_SELF);
}

void inotify_renamed(const struct place *from, const struct place *to, bool exchanged)
{
	if (!from->kernel->inotify_watches)
		return;
	moved(from, to, to->exists && !exchanged ? &to->stat : NULL);
	if (exchanged)
		moved(to, from, NULL);
	else if (to->exists)
		tell_unlinked(from->kernel, &to->stat);
}

void inotify_linked(const struct place *from, const struct place *to)
{
	if (!from->kernel->inotify_watches)
		return;
	tell_inode(from->kernel, &from->stat, EVENT_ATTRIB);
	inotify_created(to, false);
}

/* --- the file --- */

/* How many bytes of whole events fit into size. */
static size_t fitting(const struct inotify *n, size_t size)
{
	const struct notice *e;
	size_t sum = 0;
	TAILQ_FOREACH (e, &n->events, link) {
		if (sum + event_size(e) > size)
			break;
		sum += event_size(e);
	}
	return sum;
}

static int64_t inotify_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct inotify *n = f->ctx;
	if (!TAILQ_EMPTY(&n->events)) {
		size_t there = fitting(n, min_u64(size, READ_WHOLE));
		return there ? (int64_t)there : -EINVAL;
	}
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &n->queue);
	return err ? err : CALL_WAIT;
}

static int64_t inotify_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			    uint64_t *pos)
{
	struct inotify *n = f->ctx;
	uint8_t *to = ret_bytes;
	size_t left = fitting(n, size), done = 0;
	while (done < left) {
		struct notice *e = TAILQ_FIRST(&n->events);
		memcpy(to + done, &e->head, sizeof(e->head));
		memcpy(to + done + sizeof(e->head), e->name, e->head.len);
		done += event_size(e);
		event_drop(n, e);
	}
	return done ? (int64_t)done : -EINVAL;
}

static int inotify_poll(struct file *f, struct waiter *w)
{
	struct inotify *n = f->ctx;
	int err = wait_join(w, &n->queue);
	return err ? err : TAILQ_EMPTY(&n->events) ? 0 : POLLIN | POLLRDNORM;
}

static int64_t inotify_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	const struct inotify *n = f->ctx;
	if (request != ABI_FIONREAD)
		return -ENOTTY;
	int32_t bytes = (int32_t)min_u64(fitting(n, SIZE_MAX), INT32_MAX);
	return uaccess_write(t, arg, &bytes, sizeof(bytes));
}

static void inotify_free(struct inotify *n)
{
	while (!LIST_EMPTY(&n->watches))
		watch_remove(LIST_FIRST(&n->watches), false);
	while (!TAILQ_EMPTY(&n->events))
		event_drop(n, TAILQ_FIRST(&n->events));
	wait_queue_finish(&n->queue);
	n->kernel->inotify_count--;
	free(n);
}

static void inotify_release(struct file *f)
{
	inotify_free(f->ctx);
}

static void inotify_info(struct file *f, struct text *text)
{
	const struct inotify *n = f->ctx;
	const struct inotify_watch *w;
	LIST_FOREACH (w, &n->watches, link)
		text_add(text, "inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0 \n", (unsigned)w->wd,
			 w->inode, w->device, w->mask);
}

static const struct file_ops inotify_ops = {
    .name = "inotify",
    .records = true,
    .look = inotify_look,
    .read = inotify_read,
    .stat = file_stat_anonymous,
    .ioctl = inotify_ioctl,
    .poll = inotify_poll,
    .info = inotify_info,
    .release = inotify_release,
};

int64_t sys_inotify_init1(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	uint32_t flags = (uint32_t)a[0];
	if (flags & ~(uint32_t)(ABI_O_NONBLOCK | ABI_O_CLOEXEC))
		return -EINVAL;
	if (k->inotify_count >= k->settings.inotify.instances)
		return -EMFILE;
	struct inotify *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->kernel = k;
	k->inotify_count++;
	LIST_INIT(&n->watches);
	TAILQ_INIT(&n->events);
	wait_queue_init(&n->queue);
	int64_t fd = file_install_anonymous(t, &inotify_ops, flags, n);
	if (fd < 0)
		inotify_free(n);
	return fd;
}

static int inotify_find(struct task *t, uint64_t fd, struct inotify **ret_inotify)
{
	const struct file *f = fd_get(t->process->files, (int)fd);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (f->ops != &inotify_ops)
		return -EINVAL;
	*ret_inotify = f->ctx;
	return 0;
}

static int64_t watch_change(struct inotify_watch *w, uint32_t mask)
{
	static const uint32_t kept = 0x84000fff; /* events, EXCL_UNLINK, ONESHOT */
	if (mask & MASK_CREATE)
		return -EEXIST;
	w->mask = (mask & MASK_ADD ? w->mask : 0) | (mask & kept);
	return w->wd;
}

static int64_t watch_add(struct inotify *n, const struct stat *st, uint32_t mask)
{
	struct kernel *k = n->kernel;
	struct inotify_watch *w;
	LIST_FOREACH (w, bucket(k, st->st_dev, st->st_ino), place)
		if (w->inotify == n && w->device == st->st_dev && w->inode == st->st_ino)
			return watch_change(w, mask);
	if (k->inotify_watches >= k->settings.inotify.watches || n->last_wd == INT32_MAX)
		return -ENOSPC;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct inotify_watch){
	    .inotify = n, .wd = ++n->last_wd, .device = st->st_dev, .inode = st->st_ino};
	LIST_INSERT_HEAD(&n->watches, w, link);
	LIST_INSERT_HEAD(bucket(k, w->device, w->inode), w, place);
	k->inotify_watches++;
	return watch_change(w, mask & ~MASK_CREATE);
}

int64_t sys_inotify_add_watch(struct task *t, const uint64_t a[6])
{
	uint32_t mask = (uint32_t)a[2];
	struct inotify *n;
	struct place at;
	if ((mask & ~KNOWN) || !(mask & KNOWN))
		return -EINVAL;
	int err = inotify_find(t, a[0], &n);
	if (err == -EBADF || (!err && (mask & MASK_ADD) && (mask & MASK_CREATE)))
		return err ? err : -EINVAL;
	if (err)
		return err;
	err = path_find_user(t, ABI_AT_FDCWD, a[1], mask & DONT_FOLLOW ? 0 : FIND_FOLLOW, &at);
	if (!err && (mask & ONLYDIR) && !S_ISDIR(at.stat.st_mode))
		err = -ENOTDIR;
	if (!err)
		err = place_access(&at, t, 4 /* to read */);
	return err ? err : watch_add(n, &at.stat, mask);
}

int64_t sys_inotify_rm_watch(struct task *t, const uint64_t a[6])
{
	struct inotify *n;
	struct inotify_watch *w;
	int err = inotify_find(t, a[0], &n);
	if (err)
		return err;
	LIST_FOREACH (w, &n->watches, link) {
		if (w->wd == (int32_t)a[1]) {
			watch_remove(w, true);
			return 0;
		}
	}
	return -EINVAL;
}
