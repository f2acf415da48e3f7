/* SPDX-License-Identifier: MIT */
#include "kernel/event/dnotify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "kernel/event/async.h"
#include "kernel/event/inotify.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

/* Linux's numbers. */
enum { ACCESS = 1, MODIFY = 2, CREATE = 4, DELETE = 8, RENAME = 16, ATTRIB = 32 };
static const uint32_t MULTISHOT = 0x80000000;

struct dnotify {
	LIST_ENTRY(dnotify) link;
	struct file *file;
	const struct fd_table *by;
	uint64_t device, inode;
	uint32_t events; /* of inotify */
	bool renames, again;
	int fd;
};

static struct dnotify *find(const struct file *f, const struct fd_table *by)
{
	struct dnotify *d;
	LIST_FOREACH (d, &f->kernel->dnotifies, link) {
		if (d->file == f && d->by == by)
			break;
	}
	return d;
}

static void end(struct dnotify *d)
{
	LIST_REMOVE(d, link);
	d->file->kernel->inotify_watches--;
	free(d);
}

static uint32_t events_of(uint32_t asked)
{
	static const struct {
		uint32_t asked, events;
	} all[] = {{ACCESS, EVENT_ACCESS},
		   {MODIFY, EVENT_MODIFY},
		   {CREATE, EVENT_CREATE | EVENT_MOVED_TO},
		   {DELETE, EVENT_DELETE | EVENT_MOVED_FROM},
		   {ATTRIB, EVENT_ATTRIB}};
	uint32_t events = 0;
	for (unsigned i = 0; i < array_size(all); i++)
		events |= asked & all[i].asked ? all[i].events : 0;
	return events;
}

int dnotify_set(struct task *t, struct file *f, int fd, uint32_t events)
{
	struct kernel *k = f->kernel;
	const struct fd_table *by = t->process->files;
	struct dnotify *d = find(f, by);
	struct stat st;
	if (!(events & ~MULTISHOT)) {
		if (d)
			end(d);
		return 0;
	}
	if (!file_is_dir(f) || f->ops->stat(f, &st) != 0)
		return -ENOTDIR;
	enum async_kind kind;
	int32_t id;
	async_owner(f, &kind, &id);
	int err = id ? 0 : async_set_owner(f, ASYNC_PROCESS, t->process->pid);
	if (!err && !d) {
		if (k->inotify_watches >= k->settings.inotify.watches)
			return -ENOSPC;
		d = calloc(1, sizeof(*d));
		if (!d)
			return -ENOMEM;
		*d = (struct dnotify){.file = f, .by = by, .device = st.st_dev, .inode = st.st_ino};
		LIST_INSERT_HEAD(&k->dnotifies, d, link);
		k->inotify_watches++;
	}
	if (err)
		return err;
	d->fd = fd;
	d->events |= events_of(events);
	d->renames = d->renames || events & RENAME;
	d->again = d->again || events & MULTISHOT;
	return 0;
}

void dnotify_tell(struct kernel *k, uint64_t device, uint64_t inode, uint32_t event, bool directory, bool named)
{
	struct dnotify *d, *next;
	/* Of itself only a directory has anything to tell here. */
	if (!named && !directory)
		return;
	for (d = LIST_FIRST(&k->dnotifies); d; d = next) {
		next = LIST_NEXT(d, link);
		bool renamed = d->renames && event == EVENT_MOVED_FROM;
		if (d->device != device || d->inode != inode || (!renamed && !(d->events & event)))
			continue;
		async_notify(d->file, d->fd);
		if (d->again)
			continue;
		d->events &= ~event;
		if (renamed)
			d->renames = false;
		if (!d->events && !d->renames)
			end(d);
	}
}

void dnotify_closed(struct file *f, const struct fd_table *by)
{
	struct dnotify *d = LIST_EMPTY(&f->kernel->dnotifies) ? NULL : find(f, by);
	if (d)
		end(d);
}
