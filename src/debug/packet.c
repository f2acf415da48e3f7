/* SPDX-License-Identifier: MIT */
#include "debug/packet.h"

#include "base/text.h"

void packet_reader_init(struct packet_reader *r)
{
	r->state = READ_OUTSIDE;
	r->size = 0;
	r->body[0] = 0;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void begin(struct packet_reader *r)
{
	r->state = READ_BODY;
	r->size = 0;
	r->sum = 0;
	r->broken = false;
}

static void keep(struct packet_reader *r, uint8_t byte)
{
	if (r->size == PACKET_MOST)
		r->broken = true;
	else
		r->body[r->size++] = (char)byte;
}

static enum packet_event outside(struct packet_reader *r, uint8_t byte)
{
	switch (byte) {
	case '$': begin(r); return PACKET_NOTHING;
	case '+': return PACKET_ACK;
	case '-': return PACKET_NAK;
	case 3: return PACKET_BREAK;
	default: return PACKET_NOTHING;
	}
}

static enum packet_event end(struct packet_reader *r, int digit)
{
	r->state = READ_OUTSIDE;
	r->body[r->size] = 0;
	if (digit < 0 || r->broken || (uint8_t)(r->told << 4 | digit) != r->sum)
		return PACKET_BROKEN;
	return PACKET_WHOLE;
}

enum packet_event packet_read(struct packet_reader *r, uint8_t byte)
{
	int digit = hex_digit((char)byte);
	switch (r->state) {
	case READ_OUTSIDE: return outside(r, byte);
	case READ_ESCAPED:
		r->sum = (uint8_t)(r->sum + byte);
		keep(r, byte ^ 0x20);
		r->state = READ_BODY;
		return PACKET_NOTHING;
	case READ_BODY:
		if (byte == '$') { /* the one before was cut off */
			begin(r);
			return PACKET_BROKEN;
		}
		if (byte == '#') {
			r->state = READ_SUM;
			return PACKET_NOTHING;
		}
		r->sum = (uint8_t)(r->sum + byte);
		if (byte == '}')
			r->state = READ_ESCAPED;
		else
			keep(r, byte);
		return PACKET_NOTHING;
	case READ_SUM:
		r->broken |= digit < 0;
		r->told = (uint8_t)(digit & 15);
		r->state = READ_SUM_2;
		return PACKET_NOTHING;
	case READ_SUM_2: return end(r, digit);
	}
	return PACKET_NOTHING;
}

void packet_add(struct text *t, const char *body, size_t size)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + (uint8_t)body[i]);
	text_add_bytes(t, "$", 1);
	text_add_bytes(t, body, size);
	text_add(t, "#%02x", sum);
}

void packet_add_binary(struct text *t, const void *bytes, size_t size)
{
	const char *from = bytes;
	for (size_t i = 0; i < size; i++) {
		char c = from[i], pair[2] = {'}', (char)(c ^ 0x20)};
		bool escaped = c == '#' || c == '$' || c == '}' || c == '*';
		text_add_bytes(t, escaped ? pair : &c, escaped ? 2 : 1);
	}
}

void packet_add_hex(struct text *t, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	for (size_t i = 0; i < size; i++) {
		char pair[2] = {digits[from[i] >> 4], digits[from[i] & 15]};
		text_add_bytes(t, pair, 2);
	}
}

bool hex_number(const char **at, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *p = *at;
	for (; hex_digit(*p) >= 0; p++) {
		if (value >> 60)
			return false;
		value = value << 4 | (unsigned)hex_digit(*p);
	}
	if (p == *at)
		return false;
	*at = p;
	*ret_value = value;
	return true;
}

long hex_bytes(const char *at, uint8_t *ret_bytes, size_t room)
{
	size_t n = 0;
	for (; *at; at += 2) {
		int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);
		if (low < 0 || n == room)
			return -1;
		ret_bytes[n++] = (uint8_t)(high << 4 | low);
	}
	return (long)n;
}
