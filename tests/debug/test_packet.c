/* SPDX-License-Identifier: MIT */
/* test_packet.c - frames of the remote protocol, good ones and such that nobody would send */
#include "base/bits.h"
#include "base/text.h"
#include "debug/packet.h"
#include "tests/test.h"

static struct packet_reader reader;

static enum packet_event feed(const char *bytes, size_t size)
{
	enum packet_event e = PACKET_NOTHING;
	for (size_t i = 0; i < size; i++)
		e = packet_read(&reader, (uint8_t)bytes[i]);
	return e;
}

static enum packet_event feed_text(const char *text) { return feed(text, strlen(text)); }

static uint64_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

TEST(any_bytes_come_through_as_they_were_sent)
{
	uint64_t seed = 1;
	for (unsigned size = 0; size < 2000; size += 1 + size / 3) {
		struct text body = TEXT, packet = TEXT;
		char bytes[2000];
		for (unsigned i = 0; i < size; i++)
			bytes[i] = (char)next(&seed);
		packet_add_binary(&body, bytes, size);
		packet_add(&packet, text_str(&body), body.size);
		packet_reader_init(&reader);
		CHECK_EQ(feed(text_str(&packet), packet.size), PACKET_WHOLE);
		CHECK_EQ(reader.size, size);
		CHECK(memcmp(reader.body, bytes, size) == 0);
		text_finish(&body);
		text_finish(&packet);
	}
}

TEST(a_packet_with_another_sum_or_cut_off_is_told_and_the_next_one_is_good)
{
	packet_reader_init(&reader);
	CHECK_EQ(feed_text("$g#66"), PACKET_BROKEN);
	CHECK_EQ(feed_text("$g#g7"), PACKET_BROKEN);
	CHECK_EQ(feed_text("$g#6x"), PACKET_BROKEN);
	CHECK_EQ(feed_text("$m12$"), PACKET_BROKEN);
	CHECK_EQ(feed_text("g#67"), PACKET_WHOLE);
	CHECK_STR(reader.body, "g");
	CHECK_EQ(feed_text("$#00"), PACKET_WHOLE);
	CHECK_STR(reader.body, "");
}

TEST(ctrl_c_and_acknowledgements_count_outside_of_packets_only)
{
	packet_reader_init(&reader);
	CHECK_EQ(feed_text("\003"), PACKET_BREAK);
	CHECK_EQ(feed_text("+"), PACKET_ACK);
	CHECK_EQ(feed_text("-"), PACKET_NAK);
	CHECK_EQ(feed_text("$\003+-#5b"), PACKET_WHOLE);
	CHECK_EQ(reader.size, 3);
}

TEST(a_packet_that_does_not_end_takes_no_more_memory_than_the_longest)
{
	packet_reader_init(&reader);
	packet_read(&reader, '$');
	for (unsigned i = 0; i < 3 * PACKET_MOST; i++)
		CHECK_EQ(packet_read(&reader, 0), PACKET_NOTHING);
	CHECK_EQ(feed_text("#00"), PACKET_BROKEN);
	CHECK_EQ(feed_text("$g#67"), PACKET_WHOLE);
}

TEST(a_flood_of_anything_leaves_a_reader_that_reads)
{
	static const char alphabet[] = "$$##}}*+-\003\0g00ff";
	uint64_t seed = 2;
	packet_reader_init(&reader);
	for (unsigned i = 0; i < 2000000; i++) {
		uint64_t x = next(&seed);
		enum packet_event e = packet_read(&reader, x & 64 ? (uint8_t)x : (uint8_t)alphabet[x % sizeof(alphabet)]);
		CHECK(reader.size <= PACKET_MOST);
		if (e == PACKET_WHOLE)
			CHECK_EQ(reader.body[reader.size], 0);
	}
	feed_text("#00");
	CHECK_EQ(feed_text("$g#67"), PACKET_WHOLE);
}

TEST(numbers_and_bytes_in_hex_are_read_whole_or_not_at_all)
{
	const char *at = "1fG";
	uint64_t v = 7;
	uint8_t bytes[2] = {0};
	CHECK(hex_number(&at, &v));
	CHECK_EQ(v, 0x1f);
	CHECK_STR(at, "G");
	CHECK(!hex_number(&at, &v));
	at = "10000000000000000";
	CHECK(!hex_number(&at, &v));
	CHECK_EQ(v, 0x1f);
	CHECK_EQ(hex_bytes("0aF0", bytes, 2), 2);
	CHECK_EQ(bytes[0] << 8 | bytes[1], 0x0af0);
	CHECK_EQ(hex_bytes("0aF", bytes, 2), -1);
	CHECK_EQ(hex_bytes("0a0b0c", bytes, 2), -1);
	CHECK_EQ(hex_bytes("", bytes, 2), 0);
}

TEST_MAIN
