/* SPDX-License-Identifier: MIT */
/* The events of a userfaultfd: what was forked, moved, unmapped or is to be given up. As root. */
#include "guest.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };
enum { FORK = 1 << 1, REMAP = 1 << 2, REMOVE = 1 << 3, UNMAP = 1 << 6 };

static int fd, heir = -1;
static char *area;
static const char *r[8];

static void begin(unsigned long long features)
{
	struct uffdio_api a = {.api = UFFD_API, .features = features};
	const char *made;

	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	made = result(ioctl(fd, UFFDIO_API, &a));
	say("features %llx: %s, there are these: %d", features, made, (int)(a.features >> 17));
}

static int enroll(void *at, int pages, unsigned long long mode)
{
	struct uffdio_register g = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_REGISTER, &g);
}

static int guard(void *at, int pages, unsigned long long mode)
{
	struct uffdio_writeprotect w = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

static long copied;

static int copy(int f, void *to, const char *text)
{
	static char page[PAGE] __attribute__((aligned(4096)));
	struct uffdio_copy c = {.dst = (unsigned long)to, .src = (unsigned long)page, .len = PAGE};
	int n;

	strcpy(page, text);
	n = ioctl(f, UFFDIO_COPY, &c);
	copied = (long)c.copy;
	return n;
}

static int page_of(unsigned long long address)
{
	return (int)(((long)address - (long)area) / PAGE);
}

/* The next message of f, as text. */
static const char *message(int f)
{
	static char text[4][96];
	static int i;
	char *s = text[i++ % 4];
	struct uffd_msg m;
	struct pollfd p = {.fd = f, .events = POLLIN};

	poll(&p, 1, 5000);
	if (read(f, &m, sizeof(m)) != sizeof(m)) {
		snprintf(s, 96, "%s", strerrorname_np(errno));
		return s;
	}
	switch (m.event) {
	case UFFD_EVENT_FORK:
		heir = (int)m.arg.fork.ufd;
		snprintf(s, 96, "fork, a descriptor: %d, flags %x, closes: %d", heir > fd, (unsigned)fcntl(heir, F_GETFL) & O_NONBLOCK,
			 fcntl(heir, F_GETFD));
		break;
	case UFFD_EVENT_REMAP:
		snprintf(s, 96, "remap %d to %d, %d", page_of(m.arg.remap.from), page_of(m.arg.remap.to), (int)(m.arg.remap.len / PAGE));
		break;
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		snprintf(s, 96, "%s %d to %d", m.event == UFFD_EVENT_REMOVE ? "remove" : "unmap", page_of(m.arg.remove.start),
			 page_of(m.arg.remove.end));
		break;
	default:
		snprintf(s, 96, "fault %llx at %d", m.arg.pagefault.flags, page_of(m.arg.pagefault.address));
	}
	return s;
}

/* A thread that does one call. */
struct actor {
	pthread_t thread;
	void (*what)(void);
	volatile int done;
};

static void *act(void *arg)
{
	struct actor *a = arg;

	a->what();
	a->done = 1;
	return NULL;
}

static void reset(int pages, unsigned long long mode)
{
	mmap(area, 40 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	mmap(area, (size_t)pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	madvise(area, (size_t)pages * PAGE, MADV_NOHUGEPAGE);
	memset(area, 'a', (size_t)pages / 2 * PAGE);
	say("register %s", result(enroll(area, pages, mode)));
}

/* What they did is said once they have ended. */
static char noted[200];

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	size_t used = strlen(noted);
	va_list args;

	va_start(args, format);
	vsnprintf(noted + used, sizeof(noted) - used, format, args);
	va_end(args);
	strcat(noted, "; ");
}

static void joined(struct actor *a)
{
	pthread_join(a->thread, NULL);
	say("%s", noted);
	noted[0] = 0;
}

/* How many events it takes, and that none is left. */
static void during(const char *name, void (*what)(void))
{
	struct actor a = {.what = what};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct uffd_msg m;

	pthread_create(&a.thread, NULL, act, &a);
	while (!a.done && poll(&p, 1, 200) == 1) {
		const char *early = result(copy(fd, area + 30 * PAGE, "early"));
		long how = copied;
		const char *text = message(fd);

		say("%s: %s (meanwhile %s %ld)", name, text, early, how);
	}
	joined(&a);
	say("%s: then %s", name, result(read(fd, &m, sizeof(m))));
}

static void unmap_some(void) { note("munmap %s", result(munmap(area + PAGE, 2 * PAGE))); }
static void unmap_more(void) { note("munmap %s", result(munmap(area + 2 * PAGE, 30 * PAGE))); }
static void unmap_none(void) { note("munmap %s", result(munmap(area + 20 * PAGE, 5 * PAGE))); }
static void unmap_bad(void) { note("munmap %s", result(munmap(area + 1, PAGE))); }

static void map_over(void)
{
	note("mmap %d", mmap(area + 3 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area + 3 * PAGE);
}

static void drop_some(void)
{
	note("madvise %s", result(madvise(area, 2 * PAGE, MADV_DONTNEED)));
	note("madvise %s", result(madvise(area + PAGE, 3 * PAGE, MADV_FREE)));
	note("madvise %s", result(madvise(area, PAGE, MADV_COLD)));
}

static void drop_parts(void)
{
	struct iovec v[] = {{area + 4 * PAGE, PAGE}, {area + 6 * PAGE, 2 * PAGE}};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	note("process_madvise %s", result(syscall(SYS_process_madvise, self, v, 2, MADV_DONTNEED, 0)));
	note("process_madvise %s", result(syscall(SYS_process_madvise, self, v, 2, MADV_COLD, 0)));
	close(self);
}

static void move_some(void)
{
	char *to = mremap(area, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 20 * PAGE);

	note("mremap %d: %c", page_of((unsigned long)to), to[PAGE]);
}

static void grow_some(void)
{
	char *to = mremap(area + 4 * PAGE, 4 * PAGE, 6 * PAGE, 0);

	note("mremap %d", to == MAP_FAILED ? -1 : page_of((unsigned long)to));
}

static void shrink_some(void)
{
	char *to = mremap(area + 4 * PAGE, 4 * PAGE, 2 * PAGE, 0);

	note("mremap %d", to == MAP_FAILED ? -1 : page_of((unsigned long)to));
}

static void keep_some(void)
{
	char *to = mremap(area, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, area + 30 * PAGE);

	note("mremap %d: %c", page_of((unsigned long)to), to[PAGE]);
}

static volatile char *at;
static void touch(void) { note("read %c", *at); }
static void store(void) { *at = 's'; note("stored"); }

static void unmaps(void)
{
	begin(UNMAP);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("some", unmap_some);
	during("none", unmap_none);
	during("bad", unmap_bad);
	during("over", map_over);
	during("more", unmap_more);
	close(fd);
	begin(UNMAP);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("shrunk", shrink_some);
	during("moved", move_some);
	close(fd);
}

static void removes(void)
{
	begin(REMOVE);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("dropped", drop_some);
	during("dropped in parts", drop_parts);
	at = area;
	during("read", unmap_none);
	close(fd);
}

static void moves(void)
{
	struct actor a = {.what = touch};

	begin(REMAP | UNMAP);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("moved", move_some);
	at = area + 20 * PAGE + 3 * PAGE;
	say("there still %c", *at);
	madvise(area + 20 * PAGE, PAGE, MADV_DONTNEED);
	at = area + 20 * PAGE;
	pthread_create(&a.thread, NULL, act, &a);
	say("watched there, too: %s", message(fd));
	say("copy %s", result(copy(fd, area + 20 * PAGE, "new")));
	joined(&a);
	during("grown", grow_some);
	close(fd);
	begin(REMAP);
	reset(8, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
	say("guard %s", result(guard(area, 2, UFFDIO_WRITEPROTECT_MODE_WP)));
	during("kept", keep_some);
	at = area + 31 * PAGE;
	a.what = store;
	pthread_create(&a.thread, NULL, act, &a);
	say("guarded there, too: %s", message(fd));
	say("let go %s", result(guard(area + 31 * PAGE, 1, 0)));
	joined(&a);
	close(fd);
	/* Without it nobody watches what moved. */
	begin(0);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("moved", move_some);
	madvise(area + 20 * PAGE, PAGE, MADV_DONTNEED);
	say("read %d", area[20 * PAGE]);
	close(fd);
}

static int parts[2];
static pid_t child;

static void forks(void)
{
	child = fork();
	if (child == 0) {
		char c;

		read(parts[0], &c, 1);
		_exit(area[6 * PAGE] == 'n' && area[0] == 'a' ? 7 : 8);
	}
	note("forked");
}

static void children(void)
{
	struct rlimit none = {0, 1024}, old;
	struct actor a = {.what = forks};
	struct pollfd p;
	struct uffd_msg m;

	pipe(parts);
	begin(FORK);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("fork", forks);
	write(parts[1], "x", 1);
	say("child: %s", message(heir));
	say("copy %s for it", result(copy(heir, area + 6 * PAGE, "n")));
	say("child: %s", wait_for(child));
	r[0] = result(copy(heir, area + 6 * PAGE, "n"));
	r[1] = result(enroll(area, 1, UFFDIO_REGISTER_MODE_MISSING));
	say("who is gone %s, who is there %s", r[0], r[1]);
	close(heir);
	/* Without a descriptor to be had the event stays. */
	pthread_create(&a.thread, NULL, act, &a);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	poll(&p, 1, 5000);
	getrlimit(RLIMIT_NOFILE, &old);
	none.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	r[0] = result(read(fd, &m, sizeof(m)));
	setrlimit(RLIMIT_NOFILE, &old);
	say("no descriptor %s, then %s", r[0], message(fd));
	joined(&a);
	/* Closed, and nobody watches the child. */
	close(heir);
	write(parts[1], "x", 1);
	say("child: %s", wait_for(child));
	close(fd);
	begin(0);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	during("not told", forks);
	write(parts[1], "x", 1);
	say("child: %s", wait_for(child));
	close(fd);
}

static void handled(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
	write(1, "handled\n", 8);
}

/* A signal does not end the wait of who tells, but its death does. */
static void disturbed(void)
{
	struct actor a = {.what = unmap_some};
	struct pollfd p;
	pid_t pid;

	handle(SIGUSR1, handled, 0);
	begin(UNMAP);
	reset(8, UFFDIO_REGISTER_MODE_MISSING);
	pthread_create(&a.thread, NULL, act, &a);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	poll(&p, 1, 5000);
	pthread_kill(a.thread, SIGUSR1);
	usleep(20000);
	say("%s, done %d", message(fd), a.done);
	joined(&a);
	close(fd);
	pid = fork();
	if (pid == 0) {
		begin(UNMAP);
		reset(8, UFFDIO_REGISTER_MODE_MISSING);
		alarm(1);
		munmap(area, PAGE);
		_exit(0);
	}
	say("alone: %s", wait_for(pid));
	if (fork() == 0) {
		setresgid(65534, 65534, 65534);
		setresuid(65534, 65534, 65534);
		fd = (int)syscall(SYS_userfaultfd, 1);
		struct uffdio_api b = {.api = UFFD_API, .features = FORK};

		say("a plain user: %s", result(ioctl(fd, UFFDIO_API, &b)));
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	area = mmap(NULL, 60 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unmaps();
	removes();
	moves();
	children();
	disturbed();
	return 0;
}
