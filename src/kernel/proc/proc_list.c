/* SPDX-License-Identifier: MIT */
/* proc_list.c - the directories of /proc */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc_node.h"

static int list_numbers(struct dir *d, struct proc_node *n, int32_t value, uint8_t type)
{
	char name[16];
	snprintf(name, sizeof(name), "%d", value);
	return dir_add(d, name, proc_inode(n), type);
}

static int list_pids(const struct place *at, struct dir *d)
{
	int err = 0;
	for (struct process *p = process_first(at->kernel); p && !err; p = process_next(p)) {
		struct proc_node n = {.kind = NODE_PID_DIR, .process = p, .task = process_task(p), .fd = -1};
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
		struct proc_node x = {.kind = slash ? NODE_SYSTEM_DIR : NODE_SYSTEM_FILE,
				 .entry = slash ? NULL : e,
				 .fd = -1,
				 .rel = path};
		err = dir_add(d, name, proc_inode(&x), slash ? DT_DIR : DT_REG);
	}
	return err;
}

static int list_process(const struct proc_node *of, bool of_task, struct dir *d)
{
	static const struct {
		const char *name;
		enum proc_kind kind;
		uint8_t type;
	} more[] = {{"cwd", NODE_CWD, DT_LNK},           {"exe", NODE_EXE, DT_LNK},
		    {"root", NODE_ROOT_LINK, DT_LNK},    {"fd", NODE_FD_DIR, DT_DIR},
		    {"fdinfo", NODE_FDINFO_DIR, DT_DIR}, {"ns", NODE_NS_DIR, DT_DIR}, {"map_files", NODE_MAP_FILES_DIR, DT_DIR},
		    {"task", NODE_TASK_DIR, DT_DIR}};
	struct proc_node n = *of;
	int err = 0;
	for (size_t i = 0; i < array_size(more) - (of_task ? 2 : 0) && !err; i++) {
		n.kind = more[i].kind;
		err = dir_add(d, more[i].name, proc_inode(&n), more[i].type);
	}
	n.kind = NODE_PID_FILE;
	for (n.entry = proc_process_entries; n.entry->name && !err; n.entry++)
		err = dir_add(d, n.entry->name, proc_inode(&n), DT_REG);
	return err;
}

static int list_fds(const struct proc_node *of, enum proc_kind kind, uint8_t type, struct dir *d)
{
	struct proc_node n = *of;
	int err = 0;
	n.kind = kind;
	if (!n.process->files)
		return 0;
	for (n.fd = fd_next(n.process->files, 0); n.fd >= 0 && !err;
	     n.fd = fd_next(n.process->files, n.fd + 1))
		err = list_numbers(d, &n, n.fd, type);
	return err;
}

static int list_namespaces(const struct proc_node *of, struct dir *d)
{
	struct proc_node n = *of;
	int err = 0;
	n.kind = NODE_NS;
	for (n.fd = 0; proc_namespace((unsigned)n.fd) && !err; n.fd++)
		err = dir_add(d, proc_namespace((unsigned)n.fd), proc_inode(&n), DT_LNK);
	return err;
}

static int list_maps(const struct place *at, const struct proc_node *of, struct dir *d)
{
	struct proc_node n = *of;
	int err = 0;
	n.kind = NODE_MAP_FILE;
	n.region = n.process->space ? regions_first(&n.process->space->regions) : NULL;
	for (; n.region && !err; n.region = region_next(n.region)) {
		struct text name = TEXT;
		char range[40];
		snprintf(range, sizeof(range), "%lx-%lx", n.region->start, n.region->end);
		if (proc_map_name(at->kernel, n.process, n.region, &name))
			err = dir_add(d, range, proc_inode(&n), DT_LNK);
		text_finish(&name);
	}
	return err;
}

static int list_tasks(const struct proc_node *of, struct dir *d)
{
	struct proc_node n = *of;
	int err = 0;
	n.kind = NODE_PID_DIR;
	TAILQ_FOREACH (n.task, &of->process->tasks, sibling) {
		if (!err && n.task->state != TASK_DEAD)
			err = list_numbers(d, &n, n.task->tid, DT_DIR);
	}
	return err;
}

int proc_list(const struct place *at, struct dir *d)
{
	struct proc_node n;
	int err = proc_find(at, &n);
	if (err)
		return err;
	switch (n.kind) {
	case NODE_ROOT:
		err = dir_add(d, "self", 2, DT_LNK);
		if (!err)
			err = dir_add(d, "thread-self", 3, DT_LNK);
		if (!err)
			err = dir_add(d, "mounts", 4, DT_LNK);
		if (!err)
			err = list_system("", d);
		return err ? err : list_pids(at, d);
	case NODE_SYSTEM_DIR: return list_system(n.rel, d);
	case NODE_PID_DIR: return list_process(&n, strstr(n.rel, "/task/") != NULL, d);
	case NODE_FD_DIR: return list_fds(&n, NODE_FD, DT_LNK, d);
	case NODE_FDINFO_DIR: return list_fds(&n, NODE_FDINFO, DT_REG, d);
	case NODE_NS_DIR: return list_namespaces(&n, d);
	case NODE_TASK_DIR: return list_tasks(&n, d);
	case NODE_MAP_FILES_DIR: return list_maps(at, &n, d);
	default: return -ENOTDIR;
	}
}
