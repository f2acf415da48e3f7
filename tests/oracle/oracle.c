/* SPDX-License-Identifier: MIT */
/* oracle.c - see oracle.h; with main: runs each of programs, or the one that is named, in a process */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

enum { PAGE = 4096, ROOM = 4096 * PAGE, TOP_PAGES = 16 };
#define FILE_NAME "oracle.tmp"

/* Aligned, so that what the kernel maps around a fault does not depend on where it lies. */
static char *const arena = (char *)0x2000000000;
static char *top;    /* what the kernel placed first: all that may lie above placed */
static char *placed; /* the last one */
static int file;
static char out[1 << 18];
static size_t out_used;
static sigjmp_buf back;
static volatile int signal_number, signal_code;
static char *volatile signal_address;

static void flush(void)
{
	for (size_t at = 0; at < out_used;) {
		ssize_t n = write(1, out + at, out_used - at);
		if (n <= 0)
			_exit(3);
		at += (size_t)n;
	}
	out_used = 0;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list arguments;
	if (sizeof(out) - out_used < 4096)
		flush();
	va_start(arguments, format);
	out_used += (size_t)vsnprintf(out + out_used, sizeof(out) - out_used, format, arguments);
	va_end(arguments);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	signal_number = number;
	signal_code = info->si_code;
	signal_address = info->si_addr;
	siglongjmp(back, 1);
}

static long faults(void)
{
	struct rusage usage;
	if (getrusage(RUSAGE_SELF, &usage) != 0)
		_exit(3);
	return usage.ru_minflt + usage.ru_majflt;
}

static char *at(int page)
{
	return page >= PLACED ? placed + (long)(page - PLACED) * PAGE : arena + (long)page * PAGE;
}

/* An address as it is the same everywhere. */
static const char *name(const char *p)
{
	static char text[2][40];
	static int which;
	which = !which;
	if (p >= arena - ROOM && p <= arena + ROOM)
		snprintf(text[which], sizeof(text[0]), "A%s%lx", p < arena ? "-" : "+",
			 labs(p - arena));
	else if (p >= top - ROOM && p <= top + ROOM)
		snprintf(text[which], sizeof(text[0]), "T%s%lx", p > top ? "+" : "-",
			 labs(p - top));
	else
		snprintf(text[which], sizeof(text[0]), "elsewhere");
	return text[which];
}

/* --- nothing but what is looked at may fault --- */

extern char __executable_start[], _end[];

/* One load of a byte, or a store; 0, or the signal. */
static int touch(char *p, bool write, int value, int *ret_value)
{
	signal_number = 0;
	if (sigsetjmp(back, 1) != 0)
		return signal_number;
	if (write)
		*(volatile char *)p = (char)value;
	else
		*ret_value = *(volatile unsigned char *)p;
	return 0;
}

/* After a fork all that the program itself needs is touched, and written to where that can be. */
static void __attribute__((noinline)) warm(void)
{
	volatile char stack[16 * PAGE];
	int value;
	for (size_t i = 0; i < sizeof(stack); i += PAGE)
		stack[i] = 1;
	for (char *p = __executable_start; p < _end; p += PAGE)
		if (touch(p, false, 0, &value) == 0)
			(void)touch(p, true, value, NULL);
	errno = 0;
	(void)faults();
	(void)faults();
}

/* --- calls --- */

/* Says what a call came to. */
#define CALL(call)                                                                                 \
	({                                                                                         \
		errno = 0;                                                                         \
		long r_ = (long)(call);                                                            \
		int error_ = errno;                                                                \
		say(" = %s", r_ == -1 ? strerrorname_np(error_) : "ok");                           \
		r_;                                                                                \
	})

/* Not mremap, which passes the address on only with some flags. */
static long remap(char *old, size_t old_size, size_t size, int flags, char *to)
{
	return syscall(SYS_mremap, old, old_size, size, flags, to);
}

void map(int page, int pages, int prot, int flags, int file_page)
{
	say("map %d %d prot %x flags %x file %d", page, pages, (unsigned)prot, (unsigned)flags,
	    file_page);
	long r = CALL(mmap(
	    at(page), (size_t)pages * PAGE, prot, flags | (file_page == ANON ? MAP_ANONYMOUS : 0),
	    file_page == ANON ? -1 : file, file_page == ANON ? 0 : (long)file_page * PAGE));
	say(" %s\n", r == -1 ? "" : name((char *)r));
}

void place(int pages, int prot, int flags, int file_page)
{
	say("place %d prot %x flags %x file %d", pages, (unsigned)prot, (unsigned)flags, file_page);
	long r = CALL(
	    mmap(NULL, (size_t)pages * PAGE, prot, flags | (file_page == ANON ? MAP_ANONYMOUS : 0),
		 file_page == ANON ? -1 : file, file_page == ANON ? 0 : (long)file_page * PAGE));
	say(" %s\n", r == -1 ? "" : name((char *)r));
	if (r != -1)
		placed = (char *)r;
}

void unmap(int page, int pages)
{
	say("unmap %d %d", page, pages);
	(void)CALL(munmap(at(page), (size_t)pages * PAGE));
	say("\n");
}

void protect(int page, int pages, int prot)
{
	say("protect %d %d %x", page, pages, (unsigned)prot);
	(void)CALL(mprotect(at(page), (size_t)pages * PAGE, prot));
	say("\n");
}

void protect_growing(int page, int pages, int prot)
{
	protect(page, pages, prot | PROT_GROWSDOWN);
}

void advise(int page, int pages, int advice)
{
	say("advise %d %d %d", page, pages, advice);
	(void)CALL(madvise(at(page), (size_t)pages * PAGE, advice));
	say("\n");
}

void move(int page, int pages, int new_pages, int flags, int to)
{
	say("move %d %d to %d flags %x %d", page, pages, new_pages, (unsigned)flags, to);
	long r =
	    CALL(remap(at(page), (size_t)pages * PAGE, (size_t)new_pages * PAGE, flags, at(to)));
	say(" %s\n", r == -1 ? "" : name((char *)r));
}

void lock(int page, int pages)
{
	say("lock %d %d", page, pages);
	(void)CALL(mlock(at(page), (size_t)pages * PAGE));
	say("\n");
}

void lock_on_fault(int page, int pages)
{
	say("lock on fault %d %d", page, pages);
	(void)CALL(mlock2(at(page), (size_t)pages * PAGE, MLOCK_ONFAULT));
	say("\n");
}

void lock_all(int flags)
{
	say("lock all %d", flags);
	(void)CALL(flags ? mlockall(flags) : munlockall());
	say("\n");
	warm();
}

void unlock(int page, int pages)
{
	say("unlock %d %d", page, pages);
	(void)CALL(munlock(at(page), (size_t)pages * PAGE));
	say("\n");
}

/* mseal, which few libraries know. */
void seal(int page, int pages)
{
	say("seal %d %d", page, pages);
	(void)CALL(syscall(462, at(page), (size_t)pages * PAGE, 0));
	say("\n");
}

void sync_pages(int page, int pages, int flags)
{
	say("sync %d %d %d", page, pages, flags);
	(void)CALL(msync(at(page), (size_t)pages * PAGE, flags));
	say("\n");
}

void receive(int page, int pages, int file_page)
{
	say("receive %d %d %d", page, pages, file_page);
	say(" %ld\n", CALL(pread(file, at(page), (size_t)pages * PAGE, (long)file_page * PAGE)));
}

void send(int page, int pages, int file_page)
{
	struct stat st;
	if (fstat(file, &st) != 0)
		_exit(3);
	/* Not beyond the end: since 6.16 Linux makes a file longer, up to where a write was to begin,
	 * before it finds that nothing can be read. */
	long to = (long)file_page * PAGE, end = (long)st.st_size / PAGE * PAGE;
	say("send %d %d %d", page, pages, file_page);
	long done = CALL(pwrite(file, at(page), (size_t)pages * PAGE, to < end ? to : end));
	say(" %ld\n", done);
}

void resize(int bytes)
{
	say("resize %d", bytes);
	(void)CALL(ftruncate(file, bytes));
	say("\n");
}

/* --- calls with arguments that are wrong, or nearly --- */

/* The same words for offsets from a page, and for lengths: what is no page, what is far away, and what
 * wraps around. A length that reaches the program's own memory would end it. */
static const unsigned long words[] = {
    0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 1UL << 40, -5UL * PAGE, -1UL, -1UL * PAGE, -1UL * PAGE - 1};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

void odd(int which, int page, int start, int length, int third)
{
	char *p = at(page) + words[start % WORDS];
	size_t size = words[length % WORDS];
	unsigned char vector[64];
	if (start % WORDS >= 6) /* far away: from nowhere */
		p = (char *)words[start % WORDS];
	/* Nothing that would work on what is not the program's own. */
	bool far = start % WORDS >= 6 || size > 8 * PAGE;
	say("odd %d %d %d %d %d", which, page, start, length, third);
	switch (which) {
	case 0:
		if (far || size == 0)
			(void)CALL(munmap(p, size));
		break;
	case 1: (void)CALL(mprotect(p, far ? size : 0, third)); break;
	case 2: (void)CALL(madvise(p, size, third)); break;
	case 3: (void)CALL(msync(p, size, third)); break;
	case 4:
		if (size <= 8 * PAGE || size > 1UL << 50)
			(void)CALL(mincore(p, size, vector));
		break;
	case 5: (void)CALL(mlock2(p, size, third)); break;
	case 6: (void)CALL(munlock(p, size)); break;
	case 7: (void)CALL(remap(p, size, words[third % WORDS], MREMAP_MAYMOVE, 0)); break;
	case 8:
		/* Where no promise can be had for so much Linux has cleared the new place by then. */
		if (size < 1UL << 40 || size > 1UL << 50)
			(void)CALL(remap(at(page), PAGE, size, MREMAP_MAYMOVE | MREMAP_FIXED, p));
		break;
	case 9: {
		/* Linux takes -1 for an errno. */
		if (p == (char *)-1)
			break;
		long r = CALL(mmap(p, size, PROT_READ, third, -1, 0));
		if (r != -1)
			(void)CALL(munmap((void *)r, size));
		break;
	}
	case 10: {
		long r = CALL(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, third, file, (long)words[start % WORDS]));
		if (r != -1)
			(void)CALL(munmap((void *)r, PAGE));
		break;
	}
	case 11: (void)CALL(remap(p, size, size, third, NULL)); break;
	default: break;
	}
	say("\n");
}

/* --- regions --- */

struct line {
	char *start, *end;
	char perms[8];
	unsigned long offset;
	char what[64];	/* the last part of the name, or "" */
	char flags[96]; /* VmFlags */
	long resident, anonymous; /* kB */
};

static FILE *lines_open(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	if (!f)
		_exit(3);
	return f;
}

static void line_field(struct line *line, const char *text)
{
	(void)(sscanf(text, "Rss: %ld", &line->resident) ||
	       sscanf(text, "Anonymous: %ld", &line->anonymous) ||
	       sscanf(text, "VmFlags: %95[^\n]", line->flags));
}

/* The next line that is about the memory of a program. */
static bool line_next(FILE *f, struct line *ret_line)
{
	static char text[4096];
	bool ours = false;
	while (fgets(text, sizeof(text), f)) {
		int used = 0;
		if (text[0] >= 'A' && text[0] <= 'Z') {
			line_field(ret_line, text);
			if (ours && strncmp(text, "VmFlags:", 8) == 0)
				return true;
			continue;
		}
		text[strcspn(text, "\n")] = '\0';
		if (sscanf(text, "%p-%p %7s %lx %*s %*s %n", (void **)&ret_line->start,
			   (void **)&ret_line->end, ret_line->perms, &ret_line->offset, &used) != 4)
			_exit(3);
		const char *slash = strrchr(text + used, '/');
		snprintf(ret_line->what, sizeof(ret_line->what), "%.63s",
			 slash ? slash + 1 : text + used);
		ours = strcmp(name(ret_line->start), "elsewhere") != 0 && ret_line->what[0] != '[';
	}
	fclose(f);
	return false;
}

void maps(void)
{
	struct line line;
	for (FILE *f = lines_open(); line_next(f, &line);) {
		say("\t%s %s %s %lx %s (%s)", name(line.start), name(line.end), line.perms,
		    line.offset, line.what, line.flags);
		/* How many pages of a file one fault maps is the kernel's affair. */
		if (!line.what[0])
			say(" %ld", line.resident);
		say(" %ld\n", line.anonymous);
	}
	warm();
}

/* Which of 64 pages belong to what has this name; NULL: to what has any, a file or shared memory. shared:
 * only to its shared mappings. */
static uint64_t pages_of(const char *start, const char *what, bool shared)
{
	struct line line;
	uint64_t mask = 0;
	for (FILE *f = lines_open(); line_next(f, &line);)
		for (int i = 0; i < 64; i++)
			if (start + i * PAGE >= line.start && start + i * PAGE < line.end &&
			    (what ? strcmp(line.what, what) == 0 : line.what[0] != '\0') &&
			    (line.perms[3] == 's' || !shared))
				mask |= UINT64_C(1) << i;
	warm();
	return mask;
}

void incore(int page, int pages)
{
	unsigned char vector[64] = {0};
	/* How far a file is read ahead is the kernel's affair. */
	uint64_t of_file = pages_of(at(page), FILE_NAME, false);
	say("incore %d %d", page, pages);
	memset(vector, '?' - '0', sizeof(vector));
	(void)CALL(mincore(at(page), (size_t)pages * PAGE, vector));
	say(" ");
	for (int i = 0; i < pages; i++)
		say("%c", of_file >> i & 1 ? '-' : '0' + vector[i]);
	say("\n");
}

/* --- touches --- */

static void touch_pages(int page, int pages, int offset, bool write, int value)
{
	/* How many pages of a file are mapped at once, and which may be written then, depends on how the
	 * kernel happens to keep them; of shared memory, on how it lies. */
	bool lies = page >= PLACED;
	uint64_t uncounted = pages_of(at(page), lies ? NULL : FILE_NAME, write && !lies);
	long taken = 0;
	for (int i = 0; i < pages; i++) {
		char *p = at(page + i) + offset;
		int got = 0;
		long before = faults();
		int number = touch(p, write, value + i, &got);
		if (!(uncounted >> i & 1))
			taken += faults() - before;
		if (number != 0)
			say(" %s/%d%s", sigabbrev_np(number), signal_code,
			    signal_address == p ? "" : "?");
		else
			say(" %02x", write ? (unsigned)(value + i) & 0xff : (unsigned)got);
	}
	say(" faults %ld\n", taken);
}

void load(int page, int pages, int offset)
{
	say("load %d %d +%d:", page, pages, offset);
	touch_pages(page, pages, offset, false, 0);
}

void store(int page, int pages, int offset, int value)
{
	say("store %d %d +%d:", page, pages, offset);
	touch_pages(page, pages, offset, true, value);
}

/* --- processes --- */

/* The child sleeps until its parent comes to joined, so that one runs at a time, always in the same
 * order, while both have the memory. */
static int waiting[16][2];
static int children;

int child(void)
{
	int *ends = waiting[children++];
	char byte;
	flush();
	if (pipe(ends) != 0)
		_exit(3);
	pid_t pid = fork();
	if (pid < 0)
		_exit(3);
	if (pid == 0) {
		if (read(ends[0], &byte, 1) != 1)
			_exit(3);
		warm();
		say("child\n");
	} else {
		warm();
	}
	return pid == 0;
}

void done(void)
{
	maps();
	say("done\n");
	flush();
	_exit(0);
}

void joined(void)
{
	int status;
	int *ends = waiting[--children];
	flush();
	if (write(ends[1], "", 1) != 1 || wait(&status) < 0 || close(ends[0]) != 0 ||
	    close(ends[1]) != 0)
		_exit(3);
	say("joined %x\n", (unsigned)status);
	warm();
}

static void begin(void)
{
	static char bytes[PAGE];
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	if (sigaction(SIGSEGV, &action, NULL) != 0 || sigaction(SIGBUS, &action, NULL) != 0)
		_exit(3);
	/* Where there are huge pages they would change the counts; where not, it does not matter. */
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	file = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < FILE_PAGES; i++) {
		memset(bytes, 'A' + i, PAGE);
		if (file < 0 || pwrite(file, bytes, PAGE, (long)i * PAGE) != PAGE)
			_exit(3);
	}
	placed = top = mmap(NULL, TOP_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (top == MAP_FAILED)
		_exit(3);
	warm();
}

int main(int argc, char **argv)
{
	for (const struct program *p = programs; p->name; p++) {
		if (argc > 1 && strcmp(p->name, argv[1]) != 0)
			continue;
		pid_t pid = fork();
		if (pid == 0) {
			begin();
			say("program %s\n", p->name);
			p->run();
			done();
		}
		if (pid < 0 || wait(NULL) < 0)
			return 3;
	}
	return 0;
}
