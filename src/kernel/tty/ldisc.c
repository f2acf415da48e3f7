/* SPDX-License-Identifier: MIT */
/* ldisc.c - the line discipline: keys become lines */
#include "kernel/tty/ldisc.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#include "base/bits.h"
#include "kernel/tty/ldisc_echo.h"

void ldisc_init(struct ldisc *l, void (*signal)(void *ctx, int number), void *ctx)
{
	static const uint8_t keys[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};
	*l = (struct ldisc){.signal = signal, .ctx = ctx};
	l->termios = (struct abi_termios){
	    .iflag = ICRNL | IXON,
	    .oflag = OPOST | ONLCR,
	    .cflag = B38400 | CS8 | CREAD,
	    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	};
	memcpy(l->termios.cc, keys, sizeof(keys));
}

bool ldisc_canonical(const struct ldisc *l)
{
	return local(l, ICANON);
}

bool ldisc_tostop(const struct ldisc *l)
{
	return local(l, TOSTOP);
}

/* --- what was typed -------------------------------------------------------------------------- */

static uint8_t *at(struct ldisc *l, uint32_t pos)
{
	return &l->in[pos % LDISC_IN];
}

static bool ends_at(const struct ldisc *l, uint32_t pos)
{
	return l->end[pos % LDISC_IN / 8] >> pos % 8 & 1;
}

static void mark(struct ldisc *l, uint32_t pos, bool ends)
{
	uint8_t *byte = &l->end[pos % LDISC_IN / 8], bit = (uint8_t)(1 << pos % 8);
	*byte = ends ? *byte | bit : *byte & (uint8_t)~bit;
}

static void store(struct ldisc *l, uint8_t c)
{
	l->stored++;
	if (l->head - l->tail < LDISC_IN)
		*at(l, l->head++) = c;
}

/* Parity marks are doubled, so that they cannot be mistaken. */
static void store_typed(struct ldisc *l, uint8_t c)
{
	if (in_mode(l, PARMRK) && c == 0xff)
		store(l, c);
	store(l, c);
}

static void store_end(struct ldisc *l, uint8_t c)
{
	if (l->head - l->tail == LDISC_IN)
		l->head--;
	mark(l, l->head, true);
	store(l, c);
	l->canon = l->head;
}

void ldisc_flush_in(struct ldisc *l)
{
	l->tail = l->canon = l->head = 0;
	memset(l->end, 0, sizeof(l->end));
	l->pushed = false;
	l->erasing = l->literal = false;
	l->news |= PACKET_FLUSH_READ;
}

/* --- erasing --------------------------------------------------------------------------------- */

/* Where the last character begins; head: there is none, or only its middle. */
static uint32_t last_character(struct ldisc *l)
{
	uint32_t pos = l->head;
	do
		pos--;
	while (pos != l->canon && continues(l, *at(l, pos)));
	return continues(l, *at(l, pos)) ? l->head : pos;
}

/* How far the tab went that stood at head: back to where it came from. */
static void unshow_tab(struct ldisc *l)
{
	uint32_t width = 0, pos = l->head;
	bool after_tab = false;
	while (pos != l->canon && !after_tab) {
		uint8_t c = *at(l, --pos);
		if (c == '\t')
			after_tab = true;
		else if (is_control(c))
			width += local(l, ECHOCTL) ? 2 : 0;
		else
			width += !continues(l, c);
	}
	if (!after_tab)
		width += l->line_column;
	for (unsigned n = LDISC_TAB - width % LDISC_TAB; n > 0; n--) {
		echo_put(l, '\b');
		l->column -= l->column > 0;
	}
}

/* Takes the character c, bytes long, off the screen; head has been moved before it. */
static void unshow(struct ldisc *l, uint8_t c, uint32_t bytes, bool by_erase)
{
	if (!local(l, ECHO))
		return;
	if (local(l, ECHOPRT)) {
		if (!l->erasing)
			echo_raw(l, '\\');
		l->erasing = true;
		echo_key(l, c);
		for (uint32_t i = 1; i < bytes; i++)
			echo_put(l, *at(l, l->head + i));
	} else if (by_erase && !local(l, ECHOE)) {
		echo_key(l, l->termios.cc[CC_ERASE]);
	} else if (c == '\t') {
		unshow_tab(l);
	} else {
		if (is_control(c) && local(l, ECHOCTL))
			echo_text(l, "\b \b");
		if (!is_control(c) || local(l, ECHOCTL))
			echo_text(l, "\b \b");
	}
}

/* Linux takes the letters of Latin 1 for letters here, whatever the encoding. */
static bool is_word(uint8_t c)
{
	return c == '_' || (c < 128 ? isalnum(c) : c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

enum erase { ERASE_CHARACTER, ERASE_WORD, ERASE_LINE };

static void erase(struct ldisc *l, enum erase what)
{
	bool word = false;
	if (l->head == l->canon)
		return;
	if (what == ERASE_LINE && !local(l, ECHO)) {
		l->head = l->canon;
		return;
	}
	if (what == ERASE_LINE &&
	    (!local(l, ECHOK) || !local(l, ECHOKE) || !local(l, ECHOE))) {
		l->head = l->canon;
		echo_end_erasing(l);
		echo_key(l, l->termios.cc[CC_KILL]);
		if (local(l, ECHOK))
			echo_raw(l, '\n');
		return;
	}
	while (l->head != l->canon) {
		uint32_t pos = last_character(l), bytes = l->head - pos;
		if (bytes == 0)
			break;
		uint8_t c = *at(l, pos);
		if (what == ERASE_WORD && word && !is_word(c))
			break;
		word |= is_word(c);
		l->head = pos;
		unshow(l, c, bytes, what == ERASE_CHARACTER);
		if (what == ERASE_CHARACTER)
			break;
	}
	if (l->head == l->canon && local(l, ECHO))
		echo_end_erasing(l);
}

static void reprint(struct ldisc *l, uint8_t c)
{
	echo_end_erasing(l);
	echo_key(l, c);
	echo_raw(l, '\n');
	for (uint32_t pos = l->canon; pos != l->head; pos++)
		echo_key(l, *at(l, pos));
}

/* --- one key --------------------------------------------------------------------------------- */

static bool is_key(const struct ldisc *l, unsigned which, uint8_t c)
{
	return c != LDISC_DISABLED && l->termios.cc[which] == c;
}

static void send_signal(struct ldisc *l, int number, uint8_t c)
{
	l->signal(l->ctx, number);
	if (!local(l, NOFLSH)) {
		l->held = 0;
		ldisc_flush_in(l);
		l->news |= PACKET_FLUSH_WRITE;
	}
	if (in_mode(l, IXON))
		echo_stop(l, false);
	if (local(l, ECHO))
		echo_key(l, c);
}

static bool take_signal(struct ldisc *l, uint8_t c)
{
	static const struct {
		unsigned key;
		int number;
	} signals[] = {{CC_INTR, SIGINT}, {CC_QUIT, SIGQUIT}, {CC_SUSP, SIGTSTP}};
	for (unsigned i = 0; local(l, ISIG) && i < array_size(signals); i++) {
		if (is_key(l, signals[i].key, c)) {
			send_signal(l, signals[i].number, c);
			return true;
		}
	}
	return false;
}

static bool take_flow(struct ldisc *l, uint8_t c)
{
	if (!in_mode(l, IXON))
		return false;
	if (is_key(l, CC_START, c))
		echo_stop(l, false);
	else if (is_key(l, CC_STOP, c))
		echo_stop(l, true);
	else
		return false;
	return true;
}

/* Keys that edit the line. */
static bool take_edit(struct ldisc *l, uint8_t c)
{
	bool more = local(l, IEXTEN);
	if (is_key(l, CC_ERASE, c)) {
		erase(l, ERASE_CHARACTER);
	} else if (is_key(l, CC_KILL, c)) {
		erase(l, ERASE_LINE);
	} else if (more && is_key(l, CC_WERASE, c)) {
		erase(l, ERASE_WORD);
	} else if (more && is_key(l, CC_LNEXT, c)) {
		l->literal = true;
		if (local(l, ECHO)) {
			echo_end_erasing(l);
			if (local(l, ECHOCTL)) {
				echo_raw(l, '^');
				echo_raw(l, '\b');
			}
		}
	} else if (more && local(l, ECHO) && is_key(l, CC_REPRINT, c)) {
		reprint(l, c);
	} else {
		return false;
	}
	return true;
}

/* Keys that end it. */
static bool take_end(struct ldisc *l, uint8_t c)
{
	if (c == '\n') {
		if (local(l, ECHO) || local(l, ECHONL))
			echo_raw(l, c);
		store_end(l, c);
	} else if (is_key(l, CC_EOF, c)) {
		store_end(l, 0);
	} else if (is_key(l, CC_EOL, c) || (local(l, IEXTEN) && is_key(l, CC_EOL2, c))) {
		if (local(l, ECHO)) {
			if (l->canon == l->head)
				l->line_column = l->column;
			echo_key(l, c);
		}
		if (in_mode(l, PARMRK) && c == 0xff)
			store(l, c);
		store_end(l, c);
	} else {
		return false;
	}
	return true;
}

static void take(struct ldisc *l, uint8_t c)
{
	if (in_mode(l, ISTRIP))
		c &= 0x7f;
	if (in_mode(l, IUCLC) && local(l, IEXTEN))
		c = (uint8_t)tolower(c);
	if (local(l, EXTPROC)) {
		store(l, c);
		return;
	}
	if (l->literal) {
		l->literal = false;
		echo_typed(l, c);
		store_typed(l, c);
		return;
	}
	if (take_flow(l, c) || take_signal(l, c))
		return;
	if (l->stopped && in_mode(l, IXON) && in_mode(l, IXANY))
		echo_stop(l, false);
	if (c == '\r') {
		if (in_mode(l, IGNCR))
			return;
		if (in_mode(l, ICRNL))
			c = '\n';
	} else if (c == '\n' && in_mode(l, INLCR)) {
		c = '\r';
	}
	if (local(l, ICANON) && (take_edit(l, c) || take_end(l, c)))
		return;
	echo_typed(l, c);
	store_typed(l, c);
}

/* Is there room for one key? One byte of in stays free for the end of an endless line; in canonical
 * mode a line that has no end yet loses its last byte instead. */
static bool room(struct ldisc *l)
{
	uint32_t most = in_mode(l, PARMRK) ? LDISC_IN - 2 : LDISC_IN - 1;
	if (l->head - l->tail < most)
		return true;
	if (!local(l, ICANON) || l->canon != l->tail)
		return false;
	if (l->head - l->tail == LDISC_IN)
		l->head--;
	return true;
}

static void receive_pending(struct ldisc *l)
{
	while (l->pending_tail != l->pending_head && room(l))
		take(l, l->pending[l->pending_tail++ % LDISC_PENDING]);
}

size_t ldisc_receive_room(const struct ldisc *l)
{
	return LDISC_PENDING - (l->pending_head - l->pending_tail);
}

size_t ldisc_receive(struct ldisc *l, const void *bytes, size_t size)
{
	const uint8_t *keys = bytes;
	size_t n = min_u64(size, ldisc_receive_room(l));
	for (size_t i = 0; i < n; i++)
		l->pending[l->pending_head++ % LDISC_PENDING] = keys[i];
	receive_pending(l);
	return n;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_eof(const struct ldisc *l, uint32_t pos)
{
	return ends_at(l, pos) && l->in[pos % LDISC_IN] == 0 && !l->pushed;
}

int64_t ldisc_readable(const struct ldisc *l, size_t size)
{
	uint32_t pos = l->tail;
	if (!local(l, ICANON) || local(l, EXTPROC))
		return l->head == l->tail ? -1 : (int64_t)min_u64(size, l->head - l->tail);
	if (l->canon == l->tail)
		return -1;
	while (pos != l->canon && pos - l->tail < size && !ends_at(l, pos))
		pos++;
	return pos - l->tail + (pos != l->canon && pos - l->tail < size && !is_eof(l, pos));
}

size_t ldisc_read(struct ldisc *l, void *ret_bytes, size_t size)
{
	int64_t n = ldisc_readable(l, size);
	uint8_t *bytes = ret_bytes;
	bool lines = local(l, ICANON) && !local(l, EXTPROC), over = false;
	if (n < 0)
		return 0;
	for (int64_t i = 0; i < n; i++, l->tail++) {
		bytes[i] = *at(l, l->tail);
		over |= ends_at(l, l->tail);
		mark(l, l->tail, false);
	}
	if (over)
		l->pushed = false;
	/* Whoever got all up to an end of file does not get it as a line of its own. */
	if (lines && !over && l->tail != l->canon && is_eof(l, l->tail)) {
		mark(l, l->tail, false);
		l->tail++;
	}
	if (l->canon - l->tail > LDISC_IN)
		l->canon = l->tail;
	receive_pending(l);
	return (size_t)n;
}

size_t ldisc_in_size(const struct ldisc *l)
{
	if (!local(l, ICANON) || local(l, EXTPROC))
		return l->head - l->tail;
	size_t n = l->canon - l->tail;
	for (uint32_t pos = l->tail; pos != l->canon; pos++)
		n -= is_eof(l, pos);
	return n;
}

void ldisc_set(struct ldisc *l, const struct abi_termios *termios)
{
	struct abi_termios old = l->termios;
	l->termios = *termios;
	if ((old.lflag ^ termios->lflag) & (ICANON | EXTPROC)) {
		memset(l->end, 0, sizeof(l->end));
		l->pushed = local(l, ICANON) && l->head != l->tail;
		l->canon = l->pushed ? l->head : l->tail;
		if (l->pushed)
			mark(l, l->head - 1, true);
		l->erasing = l->literal = false;
	}
	bool flows = in_mode(l, IXON) && is_key(l, CC_START, 17) && is_key(l, CC_STOP, 19);
	bool flowed = old.iflag & IXON && old.cc[CC_START] == 17 && old.cc[CC_STOP] == 19;
	if (flows != flowed) {
		l->news &= (uint8_t)~(PACKET_DO_STOP | PACKET_NO_STOP);
		l->news |= flows ? PACKET_DO_STOP : PACKET_NO_STOP;
	}
	if (!in_mode(l, IXON) && (old.iflag & IXON))
		echo_stop(l, false);
	receive_pending(l);
}
