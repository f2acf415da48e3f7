/* SPDX-License-Identifier: MIT */
/* proc_settings.c - files under /proc/sys that can be written: how Linux reads numbers there, and how far
 * each may go
 *
 * Numbers stand in C's notation, white space between them; of several as many are set as are given.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/ipc/ipc.h"
#include "kernel/file/pipe.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/proc/proc.h"

/* The next number; moves *bytes behind it. Returns 0, -EINVAL, or -ENODATA: there is none. */
static int number_next(const char **bytes, uint64_t least, uint64_t most, uint64_t *ret_value)
{
	const char *at = *bytes;
	char *end;
	while (isspace((unsigned char)*at))
		at++;
	if (!*at)
		return -ENODATA;
	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	errno = 0;
	uint64_t value = strtoul(at, &end, 0);
	if (errno || value < least || value > most || (*end && !isspace((unsigned char)*end)))
		return -EINVAL;
	*bytes = end;
	*ret_value = value;
	return 0;
}

/* As many as are given of count numbers; what follows them is not looked at. Nothing is changed where one
 * of them is wrong. Returns how many bytes they took, or -EINVAL. */
static int numbers_read(const char *bytes, uint64_t least, uint64_t most, uint64_t *numbers, unsigned count)
{
	const char *start = bytes;
	uint64_t value[4];
	unsigned n = 0;
	int r = 0;
	while (n < count && (r = number_next(&bytes, least, most, &value[n])) == 0)
		n++;
	if (r == -EINVAL || (n == 0 && r != 0))
		return -EINVAL;
	memcpy(numbers, value, n * sizeof(value[0]));
	while (isspace((unsigned char)*bytes))
		bytes++;
	return (int)(bytes - start);
}

#define NUMBER(name, field, least, most)                                                                               \
	int proc_##name(struct kernel *k, struct process *p, struct task *t, struct text *text)                        \
	{                                                                                                              \
		text_add(text, "%lu\n", k->settings.field);                                                            \
		return 0;                                                                                              \
	}                                                                                                              \
	int proc_set_##name(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)       \
	{                                                                                                              \
		return numbers_read(bytes, least, most, &k->settings.field, 1);                                        \
	}

enum { IPC_OBJECTS = 1 << IPC_INDEX_BITS };

NUMBER(core_uses_pid, core_uses_pid, 0, 1)
NUMBER(pid_max, pid_max, 301, 4194304)
NUMBER(threads_max, threads_max, 20, THREADS_MAX)
NUMBER(shmmax, shm_max, 0, UINT64_MAX)
NUMBER(shmall, shm_all, 0, UINT64_MAX)
NUMBER(shmmni, shm_count, 0, IPC_OBJECTS)
NUMBER(msgmax, message_size, 0, SETTINGS_MESSAGE)
NUMBER(msgmnb, queue_bytes, 0, INT32_MAX)
NUMBER(msgmni, queue_count, 0, IPC_OBJECTS)
NUMBER(queues_max, mqueue.queues, 0, INT32_MAX)
NUMBER(msg_max, mqueue.messages, 1, 65536)
NUMBER(msg_default, mqueue.messages_default, 1, 65536)
NUMBER(msgsize_max, mqueue.size, 128, 16 * 1024 * 1024)
NUMBER(msgsize_default, mqueue.size_default, 128, 16 * 1024 * 1024)
NUMBER(max_queued_events, inotify.events, 0, INT32_MAX)
NUMBER(max_user_instances, inotify.instances, 0, INT32_MAX)
NUMBER(max_user_watches, inotify.watches, 0, INT32_MAX)
NUMBER(file_max, files, 0, INT64_MAX)
NUMBER(pipe_user_soft, pipe_user_soft, 0, INT64_MAX)
NUMBER(pipe_user_hard, pipe_user_hard, 0, INT64_MAX)
NUMBER(lease_break, lease_break, 0, INT32_MAX)
NUMBER(swappiness, swappiness, 0, 200)

/* Open files; of Linux's free ones there are none to be seen since 2.6. */
int proc_file_nr(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%lu\t0\t%lu\n", k->open_files, k->settings.files);
	return 0;
}

int proc_pipe_max_size(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%lu\n", k->settings.pipe_size);
	return 0;
}

/* A power of two. */
int proc_set_pipe_max_size(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	uint64_t value, power = PAGE_SIZE;
	int r = numbers_read(bytes, 1, PIPE_CAPACITY_MOST, &value, 1);
	if (r < 0)
		return r;
	while (power < value)
		power *= 2;
	k->settings.pipe_size = power;
	return r;
}

int proc_sem(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const uint64_t *sem = k->settings.sem;
	text_add(text, "%lu\t%lu\t%lu\t%lu\n", sem[0], sem[1], sem[2], sem[3]);
	return 0;
}

int proc_set_sem(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	static const uint64_t most[4] = {65536, INT32_MAX, IPC_SEM_OPS_HARD, IPC_OBJECTS};
	uint64_t sem[4];
	memcpy(sem, k->settings.sem, sizeof(sem));
	int r = numbers_read(bytes, 0, INT32_MAX, sem, array_size(sem));
	for (unsigned i = 0; r > 0 && i < array_size(sem); i++)
		r = sem[i] > most[i] ? -ERANGE : r;
	if (r > 0)
		memcpy(k->settings.sem, sem, sizeof(sem));
	return r;
}

/* A line without its end, cut to what there is room for. */
static void line_read(const char *bytes, char *ret_line, size_t room)
{
	size_t n = min_u64(strcspn(bytes, "\n"), room);
	memmove(ret_line, bytes, n);
	memset(ret_line + n, 0, room + 1 - n);
}

#define NAME(name, field, room)                                                                                        \
	int proc_##name(struct kernel *k, struct process *p, struct task *t, struct text *text)                        \
	{                                                                                                              \
		text_add(text, "%s\n", k->settings.field);                                                             \
		return 0;                                                                                              \
	}                                                                                                              \
	int proc_set_##name(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)       \
	{                                                                                                              \
		line_read(bytes, k->settings.field, room);                                                             \
		return 0;                                                                                              \
	}

NAME(hostname, host_name, SETTINGS_NAME)
NAME(domainname, domain_name, SETTINGS_NAME)

/* --core's is not the guest's to see: it names a file of the host. */
int proc_core_pattern(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%s\n", k->settings.core_pattern);
	return 0;
}

/* A core is a file: no program is started to take it. */
int proc_set_core_pattern(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	if (*bytes == '|')
		return -EINVAL;
	line_read(bytes, k->settings.core_pattern, SETTINGS_PATTERN);
	return 0;
}

/* ---- Memory ---- */

int proc_max_map_count(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%u\n", k->mm->regions_max);
	return 0;
}

int proc_set_max_map_count(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	uint64_t value;
	int r = numbers_read(bytes, 0, SETTINGS_REGIONS, &value, 1);
	if (r > 0)
		k->mm->regions_max = (uint32_t)value;
	return r;
}

/* 1: clean pages of files that nobody has mapped; 2: nothing here, as there is no cache of names. */
int proc_set_drop_caches(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	uint64_t what;
	int r = numbers_read(bytes, 1, 4, &what, 1);
	if (r > 0 && what & 1)
		evict_clean(k->mm);
	return r;
}

/* Any frame serves any page: there is never anything to move together. */
int proc_set_compact_memory(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	uint64_t one;
	return numbers_read(bytes, 1, 1, &one, 1);
}

/* What /proc/zoneinfo calls min: half of the lower mark of the background cleaner. */
int proc_min_free(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%u\n", k->mm->config.low / 2 * 4);
	return 0;
}

/* The cleaner keeps free between twice and three times as much. 0 is none. It has no more than a half. */
int proc_set_min_free(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	uint64_t kib;
	int r = numbers_read(bytes, 0, (uint64_t)k->mm->frames * 4 / 6, &kib, 1);
	if (r < 0)
		return r;
	uint32_t pages = (uint32_t)(kib / 4);
	k->mm->config.low = 2 * pages;
	k->mm->config.high = 3 * pages;
	return r;
}
