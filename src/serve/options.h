/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_OPTIONS_H
#define SP_SERVE_OPTIONS_H

#include "serve/models.h"

/* What was asked for on the command line, taken apart. Nothing is looked up but words. */

#define SP_SERVE_DEVICES_MAX 16u

/* How a screen is shown. */
enum sp_vnc_kind {
	SP_VNC_DEFAULT, /* at DIR/vnc, if there is a screen and a directory */
	SP_VNC_NONE,
	SP_VNC_UNIX,
	SP_VNC_TCP,
};

struct sp_serve_request {
	const char *vm; /* its name; NULL: none */
	const char *directory; /* NULL: by the name */
	const char *socket; /* of the one device; NULL: in the directory */
	struct sp_device_request devices[SP_SERVE_DEVICES_MAX];
	uint32_t device_count;
	enum sp_vnc_kind vnc;
	const char *vnc_path; /* of SP_VNC_UNIX */
	char vnc_host[64]; /* of SP_VNC_TCP: an address in figures */
	uint16_t vnc_port;
	const char *vnc_password_file; /* NULL: none */
	bool intx; /* for all devices */
	bool verbose;
};

/* A word that may be a part of a path: 1 to `max` letters, digits, '.', '_' and '-', the first of
 * which is a letter or a digit. */
bool sp_serve_name_valid(const char *name, size_t max);
#define SP_VM_NAME_MAX 63

/* MODEL[,option=value…] is put to the others. */
bool sp_serve_add_device(
	struct sp_serve_request *request, const char *text, struct sp_error *error);
/* PATH, HOST:PORT or none. */
bool sp_serve_set_vnc(struct sp_serve_request *request, const char *text, struct sp_error *error);
/* intx, or auto. */
bool sp_serve_set_irq(bool *intx, const char *text, struct sp_error *error);
/* When all is said: does it fit together? Each device gets its name. */
bool sp_serve_finish(struct sp_serve_request *request, struct sp_error *error);
void sp_serve_request_release(struct sp_serve_request *request);

/* "memory=SIZE", and what about it; for lists. */
struct sp_setting_info {
	const char *name, *value, *help;
};
const struct sp_setting_info *sp_setting_info(enum sp_setting setting);

#endif
