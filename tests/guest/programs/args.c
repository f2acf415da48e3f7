/* SPDX-License-Identifier: MIT */
/* What a program is given: arguments, environment, auxiliary vector, limits; and what it gives on. */
#include "guest.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern char **environ;

static void show(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		say("  argv[%d] \"%s\"", i, i ? argv[i] : "(me)");
	for (char **e = environ; *e; e++)
		say("  env \"%s\"", *e);
}

static void auxiliary(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	const uint8_t *random = (const uint8_t *)getauxval(AT_RANDOM);
	int some = 0;

	for (int i = 0; i < 16; i++)
		some |= random[i];
	say("AT_PAGESZ %ld", (long)getauxval(AT_PAGESZ));
	say("AT_CLKTCK %ld", (long)getauxval(AT_CLKTCK));
	say("AT_PHENT right %d", getauxval(AT_PHENT) == sizeof(ElfW(Phdr)));
	say("AT_PHDR there %d", ((ElfW(Phdr) *)getauxval(AT_PHDR))->p_type != 0);
	say("AT_SECURE %ld", (long)getauxval(AT_SECURE));
	say("AT_UID right %d", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
	say("AT_RANDOM there %d", some != 0);
	say("AT_EXECFN ends in args %d", strstr(name, "args") != NULL);
	say("AT_ENTRY there %d", getauxval(AT_ENTRY) != 0);
	say("the stack is aligned %d", (uintptr_t)__builtin_frame_address(0) % 16 == 0);
}

/* Runs this program, or what path names, again. */
static void again(const char *what, const char *path, char *const *argv, char *const *env)
{
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, env);
		say("  execve: %s", strerrorname_np(errno));
		_exit(100);
	}
	say("%s: %s", what, wait_for(pid));
}

static void script(const char *what, const char *path, const char *text, char *const *env)
{
	char *argv[] = {"script-name", "first", "second one", NULL};
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("cannot write the script: %s", strerrorname_np(errno));
	close(fd);
	again(what, path, argv, env);
	unlink(path);
}

static void big(const char *self)
{
	enum { LONGEST = 32 * 4096 };
	char *one = malloc(LONGEST + 1), *argv[] = {"args", "count", one, NULL}, *none[] = {NULL};
	char **many = calloc(70000, sizeof(*many));

	memset(one, 'x', LONGEST);
	one[LONGEST] = 0;
	again("an argument of 32 pages", self, argv, none);
	one[LONGEST - 1] = 0;
	again("one byte less", self, argv, none);
	many[0] = "args";
	many[1] = "count";
	for (int i = 2; i < 20000; i++)
		many[i] = "0123456789012345678901234567890";
	again("20,000 arguments", self, many, none);
	one[100] = 0;
	for (int i = 2; i < 69999; i++)
		many[i] = one;
	again("7 MB of arguments", self, many, none);
	free(one);
	free(many);
}

int main(int argc, char **argv)
{
	char *none[] = {NULL}, *some[] = {"A=1", "B=two words", "EMPTY=", NULL};
	char *plain[] = {"args", "show", "", "with space", "\xc3\xa4\xff", NULL}, line[512], self[256];
	struct rlimit r;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1 && !strcmp(argv[1], "show")) {
		show(argc, argv);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "count")) {
		size_t bytes = 0;
		for (int i = 0; i < argc; i++)
			bytes += strlen(argv[i]) + 1;
		say("  %d arguments, %d bytes", argc, bytes > 100000);
		return 0;
	}
	if (argc > 1) { /* as a script's interpreter */
		say("  argc %d", argc);
		for (int i = 1; i < argc; i++)
			say("  argv[%d] \"%s\"", i, argv[i]);
		return 5;
	}
	if (n < 0)
		return 1;
	self[n] = 0;
	auxiliary();
	getrlimit(RLIMIT_STACK, &r);
	say("stack limit %d MiB", (int)(r.rlim_cur >> 20));
	again("arguments and environment", self, plain, some);
	again("no environment", self, plain, none);
	again("not there", "/no/such/program", plain, none);
	again("a directory", "/tmp", plain, none);
	again("a device", "/dev/null", plain, none);

	snprintf(line, sizeof(line), "#!%s\nnot for me\n", self);
	script("script", "/tmp/args-script", line, none);
	snprintf(line, sizeof(line), "#! %s  one argument  \n", self);
	script("script with an argument", "/tmp/args-script", line, none);
	script("script without interpreter", "/tmp/args-script", "#!\n", none);
	script("interpreter not there", "/tmp/args-script", "#!/no/such/interpreter\n", none);
	script("an interpreter that is a script", "/tmp/args-script", "#!/tmp/args-script\n", none);
	script("neither program nor script", "/tmp/args-script", "hello\n", none);
	script("empty", "/tmp/args-script", "", none);
	script("a broken program", "/tmp/args-script", "\177ELF\002\001\001", none);
	big(self);
	return 0;
}
