/* SPDX-License-Identifier: MIT */
/* settings.h - what programs may change of a machine: numbers and names under /proc/sys
 *
 * They begin as on a Linux that nobody tuned, belong to the kernel, and are read where they count, at
 * each use; what was made before a change stays as it is, as on Linux. How far each may go stands in
 * proc/proc_settings.c: where Linux would let a number grow for ever, ours ends at a maximum that keeps
 * the host at ease.
 */
#ifndef KERNEL_SETTINGS_H
#define KERNEL_SETTINGS_H

#include <stdint.h>

enum {
	SETTINGS_NAME = 64,	/* bytes of a host's or a domain's name */
	SETTINGS_PATTERN = 127, /* of core_pattern */
	SETTINGS_MESSAGE = 65536, /* the most that msgmax may be */
	SETTINGS_REGIONS = 1048576, /* that max_map_count may be */
};

struct settings {
	char host_name[SETTINGS_NAME + 1], domain_name[SETTINGS_NAME + 1];
	char core_pattern[SETTINGS_PATTERN + 1];
	uint64_t core_uses_pid;
	uint64_t pid_max, threads_max;
	uint64_t shm_max, shm_all, shm_count; /* bytes of one; pages of all; how many */
	uint64_t sem[4]; /* in a set; in all; in one call; how many sets */
	uint64_t message_size, queue_bytes, queue_count;
	struct {
		uint64_t queues, messages, messages_default, size, size_default;
	} mqueue;
	uint64_t pipe_size, pipe_user_soft, pipe_user_hard; /* bytes of one; pages of a user's, 0: no limit */
	struct {
		uint64_t events, instances, watches;
	} inotify;
	uint64_t files;
	uint64_t lease_break; /* seconds that who has a lease is given */
	uint64_t swappiness; /* kept: a policy has its own mind about whose pages go */
};

void settings_init(struct settings *s);

#endif
