/* SPDX-License-Identifier: MIT */
/* proc_arguments.c - /proc/PID/cmdline and environ: what lies in the program's memory now
 *
 * A program names itself by writing over its arguments (setproctitle), and a name that is longer goes on
 * into its environment. A last byte that is no NUL says that it did so.
 */
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/proc/proc.h"
#include "kernel/task.h"
#include "vm/space.h"

void proc_add_memory(const struct process *p, uint64_t start, uint64_t end, struct text *text)
{
	uint8_t bytes[PAGE_SIZE];
	while (p->space && start < end) {
		uint64_t n = min_u64(end - start, PAGE_SIZE - start % PAGE_SIZE);
		if (!space_peek(p->space, start, bytes, n))
			return;
		text_add_bytes(text, bytes, n);
		start += n;
	}
}

/* A title: to the first NUL, but no more than a page. */
static void add_title(const struct process *p, uint64_t end, struct text *text)
{
	struct text all = TEXT;
	proc_add_memory(p, p->arg_start, min_u64(end, p->arg_start + PAGE_SIZE), &all);
	size_t length = strnlen(text_str(&all), all.size);
	text_add_bytes(text, text_str(&all), min_u64(length + 1, all.size));
	text_finish(&all);
}

void proc_add_arguments(const struct process *p, struct text *text)
{
	char last;
	uint64_t end = p->env_start == p->arg_end ? p->env_end : p->arg_end;
	if (!p->space || p->arg_start == p->arg_end)
		return;
	if (space_peek(p->space, p->arg_end - 1, &last, 1) && last)
		add_title(p, end, text);
	else
		proc_add_memory(p, p->arg_start, p->arg_end, text);
}
