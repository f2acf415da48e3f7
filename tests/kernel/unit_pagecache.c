/* SPDX-License-Identifier: MIT */
/* unit_pagecache.c - host files through the page cache; pipes in frames; /proc texts */
#include <poll.h>

#include "../test.h"
#include "files_world.h"
#include "kernel/file/hostnode.h"
#include "kernel/file/pipe.h"

static struct world w;

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 12) * 7 + 1);
}

static void fill(const char *name, uint64_t size)
{
	FILE *f = fopen(host_path(&w, name), "w");
	CHECK(f != NULL);
	for (uint64_t i = 0; i < size; i++)
		fputc(pattern(i), f);
	CHECK_EQ(fclose(f), 0);
}

TEST(one_file_has_one_set_of_pages_under_all_its_names)
{
	struct object *a, *b;
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/a", "text");
	CHECK_EQ(link(host_path(&w, "work/a"), host_path(&w, "work/b")), 0);
	struct file *f = world_open(&w, "a", ABI_O_RDONLY), *g = world_open(&w, "b", ABI_O_RDWR);
	CHECK_EQ(f->ops->object(f, &a), 0);
	CHECK_EQ(g->ops->object(g, &b), 0);
	CHECK(a == b);
	object_put(w.kernel->mm, a);
	object_put(w.kernel->mm, b);
	uint64_t pos = 1;
	CHECK_EQ(g->ops->write(g, w.task, "EX", 2, &pos), 2);
	char text[5] = "";
	CHECK_EQ(file_pread(f, text, 4, 0), 4);
	CHECK_STR(text, "tEXt");
	CHECK_STR(host_read(&w, "work/a"), "tEXt");
	file_put(f);
	file_put(g);
	world_destroy(&w);
}

TEST(what_the_host_changed_is_seen_at_the_next_open)
{
	int err;
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/a", "first\n");
	CHECK_STR(world_read(&w, "a", &err), "first\n");
	host_write(&w, "work/a", "second, longer\n");
	CHECK_STR(world_read(&w, "a", &err), "second, longer\n");
	host_write(&w, "work/a", "3\n");
	CHECK_STR(world_read(&w, "a", &err), "3\n");
	world_destroy(&w);
}

TEST(a_file_that_grows_on_the_host_can_be_read_on)
{
	char text[16] = "";
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/log", "one\n");
	struct file *f = world_open(&w, "log", ABI_O_RDONLY);
	CHECK_EQ(f->ops->read(f, w.task, text, sizeof(text), &f->pos), 4);
	CHECK_EQ(f->ops->read(f, w.task, text, sizeof(text), &f->pos), 0);
	FILE *host = fopen(host_path(&w, "work/log"), "a");
	CHECK(host != NULL);
	fputs("two\n", host);
	fclose(host);
	CHECK_EQ(f->ops->read(f, w.task, text, sizeof(text), &f->pos), 4);
	CHECK(memcmp(text, "two\n", 4) == 0);
	file_put(f);
	world_destroy(&w);
}

TEST(appending_goes_to_the_end_also_when_the_host_appended_meanwhile)
{
	world_create(&w, WORLD_FRAMES);
	host_write(&w, "work/log", "a");
	struct file *f = world_open(&w, "log", ABI_O_WRONLY | ABI_O_APPEND);
	CHECK_EQ(f->ops->write(f, w.task, "b", 1, &f->pos), 1);
	FILE *host = fopen(host_path(&w, "work/log"), "a");
	CHECK(host != NULL);
	fputs("c", host);
	fclose(host);
	CHECK_EQ(f->ops->write(f, w.task, "d", 1, &f->pos), 1);
	CHECK_EQ(f->pos, 4);
	file_put(f);
	int err;
	CHECK_STR(host_read(&w, "work/log"), "abcd");
	CHECK_STR(world_read(&w, "log", &err), "abcd");
	world_destroy(&w);
}

TEST(a_file_larger_than_ram_is_read_and_written_whole)
{
	enum { SIZE = 100 * 4096 + 77 };
	static uint8_t bytes[SIZE];
	char why[256];
	world_create(&w, 64);
	fill("work/big", SIZE);
	struct file *f = world_open(&w, "big", ABI_O_RDONLY);
	CHECK_EQ(file_pread(f, bytes, SIZE, 0), SIZE);
	for (uint64_t i = 0; i < SIZE; i++)
		CHECK_EQ(bytes[i], pattern(i));
	file_put(f);
	f = world_open(&w, "copy", ABI_O_RDWR | ABI_O_CREAT);
	uint64_t pos = 0;
	while (pos < SIZE) {
		int64_t n = f->ops->write(f, w.task, bytes + pos,
					  SIZE - pos < 5000 ? SIZE - pos : 5000, &pos);
		CHECK(n > 0);
	}
	memset(bytes, 0, sizeof(bytes));
	CHECK_EQ(file_pread(f, bytes, SIZE, 0), SIZE);
	for (uint64_t i = 0; i < SIZE; i++)
		CHECK_EQ(bytes[i], pattern(i));
	file_put(f);
	if (!mm_verify(w.kernel->mm, why, sizeof(why)))
		FAIL("%s", why);
	world_destroy(&w);
}

TEST(truncating_and_extending_leaves_zeros)
{
	char text[9000];
	world_create(&w, WORLD_FRAMES);
	fill("work/a", 9000);
	struct file *f = world_open(&w, "a", ABI_O_RDWR);
	CHECK_EQ(file_pread(f, text, 9000, 0), 9000);
	CHECK_EQ(f->ops->truncate(f, 100), 0);
	CHECK_EQ(f->ops->truncate(f, 9000), 0);
	CHECK_EQ(file_pread(f, text, 9000, 0), 9000);
	for (int i = 0; i < 9000; i++)
		CHECK_EQ((uint8_t)text[i], i < 100 ? pattern((uint64_t)i) : 0);
	file_put(f);
	f = world_open(&w, "a", ABI_O_RDWR | ABI_O_TRUNC);
	CHECK_EQ(file_pread(f, text, 9000, 0), 0);
	file_put(f);
	world_destroy(&w);
}

TEST(a_write_beyond_the_end_leaves_a_hole_of_zeros)
{
	char text[8192];
	world_create(&w, WORLD_FRAMES);
	struct file *f = world_open(&w, "a", ABI_O_RDWR | ABI_O_CREAT);
	uint64_t pos = 8000;
	CHECK_EQ(f->ops->write(f, w.task, "end", 3, &pos), 3);
	CHECK_EQ(file_pread(f, text, sizeof(text), 0), 8003);
	for (int i = 0; i < 8000; i++)
		CHECK_EQ(text[i], 0);
	CHECK(memcmp(text + 8000, "end", 3) == 0);
	file_put(f);
	world_destroy(&w);
}

TEST(a_pipe_gives_every_frame_back_and_every_byte_in_order)
{
	enum { PART = 3001 };
	struct file *r, *wr;
	uint8_t bytes[PART];
	uint64_t in = 0, out = 0, zero = 0;
	char why[256];
	world_create(&w, WORLD_FRAMES);
	uint32_t before = w.kernel->mm->pool.free;
	CHECK_EQ(pipe_create(w.kernel, ABI_O_NONBLOCK, &r, &wr), 0);
	for (int round = 0; round < 100; round++) {
		for (;;) {
			for (int i = 0; i < PART; i++)
				bytes[i] = pattern(in + (uint64_t)i);
			int64_t n = wr->ops->write(wr, NULL, bytes, PART, NULL);
			if (n == -EAGAIN)
				break;
			CHECK_EQ(n, PART);
			in += PART;
		}
		/* Pieces of a page: no two of this size fit in one. */
		CHECK(in - out > (PIPE_CAPACITY / 4096 - 1) * PART && in - out <= PIPE_CAPACITY);
		for (int part = 0; part < 1 + round % 30; part++) {
			int64_t n =
			    r->ops->read(r, NULL, bytes, 1 + (size_t)(round * 37) % PART, &zero);
			if (n == -EAGAIN)
				break;
			for (int64_t i = 0; i < n; i++)
				CHECK_EQ(bytes[i], pattern(out + (uint64_t)i));
			out += (uint64_t)n;
		}
	}
	CHECK_EQ(pipe_set_size(wr, 4096), -EBUSY);
	CHECK_EQ(pipe_set_size(wr, 131072), 131072);
	int64_t n;
	while ((n = r->ops->read(r, NULL, bytes, PART, &zero)) > 0) {
		for (int64_t i = 0; i < n; i++)
			CHECK_EQ(bytes[i], pattern(out + (uint64_t)i));
		out += (uint64_t)n;
	}
	CHECK_EQ(out, in);
	CHECK_EQ(w.kernel->mm->pool.free, before);
	file_put(wr);
	CHECK_EQ(r->ops->read(r, NULL, bytes, PART, &zero), 0);
	CHECK_EQ(r->ops->poll(r, NULL), POLLHUP);
	file_put(r);
	if (!mm_verify(w.kernel->mm, why, sizeof(why)))
		FAIL("%s", why);
	world_destroy(&w);
}

TEST(a_small_write_to_a_pipe_is_whole_or_not_at_all)
{
	struct file *r, *wr;
	char bytes[4096];
	memset(bytes, 'x', sizeof(bytes));
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(pipe_create(w.kernel, ABI_O_NONBLOCK, &r, &wr), 0);
	for (int i = 0; i < 15; i++)
		CHECK_EQ(wr->ops->write(wr, NULL, bytes, 4096, NULL), 4096);
	CHECK_EQ(wr->ops->write(wr, NULL, bytes, 10, NULL), 10);
	CHECK_EQ(wr->ops->write(wr, NULL, bytes, 4096, NULL), -EAGAIN);
	CHECK_EQ(wr->ops->write(wr, NULL, bytes, 4086, NULL), 4086);
	file_put(r);
	CHECK_EQ(wr->ops->write(wr, NULL, bytes, 1, NULL), -EPIPE);
	file_put(wr);
	world_destroy(&w);
}

TEST(random_bytes_are_the_same_in_every_run)
{
	uint8_t first[32], second[32];
	for (int i = 0; i < 2; i++) {
		world_create(&w, WORLD_FRAMES);
		struct file *f = world_open(&w, "/dev/urandom", ABI_O_RDONLY);
		CHECK_EQ(file_pread(f, i ? second : first, 32, 0), 32);
		file_put(f);
		world_destroy(&w);
	}
	CHECK(memcmp(first, second, 32) == 0);
}

TEST(meminfo_tells_of_every_frame)
{
	int err;
	unsigned long total;
	world_create(&w, WORLD_FRAMES);
	CHECK_EQ(sscanf(world_read(&w, "/proc/meminfo", &err), "MemTotal: %lu kB", &total), 1);
	CHECK_EQ(total, WORLD_FRAMES * 4);
	world_destroy(&w);
}

TEST(every_file_of_proc_can_be_read)
{
	static const char *const dirs[] = {
	    "/proc",     "/proc/self",       "/proc/self/task",
	    "/proc/sys", "/proc/sys/kernel", "/proc/sys/vm",
	    "/proc/1",   "/proc/self/fd",    "/proc/sys/kernel/random"};
	world_create(&w, WORLD_FRAMES);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		struct file *f = world_open(&w, dirs[i], ABI_O_RDONLY | ABI_O_DIRECTORY);
		char name[NAME_SIZE], path[PATH_SIZE];
		uint64_t inode, pos = 2;
		uint8_t type;
		int n, err;
		while ((n = f->ops->entry(f, &pos, name, &inode, &type)) == 1) {
			struct place at;
			snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
			CHECK_EQ(world_find(&w, path, 0, &at), 0);
			CHECK_EQ(at.stat.st_ino,
				 inode +
				     (at.mount->ops != &procfs_tree ? at.stat.st_ino - inode : 0));
			if (at.stat.st_mode & 0400 && S_ISREG(at.stat.st_mode)) {
				/* Windows into memory ask who looks, and here nobody runs. */
				bool window = strcmp(name, "mem") == 0 || strstr(name, "page");
				(void)world_read(&w, path, &err);
				CHECK(err == 0 || err == -ESRCH || (window && err == -EINVAL));
			}
		}
		CHECK_EQ(n, 0);
		file_put(f);
	}
	world_destroy(&w);
}

static enum fault_result touch(struct space *s, uint64_t va)
{
	const struct fault_request q = {.va = va, .access = ACCESS_READ, .by = BY_PROGRAM};
	return fault_handle(s, &q);
}

/* A byte of memory as a program loads it, or stores it; -1: it cannot. */
static int load(struct space *s, uint64_t va)
{
	uint32_t frame;
	const struct fault_request q = {.va = va, .access = ACCESS_READ, .by = BY_KERNEL};
	if (space_access(s, &q, &frame) != FAULT_DONE)
		return -1;
	int byte = frame_bytes(w.kernel->mm, frame)[va % PAGE_SIZE];
	frame_unhold(w.kernel->mm, frame);
	return byte;
}

static void store(struct space *s, uint64_t va, uint8_t byte)
{
	uint32_t frame;
	const struct fault_request q = {.va = va, .access = ACCESS_WRITE, .by = BY_KERNEL};
	CHECK_EQ(space_access(s, &q, &frame), FAULT_DONE);
	frame_bytes(w.kernel->mm, frame)[va % PAGE_SIZE] = byte;
	frame_unhold(w.kernel->mm, frame);
}

/* Three pages of "a", mapped shared at *ret_va; only the first has been read. */
static struct space *mapped(struct file **ret_file, uint64_t *ret_va)
{
	struct space *s;
	struct object *o;
	struct mm *mm = w.kernel->mm;
	const struct space_layout l = {.bottom = 65536,
				       .top = UINT64_C(1) << 47,
				       .map_top = UINT64_C(1) << 40,
				       .stack_limit = 1 << 20};
	fill("work/a", 3 * 4096);
	*ret_file = world_open(&w, "a", ABI_O_RDWR);
	CHECK_EQ((*ret_file)->ops->object(*ret_file, &o), 0);
	CHECK_EQ(space_create(mm, 7, NULL, &l, &s), 0);
	const struct map_request m = {.length = 3 * 4096,
				      .prot = PROT_R | PROT_W,
				      .prot_max = PROT_ALL,
				      .region_flags = REGION_SHARED,
				      .object = o};
	CHECK_EQ(space_map(s, &m, ret_va), 0);
	object_put(mm, o);
	CHECK_EQ(touch(s, *ret_va), FAULT_DONE);
	return s;
}

TEST(a_mapped_file_that_is_cut_short_ends_where_it_ends_on_the_host)
{
	struct file *f;
	uint64_t va;
	char why[256];
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	CHECK_EQ(truncate(host_path(&w, "work/a"), 100), 0);
	CHECK_EQ(touch(s, va + 2 * 4096), FAULT_BUS_END);
	CHECK_EQ(touch(s, va + 4096), FAULT_BUS_END);
	CHECK_EQ(touch(s, va + 200), FAULT_DONE);
	uint64_t bus_io = w.events.total.cause[CAUSE_bus_io];
	CHECK_EQ(bus_io, 0);
	CHECK_EQ(w.events.total.cause[CAUSE_bus_beyond_end], 2);
	/* And grows again: a read finds out. */
	CHECK_EQ(truncate(host_path(&w, "work/a"), 3 * 4096), 0);
	char byte = 1;
	CHECK_EQ(file_pread(f, &byte, 1, 2 * 4096), 1);
	CHECK_EQ(byte, 0);
	CHECK_EQ(touch(s, va + 2 * 4096), FAULT_DONE);
	space_destroy(s);
	file_put(f);
	if (!mm_verify(w.kernel->mm, why, sizeof(why)))
		FAIL("%s", why);
	world_destroy(&w);
}

TEST(a_mapped_file_that_the_guest_truncates_ends_there_at_once)
{
	struct file *f;
	uint64_t va;
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	CHECK_EQ(f->ops->truncate(f, 0), 0);
	CHECK_EQ(touch(s, va), FAULT_BUS_END);
	CHECK_EQ(touch(s, va + 4096), FAULT_BUS_END);
	CHECK_EQ(f->ops->truncate(f, 4097), 0);
	CHECK_EQ(touch(s, va + 4096), FAULT_DONE);
	CHECK_EQ(touch(s, va + 2 * 4096), FAULT_BUS_END);
	CHECK_EQ(w.events.total.cause[CAUSE_bus_io], 0);
	space_destroy(s);
	file_put(f);
	world_destroy(&w);
}

TEST(a_mapped_file_that_grew_on_the_host_is_there_to_be_touched)
{
	struct file *f;
	uint64_t va;
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	CHECK_EQ(truncate(host_path(&w, "work/a"), 100), 0);
	CHECK_EQ(load(s, va + 4096), -1);
	fill("work/a", 4096 + 100);
	CHECK_EQ(load(s, va + 4096 + 99), pattern(4096 + 99)); /* without another call */
	CHECK_EQ(load(s, va + 4096 + 100), 0);
	CHECK_EQ(load(s, va + 2 * 4096), -1);
	CHECK_EQ(load(s, va + 200), pattern(200));
	space_destroy(s);
	file_put(f);
	world_destroy(&w);
}

TEST(what_the_host_rewrote_shows_in_mappings_after_the_next_open_but_for_what_was_stored)
{
	struct file *f;
	uint64_t va;
	int err;
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	store(s, va + 4096, 77);
	CHECK_EQ(load(s, va + 8192), pattern(8192));
	FILE *host = fopen(host_path(&w, "work/a"), "r+");
	CHECK(host != NULL);
	fputc('h', host);
	fseek(host, 8192, SEEK_SET);
	fputc('H', host);
	CHECK_EQ(fclose(host), 0);
	CHECK_EQ(world_read(&w, "a", &err)[0], 'h');
	CHECK_EQ(load(s, va), 'h');
	CHECK_EQ(load(s, va + 4096), 77);
	CHECK_EQ(load(s, va + 8192), 'H');
	space_destroy(s);
	file_put(f);
	world_destroy(&w);
}

TEST(what_was_stored_is_on_the_host_when_nobody_maps_the_file_any_more)
{
	struct file *f;
	uint64_t va;
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	store(s, va, 'S');
	CHECK_EQ(host_read(&w, "work/a")[0], (char)pattern(0));
	space_destroy(s);
	CHECK_EQ(host_read(&w, "work/a")[0], 'S'); /* f is still open */
	file_put(f);
	world_destroy(&w);
}

TEST(a_hole_in_a_file_of_the_host_is_zeros_also_where_it_was_stored_to)
{
	enum { PUNCH = 3 };
	struct file *f;
	uint64_t va;
	world_create(&w, WORLD_FRAMES);
	struct space *s = mapped(&f, &va);
	store(s, va + 4096, 'S');
	store(s, va + 8192 + 10, 'T');
	store(s, va + 8192 + 11, 'U');
	int err = f->ops->allocate(f, PUNCH, 4000, 4096 + 96 + 11);
	if (err == -EOPNOTSUPP)
		SKIP("the host's file system has no holes");
	CHECK_EQ(err, 0);
	CHECK_EQ(load(s, va + 3999), pattern(3999));
	CHECK_EQ(load(s, va + 4000), 0);
	CHECK_EQ(load(s, va + 4096), 0);
	CHECK_EQ(load(s, va + 8192 + 10), 0);
	CHECK_EQ(load(s, va + 8192 + 11), 'U');
	space_destroy(s);
	file_put(f);
	world_destroy(&w);
}

TEST(a_read_of_a_file_that_was_cut_short_on_the_host_ends_there)
{
	char bytes[3 * 4096];
	world_create(&w, WORLD_FRAMES);
	fill("work/a", sizeof(bytes));
	struct file *f = world_open(&w, "a", ABI_O_RDONLY);
	CHECK_EQ(truncate(host_path(&w, "work/a"), 5000), 0);
	CHECK_EQ(file_pread(f, bytes, 4096, 8192), 0);
	CHECK_EQ(file_pread(f, bytes, sizeof(bytes), 0), 5000);
	file_put(f);
	world_destroy(&w);
}

TEST_MAIN
