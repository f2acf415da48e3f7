/* SPDX-License-Identifier: MIT */
/* files_world.h - a machine with a root, a working directory and a secret outside, and one process
 *
 *	W/root/...     the guest's /                 W/work/...   its working directory
 *	W/bound        --bind W/bound:/bound:ro      W/secret     what must never be reached
 */
#ifndef FILES_WORLD_H
#define FILES_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"

struct world {
	char dir[PATH_MAX];
	struct events events;
	struct kernel *kernel;
	struct task *task;
};

enum { WORLD_FRAMES = 512 };

/* host_path("a") is W/a; at most four at a time. */
const char *host_path(const struct world *w, const char *name);
void host_write(const struct world *w, const char *name, const char *text);
/* The contents of W/name; "" when it is not there. Lives until the next call. */
const char *host_read(const struct world *w, const char *name);

void world_create(struct world *w, uint32_t frames);
void world_destroy(struct world *w);

/* Opens, expecting success. */
struct file *world_open(struct world *w, const char *path, uint32_t flags);
/* The contents of a guest path, "" and *ret_error negative when it cannot be opened. */
const char *world_read(struct world *w, const char *path, int *ret_error);
void world_write(struct world *w, const char *path, const char *text);
/* Gives the process the open file as its lowest free descriptor. */
int world_install(struct world *w, struct file *f);
int world_find(struct world *w, const char *path, unsigned flags, struct place *ret_place);

#endif
