/* SPDX-License-Identifier: MIT */
/* sys_mount.c - mount, umount2, chroot: the tree changed from within, by who has CAP_SYS_ADMIN
 *
 * There is one tree for all, which chroot shows a part of: nothing is passed on between mounts, and what a
 * program asks of that (MS_SHARED and its like) is heard and changes nothing. What the person said cannot be
 * written stays so. A directory that somebody is in when another tree is mounted over it is that tree for
 * him, too, as he is there by its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

/* Linux's flags of mount. */
enum {
	M_RDONLY = 1,
	M_NOSUID = 2,
	M_NODEV = 4,
	M_NOEXEC = 8,
	M_REMOUNT = 32,
	M_NOSYMFOLLOW = 256,
	M_NOATIME = 1024,
	M_NODIRATIME = 2048,
	M_BIND = 4096,
	M_MOVE = 8192,
	M_REC = 16384,
	M_SILENT = 32768,
	M_UNBINDABLE = 1 << 17,
	M_PRIVATE = 1 << 18,
	M_SLAVE = 1 << 19,
	M_SHARED = 1 << 20,
	M_PASSED = M_UNBINDABLE | M_PRIVATE | M_SLAVE | M_SHARED,
	M_STRICTATIME = 1 << 24,
};

/* What mount was asked for. */
struct request {
	struct task *task;
	char *source, *type, *options; /* NULL: none given */
	uint32_t flags;
	struct place at; /* where */
};

static uint32_t flags_of(uint32_t asked)
{
	static const struct {
		uint32_t asked, flag;
	} same[] = {{M_NOSUID, MOUNT_NOSUID},	{M_NODEV, MOUNT_NODEV},		  {M_NOEXEC, MOUNT_NOEXEC},
		    {M_NOATIME, MOUNT_NOATIME}, {M_NODIRATIME, MOUNT_NODIRATIME}, {M_NOSYMFOLLOW, MOUNT_NOSYMFOLLOW}};
	uint32_t flags = asked & (M_NOATIME | M_STRICTATIME) ? 0 : MOUNT_RELATIME;
	for (size_t i = 0; i < array_size(same); i++) {
		if (asked & same[i].asked)
			flags |= same[i].flag;
	}
	return flags;
}

/* Is the place the root of a mount, which can be told by its name alone? */
static bool is_mounted(const struct place *at)
{
	return !at->file && at->mount->guest_size == at->size;
}

/* Files that are open for writing in x. */
static bool has_writers(const struct mount *x)
{
	struct file *f;
	struct stat st;
	LIST_FOREACH (f, &x->kernel->mounts->named, named) {
		if (f->mount == x && (f->flags & ABI_O_ACCMODE) != ABI_O_RDONLY && f->ops->stat &&
		    f->ops->stat(f, &st) == 0 && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

static int64_t remount(struct request *r)
{
	struct mount *x = r->at.mount;
	bool readonly = r->flags & M_RDONLY;
	if (!is_mounted(&r->at))
		return -EINVAL;
	if (x->guarded && !readonly)
		return -EROFS;
	if (readonly && !x->readonly && has_writers(x))
		return -EBUSY;
	int err = !(r->flags & M_BIND) && r->options && x->shm ? shm_options(x->shm, r->options, true) : 0;
	if (err)
		return err;
	x->readonly = readonly;
	if (!(r->flags & M_BIND))
		x->whole = readonly;
	x->flags = flags_of(r->flags);
	return 0;
}

/* One of the kinds, and of those no two. */
static int64_t pass_on(const struct request *r)
{
	uint32_t kind = r->flags & ~(uint32_t)(M_REC | M_SILENT);
	if (!is_mounted(&r->at) || kind & ~(uint32_t)M_PASSED || kind & (kind - 1))
		return -EINVAL;
	return 0;
}

/* Hangs x in where at is. */
static int64_t attach(const struct place *at, struct mount *x, bool directory)
{
	int err = directory != S_ISDIR(at->stat.st_mode) ? -ENOTDIR : 0;
	/* What has no name cannot be found again; nothing is above the root. */
	if (!err && at->file)
		err = -EINVAL;
	if (!err && at->size == 1)
		err = -EBUSY;
	if (!err)
		err = mount_attach(at->kernel->mounts, x, false);
	if (err)
		mount_put(x);
	return err;
}

/* The mounts below from are bound, too, below the one that was just bound at to. */
static int bind_below(struct request *r, const char *from, const char *to)
{
	struct mounts *m = r->task->process->kernel->mounts;
	unsigned count = m->count - 1; /* without that one */
	size_t from_size = strlen(from), to_size = strlen(to), n = from_size == 1 ? 0 : from_size;
	int err = 0;
	for (unsigned i = 1; !err && i < count; i++) {
		struct mount *y = m->mount[i];
		struct place *at;
		char name[PATH_SIZE];
		if (y->guest_size == from_size || !path_lies_in(y->guest, y->guest_size, from, from_size) ||
		    path_lies_in(y->guest, y->guest_size, to, to_size) || !mount_visible(m, y))
			continue;
		if (to_size + y->guest_size - n >= sizeof(name))
			return -ENAMETOOLONG;
		strcpy(name, to);
		strcat(name, y->guest + n);
		at = malloc(sizeof(*at));
		if (!at)
			return -ENOMEM;
		struct mount *x;
		err = path_find(m->kernel, NULL, ABI_AT_FDCWD, y->guest, 0, at);
		if (!err)
			err = mount_bind(at, name, &x);
		if (!err)
			err = mount_attach(m, x, false);
		free(at);
	}
	return err;
}

/* What is to be bound or moved. The caller frees *ret_from. */
static int source_find(const struct request *r, struct place **ret_from)
{
	if (!r->source || !*r->source)
		return -EINVAL;
	struct place *from = malloc(sizeof(*from));
	int err = from ? path_find(r->task->process->kernel, r->task, ABI_AT_FDCWD, r->source, FIND_FOLLOW, from) : -ENOMEM;
	if (err)
		free(from);
	else
		*ret_from = from;
	return err;
}

static int64_t bind(struct request *r)
{
	struct place *from;
	struct mount *x;
	int64_t err = source_find(r, &from);
	if (err)
		return err;
	if (from->file)
		err = -EINVAL;
	if (!err)
		err = mount_bind(from, r->at.guest, &x);
	if (!err)
		err = attach(&r->at, x, S_ISDIR(from->stat.st_mode));
	if (!err && r->flags & M_REC)
		err = bind_below(r, from->guest, r->at.guest);
	free(from);
	return err;
}

static int64_t move(struct request *r)
{
	struct place *from;
	int64_t err = source_find(r, &from);
	if (err)
		return err;
	if (!is_mounted(from) || from->size == 1 || r->at.file || r->at.size == 1 ||
	    S_ISDIR(from->stat.st_mode) != S_ISDIR(r->at.stat.st_mode))
		err = -EINVAL;
	else if (path_lies_in(r->at.guest, r->at.size, from->guest, from->size))
		err = -ELOOP;
	else
		err = mount_move(r->at.kernel->mounts, from->mount, r->at.guest);
	free(from);
	return err;
}

/* ---- New ones ---- */

static const struct tree_ops *const kinds[] = {&shm_tree, &procfs_tree, &sysfs_tree, &devpts_tree, &devfs_tree};

/* The one mount that there is of such a tree, or of another name for it. */
static const struct mount *first_of(const struct mounts *m, const struct tree_ops *ops)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (m->mount[i]->ops == ops)
			return m->mount[i];
	}
	return NULL;
}

static int fill(struct request *r, struct mount *x)
{
	struct kernel *k = x->kernel;
	x->readonly = x->whole = r->flags & M_RDONLY;
	x->flags = flags_of(r->flags);
	x->source = strdup(r->source ? r->source : "none");
	if (!x->source)
		return -ENOMEM;
	if (x->ops != &shm_tree) {
		const struct mount *same = first_of(k->mounts, x->ops);
		if (same)
			x->device = same->device;
		return 0;
	}
	int err = shm_create(k, x->device, k->mm->frames / 2, &x->shm);
	return err || !r->options ? err : shm_options(x->shm, r->options, false);
}

static int64_t mount_new(struct request *r)
{
	const struct tree_ops *ops = NULL;
	struct mount *x;
	if (!r->type)
		return -EINVAL;
	for (size_t i = 0; i < array_size(kinds); i++) {
		if (strcmp(r->type, kinds[i]->type) == 0)
			ops = kinds[i];
	}
	/* Its files are always in RAM: swap is not for them on Linux, which nobody sees. */
	if (strcmp(r->type, "ramfs") == 0)
		ops = &shm_tree;
	if (!ops)
		return -ENODEV;
	/* The same tree in the same place. */
	if (ops != &shm_tree && is_mounted(&r->at) && r->at.mount->ops == ops && !r->at.mount->base)
		return -EBUSY;
	int err = mount_make(r->task->process->kernel, ops, r->at.guest, &x);
	if (err)
		return err;
	err = fill(r, x);
	if (err) {
		mount_put(x);
		return err;
	}
	return attach(&r->at, x, true);
}

static int64_t mount_found(struct request *r)
{
	if ((r->flags & 0xffff0000U) == 0xc0ed0000U) /* a magic number of old */
		r->flags &= 0xffff;
	if (!task_can(r->task, CAP_SYS_ADMIN))
		return -EPERM;
	if (r->flags & M_REMOUNT)
		return remount(r);
	if (r->flags & M_BIND)
		return bind(r);
	if (r->flags & M_PASSED)
		return pass_on(r);
	if (r->flags & M_MOVE)
		return move(r);
	return mount_new(r);
}

/* A string of the program's, which may be missing. */
static int read_text(struct task *t, uint64_t va, char **ret_text)
{
	char text[PATH_SIZE];
	if (!va)
		return 0;
	int n = uaccess_string(t, text, va, sizeof(text));
	if (n == -ENAMETOOLONG)
		n = -EINVAL;
	if (n >= 0)
		*ret_text = strdup(text);
	return n < 0 ? n : *ret_text ? 0 : -ENOMEM;
}

int64_t sys_mount(struct task *t, const uint64_t a[6])
{
	struct request *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->task = t;
	r->flags = (uint32_t)a[3];
	int64_t err = read_text(t, a[2], &r->type);
	if (!err)
		err = read_text(t, a[0], &r->source);
	if (!err)
		err = read_text(t, a[4], &r->options);
	if (!err)
		err = path_find_user(t, ABI_AT_FDCWD, a[1], FIND_FOLLOW, &r->at);
	if (!err)
		err = mount_found(r);
	free(r->type);
	free(r->source);
	free(r->options);
	free(r);
	return err;
}

/* ---- Taken away ---- */

/* Has a program something of it mapped? The file may be closed. */
static bool is_mapped(const struct mount *x)
{
	struct kernel *k = x->kernel;
	bool mapped = false;
	for (struct process *p = process_first(k); p && !mapped; p = process_next(p)) {
		const struct region *r = p->space ? regions_first(&p->space->regions) : NULL;
		for (; r && !mapped; r = region_next(r)) {
			struct text name = TEXT;
			uint64_t device, inode;
			mapped = r->object && object_file_name(r->object, &name, &device, &inode) && name.size > 0 &&
				 mounts_at(k->mounts, text_str(&name), name.size) == x;
			text_finish(&name);
		}
	}
	return mapped;
}

static int64_t unmount(struct task *t, const struct place *at, uint32_t flags)
{
	enum { FORCE = 1, DETACH = 2, EXPIRE = 4 };
	struct mounts *m = at->kernel->mounts;
	struct mount *x = at->mount;
	if (!is_mounted(at))
		return -EINVAL;
	bool root = strcmp(at->guest, fs_root(t->process->fs)) == 0;
	if (flags & EXPIRE && (root || flags & (FORCE | DETACH)))
		return -EINVAL;
	/* The root stays, and is made read-only. */
	if (root && !(flags & DETACH))
		return x->readonly ? 0 : has_writers(x) ? -EBUSY : (x->readonly = true, 0);
	if (at->size == 1)
		return -EINVAL;
	if (!(flags & DETACH) && (x->refs > 1 || mount_has_others(m, x) || is_mapped(x)))
		return -EBUSY;
	if (flags & EXPIRE && !x->expires) {
		x->expires = true;
		return -EAGAIN;
	}
	mount_detach(m, x);
	return 0;
}

int64_t sys_umount2(struct task *t, const uint64_t a[6])
{
	enum { NOFOLLOW = 8, FLAGS = 15 };
	uint32_t flags = (uint32_t)a[1];
	struct place at;
	if (flags & ~(uint32_t)FLAGS)
		return -EINVAL;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], flags & NOFOLLOW ? 0 : FIND_FOLLOW, &at);
	if (err)
		return err;
	return task_can(t, CAP_SYS_ADMIN) ? unmount(t, &at, flags) : -EPERM;
}

int64_t sys_chroot(struct task *t, const uint64_t a[6])
{
	struct place at;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], FIND_FOLLOW, &at);
	if (err)
		return err;
	if (at.file || !S_ISDIR(at.stat.st_mode))
		return -ENOTDIR;
	err = place_access(&at, t, X_OK);
	if (!err && !task_can(t, CAP_SYS_CHROOT))
		err = -EPERM;
	return err ? err : fs_chroot(t->process->fs, at.guest);
}
