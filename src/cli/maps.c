/* SPDX-License-Identifier: MIT */
/* maps.c - carrel maps and smaps: the kernel's own /proc texts, or the same as JSON */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "cli/views.h"

static json_t *json_region(const struct region_line *l)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:s, s:I, s:o}", "start", json_hex(l->start), "end",
			 json_hex(l->end), "permissions", l->perms, "offset", json_hex(l->offset),
			 "device", l->device, "inode", (json_int_t)l->inode, "name",
			 json_text(l->name));
}

static json_t *json_regions(struct process *p, const struct region_lines *lines)
{
	json_t *regions = json_array();
	for (unsigned i = 0; i < lines->count; i++) {
		const struct region_line *l = &lines->line[i];
		struct region *r = regions_find(&p->space->regions, l->start);
		struct region_usage u = {0};
		json_t *j = json_region(l);
		if (r)
			space_usage(p->space, r, &u);
		json_object_set_new(j, "resident", json_integer((json_int_t)u.resident));
		json_object_set_new(j, "anonymous", json_integer((json_int_t)u.anonymous));
		json_object_set_new(j, "shared", json_integer((json_int_t)u.shared));
		json_array_append_new(regions, j);
	}
	return regions;
}

static void maps_make(struct session *s, struct process *p, struct text *ret_text,
		      json_t **ret_json)
{
	struct region_lines lines;
	if (!s->o->json) {
		proc_text(s->kernel, p, "maps", ret_text);
	} else if (region_lines_read(s->kernel, p, &lines) == 0) {
		*ret_json = json_pack("{s:o}", "regions", json_regions(p, &lines));
		region_lines_finish(&lines);
	}
}

/* "Rss:                   4 kB" */
static void json_line(json_t *region, const char *line)
{
	char name[32], letters[128];
	unsigned long long kb;
	if (sscanf(line, "%31[A-Za-z_]: %llu kB", name, &kb) == 2)
		json_object_set_new(region, name, json_integer((json_int_t)kb));
	else if (sscanf(line, "VmFlags: %127[a-z ]", letters) == 1)
		json_object_set_new(region, "VmFlags", json_text(letters));
}

/* The lines of smaps, those of each region below a line as in maps. */
static json_t *json_smaps(const struct region_lines *lines, char *text)
{
	json_t *regions = json_array(), *region = NULL;
	unsigned n = 0;
	for (char *line; (line = strsep(&text, "\n"));) {
		unsigned long long start, end;
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2) {
			region = n < lines->count ? json_region(&lines->line[n++]) : NULL;
			json_array_append_new(regions, region);
		} else if (region) {
			json_line(region, line);
		}
	}
	return regions;
}

static void smaps_make(struct session *s, struct process *p, struct text *ret_text,
		       json_t **ret_json)
{
	struct region_lines lines;
	proc_text(s->kernel, p, "smaps", ret_text);
	if (!s->o->json || !ret_text->size || region_lines_read(s->kernel, p, &lines) < 0)
		return;
	*ret_json = json_pack("{s:o}", "regions", json_smaps(&lines, ret_text->bytes));
	region_lines_finish(&lines);
}

int verb_smaps(int argc, char **argv)
{
	static const struct view_kind kind = {.make = smaps_make, .titled = true};
	return views_main(argc, argv, &kind);
}

int verb_maps(int argc, char **argv)
{
	static const struct view_kind kind = {.make = maps_make, .titled = true};
	return views_main(argc, argv, &kind);
}
