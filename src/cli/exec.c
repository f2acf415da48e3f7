/* SPDX-License-Identifier: MIT */
/* exec.c - carrel exec: a further program inside a machine that runs, from another terminal */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/json.h"
#include "cli/registry.h"
#include "cli/terminal.h"
#include "cli/verb.h"

extern char **environ;

enum { VARIABLES_MAX = 256 };

struct wishes {
	const char *run; /* NULL: the only one */
	bool terminal, no_terminal, clean_env;
	const char *env[VARIABLES_MAX];
	unsigned envs;
	char **argv;
};

static const char usage[] =
    "carrel exec [-t|-T] [-E VAR=VALUE]... [--clean-env] [RUN] -- CMD [ARG]...\n"
    "  RUN is a number or a name of carrel ps; it may be left out where only one machine runs.\n"
    "  -t, --tty       on a terminal of its own; the default if standard input and output are one\n"
    "  -T, --no-tty    never\n"
    "  -E, --env       sets a variable of the command's environment\n"
    "  --clean-env     the command gets none of this environment\n"
    "See carrel-exec(1).\n";

static bool is(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

/* Returns -1, or an exit status. */
static int parse(int argc, char **argv, struct wishes *w)
{
	int at = 1;
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		const char *word = argv[at];
		if (is(word, "-h", "--help")) {
			fputs(usage, stdout);
			return 0;
		} else if (is(word, "-t", "--tty")) {
			w->terminal = true;
		} else if (is(word, "-T", "--no-tty")) {
			w->no_terminal = true;
		} else if (strcmp(word, "--clean-env") == 0) {
			w->clean_env = true;
		} else if (is(word, "-E", "--env")) {
			if (at + 1 >= argc || !strchr(argv[at + 1], '=') || argv[at + 1][0] == '=')
				return say("%s wants VARIABLE=VALUE", word);
			if (w->envs == VARIABLES_MAX)
				return say("%s: more than %d of them; use env in the command", word, VARIABLES_MAX);
			w->env[w->envs++] = argv[++at];
		} else if (word[0] == '-') {
			return say("exec has no option %s; carrel exec --help lists them", word);
		} else if (w->run) {
			return say("%s and %s: name one run, and the command after \"--\"", w->run,
				   word);
		} else {
			w->run = word;
		}
	}
	if (at + 1 >= argc)
		return say("exec wants a command: carrel exec %s -- ps aux",
			   w->run ? w->run : "[RUN]");
	w->argv = argv + at + 1;
	return -1;
}

static json_t *make_argv(char **argv)
{
	json_t *list = json_array();
	for (; *argv; argv++)
		(void)json_array_append_new(list, message_word(*argv));
	return list;
}

static bool overridden(const struct wishes *w, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;
	for (unsigned i = 0; i < w->envs; i++)
		if (strncmp(w->env[i], variable, length) == 0)
			return true;
	return false;
}

static json_t *make_env(const struct wishes *w)
{
	json_t *list = json_array();
	for (char **e = environ; !w->clean_env && e && *e; e++)
		if (!overridden(w, *e))
			(void)json_array_append_new(list, message_word(*e));
	for (unsigned i = 0; i < w->envs; i++)
		(void)json_array_append_new(list, message_word(w->env[i]));
	return list;
}

static json_t *window(void)
{
	struct winsize size = {0};
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return json_pack("[i, i]", size.ws_row, size.ws_col);
}

/* --- signals --------------------------------------------------------------------------------- */

static volatile sig_atomic_t pending;

static void on_signal(int number)
{
	__atomic_fetch_or(&pending, 1 << number, __ATOMIC_RELAXED);
}

static const int passed[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

/* They arrive only while we wait, so that none is missed. */
static void catch_signals(sigset_t *ret_mask)
{
	struct sigaction a = {.sa_handler = on_signal}, old;
	sigset_t set;
	sigemptyset(&set);
	for (unsigned i = 0; i < array_size(passed); i++) {
		sigaddset(&set, passed[i]);
		if (sigaction(passed[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(passed[i], &a, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, ret_mask);
}

static int pass_signals(int fd, bool terminal)
{
	unsigned set = (unsigned)__atomic_exchange_n(&pending, 0, __ATOMIC_RELAXED);
	int r = 0;
	for (int n = 1; set >> n && r == 0; n++) {
		if (!(set >> n & 1) || (n == SIGWINCH && !terminal))
			continue;
		json_t *m = n == SIGWINCH ? json_pack("{s:o}", "size", window())
					  : json_pack("{s:i}", "signal", n);
		r = m ? message_send(fd, m, NULL, 0) : -ENOMEM;
		json_decref(m);
	}
	return r;
}

/* --- the machine's answers ------------------------------------------------------------------- */

/* Until the command has ended. Returns its status as wait4 has it, or -1 after saying why not. */
static int follow(int fd, bool terminal, int32_t run, const sigset_t *mask)
{
	if (terminal)
		terminal_raw();
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		json_t *m = NULL;
		int r = ppoll(&p, 1, NULL, mask);
		if (pass_signals(fd, terminal) < 0 && r < 0)
			r = 1;
		if (r <= 0)
			continue;
		if (message_receive(fd, -1, &m) != 1) {
			terminal_restore();
			say("the machine %d is gone", run);
			return -1;
		}
		const json_t *status = json_object_get(m, "status"),
			     *error = json_object_get(m, "error");
		int word = (int)json_integer_value(status);
		if (error) {
			terminal_restore();
			say("%s", json_string_value(error) ? json_string_value(error) : "refused");
			word <<= 8;
		}
		json_decref(m);
		if (status) {
			terminal_restore();
			return word;
		}
	}
}

static int execute(const struct wishes *w, int fd, int32_t run)
{
	char *cwd = getcwd(NULL, 0);
	bool terminal = w->terminal || (!w->no_terminal && isatty(STDIN_FILENO) &&
					isatty(STDOUT_FILENO));
	json_t *ask = json_pack("{s:s, s:o, s:o, s:o?, s:b, s:o}", "ask", "exec", "argv",
				make_argv(w->argv), "env", make_env(w), "cwd", cwd ? message_word(cwd) : NULL, "terminal",
				terminal, "size", window());
	const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	sigset_t mask;
	/* Before the command can show anything, and somebody react to that. */
	catch_signals(&mask);
	int r = ask ? message_send(fd, ask, fds, 3) : -ENOMEM;
	json_decref(ask);
	free(cwd);
	if (r < 0)
		return say("the machine %d cannot be told: %s", run, strerror(-r)) << 8;
	int status = follow(fd, terminal, run, &mask);
	return status < 0 ? STATUS_CARREL << 8 : status;
}

int verb_exec(int argc, char **argv)
{
	struct wishes *w = calloc(1, sizeof(*w));
	char dir[REGISTRY_PATH];
	int r = w ? parse(argc, argv, w) : say("no memory"), status;
	int32_t run = 0;
	if (r < 0 && registry_open(dir) < 0)
		r = say("the directory where machines are found cannot be used: see carrel-ps(1)");
	if (r < 0) {
		run = registry_find(dir, w->run);
		r = run ? -1 : STATUS_CARREL;
	}
	if (r < 0) {
		int fd = registry_connect(dir, run);
		if (fd < 0) {
			r = say("the machine %d does not listen: %s", run, strerror(-fd));
		} else {
			status = execute(w, fd, run);
			close(fd);
			r = terminal_end_as(status);
		}
	}
	free(w);
	return r;
}
