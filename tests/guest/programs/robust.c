/* SPDX-License-Identifier: MIT */
/* Robust locks: their owners end in every way, and their lists are not always lists. */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ENTRIES = 3000 };

static struct shared {
	pthread_mutex_t lock;
	volatile int taken;
	struct robust_list_head head;
	struct {
		struct robust_list link;
		volatile uint32_t word, pad;
	} entry[ENTRIES];
} *s;

static uint32_t me(void) { return (uint32_t)syscall(SYS_gettid); }

static const char *name(int error) { return error ? strerrorname_np(error) : "0"; }

static void take(void)
{
	pthread_mutex_lock(&s->lock);
	s->taken = 1;
}

static void take_and_return(void) { take(); }

static void take_and_die(void)
{
	take();
	raise(SIGKILL);
}

static void take_and_execute(void)
{
	take();
	execl("/proc/self/exe", "robust", "again", NULL);
}

static void *take_in_thread(void *unused)
{
	take();
	return unused;
}

static void lock_again(const char *how)
{
	int first = pthread_mutex_lock(&s->lock);

	if (first == EOWNERDEAD)
		pthread_mutex_consistent(&s->lock);
	pthread_mutex_unlock(&s->lock);
	int second = pthread_mutex_lock(&s->lock);
	pthread_mutex_unlock(&s->lock);
	say("%s: %s, then %s", how, name(first), name(second));
	s->taken = 0;
}

static void owners(void)
{
	pthread_mutexattr_t a;
	pthread_t thread;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->lock, &a);
	in_child("it returned", take_and_return);
	lock_again("from one who returned");
	in_child("it died", take_and_die);
	lock_again("from one who died");
	in_child("it executed another", take_and_execute);
	lock_again("from one who executed another");
	pthread_create(&thread, NULL, take_in_thread, NULL);
	pthread_join(thread, NULL);
	lock_again("from a thread that ended");
	/* Waiting for it already. */
	pid_t pid = fork();
	if (pid == 0) {
		take();
		usleep(200000);
		_exit(0);
	}
	while (!s->taken)
		sched_yield();
	lock_again("from one who ended meanwhile");
	say("it: %s", wait_for(pid));
}

/* Lists made by hand. Each runs in a child, whose locks are looked at afterwards. */

static void begin(int n)
{
	s->head.futex_offset = offsetof(struct shared, entry[0].word) - offsetof(struct shared, entry[0].link);
	s->head.list_op_pending = NULL;
	s->head.list.next = n ? &s->entry[0].link : &s->head.list;
	for (int i = 0; i < ENTRIES; i++) {
		s->entry[i].word = me();
		s->entry[i].link.next = i + 1 < n ? &s->entry[i + 1].link : &s->head.list;
	}
	syscall(SYS_set_robust_list, &s->head, sizeof(s->head));
}

static void empty(void) { begin(0); }
static void five(void) { begin(5); }
static void long_one(void) { begin(ENTRIES); }

static void circle(void)
{
	begin(5);
	s->entry[4].link.next = &s->entry[0].link;
}

static void to_nowhere(void)
{
	begin(5);
	s->entry[1].link.next = (void *)8;
}

static void to_the_kernel(void)
{
	begin(5);
	s->entry[1].link.next = (void *)-8L;
}

static void odd_offset(void)
{
	begin(5);
	s->head.futex_offset += 2;
}

static void wild_offset(void)
{
	begin(5);
	s->head.futex_offset = INT64_MIN + 3;
}

static void of_others(void)
{
	begin(5);
	s->entry[2].word = 1;
	s->entry[3].word = FUTEX_WAITERS | me();
}

static void one_pending(void)
{
	begin(2);
	s->head.list_op_pending = &s->entry[4].link;
}

static void pending_in_the_list(void)
{
	begin(3);
	s->head.list_op_pending = &s->entry[1].link;
}

static void no_head(void) { syscall(SYS_set_robust_list, (void *)16, sizeof(s->head)); }
static void kernel_head(void) { syscall(SYS_set_robust_list, (void *)-16L, sizeof(s->head)); }

static void list(const char *how, void (*make)(void))
{
	int died = 0, waiters = 0;

	begin(0);
	in_child(how, make);
	for (int i = 0; i < ENTRIES; i++) {
		died += !!(s->entry[i].word & FUTEX_OWNER_DIED);
		waiters += s->entry[i].word == (FUTEX_OWNER_DIED | FUTEX_WAITERS);
	}
	say("    %d locks were abandoned, %d with waiters", died, waiters);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	owners();
	say("of a wrong size: %s", result(syscall(SYS_set_robust_list, &s->head, 23)));
	list("an empty list", empty);
	list("five", five);
	list("too many", long_one);
	list("a circle", circle);
	list("a link to nowhere", to_nowhere);
	list("a link to the kernel", to_the_kernel);
	list("a misaligned word", odd_offset);
	list("a word far away", wild_offset);
	list("locks of others", of_others);
	list("one that was being taken", one_pending);
	list("one that was being taken and is in the list", pending_in_the_list);
	list("a head in no memory", no_head);
	list("a head in the kernel", kernel_head);
	return 0;
}
