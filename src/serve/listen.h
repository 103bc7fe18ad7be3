/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_LISTEN_H
#define SP_SERVE_LISTEN_H

#include <sys/types.h>

#include <sallyport/error.h>

/*
 * A Unix socket that waits for clients. Whoever may connect to it has the device, so that only its
 * owner may (mode 0600).
 */
struct sp_listener {
	int socket; /* -1: none */
	char *path; /* NULL: it was handed in, and its path is another's */
	dev_t device;
	ino_t inode;
};

/*
 * Makes the socket at `path`. One that a process left behind is replaced; one that is listened at
 * is SP_ERROR_USE, as is anything else that lies there.
 */
bool sp_listen(struct sp_listener *listener, const char *path, struct sp_error *error);
/* Takes over one that systemd listens at in our place (sd_listen_fds(3)), or any other descriptor
 * of a listening Unix socket. */
bool sp_listen_inherited(struct sp_listener *listener, int socket, struct sp_error *error);
/* How many sockets systemd hands in, beginning with descriptor 3. It is asked once. */
int sp_listen_count(void);
/* Closes it, and removes its path if it is still ours. */
void sp_listen_end(struct sp_listener *listener);

/* A connected client, non-blocking; -1: none waits. */
int sp_listen_accept(const struct sp_listener *listener);

/* Tells systemd, or whoever set NOTIFY_SOCKET (sd_notify(3)); nothing without it. */
void sp_notify(const char *state);

#endif
