/* SPDX-License-Identifier: MIT */
/* event_text.h - events as text and as lines of JSON, both from events.def
 *
 *	event_add_text   page_unmap {addr=0x5000, key=0x12, frame=77, resident=-1}
 *	event_add_json   {"time":1200,"pid":2,"tid":2,"event":"page_unmap","addr":"0x5000",...}
 *
 * In JSON addresses, keys and sets of flags are strings of hexadecimal digits, since they may need
 * more than the 53 bits that many readers of JSON have for a number; the rest are numbers.
 */
#ifndef OBSERVE_EVENT_TEXT_H
#define OBSERVE_EVENT_TEXT_H

#include "vm/event.h"

struct text;

const char *event_name(enum event_kind kind);
const char *event_sentence(enum event_kind kind);
const char *access_text(enum access a);            /* "read" */
const char *agent_text(enum agent a);              /* "program" */
const char *frame_kind_text(enum frame_kind kind); /* "anon" */
const char *cause_class_text(enum cause_class c);  /* "minor" */
/* The name of a system call, or NULL. */
const char *call_name(uint64_t number);

void event_add_text(struct text *t, const struct event *e);
/* Without a newline. */
void event_add_json(struct text *t, const struct event *e);
/* The first line of a file of such lines: {"schema":1,...}. */
void event_add_json_header(struct text *t);
/* A string in quotes. Bytes that are no UTF-8 become the characters of their values. */
void json_add_string(struct text *t, const char *s);

#endif
