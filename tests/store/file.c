/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <sys/wait.h>

#include "world.h"

static void write_file(const char *path, const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, bytes, size), (int64_t)size);
	close(fd);
}

static int64_t file_size(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

TEST(pages_in_a_file_come_back_as_they_were)
{
	const char *path = world_path("swap.img");
	oracle_test(world_spec("file:@,size=4M", path), NULL);
	unlink(path);
}

TEST(a_missing_file_is_made_without_its_blocks_and_is_a_linux_swap_area)
{
	static struct world w;
	const char *path = world_path("new.img");
	struct stat st;
	uint8_t page[PAGE_SIZE];
	world_open(&w, world_spec("file:@,size=64M", path));
	CHECK_EQ(w.ops->slots(w.store), 16384);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_size, (64 << 20) + PAGE_SIZE);
	CHECK(st.st_blocks * 512 < 1 << 20);
	CHECK_EQ(st.st_mode & 0777, 0600);
	int fd = open(path, O_RDONLY);
	CHECK_EQ(pread(fd, page, sizeof(page), 0), (int64_t)sizeof(page));
	close(fd);
	CHECK(memcmp(page + PAGE_SIZE - 10, "SWAPSPACE2", 10) == 0);
	CHECK_EQ(page[1024], 1);
	world_close(&w);
	/* Without a size, an area keeps the one it has; with one it gets that. */
	world_open(&w, world_spec("file:@", path));
	CHECK_EQ(w.ops->slots(w.store), 16384);
	world_close(&w);
	world_open(&w, world_spec("file:@,size=1M", path));
	CHECK_EQ(w.ops->slots(w.store), 256);
	world_close(&w);
	unlink(path);
	/* And a new one has the usual size. */
	world_open(&w, world_spec("file:@", path));
	CHECK_EQ(w.ops->slots(w.store), 262144);
	world_close(&w);
	unlink(path);
}

TEST(a_file_with_something_in_it_is_never_overwritten)
{
	const char *path = world_path("letter.txt");
	static const char letter[] = "Dear reader, this is no swap area.";
	write_file(path, letter, sizeof(letter));
	check_refused(world_spec("file:@,size=1M", path), -EEXIST,
		      "has something in it and is no swap area, so it is left alone");
	check_refused(world_spec("file:@", path), -EEXIST, "choose another name");
	CHECK_EQ(file_size(path), (int64_t)sizeof(letter));
	static char page[2 * PAGE_SIZE];
	memcpy(page + PAGE_SIZE - 10, "SWAPSPACE1", 10);
	write_file(path, page, sizeof(page));
	check_refused(world_spec("file:@", path), -EEXIST, "left alone");
	unlink(path);
}

TEST(a_file_of_zeros_is_left_alone_too_and_the_remedy_is_mkswap)
{
	const char *path = world_path("zeros.img");
	static const char zeros[2 * PAGE_SIZE];
	write_file(path, "", 0);
	CHECK_EQ(truncate(path, 1 << 20), 0);
	check_refused(world_spec("file:@", path), -EEXIST, "or run mkswap on it, as it begins with nothing but zeros");
	write_file(path, zeros, sizeof(zeros));
	check_refused(world_spec("file:@", path), -EEXIST, "or run mkswap on it");
	/* Nobody is told to run it on a letter. */
	static struct world w;
	write_file(path, "letter", 6);
	world_init(&w);
	CHECK_EQ(world_try(&w, world_spec("file:@", path)), -EEXIST);
	CHECK(!strstr(w.why, "mkswap"));
	unlink(path);
}

TEST(an_option_that_is_unknown_or_stands_there_twice_does_not_become_part_of_a_name)
{
	static struct world w;
	const char *path = world_path("x");
	check_refused(world_spec("file:@,size=1M,size=2M", path), -EINVAL, "size stands there twice");
	check_refused(world_spec("file:@,sise=1M", path), -EINVAL, "there is no option \"sise\"; there is size, prio");
	CHECK_EQ(access(path, F_OK), -1);
	/* Unless it is one. */
	path = world_path("a,b=c");
	write_file(path, "", 0);
	world_open(&w, world_spec("file:@,size=1M", path));
	world_close(&w);
	unlink(path);
}

TEST(an_empty_file_may_be_used)
{
	static struct world w;
	const char *path = world_path("empty.img");
	write_file(path, "", 0);
	world_open(&w, world_spec("file:@,size=1M", path));
	CHECK_EQ(w.ops->slots(w.store), 256);
	CHECK_EQ(world_write(&w, 255, 5), 0);
	CHECK(world_holds(&w, 255, 5));
	world_close(&w);
	unlink(path);
}

TEST(two_machines_never_share_a_file)
{
	static struct world w;
	const char *path = world_path("shared.img");
	world_open(&w, world_spec("file:@,size=1M", path));
	check_refused(world_spec("file:@", path), -EBUSY, "is in use by another machine");
	world_close(&w);
	world_open(&w, world_spec("file:@", path));
	world_close(&w);
	unlink(path);
}

TEST(programs_that_are_started_do_not_get_the_file)
{
	static struct world w;
	const char *path = world_path("cloexec.img");
	world_open(&w, world_spec("file:@,size=1M", path));
	unsigned found = 0;
	for (int fd = 3; fd < 64; fd++) {
		char link[64], name[300];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(link, name, sizeof(name) - 1);
		if (n < 0)
			continue;
		name[n] = 0;
		if (strcmp(name, path) != 0)
			continue;
		found++;
		CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	CHECK_EQ(found, 1);
	world_close(&w);
	unlink(path);
}

TEST(what_cannot_be_opened_is_told_with_a_remedy)
{
	check_refused("file:", -EINVAL, "file wants a path, as in file:/tmp/swap.img");
	check_refused("file:/tmp", -EISDIR, "Is a directory; name a file in it");
	check_refused("file:/nowhere/swap.img", -ENOENT, "make its directory first");
	const char *link = world_path("link");
	CHECK_EQ(symlink("/nowhere/at/all", link), 0);
	check_refused(world_spec("file:@", link), -ENOENT, "or what it is a link to");
	unlink(link);
	CHECK_EQ(symlink(link, link), 0);
	check_refused(world_spec("file:@", link), -ELOOP, "name the file itself");
	unlink(link);
	check_refused("file:/dev/null", -EINVAL, "is neither a file nor a block device");
	check_refused(world_spec("file:@,size=none", world_path("x")), -EINVAL,
		      "size \"none\" is not a size; write 256M or 1G");
	check_refused(world_spec("file:@,size=1K", world_path("x")), -EINVAL, "is too small");
	CHECK_EQ(access(world_path("x"), F_OK), -1);
	const char *pipe = world_path("pipe");
	CHECK_EQ(mkfifo(pipe, 0600), 0);
	check_refused(world_spec("file:@", pipe), -EINVAL, "is neither a file nor a block device");
	unlink(pipe);
	if (geteuid() == 0)
		return;
	const char *mine = world_path("mine");
	write_file(mine, "", 0);
	chmod(mine, 0400);
	check_refused(world_spec("file:@", mine), -EACCES, "choose a file that you may write");
	unlink(mine);
}

TEST(a_file_that_another_program_cut_short_is_an_error_and_says_so)
{
	static struct world w;
	const char *path = world_path("cut.img");
	world_open(&w, world_spec("file:@,size=1M", path));
	CHECK_EQ(world_write(&w, 9, 3), 0);
	CHECK_EQ(world_write(&w, 2, 3), 0);
	CHECK_EQ(truncate(path, 5 * PAGE_SIZE), 0);
	uint8_t page[1][PAGE_SIZE];
	CHECK_EQ(world_move(&w, false, 9, 1, page), -EIO);
	CHECK(strstr(w.ops->why(w.store), "at slot 9: it was cut short by another program"));
	CHECK(strstr(w.ops->why(w.store), path));
	CHECK(world_holds(&w, 2, 3));
	world_close(&w);
	unlink(path);
}

TEST(a_full_disk_is_told_as_such_and_costs_no_page)
{
	static struct world w;
	const char *path = world_path("full.img");
	struct rlimit before, small = {3 * PAGE_SIZE, RLIM_INFINITY};
	world_open(&w, world_spec("file:@,size=1M", path));
	CHECK_EQ(world_write(&w, 1, 3), 0);
	/* The nearest to a full disk that a plain user can make. */
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	int error = world_write(&w, 100, 3);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_EQ(error, -ENOSPC);
	CHECK(strstr(w.ops->why(w.store), "writing to "));
	CHECK(world_holds(&w, 1, 3));
	world_close(&w);
	unlink(path);
}

TEST(a_path_may_have_commas_and_equal_signs)
{
	static struct world w;
	const char *path = world_path("a,b=c,size.img");
	world_open(&w, world_spec("file:@,prio=5,size=1M", path));
	CHECK_EQ(w.open.prio, 5);
	CHECK_EQ(w.ops->slots(w.store), 256);
	CHECK_EQ(file_size(path), (1 << 20) + PAGE_SIZE);
	world_close(&w);
	unlink(path);
}

TEST(a_host_without_memory_is_told_of_and_no_new_file_stays)
{
	static struct world w;
	const char *path = world_path("nomem.img");
	for (int64_t n = 0;; n++) {
		world_init(&w);
		w.fail_in = n;
		int error = world_try(&w, world_spec("file:@,size=1M", path));
		if (!error)
			break;
		CHECK_EQ(error, -ENOMEM);
		CHECK_EQ(w.bytes, 0);
		CHECK_EQ(access(path, F_OK), -1);
	}
	world_close(&w);
	unlink(path);
}

TEST_MAIN
