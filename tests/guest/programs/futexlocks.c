/* SPDX-License-Identifier: MIT */
/* Waiting for a word and then for a lock (FUTEX_WAIT_REQUEUE_PI), and words that are not there. */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { PAGE = 4096, P = FUTEX_PRIVATE_FLAG };

static const char *r[10];
static uint32_t word, lock, other;

static long futex(const void *at, int op, uint32_t value, const void *time, const void *second, uint32_t third)
{
	return syscall(SYS_futex, at, op, value, time, second, third);
}

static void refusals(void)
{
	char *gone = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(gone + PAGE, PAGE);
	mprotect(gone + 2 * PAGE, PAGE, PROT_NONE);
	r[0] = result(futex(gone + PAGE, FUTEX_WAKE, 1, NULL, NULL, 0));
	r[1] = result(futex(gone + PAGE, FUTEX_WAKE | P, 1, NULL, NULL, 0));
	r[2] = result(futex(gone + 2 * PAGE, FUTEX_WAKE, 1, NULL, NULL, 0));
	r[3] = result(futex(gone, FUTEX_WAKE, 1, NULL, NULL, 0));
	r[4] = result(futex(gone + PAGE, FUTEX_WAIT, 0, NULL, NULL, 0));
	r[5] = result(futex(gone, FUTEX_CMP_REQUEUE, 1, (void *)1, gone + PAGE, 0));
	r[6] = result(futex(gone + PAGE, FUTEX_CMP_REQUEUE, 1, (void *)1, gone, 0));
	r[7] = result(futex(gone, FUTEX_REQUEUE, 1, (void *)1, gone + 2 * PAGE, 0));
	say("wake nowhere %s, private %s, closed %s, there %s; wait %s; requeue to nowhere %s, from it %s, to what is closed %s", r[0], r[1],
	    r[2], r[3], r[4], r[5], r[6], r[7]);
	r[1] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 2, (void *)1, &lock, 0));
	r[2] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &word, 0));
	r[3] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &lock, 7));
	r[4] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)-1, &lock, 0));
	r[5] = result(futex(&word, FUTEX_WAIT_REQUEUE_PI | P, 7, NULL, &lock, 0));
	r[6] = result(futex(&word, FUTEX_WAIT_REQUEUE_PI | P, 0, NULL, &word, 0));
	r[7] = result(futex(&word, FUTEX_WAIT_REQUEUE_PI | P, 0, NULL, (char *)&lock + 1, 0));
	r[8] = result(futex(gone + PAGE, FUTEX_WAIT_REQUEUE_PI | P, 0, NULL, &lock, 0));
	say("two %s, itself %s, another value %s, fewer than none %s; wait: value %s, itself %s, unaligned %s, nowhere %s", r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]);
}

/* Threads that wait so, one after the other; what came of each, and in which order they had the lock. */
struct one {
	pthread_t thread;
	int number;
	long found;
	int error, owns;
	struct timespec *until;
};

static volatile int waiting, had;
static int order[8];
static volatile pid_t tids[8];

static void *waits(void *arg)
{
	struct one *o = arg;
	pid_t me = (pid_t)syscall(SYS_gettid);

	tids[o->number] = me;
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	o->found = futex(&word, FUTEX_WAIT_REQUEUE_PI | P, 0, o->until, &lock, 0);
	o->error = errno;
	o->owns = (pid_t)(__atomic_load_n(&lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == me;
	if (o->owns) {
		order[had++] = o->number;
		if (!__sync_bool_compare_and_swap(&lock, (uint32_t)me, 0))
			futex(&lock, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0);
	}
	return NULL;
}

static void begin(struct one *all, int n, struct timespec *until)
{
	waiting = had = 0;
	word = lock = 0;
	for (int i = 0; i < n; i++) {
		all[i] = (struct one){.number = i, .until = until};
		pthread_create(&all[i].thread, NULL, waits, &all[i]);
		while (waiting <= i)
			usleep(1000);
		until_asleep(tids[i]);
	}
}

static void end(const char *what, struct one *all, int n)
{
	char text[300];
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		pthread_join(all[i].thread, NULL);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s%s", all[i].found == 0 ? "0" : strerrorname_np(all[i].error),
					 all[i].owns ? " owns" : "");
	}
	used += (size_t)snprintf(text + used, sizeof(text) - used, "; order");
	for (int i = 0; i < had; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %d", order[i]);
	say("%s:%s; lock %x", what, text, lock);
}

static void handed(void)
{
	struct one all[4];
	uint32_t me = (uint32_t)syscall(SYS_gettid);

	/* The lock is free: the first has it at once, the others wait for it. */
	begin(all, 3, NULL);
	r[0] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &lock, 0));
	say("free: %s", r[0]);
	end("free", all, 3);
	/* It is not: all wait for who has it. */
	begin(all, 3, NULL);
	lock = me;
	r[0] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &lock, 0));
	r[1] = lock == (me | FUTEX_WAITERS) ? "waiters" : "none";
	r[2] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &lock, 0));
	r[3] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &lock, 0));
	r[4] = result(futex(&lock, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0));
	say("taken: two %s (%s), then %s, then %s; given up %s", r[0], r[1], r[2], r[3], r[4]);
	end("taken", all, 3);
}

static void disturbed(void)
{
	struct one all[2];
	struct timespec until = in_ms(CLOCK_MONOTONIC, 50);

	begin(all, 1, &until);
	end("too long for the word", all, 1);
	until = in_ms(CLOCK_MONOTONIC, 300);
	begin(all, 1, &until);
	lock = (uint32_t)syscall(SYS_gettid);
	r[0] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)10, &lock, 0));
	pthread_join(all[0].thread, NULL);
	say("too long for the lock: %s, %s, owner %d", r[0], all[0].found ? strerrorname_np(all[0].error) : "0",
	    (lock & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid));
	lock = 0;
	/* Woken otherwise. */
	until = in_ms(CLOCK_MONOTONIC, 300);
	begin(all, 1, &until);
	r[0] = result(futex(&word, FUTEX_WAKE | P, 1, NULL, NULL, 0));
	r[1] = result(futex(&word, FUTEX_CMP_REQUEUE | P, 1, (void *)1, &other, 0));
	r[2] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &other, 0));
	say("wake %s, requeue %s, to another lock %s", r[0], r[1], r[2]);
	end("not woken", all, 1);
	/* Nobody has the number in it. */
	until = in_ms(CLOCK_MONOTONIC, 300);
	begin(all, 1, &until);
	lock = 0x3ffffff0;
	r[0] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &lock, 0));
	lock = (uint32_t)tids[0];
	r[1] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &lock, 0));
	lock = 0;
	say("a lock of nobody %s, of who waits %s", r[0], r[1]);
	end("of nobody", all, 1);
}

static volatile int signals;

static void count(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
	signals++;
}

/* A handler does not end the wait. */
static void interrupted(void)
{
	struct one all[1];

	handle(SIGUSR1, count, 0);
	begin(all, 1, NULL);
	pthread_kill(all[0].thread, SIGUSR1);
	while (!signals)
		usleep(1000);
	until_asleep(tids[0]);
	r[0] = result(futex(&word, FUTEX_CMP_REQUEUE_PI | P, 1, (void *)1, &lock, 0));
	say("after %d signal: %s", signals, r[0]);
	end("interrupted", all, 1);
}

int main(void)
{
	refusals();
	handed();
	disturbed();
	interrupted();
	return 0;
}
