/* SPDX-License-Identifier: MIT */
/* What a handler learns about a fault, and what happens to those who cannot handle it. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>

static sigjmp_buf out;
static char *wanted;
enum { PAGE = 4096 };
static char *volatile low = (char *)8; /* volatile: no compiler may know better */

static void tell(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  SIG%s code %d, addr right %d", sigabbrev_np(n), info->si_code, (char *)info->si_addr == wanted);
	siglongjmp(out, 1);
}

static void fault_at(const char *what, volatile char *p, int write)
{
	say("%s", what);
	wanted = (char *)(uintptr_t)p;
	if (sigsetjmp(out, 1) != 0)
		return;
	if (write)
		*p = 1;
	else
		(void)*p;
	say("  nothing happened");
}

static void jump_to(const char *what, void *p)
{
	say("%s", what);
	wanted = p;
	if (sigsetjmp(out, 1) == 0)
		((void (*)(void))p)();
}

static void ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile char *)low = 1;
}

static void blocked(void)
{
	handle(SIGSEGV, tell, 0);
	block(SIG_BLOCK, SIGSEGV);
	*(volatile char *)low = 1;
}

static void sent_while_blocked(void)
{
	block(SIG_BLOCK, SIGSEGV);
	raise(SIGSEGV);
	_exit(6);
}

static void in_its_handler(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	say("  in the handler");
	*(volatile char *)16 = 1;
}

static void again_in_its_handler(void)
{
	handle(SIGSEGV, in_its_handler, 0);
	*(volatile char *)low = 1;
}

static void fix(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	mprotect(wanted, PAGE, PROT_READ | PROT_WRITE);
}

int main(void)
{
	char path[] = "/tmp/faultinfo-XXXXXX";
	int fd = mkstemp(path), other;
	char *p, *q;
	long r;

	handle(SIGSEGV, tell, 0);
	handle(SIGBUS, tell, 0);
	handle(SIGILL, tell, 0);
	handle(SIGTRAP, tell, 0);
	unlink(path);
	fault_at("store to address 8", low, 1);
	fault_at("load from address 8", low, 0);
	p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fault_at("store to read-only memory", p + 5, 1);
	fault_at("load from it", p + 5, 0);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	fault_at("load from PROT_NONE", p + PAGE + 7, 0);
	munmap(p + 2 * PAGE, PAGE);
	fault_at("load from a hole", p + 2 * PAGE + 9, 0);
	fault_at("beside it", p + 3 * PAGE, 0);
	jump_to("jump into data", p);
	jump_to("jump to address 16", (void *)16);

	if (ftruncate(fd, PAGE + 100) != 0)
		return 1;
	q = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fault_at("the last page of a file", q + PAGE + 200, 0);
	fault_at("beyond the end of a file", q + 2 * PAGE + 3, 0);
	if (ftruncate(fd, 0) != 0)
		return 1;
	fault_at("the file was cut short", q + 3, 1);
	if (ftruncate(fd, 10) != 0)
		return 1;
	r = read(fd, low, 1);
	say("read into address 8: %s", result(r));
	other = open("/dev/null", O_RDWR);
	r = pwrite(fd, q + 2 * PAGE, 1, 0);
	say("write from beyond the end of a file: %s", result(r));
	close(other);

	say("a handler that repairs");
	handle(SIGSEGV, fix, 0);
	wanted = p;
	p[0] = 'r';
	say("  %c", p[0]);

	in_child("ignored", ignored);
	in_child("blocked", blocked);
	in_child("sent while blocked", sent_while_blocked);
	in_child("again in its handler", again_in_its_handler);
	return 0;
}
