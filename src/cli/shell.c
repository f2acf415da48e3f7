/* SPDX-License-Identifier: MIT */
/* shell.c - carrel shell: an interactive shell in a machine of its own
 *
 * Its environment is made anew, as a login makes it: what the host's shell exported names files of
 * the host. The home directory is made for the run and goes with it.
 */
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/root.h"
#include "cli/session.h"
#include "cli/verb.h"

/* Who the shell's user is: by --user, else who runs this. */
static const char *user_name(const struct options *o)
{
	static char name[64];
	const struct passwd *user = getpwuid(geteuid());
	if (o->user) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(o->user, ":"), o->user);
		if (strcmp(name, "0") == 0)
			return "root";
		return name[0] >= '0' && name[0] <= '9' ? "user" : name;
	}
	return user && user->pw_name[0] && !strchr(user->pw_name, '/') ? user->pw_name : "user";
}

/* Is it a program in the guest's root? Links lead to somewhere in it, not on the host. */
static bool has_program(const char *root, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full))
		return false;
	return lstat(full, &st) == 0 && (S_ISLNK(st.st_mode) || S_ISREG(st.st_mode));
}

static const char *find_shell(const struct options *o)
{
	static const char *const shells[] = {"/bin/bash", "/usr/bin/bash", "/bin/sh",
					     "/usr/bin/sh"};
	char root[PATH_MAX];
	if (o->root)
		snprintf(root, sizeof(root), "%s", o->root);
	else if (root_default(root, sizeof(root)) != 0)
		return NULL;
	for (size_t i = 0; i < array_size(shells); i++)
		if (has_program(root, shells[i]))
			return shells[i];
	return NULL;
}

/* What -E says counts; this is for the rest. Returns false without room or memory. */
static bool add_env(struct options *o, const char *name, const char *value, char **ret_owned)
{
	size_t length = strlen(name);
	*ret_owned = NULL;
	for (unsigned i = 0; i < o->envs; i++)
		if (strncmp(o->env[i], name, length) == 0 && o->env[i][length] == '=')
			return true;
	if (!value)
		return true;
	if (o->envs == ENVS_MAX || asprintf(ret_owned, "%s=%s", name, value) < 0)
		return false;
	o->env[o->envs++] = *ret_owned;
	return true;
}

enum { VARIABLES = 11 };

static bool make_env(struct options *o, const char *shell, const char *home,
		     char *ret_owned[VARIABLES])
{
	bool bash = strstr(shell, "bash") != NULL;
	const struct {
		const char *name, *value;
	} made[VARIABLES] = {
	    {"TERM", getenv("TERM")},
	    {"COLORTERM", getenv("COLORTERM")},
	    {"NO_COLOR", getenv("NO_COLOR")},
	    {"TZ", getenv("TZ")},
	    {"HOME", home},
	    {"SHELL", shell},
	    {"USER", user_name(o)},
	    {"LOGNAME", user_name(o)},
	    {"LANG", "C.UTF-8"},
	    {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	    {"PS1", bash ? "carrel:\\w\\$ " : "carrel:$PWD\\$ "},
	};
	for (unsigned i = 0; i < VARIABLES; i++)
		if (!add_env(o, made[i].name, made[i].value, &ret_owned[i]))
			return false;
	return true;
}

/* Its own directory, unless that is the one which the run is about. */
static void choose_home(const struct options *o, char *ret_home, size_t size)
{
	char cwd[PATH_MAX] = "";
	if (o->user ? strcmp(user_name(o), "root") == 0 : geteuid() == 0)
		snprintf(ret_home, size, "/root");
	else
		snprintf(ret_home, size, "/home/%s", user_name(o));
	if (!o->workdir && !getcwd(cwd, sizeof(cwd)))
		return;
	if (strcmp(o->workdir ? o->workdir : cwd, ret_home) == 0)
		snprintf(ret_home, size, "/home/carrel");
}

int verb_shell(int argc, char **argv)
{
	static const struct session_hooks none = {0};
	struct options o;
	char *owned[VARIABLES] = {NULL}, home[PATH_MAX];
	int at = 1;
	options_init(&o, SHELL);
	o.tty = o.clock_real = true;
	int r = options_parse(&o, argc, argv, &at);
	const char *shell = r < 0 ? find_shell(&o) : NULL;
	choose_home(&o, home, sizeof(home));
	if (r < 0 && !shell)
		r = say("there is no guest root with a shell\n"
			"  Make one:  carrel root create\n"
			"  Name one:  carrel shell -L DIR");
	if (r < 0 && !make_env(&o, shell, home, owned))
		r = say("no memory for the environment, or too many -E");
	char **line = r < 0 ? calloc((size_t)(argc - at) + 2, sizeof(*line)) : NULL;
	if (r < 0 && !line)
		r = say("no memory");
	if (r < 0) {
		o.clean_env = true;
		o.home = home;
		line[0] = (char *)shell;
		memcpy(line + 1, argv + at, (size_t)(argc - at) * sizeof(*line));
		r = session_main(&o, &none, NULL, line);
	}
	free(line);
	for (unsigned i = 0; i < VARIABLES; i++)
		free(owned[i]);
	options_finish(&o);
	return r;
}
