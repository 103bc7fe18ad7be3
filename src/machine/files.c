/* SPDX-License-Identifier: MIT */
#include "machine/files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/snapshot.h"

/* A mark, or all of one but its last space at the end. */
static bool has_mark(const char *name, size_t size, const char *mark) {
	size_t length = strlen(mark) - 1;

	return strstr(name, mark) ||
		(size >= length && memcmp(name + size - length, mark, length) == 0);
}

/* Names end a line, or stand before a mark, so that they hold neither. */
static bool is_name(const char *name) {
	size_t size = strlen(name);

	if (!size || size >= SP_FILES_NAME || name[0] == ' ' || name[size - 1] == ' ')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (name[i] < ' ' || name[i] > '~')
			return false;
	}
	return !has_mark(name, size, SNAPSHOT_TARGET) && !has_mark(name, size, SNAPSHOT_VALUE) &&
		!has_mark(name, size, SNAPSHOT_SIZE);
}

/* Where a link leads and what a call gave stand on one line of a snapshot. */
static void make_line(char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	}
}

bool sp_files_add(struct sp_files *files, enum sp_record_kind kind, const char *name,
	const void *data, size_t size) {
	struct sp_record *record;
	char *copy;

	if (!is_name(name))
		return true;
	record = sp_vec_push(files->arena, &files->records);
	if (!record)
		return false;
	copy = sp_arena_strndup(files->arena, data, size);
	*record = (struct sp_record){
		.kind = kind,
		.name = sp_arena_strdup(files->arena, name),
		.data = copy,
		.size = size,
		.order = files->records.count - 1,
	};
	if (!record->name || !copy) {
		files->records.count--;
		return false;
	}
	if (kind == SP_RECORD_LINK || kind == SP_RECORD_CALL)
		make_line(copy, size);
	return true;
}

static int compare(const void *a, const void *b) {
	const struct sp_record *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (left->order > right->order) - (left->order < right->order);
}

void sp_files_sort(struct sp_files *files) {
	struct sp_record *records = files->records.data;
	uint32_t count = files->records.count, kept = 0;

	if (!count)
		return;
	qsort(records, count, sizeof(*records), compare);
	for (uint32_t i = 0; i < count; i++) {
		if (i + 1 < count && !strcmp(records[i].name, records[i + 1].name))
			continue;
		records[kept] = records[i];
		records[kept].order = kept;
		kept++;
	}
	files->records.count = kept;
}

/* The first record whose first `length` characters of the name do not come before `name`. */
static uint32_t lower_bound(const struct sp_files *files, const char *name, size_t length) {
	uint32_t low = 0, high = files->records.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strncmp(files->records.data[middle].name, name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct sp_record *find(const struct sp_files *files, const char *name) {
	uint32_t at = lower_bound(files, name, SP_FILES_NAME);

	if (at == files->records.count || strcmp(files->records.data[at].name, name))
		return NULL;
	return &files->records.data[at];
}

const struct sp_record *sp_files_get(const struct sp_files *files, const char *name) {
	const struct sp_record *record = find(files, name);

	return record && record->kind != SP_RECORD_DENIED ? record : NULL;
}

const char *sp_files_text(const struct sp_files *files, const char *format, ...) {
	const struct sp_record *record;
	char name[SP_FILES_NAME];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(name))
		return NULL;
	record = sp_files_get(files, name);
	return record && record->kind != SP_RECORD_BYTES ? record->data : NULL;
}

bool sp_files_denied(const struct sp_files *files, const char *name) {
	const struct sp_record *record = find(files, name);

	return record && record->kind == SP_RECORD_DENIED;
}

uint32_t sp_files_range(const struct sp_files *files, const char *prefix, uint32_t *first) {
	size_t length = strlen(prefix);
	uint32_t low, high = files->records.count;

	*first = low = lower_bound(files, prefix, length);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strncmp(files->records.data[middle].name, prefix, length) == 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - *first;
}
