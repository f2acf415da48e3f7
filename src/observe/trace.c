/* SPDX-License-Identifier: MIT */
#include "observe/trace.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "observe/event_text.h"

/* Where strace puts the result. */
enum { RESULT_COLUMN = 40 };

/* --- lines ----------------------------------------------------------------------------------- */

static void put(struct trace *tr, struct text *t)
{
	if (!tr->silent)
		tr->write(tr->ctx, text_str(t), t->size);
	text_finish(t);
}

/* Another line begins: the open one is cut. */
static void cut(struct trace *tr)
{
	struct text t = TEXT;
	if (!tr->open)
		return;
	tr->open->cut = true;
	tr->open = NULL;
	text_add(&t, " <unfinished ...>\n");
	put(tr, &t);
}

/* As many digits as the precision has behind the seconds; what is left is cut off, as strace does. */
static void add_fraction(struct text *t, uint64_t ns, enum trace_precision precision)
{
	static const uint32_t unit[] = {[TRACE_MS] = 1000000, [TRACE_US] = 1000, [TRACE_NS] = 1};
	if (precision > TRACE_S)
		text_add(t, ".%0*" PRIu64, 3 * (int)(precision - TRACE_S), ns % 1000000000 / unit[precision]);
}

static void add_day(struct text *t, const struct trace *tr)
{
	uint64_t ns = tr->epoch + tr->now, s = ns / 1000000000;
	if (tr->times.unix_day)
		text_add(t, "%" PRIu64, s);
	else
		text_add(t, "%02u:%02u:%02u", (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	add_fraction(t, ns, tr->times.day);
	text_add(t, " ");
}

static void add_step(struct text *t, struct trace *tr)
{
	uint64_t ns = tr->begun ? tr->now - tr->last : 0;
	tr->last = tr->now;
	tr->begun = true;
	text_add(t, "%s%6" PRIu64, tr->times.day ? "(+" : "", ns / 1000000000);
	add_fraction(t, ns, tr->times.step);
	text_add(t, "%s ", tr->times.day ? ")" : "");
}

static void begin(struct trace *tr, struct text *t, int32_t tid)
{
	cut(tr);
	text_add(t, "[pid %d] ", tid);
	if (tr->times.day)
		add_day(t, tr);
	if (tr->times.step)
		add_step(t, tr);
}

static const char *paint(const struct trace *tr, const char *sgr)
{
	return tr->color ? sgr : "";
}

static struct trace_call **find_call(struct trace *tr, int32_t tid)
{
	struct trace_call **p = &tr->calls;
	while (*p && (*p)->tid != tid)
		p = &(*p)->next;
	return p;
}

static void forget_call(struct trace *tr, int32_t tid)
{
	struct trace_call **p = find_call(tr, tid), *c = *p;
	if (!c)
		return;
	if (tr->open == c)
		tr->open = NULL;
	*p = c->next;
	free(c);
}

/* "rest) = 0" goes on at column, the result where strace aligns it. began: when, if it is over now. */
static void add_result(const struct trace *tr, struct text *t, size_t column, const char *rest, const uint64_t *began)
{
	const char *result = NULL;
	for (const char *p = rest; (p = strstr(p, ") = ")); p++)
		result = p;
	size_t head = result ? (size_t)(result - rest) + 1 : strlen(rest);
	text_add_bytes(t, rest, head);
	column += t->size;
	if (!result)
		return;
	for (; column < RESULT_COLUMN - 1; column++)
		text_add(t, " ");
	text_add(t, "%s", result + 1);
	if (tr->times.took && began) {
		text_add(t, " <%" PRIu64, (tr->now - *began) / 1000000000);
		add_fraction(t, tr->now - *began, tr->times.took);
		text_add(t, ">");
	}
	text_add(t, "\n");
}

static void add_name(struct text *t, uint64_t number)
{
	const char *name = call_name(number);
	if (name)
		text_add(t, "%s", name);
	else
		text_add(t, "syscall_%#" PRIx64, number);
}

/* What was begun goes on: the rest of its line, or a line of its own. returned: not given up. */
static void end_call(struct trace *tr, int32_t tid, uint64_t number, const char *rest, bool returned)
{
	struct text t = TEXT;
	size_t column = 0;
	const struct trace_call *c = *find_call(tr, tid);
	if (tr->open && tr->open->tid == tid) {
		column = tr->column;
		tr->open = NULL;
	} else {
		begin(tr, &t, tid);
		text_add(&t, "<... ");
		add_name(&t, number);
		text_add(&t, " resumed>%s", rest[0] == ')' || rest[0] == ' ' ? "" : " ");
	}
	add_result(tr, &t, column, rest, c && returned ? &c->began : NULL);
	put(tr, &t);
	forget_call(tr, tid);
}

static void call_enter(struct trace *tr, const struct event *e)
{
	struct trace_call *before = *find_call(tr, e->tid);
	if (before) {
		trace_count(tr, before->number, e->time - before->began, true);
		end_call(tr, e->tid, before->number, ") = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", true);
	}
	struct text t = TEXT;
	begin(tr, &t, e->tid);
	const char *text = e->syscall_enter.text ? e->syscall_enter.text : "";
	size_t length = strlen(text);
	text_add(&t, "%s", text);
	tr->column = t.size;
	put(tr, &t);
	struct trace_call *c = calloc(1, sizeof(*c));
	if (!c)
		return; /* it will look as if it had been resumed */
	*c = (struct trace_call){
	    .tid = e->tid, .number = e->syscall_enter.number, .began = e->time,
	    .ends_args = length < 2 || strcmp(text + length - 2, ", ") != 0, .next = tr->calls};
	tr->calls = tr->open = c;
}

static void call_exit(struct trace *tr, const struct event *e)
{
	const struct trace_call *c = *find_call(tr, e->tid);
	int64_t result = e->syscall_exit.result;
	/* Of a call that was not asked for, because of its file. */
	if (!c && tr->concerns)
		return;
	trace_count(tr, e->syscall_exit.number, c ? e->time - c->began : 0, result < 0 && result >= -4095);
	end_call(tr, e->tid, e->syscall_exit.number, e->syscall_exit.text ? e->syscall_exit.text : ") = ?", true);
}

/* A program that no call started: as if one had. */
static void exec(struct trace *tr, const struct event *e)
{
	if (e->pid != tr->spawned || !tr->argv)
		return;
	tr->spawned = 0;
	if (tr->concerns && !tr->concerns(tr->ctx, e))
		return;
	trace_count(tr, TRACE_EXECVE, 0, false);
	struct text t = TEXT;
	begin(tr, &t, e->tid);
	text_add(&t, "execve(");
	const char *path = e->process_exec.path ? e->process_exec.path : "";
	text_add_quoted(&t, path, strlen(path), 4095);
	text_add(&t, ", [");
	for (char **a = tr->argv; *a; a++) {
		text_add(&t, a > tr->argv ? ", " : "");
		text_add_quoted(&t, *a, strlen(*a), 32);
	}
	text_add(&t, "], [/* %u var%s */]", tr->envc, tr->envc == 1 ? "" : "s");
	size_t column = t.size;
	put(tr, &t);
	t = (struct text)TEXT;
	add_result(tr, &t, column, ") = 0", &e->time);
	put(tr, &t);
}

static void add_victim(struct text *t, const struct event_fault *f)
{
	text_add(t, ", evicted={");
	if (f->evicted_pid)
		text_add(t, "pid=%" PRId64 ", addr=0x%" PRIx64 ", ", f->evicted_pid,
			 f->evicted_addr);
	text_add(t, "frame=%" PRIu32 ", dirty=%s", f->evicted_frame,
		 f->evicted_dirty ? "yes" : "no");
	if (f->evicted_slot)
		text_add(t, ", slot=%" PRIu64, f->evicted_slot);
	text_add(t, "}");
}

static void fault(struct trace *tr, const struct event *e)
{
	static const char *const sgr[] = {
	    [CLASS_minor] = "\033[2m", [CLASS_major] = "\033[33m", [CLASS_fatal] = "\033[1;31m"};
	const struct event_fault *f = &e->fault;
	enum cause_class class = cause_class(f->cause);
	struct text t = TEXT;
	begin(tr, &t, e->tid);
	text_add(&t, "%s--- page_fault {kind=%s, cause=%s, access=%s, by=%s, addr=0x%" PRIx64,
		 paint(tr, sgr[class]), cause_class_text(class), cause_text(f->cause),
		 access_text(f->access), agent_text(f->by), f->addr);
	if (f->by == BY_PROGRAM)
		text_add(&t, ", pc=0x%" PRIx64, f->pc);
	if (class != CLASS_fatal)
		text_add(&t, ", frame=%" PRIu32, f->frame);
	if (f->slot)
		text_add(&t, ", slot=%" PRIu64, f->slot);
	if (f->evicted_key)
		add_victim(&t, f);
	text_add(&t, "} ---%s\n", paint(tr, "\033[m"));
	put(tr, &t);
}

/* As strace names them. */
static void add_signal_name(struct text *t, int64_t number)
{
	const char *name = number > 0 && number < 32 ? sigabbrev_np((int)number) : NULL;
	if (name)
		text_add(t, "SIG%s", name);
	else if (number == 32)
		text_add(t, "SIGRTMIN");
	else
		text_add(t, "SIGRT_%" PRId64, number - 32);
}

static const char *signal_code_name(int64_t number, int64_t code)
{
	static const char *const segv[] = {"SEGV_MAPERR", "SEGV_ACCERR"};
	static const char *const bus[] = {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"};
	static const char *const ill[] = {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP",
					  "ILL_PRVOPC"};
	static const char *const chld[] = {"CLD_EXITED",  "CLD_KILLED",  "CLD_DUMPED",
					   "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"};
	static const char *const trap[] = {"TRAP_BRKPT", "TRAP_TRACE"};
	switch (code) {
	case 0: return "SI_USER";
	case 0x80: return "SI_KERNEL";
	case -1: return "SI_QUEUE";
	case -2: return "SI_TIMER";
	case -6: return "SI_TKILL";
	default: break;
	}
	uint64_t i = (uint64_t)code - 1;
	if (number == SIGSEGV && i < 2)
		return segv[i];
	if (number == SIGBUS && i < 3)
		return bus[i];
	if (number == SIGILL && i < 5)
		return ill[i];
	if (number == SIGCHLD && i < 6)
		return chld[i];
	if (number == SIGTRAP && i < 2)
		return trap[i];
	return NULL;
}

static void add_signal(struct trace *tr, const struct event *e)
{
	const struct event_signal *s = &e->signal;
	struct text t = TEXT;
	begin(tr, &t, e->tid);
	text_add(&t, "%s--- ", paint(tr, "\033[35m"));
	add_signal_name(&t, s->number);
	text_add(&t, " {si_signo=");
	add_signal_name(&t, s->number);
	const char *code = signal_code_name(s->number, s->code);
	if (code)
		text_add(&t, ", si_code=%s", code);
	else
		text_add(&t, ", si_code=%" PRId64, s->code);
	bool by_address = s->code > 0 && s->code < 0x80 &&
			  (s->number == SIGSEGV || s->number == SIGBUS || s->number == SIGILL ||
			   s->number == SIGFPE || s->number == SIGTRAP);
	if (by_address && s->addr)
		text_add(&t, ", si_addr=0x%" PRIx64, s->addr);
	else if (by_address)
		text_add(&t, ", si_addr=NULL");
	else if (s->code != 0x80 && s->code != -2)
		text_add(&t, ", si_pid=%" PRId64, s->sender);
	text_add(&t, "} ---%s\n", paint(tr, "\033[m"));
	put(tr, &t);
}

/* Its call never returns. */
static void abandon_call(struct trace *tr, int32_t tid)
{
	struct trace_call *c = *find_call(tr, tid);
	if (c)
		end_call(tr, tid, c->number,
			 c->ends_args ? ") = ?" : " <unfinished ...>) = ?", false);
}

static void exited(struct trace *tr, int32_t tid, int status)
{
	struct text t = TEXT;
	if (!tr->filter.exits)
		return;
	begin(tr, &t, tid);
	if ((status & 0x7f) == 0) {
		text_add(&t, "+++ exited with %d +++\n", status >> 8 & 0xff);
	} else {
		text_add(&t, "+++ killed by ");
		add_signal_name(&t, status & 0x7f);
		text_add(&t, "%s +++\n", status & 0x80 ? " (core dumped)" : "");
	}
	put(tr, &t);
}

/* The first thread is gone, and another, in the midst of execve, has its number. */
static void superseded(struct trace *tr, const struct event *e)
{
	int32_t was = (int32_t)e->thread_lead.was;
	struct trace_call *c = *find_call(tr, was);
	abandon_call(tr, e->tid);
	if (tr->filter.exits) {
		struct text t = TEXT;
		begin(tr, &t, e->tid);
		text_add(&t, "+++ superseded by execve in pid %d +++\n", was);
		put(tr, &t);
	}
	cut(tr);
	if (c)
		c->tid = e->tid;
}

void trace_event(struct trace *tr, const struct event *e)
{
	/* Exits also end what was begun. */
	bool ends = e->kind == EVENT_process_exit || e->kind == EVENT_thread_exit ||
		    e->kind == EVENT_thread_lead;
	/* A child of init is there before anybody runs: the next event of a program is its. */
	if (e->kind == EVENT_process_new)
		tr->spawned = e->process_new.parent == 1 ? e->pid : 0;
	if (!ends && !trace_wants(&tr->filter, e))
		return;
	tr->now = e->time;
	switch (e->kind) {
	case EVENT_fault: fault(tr, e); break;
	case EVENT_syscall_enter:
		if (!tr->concerns || tr->concerns(tr->ctx, e))
			call_enter(tr, e);
		break;
	case EVENT_syscall_exit: call_exit(tr, e); break;
	case EVENT_process_exec: exec(tr, e); break;
	case EVENT_signal: add_signal(tr, e); break;
	case EVENT_thread_exit:
		abandon_call(tr, e->tid);
		/* The first is there, and its number, as long as others are. */
		if (e->tid != e->pid)
			exited(tr, e->tid, (int)e->thread_exit.status);
		break;
	case EVENT_thread_lead: superseded(tr, e); break;
	case EVENT_process_exit:
		abandon_call(tr, e->tid);
		exited(tr, e->tid, (int)e->process_exit.status);
		break;
	default: break;
	}
}

void trace_finish(struct trace *tr)
{
	cut(tr);
	while (tr->calls)
		forget_call(tr, tr->calls->tid);
}
