/* SPDX-License-Identifier: MIT */
/* sysfs.c - /sys: what programs ask of processors, nodes and huge pages, as a machine like this has them
 *
 * One list of files with their text; directories are what their names imply. Nothing can be written.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

struct entry {
	const char *name; /* below /sys; ends in a slash: an empty directory */
	const char *text; /* NULL: see text_of */
};

static const char NODE_MEMINFO[] = "devices/system/node/node0/meminfo",
		  NODE_NUMASTAT[] = "devices/system/node/node0/numastat";

/* Sorted. */
static const struct entry entries[] = {
    {"block/", ""},
    {"class/block/", ""},
    {"class/net/", ""},
    {"dev/block/", ""},
    {"dev/char/", ""},
    {"devices/system/cpu/cpu0/topology/core_id", "0\n"},
    {"devices/system/cpu/cpu0/topology/core_siblings", "1\n"},
    {"devices/system/cpu/cpu0/topology/core_siblings_list", "0\n"},
    {"devices/system/cpu/cpu0/topology/physical_package_id", "0\n"},
    {"devices/system/cpu/cpu0/topology/thread_siblings", "1\n"},
    {"devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"},
    {"devices/system/cpu/kernel_max", "0\n"},
    {"devices/system/cpu/offline", "\n"},
    {"devices/system/cpu/online", "0\n"},
    {"devices/system/cpu/possible", "0\n"},
    {"devices/system/cpu/present", "0\n"},
    {"devices/system/node/has_cpu", "0\n"},
    {"devices/system/node/has_memory", "0\n"},
    {"devices/system/node/has_normal_memory", "0\n"},
    {"devices/system/node/node0/cpulist", "0\n"},
    {"devices/system/node/node0/cpumap", "1\n"},
    {"devices/system/node/node0/distance", "10\n"},
    {NODE_MEMINFO, NULL},
    {NODE_NUMASTAT, NULL},
    {"devices/system/node/online", "0\n"},
    {"devices/system/node/possible", "0\n"},
    {"fs/cgroup/", ""},
    /* Pages may be offered (MADV_MERGEABLE); whoever would merge them stands still. */
    {"kernel/mm/ksm/full_scans", "0\n"},
    {"kernel/mm/ksm/pages_shared", "0\n"},
    {"kernel/mm/ksm/pages_sharing", "0\n"},
    {"kernel/mm/ksm/pages_to_scan", "100\n"},
    {"kernel/mm/ksm/pages_unshared", "0\n"},
    {"kernel/mm/ksm/pages_volatile", "0\n"},
    {"kernel/mm/ksm/run", "0\n"},
    {"kernel/mm/ksm/sleep_millisecs", "20\n"},
    {"kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise madvise [never]\n"},
    {"kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
    {"kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n"},
    {"kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n"},
    {"kernel/mm/transparent_hugepage/use_zero_page", "0\n"},
};

/* The entry called rel, or, of a directory, the first one in it; *ret_dir says which. NULL: none. */
static const struct entry *entry_find(const char *rel, bool *ret_dir)
{
	size_t n = strlen(rel);
	for (size_t i = 0; i < array_size(entries); i++) {
		const struct entry *e = &entries[i];
		*ret_dir = n == 0 || (strncmp(e->name, rel, n) == 0 && e->name[n] == '/');
		if (*ret_dir || strcmp(e->name, rel) == 0)
			return e;
	}
	return NULL;
}

static uint64_t inode(const struct entry *e, size_t depth)
{
	return 2 + (uint64_t)(e - entries) * 256 + depth;
}

static int sys_stat(const struct place *at, struct stat *ret_stat)
{
	const char *rel = place_rel(at);
	bool dir;
	const struct entry *e = entry_find(rel, &dir);
	if (!e)
		return -ENOENT;
	*ret_stat = (struct stat){.st_dev = at->mount->device,
				  .st_ino = inode(e, strlen(rel)),
				  .st_mode = dir ? S_IFDIR | 0755 : S_IFREG | 0444,
				  .st_nlink = dir ? 2 : 1,
				  .st_size = dir ? 0 : PAGE_SIZE,
				  .st_blksize = PAGE_SIZE};
	return 0;
}

static int sys_list(const struct place *at, struct dir *d)
{
	const char *rel = place_rel(at), *before = "";
	size_t n = strlen(rel) + (*rel ? 1 : 0), before_size = 0;
	int err = 0;
	for (size_t i = 0; i < array_size(entries) && !err; i++) {
		const struct entry *e = &entries[i];
		if (*rel && (strncmp(e->name, rel, n - 1) != 0 || e->name[n - 1] != '/'))
			continue;
		const char *name = e->name + n;
		size_t size = strcspn(name, "/");
		char copy[NAME_SIZE];
		if (size == 0 || (size == before_size && memcmp(before, name, size) == 0))
			continue;
		memcpy(copy, name, size);
		copy[size] = '\0';
		err = dir_add(d, copy, inode(e, n + size), name[size] ? DT_DIR : DT_REG);
		before = name;
		before_size = size;
	}
	return err;
}

/* ---- An open file: its text is made when it is read ---- */

static void text_of(const struct kernel *k, const struct entry *e, struct text *t)
{
	struct mm_usage u;
	if (e->text) {
		text_add(t, "%s", e->text);
		return;
	}
	if (e->name == NODE_NUMASTAT) {
		uint64_t taken = k->events->total.event[EVENT_frame_take];
		text_add(t, "numa_hit %lu\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node %lu\nother_node 0\n", taken, taken);
		return;
	}
	mm_usage(k->mm, &u);
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {{"MemTotal:", u.frames},
		     {"MemFree:", u.free},
		     {"MemUsed:", u.frames - u.free},
		     {"FilePages:", u.kind[FRAME_FILE] + u.shared},
		     {"AnonPages:", u.anon_mapped - u.shared_mapped},
		     {"Shmem:", u.shared},
		     {"PageTables:", u.kind[FRAME_TABLE]}};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(t, "Node 0 %-15s %8lu kB\n", lines[i].name, lines[i].pages * 4);
}

/* As polls find it, a file has changed until it is read. */
struct sys_file {
	const struct entry *entry;
	bool read;
};

static int sys_poll(struct file *f, struct waiter *w)
{
	const struct sys_file *s = f->ctx;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | (s->read ? 0 : POLLERR | POLLPRI);
}

static void sys_release(struct file *f)
{
	free(f->ctx);
}

static int64_t sys_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	struct sys_file *s = f->ctx;
	struct text text = TEXT;
	text_of(f->kernel, s->entry, &text);
	if (text_failed(&text)) {
		text_finish(&text);
		return -ENOMEM;
	}
	s->read = true;
	size_t n = *pos < text.size ? min_u64(size, text.size - *pos) : 0;
	if (n)
		memcpy(ret_bytes, text.bytes + *pos, n);
	*pos += n;
	text_finish(&text);
	return (int64_t)n;
}

static int64_t sys_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	const struct sys_file *s = f->ctx;
	struct text text = TEXT;
	text_of(f->kernel, s->entry, &text);
	int64_t n = text_failed(&text) ? -ENOMEM : *pos < text.size ? (int64_t)(text.size - *pos) : 0;
	text_finish(&text);
	return n;
}

static int sys_size(struct file *f, uint64_t *ret_size)
{
	*ret_size = PAGE_SIZE;
	return 0;
}

static int sys_file_stat(struct file *f, struct stat *ret_stat)
{
	const struct entry *e = ((const struct sys_file *)f->ctx)->entry;
	*ret_stat = (struct stat){.st_dev = 21,
				  .st_ino = inode(e, strlen(e->name)),
				  .st_mode = S_IFREG | 0444,
				  .st_nlink = 1,
				  .st_size = PAGE_SIZE,
				  .st_blksize = PAGE_SIZE};
	return 0;
}

static const struct file_ops sys_ops = {
    .name = "sysfs", .look = sys_look, .read = sys_read, .size = sys_size, .stat = sys_file_stat,
    .poll = sys_poll, .release = sys_release};

static int sys_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		    struct file **ret_file)
{
	bool dir;
	const struct entry *e = at->exists ? entry_find(place_rel(at), &dir) : NULL;
	if (!e)
		return at->exists ? -ENOENT : -EACCES;
	if ((flags & ABI_O_ACCMODE) != ABI_O_RDONLY)
		return -EACCES;
	struct sys_file *s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sys_file){.entry = e};
	int err = file_create(at->kernel, &sys_ops, flags, at->guest, s, ret_file);
	if (err)
		free(s);
	return err;
}

static int sys_statfs(const struct place *at, struct statfs *ret_statfs)
{
	*ret_statfs = (struct statfs){
	    .f_type = 0x62656572, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	return 0;
}

const struct tree_ops sysfs_tree = {
    .type = "sysfs", .stat = sys_stat, .open = sys_open, .list = sys_list, .statfs = sys_statfs};
