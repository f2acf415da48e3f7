/* SPDX-License-Identifier: MIT */
/* verb.h - the verbs, and how they speak
 *
 * Each verb is verb_NAME(argc, argv) with argv[0] the verb; it returns the exit status of carrel.
 * Standard output belongs to the program that runs; Carrel speaks on standard error, and each
 * sentence says what was wrong, with which file or option, and what to do next.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

/* Own failures, as env and docker have them. */
enum { STATUS_TIMEOUT = 124, STATUS_CARREL = 125, STATUS_CANNOT = 126, STATUS_NOT_FOUND = 127 };

#define VERB(name, args, summary) int verb_##name(int argc, char **argv);
#include "cli/verbs.def"
#undef VERB

struct verb {
	const char *name, *args, *summary;
	int (*run)(int argc, char **argv);
};

/* By name; NULL: there is none. */
const struct verb *verb_find(const char *name);
/* In the order of verbs.def, and an entry without a name at the end. */
extern const struct verb verbs[];

/* "carrel: " and the sentence, on standard error. Returns STATUS_CARREL. */
int say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many letters must change to make one word of the other: to guess what was meant. */
unsigned word_distance(const char *a, const char *b);

#endif
