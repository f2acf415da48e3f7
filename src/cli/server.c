/* SPDX-License-Identifier: MIT */
#include "cli/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/registry.h"
#include "cli/verb.h"
#include "kernel/tty/pty.h"

enum { PEERS_MAX = 64, ASK_MAX = 8 << 20 };

/* Somebody who has connected. */
struct peer {
	struct server *server;
	struct host_service service;
	uint8_t *bytes; /* of a message that has not come whole */
	size_t size, room;
	int fd[3]; /* that came with it; -1: not yet */
	int32_t pid;	     /* what it started; 0: nothing */
	struct relay *relay; /* its terminal */
	bool ended;
	int status;
	LIST_ENTRY(peer) link;
};

struct server {
	struct session *session;
	struct host_service service;
	char dir[REGISTRY_PATH];
	LIST_HEAD(, peer) peers;
	unsigned count;
};

/* --- one who asks ---------------------------------------------------------------------------- */

static void peer_close_files(struct peer *p)
{
	for (unsigned i = 0; i < array_size(p->fd); i++) {
		if (p->fd[i] >= 0)
			close(p->fd[i]);
		p->fd[i] = -1;
	}
}

static void signal_group(struct process *member, void *number)
{
	struct signal_info info = {.number = *(int *)number, .code = SI_USER};
	(void)signal_send_process(member, &info); /* as kill: a full queue loses it */
}

static void peer_signal(struct peer *p, int number)
{
	struct kernel *k = p->server->session->kernel;
	if (number < 1 || number > SIGNALS || !p->pid || p->ended)
		return;
	if (p->relay)
		relay_signal(p->relay, number);
	else
		process_group_each(k, p->pid, signal_group, &number);
}

static void peer_destroy(struct peer *p)
{
	if (p->relay)
		relay_destroy(p->relay, false);
	else
		peer_signal(p, SIGHUP); /* nobody sees what it does any more */
	peer_close_files(p);
	host_service_remove(&p->service);
	close(p->service.fd);
	LIST_REMOVE(p, link);
	p->server->count--;
	free(p->bytes);
	free(p);
}

/* Returns false when it could not be told: it is gone, or does not read. */
static bool peer_tell(struct peer *p, json_t *message)
{
	int r = message ? message_send(p->service.fd, message, NULL, 0) : -ENOMEM;
	json_decref(message);
	return r == 0;
}

/* What it started has ended, and all of its words were shown. */
static void peer_finish(void *ctx)
{
	struct peer *p = ctx;
	(void)peer_tell(p, json_pack("{s:i}", "status", p->status));
	peer_destroy(p);
}

static void peer_ended(struct peer *p, int status)
{
	p->ended = true;
	p->status = status;
	if (!p->relay || !relay_drain(p->relay, peer_finish, p))
		peer_finish(p);
}

static void on_ended(void *ctx, int32_t pid, int status)
{
	struct server *v = ctx;
	struct peer *p;
	LIST_FOREACH (p, &v->peers, link) {
		if (p->pid == pid && !p->ended) {
			peer_ended(p, status);
			return;
		}
	}
}

/* --- what is asked --------------------------------------------------------------------------- */

static json_t *answer_status(struct session *s)
{
	struct kernel *k = s->kernel;
	struct mm_usage u;
	unsigned processes = 0;
	mm_usage(k->mm, &u);
	for (struct process *p = process_first(k); p; p = process_next(p))
		processes += process_alive(p);
	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I}", "processes", (int)processes, "frames",
			 (json_int_t)u.frames, "frames_used", (json_int_t)(u.frames - u.free),
			 "swap_slots", (json_int_t)u.swap, "swap_used", (json_int_t)u.swap_used,
			 "virtual_ns", (json_int_t)kernel_now(k));
}

/* An array of strings as NULL-terminated words, which stay the array's. NULL: it is none. */
static const char **words(const json_t *array)
{
	size_t n = json_array_size(array);
	const char **list = n < ASK_MAX / 4 ? calloc(n + 1, sizeof(*list)) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		list[i] = message_word_read(json_array_get(array, i));
		if (!list[i]) {
			free(list);
			return NULL;
		}
	}
	return list;
}

/* What the kernel says of a program that cannot be started is for him who asked. */
static void keep_sentence(void *ctx, const char *sentence)
{
	json_t **kept = ctx;
	if (!*kept)
		*kept = json_text(sentence);
}

static int start_program(struct peer *p, const json_t *ask, const struct kernel_program *program,
			 json_t **ret_why)
{
	struct kernel *k = p->server->session->kernel;
	struct kernel_config *c = &k->config;
	void (*say_before)(void *, const char *) = c->say;
	void *ctx_before = c->say_ctx;
	c->say = keep_sentence;
	c->say_ctx = ret_why;
	bool terminal = json_is_true(json_object_get(ask, "terminal"));
	struct kernel_program copy = *program;
	int r = terminal ? relay_create(k, p->fd[0], p->fd[1], false, &p->relay) : 0;
	if (r == 0 && terminal) {
		const json_t *size = json_object_get(ask, "size");
		relay_resize(p->relay, (uint16_t)json_integer_value(json_array_get(size, 0)),
			     (uint16_t)json_integer_value(json_array_get(size, 1)));
		copy.relay = p->relay;
	}
	if (r == 0)
		r = kernel_spawn(k, &copy);
	c->say = say_before;
	c->say_ctx = ctx_before;
	return r;
}

static bool answer_exec(struct peer *p, const json_t *ask)
{
	const char **argv = words(json_object_get(ask, "argv")),
		   **env = words(json_object_get(ask, "env"));
	json_t *why = NULL;
	int r = -EINVAL;
	if (argv && argv[0] && env && p->fd[2] >= 0 && !p->pid) {
		const struct kernel_program program = {
		    .path = argv[0],
		    .argv = argv,
		    .env = env,
		    .stdio = {p->fd[0], p->fd[1], p->fd[2]},
		    .apart = true,
		    .streams = true,
		    .cwd = message_word_read(json_object_get(ask, "cwd")),
		    .user = message_word_read(json_object_get(ask, "user")),
		};
		r = start_program(p, ask, &program, &why);
	}
	free(argv);
	free(env);
	/* The machine has its own of them. */
	peer_close_files(p);
	if (r > 0) {
		p->pid = r;
		json_decref(why);
		return peer_tell(p, json_pack("{s:i}", "pid", r));
	}
	int status = r == -ENOENT ? STATUS_NOT_FOUND
		     : r == -EACCES || r == -ENOEXEC ? STATUS_CANNOT
						     : STATUS_CARREL;
	if (!why)
		why = json_text(strerror(-r));
	(void)peer_tell(p, json_pack("{s:o, s:i}", "error", why, "status", status));
	return false;
}

/* Returns false when there is nothing more to be said. */
static bool answer(struct peer *p, const json_t *ask)
{
	const char *what = json_string_value(json_object_get(ask, "ask"));
	const json_t *number = json_object_get(ask, "signal"), *size = json_object_get(ask, "size");
	if (what && strcmp(what, "status") == 0)
		return peer_tell(p, answer_status(p->server->session));
	if (what && strcmp(what, "exec") == 0)
		return answer_exec(p, ask);
	if (number)
		peer_signal(p, (int)json_integer_value(number));
	else if (size && p->relay)
		relay_resize(p->relay, (uint16_t)json_integer_value(json_array_get(size, 0)),
			     (uint16_t)json_integer_value(json_array_get(size, 1)));
	return true;
}

/* --- messages come in parts ------------------------------------------------------------------ */

static void take_files(struct peer *p, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (i < array_size(p->fd) && p->fd[i] < 0)
				p->fd[i] = fd;
			else
				close(fd);
		}
	}
}

/* Returns false when the other side is gone, or sends what is none of ours. */
static bool peer_read(struct peer *p)
{
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control;
	if (p->room - p->size < 4096) {
		size_t room = p->room * 2 + 8192;
		uint8_t *more = room > 2 * ASK_MAX ? NULL : realloc(p->bytes, room);
		if (!more)
			return false;
		p->bytes = more;
		p->room = room;
	}
	struct iovec part = {p->bytes + p->size, p->room - p->size};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(p->service.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	take_files(p, &m);
	p->size += (size_t)n;
	return n > 0;
}

static void peer_ready(struct host_service *service, short revents)
{
	struct peer *p = (struct peer *)((char *)service - offsetof(struct peer, service));
	bool good = peer_read(p);
	uint32_t size;
	while (good && p->size >= sizeof(size)) {
		memcpy(&size, p->bytes, sizeof(size));
		good = size <= ASK_MAX;
		if (!good || p->size < sizeof(size) + size)
			break;
		json_t *ask = json_loadb((char *)p->bytes + sizeof(size), size, 0, NULL);
		p->size -= sizeof(size) + size;
		memmove(p->bytes, p->bytes + sizeof(size) + size, p->size);
		good = ask && answer(p, ask);
		json_decref(ask);
	}
	if (!good)
		peer_destroy(p);
}

/* --- the door -------------------------------------------------------------------------------- */

static void on_connect(struct host_service *service, short revents)
{
	struct server *v = (struct server *)((char *)service - offsetof(struct server, service));
	struct ucred other;
	socklen_t size = sizeof(other);
	int fd = accept4(service->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	struct peer *p = NULL;
	if (v->count < PEERS_MAX &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid())
		p = calloc(1, sizeof(*p));
	if (!p) {
		close(fd);
		return;
	}
	p->server = v;
	p->fd[0] = p->fd[1] = p->fd[2] = -1;
	p->service = (struct host_service){.fd = fd, .events = POLLIN, .ready = peer_ready};
	LIST_INSERT_HEAD(&v->peers, p, link);
	v->count++;
	host_service_add(v->session->kernel, &p->service);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, path, REGISTRY_PATH);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* One of a machine with the same number that was killed. */
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static json_t *describe(const struct session *s)
{
	struct timespec now;
	char real[PATH_MAX];
	const char *slash = strrchr(s->argv[0], '/'), *name = slash ? slash + 1 : s->argv[0];
	json_t *words = json_array();
	clock_gettime(CLOCK_REALTIME, &now);
	for (unsigned i = 0; i < s->argc; i++)
		(void)json_array_append_new(words, json_text(s->argv[i]));
	return json_pack("{s:i, s:o, s:o, s:o, s:I, s:b, s:f}", "schema", 1, "name", json_text(name),
			 "program", json_text(realpath(s->argv[0], real) ? real : s->argv[0]),
			 "argv", words, "memory", (json_int_t)s->o->memory, "terminal",
			 isatty(STDERR_FILENO), "since",
			 (double)now.tv_sec + (double)now.tv_nsec / 1e9);
}

/* --- a neighbour ----------------------------------------------------------------------------- */

/* Were both started by a person, and not by one script? A shell with job control gives each job a
 * group of its own; a script does not. */
static bool by_hand(const json_t *other, int32_t pid)
{
	bool terminals = isatty(STDERR_FILENO) && json_is_true(json_object_get(other, "terminal"));
	return getpgid(pid) != getpgrp() && (getsid(pid) == getsid(0) || terminals);
}

/* A second machine with the same program beside a first is often meant as a second process in it. */
static void tell_neighbour(const struct server *v, const json_t *mine)
{
	const struct session *s = v->session;
	json_t *list = registry_list(v->dir), *entry;
	size_t i;
	json_array_foreach (list, i, entry) {
		int32_t pid = (int32_t)json_integer_value(json_object_get(entry, "run"));
		if (pid == getpid() || !by_hand(entry, pid) ||
		    !json_equal(json_object_get(entry, "program"), json_object_get(mine, "program")))
			continue;
		say("%s runs already, in the machine %d; this is another machine with a RAM of its "
		    "own, so that addresses here and there have nothing to do with each other\n"
		    "  Copies in one machine:        carrel run -n 2 %s\n"
		    "  One more in that machine:     carrel exec %d -- %s",
		    s->argv[0], pid, s->argv[0], pid, s->argv[0]);
		break;
	}
	json_decref(list);
}

/* Enters the run; with somebody at a terminal, looks who else is there. The lock is so that of two
 * that begin at once exactly one comes second. Returns 0 or a negative errno. */
static int enter(struct server *v)
{
	int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC), lock = -1;
	bool person = terminal >= 0 && v->session->o->verb == RUN;
	json_t *entry = describe(v->session);
	if (terminal >= 0)
		close(terminal);
	if (person)
		lock = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock >= 0)
		(void)flock(lock, LOCK_EX);
	int r = entry ? registry_enter(v->dir, entry) : -ENOMEM;
	if (r == 0 && person)
		tell_neighbour(v, entry);
	if (lock >= 0)
		close(lock);
	json_decref(entry);
	return r;
}

struct server *server_start(struct session *s)
{
	struct server *v = calloc(1, sizeof(*v));
	char path[REGISTRY_PATH];
	if (!v)
		return NULL;
	LIST_INIT(&v->peers);
	v->session = s;
	int r = registry_open(v->dir);
	if (r == 0) {
		registry_path(v->dir, getpid(), "sock", path);
		r = v->service.fd = listen_at(path);
	}
	if (r >= 0) {
		r = enter(v);
		if (r < 0) {
			close(v->service.fd);
			(void)unlink(path);
		}
	}
	if (r < 0) {
		if (s->o->verbose)
			say("carrel ps and exec will not find this run: %s", strerror(-r));
		free(v);
		return NULL;
	}
	v->service.events = POLLIN;
	v->service.ready = on_connect;
	host_service_add(s->kernel, &v->service);
	s->kernel->ended = on_ended;
	s->kernel->ended_ctx = v;
	return v;
}

void server_stop(struct server *v)
{
	struct peer *p;
	if (!v)
		return;
	v->session->kernel->ended = NULL;
	while ((p = LIST_FIRST(&v->peers))) {
		/* The machine ends around it. */
		if (p->pid && !p->ended) {
			p->ended = true;
			(void)peer_tell(p, json_pack("{s:i}", "status", SIGKILL));
		}
		peer_destroy(p);
	}
	host_service_remove(&v->service);
	close(v->service.fd);
	registry_leave(v->dir);
	free(v);
}
