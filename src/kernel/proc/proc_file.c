/* SPDX-License-Identifier: MIT */
/* proc_file.c - open files of /proc: texts that are made when they are read, and windows into memory */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc_node.h"

/* An open file of /proc. The process it tells of may be gone by the time it is read. */
struct proc_file {
	struct proc_node node;
	int32_t pid, tid;
	uint64_t started;
	struct stat stat;
	struct text text;
	bool filled;
	bool looked; /* filled for the read that comes next */
	unsigned changes; /* of the mounts that a poll has told of, or that there were */
};

static int fill_fdinfo(struct process *p, int fd, struct text *text)
{
	struct file *f = p->files ? fd_get(p->files, fd) : NULL;
	struct stat st;
	if (!f)
		return -ENOENT;
	/* What has no name is in a mount that is nowhere. */
	unsigned mount = f->path ? mounts_at(f->kernel->mounts, f->path, strlen(f->path))->number : 0;
	uint32_t flags = f->flags | (fd_cloexec(p->files, fd) ? ABI_O_CLOEXEC : 0);
	text_add(text, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", f->pos, flags, mount ? mount : 20,
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

static proc_fill *fill_of(const struct proc_node *n)
{
	return n->of_task && n->entry->thread_fill ? n->entry->thread_fill : n->entry->fill;
}

static int proc_fill_text(struct file *f)
{
	struct proc_file *pf = f->ctx;
	int err = revive(f->kernel, pf);
	if (err)
		return err;
	text_finish(&pf->text);
	pf->text = (struct text)TEXT;
	if (pf->node.kind == NODE_FDINFO)
		err = fill_fdinfo(pf->node.process, pf->node.fd, &pf->text);
	else
		err = fill_of(&pf->node)(f->kernel, pf->node.process, pf->node.task, &pf->text);
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

/* Only the machine's own files, and those of mounts, can be polled; the latter have something when what
 * they show changes. */
enum watched { UNWATCHED, ALWAYS, CHANGES };

static enum watched watched(const struct proc_node *n)
{
	static const char *const changes[] = {"mounts", "mountinfo", "swaps"};
	for (size_t i = 0; n->entry && i < array_size(changes); i++) {
		if (strcmp(n->entry->name, changes[i]) == 0)
			return CHANGES;
	}
	return n->process ? UNWATCHED : ALWAYS;
}

static int always_poll(struct file *f, struct waiter *w)
{
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static int changes_poll(struct file *f, struct waiter *w)
{
	struct proc_file *pf = f->ctx;
	struct mounts *m = f->kernel->mounts;
	int err = wait_join(w, &m->change_queue);
	bool changed = pf->changes != m->changes && strcmp(pf->node.entry->name, "swaps") != 0;
	pf->changes = m->changes;
	return err ? err : POLLIN | POLLRDNORM | (changed ? POLLERR | POLLPRI : 0);
}

#define PROC_OPS                                                                                           \
	.name = "proc", .look = proc_look, .read = proc_read, .write = proc_write, .seek = file_seek_within,     \
	.stat = proc_file_stat, .release = proc_release
static const struct file_ops proc_ops[] = {
    [UNWATCHED] = {PROC_OPS}, [ALWAYS] = {PROC_OPS, .poll = always_poll}, [CHANGES] = {PROC_OPS, .poll = changes_poll}};

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

static int64_t window_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct proc_file *pf = f->ctx;
	const struct proc_window *w = pf->node.entry->window;
	if (!w->ioctl)
		return -ENOTTY;
	int err = revive(f->kernel, pf);
	return err ? err : w->ioctl(t, pf->node.process, request, arg);
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
    .seek = file_seek_within,
    .stat = proc_file_stat,
    .release = proc_release,
};

static int64_t words_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	return (int64_t)min_u64(size, INT64_MAX);
}

/* Those of words are read in one piece, so that no word is cut. */
#define WORDS_OPS                                                                                          \
	.name = "proc", .records = true, .look = words_look, .read = window_read, .seek = file_seek_within, \
	.ioctl = window_ioctl,                                                                             \
	.stat = proc_file_stat, .release = proc_release
static const struct file_ops words_ops[] = {[UNWATCHED] = {WORDS_OPS}, [ALWAYS] = {WORDS_OPS, .poll = always_poll}};

/* What tells of a process's memory and of what it does is for those who could trace it. */
static bool is_private(const struct proc_node *n)
{
	static const char *const names[] = {"auxv", "environ", "io",   "maps",	       "mem",  "numa_maps", "pagemap",
					    "personality", "smaps", "smaps_rollup", "stack", "syscall"};
	if (n->kind == NODE_FDINFO)
		return true;
	for (size_t i = 0; n->kind == NODE_PID_FILE && i < array_size(names); i++)
		if (strcmp(n->entry->name, names[i]) == 0)
			return true;
	return false;
}

int proc_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
	      struct file **ret_file)
{
	struct proc_node n;
	if (!at->exists)
		return -ENOENT;
	int err = proc_find(at, &n);
	if (err)
		return err;
	if (n.kind != NODE_SYSTEM_FILE && n.kind != NODE_PID_FILE && n.kind != NODE_FDINFO)
		return -EACCES;
	if ((flags & ABI_O_ACCMODE) != ABI_O_RDONLY &&
	    (!n.entry || !(n.entry->store || (n.entry->window && n.entry->window->write))))
		return -EACCES;
	if (t && is_private(&n) && !cred_may_trace(t, n.process, true))
		return -EACCES;
	struct proc_file *pf = calloc(1, sizeof(*pf));
	if (!pf)
		return -ENOMEM;
	pf->node = n;
	pf->stat = at->stat;
	pf->changes = at->kernel->mounts->changes;
	if (n.process) {
		pf->pid = n.process->pid;
		pf->tid = n.task ? n.task->tid : 0;
		pf->started = n.process->started;
	}
	const struct proc_window *w = n.entry ? n.entry->window : NULL;
	const struct file_ops *ops = !w ? &proc_ops[watched(&n)] : w->write ? &window_ops : &words_ops[watched(&n)];
	err = file_create(at->kernel, ops, flags, at->guest, pf, ret_file);
	if (err)
		free(pf);
	return err;
}
