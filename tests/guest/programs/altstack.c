/* SPDX-License-Identifier: MIT */
/* Alternate stacks: used when asked for, once, and the only way to survive a stack overflow. */
#include "guest.h"

#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char stack[65536] __attribute__((aligned(16)));
static sigjmp_buf out;

static int on_it(const void *p) { return (const char *)p >= stack && (const char *)p < stack + sizeof(stack); }

static void tell(int n, siginfo_t *info, void *uc)
{
	stack_t now;
	char here;

	(void)info;
	sigaltstack(NULL, &now);
	say("  SIG%s on it %d, state %d, aligned %d, uc_stack is it %d", sigabbrev_np(n), on_it(&here), now.ss_flags & (SS_ONSTACK | SS_DISABLE),
	    (uintptr_t)__builtin_frame_address(0) % 16 == 0, ((ucontext_t *)uc)->uc_stack.ss_sp == stack);
}

static void nested(int n, siginfo_t *info, void *uc)
{
	stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	long r = sigaltstack(&other, NULL);

	say("  changing it while on it: %s", result(r));
	tell(n, info, uc);
	raise(SIGUSR2);
}

static void overflowed(int n, siginfo_t *info, void *uc)
{
	char here;

	(void)uc;
	say("  SIG%s code %d on it %d", sigabbrev_np(n), info->si_code, on_it(&here));
	siglongjmp(out, 1);
}

__attribute__((noinline)) static int deep(int n)
{
	volatile char frame[1024];

	frame[0] = (char)n;
	return n < 0 ? 0 : deep(n + 1) + frame[0];
}

static void overflow_without(void)
{
	stack_t off = {.ss_flags = SS_DISABLE};

	sigaltstack(&off, NULL);
	handle(SIGSEGV, overflowed, 0); /* no room for its frame */
	deep(0);
}

static void overflow_the_alternate(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	deep(0);
}

static void overflow_both(void)
{
	/* Below it lies a page that may not be touched. */
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t s = {.ss_sp = p + 4096, .ss_size = 65536 - 4096};

	mprotect(p, 4096, PROT_NONE);
	sigaltstack(&s, NULL);
	handle(SIGSEGV, overflow_the_alternate, SA_ONSTACK);
	deep(0);
}

int main(void)
{
	struct rlimit limit = {1 << 20, RLIM_INFINITY};
	stack_t s = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;
	long r;

	setrlimit(RLIMIT_STACK, &limit);
	sigaltstack(NULL, &old);
	say("none at first: disabled %d", old.ss_flags == SS_DISABLE);
	s.ss_size = 1000;
	r = sigaltstack(&s, NULL);
	say("too small: %s", result(r));
	s.ss_size = sizeof(stack);
	s.ss_flags = 7;
	r = sigaltstack(&s, NULL);
	say("wrong flags: %s", result(r));
	s.ss_flags = 0;
	r = sigaltstack(&s, &old);
	say("set: %s", result(r));

	handle(SIGUSR1, tell, 0);
	raise(SIGUSR1);
	handle(SIGUSR1, tell, SA_ONSTACK);
	raise(SIGUSR1);
	handle(SIGUSR1, nested, SA_ONSTACK);
	handle(SIGUSR2, tell, SA_ONSTACK);
	raise(SIGUSR1);

	say("SS_AUTODISARM");
	s.ss_flags = (int)SS_AUTODISARM;
	sigaltstack(&s, NULL);
	handle(SIGUSR1, tell, SA_ONSTACK);
	raise(SIGUSR1);
	sigaltstack(NULL, &old);
	say("  armed again %d", old.ss_sp == stack);
	s.ss_flags = 0;
	sigaltstack(&s, NULL);

	say("stack overflow");
	handle(SIGSEGV, overflowed, SA_ONSTACK);
	if (sigsetjmp(out, 1) == 0)
		deep(0);
	if (sigsetjmp(out, 1) == 0)
		deep(0);
	in_child("without one", overflow_without);
	in_child("overflow of both", overflow_both);
	return 0;
}
