/* SPDX-License-Identifier: MIT */
/* registry.h - the machines that run now
 *
 *	$XDG_RUNTIME_DIR/carrel/ or /tmp/carrel-UID/
 *	    4711.json    what does not change: the program, its RAM, when it began
 *	    4711.sock    where it is asked for the rest, and told to start something: server.h
 *
 * A run is called by the process number of its carrel on the host, or by its program's name where
 * that is the only one. The directory is the user's alone; what belongs to somebody else is not used.
 * Entries whose machine is gone are removed by whoever finds them.
 */
#ifndef CLI_REGISTRY_H
#define CLI_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { REGISTRY_PATH = 108 }; /* as a socket's address has it */

/* Finds the directory, or makes it. Returns 0 or a negative errno. */
int registry_open(char ret_dir[REGISTRY_PATH]);
/* Path of one machine's file. */
void registry_path(const char *dir, int32_t pid, const char *ending,
		   char ret_path[REGISTRY_PATH]);
/* What stands in the files of all that live, in the order in which they began: an array of objects
 * with "run". The caller's; NULL: no memory. */
json_t *registry_list(const char *dir);
/* Writes the entry of this process. Returns 0 or a negative errno. */
int registry_enter(const char *dir, json_t *entry);
void registry_leave(const char *dir);
/* The number of the run that a word names, NULL: of the only one. Says what is wrong, and returns
 * 0 then. */
int32_t registry_find(const char *dir, const char *word);

/* Connects to a machine. Returns a descriptor or a negative errno: -EAGAIN, it has no time, and so many
 * wait already. */
int registry_connect(const char *dir, int32_t pid);
/* Words of programs are bytes, a message is UTF-8: each byte goes as the character of its value. NULL:
 * no memory. */
json_t *message_word(const char *bytes);
/* The bytes, for as long as word lives and read only once; NULL: it is none. */
const char *message_word_read(json_t *word);
/* One message: its length in four bytes, and a text of JSON. fds: descriptors to go with it. Returns 0
 * or a negative errno. */
int message_send(int fd, const json_t *message, const int *fds, unsigned count);
/* Waits for one, at most ms (-1: for ever). Returns 1, 0 at the end of the stream, or -errno. */
int message_receive(int fd, int ms, json_t **ret_message);

#endif
