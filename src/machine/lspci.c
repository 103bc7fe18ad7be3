/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/machine.h>

#include "machine/files.h"
#include "machine/letters.h"
#include "pci/config.h"

/*
 * The output of `lspci -vvxxxx`, made into the records that the machine itself would give. Lines
 * that say nothing of use are passed over; a line of bytes that is none is an error.
 */

#define DEVICES "/sys/bus/pci/devices/"
#define LINE 1024u /* characters of a line that are looked at */
#define HEADINGS 65536u
#define FIRST_LINES 32u
#define REGIONS (SP_PCI_BARS + 1) /* and the ROM */

struct region {
	uint64_t start, size;
	uint32_t flags; /* as the file `resource` has them */
};

/* The function whose lines are read. */
struct function {
	bool open, told; /* told: there are bytes, or IDs */
	char address[SP_BDF_SIZE];
	uint8_t config[SP_PCI_CONFIG_MAX];
	size_t size;
	struct region regions[REGIONS];
};

struct heading {
	sp_bdf bdf;
	uint32_t line;
};

struct reader {
	struct sp_files *files;
	struct sp_error *error;
	uint32_t line;
	bool told; /* of any function */
	size_t room; /* bytes of configuration that may yet come: one row can make 4096 of them */
	struct function function;
	SP_VEC(struct heading) headings;
};

static bool fail(struct reader *reader, const char *what) {
	return sp_error_set(reader->error, SP_ERROR_INPUT, "line %u: %s", reader->line, what);
}

static size_t hex_digits(const char *text) {
	size_t count = 0;

	while (is_hex(text[count]))
		count++;
	return count;
}

/* "0000:03:00.0 " or "03:00.0 ": the length of the address; 0 if there is none. */
static size_t heading_length(const char *line) {
	size_t digits = hex_digits(line), at = 0;

	if (digits >= 4 && digits <= 8 && line[digits] == ':')
		at = digits + 1;
	if (hex_digits(line + at) != 2 || line[at + 2] != ':' || hex_digits(line + at + 3) != 2 ||
		line[at + 5] != '.' || line[at + 6] < '0' || line[at + 6] > '7' ||
		line[at + 7] != ' ')
		return 0;
	return at + 7;
}

static void add(struct reader *reader, enum sp_record_kind kind, const char *name, const void *data,
	size_t size) {
	char path[SP_FILES_NAME];

	snprintf(path, sizeof(path), DEVICES "%s%s%s", reader->function.address, *name ? "/" : "",
		name);
	sp_files_add(reader->files, kind, path, data, size);
}

static void add_text(struct reader *reader, const char *name, const char *text) {
	add(reader, SP_RECORD_TEXT, name, text, strlen(text));
}

static void add_regions(struct reader *reader) {
	struct sp_buf text = {0};
	bool any = false;

	for (size_t i = 0; i < REGIONS; i++) {
		const struct region *region = &reader->function.regions[i];
		uint64_t last = region->size ? region->start + region->size - 1 : 0;

		sp_buf_printf(&text, "%s0x%016llx 0x%016llx 0x%016llx", i ? "\n" : "",
			(unsigned long long)(region->size ? region->start : 0),
			(unsigned long long)last,
			(unsigned long long)(region->size ? region->flags : 0));
		any = any || region->size;
	}
	if (text.failed)
		reader->files->arena->failed = true;
	else if (any)
		add(reader, SP_RECORD_TEXT, "resource", text.data, text.size);
	sp_buf_release(&text);
}

static bool end_function(struct reader *reader) {
	struct function *function = &reader->function;

	if (function->open) {
		if (function->size > reader->room)
			return fail(reader,
				"more bytes of configuration than the 16 MiB that are read");
		reader->room -= function->size;
		add(reader, SP_RECORD_BYTES, "config", function->config, function->size);
		add_regions(reader);
		reader->told = reader->told || function->told;
	}
	function->open = false;
	return true;
}

/* Takes " (rev c8)" and " (prog-if 00 [VGA controller])" off the end. */
static void cut_tail(char *text) {
	static const char *const tails[] = {" (rev ", " (prog-if "};

	for (size_t i = 0; i < 2; i++) {
		char *tail = strstr(text, tails[i]);

		if (tail)
			*tail = '\0';
	}
}

/* "1002:744c", with the name in front of it where there is one. */
static bool read_ids(struct reader *reader, const char *text) {
	char id[8] = "0x";

	if (hex_digits(text) != 4 || text[4] != ':' || hex_digits(text + 5) != 4)
		return false;
	memcpy(id + 2, text, 4);
	add_text(reader, "vendor", id);
	memcpy(id + 2, text + 5, 4);
	add_text(reader, "device", id);
	reader->function.told = true;
	return true;
}

/* "VGA compatible controller [0300]: Advanced … Navi 31 [1002:744c] (rev c8)" or
 * "0300: 1002:744c (rev c8)" */
static void read_heading(struct reader *reader, char *text) {
	char *colon = strstr(text, ": "), *name, class[12] = "0x", key[32];
	size_t size;

	cut_tail(text);
	if (!colon || colon > text + strlen(text))
		return;
	*colon = '\0';
	name = colon + 2;
	size = strlen(text);
	if (size == 4 && hex_digits(text) == 4)
		memcpy(class + 2, text, 4);
	else if (size > 6 && text[size - 1] == ']' && text[size - 6] == '[' &&
		hex_digits(text + size - 5) == 4)
		memcpy(class + 2, text + size - 5, 4);
	if (class[2]) {
		memcpy(class + 6, "00", 3);
		add_text(reader, "class", class);
	}
	if (read_ids(reader, name) ||
		(strncmp(name, "Device ", 7) == 0 && read_ids(reader, name + 7)))
		return;
	size = strlen(name);
	if (size > 12 && name[size - 1] == ']' && name[size - 11] == '[' &&
		read_ids(reader, name + size - 10))
		name[size - 12] = '\0';
	snprintf(key, sizeof(key), "name %s", reader->function.address);
	sp_files_add(reader->files, SP_RECORD_CALL, key, name, strlen(name));
}

static bool begin_function(struct reader *reader, char *line, size_t length) {
	struct heading *heading;
	sp_bdf bdf;

	if (!end_function(reader))
		return false;
	line[length] = '\0';
	/* Domains that the kernel has made up are beyond any guest's reach. */
	if (!sp_bdf_parse(line, &bdf))
		return true;
	if (reader->headings.count == HEADINGS)
		return fail(reader, "more functions than any machine has");
	heading = sp_vec_push(reader->files->arena, &reader->headings);
	if (!heading)
		return sp_error_memory(reader->error);
	*heading = (struct heading){bdf, reader->line};
	reader->function = (struct function){.open = true};
	sp_bdf_format(reader->function.address, bdf);
	read_heading(reader, line + length + 1);
	return true;
}

/* "10: 0c 00 00 d0 …" */
static bool read_row(struct reader *reader, const char *line) {
	struct function *function = &reader->function;
	char *text;
	size_t at = strtoul(line, &text, 16);

	for (text++; *text;) {
		text += strspn(text, " \t");
		if (!*text)
			break;
		if (hex_digits(text) != 2)
			return fail(reader, "bytes of two hexadecimal digits are wanted");
		if (at >= sizeof(function->config))
			return fail(reader, "a function has at most 4096 bytes of configuration");
		function->config[at++] = (uint8_t)strtoul(text, &text, 16);
		if (at > function->size)
			function->size = at;
	}
	function->told = true;
	return true;
}

/* "[size=256M]" */
static uint64_t read_size(const char *line) {
	static const char units[] = "KMGTP";
	const char *text = strstr(line, "[size=");
	uint64_t size;
	const char *unit;
	char *end;

	if (!text)
		return 0;
	size = strtoull(text + 6, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	for (; unit && unit >= units; unit--) {
		if (size > UINT64_MAX >> 10)
			return 0;
		size <<= 10;
	}
	return size;
}

/* "Region 0: Memory at d0000000 (64-bit, prefetchable) [size=256M]", "I/O ports at e000",
 * "Expansion ROM at fce00000 [disabled] [size=64K]" */
static void read_region(struct reader *reader, const char *line, size_t index, const char *at) {
	struct region *region = &reader->function.regions[index];
	char *end;

	region->size = read_size(line);
	region->start = strtoull(at, &end, 16);
	region->flags = strstr(line, "I/O ports at ") ? 0x100u : 0x200u;
	if (end == at || !strchr(" ", *end))
		region->flags |= 0x20000000u;
	if (strstr(line, "64-bit"))
		region->flags |= 0x100000u;
	if (strstr(line, "prefetchable") && !strstr(line, "non-prefetchable"))
		region->flags |= 0x2000u;
	if (region->size > UINT64_MAX - region->start)
		region->size = 0;
}

/* What follows the text in the line; NULL if it is not in it. */
static const char *after(const char *line, const char *text) {
	const char *found = strstr(line, text);

	return found ? found + strlen(text) : NULL;
}

static void add_link(
	struct reader *reader, const char *name, const char *folder, const char *target) {
	char path[256];
	size_t size = strcspn(target, " \t,");

	if (!size || size > 128 || memchr(target, '/', size))
		return;
	snprintf(path, sizeof(path), "%s%.*s", folder, (int)size, target);
	add(reader, SP_RECORD_LINK, name, path, strlen(path));
}

static void add_number(struct reader *reader, const char *name, const char *text) {
	size_t size = strspn(text, "0123456789");

	if (size && size < 10)
		add(reader, SP_RECORD_TEXT, name, text, size);
}

/* "BAR 0: current size: 256MB, supported: 256MB 512MB 1GB" */
static void read_resizable(struct reader *reader, const char *line) {
	const char *text = after(line, "supported: ");
	char name[] = "resource0_resize", value[20];
	uint64_t sizes = 0;

	if (line[0] < '0' || line[0] > '5' || !text)
		return;
	while (*text >= '0' && *text <= '9') {
		char *end;
		unsigned long long size = strtoull(text, &end, 10);
		unsigned shift = *end == 'G' ? 10 : *end == 'T' ? 20 : *end == 'P' ? 30 : 0;

		for (; size > 1; size >>= 1)
			shift++;
		if (shift < 64)
			sizes |= UINT64_C(1) << shift;
		text = end + strcspn(end, " ");
		text += strspn(text, " ");
	}
	name[8] = line[0];
	snprintf(value, sizeof(value), "%016llx", (unsigned long long)sizes);
	add_text(reader, name, value);
}

static void read_detail(struct reader *reader, const char *line) {
	const char *rest;

	if (line[1] == '\t') {
		rest = after(line, "\tBAR ");
		if (rest && strstr(rest, "current size: "))
			read_resizable(reader, rest);
		return;
	}
	rest = after(line, "\tRegion ");
	if (rest && rest[0] >= '0' && rest[0] <= '5') {
		const char *at = after(rest, "Memory at ");

		at = at ? at : after(rest, "I/O ports at ");
		if (at)
			read_region(reader, rest, (size_t)(rest[0] - '0'), at);
	} else if ((rest = after(line, "\tExpansion ROM at "))) {
		read_region(reader, line, SP_PCI_BARS, rest);
	} else if ((rest = after(line, "\tKernel driver in use: "))) {
		add_link(reader, "driver", "../../../bus/pci/drivers/", rest);
	} else if ((rest = after(line, "\tIOMMU group: "))) {
		add_link(reader, "iommu_group", "../../../kernel/iommu_groups/", rest);
	} else if ((rest = after(line, "\tNUMA node: "))) {
		add_number(reader, "numa_node", rest);
	} else if (after(line, "\tInterrupt: ") && (rest = after(line, " routed to IRQ "))) {
		add_number(reader, "irq", rest);
	}
}

static bool read_line(struct reader *reader, char *line) {
	size_t length = heading_length(line), digits = hex_digits(line);

	if (length)
		return begin_function(reader, line, length);
	if (!line[0])
		return end_function(reader);
	if (!reader->function.open)
		return true;
	if ((digits == 2 || digits == 3) && line[digits] == ':' && line[digits + 1] == ' ')
		return read_row(reader, line);
	if (line[0] == '\t')
		read_detail(reader, line);
	return true;
}

static int by_bdf(const void *a, const void *b) {
	const struct heading *left = a, *right = b;

	if (left->bdf != right->bdf)
		return left->bdf > right->bdf ? 1 : -1;
	return (left->line > right->line) - (left->line < right->line);
}

/* Two machines in one file would be mixed up. */
static bool check_headings(struct reader *reader) {
	struct heading *headings = reader->headings.data;
	char address[SP_BDF_SIZE];

	if (reader->headings.count)
		qsort(headings, reader->headings.count, sizeof(*headings), by_bdf);
	for (uint32_t i = 1; i < reader->headings.count; i++) {
		if (headings[i].bdf != headings[i - 1].bdf)
			continue;
		sp_bdf_format(address, headings[i].bdf);
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"line %u: %s was told of in line %u already", headings[i].line, address,
			headings[i - 1].line);
	}
	return true;
}

bool sp_files_parse_lspci(
	struct sp_files *files, const char *data, size_t size, struct sp_error *error) {
	struct reader reader = {.files = files, .error = error, .room = SP_FILES_LIMIT};
	const char *end = data + size;
	char line[LINE];

	if (size > SP_FILES_LIMIT)
		return sp_error_set(error, SP_ERROR_INPUT, "at most 16 MiB are read");
	while (data < end) {
		const char *stop = memchr(data, '\n', (size_t)(end - data));
		size_t length = (size_t)((stop ? stop : end) - data);
		size_t kept = length < LINE ? length : LINE - 1;

		memcpy(line, data, kept);
		if (kept && line[kept - 1] == '\r')
			kept--;
		line[kept] = '\0';
		data = stop ? stop + 1 : end;
		reader.line++;
		if (!read_line(&reader, line))
			return false;
	}
	if (!end_function(&reader) || !check_headings(&reader))
		return false;
	if (!reader.told && !files->arena->failed)
		return sp_error_set(error, SP_ERROR_INPUT,
			"these lines have no bytes of any function: they are wanted from `lspci "
			"-vvxxxx`, run by root");
	sp_files_sort(files);
	return files->arena->failed ? sp_error_memory(error) : true;
}

/* Warnings of lspci's own may come first. */
bool sp_files_is_lspci(const char *data, size_t size) {
	for (unsigned i = 0; i < FIRST_LINES && size; i++) {
		const char *stop = memchr(data, '\n', size);
		size_t length = stop ? (size_t)(stop - data) : size;
		char line[32] = "";

		memcpy(line, data, length < sizeof(line) - 1 ? length : sizeof(line) - 1);
		if (heading_length(line))
			return true;
		if (line[0] && line[0] != '\r' && line[0] != '#' && strncmp(line, "lspci: ", 7) &&
			strncmp(line, "pcilib: ", 8))
			return false;
		data += length + (stop != NULL);
		size -= length + (stop != NULL);
	}
	return false;
}
