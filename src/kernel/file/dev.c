/* SPDX-License-Identifier: MIT */
/* dev.c - /dev */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/event/userfault.h"
#include "kernel/file/dev.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/tty/pty.h"
#include "kernel/tty/tty.h"

enum { ROOT_INODE = 1, FIRST_INODE = 3 };

struct device {
	const char *name;
	const char *link; /* it is a symbolic link to this */
	uint8_t major, minor;
	const struct file_ops *ops; /* NULL: terminals */
};

static int64_t null_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	return 0;
}

static int64_t null_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			 uint64_t *pos)
{
	return 0;
}

static int64_t null_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	return (int64_t)size;
}

static int64_t zero_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			 uint64_t *pos)
{
	memset(ret_bytes, 0, size);
	return (int64_t)size;
}

static int64_t full_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	return -ENOSPC;
}

/* There is always enough of it. */
static int random_poll(struct file *f, struct waiter *w)
{
	return POLLIN | POLLRDNORM;
}

static int64_t random_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			   uint64_t *pos)
{
	uint8_t *bytes = ret_bytes;
	for (size_t done = 0; done < size; done += 8) {
		uint64_t x = kernel_random(f->kernel);
		memcpy(bytes + done, &x, min_u64(8, size - done));
	}
	return (int64_t)size;
}

/* Mapping /dev/zero shared makes memory that forks share; private is plain anonymous memory. */
static int zero_object(struct file *f, struct object **ret_object)
{
	return object_create(f->kernel->mm, OBJECT_SHARED, UINT64_MAX / 2, NULL, NULL, ret_object);
}

static int64_t dev_seek(struct file *f, int64_t offset, int whence)
{
	f->pos = 0;
	return 0;
}

static int dev_file_stat(struct file *f, struct stat *ret_stat);

static const struct file_ops null_ops = {.name = "null",
					 .look = null_look,
					 .read = null_read,
					 .write = null_write,
					 .stat = dev_file_stat,
					 .seek = dev_seek};
static const struct file_ops zero_ops = {.name = "zero",
					 .read = zero_read,
					 .write = null_write,
					 .stat = dev_file_stat,
					 .seek = dev_seek,
					 .object = zero_object};
static const struct file_ops full_ops = {.name = "full",
					 .read = zero_read,
					 .write = full_write,
					 .stat = dev_file_stat,
					 .seek = dev_seek};
static const struct file_ops random_ops = {.name = "random",
					   .poll = random_poll,
					   .read = random_read,
					   .write = null_write,
					   .stat = dev_file_stat,
					   .seek = dev_seek};
static const struct file_ops urandom_ops = {.name = "urandom",
					    .read = random_read,
					    .write = null_write,
					    .stat = dev_file_stat,
					    .seek = dev_seek};

/* Sorted by name; inodes count from 3 in this order. */
static const struct device devices[] = {
    {"fd", "/proc/self/fd", 0, 0, NULL},
    {"full", NULL, 1, 7, &full_ops},
    {"null", NULL, 1, 3, &null_ops},
    {"ptmx", NULL, 5, 2, NULL},
    {"random", NULL, 1, 8, &random_ops},
    {"stderr", "/proc/self/fd/2", 0, 0, NULL},
    {"stdin", "/proc/self/fd/0", 0, 0, NULL},
    {"stdout", "/proc/self/fd/1", 0, 0, NULL},
    {"tty", NULL, 5, 0, NULL},
    {"urandom", NULL, 1, 9, &urandom_ops},
    {"userfaultfd", NULL, 10, 126, &userfault_device_ops},
    {"zero", NULL, 1, 5, &zero_ops},
};

static void device_stat(const struct device *d, uint64_t dev, struct stat *ret_stat)
{
	*ret_stat = (struct stat){.st_dev = dev, .st_nlink = 1, .st_blksize = PAGE_SIZE};
	ret_stat->st_ino = FIRST_INODE + (uint64_t)(d - devices);
	if (d->link) {
		ret_stat->st_mode = S_IFLNK | 0777;
		ret_stat->st_size = (off_t)strlen(d->link);
	} else {
		ret_stat->st_mode = S_IFCHR | 0666;
		ret_stat->st_rdev = makedev(d->major, d->minor);
	}
}

static const struct mount *dev_mount(const struct kernel *k)
{
	for (unsigned i = 0; i < k->mounts->count; i++) {
		if (k->mounts->mount[i]->ops == &devfs_tree)
			return k->mounts->mount[i];
	}
	return k->mounts->mount[0];
}

/* What the name says by which it was opened: a node may be anybody's. */
static int dev_file_stat(struct file *f, struct stat *ret_stat)
{
	const struct device *d = f->ctx;
	struct place at;
	if (f->path && !f->unlinked && strncmp(f->path, "/dev/", 5) != 0 &&
	    path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at) == 0 && S_ISCHR(at.stat.st_mode) &&
	    at.stat.st_rdev == makedev(d->major, d->minor)) {
		*ret_stat = at.stat;
		return 0;
	}
	device_stat(d, dev_mount(f->kernel)->device, ret_stat);
	return 0;
}

static const struct device *device_find(const char *name)
{
	for (size_t i = 0; i < array_size(devices); i++) {
		if (strcmp(devices[i].name, name) == 0)
			return &devices[i];
	}
	return NULL;
}

static int dev_stat(const struct place *at, struct stat *ret_stat)
{
	const char *rel = place_rel(at);
	if (*rel == '\0') {
		*ret_stat = (struct stat){.st_dev = at->mount->device,
					  .st_ino = ROOT_INODE,
					  .st_mode = S_IFDIR | 0755,
					  .st_nlink = 2,
					  .st_blksize = PAGE_SIZE};
		return 0;
	}
	const struct device *d = device_find(rel);
	if (!d)
		return -ENOENT;
	device_stat(d, at->mount->device, ret_stat);
	return 0;
}

static int dev_readlink(const struct place *at, char *ret_text, unsigned size)
{
	const struct device *d = device_find(place_rel(at));
	if (!d || !d->link)
		return -EINVAL;
	unsigned n = (unsigned)min_u64(strlen(d->link), size);
	memcpy(ret_text, d->link, n);
	return (int)n;
}

static int device_open(struct kernel *k, struct task *t, const struct device *d, const char *path, uint32_t flags,
		       struct file **ret_file)
{
	if (!d->ops && d->minor == 0)
		return tty_open_current(k, t, flags, ret_file);
	if (!d->ops)
		return ptmx_open(k, t, flags, path, ret_file);
	return file_create(k, d->ops, flags, path, (void *)(uintptr_t)d, ret_file);
}

int dev_open_null(struct kernel *k, uint32_t flags, struct file **ret_file)
{
	return device_open(k, NULL, device_find("null"), "/dev/null", flags, ret_file);
}

int dev_open_number(const struct place *at, struct task *t, uint32_t flags, struct file **ret_file)
{
	unsigned major = major(at->stat.st_rdev), minor = minor(at->stat.st_rdev);
	for (size_t i = 0; i < array_size(devices); i++) {
		const struct device *d = &devices[i];
		if (!d->link && d->major == major && d->minor == minor)
			return device_open(at->kernel, t, d, at->guest, flags, ret_file);
	}
	return -ENXIO;
}

static int dev_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		    struct file **ret_file)
{
	const struct device *d = device_find(place_rel(at));
	if (!d)
		return -EACCES;
	return device_open(at->kernel, t, d, at->guest, flags, ret_file);
}

static int dev_list(const struct place *at, struct dir *dir)
{
	int err = 0;
	for (size_t i = 0; i < array_size(devices) && !err; i++)
		err = dir_add(dir, devices[i].name, FIRST_INODE + i,
			      devices[i].link ? DT_LNK : DT_CHR);
	return err;
}

const struct tree_ops devfs_tree = {
    .type = "devtmpfs",
    .stat = dev_stat,
    .readlink = dev_readlink,
    .open = dev_open,
    .list = dev_list,
};
