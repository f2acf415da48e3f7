/* SPDX-License-Identifier: MIT */
#include "kernel/tty/ldisc_echo.h"

#include <ctype.h>
#include <string.h>
#include <termios.h>

#include "base/bits.h"

/* --- what the terminal shows ----------------------------------------------------------------- */

size_t ldisc_out_size(const struct ldisc *l)
{
	return l->out_head - l->out_tail;
}

static bool halted(const struct ldisc *l)
{
	return l->stopped || l->frozen;
}

static void out_put(struct ldisc *l, uint8_t c)
{
	l->shown++;
	if (ldisc_out_size(l) < sizeof(l->out))
		l->out[l->out_head++ % sizeof(l->out)] = c;
}

void echo_put(struct ldisc *l, uint8_t c)
{
	if (!halted(l))
		out_put(l, c);
	else if (l->held < sizeof(l->echo))
		l->echo[l->held++] = c;
}

size_t ldisc_take_out(struct ldisc *l, void *ret_bytes, size_t size)
{
	uint8_t *bytes = ret_bytes;
	size_t n = min_u64(size, ldisc_out_size(l));
	for (size_t i = 0; i < n; i++)
		bytes[i] = l->out[l->out_tail++ % sizeof(l->out)];
	if (l->out_tail == l->out_head)
		l->out_tail = l->out_head = 0;
	return n;
}

/* What becomes of one byte of output, and where the cursor is then. Returns the count: 0 to 8. */
static unsigned cook(struct ldisc *l, uint8_t c, uint8_t ret_bytes[LDISC_TAB])
{
	unsigned spaces = LDISC_TAB - l->column % LDISC_TAB;
	ret_bytes[0] = c;
	if (!out_mode(l, OPOST))
		return 1;
	switch (c) {
	case '\n':
		if (out_mode(l, ONLRET) || out_mode(l, ONLCR))
			l->column = 0;
		l->line_column = l->column;
		if (!out_mode(l, ONLCR))
			return 1;
		memcpy(ret_bytes, "\r\n", 2);
		return 2;
	case '\r':
		if (out_mode(l, ONOCR) && l->column == 0)
			return 0;
		if (out_mode(l, OCRNL)) {
			ret_bytes[0] = '\n';
			if (!out_mode(l, ONLRET))
				return 1;
		}
		l->line_column = l->column = 0;
		return 1;
	case '\t':
		l->column += spaces;
		if ((l->termios.oflag & TABDLY) != TAB3)
			return 1;
		memset(ret_bytes, ' ', spaces);
		return spaces;
	case '\b':
		l->column -= l->column > 0;
		return 1;
	default:
		if (!is_control(c)) {
			if (out_mode(l, OLCUC))
				ret_bytes[0] = (uint8_t)toupper(c);
			l->column += !continues(l, c);
		}
		return 1;
	}
}

bool ldisc_writable(const struct ldisc *l)
{
	return !halted(l) && ldisc_out_size(l) + LDISC_TAB <= LDISC_OUT;
}

size_t ldisc_write(struct ldisc *l, const void *bytes, size_t size)
{
	const uint8_t *text = bytes;
	uint8_t shown[LDISC_TAB];
	size_t done = 0;
	for (; done < size && ldisc_writable(l); done++) {
		unsigned n = cook(l, text[done], shown);
		for (unsigned i = 0; i < n; i++)
			out_put(l, shown[i]);
	}
	return done;
}

static void start_output(struct ldisc *l)
{
	if (halted(l))
		return;
	for (uint32_t i = 0; i < l->held; i++)
		out_put(l, l->echo[i]);
	l->held = 0;
}

void echo_stop(struct ldisc *l, bool stop)
{
	if (l->stopped == stop)
		return;
	l->stopped = stop;
	l->news &= (uint8_t)~(PACKET_STOP | PACKET_START);
	l->news |= stop ? PACKET_STOP : PACKET_START;
	start_output(l);
}

void ldisc_freeze(struct ldisc *l, bool on)
{
	if (l->frozen == on)
		return;
	l->frozen = on;
	l->news &= (uint8_t)~(PACKET_STOP | PACKET_START);
	l->news |= on ? PACKET_STOP : PACKET_START;
	if (!on)
		l->stopped = false;
	start_output(l);
}

void ldisc_send(struct ldisc *l, unsigned which)
{
	uint8_t c = l->termios.cc[which];
	if (c != LDISC_DISABLED)
		out_put(l, c);
}

/* --- echo ------------------------------------------------------------------------------------ */

void echo_raw(struct ldisc *l, uint8_t c)
{
	uint8_t shown[LDISC_TAB];
	unsigned n = cook(l, c, shown);
	for (unsigned i = 0; i < n; i++)
		echo_put(l, shown[i]);
}

void echo_key(struct ldisc *l, uint8_t c)
{
	if (!local(l, ECHOCTL) || !is_control(c) || c == '\t') {
		echo_raw(l, c);
		return;
	}
	echo_put(l, '^');
	echo_put(l, c ^ 0100);
	l->column += 2;
}

void echo_text(struct ldisc *l, const char *text)
{
	for (; *text; text++)
		echo_raw(l, (uint8_t)*text);
}

void echo_end_erasing(struct ldisc *l)
{
	if (l->erasing)
		echo_raw(l, '/');
	l->erasing = false;
}

void echo_typed(struct ldisc *l, uint8_t c)
{
	if (!local(l, ECHO))
		return;
	echo_end_erasing(l);
	if (c == '\n') {
		echo_raw(l, c);
		return;
	}
	if (l->canon == l->head)
		l->line_column = l->column;
	echo_key(l, c);
}
