/* SPDX-License-Identifier: MIT */
/* proc_node.h - what a name below /proc stands for, for the files that make up the tree
 *
 *	"1203/fd/3" --proc_find--> node --proc.c------> what stat and readlink say
 *	                                --proc_file.c--> an open file: text, or a window
 *	                                --proc_list.c--> the names of a directory
 *
 * A node points into processes and regions: it is good until the guest runs again.
 */
#ifndef KERNEL_PROC_NODE_H
#define KERNEL_PROC_NODE_H

#include <stdint.h>

#include "kernel/file/path.h"
#include "kernel/proc/proc.h"

enum proc_kind {
	NODE_ROOT,
	NODE_SELF,
	NODE_THREAD_SELF,
	NODE_MOUNTS, /* links of the root */
	NODE_SYSTEM_DIR,
	NODE_SYSTEM_FILE,
	NODE_PID_DIR,
	NODE_PID_FILE,
	NODE_CWD,
	NODE_EXE,
	NODE_ROOT_LINK, /* links of a process */
	NODE_FD_DIR,
	NODE_FD,
	NODE_FDINFO_DIR,
	NODE_FDINFO, /* of its descriptors */
	NODE_TASK_DIR,
	NODE_MAP_FILES_DIR,
	NODE_NS_DIR,
	NODE_NS, /* of the namespaces that it is in */
	NODE_MAP_FILE, /* of what it has mapped: see proc_maps.c */
};

/* What a name below /proc is. */
struct proc_node {
	enum proc_kind kind;
	struct process *process;
	struct task *task; /* NULL: the process is a zombie, or init */
	bool of_task;	   /* below /proc/PID/task/TID */
	const struct proc_entry *entry;
	int fd; /* NODE_NS: which */
	const char *rel; /* NODE_SYSTEM_DIR: its name and nothing more */
	const struct region *region; /* NODE_MAP_FILE */
};

/* Returns 0 or -ENOENT. */
int proc_find(const struct place *at, struct proc_node *ret_node);
/* The same for the same name in every run. */
uint64_t proc_inode(const struct proc_node *n);

/* proc_file.c, proc_list.c; as tree_ops has them. */
int proc_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
	      struct file **ret_file);
int proc_list(const struct place *at, struct dir *d);

#endif
