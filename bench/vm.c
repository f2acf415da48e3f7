/* SPDX-License-Identifier: MIT */
/* vm.c - operations on an address space, and short system calls: vm KERNEL COUNT [PROCESSES
 * [REGIONS]]
 *
 * PROCESSES sleep and REGIONS lie in the address space meanwhile, for the growth curves.
 * The count is of the operation: a page, a system call, a round trip, a process.
 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, CHUNK = 4096 /* pages */ };

static const char *self;

static volatile unsigned char *map(size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	bench_need(p != MAP_FAILED, "mmap");
	return p;
}

static void unmap(volatile unsigned char *p, size_t size)
{
	bench_need(munmap((void *)p, size) == 0, "munmap");
}

static void touch(volatile unsigned char *p, long pages)
{
	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

static void reap(pid_t pid)
{
	int status;

	bench_need(waitpid(pid, &status, 0) == pid && status == 0, "waitpid");
}

static uint64_t nothing(long count)
{
	return 0;
}

/* Each page is touched for the first time, in frames that nobody used since the machine started. */
static uint64_t first_touch_fresh(long count)
{
	touch(map((size_t)count * PAGE, PROT_READ | PROT_WRITE), count);
	return 0;
}

/* The same in frames used before: the mapping is given back every 16 MiB. */
static uint64_t first_touch(long count)
{
	for (long done = 0; done < count; done += CHUNK) {
		volatile unsigned char *p = map((size_t)CHUNK * PAGE, PROT_READ | PROT_WRITE);

		touch(p, CHUNK);
		unmap(p, (size_t)CHUNK * PAGE);
	}
	return 0;
}

/* A child writes pages that it shares with its parent; 1/4096 of a fork and an exit belongs to
 * each. */
static uint64_t cow(long count)
{
	volatile unsigned char *p = map((size_t)CHUNK * PAGE, PROT_READ | PROT_WRITE);

	touch(p, CHUNK);
	for (long done = 0; done < count; done += CHUNK) {
		pid_t pid = fork();

		bench_need(pid >= 0, "fork");
		if (pid == 0) {
			touch(p, CHUNK);
			_exit(0);
		}
		reap(pid);
	}
	return 0;
}

static uint64_t map_touch_unmap(long count)
{
	while (count-- > 0) {
		volatile unsigned char *p = map(PAGE, PROT_READ | PROT_WRITE);

		*p = 1;
		unmap(p, PAGE);
	}
	return 0;
}

static uint64_t mprotect_write(long count)
{
	volatile unsigned char *p = map(PAGE, PROT_READ | PROT_WRITE);

	while (count-- > 0) {
		bench_need(mprotect((void *)p, PAGE, PROT_READ) == 0, "mprotect");
		bench_need(mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
		++*p;
	}
	return (uint64_t)*p;
}

/* Reads each page of a mapped file of 16 MiB, ./pages, which is in the page cache. */
static uint64_t file_touch(long count)
{
	int fd = open("pages", O_RDONLY);
	uint64_t sum = 0;

	bench_need(fd >= 0, "pages");
	for (long done = 0; done < count; done += CHUNK) {
		volatile unsigned char *p =
		    mmap(NULL, (size_t)CHUNK * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

		bench_need(p != MAP_FAILED, "mmap");
		for (long i = 0; i < CHUNK; i++)
			sum += (uint64_t)p[i * PAGE];
		unmap(p, (size_t)CHUNK * PAGE);
	}
	return sum;
}

static uint64_t fork_exit_64m(long count)
{
	touch(map((size_t)64 << 20, PROT_READ | PROT_WRITE), (64 << 20) / PAGE);
	while (count-- > 0) {
		pid_t pid = fork();

		bench_need(pid >= 0, "fork");
		if (pid == 0)
			_exit(0);
		reap(pid);
	}
	return 0;
}

static uint64_t segvs;

/* Back to the instruction behind the one that faulted. */
extern char bench_resume[];

static void on_segv(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	segvs++;
#if defined(__riscv)
	u->uc_mcontext.__gregs[REG_PC] = (unsigned long)bench_resume;
#elif defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RIP] = (long)bench_resume;
#elif defined(__aarch64__)
	u->uc_mcontext.pc = (unsigned long)bench_resume;
#else
#error "where is the program counter of this architecture's ucontext_t?"
#endif
}

__attribute__((noinline)) static void load_and_resume(volatile unsigned char *p)
{
#if defined(__riscv)
	__asm__ volatile("lb t0, 0(%0)\n.globl bench_resume\nbench_resume:"
			 :
			 : "r"(p)
			 : "t0", "memory");
#elif defined(__x86_64__)
	__asm__ volatile("movb (%0), %%al\n.globl bench_resume\nbench_resume:"
			 :
			 : "r"(p)
			 : "rax", "memory");
#elif defined(__aarch64__)
	__asm__ volatile("ldrb w9, [%0]\n.globl bench_resume\nbench_resume:"
			 :
			 : "r"(p)
			 : "x9", "memory");
#endif
}

static uint64_t segv_return(long count)
{
	struct sigaction act = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	volatile unsigned char *p = map(PAGE, PROT_NONE);

	bench_need(sigaction(SIGSEGV, &act, NULL) == 0, "sigaction");
	for (long i = 0; i < count; i++)
		load_and_resume(p);
	return segvs;
}

static uint64_t pipe_round_trip(long count)
{
	int to[2], from[2];
	char byte = 1;
	pid_t pid;

	bench_need(pipe(to) == 0 && pipe(from) == 0, "pipe");
	pid = fork();
	bench_need(pid >= 0, "fork");
	if (pid == 0) {
		close(to[1]);
		while (read(to[0], &byte, 1) == 1)
			bench_need(write(from[1], &byte, 1) == 1, "write");
		_exit(0);
	}
	close(to[0]);
	for (long i = 0; i < count; i++)
		bench_need(write(to[1], &byte, 1) == 1 && read(from[0], &byte, 1) == 1, "pipe");
	close(to[1]);
	reap(pid);
	return byte;
}

/* BENCH_RUNNER runs the program where the host cannot: qemu-riscv64 hands execve to the host. */
static uint64_t fork_exec_wait(long count)
{
	const char *runner = getenv("BENCH_RUNNER");

	while (count-- > 0) {
		pid_t pid = fork();

		bench_need(pid >= 0, "fork");
		if (pid == 0) {
			if (runner)
				execl(runner, runner, self, "exit", "0", (char *)NULL);
			else
				execl(self, self, "exit", "0", (char *)NULL);
			_exit(127);
		}
		reap(pid);
	}
	return 0;
}

static uint64_t system_call(long count)
{
	uint64_t same = 0;
	long parent = syscall(SYS_getppid);

	while (count-- > 0)
		same |= (uint64_t)(syscall(SYS_getppid) ^ parent);
	return same;
}

/* Touches COUNT MiB, says so, and holds them until its input ends. */
static uint64_t hold(long count)
{
	char byte;

	touch(map((size_t)count << 20, PROT_READ | PROT_WRITE), (count << 20) / PAGE);
	bench_need(write(1, "held\n", 5) == 5, "write");
	bench_need(read(0, &byte, 1) == 0, "read");
	return 0;
}

static const struct kernel kernels[] = {
    {"nothing", nothing},
    {"first-touch-fresh", first_touch_fresh},
    {"first-touch", first_touch},
    {"cow", cow},
    {"map-touch-unmap", map_touch_unmap},
    {"mprotect-write", mprotect_write},
    {"file-touch", file_touch},
    {"fork-exit-64m", fork_exit_64m},
    {"segv-return", segv_return},
    {"pipe-round-trip", pipe_round_trip},
    {"fork-exec-wait", fork_exec_wait},
    {"getppid", system_call},
    {"hold", hold},
    {NULL, NULL},
};

/* They sleep until the writing end of the pipe is closed, as this program's end closes it. */
static void start_sleepers(long processes)
{
	int ends[2];

	bench_need(pipe(ends) == 0, "pipe");
	while (processes-- > 0) {
		pid_t pid = fork();

		bench_need(pid >= 0, "fork");
		if (pid == 0) {
			char byte;

			close(ends[1]);
			_exit(read(ends[0], &byte, 1) != 0);
		}
	}
}

enum { REGIONS_BY_DEFAULT = 65000 };

/* More than Linux allows unasked. */
static void allow_regions(long regions)
{
	int fd = open("/proc/sys/vm/max_map_count", O_WRONLY);

	bench_need(fd >= 0, "/proc/sys/vm/max_map_count");
	bench_need(dprintf(fd, "%ld", regions + 100) > 0, "vm.max_map_count");
	close(fd);
}

/* Every second page is PROT_READ, so that no two regions merge. */
static void make_regions(long regions)
{
	volatile unsigned char *p;

	if (regions == 0)
		return;
	if (regions > REGIONS_BY_DEFAULT)
		allow_regions(regions);
	p = map((size_t)regions * PAGE, PROT_NONE);
	for (long i = 1; i < regions; i += 2)
		bench_need(mprotect((void *)(p + i * PAGE), PAGE, PROT_READ) == 0, "mprotect");
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "exit") == 0)
		return 0;
	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: vm KERNEL COUNT [PROCESSES [REGIONS]]\n");
		return 2;
	}
	self = argv[0];
	start_sleepers(argc > 3 ? atol(argv[3]) : 0);
	make_regions(argc > 4 ? atol(argv[4]) : 0);
	return bench_main(kernels, argv[1], atol(argv[2]));
}
