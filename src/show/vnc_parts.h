/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_VNC_PARTS_H
#define SP_SHOW_VNC_PARTS_H

#include "show/rfb.h"
#include "show/tiles.h"
#include "show/typing.h"
#include "show/vnc.h"

/*
 * The parts of a VNC server: vnc.c has the listener, the clock and the list of viewers;
 * vnc_screen.c the picture; viewer.c what one viewer says; viewer_update.c what it is sent.
 *
 * libvncserver waits, for seconds if need be, for the rest of a message and for room in a socket.
 * Therefore it never sees a viewer's socket. It has one end of a socket pair, into which whole,
 * checked messages are put before it is called, and which has room for all that one call can write,
 * as updates are made in parts of a few tiles each.
 */
struct _rfbScreenInfo;
struct _rfbClientRec;

#define SP_VIEWER_PASSWORD_BYTES 16u

enum sp_viewer_step {
	SP_VIEWER_VERSION,
	SP_VIEWER_SECURITY,
	SP_VIEWER_RESPONSE,
	SP_VIEWER_INIT,
	SP_VIEWER_NORMAL,
	SP_VIEWER_LEAVING, /* when it has been sent the rest */
	SP_VIEWER_GONE,
};

struct sp_viewer {
	struct sp_viewer *next;
	struct sp_vnc *vnc;
	struct sp_watch watch; /* its socket */
	bool watched;
	enum sp_viewer_step step;
	uint8_t minor; /* of its version of RFB */
	uint8_t challenge[SP_VIEWER_PASSWORD_BYTES];
	struct sp_typist typist;
	bool extended_keys, tell_extended_keys;

	/* From it. */
	uint8_t in[4096];
	size_t in_size;
	uint32_t text; /* bytes of a clipboard that are still to come */

	/* To it. */
	uint8_t *out;
	size_t out_at, out_size, out_room;

	/* The encoder, from SP_VIEWER_INIT on. */
	struct _rfbClientRec *client;
	int inside; /* the end of the pair that is ours */
	uint32_t part_most; /* tiles of a part at most, so that the pair has room */
	uint32_t part; /* as many as are encoded in a short time */
	uint8_t format[20], encodings[SP_RFB_MESSAGE_MAX]; /* not yet passed on */
	bool new_format, new_encodings;

	/* Updates. */
	struct sp_tile_set dirty;
	struct sp_rectangle renew; /* to be sent even if it has not changed */
	bool requested; /* it waits for an update */
	bool sending; /* one is on its way, */
	uint32_t sweep; /* with tiles from here on still to come, */
	bool open; /* and its head has told of rectangles without number; */
	bool rest; /* or it takes the rest in updates of their own */
	uint32_t width, height; /* as it was told */
};

struct sp_vnc {
	struct sp_scanout_listener listener;
	struct sp_scanout *scanout;
	struct sp_loop *loop;
	struct sp_watch watch; /* the listening socket */
	bool watched;
	struct sp_timer timer; /* the next look at the picture */
	struct sp_timer pause; /* of a listener that cannot accept */
	struct sp_viewer *viewers;
	uint32_t viewer_count, viewers_max;
	char *name;
	char password[SP_VNC_PASSWORD_MAX + 1]; /* empty: none */
	uint32_t wrong; /* passwords, one after another */
	uint64_t wrong_until; /* none is looked at before */
	bool view_only;
	struct sp_typing typing;
	void (*log)(void *data, const char *what);
	void *data;

	/* While there are viewers. */
	struct _rfbScreenInfo *screen;
	struct sp_tiles tiles;
	struct sp_tile_set told; /* by the device, if it tells */
	uint8_t *map;
	size_t map_size;
	const uint8_t *memory; /* the picture's first line within the map; NULL: black */
	uint32_t stride;
	bool stale; /* the scan-out shows something else */
	bool new_cursor, any_cursor;
	struct sp_rectangle cursor; /* where it is drawn for those who cannot */
	uint32_t pass; /* the next tile of a look in parts */
	uint64_t period, begun; /* microseconds */
	uint32_t quiet; /* looks that found nothing */
	struct sp_vnc_state state;
};

/* vnc.c */
void sp_vnc_log(struct sp_vnc *vnc, const char *what);
/* After each event: forgets who is gone, and sets the clock. */
void sp_vnc_settle(struct sp_vnc *vnc);

/* vnc_screen.c */
bool sp_screen_open(struct sp_vnc *vnc);
void sp_screen_close(struct sp_vnc *vnc);
/* Lets go what is mapped. */
void sp_screen_unmap(struct sp_vnc *vnc);
/* Follows the scan-out to another picture and cursor. */
void sp_screen_follow(struct sp_vnc *vnc);
/* Whether changes are told, or cannot be; otherwise they have to be looked for. */
bool sp_screen_is_told(const struct sp_vnc *vnc);
/* Looks for changes; false: there is more to look at. */
bool sp_screen_look(struct sp_vnc *vnc);

/* viewer.c */
bool sp_viewer_open(struct sp_vnc *vnc, int socket);
/* Ends it; its memory stays until sp_vnc_settle(). `why` NULL: nobody is told. */
void sp_viewer_end(struct sp_viewer *viewer, const char *why);
void sp_viewer_free(struct sp_viewer *viewer);
void sp_viewer_put(struct sp_viewer *viewer, const void *bytes, size_t size);
/* Sends what it can, and waits for room for the rest. */
void sp_viewer_flush(struct sp_viewer *viewer);

/* viewer_update.c */
bool sp_viewer_attach(struct sp_viewer *viewer);
void sp_viewer_detach(struct sp_viewer *viewer);
/* Closes the update that is on its way, as the next one is of another shape. */
void sp_viewer_close_update(struct sp_viewer *viewer);
/* Sends what it waits for, if it waits and there is anything. */
void sp_viewer_update(struct sp_viewer *viewer);
/* The next part of an update, if there is room. */
void sp_viewer_continue(struct sp_viewer *viewer);
/* Whether it waits for something that is not known to have come. */
bool sp_viewer_waits(const struct sp_viewer *viewer);
/* Whether an update for it could be made now. */
bool sp_viewer_has_news(const struct sp_viewer *viewer);
/* The rectangle and what it stands for, in the viewer's own words. */
void sp_viewer_request(struct sp_viewer *viewer, const uint8_t *message);
void sp_viewer_wish(struct sp_viewer *viewer, const uint8_t *message);

#endif
