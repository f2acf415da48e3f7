/* SPDX-License-Identifier: MIT */
/* packet.h - the frames of gdb's remote serial protocol ("Debugging with GDB", appendix E)
 *
 *	$ body # two hex digits: the sum of the body's bytes, modulo 256
 *	+ -    the last packet came, or came with another sum
 *	0x03   outside of packets: stop the program
 *
 * In a body } stands before a byte that is xored with 0x20: # $ } and * cannot stand there else.
 * A reader is fed byte by byte and believes nothing: whatever comes, it keeps at most PACKET_MOST
 * bytes, and says what it has.
 */
#ifndef DEBUG_PACKET_H
#define DEBUG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

enum { PACKET_MOST = 0x10000 };

enum packet_event {
	PACKET_NOTHING, /* so far */
	PACKET_WHOLE,	/* body holds one */
	PACKET_BROKEN,	/* one came that had another sum, was too long, or was cut off */
	PACKET_BREAK,
	PACKET_ACK,
	PACKET_NAK,
};

struct packet_reader {
	enum { READ_OUTSIDE, READ_BODY, READ_ESCAPED, READ_SUM, READ_SUM_2 } state;
	uint8_t sum, told;
	bool broken;
	size_t size;
	char body[PACKET_MOST + 1]; /* without escapes, and NUL behind it; good until the next byte */
};

void packet_reader_init(struct packet_reader *r);
enum packet_event packet_read(struct packet_reader *r, uint8_t byte);

/* Adds a whole packet around the body, which has its escapes. */
void packet_add(struct text *t, const char *body, size_t size);
/* Adds bytes of a body, with escapes. */
void packet_add_binary(struct text *t, const void *bytes, size_t size);
void packet_add_hex(struct text *t, const void *bytes, size_t size);

/* 0 to 15, or -1. */
int hex_digit(char c);
/* A number in hex at *at, which moves behind it. False: there is none, or it has more than 64 bits. */
bool hex_number(const char **at, uint64_t *ret_value);
/* Pairs of digits up to the end of the string or room bytes. Returns how many bytes, or -1: a digit
 * is none, or is alone, or there are too many. */
long hex_bytes(const char *at, uint8_t *ret_bytes, size_t room);

#endif
