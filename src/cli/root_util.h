/* SPDX-License-Identifier: MIT */
/* root_util.h - what the root and cc verbs share: messages, lists of words, running programs
 *
 * Programs are run from argument vectors, never through a shell, so that no name in them can mean
 * anything else. Memory that runs out ends the program with a message: nothing here can go on.
 */
#ifndef CLI_ROOT_UTIL_H
#define CLI_ROOT_UTIL_H

#include <stddef.h>

struct dirent;

#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

enum { EXIT_OWN = 125 };

/* Prints "carrel: " and the message on standard error. Returns EXIT_OWN. */
int root_error(const char *fmt, ...) printf_like(1, 2);

/* One line on a terminal that the next one, or an error, rubs out. Silent elsewhere. */
void progress_show(const char *fmt, ...) printf_like(1, 2);
void progress_clear(void);

/* A list of strings that it owns; items[n] is always NULL. {0} is empty. */
struct words {
	char **items;
	size_t n, room;
};

void words_add(struct words *w, const char *fmt, ...) printf_like(2, 3);
void words_finish(struct words *w);

/* A new string; never NULL. */
char *text_format(const char *fmt, ...) printf_like(1, 2);
/* The contents of a file as a string, or NULL with errno set. */
char *text_read(const char *path);
/* That of a file of a root; NULL too when a link lies in its place or leads out. */
char *text_read_inside(const char *dir, const char *name);
/* Writes text to path at once or not at all. Returns 0 or a negative errno. */
int text_write(const char *path, const char *text);
/* The same to name in the directory top; says what went wrong. */
int text_write_below(const char *top, const char *name, const char *text);

/* The path of name in dir; NULL when a link on the way there (the last part apart) leads out of
 * dir. An imported tree may have "etc -> /etc", and the host's is not meant. */
char *path_inside(const char *dir, const char *name);
/* The entries that filter wants (NULL: all) of the directory name in dir, by their names; the caller frees each and the list. Returns
 * how many; -1: there is no such directory, and no list. */
int scan_inside(const char *dir, const char *name, int (*filter)(const struct dirent *), struct dirent ***ret_list);
/* mkdir -p. Returns 0 or a negative errno. */
int dir_make(const char *path);

/* Runs a program found in PATH and waits. Its standard input is empty; out and err are the
 * descriptors for its output, or -1 to inherit ours. Returns its exit status, 128 + the signal that
 * killed it, or a negative errno when it could not be started. */
int program_run(const struct words *args, int out, int err);
/* The same, collecting standard output. *ret_text is set (to be freed) unless negative. */
int program_read(const struct words *args, int err, char **ret_text);
/* Is there such a program in PATH? */
int program_exists(const char *name);

#endif
