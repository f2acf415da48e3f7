/* SPDX-License-Identifier: MIT */
#include "policy/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/guard.h"

struct why {
	char *text;
	unsigned size;
};

static int wrong(const struct why *w, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(const struct why *w, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(w->text, w->size, format, args);
	va_end(args);
	return error;
}

/* ---- A shared object ---- */

static int check_ops(const char *path, const struct policy_ops *ops, const struct why *w)
{
	const struct {
		const char *name;
		bool there;
	} need[] = {
	    {"name", ops->name},     {"create", ops->create}, {"destroy", ops->destroy},
	    {"enter", ops->enter},   {"touch", ops->touch},   {"leave", ops->leave},
	    {"forget", ops->forget}, {"victim", ops->victim}, {"rejected", ops->rejected},
	    {"tick", ops->tick},
	};
	for (size_t i = 0; i < sizeof(need) / sizeof(need[0]); i++)
		if (!need[i].there)
			return wrong(
			    w, -EINVAL,
			    "the carrel_policy of %s has no .%s; end it with CARREL_POLICY", path,
			    need[i].name);
	size_t params = 0;
	while (ops->params && ops->params[params].name)
		params++;
	if (params > PARAMS_MAX)
		return wrong(w, -EINVAL, "the policy of %s has more than %d parameters", path,
			     PARAMS_MAX);
	return 0;
}

static int load_object(const char *path, const char *name, const struct policy_ops **ret_ops,
		       const struct why *w)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return wrong(w, -ENOEXEC, "cannot load %s: %s; a policy is a shared object, or C in a file .c",
			     name, dlerror());
	const struct policy_plugin *p = dlsym(object, "carrel_policy");
	int error = 0;
	if (!p)
		error = wrong(w, -EINVAL,
			      "%s has no symbol carrel_policy; end its source with CARREL_POLICY",
			      name);
	else if (p->version != POLICY_VERSION)
		error =
		    wrong(w, -EINVAL,
			  "%s was made for version %u of <carrel/policy.h>, this is %d; compile "
			  "it again",
			  name, (unsigned)p->version, POLICY_VERSION);
	else
		error = check_ops(name, p->ops, w);
	if (error)
		dlclose(object);
	else
		*ret_ops = guard_make(p->ops, name);
	return error;
}

/* ---- A source ---- */

/* The directory that has carrel/policy.h: where it is installed beside the program, or where a build
 * makes it. */
static int find_headers(char ret_path[PATH_MAX], const struct why *w)
{
	static const char *const beside[] = {"../include", "../policy", "../../src/policy"};
	char program[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (n < 0)
		return wrong(w, -errno, "cannot find this program: %s", strerror(errno));
	program[n] = 0;
	const char *directory = dirname(program);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/carrel/policy.h", directory, beside[i]);
		if (access(path, R_OK) == 0) {
			snprintf(path, sizeof(path), "%s/%s", directory, beside[i]);
			return realpath(path, ret_path) ? 0 : -errno;
		}
	}
	return wrong(
	    w, -ENOENT,
	    "there is no include/carrel/policy.h beside %s to compile a policy with; run make "
	    "install",
	    directory);
}

/* Returns 0 or a negative errno. */
static int run_compiler(const char *compiler, const char *source, const char *object,
			const char *headers, const struct why *w)
{
	int status;
	pid_t pid = fork();
	if (pid < 0)
		return wrong(w, -errno, "cannot start %s: %s", compiler, strerror(errno));
	if (pid == 0) {
		/* What a compiler prints is no output of the guest. */
		if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
			_exit(127);
		execlp(compiler, compiler, "-shared", "-fPIC", "-O2", "-g", "-std=gnu11", "-I",
		       headers, "-o", object, source, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return wrong(w, -errno, "cannot wait for %s: %s", compiler,
				     strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return wrong(w, -ENOENT,
			     "there is no %s to compile it with; install gcc or clang, or set CC",
			     compiler);
	return wrong(w, -EINVAL, "%s cannot compile it; its reasons stand above", compiler);
}

static int load_source(const char *path, const struct policy_ops **ret_ops, const struct why *w)
{
	const char *compiler = getenv("CC"), *tmp = getenv("TMPDIR");
	char directory[PATH_MAX], object[PATH_MAX + 16], headers[PATH_MAX];
	if (!compiler || !compiler[0] || strchr(compiler, ' '))
		compiler = "cc";
	if (access(path, R_OK) < 0)
		return wrong(w, -errno, "cannot read %s: %s", path, strerror(errno));
	int error = find_headers(headers, w);
	if (error)
		return error;
	snprintf(directory, sizeof(directory), "%s/carrel-policy-XXXXXX",
		 tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(directory))
		return wrong(w, -errno, "cannot make a directory for it in %s: %s",
			     tmp && tmp[0] ? tmp : "/tmp", strerror(errno));
	snprintf(object, sizeof(object), "%s/policy.so", directory);
	error = run_compiler(compiler, path, object, headers, w);
	if (!error)
		error = load_object(object, path, ret_ops, w);
	/* What is loaded stays. */
	unlink(object);
	rmdir(directory);
	return error;
}

int plugin_load(const char *path, const struct policy_ops **ret_ops, char *ret_why, unsigned whys)
{
	const struct why w = {ret_why, whys};
	size_t length = strlen(path);
	char direct[PATH_MAX];
	if (length >= PATH_MAX - 2)
		return wrong(&w, -ENAMETOOLONG, "the name is too long");
	if (length > 2 && strcmp(path + length - 2, ".c") == 0)
		return load_source(path, ret_ops, &w);
	/* A name without a slash would be looked for among the system's libraries. */
	snprintf(direct, sizeof(direct), "%s%s", strchr(path, '/') ? "" : "./", path);
	if (access(direct, R_OK) < 0)
		return wrong(&w, -errno, "cannot read %s: %s", path, strerror(errno));
	return load_object(direct, path, ret_ops, &w);
}
