/* SPDX-License-Identifier: MIT */
#include "cli/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/verb.h"

enum { MESSAGE_MAX = 8 << 20 };

/* A directory that is there and nobody else's, or that can be made. */
static int own_directory(const char *path)
{
	struct stat st;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	return 0;
}

int registry_open(char ret_dir[REGISTRY_PATH])
{
	enum { ROOM = 32 }; /* for a file's name behind it */
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char dir[REGISTRY_PATH];
	int r = -ENOENT;
	if (runtime && runtime[0] == '/' && strlen(runtime) < sizeof(dir) - ROOM) {
		snprintf(dir, sizeof(dir), "%.*s/carrel", (int)sizeof(dir) - ROOM, runtime);
		r = own_directory(dir);
	}
	if (r != 0) {
		snprintf(dir, sizeof(dir), "/tmp/carrel-%u", (unsigned)geteuid());
		r = own_directory(dir);
	}
	if (r == 0)
		memcpy(ret_dir, dir, sizeof(dir));
	return r;
}

void registry_path(const char *dir, int32_t pid, const char *ending, char ret_path[REGISTRY_PATH])
{
	snprintf(ret_path, REGISTRY_PATH, "%s/%d.%s", dir, pid, ending);
}

int registry_connect(const char *dir, int32_t pid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred other;
	socklen_t size = sizeof(other);
	registry_path(dir, pid, "sock", address.sun_path);
	/* A machine that is stopped takes nobody in, and when its queue is full a connect would wait. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (r == 0 && fcntl(fd, F_SETFL, 0) < 0)
		r = -errno;
	if (r == 0 && (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) < 0 ||
		       other.uid != geteuid()))
		r = -EPERM;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static void forget(const char *dir, int32_t pid)
{
	char path[REGISTRY_PATH];
	registry_path(dir, pid, "json", path);
	(void)unlink(path);
	registry_path(dir, pid, "sock", path);
	(void)unlink(path);
}

void registry_leave(const char *dir)
{
	forget(dir, getpid());
}

int registry_enter(const char *dir, json_t *entry)
{
	char path[REGISTRY_PATH], fresh[REGISTRY_PATH];
	registry_path(dir, getpid(), "json", path);
	registry_path(dir, getpid(), "new", fresh);
	/* Whoever lists them sees all of it or nothing. */
	if (json_dump_file(entry, fresh, JSON_COMPACT) < 0)
		return -EIO;
	return rename(fresh, path) < 0 ? -errno : 0;
}

/* What its file says, if the machine is there. */
static json_t *entry_read(const char *dir, int32_t pid)
{
	char path[REGISTRY_PATH];
	int fd = registry_connect(dir, pid);
	if (fd < 0) {
		/* Nobody listens any more. EAGAIN: it has no time now. */
		if (fd == -ECONNREFUSED || fd == -ENOENT)
			forget(dir, pid);
		if (fd != -EAGAIN)
			return NULL;
	} else {
		close(fd);
	}
	registry_path(dir, pid, "json", path);
	json_t *entry = json_load_file(path, 0, NULL);
	if (entry && !json_is_object(entry)) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

static int by_age(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	double s = json_number_value(json_object_get(x, "since")),
	       t = json_number_value(json_object_get(y, "since"));
	return s < t ? -1 : s > t;
}

json_t *registry_list(const char *dir)
{
	json_t *found[1024], *list = json_array();
	unsigned n = 0;
	DIR *d = opendir(dir);
	struct dirent *e;
	while (d && (e = readdir(d)) && n < array_size(found)) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);
		if (end == e->d_name || strcmp(end, ".json") != 0 || pid <= 0 || pid > INT32_MAX)
			continue;
		json_t *entry = entry_read(dir, (int32_t)pid);
		if (entry) {
			json_object_set_new(entry, "run", json_integer(pid));
			found[n++] = entry;
		}
	}
	if (d)
		closedir(d);
	qsort(found, n, sizeof(found[0]), by_age);
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(list, found[i]); /* takes it even when it fails */
	return list;
}

static const char *name_of(const json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	return name ? name : "?";
}

static int32_t number_of(const json_t *entry)
{
	return (int32_t)json_integer_value(json_object_get(entry, "run"));
}

int32_t registry_find(const char *dir, const char *word)
{
	json_t *list = registry_list(dir), *entry;
	unsigned count = 0;
	int32_t pid = 0;
	size_t i;
	char *end;
	long number = word ? strtol(word, &end, 10) : 0;
	bool is_number = word && *word && !*end;
	json_array_foreach (list, i, entry) {
		if (word && (is_number ? number != number_of(entry)
				       : strcmp(word, name_of(entry)) != 0))
			continue;
		pid = number_of(entry);
		count++;
	}
	size_t all = json_array_size(list);
	json_decref(list);
	if (count == 1)
		return pid;
	if (all == 0)
		say("no machine of yours runs now; start one in another terminal: carrel run PROG");
	else if (count == 0 && word)
		say("there is no run %s (any more); carrel ps lists those there are", word);
	else if (word)
		say("%u runs are called %s; say which by its number: carrel ps lists them", count,
		    word);
	else
		say("%u machines run now; say which: carrel ps lists them", count);
	return 0;
}

/* --- messages -------------------------------------------------------------------------------- */

static int send_all(int fd, const char *bytes, size_t size, const int *fds, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	while (size > 0) {
		struct iovec part = {(char *)bytes, size};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
		if (count > 0) {
			m.msg_control = control.bytes;
			m.msg_controllen = CMSG_SPACE(count * sizeof(int));
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(count * sizeof(int))};
			memcpy(CMSG_DATA(c), fds, count * sizeof(int));
		}
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		count = 0; /* they went with the first part */
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

json_t *message_word(const char *bytes)
{
	char *wide = malloc(2 * strlen(bytes) + 1), *to = wide;
	if (!wide)
		return NULL;
	for (const unsigned char *p = (const unsigned char *)bytes; *p; p++) {
		if (*p >= 0x80)
			*to++ = (char)(0xc0 | *p >> 6);
		*to++ = (char)(*p >= 0x80 ? 0x80 | (*p & 0x3f) : *p);
	}
	*to = 0;
	json_t *word = json_string(wide);
	free(wide);
	return word;
}

const char *message_word_read(json_t *word)
{
	const char *wide = json_string_value(word);
	char *bytes = wide ? strdup(wide) : NULL, *to = bytes;
	if (!bytes)
		return NULL;
	for (const char *p = bytes; *p; p++) {
		unsigned char c = (unsigned char)*p;
		*to++ = (char)(c >= 0xc2 && p[1] ? (c & 3) << 6 | (*++p & 0x3f) : c);
	}
	*to = 0;
	int r = json_string_set_nocheck(word, bytes);
	free(bytes);
	return r == 0 ? json_string_value(word) : NULL;
}

int message_send(int fd, const json_t *message, const int *fds, unsigned count)
{
	char *text = json_dumps(message, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	uint32_t size = (uint32_t)strlen(text);
	int r = size > MESSAGE_MAX ? -E2BIG : send_all(fd, (char *)&size, sizeof(size), fds, count);
	if (r == 0)
		r = send_all(fd, text, size, NULL, 0);
	free(text);
	return r;
}

/* Returns how many came: fewer only at the end. */
static ssize_t receive_all(int fd, void *ret_bytes, size_t size, int ms)
{
	size_t done = 0;
	while (done < size) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = poll(&p, 1, ms);
		if (ready < 0)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
		ssize_t n = recv(fd, (char *)ret_bytes + done, size - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int message_receive(int fd, int ms, json_t **ret_message)
{
	uint32_t size;
	ssize_t n = receive_all(fd, &size, sizeof(size), ms);
	if (n <= 0)
		return (int)n;
	if (n < (ssize_t)sizeof(size) || size > MESSAGE_MAX)
		return -EPROTO;
	char *text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	n = receive_all(fd, text, size, ms);
	*ret_message = n == (ssize_t)size ? json_loadb(text, size, 0, NULL) : NULL;
	free(text);
	return *ret_message ? 1 : n < 0 ? (int)n : -EPROTO;
}
