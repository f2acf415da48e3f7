/* SPDX-License-Identifier: MIT */
/* Threads: made in numbers, ended in any order, waiting for each other by every means that the C
 * library has, and met by signals. */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { MANY = 200 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread int own = 7;
static int count, ready, seen;

static void *count_one(void *number)
{
	own += (int)(long)number;
	pthread_mutex_lock(&mutex);
	count++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mutex);
	return (void *)(long)own;
}

static void many(void)
{
	pthread_t t[MANY];
	long sum = 0;
	void *value;

	for (long i = 0; i < MANY; i++)
		if (pthread_create(&t[i], NULL, count_one, (void *)i) != 0)
			say("pthread_create failed");
	pthread_mutex_lock(&mutex);
	while (count < MANY)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	/* Neither in the order in which they began nor the other way round. */
	for (int i = 0; i < MANY; i++) {
		pthread_join(t[i * 77 % MANY], &value);
		sum += (long)value;
	}
	say("%d threads: counted %d, their own variables are %ld in all, mine is %d", MANY, count, sum, own);
}

/* --- what threads wait on ---------------------------------------------------------------------- */

static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem;
static int readers, written, made_once;

static void make_once(void)
{
	made_once++;
}

static void *meet(void *unused)
{
	(void)unused;
	pthread_once(&once, make_once);
	for (int i = 0; i < 50; i++) {
		int serial = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
		__atomic_add_fetch(&count, serial, __ATOMIC_SEQ_CST);
		if (serial) {
			pthread_rwlock_wrlock(&rwlock);
			written++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			__atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
		}
		pthread_rwlock_unlock(&rwlock);
		sem_post(&sem);
	}
	return NULL;
}

static void meetings(void)
{
	pthread_t t[4];

	count = 0;
	pthread_barrier_init(&barrier, NULL, 4);
	sem_init(&sem, 0, 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, meet, NULL);
	for (int i = 0; i < 200; i++)
		sem_wait(&sem);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	say("50 barriers of 4: %d serial, %d reads, %d writes, once %d, semaphore empty %s", count, readers, written, made_once,
	    result(sem_trywait(&sem)));
}

/* --- locks with owners ------------------------------------------------------------------------- */

static pthread_mutex_t lock;

static void lock_init(int protocol, int robust, int shared, int type)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, protocol);
	pthread_mutexattr_setrobust(&a, robust);
	pthread_mutexattr_setpshared(&a, shared);
	pthread_mutexattr_settype(&a, type);
	say("    init: %s", strerrorname_np(pthread_mutex_init(&lock, &a)) ?: "0");
}

static const char *named(int error)
{
	return error ? strerrorname_np(error) : "0";
}

static void *add_under_lock(void *unused)
{
	(void)unused;
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&lock);
		int now = count;
		if (i % 16 == 0)
			sched_yield();
		count = now + 1;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *die_with_lock(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&seen, __ATOMIC_SEQ_CST))
		usleep(1000);
	usleep(20000); /* until somebody waits, most likely */
	return NULL;
}

static void locks(const char *what, int protocol)
{
	struct timespec soon;
	pthread_t t[6];

	say("  %s", what);
	lock_init(protocol, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE, PTHREAD_MUTEX_ERRORCHECK);
	count = 0;
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, add_under_lock, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	say("    counted %d", count);
	say("    lock %s", named(pthread_mutex_lock(&lock)));
	say("    again %s", named(pthread_mutex_lock(&lock)));
	say("    unlock %s", named(pthread_mutex_unlock(&lock)));
	say("    again %s", named(pthread_mutex_unlock(&lock)));

	lock_init(protocol, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_NORMAL);
	ready = seen = 0;
	pthread_create(&t[0], NULL, die_with_lock, NULL);
	while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
		sched_yield();
	say("    try %s", named(pthread_mutex_trylock(&lock)));
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 1000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	say("    for a millisecond %s", named(pthread_mutex_timedlock(&lock, &soon)));
	__atomic_store_n(&seen, 1, __ATOMIC_SEQ_CST);
	say("    its owner ends %s", named(pthread_mutex_lock(&lock)));
	say("    made consistent %s", named(pthread_mutex_consistent(&lock)));
	say("    unlock %s", named(pthread_mutex_unlock(&lock)));
	say("    lock %s", named(pthread_mutex_lock(&lock)));
	pthread_mutex_unlock(&lock);
	pthread_join(t[0], NULL);
}

/* A lock in shared memory, whose owner is a process that is killed. */
static void lock_of_the_dead(int protocol)
{
	pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, protocol);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(shared, &a);
	pid_t p = fork();
	if (p == 0) {
		pthread_mutex_lock(shared);
		__atomic_store_n((int *)(shared + 1), 1, __ATOMIC_SEQ_CST);
		usleep(10000);
		kill(getpid(), SIGKILL);
	}
	while (!__atomic_load_n((int *)(shared + 1), __ATOMIC_SEQ_CST))
		sched_yield();
	say("    of a process that is killed: %s", named(pthread_mutex_lock(shared)));
	waitpid(p, NULL, 0);
	pthread_mutex_consistent(shared);
	pthread_mutex_unlock(shared);
	munmap(shared, 4096);
}

static void raw_locks(void)
{
	static uint32_t word;
	long tid = syscall(SYS_gettid);

	word = (uint32_t)tid;
	say("  mine already: lock %s", result(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL)));
	word = 0;
	say("  nobody's: unlock %s", result(syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL)));
	word = 0x3ffffff0;
	say("  of no thread: lock %s", result(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL)));
	say("  of no thread: try %s", result(syscall(SYS_futex, &word, FUTEX_TRYLOCK_PI, 0, NULL)));
	word = FUTEX_OWNER_DIED;
	syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL);
	say("  of a dead one: mine %d, marked %d", (word & FUTEX_TID_MASK) == tid, (word & FUTEX_OWNER_DIED) != 0);
	say("  unlock %s", result(syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL)));
	say("  then it is %#x", word);
	say("  no address: %s", result(syscall(SYS_futex, 1UL << 62, FUTEX_LOCK_PI, 0, NULL)));
	say("  askew: %s", result(syscall(SYS_futex, (char *)&word + 1, FUTEX_UNLOCK_PI, 0, NULL)));
}

/* --- signals ----------------------------------------------------------------------------------- */

static __thread int met;
static volatile int met_by_main;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	met++;
}

static void *be_met(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!met)
		usleep(1000);
	return (void *)(long)met;
}

static void *wait_for_it(void *set)
{
	int number;

	return sigwait(set, &number) == 0 ? (void *)(long)number : NULL;
}

static void met_in_main(int number)
{
	(void)number;
}

static void *signal_process(void *how)
{
	if (how)
		kill(getpid(), SIGHUP);
	else
		syscall(SYS_tgkill, getpid(), getpid(), SIGHUP);
	return NULL;
}

/* The signal that interrupts a join, or that another thread takes, costs no wake-up. */
static void joins(void)
{
	for (int restart = 0; restart < 2; restart++) {
		struct sigaction a = {.sa_handler = met_in_main, .sa_flags = restart ? SA_RESTART : 0};
		sigaction(SIGHUP, &a, NULL);
		for (long how = 0; how < 8; how++) {
			pthread_t t;
			pthread_create(&t, NULL, signal_process, (void *)(how & 1));
			if (pthread_join(t, NULL) != 0)
				say("not joined");
		}
	}
	say("joined, whoever took the signal");
}

static void signals(void)
{
	pthread_t t[3];
	sigset_t set;
	void *value;

	handle(SIGUSR1, on_signal, SA_RESTART);
	ready = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, be_met, NULL);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 3)
		usleep(1000);
	for (int i = 2; i >= 0; i--) {
		pthread_kill(t[i], SIGUSR1);
		pthread_join(t[i], &value);
		say("thread %d was met %ld times, main %d", i, (long)value, met);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&t[0], NULL, wait_for_it, &set);
	kill(getpid(), SIGUSR2);
	pthread_join(t[0], &value);
	say("a thread waited for signal %ld of the process", (long)value);
}

/* --- ends -------------------------------------------------------------------------------------- */

static void cleaned(void *what)
{
	say("  cleaned up: %s", (char *)what);
}

static void *be_cancelled(void *unused)
{
	(void)unused;
	pthread_cleanup_push(cleaned, "after a sleep");
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel(void)
{
	pthread_t t;
	void *value;

	ready = 0;
	pthread_create(&t, NULL, be_cancelled, NULL);
	while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
		usleep(1000);
	int error = pthread_cancel(t);
	pthread_join(t, &value);
	say("  cancel %s, cancelled %d", named(error), value == PTHREAD_CANCELED);
}

static void *outlive(void *how)
{
	usleep(20000);
	say("    the last thread goes on");
	if (how)
		exit(6);
	return NULL;
}

/* The status of a process whose main thread ends first. */
static void ends(void)
{
	int status;

	for (long how = 0; how < 3; how++) {
		pid_t p = fork();
		if (p == 0) {
			pthread_t t;
			pthread_create(&t, NULL, outlive, (void *)(how & 1));
			if (how == 2)
				_exit(4);
			pthread_exit(NULL);
		}
		waitpid(p, &status, 0);
		say("  main thread %s: status %d", how == 2 ? "exits for all" : how ? "ends, exit by another" : "ends, then another",
		    WEXITSTATUS(status));
	}
}

static void *run_other(void *unused)
{
	(void)unused;
	execl("/proc/self/exe", "threads", "executed", (char *)NULL);
	return NULL;
}

/* A thread that executes a program ends all others, and has the number of the process. */
static void execute(void)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		pthread_t t[2];
		pthread_create(&t[0], NULL, be_cancelled, NULL);
		pthread_create(&t[1], NULL, run_other, NULL);
		pthread_join(t[1], NULL);
		_exit(1);
	}
	waitpid(p, &status, 0);
	say("executed by a thread: status %d", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "executed") == 0)
		return getpid() == syscall(SYS_gettid) ? 5 : 2;
	many();
	meetings();
	say("plain locks");
	locks("plain", PTHREAD_PRIO_NONE);
	lock_of_the_dead(PTHREAD_PRIO_NONE);
	say("locks that inherit priorities");
	locks("inheriting", PTHREAD_PRIO_INHERIT);
	lock_of_the_dead(PTHREAD_PRIO_INHERIT);
	raw_locks();
	signals();
	joins();
	cancel();
	say("ends");
	ends();
	execute();
	return 0;
}
