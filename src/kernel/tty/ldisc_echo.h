/* SPDX-License-Identifier: MIT */
/* ldisc_echo.h - the line discipline's other half: what becomes of text, and of the echo of keys
 *
 * ldisc.c takes keys and keeps lines; ldisc_echo.c shows them, and what the program writes, and
 * knows where the cursor is.
 */
#ifndef KERNEL_LDISC_ECHO_H
#define KERNEL_LDISC_ECHO_H

#include <termios.h>

#include "kernel/tty/ldisc.h"

enum { LDISC_DISABLED = 0, /* no key */ LDISC_TAB = 8 /* columns */ };

static inline bool in_mode(const struct ldisc *l, uint32_t flag)
{
	return l->termios.iflag & flag;
}

static inline bool out_mode(const struct ldisc *l, uint32_t flag)
{
	return l->termios.oflag & flag;
}

static inline bool local(const struct ldisc *l, uint32_t flag)
{
	return l->termios.lflag & flag;
}

static inline bool is_control(uint8_t c)
{
	return c < 32 || c == 127;
}

/* A byte inside a character of UTF-8 moves nothing and is erased with its first. */
static inline bool continues(const struct ldisc *l, uint8_t c)
{
	return in_mode(l, IUTF8) && (c & 0xc0) == 0x80;
}

/* Puts one byte on the screen as it is. Echoes are kept while output is stopped; what is beyond the
 * buffers is never shown. */
void echo_put(struct ldisc *l, uint8_t c);
/* As output is: tabs, newlines, columns. */
void echo_raw(struct ldisc *l, uint8_t c);
/* A control character is shown as ^C. */
void echo_key(struct ldisc *l, uint8_t c);
void echo_text(struct ldisc *l, const char *text);
/* The key that is about to be stored. */
void echo_typed(struct ldisc *l, uint8_t c);
/* Closes what ECHOPRT began. */
void echo_end_erasing(struct ldisc *l);
/* Ctrl-S and Ctrl-Q. */
void echo_stop(struct ldisc *l, bool stop);

#endif
