/* SPDX-License-Identifier: MIT */
#include "xen/ctrl.h"

#include <errno.h>
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

/* Calls `each` with an entry's path and line until it gives true. */
static int walk(struct ctrl *ctrl, uint32_t id,
	bool (*each)(struct ctrl *ctrl, const char *path, const char *line, void *data),
	void *data) {
	char folder[PATH_SIZE], path[PATH_SIZE + 16];
	unsigned count;
	bool done = false;
	char **names;

	snprintf(folder, sizeof(folder), RECORD, id);
	names = xs_directory(ctrl->store, XBT_NULL, folder, &count);
	if (!names)
		return errno == ENOENT ? 0 : failure();
	for (unsigned i = 0; i < count && !done; i++) {
		char *line;

		if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path))
			continue;
		line = read_entry(ctrl, path);
		done = line && each(ctrl, path, line, data);
		free(line);
	}
	free(names);
	return 0;
}

static bool put_line(struct ctrl *ctrl, const char *path, const char *line, void *data) {
	struct sp_buf *out = data;

	(void)ctrl;
	(void)path;
	sp_buf_str(out, line);
	sp_buf_char(out, '\n');
	return false;
}

int ctrl_records(struct sp_xen *xen, uint32_t id, char **lines) {
	struct sp_buf out = {0};
	int error;

	sp_buf_str(&out, "");
	error = walk(ctrl_of(xen), id, put_line, &out);
	if (!error && out.failed)
		error = ENOMEM;
	if (error)
		sp_buf_release(&out);
	*lines = out.data;
	return error;
}

int ctrl_record(struct sp_xen *xen, uint32_t id, const char *line) {
	struct ctrl *ctrl = ctrl_of(xen);
	char folder[PATH_SIZE], path[PATH_SIZE + 16];

	snprintf(folder, sizeof(folder), RECORD, id);
	for (unsigned number = 0;; number++) {
		char *other;

		snprintf(path, sizeof(path), "%s/%u", folder, number);
		other = read_entry(ctrl, path);
		if (!other && errno != ENOENT)
			return failure();
		if (!other)
			break;
		free(other);
	}
	return xs_write(ctrl->store, XBT_NULL, path, line, (unsigned)strlen(line)) ? 0 : failure();
}

struct forgetting {
	const char *line;
	int error;
};

static bool forget_line(struct ctrl *ctrl, const char *path, const char *line, void *data) {
	struct forgetting *forgetting = data;

	if (strcmp(line, forgetting->line) != 0)
		return false;
	forgetting->error = xs_rm(ctrl->store, XBT_NULL, path) ? 0 : failure();
	return true;
}

int ctrl_forget(struct sp_xen *xen, uint32_t id, const char *line) {
	struct forgetting forgetting = {line, ENOENT};
	int error = walk(ctrl_of(xen), id, forget_line, &forgetting);

	return error ? error : forgetting.error;
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
