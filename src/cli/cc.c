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

/* The compiler and what it needs to be told. Returns 0, or EXIT_OWN after saying what to
 * install. */
static int compiler_words(struct words *ret_args)
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
	if (clang_words(ret_args))
		return 0;
	return root_error(
	    "there is no compiler for riscv64 on this machine. Install one of these:\n"
	    "  the cross compiler (Debian: gcc-riscv64-linux-gnu libc6-dev-riscv64-cross);\n"
	    "  clang, with binutils-riscv64-linux-gnu or lld (15 or newer), and a root with\n"
	    "  libraries to link with:\n"
	    "    carrel root create libc6-dev libgcc-14-dev");
}

int verb_cc(int argc, char **argv)
{
	struct words args = {0};
	int r = compiler_words(&args);

	if (r != 0) {
		words_finish(&args);
		return r;
	}
	for (int i = 1; i < argc; i++)
		words_add(&args, "%s", argv[i]);
	execvp(args.items[0], args.items);
	r = root_error("cannot run %s: %s", args.items[0], strerror(errno));
	words_finish(&args);
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
	struct words args = {0};
	int r = 0;

	if (access(source, R_OK) < 0)
		return root_error("cannot read %s: %s", source, strerror(errno));
	r = compiler_words(&args);
	if (r == 0)
		r = program_name(source, ret_program, size);
	if (r != 0) {
		words_finish(&args);
		return r;
	}
	static const char *const options[] = {"-g", "-O1", "-fno-omit-frame-pointer", "-pthread"};
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		words_add(&args, "%s", options[i]);
	words_add(&args, "-o");
	words_add(&args, "%s", ret_program);
	words_add(&args, "%s%s", source[0] == '-' ? "./" : "", source);
	words_add(&args, "-lm");
	/* What the compiler prints is said by Carrel, and standard output is the guest's. */
	r = program_run(&args, STDERR_FILENO, -1);
	if (r < 0)
		r = root_error("cannot run %s: %s", args.items[0], strerror(-r));
	else if (r != 0)
		r = root_error("%s does not compile, so there is nothing to run", source);
	if (r != 0)
		cc_program_remove(ret_program);
	words_finish(&args);
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
