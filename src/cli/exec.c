/* SPDX-License-Identifier: MIT */
/* exec.c - carrel exec: a further program inside a machine that runs, from another terminal */
#include <errno.h>
#include <getopt.h>
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
	const char *user; /* NULL: as the machine's others */
	bool terminal, no_terminal, clean_env;
	const char *env[VARIABLES_MAX];
	unsigned envs;
	char **argv;
};

static const char usage[] =
    "carrel exec [-t|-T] [-u USER[:GROUP]] [-E VAR=VALUE]... [--clean-env] [RUN] -- CMD [ARG]...\n"
    "  RUN is a number or a name of carrel ps; it may be left out where only one machine runs.\n"
    "  -t, --tty       on a terminal of its own; the default if standard input and output are one\n"
    "  -T, --no-tty    never\n"
    "  -u, --user      who the command is, instead of who the machine's first program was: numbers,\n"
    "                  or names of the guest's /etc/passwd and /etc/group\n"
    "  -E, --env       sets a variable of the command's environment\n"
    "  --clean-env     the command gets none of this environment\n"
    "See carrel-exec(1).\n";

static int add_env(struct wishes *w, const char *variable)
{
	if (!strchr(variable, '=') || variable[0] == '=')
		return say("-E %s: must be VARIABLE=VALUE", variable);
	if (w->envs == VARIABLES_MAX)
		return say("-E %s: more than %d of them; use env in the command", variable, VARIABLES_MAX);
	w->env[w->envs++] = variable;
	return -1;
}

/* One option, or RUN (1). Returns -1, or an exit status. */
static int take(struct wishes *w, int letter, char *word, char **argv)
{
	switch (letter) {
	case 't': w->terminal = true; return -1;
	case 'T': w->no_terminal = true; return -1;
	case 'u': w->user = word; return -1;
	case 'c': w->clean_env = true; return -1;
	case 'E': return add_env(w, word);
	case 'h': fputs(usage, stdout); return 0;
	case ':': return say("%s wants a value; carrel exec --help tells more", argv[optind - 1]);
	case 1:
		if (w->run)
			return say("%s and %s: name one run, and the command after \"--\"", w->run, word);
		w->run = word;
		return -1;
	default:
		if (optopt && strchr("tTuEh", optopt) == NULL && argv[optind - 1][1] != '-')
			return say("exec has no option -%c; carrel exec --help lists them", optopt);
		return say("exec has no option %s; carrel exec --help lists them", argv[optind - 1]);
	}
}

/* Returns -1, or an exit status. */
static int parse(int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {
	    {"tty", no_argument, NULL, 't'},	   {"no-tty", no_argument, NULL, 'T'},
	    {"user", required_argument, NULL, 'u'}, {"env", required_argument, NULL, 'E'},
	    {"clean-env", no_argument, NULL, 'c'},  {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int letter, r = -1;
	opterr = 0;
	/* In order: what stands behind "--" is the command's. */
	while (r < 0 && (letter = getopt_long(argc, argv, "-:tTu:E:h", options, NULL)) >= 0)
		r = take(w, letter, optarg, argv);
	if (r >= 0)
		return r;
	if (optind >= argc)
		return say("exec wants a command: carrel exec %s -- ps aux", w->run ? w->run : "[RUN]");
	w->argv = argv + optind;
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

/* What has come of the command so far. */
struct course {
	bool terminal, started, told; /* told: that nothing comes */
	int32_t run;
	int status; /* as wait4 has it, once it is over */
};

/* One message. Returns false when it was the last. */
static bool take_message(int fd, struct course *c)
{
	json_t *m = NULL;
	int r = message_receive(fd, -1, &m);
	const json_t *status = json_object_get(m, "status"), *error = json_object_get(m, "error");
	bool over = r != 1 || status;
	if (over)
		terminal_restore();
	if (r != 1) {
		say("the machine %d is gone", c->run);
		c->status = STATUS_CARREL << 8;
	} else if (error) {
		say("%s", json_string_value(error) ? json_string_value(error) : "refused");
		c->status = (int)json_integer_value(status) << 8;
	} else if (status) {
		c->status = (int)json_integer_value(status);
	} else if (c->terminal) {
		terminal_raw();
	}
	c->started = true;
	json_decref(m);
	return !over;
}

/* A machine that is stopped says nothing, and Ctrl-C must be able to end that: on a raw terminal it is
 * no signal. */
static void tell_silence(struct course *c)
{
	terminal_restore();
	say("the machine %d does not answer; it may be stopped (Ctrl-C gives up)", c->run);
	c->told = true;
}

/* A signal that comes before the command is there ends the wait for it. */
static bool gives_up(struct course *c)
{
	unsigned set = (unsigned)__atomic_load_n(&pending, __ATOMIC_RELAXED) & ~(1u << SIGWINCH);
	if (c->started || !set)
		return false;
	terminal_restore();
	c->status = __builtin_ctz(set);
	return true;
}

/* Until the command has ended. Returns its status as wait4 has it. */
static int follow(int fd, bool terminal, int32_t run, const sigset_t *mask)
{
	struct course c = {.terminal = terminal, .run = run};
	if (terminal)
		terminal_raw();
	for (;;) {
		static const struct timespec patience = {.tv_sec = 2};
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r = ppoll(&p, 1, c.started || c.told ? NULL : &patience, mask);
		if (r == 0)
			tell_silence(&c);
		if (gives_up(&c))
			return c.status;
		if (c.started && pass_signals(fd, terminal) < 0 && r < 0)
			r = 1;
		if (r > 0 && !take_message(fd, &c))
			return c.status;
	}
}

static int execute(const struct wishes *w, int fd, int32_t run)
{
	char *cwd = getcwd(NULL, 0);
	bool terminal = w->terminal || (!w->no_terminal && isatty(STDIN_FILENO) &&
					isatty(STDOUT_FILENO));
	json_t *ask = json_pack("{s:s, s:o, s:o, s:o?, s:o?, s:b, s:o}", "ask", "exec", "argv",
				make_argv(w->argv), "env", make_env(w), "cwd", cwd ? message_word(cwd) : NULL, "user",
				w->user ? message_word(w->user) : NULL, "terminal", terminal, "size", window());
	const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	sigset_t mask;
	/* Before the command can show anything, and somebody react to that. */
	catch_signals(&mask);
	int r = ask ? message_send(fd, ask, fds, 3) : -ENOMEM;
	json_decref(ask);
	free(cwd);
	if (r < 0)
		return say("the machine %d cannot be told: %s", run, strerror(-r)) << 8;
	return follow(fd, terminal, run, &mask);
}

/* Returns the exit status. */
static int execute_in(const struct wishes *w, const char *dir, int32_t run)
{
	int fd = registry_connect(dir, run);
	if (fd == -EAGAIN)
		return say("the machine %d does not answer, and others wait for it already; is it stopped?", run);
	if (fd < 0)
		return say("the machine %d does not listen: %s", run, strerror(-fd));
	int status = execute(w, fd, run);
	close(fd);
	return terminal_end_as(status);
}

int verb_exec(int argc, char **argv)
{
	struct wishes *w = calloc(1, sizeof(*w));
	char dir[REGISTRY_PATH];
	int r = w ? parse(argc, argv, w) : say("no memory");
	if (r < 0 && registry_open(dir) < 0)
		r = say("the directory where machines are found cannot be used: see carrel-ps(1)");
	if (r < 0) {
		int32_t run = registry_find(dir, w->run);
		r = run ? execute_in(w, dir, run) : STATUS_CARREL;
	}
	free(w);
	return r;
}
