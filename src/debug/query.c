/* SPDX-License-Identifier: MIT */
/* query.c - q and Q packets: what is there, and what is wanted */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/call.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"

static bool starts(const char *body, const char *with) { return strncmp(body, with, strlen(with)) == 0; }

/* --- what both sides can --- */

static bool offers(const char *body, const char *feature)
{
	size_t n = strlen(feature);
	for (const char *at = body; (at = strstr(at, feature)); at += n)
		if ((at[-1] == ':' || at[-1] == ';') && at[n] == '+')
			return true;
	return false;
}

static void supported(struct remote *r, const char *body)
{
	r->multiprocess = offers(body, "multiprocess");
	r->fork_events = offers(body, "fork-events");
	r->vfork_events = offers(body, "vfork-events");
	r->exec_events = offers(body, "exec-events");
	r->swbreak = offers(body, "swbreak");
	r->hwbreak = offers(body, "hwbreak");
	r->no_resumed = offers(body, "no-resumed");
	text_add(&r->reply,
		 "PacketSize=%x;QStartNoAckMode+;multiprocess+;vContSupported+;swbreak+;hwbreak+;"
		 "fork-events+;vfork-events+;exec-events+;no-resumed+;QPassSignals+;QProgramSignals+;"
		 "QCatchSyscalls+;qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
		 "qXfer:threads:read+;qXfer:siginfo:read+",
		 PACKET_MOST);
}

/* --- threads --- */

static void list_threads(struct remote *r)
{
	const struct traced *d;
	char before = 'm';
	LIST_FOREACH (d, &r->traced, link)
		for (struct task *t = traced_first(r, d); t; t = traced_next(t)) {
			if (r->reply.size > PACKET_MOST / 2)
				return;
			text_add(&r->reply, "%c", before);
			add_thread_id(r, &r->reply, t->process->pid, t->tid);
			before = ',';
		}
	if (before == 'm')
		text_add(&r->reply, "l");
}

static const char *state_text(const struct task *t)
{
	switch (t->state) {
	case TASK_READY:
	case TASK_RUNNING: return t->call.active ? "in a call" : "ready";
	case TASK_WAITING: return "waiting";
	case TASK_STOPPED: return "stopped by a signal";
	case TASK_DEAD: return "dead";
	}
	return "";
}

static void add_state(struct text *t, const struct task *task)
{
	const struct call_info *info = task->call.active ? call_info(task->call.number) : NULL;
	text_add(t, "%s", state_text(task));
	if (info && info->name)
		text_add(t, " in %s", info->name);
}

static void thread_extra(struct remote *r, const char *at)
{
	int32_t pid, tid;
	struct text t = TEXT;
	struct task *task = thread_id(&at, &pid, &tid) ? traced_task(r, tid) : NULL;
	if (task) {
		text_add(&t, "%s: ", task->comm);
		add_state(&t, task);
	}
	packet_add_hex(&r->reply, text_str(&t), t.size);
	text_finish(&t);
}

static void add_quoted(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr("<>&\"'", *s) || *s < ' ' || *s > '~')
			text_add(t, "&#%u;", *s < ' ' || *s > '~' ? '?' : (unsigned char)*s);
		else
			text_add(t, "%c", *s);
}

static int make_threads(struct remote *r, const char *annex, struct text *t)
{
	const struct traced *d;
	text_add(t, "<?xml version=\"1.0\"?><threads>");
	LIST_FOREACH (d, &r->traced, link)
		for (struct task *task = traced_first(r, d); task; task = traced_next(task)) {
			text_add(t, "<thread id=\"");
			add_thread_id(r, t, task->process->pid, task->tid);
			text_add(t, "\" core=\"0\" name=\"");
			add_quoted(t, task->comm);
			text_add(t, "\">");
			add_state(t, task);
			text_add(t, "</thread>");
		}
	text_add(t, "</threads>");
	return 0;
}

/* --- qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH --- */

static int make_features(struct remote *r, const char *annex, struct text *t)
{
	if (strcmp(annex, "target.xml") != 0)
		return ENOENT;
	text_add(t, "%s", registers_xml);
	return 0;
}

static int make_auxv(struct remote *r, const char *annex, struct text *t)
{
	const struct task *task = general_task(r);
	if (!task)
		return ESRCH;
	const struct process *p = task->process;
	text_add_bytes(t, p->auxv, p->auxv_words * sizeof(p->auxv[0]));
	return 0;
}

static int make_exec_file(struct remote *r, const char *annex, struct text *t)
{
	uint64_t pid = 0;
	const struct task *task = general_task(r);
	const struct process *p = task ? task->process : NULL;
	if (hex_number(&annex, &pid))
		p = pid <= INT32_MAX && traced_find(r, (int32_t)pid) ? process_find(r->k, (int32_t)pid) : NULL;
	if (!p || !p->exe)
		return ESRCH;
	text_add(t, "%s", p->exe);
	return 0;
}

static int make_siginfo(struct remote *r, const char *annex, struct text *t)
{
	uint8_t bytes[SIGINFO_SIZE];
	const struct task *task = general_task(r);
	if (!task || task->tid != r->siginfo.tid)
		return ESRCH;
	signal_info_encode(&r->siginfo.info, bytes);
	text_add_bytes(t, bytes, sizeof(bytes));
	return 0;
}

static const struct {
	const char *name;
	int (*make)(struct remote *r, const char *annex, struct text *t);
} objects[] = {{"features", make_features}, {"auxv", make_auxv},       {"exec-file", make_exec_file},
	       {"threads", make_threads},   {"siginfo", make_siginfo}};

/* Splits at the next colon; NULL: there is none. */
static char *part(char **at)
{
	char *colon = strchr(*at, ':'), *from = *at;
	if (!colon)
		return NULL;
	*colon = 0;
	*at = colon + 1;
	return from;
}

static int transfer_from(struct remote *r, char *body)
{
	const char *object = part(&body), *verb = object ? part(&body) : NULL, *annex = verb ? part(&body) : NULL;
	const char *at = body;
	uint64_t offset, length;
	struct text t = TEXT;
	if (!annex || !hex_number(&at, &offset) || *at++ != ',' || !hex_number(&at, &length) || *at)
		return EINVAL;
	if (strcmp(verb, "read") != 0)
		return 0;
	for (size_t i = 0; i < array_size(objects); i++) {
		if (strcmp(objects[i].name, object) != 0)
			continue;
		int e = objects[i].make(r, annex, &t);
		if (e == 0 && text_failed(&t))
			e = ENOMEM;
		if (e == 0) {
			offset = min_u64(offset, t.size);
			/* Each byte may need an escape. */
			length = min_u64(min_u64(length, t.size - offset), PACKET_MOST / 2 - 16);
			text_add(&r->reply, "%c", offset + length < t.size ? 'm' : 'l');
			packet_add_binary(&r->reply, text_str(&t) + offset, length);
		}
		text_finish(&t);
		return e;
	}
	return 0;
}

static void transfer(struct remote *r, const char *body)
{
	char *copy = strdup(body);
	int e = copy ? transfer_from(r, copy) : ENOMEM;
	free(copy);
	if (e != 0)
		reply_error(r, e);
}

/* --- monitor --- */

static void monitor(struct remote *r, const char *hex)
{
	char command[1024];
	struct text t = TEXT;
	struct task *task = general_task(r);
	long n = hex_bytes(hex, (uint8_t *)command, sizeof(command) - 1);
	if (n < 0 || !task) {
		reply_error(r, n < 0 ? EINVAL : ESRCH);
		return;
	}
	command[n] = 0;
	struct traced *d = traced_find(r, task->process->pid);
	if (!d || !calls_monitor(d, command, &t))
		r->config.monitor(r->config.ctx, task->process, command, &t);
	(void)remote_console(r, text_str(&t), t.size); /* the answer that follows meets what fails */
	text_finish(&t);
	reply_ok(r);
}

/* --- all --- */

static void is_attached(struct remote *r, const char *body)
{
	const char *at = body + strlen("qAttached:");
	uint64_t pid = 0;
	const struct task *t = general_task(r);
	const struct traced *d = t ? traced_find(r, t->process->pid) : NULL;
	if (body[strlen("qAttached")] == ':')
		d = hex_number(&at, &pid) && pid <= INT32_MAX ? traced_find(r, (int32_t)pid) : NULL;
	if (d)
		text_add(&r->reply, "%d", d->attached);
	else
		reply_error(r, ESRCH);
}

void query_command(struct remote *r, const char *body)
{
	const struct task *t = general_task(r);
	if (starts(body, "qSupported")) {
		supported(r, body);
	} else if (strcmp(body, "qfThreadInfo") == 0) {
		list_threads(r);
	} else if (strcmp(body, "qsThreadInfo") == 0) {
		text_add(&r->reply, "l");
	} else if (starts(body, "qThreadExtraInfo,")) {
		thread_extra(r, body + strlen("qThreadExtraInfo,"));
	} else if (strcmp(body, "qC") == 0 && t) {
		text_add(&r->reply, "QC");
		add_thread_id(r, &r->reply, t->process->pid, t->tid);
	} else if (starts(body, "qAttached")) {
		is_attached(r, body);
	} else if (starts(body, "qXfer:")) {
		transfer(r, body + strlen("qXfer:"));
	} else if (starts(body, "qRcmd,")) {
		monitor(r, body + strlen("qRcmd,"));
	} else if (strcmp(body, "qHostInfo") == 0) {
		lldb_host(r);
	} else if (strcmp(body, "qProcessInfo") == 0) {
		lldb_process(r);
	} else if (starts(body, "qMemoryRegionInfo:")) {
		lldb_region(r, body + strlen("qMemoryRegionInfo:"));
	} else if (starts(body, "qSymbol:")) {
		tls_symbol(r, body + strlen("qSymbol:"));
	} else if (starts(body, "qGetTLSAddr:")) {
		tls_address(r, body + strlen("qGetTLSAddr:"));
	}
}

/* QPassSignals:a;b;c: those that it does not want to hear of. */
static void pass_signals(struct remote *r, const char *at)
{
	signal_set pass = 0;
	uint64_t n;
	while (hex_number(&at, &n)) {
		int number = n < 256 ? signal_from_gdb((unsigned)n) : 0;
		if (number > 0)
			pass |= signal_bit(number);
		at += *at == ';';
	}
	r->debugger.signals = ~pass;
	reply_ok(r);
}

void query_set(struct remote *r, const char *body)
{
	if (strcmp(body, "QStartNoAckMode") == 0) {
		reply_ok(r);
		r->no_ack = true;
	} else if (starts(body, "QPassSignals:")) {
		pass_signals(r, body + strlen("QPassSignals:"));
	} else if (starts(body, "QProgramSignals:")) {
		/* Which of them it may pass on: whatever it does is what it is allowed. */
		reply_ok(r);
	} else if (starts(body, "QCatchSyscalls:")) {
		calls_catch(r, body + strlen("QCatchSyscalls:"));
	}
}
