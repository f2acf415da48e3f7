/* SPDX-License-Identifier: MIT */
#include "cli/region_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernel/kernel.h"

/* "10000-12000 r-xp 00000000 08:01 1234      /home/mem" */
static bool parse_line(char *s, struct region_line *l)
{
	int at = 0;
	if (sscanf(s, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %15s %" SCNu64 "%n", &l->start,
		   &l->end, l->perms, &l->offset, l->device, &l->inode, &at) != 6 ||
	    at == 0)
		return false;
	s += at;
	l->name = s + strspn(s, " ");
	return true;
}

int region_lines_read(struct kernel *k, struct process *p, struct region_lines *ret_lines)
{
	struct text t = TEXT;
	struct region_lines l = {0};
	int r = proc_text(k, p, "maps", &t);
	if (r >= 0 && text_failed(&t))
		r = -ENOMEM;
	unsigned lines = 0;
	for (const char *c = text_str(&t); *c; c++)
		lines += *c == '\n';
	l.line = r < 0 ? NULL : calloc(lines + 1, sizeof(*l.line));
	l.text = t.bytes;
	if (!l.line) {
		text_finish(&t);
		return r < 0 ? r : -ENOMEM;
	}
	for (char *s = l.text, *end; s && (end = strchr(s, '\n')); s = end + 1) {
		*end = 0;
		l.count += parse_line(s, &l.line[l.count]);
	}
	*ret_lines = l;
	return 0;
}

void region_lines_finish(struct region_lines *l)
{
	free(l->line);
	free(l->text);
	*l = (struct region_lines){0};
}

const struct region_line *region_lines_at(const struct region_lines *l, uint64_t va)
{
	for (unsigned i = 0; i < l->count; i++)
		if (va >= l->line[i].start && va < l->line[i].end)
			return &l->line[i];
	return NULL;
}

void region_describe(const struct region_line *l, char *ret_text, unsigned size)
{
	const char *slash = strrchr(l->name, '/');
	if (!*l->name)
		snprintf(ret_text, size, "anonymous memory");
	else if (l->name[0] == '[')
		snprintf(ret_text, size, "%s", l->name);
	else
		snprintf(ret_text, size, "%s %s", slash ? slash + 1 : l->name,
			 l->perms[2] == 'x'   ? "text"
			 : l->perms[1] == 'w' ? "data"
					      : "constants");
}
