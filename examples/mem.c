/* SPDX-License-Identifier: MIT */
/* mem.c - the first program everyone runs
 *
 * It asks for one int, says where that lies, and then counts in it, once a second, for ever. Start
 * it twice at once: both name the same address, and each counts by itself.
 *
 *	mem         sleeps between two counts
 *	mem spin    burns the second instead, so that the scheduler has to take turns
 *	mem 5       counts to 5 and ends; also: mem spin 5
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void spin(double seconds)
{
	double end = now() + seconds;

	while (now() < end)
		;
}

int main(int argc, char **argv)
{
	int spins = argc > 1 && strcmp(argv[1], "spin") == 0;
	int last = argc > 1 + spins ? atoi(argv[1 + spins]) : 0;
	/* The first malloc of the program, before anything is printed: printf takes memory, too. */
	int *p = malloc(sizeof(*p));

	if (!p) {
		perror("mem: malloc");
		return 1;
	}
	*p = 0;
	printf("(%d) my int lies at %p\n", (int)getpid(), (void *)p);
	/* Into a pipe, nothing would be seen until 4096 bytes have come together. */
	fflush(stdout);
	while (last == 0 || *p < last) {
		if (spins)
			spin(1);
		else
			sleep(1);
		*p = *p + 1;
		printf("(%d) it holds %d\n", (int)getpid(), *p);
		fflush(stdout);
	}
	free(p);
	return 0;
}
