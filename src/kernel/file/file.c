/* SPDX-License-Identifier: MIT */
/* file.c - open files and the tables of descriptors that lead to them */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/event/async.h"
#include "kernel/event/epoll.h"
#include "kernel/event/inotify.h"
#include "kernel/file/fd.h"
#include "kernel/file/file.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/lease.h"
#include "kernel/file/lock.h"
#include "kernel/file/path.h"
#include "kernel/file/shm.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"

int file_create(struct kernel *k, const struct file_ops *ops, uint32_t flags, const char *path,
		void *ctx, struct file **ret_file)
{
	if (k->open_files >= k->settings.files && k->current && !task_can(k->current, CAP_SYS_ADMIN))
		return -ENFILE;
	struct file *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	if (path) {
		f->path = strdup(path);
		if (!f->path) {
			free(f);
			return -ENOMEM;
		}
		LIST_INSERT_HEAD(&k->mounts->named, f, named);
		f->mount = mount_ref(mounts_at(k->mounts, path, strlen(path)));
	}
	f->refs = 1;
	f->ops = ops;
	f->kernel = k;
	f->serial = ++k->last_file;
	k->open_files++;
	f->flags = flags & ~(uint32_t)(ABI_O_CREAT | ABI_O_EXCL | ABI_O_NOCTTY | ABI_O_TRUNC |
				       ABI_O_CLOEXEC);
	f->ctx = ctx;
	*ret_file = f;
	return 0;
}

struct file *file_ref(struct file *f)
{
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	struct kernel *k = f->kernel;
	struct stat st;
	if (--f->refs > 0)
		return;
	bool gone = inotify_closing(f, &st);
	locks_forget_file(f);
	lease_forget_file(f);
	epoll_forget_file(f);
	async_forget_file(f);
	if (f->ops->release)
		f->ops->release(f);
	if (f->path)
		LIST_REMOVE(f, named);
	mount_put(f->mount);
	free(f->path);
	free(f);
	k->open_files--;
	inotify_closed(k, &st, gone);
}

int file_stat_anonymous(struct file *f, struct stat *ret_stat)
{
	enum { DEVICE = 15, INODE = 1 };
	*ret_stat = (struct stat){.st_dev = DEVICE,
				  .st_ino = INODE,
				  .st_mode = 0600,
				  .st_nlink = 1,
				  .st_blksize = PAGE_SIZE};
	return 0;
}

void file_describe(const struct file *f, const struct task *t, struct text *ret_name)
{
	struct stat st;
	if (f->path) {
		text_add(ret_name, "%s%s", path_seen(t, f->path), f->unlinked ? " (deleted)" : "");
		return;
	}
	uint64_t number = f->ops->stat && f->ops->stat((struct file *)f, &st) == 0 ? st.st_ino : 0;
	if (f->ops->stat == file_stat_anonymous)
		text_add(ret_name, "anon_inode:%s", f->ops->name);
	else
		text_add(ret_name, "%s:[%lu]", f->ops->name, number);
}

int64_t file_seek_within(struct file *f, int64_t offset, int whence)
{
	uint64_t from = whence == SEEK_CUR ? f->pos : 0;
	if ((whence != SEEK_SET && whence != SEEK_CUR) || __builtin_add_overflow(from, offset, &offset) || offset < 0)
		return -EINVAL;
	f->pos = (uint64_t)offset;
	return offset;
}

/* Of a file that got no descriptor: what it would release stays the caller's. */
static const struct file_ops no_ops = {.name = "none"};

int64_t file_install_anonymous(struct task *t, const struct file_ops *ops, uint32_t flags, void *ctx)
{
	struct file *f;
	int err = file_create(t->process->kernel, ops, flags & (ABI_O_ACCMODE | ABI_O_NONBLOCK), NULL, ctx, &f);
	if (err)
		return err;
	int fd = fd_install(t->process->files, f, 0, fd_limit(t), flags & ABI_O_CLOEXEC);
	if (fd < 0) {
		f->ops = &no_ops;
		file_put(f);
	}
	return fd;
}

int file_limit(struct task *t, uint64_t pos, size_t *size)
{
	uint64_t limit = t ? t->process->limit[RLIMIT_FSIZE].soft : UINT64_MAX;
	if (pos >= limit && *size > 0) {
		(void)signal_send_task(t, &(struct signal_info){.number = SIGXFSZ});
		return -EFBIG;
	}
	*size = min_u64(*size, limit - pos);
	return 0;
}

int file_limit_size(struct task *t, uint64_t old, uint64_t size)
{
	size_t more = 1;
	return size > old && size > 0 ? file_limit(t, size - 1, &more) : 0;
}

int64_t file_pread(struct file *f, void *ret_bytes, size_t size, uint64_t pos)
{
	size_t done = 0;
	if (!f->ops->read)
		return -EINVAL;
	while (done < size) {
		int64_t n = f->ops->read(f, NULL, (char *)ret_bytes + done, size - done, &pos);
		if (n < 0)
			return done ? (int64_t)done : n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

bool object_file_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		      uint64_t *ret_inode)
{
	return hostnode_name(o, ret_name, ret_device, ret_inode) ||
	       shm_name(o, ret_name, ret_device, ret_inode) ||
	       shm_segment_name(o, ret_name, ret_device, ret_inode);
}

/* Descriptors: an array as long as the highest one in use ever was, doubled as it grows. */

struct fd_entry {
	struct file *file;
	bool cloexec;
};

struct fd_table {
	unsigned refs;
	unsigned lowest; /* none below it is free */
	unsigned size;
	struct fd_entry *entry;
};

/* Sizes are Linux's: select looks at no more than the table holds, and /proc/PID/status tells. */
enum { FD_MAX = 1 << 20, FD_MIN = 64 };

static unsigned fd_size_for(unsigned files)
{
	unsigned size = FD_MIN;
	while (size < files)
		size *= 2;
	return size;
}

static int fd_table_create_for(unsigned size, struct fd_table **ret_table)
{
	struct fd_table *ft = calloc(1, sizeof(*ft));
	struct fd_entry *e = calloc(size, sizeof(*e));
	if (!ft || !e) {
		free(ft);
		free(e);
		return -ENOMEM;
	}
	*ft = (struct fd_table){.refs = 1, .size = size, .entry = e};
	*ret_table = ft;
	return 0;
}

int fd_table_create(struct fd_table **ret_table)
{
	return fd_table_create_for(FD_MIN, ret_table);
}

int fd_table_copy(const struct fd_table *from, struct fd_table **ret_table)
{
	struct fd_table *ft;
	unsigned files = from->size;
	while (files > 0 && !from->entry[files - 1].file)
		files--;
	int err = fd_table_create_for(fd_size_for(files), &ft);
	if (err)
		return err;
	ft->lowest = from->lowest;
	for (unsigned i = 0; i < files; i++) {
		ft->entry[i] = from->entry[i];
		if (ft->entry[i].file)
			file_ref(ft->entry[i].file);
	}
	*ret_table = ft;
	return 0;
}

struct fd_table *fd_table_ref(struct fd_table *ft)
{
	ft->refs++;
	return ft;
}

void fd_table_put(struct fd_table *ft)
{
	if (--ft->refs > 0)
		return;
	for (unsigned i = 0; i < ft->size; i++) {
		if (ft->entry[i].file)
			(void)fd_close(ft, (int)i);
	}
	free(ft->entry);
	free(ft);
}

static struct fd_entry *fd_entry(const struct fd_table *ft, int fd)
{
	if (fd < 0 || (unsigned)fd >= ft->size || !ft->entry[fd].file)
		return NULL;
	return &ft->entry[fd];
}

struct file *fd_get(const struct fd_table *ft, int fd)
{
	const struct fd_entry *e = fd_entry(ft, fd);
	return e ? e->file : NULL;
}

static int fd_table_grow(struct fd_table *ft, unsigned size)
{
	unsigned to = fd_size_for(size);
	struct fd_entry *e = realloc(ft->entry, to * sizeof(*e));
	if (!e)
		return -ENOMEM;
	memset(e + ft->size, 0, (to - ft->size) * sizeof(*e));
	ft->entry = e;
	ft->size = to;
	return 0;
}

int fd_install(struct fd_table *ft, struct file *f, int from, uint64_t limit, bool cloexec)
{
	bool any = (unsigned)from <= ft->lowest;
	unsigned fd = any ? ft->lowest : (unsigned)from;
	limit = min_u64(limit, FD_MAX);
	while (fd < ft->size && ft->entry[fd].file)
		fd++;
	if (fd >= limit)
		return -EMFILE;
	if (fd >= ft->size) {
		int err = fd_table_grow(ft, fd + 1);
		if (err)
			return err;
	}
	ft->entry[fd] = (struct fd_entry){f, cloexec};
	if (any)
		ft->lowest = fd + 1;
	return (int)fd;
}

int fd_give(struct task *t, struct file *f, bool cloexec)
{
	int fd = fd_install(t->process->files, f, 0, fd_limit(t), cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

uint64_t fd_limit(const struct task *t)
{
	return t->process->limit[RLIMIT_NOFILE].soft;
}

int fd_replace(struct fd_table *ft, struct file *f, int fd, bool cloexec)
{
	if ((unsigned)fd >= ft->size) {
		int err = fd_table_grow(ft, (unsigned)fd + 1);
		if (err)
			return err;
	}
	if (ft->entry[fd].file)
		(void)fd_close(ft, fd);
	ft->entry[fd] = (struct fd_entry){f, cloexec};
	return fd;
}

int fd_close(struct fd_table *ft, int fd)
{
	struct fd_entry *e = fd_entry(ft, fd);
	if (!e)
		return -EBADF;
	struct file *f = e->file;
	*e = (struct fd_entry){NULL, false};
	ft->lowest = (unsigned)min_u64(ft->lowest, (unsigned)fd);
	locks_forget_owner(f, ft);
	if (f->ops->closed)
		f->ops->closed(f, ft);
	file_put(f);
	return 0;
}

void fd_close_on_exec(struct fd_table *ft)
{
	for (unsigned i = 0; i < ft->size; i++) {
		if (ft->entry[i].file && ft->entry[i].cloexec)
			(void)fd_close(ft, (int)i);
	}
}

bool fd_cloexec(const struct fd_table *ft, int fd)
{
	const struct fd_entry *e = fd_entry(ft, fd);
	return e && e->cloexec;
}

void fd_set_cloexec(struct fd_table *ft, int fd, bool cloexec)
{
	struct fd_entry *e = fd_entry(ft, fd);
	if (e)
		e->cloexec = cloexec;
}

int fd_next(const struct fd_table *ft, int from)
{
	for (unsigned i = (unsigned)from; i < ft->size; i++) {
		if (ft->entry[i].file)
			return (int)i;
	}
	return -1;
}

unsigned fd_table_size(const struct fd_table *ft)
{
	return ft->size;
}

bool fd_table_shared(const struct fd_table *ft)
{
	return ft->refs > 1;
}

/* The working directory and umask of a process. */

struct fs {
	unsigned refs;
	struct kernel *kernel;
	char *cwd, *root;
	struct mount *cwd_mount, *root_mount; /* in which they lie, counted */
	bool gone; /* the working directory was removed */
	uint32_t umask;
	LIST_ENTRY(fs) link;
};

int fs_create(struct kernel *k, const char *cwd, struct fs **ret_fs)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	char *copy = strdup(cwd), *root = strdup("/");
	if (!fs || !copy || !root) {
		free(fs);
		free(copy);
		free(root);
		return -ENOMEM;
	}
	fs->refs = 1;
	fs->kernel = k;
	fs->cwd = copy;
	fs->root = root;
	fs->cwd_mount = mount_ref(mounts_at(k->mounts, cwd, strlen(cwd)));
	fs->root_mount = mount_ref(k->mounts->mount[0]);
	fs->umask = 022;
	LIST_INSERT_HEAD(&k->mounts->fss, fs, link);
	*ret_fs = fs;
	return 0;
}

static void set_mount(struct mount **m, struct mount *to)
{
	mount_ref(to);
	mount_put(*m);
	*m = to;
}

int fs_copy(const struct fs *from, struct fs **ret_fs)
{
	struct fs *fs;
	int err = fs_create(from->kernel, from->cwd, &fs);
	if (err)
		return err;
	err = fs_chroot(fs, from->root);
	if (err) {
		fs_put(fs);
		return err;
	}
	set_mount(&fs->cwd_mount, from->cwd_mount);
	set_mount(&fs->root_mount, from->root_mount);
	fs->umask = from->umask;
	fs->gone = from->gone;
	*ret_fs = fs;
	return 0;
}

struct fs *fs_ref(struct fs *fs)
{
	fs->refs++;
	return fs;
}

void fs_put(struct fs *fs)
{
	if (--fs->refs > 0)
		return;
	LIST_REMOVE(fs, link);
	mount_put(fs->cwd_mount);
	mount_put(fs->root_mount);
	free(fs->cwd);
	free(fs->root);
	free(fs);
}

const char *fs_cwd(const struct fs *fs)
{
	return fs->cwd;
}

bool fs_shared(const struct fs *fs)
{
	return fs && fs->refs > 1;
}

bool fs_cwd_gone(const struct fs *fs)
{
	return fs->gone;
}

uint32_t fs_umask(const struct fs *fs)
{
	return fs->umask;
}

uint32_t fs_set_umask(struct fs *fs, uint32_t mask)
{
	uint32_t old = fs->umask;
	fs->umask = mask & 0777;
	return old;
}

static int set_place(const struct fs *fs, char **name, struct mount **m, const char *guest)
{
	char *copy = strdup(guest);
	if (!copy)
		return -ENOMEM;
	free(*name);
	*name = copy;
	set_mount(m, mounts_at(fs->kernel->mounts, guest, strlen(guest)));
	return 0;
}

int fs_chdir(struct fs *fs, const char *guest)
{
	int err = set_place(fs, &fs->cwd, &fs->cwd_mount, guest);
	if (!err)
		fs->gone = false;
	return err;
}

int fs_chroot(struct fs *fs, const char *guest)
{
	return set_place(fs, &fs->root, &fs->root_mount, guest);
}

const char *fs_root(const struct fs *fs)
{
	return fs->root;
}

bool path_lies_in(const char *path, size_t size, const char *dir, size_t dir_size)
{
	return dir_size == 1 || (dir_size <= size && memcmp(path, dir, dir_size) == 0 &&
				 (path[dir_size] == '/' || dir_size == size));
}

const char *path_below(const char *root, const char *path)
{
	size_t n = strlen(root);
	if (n == 1 || !path_lies_in(path, strlen(path), root, n))
		return path;
	return path[n] ? path + n : "/";
}

const char *path_seen(const struct task *t, const char *path)
{
	return t && t->process->fs ? path_below(t->process->fs->root, path) : path;
}

/* Names follow renames, as they do on Linux, where an open file remembers its directory entry. */

/* The path under to that path under from becomes; NULL: it does not lie there, or no memory. */
static char *name_moved(const char *path, const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to);
	if (strncmp(path, from, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	char *moved = malloc(m + strlen(path + n) + 1);
	if (!moved)
		return NULL;
	memcpy(moved, to, m);
	strcpy(moved + m, path + n);
	return moved;
}

static bool name_move(char **path, const char *from, const char *to)
{
	char *moved = name_moved(*path, from, to);
	if (!moved)
		return false;
	free(*path);
	*path = moved;
	return true;
}

static void name_rename(char **path, bool *gone, const char *from, const char *to)
{
	if (!*gone)
		(void)name_move(path, from, to);
}

static void name_exchange(char **path, bool *gone, const char *a, const char *b)
{
	if (!*gone && !name_move(path, a, b))
		(void)name_move(path, b, a);
}

static void name_remove(char **path, bool *gone, const char *a, const char *b)
{
	if (strcmp(*path, a) == 0)
		*gone = true;
}

/* Of what was opened, or is a working or root directory, in one mount: what a later one hides has other names. */
static void names_each_in(const struct mount *m, name_change *change, const char *a, const char *b)
{
	struct mounts *all = m->kernel->mounts;
	struct file *f;
	struct fs *fs;
	bool gone = false;
	LIST_FOREACH (f, &all->named, named) {
		if (f->mount == m)
			change(&f->path, &f->unlinked, a, b);
	}
	LIST_FOREACH (fs, &all->fss, link) {
		if (fs->cwd_mount == m)
			change(&fs->cwd, &fs->gone, a, b);
		if (fs->root_mount == m)
			change(&fs->root, &gone, a, b);
	}
}

static void names_each(struct kernel *k, name_change *change, const char *a, const char *b)
{
	const struct mount *m = mounts_at(k->mounts, a, strlen(a));
	names_each_in(m, change, a, b);
	hostnodes_names(k->mounts->hostfs, change, a, b);
	struct shm *s;
	for (s = shm_first(k); s; s = shm_next(s))
		shm_names(s, change, a, b);
}

void names_moved(struct kernel *k, const char *from, const char *to)
{
	names_each(k, name_remove, to, NULL);
	names_each(k, name_rename, from, to);
}

void names_exchanged(struct kernel *k, const char *a, const char *b)
{
	names_each(k, name_exchange, a, b);
}

void names_removed(struct kernel *k, const char *path)
{
	names_each(k, name_remove, path, NULL);
}

static void name_lose(char **path, bool *gone, const char *a, const char *b)
{
	*gone = true;
}

void names_moved_in(const struct mount *m, const char *from, const char *to)
{
	names_each_in(m, name_rename, from, to);
}

void names_detached(const struct mount *m)
{
	names_each_in(m, name_lose, NULL, NULL);
}

void names_given(struct file *f, const char *path)
{
	char *copy = strdup(path);
	if (!copy || !f->path) {
		free(copy);
		return;
	}
	free(f->path);
	f->path = copy;
	f->unlinked = false;
}
