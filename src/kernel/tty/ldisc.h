/* SPDX-License-Identifier: MIT */
/* ldisc.h - the line discipline of a pseudo-terminal: what a terminal makes of keys and of text
 *
 *	  master writes                                              program reads
 *	(keys) --> pending --> edit, echo, signals --> in: lines ----------------->
 *	                             |
 *	                             v echo
 *	  master reads              out <-- tabs, newlines, columns <------- program writes
 *	<----------------------------+
 *
 * As n_tty of Linux, seen from outside; termios(3) names the settings. in holds 4096 bytes like
 * Linux's: a line that is longer loses what is beyond, and a full buffer leaves keys pending. A byte
 * of in that ends a line is marked; a marked 0 is an end of file (Ctrl-D), which is never read.
 *
 * It knows no tasks: whoever calls looks afterwards at what there is, and wakes. Signals go out
 * through a function that the owner gives. Nothing here fails.
 */
#ifndef KERNEL_LDISC_H
#define KERNEL_LDISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi.h"

enum { LDISC_IN = 4096, LDISC_PENDING = 8192, LDISC_OUT = 12288, LDISC_ECHO = 4096 };

/* What the other side is told in packet mode: TIOCPKT_*. */
enum {
	PACKET_FLUSH_READ = 1,
	PACKET_FLUSH_WRITE = 2,
	PACKET_STOP = 4,
	PACKET_START = 8,
	PACKET_NO_STOP = 16,
	PACKET_DO_STOP = 32,
};

struct ldisc {
	struct abi_termios termios;
	/* Counts of bytes: tail <= canon <= head <= tail + LDISC_IN. canon: where the last whole line
	 * ends. */
	uint32_t tail, canon, head;
	uint8_t in[LDISC_IN];
	uint8_t end[LDISC_IN / 8];
	bool pushed; /* the last line is what was there when canonical mode began: its end is no EOF */
	uint32_t pending_tail, pending_head;
	uint8_t pending[LDISC_PENDING];
	uint32_t out_tail, out_head;
	uint8_t out[LDISC_OUT + LDISC_ECHO]; /* the last LDISC_ECHO are for echoes */
	uint32_t held;			     /* echoes made while output was stopped */
	uint8_t echo[LDISC_ECHO];
	uint32_t column, line_column; /* of the cursor; where the line that is typed began */
	bool literal;		      /* the next key stands for itself: it comes after Ctrl-V */
	bool erasing;		      /* between the \ and the / of ECHOPRT */
	bool stopped, frozen;	      /* output: by Ctrl-S; by TCOOFF */
	uint64_t stored, shown;	      /* bytes that in and out ever got */
	uint8_t news;		      /* PACKET_*, since the other side asked last */
	void (*signal)(void *ctx, int number); /* to the foreground group */
	void *ctx;
};

void ldisc_init(struct ldisc *l, void (*signal)(void *ctx, int number), void *ctx);
/* New settings; also between canonical mode and not. */
void ldisc_set(struct ldisc *l, const struct abi_termios *termios);

/* The master's side. receive: keys are pressed; returns how many were taken. */
size_t ldisc_receive(struct ldisc *l, const void *bytes, size_t size);
size_t ldisc_receive_room(const struct ldisc *l);
size_t ldisc_out_size(const struct ldisc *l);
size_t ldisc_take_out(struct ldisc *l, void *ret_bytes, size_t size);

/* The program's side. What a read of at most size bytes would give: -1 nothing yet, 0 the end of
 * file. In canonical mode that is one line or its beginning. */
int64_t ldisc_readable(const struct ldisc *l, size_t size);
size_t ldisc_read(struct ldisc *l, void *ret_bytes, size_t size);
/* For TIOCINQ. */
size_t ldisc_in_size(const struct ldisc *l);
/* Returns how much of it found room: nothing while output is stopped. */
size_t ldisc_write(struct ldisc *l, const void *bytes, size_t size);
bool ldisc_writable(const struct ldisc *l);

void ldisc_flush_in(struct ldisc *l);
/* TCOOFF and TCOON, which Ctrl-S and Ctrl-Q know nothing of. */
void ldisc_freeze(struct ldisc *l, bool on);
/* TCIOFF, TCION: sends the stop or start character to the other side. */
void ldisc_send(struct ldisc *l, unsigned which);

/* Modes that others look at. */
bool ldisc_canonical(const struct ldisc *l);
bool ldisc_tostop(const struct ldisc *l);

/* Indices of termios.cc */
enum {
	CC_INTR,
	CC_QUIT,
	CC_ERASE,
	CC_KILL,
	CC_EOF,
	CC_TIME,
	CC_MIN,
	CC_SWTC,
	CC_START,
	CC_STOP,
	CC_SUSP,
	CC_EOL,
	CC_REPRINT,
	CC_DISCARD,
	CC_WERASE,
	CC_LNEXT,
	CC_EOL2
};

#endif
