/* SPDX-License-Identifier: MIT */
/* impl.h - what the files of this room share
 *
 *	remote.c     the connection, and the loop around kernel_run
 *	command.c    packets: who answers which; threads, registers, memory
 *	registers.c  numbers, sizes and the description of registers
 *	points.c     breakpoints and watchpoints
 *	resume.c     continue and step; what happened, as stop replies
 *	query.c      q and Q packets
 *	calls.c      stops at system calls
 *	tls.c        thread-local variables
 *	hostio.c     vFile: the guest's files
 *	lldb.c       what only lldb asks
 *
 * A command that wants to answer adds to r->reply; what is empty in the end is the answer "unknown".
 */
#ifndef DEBUG_IMPL_H
#define DEBUG_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "debug/packet.h"
#include "debug/remote.h"
#include "kernel/debug.h"
#include "kernel/file/file.h"
#include "kernel/signal.h"

enum { POINTS_MOST = 256, REMOTE_FILES = 16, CATCH_WORDS = 512 / 64, EVENTS_MOST = 64 };

/* What a Z packet asks for. */
struct point {
	uint8_t kind; /* 0 and 1: breakpoints; 2 write, 3 read, 4 access */
	uint64_t va, size;
};

/* System calls, by number. */
struct call_set {
	bool all;
	uint64_t call[CATCH_WORDS];
};

/* A process that is debugged. */
struct traced {
	int32_t pid;
	bool attached; /* not started by the debugger: it detaches when it quits */
	struct call_set catch, named; /* where to stop: by QCatchSyscalls, by "monitor catch" */
	uint64_t tls_module; /* where libc says what tls.c wants to know; 0: not known */
	struct point *point;
	unsigned points;
	LIST_ENTRY(traced) link;
};

/* What the hart has of them. */
struct installed {
	unsigned asid;
	struct point point;
};

/* What happened, until it is told. */
struct happened {
	int32_t pid, tid;
	enum { HAPPENED_STOP, HAPPENED_SIGNAL, HAPPENED_EVENT } kind;
	enum debug_what what; /* of an event */
	uint64_t value;
	unsigned access; /* of DEBUG_WATCH: enum hart_watched */
	int signal; /* Linux's number */
	bool told_by_us; /* of a call: see calls_wanted */
};

/* Verdicts on signals that were told. */
struct verdict {
	int32_t tid;
	int number;
	bool pass;
};

struct remote {
	struct remote_config config;
	struct kernel *k;
	struct debugger debugger;
	enum remote_state state;
	int in, out; /* -1: not connected */
	bool no_ack, multiprocess, fork_events, vfork_events, exec_events, swbreak, hwbreak, no_resumed, ended;
	bool quiet; /* what happens now is the debugger's own doing */
	struct packet_reader *reader;
	struct text reply;
	struct text sent; /* the last packet, for those who ask for it again */
	uint8_t input[4096];
	size_t input_at, input_end;

	LIST_HEAD(, traced) traced;
	int32_t general, continued; /* tids of Hg and Hc; 0: any, -1: all */
	struct installed *installed;
	unsigned installed_count;

	struct happened happened[EVENTS_MOST];
	unsigned happened_count;
	char last_stop[512];
	struct verdict verdict[EVENTS_MOST];
	unsigned verdicts;
	struct {
		int32_t tid;
		struct signal_info info;
	} siginfo;

	struct file *file[REMOTE_FILES];
	struct {
		struct host_service of;
		bool heard;
	} service; /* while the machine runs: the connection, or the listener */
	struct {
		struct host_service of;
		int refused; /* a connection that got its answer, until the next; -1: none */
	} door; /* the listener, while there is a connection */
};

/* remote.c. False: the connection is gone. */
bool remote_send(struct remote *r, const char *body, size_t size);
/* Text for the person, in answer to a monitor command or before a stop reply. */
bool remote_console(struct remote *r, const char *text, size_t size);
/* Lets a process go on without a debugger. */
void remote_let_go(struct remote *r, struct traced *d);
int remote_trace(struct remote *r, struct process *p, bool attached, struct traced **ret_traced);

/* command.c */
enum commanded { COMMAND_DONE, COMMAND_RESUME, COMMAND_QUIT };
enum commanded command_do(struct remote *r, const char *body, size_t size);
void reply_ok(struct remote *r);
/* error: positive or negative errno. */
void reply_error(struct remote *r, int error);
struct traced *traced_find(const struct remote *r, int32_t pid);
/* A thread that is debugged and alive, or NULL. */
struct task *traced_task(const struct remote *r, int32_t tid);
/* The task that Hg names, or the first there is; NULL: none. */
struct task *general_task(const struct remote *r);
struct task *traced_first(const struct remote *r, const struct traced *d);
struct task *traced_next(struct task *t);
/* "pPID.TID", "TID", -1 for all, 0 for any; a pid alone means all its threads: *ret_tid -1. */
bool thread_id(const char **at, int32_t *ret_pid, int32_t *ret_tid);
void add_thread_id(const struct remote *r, struct text *t, int32_t pid, int32_t tid);

/* registers.c */
enum { REMOTE_PC = 32, REMOTE_REGISTERS = 71 };
extern const char registers_xml[];
/* Bytes of a register, 0: there is none of that number. */
unsigned register_size(unsigned number);
void register_read(const struct remote *r, struct task *t, unsigned number, uint8_t ret_bytes[8]);
/* Returns 0 or -EBUSY. What cannot be written is left as it is. */
int register_write(struct task *t, unsigned number, const uint8_t bytes[8]);

/* points.c */
void points_command(struct remote *r, const char *body);
/* The hart gets what is wanted now. */
void points_sync(struct remote *r);
void points_forget(struct remote *r, struct traced *d);
int points_copy(const struct traced *from, struct traced *to);
/* The point of d that an event is about, or NULL: it is none of d's. */
const struct point *points_match(const struct traced *d, enum debug_what what, uint64_t va, unsigned access);

/* resume.c */
enum commanded resume_command(struct remote *r, const char *body);
enum commanded resume_vcont(struct remote *r, const char *body);
void resume_debugger(struct remote *r); /* fills in r->debugger */
/* The next thing that happened to somebody who may run: its stop reply goes to r->last_stop. False:
 * there is none. */
bool resume_happened(struct remote *r);
/* Ctrl-C. */
void resume_interrupt(struct remote *r);
int signal_to_gdb(int number);
int signal_from_gdb(unsigned number); /* 0: none */

/* calls.c */
/* Is the machine to stop at this call? *ret_told_by_us: the debugger does not know calls by number. */
bool calls_wanted(const struct traced *d, uint64_t number, bool *ret_told_by_us);
void calls_catch(struct remote *r, const char *at);
/* False: the command is another. */
bool calls_monitor(struct traced *d, const char *command, struct text *t);
/* The call that t is in, or has just done, for the person. */
void calls_tell(struct remote *r, struct task *t, bool done);

/* tls.c */
void tls_symbol(struct remote *r, const char *at);
void tls_address(struct remote *r, const char *at);

/* lldb.c */
void lldb_host(struct remote *r);
void lldb_process(struct remote *r);
void lldb_region(struct remote *r, const char *at);

/* query.c */
void query_command(struct remote *r, const char *body);
void query_set(struct remote *r, const char *body);

/* hostio.c */
void hostio_command(struct remote *r, const char *body, size_t size);
void hostio_close_all(struct remote *r);

#endif
