/* SPDX-License-Identifier: MIT */
/* proc_vm.c - /proc/sys/vm/overcommit_* and *_reserve_kbytes: how far memory may be promised
 *
 * A program may set them, whoever it is: a machine has one user, and it is theirs.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"

/* A number alone, as Linux reads one there: white space around it, nothing else. */
static int number_read(const char *bytes, uint64_t most, uint64_t *ret_value)
{
	while (isspace((unsigned char)*bytes))
		bytes++;
	if (!isdigit((unsigned char)*bytes))
		return -EINVAL;
	char *end;
	errno = 0;
	unsigned long value = strtoul(bytes, &end, 10);
	while (isspace((unsigned char)*end))
		end++;
	if (errno || *end || value > most)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

#define SETTING(name, set_name, field, most, also)                                                 \
	int name(struct kernel *k, struct process *p, struct task *t, struct text *text)           \
	{                                                                                          \
		text_add(text, "%lu\n", (uint64_t)k->mm->commit.rule.field);                       \
		return 0;                                                                          \
	}                                                                                          \
	int set_name(struct kernel *k, struct process *p, struct task *t, const char *bytes,       \
		     size_t size)                                                                  \
	{                                                                                          \
		struct commit_rule *rule = &k->mm->commit.rule;                                    \
		uint64_t value;                                                                    \
		int r = number_read(bytes, most, &value);                                          \
		if (r != 0)                                                                        \
			return r;                                                                  \
		rule->field = value;                                                               \
		also;                                                                              \
		return 0;                                                                          \
	}

/* Of ratio and kbytes the one that was set last counts. */
SETTING(proc_overcommit_memory, proc_set_overcommit_memory, mode, OVERCOMMIT_NEVER, )
SETTING(proc_overcommit_ratio, proc_set_overcommit_ratio, ratio, INT32_MAX, rule->kbytes = 0)
SETTING(proc_overcommit_kbytes, proc_set_overcommit_kbytes, kbytes, INT64_MAX, rule->ratio = 0)
SETTING(proc_user_reserve, proc_set_user_reserve, user_reserve, INT64_MAX, )
SETTING(proc_admin_reserve, proc_set_admin_reserve, admin_reserve, INT64_MAX, )
