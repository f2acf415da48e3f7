/* SPDX-License-Identifier: MIT */
/* root_apt.h - Debian's packages for a guest root, fetched by apt as a plain user
 *
 * apt-get runs with settings, lists and a record of installed packages of its own. It keeps what
 * the machine's own settings say about the way to the network, and never writes where the machine's
 * packages live. Lists and fetched packages are kept in ~/.cache/carrel/apt, which one apt-get at a time
 * can use; the rest lies in the root, under var/lib/carrel. So two roots can be made at once: the second
 * waits until the first has what it needs.
 */
#ifndef CLI_ROOT_APT_H
#define CLI_ROOT_APT_H

#include <stdbool.h>

#include "cli/root_util.h"

struct apt {
	const char *suite, *mirror; /* mirror: the one asked for, or NULL */
	bool verbose;
	char *cache;  /* lists and packages */
	char *home;   /* settings, in the root */
	char *log;    /* what apt-get said last */
	char *source; /* the mirror that was found */
	int lock;     /* a descriptor; 0: none */
};

/* Prepares the directories. All of these return 0, or EXIT_OWN after saying what went wrong. */
int apt_init(struct apt *apt, const char *root);
void apt_finish(struct apt *apt);
/* Waits until nobody else uses the lists and packages. Until then apt_update and the rest may not be called. */
int apt_lock(struct apt *apt);
void apt_unlock(struct apt *apt);
/* Finds a mirror that has riscv64, and reads its package lists. */
int apt_update(struct apt *apt);
/* Works out which packages are missing for those wanted: the names of their files. */
int apt_resolve(struct apt *apt, const struct words *wanted, struct words *ret_files);
/* Fetches and verifies them, to apt_file's places. */
int apt_fetch(struct apt *apt, const struct words *wanted);
/* The path of one of those files; to be freed. */
char *apt_file(const struct apt *apt, const char *name);
/* The path of the record of what the root has, in dpkg's format; to be freed. */
char *apt_status(const char *root);

#endif
