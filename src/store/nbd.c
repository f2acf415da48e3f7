/* SPDX-License-Identifier: MIT */
/* nbd.c - swapped pages on a network block device, by libnbd
 *
 *	page 0		the header of a swap area (header.h)
 *	page n + 1	slot n
 *
 * Each transfer is one request of up to 64 KiB, sent by submit and waited for by finish, so that many
 * are in flight. Its bytes lie in a buffer of its own meanwhile: pages are scattered, a request is not,
 * and a request that was lost with its connection is sent again.
 *
 *	         submit: connects if it must            finish: waits
 *	READY --------------------------------> in flight --------------> done
 *	  ^                                        | the connection is lost
 *	  +---- connect, look at the header -------+ (up to five times, then -EIO)
 *
 * A server that died makes its transfers fail, and nothing else; each new transfer knocks again, so
 * that the device is back as soon as the server is. What it is when it comes back is looked at as on
 * the first day: another disk under the same name is left alone. Nobody can tell whether two machines
 * share an export.
 *
 * The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "store/header.h"
#include "store/nbd_lib.h"
#include "store/store.h"

enum { CLUSTER_BYTES = STORE_CLUSTER * PAGE_SIZE, BLANK_BYTES = 1 << 20 };
enum { CONNECT_S = 10, ANSWER_S = 30 }; /* of the wall, before a server counts as dead */
enum { CONNECT_TRIES = 5 };

struct request {
	int64_t cookie;
	uint64_t connection;  /* which one it was sent by */
	struct request *next; /* of those that are not in use */
	uint8_t bytes[CLUSTER_BYTES];
};

struct store {
	struct alloc alloc;
	struct nbd_handle *nbd; /* NULL: not connected */
	uint64_t connection;    /* which one this is, from 1 */
	uint32_t slots;
	struct store_map kept;
	struct request *unused;
	char uri[STORE_PARAMS];
	char why[STORE_PARAMS + 1024];
};

static time_t seconds(void)
{
	struct timespec t = {0};
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- The connection ---- */

/* What libnbd says of its last error, without the name of the call; NULL: nothing. */
static const char *reason_of(void)
{
	const char *reason = nbd_get_error(), *colon = reason ? strstr(reason, ": ") : NULL;
	return colon && strncmp(reason, "nbd_", 4) == 0 ? colon + 2 : reason;
}

static bool is_lost(const struct store *s)
{
	return !s->nbd || nbd_aio_is_dead(s->nbd) == 1 || nbd_aio_is_closed(s->nbd) == 1;
}

static void disconnect(struct store *s)
{
	/* What is still in flight is forgotten; finish finds that its connection is another now. */
	if (s->nbd)
		nbd_close(s->nbd);
	s->nbd = NULL;
}

/* Is there anything but zeros in the first MiB? Returns 1, 0 or -1: it cannot be read. */
static int has_something(struct nbd_handle *nbd, uint64_t size, uint8_t *buffer)
{
	for (uint64_t at = 0; at < min_u64(size, BLANK_BYTES); at += CLUSTER_BYTES) {
		size_t part = (size_t)min_u64(size - at, CLUSTER_BYTES);
		if (nbd_pread(nbd, buffer, part, at, 0) < 0)
			return -1;
		if (buffer[0] || memcmp(buffer, buffer + 1, part - 1) != 0)
			return 1;
	}
	return 0;
}

/* What failed while a connection is made: -EAGAIN where it says nothing of a server that may be there
 * now, which ended and was started meanwhile. libnbd also loses its way (EINVAL) when the program was
 * stopped just then. */
static int connect_error(void)
{
	int error = nbd_get_errno();
	return error == ECONNREFUSED || error == ENOENT || error == EACCES ? -EIO : -EAGAIN;
}

/* Is it ours, or blank? Then it has a header in the end. Returns 0, or an error with a sentence. */
static int look_at(struct store *s, struct nbd_handle *nbd, uint32_t *ret_slots, uint8_t *buffer,
		   char *ret_why, unsigned whys)
{
	int64_t size = nbd_get_size(nbd);
	if (size < 2 * PAGE_SIZE || size / PAGE_SIZE > UINT32_MAX)
		return store_why(ret_why, whys, -EINVAL,
				 "%s has %" PRId64 " bytes; a swap area has from 8K to 4T, so serve another",
				 s->uri, size);
	if (nbd_is_read_only(nbd) == 1)
		return store_why(ret_why, whys, -EROFS,
				 "%s can only be read; start its server without that", s->uri);
	uint32_t pages = (uint32_t)(size / PAGE_SIZE);
	if (s->slots && pages - 1 < s->slots)
		return store_why(ret_why, whys, -EIO, "%s came back smaller than it was", s->uri);
	if (nbd_pread(nbd, buffer, PAGE_SIZE, 0, 0) < 0)
		return store_why(ret_why, whys, connect_error(), "cannot read %s: %s", s->uri,
				 reason_of());
	if (!header_pages(buffer)) {
		int something = has_something(nbd, (uint64_t)size, buffer);
		if (something < 0)
			return store_why(ret_why, whys, connect_error(), "cannot read %s: %s",
					 s->uri, reason_of());
		if (something)
			return store_why(
			    ret_why, whys, -EEXIST,
			    "%s has something on it and is no swap area, so it is left "
			    "alone; choose a blank one, or run mkswap on it",
			    s->uri);
		header_make(buffer, pages);
		if (nbd_pwrite(nbd, buffer, PAGE_SIZE, 0, 0) < 0)
			return store_why(ret_why, whys, -EIO, "cannot write to %s: %s", s->uri,
					 reason_of());
	}
	*ret_slots = pages - 1;
	return 0;
}

/* Waits until it is connected, or is not going to be. */
static void wait_connected(struct nbd_handle *nbd)
{
	time_t until = seconds() + CONNECT_S;
	while (nbd_aio_is_connecting(nbd) == 1 && seconds() < until)
		if (nbd_poll(nbd, 1000) < 0)
			return;
}

static const char *connect_remedy(void)
{
	switch (nbd_get_errno()) {
	case ECONNREFUSED:
	case ENOENT: return "; start its server first, or correct the address";
	case EACCES: return "; you must be allowed to write to its socket";
	case EINVAL: return "; write nbd://HOST/EXPORT or nbd+unix:///?socket=PATH";
	default: return "";
	}
}

/* The server is there, and they do not understand each other. */
static const char *handshake_remedy(void)
{
	switch (nbd_get_errno()) {
	case 0:
	case EINVAL: return "; is it an NBD server?";
	case ENOTSUP: return "; write nbds:// or nbds+unix:// for a server with TLS, and nbd:// for one without";
	default: return "";
	}
}

/* buffer: CLUSTER_BYTES to work in. Returns 0, or a negative errno with a sentence; -EAGAIN: it may
 * do at once. */
static int connect_to(struct store *s, uint8_t *buffer, char *ret_why, unsigned whys)
{
	int error = 0;
	uint32_t slots = 0;
	const char *missing;
	disconnect(s);
	if (nbd_lib_load(&missing) != 0)
		return store_why(ret_why, whys, -ENOSYS, "%s", missing);
	struct nbd_handle *nbd = nbd_create();
	if (!nbd)
		return store_why(ret_why, whys, -ENOMEM, "no memory for a connection");
	/* A read of ours has no holes to tell of: a simple reply says the same in fewer pieces. What the
	 * URI names, keys for TLS, is the user's own. */
	if (nbd_set_request_structured_replies(nbd, false) < 0 ||
	    nbd_set_uri_allow_local_file(nbd, true) < 0 ||
	    nbd_aio_connect_uri(nbd, s->uri) < 0) {
		error = store_why(ret_why, whys, -EIO, "cannot connect to %s: %s%s", s->uri,
				  reason_of(), connect_remedy());
	} else {
		wait_connected(nbd);
		if (nbd_aio_is_ready(nbd) != 1) {
			const char *reason = reason_of();
			error = store_why(ret_why, whys, reason ? connect_error() : -EIO,
					  "%s does not answer: %s%s", s->uri,
					  reason ? reason : "no server in time",
					  reason ? handshake_remedy() : "; is it an NBD server?");
		}
	}
	if (!error)
		error = look_at(s, nbd, &slots, buffer, ret_why, whys);
	if (error) {
		nbd_close(nbd);
		return error;
	}
	s->nbd = nbd;
	s->connection++;
	if (!s->slots)
		s->slots = slots;
	return 0;
}

/* ---- Opening and closing ---- */

static struct request *request_take(struct store *s)
{
	struct request *r = s->unused;
	if (!r)
		return alloc_get(&s->alloc, sizeof(*r));
	s->unused = r->next;
	return r;
}

static void request_give(struct store *s, struct request *r)
{
	r->next = s->unused;
	s->unused = r;
}

static void net_close(struct store *s)
{
	struct alloc alloc = s->alloc;
	/* Says good-bye; a server that is gone need not hear it. */
	if (s->nbd)
		(void)nbd_shutdown(s->nbd, 0);
	disconnect(s);
	for (struct request *r = s->unused, *next; r; r = next) {
		next = r->next;
		alloc_put(&alloc, r, sizeof(*r));
	}
	if (s->kept.bits)
		store_map_finish(&s->kept, &alloc);
	alloc_put(&alloc, s, sizeof(*s));
}

static int net_open(const struct store_env *env, const char *params, struct store **ret_store,
		    char *ret_why, unsigned whys)
{
	if (!params || !params[0] || strlen(params) >= STORE_PARAMS)
		return store_why(ret_why, whys, -EINVAL,
				 "nbd wants a URI, as in nbd:nbd://localhost/swap or "
				 "nbd:nbd+unix:///?socket=/tmp/swap.sock");
	struct store *s = alloc_get(env->alloc, sizeof(*s));
	if (!s)
		return store_why(ret_why, whys, -ENOMEM, "no memory for a store");
	s->alloc = *env->alloc;
	memcpy(s->uri, params, strlen(params) + 1);
	struct request *r = request_take(s);
	int error = r ? connect_to(s, r->bytes, ret_why, whys)
		      : store_why(ret_why, whys, -ENOMEM, "no memory for a request");
	if (r)
		request_give(s, r);
	if (!error && store_map_init(&s->kept, env->alloc, s->slots) < 0)
		error = store_why(ret_why, whys, -ENOMEM,
				  "no memory for a map of %" PRIu32 " pages", s->slots);
	if (error) {
		net_close(s);
		return error == -EAGAIN ? -EIO : error;
	}
	*ret_store = s;
	return 0;
}

static uint32_t net_slots(const struct store *s)
{
	return s->slots;
}

/* ---- Transfers ---- */

static void say_why(struct store *s, const struct store_transfer *t, const char *reason)
{
	snprintf(s->why, sizeof(s->why), "%s %s at slot %" PRIu32 ": %s",
		 t->write ? "writing to" : "reading from", s->uri, t->slot,
		 reason ? reason : "no answer in time");
}

/* Sends the request, over a new connection if need be. Returns 0, -EIO, or -ENOTCONN: the connection
 * was lost just now. */
static int send_request(struct store *s, struct store_transfer *t, struct request *r)
{
	size_t bytes = (size_t)t->pages * PAGE_SIZE;
	uint64_t at = ((uint64_t)t->slot + 1) * PAGE_SIZE;
	if (is_lost(s)) {
		char reason[512];
		/* The buffer holds what is to be written: look with another. */
		struct request *other = request_take(s);
		int error = other ? -EAGAIN : -ENOMEM;
		for (int i = 0; i < CONNECT_TRIES && error == -EAGAIN; i++)
			error = connect_to(s, other->bytes, reason, sizeof(reason));
		if (other)
			request_give(s, other);
		if (error) {
			say_why(s, t, other ? reason : "no memory for a request");
			return -EIO;
		}
	}
	r->connection = s->connection;
	r->cookie = t->write ? nbd_aio_pwrite(s->nbd, r->bytes, bytes, at, NBD_NULL_COMPLETION, 0)
			     : nbd_aio_pread(s->nbd, r->bytes, bytes, at, NBD_NULL_COMPLETION, 0);
	if (r->cookie >= 0)
		return 0;
	say_why(s, t, reason_of());
	return is_lost(s) ? -ENOTCONN : -EIO;
}

/* Returns 0, -EIO or -ENOSPC as the server says, or -ENOTCONN: its connection is lost. */
static int await_request(struct store *s, const struct store_transfer *t, struct request *r)
{
	time_t until = seconds() + ANSWER_S;
	while (r->connection == s->connection && s->nbd) {
		int done = nbd_aio_command_completed(s->nbd, (uint64_t)r->cookie);
		if (done == 1)
			return 0;
		if (done < 0 && !is_lost(s)) {
			say_why(s, t, reason_of());
			return t->write && nbd_get_errno() == ENOSPC ? -ENOSPC : -EIO;
		}
		if (done < 0 || is_lost(s))
			break;
		if (nbd_poll(s->nbd, 1000) < 0 || seconds() >= until)
			disconnect(s);
	}
	return -ENOTCONN;
}

static void net_submit(struct store *s, struct store_transfer *t)
{
	struct request *r = request_take(s);
	t->own = r;
	t->error = -EIO;
	if (!r) {
		say_why(s, t, "no memory for a request");
		return;
	}
	for (uint32_t i = 0; t->write && i < t->pages; i++)
		memcpy(r->bytes + (size_t)i * PAGE_SIZE, t->bytes[i], PAGE_SIZE);
	t->error = send_request(s, t, r);
}

static int net_finish(struct store *s, struct store_transfer *t)
{
	struct request *r = t->own;
	int error = t->error;
	if (r && !error)
		error = await_request(s, t, r);
	for (int i = 0; r && error == -ENOTCONN && i < CONNECT_TRIES; i++) {
		say_why(s, t, "the connection was lost");
		error = send_request(s, t, r);
		if (!error)
			error = await_request(s, t, r);
	}
	if (error == -ENOTCONN)
		error = -EIO;
	for (uint32_t i = 0; !error && i < t->pages; i++)
		if (t->write)
			store_map_set(&s->kept, t->slot + i, true);
		else
			memcpy(t->bytes[i], r->bytes + (size_t)i * PAGE_SIZE, PAGE_SIZE);
	if (r)
		request_give(s, r);
	t->own = NULL;
	return error;
}

static void net_discard(struct store *s, uint32_t slot)
{
	store_map_set(&s->kept, slot, false);
}

static void net_usage(const struct store *s, struct store_usage *ret_usage)
{
	*ret_usage =
	    (struct store_usage){.stored = s->kept.count, .bytes = s->kept.count * PAGE_SIZE};
}

static const char *net_why(const struct store *s)
{
	return s->why;
}

const struct store_ops store_nbd = {
    .name = "nbd",
    .summary = "a network block device: nbd:URI",
    .open = net_open,
    .close = net_close,
    .slots = net_slots,
    .submit = net_submit,
    .finish = net_finish,
    .discard = net_discard,
    .usage = net_usage,
    .why = net_why,
};
