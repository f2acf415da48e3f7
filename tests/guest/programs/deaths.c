/* SPDX-License-Identifier: MIT */
/* Dies in the way that its argument names; before that it says so. A neighbour that it started
 * notices nothing: it goes on to count, in memory at the same addresses. */
#include "guest.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

static int counter = 7;
static const int constant = 3;

__attribute__((noinline)) static int deep(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return n < 0 ? 0 : deep(n + 1) + frame[0];
}

static void die(const char *how)
{
	char *volatile p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rlimit limit = {1 << 20, RLIM_INFINITY};

	*p = 1;
	if (!strcmp(how, "null"))
		*(volatile int *)(uintptr_t)8 = 1;
	else if (!strcmp(how, "text"))
		*(volatile char *)(uintptr_t)die = 1;
	else if (!strcmp(how, "constant"))
		*(volatile int *)(uintptr_t)&constant = 1;
	else if (!strcmp(how, "data"))
		((void (*)(void))(uintptr_t)&counter)();
	else if (!strcmp(how, "nowhere"))
		((void (*)(void))(uintptr_t)0x1000)();
	else if (!strcmp(how, "stack") && setrlimit(RLIMIT_STACK, &limit) == 0)
		deep(0);
	else if (!strcmp(how, "freed") && munmap(p, 8192) == 0)
		p[4096] = 1;
	else if (!strcmp(how, "kernel half"))
		*(volatile char *)(uintptr_t)0xffffffff80000000 = 1;
	else if (!strcmp(how, "abort"))
		abort();
	else if (!strcmp(how, "kill"))
		raise(SIGKILL);
	else if (!strcmp(how, "term"))
		raise(SIGTERM);
	else if (!strcmp(how, "trap"))
		__builtin_trap();
	else if (!strcmp(how, "exit"))
		exit(200);
	say("still alive");
}

int main(int argc, char **argv)
{
	int go[2], told[2];
	char c;

	if (argc < 2 || pipe(go) != 0 || pipe(told) != 0)
		return 2;
	if (fork() == 0) {
		close(go[1]);
		/* Until the other is gone, however it went. */
		if (read(go[0], &c, 1) != 0)
			_exit(1);
		counter++;
		say("neighbour: %d", counter);
		_exit(0);
	}
	close(go[0]);
	/* Somebody has to wait for both, or the neighbour's words might come too late. */
	pid_t pid = fork();
	if (pid == 0) {
		counter = 100;
		say("dying: %s", argv[1]);
		die(argv[1]);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	close(go[1]);
	while (wait(NULL) > 0)
		;
	say("it was: %s", how_it_ended(status));
	/* In a program of its own, the death is the program's. */
	if (argc > 2)
		die(argv[1]);
	return 0;
}
