/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_SOCKETS_H
#define SP_SERVE_SOCKETS_H

#include "serve/listen.h"
#include "serve/options.h"

/*
 * The sockets of one process, by name: one for each device, "control" and "vnc". Those that systemd
 * hands in are taken first, the others are made in the VM's directory.
 */
#define SP_SOCKETS_MAX (SP_SERVE_DEVICES_MAX + 2)

struct sp_named_listener {
	char name[SP_DEVICE_NAME_MAX + 1];
	struct sp_listener listener; /* socket -1: it was taken */
};

struct sp_sockets {
	char *directory; /* NULL: none */
	bool made; /* the directory was not there before */
	struct sp_named_listener listeners[SP_SOCKETS_MAX];
	uint32_t count;
};

/* After an error, too, it is to be closed. */
bool sp_sockets_open(
	struct sp_sockets *sockets, const struct sp_serve_request *request, struct sp_error *error);
/* As text, for another program that has the same descriptors; malloc'ed. */
char *sp_sockets_carry(const struct sp_sockets *sockets, struct sp_error *error);
/* From that text. After an error, too, it is to be closed. */
bool sp_sockets_adopt(struct sp_sockets *sockets, const struct sp_serve_request *request,
	const char *text, struct sp_error *error);
/* The caller's from now on. False: there is none of that name. */
bool sp_sockets_take(struct sp_sockets *sockets, const char *name, struct sp_listener *listener);
/* Those that nobody took, and the directory if it was made here. */
void sp_sockets_close(struct sp_sockets *sockets);

/*
 * Where VMs' directories are: of this user ($XDG_RUNTIME_DIR/sallyport), or /run/sallyport for
 * root. malloc'ed. NULL with an error if the environment does not tell.
 */
char *sp_sockets_root(struct sp_error *error);

#endif
