/* SPDX-License-Identifier: MIT */
#include "xen/ctrl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/*
 * The record lies in libxl's folder of the guest, which the guest cannot read, and which libxl
 * removes with the guest. Its entries have numbers for names, and lines as values.
 */
#define RECORD "/libxl/%u/sallyport"
#define PATH_SIZE 64

#define ATTEMPTS 8u /* at a transaction that others got in the way of */

#define RELEASED "@releaseDomain"

static int failure(void) {
	return errno ? errno : EIO;
}

static char *read_entry(struct ctrl *ctrl, const char *path) {
	unsigned size;

	return xs_read(ctrl->store, XBT_NULL, path, &size);
}

int ctrl_name(struct sp_xen *xen, uint32_t id, char **name) {
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/local/domain/%u/name", id);
	*name = read_entry(ctrl_of(xen), path);
	return *name ? 0 : failure();
}

void ctrl_release_records(struct ctrl *ctrl) {
	for (size_t i = 0; i < ctrl->count; i++)
		free(ctrl->records[i].line);
	free(ctrl->records);
	ctrl->records = NULL;
	ctrl->count = ctrl->capacity = 0;
}

/* Takes the line over, also when it fails. */
static int keep(struct ctrl *ctrl, unsigned number, char *line) {
	if (line && ctrl->count == ctrl->capacity) {
		size_t capacity = ctrl->capacity ? 2 * ctrl->capacity : 16;
		struct ctrl_record *grown =
			realloc(ctrl->records, capacity * sizeof(*ctrl->records));

		if (!grown) {
			free(line);
			return ENOMEM;
		}
		ctrl->records = grown;
		ctrl->capacity = capacity;
	}
	if (!line)
		return ENOMEM;
	ctrl->records[ctrl->count++] = (struct ctrl_record){number, line};
	return 0;
}

static int load_record(struct ctrl *ctrl, uint32_t id, const char *name) {
	char path[PATH_SIZE];
	unsigned long number;
	char *line, *end;

	errno = 0;
	number = strtoul(name, &end, 10);
	if (*end || errno || number >= UINT32_MAX)
		return EINVAL;
	snprintf(path, sizeof(path), RECORD "/%s", id, name);
	line = read_entry(ctrl, path);
	return line ? keep(ctrl, (unsigned)number, line) : failure();
}

static int load_records(struct ctrl *ctrl, uint32_t id) {
	char folder[PATH_SIZE];
	unsigned count;
	char **names;
	int error = 0;

	ctrl_release_records(ctrl);
	snprintf(folder, sizeof(folder), RECORD, id);
	names = xs_directory(ctrl->store, XBT_NULL, folder, &count);
	if (!names)
		return errno == ENOENT ? 0 : failure();
	for (unsigned i = 0; i < count && !error; i++)
		error = load_record(ctrl, id, names[i]);
	free(names);
	return error;
}

int ctrl_records(struct sp_xen *xen, uint32_t id, char **lines) {
	struct ctrl *ctrl = ctrl_of(xen);
	struct sp_buf out = {0};
	int error = load_records(ctrl, id);

	sp_buf_str(&out, "");
	for (size_t i = 0; i < ctrl->count && !error; i++) {
		sp_buf_str(&out, ctrl->records[i].line);
		sp_buf_char(&out, '\n');
	}
	if (!error && out.failed)
		error = ENOMEM;
	if (error)
		sp_buf_release(&out);
	*lines = out.data;
	return error;
}

/* libxl's folder goes with the guest, and must not be made once more: a later guest may have its
 * number. */
static int write_record(struct ctrl *ctrl, uint32_t id, const char *path, const char *line) {
	char folder[PATH_SIZE];

	snprintf(folder, sizeof(folder), "/libxl/%" PRIu32, id);
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		xs_transaction_t transaction = xs_transaction_start(ctrl->store);
		unsigned size;
		char *there;
		int error;

		if (transaction == XBT_NULL)
			return failure();
		there = xs_read(ctrl->store, transaction, folder, &size);
		error = there &&
				xs_write(ctrl->store, transaction, path, line,
					(unsigned)strlen(line))
			? 0
			: failure();
		free(there);
		if (xs_transaction_end(ctrl->store, transaction, error != 0) || error)
			return error;
		if (errno != EAGAIN)
			return failure();
	}
	return EAGAIN;
}

int ctrl_record(struct sp_xen *xen, uint32_t id, const char *line) {
	struct ctrl *ctrl = ctrl_of(xen);
	char path[PATH_SIZE];
	unsigned number = 0;
	int error;

	for (size_t i = 0; i < ctrl->count; i++) {
		if (ctrl->records[i].number >= number)
			number = ctrl->records[i].number + 1;
	}
	error = keep(ctrl, number, strdup(line));
	if (error)
		return error;
	snprintf(path, sizeof(path), RECORD "/%u", id, number);
	error = write_record(ctrl, id, path, line);
	if (error)
		free(ctrl->records[--ctrl->count].line);
	return error;
}

/* xs_rm says nothing of what was not there. */
int ctrl_forget(struct sp_xen *xen, uint32_t id, const char *line) {
	struct ctrl *ctrl = ctrl_of(xen);
	char path[PATH_SIZE], *there;
	size_t i = 0;
	bool same;

	while (i < ctrl->count && strcmp(ctrl->records[i].line, line) != 0)
		i++;
	if (i == ctrl->count)
		return ENOENT;
	snprintf(path, sizeof(path), RECORD "/%u", id, ctrl->records[i].number);
	there = read_entry(ctrl, path);
	if (!there)
		return failure();
	same = strcmp(there, line) == 0;
	free(there);
	if (!same)
		return ENOENT;
	if (!xs_rm(ctrl->store, XBT_NULL, path))
		return failure();
	free(ctrl->records[i].line);
	ctrl->records[i] = ctrl->records[--ctrl->count];
	return 0;
}

int ctrl_await(struct sp_xen *xen, unsigned milliseconds) {
	struct ctrl *ctrl = ctrl_of(xen);
	struct pollfd ready = {.fd = xs_fileno(ctrl->store), .events = POLLIN};
	char **event;

	if (!ctrl->watching && !xs_watch(ctrl->store, RELEASED, RELEASED))
		return failure();
	ctrl->watching = true;
	if (poll(&ready, 1, (int)milliseconds) < 0 && errno != EINTR)
		return failure();
	/* All that came are one reason to look. */
	while ((event = xs_check_watch(ctrl->store)) != NULL)
		free(event);
	return 0;
}
