/* SPDX-License-Identifier: MIT */
/* Files that live in RAM: what they take, what they may not take, and that all of it comes back. */
#include "files_world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "../test.h"
#include "kernel/file/shm.h"

enum { P = PAGE_SIZE, FRAMES = 256 };

static struct world w;

static uint64_t frames_of_anons(void)
{
	return w.kernel->mm->pool.kind[FRAME_ANON];
}

static int64_t put(struct file *f, const void *bytes, size_t size, uint64_t pos)
{
	const char *at = bytes;
	size_t done = 0;
	while (done < size) {
		int64_t n = f->ops->write(f, w.task, at + done, size - done, &pos);
		if (n < 0)
			return done ? (int64_t)done : n;
		done += (size_t)n;
	}
	return (int64_t)done;
}

static void verify(void)
{
	char why[200] = "";
	if (!mm_verify(w.kernel->mm, why, sizeof(why)))
		FAIL("%s", why);
}

TEST(a_file_in_dev_shm_takes_frames_and_nothing_of_the_host)
{
	static char bytes[4 * P], back[4 * P];
	world_create(&w, FRAMES);
	uint64_t before = frames_of_anons();
	memset(bytes, 'x', sizeof(bytes));
	struct file *f = world_open(&w, "/dev/shm/f", ABI_O_RDWR | ABI_O_CREAT);
	CHECK_EQ(put(f, bytes, sizeof(bytes), P / 2), sizeof(bytes));
	CHECK_EQ(frames_of_anons(), before + 5);
	CHECK_EQ(file_pread(f, back, sizeof(back), P / 2), sizeof(back));
	CHECK(memcmp(bytes, back, sizeof(back)) == 0);
	CHECK_STR(host_read(&w, "root/dev/shm/f"), "");
	file_put(f);
	CHECK_EQ(frames_of_anons(), before + 5);
	verify();
	struct place at;
	CHECK_EQ(world_find(&w, "/dev/shm/f", 0, &at), 0);
	CHECK_EQ(at.mount->ops->unlink(&at, false), 0);
	CHECK_EQ(frames_of_anons(), before);
	world_destroy(&w);
}

TEST(dev_shm_is_full_at_half_of_ram_and_what_was_written_stays)
{
	static char bytes[P];
	world_create(&w, FRAMES);
	struct file *f = world_open(&w, "/dev/shm/f", ABI_O_RDWR | ABI_O_CREAT);
	unsigned pages = 0;
	while (put(f, bytes, P, (uint64_t)pages * P) == P)
		pages++;
	CHECK_EQ(pages, FRAMES / 2);
	CHECK_EQ(put(f, bytes, P, (uint64_t)pages * P), -ENOSPC);
	CHECK_EQ(put(f, bytes, P, P), P); /* what is there can be written */
	CHECK_EQ(f->ops->allocate(f, 0, (uint64_t)pages * P, 1), -ENOSPC);
	struct place at;
	struct statfs st;
	CHECK_EQ(world_find(&w, "/dev/shm", 0, &at), 0);
	CHECK_EQ(at.mount->ops->statfs(&at, &st), 0);
	CHECK_EQ(st.f_blocks, FRAMES / 2);
	CHECK_EQ(st.f_bfree, 0);
	CHECK_EQ(f->ops->truncate(f, 10 * P), 0);
	CHECK_EQ(at.mount->ops->statfs(&at, &st), 0);
	CHECK_EQ(st.f_bfree, FRAMES / 2 - 10);
	CHECK_EQ(put(f, bytes, P, 20 * P), P);
	file_put(f);
	verify();
	world_destroy(&w);
}

TEST(there_are_no_more_files_in_dev_shm_than_half_the_frames)
{
	char name[32];
	struct file *f;
	unsigned files = 0;
	world_create(&w, FRAMES);
	for (int err = 0; !err; files += !err) {
		snprintf(name, sizeof(name), "/dev/shm/%u", files);
		err = path_open(w.task, ABI_AT_FDCWD, name, ABI_O_RDWR | ABI_O_CREAT, 0600, &f);
		if (!err)
			file_put(f);
		else
			CHECK_EQ(err, -ENOSPC);
	}
	CHECK_EQ(files, FRAMES / 2 - 1); /* the directory is one, too */
	world_destroy(&w);
}

TEST(a_tree_deeper_than_any_path_is_given_back)
{
	struct place at, to;
	world_create(&w, 8192);
	/* Each round the tree that there is moves below a new directory. */
	for (unsigned i = 0; i < 3000; i++) {
		CHECK_EQ(world_find(&w, "/dev/shm/new", FIND_NEW, &at), 0);
		CHECK_EQ(at.mount->ops->mkdir(&at, 0700), 0);
		if (i > 0) {
			CHECK_EQ(world_find(&w, "/dev/shm/tree", 0, &at), 0);
			CHECK_EQ(world_find(&w, "/dev/shm/new/d", FIND_NEW, &to), 0);
			CHECK_EQ(at.mount->ops->rename(&at, &to, 0), 0);
		}
		CHECK_EQ(world_find(&w, "/dev/shm/new", 0, &at), 0);
		CHECK_EQ(world_find(&w, "/dev/shm/tree", FIND_NEW, &to), 0);
		CHECK_EQ(at.mount->ops->rename(&at, &to, 0), 0);
	}
	world_destroy(&w);
}

TEST(what_is_mapped_outlives_its_name_and_its_descriptor)
{
	world_create(&w, FRAMES);
	struct file *f = world_open(&w, "/dev/shm/f", ABI_O_RDWR | ABI_O_CREAT);
	struct object *o;
	struct text name = TEXT;
	uint64_t device, inode;
	uint64_t before = frames_of_anons();
	CHECK_EQ(put(f, "kept", 4, 0), 4);
	CHECK_EQ(f->ops->object(f, &o), 0);
	struct place at;
	CHECK_EQ(world_find(&w, "/dev/shm/f", 0, &at), 0);
	CHECK_EQ(at.mount->ops->unlink(&at, false), 0);
	names_removed(w.kernel, "/dev/shm/f");
	file_put(f);
	CHECK_EQ(frames_of_anons(), before + 1);
	CHECK(object_file_name(o, &name, &device, &inode));
	CHECK_STR(text_str(&name), "/dev/shm/f (deleted)");
	text_finish(&name);
	object_put(w.kernel->mm, o);
	CHECK_EQ(frames_of_anons(), before);
	world_destroy(&w);
}

TEST(inode_numbers_are_the_same_in_every_run)
{
	for (unsigned run = 0; run < 2; run++) {
		world_create(&w, FRAMES);
		for (unsigned i = 0; i < 3; i++) {
			char name[32];
			struct stat st;
			snprintf(name, sizeof(name), "/dev/shm/%u", i);
			struct file *f = world_open(&w, name, ABI_O_RDWR | ABI_O_CREAT);
			CHECK_EQ(f->ops->stat(f, &st), 0);
			CHECK_EQ(st.st_ino, i + 2);
			CHECK_EQ(st.st_mtim.tv_sec, 1767225600); /* 2026 begins */
			file_put(f);
		}
		world_destroy(&w);
	}
}

TEST_MAIN
