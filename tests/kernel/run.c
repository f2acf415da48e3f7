/* SPDX-License-Identifier: MIT */
/* Programs of a few instructions, from their file to their end, on a whole machine. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../test.h"
#include "base/bits.h"
#include "elf_make.h"
#include "kernel/kernel.h"
#include "policy/policies.h"

static struct world {
	struct kernel *k;
	struct events events;
	char said[4096];
	char dir[64];
} w;

static void say(void *ctx, const char *sentence)
{
	size_t n = strlen(w.said);
	snprintf(w.said + n, sizeof(w.said) - n, "%s\n", sentence);
}

static void world_end(void)
{
	char command[128];
	if (w.k)
		kernel_destroy(w.k);
	if (*w.dir) {
		snprintf(command, sizeof(command), "rm -rf '%s'", w.dir);
		CHECK_EQ(system(command), 0);
	}
	memset(&w, 0, sizeof(w));
}

static void world_begin(uint32_t frames)
{
	world_end();
	snprintf(w.dir, sizeof(w.dir), "/tmp/carrel-test-XXXXXX");
	CHECK(mkdtemp(w.dir));
	const struct kernel_config c = {.frames = frames,
					.mode = MMU_SV48,
					.policy = &policy_fifo,
					.events = &w.events,
					.say = say,
					.root = w.dir,
					.cwd = w.dir};
	CHECK_EQ(kernel_create(&c, &w.k), 0);
}

static void file_put_bytes(const char *name, const void *bytes, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(fd >= 0);
	bool whole = write(fd, bytes, size) == (ssize_t)size;
	close(fd);
	CHECK(whole);
}

static void program(const char *name, const struct code *c)
{
	uint8_t b[ELF_MAKE_SIZE];
	size_t size = elf_make(c, b);
	file_put_bytes(name, b, size);
}

static int spawn_with(const char *path, const char *const *argv)
{
	static const char *const env[] = {NULL};
	const struct kernel_program p = {
	    .path = path, .argv = argv, .env = env, .stdio = {0, 1, 2}};
	return kernel_spawn(w.k, &p);
}

static int spawn(const char *path)
{
	const char *const argv[] = {path, NULL};
	return spawn_with(path, argv);
}

static void check_whole(void)
{
	char why[256] = "";
	if (!mm_verify(w.k->mm, why, sizeof(why)))
		FAIL("the paging system is not as it should be: %s", why);
}

/* Runs to the end of all; what pid ended with. */
static int end_of(int pid)
{
	int status = -1;
	CHECK_EQ(kernel_run(w.k, NO_DEADLINE), KERNEL_ENDED);
	CHECK(kernel_status(w.k, pid, &status));
	check_whole();
	return status;
}

TEST(a_program_of_two_instructions_ends_with_its_status)
{
	struct code c = {0};
	world_begin(256);
	emit(&c, li(X_A0, 42));
	leave(&c);
	program("p", &c);
	int pid = spawn("./p");
	CHECK_EQ(pid, 2);
	CHECK_EQ(end_of(pid), 42 << 8);
	CHECK_STR(w.said, "");
	world_end();
}

TEST(a_program_finds_its_arguments_where_linux_puts_them)
{
	const char *const argv[] = {"p", "a", "b", NULL};
	struct code c = {0};
	world_begin(256);
	/* argc, plus the first byte of argv[2] */
	emit(&c, ld(X_A0, X_SP, 0));
	emit(&c, ld(X_T0, X_SP, 24));
	emit(&c, ld(X_T0, X_T0, 0));
	emit(&c, 0x0ff2f293); /* andi t0, t0, 255 */
	emit(&c, add(X_A0, X_A0, X_T0));
	leave(&c);
	program("p", &c);
	CHECK_EQ(end_of(spawn_with("./p", argv)), (3 + 'b') << 8);
	world_end();
}

TEST(a_script_is_run_by_its_interpreter_with_one_argument)
{
	static const char script[] = "#!./p  one argument \nnothing that counts";
	struct code c = {0};
	world_begin(256);
	emit(&c, ld(X_A0, X_SP, 0));
	leave(&c);
	program("p", &c);
	file_put_bytes("s", script, sizeof(script) - 1);
	/* ./p, "one argument", ./s */
	CHECK_EQ(end_of(spawn("./s")), 3 << 8);
	world_end();
}

TEST(a_script_that_runs_itself_is_refused_and_not_run_for_ever)
{
	world_begin(256);
	file_put_bytes("s", "#!./s\n", 6);
	CHECK_EQ(spawn("./s"), -ELOOP);
	CHECK(strstr(w.said, "./s"));
	world_end();
}

TEST(what_cannot_be_run_is_refused_with_a_sentence_and_nothing_is_left_of_it)
{
	struct code c = {0};
	uint8_t b[ELF_MAKE_SIZE];
	world_begin(256);
	uint32_t before = w.k->mm->pool.free;
	leave(&c);
	size_t size = elf_make(&c, b);
	file_put_bytes("empty", "", 0);
	CHECK_EQ(spawn("./empty"), -ENOEXEC);
	CHECK(strstr(w.said, "./empty is an empty file"));
	file_put_bytes("short", b, 100);
	CHECK_EQ(spawn("./short"), -ENOEXEC);
	CHECK(strstr(w.said, "./short is cut short"));
	file_put_bytes("text", "hello", 5);
	CHECK_EQ(spawn("./text"), -ENOEXEC);
	CHECK(strstr(w.said, "./text is neither an ELF program nor a script"));
	put(b + 18, 62, 2);
	file_put_bytes("mem", b, size);
	CHECK_EQ(spawn("./mem"), -ENOEXEC);
	CHECK(strstr(w.said, "./mem is an x86-64 program; Carrel runs riscv64.\n  From source:   "
			     "carrel run mem.c\n"));
	CHECK_EQ(spawn("./nowhere"), -ENOENT);
	CHECK(strstr(w.said, "./nowhere: there is no such file"));
	/* The page cache may remember the files. */
	CHECK(!w.k->mm->spaces);
	CHECK_EQ(w.k->mm->pool.free + w.k->mm->pool.kind[FRAME_FILE], before);
	check_whole();
	world_end();
}

TEST(a_program_that_never_waits_leaves_time_to_the_others)
{
	struct code c = {0};
	world_begin(256);
	emit(&c, 0x6f); /* j . */
	program("p", &c);
	int a = spawn("./p"), b = spawn("./p");
	CHECK(a > 0 && b > 0);
	CHECK_EQ(kernel_run(w.k, 20000000), KERNEL_TIME);
	uint64_t ra = process_find(w.k, a)->retired, rb = process_find(w.k, b)->retired;
	CHECK(ra >= 9000000 && rb >= 9000000);
	CHECK_EQ(ra + rb, 20000000);
	world_end();
}

TEST(a_sleeper_wakes_at_the_nanosecond_it_asked_for_while_others_run)
{
	struct code c = {0}, spin = {0};
	world_begin(256);
	/* nanosleep({0, 1234567}) from the page behind the code, then end */
	emit(&c, lui(X_A0, 0x11));
	emit(&c, lui(X_T0, 301));
	emit(&c, addi(X_T0, X_T0, 1671)); /* 301 * 4096 + 1671 */
	emit(&c, sd(X_T0, X_A0, 8));
	emit(&c, li(X_A1, 0));
	call(&c, 101);
	emit(&c, li(X_A0, 7));
	leave(&c);
	program("p", &c);
	emit(&spin, 0x6f);
	program("spin", &spin);
	int pid = spawn("./p");
	CHECK(spawn("./spin") > 0);
	int status;
	/* Six instructions came before the call. */
	CHECK_EQ(kernel_run(w.k, 1234567 + 6), KERNEL_TIME);
	CHECK(!kernel_status(w.k, pid, &status));
	CHECK_EQ(kernel_run(w.k, 1234567 + 6 + 100), KERNEL_TIME);
	CHECK(kernel_status(w.k, pid, &status));
	CHECK_EQ(status, 7 << 8);
	world_end();
}

TEST(a_machine_in_which_nobody_can_ever_go_on_says_so)
{
	struct code c = {0};
	world_begin(256);
	/* ppoll(NULL, 0, NULL, NULL): for ever */
	for (unsigned r = X_A0; r <= X_A4; r++)
		emit(&c, li(r, 0));
	call(&c, 73);
	program("p", &c);
	CHECK(spawn("./p") > 0);
	CHECK_EQ(kernel_run(w.k, NO_DEADLINE), KERNEL_IDLE);
	world_end();
}

/* clone(SIGCHLD), the child ends, wait4: times times. */
static void emit_forks(struct code *c, int times)
{
	emit(c, li(X_T1, times));
	unsigned top = c->words;
	emit(c, li(X_A0, SIGCHLD));
	emit(c, li(X_A1, 0));
	call(c, 220);
	emit(c, bne(X_A0, 0, 12));
	leave(c);
	emit(c, li(X_A0, -1));
	emit(c, li(X_A1, 0));
	emit(c, li(X_A2, 0));
	emit(c, li(X_A3, 0));
	call(c, 260);
	emit(c, addi(X_T1, X_T1, -1));
	emit(c, bne(X_T1, 0, -4 * (int)(c->words - top)));
}

TEST(a_thousand_children_that_ended_leave_the_frames_of_before)
{
	struct code c = {0};
	world_begin(256);
	emit_forks(&c, 1);
	emit(&c, 0x73); /* wait4 again: no child */
	call(&c, 172);  /* getpid, where the test looks */
	emit_forks(&c, 1000);
	call(&c, 260);
	emit(&c, addi(X_A0, X_A0, 10)); /* -ECHILD + 10 */
	leave(&c);
	program("p", &c);
	uint32_t before = w.k->mm->pool.free;
	int pid = spawn("./p");
	CHECK_EQ(end_of(pid), 0);
	uint32_t after = w.k->mm->pool.free;
	CHECK_EQ(w.k->forks, 1 + 1 + 1001);
	/* All but the page cache of the program, which another run finds again. */
	pid = spawn("./p");
	CHECK_EQ(end_of(pid), 0);
	CHECK_EQ(w.k->mm->pool.free, after);
	CHECK(before - after <= 2);
	world_end();
}

TEST(when_ram_is_full_the_largest_dies_with_a_sentence_and_its_neighbour_lives)
{
	struct code hog = {0}, small = {0};
	world_begin(128);
	w.k->mm->commit.rule.mode = OVERCOMMIT_ALWAYS;
	/* brk far up, then a store to each page */
	emit(&hog, lui(X_A0, 0x10000));
	call(&hog, 214);
	emit(&hog, lui(X_T0, 0x12));
	emit(&hog, lui(X_T1, 1));
	emit(&hog, sd(X_T0, X_T0, 0));
	emit(&hog, add(X_T0, X_T0, X_T1));
	emit(&hog, 0xff9ff06f); /* j -8 */
	program("hog", &hog);
	/* nanosleep({0, 5000000}) */
	emit(&small, lui(X_A0, 0x11));
	emit(&small, lui(X_T0, 1221));
	emit(&small, sd(X_T0, X_A0, 8));
	emit(&small, li(X_A1, 0));
	call(&small, 101);
	emit(&small, li(X_A0, 5));
	leave(&small);
	program("small", &small);
	int a = spawn("./small"), b = spawn("./hog"), status;
	CHECK_EQ(end_of(a), 5 << 8);
	CHECK(kernel_status(w.k, b, &status));
	CHECK_EQ(status, SIGKILL);
	CHECK(strstr(w.said, "hog (pid 3)"));
	CHECK(strstr(w.said, "-m "));
	world_end();
}

TEST(a_death_by_a_fault_is_told_in_one_sentence)
{
	struct code c = {0};
	world_begin(256);
	emit(&c, sd(0, 0, 8));
	program("p", &c);
	CHECK_EQ(end_of(spawn("./p")), SIGSEGV);
	CHECK_STR(w.said, "p (pid 2) wrote to 0x8 at 0x10078, which is in no region; the nearest "
			  "is text 0x10000-0x11000 (rwx). SIGSEGV.\n");
	world_end();
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void end_everybody(void)
{
	for (struct process *p = process_first(w.k); p;) {
		int32_t pid = p->pid;
		if (p != w.k->init)
			process_exit(p, SIGKILL);
		do
			p = process_find(w.k, ++pid);
		while (!p && pid <= w.k->last_pid);
	}
	(void)kernel_run(w.k, kernel_now(w.k) + 1);
}

/* The kernel must survive whatever was accepted; virtual time ends what would run for ever. */
TEST(no_bytes_in_a_program_file_can_hurt_the_machine)
{
	struct code c = {0};
	world_begin(256);
	emit_forks(&c, 2);
	leave(&c);
	for (unsigned i = 0; i < 500; i++) {
		uint8_t b[ELF_MAKE_SIZE];
		size_t size = elf_make(&c, b);
		for (unsigned n = 0; n < 1 + i % 3; n++) {
			uint64_t x = random_next();
			size_t at = x % (i % 2 ? size : ELF_CODE);
			b[at] = (uint8_t)(x >> 32);
		}
		file_put_bytes("p", b, size);
		int pid = spawn("./p");
		if (pid > 0)
			(void)kernel_run(w.k, kernel_now(w.k) + 200000);
		end_everybody();
		if (i % 100 == 0)
			check_whole();
	}
	check_whole();
	world_end();
}

static void emit_random(struct code *c, unsigned reg)
{
	switch (random_next() % 6) {
	case 0:
		emit(c, lui(reg, ELF_BASE >> 12));
		emit(c, addi(reg, reg, (int)(random_next() % 2048)));
		break;
	case 1: emit(c, lui(reg, (uint32_t)random_next())); break;
	case 2: emit(c, addi(reg, X_SP, (int)(random_next() % 2048) & -8)); break;
	case 3: emit(c, li(reg, (int)(random_next() % 8))); break;
	default: emit(c, li(reg, (int)(random_next() % 4096) - 2048)); break;
	}
}

TEST(no_system_call_with_whatever_arguments_can_hurt_the_machine)
{
	int null = open("/dev/null", O_RDWR);
	CHECK(null >= 0);
	world_begin(256);
	for (unsigned i = 0; i < 300; i++) {
		const char *const argv[] = {"p", NULL}, *const env[] = {NULL};
		const struct kernel_program p = {
		    .path = "./p", .argv = argv, .env = env, .stdio = {null, null, null}};
		struct code c = {0};
		while (c.words < CODE_MAX - 20) {
			for (unsigned reg = X_A0; reg < X_A0 + 6; reg++)
				emit_random(&c, reg);
			call(&c, (int)(random_next() % 300));
		}
		leave(&c);
		program("p", &c);
		if (kernel_spawn(w.k, &p) > 0)
			(void)kernel_run(w.k, kernel_now(w.k) + 2000000);
		end_everybody();
		if (i % 50 == 0)
			check_whole();
	}
	check_whole();
	close(null);
	world_end();
}

TEST_MAIN
