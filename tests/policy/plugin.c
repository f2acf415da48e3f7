/* SPDX-License-Identifier: MIT */
/* Policies that are not built in: a source that is compiled, and a shared object. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../test.h"
#include "policy/guard.h"
#include "policy/plugin.h"
#include "policy/policies.h"

enum { FRAMES = 16 };

static char directory[] = "/tmp/carrel-plugin-XXXXXX";

static void directory_remove(void)
{
	rmdir(directory);
}

static const char *path_of(const char *name)
{
	static char path[4][200];
	static unsigned n;
	if (n == 0) {
		CHECK(mkdtemp(directory) != NULL);
		atexit(directory_remove);
	}
	char *p = path[n++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", directory, name);
	return p;
}

static const char *source(const char *name, const char *text)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");
	CHECK(f != NULL);
	fputs(text, f);
	fclose(f);
	return path;
}

/* What compilers say about wrong programs is of no interest here. */
static int find_quietly(const char *spec, const struct policy_ops **ret_ops, char *why,
			unsigned whys)
{
	const char *params = NULL;
	fflush(stderr);
	int old = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	int error = policy_find(spec, ret_ops, &params, why, whys);
	dup2(old, STDERR_FILENO);
	close(old);
	close(null);
	return error;
}

static bool yes(void *ctx, uint32_t frame)
{
	return true;
}
static bool no(void *ctx, uint32_t frame)
{
	return false;
}
static uint64_t zero(void *ctx)
{
	return 0;
}

static void check_lifo(const char *spec)
{
	const struct policy_ops *ops;
	char why[1000] = "";
	if (find_quietly(spec, &ops, why, sizeof(why)) < 0)
		FAIL("%s: %s", spec, why);
	CHECK_STR(ops->name, "lifo");
	struct policy_env env = {.alloc = &alloc_libc,
				 .frames = FRAMES,
				 .evictable = yes,
				 .harvest = no,
				 .dirty = no,
				 .random = zero};
	struct policy *p;
	CHECK_EQ(ops->create(&env, NULL, &p), 0);
	for (uint32_t f = 0; f < FRAMES; f++)
		ops->enter(p, f, &(struct policy_enter){.key = f + 1});
	for (uint32_t f = FRAMES; f--;) {
		ops->touch(p, f);
		CHECK_EQ(ops->victim(p, 99), f);
		ops->leave(p, f, f + 1, LEAVE_EVICTED);
		ops->forget(p, f + 1);
		ops->tick(p, f);
	}
	CHECK_EQ(ops->victim(p, 99), NO_FRAME);
	ops->destroy(p);
}

TEST(a_policy_of_twenty_lines_is_compiled_and_used)
{
	check_lifo(LIFO_SOURCE);
}

TEST(a_shared_object_is_loaded)
{
	check_lifo(LIFO_OBJECT);
}

TEST(nothing_of_the_compilation_stays)
{
	const char *tmp = path_of("tmp");
	CHECK_EQ(mkdir(tmp, 0700), 0);
	setenv("TMPDIR", tmp, 1);
	check_lifo(LIFO_SOURCE);
	unsetenv("TMPDIR");
	CHECK_EQ(rmdir(tmp), 0);
}

static void check_error(const char *spec, const char *sentence)
{
	const struct policy_ops *ops = NULL;
	char why[1000] = "";
	CHECK(find_quietly(spec, &ops, why, sizeof(why)) < 0);
	if (!strstr(why, sentence))
		FAIL("%s: \"%s\" has no \"%s\"", spec, why, sentence);
	CHECK(!ops);
}

/* A plug-in whose one call is so, asked for a victim in another process: what that says before it ends with 125. */
static void check_broken(const char *what, const char *call, const char *sentence)
{
	char text[1200], said[2000] = "";
	int status, pipes[2];
	snprintf(text, sizeof(text),
		 "#include <carrel/policy.h>\n"
		 "#include <stdlib.h>\n"
		 "static int create(const struct policy_env *env, const char *params, struct policy **ret)\n"
		 "{ static const struct pick_ops ops; return pick_create(env, sizeof(struct pick), &ops, 1, false, ret); }\n"
		 "static int again(const struct policy_env *env, const char *params, struct policy **ret) { %s }\n"
		 "static void enter(struct policy *p, uint32_t f, const struct policy_enter *how) { }\n"
		 "static void leave(struct policy *p, uint32_t f, uint64_t key, enum policy_leave why) { }\n"
		 "static uint32_t zero;\n"
		 "static uint32_t deep(uint32_t n) { char room[999]; room[n %% 999] = 1; return deep(n + room[5]) + room[n / 999]; }\n"
		 "static uint32_t victim(struct policy *p, uint64_t incoming) { (void)deep; %s }\n"
		 "CARREL_POLICY(.name = \"bad\", .create = %s, .enter = enter, .leave = leave, .victim = victim)\n",
		 strcmp(call, "create") == 0 ? what : "return 0;", strcmp(call, "create") == 0 ? "return zero;" : what,
		 strcmp(call, "create") == 0 ? "again" : "create");
	const char *path = source("bad.c", text);
	CHECK_EQ(pipe(pipes), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		const struct policy_ops *ops;
		struct policy *p = NULL;
		char why[1000];
		struct policy_env env = {.alloc = &alloc_libc, .frames = FRAMES, .evictable = yes, .harvest = no, .dirty = no};
		dup2(pipes[1], STDERR_FILENO);
		if (policy_find(path, &ops, &(const char *){NULL}, why, sizeof(why)) < 0) {
			fprintf(stderr, "%s\n", why);
			_exit(1);
		}
		if (ops->create(&env, NULL, &p) < 0)
			_exit(2);
		ops->enter(p, 3, &(struct policy_enter){.key = 1});
		ops->enter(p, 4, &(struct policy_enter){.key = 2});
		ops->leave(p, 4, 2, LEAVE_FREED);
		ops->victim(p, 0);
		_exit(0);
	}
	close(pipes[1]);
	for (size_t n = 0; n < sizeof(said) - 1;) {
		ssize_t more = read(pipes[0], said + n, sizeof(said) - 1 - n);
		if (more <= 0)
			break;
		n += (size_t)more;
	}
	close(pipes[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	unlink(path);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != GUARD_STATUS || !strstr(said, sentence) || !strstr(said, path))
		FAIL("%s: status %x: %s", what, (unsigned)status, said);
}

TEST(a_plug_in_that_dies_hangs_or_lies_ends_the_run_with_a_sentence)
{
	check_broken("return 16;", "victim", "named frame 16 as its victim, of 16 that there are");
	check_broken("return 5;", "victim", "named frame 5 as its victim, which was not entered, or has left");
	check_broken("return 4;", "victim", "named frame 4 as its victim, which was not entered, or has left");
	check_broken("return NO_FRAME;", "victim", "named no victim, although frame 3 may go");
	check_broken("return *(volatile uint32_t *)8;", "victim", "died of SIGSEGV in victim");
	check_broken("return deep(zero);", "victim", "died of SIGSEGV in victim");
	check_broken("abort();", "victim", "died of SIGABRT in victim");
	check_broken("for (;;) zero++;", "victim", "does not come back: three seconds");
	check_broken("return 0;", "create", "returned 0 from create and made no policy");
	check_broken("return 7;", "create", "returned 7 from create, which is neither 0");
}

TEST(what_cannot_be_used_is_told_with_a_remedy)
{
	check_error("./nowhere.so", "cannot read ./nowhere.so: No such file");
	check_error("./nowhere.c", "cannot read ./nowhere.c: No such file");
	const char *path = source("broken.c", "this is no C\n");
	check_error(path, "cannot compile it; its reasons stand above");
	unlink(path);
	path = source("text.so", "this is no object\n");
	check_error(path, "cannot load ");
	unlink(path);
	path = source("empty.c", "#include <carrel/policy.h>\n");
	check_error(path, "has no symbol carrel_policy; end its source with CARREL_POLICY");
	unlink(path);
	path = source("old.c", "#include <carrel/policy.h>\n"
			       "const struct policy_plugin carrel_policy = {99, 0};\n");
	check_error(path, "was made for version 99 of <carrel/policy.h>, this is 1");
	unlink(path);
	path = source("half.c", "#include <carrel/policy.h>\n"
				"CARREL_POLICY(.name = \"half\")\n");
	check_error(path, "has no .create");
	unlink(path);
	setenv("CC", "/nowhere/cc", 1);
	check_error(LIFO_SOURCE, "there is no /nowhere/cc to compile it with");
	unsetenv("CC");
	check_error(LIFO_OBJECT ":size=3", "there is no parameter \"size\"; it has none");
}

TEST_MAIN
