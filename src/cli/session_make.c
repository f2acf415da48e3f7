/* SPDX-License-Identifier: MIT */
#include "cli/session_make.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cc.h"
#include "cli/root.h"
#include "cli/root_util.h"
#include "cli/swap.h"
#include "cli/symbol.h"
#include "cli/verb.h"
#include "kernel/tty/pty.h"

#define RESOLVER "/etc/resolv.conf"

extern char **environ;

static void say_sentence(void *ctx, const char *sentence)
{
	say("%s", sentence);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n > m && strcmp(s + n - m, end) == 0;
}

int make_program(struct session *s)
{
	const char *source = s->argv[0];
	char program[PATH_MAX], copy[PATH_MAX];
	if (!ends_with(source, ".c") && !ends_with(source, ".cc"))
		return -1;
	int r = cc_program(source, program, sizeof(program));
	if (r != 0)
		return r;
	s->compiled = strdup(program);
	snprintf(copy, sizeof(copy), "%s", source);
	char *directory = realpath(dirname(copy), NULL);
	const char *slash = strrchr(source, '/'), *base = slash ? slash + 1 : source;
	int stem = (int)(strrchr(base, '.') - base);
	if (!s->compiled || !directory ||
	    asprintf(&s->compiled_guest, "%s/%.*s", directory, stem, base) < 0 ||
	    asprintf(&s->compiled_name, "%.*s%.*s", slash ? (int)(base - source) : 2,
		     slash ? source : "./", stem, base) < 0) {
		free(directory);
		return say("%s: no memory", source);
	}
	free(directory);
	s->path = s->compiled_guest;
	return -1;
}

static int find_root(struct session *s)
{
	char path[PATH_MAX];
	if (s->o->root) {
		s->root = strdup(s->o->root);
		return s->root ? -1 : say("no memory");
	}
	int r = root_default(path, sizeof(path));
	if (r == -ENOENT)
		return say("there is no guest root with the libraries that programs need\n"
			   "  Make one:  carrel root create\n"
			   "  Name one:  carrel run -L DIR ...");
	if (r < 0)
		return say("the default guest root: %s; name one with -L", strerror(-r));
	s->root = strdup(path);
	return s->root ? -1 : say("no memory");
}

static bool env_overridden(const struct options *o, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;
	for (unsigned i = 0; i < o->envs; i++)
		if (strncmp(o->env[i], variable, length) == 0)
			return true;
	return o->workdir && strncmp(variable, "PWD=", 4) == 0;
}

/* The caller's environment and what -E adds. Owned: the array, and the string in *ret_pwd. */
static const char **make_env(const struct options *o, char **ret_pwd)
{
	unsigned n = 0, room = o->envs + 2;
	for (char **e = environ; e && *e; e++)
		room++;
	const char **env = calloc(room, sizeof(*env));
	*ret_pwd = NULL;
	if (!env || (o->workdir && asprintf(ret_pwd, "PWD=%s", o->workdir) < 0)) {
		free(env);
		return NULL;
	}
	for (char **e = environ; !o->clean_env && e && *e; e++)
		if (!env_overridden(o, *e))
			env[n++] = *e;
	if (*ret_pwd && !o->clean_env)
		env[n++] = *ret_pwd;
	for (unsigned i = 0; i < o->envs; i++)
		env[n++] = o->env[i];
	return env;
}

/* With the host's networks come its name servers, as everyone expects who knows containers; but not
 * where the root or a --bind has its own. */
static bool lacks_resolver(const struct session *s)
{
	struct stat st;
	if (stat(RESOLVER, &st) < 0 || !S_ISREG(st.st_mode) || access(RESOLVER, R_OK) < 0)
		return false;
	for (unsigned i = 0; i < s->o->binds; i++)
		if (strcmp(s->o->bind[i].guest, RESOLVER) == 0)
			return false;
	char *path = text_format("%s" RESOLVER, s->root);
	bool lacks = lstat(path, &st) < 0 || (S_ISREG(st.st_mode) && st.st_size == 0);
	free(path);
	return lacks;
}

int make_machine(struct session *s)
{
	const struct options *o = s->o;
	int r = find_root(s);
	if (r >= 0)
		return r;
	struct kernel_config c = {
	    .mode = o->mmu,
	    .va_top = o->va,
	    .brk = o->brk,
	    .seed = o->seed,
	    /* Certificates and signatures are of today, and so nobody outside would be trusted. */
	    .clock_real = o->clock_real || (o->net_host && !o->clock_given),
	    .home = o->home,
	    .user = o->user,
	    .pace = o->net_host || (o->verb == RUN && isatty(STDOUT_FILENO)),
	    .net_host = o->net_host,
	    .verbose = o->verbose,
	    .show_names = o->decode_fds,
	    .show_bytes = o->string_limit,
	    .root = s->root,
	    .root_writable = o->root_writable,
	    .bind = s->bind,
	    .binds = o->binds,
	    .cwd = s->cwd,
	    .policy = o->policy,
	    .policy_params = o->policy_params,
	    .exact_refs = o->exact_refs,
	    .swap = {.cluster = o->swap_cluster, .readahead = o->swap_readahead},
	    .local = o->local,
	    .low = o->low,
	    .high = o->high,
	    .eager = o->eager,
	    .overcommit = o->overcommit,
	    .overcommit_ratio = o->overcommit_ratio,
	    .fault_around = o->fault_around,
	    .drop_mappings = o->drop_mappings,
	    .core = o->core,
	    .cpu_limit = o->cpu_limit,
	    .events = &s->events,
	    .say = say_sentence,
	    .symbol = symbol_text,
	    .say_ctx = s->symbols, /* symbol is given it, too */
	};
	if (o->memory / PAGE_SIZE > UINT32_MAX - 1)
		return say("--memory: a machine can have %llu frames, which is a little less than 16T",
			   (unsigned long long)UINT32_MAX - 1);
	c.frames = (uint32_t)(o->memory / PAGE_SIZE);
	memcpy(s->bind, o->bind, sizeof(o->bind));
	if (o->net_host && lacks_resolver(s))
		s->bind[c.binds++] = (struct kernel_bind){.host = RESOLVER, .guest = RESOLVER, .readonly = true};
	if (s->compiled)
		s->bind[c.binds++] = (struct kernel_bind){
		    .host = s->compiled, .guest = s->compiled_guest, .readonly = true};
	if (kernel_create(&c, &s->kernel) < 0)
		return STATUS_CARREL;
	if (swap_open(o, s->kernel->mm, s->device) == 0)
		return -1;
	kernel_destroy(s->kernel);
	s->kernel = NULL;
	return STATUS_CARREL;
}

int make_processes(struct session *s)
{
	char *pwd, *first = s->argv[0];
	const char **env = make_env(s->o, &pwd);
	if (!env)
		return say("no memory for the environment");
	if (s->compiled)
		s->argv[0] = s->compiled_name;
	struct kernel_program program = {
	    .path = s->path,
	    .argv = (const char *const *)s->argv,
	    .env = env,
	    .stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
	    .relay = s->relay,
	};
	for (s->envc = 0; env[s->envc];)
		s->envc++;
	int r = 0;
	for (; s->started < s->o->copies && r >= 0; s->started++) {
		/* Observers are told of the exec while the pid is not known here yet. */
		r = kernel_spawn(s->kernel, &program);
		if (r >= 0)
			s->pid[s->started] = r;
	}
	s->argv[0] = first;
	free(env);
	free(pwd);
	if (r >= 0 && s->o->verb == SHELL)
		s->kernel->lead = s->pid[0];
	if (r >= 0)
		return -1;
	if (r == -ENOENT)
		return STATUS_NOT_FOUND;
	bool host = r == -ENOMEM || r == -EAGAIN || r == -EMFILE || r == -ENFILE;
	return host ? STATUS_CARREL : STATUS_CANNOT;
}

int make_terminal(struct session *s)
{
	if (!s->o->tty)
		return -1;
	int r = relay_create(s->kernel, STDIN_FILENO, STDOUT_FILENO, s->o->verb != SHELL, &s->relay);
	if (r < 0)
		return say("-t: a terminal for the program: %s", strerror(-r));
	relay_attach(s->relay);
	return -1;
}
