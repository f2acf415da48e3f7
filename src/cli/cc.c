/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cc.h"
#include "cli/root.h"
#include "cli/root_util.h"

static const char cross[] = "riscv64-linux-gnu-gcc";

/* A linker for clang: GNU's, or an lld that can do the relaxations of riscv64 objects (15 and
 * up). */
static char *linker_find(void)
{
	struct words args = {0};
	char *text = NULL;
	int version = 0;

	if (program_exists("riscv64-linux-gnu-ld"))
		return text_format("--ld-path=riscv64-linux-gnu-ld");
	if (!program_exists("ld.lld"))
		return NULL;
	words_add(&args, "ld.lld");
	words_add(&args, "--version");
	if (program_read(&args, -1, &text) >= 0) {
		const char *at = strstr(text, "LLD ");
		version = at ? atoi(at + 4) : 0;
		free(text);
	}
	words_finish(&args);
	return version >= 15 ? text_format("-fuse-ld=lld") : NULL;
}

/* clang can compile for the guest when a root has what a program links with. */
static bool clang_words(struct words *ret_args)
{
	char root[PATH_MAX];

	if (!program_exists("clang") || root_default(root, sizeof(root)) < 0)
		return false;
	char *header = text_format("%s/usr/include/stdio.h", root);
	char *start = text_format("%s/usr/lib/riscv64-linux-gnu/crt1.o", root);
	char *real = realpath(root, NULL), *linker = linker_find();
	bool good = real && linker && access(header, R_OK) == 0 && access(start, R_OK) == 0;
	if (good) {
		words_add(ret_args, "clang");
		words_add(ret_args, "--target=riscv64-linux-gnu");
		words_add(ret_args, "--sysroot=%s", real);
		words_add(ret_args, "--gcc-toolchain=%s/usr", real);
		words_add(ret_args, "%s", linker);
		/* With -c nothing is linked; that is no reason to warn. */
		words_add(ret_args, "-Wno-unused-command-line-argument");
	}
	free(linker), free(real), free(start), free(header);
	return good;
}

/* A directory that a word names, or the file of which it names: x/y.c, -I../include, -o/tmp/x. What
 * the root has by this name is meant to be the root's. NULL: none; to be freed. */
static char *word_directory(const char *root, const char *word)
{
	const char *path = word[0] == '-' && strlen(word) > 2 ? word + 2 : word;
	struct stat st;

	if (word[0] == '-' && word[1] == '-')
		path = strchr(word, '=') ? strchr(word, '=') + 1 : word;
	if (!strchr(path, '/'))
		return NULL;
	char *copy = text_format("%s", path), *slash = strrchr(copy, '/');
	if (stat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
		slash[slash == copy] = 0;
	char *dir = realpath(copy, NULL), *inside = text_format("%s%s", root, dir ? dir : "/");
	if (dir && (access(inside, F_OK) == 0 || strchr(dir, ':'))) {
		free(dir);
		dir = NULL;
	}
	free(inside), free(copy);
	return dir;
}

static void bind_word(struct words *args, const char *root, const char *word)
{
	char *dir = word_directory(root, word);

	if (dir) {
		words_add(args, "--bind");
		words_add(args, "%s", dir);
	}
	free(dir);
}

/* gcc within the root, run by Carrel itself. The guest sees the current directory; it is shown the
 * others that words name, too. */
static bool inside_words(struct words *ret_args, const struct words *rest)
{
	char root[PATH_MAX], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0 || root_default(root, sizeof(root)) < 0)
		return false;
	self[n] = 0;
	char *compiler = text_format("%s/usr/bin/gcc", root);
	bool good = access(compiler, X_OK) == 0;
	free(compiler);
	if (!good)
		return false;
	words_add(ret_args, "%s", self);
	words_add(ret_args, "run");
	words_add(ret_args, "-m");
	words_add(ret_args, "2G");
	words_add(ret_args, "-E");
	words_add(ret_args, "PATH=/usr/bin:/bin");
	for (size_t i = 0; i < rest->n; i++)
		bind_word(ret_args, root, rest->items[i]);
	words_add(ret_args, "--");
	words_add(ret_args, "/usr/bin/gcc");
	return true;
}

/* The compiler and what it needs to be told, before the words of the rest. Returns 0, or EXIT_OWN
 * after saying what to install. */
static int compiler_words(struct words *ret_args, const struct words *rest)
{
	const char *named = getenv("CARREL_CC");

	if (named && *named) {
		if (!program_exists(named))
			return root_error("CARREL_CC names %s, which is no program in PATH", named);
		words_add(ret_args, "%s", named);
		return 0;
	}
	if (program_exists(cross)) {
		words_add(ret_args, "%s", cross);
		return 0;
	}
#ifdef __riscv
	if (program_exists("gcc")) {
		words_add(ret_args, "gcc");
		return 0;
	}
#endif
	if (clang_words(ret_args) || inside_words(ret_args, rest))
		return 0;
	return root_error(
	    "there is no compiler for riscv64 on this machine. Install one of these:\n"
	    "  the cross compiler (Debian: gcc-riscv64-linux-gnu libc6-dev-riscv64-cross);\n"
	    "  clang, with binutils-riscv64-linux-gnu or lld (15 or newer), and a root with\n"
	    "  libraries to link with:\n"
	    "    carrel root create libc6-dev libgcc-14-dev\n"
	    "  nothing here, but a compiler that runs in Carrel itself:\n"
	    "    carrel root create gcc libc6-dev");
}

/* Completes ret_args to the whole command. */
static int command_words(struct words *ret_args, const struct words *rest)
{
	int r = compiler_words(ret_args, rest);

	for (size_t i = 0; r == 0 && i < rest->n; i++)
		words_add(ret_args, "%s", rest->items[i]);
	return r;
}

int verb_cc(int argc, char **argv)
{
	struct words args = {0}, rest = {0};

	for (int i = 1; i < argc; i++)
		words_add(&rest, "%s", argv[i]);
	int r = command_words(&args, &rest);
	if (r == 0) {
		execvp(args.items[0], args.items);
		r = root_error("cannot run %s: %s", args.items[0], strerror(errno));
	}
	words_finish(&args), words_finish(&rest);
	return r;
}

/* The name of the program is that of the source, without .c: the guest's ps shows it. */
static int program_name(const char *source, char *ret_program, size_t size)
{
	const char *tmp = getenv("TMPDIR"), *base = strrchr(source, '/');
	char dir[PATH_MAX];

	base = base ? base + 1 : source;
	size_t n = strlen(base);
	if (n > 2 && strcmp(base + n - 2, ".c") == 0)
		n -= 2;
	if (snprintf(dir, sizeof(dir), "%s/carrel-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp") >=
	    (int)sizeof(dir))
		return root_error("TMPDIR is too long a name");
	/* Before the directory is made, so that there is nothing to undo. */
	if (strlen(dir) + n + 2 > size)
		return root_error("%s: the name is too long", source);
	if (!mkdtemp(dir))
		return root_error("cannot make a directory like %s: %s", dir, strerror(errno));
	snprintf(ret_program, size, "%s/%.*s", dir, (int)n, base);
	return 0;
}

int cc_program(const char *source, char *ret_program, size_t size)
{
	static const char *const options[] = {"-g", "-O1", "-fno-omit-frame-pointer", "-pthread"};
	struct words args = {0}, rest = {0};

	if (access(source, R_OK) < 0)
		return root_error("cannot read %s: %s", source, strerror(errno));
	int r = program_name(source, ret_program, size);
	if (r != 0)
		return r;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		words_add(&rest, "%s", options[i]);
	words_add(&rest, "-o");
	words_add(&rest, "%s", ret_program);
	words_add(&rest, "%s%s", source[0] == '-' ? "./" : "", source);
	words_add(&rest, "-lm");
	r = command_words(&args, &rest);
	/* What the compiler prints is said by Carrel, and standard output is the guest's. */
	if (r == 0) {
		r = program_run(&args, STDERR_FILENO, -1);
		if (r < 0)
			r = root_error("cannot run %s: %s", args.items[0], strerror(-r));
		else if (r != 0)
			r = root_error("%s does not compile, so there is nothing to run", source);
	}
	if (r != 0)
		cc_program_remove(ret_program);
	words_finish(&args), words_finish(&rest);
	return r;
}

void cc_program_remove(const char *program)
{
	const char *slash = strrchr(program, '/');

	/* Either may be gone already; then there is nothing left to do. */
	(void)unlink(program);
	if (slash) {
		char *dir = text_format("%.*s", (int)(slash - program), program);
		(void)rmdir(dir);
		free(dir);
	}
}
