/* SPDX-License-Identifier: MIT */
#include "observe/trace.h"

#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "cli/verb.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/task.h"
#include "observe/event_text.h"

static void write_out(void *ctx, const char *bytes, size_t size)
{
	struct session *s = ctx;
	fwrite(bytes, 1, size, s->out);
}

static bool wanted(const struct session *s, const struct event *e)
{
	int32_t pid = s->o->pid;
	if (!s->o->pid_given || pid == PID_ALL)
		return true;
	return e->pid == pid || e->tid == pid;
}

/* What the trace and the verb have in common. */
struct tracer {
	struct trace trace;
	struct session *session;
	char path[TRACE_PATHS_MAX][PATH_SIZE];
};

static bool is_wanted_path(const struct tracer *r, const char *path)
{
	for (unsigned i = 0; i < r->session->o->trace_paths; i++)
		if (strcmp(path, r->path[i]) == 0)
			return true;
	return false;
}

/* -P: does this call concern one of its files? */
static bool concerns(void *ctx, const struct event *e)
{
	struct session *s = ctx;
	const struct tracer *r = s->ctx;
	if (e->kind == EVENT_process_exec)
		return e->process_exec.path && is_wanted_path(r, e->process_exec.path);
	struct task *t = task_find(s->kernel, e->tid);
	for (unsigned i = 0; t && i < s->o->trace_paths; i++)
		if (call_names_path(t, r->path[i]))
			return true;
	return false;
}

static void trace_seen(struct session *s, const struct event *e)
{
	struct tracer *r = s->ctx;
	struct trace *tr = &r->trace;
	if (!wanted(s, e))
		return;
	tr->envc = s->envc;
	if (tr->times.day && s->kernel)
		tr->epoch = kernel_realtime(s->kernel) - kernel_now(s->kernel);
	if (!s->o->jsonl) {
		trace_event(tr, e);
		return;
	}
	if (!trace_wants(&tr->filter, e))
		return;
	struct text t = TEXT;
	event_add_json(&t, e);
	text_add(&t, "\n");
	write_out(s, text_str(&t), t.size);
	text_finish(&t);
}

/* Before the first event: what the lines need to know, and the first line of JSON. */
static void trace_begin(struct session *s)
{
	struct tracer *r = s->ctx;
	struct trace *tr = &r->trace;
	r->session = s;
	tr->write = write_out;
	tr->ctx = s;
	tr->color = s->o->color && !s->o->output;
	tr->argv = s->argv;
	for (unsigned i = 0; i < s->o->trace_paths; i++)
		if (!path_join(s->cwd, s->o->trace_path[i], r->path[i]))
			r->path[i][0] = '\0'; /* no file has so long a name */
	if (s->o->trace_paths)
		tr->concerns = concerns;
	if (!s->o->jsonl)
		return;
	struct text t = TEXT;
	event_add_json_header(&t);
	text_add(&t, "\n");
	write_out(s, text_str(&t), t.size);
	text_finish(&t);
}

static int trace_end(struct session *s, int status)
{
	struct tracer *r = s->ctx;
	trace_finish(&r->trace);
	if (s->o->summary || s->o->summary_only) {
		struct text t = TEXT;
		trace_add_summary(&r->trace, &t);
		write_out(s, text_str(&t), t.size);
		text_finish(&t);
	}
	return status;
}

static int run(const struct options *o, char **argv)
{
	static const struct session_hooks hooks = {
	    .begin = trace_begin, .seen = trace_seen, .end = trace_end};
	const char *words = o->filter ? o->filter : o->trace_paths ? "!faults" : TRACE_EVERYTHING;
	char word[64];
	if (o->jsonl && (o->summary || o->summary_only || o->trace_paths))
		return say("--jsonl goes with neither -c, -C nor -P: its lines have all that is needed to choose and count");
	struct tracer *r = calloc(1, sizeof(*r));
	if (!r)
		return say("no memory");
	int status;
	if (trace_filter_parse(words, &r->trace.filter, word) == 0) {
		r->trace.times = o->times;
		r->trace.silent = o->summary_only;
		status = session_main(o, &hooks, r, argv);
	} else {
		status = say("-e %s: %s is no system call that Carrel has, no cause of a fault, and none of faults, calls, "
			     "signals, exits, %%file, %%memory and its like",
			     o->filter, word);
	}
	free(r);
	return status;
}

int verb_trace(int argc, char **argv)
{
	struct options o;
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0)
		r = run(&o, argv + at);
	options_finish(&o);
	return r;
}
