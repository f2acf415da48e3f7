/* SPDX-License-Identifier: MIT */
/* oracle.h - what the generated programs are made of: each call does one thing to memory and says
 * all that can be seen of it: errno or result, bytes, signals with their codes and addresses,
 * and how many faults its touches took (except loads of files and stores to shared ones, where a fault
 * maps as much around it as the kernel finds handy).
 *
 * Memory is named by page. Pages 0 to ARENA_PAGES - 1 lie at a fixed address, where everything may
 * be asked for; what the kernel places itself is named relative to a page placed at the start. */
#ifndef ORACLE_H
#define ORACLE_H

enum { ARENA_PAGES = 48 };

/* What map gets: anonymous memory, or a file of FILE_PAGES pages. */
enum { FILE_PAGES = 6, ANON = -1 };

void map(int page, int pages, int prot, int flags, int file_page);
/* The same without an address, and without MAP_FIXED. What follows can name it: PLACED + n. */
enum { PLACED = 1000 };
void place(int pages, int prot, int flags, int file_page);

void unmap(int page, int pages);
void protect(int page, int pages, int prot);
void protect_growing(int page, int pages, int prot);
void advise(int page, int pages, int advice);
void move(int page, int pages, int new_pages, int flags, int to);
void lock(int page, int pages);
void lock_on_fault(int page, int pages);
void lock_all(int flags); /* 0: munlockall */
void unlock(int page, int pages);
void seal(int page, int pages);
/* One of twelve calls with arguments that are wrong, or nearly so. */
void odd(int which, int page, int start, int length, int third);
void sync_pages(int page, int pages, int flags);
void incore(int page, int pages);

/* A touch of each page: reads its bytes, or writes value into the byte of that offset. */
void load(int page, int pages, int offset);
void store(int page, int pages, int offset, int value);
/* Bytes from and to the file, by pread and pwrite. */
void receive(int page, int pages, int file_page);
void send(int page, int pages, int file_page);

void resize(int bytes);
void maps(void);

/* if (child()) { ...; done(); } joined(); */
int child(void);
void done(void) __attribute__((noreturn));
void joined(void);

struct program {
	const char *name;
	void (*run)(void);
};
/* Ends with an empty one. */
extern const struct program programs[];

#endif
