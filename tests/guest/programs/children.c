/* SPDX-License-Identifier: MIT */
/* What a parent is told of its children, and how. */
#include "guest.h"

#include <sys/prctl.h>
#include <time.h>

static void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0)
		;
}

static pid_t child;

static void tell(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  SIG%s code %d status %d from the child %d", sigabbrev_np(n), info->si_code, info->si_status, info->si_pid == child);
}

static pid_t start(void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(0);
	}
	child = pid;
	return pid;
}

static void sleeps(void)
{
	for (;;)
		pause();
}
static void exits(void)
{
	sleep_ms(20);
	_exit(42);
}
static void aborts(void)
{
	sleep_ms(20);
	abort();
}

static void status_now(const char *when, int flags)
{
	int status = 0;
	pid_t r = waitpid(child, &status, flags | WNOHANG);

	say("  %s: %s", when, r == child ? how_it_ended(status) : r == 0 ? "nothing new" : strerrorname_np(errno));
}

static void life_of_a_child(int flags)
{
	say("SIGCHLD%s", flags ? " with SA_NOCLDSTOP" : "");
	handle(SIGCHLD, tell, SA_RESTART | flags);
	start(sleeps);
	until_asleep(child);
	kill(child, SIGSTOP);
	until_state(child, 'T');
	status_now("stopped, not asked for", 0);
	status_now("stopped", WUNTRACED);
	status_now("stopped, told", WUNTRACED);
	kill(child, SIGCONT);
	until_asleep(child);
	status_now("continued", WCONTINUED);
	status_now("continued, told", WCONTINUED);
	/* Whether its going on and its death are one SIGCHLD or two is a matter of luck. */
	block(SIG_BLOCK, SIGCHLD);
	kill(child, SIGSTOP);
	until_state(child, 'T');
	kill(child, SIGTERM);
	sleep_ms(20);
	status_now("a signal for one that is stopped", WUNTRACED);
	kill(child, SIGCONT);
	until_state(child, 'Z');
	status_now("and continued", WUNTRACED);
	signal(SIGCHLD, SIG_IGN);
	handle(SIGCHLD, tell, SA_RESTART | flags);
	block(SIG_UNBLOCK, SIGCHLD);
	start(sleeps);
	until_asleep(child);
	kill(child, SIGSTOP);
	until_state(child, 'T');
	kill(child, SIGKILL);
	until_state(child, 'Z');
	status_now("killed while stopped", 0);
	start(exits);
	until_state(child, 'Z');
	status_now("exited", 0);
	start(aborts);
	until_state(child, 'Z');
	status_now("aborted", 0);
}

static void nobody_waits(void)
{
	struct sigaction a = {.sa_handler = SIG_IGN};
	pid_t pid;

	say("ignored: no zombies");
	sigaction(SIGCHLD, &a, NULL);
	start(exits);
	until_state(child, 'Z');
	status_now("gone", 0);
	pid = start(exits);
	say("  waiting for it: %s", wait_for(pid));
	say("SA_NOCLDWAIT");
	handle(SIGCHLD, tell, SA_NOCLDWAIT | SA_RESTART);
	start(exits);
	until_state(child, 'Z');
	status_now("gone", 0);
	signal(SIGCHLD, SIG_DFL);
}

static void with_waitid(void)
{
	siginfo_t info = {0};
	long r;

	say("waitid");
	start(exits);
	r = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	say("  left there: %s code %d status %d it %d", result(r), info.si_code, info.si_status, info.si_pid == child);
	r = waitid(P_ALL, 0, &info, WEXITED);
	say("  taken: %s code %d status %d", result(r), info.si_code, info.si_status);
	r = waitid(P_PID, (id_t)child, &info, WEXITED);
	say("  again: %s", result(r));
	start(aborts);
	r = waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED);
	say("  by group: %s status %d killed %d", result(r), info.si_status, info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
	r = waitid(P_ALL, 0, &info, 0);
	say("  nothing asked: %s", result(r));
}

static void orphan(void)
{
	sleep_ms(50);
	say("  orphan: another parent %d", getppid() != child);
}

static void makes_an_orphan(void)
{
	child = getpid();
	if (fork() == 0) {
		orphan();
		_exit(0);
	}
}

static void hup(int n, siginfo_t *info, void *uc)
{
	(void)info, (void)uc;
	sleep_ms(30); /* its parent's parent speaks first */
	say("  left behind: SIG%s", sigabbrev_np(n));
}

/* A stopped member of a group that loses its last link to its session. */
static void makes_an_orphaned_group(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		handle(SIGHUP, hup, 0);
		handle(SIGCONT, hup, 0);
		raise(SIGSTOP);
		say("  left behind: goes on");
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED); /* one that stopped later would stay so for ever */
}

static void dies_with_its_parent(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		handle(SIGUSR1, hup, 0);
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		sleep_ms(100);
		_exit(0);
	}
	sleep_ms(50);
}

static void stops_itself(void)
{
	/* Nobody of its session outside its group could continue it: SIGTSTP does nothing. */
	setsid();
	raise(SIGTSTP);
	_exit(5);
}

/* Orphans become children of the nearest ancestor that asked for them. */
static void orphans(void)
{
	int is = -1, status, pipes[2];
	char byte;

	say("orphans");
	say("  subreaper: %s", result(prctl(PR_SET_CHILD_SUBREAPER, 1)));
	prctl(PR_GET_CHILD_SUBREAPER, &is);
	say("  it is %d", is);
	pipe(pipes);
	pid_t p = fork();
	if (p == 0) {
		is = -1;
		prctl(PR_GET_CHILD_SUBREAPER, &is);
		say("  its child is %d", is);
		if (fork() == 0)
			_exit(3); /* dead before its parent */
		if (fork() == 0) {
			close(pipes[1]);
			if (read(pipes[0], &byte, 1) == 0)
				_exit(4);
		}
		sleep_ms(20);
		_exit(5);
	}
	waitpid(p, &status, 0);
	say("  the child: %d", WEXITSTATUS(status));
	close(pipes[1]);
	int sum = 0, n = 0;
	while (waitpid(-1, &status, 0) > 0) {
		sum += WEXITSTATUS(status);
		n++;
	}
	say("  %d orphans, %d in all", n, sum);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(void)
{
	pid_t a, b;

	life_of_a_child(0);
	life_of_a_child(SA_NOCLDSTOP);
	nobody_waits();
	with_waitid();

	say("whose children");
	say("  made an orphan: %s", wait_for(start(makes_an_orphan)));
	sleep_ms(100);
	say("  made an orphaned group: %s", wait_for(start(makes_an_orphaned_group)));
	sleep_ms(100);
	say("  its child dies with it: %s", wait_for(start(dies_with_its_parent)));
	sleep_ms(300);
	say("  SIGTSTP in an orphaned group: %s", wait_for(start(stops_itself)));

	say("a group is killed together");
	a = start(sleeps);
	setpgid(a, a);
	b = start(sleeps);
	setpgid(b, a);
	kill(-a, SIGTERM);
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t r = waitpid(-a, &status, 0);
		say("  %s", r > 0 ? how_it_ended(status) : strerrorname_np(errno));
	}
	orphans();
	return 0;
}
