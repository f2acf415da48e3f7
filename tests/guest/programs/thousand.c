/* SPDX-License-Identifier: MIT */
/* A thousand processes come and go, in every way that one can go; what was free is free again.
 * Reads /proc/meminfo, so for Carrel only. */
#include "guest.h"

#include <sys/mman.h>

static long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void one(int i)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int j = 0; j < i % 16; j++)
			p[j * 4096] = 1;
		if (i % 50 == 1)
			execl("/proc/self/exe", "thousand", "child", NULL);
		if (i % 50 == 2)
			abort();
		if (i % 50 == 3)
			*(volatile int *)(long)(8 + 0 * i) = 1;
		if (i % 50 == 4)
			pause();
		_exit(0);
	}
	if (i % 50 == 4)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(int argc, char **argv)
{
	long before, after;

	(void)argv;
	if (argc > 1)
		return 0;
	for (int i = 0; i < 50; i++) /* what is needed once, such as the pages of the program's own file */
		one(i);
	free_kib();
	before = free_kib();
	for (int i = 0; i < 1000; i++)
		one(i);
	after = free_kib();
	say(before == after ? "as before" : "before %ld KiB, after %ld KiB", before, after);
	return before != after || before < 0;
}
