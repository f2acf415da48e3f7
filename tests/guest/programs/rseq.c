/* SPDX-License-Identifier: MIT */
/* Restartable sequences: who may register what, and what becomes of a critical section in which the
 * program is preempted, or handles a signal. Written for riscv64. */
#include "guest.h"

#include <sched.h>
#include <stdint.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define SIGNATURE 0xf1401073u
enum { UNREGISTER = 1, SIZE = 32 };

static struct area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t section;
	uint32_t flags, node_id, mm_cid, pad;
} mine __attribute__((aligned(32)));

struct section {
	uint32_t version, flags;
	uint64_t start, size, abort;
};

/* Counts for ever: 2 when it was aborted. */
long spin(struct area *area, const struct section *section, volatile uint64_t *count);
extern const char section_start[], section_end[], section_abort[];
__asm__("	.text\n"
	"	.balign 4\n"
	"	.globl spin, section_start, section_end, section_abort\n"
	"	.type spin, @function\n"
	"spin:	sd a1, 8(a0)\n"
	"section_start:\n"
	"1:	ld t1, 0(a2)\n"
	"	addi t1, t1, 1\n"
	"	sd t1, 0(a2)\n"
	"	j 1b\n"
	"section_end:\n"
	"	li a0, 1\n"
	"	ret\n"
	"	.balign 4\n"
	"	.word 0xf1401073\n"
	"section_abort:\n"
	"	li a0, 2\n"
	"	ret\n");

static struct section good;
static volatile uint64_t count;
static volatile int handled;

static long reg(void *area, uint32_t size, int flags, uint32_t signature)
{
	return syscall(SYS_rseq, area, size, flags, signature);
}

/* One that the C library may have registered. */
static void forget_first(void)
{
	if (__rseq_size > 0)
		reg((char *)__builtin_thread_pointer() + __rseq_offset, SIZE, UNREGISTER, SIGNATURE);
}

static void rules(void)
{
	static struct area other __attribute__((aligned(32)));

	mine.cpu_id = 77;
	say("registered: %s, on CPU %d", result(reg(&mine, SIZE, 0, SIGNATURE)), (int)mine.cpu_id);
	say("another: %s", result(reg(&other, SIZE, 0, SIGNATURE)));
	say("the same: %s", result(reg(&mine, SIZE, 0, SIGNATURE)));
	say("with another signature: %s", result(reg(&mine, SIZE, 0, 1)));
	say("away, another: %s", result(reg(&other, SIZE, UNREGISTER, SIGNATURE)));
	say("away, another size: %s", result(reg(&mine, 64, UNREGISTER, SIGNATURE)));
	say("away, another signature: %s", result(reg(&mine, SIZE, UNREGISTER, 1)));
	say("away, more flags: %s", result(reg(&mine, SIZE, UNREGISTER | 2, SIGNATURE)));
	say("away: %s, CPU %d", result(reg(&mine, SIZE, UNREGISTER, SIGNATURE)), (int)mine.cpu_id);
	say("away again: %s", result(reg(&mine, SIZE, UNREGISTER, SIGNATURE)));
	say("with flags: %s", result(reg(&mine, SIZE, 2, SIGNATURE)));
	say("too small: %s", result(reg(&mine, SIZE - 1, 0, SIGNATURE)));
	say("misaligned: %s", result(reg((char *)&mine + 8, SIZE, 0, SIGNATURE)));
	say("nowhere: %s", result(reg((void *)4096, SIZE, 0, SIGNATURE)));
	say("read-only: %s", result(reg((void *)((uintptr_t)section_start & ~31UL), SIZE, 0, SIGNATURE)));
	say("the kernel's: %s", result(reg((void *)-4096L, SIZE, 0, SIGNATURE)));
	say("and back: %s, CPU %d", result(reg(&mine, SIZE, 0, SIGNATURE)), (int)mine.cpu_id);
}

static void preempted(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			count++;
	say("preempted: %ld", spin(&mine, &good, &count));
	say("it had begun: %d, and is forgotten: %d", count > 0, mine.section == 0);
	kill(pid, SIGKILL);
	say("the other one: %s", wait_for(pid));
}

static void on_alarm(int n, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;

	(void)n, (void)info;
	handled = u->uc_mcontext.__gregs[0] == (unsigned long)section_abort;
}

static void start_timer(void)
{
	const struct itimerval soon = {.it_value = {0, 500}};

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void interrupted(void)
{
	handle(SIGALRM, on_alarm, 0);
	start_timer();
	say("interrupted by a signal: %ld", spin(&mine, &good, &count));
	say("the handler saw the abort address: %d", handled);
	/* One that is not in its section only loses it. */
	mine.section = (uintptr_t)&good;
	raise(SIGALRM);
	say("outside of it, it is forgotten: %d, and the handler saw no abort: %d", mine.section == 0, !handled);
}

static struct section bad;

static void broken(void)
{
	start_timer();
	say("it went on: %ld", spin(&mine, &bad, &count));
}

static void each_broken(void)
{
	bad = good;
	bad.abort = (uintptr_t)section_end;
	in_child("no signature before the abort address", broken);
	bad = good;
	bad.abort = bad.start;
	in_child("the abort address inside", broken);
	bad = good;
	bad.size = -1UL;
	in_child("a section without an end", broken);
	bad = good;
	bad.version = 1;
	in_child("a version of tomorrow", broken);
	bad = good;
	bad.abort = 2;
	in_child("an abort address that cannot have a signature", broken);
	mine.flags = 1;
	bad = good;
	in_child("flags that are no more", broken);
	mine.flags = 0;
}

static void inherited(void) { say("in a child: %s", result(reg(&mine, SIZE, 0, SIGNATURE))); }

static int sharing(void *unused)
{
	(void)unused;
	long r = reg(&mine, SIZE, 0, SIGNATURE);
	say("in one that shares memory: %s", result(r));
	return 0;
}

int main(int argc, char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));

	if (argc > 1) {
		forget_first();
		say("after execve: %s", result(reg(&mine, SIZE, 0, SIGNATURE)));
		return 0;
	}
	good = (struct section){0, 0, (uintptr_t)section_start, (uintptr_t)(section_end - section_start),
				(uintptr_t)section_abort};
	forget_first();
	rules();
	preempted();
	interrupted();
	each_broken();
	in_child("it ended", inherited);
	say("that ended: %s", wait_for(clone(sharing, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL)));
	execl("/proc/self/exe", argv[0], "again", NULL);
	return 1;
}
