/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/verb.h"

/* What was seen of one process. */
struct view {
	int32_t pid;
	char *name, *text;
	json_t *json;
};

struct views {
	unsigned count;
	struct view *view;
};

static json_t *json_regions(struct process *p, const struct region_lines *lines)
{
	json_t *regions = json_array();
	for (unsigned i = 0; i < lines->count; i++) {
		const struct region_line *l = &lines->line[i];
		struct region *r = regions_find(&p->space->regions, l->start);
		struct region_usage u = {0};
		if (r)
			space_usage(p->space, r, &u);
		json_array_append_new(
		    regions,
		    json_pack("{s:o, s:o, s:s, s:o, s:s, s:I, s:o, s:I, s:I, s:I}", "start",
			      json_hex(l->start), "end", json_hex(l->end), "permissions", l->perms,
			      "offset", json_hex(l->offset), "device", l->device, "inode",
			      (json_int_t)l->inode, "name", json_text(l->name), "resident",
			      (json_int_t)u.resident, "anonymous", (json_int_t)u.anonymous,
			      "shared", (json_int_t)u.shared));
	}
	return regions;
}

static void maps_look(struct session *s, struct process *p)
{
	struct views *vs = s->ctx;
	struct view *more = realloc(vs->view, (vs->count + 1) * sizeof(*more));
	if (!more)
		return;
	vs->view = more;
	struct view *v = &vs->view[vs->count];
	*v = (struct view){.pid = p->pid, .name = strdup(process_name(p))};
	struct text t = TEXT;
	struct region_lines lines;
	if (s->o->json && region_lines_read(s->kernel, p, &lines) == 0) {
		v->json = json_regions(p, &lines);
		region_lines_finish(&lines);
	} else if (!s->o->json && proc_text(s->kernel, p, "maps", &t) == 0 && !text_failed(&t)) {
		v->text = strdup(text_str(&t));
	}
	text_finish(&t);
	vs->count++;
}

static int by_pid(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int maps_end(struct session *s, int status)
{
	struct views *vs = s->ctx;
	json_t *all = json_array();
	if (vs->count)
		qsort(vs->view, vs->count, sizeof(*vs->view), by_pid);
	for (unsigned i = 0; i < vs->count; i++) {
		struct view *v = &vs->view[i];
		if (v->json)
			json_array_append_new(all,
					      json_pack("{s:i, s:o, s:o}", "pid", v->pid, "name",
							json_text(v->name), "regions", v->json));
		else if (vs->count > 1)
			fprintf(s->out, "%s%d: %s\n", i ? "\n" : "", v->pid,
				v->name ? v->name : "?");
		fputs(v->text ? v->text : "", s->out);
		free(v->name);
		free(v->text);
	}
	if (s->o->json)
		json_print(s->out, json_pack("{s:i, s:O}", "schema", 1, "processes", all));
	json_decref(all);
	free(vs->view);
	return status;
}

int verb_maps(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .look = maps_look, .end = maps_end, .ctrl_c_ends = true};
	struct options o;
	struct views views = {0};
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0) {
		if (!o.pid_given)
			o.pid = PID_ALL;
		r = session_main(&o, &hooks, &views, argv + at);
	}
	options_finish(&o);
	return r;
}
