/* SPDX-License-Identifier: MIT */
/* kernel.c - a machine is put together, given programs, and taken apart */
#include "kernel/ipc/ipc.h"
#include "kernel/ipc/mqueue.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/path.h"
#include "kernel/file/stream.h"
#include "kernel/limits.h"
#include "kernel/program/user.h"
#include "kernel/sched.h"
#include "kernel/trouble.h"
#include "kernel/tty/pty.h"
#include "pmap/sv.h"

/* 2026-01-01 00:00:00 UTC */
#define EPOCH_NS (UINT64_C(1767225600) * 1000000000)
enum { INIT_PID = 1 };

uint64_t kernel_now(const struct kernel *k)
{
	return hart_retired(k->hart) + k->idle_ns + k->work_ns;
}

uint64_t kernel_realtime(const struct kernel *k)
{
	struct timespec ts;
	if (!k->config.clock_real)
		return EPOCH_NS + kernel_now(k);
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* splitmix64 */
uint64_t kernel_random(struct kernel *k)
{
	uint64_t x = k->random_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void kernel_say(struct kernel *k, const char *format, ...)
{
	char sentence[2048];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	struct task *t = k->current;
	EVENT(k->events, NULL, t ? t->process->pid : 0, k->hart ? kernel_now(k) : 0, sentence,
	      .text = sentence);
	if (k->config.say)
		k->config.say(k->config.say_ctx, sentence);
}

const char *kernel_advice(int error)
{
	return error == -EMFILE   ? "; raise the limit of the shell that runs carrel: ulimit -n 1024"
	       : error == -ENFILE ? "; the host has no more for anybody"
				  : "";
}

/* --- what the paging system asks of its host --- */

static uint64_t host_now(void *ctx)
{
	return kernel_now(ctx);
}
static uint64_t host_random(void *ctx)
{
	return kernel_random(ctx);
}

static void host_wake(void *ctx, uint32_t frame)
{
	struct kernel *k = ctx;
	wait_wake_all(&k->io[frame % array_size(k->io)]);
}

/* Every reference of the program that runs, for --refs exact. */
static void host_touched(void *ctx, uint64_t va, enum mmu_access access)
{
	struct kernel *k = ctx;
	if (k->current && k->current->process->space)
		space_touched(k->current->process->space, va);
}

static uint32_t host_back(void *ctx, uint32_t frame)
{
	struct kernel *k = ctx;
	return (uint32_t)ram_back(machine_ram(k->machine), frame);
}

/* --- create --- */

static int create_machine(struct kernel *k)
{
	const struct kernel_config *c = &k->config;
	if (c->frames < MM_FRAMES_MIN) {
		kernel_say(k,
			   "a RAM of %u frames cannot hold page tables and a program: give "
			   "--memory at least %u KiB",
			   c->frames, MM_FRAMES_MIN * PAGE_SIZE / 1024);
		return -EINVAL;
	}
	int r = machine_create(c->frames, 1, &k->machine);
	struct sv_config *sv = malloc(sizeof(*sv));
	if (r != 0 || !sv) {
		free(sv);
		kernel_say(k,
			   "the host has no memory for a RAM of %llu KiB: give a smaller --memory",
			   (unsigned long long)c->frames * (PAGE_SIZE / 1024));
		return -ENOMEM;
	}
	k->hart = machine_hart(k->machine, 0);
	*sv = (struct sv_config){.machine = k->machine, .mode = c->mode};
	k->pmap_config = sv;
	const struct mm_config mc = {.ram = machine_ram(k->machine)->bytes,
				     .frames = c->frames,
				     .host = &(struct host){.alloc = alloc_libc,
							    .now = host_now,
							    .random = host_random,
							    .wake = host_wake,
							    .trouble = trouble_tell,
							    .back = host_back,
							    .ctx = k},
				     .events = k->events,
				     .pmap = &sv_ops,
				     .pmap_ctx = sv,
				     .policy = c->policy,
				     .policy_params = c->policy_params,
				     .eager = c->eager,
				     .exact_refs = c->exact_refs,
				     .swap = c->swap,
				     .local = c->local,
				     .low = c->low,
				     .high = c->high,
				     .fault_around = (unsigned)min_u64(max_u64(c->fault_around, 1), FAULT_AROUND_MAX)};
	r = mm_create(&mc, &k->mm);
	if (r == 0 && c->exact_refs)
		hart_observe(k->hart, host_touched, k);
	if (r == -EINVAL)
		kernel_say(k, "the policy %s has no parameter like \"%s\": see carrel policies",
			   c->policy ? c->policy->name : "",
			   c->policy_params ? c->policy_params : "");
	else if (r != 0)
		kernel_say(
		    k,
		    "the host has no memory to keep account of %u frames: give a smaller --memory",
		    c->frames);
	if (r != 0)
		return r;
	k->mm->commit.rule.mode = c->overcommit;
	if (c->overcommit_ratio)
		k->mm->commit.rule.ratio = c->overcommit_ratio;
	return 0;
}

/* pid 1: nobody's child, without a program, and the parent of those who have lost theirs. */
static int create_init(struct kernel *k)
{
	int r = process_create(k, NULL, &k->init);
	if (r != 0)
		return r;
	struct process *p = k->init;
	limits_default(p);
	/* Files belong to whom the host says: everybody here is who runs this. */
	struct cred *c;
	r = cred_create(k, geteuid(), getegid(), &c);
	if (r != 0)
		return r;
	c->host = c->uid != 0;
	cred_give(process_task(p), c);
	memcpy(process_task(p)->comm, "init", 5);
	return 0;
}

int kernel_create(const struct kernel_config *config, struct kernel **ret_kernel)
{
	struct kernel *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->config = *config;
	settings_init(&k->settings);
	k->events = config->events;
	k->random_state = config->seed;
	k->last_pid = INIT_PID - 1;
	k->wake_fd = k->edge_fd = -1;
	RB_INIT(&k->processes);
	RB_INIT(&k->groups);
	RB_INIT(&k->users);
	owners_init(&k->owners);
	RB_INIT(&k->threads);
	RB_INIT(&k->sleepers);
	TAILQ_INIT(&k->ready);
	TAILQ_INIT(&k->dead);
	LIST_INIT(&k->watches);
	LIST_INIT(&k->services);
	LIST_INIT(&k->userfaults);
	LIST_INIT(&k->mqueues);
	for (unsigned i = 0; i < array_size(k->io); i++)
		wait_queue_init(&k->io[i]);
	for (unsigned i = 0; i < array_size(k->futexes); i++)
		wait_queue_init(&k->futexes[i]);
	int r = create_machine(k);
	if (r == 0) {
		k->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		k->edge_fd = epoll_create1(EPOLL_CLOEXEC);
		r = k->wake_fd < 0 || k->edge_fd < 0 ? -errno : create_init(k);
		if (r != 0)
			kernel_say(k, "the host cannot give an event descriptor: %s", strerror(-r));
	}
	if (r == 0)
		r = files_create(k);
	if (r == 0)
		r = ipc_create(k);
	if (r != 0) {
		kernel_destroy(k);
		return r;
	}
	*ret_kernel = k;
	return 0;
}

static void end_all(struct kernel *k)
{
	struct process *p;
	while ((p = RB_MAX(process_tree, &k->processes)) && p != k->init) {
		process_exit(p, SIGKILL);
		if (p->parent)
			process_reap(p);
	}
	if (k->init) {
		RB_REMOVE(process_tree, &k->processes, k->init);
		TAILQ_INSERT_TAIL(&k->dead, process_task(k->init), run);
	}
	sched_bury(k);
}

void kernel_destroy(struct kernel *k)
{
	end_all(k);
	trouble_sum(k);
	ipc_destroy(k);
	mqueues_destroy(k);
	if (k->mm)
		signals_finish_kernel(k);
	if (k->mounts)
		files_destroy(k);
	if (k->mm)
		mm_destroy(k->mm);
	if (k->machine)
		machine_destroy(k->machine);
	if (k->wake_fd >= 0)
		close(k->wake_fd);
	if (k->edge_fd >= 0)
		close(k->edge_fd);
	free(k->pmap_config);
	free(k->spawned);
	free(k);
}

/* --- spawn --- */

static const char *env_get(const char *const *env, const char *name)
{
	size_t n = strlen(name);
	for (; *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

/* As a shell looks a command up. The path that was tried last stays in path, PATH_SIZE bytes. */
static int find_program(struct task *t, const struct kernel_program *program, char *path,
			struct file **ret_file)
{
	const char *search = env_get(program->env, "PATH"), *name = program->path;
	int result = -ENOENT;
	size_t size_of_name = strlen(name) + 1;
	if (size_of_name > PATH_SIZE)
		return -ENAMETOOLONG;
	if (strchr(name, '/')) {
		memcpy(path, name, size_of_name);
		return path_open_exec(t, ABI_AT_FDCWD, path, 0, ret_file);
	}
	if (!search || !*search)
		search = "/usr/local/bin:/usr/bin:/bin";
	while (*name) {
		size_t n = strcspn(search, ":");
		int size = n > 0 ? snprintf(path, PATH_SIZE, "%.*s/%s", (int)n, search, name)
				 : snprintf(path, PATH_SIZE, "./%s", name);
		int r = size < PATH_SIZE ? path_open_exec(t, ABI_AT_FDCWD, path, 0, ret_file)
					 : -ENAMETOOLONG;
		if (r == 0)
			return 0;
		if (r != -ENOENT && r != -ENOTDIR && result == -ENOENT)
			result = r;
		if (!search[n])
			break;
		search += n + 1;
	}
	return result;
}

static bool is_directory(struct kernel *k, const char *path)
{
	struct place at;
	return path_find(k, NULL, ABI_AT_FDCWD, path, FIND_FOLLOW, &at) == 0 && at.exists && S_ISDIR(at.stat.st_mode);
}

/* tried: the path that was tried last. */
static void explain(struct kernel *k, const struct kernel_program *program, const char *tried, int error)
{
	const char *name = program->path;
	bool slash = strchr(name, '/');
	if (!*name)
		kernel_say(k, "\"\" is no name of a program");
	else if (error == -ENOENT && slash)
		kernel_say(k,
			   "%s: there is no such file in the guest's tree; it holds the current "
			   "directory and what -L and --bind name",
			   name);
	else if (error == -ENOENT)
		kernel_say(k,
			   "%s: not found in the guest's PATH; -L ROOT names a tree of programs "
			   "(carrel root create makes one), and ./%s one of the current directory",
			   name, name);
	else if (error == -EACCES && is_directory(k, tried))
		kernel_say(k, "%s is a directory; name a program in it", name);
	else if (error == -EACCES)
		kernel_say(k, "%s: is no executable file; if it should be one: chmod +x %s", name,
			   name);
	else
		kernel_say(k, "%s: cannot be opened: %s%s", name, strerror(-error), kernel_advice(error));
}

static int stdio_open(struct process *p, const struct kernel_program *program, int fd,
		      struct file **ret_file)
{
	if (program->relay)
		return relay_open(program->relay, ABI_O_RDWR, ret_file);
	int host_fd = program->stdio[fd], flags = fcntl(host_fd, F_GETFL);
	/* One that the host closed, or that only keeps the place of such a one, is closed for the guest too. */
	if (flags < 0 || flags & O_PATH)
		return 1;
	if (program->streams && isatty(host_fd))
		return stream_open(p->kernel, host_fd, (uint32_t)flags & O_ACCMODE, ret_file);
	return file_from_host(p->kernel, host_fd, (uint32_t)flags & O_ACCMODE, ret_file);
}

static int give_stdio(struct process *p, const struct kernel_program *program)
{
	for (int fd = 0; fd < 3; fd++) {
		struct file *f;
		int r = stdio_open(p, program, fd, &f);
		if (r > 0)
			continue;
		if (r != 0)
			return r;
		r = fd_install(p->files, f, fd, p->limit[RLIMIT_NOFILE].soft, false);
		if (r != fd) {
			if (r < 0)
				file_put(f);
			return r < 0 ? r : -EMFILE;
		}
	}
	if (program->relay)
		relay_joined(program->relay, p);
	else if (!program->apart)
		tty_console_joined(p);
	return 0;
}

/* Programs that are started together are one job: a session and a group of the first. */
static void join_session(struct kernel *k, struct process *p, bool apart)
{
	const struct process *first =
	    k->spawned_count > 0 && !apart ? process_find(k, k->spawned[0].pid) : NULL;
	p->sid = first && !first->zombie ? first->pid : p->pid;
	process_group_leave(p);
	process_group_join(p, p->sid);
}

static const char *start_in(struct kernel *k, const struct kernel_program *program)
{
	struct place at;
	if (program->cwd && path_find(k, NULL, ABI_AT_FDCWD, program->cwd, FIND_FOLLOW, &at) == 0 &&
	    at.exists && S_ISDIR(at.stat.st_mode))
		return program->cwd;
	return k->mounts->cwd;
}

static int start(struct kernel *k, struct process *p, const struct kernel_program *program)
{
	struct task *t = process_task(p);
	struct file *f;
	char path[PATH_SIZE];
	const char *user = program->user ? program->user : k->config.user;
	int r = user ? user_become(t, user) : 0;
	if (r == 0 && !program->user && user)
		user_give_home(t);
	if (r != 0)
		return r;
	r = fd_table_create(&p->files);
	if (r == 0)
		r = fs_create(k, start_in(k, program), &p->fs);
	if (r == 0)
		r = give_stdio(p, program);
	if (r != 0) {
		kernel_say(k, "%s: its working directory and standard files cannot be set up: %s%s",
			   program->path, strerror(-r), kernel_advice(r));
		return r;
	}
	r = find_program(t, program, path, &f);
	if (r != 0) {
		explain(k, program, path, r);
		return r;
	}
	/* There is nobody yet who could wait for a frame to be emptied. */
	while ((r = exec_program(t, f, path, program->argv, program->env)) == -EAGAIN)
		sched_pass_io(k);
	file_put(f);
	if (r == -ENOMEM)
		kernel_say(k, "%s: RAM is too small for it: give more --memory than %u KiB",
			   program->path, k->config.frames * (PAGE_SIZE / 1024));
	else if (r == -E2BIG)
		kernel_say(k,
			   "%s: its arguments and environment are too long for a stack of %llu "
			   "KiB: pass fewer, or --clean-env",
			   program->path, (unsigned long long)p->limit[RLIMIT_STACK].soft / 1024);
	else if (r != 0 && r != -ENOEXEC && r != -ENOENT)
		kernel_say(k, "%s: cannot be started: %s", program->path, strerror(-r));
	return r;
}

int kernel_spawn(struct kernel *k, const struct kernel_program *program)
{
	struct process *p;
	struct kernel_spawned *more = realloc(k->spawned, (k->spawned_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	k->spawned = more;
	int r = process_create(k, k->init, &p);
	if (r != 0)
		return r;
	EVENT(k->events, &p->tally, p->pid, kernel_now(k), process_new, .parent = k->init->pid);
	join_session(k, p, program->apart);
	/* What an observer says of these events cannot stop a run that has not begun. */
	bool stop = k->stop;
	r = start(k, p, program);
	k->stop = stop;
	if (r != 0) {
		process_exit(p, 127 << 8);
		sched_bury(k);
		return r;
	}
	k->spawned[k->spawned_count++] = (struct kernel_spawned){.pid = p->pid};
	sched_ready(process_task(p));
	return p->pid;
}

bool kernel_status(struct kernel *k, int32_t pid, int *ret_status)
{
	for (unsigned i = 0; i < k->spawned_count; i++)
		if (k->spawned[i].pid == pid && k->spawned[i].ended) {
			*ret_status = k->spawned[i].status;
			return true;
		}
	return false;
}
