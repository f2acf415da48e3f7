/* SPDX-License-Identifier: MIT */
/* signal_frame.c - what a handler finds on its stack, laid out as Linux does on riscv64
 *
 *	sp -> 0     siginfo, 128 bytes
 *	      128   ucontext: flags, link, stack (ss_sp, ss_flags, ss_size), sigmask padded to 1024 bits
 *	      304     sigcontext, aligned to 16: pc, x1 to x31
 *	      560       floating point: f0 to f31, fcsr, padded to the 528 bytes of the quad state
 *	      1088  the program's own
 *
 * a0: number, a1: siginfo, a2: ucontext, ra: the trampoline, pc: the handler.
 *
 * A program may hand rt_sigreturn any frame. All of it is read before any of it is believed, and
 * nothing in it can be more than wrong for the program: pc is made even, x0 does not exist there,
 * fcsr loses the bits that it has not, and the mask cannot block SIGKILL or SIGSTOP.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/signal.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

struct frame_stack {
	uint64_t sp;
	int32_t flags;
	uint32_t pad;
	uint64_t size;
};

struct signal_frame {
	uint8_t info[SIGINFO_SIZE];
	uint64_t flags, link;
	struct frame_stack stack;
	uint64_t mask;
	uint8_t mask_pad[1024 / 8 - 8];
	uint64_t align;
	uint64_t pc, x[31];
	uint64_t f[32];
	uint32_t fcsr, f_pad;
	uint8_t quad_pad[528 - 33 * 8 - 12];
	uint32_t reserved[3]; /* zero; other values announce an extension that this hart has not */
};

_Static_assert(offsetof(struct signal_frame, stack) == 144, "uc_stack");
_Static_assert(offsetof(struct signal_frame, mask) == 168, "uc_sigmask");
_Static_assert(offsetof(struct signal_frame, pc) == 304, "uc_mcontext");
_Static_assert(offsetof(struct signal_frame, f) == 560, "sc_fpregs");
_Static_assert(offsetof(struct signal_frame, reserved) == 560 + 516, "sc_fpregs.q.reserved");
_Static_assert(sizeof(struct signal_frame) == 1088, "rt_sigframe");

/* --- siginfo --- */

enum { INFO_NUMBER = 0, INFO_ERROR = 4, INFO_CODE = 8, INFO_FIELDS = 16 };

static void put32(uint8_t *at, int32_t v) { memcpy(at, &v, sizeof(v)); }
static void put64(uint8_t *at, uint64_t v) { memcpy(at, &v, sizeof(v)); }

static int32_t get32(const uint8_t *at)
{
	int32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static bool is_fault(int n) { return n == SIGSEGV || n == SIGBUS || n == SIGILL || n == SIGFPE || n == SIGTRAP; }

void signal_info_encode(const struct signal_info *info, uint8_t ret_bytes[SIGINFO_SIZE])
{
	uint8_t *fields = ret_bytes + INFO_FIELDS;
	bool by_hardware = info->code > SI_USER && info->code < SI_KERNEL;

	memset(ret_bytes, 0, SIGINFO_SIZE);
	put32(ret_bytes + INFO_NUMBER, info->number);
	put32(ret_bytes + INFO_ERROR, info->error);
	put32(ret_bytes + INFO_CODE, info->code);
	if (by_hardware && is_fault(info->number)) {
		put64(fields, info->addr);
		return;
	}
	if (info->code == SI_TIMER) {
		put32(fields, info->timer);
		put32(fields + 4, info->overrun);
		put64(fields + 8, info->value);
		return;
	}
	if (info->band) {
		put64(fields, info->band);
		put32(fields + 8, info->fd);
		return;
	}
	put32(fields, info->pid);
	put32(fields + 4, info->uid);
	if (by_hardware) { /* a child: its time in ticks of 10 ms */
		put32(fields + 8, info->status);
		put64(fields + 16, (info->retired - info->system) / 10000000);
		put64(fields + 24, info->system / 10000000);
	} else if (info->code < 0) {
		put64(fields + 8, info->value);
	}
}

void signal_info_decode(const uint8_t bytes[SIGINFO_SIZE], struct signal_info *ret_info)
{
	const uint8_t *fields = bytes + INFO_FIELDS;
	uint64_t value;

	memcpy(&value, fields + 8, sizeof(value));
	*ret_info = (struct signal_info){
		.number = get32(bytes + INFO_NUMBER),
		.error = get32(bytes + INFO_ERROR),
		.code = get32(bytes + INFO_CODE),
		.pid = get32(fields),
		.uid = get32(fields + 4),
		.value = value,
	};
	if (ret_info->code == SI_TIMER) {
		ret_info->timer = ret_info->pid;
		ret_info->overrun = ret_info->uid;
	}
}

/* --- alternate stacks --- */

static bool on_stack(const struct task_signals *s, uint64_t sp)
{
	if (s->stack_flags & (int32_t)SS_AUTODISARM_KERNEL)
		return false;
	return sp > s->stack && sp - s->stack <= s->stack_size;
}

int signal_stack_state(const struct task *t, uint64_t sp)
{
	if (t->signals.stack_size == 0)
		return SS_DISABLE;
	return on_stack(&t->signals, sp) ? SS_ONSTACK : 0;
}

int signal_stack_set(struct task *t, uint64_t sp, uint64_t stack, int32_t flags, uint64_t size)
{
	struct task_signals *s = &t->signals;
	int32_t mode = flags & ~(int32_t)SS_AUTODISARM_KERNEL;

	if (on_stack(s, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE)
		stack = size = 0;
	else if (size < 2048) /* MINSIGSTKSZ */
		return -ENOMEM;
	s->stack = stack;
	s->stack_size = size;
	s->stack_flags = flags;
	return 0;
}

/* Where the frame goes; false: it would leave the alternate stack. */
static bool frame_place(const struct task *t, uint64_t sp, const struct signal_action *a, uint64_t *ret_va)
{
	const struct task_signals *s = &t->signals;
	uint64_t size = sizeof(struct signal_frame);

	if (on_stack(s, sp) && !on_stack(s, sp - size))
		return false;
	if (a->flags & SA_ONSTACK && signal_stack_state(t, sp) == 0)
		sp = s->stack + s->stack_size;
	*ret_va = align_down(sp - size, 16);
	return true;
}

/* --- there and back --- */

int signal_frame_push(struct task *t, const struct signal_info *info, const struct signal_action *a, signal_set mask)
{
	struct regs *regs = task_regs(t);
	struct task_signals *s = &t->signals;
	struct signal_frame frame;
	uint64_t va;
	int r;

	if (!frame_place(t, regs->x[REG_SP], a, &va))
		return -EFAULT;
	memset(&frame, 0, sizeof(frame));
	signal_info_encode(info, frame.info);
	frame.stack = (struct frame_stack){.sp = s->stack, .flags = s->stack_flags, .size = s->stack_size};
	frame.mask = mask;
	frame.pc = regs->pc;
	memcpy(frame.x, regs->x + 1, sizeof(frame.x));
	memcpy(frame.f, regs->f, sizeof(frame.f));
	frame.fcsr = regs->fcsr;
	r = uaccess_write(t, va, &frame, sizeof(frame));
	if (r)
		return r == CALL_WAIT ? r : -EFAULT;
	if (s->stack_flags & (int32_t)SS_AUTODISARM_KERNEL) {
		s->stack = s->stack_size = 0;
		s->stack_flags = SS_DISABLE;
	}
	regs->x[REG_A0] = (uint64_t)info->number;
	regs->x[REG_A0 + 1] = va + offsetof(struct signal_frame, info);
	regs->x[REG_A0 + 2] = va + offsetof(struct signal_frame, flags);
	regs->x[REG_RA] = t->process->trampoline;
	regs->x[REG_SP] = va;
	regs->pc = a->handler & ~UINT64_C(1);
	return 0;
}

int64_t signal_return(struct task *t)
{
	struct regs *regs = task_regs(t);
	struct signal_frame frame;
	int r = uaccess_read(t, &frame, regs->x[REG_SP], sizeof(frame));

	if (r == CALL_WAIT)
		return r;
	if (r || frame.reserved[0] || frame.reserved[1] || frame.reserved[2]) {
		struct signal_info segv = {.number = SIGSEGV, .code = SI_KERNEL};
		signal_fault(t, &segv);
		return 0;
	}
	memcpy(regs->x + 1, frame.x, sizeof(frame.x));
	memcpy(regs->f, frame.f, sizeof(frame.f));
	regs->fcsr = frame.fcsr & 0xff;
	t->signals.blocked = frame.mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
	/* A stack that cannot be set stays as it is: Linux forgives that too. */
	(void)signal_stack_set(t, regs->x[REG_SP], frame.stack.sp, frame.stack.flags, frame.stack.size);
	/* The call that this is ends like any other: its result goes to a0, and pc moves past it. */
	regs->pc = (frame.pc & ~UINT64_C(1)) - 4;
	return (int64_t)regs->x[REG_A0];
}

/* --- the trampoline --- */

static int trampoline_get(void *ctx, uint64_t index, uint8_t *bytes)
{
	static const uint32_t code[] = {
		0x08b00893, /* li a7, 139 (rt_sigreturn) */
		0x00000073, /* ecall */
	};

	(void)ctx;
	(void)index;
	memset(bytes, 0, PAGE_SIZE);
	memcpy(bytes, code, sizeof(code));
	return 0;
}

static int trampoline_put(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length)
{
	(void)ctx, (void)index, (void)bytes, (void)length;
	return -EIO; /* nobody can dirty it */
}

static void trampoline_release(void *ctx) { (void)ctx; }

static const struct pager trampoline_pager = {
	.get = trampoline_get,
	.put = trampoline_put,
	.peek = trampoline_get,
	.release = trampoline_release,
};

/* Its page is held as long as the machine lives: a handler's return takes no I/O. */
static int trampoline_create(struct kernel *k)
{
	struct object *o;
	int r = object_create(k->mm, OBJECT_FILE, PAGE_SIZE, &trampoline_pager, NULL, &o);

	if (r)
		return r;
	r = object_page(k->mm, o, 0, false, &k->trampoline_frame);
	if (r) {
		object_put(k->mm, o);
		return r;
	}
	k->trampoline = o;
	return 0;
}

int signal_map_trampoline(struct kernel *k, struct space *s, uint64_t *ret_va)
{
	int r = k->trampoline ? 0 : trampoline_create(k);

	if (r)
		return r;
	struct map_request m = {
		.length = PAGE_SIZE,
		.prot = PROT_R | PROT_X,
		.prot_max = PROT_ALL,
		.region_flags = REGION_SPECIAL,
		.object = k->trampoline,
	};
	return space_map(s, &m, ret_va);
}

bool signal_is_trampoline(const struct kernel *k, const struct object *o) { return o && o == k->trampoline; }

void signals_finish_kernel(struct kernel *k)
{
	if (!k->trampoline)
		return;
	frame_unhold(k->mm, k->trampoline_frame);
	object_put(k->mm, k->trampoline);
	k->trampoline = NULL;
}
