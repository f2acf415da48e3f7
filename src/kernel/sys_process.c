/* SPDX-License-Identifier: MIT */
/* sys_process.c - processes made, changed and ended; their numbers and groups */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/pidfd.h"
#include "kernel/event/userfault.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/program/rseq.h"
#include "kernel/sched.h"
#include "kernel/uaccess.h"

static const uint64_t CLONE_VM_ = 0x100, CLONE_FS_ = 0x200, CLONE_FILES_ = 0x400,
		      CLONE_SIGHAND_ = 0x800, CLONE_PIDFD_ = 0x1000, CLONE_VFORK_ = 0x4000,
		      CLONE_PARENT_ = 0x8000, CLONE_THREAD_ = 0x10000, CLONE_SETTLS_ = 0x80000,
		      CLONE_PARENT_SETTID_ = 0x100000, CLONE_CHILD_CLEARTID_ = 0x200000,
		      CLONE_CHILD_SETTID_ = 0x1000000, CLONE_DETACHED_ = 0x400000, CLONE_CLEAR_SIGHAND_ = UINT64_C(0x100000000),
		      CLONE_SIGNAL_ = 0xff;
/* New namespaces: time, mount, cgroup, uts, ipc, user, pid, net. */
static const uint64_t CLONE_NAMESPACES_ =
    0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000;

/* --- clone --- */

/* What fork copies that only /proc looks at. */
static int copy_names(const struct process *p, struct process *child)
{
	process_set_program(child, p->program);
	child->exe = p->exe ? strdup(p->exe) : NULL;
	memcpy(child->auxv, p->auxv, sizeof(child->auxv));
	child->auxv_words = p->auxv_words;
	child->arg_start = p->arg_start;
	child->arg_end = p->arg_end;
	child->env_start = p->env_start;
	child->env_end = p->env_end;
	child->stack_start = p->stack_start;
	child->code_start = p->code_start;
	child->code_end = p->code_end;
	child->data_start = p->data_start;
	child->data_end = p->data_end;
	child->oom_score_adj = p->oom_score_adj;
	child->core_filter = p->core_filter;
	child->personality = p->personality;
	child->barriers = p->barriers;
	child->dumpable = p->dumpable;
	child->no_new_privs = p->no_new_privs;
	child->thp_disable = p->thp_disable;
	return p->exe && !child->exe ? -ENOMEM : 0;
}

static int copy_space(struct process *p, struct process *child, bool share)
{
	if (share) {
		++*p->space_refs;
		process_set_space(child, p->space, p->space_refs);
		return 0;
	}
	unsigned *refs = malloc(sizeof(*refs));
	struct space *s;
	int r = refs ? space_fork(p->space, child->pid, &child->tally, &s) : -ENOMEM;
	if (r != 0) {
		free(refs);
		return r == -EAGAIN ? CALL_WAIT : r;
	}
	*refs = 1;
	process_set_space(child, s, refs);
	return 0;
}

static int copy_process(struct process *p, struct process *child, uint64_t flags)
{
	int r = copy_names(p, child);
	if (r == 0 && flags & CLONE_FILES_)
		child->files = fd_table_ref(p->files);
	else if (r == 0)
		r = fd_table_copy(p->files, &child->files);
	if (r == 0 && flags & CLONE_FS_)
		child->fs = fs_ref(p->fs);
	else if (r == 0)
		r = fs_copy(p->fs, &child->fs);
	if (r == 0)
		r = signals_fork(p, child, flags & CLONE_SIGHAND_);
	/* Last, for it is what can be seen in the event log. */
	if (r == 0)
		r = copy_space(p, child, flags & CLONE_VM_);
	return r;
}

static int clone_check(uint64_t flags)
{
	if (flags & 0x20000 /* NEWNS */ && flags & CLONE_FS_)
		return -EINVAL;
	if (flags & CLONE_NAMESPACES_)
		return -EPERM;
	/* A thread's is had by pidfd_open alone. */
	if (flags & CLONE_PIDFD_ && flags & (CLONE_THREAD_ | CLONE_DETACHED_))
		return -EINVAL;
	if (flags & CLONE_THREAD_ && !(flags & CLONE_SIGHAND_))
		return -EINVAL;
	if (flags & CLONE_SIGHAND_ && !(flags & CLONE_VM_))
		return -EINVAL;
	if (flags & CLONE_SIGHAND_ && flags & CLONE_CLEAR_SIGHAND_)
		return -EINVAL;
	return 0;
}

/* May there be one more? A zombie counts, and so does each thread; init is nobody's. */
static bool clone_has_room(const struct task *t)
{
	const struct process *p = t->process;
	const struct kernel *k = p->kernel;
	const struct cred *c = t->cred;
	uint64_t tasks = k->process_count + k->further_count;
	return tasks < k->settings.threads_max && (c->user->tasks < p->limit[RLIMIT_NPROC].soft || c->uid == 0 ||
				       cred_can(c, CAP_SYS_RESOURCE) || cred_can(c, CAP_SYS_ADMIN));
}

/* The child process, whole but not yet running. */
static int clone_process(struct task *t, uint64_t flags, struct task **ret_task)
{
	struct process *p = t->process, *child;
	struct kernel *k = p->kernel;
	int r = process_create(k, flags & CLONE_PARENT_ ? p->parent : p, &child);
	if (r != 0)
		return r;
	EVENT(k->events, &child->tally, child->pid, kernel_now(k), process_new, .parent = p->pid);
	child->sid = p->sid;
	process_group_leave(child);
	process_group_join(child, p->pgid);
	child->exit_signal = flags & CLONE_PARENT_ ? p->exit_signal : (int)(flags & CLONE_SIGNAL_);
	r = copy_process(p, child, flags);
	if (r == 0 && !(flags & CLONE_VM_))
		r = userfault_forked(t, child->space);
	if (r == 0 && flags & CLONE_CLEAR_SIGHAND_)
		signals_exec(child);
	if (r != 0) {
		process_abandon(child);
		return r;
	}
	*ret_task = process_task(child);
	memcpy((*ret_task)->comm, t->comm, sizeof(t->comm));
	return 0;
}

static void start_registers(const struct task *t, struct task *child, uint64_t flags,
			    uint64_t stack, uint64_t tls)
{
	child->regs = *task_regs((struct task *)(uintptr_t)t);
	child->regs.pc += 4; /* behind the ecall */
	child->regs.x[REG_A0] = 0;
	if (stack)
		child->regs.x[REG_SP] = stack;
	if (flags & CLONE_SETTLS_)
		child->regs.x[REG_TP] = tls;
}

/* A descriptor for the new process, which goes where it cannot have one. */
static int clone_pidfd(struct task *t, struct process *child, const struct hold *h)
{
	struct file *f;
	int32_t fd = pidfd_create(process_task(child), 0, &f);
	if (fd == 0)
		fd = fd_give(t, f, true);
	if (fd < 0) {
		process_abandon(child);
		return fd;
	}
	uaccess_put(h, &fd, sizeof(fd));
	return 0;
}

int64_t task_clone(struct task *t, uint64_t flags, uint64_t stack, uint64_t parent_tid,
		   uint64_t pidfd, uint64_t tls, uint64_t child_tid)
{
	struct task *child;
	struct hold h = {.pieces = 0}, pidfd_hold = {.pieces = 0};
	int r = clone_check(flags);
	if (r == 0 && !clone_has_room(t))
		r = -EAGAIN;
	if (r == 0 && flags & CLONE_PIDFD_) {
		r = uaccess_hold(t, pidfd, sizeof(int32_t), ACCESS_WRITE, &pidfd_hold);
		if (r == 0 && pidfd_hold.size < sizeof(int32_t)) {
			uaccess_release(&pidfd_hold);
			r = -EFAULT;
		}
	}
	if (r != 0)
		return r;
	/* An address that cannot be written is not told of, as on Linux. */
	if (flags & CLONE_PARENT_SETTID_ &&
	    uaccess_hold(t, parent_tid, sizeof(int32_t), ACCESS_WRITE, &h) == CALL_WAIT) {
		uaccess_release(&pidfd_hold);
		return CALL_WAIT;
	}
	r = flags & CLONE_THREAD_ ? task_add(t->process, &child) : clone_process(t, flags, &child);
	if (r == 0 && flags & CLONE_PIDFD_)
		r = clone_pidfd(t, child->process, &pidfd_hold);
	if (r == 0) {
		cred_give(child, cred_ref(t->cred));
		sched_inherit(t, child);
		signals_clone_task(t, child, (flags & (CLONE_VM_ | CLONE_VFORK_)) == CLONE_VM_);
		memcpy(child->comm, t->comm, sizeof(t->comm));
		child->slack.now = child->slack.usual = t->slack.now;
		child->mempolicy = t->mempolicy;
		start_registers(t, child, flags, stack, tls);
		if (!(flags & CLONE_VM_))
			rseq_fork(t, child);
		if (h.size == sizeof(int32_t))
			uaccess_put(&h, &child->tid, sizeof(child->tid));
	}
	uaccess_release(&h);
	uaccess_release(&pidfd_hold);
	if (r == CALL_WAIT)
		(void)wait_on_io(t); /* the first four cannot fail */
	if (r != 0) {
		userfault_forget(t);
		return r;
	}
	if (flags & CLONE_CHILD_CLEARTID_)
		child->clear_child_tid = child_tid;
	if (flags & CLONE_CHILD_SETTID_ &&
	    uaccess_write(child, child_tid, &child->tid, sizeof(child->tid)) != 0)
		wait_forget(child);
	if (child->state != TASK_DEAD)
		sched_ready(child);
	if (flags & CLONE_THREAD_)
		EVENT_OF(t->process->kernel->events, &t->process->tally, t->process->pid, child->tid,
			 kernel_now(t->process->kernel), thread_new, .by = t->tid);
	else
		(void)debug_tell(t, flags & CLONE_VFORK_ ? DEBUG_VFORK : DEBUG_FORK, (uint64_t)child->tid);
	return child->tid;
}

static int64_t clone_and_wait(struct task *t, uint64_t flags, uint64_t stack, uint64_t parent_tid,
			      uint64_t pidfd, uint64_t tls, uint64_t child_tid)
{
	struct kernel *k = t->process->kernel;
	uint64_t *child_pid = &t->call.state[0];
	if (*child_pid == 0) {
		int64_t r = task_clone(t, flags, stack, parent_tid, pidfd, tls, child_tid);
		if (r <= 0 || !(flags & CLONE_VFORK_) || flags & CLONE_THREAD_)
			return r;
		*child_pid = (uint64_t)r;
		struct process *new = process_find(k, (int32_t)r);
		if (new && !new->zombie)
			new->vforked = t->process;
	}
	struct process *child = process_find(k, (int32_t)*child_pid);
	if (!child || child->vforked != t->process) {
		(void)debug_tell(t, DEBUG_VFORK_DONE, 0);
		return (int64_t)*child_pid;
	}
	(void)wait_on(t, &child->vfork_wait); /* the first four cannot fail */
	return CALL_WAIT;
}

int64_t sys_clone(struct task *t, const uint64_t a[6])
{
	/* Both have one argument for their address. */
	if (a[0] & CLONE_PIDFD_ && a[0] & CLONE_PARENT_SETTID_)
		return -EINVAL;
	return clone_and_wait(t, a[0] & UINT32_MAX, a[1], a[2], a[2], a[3], a[4]);
}

int64_t sys_clone3(struct task *t, const uint64_t a[6])
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
		    set_tid, set_tid_size, cgroup;
	} c = {0};
	if (a[1] < 64)
		return -EINVAL;
	int r = uaccess_struct(t, &c, sizeof(c), a[0], a[1]);
	if (r != 0)
		return r;
	if (c.flags & (CLONE_SIGNAL_ | 0x400000 /* DETACHED */) || c.exit_signal > SIGNALS ||
	    c.set_tid_size > 0 || !c.stack != !c.stack_size)
		return -EINVAL;
	if (c.exit_signal && c.flags & (CLONE_THREAD_ | CLONE_PARENT_))
		return -EINVAL;
	return clone_and_wait(t, c.flags | c.exit_signal, c.stack + c.stack_size, c.parent_tid,
			      c.pidfd, c.tls, c.child_tid);
}

/* --- execve --- */

/* argv or envp from the program's memory: n pointers, NULL, and the strings they point to. */
struct strings {
	char *bytes;
	size_t size, room;
	const char **list;
	size_t *offset, count, list_room;
};

static void strings_free(struct strings *s)
{
	free(s->bytes);
	free(s->list);
	free(s->offset);
}

/* All strings together may be this long; exec_strings_check is more exact. */
enum { STRINGS_MOST = 8 << 20, STRING_MOST = 131072 };

static int strings_add(struct task *t, struct strings *s, uint64_t va)
{
	if (s->count == s->list_room) {
		size_t room = s->list_room ? 2 * s->list_room : 64;
		size_t *more = realloc(s->offset, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->offset = more;
		s->list_room = room;
	}
	if (s->room - s->size < STRING_MOST) {
		size_t room = s->room * 2 + 2 * STRING_MOST;
		char *more = room > 4 * STRINGS_MOST ? NULL : realloc(s->bytes, room);
		if (!more)
			return room > 4 * STRINGS_MOST ? -E2BIG : -ENOMEM;
		s->bytes = more;
		s->room = room;
	}
	int n = uaccess_string(t, s->bytes + s->size, va, STRING_MOST);
	if (n < 0)
		return n == -ENAMETOOLONG ? -E2BIG : n;
	s->offset[s->count++] = s->size;
	s->size += (size_t)n + 1;
	return s->size + s->count * 8 > STRINGS_MOST ? -E2BIG : 0;
}

static int strings_read(struct task *t, struct strings *s, uint64_t va)
{
	int r = 0;
	for (uint64_t pointer = va ? 1 : 0; pointer;) {
		r = uaccess_read(t, &pointer, va, sizeof(pointer));
		if (r == 0 && pointer)
			r = strings_add(t, s, pointer);
		if (r != 0)
			return r;
		va += sizeof(pointer);
	}
	s->list = calloc(s->count + 1, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++)
		s->list[i] = s->bytes + s->offset[i];
	return 0;
}

static int64_t execute(struct task *t, int dirfd, uint64_t path_va, uint64_t argv, uint64_t env,
		       int flags)
{
	struct strings args = {0}, envs = {0};
	struct file *f;
	char path[PATH_SIZE];
	int r = uaccess_string(t, path, path_va, sizeof(path));
	if (r < 0)
		return r;
	r = path_open_exec(t, dirfd, path, flags, &f);
	if (r != 0)
		return r;
	r = strings_read(t, &args, argv);
	if (r == 0)
		r = strings_read(t, &envs, env);
	if (r == 0)
		r = exec_program(t, f, *path || !f->path ? path : f->path, args.list, envs.list);
	file_put(f);
	strings_free(&args);
	strings_free(&envs);
	if (r == -EAGAIN) {
		(void)wait_on_io(t); /* the first four cannot fail */
		return CALL_WAIT;
	}
	/* The call's end moves pc behind an ecall that the new program has not made. */
	if (r == 0)
		task_regs(t)->pc -= 4;
	return r;
}

int64_t sys_execve(struct task *t, const uint64_t a[6])
{
	return execute(t, ABI_AT_FDCWD, a[0], a[1], a[2], 0);
}

int64_t sys_execveat(struct task *t, const uint64_t a[6])
{
	if (a[4] & ~(uint64_t)(ABI_AT_EMPTY_PATH | ABI_AT_SYMLINK_NOFOLLOW) & UINT32_MAX)
		return -EINVAL;
	return execute(t, (int)a[0], a[1], a[2], a[3], (int)a[4]);
}

/* --- exit --- */

int64_t sys_exit(struct task *t, const uint64_t a[6])
{
	task_exit(t, (int)(a[0] & 0xff) << 8);
	return 0;
}

int64_t sys_exit_group(struct task *t, const uint64_t a[6])
{
	process_exit(t->process, (int)(a[0] & 0xff) << 8);
	return 0;
}

/* --- numbers and groups --- */

int64_t sys_getpid(struct task *t, const uint64_t a[6])
{
	return t->process->pid;
}
int64_t sys_getppid(struct task *t, const uint64_t a[6])
{
	return t->process->parent->pid;
}
int64_t sys_gettid(struct task *t, const uint64_t a[6])
{
	return t->tid;
}

/* The process that a number of a program names; 0: its own. */
static struct process *named(struct task *t, uint64_t pid)
{
	return (int32_t)pid == 0 ? t->process : process_find(t->process->kernel, (int32_t)pid);
}

int64_t sys_getpgid(struct task *t, const uint64_t a[6])
{
	struct process *p = named(t, a[0]);
	return p ? p->pgid : -ESRCH;
}

int64_t sys_getsid(struct task *t, const uint64_t a[6])
{
	struct process *p = named(t, a[0]);
	return p ? p->sid : -ESRCH;
}

static bool session_has_group(struct kernel *k, int32_t sid, int32_t pgid)
{
	for (struct process *p = process_group_first(k, pgid); p; p = process_group_next(p))
		if (p->sid == sid)
			return true;
	return false;
}

int64_t sys_setpgid(struct task *t, const uint64_t a[6])
{
	struct process *p = named(t, a[0]), *me = t->process;
	int32_t pgid = (int32_t)a[1] ? (int32_t)a[1] : p ? p->pid : 0;
	if ((int32_t)a[1] < 0)
		return -EINVAL;
	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->sid != me->sid)
		return -EPERM;
	if (p != me && p->executed)
		return -EACCES;
	if (p->sid == p->pid)
		return -EPERM;
	if (pgid != p->pid && !session_has_group(me->kernel, me->sid, pgid))
		return -EPERM;
	process_group_leave(p);
	process_group_join(p, pgid);
	return 0;
}

int64_t sys_setsid(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	if (process_group_each(p->kernel, p->pid, NULL, NULL) > 0)
		return -EPERM;
	p->sid = p->pid;
	tty_process_leaves(p);
	process_group_leave(p);
	process_group_join(p, p->pid);
	return p->pid;
}

/* --- the little ones --- */

int64_t sys_set_tid_address(struct task *t, const uint64_t a[6])
{
	t->clear_child_tid = a[0];
	return t->tid;
}

enum { ROBUST_LIST_SIZE = 24 };

int64_t sys_set_robust_list(struct task *t, const uint64_t a[6])
{
	if (a[1] != ROBUST_LIST_SIZE)
		return -EINVAL;
	t->robust_list = a[0];
	t->robust_size = a[1];
	return 0;
}

int64_t sys_get_robust_list(struct task *t, const uint64_t a[6])
{
	struct task *of = (int32_t)a[0] == 0 ? t : task_find(t->process->kernel, (int32_t)a[0]);
	uint64_t size = ROBUST_LIST_SIZE;
	if (!of)
		return -ESRCH;
	if (!cred_may_trace(t, of->process, false))
		return -EPERM;
	int r = uaccess_write(t, a[2], &size, sizeof(size));
	return r != 0 ? r : uaccess_write(t, a[1], &of->robust_list, sizeof(of->robust_list));
}

int64_t sys_sched_yield(struct task *t, const uint64_t a[6])
{
	t->sched.yields = true;
	sched_look_at(t->process->kernel, 0);
	return 0;
}
