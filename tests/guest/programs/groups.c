/* SPDX-License-Identifier: MIT */
/* Who is reached by number: groups as processes come, move and go, and threads by their tid. */
#include "guest.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { CHILDREN = 6 };

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

/* Waits for as many of them as are expected: which are gone, and by what signal. */
static void count_dead(const char *what, pid_t *pids, int expected)
{
	int status, dead = 0, by = 0;

	for (; dead < expected; dead++) {
		pid_t pid = waitpid(-1, &status, 0);

		for (int i = 0; i < CHILDREN; i++)
			pids[i] = pids[i] == pid ? 0 : pids[i];
		by = WTERMSIG(status);
	}
	say("  %s: %d gone, by signal %d, left:%s%s%s%s%s%s", what, dead, by, pids[0] ? " 0" : "",
	    pids[1] ? " 1" : "", pids[2] ? " 2" : "", pids[3] ? " 3" : "", pids[4] ? " 4" : "",
	    pids[5] ? " 5" : "");
}

static void moves(void)
{
	pid_t pid[CHILDREN];

	say("groups");
	for (int i = 0; i < CHILDREN; i++)
		pid[i] = sleeper();
	say("  into a group that is not there: %s", result(setpgid(pid[0], pid[1])));
	/* 0, 1 and 2 in a group of 0; 3 and 4 in one of 3; 5 where its parent is. */
	say("  its own: %s", result(setpgid(pid[0], 0)));
	say("  others join: %s", result(setpgid(pid[1], pid[0]) + setpgid(pid[2], pid[0])));
	say("  another: %s", result(setpgid(pid[3], pid[3])));
	say("  one more in it: %s", result(setpgid(pid[4], pid[3])));
	say("  one changes over: %s", result(setpgid(pid[2], pid[3])));
	say("  as they say: %d %d %d %d", getpgid(pid[1]) == pid[0], getpgid(pid[2]) == pid[3],
	    getpgid(pid[4]) == pid[3], getpgid(pid[5]) == getpgrp());
	/* Whatever it is started with, it can become this nice. */
	say("  niceness of a group: %s", result(setpriority(PRIO_PGRP, pid[3], 19)));
	say("  as each has it: mine %d, %d %d", getpriority(PRIO_PROCESS, pid[0]) == getpriority(PRIO_PROCESS, 0),
	    getpriority(PRIO_PROCESS, pid[2]), getpriority(PRIO_PROCESS, pid[4]));
	say("  of nobody: %s", result(getpriority(PRIO_PGRP, 4194303)));

	say("  the leader ends: %s", result(kill(pid[3], SIGTERM)));
	pid_t group = pid[3];
	waitpid(pid[3], NULL, 0);
	pid[3] = 0;
	say("  its group is still there: %s", result(setpgid(pid[0], group)));
	pid_t alone = pid[1];
	kill(-group, SIGUSR1);
	count_dead("0, 2 and 4", pid, 3);
	say("  and gone: %s", result(kill(-group, 0)));
	say("  the first group has one left: %s", result(kill(-getpgid(alone), SIGUSR2)));
	count_dead("1", pid, 1);
	kill(pid[5], SIGKILL);
	count_dead("5", pid, 1);
	say("  none are left: %s", result(waitpid(-1, NULL, 0)));
}

static volatile pid_t seen_by, tid_of[2];
static volatile int ready, leave;

static void on_usr1(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	seen_by = (pid_t)syscall(SYS_gettid);
}

static void *thread(void *arg)
{
	tid_of[(long)arg] = (pid_t)syscall(SYS_gettid);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&leave, __ATOMIC_SEQ_CST))
		usleep(1000);
	return NULL;
}

static void threads(void)
{
	pthread_t t[2];

	say("threads");
	handle(SIGUSR1, on_usr1, 0);
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, thread, (void *)i);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2)
		usleep(1000);
	for (int i = 0; i < 2; i++) {
		seen_by = 0;
		long r = syscall(SYS_tgkill, getpid(), tid_of[i], SIGUSR1);
		while (!seen_by)
			usleep(1000);
		say("  by its number: %s, and it was it: %d", result(r), seen_by == tid_of[i]);
	}
	say("  of another process: %s", result(syscall(SYS_tgkill, getppid(), tid_of[0], 0)));
	leave = 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	say("  gone: %s", result(syscall(SYS_tgkill, getpid(), tid_of[1], 0)));
}

static char *self;

static void *execute(void *arg)
{
	execl(self, self, arg, (char *)NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	char first[16];

	self = argv[0];
	if (argc > 1) {
		pid_t pid = getpid();
		say("another program: the same number %d, alone %s", atoi(argv[1]) == pid && pid == syscall(SYS_gettid),
		    result(syscall(SYS_tgkill, pid, pid, 0)));
		return 0;
	}
	moves();
	threads();
	snprintf(first, sizeof(first), "%d", getpid());
	pthread_t t;
	pthread_create(&t, NULL, execute, first);
	pause();
	return 1;
}
