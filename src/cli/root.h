/* SPDX-License-Identifier: MIT */
/* root.h - guest roots: the directories that programs see as /
 *
 *	carrel root create [DIR] [PACKAGE...]     root_create.c, with apt's help (root_apt.c)
 *	carrel root import TAR DIR                root_import.c
 *
 * Both end in root_settle, which makes the links and files that packages' scripts would have made.
 * A root that "create" began has var/lib/carrel/root in it, whose first line says whether it is
 * complete: what was interrupted is told from what is done, and from a directory that is no root.
 */
#ifndef CLI_ROOT_H
#define CLI_ROOT_H

#include <stdbool.h>
#include <stddef.h>

/* argv[0] is the verb. Returns the exit status. */
int verb_root(int argc, char **argv);

/* Finds the guest root to use when nobody named one: $CARREL_ROOT, else the default root if it is
 * complete, else a bundle's (share/carrel/root beside the program's bin), else the cross compiler's
 * libraries. Returns 0, -ENOENT when there is none of them, or
 * -ENAMETOOLONG. */
int root_default(char *ret_path, size_t size);

/* Where "root create" puts a root when nobody says where. Returns 0, or -ENOENT when there is no
 * home directory, or -ENAMETOOLONG. */
int root_default_dir(char *ret_path, size_t size);

enum root_state { ROOT_ABSENT, ROOT_EMPTY, ROOT_FOREIGN, ROOT_INCOMPLETE, ROOT_COMPLETE };

/* What dir is. Returns a root_state, or a negative errno when it cannot be looked at. */
int root_state(const char *dir);
/* Makes dir if needed, and notes in it whether it is complete. Returns 0 or a negative errno. */
int root_mark(const char *dir, bool complete);

/* These return an exit status, and have said what went wrong. */
int root_create(int argc, char **argv);
int root_import(int argc, char **argv);

/* Makes what packages' scripts would have made, where it is missing. Returns 0, or a negative
 * errno after saying what could not be made. */
int root_settle(const char *dir);
/* The users and groups that packages ask for, and directories below /run of theirs; root_users.c. */
int root_settle_users(const char *dir);
/* The links of a merged /usr, which must be there before the first package is unpacked. */
int root_settle_links(const char *dir);

#endif
