/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/verb.h"

static void list_verbs(void)
{
	printf(
	    "Carrel runs unmodified riscv64 Linux programs on a memory system that you can see.\n\n"
	    "  carrel VERB [OPTION]... [--] PROG [ARG]...\n\n");
	for (const struct verb *v = verbs; v->name; v++)
		printf("  %-10s %s\n", v->name, v->summary);
	printf("\nMore about one of them: carrel help VERB\n");
}

/* Shows the manual page, if it is installed. False: it is not. */
static bool show_page(const char *verb)
{
	char page[64];
	snprintf(page, sizeof(page), "carrel-%s", verb);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		/* man says itself when there is no page; only its status is wanted then. */
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("man", "man", page, (char *)NULL);
		_exit(1);
	}
	int status = -1;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int verb_help(int argc, char **argv)
{
	if (argc < 2) {
		list_verbs();
		return 0;
	}
	const struct verb *v = verb_find(argv[1]);
	if (!v)
		return say("there is no verb %s; carrel help lists them all", argv[1]);
	if (show_page(v->name))
		return 0;
	if (v->run == verb_exec || v->run == verb_ps || v->run == verb_root) {
		char *words[] = {argv[1], "--help", NULL};
		return v->run(2, words);
	}
	printf("carrel %s %s\n\n%c%s.\n", v->name, v->args, v->summary[0] & ~0x20, v->summary + 1);
	if (options_verb(v->name)) {
		printf("\n");
		options_help(stdout, options_verb(v->name));
	}
	return 0;
}
