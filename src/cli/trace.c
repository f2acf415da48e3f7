/* SPDX-License-Identifier: MIT */
#include "observe/trace.h"

#include "cli/session.h"
#include "cli/verb.h"
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

static void trace_seen(struct session *s, const struct event *e)
{
	struct trace *tr = s->ctx;
	if (!wanted(s, e))
		return;
	tr->envc = s->envc;
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
	struct trace *tr = s->ctx;
	tr->write = write_out;
	tr->ctx = s;
	tr->color = s->o->color && !s->o->output;
	tr->argv = s->argv;
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
	trace_finish(s->ctx);
	return status;
}

static int run(const struct options *o, char **argv)
{
	static const struct session_hooks hooks = {
	    .begin = trace_begin, .seen = trace_seen, .end = trace_end};
	struct trace tr = {0};
	char word[64];
	if (trace_filter_parse(o->filter, &tr.filter, word) < 0)
		return say(
		    "-e %s: %s is no system call that Carrel has, no cause of a fault, and none of "
		    "faults, calls, signals, exits",
		    o->filter, word);
	return session_main(o, &hooks, &tr, argv);
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
