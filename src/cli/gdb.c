/* SPDX-License-Identifier: MIT */
#include "cli/gdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "cli/story.h"
#include "cli/verb.h"
#include "cli/walk.h"
#include "debug/remote.h"

/* Of the events that "monitor story" looks at, so many are kept: 100 MiB. */
enum { EVENTS_KEPT = 1 << 20 };

struct gdb {
	const char *spec;
	int listener, own[2]; /* own: of -, standard input and output */
	unsigned port;
	char *path; /* of unix:, to be removed */
	struct session *session;
	struct story *story;
	struct remote *remote;
};

/* --- the socket --- */

static int refuse(const char *spec, const char *what)
{
	return say("-g %s: %s: %s", spec, what, strerror(errno));
}

static int listen_at(struct gdb *g, const struct sockaddr *at, socklen_t size)
{
	int one = 1;
	g->listener = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->listener < 0)
		return refuse(g->spec, "no socket");
	if (at->sa_family == AF_INET && setsockopt(g->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return refuse(g->spec, "the port");
	if (bind(g->listener, at, size) < 0 || listen(g->listener, 1) < 0)
		return refuse(g->spec, errno == EADDRINUSE ? "choose another" : "cannot be listened at");
	return -1;
}

static int listen_unix(struct gdb *g, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	if (!*path || strlen(path) >= sizeof(at.sun_path))
		return say("-g %s: the path must have 1 to %zu bytes", g->spec, sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path));
	int r = listen_at(g, (const struct sockaddr *)&at, sizeof(at));
	if (r >= 0)
		return r;
	g->path = realpath(path, NULL);
	return -1;
}

/* On this host only: who can connect can do with the program what he likes. */
static int listen_port(struct gdb *g, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	uint64_t n;
	if (parse_u64(port, &n) < 0 || n > 65535)
		return say("-g %s: must be a port, unix:PATH, or -", g->spec);
	at.sin_port = htons((uint16_t)n);
	int r = listen_at(g, (const struct sockaddr *)&at, size);
	if (r >= 0)
		return r;
	if (getsockname(g->listener, (struct sockaddr *)&at, &size) < 0)
		return refuse(g->spec, "its port");
	g->port = ntohs(at.sin_port);
	return -1;
}

/* Standard input and output are the connection; the program has the end of no file. */
static bool take_stdio(int fd[2])
{
	fd[0] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	fd[1] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd[0] >= 0 && fd[1] >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0 && close(null) == 0 &&
	       dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

int gdb_open(const char *spec, struct gdb **ret_gdb)
{
	struct gdb *g = calloc(1, sizeof(*g));
	if (!g)
		return say("no memory");
	*g = (struct gdb){.spec = spec, .listener = -1, .own = {-1, -1}, .story = story_create(EVENTS_KEPT)};
	int r = -1;
	if (!g->story)
		r = say("no memory");
	else if (strncmp(spec, "unix:", 5) == 0)
		r = listen_unix(g, spec + 5);
	else if (strcmp(spec, "-") != 0)
		r = listen_port(g, spec + (*spec == ':'));
	else if (!take_stdio(g->own))
		r = refuse(spec, "standard input and output");
	if (r >= 0)
		gdb_close(g);
	else
		*ret_gdb = g;
	return r;
}

void gdb_close(struct gdb *g)
{
	if (!g)
		return;
	const int fds[] = {g->listener, g->own[0], g->own[1]};
	for (unsigned i = 0; i < array_size(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (g->path)
		unlink(g->path);
	free(g->path);
	story_destroy(g->story);
	free(g);
}

/* --- monitor --- */

static void monitor_help(struct text *t)
{
	text_add(t, "monitor maps          the regions of this process, as /proc/PID/maps\n"
		    "monitor walk ADDR     how an address becomes a physical one, level by level\n"
		    "monitor story ADDR    the life of the page there\n"
		    "monitor catch NAME... stops at these system calls; all, none; without a name, says which\n"
		    "ADDR: a number, a symbol, heap, stack, or the beginning of a file's name such as "
		    "libc; also with +NUMBER\n");
}

static void monitor_walk(struct gdb *g, struct process *p, const char *word, struct text *t)
{
	struct session *s = g->session;
	struct walk *w = malloc(sizeof(*w));
	char *bytes = NULL;
	size_t size = 0;
	FILE *f = w ? open_memstream(&bytes, &size) : NULL;
	if (f) {
		walk_take(s->kernel, s->symbols, p, word, 0, w);
		if (w->found)
			walk_print(f, w, word);
		else
			fprintf(f, "%s: no symbol, region or file of that name; monitor maps shows what there is\n",
				word);
	}
	if (!f || fclose(f) != 0)
		text_add(t, "no memory\n");
	else
		text_add_bytes(t, bytes, size);
	free(bytes);
	free(w);
}

static void monitor(void *ctx, struct process *p, const char *command, struct text *t)
{
	struct gdb *g = ctx;
	size_t length = strcspn(command, " ");
	const char *word = command + length + strspn(command + length, " ");
	if (length == 4 && strncmp(command, "maps", 4) == 0) {
		if (proc_text(g->session->kernel, p, "maps", t) != 0)
			text_add(t, "no memory\n");
	} else if (length == 4 && strncmp(command, "walk", 4) == 0 && *word) {
		monitor_walk(g, p, word, t);
	} else if (length == 5 && strncmp(command, "story", 5) == 0 && *word) {
		story_text(g->story, g->session->kernel, g->session->symbols, p, word, t);
	} else {
		if (strcmp(command, "help") != 0)
			text_add(t, "There is no \"monitor %s\".\n", command);
		monitor_help(t);
	}
}

/* --- a run --- */

int gdb_start(struct gdb *g, struct session *s)
{
	struct remote_config c = {.kernel = s->kernel,
				  .pid = s->pid[0],
				  .listener = g->listener,
				  .in = g->own[0],
				  .out = g->own[1],
				  .monitor = monitor,
				  .ctx = g};
	g->session = s;
	if (remote_create(&c, &g->remote) < 0)
		return say("no memory for a debugger");
	g->listener = g->own[0] = g->own[1] = -1;
	const char *name = process_name(process_find(s->kernel, c.pid));
	if (g->path)
		say("%s waits for a debugger: gdb-multiarch -ex 'target remote %s'", name, g->path);
	else if (c.listener >= 0)
		say("%s waits for a debugger: gdb-multiarch -ex 'target remote 127.0.0.1:%u'", name, g->port);
	return -1;
}

void gdb_stop(struct gdb *g)
{
	if (!g)
		return;
	remote_destroy(g->remote);
	g->remote = NULL;
}

enum kernel_stop gdb_run(struct gdb *g, uint64_t until) { return remote_run(g->remote, until); }

bool gdb_waits(const struct gdb *g) { return remote_state(g->remote) == REMOTE_WAITING; }

bool gdb_runs(const struct gdb *g)
{
	enum remote_state state = remote_state(g->remote);
	return state == REMOTE_RUNNING || state == REMOTE_LET_GO;
}

void gdb_seen(struct gdb *g, const struct event *e)
{
	if (g->story)
		story_keep(g->story, e);
}
