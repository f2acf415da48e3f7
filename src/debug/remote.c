/* SPDX-License-Identifier: MIT */
/* remote.c - the connection, and the loop around kernel_run */
#include "debug/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/task.h"

/* --- who is debugged --- */

int remote_trace(struct remote *r, struct process *p, bool attached, struct traced **ret_traced)
{
	struct traced *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->pid = p->pid;
	d->attached = attached;
	p->traced = true;
	LIST_INSERT_HEAD(&r->traced, d, link);
	*ret_traced = d;
	return 0;
}

void remote_let_go(struct remote *r, struct traced *d)
{
	struct process *p = process_find(r->k, d->pid);
	struct task *t;
	points_forget(r, d);
	if (p) {
		p->traced = false;
		TAILQ_FOREACH (t, &p->tasks, sibling)
			t->debug = (struct task_debug){.held = false};
	}
	LIST_REMOVE(d, link);
	free(d->point);
	free(d);
}

static void let_all_go(struct remote *r)
{
	while (!LIST_EMPTY(&r->traced))
		remote_let_go(r, LIST_FIRST(&r->traced));
	r->happened_count = r->verdicts = 0;
}

/* --- a second debugger --- */

/* It is told why, in an answer to the first thing that debuggers ask. Its end is closed when the next
 * comes: closed at once, with what it sent unread, it might lose the answer. */
static void refuse(struct host_service *s, short revents)
{
	static const char why[] = "E.another debugger is connected; only one can be at a time";
	struct remote *r = container_of(s, struct remote, door.of);
	struct pollfd first = {.fd = r->in, .events = POLLRDHUP};
	(void)revents;
	/* The first has gone, and what it still sent is about to be read: this is the next one. */
	if (poll(&first, 1, 0) > 0)
		return;
	int fd = accept4(r->config.listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct text t = TEXT;
	text_add(&t, "+");
	packet_add(&t, why, sizeof(why) - 1);
	if (send(fd, text_str(&t), t.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0)
		kernel_say(r->k, "a second debugger was refused, and could not be told");
	text_finish(&t);
	if (r->door.refused >= 0)
		close(r->door.refused);
	r->door.refused = fd;
}

static void door_open(struct remote *r)
{
	if (r->config.listener < 0)
		return;
	r->door.of = (struct host_service){.fd = r->config.listener, .events = POLLIN, .ready = refuse};
	host_service_add(r->k, &r->door.of);
}

static void door_close(struct remote *r)
{
	if (r->door.of.ready)
		host_service_remove(&r->door.of);
	r->door.of.ready = NULL;
	if (r->door.refused >= 0)
		close(r->door.refused);
	r->door.refused = -1;
}

/* --- bytes --- */

static void disconnect(struct remote *r)
{
	door_close(r);
	if (r->in >= 0)
		close(r->in);
	if (r->out >= 0 && r->out != r->in)
		close(r->out);
	r->in = r->out = -1;
	hostio_close_all(r);
}

/* True: all is written. False: the connection is gone, or does not take it and the caller of
 * remote_run wants to be heard. */
static bool write_all(struct remote *r, const char *bytes, size_t size)
{
	enum { PIECE = 4096 }; /* what a pipe that can be written takes without waiting */
	while (size > 0) {
		if (!kernel_wait(r->k, r->out, POLLOUT)) {
			if (r->k->stop)
				return false;
			continue;
		}
		size_t n = min_u64(size, PIECE);
		ssize_t done = send(r->out, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno == ENOTSOCK)
			done = write(r->out, bytes, n);
		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		}
	}
	return true;
}

bool remote_send(struct remote *r, const char *body, size_t size)
{
	text_finish(&r->sent);
	r->sent = (struct text)TEXT;
	packet_add(&r->sent, body, size);
	return !text_failed(&r->sent) && write_all(r, text_str(&r->sent), r->sent.size);
}

bool remote_console(struct remote *r, const char *text, size_t size)
{
	bool sent = true;
	for (size_t at = 0; at < size && sent; at += PACKET_MOST / 2 - 16) {
		struct text out = TEXT;
		text_add(&out, "O");
		packet_add_hex(&out, text + at, min_u64(size - at, PACKET_MOST / 2 - 16));
		sent = !text_failed(&out) && remote_send(r, text_str(&out), out.size);
		text_finish(&out);
	}
	return sent;
}

/* What can be read now goes to the input; false: the connection is at its end. */
static bool fill(struct remote *r)
{
	ssize_t n = read(r->in, r->input, sizeof(r->input));
	r->input_at = 0;
	r->input_end = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* The next event of the input. */
static enum packet_event next_event(struct remote *r)
{
	while (r->input_at < r->input_end) {
		enum packet_event e = packet_read(r->reader, r->input[r->input_at++]);
		if (e != PACKET_NOTHING)
			return e;
	}
	return PACKET_NOTHING;
}

/* --- the connection --- */

static bool connected(struct remote *r, int in, int out)
{
	r->in = in;
	r->out = out;
	r->no_ack = r->multiprocess = r->fork_events = r->vfork_events = r->exec_events = r->swbreak =
	    r->hwbreak = r->no_resumed = false;
	r->general = r->continued = 0;
	r->input_at = r->input_end = 0;
	r->debugger.signals = ~UINT64_C(0);
	packet_reader_init(r->reader);
	door_open(r);
	r->state = REMOTE_STOPPED;
	return true;
}

static bool accept_one(struct remote *r)
{
	int fd = accept4(r->config.listener, NULL, NULL, SOCK_CLOEXEC);
	return fd >= 0 && connected(r, fd, fd);
}

/* Whoever comes to a machine that runs by itself looks at its first process. */
static void attach_first(struct remote *r)
{
	struct traced *d;
	for (struct process *p = process_first(r->k); p; p = process_next(p))
		if (p->space && !p->zombie && p != r->k->init) {
			r->last_stop[0] = 0;
			(void)remote_trace(r, p, true, &d); /* without memory there is nobody to look at */
			return;
		}
}

static void lost(struct remote *r)
{
	bool stopped = r->state == REMOTE_STOPPED && !LIST_EMPTY(&r->traced);
	disconnect(r);
	if (stopped && r->config.listener >= 0) {
		kernel_say(r->k, "the debugger is gone; the program stands still until another connects");
		r->state = REMOTE_WAITING;
		return;
	}
	let_all_go(r);
	r->state = REMOTE_LET_GO;
}

static void quit(struct remote *r)
{
	disconnect(r);
	let_all_go(r);
	r->state = REMOTE_LET_GO;
}

static void acknowledge(struct remote *r, enum packet_event e)
{
	if (!r->no_ack && (e == PACKET_WHOLE || e == PACKET_BROKEN) && !write_all(r, e == PACKET_WHOLE ? "+" : "-", 1))
		lost(r);
}

/* One packet: does it, and answers. */
static void perform(struct remote *r)
{
	r->reply.size = 0;
	enum commanded done = command_do(r, r->reader->body, r->reader->size);
	if (r->in < 0)
		return;
	if (done == COMMAND_QUIT) {
		quit(r);
		return;
	}
	bool answers = done == COMMAND_DONE || LIST_EMPTY(&r->traced);
	if (text_failed(&r->reply)) {
		text_finish(&r->reply);
		r->reply = (struct text)TEXT;
		reply_error(r, ENOMEM);
	}
	if (answers && !remote_send(r, text_str(&r->reply), r->reply.size)) {
		lost(r);
		return;
	}
	if (done == COMMAND_RESUME)
		r->state = LIST_EMPTY(&r->traced) ? REMOTE_LET_GO : REMOTE_RUNNING;
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Answers until the program is to go on. False: the caller of remote_run is wanted. */
static bool converse(struct remote *r)
{
	while (r->state == REMOTE_STOPPED) {
		enum packet_event e = next_event(r);
		acknowledge(r, e);
		if (r->state != REMOTE_STOPPED)
			break;
		if (e == PACKET_NOTHING && LIST_EMPTY(&r->traced) && !readable(r->in))
			break;
		if (e == PACKET_WHOLE)
			perform(r);
		else if (e == PACKET_NAK && !write_all(r, text_str(&r->sent), r->sent.size))
			lost(r);
		else if (e == PACKET_NOTHING && !kernel_wait(r->k, r->in, POLLIN))
			return false;
		else if (e == PACKET_NOTHING && !fill(r))
			lost(r);
	}
	return true;
}

static void tell_stop(struct remote *r)
{
	r->state = LIST_EMPTY(&r->traced) ? REMOTE_LET_GO : REMOTE_STOPPED;
	if (r->in >= 0 && !remote_send(r, r->last_stop, strlen(r->last_stop)))
		lost(r);
}

/* What came while the program runs, or with the packet that lets it run: only Ctrl-C means something. */
static void hear_break(struct remote *r)
{
	for (enum packet_event e; (e = next_event(r)) != PACKET_NOTHING;) {
		acknowledge(r, e);
		if (r->state != REMOTE_RUNNING)
			return;
		if (e == PACKET_BREAK) {
			resume_interrupt(r);
			tell_stop(r);
			return;
		}
	}
}

/* Something came while the program runs. */
static void attend(struct remote *r)
{
	if (r->in < 0) {
		if (accept_one(r))
			attach_first(r);
		return;
	}
	if (!fill(r)) {
		lost(r);
		return;
	}
	if (r->state == REMOTE_LET_GO) {
		r->state = REMOTE_STOPPED; /* it asks, though nobody is debugged */
		return;
	}
	hear_break(r);
}

/* While nobody is debugged a conversation is over when all that came was answered. */
static void settle(struct remote *r)
{
	if (r->state == REMOTE_STOPPED && LIST_EMPTY(&r->traced) && r->input_at == r->input_end && !readable(r->in))
		r->state = REMOTE_LET_GO;
}

static void hear(struct host_service *s, short revents)
{
	struct remote *r = container_of(s, struct remote, service.of);
	(void)revents;
	r->service.heard = true;
	kernel_stop(r->k);
}

/* kernel_run, which also ends when something comes from the debugger, or from one that connects. */
static enum kernel_stop run_on(struct remote *r, uint64_t until)
{
	int fd = r->in >= 0 ? r->in : r->config.listener;
	r->service.heard = false;
	if (fd < 0)
		return kernel_run(r->k, until);
	r->service.of = (struct host_service){.fd = fd, .events = POLLIN, .ready = hear};
	host_service_add(r->k, &r->service.of);
	enum kernel_stop stop = kernel_run(r->k, until);
	host_service_remove(&r->service.of);
	/* All wait, be it for those that are held: only the debugger can change that. */
	if (stop == KERNEL_IDLE && r->in >= 0) {
		r->service.heard = kernel_wait(r->k, fd, POLLIN);
		stop = KERNEL_STOPPED;
	}
	return stop;
}

enum kernel_stop remote_run(struct remote *r, uint64_t until)
{
	for (;;) {
		settle(r);
		if (r->state == REMOTE_WAITING) {
			if (!kernel_wait(r->k, r->config.listener, POLLIN))
				return KERNEL_STOPPED;
			accept_one(r);
			continue;
		}
		if (r->state == REMOTE_STOPPED) {
			if (!converse(r))
				return KERNEL_STOPPED;
			continue;
		}
		if (r->state == REMOTE_RUNNING && resume_happened(r)) {
			tell_stop(r);
			continue;
		}
		if (r->state == REMOTE_RUNNING)
			hear_break(r);
		if (r->state == REMOTE_STOPPED)
			continue;
		enum kernel_stop stop = run_on(r, until);
		if (r->state == REMOTE_RUNNING && resume_happened(r))
			tell_stop(r);
		else if (stop == KERNEL_STOPPED && r->service.heard)
			attend(r);
		else
			return stop;
		if (stop == KERNEL_ENDED)
			return stop;
	}
}

enum remote_state remote_state(const struct remote *r) { return r->state; }

int remote_create(const struct remote_config *config, struct remote **ret_remote)
{
	struct remote *r = calloc(1, sizeof(*r));
	struct process *p = process_find(config->kernel, config->pid);
	struct traced *d;
	if (r)
		r->reader = malloc(sizeof(*r->reader));
	if (!r || !r->reader || !p || remote_trace(r, p, false, &d) != 0) {
		if (r)
			free(r->reader);
		free(r);
		return -ENOMEM;
	}
	r->config = *config;
	r->k = config->kernel;
	r->in = r->out = r->door.refused = -1;
	resume_debugger(r);
	r->k->debugger = &r->debugger;
	r->state = REMOTE_WAITING;
	if (config->listener < 0)
		connected(r, config->in, config->out);
	*ret_remote = r;
	return 0;
}

void remote_destroy(struct remote *r)
{
	if (!r)
		return;
	disconnect(r);
	let_all_go(r);
	r->k->debugger = NULL;
	if (r->config.listener >= 0)
		close(r->config.listener);
	text_finish(&r->reply);
	text_finish(&r->sent);
	free(r->installed);
	free(r->reader);
	free(r);
}
