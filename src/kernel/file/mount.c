/* SPDX-License-Identifier: MIT */
#include "kernel/file/mount.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/hostfs.h"
#include "kernel/file/path.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"

enum { FIRST_NUMBER = 20, FIRST_DEVICE = 0x100 };

int mount_make(struct kernel *k, const struct tree_ops *ops, const char *guest, struct mount **ret_mount)
{
	struct mount *x = calloc(1, sizeof(*x));
	char *copy = strdup(guest);
	if (!x || !copy) {
		free(x);
		free(copy);
		return -ENOMEM;
	}
	unsigned serial = k->mounts->made++;
	*x = (struct mount){.refs = 1,
			    .ops = ops,
			    .kernel = k,
			    .number = FIRST_NUMBER + serial,
			    .guest = copy,
			    .guest_size = strlen(copy),
			    .flags = MOUNT_RELATIME,
			    .fd = -1,
			    .device = FIRST_DEVICE + 1 + serial};
	*ret_mount = x;
	return 0;
}

struct mount *mount_ref(struct mount *x)
{
	x->refs++;
	return x;
}

void mount_put(struct mount *x)
{
	if (!x || --x->refs > 0)
		return;
	if (x->fd >= 0)
		close(x->fd);
	if (x->top)
		shm_node_put(x->top);
	if (x->shm)
		shm_put(x->shm);
	free(x->guest);
	free(x->single);
	free(x->host);
	free(x->source);
	free(x->base);
	free(x);
}

/* ---- Finding ---- */

/* The mount on parent that is first on the way to the path; NULL: the path lies in parent. */
static struct mount *next_on_way(const struct mounts *m, const struct mount *parent, const char *guest, size_t size)
{
	struct mount *best = NULL;
	for (unsigned i = 1; i < m->count; i++) {
		struct mount *x = m->mount[i];
		if (x->parent == parent && x->guest_size <= size && (!best || x->guest_size < best->guest_size) &&
		    path_lies_in(guest, size, x->guest, x->guest_size))
			best = x;
	}
	return best;
}

struct mount *mounts_at(struct mounts *m, const char *guest, size_t size)
{
	struct mount *at = m->mount[0], *next;
	while ((next = next_on_way(m, at, guest, size)))
		at = next;
	return at;
}

bool mount_visible(struct mounts *m, const struct mount *x)
{
	const struct mount *at = m->mount[0];
	while (at && at != x)
		at = next_on_way(m, at, x->guest, x->guest_size);
	return at != NULL;
}

/* "/" has size 0 here, so that every path below starts with it and a slash. */
static size_t prefix_size(const char *guest, size_t size)
{
	return size == 1 && guest[0] == '/' ? 0 : size;
}

/* Is x strictly below the path, whose size is prefix_size's? */
static bool is_below(const struct mount *x, const char *guest, size_t n)
{
	return x->guest_size > n + 1 && memcmp(x->guest, guest, n) == 0 && x->guest[n] == '/';
}

bool mounts_below(struct mounts *m, const char *guest, size_t size)
{
	size_t n = prefix_size(guest, size);
	for (unsigned i = 1; i < m->count; i++) {
		if (is_below(m->mount[i], guest, n) && mount_visible(m, m->mount[i]))
			return true;
	}
	return false;
}

int mounts_list(const struct place *at, struct dir *d)
{
	struct mounts *m = at->kernel->mounts;
	size_t n = prefix_size(at->guest, at->size);
	for (unsigned i = 1; i < m->count; i++) {
		const struct mount *x = m->mount[i];
		if (!is_below(x, at->guest, n) || !mount_visible(m, x))
			continue;
		const char *name = x->guest + n + 1;
		size_t length = strcspn(name, "/");
		char copy[NAME_SIZE];
		if (length >= sizeof(copy))
			continue;
		memcpy(copy, name, length);
		copy[length] = '\0';
		bool file = name[length] == '\0' && x->single;
		int err = dir_add(d, copy, 2 + i, file ? DT_REG : DT_DIR);
		if (err)
			return err;
	}
	return 0;
}

/* ---- The table ---- */

static void table_changed(struct mounts *m)
{
	m->changes++;
	wait_wake_for(&m->change_queue, POLLERR | POLLPRI);
}

int mount_attach(struct mounts *m, struct mount *x, bool beneath)
{
	if (m->count == MOUNTS_MAX)
		return -ENOSPC;
	if (m->count > 0)
		x->parent = mounts_at(m, x->guest, x->guest_size);
	for (unsigned i = 1; beneath && i < m->count; i++) {
		struct mount *y = m->mount[i];
		if (y->parent == x->parent && is_below(y, x->guest, x->guest_size))
			y->parent = x;
	}
	m->mount[m->count++] = x;
	table_changed(m);
	return 0;
}

bool mount_has_others(const struct mounts *m, const struct mount *x)
{
	for (unsigned i = 1; i < m->count; i++) {
		if (m->mount[i]->parent == x)
			return true;
	}
	return false;
}

static void take_out(struct mounts *m, unsigned i)
{
	struct mount *x = m->mount[i];
	memmove(&m->mount[i], &m->mount[i + 1], (m->count - i - 1) * sizeof(m->mount[0]));
	m->count--;
	x->parent = NULL;
	x->detached = true;
	names_detached(x);
	mount_put(x);
}

void mount_detach(struct mounts *m, struct mount *x)
{
	/* Who is mounted on another comes after it, but for what --bind put beneath: again until none is left. */
	for (unsigned i = 1; i < m->count;) {
		if (m->mount[i]->parent == x) {
			mount_detach(m, m->mount[i]);
			i = 1;
		} else {
			i++;
		}
	}
	for (unsigned i = 1; i < m->count; i++) {
		if (m->mount[i] == x) {
			take_out(m, i);
			table_changed(m);
			break;
		}
	}
}

/* Is y mounted on x, or on what is? */
static bool stands_on(const struct mount *y, const struct mount *x)
{
	while (y && y != x)
		y = y->parent;
	return y != NULL;
}

int mount_move(struct mounts *m, struct mount *x, const char *to)
{
	char *names[MOUNTS_MAX] = {NULL};
	size_t from_size = x->guest_size, n = strlen(to);
	int err = 0;
	for (unsigned i = 1; !err && i < m->count; i++) {
		const struct mount *y = m->mount[i];
		if (!stands_on(y, x))
			continue;
		const char *rest = y->guest + from_size;
		names[i] = malloc(n + strlen(rest) + 1);
		if (names[i]) {
			memcpy(names[i], to, n);
			strcpy(names[i] + n, rest);
		}
		err = names[i] ? 0 : -ENOMEM;
	}
	if (err) {
		for (unsigned i = 1; i < m->count; i++)
			free(names[i]);
		return err;
	}
	x->parent = mounts_at(m, to, n);
	names_moved_in(x, x->guest, to);
	for (unsigned i = 1; i < m->count; i++) {
		struct mount *y = m->mount[i];
		if (!names[i])
			continue;
		if (y != x)
			names_moved_in(y, y->guest, names[i]);
		free(y->guest);
		y->guest = names[i];
		y->guest_size = strlen(names[i]);
	}
	table_changed(m);
	return 0;
}

int mount_bind(const struct place *at, const char *guest, struct mount **ret_mount)
{
	const struct mount *m = at->mount;
	struct mount *x;
	int err = mount_make(at->kernel, at->synthetic ? &empty_tree : m->ops, guest, &x);
	if (err)
		return err;
	x->readonly = m->readonly;
	x->guarded = m->guarded;
	x->whole = m->whole;
	x->of_root = m->of_root;
	x->flags = m->flags;
	if (!at->synthetic) {
		x->device = m->device;
		x->source = m->source ? strdup(m->source) : NULL;
		if (m->source && !x->source)
			err = -ENOMEM;
	}
	if (!err && x->ops == &hostfs_tree) {
		err = host_bind(at, x);
	} else if (!err && x->ops == &shm_tree) {
		x->shm = shm_ref(m->shm);
		err = shm_bind(at, x);
	} else if (!err && *place_rel(at)) {
		x->base = strdup(place_rel(at));
		err = x->base ? 0 : -ENOMEM;
	}
	if (err) {
		mount_put(x);
		return err;
	}
	*ret_mount = x;
	return 0;
}

/* ---- Told ---- */

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
    {MOUNT_NOSUID, "nosuid"},	{MOUNT_NODEV, "nodev"},		  {MOUNT_NOEXEC, "noexec"},	      {MOUNT_NOATIME, "noatime"},
    {MOUNT_NODIRATIME, "nodiratime"}, {MOUNT_RELATIME, "relatime"}, {MOUNT_NOSYMFOLLOW, "nosymfollow"},
};

static void text_flags(const struct mount *x, struct text *text)
{
	text_add(text, "%s", x->readonly ? "ro" : "rw");
	for (size_t i = 0; i < array_size(flag_names); i++) {
		if (x->flags & flag_names[i].flag)
			text_add(text, ",%s", flag_names[i].name);
	}
}

/* White space, backslashes and # would end the word. */
static void text_word(struct text *text, const char *word)
{
	for (; *word; word++) {
		if (strchr(" \t\n\\#", *word))
			text_add(text, "\\%03o", (unsigned char)*word);
		else
			text_add(text, "%c", *word);
	}
}

static void text_source(const struct mount *x, struct text *text)
{
	text_word(text, x->source ? x->source : x->ops == &shm_tree ? "tmpfs" : "carrel");
}

/* As who has this root names it; NULL: he cannot. What a later mount hides is told of, too. */
static const char *seen_as(const struct mount *x, const char *root)
{
	return path_lies_in(x->guest, x->guest_size, root, strlen(root)) ? path_below(root, x->guest) : NULL;
}

void mounts_text(const struct mounts *m, const char *root, struct text *text)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mount *x = m->mount[i];
		const char *name = seen_as(x, root);
		if (!name)
			continue;
		text_source(x, text);
		text_add(text, " ");
		text_word(text, name);
		text_add(text, " %s ", x->ops->type);
		text_flags(x, text);
		if (x->shm)
			shm_text(x->shm, text);
		text_add(text, " 0 0\n");
	}
}

/* Which part of its tree is seen. */
static void text_top(const struct mount *x, struct text *text)
{
	char path[PATH_SIZE];
	if (x->top) {
		text_word(text, shm_node_path(x->top, path));
	} else {
		text_add(text, "/");
		text_word(text, x->base ? x->base : "");
	}
}

void mounts_text_info(const struct mounts *m, const char *root, struct text *text)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mount *x = m->mount[i];
		const char *name = seen_as(x, root);
		if (!name)
			continue;
		text_add(text, "%u %u %lu:%lu ", x->number, x->parent ? x->parent->number : 1, x->device >> 8 & 0xfff,
			 x->device & 0xff);
		text_top(x, text);
		text_add(text, " ");
		text_word(text, name);
		text_add(text, " ");
		text_flags(x, text);
		text_add(text, " - %s ", x->ops->type);
		text_source(x, text);
		text_add(text, " %s", x->whole ? "ro" : "rw");
		if (x->shm)
			shm_text(x->shm, text);
		text_add(text, "\n");
	}
}

void mounts_text_stats(const struct mounts *m, const char *root, struct text *text)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mount *x = m->mount[i];
		const char *name = seen_as(x, root);
		if (!name)
			continue;
		text_add(text, "device ");
		text_source(x, text);
		text_add(text, " mounted on ");
		text_word(text, name);
		text_add(text, " with fstype %s\n", x->ops->type);
	}
}
