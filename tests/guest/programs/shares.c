/* SPDX-License-Identifier: MIT */
/* shares.c - who gets how much of one processor, by nice value, policy and priority */
#include "guest.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST = 4 };

static struct shared {
	volatile int go, stop;
	volatile unsigned long count[MOST];
	volatile int order[64];
	volatile int n;
} *s;

static void burn(int i)
{
	while (!s->stop)
		s->count[i]++;
}

static void pause_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

/* Lets children run beside one another for a while; the parent is more urgent than any of them. */
static void race(const char *what, void (*prepare)(int i), int n)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			prepare(i);
			while (!s->go)
				sched_yield();
			burn(i);
			_exit(0);
		}
	}
	pause_ms(5);
	s->go = 1;
	pause_ms(200);
	s->stop = 1;
	while (wait(NULL) > 0)
		;
	double all = 0;
	for (int i = 0; i < n; i++)
		all += (double)s->count[i];
	for (int i = 0; i < n; i++)
		say("%s: %d has %.0f %%", what, i, 100 * (double)s->count[i] / all);
}

static void alike(int i) { (void)i; }
static void nicer(int i) { say("nice: %d", nice(i ? 19 : 0)); }
static void five(int i) { (void)!nice(i * 5); }
static void idle(int i)
{
	struct sched_param p = {0};
	if (i)
		say("idle: %s", result(sched_setscheduler(0, SCHED_IDLE, &p)));
}

static void sleeper(int i)
{
	if (i) {
		(void)!nice(10);
		while (!s->go)
			sched_yield();
		/* One that often waits takes no more than its share, and one that runs no less. */
		while (!s->stop) {
			for (volatile int j = 0; j < 2000; j++)
				s->count[i]++;
			pause_ms(1);
		}
		_exit(0);
	}
}

static void as(int policy, int priority)
{
	struct sched_param p = {.sched_priority = priority};
	if (sched_setscheduler(0, policy, &p) != 0)
		say("sched_setscheduler: %s", strerrorname_np(errno));
}

static void step(int who)
{
	s->order[s->n++] = who;
}

static void tell(const char *what)
{
	char text[256];
	int at = 0;
	for (int i = 0; i < s->n; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, " %d", s->order[i]);
	say("%s:%s", what, at ? text : " nothing");
	s->n = 0;
}

/* Three of priorities 10, 30 and 20 begin when their parent, of 50, waits. */
static void by_priority(int policy)
{
	static const int priority[] = {10, 30, 20};
	as(SCHED_FIFO, 50);
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			as(policy, priority[i]);
			for (int turn = 0; turn < 3; turn++) {
				for (volatile int j = 0; j < 300000; j++)
					;
				step(priority[i]);
			}
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	as(SCHED_OTHER, 0);
	tell(policy == SCHED_FIFO ? "fifo" : "rr");
}

/* Of equals one goes on until it gives way; slices make them take turns. */
static void equals(const char *what, int policy, int yields)
{
	as(SCHED_FIFO, 50);
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			as(policy, 10);
			for (int turn = 0; turn < 3; turn++) {
				for (volatile int j = 0; j < 300000; j++)
					;
				step(i);
				if (yields)
					sched_yield();
			}
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	as(SCHED_OTHER, 0);
	tell(what);
}

/* A byte wakes one who is more urgent: he runs before the next instruction of him who wrote. */
static void takeover(void)
{
	int p[2];
	char c = 0;
	(void)!pipe(p);
	as(SCHED_FIFO, 10);
	if (fork() == 0) {
		as(SCHED_FIFO, 20);
		for (int i = 0; i < 3; i++) {
			(void)!read(p[0], &c, 1);
			step(20);
		}
		_exit(0);
	}
	pause_ms(1);
	for (int i = 0; i < 3; i++) {
		(void)!write(p[1], &c, 1);
		step(10);
	}
	wait(NULL);
	as(SCHED_OTHER, 0);
	tell("taken over");
}

static void on_xcpu(int n) { (void)n; s->n++; }

static void real_time_limit(void)
{
	struct rlimit l = {10000, 30000};
	say("setrlimit: %s", result(setrlimit(RLIMIT_RTTIME, &l)));
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGXCPU, on_xcpu);
		for (volatile int j = 0; j < 6000000; j++)
			;
		say("an ordinary task is not limited: %d", s->n);
		s->n = 0;
		as(SCHED_FIFO, 1);
		pause_ms(1);
		for (;;)
			;
	}
	int status;
	waitpid(pid, &status, 0);
	say("%s, told %d times", how_it_ended(status), s->n);
	s->n = 0;
}

static void switches(void)
{
	struct rusage a, b;
	getrusage(RUSAGE_SELF, &a);
	for (int i = 0; i < 10; i++)
		pause_ms(1);
	getrusage(RUSAGE_SELF, &b);
	say("slept 10 times: %d", b.ru_nvcsw - a.ru_nvcsw >= 10 && b.ru_nvcsw - a.ru_nvcsw < 20);
	pid_t pid = fork();
	memset(s, 0, sizeof(*s));
	if (pid == 0)
		for (;;)
			;
	getrusage(RUSAGE_SELF, &a);
	struct timespec t, u;
	clock_gettime(CLOCK_MONOTONIC, &t);
	do
		clock_gettime(CLOCK_MONOTONIC, &u);
	while ((u.tv_sec - t.tv_sec) * 1000000000 + u.tv_nsec - t.tv_nsec < 20000000);
	getrusage(RUSAGE_SELF, &b);
	say("lost its turn: %d", b.ru_nivcsw > a.ru_nivcsw);
	kill(pid, SIGKILL);
	wait(NULL);
	getrusage(RUSAGE_CHILDREN, &b);
	say("and so did children: %d", b.ru_nivcsw > 0);
}

int main(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	switches();
	race("alike", alike, 3);
	race("nice 19", nicer, 2);
	race("by five", five, 4);
	race("idle", idle, 2);
	race("sleeper", sleeper, 2);
	by_priority(SCHED_FIFO);
	by_priority(SCHED_RR);
	equals("fifo", SCHED_FIFO, 0);
	equals("fifo that yields", SCHED_FIFO, 1);
	equals("rr", SCHED_RR, 0);
	takeover();
	real_time_limit();
	return 0;
}
