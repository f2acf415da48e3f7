/* SPDX-License-Identifier: MIT */
/* crew.c PAGES - threads and processes that change the same pages at once, and what comes of it
 *
 * Two processes of three threads each add to counters on pages that all share, and to some of their own
 * process; whoever comes first, the sums are the same.
 */
#include "guest.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGE = 4096, THREADS = 3, ROUNDS = 2, WORDS = PAGE / sizeof(uint64_t) };

static uint64_t pages = 100, *shared, *own;

static void *work(void *number)
{
	uint64_t n = (uint64_t)(long)number, state = n;

	for (uint64_t i = 0; i < ROUNDS * pages; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint64_t at = (state >> 33) % (pages * WORDS);
		__atomic_fetch_add(&own[at], n + i, __ATOMIC_RELAXED);
		__atomic_fetch_add(&shared[at], n * i, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint64_t sum(const uint64_t *words)
{
	uint64_t s = 0;

	for (uint64_t i = 0; i < pages * WORDS; i += 8)
		for (uint64_t k = 0; k < 8; k++)
			s = s * 31 + words[i + k];
	return s;
}

static int crew(long first)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, work, (void *)(first + i)) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		pages = strtoull(argv[1], NULL, 10);
	shared = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	own = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || own == MAP_FAILED)
		return 1;
	pid_t child = fork();
	if (child == 0) {
		status = crew(100);
		say("the child's own pages: %llx", (unsigned long long)sum(own));
		_exit(status);
	}
	status = crew(1);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return 1;
	say("the parent's own pages: %llx, shared: %llx", (unsigned long long)sum(own), (unsigned long long)sum(shared));
	return 0;
}
