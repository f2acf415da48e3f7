/* SPDX-License-Identifier: MIT */
/* files_world.c - see files_world.h */
#include "files_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policies.h"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

const char *host_path(const struct world *w, const char *name)
{
	static char path[4][PATH_MAX + NAME_SIZE];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", w->dir, name);
	return p;
}

void host_write(const struct world *w, const char *name, const char *text)
{
	FILE *f = fopen(host_path(w, name), "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		fail(name);
}

const char *host_read(const struct world *w, const char *name)
{
	static char text[65536];
	FILE *f = fopen(host_path(w, name), "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void say(void *ctx, const char *sentence)
{
	printf("# %s\n", sentence);
}

void world_create(struct world *w, uint32_t frames)
{
	static struct kernel_bind bind;
	static const char *const dirs[] = {"root", "root/etc", "root/usr", "root/usr/bin",
					   "work", "bound",    "outside"};
	*w = (struct world){0};
	const char *tmp = getenv("TMPDIR");
	snprintf(w->dir, sizeof(w->dir), "%s/files-XXXXXX", tmp ? tmp : "/var/tmp");
	if (!mkdtemp(w->dir))
		fail("mkdtemp");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (mkdir(host_path(w, dirs[i]), 0755) < 0)
			fail(dirs[i]);
	}
	host_write(w, "secret", "secret\n");
	host_write(w, "outside/secret", "secret\n");
	host_write(w, "root/etc/passwd", "guest\n");
	host_write(w, "bound/file", "bound\n");
	bind = (struct kernel_bind){host_path(w, "bound"), "/bound", true};
	struct kernel_config c = {.frames = frames,
				  .mode = MMU_SV48,
				  .root = host_path(w, "root"),
				  .cwd = host_path(w, "work"),
				  .bind = &bind,
				  .binds = 1,
				  .events = &w->events,
				  .say = say,
				  .policy = &policy_fifo,
				  .fault_around = 1};
	struct process *p = NULL;
	if (kernel_create(&c, &w->kernel) != 0 ||
	    process_create(w->kernel, w->kernel->init, &p) != 0 ||
	    fd_table_create(&p->files) != 0 ||
	    fs_create(w->kernel, w->kernel->mounts->cwd, &p->fs) != 0)
		fail("kernel_create");
	w->task = process_task(p);
}

void world_destroy(struct world *w)
{
	char command[PATH_MAX + 16];
	kernel_destroy(w->kernel);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	if (system(command) != 0)
		fail(command);
}

struct file *world_open(struct world *w, const char *path, uint32_t flags)
{
	struct file *f;
	int err = path_open(w->task, ABI_AT_FDCWD, path, flags, 0644, &f);
	if (err) {
		printf("# %s: %s\n", path, strerror(-err));
		exit(1);
	}
	return f;
}

const char *world_read(struct world *w, const char *path, int *ret_error)
{
	static char text[65536];
	struct file *f;
	*ret_error = path_open(w->task, ABI_AT_FDCWD, path, ABI_O_RDONLY, 0, &f);
	text[0] = '\0';
	if (*ret_error)
		return text;
	int64_t n = file_pread(f, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	if (n < 0)
		*ret_error = (int)n;
	file_put(f);
	return text;
}

void world_write(struct world *w, const char *path, const char *text)
{
	struct file *f = world_open(w, path, ABI_O_WRONLY | ABI_O_CREAT | ABI_O_TRUNC);
	int64_t n = f->ops->write(f, w->task, text, strlen(text), &f->pos);
	if (n != (int64_t)strlen(text))
		exit(1);
	file_put(f);
}

int world_install(struct world *w, struct file *f)
{
	return fd_install(w->task->process->files, f, 0, 1024, false);
}

int world_find(struct world *w, const char *path, unsigned flags, struct place *ret_place)
{
	return path_find(w->kernel, w->task, ABI_AT_FDCWD, path, flags, ret_place);
}
