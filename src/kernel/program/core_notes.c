/* SPDX-License-Identifier: MIT */
/* core_notes.c - the notes of a core file, laid out as Linux does on riscv64 */
#include <elf.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/file.h"
#include "kernel/kernel.h"
#include "kernel/program/core.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"

struct note_time {
	int64_t seconds, microseconds;
};

/* struct elf_prstatus */
struct note_status {
	int32_t signal, code, error;
	int16_t current, pad;
	uint64_t pending, held;
	int32_t pid, ppid, pgid, sid;
	struct note_time user, system, children_user, children_system;
	uint64_t pc, x[31];
	int32_t fp_valid, pad_2;
};

/* struct elf_prpsinfo */
struct note_info {
	char state, letter, zombie, nice;
	uint32_t pad;
	uint64_t flags;
	uint32_t uid, gid;
	int32_t pid, ppid, pgid, sid;
	char name[16], arguments[80];
};

struct note_float {
	uint64_t f[32];
	uint32_t fcsr, pad;
};

_Static_assert(sizeof(struct note_status) == 376, "elf_prstatus");
_Static_assert(offsetof(struct note_status, pc) == 112, "pr_reg");
_Static_assert(sizeof(struct note_info) == 136, "elf_prpsinfo");
_Static_assert(sizeof(struct note_float) == 264, "elf_fpregset_t");

static void add_note(struct text *to, const char *owner, uint32_t type, const void *bytes, size_t size)
{
	static const char zeros[4];
	size_t n = strlen(owner) + 1;
	const Elf64_Nhdr header = {.n_namesz = (uint32_t)n, .n_descsz = (uint32_t)size, .n_type = type};
	text_add_bytes(to, &header, sizeof(header));
	text_add_bytes(to, owner, n);
	text_add_bytes(to, zeros, -n & 3);
	text_add_bytes(to, bytes, size);
	text_add_bytes(to, zeros, -size & 3);
}

static struct note_time time_of(uint64_t ns)
{
	return (struct note_time){(int64_t)(ns / 1000000000), (int64_t)(ns / 1000 % 1000000)};
}

static void add_thread(struct text *to, struct task *t, const struct signal_info *info)
{
	const struct process *p = t->process;
	const struct regs *r = task_regs(t);
	struct note_status s = {
	    .signal = info->number,
	    .current = (int16_t)info->number,
	    .pending = t->signals.pending.set | p->signals.pending.set,
	    .held = t->signals.blocked,
	    .pid = t->tid,
	    .ppid = p->parent ? p->parent->pid : 0,
	    .pgid = p->pgid,
	    .sid = p->sid,
	    .user = time_of(t->retired - t->system),
	    .system = time_of(t->system),
	    .children_user = time_of(p->children_retired - p->children_system),
	    .children_system = time_of(p->children_system),
	    .pc = r->pc,
	    .fp_valid = 1,
	};
	memcpy(s.x, r->x + 1, sizeof(s.x));
	add_note(to, "CORE", NT_PRSTATUS, &s, sizeof(s));
}

static void add_float(struct text *to, struct task *t)
{
	const struct regs *r = task_regs(t);
	struct note_float f = {.fcsr = r->fcsr};
	memcpy(f.f, r->f, sizeof(f.f));
	add_note(to, "CORE", NT_FPREGSET, &f, sizeof(f));
}

static void add_info(struct text *to, const struct task *t)
{
	const struct process *p = t->process;
	struct note_info i = {
	    .letter = 'R',
	    .nice = (char)t->sched.nice,
	    .uid = process_cred(p)->uid,
	    .gid = process_cred(p)->gid,
	    .pid = p->pid,
	    .ppid = p->parent ? p->parent->pid : 0,
	    .pgid = p->pgid,
	    .sid = p->sid,
	};
	size_t n = min_u64(p->arg_end - p->arg_start, sizeof(i.arguments) - 1);
	memcpy(i.name, t->comm, sizeof(i.name));
	if (!p->space || !space_peek(p->space, p->arg_start, i.arguments, n))
		n = 0;
	for (size_t at = 0; at + 1 < n; at++)
		if (!i.arguments[at])
			i.arguments[at] = ' ';
	add_note(to, "CORE", NT_PRPSINFO, &i, sizeof(i));
}

/* NT_FILE: how many, the size of a page; start, end and page of each; then their names. */
static void add_files(struct text *to, const struct process *p)
{
	struct text ranges = TEXT, names = TEXT;
	uint64_t head[2] = {0, PAGE_SIZE};
	for (const struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		struct text name = TEXT;
		uint64_t device, inode, range[3] = {r->start, r->end, r->offset / PAGE_SIZE};
		if (r->object && object_file_name(r->object, &name, &device, &inode)) {
			head[0]++;
			text_add_bytes(&ranges, range, sizeof(range));
			text_add_bytes(&names, text_str(&name), name.size + 1);
		}
		ranges.failed |= text_failed(&name);
		text_finish(&name);
	}
	struct text all = TEXT;
	text_add_bytes(&all, head, sizeof(head));
	text_add_bytes(&all, text_str(&ranges), ranges.size);
	text_add_bytes(&all, text_str(&names), names.size);
	if (!text_failed(&all) && !text_failed(&ranges) && !text_failed(&names))
		add_note(to, "CORE", NT_FILE, text_str(&all), all.size);
	text_finish(&ranges);
	text_finish(&names);
	text_finish(&all);
}

void core_notes(struct task *t, const struct signal_info *info, struct text *ret_notes)
{
	struct process *p = t->process;
	struct task *other;
	uint8_t siginfo[SIGINFO_SIZE];
	signal_info_encode(info, siginfo);
	add_thread(ret_notes, t, info);
	add_info(ret_notes, t);
	add_note(ret_notes, "CORE", NT_SIGINFO, siginfo, sizeof(siginfo));
	add_note(ret_notes, "CORE", NT_AUXV, p->auxv, p->auxv_words * sizeof(p->auxv[0]));
	add_files(ret_notes, p);
	add_float(ret_notes, t);
	TAILQ_FOREACH (other, &p->tasks, sibling) {
		if (other == t || other->state == TASK_DEAD)
			continue;
		add_thread(ret_notes, other, info);
		add_float(ret_notes, other);
	}
}
