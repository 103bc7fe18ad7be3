/* SPDX-License-Identifier: MIT */
#include "machine/scrub.h"

#include <string.h>

#include "machine/build.h"
#include "machine/letters.h"

#define LEFT_OUT "(left out)"

#define SERIAL_SIZE 8u /* behind the capability's header of 4 bytes */
#define VPD_SIZE 6u /* address and data, behind the header of 2 bytes */

static void zero(uint8_t *bytes, size_t size, size_t at, size_t count) {
	if (at < size)
		memset(bytes + at, 0, count < size - at ? count : size - at);
}

/* The Device Serial Number, and what was last read of the Vital Product Data. */
static void scrub_config(uint8_t *bytes, size_t size) {
	uint8_t copy[SP_PCI_CONFIG_MAX];
	struct sp_pci_config config;
	struct sp_error error;

	if (size > sizeof(copy))
		size = sizeof(copy);
	memcpy(copy, bytes, size);
	/* A virtual function's IDs read as all ones. */
	if (size >= SP_PCI_CONFIG_MIN && memcmp(copy, "\xff\xff", 2) == 0)
		copy[0] = 0;
	if (!sp_pci_config_read(&config, copy, size, &error))
		return;
	if (config.has_serial)
		zero(bytes, size, config.serial_at + 4u, SERIAL_SIZE);
	if (config.vpd_at)
		zero(bytes, size, config.vpd_at + 2u, VPD_SIZE);
}

/* "builder@host" in parentheses, of those who built a kernel or Xen. */
static void put_builders(struct sp_buf *out, const char *line, size_t size) {
	while (size) {
		size_t length = 0;

		while (length < size && !strchr(" ()", line[length]))
			length++;
		if (length && memchr(line, '@', length))
			sp_buf_str(out, LEFT_OUT);
		else
			sp_buf_put(out, line, length);
		if (length < size)
			sp_buf_char(out, line[length++]);
		line += length;
		size -= length;
	}
}

/* Hosts that are called after what runs on them, as each dom0 of Qubes is: the name tells nothing,
 * and the texts are full of it. */
static bool is_nobodys(const char *name, size_t size) {
	static const char *const names[] = {"dom0", "debian", "domain", "fedora", "grub", "guest",
		"host", "hvm", "iommu", "kvm", "linux", "localhost", "pci", "pciback", "pv", "pvh",
		"qubes", "root", "ubuntu", "vfio", "xcp", "xen", "xl"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == size && strncasecmp(names[i], name, size) == 0)
			return true;
	}
	return size < 2 || strspn(name, "0123456789") >= size;
}

/* A name where it stands by itself becomes as many dots. */
static void blank_name(char *text, size_t size, const char *name, size_t length) {
	char *at = text, *end = text + size;

	if (is_nobodys(name, length))
		return;
	while ((at = memmem(at, (size_t)(end - at), name, length))) {
		if ((at == text || !is_word(at[-1])) &&
			(at + length == end || !is_word(at[length])))
			memset(at, '.', length);
		at += length;
	}
}

/* The host's name with its domain, and without. */
static void blank_host(char *text, size_t size, const char *host) {
	blank_name(text, size, host, strlen(host));
	blank_name(text, size, host, strcspn(host, "."));
}

/* Of `xl info` and `xl dmesg`, line by line. */
static void put_line(struct sp_buf *out, const char *line, size_t size) {
	static const char *const keys[] = {"host ", "cc_compile_by ", "cc_compile_domain "};
	const char *colon = memchr(line, ':', size);

	for (size_t i = 0; colon && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!begins(line, size, keys[i]))
			continue;
		sp_buf_put(out, line, (size_t)(colon - line) + 1);
		sp_buf_str(out, " " LEFT_OUT);
		return;
	}
	put_builders(out, line, size);
}

static void put_lines(struct sp_buf *out, const char *text, size_t size) {
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		put_line(out, text, length);
		if (!end)
			return;
		sp_buf_char(out, '\n');
		text += length + 1;
		size -= length + 1;
	}
}

/* Of Xen's log, what Xen says: with console_to_ring it has dom0's whole log, too, with the names of
 * disks and people. */
static void put_log(struct sp_buf *out, const char *text, size_t size) {
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		if (memmem(text, length, "(XEN)", 5)) {
			if (out->size)
				sp_buf_char(out, '\n');
			put_line(out, text, length);
		}
		if (!end)
			return;
		text += length + 1;
		size -= length + 1;
	}
}

/* The record with another text. */
static bool replace(struct sp_files *files, struct sp_record *record, struct sp_buf *text) {
	const char *data = text->failed
		? NULL
		: sp_arena_strndup(files->arena, text->data ? text->data : "", text->size);

	record->size = text->size;
	sp_buf_release(text);
	if (data)
		record->data = data;
	return data;
}

static bool scrub_text(struct sp_files *files, struct sp_record *record, const char *host) {
	bool command = record->kind == SP_RECORD_COMMAND;
	struct sp_buf text = {0};

	if (strcmp(record->name, "/proc/cmdline") == 0)
		scrub_command_line(&text, record->data, record->size);
	else if (strcmp(record->name, "xl dmesg") == 0)
		put_log(&text, record->data, record->size);
	else if (command || strcmp(record->name, "/proc/version") == 0)
		put_lines(&text, record->data, record->size);
	else
		sp_buf_put(&text, record->data, record->size);
	if (!text.failed && text.data) {
		scrub_macs(text.data, text.size);
		scrub_uuids(text.data, text.size);
		if (host &&
			(command || record->name[0] != '/' || begins(record->name, 6, "/proc/")))
			blank_host(text.data, text.size, host);
	}
	return replace(files, record, &text);
}

static bool scrub_bytes(struct sp_files *files, struct sp_record *record) {
	size_t length = strlen(record->name);
	char *bytes;

	if (strncmp(record->name, BUILD_DEVICES, strlen(BUILD_DEVICES)) || length < 7 ||
		strcmp(record->name + length - 7, "/config"))
		return true;
	bytes = sp_arena_strndup(files->arena, record->data, record->size);
	if (!bytes)
		return false;
	scrub_config((uint8_t *)bytes, record->size);
	record->data = bytes;
	return true;
}

/* Network interfaces may be called after their addresses. */
static bool scrub_name(struct sp_files *files, struct sp_record *record) {
	char *name = sp_arena_strdup(files->arena, record->name);

	if (!name)
		return false;
	scrub_macs(name, strlen(name));
	record->name = name;
	return true;
}

/* "host                   : alice-pc" of `xl info`; NULL if it is not told or is nobody's. */
static const char *find_host(struct sp_files *files) {
	const char *line = sp_files_text(files, "xl info"), *value;
	size_t size;

	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, "host ", 5))
			continue;
		value = line + strcspn(line, ":\n");
		value += strspn(value, ": ");
		size = strcspn(value, " \r\n");
		if (!size || value[0] == '(')
			return NULL;
		return sp_arena_strndup(files->arena, value, size);
	}
	return NULL;
}

bool sp_files_scrub(struct sp_files *files) {
	const char *host = find_host(files);

	for (uint32_t i = 0; i < files->records.count; i++) {
		struct sp_record *record = &files->records.data[i];

		if (!scrub_name(files, record) ||
			!(record->kind == SP_RECORD_BYTES ? scrub_bytes(files, record)
							  : scrub_text(files, record, host)))
			return false;
	}
	sp_files_sort(files);
	return !files->arena->failed;
}
