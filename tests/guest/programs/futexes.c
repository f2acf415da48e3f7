/* SPDX-License-Identifier: MIT */
/* futexes.c - waiting for several words at once, and the calls that name a word's size */
#include "guest.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { SIZE_32 = 2, PRIVATE = 128 };
enum { FUTEX_WAITV = 449, FUTEX_WAKE = 454, FUTEX_WAIT = 455, FUTEX_REQUEUE = 456 };

struct waiter {
	uint64_t value, va;
	uint32_t flags, reserved;
};

static uint32_t words[200];
static struct waiter w[200];
static int unit = 100;

static void prepare(int n)
{
	memset(words, 0, sizeof(words));
	for (int i = 0; i < n; i++)
		w[i] = (struct waiter){.va = (uintptr_t)&words[i], .flags = SIZE_32 | PRIVATE};
}

static long waitv(int n, int flags, const struct timespec *until, int clock)
{
	return syscall(FUTEX_WAITV, w, n, flags, until, clock);
}

static void *wakes(void *arg)
{
	uint32_t *word = arg;
	usleep((useconds_t)unit * 1000);
	*word = 1;
	return (void *)syscall(FUTEX_WAKE, word, 0xffffffffUL, 1, SIZE_32 | PRIVATE);
}

static void later(uint32_t *word, pthread_t *thread) { pthread_create(thread, NULL, wakes, word); }

static void it_woke(pthread_t thread)
{
	void *how_many;
	pthread_join(thread, &how_many);
	say("wake: %ld", (long)how_many);
}

static void refused(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 1), bad = {0, 2000000000};
	prepare(130);
	say("none: %s, too many: %s, flags: %s, nowhere: %s", result(waitv(0, 0, NULL, 0)), result(waitv(129, 0, NULL, 0)),
	    result(waitv(1, 1, NULL, 0)), result(syscall(FUTEX_WAITV, NULL, 1, 0, NULL, 0)));
	say("bad pointer: %s", result(syscall(FUTEX_WAITV, (void *)8, 1, 0, NULL, 0)));
	say("clock: %s, time: %s", result(waitv(1, 0, &t, CLOCK_BOOTTIME)), result(waitv(1, 0, &bad, CLOCK_MONOTONIC)));
	w[0].flags = 0;
	say("8 bits: %s", result(waitv(1, 0, &t, CLOCK_MONOTONIC)));
	w[0].flags = 3;
	say("64 bits: %s", result(waitv(1, 0, &t, CLOCK_MONOTONIC)));
	w[0].flags = SIZE_32 | 64;
	say("unknown: %s", result(waitv(1, 0, &t, CLOCK_MONOTONIC)));
	prepare(2);
	w[1].reserved = 1;
	say("reserved: %s", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
	prepare(2);
	w[1].va++;
	say("between words: %s", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
	prepare(2);
	w[1].va = 16;
	say("not there: %s", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
	prepare(2);
	w[1].value = 5;
	say("another value: %s", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
	prepare(2);
	w[1].value = UINT64_C(1) << 32;
	say("too large a value: %s", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
}

static void waited(void)
{
	pthread_t thread;
	struct timespec t;
	prepare(128);
	t = in_ms(CLOCK_MONOTONIC, 20);
	say("in time: %s", result(waitv(128, 0, &t, CLOCK_MONOTONIC)));
	t = in_ms(CLOCK_REALTIME, 20);
	say("by the wall: %s", result(waitv(3, 0, &t, CLOCK_REALTIME)));
	later(&words[77], &thread);
	say("woken for %s", result(waitv(128, 0, NULL, 0)));
	it_woke(thread);
	prepare(3);
	later(&words[0], &thread);
	t = in_ms(CLOCK_MONOTONIC, 10000);
	say("woken for %s", result(waitv(3, 0, &t, CLOCK_MONOTONIC)));
	it_woke(thread);
}

static void on_alarm(int n, siginfo_t *info, void *uc) { (void)n, (void)info, (void)uc; }

static void interrupted(int flags)
{
	handle(SIGALRM, on_alarm, flags);
	prepare(2);
	struct timespec t = in_ms(CLOCK_MONOTONIC, 300);
	ualarm(50000, 0);
	say("a signal, %s: %s", flags ? "restarting" : "plain", result(waitv(2, 0, &t, CLOCK_MONOTONIC)));
	t = in_ms(CLOCK_MONOTONIC, 300);
	ualarm(50000, 0);
	say("of one word: %s", result(syscall(FUTEX_WAIT, &words[0], 0UL, 0xffffffffUL, SIZE_32, &t, CLOCK_MONOTONIC)));
}

static void shared(void)
{
	uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prepare(2);
	w[1] = (struct waiter){.va = (uintptr_t)word, .flags = SIZE_32};
	if (fork() == 0) {
		usleep(100000);
		_exit((int)syscall(FUTEX_WAKE, word, 0xffffffffUL, 1, SIZE_32));
	}
	say("another process: woken for %s", result(waitv(2, 0, NULL, 0)));
	int status;
	wait(&status);
	say("it woke %d", WEXITSTATUS(status));
}

static void one_word(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 10);
	pthread_t thread;
	prepare(4);
	say("wait: %s", result(syscall(FUTEX_WAIT, &words[0], 0UL, 0xffffffffUL, SIZE_32 | PRIVATE, &t, CLOCK_MONOTONIC)));
	say("value: %s, mask: %s, size: %s", result(syscall(FUTEX_WAIT, &words[0], 1UL, 0xffffffffUL, SIZE_32, NULL, 0)),
	    result(syscall(FUTEX_WAIT, &words[0], 0UL, 0UL, SIZE_32, NULL, 0)), result(syscall(FUTEX_WAIT, &words[0], 0UL, 1UL, 1, NULL, 0)));
	later(&words[0], &thread);
	say("woken: %s", result(syscall(FUTEX_WAIT, &words[0], 0UL, 2UL, SIZE_32 | PRIVATE, NULL, 0)));
	it_woke(thread);
	say("nobody: %s, no mask: %s, wrong size: %s", result(syscall(FUTEX_WAKE, &words[0], 1UL, 1, SIZE_32)),
	    result(syscall(FUTEX_WAKE, &words[0], 0UL, 1, SIZE_32)), result(syscall(FUTEX_WAKE, &words[0], 1UL, 1, 3)));
	prepare(4);
	say("requeue nobody: %s", result(syscall(FUTEX_REQUEUE, w, 0, 1, 1)));
	w[0].value = 9;
	say("another value: %s", result(syscall(FUTEX_REQUEUE, w, 0, 1, 1)));
	say("flags: %s, negative: %s", result(syscall(FUTEX_REQUEUE, w, 1, 1, 1)), result(syscall(FUTEX_REQUEUE, w, 0, -1, 1)));
}

static void *moved(void *arg)
{
	(void)arg;
	say("moved and woken: %s", result(syscall(FUTEX_WAIT, &words[0], 0UL, 0xffffffffUL, SIZE_32 | PRIVATE, NULL, 0)));
	return NULL;
}

static void requeued(void)
{
	pthread_t thread;
	prepare(2);
	pthread_create(&thread, NULL, moved, NULL);
	usleep(100000);
	say("requeue: %s", result(syscall(FUTEX_REQUEUE, w, 0, 0, 1)));
	say("at the first: %s", result(syscall(FUTEX_WAKE, &words[0], 0xffffffffUL, 1, SIZE_32 | PRIVATE)));
	long r = syscall(FUTEX_WAKE, &words[1], 0xffffffffUL, 1, SIZE_32 | PRIVATE);
	it_woke(thread);
	say("at the second: %s", result(r));
}

int main(void)
{
	refused();
	waited();
	interrupted(0);
	interrupted(SA_RESTART);
	shared();
	one_word();
	requeued();
	return 0;
}
