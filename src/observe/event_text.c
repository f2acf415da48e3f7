/* SPDX-License-Identifier: MIT */
#include "observe/event_text.h"

#include <inttypes.h>

#include "base/text.h"

#undef EVENT

const char *event_name(enum event_kind kind)
{
	static const char *const names[] = {
#define EVENT(name, text, sentence, fields) text,
#include "vm/events.def"
#undef EVENT
	};
	return names[kind];
}

const char *event_sentence(enum event_kind kind)
{
	static const char *const sentences[] = {
#define EVENT(name, text, sentence, fields) sentence,
#include "vm/events.def"
#undef EVENT
	};
	return sentences[kind];
}

const char *access_text(enum access a)
{
	static const char *const names[] = {"read", "write", "execute"};
	return names[a];
}

const char *agent_text(enum agent a)
{
	static const char *const text[AGENTS] = {"program", "kernel", "ahead"};
	return text[a];
}

const char *frame_kind_text(enum frame_kind kind)
{
	static const char *const names[FRAME_KINDS] = {"none",  "anon",   "file",
						       "table", "kernel", "zero", "store"};
	return names[kind];
}

const char *cause_class_text(enum cause_class c)
{
	static const char *const names[] = {"minor", "major", "fatal"};
	return names[c];
}

const char *call_name(uint64_t number)
{
	switch (number) {
#define CALL(number_, name, ...)                                                                   \
	case number_:                                                                              \
		return #name;
#define REFUSED(number_, name, ...) CALL(number_, name)
#include "kernel/syscalls.def"
	default: return NULL;
	}
}

/* The texts of each field type of events.def, for people and for JSON. */
#define TEXT_u64(v)    text_add(t, "%" PRIu64, v)
#define TEXT_num(v)    text_add(t, "%" PRId64, v)
#define TEXT_frame(v)  text_add(t, "%" PRIu32, v)
#define TEXT_addr(v)   text_add(t, "0x%" PRIx64, v)
#define TEXT_hex(v)    text_add(t, "0x%" PRIx64, v)
#define TEXT_key(v)    text_add(t, "0x%" PRIx64, v)
#define TEXT_flag(v)   text_add(t, (v) ? "yes" : "no")
#define TEXT_text(v)   text_add(t, "%s", (v) ? (v) : "")
#define TEXT_access(v) text_add(t, "%s", access_text(v))
#define TEXT_agent(v)  text_add(t, "%s", agent_text(v))
#define TEXT_cause(v)  text_add(t, "%s", cause_text(v))
#define TEXT_kind(v)   text_add(t, "%s", frame_kind_text(v))

void event_add_text(struct text *t, const struct event *e)
{
	const char *between = "";
	text_add(t, "%s {", event_name(e->kind));
	switch (e->kind) {
#define F(type, name)                                                                              \
	text_add(t, "%s" #name "=", between);                                                      \
	between = ", ";                                                                            \
	TEXT_##type(x->name);
#define EVENT(name_, text, sentence, fields)                                                       \
	case EVENT_##name_: {                                                                      \
		const struct event_##name_ *x = &e->name_;                                         \
		fields break;                                                                      \
	}
#include "vm/events.def"
#undef EVENT
#undef F
	case EVENTS: break;
	}
	text_add(t, "}");
}

/* How many bytes the UTF-8 character at s has; 0: it is none. */
static unsigned utf8_length(const unsigned char *s)
{
	unsigned n = s[0] < 0x80                   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	bool overlong =
	    (n == 3 && s[0] == 0xe0 && s[1] < 0xa0) || (n == 4 && s[0] == 0xf0 && s[1] < 0x90);
	bool beyond =
	    (n == 3 && s[0] == 0xed && s[1] >= 0xa0) || (n == 4 && s[0] == 0xf4 && s[1] >= 0x90);
	return overlong || beyond ? 0 : n;
}

void json_add_string(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)(s ? s : "");
	text_add(t, "\"");
	while (*p) {
		unsigned n = utf8_length(p);
		if (*p == '"' || *p == '\\')
			text_add(t, "\\%c", *p);
		else if (*p == '\n')
			text_add(t, "\\n");
		else if (*p < 0x20 || n == 0)
			text_add(t, "\\u%04x", *p);
		else
			text_add_bytes(t, p, n);
		p += n ? n : 1;
	}
	text_add(t, "\"");
}

#define JSON_u64(v)    TEXT_u64(v)
#define JSON_num(v)    TEXT_num(v)
#define JSON_frame(v)  TEXT_frame(v)
#define JSON_addr(v)   text_add(t, "\"0x%" PRIx64 "\"", v)
#define JSON_hex(v)    JSON_addr(v)
#define JSON_key(v)    JSON_addr(v)
#define JSON_flag(v)   text_add(t, (v) ? "true" : "false")
#define JSON_text(v)   json_add_string(t, v)
#define JSON_access(v) json_add_string(t, access_text(v))
#define JSON_agent(v)  json_add_string(t, agent_text(v))
#define JSON_cause(v)  json_add_string(t, cause_text(v))
#define JSON_kind(v)   json_add_string(t, frame_kind_text(v))

void event_add_json(struct text *t, const struct event *e)
{
	text_add(t, "{\"time\":%" PRIu64 ",\"pid\":%d,\"tid\":%d,\"event\":\"%s\"", e->time, e->pid, e->tid,
		 event_name(e->kind));
	switch (e->kind) {
#define F(type, name)                                                                              \
	text_add(t, ",\"" #name "\":");                                                            \
	JSON_##type(x->name);
#define EVENT(name_, text, sentence, fields)                                                       \
	case EVENT_##name_: {                                                                      \
		const struct event_##name_ *x = &e->name_;                                         \
		fields break;                                                                      \
	}
#include "vm/events.def"
#undef EVENT
#undef F
	case EVENTS: break;
	}
	if (e->kind == EVENT_syscall_enter || e->kind == EVENT_syscall_exit) {
		uint64_t number = e->kind == EVENT_syscall_enter ? e->syscall_enter.number
								 : e->syscall_exit.number;
		text_add(t, ",\"name\":");
		json_add_string(t, call_name(number));
	}
	text_add(t, "}");
}

void event_add_json_header(struct text *t)
{
	text_add(t, "{\"schema\":1,\"format\":\"carrel-events\",\"time\":\"ns\"}");
}
