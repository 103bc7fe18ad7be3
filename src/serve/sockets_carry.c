/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "serve/sockets.h"

/*
 * A line for each socket: its name, descriptor, device and inode, and the path to the line's end,
 * which is empty for one that was handed in; and one for the directory.
 */
#define MADE "+directory"
#define FOUND "directory"

char *sp_sockets_carry(const struct sp_sockets *sockets, struct sp_error *error) {
	struct sp_buf text = {0};

	for (uint32_t i = 0; i < sockets->count; i++) {
		const struct sp_named_listener *named = &sockets->listeners[i];

		sp_buf_printf(&text, "%s %d %llx %llx %s\n", named->name, named->listener.socket,
			(unsigned long long)named->listener.device,
			(unsigned long long)named->listener.inode,
			named->listener.path ? named->listener.path : "");
	}
	if (sockets->directory)
		sp_buf_printf(
			&text, "%s -1 0 0 %s\n", sockets->made ? MADE : FOUND, sockets->directory);
	if (!text.failed && text.data)
		return text.data;
	sp_buf_release(&text);
	sp_error_memory(error);
	return NULL;
}

/* The arguments are the same, unless a user sent the text. */
static bool is_known(const struct sp_serve_request *request, const char *name) {
	if (strcmp(name, "control") == 0 || strcmp(name, "vnc") == 0)
		return true;
	for (uint32_t i = 0; i < request->device_count; i++) {
		if (strcmp(request->devices[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool adopt_line(struct sp_sockets *sockets, const struct sp_serve_request *request,
	const char *line, size_t length, struct sp_error *error) {
	struct sp_named_listener *named = &sockets->listeners[sockets->count];
	unsigned long long device, inode;
	char name[SP_DEVICE_NAME_MAX + 1];
	int socket, head = 0;
	char *path;

	_Static_assert(SP_DEVICE_NAME_MAX == 48, "the width of names below");
	if (sscanf(line, "%48s %d %llx %llx%n", name, &socket, &device, &inode, &head) != 4 ||
		(size_t)head + 1 > length || sockets->count == SP_SOCKETS_MAX)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the sockets of the earlier program: not in a form that is known here");
	path = length == (size_t)head + 1 ? NULL
					  : strndup(line + head + 1, length - (size_t)head - 1);
	if (!path && length > (size_t)head + 1)
		return sp_error_memory(error);
	if (strcmp(name, MADE) == 0 || strcmp(name, FOUND) == 0) {
		free(sockets->directory);
		sockets->directory = path;
		sockets->made = path && name[0] == MADE[0];
		return true;
	}
	snprintf(named->name, sizeof(named->name), "%s", name);
	named->listener = (struct sp_listener){
		.socket = socket, .path = path, .device = (dev_t)device, .inode = (ino_t)inode};
	sockets->count++;
	return is_known(request, name) ||
		sp_error_set(error, SP_ERROR_INPUT,
			"the earlier program served a device \"%s\", which this one is not to",
			name);
}

bool sp_sockets_adopt(struct sp_sockets *sockets, const struct sp_serve_request *request,
	const char *text, struct sp_error *error) {
	*sockets = (struct sp_sockets){0};
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (!adopt_line(sockets, request, text, length, error))
			return false;
		text += length + (text[length] == '\n');
	}
	return true;
}
