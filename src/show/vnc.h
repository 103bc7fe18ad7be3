/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_VNC_H
#define SP_SHOW_VNC_H

#include <sallyport/error.h>
#include <sallyport/input.h>
#include <sallyport/loop.h>
#include <sallyport/scanout.h>

/*
 * A screen for viewers of RFB (RFC 6143), called VNC. libvncserver encodes the pictures; all that
 * viewers send is read and checked here first (rfb.h), so that none can hold up the program.
 *
 * Without a viewer it does nothing at all: no timer, no copy of the picture.
 */
struct sp_vnc;

#define SP_VNC_PASSWORD_MAX 8 /* bytes; VNC's own authentication looks at no more */
#define SP_VNC_RATE 30 /* pictures a second */
#define SP_VNC_VIEWERS 8
#define SP_VNC_VIEWERS_MAX 64

struct sp_vnc_options {
	/* A non-blocking socket that listens, at a path or at an address; sp_vnc_may_listen() must
	 * have agreed. It stays the caller's. -1: viewers come by sp_vnc_open() alone. */
	int listener;
	const char *password; /* copied; NULL: none is asked for */
	uint32_t rate; /* pictures a second at most; 0: SP_VNC_RATE */
	uint32_t viewers; /* at most; 0: SP_VNC_VIEWERS */
	const char *name; /* copied; the window's title */
	bool view_only; /* what viewers type is dropped */
	/* Told in one line what happens to viewers. NULL: nobody is. */
	void (*log)(void *data, const char *what);
	void *data;
};

struct sp_vnc_state {
	uint32_t viewers; /* now */
	uint64_t viewers_ever;
	uint64_t refused; /* one too many, or a wrong password */
	uint64_t ended; /* what they sent was no RFB */
	uint64_t passes; /* looks at the whole picture; none without a viewer that waits for one */
	uint64_t tiles_compared, tiles_changed;
	uint64_t updates; /* messages with pixels, to all viewers */
	uint64_t bytes; /* sent to all viewers */
	uint64_t keys; /* pressed or released, that were passed on */
	uint64_t keys_unknown; /* that no table has */
	uint64_t memory; /* bytes of the copy of the picture */
	uint32_t width, height; /* as viewers see it; 0 without one */
};

/*
 * Whether viewers may come by this socket: any Unix socket, 127.0.0.0/8 and ::1; another address
 * only with a password. The error says which.
 */
bool sp_vnc_may_listen(int listener, const char *password, struct sp_error *error);
/*
 * A password from a file: its first line, 1 to SP_VNC_PASSWORD_MAX bytes. One that others than its
 * owner may read is refused.
 */
bool sp_vnc_read_password(
	const char *path, char password[SP_VNC_PASSWORD_MAX + 1], struct sp_error *error);

/* Scan-out, inputs and loop are borrowed; `inputs` is copied, and each key goes to the first that
 * takes keys, each move to the first that takes a pointer. */
bool sp_vnc_create(struct sp_vnc **vnc, const struct sp_vnc_options *options,
	struct sp_scanout *scanout, struct sp_input *const *inputs, uint32_t input_count,
	struct sp_loop *loop, struct sp_error *error);
/* Sends the viewers away and releases the keys that they held. Accepts NULL. */
void sp_vnc_destroy(struct sp_vnc *vnc);
/* A viewer that is connected already, on a stream socket, which becomes its own in any case. False:
 * it was refused, and is closed. */
bool sp_vnc_open(struct sp_vnc *vnc, int socket);
void sp_vnc_state(const struct sp_vnc *vnc, struct sp_vnc_state *state);

#endif
