/* SPDX-License-Identifier: MIT */
/* unit_paths.c - the guest's tree of names: what it shows, and that nothing leads out of it */
#include "../test.h"
#include "files_world.h"

static struct world w;

static int error_of(const char *path)
{
	int err;
	const char *text = world_read(&w, path, &err);
	if (strstr(text, "secret"))
		FAIL("%s reached the secret", path);
	return err;
}

static void link_host(const char *target, const char *name)
{
	CHECK_EQ(symlink(target, host_path(&w, name)), 0);
}

TEST(dots_never_leave_the_root)
{
	char path[PATH_SIZE] = "";
	world_create(&w, WORLD_FRAMES);
	for (int i = 0; i < 100; i++)
		strcat(path, "../");
	strcat(path, "etc/passwd");
	int err;
	CHECK_STR(world_read(&w, path, &err), "guest\n");
	CHECK_STR(world_read(&w, "/../../etc/../etc/./passwd", &err), "guest\n");
	CHECK_EQ(error_of("../secret"), -ENOENT);
	CHECK_EQ(error_of("../outside/secret"), -ENOENT);
	CHECK_EQ(error_of("/bound/../../secret"), -ENOENT);
	CHECK_EQ(error_of("/bound/../outside/secret"), -ENOENT);
	world_destroy(&w);
}

TEST(a_link_of_the_host_leads_to_the_guests_file_of_that_name)
{
	char secret[PATH_MAX];
	int err;
	world_create(&w, WORLD_FRAMES);
	snprintf(secret, sizeof(secret), "%s", host_path(&w, "secret"));
	link_host(secret, "work/absolute");
	link_host("../secret", "work/relative");
	link_host("../../../../../../../../../../../..", "root/up");
	link_host("/etc/passwd", "work/passwd");
	link_host(w.dir, "bound/dir");
	CHECK_EQ(error_of("absolute"), -ENOENT);
	CHECK_EQ(error_of("relative"), -ENOENT);
	CHECK_EQ(error_of("/bound/dir/secret"), -ENOENT);
	CHECK_STR(world_read(&w, "passwd", &err), "guest\n");
	CHECK_STR(world_read(&w, "/up/etc/passwd", &err), "guest\n");
	world_destroy(&w);
}

TEST(links_of_proc_stay_inside)
{
	int err;
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(world_install(&w, world_open(&w, "/bound", ABI_O_RDONLY | ABI_O_DIRECTORY)), 0);
	CHECK_EQ(error_of("/proc/self/root/../secret"), -ENOENT);
	CHECK_STR(world_read(&w, "/proc/self/root/etc/passwd", &err), "guest\n");
	CHECK_EQ(error_of("/proc/self/cwd/../secret"), -ENOENT);
	CHECK_EQ(error_of("/proc/self/fd/0/../secret"), -ENOENT);
	CHECK_STR(world_read(&w, "/proc/self/fd/0/file", &err), "bound\n");
	CHECK_EQ(error_of("/proc/self/fd/1"), -ENOENT);
	CHECK_EQ(error_of("/proc/self/fd/-1"), -ENOENT);
	CHECK_EQ(error_of("/proc/1/root/../../secret"), -ENOENT);
	world_destroy(&w);
}

TEST(a_loop_of_links_ends_with_eloop)
{
	world_create(&w, WORLD_FRAMES);
	link_host("b", "work/a");
	link_host("a", "work/b");
	link_host("self/self", "work/self");
	CHECK_EQ(error_of("a"), -ELOOP);
	CHECK_EQ(error_of("self"), -ELOOP);
	world_destroy(&w);
}

TEST(forty_links_are_followed_and_no_more)
{
	char name[32], target[32];
	int err;
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/l0", "end\n");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "work/l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		link_host(target, name);
	}
	CHECK_STR(world_read(&w, "l40", &err), "end\n");
	CHECK_EQ(error_of("l41"), -ELOOP);
	world_destroy(&w);
}

TEST(a_read_only_tree_cannot_be_changed)
{
	struct file *f;
	struct place at;
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "/etc/passwd", ABI_O_WRONLY, 0, &f), -EROFS);
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "/etc/passwd", ABI_O_RDONLY | ABI_O_TRUNC, 0, &f),
		 -EROFS);
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "/etc/new", ABI_O_RDWR | ABI_O_CREAT, 0644, &f),
		 -EROFS);
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "/bound/new", ABI_O_RDWR | ABI_O_CREAT, 0644, &f),
		 -EROFS);
	CHECK_EQ(world_find(&w, "/bound/file", 0, &at), 0);
	CHECK_EQ(place_may_change(&at), -EROFS);
	CHECK_STR(host_read(&w, "root/etc/passwd"), "guest\n");
	world_destroy(&w);
}

TEST(a_mount_point_and_the_way_to_it_cannot_be_renamed_or_removed)
{
	struct place at;
	char parent[PATH_MAX];
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(world_find(&w, ".", 0, &at), 0);
	CHECK_EQ(place_may_change(&at), -EBUSY);
	CHECK_EQ(world_find(&w, "/bound", 0, &at), 0);
	CHECK_EQ(place_may_change(&at), -EBUSY);
	snprintf(parent, sizeof(parent), "%s", w.dir);
	CHECK_EQ(world_find(&w, parent, 0, &at), 0);
	CHECK(at.synthetic);
	CHECK_EQ(place_may_change(&at), -EBUSY);
	world_destroy(&w);
}

static bool listed(const char *dir, const char *name)
{
	struct file *f = world_open(&w, dir, ABI_O_RDONLY | ABI_O_DIRECTORY);
	char entry[NAME_SIZE];
	uint64_t inode, pos = 0;
	uint8_t type;
	bool found = false;
	while (f->ops->entry(f, &pos, entry, &inode, &type) == 1)
		found |= strcmp(entry, name) == 0;
	file_put(f);
	return found;
}

TEST(the_way_to_the_working_directory_is_there_and_shows_nothing_else)
{
	char up[PATH_MAX];
	struct place at;
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(world_find(&w, ".", 0, &at), 0);
	CHECK_STR(at.guest, host_path(&w, "work"));
	CHECK(listed(w.dir, "work"));
	CHECK(!listed(w.dir, "secret"));
	CHECK(!listed(w.dir, "root"));
	snprintf(up, sizeof(up), "%s", w.dir);
	*strrchr(up, '/') = '\0';
	CHECK(listed(up, strrchr(w.dir, '/') + 1));
	CHECK(listed("/", "bound"));
	CHECK(listed("/", "etc"));
	world_destroy(&w);
}

TEST(a_directory_is_listed_by_name_and_survives_removals_while_it_is_read)
{
	char name[NAME_SIZE + 8], entry[NAME_SIZE], last[NAME_SIZE] = "";
	uint64_t inode, pos = 0;
	uint8_t type;
	int seen = 0;
	world_create(&w, WORLD_FRAMES);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "work/n%02d", (i * 7) % 50);
		host_write(&w, name, "");
	}
	struct file *f = world_open(&w, ".", ABI_O_RDONLY | ABI_O_DIRECTORY);
	while (f->ops->entry(f, &pos, entry, &inode, &type) == 1) {
		if (entry[0] == '.')
			continue;
		CHECK(strcmp(last, entry) < 0);
		strcpy(last, entry);
		seen++;
		snprintf(name, sizeof(name), "work/%s", entry);
		CHECK_EQ(unlink(host_path(&w, name)), 0);
	}
	CHECK_EQ(seen, 50);
	file_put(f);
	world_destroy(&w);
}

TEST(special_files_of_the_host_are_never_opened)
{
	struct file *f;
	world_create(&w, WORLD_FRAMES);
	if (mknod(host_path(&w, "work/mem"), S_IFCHR | 0666, 0x101) < 0 ||
	    mknod(host_path(&w, "work/zero"), S_IFCHR | 0666, 0x105) < 0) {
		world_destroy(&w);
		SKIP("making a device node needs root");
	}
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "mem", ABI_O_RDWR, 0, &f), -ENXIO);
	/* By its number it is one of Carrel's own. */
	CHECK_EQ(path_open(w.task, ABI_AT_FDCWD, "zero", ABI_O_RDWR, 0, &f), 0);
	CHECK_STR(f->ops->name, "zero");
	file_put(f);
	world_destroy(&w);
}

TEST(odd_paths_get_the_errno_of_linux)
{
	char longest[PATH_SIZE + 10];
	struct place at;
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/file", "x");
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK_EQ(world_find(&w, longest, 0, &at), -ENAMETOOLONG);
	longest[300] = '\0';
	CHECK_EQ(world_find(&w, longest, 0, &at), -ENAMETOOLONG);
	CHECK_EQ(world_find(&w, "", 0, &at), -ENOENT);
	CHECK_EQ(world_find(&w, "file/", 0, &at), -ENOTDIR);
	CHECK_EQ(world_find(&w, "file/x", 0, &at), -ENOTDIR);
	CHECK_EQ(world_find(&w, "file/..", 0, &at), -ENOTDIR);
	CHECK_EQ(world_find(&w, "none/..", 0, &at), -ENOENT);
	CHECK_EQ(world_find(&w, "none/x", FIND_NEW, &at), -ENOENT);
	CHECK_EQ(world_find(&w, "none", FIND_NEW, &at), 0);
	CHECK(!at.exists);
	CHECK_EQ(world_find(&w, "./././//file", 0, &at), 0);
	CHECK_EQ(path_find(w.kernel, w.task, 99, "x", 0, &at), -EBADF);
	world_destroy(&w);
}

TEST(an_open_files_name_follows_a_rename_and_tells_of_a_removal)
{
	struct text t = TEXT;
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(mkdir(host_path(&w, "work/d"), 0755), 0);
	world_write(&w, "d/file", "x");
	struct file *f = world_open(&w, "d/file", ABI_O_RDONLY);
	char from[PATH_SIZE], to[PATH_SIZE];
	snprintf(from, sizeof(from), "%s", host_path(&w, "work/d"));
	snprintf(to, sizeof(to), "%s", host_path(&w, "work/e"));
	names_moved(w.kernel, from, to);
	CHECK_STR(f->path, host_path(&w, "work/e/file"));
	names_removed(w.kernel, f->path);
	CHECK(f->unlinked);
	file_put(f);
	text_finish(&t);
	world_destroy(&w);
}

TEST(the_private_tmp_is_empty_and_is_gone_at_the_end)
{
	char tmp[PATH_MAX];
	struct stat st;
	world_create(&w, WORLD_FRAMES);
	snprintf(tmp, sizeof(tmp), "%s", w.kernel->mounts->own[0].host);
	CHECK_EQ(stat(tmp, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 01777);
	world_write(&w, "/tmp/x", "x");
	struct place at;
	CHECK_EQ(world_find(&w, "/tmp/d", FIND_NEW, &at), 0);
	CHECK_EQ(at.mount->ops->mkdir(&at, 0700), 0);
	world_write(&w, "/tmp/d/y", "y");
	world_destroy(&w);
	CHECK_EQ(stat(tmp, &st), -1);
}

/* The numbers that a directory lists, in its order, as text; and are they behind all names? */
static const char *numbers_of(const char *dir)
{
	static char text[512];
	struct file *f = world_open(&w, dir, ABI_O_RDONLY | ABI_O_DIRECTORY);
	char entry[NAME_SIZE];
	uint64_t inode, pos = 0;
	uint8_t type;
	text[0] = '\0';
	while (f->ops->entry(f, &pos, entry, &inode, &type) == 1) {
		bool number = entry[0] >= '0' && entry[0] <= '9';
		CHECK(number || text[0] == '\0');
		if (number)
			strcat(strcat(text, entry), " ");
	}
	file_put(f);
	return text;
}

TEST(proc_lists_processes_and_descriptors_by_number)
{
	world_create(&w, WORLD_FRAMES);
	for (int i = 0; i < 10; i++) {
		struct process *p;
		struct task *t;
		CHECK_EQ(process_create(w.kernel, w.kernel->init, &p), 0);
		if (i == 5) {
			CHECK_EQ(task_add(p, &t), 0);
			CHECK_EQ(task_add(p, &t), 0);
			CHECK_EQ(task_add(p, &t), 0);
		}
	}
	for (int i = 0; i < 12; i++)
		CHECK_EQ(world_install(&w, world_open(&w, "/etc/passwd", ABI_O_RDONLY)), i);
	CHECK_STR(numbers_of("/proc"), "1 2 3 4 5 6 7 8 12 13 14 15 ");
	CHECK_STR(numbers_of("/proc/8/task"), "8 9 10 11 ");
	CHECK_STR(numbers_of("/proc/self/fd"), "0 1 2 3 4 5 6 7 8 9 10 11 ");
	CHECK_STR(numbers_of("/proc/self/fdinfo"), "0 1 2 3 4 5 6 7 8 9 10 11 ");
	world_destroy(&w);
}

TEST_MAIN
