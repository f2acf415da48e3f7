/* SPDX-License-Identifier: MIT */
/* shmtree.c - directories that live in RAM: the names of /dev/shm */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/dev.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"

static int entry_compare(const struct shm_entry *a, const struct shm_entry *b)
{
	return strcmp(a->name, b->name);
}

RB_GENERATE_INTERNAL(shm_entries, shm_entry, tree, entry_compare, __attribute__((unused)) static)

/* ---- Finding ---- */

/* The entry of the first size bytes of name. */
static struct shm_entry *entry_find(const struct shm_node *dir, const char *name, size_t size)
{
	struct shm_entry *e = RB_ROOT(&dir->entries);
	while (e) {
		int d = strncmp(name, e->name, size);
		if (d == 0)
			d = e->name[size] ? -1 : 0;
		if (d == 0)
			return e;
		e = d < 0 ? RB_LEFT(e, tree) : RB_RIGHT(e, tree);
	}
	return NULL;
}

/* Where a name is, or would be: a directory and a last component. */
struct spot {
	struct shm_node *dir;
	const char *name;
	struct shm_entry *entry; /* NULL: there is none */
};

static struct shm_node *top_of(const struct mount *m)
{
	return m->top ? m->top : m->shm->root;
}

/* Returns 0, -ENOENT or -ENOTDIR (a directory on the way), or -EBUSY: the root, which has no name. */
static int spot_find(const struct place *at, struct spot *ret_spot)
{
	struct shm_node *dir = top_of(at->mount);
	const char *name = place_rel(at);
	if (*name == '\0')
		return -EBUSY;
	for (;;) {
		size_t n = strcspn(name, "/");
		struct shm_entry *e = entry_find(dir, name, n);
		if (name[n] == '\0') {
			*ret_spot = (struct spot){dir, name, e};
			return 0;
		}
		if (!e)
			return -ENOENT;
		if (!S_ISDIR(e->node->mode))
			return -ENOTDIR;
		dir = e->node;
		name += n + 1;
	}
}

/* The node that is there, or NULL. */
static struct shm_node *node_at(const struct place *at)
{
	struct spot s;
	int err = spot_find(at, &s);
	if (err == -EBUSY)
		return top_of(at->mount);
	return !err && s.entry ? s.entry->node : NULL;
}

/* ---- Names come and go ---- */

static struct shm_entry *entry_make(const char *name)
{
	size_t size = strlen(name) + 1;
	struct shm_entry *e = calloc(1, sizeof(*e) + size);
	if (e)
		memcpy(e->name, name, size);
	return e;
}

/* n has one name more, e in dir, which takes over a reference. */
static void entry_add(struct shm_node *dir, struct shm_entry *e, struct shm_node *n)
{
	e->node = n;
	RB_INSERT(shm_entries, &dir->entries, e);
	dir->count++;
	if (S_ISDIR(n->mode)) {
		n->parent = dir;
		dir->links++;
	} else {
		n->links++;
	}
	n->linkable = false;
	shm_node_changed(dir, true);
	shm_node_changed(n, false);
}

/* Takes e out of dir; its reference to the node is the caller's. */
static struct shm_node *entry_take(struct shm_node *dir, struct shm_entry *e)
{
	struct shm_node *n = e->node;
	RB_REMOVE(shm_entries, &dir->entries, e);
	dir->count--;
	if (S_ISDIR(n->mode))
		dir->links--;
	else
		n->links--;
	shm_node_changed(dir, true);
	shm_node_changed(n, false);
	return n;
}

static void entry_remove(struct shm_node *dir, struct shm_entry *e)
{
	struct shm_node *n = entry_take(dir, e);
	free(e);
	if (S_ISDIR(n->mode)) {
		n->links = 0;
		n->parent = NULL;
	}
	shm_node_put(n);
}

/* Depth first without recursion: a tree may be deeper than any path. */
void shm_tree_clear(struct shm *s)
{
	struct shm_node *dir = s->root;
	while (dir != s->root || !RB_EMPTY(&dir->entries)) {
		struct shm_entry *e = RB_ROOT(&dir->entries);
		if (e && S_ISDIR(e->node->mode) && !RB_EMPTY(&e->node->entries)) {
			dir = e->node;
		} else if (e) {
			entry_remove(dir, e);
		} else {
			dir = dir->parent;
		}
	}
}

/* A new node that is to be in dir. */
static int node_new(const struct shm_node *dir, const struct task *t, uint32_t mode, const char *target,
		    struct shm_node **ret_node)
{
	struct stat st;
	uint32_t gid = 0;
	shm_node_stat(dir, &st);
	if (t)
		permission_new(&st, t, S_ISDIR(mode), &gid, &mode);
	int err = shm_node_create(dir->shm, t, mode, target, ret_node);
	if (!err && t)
		(*ret_node)->gid = gid;
	return err;
}

/* A new node with its name. */
static int node_make(const struct place *at, uint32_t mode, const char *target,
		     struct shm_node **ret_node)
{
	struct spot s;
	struct shm_node *n;
	int err = spot_find(at, &s);
	if (!err && s.entry)
		err = -EEXIST;
	if (err)
		return err;
	struct shm_entry *e = entry_make(s.name);
	if (!e)
		return -ENOMEM;
	err = node_new(s.dir, at->task, mode, target, &n);
	if (err) {
		free(e);
		return err;
	}
	entry_add(s.dir, e, n);
	*ret_node = n;
	return 0;
}

/* ---- The operations of a tree ---- */

static int shmtree_stat(const struct place *at, struct stat *ret_stat)
{
	struct spot s;
	int err = spot_find(at, &s);
	if (err == -EBUSY) {
		shm_node_stat(top_of(at->mount), ret_stat);
		return 0;
	}
	if (err || !s.entry)
		return err ? err : -ENOENT;
	shm_node_stat(s.entry->node, ret_stat);
	return 0;
}

static int shmtree_birth(const struct place *at, struct timespec *ret_time)
{
	struct spot s;
	int err = spot_find(at, &s);
	const struct shm_node *n = err == -EBUSY ? top_of(at->mount) : err || !s.entry ? NULL : s.entry->node;
	if (!n)
		return err ? err : -ENOENT;
	*ret_time = n->born;
	return 0;
}

static int shmtree_readlink(const struct place *at, char *ret_text, unsigned size)
{
	const struct shm_node *n = node_at(at);
	if (!n || !n->target)
		return -EINVAL;
	size = (unsigned)min_u64(size, strlen(n->target));
	memcpy(ret_text, n->target, size);
	return (int)size;
}

static int shmtree_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
			struct file **ret_file)
{
	struct shm_node *n;
	int err = 0;
	if (at->exists) {
		if (S_ISFIFO(at->stat.st_mode))
			return fifo_open(at, t, flags, ret_file);
		if (S_ISCHR(at->stat.st_mode))
			return dev_open_number(at, t, flags, ret_file);
		n = node_at(at);
		if (!n || !n->object)
			return -ENXIO;
		if (flags & ABI_O_TRUNC)
			err = shm_node_resize(n, 0);
	} else {
		err = node_make(at, S_IFREG | (mode & 07777), NULL, &n);
	}
	return err ? err : shm_open(n, flags, at->guest, ret_file);
}

static int shmtree_list(const struct place *at, struct dir *d)
{
	const struct shm_node *n = node_at(at);
	struct shm_entry *e;
	if (!n || !S_ISDIR(n->mode))
		return -ENOTDIR;
	RB_FOREACH (e, shm_entries, (struct shm_entries *)(uintptr_t)&n->entries) {
		int err = dir_add(d, e->name, e->node->inode, IFTODT(e->node->mode));
		if (err)
			return err;
	}
	return 0;
}

static int shmtree_statfs(const struct place *at, struct statfs *ret_statfs)
{
	shm_statfs(at->mount->shm, ret_statfs);
	return 0;
}

static int shmtree_mkdir(const struct place *at, uint32_t mode)
{
	struct shm_node *n;
	return node_make(at, S_IFDIR | (mode & 01777), NULL, &n);
}

static int shmtree_mknod(const struct place *at, uint32_t mode, uint64_t device)
{
	struct shm_node *n;
	uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
	int err = node_make(at, type | (mode & 07777), NULL, &n);
	if (!err && (S_ISCHR(mode) || S_ISBLK(mode)))
		n->rdev = device;
	return err;
}

static int shmtree_symlink(const struct place *at, const char *target)
{
	struct shm_node *n;
	return node_make(at, S_IFLNK | 0777, target, &n);
}

static int shmtree_unlink(const struct place *at, bool directory)
{
	struct spot s;
	int err = spot_find(at, &s);
	if (err || !s.entry)
		return err ? err : -ENOENT;
	if (directory && s.entry->node->count)
		err = -ENOTEMPTY;
	if (!err)
		entry_remove(s.dir, s.entry);
	return err;
}

/* Two names change what they name. */
static void exchange(const struct spot *a, const struct spot *b)
{
	struct shm_node *x = entry_take(a->dir, a->entry), *y = entry_take(b->dir, b->entry);
	entry_add(a->dir, a->entry, y);
	entry_add(b->dir, b->entry, x);
}

static int replace_check(const struct shm_node *n, const struct shm_node *over)
{
	if (S_ISDIR(n->mode) && !S_ISDIR(over->mode))
		return -ENOTDIR;
	if (!S_ISDIR(n->mode) && S_ISDIR(over->mode))
		return -EISDIR;
	return over->count ? -ENOTEMPTY : 0;
}

static int shmtree_rename(const struct place *from, const struct place *to, unsigned flags)
{
	struct spot a, b;
	int err = spot_find(from, &a);
	if (!err)
		err = spot_find(to, &b);
	if (err || !a.entry)
		return err ? err : -ENOENT;
	if (b.entry && b.entry->node == a.entry->node)
		return 0;
	if (flags & RENAME_EXCHANGE) {
		/* A directory must not come to lie below itself. */
		for (const struct shm_node *d = a.dir; d != d->parent; d = d->parent)
			if (d == b.entry->node)
				return -EINVAL;
		exchange(&a, &b);
		return 0;
	}
	if (b.entry) {
		err = replace_check(a.entry->node, b.entry->node);
		if (err)
			return err;
	}
	struct shm_entry *e = entry_make(b.name);
	if (!e)
		return -ENOMEM;
	if (b.entry)
		entry_remove(b.dir, b.entry);
	entry_add(b.dir, e, entry_take(a.dir, a.entry));
	free(a.entry);
	return 0;
}

/* Gives n the name to. */
static int node_link(struct shm_node *n, const struct place *to)
{
	struct spot s;
	int err = spot_find(to, &s);
	if (!err && s.entry)
		err = -EEXIST;
	struct shm_entry *e = err ? NULL : entry_make(s.name);
	if (!e)
		return err ? err : -ENOMEM;
	n->refs++;
	entry_add(s.dir, e, n);
	return 0;
}

static int shmtree_link(const struct place *from, const struct place *to)
{
	struct shm_node *n = node_at(from);
	return n ? node_link(n, to) : -ENOENT;
}

int shm_link(struct file *f, const struct place *to)
{
	struct shm_node *n = shm_node_of(f);
	if (to->mount->ops != &shm_tree || n->shm != to->mount->shm)
		return -EXDEV;
	return n->links || n->linkable ? node_link(n, to) : -ENOENT;
}

int shm_bind(const struct place *at, struct mount *x)
{
	struct shm_node *n = node_at(at);
	if (!n)
		return -ENOENT;
	n->refs++;
	x->top = n;
	return 0;
}

/* Files know no parent, as they may have many names: of those the path says the last part. */
const char *shm_node_path(const struct shm_node *n, char *buffer)
{
	char *at = buffer + PATH_SIZE - 1;
	const struct shm_node *up;
	const char *slash = n->name ? strrchr(n->name, '/') : NULL;
	*at = '\0';
	if (!S_ISDIR(n->mode))
		return slash ? slash : "/";
	if (!n->parent)
		return "//deleted";
	for (; (up = n->parent) && up != n; n = up) {
		struct shm_entry *e;
		RB_FOREACH (e, shm_entries, (struct shm_entries *)(uintptr_t)&up->entries) {
			if (e->node == n)
				break;
		}
		size_t size = e ? strlen(e->name) : 0;
		if ((size_t)(at - buffer) <= size)
			break;
		at -= size;
		memcpy(at, e ? e->name : "", size);
		*--at = '/';
	}
	return *at ? at : "/";
}

static int shmtree_chmod(const struct place *at, uint32_t mode)
{
	struct shm_node *n = node_at(at);
	if (n && n->target)
		return -EOPNOTSUPP;
	return n ? shm_node_chmod(n, mode) : -ENOENT;
}

static int shmtree_chown(const struct place *at, uint32_t uid, uint32_t gid)
{
	struct shm_node *n = node_at(at);
	if (n)
		shm_node_chown(n, uid, gid);
	return n ? 0 : -ENOENT;
}

static int shmtree_utimens(const struct place *at, const struct timespec times[2])
{
	struct shm_node *n = node_at(at);
	if (n)
		shm_node_utimens(n, times);
	return n ? 0 : -ENOENT;
}

static int shmtree_truncate(const struct place *at, uint64_t size)
{
	struct shm_node *n = node_at(at);
	if (!n || !n->object)
		return n && S_ISDIR(n->mode) ? -EISDIR : -EINVAL;
	return shm_node_resize(n, size);
}

static int shmtree_tmpfile(const struct place *at, uint32_t flags, uint32_t mode,
			   struct file **ret_file)
{
	struct shm_node *n;
	char path[PATH_SIZE + 32];
	const struct shm_node *dir = node_at(at);
	int err = dir ? node_new(dir, at->task, S_IFREG | (mode & 07777), NULL, &n) : -ENOENT;
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/#%llu", at->guest, (unsigned long long)n->inode);
	err = shm_open(n, flags & ~(uint32_t)ABI_O_EXCL, path, ret_file);
	if (!err) {
		(*ret_file)->unlinked = n->gone = true;
		n->linkable = !(flags & ABI_O_EXCL);
	}
	shm_node_put(n);
	return err;
}

static int64_t shmtree_xattr(const struct place *at, enum xattr_op op, const char *name, void *value, size_t size,
			     int flags)
{
	struct shm_node *n = node_at(at);
	int64_t more = 0, r;
	if (!n)
		return -ENOENT;
	switch (op) {
	case XATTR_GET: return attributes_get(&n->attributes, name, value, size);
	case XATTR_LIST: return attributes_list(&n->attributes, value, size);
	case XATTR_SET:
		if (!shm_has_inodes(n->shm, 0, attributes_more(&n->attributes, name, size)))
			return -ENOSPC;
		r = attributes_set(&n->attributes, name, value, size, flags, &more);
		break;
	default: r = attributes_remove(&n->attributes, name, &more); break;
	}
	if (r)
		return r;
	n->shm->attribute_bytes += more;
	shm_node_changed(n, false);
	return 0;
}

const struct tree_ops shm_tree = {
    .type = "tmpfs",
    .stat = shmtree_stat,
    .birth = shmtree_birth,
    .readlink = shmtree_readlink,
    .open = shmtree_open,
    .list = shmtree_list,
    .statfs = shmtree_statfs,
    .mkdir = shmtree_mkdir,
    .mknod = shmtree_mknod,
    .symlink = shmtree_symlink,
    .unlink = shmtree_unlink,
    .rename = shmtree_rename,
    .link = shmtree_link,
    .chmod = shmtree_chmod,
    .chown = shmtree_chown,
    .utimens = shmtree_utimens,
    .truncate = shmtree_truncate,
    .tmpfile = shmtree_tmpfile,
    .xattr = shmtree_xattr,
};
