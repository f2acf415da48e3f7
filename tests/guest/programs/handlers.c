/* SPDX-License-Identifier: MIT */
/* Handlers, masks, what is kept and in which order it comes. */
#include "guest.h"

#include <setjmp.h>
#include <sys/syscall.h>
#include <ucontext.h>

static volatile int depth, deepest, calls; /* volatile: raise is said never to call back */
static sigjmp_buf out;

static void tell(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  SIG%s code %d from me %d", sigabbrev_np(n), info->si_code, info->si_pid == getpid());
}

static void tell_rt(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  RTMIN+%d value %d code %d", n - SIGRTMIN, info->si_value.sival_int, info->si_code);
}

static void nest(int n, siginfo_t *info, void *uc)
{
	(void)info, (void)uc;
	calls++;
	if (++depth > deepest)
		deepest = depth;
	if (calls < 4)
		raise(n);
	depth--;
}

static void show_mask(int n, siginfo_t *info, void *uc)
{
	sigset_t now;

	(void)info, (void)uc;
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("  in SIG%s: USR1 %d USR2 %d TERM %d KILL %d, before: USR2 %d", sigabbrev_np(n), sigismember(&now, SIGUSR1),
	    sigismember(&now, SIGUSR2), sigismember(&now, SIGTERM), sigismember(&now, SIGKILL),
	    sigismember(&((ucontext_t *)uc)->uc_sigmask, SIGUSR2));
}

static void jump(int n, siginfo_t *info, void *uc)
{
	(void)info, (void)uc;
	siglongjmp(out, n);
}

static void first(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	say("  USR1 begins");
	raise(SIGUSR2);
	say("  USR1 ends");
}

static void to_self(const char *what, long r) { say("%s: %s", what, result(r)); }

static void floats(int n, siginfo_t *info, void *uc)
{
	volatile double x = 1;

	(void)n, (void)info, (void)uc;
	for (int i = 0; i < 50; i++)
		x = x * 1.5 + 0.25;
}

static void child_ignores(void)
{
	signal(SIGTERM, SIG_IGN);
	raise(SIGTERM);
	signal(SIGTERM, SIG_DFL);
	_exit(7);
}

static void child_terminates(void) { raise(SIGTERM); }

static void child_blocked_then_ignored(void)
{
	block(SIG_BLOCK, SIGTERM);
	raise(SIGTERM);
	signal(SIGTERM, SIG_IGN); /* drops what is pending */
	signal(SIGTERM, SIG_DFL);
	block(SIG_UNBLOCK, SIGTERM);
	_exit(8);
}

static void child_kill_cannot_be_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	kill(getpid(), SIGKILL);
}

int main(void)
{
	struct sigaction a = {0}, old;
	sigset_t set;
	union sigval v;
	volatile double f = 3.25, g = 1e100;

	say("kill, raise, sigqueue");
	handle(SIGUSR1, tell, 0);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	v.sival_int = 5;
	sigqueue(getpid(), SIGUSR1, v);

	say("blocked: kept once");
	block(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < 3; i++)
		kill(getpid(), SIGUSR1);
	sigpending(&set);
	say("  pending USR1 %d USR2 %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1);

	say("real-time: queued, lowest first, in order");
	for (int i = 0; i < 3; i++) {
		handle(SIGRTMIN + i, tell_rt, 0);
		block(SIG_BLOCK, SIGRTMIN + i);
	}
	for (int i = 5; i >= 0; i--) {
		v.sival_int = i;
		sigqueue(getpid(), SIGRTMIN + i % 3, v);
	}
	kill(getpid(), SIGRTMIN + 1);
	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, SIGRTMIN + i);
	/* Each handler begins only to be interrupted by the next, unless they block each other. */
	for (int i = 0; i < 3; i++) {
		a.sa_sigaction = tell_rt;
		a.sa_flags = SA_SIGINFO;
		a.sa_mask = set;
		sigaction(SIGRTMIN + i, &a, NULL);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);

	say("SA_NODEFER nests, without it does not");
	handle(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	say("  calls %d deepest %d", calls, deepest);
	calls = deepest = 0;
	handle(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	say("  calls %d deepest %d", calls, deepest);

	say("SA_RESETHAND");
	handle(SIGUSR1, tell, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	say("  default again %d", old.sa_handler == SIG_DFL);

	say("masks in handlers");
	a.sa_sigaction = show_mask;
	a.sa_flags = SA_SIGINFO;
	sigfillset(&a.sa_mask);
	sigdelset(&a.sa_mask, SIGTERM);
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	say("  after: USR1 %d USR2 %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));

	say("one handler interrupts another");
	handle(SIGUSR1, first, 0);
	handle(SIGUSR2, tell, 0);
	raise(SIGUSR1);

	say("two at once");
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGUSR2);
	handle(SIGUSR1, tell, 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);

	say("siglongjmp out of a handler restores the mask");
	handle(SIGUSR1, jump, 0);
	if (sigsetjmp(out, 1) == 0)
		raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	say("  blocked %d", sigismember(&set, SIGUSR1));

	say("floating point survives a handler");
	handle(SIGUSR1, floats, 0);
	f *= 2;
	raise(SIGUSR1);
	say("  %g %g", f, g);

	say("who may be sent what");
	to_self("  kill(self, 0)", kill(getpid(), 0));
	to_self("  kill(self, 65)", kill(getpid(), 65));
	to_self("  kill(none, 0)", kill(0x3fffffff, 0));
	to_self("  sigaction(KILL)", sigaction(SIGKILL, &old, NULL));
	to_self("  sigaction(STOP), asking", sigaction(SIGSTOP, NULL, &old));
	to_self("  tgkill(-1)", syscall(SYS_tgkill, -1, getpid(), SIGUSR1));
	to_self("  rt_sigprocmask of size 4", syscall(SYS_rt_sigprocmask, 0, NULL, NULL, 4));
	to_self("  rt_sigprocmask, how 9", syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8));
	to_self("  rt_sigaction at a bad address", syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));

	in_child("ignored", child_ignores);
	in_child("terminates", child_terminates);
	in_child("blocked, then ignored", child_blocked_then_ignored);
	in_child("SIGKILL cannot be blocked", child_kill_cannot_be_blocked);
	return 0;
}
