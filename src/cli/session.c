/* SPDX-License-Identifier: MIT */
#include "cli/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cc.h"
#include "cli/gdb.h"
#include "cli/server.h"
#include "cli/session_make.h"
#include "cli/streams.h"
#include "cli/symbol.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "kernel/call.h"
#include "kernel/tty/pty.h"
#include "pmap/sv.h"

/* Whom signals of the host concern; one run at a time. */
static struct session *active;

const char *process_name(const struct process *p)
{
	const char *slash = p->exe ? strrchr(p->exe, '/') : NULL;
	return slash ? slash + 1 : p->exe ? p->exe : "?";
}

bool process_alive(const struct process *p)
{
	return p->space && !p->zombie && p != p->kernel->init;
}

bool session_wants(const struct session *s, const struct process *p)
{
	int32_t pid = s->o->pid;
	/* While the first is being started its pid is not known yet: it is the only one. */
	return pid == PID_ALL || p->pid == pid ||
	       (pid == PID_FIRST && (s->started == 0 || p->pid == s->pid[0]));
}

/* --- what happens in the machine ------------------------------------------------------------- */

static void look_once(struct session *s, struct process *p)
{
	s->looked = true;
	s->hooks->look(s, p);
}

static void session_seen(void *ctx, const struct event *e)
{
	struct session *s = ctx;
	s->pid_seen |= e->pid == s->o->pid || (e->tid == s->o->pid && s->o->verb == TRACE);
	if (s->hooks->seen)
		s->hooks->seen(s, e);
	if (s->gdb)
		gdb_seen(s->gdb, e);
	struct process *p = e->pid && s->kernel ? process_find(s->kernel, e->pid) : NULL;
	if (!s->hooks->look || !p)
		return;
	bool wanted = session_wants(s, p);
	switch (e->kind) {
	case EVENT_process_exit:
		if (s->o->at == AT_EXIT && wanted && p->space)
			look_once(s, p);
		break;
	case EVENT_process_exec: s->wish.exec = s->o->at == AT_FUNCTION; break;
	case EVENT_fault:
		if (wanted && s->o->at == AT_FAULT && ++s->faults == s->o->at_number)
			s->wish.look = true;
		break;
	case EVENT_syscall_enter: {
		const struct call_info *info = call_info(e->syscall_enter.number);
		if (wanted && s->o->at == AT_CALL && info && info->name &&
		    strcmp(info->name, s->o->at_name) == 0)
			s->wish.look = true;
		break;
	}
	default: break;
	}
	if (s->wish.look || s->wish.exec)
		kernel_stop(s->kernel);
}

static void on_signal(int number)
{
	struct session *s = active;
	if (!s || !s->kernel)
		return;
	if (number == SIGALRM) {
		s->wish.timed_out = 1;
		kernel_stop(s->kernel);
	} else if (s->hooks->ctrl_c_ends && (number == SIGINT || number == SIGTERM)) {
		s->wish.interrupted = number;
		kernel_stop(s->kernel);
	} else {
		s->wish.interrupted = number;
		/* A shell minds no SIGTERM; that its window closes, it does. */
		bool shell = s->o->verb == SHELL && number == SIGTERM;
		kernel_interrupt(s->kernel, shell ? SIGHUP : number);
	}
}

static void signals_catch(const struct options *o)
{
	static const int caught[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
	struct sigaction a = {.sa_handler = on_signal}, old;
	for (size_t i = 0; i < array_size(caught); i++) {
		/* What the caller ignores, such as nohup's SIGHUP, stays ignored. */
		if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(caught[i], &a, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	if (o->timeout) {
		struct itimerval t = {.it_value = {.tv_sec = o->timeout / 1000000000,
						   .tv_usec = o->timeout / 1000 % 1000000}};
		if (t.it_value.tv_sec == 0 && t.it_value.tv_usec == 0)
			t.it_value.tv_usec = 1;
		sigaction(SIGALRM, &a, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
	}
}

static void signals_release(void)
{
	struct itimerval never = {0};
	setitimer(ITIMER_REAL, &never, NULL);
	active = NULL;
}

/* --- beginning and end ----------------------------------------------------------------------- */

int session_options(struct options *o, int argc, char **argv, const char **ret_operand, int *ret_at)
{
	int at = 1;
	options_init(o, options_verb(argv[0]));
	int r = options_parse(o, argc, argv, &at);
	if (r >= 0)
		return r;
	if (ret_operand) {
		if (at >= argc)
			return say("carrel %s wants an address and a program: carrel help %s",
				   argv[0], argv[0]);
		*ret_operand = argv[at++];
		r = options_parse(o, argc, argv, &at);
		if (r >= 0)
			return r;
	}
	if (at >= argc)
		return say("carrel %s wants a program to run: carrel help %s", argv[0], argv[0]);
	if (o->va && o->va > UINT64_C(1) << (mmu_va_bits(o->mmu) - 1))
		return say("--va is more than the user half of this format of page tables has; it "
			   "ends at %#llx",
			   1ULL << (mmu_va_bits(o->mmu) - 1));
	*ret_at = at;
	return -1;
}

/* Gives back what make_machine made, and all in it. */
static void release_machine(struct session *s)
{
	signals_release();
	server_stop(s->server);
	s->events.observed = false;
	if (s->relay)
		relay_destroy(s->relay, true);
	terminal_restore();
	gdb_stop(s->gdb);
	kernel_destroy(s->kernel);
	s->kernel = NULL;
}

static int open_output(struct session *s)
{
	s->out = stderr;
	if (!s->o->output)
		return -1;
	s->out = fopen(s->o->output, "we");
	if (!s->out)
		return say("-o %s: %s", s->o->output, strerror(errno));
	return -1;
}

/* What the verb had to say has to have arrived. Returns what became of status, as wait4 has it. */
static int close_output(struct session *s, int status)
{
	bool lost = s->out && (fflush(s->out) != 0 || ferror(s->out));
	int error = errno;
	if (s->out && s->out != stderr) {
		if (fclose(s->out) != 0 && !lost) {
			error = errno;
			lost = true;
		}
		if (lost)
			say("-o %s: %s; not all of it was written", s->o->output, strerror(error));
	}
	s->out = NULL;
	bool says = s->o->verb != RUN && s->o->verb != SHELL;
	return lost && says && status == 0 ? STATUS_CARREL << 8 : status;
}

/* The files that session_start made; nothing of the machine. */
static void release_files(struct session *s)
{
	if (s->compiled)
		cc_program_remove(s->compiled);
	free(s->cwd);
	free(s->root);
	free(s->compiled);
	free(s->compiled_guest);
	free(s->compiled_name);
	gdb_close(s->gdb);
	symbol_cache_destroy(s->symbols);
}

/* Above everything that a verb says of the run, for people. */
static void say_like(const struct session *s)
{
	const struct options *o = s->o;
	if (o->like && o->verb != RUN && o->verb != SHELL && !o->json && !o->jsonl)
		fprintf(s->out, "like %s\n", o->like);
}

/* Does the verb speak while the program runs? */
static bool says_at_once(const struct options *o)
{
	return o->verb == TRACE || o->every;
}

static int session_start(struct session *s, const struct options *o,
			 const struct session_hooks *hooks, void *ctx, char **argv)
{
	*s = (struct session){.o = o, .hooks = hooks, .ctx = ctx, .argv = argv, .path = argv[0]};
	s->events.seen = session_seen;
	s->events.ctx = s;
	s->events.observed = hooks->seen || hooks->look || o->gdb;
	s->symbols = symbol_cache_create();
	streams_widen();
	while (argv[s->argc])
		s->argc++;
	s->cwd = o->workdir ? strdup(o->workdir) : getcwd(NULL, 0);
	int r = s->cwd ? open_output(s)
		       : say("the current directory: %s; choose another with -w", strerror(errno));
	if (r < 0)
		r = make_program(s);
	if (r < 0 && o->gdb)
		r = gdb_open(o->gdb, &s->gdb);
	if (r < 0 && says_at_once(o))
		say_like(s);
	if (r < 0 && hooks->begin)
		hooks->begin(s);
	if (r < 0)
		r = make_machine(s);
	if (r < 0) {
		active = s;
		signals_catch(o);
		s->server = server_start(s);
		r = make_terminal(s);
		if (r < 0)
			r = make_processes(s);
		if (r < 0 && s->relay)
			terminal_raw();
		if (r < 0 && s->gdb)
			r = gdb_start(s->gdb, s);
		if (r >= 0)
			release_machine(s);
	}
	if (r >= 0) {
		(void)close_output(s, 0);
		release_files(s);
	}
	return r;
}

/* --- running --------------------------------------------------------------------------------- */

static void look_at_wanted(struct session *s)
{
	for (struct process *p = process_first(s->kernel); p; p = process_next(p))
		if (process_alive(p) && session_wants(s, p))
			look_once(s, p);
}

/* Sets the stop addresses of programs that were loaded since the last time. Returns -1 or a
 * status. */
static int set_stops(struct session *s)
{
	s->wish.exec = false;
	for (struct process *p = process_first(s->kernel); p; p = process_next(p)) {
		uint64_t va;
		if (!process_alive(p) || !session_wants(s, p))
			continue;
		if (symbol_find(s->symbols, p, s->o->at_name, true, &va))
			hart_stop_at(s->kernel->hart, sv_asid(p->space->pmap), va);
		else if (p->pid == s->pid[0])
			return say("--at %s: %s has no function of that name%s", s->o->at_name,
				   process_name(p),
				   "; was it stripped? Also: exit, fault:N, syscall:NAME, 2s");
	}
	return -1;
}

/* Everybody waits, and only a signal can change that, or somebody who comes from outside: so does
 * Carrel. */
static void wait_for_signal(struct session *s, bool tell)
{
	if (tell)
		say("every process waits for something that none of them will do; Ctrl-C ends the run");
	while (!s->wish.timed_out && !s->wish.interrupted && TAILQ_EMPTY(&s->kernel->ready))
		kernel_serve(s->kernel, 100000000);
}

/* When the run ends, in virtual time. */
static uint64_t deadline(const struct session *s)
{
	uint64_t until = s->o->for_time ? s->o->for_time : NO_DEADLINE;
	return s->hooks->look && s->o->at == AT_TIME ? min_u64(until, s->o->at_number) : until;
}

static bool ticks(const struct session *s)
{
	return s->hooks->tick && s->o->every;
}

/* The next thing to stop for, in virtual time. */
static uint64_t next_stop(const struct session *s)
{
	return ticks(s) ? min_u64(deadline(s), s->next_tick) : deadline(s);
}

static void tick(struct session *s)
{
	s->hooks->tick(s);
	while (s->next_tick <= kernel_now(s->kernel))
		s->next_tick += s->o->every;
}

/* The program stopped where --at said. */
static void look_here(struct session *s)
{
	struct process *p = s->kernel->current ? s->kernel->current->process : NULL;
	if (s->o->at == AT_FUNCTION && p && process_alive(p) && session_wants(s, p) &&
	    s->o->pid != PID_ALL)
		look_once(s, p);
	else
		look_at_wanted(s);
}

static int guest_status(const struct session *s)
{
	for (unsigned i = 0; i < s->started; i++) {
		int status;
		if (kernel_status(s->kernel, s->pid[i], &status) && status != 0)
			return status;
	}
	return 0;
}

/* What the run says of itself, as wait4 would: an exit status shifted by eight, or a signal. */
static int ended(struct session *s)
{
	/* The others say so themselves. */
	if (s->o->pid > 0 && !s->pid_seen && s->o->verb & (LOOK | TRACE) & ~EXPLAIN) {
		say("--pid %d: there was no process of that number", s->o->pid);
		return STATUS_CARREL << 8;
	}
	if (s->hooks->look && s->o->at != AT_EXIT && !s->looked) {
		say("--at %s%s: the program ended before that", s->o->at == AT_CALL ? "syscall:" : "",
		    s->o->at_name);
		return STATUS_CARREL << 8;
	}
	return guest_status(s);
}

/* Ctrl-C while the program stands still for a debugger that nobody started, and other ends at any
 * time that it does. */
static bool ends_wait(const struct session *s, int number)
{
	if (number == SIGINT || number == SIGQUIT)
		return gdb_waits(s->gdb);
	return (number == SIGTERM || number == SIGHUP) && !gdb_runs(s->gdb);
}

static int session_run(struct session *s)
{
	bool looks = s->hooks->look != NULL, idle_told = false;
	s->next_tick = s->o->every;
	if (looks && s->o->at == AT_FUNCTION) {
		int r = set_stops(s);
		if (r >= 0)
			return r << 8;
	}
	for (;;) {
		enum kernel_stop stop = s->gdb ? gdb_run(s->gdb, next_stop(s)) : kernel_run(s->kernel, next_stop(s));
		/* Taken in one step: one that comes from here on is seen the next time. */
		int interrupted = __atomic_exchange_n(&s->wish.interrupted, 0, __ATOMIC_RELAXED);
		if (s->wish.timed_out) {
			say("--timeout: the time is over");
			return STATUS_TIMEOUT << 8;
		}
		if (stop == KERNEL_ENDED)
			return ended(s);
		if (interrupted && s->hooks->ctrl_c_ends) {
			if (looks)
				look_at_wanted(s);
			return 0;
		}
		if (s->gdb && ends_wait(s, interrupted))
			return interrupted;
		if (stop == KERNEL_TIME && kernel_now(s->kernel) < deadline(s)) {
			tick(s);
		} else if (stop == KERNEL_TIME) {
			if (looks)
				look_at_wanted(s);
			return guest_status(s);
		} else if (stop == KERNEL_IDLE) {
			if (looks && s->o->at == AT_EXIT) {
				say("every process waits for something that none of them will do; the run ends here");
				look_at_wanted(s);
				return 0;
			}
			wait_for_signal(s, !idle_told);
			idle_told = true;
		} else if (s->wish.exec) {
			int r = set_stops(s);
			if (r >= 0)
				return r << 8;
		} else if (s->wish.look || (looks && s->o->at == AT_FUNCTION)) {
			look_here(s);
			return 0;
		}
	}
}

static int session_finish(struct session *s, int status)
{
	release_machine(s);
	status = close_output(s, status);
	release_files(s);
	return terminal_end_as(status);
}

int session_main(const struct options *o, const struct session_hooks *hooks, void *ctx, char **argv)
{
	struct session *s = malloc(sizeof(*s));
	if (!s)
		return say("no memory");
	int r = session_start(s, o, hooks, ctx, argv);
	if (r < 0) {
		int status = session_run(s);
		if (!says_at_once(o))
			say_like(s);
		if (hooks->end)
			status = hooks->end(s, status);
		r = session_finish(s, status);
	}
	free(s);
	return r;
}
