/* SPDX-License-Identifier: MIT */
/* /proc/PID/task/TID/stat tells the processor time of that thread, /proc/PID/stat that of all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int tids[2];
static pthread_barrier_t both, over;

static void *computes(void *arg)
{
	struct timespec t;
	tids[0] = gettid();
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (t.tv_sec == 0 && t.tv_nsec < 80000000);
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&over);
	return arg;
}

static void *waits(void *arg)
{
	tids[1] = gettid();
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&over);
	return arg;
}

/* User and system time, in hundredths of a second. */
static unsigned long used(const char *path)
{
	char line[1024] = "";
	int fd = open(path, O_RDONLY);
	unsigned long user = 0, system = 0;
	if (fd < 0 || read(fd, line, sizeof(line) - 1) <= 0)
		return 9999;
	close(fd);
	if (sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		return 9999;
	return user + system;
}

int main(void)
{
	pthread_t t[2];
	char path[2][64];
	pthread_barrier_init(&both, NULL, 3);
	pthread_barrier_init(&over, NULL, 3);
	pthread_create(&t[0], NULL, computes, NULL);
	pthread_create(&t[1], NULL, waits, NULL);
	pthread_barrier_wait(&both);
	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "/proc/self/task/%d/stat", tids[i]);
	unsigned long one = used(path[0]), two = used(path[1]), all = used("/proc/self/stat");
	printf("who computes: %s, who waits: %s, both: %s\n", one >= 7 && one < 100 ? "much" : "wrong",
	       two <= 1 ? "nothing" : "wrong", all >= one && all < 200 ? "as much" : "wrong");
	pthread_barrier_wait(&over);
	return 0;
}
