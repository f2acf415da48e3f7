/* SPDX-License-Identifier: MIT */
/* dir.c - directories being read, and what O_PATH opens */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi.h"
#include "kernel/event/dnotify.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

struct dir_entry {
	char *name;
	uint64_t inode;
	uint8_t type;
};

/* The snapshot is taken when reading begins at the start, and again after a rewind. */
struct dir {
	struct stat stat; /* as it was when it was opened */
	bool listed;
	size_t count, room;
	struct dir_entry *entry;
	uint64_t inode, parent; /* of "." and ".." */
};

int dir_add(struct dir *d, const char *name, uint64_t inode, uint8_t type)
{
	if (d->count == d->room) {
		size_t room = d->room ? d->room * 2 : 32;
		struct dir_entry *e = realloc(d->entry, room * sizeof(*e));
		if (!e)
			return -ENOMEM;
		d->entry = e;
		d->room = room;
	}
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	d->entry[d->count++] = (struct dir_entry){copy, inode, type};
	return 0;
}

static void dir_forget(struct dir *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->entry[i].name);
	free(d->entry);
	d->entry = NULL;
	d->count = d->room = 0;
	d->listed = false;
}

static int entry_compare(const void *a, const void *b)
{
	return strcmp(((const struct dir_entry *)a)->name, ((const struct dir_entry *)b)->name);
}

/* In /proc numbers come last, and in their own order: ps shows processes as it finds them. */
static int numbers_compare(const void *a, const void *b)
{
	const char *x = ((const struct dir_entry *)a)->name,
		   *y = ((const struct dir_entry *)b)->name;
	bool x_number = *x >= '0' && *x <= '9', y_number = *y >= '0' && *y <= '9';
	if (x_number != y_number)
		return x_number - y_number;
	size_t n = strlen(x), m = strlen(y);
	return x_number && n != m ? (n > m) - (n < m) : strcmp(x, y);
}

/* A mount point and what lies beneath it may have the same name. */
static void dir_sort(struct dir *d, bool numbers)
{
	size_t n = 0;
	if (d->count > 1)
		qsort(d->entry, d->count, sizeof(*d->entry),
		      numbers ? numbers_compare : entry_compare);
	for (size_t i = 0; i < d->count; i++) {
		if (n > 0 && strcmp(d->entry[i].name, d->entry[n - 1].name) == 0)
			free(d->entry[i].name);
		else
			d->entry[n++] = d->entry[i];
	}
	d->count = n;
}

static uint64_t parent_inode(const struct place *at)
{
	struct place above;
	char path[PATH_SIZE];
	size_t n = at->size;
	memcpy(path, at->guest, n + 1);
	while (n > 1 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	path[n] = '\0';
	return path_find(at->kernel, NULL, ABI_AT_FDCWD, path, 0, &above) == 0 ? above.stat.st_ino
									       : at->stat.st_ino;
}

static int dir_list(struct file *f)
{
	struct dir *d = f->ctx;
	struct place at;
	if (f->unlinked)
		return -ENOENT;
	int err = path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at);
	if (err)
		return err;
	if (!S_ISDIR(at.stat.st_mode))
		return -ENOTDIR;
	d->inode = at.stat.st_ino;
	d->parent = parent_inode(&at);
	if (!at.synthetic && at.mount->ops->list)
		err = at.mount->ops->list(&at, d);
	if (!err)
		err = mounts_list(&at, d);
	if (err) {
		dir_forget(d);
		return err;
	}
	dir_sort(d, at.mount->ops == &procfs_tree);
	d->listed = true;
	return 0;
}

static int dir_entry(struct file *f, uint64_t *pos, char ret_name[256], uint64_t *ret_inode,
		     uint8_t *ret_type)
{
	struct dir *d = f->ctx;
	if (!d->listed) {
		int err = dir_list(f);
		if (err)
			return err;
	}
	if (*pos < 2) {
		strcpy(ret_name, *pos ? ".." : ".");
		*ret_inode = *pos ? d->parent : d->inode;
		*ret_type = DT_DIR;
	} else if (*pos - 2 < d->count) {
		const struct dir_entry *e = &d->entry[*pos - 2];
		strcpy(ret_name, e->name);
		*ret_inode = e->inode;
		*ret_type = e->type;
	} else {
		return 0;
	}
	++*pos;
	return 1;
}

static int64_t dir_seek(struct file *f, int64_t offset, int whence)
{
	offset = file_seek_within(f, offset, whence);
	if (offset == 0)
		dir_forget(f->ctx);
	return offset;
}

static int dir_stat(struct file *f, struct stat *ret_stat)
{
	const struct dir *d = f->ctx;
	struct place at;
	if (!f->unlinked && path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at) == 0) {
		*ret_stat = at.stat;
	} else {
		*ret_stat = d->stat;
		ret_stat->st_nlink = 0;
	}
	return 0;
}

static int dir_sync(struct file *f)
{
	return 0;
}

static void dir_release(struct file *f)
{
	struct dir *d = f->ctx;
	dir_forget(d);
	free(d);
}

static int64_t dir_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	return -EISDIR;
}

static int64_t dir_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	return -EISDIR;
}

static const struct file_ops dir_ops = {
    .name = "directory",
    .look = dir_look,
    .read = dir_read,
    .stat = dir_stat,
    .sync = dir_sync,
    .entry = dir_entry,
    .seek = dir_seek,
    .closed = dnotify_closed,
    .release = dir_release,
};

bool file_is_dir(const struct file *f)
{
	return f->ops == &dir_ops;
}

int dir_open(const struct place *at, uint32_t flags, struct file **ret_file)
{
	struct dir *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->stat = at->stat;
	int err = file_create(at->kernel, &dir_ops, flags, at->guest, d, ret_file);
	if (err)
		free(d);
	return err;
}

/* O_PATH: a name that is held, and nothing that could be done with it but look. */

static int path_only_stat(struct file *f, struct stat *ret_stat)
{
	struct place at;
	const struct stat *st = f->ctx;
	*ret_stat = *st;
	if (!f->unlinked && f->path &&
	    path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at) == 0 &&
	    at.stat.st_ino == st->st_ino && at.stat.st_dev == st->st_dev)
		*ret_stat = at.stat;
	return 0;
}

static void path_only_release(struct file *f)
{
	free(f->ctx);
}

static const struct file_ops path_only_ops = {
    .name = "path",
    .stat = path_only_stat,
    .release = path_only_release,
};

int path_only_open(const struct place *at, uint32_t flags, struct file **ret_file)
{
	struct stat *st = malloc(sizeof(*st));
	if (!st)
		return -ENOMEM;
	*st = at->stat;
	int err = file_create(at->kernel, &path_only_ops, flags, at->guest, st, ret_file);
	if (err)
		free(st);
	return err;
}
