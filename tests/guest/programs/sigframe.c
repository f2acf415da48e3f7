/* SPDX-License-Identifier: MIT */
/* The frame of a handler as Linux lays it out on riscv64, what may be changed in it, and frames that
 * no kernel made. For riscv64 only. */
#include "guest.h"

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

struct frame {
	siginfo_t info;
	ucontext_t uc;
};

static struct frame *last;

static void look(int n, siginfo_t *info, void *uc)
{
	struct frame *f = (struct frame *)info;
	uint32_t *ra = __builtin_return_address(0);

	last = f;
	say("number %d, a0 %d, siginfo before ucontext %d, aligned %d", n == SIGUSR1, info->si_signo == SIGUSR1, (void *)&f->uc == uc, (uintptr_t)info % 16 == 0);
	say("below the stack %d", f->uc.uc_mcontext.__gregs[REG_SP] >= (uintptr_t)(f + 1));
	say("returns to li a7, 139; ecall %d", ra[0] == 0x08b00893 && ra[1] == 0x73);
}

/* Registers as the kernel restores them: s2 to s5 are set, the signal comes at the ecall. */
static void change(int n, siginfo_t *info, void *uc_)
{
	ucontext_t *uc = uc_;

	(void)n, (void)info;
	say("s2 as it was %d, fs0 as it was %d", uc->uc_mcontext.__gregs[REG_S2] == 1234, uc->uc_mcontext.__fpregs.__d.__f[8] == 0x4009000000000000);
	uc->uc_mcontext.__gregs[REG_S2] = 4321;
	uc->uc_mcontext.__fpregs.__d.__f[8] = 0x4000000000000000;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

static void registers(void)
{
	long s2;
	double fs0;
	sigset_t now;

	handle(SIGUSR1, change, 0);
	__asm__ volatile("li s2, 1234\n\t"
			 "li t0, 0x4009000000000000\n\t"
			 "fmv.d.x fs0, t0\n\t"
			 "mv a0, %2\n\t"
			 "li a1, 10\n\t"
			 "li a7, 129\n\t"
			 "ecall\n\t"
			 "mv %0, s2\n\t"
			 "fmv.d %1, fs0"
			 : "=r"(s2), "=f"(fs0)
			 : "r"(getpid())
			 : "s2", "fs0", "t0", "a0", "a1", "a7", "memory");
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("s2 %ld, fs0 %g, USR2 blocked %d", s2, fs0, sigismember(&now, SIGUSR2));
}

static volatile int skipped;

static void skip(int n, siginfo_t *info, void *uc_)
{
	ucontext_t *uc = uc_;
	uintptr_t pc = uc->uc_mcontext.__gregs[REG_PC];

	(void)n;
	say("SIG%s code %d, at the instruction %d", sigabbrev_np(n), info->si_code, n == SIGILL ? (uintptr_t)info->si_addr == pc : 1);
	uc->uc_mcontext.__gregs[REG_PC] = pc + ((*(uint16_t *)pc & 3) == 3 ? 4 : 2);
	skipped++;
}

static void forge(const void *frame)
{
	__asm__ volatile("mv sp, %0\n\t"
			 "li a7, 139\n\t"
			 "ecall\n\t"
			 "unimp"
			 :
			 : "r"(frame)
			 : "a7", "memory");
}

static void no_frame(void) { forge((void *)16); }
static void frame_at_the_top(void) { forge((void *)-16); }

static void frame_of_zeros(void)
{
	static struct frame f __attribute__((aligned(16)));

	forge(&f); /* pc 0 */
}

static void unknown_extension(void)
{
	static struct frame f __attribute__((aligned(16)));
	uint32_t *words = (uint32_t *)&f.uc.uc_mcontext.__fpregs;

	words[516 / 4] = 0x12345678;
	forge(&f);
}

static void landed(void)
{
	say("landed");
	_exit(11);
}

static void good_frame(void)
{
	static struct frame f __attribute__((aligned(16)));
	static char stack[16384] __attribute__((aligned(16)));
	unsigned long gp, tp;

	__asm__("mv %0, gp\n\tmv %1, tp" : "=r"(gp), "=r"(tp));
	f.uc.uc_mcontext.__gregs[REG_PC] = (uintptr_t)landed | 1;
	f.uc.uc_mcontext.__gregs[REG_SP] = (uintptr_t)(stack + sizeof(stack));
	f.uc.uc_mcontext.__gregs[3] = gp;
	f.uc.uc_mcontext.__gregs[REG_TP] = tp;
	f.uc.uc_mcontext.__fpregs.__d.__fcsr = 0xffffff1f;
	memset(&f.uc.uc_sigmask, 0xff, sizeof(f.uc.uc_sigmask));
	forge(&f);
}

static void vdso(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[256];
	int found = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]"))
			found += strstr(line, "r-xp 00000000 00:00 0") != NULL;
	say("one [vdso] in maps %d", found);
}

int main(void)
{
	say("sizes %d %d %d", (int)sizeof(siginfo_t), (int)offsetof(ucontext_t, uc_mcontext), (int)sizeof(ucontext_t));
	handle(SIGUSR1, look, 0);
	raise(SIGUSR1);
	registers();
	handle(SIGILL, skip, 0);
	handle(SIGTRAP, skip, 0);
	__asm__ volatile(".word 0x0000007f"); /* no instruction */
	__asm__ volatile(".half 0x0000");
	__asm__ volatile("ebreak");
	__asm__ volatile(".option push\n\t.option norvc\n\tebreak\n\t.option pop");
	__asm__ volatile("csrr t0, satp" ::: "t0");
	say("skipped %d", skipped);
	in_child("no frame", no_frame);
	in_child("a frame at the top of memory", frame_at_the_top);
	in_child("a frame of zeros", frame_of_zeros);
	in_child("an unknown extension", unknown_extension);
	in_child("a frame of one's own", good_frame);
	vdso();
	return 0;
}
