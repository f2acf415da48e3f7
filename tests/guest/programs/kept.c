/* SPDX-License-Identifier: MIT */
/* A System V segment that is locked stays in RAM though nobody has it attached; and what waiting for swap costs
 * is told in /proc/pressure. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

enum { PAGE = 4096, FULL = 1200, KEPT = 100 };

static volatile char *full;

static void crowd(int value)
{
	for (unsigned i = 0; i < FULL; i++)
		full[i * PAGE] = (char)value;
}

/* Pages that had to be fetched from swap. */
static long fetched(const volatile char *p)
{
	struct rusage before, after;
	char sum = 0;

	getrusage(RUSAGE_SELF, &before);
	for (unsigned i = 0; i < KEPT; i++)
		sum += p[i * PAGE];
	getrusage(RUSAGE_SELF, &after);
	if (sum != (char)(KEPT * 's'))
		say("something else is there");
	return after.ru_majflt - before.ru_majflt;
}

static unsigned long lost(const char *name, const char *part)
{
	char path[64], line[128];
	unsigned long total = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/pressure/%s", name);
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, part, strlen(part)) == 0)
			total = strtoul(strstr(line, "total=") + 6, NULL, 10);
	fclose(f);
	return total;
}

int main(void)
{
	int id = shmget(IPC_PRIVATE, KEPT * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	full = mmap(NULL, FULL * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("lost before: %lu %lu", lost("memory", "some"), lost("io", "full"));
	memset(p, 's', KEPT * PAGE);
	say("lock %s", result(shmctl(id, SHM_LOCK, NULL)));
	shmdt(p);
	crowd(1);
	crowd(2);
	p = shmat(id, NULL, 0);
	say("fetched of what is locked: %ld", fetched(p));
	say("unlock %s", result(shmctl(id, SHM_UNLOCK, NULL)));
	shmdt(p);
	crowd(3);
	crowd(4);
	p = shmat(id, NULL, 0);
	say("fetched of what is not: %d", fetched(p) > KEPT / 2);
	shmctl(id, IPC_RMID, NULL);
	say("lost: %d, by all %d, the processor %lu", lost("memory", "some") > 1000, lost("memory", "full") > 1000, lost("cpu", "some"));
	return 0;
}
