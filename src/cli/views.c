/* SPDX-License-Identifier: MIT */
#include "cli/views.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/session.h"
#include "cli/verb.h"

/* What was seen of one process. */
struct view {
	int32_t pid;
	char *name;
	struct text text;
	json_t *json;
};

struct views {
	const struct view_kind *kind;
	unsigned count;
	struct view *view;
};

static void views_look(struct session *s, struct process *p)
{
	struct views *vs = s->ctx;
	struct view *more = realloc(vs->view, (vs->count + 1) * sizeof(*more));
	if (!more)
		return;
	vs->view = more;
	struct view *v = &vs->view[vs->count++];
	*v = (struct view){.pid = p->pid, .name = strdup(process_name(p)), .text = TEXT};
	vs->kind->make(s, p, &v->text, &v->json);
}

static int by_pid(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static json_t *view_json(struct view *v)
{
	json_t *j = json_pack("{s:i, s:o}", "pid", v->pid, "name", json_text(v->name));
	if (v->json)
		json_object_update(j, v->json);
	json_decref(v->json);
	return j;
}

static int views_end(struct session *s, int status)
{
	struct views *vs = s->ctx;
	json_t *all = json_array();
	if (vs->count)
		qsort(vs->view, vs->count, sizeof(*vs->view), by_pid);
	for (unsigned i = 0; i < vs->count; i++) {
		struct view *v = &vs->view[i];
		if (s->o->json) {
			json_array_append_new(all, view_json(v));
		} else {
			fputs(i ? "\n" : "", s->out);
			if (vs->kind->titled && vs->count > 1)
				fprintf(s->out, "%d: %s\n", v->pid, v->name ? v->name : "?");
			fputs(text_str(&v->text), s->out);
		}
		if (text_failed(&v->text))
			say("no memory to show all of %s (pid %d)", v->name ? v->name : "?",
			    v->pid);
		free(v->name);
		text_finish(&v->text);
	}
	if (s->o->json)
		json_print(s->out, json_pack("{s:i, s:O}", "schema", 1, "processes", all));
	json_decref(all);
	free(vs->view);
	return status;
}

int views_main(int argc, char **argv, const struct view_kind *kind)
{
	static const struct session_hooks hooks = {
	    .look = views_look, .end = views_end, .ctrl_c_ends = true};
	struct options o;
	struct views views = {.kind = kind};
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0) {
		if (!o.pid_given && !kind->first)
			o.pid = PID_ALL;
		r = session_main(&o, &hooks, &views, argv + at);
	}
	options_finish(&o);
	return r;
}
