/* SPDX-License-Identifier: MIT */
/* exec.c - execve: a new program in an old process
 *
 *	scripts -> ELF headers, of program and interpreter -> a new space, all of it mapped and its
 *	stack filled -> the switch, which cannot fail
 *
 * Everything happens in the new space while the old one stands, so that a refusal leaves the
 * program as it was.
 *
 *	0  [program ET_EXEC]  [heap ->   ...   2/3: program ET_DYN, heap ->   ...
 *	   ...  <- mappings, libraries | at least 128 MiB: the stack's room, <- stack]  top
 */
#include "kernel/program/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"
#include "kernel/futex.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/program/rseq.h"
#include "kernel/sched.h"

/* Linux's mmap_min_addr, stack_guard_gap, and least distance from the stack to mappings. */
enum { BOTTOM = 65536, GAP_GUARD = 256 * PAGE_SIZE, GAP_LEAST = 128 << 20 };

/* --- reading the file --- */

static const char *name_of(const struct exec *x, const struct file *f)
{
	return f == x->file || !f->path ? x->path : f->path;
}

static __attribute__((format(printf, 3, 4))) void complain(const struct exec *x, bool always,
							   const char *format, ...)
{
	char text[1024];
	va_list args;
	if (!x->say && !always)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	kernel_say(x->kernel, "%s", text);
}

/* Says what is wrong. A file that is no ELF file at all is for a shell to try: no word of it then. */
static int refuse(const struct exec *x, const struct file *f, const char *why)
{
	const char *name = name_of(x, f), *slash = strrchr(name, '/');
	if (!*why)
		complain(x, false, "%s is neither an ELF program nor a script that begins with #!",
			 name);
	else if (strstr(why, "Carrel runs riscv64"))
		complain(x, true,
			 "%s is %s.\n  From source:   carrel run %s.c\n  With a build:  make clean "
			 "&& make CC=\"carrel cc\"",
			 name, why, slash ? slash + 1 : name);
	else
		complain(x, *why, "%s is %s", name, why);
	return -ENOEXEC;
}

static int read_elf(struct exec *x, struct file *f, struct elf *ret_elf)
{
	uint8_t head[ELF_HEADER_SIZE];
	char why[ELF_WHY_SIZE];
	uint64_t size = 0;
	int r = f->ops->size ? f->ops->size(f, &size) : -EACCES;
	if (r != 0)
		return r;
	int64_t n = file_pread(f, head, sizeof(head), 0);
	if (n < 0)
		return (int)n;
	if (elf_header(head, (size_t)n, size, ret_elf, why) != 0)
		return refuse(x, f, why);
	uint8_t *headers = malloc(ret_elf->header_size);
	if (!headers)
		return -ENOMEM;
	n = file_pread(f, headers, ret_elf->header_size, ret_elf->header_offset);
	if (n == (int64_t)ret_elf->header_size) {
		r = elf_segments(headers, size, ret_elf, why);
		if (r != 0)
			refuse(x, f, why);
	} else {
		r = n < 0 ? (int)n : refuse(x, f, "cut short while it was read");
	}
	free(headers);
	return r;
}

static int open_interpreter(struct exec *x, struct file **ret_file)
{
	char path[ELF_INTERPRETER_MAX];
	size_t size = x->elf.interpreter_size;
	int64_t n = file_pread(x->file, path, size, x->elf.interpreter_offset);
	if (n < 0)
		return (int)n;
	if ((size_t)n != size || path[size - 1] != 0)
		return refuse(x, x->file, "malformed: the name of its interpreter does not end");
	int r = path_open_exec(x->task, ABI_AT_FDCWD, path, 0, ret_file);
	if (r == -ENOENT)
		complain(x, true,
			 "%s needs %s, which is not in the guest's tree. -L ROOT names a tree that "
			 "has it, or link with -static",
			 x->path, path);
	return r;
}

/* --- mapping --- */

static int map_segment(struct exec *x, const struct elf_segment *s, const struct file *f,
		       struct object *o, uint64_t bias)
{
	uint64_t va = s->va + bias, start = page_down(va), file_end = va + s->file_size, at;
	uint64_t rest = s->file_size > 0 ? page_up(file_end) : start,
		 end = page_up(va + s->memory_size);
	if (s->file_size > 0) {
		const struct map_request m = {.start = start,
					      .length = rest - start,
					      .prot = s->prot,
					      .prot_max = PROT_ALL,
					      .map_flags = MAP_AT,
					      .object = o,
					      .source = f->serial,
					      .offset = page_down(s->offset)};
		int r = space_map(x->space, &m, &at);
		/* BSS begins within the last page of the file; ld.so counts on zeros behind it, too. */
		if (r == 0 && s->memory_size > s->file_size && s->prot & PROT_W)
			r = exec_write(x->kernel, x->space, file_end, NULL, rest - file_end);
		if (r != 0)
			return r;
	}
	if (end <= rest)
		return 0;
	const struct map_request m = {.start = rest,
				      .length = end - rest,
				      .prot = s->prot,
				      .prot_max = PROT_ALL,
				      .map_flags = MAP_AT};
	return space_map(x->space, &m, &at);
}

static int map_elf(struct exec *x, struct file *f, const struct elf *e, uint64_t bias)
{
	struct object *o;
	if (!f->ops->object)
		return -ENODEV;
	int r = f->ops->object(f, &o);
	if (r != 0)
		return r;
	for (unsigned i = 0; r == 0 && i < e->segments; i++)
		r = map_segment(x, &e->segment[i], f, o, bias);
	object_put(x->kernel->mm, o);
	return r;
}

/* Where mappings go has room for e: its bias. */
static int find_room(struct exec *x, const struct elf *e, uint64_t *ret_bias)
{
	uint64_t size = e->high - e->low, length = size + e->align - PAGE_SIZE, start;
	const struct map_request m = {.length = length};
	int r = space_map(x->space, &m, &start);
	if (r == 0)
		r = space_unmap(x->space, start, length);
	if (r == 0)
		*ret_bias = align_down(start + length - size - e->low, e->align);
	return r;
}

static uint64_t two_thirds(const struct space_layout *l)
{
	return l->top / 3 * 2;
}

static int place_program(struct exec *x)
{
	const struct elf *e = &x->elf;
	const struct space_layout *l = &x->space->layout;
	char why[ELF_WHY_SIZE];
	if (e->relative && e->interpreter_size == 0)
		return find_room(x, e, &x->bias);
	x->bias = e->relative ? page_down(align_down(two_thirds(l), e->align) - e->low) : 0;
	uint64_t low = e->low + x->bias, high = e->high + x->bias;
	if (low >= l->bottom && high > low && high <= l->map_top)
		return 0;
	if (e->relative)
		return find_room(x, e, &x->bias);
	snprintf(why, sizeof(why),
		 "to be loaded at 0x%llx-0x%llx, and programs have 0x%llx-0x%llx (see --mmu, --va)",
		 (unsigned long long)low, (unsigned long long)high, (unsigned long long)l->bottom,
		 (unsigned long long)l->map_top);
	return refuse(x, x->file, why);
}

static struct space_layout layout_of(const struct exec *x)
{
	const struct kernel_config *c = &x->kernel->config;
	uint64_t half = UINT64_C(1) << (mmu_va_bits(c->mode) - 1);
	uint64_t top = c->va_top ? page_down(min_u64(c->va_top, half)) : half;
	/* Where addresses are few the least distance is not what uses them up. */
	uint64_t gap = min_u64(x->stack_limit, top) + GAP_GUARD,
		 least = min_u64(GAP_LEAST, top / 6);
	gap = min_u64(max_u64(gap, least), top / 6 * 5);
	return (struct space_layout){.bottom = BOTTOM,
				     .top = top,
				     .map_top = page_down(top - gap),
				     .stack_limit = x->stack_limit};
}

/* A heap that begins within a page (--brk) has the rest of that page from the start. */
static int map_heap_start(struct exec *x, uint64_t heap)
{
	const struct map_request m = {.start = page_down(heap),
				      .length = PAGE_SIZE,
				      .prot = PROT_R | PROT_W,
				      .prot_max = PROT_ALL,
				      .map_flags = MAP_AT_FREE};
	uint64_t start;
	int r = space_map(x->space, &m, &start);
	if (r == -EEXIST)
		return 0;
	if (r == -EPERM || (r == -ENOMEM && heap >= x->space->layout.top))
		return refuse(
		    x, x->file,
		    "not to be given a heap there: --brk is no address that programs have");
	return r;
}

/* A program that a person starts is a group of its own; one that another starts is of the other's. */
static int join_group(const struct process *p, struct space *s)
{
	struct group *g;
	if (p->space) {
		group_join(p->space->group, s);
		s->replaces = *p->space_refs == 1 ? p->space : NULL;
		return 0;
	}
	int r = group_create(s->mm, &g);
	if (r != 0)
		return r;
	group_join(g, s);
	group_put(g);
	return 0;
}

/* Everything that the program finds when it starts. */
static int build(struct exec *x, struct file *interpreter)
{
	struct process *p = x->task->process;
	const struct space_layout l = layout_of(x);
	int r = space_create(x->kernel->mm, p->pid, &p->tally, &l, &x->space);
	if (r == 0)
		r = join_group(p, x->space);
	if (r != 0)
		return r;
	limits_apply(p, x->space);
	x->begun = true;
	r = place_program(x);
	if (r == 0)
		r = map_elf(x, x->file, &x->elf, x->bias);
	if (r == 0 && interpreter) {
		r = find_room(x, &x->interpreter, &x->interpreter_bias);
		if (r == 0)
			r = map_elf(x, interpreter, &x->interpreter, x->interpreter_bias);
	}
	if (r == 0)
		r = exec_stack(x);
	if (r != 0)
		return r;
	uint64_t heap =
	    x->elf.relative && !interpreter ? page_down(two_thirds(&l)) : x->elf.high + x->bias;
	if (x->kernel->config.brk)
		heap = x->kernel->config.brk;
	x->space->brk_start = x->space->brk = heap;
	return heap % PAGE_SIZE ? map_heap_start(x, heap) : 0;
}

/* --- the switch --- */

/* What a process remembers of its program, made before the switch so that it cannot fail. */
struct memory {
	char *exe;
	unsigned *refs;
	uint64_t trampoline;
};

static void memory_free(struct memory *m)
{
	free(m->exe);
	free(m->refs);
}

static int memory_make(struct exec *x, struct memory *ret_memory)
{
	struct memory m = {.exe = strdup(x->file->path ? x->file->path : x->path),
			   .refs = malloc(sizeof(*m.refs))};
	int r = m.exe && m.refs ? 0 : -ENOMEM;
	if (r == 0)
		r = signal_map_trampoline(x->kernel, x->space, &m.trampoline);
	if (r != 0) {
		memory_free(&m);
		return r;
	}
	*m.refs = 1;
	*ret_memory = m;
	return 0;
}

static void set_ranges(struct process *p, const struct exec *x)
{
	p->code_start = p->data_start = UINT64_MAX;
	p->code_end = p->data_end = 0;
	for (unsigned i = 0; i < x->elf.segments; i++) {
		const struct elf_segment *s = &x->elf.segment[i];
		uint64_t start = s->va + x->bias, end = start + s->file_size;
		if (s->prot & PROT_X) {
			p->code_start = min_u64(p->code_start, start);
			p->code_end = max_u64(p->code_end, end);
		} else if (s->prot & PROT_W) {
			p->data_start = min_u64(p->data_start, start);
			p->data_end = max_u64(p->data_end, start + s->memory_size);
		}
	}
	if (p->data_end == 0)
		p->data_start = p->data_end = p->code_end;
	p->stack_start = x->sp;
	p->arg_start = x->arg_start;
	p->arg_end = p->env_start = x->arg_end;
	p->env_end = x->env_end;
	memcpy(p->auxv, x->auxv, sizeof(p->auxv));
	p->auxv_words = x->auxv_words;
}

static void set_name(struct task *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, name, min_u64(strlen(name), sizeof(t->comm) - 1));
}

static void become(struct exec *x, const struct memory *m, bool interpreted)
{
	struct task *t = x->task;
	struct process *p = t->process;
	free(p->exe);
	process_set_program(p, x->file);
	p->exe = m->exe;
	p->trampoline = m->trampoline;
	futex_abandon(t);
	x->space->replaces = NULL;
	process_set_space(p, x->space, m->refs);
	process_vfork_done(p);
	set_ranges(p, x);
	set_name(t, x->path);
	t->clear_child_tid = t->robust_size = 0;
	rseq_forget(t);
	p->exit_signal = SIGCHLD;
	p->executed = true;
	p->barriers = 0;
	/* What may not be read may not be looked into either. */
	bool gains = x->cred->permitted & ~t->cred->permitted;
	p->dumpable = x->readable && !gains && x->cred->euid == x->cred->uid && x->cred->egid == x->cred->gid;
	if (x->secure || gains)
		p->death_signal = 0;
	cred_give(t, x->cred);
	x->cred = NULL;
	limits_apply(p, p->space);
	if (p->files)
		fd_close_on_exec(p->files);
	signals_exec(p);
	struct regs *r = task_regs(t);
	*r = (struct regs){.pc = interpreted ? x->interpreter.entry + x->interpreter_bias
					     : x->elf.entry + x->bias};
	r->x[REG_SP] = x->sp;
	if (x->kernel->current == t)
		sched_new_space(t);
	EVENT(x->kernel->events, &p->tally, p->pid, kernel_now(x->kernel), process_exec,
	      .path = p->exe);
	(void)debug_tell(t, DEBUG_EXEC, 0);
}

/* A script has no rights of its own: its interpreter's count. */
static int choose_credentials(struct exec *x)
{
	struct stat st;
	int r = x->file->ops->stat ? x->file->ops->stat(x->file, &st) : -EACCES;
	if (r == 0 && x->file->mount && x->file->mount->flags & MOUNT_NOSUID)
		st.st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
	struct cred_file caps = {0};
	if (r == 0 && x->file->ops->capability && !(x->file->mount && x->file->mount->flags & MOUNT_NOSUID))
		x->file->ops->capability(x->file, &caps);
	if (r == 0)
		r = cred_exec(x->task, &st, &caps, &x->cred, &x->secure);
	if (r == 0)
		x->readable = stat_access(&st, x->task, R_OK) == 0;
	return r;
}

static int replace(struct exec *x)
{
	struct file *interpreter = NULL;
	struct memory m;
	int r = read_elf(x, x->file, &x->elf);
	if (r == 0 && x->file->ops->execute)
		r = x->file->ops->execute(x->file, 0);
	if (r == 0 && x->elf.interpreter_size > 0) {
		r = open_interpreter(x, &interpreter);
		if (r == 0)
			r = read_elf(x, interpreter, &x->interpreter);
		if (r == 0 && !x->interpreter.relative)
			r = refuse(x, interpreter,
				   "an interpreter at a fixed address, which could be in the way "
				   "of the program");
	}
	if (r == 0)
		r = choose_credentials(x);
	if (r == 0)
		r = build(x, interpreter);
	if (r == 0)
		r = memory_make(x, &m);
	if (r == 0) {
		task_leave_alone(x->task);
		become(x, &m, interpreter != NULL);
	} else if (x->space) {
		space_destroy(x->space);
	}
	if (interpreter)
		file_put(interpreter);
	return r;
}

/* Linux has given the old program up by the time it finds that there is no room for the new one. */
static void lose(struct task *t)
{
	const struct signal_action normal = {0};
	const struct signal_info info = {.number = SIGSEGV, .code = SI_KERNEL};
	if (signal_action_set(t->process, SIGSEGV, &normal) == 0)
		signal_fault(t, &info);
}

static int strings_copy(const char *const *from, struct exec_strings *ret)
{
	unsigned n = 0;
	while (from[n])
		n++;
	ret->list = calloc((size_t)n + 2, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		ret->list[i] = from[i];
	ret->count = n;
	return 0;
}

int exec_program(struct task *t, struct file *f, const char *path, const char *const *argv,
		 const char *const *env)
{
	struct exec x = {.task = t,
			 .kernel = t->process->kernel,
			 .file = file_ref(f),
			 .path = path,
			 .say = t->process->space == NULL,
			 .stack_limit = t->process->limit[RLIMIT_STACK].soft};
	int r = strings_copy(argv, &x.argv);
	if (r == 0)
		r = strings_copy(env, &x.env);
	/* Programs may rely on an argv[0]. */
	if (r == 0 && x.argv.count == 0)
		x.argv.list[x.argv.count++] = "";
	if (r == 0)
		r = exec_scripts(&x);
	if (r == 0)
		r = exec_strings_check(&x);
	if (r == 0)
		r = replace(&x);
	if (r == -ENOMEM && x.begun && t->process->space)
		lose(t);
	if (x.cred)
		cred_put(x.cred);
	file_put(x.file);
	free(x.argv.list);
	free(x.env.list);
	for (unsigned i = 0; i < x.owned_count; i++)
		free(x.owned[i]);
	return r;
}
