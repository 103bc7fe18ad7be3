/* SPDX-License-Identifier: MIT */
#include <sallyport/request.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

#include "base/arena.h"
#include "base/file.h"

#define MAX_BYTES ((size_t)1 << 20)
#define MAX_GUESTS 256u

struct sp_plan_file {
	struct sp_arena arena;
	struct sp_request request;
	const char *host; /* NULL if the file names none */
};

enum section { SECTION_NONE, SECTION_HOST, SECTION_GUEST };

enum key {
	KEY_TREE,
	KEY_TARGET,
	KEY_XEN_HAS,
	KEY_HOST_COUNT,

	KEY_DEVICE = KEY_HOST_COUNT,
	KEY_MODE,
	KEY_MEMORY,
	KEY_WITH_COMPANIONS,
	KEY_IOMMUS,
	KEY_BDF,
	KEY_CLOCK,
	KEY_PCI,
	KEY_HOTPLUG,
	KEY_WITHOUT_IOMMU,
	KEY_STATIC_MEMORY,
	KEY_MODULE,
	KEY_KERNEL,
	KEY_RAMDISK,
	KEY_CMDLINE,
	KEY_COUNT
};

static const char *const KEYS[KEY_COUNT] = {
	[KEY_TREE] = "tree",
	[KEY_TARGET] = "target",
	[KEY_XEN_HAS] = "xen-has",
	[KEY_DEVICE] = "device",
	[KEY_MODE] = "mode",
	[KEY_MEMORY] = "memory",
	[KEY_WITH_COMPANIONS] = "with-companions",
	[KEY_IOMMUS] = "iommus",
	[KEY_BDF] = "bdf",
	[KEY_CLOCK] = "clock",
	[KEY_PCI] = "pci",
	[KEY_HOTPLUG] = "hotplug",
	[KEY_WITHOUT_IOMMU] = "without-iommu",
	[KEY_STATIC_MEMORY] = "static-memory",
	[KEY_MODULE] = "module",
	[KEY_KERNEL] = "kernel",
	[KEY_RAMDISK] = "ramdisk",
	[KEY_CMDLINE] = "cmdline",
};

/* Keys that may be given several times. */
static const uint32_t REPEATED =
	1u << KEY_DEVICE | 1u << KEY_IOMMUS | 1u << KEY_BDF | 1u << KEY_CLOCK | 1u << KEY_MODULE;

struct draft {
	struct sp_request_guest guest;
	unsigned line;
	bool without_iommu;
	SP_VEC(const char *) devices;
	SP_VEC(struct sp_request_stream) streams;
	SP_VEC(struct sp_request_bdf) bdfs;
	SP_VEC(struct sp_request_clock) clocks;
};

struct reader {
	struct sp_plan_file *file;
	const char *name;
	unsigned line;
	unsigned blame; /* the line to name in an error, 0: the current one */
	enum section section;
	bool host_seen;
	uint32_t seen; /* a bit for each key of this section */
	SP_VEC(struct draft) drafts; /* the last is the one that is being read */
	struct sp_error *error;
};

static bool no_memory(const struct reader *reader) {
	return sp_error_memory(reader->error);
}

static bool read_flag(const char *value, bool *flag, struct sp_error *error) {
	static const char *const YES[] = {"yes", "true", "on", "1"};
	static const char *const NO[] = {"no", "false", "off", "0"};

	for (size_t i = 0; i < sizeof(YES) / sizeof(YES[0]); i++) {
		if (strcmp(value, YES[i]) != 0 && strcmp(value, NO[i]) != 0)
			continue;
		*flag = strcmp(value, YES[i]) == 0;
		return true;
	}
	return sp_error_set(error, SP_ERROR_INPUT, "\"%.80s\" is neither yes nor no", value);
}

/* A tree is looked for in the plan file's own folder. */
static bool read_tree(struct reader *reader, const char *value) {
	const char *slash = strrchr(reader->name, '/');
	struct sp_arena *arena = &reader->file->arena;

	if (value[0] == '/' || !slash)
		reader->file->host = sp_arena_strdup(arena, value);
	else
		reader->file->host = sp_arena_printf(
			arena, "%.*s/%s", (int)(slash - reader->name), reader->name, value);
	return reader->file->host || no_memory(reader);
}

static bool read_target(struct reader *reader, const char *value) {
	const char *names[SP_TARGET_COUNT];
	const char *suggestion;

	if (sp_target_parse(value, &reader->file->request.target))
		return true;
	for (size_t i = 0; i < SP_TARGET_COUNT; i++)
		names[i] = sp_target_name((enum sp_target)i);
	suggestion = sp_suggest(value, names, SP_TARGET_COUNT);
	return sp_error_set(reader->error, SP_ERROR_INPUT,
		"unknown target \"%.80s\"; did you mean %s?", value,
		suggestion ? suggestion : sp_target_name(SP_TARGET_DEFAULT));
}

static bool read_host_key(struct reader *reader, enum key key, char *value) {
	switch (key) {
	case KEY_TREE:
		return read_tree(reader, value);
	case KEY_TARGET:
		return read_target(reader, value);
	default:
		return sp_request_parse_feature(value, &reader->file->request, reader->error);
	}
}

static bool read_streams(struct reader *reader, struct draft *draft, char *value) {
	struct sp_request_stream streams[SP_MAX_STREAMS];
	uint32_t count;

	if (!sp_request_parse_streams(
		    value, streams, SP_MAX_STREAMS - draft->streams.count, &count, reader->error))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct sp_request_stream *stream =
			sp_vec_push(&reader->file->arena, &draft->streams);

		if (!stream)
			return no_memory(reader);
		*stream = streams[i];
	}
	return true;
}

static bool read_guest_key(struct reader *reader, struct draft *draft, enum key key, char *value) {
	struct sp_arena *arena = &reader->file->arena;
	struct sp_request_guest *guest = &draft->guest;
	struct sp_error *error = reader->error;
	struct sp_request_clock *clock;
	struct sp_request_bdf *bdf;
	const char **device;

	switch (key) {
	case KEY_DEVICE:
		device = sp_vec_push(arena, &draft->devices);
		if (!device)
			return no_memory(reader);
		*device = value;
		return true;
	case KEY_MODE:
		return sp_mode_parse(value, &guest->mode) ||
			sp_error_set(error, SP_ERROR_INPUT,
				"unknown mode \"%.80s\"; it is xl or dom0less", value);
	case KEY_MEMORY:
		return sp_request_parse_memory(value, &guest->memory, error);
	case KEY_WITH_COMPANIONS:
		return read_flag(value, &guest->companions, error);
	case KEY_IOMMUS:
		return read_streams(reader, draft, value);
	case KEY_BDF:
		bdf = sp_vec_push(arena, &draft->bdfs);
		return bdf ? sp_request_parse_bdf(value, bdf, error) : no_memory(reader);
	case KEY_CLOCK:
		clock = sp_vec_push(arena, &draft->clocks);
		return clock ? sp_request_parse_clock(value, clock, error) : no_memory(reader);
	case KEY_PCI:
		return read_flag(value, &guest->pci, error);
	case KEY_HOTPLUG:
		return read_flag(value, &guest->hotplug, error);
	case KEY_WITHOUT_IOMMU:
		return read_flag(value, &draft->without_iommu, error);
	case KEY_STATIC_MEMORY:
		return sp_request_parse_address(value, &guest->static_memory, error);
	case KEY_KERNEL:
		guest->kernel = value;
		return true;
	case KEY_RAMDISK:
		guest->ramdisk = value;
		return true;
	case KEY_CMDLINE:
		guest->command_line = value;
		return true;
	default:
		return sp_request_parse_module(value, guest, error);
	}
}

static bool unknown_key(const struct reader *reader, const char *name) {
	bool host = reader->section == SECTION_HOST;
	const char *const *keys = host ? KEYS : KEYS + KEY_HOST_COUNT;
	size_t count = host ? KEY_HOST_COUNT : KEY_COUNT - KEY_HOST_COUNT;
	const char *suggestion = sp_suggest(name, keys, count);

	return sp_error_set(reader->error, SP_ERROR_INPUT, "unknown key \"%.80s\" in [%s]%s%s%s",
		name, host ? "host" : "guest", suggestion ? "; did you mean " : "",
		suggestion ? suggestion : "", suggestion ? "?" : "");
}

static bool read_key(struct reader *reader, const char *name, char *value) {
	size_t first = reader->section == SECTION_HOST ? 0 : KEY_HOST_COUNT;
	size_t end = reader->section == SECTION_HOST ? KEY_HOST_COUNT : KEY_COUNT;
	size_t key = first;

	if (reader->section == SECTION_NONE)
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"\"%.80s\" stands before the first [host] or [guest NAME]", name);
	while (key < end && strcmp(name, KEYS[key]) != 0)
		key++;
	if (key == end)
		return unknown_key(reader, name);
	if (!*value)
		return sp_error_set(reader->error, SP_ERROR_INPUT, "%s has no value", name);
	if (reader->seen & ~REPEATED & 1u << key)
		return sp_error_set(
			reader->error, SP_ERROR_INPUT, "%s is given a second time", name);
	reader->seen |= 1u << key;
	if (reader->section == SECTION_HOST)
		return read_host_key(reader, (enum key)key, value);
	return read_guest_key(
		reader, &reader->drafts.data[reader->drafts.count - 1], (enum key)key, value);
}

/* What only the whole section shows. */
static bool finish_section(struct reader *reader) {
	struct draft *draft;

	if (reader->section != SECTION_GUEST)
		return true;
	draft = &reader->drafts.data[reader->drafts.count - 1];
	reader->blame = draft->line;
	if (draft->devices.count == 0)
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"guest %s is given no device; add a line \"device = /path\"",
			draft->guest.name);
	if (draft->without_iommu && (reader->seen & 1u << KEY_MODE) &&
		draft->guest.mode == SP_MODE_XL)
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"guest %s: without-iommu needs a guest that Xen makes at boot; write mode "
			"= dom0less",
			draft->guest.name);
	if (draft->without_iommu)
		draft->guest.mode = SP_MODE_DIRECT;
	reader->blame = 0;
	return true;
}

static bool start_guest(struct reader *reader, const char *name) {
	struct draft *draft;

	if (!sp_request_check_name(name, reader->error))
		return false;
	for (uint32_t i = 0; i < reader->drafts.count; i++)
		if (strcmp(reader->drafts.data[i].guest.name, name) == 0)
			return sp_error_set(reader->error, SP_ERROR_INPUT,
				"there is a guest %s already, in line %u", name,
				reader->drafts.data[i].line);
	if (reader->drafts.count == MAX_GUESTS)
		return sp_error_set(
			reader->error, SP_ERROR_INPUT, "more than %u guests", MAX_GUESTS);
	draft = sp_vec_push(&reader->file->arena, &reader->drafts);
	if (!draft)
		return no_memory(reader);
	draft->line = reader->line;
	draft->guest.name = name;
	draft->guest.memory = SP_GUEST_MEMORY_DEFAULT;
	reader->section = SECTION_GUEST;
	return true;
}

/* `head` is what stands between the brackets. */
static bool start_section(struct reader *reader, char *head) {
	char *name = head + strcspn(head, " \t");

	reader->seen = 0;
	if (*name) {
		*name++ = '\0';
		name += strspn(name, " \t");
	}
	if (strcmp(head, "host") == 0 && !*name) {
		if (reader->host_seen)
			return sp_error_set(
				reader->error, SP_ERROR_INPUT, "[host] is given a second time");
		reader->host_seen = true;
		reader->section = SECTION_HOST;
		return true;
	}
	if (strcmp(head, "guest") == 0)
		return *name ? start_guest(reader, name)
			     : sp_error_set(reader->error, SP_ERROR_INPUT,
				       "a guest needs a name; write [guest NAME]");
	return sp_error_set(reader->error, SP_ERROR_INPUT,
		"unknown section [%.40s%s%.40s]; there are [host] and [guest NAME]", head,
		*name ? " " : "", name);
}

/* Cuts blanks off both ends. */
static char *trim(char *text) {
	size_t length;

	text += strspn(text, " \t\r");
	length = strlen(text);
	while (length && strchr(" \t\r", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* A comment begins with '#' or ';' at the start of a line, or with '#' after a blank. */
static void cut_comment(char *text) {
	for (char *p = text; *p; p++) {
		bool first = p == text;

		if ((*p == '#' && (first || p[-1] == ' ' || p[-1] == '\t')) ||
			(*p == ';' && first)) {
			*p = '\0';
			return;
		}
	}
}

static bool read_line(struct reader *reader, char *line) {
	size_t length;
	char *equals;

	line = trim(line);
	cut_comment(line);
	line = trim(line);
	if (!*line)
		return true;
	for (const char *p = line; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return sp_error_set(reader->error, SP_ERROR_INPUT,
				"there is a control character (0x%02x)", (unsigned char)*p);
	if (*line == '[') {
		length = strlen(line);
		if (line[length - 1] != ']')
			return sp_error_set(reader->error, SP_ERROR_INPUT,
				"\"%.80s\" lacks its closing bracket", line);
		line[length - 1] = '\0';
		return finish_section(reader) && start_section(reader, trim(line + 1));
	}
	equals = strchr(line, '=');
	if (!equals)
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"\"%.80s\" is neither a section nor KEY = VALUE", line);
	*equals = '\0';
	return read_key(reader, trim(line), trim(equals + 1));
}

static bool finish(struct reader *reader) {
	struct sp_plan_file *file = reader->file;
	uint32_t count = reader->drafts.count;
	struct sp_request_guest *guests;

	if (!finish_section(reader))
		return false;
	if (count == 0)
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"there is no guest; write [guest NAME] and its devices");
	guests = sp_arena_array(&file->arena, count, sizeof(*guests));
	if (!guests)
		return no_memory(reader);
	for (uint32_t i = 0; i < count; i++) {
		struct draft *draft = &reader->drafts.data[i];

		guests[i] = draft->guest;
		guests[i].devices = draft->devices.data;
		guests[i].device_count = draft->devices.count;
		guests[i].streams = draft->streams.data;
		guests[i].stream_count = draft->streams.count;
		guests[i].bdfs = draft->bdfs.data;
		guests[i].bdf_count = draft->bdfs.count;
		guests[i].clocks = draft->clocks.data;
		guests[i].clock_count = draft->clocks.count;
	}
	file->request.guests = guests;
	file->request.guest_count = count;
	return true;
}

static bool read_lines(struct reader *reader, char *text) {
	for (char *line = text; line;) {
		char *next = strchr(line, '\n');

		if (next)
			*next++ = '\0';
		reader->line++;
		if (!read_line(reader, line))
			return false;
		line = next;
	}
	return true;
}

/* Puts the file and the line before the message. */
static void locate(const struct reader *reader) {
	char place[256];

	if (reader->error->kind == SP_ERROR_MEMORY)
		return;
	snprintf(place, sizeof(place), "%.240s:%u", reader->name,
		reader->blame ? reader->blame : reader->line);
	sp_error_prefix(reader->error, place);
	reader->error->kind = SP_ERROR_INPUT;
}

bool sp_plan_file_parse(struct sp_plan_file **out, const char *text, size_t size, const char *name,
	struct sp_error *error) {
	static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";
	size_t skip = sizeof(BYTE_ORDER_MARK) - 1;
	struct reader reader = {.name = name, .error = error};
	struct sp_plan_file *file;
	char *copy;

	*out = NULL;
	if (size > MAX_BYTES)
		return sp_error_set(
			error, SP_ERROR_INPUT, "%s: longer than %zu KiB", name, MAX_BYTES >> 10);
	if (size && memchr(text, '\0', size))
		return sp_error_set(
			error, SP_ERROR_INPUT, "%s: not a text: it holds a NUL byte", name);
	file = calloc(1, sizeof(*file));
	if (!file)
		return sp_error_memory(error);
	file->request.target = SP_TARGET_DEFAULT;
	reader.file = file;
	copy = sp_arena_strndup(&file->arena, size ? text : "", size);
	if (!copy) {
		sp_plan_file_destroy(file);
		return sp_error_memory(error);
	}
	if (strncmp(copy, BYTE_ORDER_MARK, skip) == 0)
		copy += skip;
	if (!read_lines(&reader, copy) || !finish(&reader)) {
		locate(&reader);
		sp_plan_file_destroy(file);
		return false;
	}
	*out = file;
	return true;
}

bool sp_plan_file_load(struct sp_plan_file **file, const char *path, struct sp_error *error) {
	char *text;
	size_t size;
	bool good;

	*file = NULL;
	if (!sp_file_read(path, MAX_BYTES, &text, &size, error))
		return false;
	good = sp_plan_file_parse(file, text, size, path, error);
	free(text);
	return good;
}

const struct sp_request *sp_plan_file_request(const struct sp_plan_file *file) {
	return &file->request;
}

const char *sp_plan_file_host(const struct sp_plan_file *file) {
	return file->host;
}

void sp_plan_file_destroy(struct sp_plan_file *file) {
	if (!file)
		return;
	sp_arena_release(&file->arena);
	free(file);
}
