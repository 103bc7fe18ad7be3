/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_REQUEST_H
#define SP_SERVE_REQUEST_H

#include "serve/models.h"

/* What is asked of the control socket: an object of JSON in one line. docs/serve.md tells them. */
#define SP_CONTROL_LINE_MAX 1024u /* bytes, without the newline */

enum sp_control_verb {
	SP_CONTROL_STATE,
	SP_CONTROL_SCREENSHOT,
	SP_CONTROL_RESIZE,
	SP_CONTROL_RESET,
	SP_CONTROL_QUIT,
	SP_CONTROL_UPGRADE,
	SP_CONTROL_VERBS
};

struct sp_control_request {
	enum sp_control_verb verb;
	char device[SP_DEVICE_NAME_MAX + 1]; /* empty: the only one that can be meant */
	uint32_t width, height; /* of resize: 1 to SP_PICTURE_MAX */
};

/* Any bytes; they need not end with NUL. */
bool sp_control_read(
	const char *line, size_t size, struct sp_control_request *request, struct sp_error *error);

#endif
