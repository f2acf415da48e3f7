/* SPDX-License-Identifier: MIT */
/* main.c - carrel VERB [OPTION]... [--] PROG [ARG]... */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/streams.h"
#include "cli/terminal.h"
#include "cli/verb.h"

const struct verb verbs[] = {
#define VERB(name, args, summary) {#name, args, summary, verb_##name},
#include "cli/verbs.def"
#undef VERB
    {0},
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

int say(const char *format, ...)
{
	va_list args;
	fflush(stdout);
	fputs("carrel: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(terminal_is_raw() ? "\r\n" : "\n", stderr);
	return STATUS_CARREL;
}

unsigned word_distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	unsigned row[MAX + 1];
	size_t n = strlen(b);
	if (n > MAX)
		return MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned change = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			row[j] = min_u64(change, min_u64(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

static int unknown_verb(const char *word)
{
	if (word[0] == '-')
		return say("options stand behind a verb, as in carrel run %s; all verbs: carrel help", word);
	const struct verb *best = verbs;
	for (const struct verb *v = verbs; v->name; v++)
		if (word_distance(word, v->name) < word_distance(word, best->name))
			best = v;
	if (word_distance(word, best->name) <= 2)
		return say("there is no verb %s; did you mean carrel %s?", word, best->name);
	return say("there is no verb %s; to run a program: carrel run %s. All verbs: carrel help",
		   word, word);
}

static int carry_out(int argc, char **argv)
{
	static char *help[] = {"help", NULL};
	if (argc < 2) {
		verb_help(1, help);
		return STATUS_CARREL;
	}
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
		printf("carrel %s\n", CARREL_VERSION);
		return 0;
	}
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
		return verb_help(1, help);
	const struct verb *v = verb_find(word);
	if (v && argc == 3 && (v->run == verb_policies || v->run == verb_completion || v->run == verb_help) &&
	    (strcmp(argv[2], "-h") == 0 || strcmp(argv[2], "--help") == 0)) {
		printf("carrel %s %s\n%c%s.\n", v->name, v->args, v->summary[0] & ~0x20, v->summary + 1);
		return 0;
	}
	return v ? v->run(argc - 1, argv + 1) : unknown_verb(word);
}

int main(int argc, char **argv)
{
	streams_hold();
	/* A write beyond ulimit -f is an error of that write, not the end of the machine. */
	signal(SIGXFSZ, SIG_IGN);
	return streams_finish(carry_out(argc, argv));
}
