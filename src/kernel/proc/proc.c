/* SPDX-License-Identifier: MIT */
/* proc.c - /proc: what its names stand for */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/file/pipe.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc_node.h"

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

static int find_fd(const char *rel, struct proc_node *n, enum proc_kind directory, enum proc_kind leaf)
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

static int find_namespace(const char *rel, struct proc_node *n)
{
	n->kind = NODE_NS_DIR;
	if (*rel++ == '\0')
		return 0;
	n->kind = NODE_NS;
	for (unsigned i = 0; proc_namespace(i); i++) {
		if (strcmp(rel, proc_namespace(i)) == 0) {
			n->fd = (int)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* rel: behind /proc/PID or /proc/PID/task/TID: "" or "/NAME". */
static int find_of_process(const char *rel, struct proc_node *n, bool of_task)
{
	static const struct {
		const char *name;
		enum proc_kind kind;
	} links[] = {{"/cwd", NODE_CWD}, {"/exe", NODE_EXE}, {"/root", NODE_ROOT_LINK}};
	n->kind = NODE_PID_DIR;
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
	if (strncmp(rel, "/ns", 3) == 0 && (rel[3] == '/' || rel[3] == '\0'))
		return find_namespace(rel + 3, n);
	if (strncmp(rel, "/fdinfo", 7) == 0)
		return find_fd(rel + 7, n, NODE_FDINFO_DIR, NODE_FDINFO);
	if (strncmp(rel, "/fd", 3) == 0)
		return find_fd(rel + 3, n, NODE_FD_DIR, NODE_FD);
	if (!of_task && strncmp(rel, "/map_files", 10) == 0 && (rel[10] == '/' || rel[10] == '\0')) {
		n->kind = rel[10] ? NODE_MAP_FILE : NODE_MAP_FILES_DIR;
		n->region = rel[10] ? proc_map_find(n->process, rel + 11) : NULL;
		return rel[10] && !n->region ? -ENOENT : 0;
	}
	if (!of_task && strncmp(rel, "/task", 5) == 0 && (rel[5] == '/' || rel[5] == '\0')) {
		rel += 5;
		n->kind = NODE_TASK_DIR;
		if (*rel++ == '\0')
			return 0;
		int32_t tid = number(&rel);
		n->task = tid < 0 ? NULL : task_find(n->process->kernel, tid);
		if (!n->task || n->task->process != n->process)
			return -ENOENT;
		return find_of_process(rel, n, true);
	}
	n->kind = NODE_PID_FILE;
	n->of_task = of_task;
	n->entry = entry_find(proc_process_entries, rel + 1);
	return n->entry ? 0 : -ENOENT;
}

int proc_find(const struct place *at, struct proc_node *ret_node)
{
	const char *rel = place_rel(at);
	*ret_node = (struct proc_node){.kind = NODE_ROOT, .fd = -1, .rel = rel};
	if (*rel == '\0')
		return 0;
	ret_node->kind = strcmp(rel, "self") == 0          ? NODE_SELF
			 : strcmp(rel, "thread-self") == 0 ? NODE_THREAD_SELF
			 : strcmp(rel, "mounts") == 0      ? NODE_MOUNTS
							   : NODE_ROOT;
	if (ret_node->kind != NODE_ROOT)
		return ret_node->kind != NODE_MOUNTS && !at->task ? -ENOENT : 0;
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
	ret_node->kind = ret_node->entry ? NODE_SYSTEM_FILE : NODE_SYSTEM_DIR;
	return ret_node->entry || system_dir(rel) ? 0 : -ENOENT;
}

uint64_t proc_inode(const struct proc_node *n)
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
	else if (n->kind == NODE_MAP_FILE)
		what = UINT64_C(0x100000000000) + (n->region->start >> PAGE_SHIFT);
	else if (n->kind == NODE_SYSTEM_DIR)
		for (const char *s = n->rel; *s; s++)
			what = what * 31 + (uint8_t)*s;
	return (who << 40) ^ (what & UINT64_C(0xffffffffffff)) ^ (n->kind == NODE_PID_DIR ? 0x8000 : 0);
}

static uint32_t node_mode(const struct proc_node *n)
{
	switch (n->kind) {
	case NODE_SELF:
	case NODE_THREAD_SELF:
	case NODE_MOUNTS:
	case NODE_CWD:
	case NODE_EXE:
	case NODE_NS:
	case NODE_ROOT_LINK: return S_IFLNK | 0777;
	case NODE_FD: {
		const struct file *f = fd_get(n->process->files, n->fd);
		uint32_t access = f->flags & ABI_O_ACCMODE;
		return S_IFLNK | (access != ABI_O_WRONLY ? 0500 : 0) |
		       (access != ABI_O_RDONLY ? 0300 : 0);
	}
	case NODE_MAP_FILE:
		return S_IFLNK | (n->region->prot & PROT_R ? 0500 : 0) |
		       (n->region->flags & REGION_SHARED && n->region->prot & PROT_W ? 0300 : 0);
	case NODE_SYSTEM_FILE:
	case NODE_PID_FILE: return S_IFREG | n->entry->mode;
	case NODE_FDINFO: return S_IFREG | 0444;
	case NODE_FD_DIR:
	case NODE_MAP_FILES_DIR:
	case NODE_NS_DIR:
	case NODE_FDINFO_DIR: return S_IFDIR | 0500;
	default: return S_IFDIR | 0555;
	}
}

static void node_stat(const struct kernel *k, const struct mount *m, const struct proc_node *n,
		      struct stat *ret_stat)
{
	struct timespec now = {(time_t)(kernel_realtime(k) / 1000000000),
			       (long)(kernel_realtime(k) % 1000000000)};
	*ret_stat = (struct stat){.st_dev = m->device,
				  .st_ino = proc_inode(n),
				  .st_mode = node_mode(n),
				  .st_blksize = 1024,
				  .st_atim = now,
				  .st_mtim = now,
				  .st_ctim = now};
	ret_stat->st_nlink = S_ISDIR(ret_stat->st_mode) ? 2 : 1;
	if (n->process) {
		const struct cred *c = n->task ? n->task->cred : process_cred(n->process);
		/* What may not be looked into is root's, but for what everybody may see of it. */
		bool own = n->process->dumpable || n->kind == NODE_PID_DIR || n->kind == NODE_TASK_DIR;
		ret_stat->st_uid = own ? c->euid : 0;
		ret_stat->st_gid = own ? c->egid : 0;
	}
	if (n->kind == NODE_FD)
		ret_stat->st_size = 64;
}

static int proc_stat(const struct place *at, struct stat *ret_stat)
{
	struct proc_node n;
	int err = proc_find(at, &n);
	if (!err)
		node_stat(at->kernel, at->mount, &n, ret_stat);
	return err;
}

static int proc_readlink(const struct place *at, char *ret_text, unsigned size)
{
	struct proc_node n;
	struct text t = TEXT;
	int err = proc_find(at, &n);
	if (err)
		return err;
	if (n.process && at->task && !cred_may_trace(at->task, n.process, true))
		return -EACCES;
	switch (n.kind) {
	case NODE_SELF: text_add(&t, "%d", at->task->process->pid); break;
	case NODE_THREAD_SELF: text_add(&t, "%d/task/%d", at->task->process->pid, at->task->tid); break;
	case NODE_MOUNTS: text_add(&t, "self/mounts"); break;
	case NODE_CWD:
		if (n.process->fs)
			text_add(&t, "%s%s", path_seen(at->task, fs_cwd(n.process->fs)),
				 fs_cwd_gone(n.process->fs) ? " (deleted)" : "");
		break;
	case NODE_EXE:
		if (n.process->exe && n.process->space)
			text_add(&t, "%s", path_seen(at->task, n.process->exe));
		break;
	case NODE_ROOT_LINK:
		if (n.process->fs)
			text_add(&t, "%s", path_seen(at->task, fs_root(n.process->fs)));
		break;
	case NODE_NS: proc_namespace_link((unsigned)n.fd, &t); break;
	case NODE_MAP_FILE: proc_map_name(at->kernel, n.process, n.region, &t); break;
	case NODE_FD: file_describe(fd_get(n.process->files, n.fd), at->task, &t); break;
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

static int proc_jump(const struct place *at, struct file **ret_file, const char **ret_path)
{
	struct proc_node n;
	int err = proc_find(at, &n);
	if (err)
		return err;
	bool place = (n.kind == NODE_CWD || n.kind == NODE_ROOT_LINK) && n.process->fs;
	bool program = n.kind == NODE_EXE && n.process->program;
	if (n.kind != NODE_FD && !place && !program)
		return 0;
	if (at->task && !cred_may_trace(at->task, n.process, true))
		return -EACCES;
	if (n.kind == NODE_FD)
		*ret_file = fd_get(n.process->files, n.fd);
	else if (program)
		*ret_file = n.process->program;
	else if (n.kind == NODE_CWD && fs_cwd_gone(n.process->fs))
		return -ENOENT;
	else
		*ret_path = n.kind == NODE_CWD ? fs_cwd(n.process->fs) : fs_root(n.process->fs);
	return 1;
}

static int proc_statfs(const struct place *at, struct statfs *ret_statfs)
{
	*ret_statfs = (struct statfs){
	    .f_type = 0x9fa0, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	return 0;
}

/* Its own descriptors a process can always look at, whoever it has become. */
static int proc_permission(const struct place *at, int mode)
{
	struct proc_node n;
	int err = proc_find(at, &n);
	if (!err && (n.kind == NODE_FD_DIR || n.kind == NODE_FDINFO_DIR) && n.process == at->task->process)
		return 0;
	return err ? err : stat_access(&at->stat, at->task, mode);
}

struct process *proc_process_of(const struct file *f)
{
	struct place at;
	struct proc_node n;
	bool is = f->path && path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at) == 0 && !at.file &&
		  at.mount->ops == &procfs_tree && proc_find(&at, &n) == 0 && n.kind == NODE_PID_DIR;
	return is ? n.process : NULL;
}

const struct tree_ops procfs_tree = {
    .type = "proc",
    .stat = proc_stat,
    .permission = proc_permission,
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
