/* SPDX-License-Identifier: MIT */
/* resume.c - who goes on and how; and what happened then
 *
 *	c, s, C, S, vCont -> tasks held or not, steps, signals passed or dropped -> kernel_run
 *	kernel -> told, signal -> r->happened -> one stop reply each, of those who were to go on
 *
 * The machine stops at once when something happens, but a call or an exit may be several things. What
 * happened to a task that is held by now waits until it is to go on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/task.h"

/* --- signals, as the protocol numbers them (include/gdb/signals.def) --- */

static const uint8_t gdb_signals[] = {
    [SIGHUP] = 1,   [SIGINT] = 2,   [SIGQUIT] = 3,  [SIGILL] = 4,     [SIGTRAP] = 5,  [SIGABRT] = 6,
    [SIGBUS] = 10,  [SIGFPE] = 8,   [SIGKILL] = 9,  [SIGUSR1] = 30,   [SIGSEGV] = 11, [SIGUSR2] = 31,
    [SIGPIPE] = 13, [SIGALRM] = 14, [SIGTERM] = 15, [SIGSTKFLT] = 143, [SIGCHLD] = 20, [SIGCONT] = 19,
    [SIGSTOP] = 17, [SIGTSTP] = 18, [SIGTTIN] = 21, [SIGTTOU] = 22,   [SIGURG] = 16,  [SIGXCPU] = 24,
    [SIGXFSZ] = 25, [SIGVTALRM] = 26, [SIGPROF] = 27, [SIGWINCH] = 28, [SIGIO] = 23,  [SIGPWR] = 32,
    [SIGSYS] = 12,
};

enum { GDB_RT33 = 45, GDB_RT63 = 75, GDB_RT32 = 77, GDB_RT64 = 78 };

int signal_to_gdb(int number)
{
	if (number < (int)array_size(gdb_signals))
		return gdb_signals[number];
	if (number == 32)
		return GDB_RT32;
	return number == 64 ? GDB_RT64 : GDB_RT33 + number - 33;
}

int signal_from_gdb(unsigned number)
{
	for (unsigned i = 1; i < array_size(gdb_signals); i++)
		if (gdb_signals[i] == number)
			return (int)i;
	if (number >= GDB_RT33 && number <= GDB_RT63)
		return (int)number - GDB_RT33 + 33;
	return number == GDB_RT32 ? 32 : number == GDB_RT64 ? 64 : 0;
}

/* --- what the kernel tells --- */

static void happen(struct remote *r, const struct happened *h)
{
	/* One task stops the machine at once: only an exit of many at once could fill this. */
	if (r->happened_count < EVENTS_MOST)
		r->happened[r->happened_count++] = *h;
}

static void happened_forget(struct remote *r, int32_t pid, int32_t tid)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->happened_count; i++)
		if (r->happened[i].pid != pid || (tid != 0 && r->happened[i].tid != tid))
			r->happened[n++] = r->happened[i];
	r->happened_count = n;
}

/* A child is debugged, too, until the debugger says otherwise: with its parent's breakpoints, as if
 * they had been copied with its memory. */
static bool child_made(struct remote *r, const struct traced *d, enum debug_what what, int32_t pid)
{
	struct process *child = process_find(r->k, pid);
	struct traced *new;
	if (!(what == DEBUG_VFORK ? r->vfork_events : r->fork_events) || !child)
		return false;
	if (remote_trace(r, child, d->attached, &new) != 0)
		return false;
	if (points_copy(d, new) != 0) {
		remote_let_go(r, new);
		return false;
	}
	new->tls_module = d->tls_module;
	new->named = d->named;
	process_task(child)->debug.held = true;
	return true;
}

static bool any_runs(const struct remote *r, const struct task *but)
{
	const struct traced *d;
	LIST_FOREACH (d, &r->traced, link)
		for (struct task *t = traced_first(r, d); t; t = traced_next(t))
			if (t != but && !t->debug.held)
				return true;
	return false;
}

static bool process_ended(struct remote *r, struct traced *d)
{
	happened_forget(r, d->pid, 0);
	points_forget(r, d);
	return !r->quiet;
}

/* Is this anything that the debugger wants to know? */
static bool wants(struct remote *r, struct traced *d, struct task *t, struct happened *h)
{
	switch (h->what) {
	case DEBUG_BREAK: return points_match(d, h->what, h->value, 0);
	case DEBUG_WATCH:
		h->access = hart_watched(r->k->hart);
		return points_match(d, h->what, h->value, h->access);
	case DEBUG_STEP: return true;
	case DEBUG_CALL_ENTER:
	case DEBUG_CALL_EXIT: return calls_wanted(d, h->value, &h->told_by_us);
	case DEBUG_FORK:
	case DEBUG_VFORK: return child_made(r, d, h->what, (int32_t)h->value);
	case DEBUG_VFORK_DONE: return r->vfork_events;
	case DEBUG_EXEC:
		points_forget(r, d);
		d->tls_module = 0;
		t->debug.step = false;
		return r->exec_events;
	case DEBUG_EXIT: return process_ended(r, d);
	case DEBUG_THREAD_EXIT: return r->no_resumed && !any_runs(r, t);
	}
	return false;
}

static bool told(void *ctx, struct task *t, enum debug_what what, uint64_t value)
{
	struct remote *r = ctx;
	struct traced *d = traced_find(r, t->process->pid);
	struct happened h = {.pid = t->process->pid, .tid = t->tid, .kind = HAPPENED_EVENT, .what = what, .value = value};
	if (!d || !wants(r, d, t, &h))
		return false;
	happen(r, &h);
	return true;
}

/* --- signals: told once, and then what the debugger said --- */

static void judge(struct remote *r, int32_t tid, int number, bool pass)
{
	for (unsigned i = 0; i < r->verdicts; i++)
		if (r->verdict[i].tid == tid && r->verdict[i].number == number) {
			r->verdict[i].pass = pass;
			return;
		}
	if (r->verdicts < EVENTS_MOST)
		r->verdict[r->verdicts++] = (struct verdict){tid, number, pass};
}

static enum debug_signal signal_seen(void *ctx, struct task *t, const struct signal_info *info)
{
	struct remote *r = ctx;
	for (unsigned i = 0; i < r->verdicts; i++) {
		struct verdict v = r->verdict[i];
		if (v.tid != t->tid || v.number != info->number)
			continue;
		/* A call that is interrupted may have to wait before its handler runs: then the kernel
		 * asks again, and is told the same. */
		if (!v.pass || !t->call.active)
			r->verdict[i] = r->verdict[--r->verdicts];
		return v.pass ? DEBUG_PASS : DEBUG_DROP;
	}
	if (!(r->debugger.signals & signal_bit(info->number)))
		return DEBUG_PASS;
	happen(r, &(struct happened){.pid = t->process->pid,
				     .tid = t->tid,
				     .kind = HAPPENED_SIGNAL,
				     .value = info->addr,
				     .signal = info->number});
	r->siginfo.tid = t->tid;
	r->siginfo.info = *info;
	/* Unless it says otherwise when it goes on. */
	judge(r, t->tid, info->number, false);
	return DEBUG_HOLD;
}

void resume_debugger(struct remote *r)
{
	r->debugger = (struct debugger){.told = told, .signal = signal_seen, .signals = ~UINT64_C(0), .ctx = r};
}

/* --- going on --- */

enum action_kind { ACTION_HOLD, ACTION_GO, ACTION_STEP };

struct action {
	enum action_kind kind;
	int signal;
	uint64_t start, size;
	int32_t pid, tid; /* tid -1: all of pid; pid -1: all */
};

static bool action_is_for(const struct action *a, const struct task *t)
{
	if (a->pid > 0 && a->pid != t->process->pid)
		return false;
	return a->tid <= 0 || a->tid == t->tid;
}

/* The signal that it stopped for goes to the program; or another does, sent now. */
static void pass_signal(struct remote *r, struct task *t, int number)
{
	for (unsigned i = 0; i < r->verdicts; i++)
		if (r->verdict[i].tid == t->tid && r->verdict[i].number == number) {
			r->verdict[i].pass = true;
			return;
		}
	const struct signal_info info = {.number = number, .code = SI_USER};
	if (signal_send_task(t, &info) == 0)
		judge(r, t->tid, number, true);
}

static void carry_out(struct remote *r, struct task *t, const struct action *a)
{
	t->debug.held = a->kind == ACTION_HOLD;
	t->debug.step = false;
	if (a->kind == ACTION_STEP)
		debug_step(t, a->start, a->size);
	if (a->signal != 0)
		pass_signal(r, t, a->signal);
}

static enum commanded go_on(struct remote *r, const struct action *action, unsigned actions)
{
	static const struct action hold = {.kind = ACTION_HOLD};
	const struct traced *d;
	unsigned going = 0;
	LIST_FOREACH (d, &r->traced, link)
		for (struct task *t = traced_first(r, d); t; t = traced_next(t)) {
			unsigned i = 0;
			while (i < actions && !action_is_for(&action[i], t))
				i++;
			going += i < actions && action[i].kind != ACTION_HOLD;
			carry_out(r, t, i < actions ? &action[i] : &hold);
		}
	if (going == 0 && !LIST_EMPTY(&r->traced)) {
		reply_error(r, ESRCH);
		return COMMAND_DONE;
	}
	points_sync(r);
	/* Who stands at a breakpoint was taken past it by the debugger, if it wants that. */
	hart_stop_again(r->k->hart);
	return COMMAND_RESUME;
}

/* One letter of vCont with what follows it. */
static bool action_read(const char **at, struct action *ret_action)
{
	struct action a = {.kind = ACTION_GO, .pid = -1, .tid = -1};
	uint64_t n, end;
	char letter = *(*at)++;
	switch (letter) {
	case 'c': break;
	case 's': a.kind = ACTION_STEP; break;
	case 't': a.kind = ACTION_HOLD; break;
	case 'C':
	case 'S':
		if (!hex_number(at, &n) || n > 255)
			return false;
		a.kind = letter == 'S' ? ACTION_STEP : ACTION_GO;
		a.signal = signal_from_gdb((unsigned)n);
		break;
	case 'r':
		if (!hex_number(at, &a.start) || *(*at)++ != ',' || !hex_number(at, &end))
			return false;
		a.kind = ACTION_STEP;
		a.size = end > a.start ? end - a.start : 0;
		break;
	default: return false;
	}
	if (**at == ':') {
		++*at;
		if (!thread_id(at, &a.pid, &a.tid))
			return false;
	}
	*ret_action = a;
	return true;
}

enum commanded resume_vcont(struct remote *r, const char *body)
{
	enum { ACTIONS = 64 };
	struct action action[ACTIONS];
	unsigned n = 0;
	const char *at = body + strlen("vCont");
	while (*at == ';' && n < ACTIONS) {
		at++;
		if (!action_read(&at, &action[n++])) {
			reply_error(r, EINVAL);
			return COMMAND_DONE;
		}
	}
	if (*at || n == 0) {
		reply_error(r, EINVAL);
		return COMMAND_DONE;
	}
	return go_on(r, action, n);
}

/* c[ADDR], s[ADDR], CSIG[;ADDR], SSIG[;ADDR], for who Hc named; all others go on, too. */
enum commanded resume_command(struct remote *r, const char *body)
{
	struct action action[2] = {{.kind = ACTION_GO, .pid = -1, .tid = -1}, {.kind = ACTION_GO, .pid = -1, .tid = -1}};
	struct task *t = r->continued > 0 ? traced_task(r, r->continued) : general_task(r);
	const char *at = body + 1;
	uint64_t n;
	if (!t) {
		reply_error(r, ESRCH);
		return COMMAND_DONE;
	}
	if (body[0] == 'C' || body[0] == 'S') {
		if (!hex_number(&at, &n) || n > 255) {
			reply_error(r, EINVAL);
			return COMMAND_DONE;
		}
		action[0].signal = signal_from_gdb((unsigned)n);
		at += *at == ';';
	}
	if (hex_number(&at, &n)) {
		int e = register_write(t, REMOTE_PC, (const uint8_t *)&n);
		if (e != 0) {
			reply_error(r, e);
			return COMMAND_DONE;
		}
	}
	action[0].pid = t->process->pid;
	action[0].tid = t->tid;
	if (body[0] == 's' || body[0] == 'S')
		action[0].kind = ACTION_STEP;
	return go_on(r, action, r->continued > 0 ? 1 : 2);
}

/* --- stop replies --- */

static void add_number(struct text *t, const struct remote *r, struct task *task, unsigned number)
{
	uint8_t bytes[8];
	register_read(r, task, number, bytes);
	text_add(t, "%02x:", number);
	packet_add_hex(t, bytes, register_size(number));
	text_add(t, ";");
}

static void add_reason(struct remote *r, struct text *t, const struct happened *h)
{
	static const char *const watch[] = {[2] = "watch", [3] = "rwatch", [4] = "awatch"};
	const struct traced *d = traced_find(r, h->pid);
	const struct process *p = process_find(r->k, h->pid);
	const struct point *at = d ? points_match(d, h->what, h->value, h->access) : NULL;
	switch (h->what) {
	case DEBUG_BREAK:
		if (at && at->kind == 1 ? r->hwbreak : r->swbreak)
			text_add(t, "%s:;", at && at->kind == 1 ? "hwbreak" : "swbreak");
		break;
	case DEBUG_WATCH:
		if (at)
			text_add(t, "%s:%llx;", watch[at->kind], (unsigned long long)h->value);
		break;
	case DEBUG_CALL_ENTER:
	case DEBUG_CALL_EXIT:
		if (!h->told_by_us)
			text_add(t, "%s:%llx;", h->what == DEBUG_CALL_ENTER ? "syscall_entry" : "syscall_return",
				 (unsigned long long)h->value);
		break;
	case DEBUG_FORK:
	case DEBUG_VFORK:
		text_add(t, "%s:", h->what == DEBUG_FORK ? "fork" : "vfork");
		add_thread_id(r, t, (int32_t)h->value, (int32_t)h->value);
		text_add(t, ";");
		break;
	case DEBUG_VFORK_DONE: text_add(t, "vforkdone:;"); break;
	case DEBUG_EXEC:
		text_add(t, "exec:");
		if (p && p->exe)
			packet_add_hex(t, p->exe, strlen(p->exe));
		text_add(t, ";");
		break;
	default: break;
	}
}

static void add_exit(const struct remote *r, struct text *t, const struct happened *h)
{
	int status = (int)h->value;
	if (WIFSIGNALED(status))
		text_add(t, "X%02x", signal_to_gdb(WTERMSIG(status)));
	else
		text_add(t, "W%02x", WEXITSTATUS(status));
	if (r->multiprocess)
		text_add(t, ";process:%x", h->pid);
}

static void stop_reply(struct remote *r, const struct happened *h)
{
	struct text t = TEXT;
	struct task *task = traced_task(r, h->tid);
	if (h->kind == HAPPENED_EVENT && h->what == DEBUG_EXIT) {
		add_exit(r, &t, h);
	} else if (h->kind == HAPPENED_EVENT && h->what == DEBUG_THREAD_EXIT) {
		text_add(&t, "N");
	} else {
		text_add(&t, "T%02x", h->kind == HAPPENED_EVENT ? 5 : signal_to_gdb(h->signal));
		if (task) {
			text_add(&t, "thread:");
			add_thread_id(r, &t, h->pid, h->tid);
			text_add(&t, ";");
			add_number(&t, r, task, REG_SP);
			add_number(&t, r, task, REMOTE_PC);
			r->general = h->tid;
			if (h->told_by_us)
				calls_tell(r, task, h->what == DEBUG_CALL_EXIT);
		}
		if (h->kind == HAPPENED_EVENT)
			add_reason(r, &t, h);
	}
	size_t size = min_u64(t.size, sizeof(r->last_stop) - 1);
	memcpy(r->last_stop, text_str(&t), size);
	r->last_stop[size] = 0;
	text_finish(&t);
}

/* May what happened be told now? A step, say, of a task that is held since waits for its turn. */
static bool may_tell(const struct remote *r, const struct happened *h)
{
	const struct task *t = traced_task(r, h->tid);
	bool ends = h->kind == HAPPENED_EVENT && (h->what == DEBUG_EXIT || h->what == DEBUG_THREAD_EXIT);
	return ends || (t && !t->debug.held);
}

bool resume_happened(struct remote *r)
{
	for (unsigned i = 0; i < r->happened_count; i++) {
		struct happened h = r->happened[i];
		if (!may_tell(r, &h))
			continue;
		r->happened_count--;
		memmove(&r->happened[i], &r->happened[i + 1], (r->happened_count - i) * sizeof(h));
		stop_reply(r, &h);
		if (h.kind == HAPPENED_EVENT && h.what == DEBUG_EXIT) {
			struct traced *d = traced_find(r, h.pid);
			if (d)
				remote_let_go(r, d);
		}
		return true;
	}
	return false;
}

void resume_interrupt(struct remote *r)
{
	struct task *t = r->k->current;
	const struct traced *d;
	if (!t || !t->process->traced || t->debug.held || t->state == TASK_DEAD) {
		t = NULL;
		LIST_FOREACH (d, &r->traced, link)
			for (struct task *u = traced_first(r, d); u && !t; u = traced_next(u))
				if (!u->debug.held)
					t = u;
	}
	if (t)
		stop_reply(r, &(struct happened){.pid = t->process->pid, .tid = t->tid, .kind = HAPPENED_STOP, .signal = SIGINT});
}
