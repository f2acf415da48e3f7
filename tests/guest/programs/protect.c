/* SPDX-License-Identifier: MIT */
/* The story of protection: R, W and X in every combination, each kind of access by the program and by
 * the kernel for it, before and after mprotect, on pages that are there and pages that are not, of
 * anonymous memory, private files and shared files. Each case is held against the rule; what differs is
 * said, and what a handler must learn: signal, code, address, and the pc of the very instruction. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

enum { PAGE = 4096, CODE = 0x800, DATA = 0x123, WORD = 0x200 };
enum { R = PROT_READ, W = PROT_WRITE, X = PROT_EXEC };

/* One instruction each, so that its address is the function's. */
void load_at(char *p), store_at(char *p), add_at(char *p), reserve_at(char *p);
#if defined(__riscv)
__asm__(".text\n.option norvc\nload_at: lb a0, 0(a0)\nret\nstore_at: sb zero, 0(a0)\nret\n"
	"add_at: amoadd.w a0, zero, (a0)\nret\nreserve_at: lr.w a0, (a0)\nret\n");
static const uint16_t code = 0x8082; /* ret */
#elif defined(__x86_64__)
__asm__(".text\nload_at: movb (%rdi), %al\nret\nstore_at: movb $0, (%rdi)\nret\n"
	"add_at: lock addl $0, (%rdi)\nret\nreserve_at: movl (%rdi), %eax\nret\n");
static const uint8_t code = 0xc3;
#else
#error "which instructions load and store?"
#endif

enum access { LOAD, STORE, FETCH, ATOMIC, RESERVE, KERNEL_READS, KERNEL_WRITES, ACCESSES };
static const char *const access_name[] = {"load", "store", "fetch", "amo", "lr", "kernel reads", "kernel writes"};
enum backing { ANON, PRIVATE_FILE, SHARED_FILE, BACKINGS };
static const char *const backing_name[] = {"anonymous", "private file", "shared file"};
enum before { UNTOUCHED, READ, WRITTEN, BEFORES };
static const char *const before_name[] = {"untouched", "read before", "written before"};

static sigjmp_buf out;
static volatile int got_signal, got_code, got_errno;
static char *volatile got_addr, *volatile got_pc;
static int file, pipes[2], cases, wrong;

static char *pc_of(void *uc)
{
#if defined(__riscv)
	return (char *)((ucontext_t *)uc)->uc_mcontext.__gregs[REG_PC];
#else
	return (char *)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
#endif
}

static void tell(int number, siginfo_t *info, void *uc)
{
	got_signal = number;
	got_code = info->si_code;
	got_errno = info->si_errno;
	got_addr = info->si_addr;
	got_pc = pc_of(uc);
	siglongjmp(out, 1);
}

/* Where each access goes, and the instruction that makes it; NULL: none of the program's. */
static char *address(enum access a, char *p)
{
	return p + (a == FETCH ? CODE : a == ATOMIC || a == RESERVE ? WORD : DATA);
}

static char *instruction(enum access a, char *p)
{
	void (*const at[])(char *) = {load_at, store_at, NULL, add_at, reserve_at};
	return a == FETCH ? p + CODE : a < KERNEL_READS ? (char *)(uintptr_t)at[a] : NULL;
}

/* Writable is readable, as on every Linux; executable alone is not, on RISC-V. */
static int allowed(enum access a, int prot)
{
	switch (a) {
	case LOAD:
	case RESERVE:
	case KERNEL_READS: return prot & (R | W);
	case STORE:
	case ATOMIC:
	case KERNEL_WRITES: return prot & W;
	default: return prot & X;
	}
}

/* x86 has memory that can only be executed if it has protection keys: no rule to hold it to. */
static int unruled(enum access a, int prot)
{
#if defined(__x86_64__)
	return prot == X && (a == LOAD || a == RESERVE || a == KERNEL_READS);
#else
	(void)a, (void)prot;
	return 0;
#endif
}

/* Returns 0, the signal, or minus the errno of the kernel. */
static int try(enum access a, char *p)
{
	char c = 'c';
	volatile long r = 0;
	if (sigsetjmp(out, 1) != 0)
		return got_signal;
	switch (a) {
	case LOAD: load_at(address(a, p)); break;
	case STORE: store_at(address(a, p)); break;
	case FETCH: ((void (*)(void))(uintptr_t)address(a, p))(); break;
	case ATOMIC: add_at(address(a, p)); break;
	case RESERVE: reserve_at(address(a, p)); break;
	case KERNEL_READS: r = write(pipes[1], address(a, p), 1); break;
	default:
		if (write(pipes[1], &c, 1) != 1)
			_exit(98);
		r = read(pipes[0], address(a, p), 1);
	}
	if (r < 0)
		r = -errno;
	/* What is in the pipe still goes. */
	if ((a == KERNEL_READS && r == 1) || (a == KERNEL_WRITES && r != 1))
		if (read(pipes[0], &c, 1) != 1)
			_exit(97);
	return r < 0 ? (int)r : 0;
}

static void check(const char *what, enum access a, char *p, int ok, int code_wanted)
{
	int r = try(a, p), kernel = a >= KERNEL_READS;
	int wanted = ok ? 0 : kernel ? -EFAULT : SIGSEGV;
	int fields = ok || kernel ||
		     (got_code == code_wanted && got_errno == 0 && got_addr == address(a, p) &&
		      got_pc == instruction(a, p));
	cases++;
	if (r == wanted && fields)
		return;
	wrong++;
	say("%s, %s: is %d, not %d; code %d, address %s, pc %s", what, access_name[a], r, wanted,
	    got_code, got_addr == address(a, p) ? "right" : "wrong",
	    got_pc == instruction(a, p) ? "right" : "wrong");
}

static void must(int good, const char *what)
{
	if (good)
		return;
	say("%s: %s", what, strerrorname_np(errno));
	_exit(1);
}

/* A page with this protection, and this behind it. */
static char *make(enum backing b, enum before t, int prot)
{
	int flags = b == SHARED_FILE ? MAP_SHARED : MAP_PRIVATE | (b == ANON ? MAP_ANONYMOUS : 0);
	char *p = mmap(NULL, PAGE, t == UNTOUCHED ? prot : R | W, flags, b == ANON ? -1 : file, 0);
	must(p != MAP_FAILED, "mmap");
	if (t == READ)
		load_at(p);
	if (t == WRITTEN) {
		memcpy(p + CODE, &code, sizeof(code));
		__builtin___clear_cache(p, p + PAGE);
	}
	if (t != UNTOUCHED)
		must(mprotect(p, PAGE, prot) == 0, "mprotect");
	return p;
}

static void one(enum backing b, enum before t, int from, int to, enum access a)
{
	char what[128];
	/* A page of zeros is no program. */
	if (unruled(a, to) || (a == FETCH && b == ANON && t != WRITTEN && to & X))
		return;
	char *p = make(b, t, from);
	if (from != to)
		must(mprotect(p, PAGE, to) == 0, "mprotect");
	snprintf(what, sizeof(what), "%s, %s, %d then %d", backing_name[b], before_name[t], from, to);
	check(what, a, p, allowed(a, to) != 0, SEGV_ACCERR);
	/* A refusal changes nothing: the door opens as before. */
	must(mprotect(p, PAGE, R | W) == 0, "mprotect");
	check(what, LOAD, p, 1, 0);
	check(what, STORE, p, 1, 0);
	munmap(p, PAGE);
	if (from == to && t == UNTOUCHED && b == ANON)
		check("unmapped", a, p, 0, SEGV_MAPERR);
}

int main(void)
{
	char path[] = "/tmp/protect-XXXXXX", page[PAGE] = {0};
	file = mkstemp(path);
	unlink(path);
	memcpy(page + CODE, &code, sizeof(code));
	must(write(file, page, PAGE) == PAGE && pipe(pipes) == 0, "set-up");
	handle(SIGSEGV, tell, 0);
	handle(SIGILL, tell, 0);
	handle(SIGBUS, tell, 0);
	for (int b = 0; b < BACKINGS; b++) {
		for (int from = 0; from < 8; from++)
			for (int to = 0; to < 8; to++)
				for (int n = 0; n < BEFORES * ACCESSES; n++)
					one(b, n / ACCESSES, from, to, n % ACCESSES);
		say("%s: %s, %d wrong", backing_name[b], cases > 3000 ? "thousands of cases" : "too few cases",
		    wrong);
		cases = 0;
	}
#if defined(__riscv)
	/* What is no instruction, but may be fetched, is another signal. */
	char *p = mmap(NULL, PAGE, X, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (try(FETCH, p) != SIGILL || got_code != ILL_ILLOPC || got_pc != p + CODE || got_addr != p + CODE)
		say("zeros do not run as illegal instructions: signal %d, code %d", got_signal, got_code);
#endif
	return wrong != 0;
}
