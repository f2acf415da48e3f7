/* SPDX-License-Identifier: MIT */
/* Against nbdkit, on a unix socket. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "world.h"

struct server {
	pid_t pid;
	const char *socket, *file;
	char spec[300];
};

static bool have_nbdkit(void)
{
	return system("command -v nbdkit >/dev/null 2>&1") == 0;
}

static void wait_for(const char *path)
{
	for (unsigned n = 0; access(path, F_OK) < 0; n++) {
		if (n > 3000)
			FAIL("nbdkit did not make %s", path);
		usleep(10000);
	}
}

static void server_start(struct server *s, const char *option)
{
	char file[200], pid_file[200];
	unlink(s->socket);
	snprintf(file, sizeof(file), "file=%s", s->file);
	snprintf(pid_file, sizeof(pid_file), "%s.pid", s->socket);
	unlink(pid_file);
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("nbdkit", "nbdkit", "-f", "-U", s->socket, "-P", pid_file, option, "file",
		       file, (char *)NULL);
		_exit(127);
	}
	/* Written when it listens. */
	wait_for(pid_file);
	unlink(pid_file);
}

static void server_stop(struct server *s)
{
	CHECK_EQ(kill(s->pid, SIGKILL), 0);
	CHECK_EQ(waitpid(s->pid, NULL, 0), s->pid);
	s->pid = 0;
	unlink(s->socket);
}

static void server_begin(struct server *s, const char *option)
{
	static char socket[200], file[200];
	if (!have_nbdkit())
		SKIP("there is no nbdkit; Debian has it as nbdkit");
	snprintf(socket, sizeof(socket), "%s", world_path("sock"));
	snprintf(file, sizeof(file), "%s", world_path("disk.img"));
	*s = (struct server){.socket = socket, .file = file};
	snprintf(s->spec, sizeof(s->spec), "nbd:nbd+unix:///?socket=%s", socket);
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (4 << 20) + PAGE_SIZE), 0);
	close(fd);
	server_start(s, option);
}

static void server_end(struct server *s)
{
	server_stop(s);
	unlink(s->file);
}

TEST(pages_on_a_network_block_device_come_back_as_they_were)
{
	struct server s;
	server_begin(&s, "--threads=16");
	oracle_test(s.spec, NULL);
	server_end(&s);
}

TEST(a_blank_export_becomes_a_linux_swap_area)
{
	static struct world w;
	struct server s;
	uint8_t page[PAGE_SIZE];
	server_begin(&s, "--threads=16");
	world_open(&w, s.spec);
	CHECK_EQ(w.ops->slots(w.store), 1024);
	world_close(&w);
	world_open(&w, s.spec);
	world_close(&w);
	server_stop(&s);
	int fd = open(s.file, O_RDONLY);
	CHECK_EQ(pread(fd, page, sizeof(page), 0), PAGE_SIZE);
	close(fd);
	CHECK(memcmp(page + PAGE_SIZE - 10, "SWAPSPACE2", 10) == 0);
	unlink(s.file);
}

TEST(an_export_with_something_on_it_is_never_overwritten)
{
	struct server s;
	char byte = 1;
	server_begin(&s, "--threads=16");
	int fd = open(s.file, O_RDWR);
	/* Where btrfs begins. */
	CHECK_EQ(pwrite(fd, &byte, 1, 65600), 1);
	close(fd);
	check_refused(s.spec, -EEXIST, "has something on it and is no swap area");
	server_end(&s);
}

TEST(many_requests_are_in_flight_and_end_in_any_order)
{
	enum { N = 24 };
	static struct world w;
	static uint8_t page[N][STORE_CLUSTER][PAGE_SIZE], made[PAGE_SIZE];
	static struct store_transfer t[N];
	struct server s;
	server_begin(&s, "--threads=16");
	world_open(&w, s.spec);
	for (unsigned write = 2; write--;) {
		for (unsigned n = 0; n < N; n++) {
			t[n] = (struct store_transfer){
			    .slot = n * STORE_CLUSTER, .pages = STORE_CLUSTER, .write = write == 1};
			for (unsigned i = 0; i < STORE_CLUSTER; i++) {
				t[n].bytes[i] = page[n][i];
				page_make(page[n][i], write ? n * STORE_CLUSTER + i : 7);
			}
			w.ops->submit(w.store, &t[n]);
		}
		/* The caller's pages may be looked at, but a write has been copied. */
		for (unsigned n = N; n--;)
			CHECK_EQ(w.ops->finish(w.store, &t[n]), 0);
	}
	for (unsigned n = 0; n < N; n++)
		for (unsigned i = 0; i < STORE_CLUSTER; i++) {
			page_make(made, n * STORE_CLUSTER + i);
			CHECK(memcmp(page[n][i], made, PAGE_SIZE) == 0);
		}
	world_close(&w);
	server_end(&s);
}

TEST(while_the_server_is_dead_transfers_fail_with_a_sentence_and_then_all_is_well_again)
{
	static struct world w;
	uint8_t page[1][PAGE_SIZE];
	struct server s;
	server_begin(&s, "--threads=16");
	world_open(&w, s.spec);
	CHECK_EQ(world_write(&w, 5, 3), 0);
	for (unsigned again = 0; again < 3; again++) {
		server_stop(&s);
		CHECK_EQ(world_move(&w, false, 5, 1, page), -EIO);
		CHECK(strstr(w.ops->why(w.store), "reading from nbd+unix:///?socket="));
		CHECK(strstr(w.ops->why(w.store), "at slot 5: "));
		CHECK_EQ(world_write(&w, 6, 3), -EIO);
		CHECK(strstr(w.ops->why(w.store), "writing to nbd+unix:"));
		if (again == 0)
			printf("# %s\n", w.ops->why(w.store));
		server_start(&s, "--threads=16");
		CHECK(world_holds(&w, 5, 3));
		CHECK_EQ(world_write(&w, 6, 4), 0);
		CHECK(world_holds(&w, 6, 4));
	}
	world_close(&w);
	server_end(&s);
}

TEST(what_was_in_flight_when_the_server_died_is_sent_again)
{
	static struct world w;
	static uint8_t page[4][PAGE_SIZE], made[PAGE_SIZE];
	static struct store_transfer t[4];
	struct server s;
	server_begin(&s, "--threads=16");
	world_open(&w, s.spec);
	CHECK_EQ(world_write(&w, 0, 9), 0);
	CHECK_EQ(kill(s.pid, SIGSTOP), 0);
	for (unsigned i = 0; i < 4; i++) {
		page_make(page[i], 100 + i);
		t[i] = (struct store_transfer){
		    .slot = i, .pages = 1, .write = i > 0, .bytes = {page[i]}};
		w.ops->submit(w.store, &t[i]);
	}
	server_stop(&s);
	server_start(&s, "--threads=16");
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(w.ops->finish(w.store, &t[i]), 0);
	page_make(made, 9);
	CHECK(memcmp(page[0], made, PAGE_SIZE) == 0);
	for (unsigned i = 1; i < 4; i++)
		CHECK(world_holds(&w, i, 100 + i));
	world_close(&w);
	server_end(&s);
}

TEST(another_disk_that_comes_back_under_the_same_name_is_left_alone)
{
	static struct world w;
	struct server s;
	static uint8_t disk[8 * PAGE_SIZE], now[8 * PAGE_SIZE];
	server_begin(&s, "--threads=16");
	world_open(&w, s.spec);
	CHECK_EQ(world_write(&w, 5, 3), 0);
	server_stop(&s);
	memset(disk, 'x', sizeof(disk));
	int fd = open(s.file, O_RDWR);
	CHECK_EQ(pwrite(fd, disk, sizeof(disk), 0), (int64_t)sizeof(disk));
	server_start(&s, "--threads=16");
	CHECK_EQ(world_write(&w, 1, 3), -EIO);
	CHECK(strstr(w.ops->why(w.store), "is no swap area, so it is left alone"));
	CHECK_EQ(pread(fd, now, sizeof(now), 0), (int64_t)sizeof(now));
	CHECK(memcmp(now, disk, sizeof(disk)) == 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	close(fd);
	server_stop(&s);
	server_start(&s, "--threads=16");
	CHECK_EQ(world_write(&w, 1, 3), -EIO);
	CHECK(strstr(w.ops->why(w.store), "came back smaller"));
	world_close(&w);
	server_end(&s);
}

TEST(a_read_only_export_and_a_missing_server_are_told)
{
	struct server s;
	server_begin(&s, "-r");
	check_refused(s.spec, -EROFS, "can only be read; start its server without that");
	server_end(&s);
	check_refused(s.spec, -EIO, "cannot connect");
	check_refused("nbd:", -EINVAL, "nbd wants a URI, as in");
	check_refused("nbd:what is this", -EIO, "cannot connect to what is this");
}

/* Something else listens there, and says this to one who comes. */
static pid_t stranger_start(const char *path, const char *greeting)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(s >= 0 && strlen(path) < sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(s, 1), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int one = accept(s, NULL, NULL);
			(void)!write(one, greeting, strlen(greeting));
			close(one);
		}
	}
	close(s);
	return pid;
}

TEST(who_is_no_nbd_server_or_has_too_little_or_other_ideas_of_tls_is_told)
{
	struct server s;
	char spec[300];
	server_begin(&s, "--threads=16");
	/* Without TLS. */
	snprintf(spec, sizeof(spec), "nbd:nbds+unix:///?socket=%s", s.socket);
	check_refused(spec, -EIO, "does not answer: ");
	server_stop(&s);
	CHECK_EQ(truncate(s.file, PAGE_SIZE), 0);
	server_start(&s, "--threads=16");
	check_refused(s.spec, -EINVAL, "has 4096 bytes; a swap area has from 8K to 4T, so serve another");
	server_end(&s);
	pid_t pid = stranger_start(s.socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
	check_refused(s.spec, -EIO, "is it an NBD server?");
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	check_refused(s.spec, -EIO, "Connection refused; start its server first, or correct the address");
	unlink(s.socket);
	check_refused(s.spec, -EIO, "No such file or directory; start its server first");
	check_refused("nbd:http://localhost/", -EIO, "write nbd://HOST/EXPORT or nbd+unix:///?socket=PATH");
}

TEST(a_host_without_memory_is_told_of_and_nothing_leaks)
{
	static struct world w;
	struct server s;
	server_begin(&s, "--threads=16");
	for (int64_t n = 0;; n++) {
		world_init(&w);
		w.fail_in = n;
		int error = world_try(&w, s.spec);
		if (!error)
			break;
		CHECK_EQ(error, -ENOMEM);
		CHECK_EQ(w.bytes, 0);
	}
	world_close(&w);
	server_end(&s);
}

TEST_MAIN
