/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_LISTEN_H
#define SP_SERVE_LISTEN_H

#include <stdint.h>
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
/* The same for TCP at an address in figures, "127.0.0.1" or "::1". It has no path. */
bool sp_listen_tcp(
	struct sp_listener *listener, const char *host, uint16_t port, struct sp_error *error);
/* Takes over one that systemd listens at in our place (sd_listen_fds(3)), or any other descriptor
 * of a listening stream socket; of TCP only with `tcp`. */
bool sp_listen_inherited(
	struct sp_listener *listener, int socket, bool tcp, struct sp_error *error);
/*
 * How many sockets systemd hands in, beginning with descriptor SP_LISTEN_FIRST, and *names, with
 * colons between them: the caller frees it; NULL: they have none. It is asked once.
 */
int sp_listen_count(char **names);
#define SP_LISTEN_FIRST 3
/* Closes it, and removes its path if it is still ours. */
void sp_listen_end(struct sp_listener *listener);

/* A connected client, non-blocking; -1: none waits. */
int sp_listen_accept(const struct sp_listener *listener);

/* A way to tell systemd, or whoever set NOTIFY_SOCKET (sd_notify(3)); -1: there is none. */
int sp_notify_open(void);
void sp_notify(int notices, const char *state);

#endif
