/* SPDX-License-Identifier: MIT */
/* proc.c - /proc: what its names stand for */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"

enum kind {
	ROOT,
	SELF,
	THREAD_SELF,
	MOUNTS, /* links of the root */
	SYSTEM_DIR,
	SYSTEM_FILE,
	PID_DIR,
	PID_FILE,
	CWD,
	EXE,
	ROOT_LINK, /* links of a process */
	FD_DIR,
	FD,
	FDINFO_DIR,
	FDINFO, /* of its descriptors */
	TASK_DIR,
	MAP_FILES_DIR,
	MAP_FILE, /* of what it has mapped: see proc_maps.c */
};

/* What a name below /proc is. */
struct node {
	enum kind kind;
	struct process *process;
	struct task *task; /* NULL: the process is a zombie, or init */
	const struct proc_entry *entry;
	int fd;
	const char *rel; /* SYSTEM_DIR: its name and nothing more */
	const struct region *region; /* MAP_FILE */
};

/* A decimal number without a leading zero; moves *s behind it. -1: none. */
static int32_t number(const char **s)
{
	int64_t n = 0;
	const char *p = *s;
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return -1;
	while (*p >= '0' && *p <= '9') {
		n = n * 10 + (*p++ - '0');
		if (n > INT32_MAX)
			return -1;
	}
	*s = p;
	return (int32_t)n;
}

static const struct proc_entry *entry_find(const struct proc_entry *e, const char *name)
{
	while (e->name && strcmp(e->name, name) != 0)
		e++;
	return e->name ? e : NULL;
}

static bool system_dir(const char *name)
{
	size_t n = strlen(name);
	for (const struct proc_entry *e = proc_system_entries; e->name; e++) {
		if (strncmp(e->name, name, n) == 0 && e->name[n] == '/')
			return true;
	}
	return false;
}

static int find_fd(const char *rel, struct node *n, enum kind directory, enum kind leaf)
{
	n->kind = directory;
	if (*rel == '\0')
		return 0;
	if (*rel++ != '/')
		return -ENOENT;
	n->kind = leaf;
	n->fd = number(&rel);
	if (n->fd < 0 || *rel || !n->process->files || !fd_get(n->process->files, n->fd))
		return -ENOENT;
	return 0;
}

/* rel: behind /proc/PID or /proc/PID/task/TID: "" or "/NAME". */
static int find_of_process(const char *rel, struct node *n, bool of_task)
{
	static const struct {
		const char *name;
		enum kind kind;
	} links[] = {{"/cwd", CWD}, {"/exe", EXE}, {"/root", ROOT_LINK}};
	n->kind = PID_DIR;
	if (*rel == '\0')
		return 0;
	if (*rel != '/')
		return -ENOENT;
	for (size_t i = 0; i < array_size(links); i++) {
		if (strcmp(rel, links[i].name) == 0) {
			n->kind = links[i].kind;
			return 0;
		}
	}
	if (strncmp(rel, "/fdinfo", 7) == 0)
		return find_fd(rel + 7, n, FDINFO_DIR, FDINFO);
	if (strncmp(rel, "/fd", 3) == 0)
		return find_fd(rel + 3, n, FD_DIR, FD);
	if (!of_task && strncmp(rel, "/map_files", 10) == 0 && (rel[10] == '/' || rel[10] == '\0')) {
		n->kind = rel[10] ? MAP_FILE : MAP_FILES_DIR;
		n->region = rel[10] ? proc_map_find(n->process, rel + 11) : NULL;
		return rel[10] && !n->region ? -ENOENT : 0;
	}
	if (!of_task && strncmp(rel, "/task", 5) == 0 && (rel[5] == '/' || rel[5] == '\0')) {
		rel += 5;
		n->kind = TASK_DIR;
		if (*rel++ == '\0')
			return 0;
		int32_t tid = number(&rel);
		n->task = tid < 0 ? NULL : task_find(n->process->kernel, tid);
		if (!n->task || n->task->process != n->process)
			return -ENOENT;
		return find_of_process(rel, n, true);
	}
	n->kind = PID_FILE;
	n->entry = entry_find(proc_process_entries, rel + 1);
	return n->entry ? 0 : -ENOENT;
}

static int find(const struct place *at, struct node *ret_node)
{
	const char *rel = place_rel(at);
	*ret_node = (struct node){.kind = ROOT, .fd = -1, .rel = rel};
	if (*rel == '\0')
		return 0;
	ret_node->kind = strcmp(rel, "self") == 0          ? SELF
			 : strcmp(rel, "thread-self") == 0 ? THREAD_SELF
			 : strcmp(rel, "mounts") == 0      ? MOUNTS
							   : ROOT;
	if (ret_node->kind != ROOT)
		return ret_node->kind != MOUNTS && !at->task ? -ENOENT : 0;
	int32_t pid = number(&rel);
	if (pid >= 0) {
		struct task *t = task_find(at->kernel, pid);
		struct process *p = t ? t->process : process_find(at->kernel, pid);
		if (!p)
			return -ENOENT;
		ret_node->process = p;
		ret_node->task = t && t->tid != p->pid ? t : process_task(p);
		return find_of_process(rel, ret_node, false);
	}
	ret_node->entry = entry_find(proc_system_entries, rel);
	ret_node->kind = ret_node->entry ? SYSTEM_FILE : SYSTEM_DIR;
	return ret_node->entry || system_dir(rel) ? 0 : -ENOENT;
}

/* The same for the same name in every run. */
static uint64_t inode(const struct node *n)
{
	uint64_t who = n->task      ? (uint32_t)n->task->tid
		       : n->process ? (uint32_t)n->process->pid
				    : 0,
		 what = 1 + (uint64_t)n->kind;
	if (n->entry)
		what = 32 + (uint64_t)(n->entry -
				       (n->process ? proc_process_entries : proc_system_entries));
	else if (n->fd >= 0)
		what = 0x10000 + ((uint64_t)n->kind << 32) + (uint32_t)n->fd;
	else if (n->kind == MAP_FILE)
		what = UINT64_C(0x100000000000) + (n->region->start >> PAGE_SHIFT);
	else if (n->kind == SYSTEM_DIR)
		for (const char *s = n->rel; *s; s++)
			what = what * 31 + (uint8_t)*s;
	return (who << 40) ^ (what & UINT64_C(0xffffffffffff)) ^ (n->kind == PID_DIR ? 0x8000 : 0);
}

static uint32_t node_mode(const struct node *n)
{
	switch (n->kind) {
	case SELF:
	case THREAD_SELF:
	case MOUNTS:
	case CWD:
	case EXE:
	case ROOT_LINK: return S_IFLNK | 0777;
	case FD: {
		const struct file *f = fd_get(n->process->files, n->fd);
		uint32_t access = f->flags & ABI_O_ACCMODE;
		return S_IFLNK | (access != ABI_O_WRONLY ? 0500 : 0) |
		       (access != ABI_O_RDONLY ? 0300 : 0);
	}
	case MAP_FILE:
		return S_IFLNK | (n->region->prot & PROT_R ? 0500 : 0) |
		       (n->region->flags & REGION_SHARED && n->region->prot & PROT_W ? 0300 : 0);
	case SYSTEM_FILE:
	case PID_FILE: return S_IFREG | n->entry->mode;
	case FDINFO: return S_IFREG | 0444;
	case FD_DIR:
	case MAP_FILES_DIR:
	case FDINFO_DIR: return S_IFDIR | 0500;
	default: return S_IFDIR | 0555;
	}
}

static void node_stat(const struct kernel *k, const struct mount *m, const struct node *n,
		      struct stat *ret_stat)
{
	struct timespec now = {(time_t)(kernel_realtime(k) / 1000000000),
			       (long)(kernel_realtime(k) % 1000000000)};
	*ret_stat = (struct stat){.st_dev = m->device,
				  .st_ino = inode(n),
				  .st_mode = node_mode(n),
				  .st_blksize = 1024,
				  .st_atim = now,
				  .st_mtim = now,
				  .st_ctim = now};
	ret_stat->st_nlink = S_ISDIR(ret_stat->st_mode) ? 2 : 1;
	if (n->process) {
		ret_stat->st_uid = n->process->euid;
		ret_stat->st_gid = n->process->egid;
	}
	if (n->kind == FD)
		ret_stat->st_size = 64;
}

static int proc_stat(const struct place *at, struct stat *ret_stat)
{
	struct node n;
	int err = find(at, &n);
	if (!err)
		node_stat(at->kernel, at->mount, &n, ret_stat);
	return err;
}

/* What the link of a descriptor says: a path, or a description of what has none. */
static void fd_name(struct file *f, struct text *ret_name)
{
	struct stat st;
	if (f->path) {
		text_add(ret_name, "%s%s", f->path, f->unlinked ? " (deleted)" : "");
		return;
	}
	uint64_t number = f->ops->stat && f->ops->stat(f, &st) == 0 ? st.st_ino : 0;
	if (f->ops->stat == file_stat_anonymous)
		text_add(ret_name, "anon_inode:%s", f->ops->name);
	else
		text_add(ret_name, "%s:[%lu]", f->ops->name, number);
}

static int proc_readlink(const struct place *at, char *ret_text, unsigned size)
{
	struct node n;
	struct text t = TEXT;
	int err = find(at, &n);
	if (err)
		return err;
	switch (n.kind) {
	case SELF: text_add(&t, "%d", at->task->process->pid); break;
	case THREAD_SELF: text_add(&t, "%d/task/%d", at->task->process->pid, at->task->tid); break;
	case MOUNTS: text_add(&t, "self/mounts"); break;
	case CWD:
		if (n.process->fs)
			text_add(&t, "%s%s", fs_cwd(n.process->fs),
				 fs_cwd_gone(n.process->fs) ? " (deleted)" : "");
		break;
	case EXE:
		if (n.process->exe && n.process->space)
			text_add(&t, "%s", n.process->exe);
		break;
	case ROOT_LINK: text_add(&t, "/"); break;
	case MAP_FILE: proc_map_name(at->kernel, n.process, n.region, &t); break;
	case FD: fd_name(fd_get(n.process->files, n.fd), &t); break;
	default: return -EINVAL;
	}
	if (t.size == 0) {
		err = text_failed(&t) ? -ENOMEM : -ENOENT;
	} else {
		err = (int)min_u64(t.size, size);
		memcpy(ret_text, t.bytes, (size_t)err);
	}
	text_finish(&t);
	return err;
}

static int proc_jump(const struct place *at, struct file **ret_file)
{
	struct node n;
	int err = find(at, &n);
	if (err)
		return err;
	if (n.kind != FD)
		return 0;
	*ret_file = fd_get(n.process->files, n.fd);
	return 1;
}

/* An open file of /proc. The process it tells of may be gone by the time it is read. */
struct proc_file {
	struct node node;
	int32_t pid, tid;
	uint64_t started;
	struct stat stat;
	struct text text;
	bool filled;
	bool looked; /* filled for the read that comes next */
};

static int fill_fdinfo(struct process *p, int fd, struct text *text)
{
	struct file *f = p->files ? fd_get(p->files, fd) : NULL;
	struct stat st;
	if (!f)
		return -ENOENT;
	uint32_t flags = f->flags | (fd_cloexec(p->files, fd) ? ABI_O_CLOEXEC : 0);
	text_add(text, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t20\nino:\t%lu\n", f->pos, flags,
		 f->ops->stat && f->ops->stat(f, &st) == 0 ? st.st_ino : 0);
	if (f->ops->info)
		f->ops->info(f, text);
	return 0;
}

/* Finds process and task again. Returns 0 or -ESRCH. */
static int revive(struct kernel *k, struct proc_file *pf)
{
	if (!pf->node.process)
		return 0;
	struct process *p = process_find(k, pf->pid);
	if (!p || p->started != pf->started)
		return -ESRCH;
	pf->node.process = p;
	pf->node.task = pf->tid ? task_find(k, pf->tid) : process_task(p);
	if (pf->node.task && pf->node.task->process != p)
		pf->node.task = NULL;
	return pf->tid && pf->tid != pf->pid && !pf->node.task ? -ESRCH : 0;
}

static int proc_fill_text(struct file *f)
{
	struct proc_file *pf = f->ctx;
	int err = revive(f->kernel, pf);
	if (err)
		return err;
	text_finish(&pf->text);
	pf->text = (struct text)TEXT;
	if (pf->node.kind == FDINFO)
		err = fill_fdinfo(pf->node.process, pf->node.fd, &pf->text);
	else
		err = pf->node.entry->fill(f->kernel, pf->node.process, pf->node.task, &pf->text);
	if (!err && text_failed(&pf->text))
		err = -ENOMEM;
	pf->filled = err == 0;
	return err;
}

static int64_t proc_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct proc_file *pf = f->ctx;
	if (*pos == 0 || !pf->filled) {
		int err = proc_fill_text(f);
		if (err)
			return err;
	}
	pf->looked = true;
	return *pos < pf->text.size ? (int64_t)(pf->text.size - *pos) : 0;
}

static int64_t proc_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			 uint64_t *pos)
{
	struct proc_file *pf = f->ctx;
	int64_t there = pf->looked ? 0 : proc_look(f, t, size, pos);
	if (there < 0)
		return there;
	pf->looked = false;
	if (*pos >= pf->text.size)
		return 0;
	size_t n = min_u64(size, pf->text.size - *pos);
	memcpy(ret_bytes, pf->text.bytes + *pos, n);
	*pos += n;
	return (int64_t)n;
}

static int64_t proc_write(struct file *f, struct task *t, const void *bytes, size_t size,
			  uint64_t *pos)
{
	struct proc_file *pf = f->ctx;
	char line[128];
	if (!pf->node.entry || !pf->node.entry->store || size >= sizeof(line))
		return -EINVAL;
	int err = revive(f->kernel, pf);
	if (err)
		return err;
	memcpy(line, bytes, size);
	line[size] = '\0';
	err = pf->node.entry->store(f->kernel, pf->node.process, pf->node.task, line, size);
	return err ? err : (int64_t)size;
}

static int64_t proc_seek(struct file *f, int64_t offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += (int64_t)f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	f->pos = (uint64_t)offset;
	return offset;
}

static int proc_file_stat(struct file *f, struct stat *ret_stat)
{
	*ret_stat = ((struct proc_file *)f->ctx)->stat;
	return 0;
}

static void proc_release(struct file *f)
{
	struct proc_file *pf = f->ctx;
	text_finish(&pf->text);
	free(pf);
}

static const struct file_ops proc_ops = {
    .name = "proc",
    .look = proc_look,
    .read = proc_read,
    .write = proc_write,
    .seek = proc_seek,
    .stat = proc_file_stat,
    .release = proc_release,
};

/* Of a process that is gone there is nothing any more. Who asks is who runs. */
static int64_t window_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	struct proc_file *pf = f->ctx;
	t = t ? t : f->kernel->current;
	int err = t ? revive(f->kernel, pf) : -EINVAL;
	if (err)
		return err == -ESRCH ? 0 : err;
	int64_t n = pf->node.entry->window->read(t, pf->node.process, ret_bytes, size, *pos);
	*pos += n > 0 ? (uint64_t)n : 0;
	return n;
}

static int64_t window_write(struct file *f, struct task *t, const void *bytes, size_t size, uint64_t *pos)
{
	struct proc_file *pf = f->ctx;
	int err = t && pos ? revive(f->kernel, pf) : -EINVAL;
	if (err)
		return err == -ESRCH ? 0 : err;
	int64_t n = pf->node.entry->window->write(t, pf->node.process, bytes, size, *pos);
	*pos += n > 0 ? (uint64_t)n : 0;
	return n;
}

static int window_size(struct file *f, uint64_t *ret_size)
{
	*ret_size = 0;
	return 0;
}

static const struct file_ops window_ops = {
    .name = "proc",
    .read = window_read,
    .write = window_write,
    .size = window_size,
    .seek = proc_seek,
    .stat = proc_file_stat,
    .release = proc_release,
};

static int64_t words_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	return (int64_t)min_u64(size, INT64_MAX);
}

/* Those of words are read in one piece, so that no word is cut. */
static const struct file_ops words_ops = {
    .name = "proc",
    .records = true,
    .look = words_look,
    .read = window_read,
    .seek = proc_seek,
    .stat = proc_file_stat,
    .release = proc_release,
};

static int proc_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		     struct file **ret_file)
{
	struct node n;
	if (!at->exists)
		return -ENOENT;
	int err = find(at, &n);
	if (err)
		return err;
	if (n.kind != SYSTEM_FILE && n.kind != PID_FILE && n.kind != FDINFO)
		return -EACCES;
	if ((flags & ABI_O_ACCMODE) != ABI_O_RDONLY &&
	    (!n.entry || !(n.entry->store || (n.entry->window && n.entry->window->write))))
		return -EACCES;
	struct proc_file *pf = calloc(1, sizeof(*pf));
	if (!pf)
		return -ENOMEM;
	pf->node = n;
	pf->stat = at->stat;
	if (n.process) {
		pf->pid = n.process->pid;
		pf->tid = n.task ? n.task->tid : 0;
		pf->started = n.process->started;
	}
	const struct proc_window *w = n.entry ? n.entry->window : NULL;
	const struct file_ops *ops = !w ? &proc_ops : w->write ? &window_ops : &words_ops;
	err = file_create(at->kernel, ops, flags, at->guest, pf, ret_file);
	if (err)
		free(pf);
	return err;
}

static int list_numbers(struct dir *d, struct node *n, int32_t value, uint8_t type)
{
	char name[16];
	snprintf(name, sizeof(name), "%d", value);
	return dir_add(d, name, inode(n), type);
}

static int list_pids(const struct place *at, struct dir *d)
{
	int err = 0;
	for (struct process *p = process_first(at->kernel); p && !err; p = process_next(p)) {
		struct node n = {.kind = PID_DIR, .process = p, .task = process_task(p), .fd = -1};
		err = list_numbers(d, &n, p->pid, DT_DIR);
	}
	return err;
}

/* The system entries directly below a directory: "" or "sys/kernel". */
static int list_system(const char *below, struct dir *d)
{
	size_t n = strlen(below);
	int err = 0;
	for (const struct proc_entry *e = proc_system_entries; e->name && !err; e++) {
		char path[128], *name = path + (n ? n + 1 : 0);
		if (n && (strncmp(e->name, below, n) != 0 || e->name[n] != '/'))
			continue;
		strcpy(path, e->name);
		char *slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		struct node x = {.kind = slash ? SYSTEM_DIR : SYSTEM_FILE,
				 .entry = slash ? NULL : e,
				 .fd = -1,
				 .rel = path};
		err = dir_add(d, name, inode(&x), slash ? DT_DIR : DT_REG);
	}
	return err;
}

static int list_process(const struct node *of, bool of_task, struct dir *d)
{
	static const struct {
		const char *name;
		enum kind kind;
		uint8_t type;
	} more[] = {{"cwd", CWD, DT_LNK},           {"exe", EXE, DT_LNK},
		    {"root", ROOT_LINK, DT_LNK},    {"fd", FD_DIR, DT_DIR},
		    {"fdinfo", FDINFO_DIR, DT_DIR}, {"map_files", MAP_FILES_DIR, DT_DIR},
		    {"task", TASK_DIR, DT_DIR}};
	struct node n = *of;
	int err = 0;
	for (size_t i = 0; i < array_size(more) - (of_task ? 2 : 0) && !err; i++) {
		n.kind = more[i].kind;
		err = dir_add(d, more[i].name, inode(&n), more[i].type);
	}
	n.kind = PID_FILE;
	for (n.entry = proc_process_entries; n.entry->name && !err; n.entry++)
		err = dir_add(d, n.entry->name, inode(&n), DT_REG);
	return err;
}

static int list_fds(const struct node *of, enum kind kind, uint8_t type, struct dir *d)
{
	struct node n = *of;
	int err = 0;
	n.kind = kind;
	if (!n.process->files)
		return 0;
	for (n.fd = fd_next(n.process->files, 0); n.fd >= 0 && !err;
	     n.fd = fd_next(n.process->files, n.fd + 1))
		err = list_numbers(d, &n, n.fd, type);
	return err;
}

static int list_maps(const struct place *at, const struct node *of, struct dir *d)
{
	struct node n = *of;
	int err = 0;
	n.kind = MAP_FILE;
	n.region = n.process->space ? regions_first(&n.process->space->regions) : NULL;
	for (; n.region && !err; n.region = region_next(n.region)) {
		struct text name = TEXT;
		char range[40];
		snprintf(range, sizeof(range), "%lx-%lx", n.region->start, n.region->end);
		if (proc_map_name(at->kernel, n.process, n.region, &name))
			err = dir_add(d, range, inode(&n), DT_LNK);
		text_finish(&name);
	}
	return err;
}

static int list_tasks(const struct node *of, struct dir *d)
{
	struct node n = *of;
	int err = 0;
	n.kind = PID_DIR;
	TAILQ_FOREACH (n.task, &of->process->tasks, sibling) {
		if (!err && n.task->state != TASK_DEAD)
			err = list_numbers(d, &n, n.task->tid, DT_DIR);
	}
	return err;
}

static int proc_list(const struct place *at, struct dir *d)
{
	struct node n;
	int err = find(at, &n);
	if (err)
		return err;
	switch (n.kind) {
	case ROOT:
		err = dir_add(d, "self", 2, DT_LNK);
		if (!err)
			err = dir_add(d, "thread-self", 3, DT_LNK);
		if (!err)
			err = dir_add(d, "mounts", 4, DT_LNK);
		if (!err)
			err = list_system("", d);
		return err ? err : list_pids(at, d);
	case SYSTEM_DIR: return list_system(n.rel, d);
	case PID_DIR: return list_process(&n, strstr(n.rel, "/task/") != NULL, d);
	case FD_DIR: return list_fds(&n, FD, DT_LNK, d);
	case FDINFO_DIR: return list_fds(&n, FDINFO, DT_REG, d);
	case TASK_DIR: return list_tasks(&n, d);
	case MAP_FILES_DIR: return list_maps(at, &n, d);
	default: return -ENOTDIR;
	}
}

static int proc_statfs(const struct place *at, struct statfs *ret_statfs)
{
	*ret_statfs = (struct statfs){
	    .f_type = 0x9fa0, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	return 0;
}

const struct tree_ops procfs_tree = {
    .type = "proc",
    .stat = proc_stat,
    .readlink = proc_readlink,
    .jump = proc_jump,
    .open = proc_open,
    .list = proc_list,
    .statfs = proc_statfs,
};

/* /proc/PID/fd/N of what has no name: a second open file of the same thing where that can be, else
 * the very same one. */
int file_reopen(struct file *f, struct task *t, uint32_t flags, struct file **ret_file)
{
	int err = pipe_reopen(f, flags, ret_file);
	if (err != -EINVAL)
		return err;
	if (f->ops->reopen)
		return f->ops->reopen(f, flags, ret_file);
	uint32_t have = f->flags & ABI_O_ACCMODE, want = flags & ABI_O_ACCMODE;
	if (have != ABI_O_RDWR && want != have)
		return -EACCES;
	*ret_file = file_ref(f);
	return 0;
}
