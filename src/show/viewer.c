/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfb.h>

#include "base/bytes.h"
#include "show/keysyms.h"
#include "show/vnc_parts.h"

#define VERSION "RFB 003.008\n"
#define VERSION_SIZE 12u
#define NO_PASSWORD 1u /* RFB's security types */
#define VNC_PASSWORD 2u
#define WRONG_MAX 5u /* passwords, one after another; then all wait */
#define WRONG_PAUSE 10000000u /* microseconds */

static void watch_for(struct sp_viewer *viewer, short events) {
	struct sp_loop *loop = viewer->vnc->loop;

	if (viewer->watched && viewer->watch.events == events)
		return;
	if (viewer->watched)
		loop->ops->unwatch(loop, &viewer->watch);
	viewer->watch.events = events;
	viewer->watched = loop->ops->watch(loop, &viewer->watch) == 0;
	if (!viewer->watched)
		sp_viewer_end(viewer, "its socket cannot be waited for");
}

void sp_viewer_end(struct sp_viewer *viewer, const char *why) {
	struct sp_vnc *vnc = viewer->vnc;
	char line[160];

	if (viewer->step == SP_VIEWER_GONE)
		return;
	viewer->step = SP_VIEWER_GONE;
	sp_typing_leave(&vnc->typing, &viewer->typist);
	if (viewer->watched)
		vnc->loop->ops->unwatch(vnc->loop, &viewer->watch);
	viewer->watched = false;
	close(viewer->watch.file);
	sp_viewer_detach(viewer);
	if (!why)
		return;
	snprintf(line, sizeof(line), "a viewer is gone: %s", why);
	sp_vnc_log(vnc, line);
}

void sp_viewer_free(struct sp_viewer *viewer) {
	sp_viewer_detach(viewer);
	sp_tile_set_release(&viewer->dirty);
	free(viewer->out);
	free(viewer);
}

void sp_viewer_put(struct sp_viewer *viewer, const void *bytes, size_t size) {
	if (viewer->step == SP_VIEWER_GONE)
		return;
	if (viewer->out_size + size > viewer->out_room) {
		size_t room = viewer->out_size + size + 16384;
		uint8_t *out = realloc(viewer->out, room);

		if (!out) {
			sp_viewer_end(viewer, "no memory is left");
			return;
		}
		viewer->out = out;
		viewer->out_room = room;
	}
	memcpy(viewer->out + viewer->out_size, bytes, size);
	viewer->out_size += size;
}

static void put_u32(struct sp_viewer *viewer, uint32_t value) {
	uint8_t bytes[4];

	sp_store_be32(bytes, value);
	sp_viewer_put(viewer, bytes, sizeof(bytes));
}

static void put_text(struct sp_viewer *viewer, const char *text) {
	put_u32(viewer, (uint32_t)strlen(text));
	sp_viewer_put(viewer, text, strlen(text));
}

void sp_viewer_flush(struct sp_viewer *viewer) {
	if (viewer->step == SP_VIEWER_GONE)
		return;
	while (viewer->out_at < viewer->out_size) {
		ssize_t sent = send(viewer->watch.file, viewer->out + viewer->out_at,
			viewer->out_size - viewer->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			sp_viewer_end(viewer, strerror(errno));
			return;
		}
		if (sent <= 0)
			break;
		viewer->out_at += (size_t)sent;
		viewer->vnc->state.bytes += (uint64_t)sent;
	}
	if (viewer->out_at < viewer->out_size) {
		watch_for(viewer, POLLIN | POLLOUT);
		return;
	}
	viewer->out_at = viewer->out_size = 0;
	if (viewer->step == SP_VIEWER_LEAVING) {
		sp_viewer_end(viewer, "its password was wrong");
		return;
	}
	watch_for(viewer, viewer->sending ? POLLIN | POLLOUT : POLLIN);
}

/* What it should have answered. False: the library cannot tell. */
static bool right_response(struct sp_viewer *viewer, uint8_t *response) {
	struct sp_vnc *vnc = viewer->vnc;
	uint8_t right[SP_VIEWER_PASSWORD_BYTES], differences = 0;
	uint8_t same = 0;

	memcpy(right, viewer->challenge, sizeof(right));
	rfbEncryptBytes(right, vnc->password);
	for (size_t i = 0; i < sizeof(right); i++) {
		differences |= right[i] ^ response[i];
		same |= right[i] ^ viewer->challenge[i];
	}
	return !differences && same;
}

static void take_response(struct sp_viewer *viewer) {
	struct sp_vnc *vnc = viewer->vnc;
	uint64_t now = vnc->loop->ops->now(vnc->loop);
	bool early = now < vnc->wrong_until;

	if (!early && right_response(viewer, viewer->in)) {
		vnc->wrong = 0;
		put_u32(viewer, 0);
		viewer->step = SP_VIEWER_INIT;
		return;
	}
	if (!early && ++vnc->wrong % WRONG_MAX == 0) {
		vnc->wrong_until = now + WRONG_PAUSE;
		sp_vnc_log(vnc, "wrong passwords, one after another: none is looked at for 10 s");
	}
	vnc->state.refused++;
	put_u32(viewer, 1);
	if (viewer->minor >= 8)
		put_text(viewer,
			early ? "Too many wrong passwords, try again in 10 seconds"
			      : "Wrong password");
	viewer->step = SP_VIEWER_LEAVING;
}

static void challenge(struct sp_viewer *viewer) {
	if (getrandom(viewer->challenge, sizeof(viewer->challenge), GRND_NONBLOCK) !=
		sizeof(viewer->challenge)) {
		sp_viewer_end(viewer, "there are no random numbers");
		return;
	}
	sp_viewer_put(viewer, viewer->challenge, sizeof(viewer->challenge));
	viewer->step = SP_VIEWER_RESPONSE;
}

static uint8_t security_of(const struct sp_viewer *viewer) {
	return viewer->vnc->password[0] ? VNC_PASSWORD : NO_PASSWORD;
}

static void take_version(struct sp_viewer *viewer) {
	const uint8_t *in = viewer->in;
	uint8_t security[2] = {1, security_of(viewer)};
	uint32_t minor = 0;

	for (uint32_t i = 8; i < 11; i++) {
		if (in[i] < '0' || in[i] > '9')
			minor = 1000;
		minor = minor * 10 + in[i] - '0';
	}
	if (memcmp(in, VERSION, 8) != 0 || in[11] != '\n' || minor > 999) {
		viewer->vnc->state.ended++;
		sp_viewer_end(viewer, "it does not speak RFB");
		return;
	}
	/* Versions that do not exist are to be taken for 3.3. */
	viewer->minor = minor == 7 ? 7 : minor >= 8 ? 8 : 3;
	if (viewer->minor >= 7) {
		sp_viewer_put(viewer, security, sizeof(security));
		viewer->step = SP_VIEWER_SECURITY;
		return;
	}
	put_u32(viewer, security[1]);
	if (security[1] == VNC_PASSWORD)
		challenge(viewer);
	else
		viewer->step = SP_VIEWER_INIT;
}

static void take_security(struct sp_viewer *viewer) {
	if (viewer->in[0] != security_of(viewer)) {
		viewer->vnc->state.ended++;
		sp_viewer_end(viewer, "it wants another way to prove who it is");
	} else if (viewer->in[0] == VNC_PASSWORD) {
		challenge(viewer);
	} else {
		if (viewer->minor >= 8)
			put_u32(viewer, 0);
		viewer->step = SP_VIEWER_INIT;
	}
}

static void take_init(struct sp_viewer *viewer) {
	viewer->step = SP_VIEWER_NORMAL;
	if (sp_viewer_attach(viewer))
		sp_vnc_log(viewer->vnc, "a viewer came");
	else
		sp_viewer_end(viewer, "there is no room for it");
}

static void take_key(struct sp_viewer *viewer, uint16_t code, bool pressed) {
	struct sp_vnc *vnc = viewer->vnc;

	if (!code)
		vnc->state.keys_unknown++;
	else if (!vnc->view_only)
		sp_typing_key(&vnc->typing, &viewer->typist, code, pressed);
}

/* A key's number, or where there is none, what it writes. */
static void take_extended_key(struct sp_viewer *viewer, const uint8_t *message) {
	uint16_t code = sp_key_of_number(sp_load_be32(message + 8));

	if (!code)
		code = sp_key_of_keysym(sp_load_be32(message + 4));
	take_key(viewer, code, sp_rfb_u16(message + 2) != 0);
}

static bool take_message(struct sp_viewer *viewer, const uint8_t *message, size_t size) {
	struct sp_vnc *vnc = viewer->vnc;

	/* After a while without a change it is looked for less often. */
	if (message[0] == SP_RFB_KEY || message[0] == SP_RFB_POINTER || message[0] == SP_RFB_QEMU)
		vnc->quiet = 0;
	switch (message[0]) {
	case SP_RFB_SET_PIXEL_FORMAT:
		if (!sp_rfb_pixel_format(message))
			return false;
		memcpy(viewer->format, message, sizeof(viewer->format));
		viewer->new_format = true;
		break;
	case SP_RFB_SET_ENCODINGS:
		if (sp_rfb_has_encoding(message, SP_RFB_EXTENDED_KEYS) && !viewer->extended_keys)
			viewer->extended_keys = viewer->tell_extended_keys = true;
		memcpy(viewer->encodings, message, size);
		viewer->new_encodings = true;
		break;
	case SP_RFB_REQUEST:
		sp_viewer_request(viewer, message);
		break;
	case SP_RFB_KEY:
		take_key(viewer, sp_key_of_keysym(sp_load_be32(message + 4)), message[1] != 0);
		break;
	case SP_RFB_QEMU:
		take_extended_key(viewer, message);
		break;
	case SP_RFB_POINTER:
		if (!vnc->view_only)
			sp_typing_point(&vnc->typing, &viewer->typist, message[1],
				sp_rfb_u16(message + 2), sp_rfb_u16(message + 4), viewer->width,
				viewer->height);
		break;
	case SP_RFB_SET_DESKTOP_SIZE:
		if (!vnc->view_only)
			sp_viewer_wish(viewer, message);
		break;
	}
	return true;
}

/* The bytes of what begins in its buffer; 0: more are needed; -1: it is nothing. */
static int32_t next_size(struct sp_viewer *viewer, uint32_t *text) {
	*text = 0;
	switch (viewer->step) {
	case SP_VIEWER_VERSION:
		return VERSION_SIZE;
	case SP_VIEWER_SECURITY:
	case SP_VIEWER_INIT:
		return 1;
	case SP_VIEWER_RESPONSE:
		return SP_VIEWER_PASSWORD_BYTES;
	case SP_VIEWER_NORMAL:
		return sp_rfb_size(viewer->in, viewer->in_size, text);
	default:
		return 0;
	}
}

static void take(struct sp_viewer *viewer, int32_t size) {
	switch (viewer->step) {
	case SP_VIEWER_VERSION:
		take_version(viewer);
		break;
	case SP_VIEWER_SECURITY:
		take_security(viewer);
		break;
	case SP_VIEWER_RESPONSE:
		take_response(viewer);
		break;
	case SP_VIEWER_INIT:
		take_init(viewer);
		break;
	default:
		if (!take_message(viewer, viewer->in, (size_t)size)) {
			viewer->vnc->state.ended++;
			sp_viewer_end(viewer, "it wants pixels in a way that is none");
		}
	}
}

static void drop(struct sp_viewer *viewer, size_t size) {
	viewer->in_size -= size;
	memmove(viewer->in, viewer->in + size, viewer->in_size);
}

/* What has come, which is at most what the buffer holds. */
static void take_all(struct sp_viewer *viewer) {
	while (viewer->step < SP_VIEWER_LEAVING && viewer->in_size) {
		int32_t size;
		uint32_t text;

		if (viewer->text) {
			size_t some =
				viewer->text < viewer->in_size ? viewer->text : viewer->in_size;

			viewer->text -= (uint32_t)some;
			drop(viewer, some);
			continue;
		}
		size = next_size(viewer, &text);
		if (size < 0) {
			viewer->vnc->state.ended++;
			sp_viewer_end(viewer, "it sent what is no message of RFB");
			return;
		}
		if (!size || (size_t)size > viewer->in_size)
			return;
		take(viewer, size);
		if (viewer->step == SP_VIEWER_GONE)
			return;
		viewer->text = text;
		drop(viewer, (size_t)size);
	}
}

static void receive(struct sp_viewer *viewer) {
	ssize_t got;

	/* What comes after the end of its welcome is nothing. */
	if (viewer->step == SP_VIEWER_LEAVING)
		viewer->in_size = 0;
	got = recv(viewer->watch.file, viewer->in + viewer->in_size,
		sizeof(viewer->in) - viewer->in_size, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (got <= 0) {
		sp_viewer_end(viewer, got ? strerror(errno) : "it closed its window");
		return;
	}
	viewer->in_size += (size_t)got;
	take_all(viewer);
	/* It has said it all: a part of a message lies at the beginning, and is shorter than
	 * the buffer. */
	sp_viewer_continue(viewer);
}

static void ready(struct sp_watch *watch, short events) {
	struct sp_viewer *viewer =
		(struct sp_viewer *)((char *)watch - offsetof(struct sp_viewer, watch));
	struct sp_vnc *vnc = viewer->vnc;

	if (events & ~POLLOUT)
		receive(viewer);
	else
		sp_viewer_continue(viewer);
	sp_vnc_settle(vnc);
}

bool sp_viewer_open(struct sp_vnc *vnc, int socket) {
	struct sp_viewer *viewer = calloc(1, sizeof(*viewer)), **end = &vnc->viewers;

	if (!viewer) {
		close(socket);
		return false;
	}
	viewer->vnc = vnc;
	viewer->inside = -1;
	viewer->watch.file = socket;
	viewer->watch.ready = ready;
	while (*end)
		end = &(*end)->next;
	*end = viewer;
	vnc->viewer_count++;
	vnc->state.viewers_ever++;
	sp_viewer_put(viewer, VERSION, VERSION_SIZE);
	sp_viewer_flush(viewer);
	return viewer->step != SP_VIEWER_GONE;
}
