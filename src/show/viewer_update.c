/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfb.h>
#include <rfb/rfbregion.h>

#include "base/bytes.h"
#include "show/vnc_parts.h"

#define PAIR_BYTES (1 << 20) /* that are asked for; the system gives less */
#define SLACK 32768u /* for all in an update that is no tile */
#define TILE_BYTES (SP_TILE * SP_TILE * 4 + 512)
#define PART_LONG 3000u /* microseconds that a part may take: others wait meanwhile */
#define PART_SHORT 1000u
#define UNCOUNTED 0xffffu /* rectangles, of which a last one tells the end */
#define RECTANGLE 12u /* bytes of a rectangle's head */

/* Takes what the encoder has written to the end of what is to be sent. */
static bool collect(struct sp_viewer *viewer) {
	uint8_t bytes[32768];
	ssize_t got;

	while ((got = recv(viewer->inside, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		sp_viewer_put(viewer, bytes, (size_t)got);
	return viewer->step != SP_VIEWER_GONE && viewer->client->sock >= 0;
}

/* A whole message, to an encoder that waits for none other. */
static bool give(struct sp_viewer *viewer, const void *message, size_t size) {
	if (send(viewer->inside, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
		return false;
	rfbProcessClientMessage(viewer->client);
	return viewer->client->sock >= 0;
}

static bool make_pair(struct sp_viewer *viewer, int *theirs) {
	int pair[2], size = PAIR_BYTES;
	socklen_t length = sizeof(size);
	uint32_t room;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return false;
	viewer->inside = pair[0];
	*theirs = pair[1];
	/* Half of it is the system's own. */
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, length);
	if (pair[1] >= FD_SETSIZE || getsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, &length) < 0)
		size = 0;
	room = (uint32_t)size / 2;
	viewer->part_most = room > SLACK ? (room - SLACK) / TILE_BYTES : 0;
	viewer->part = 1;
	if (viewer->part_most)
		return true;
	close(pair[1]);
	return false;
}

/*
 * The library's own greeting is not for the viewer, which has been greeted: libvncserver keeps what
 * it offers as security for all its screens together, so that a screen without a password would
 * open the others.
 */
bool sp_viewer_attach(struct sp_viewer *viewer) {
	static const char version[] = "RFB 003.003\n";
	struct sp_vnc *vnc = viewer->vnc;
	size_t greeting = viewer->out_size;
	int theirs;

	if ((!vnc->screen && !sp_screen_open(vnc)) || viewer->step == SP_VIEWER_GONE)
		return false;
	if (!sp_tile_set_make(&viewer->dirty, sp_tiles_count(&vnc->tiles)) ||
		!make_pair(viewer, &theirs))
		return false;
	/* It looks at the first bytes for what is no RFB, and waits if there are none. */
	if (send(viewer->inside, version, 12, MSG_DONTWAIT | MSG_NOSIGNAL) != 12) {
		close(theirs);
		return false;
	}
	viewer->client = rfbNewClient(vnc->screen, theirs);
	if (!viewer->client)
		return false;
	rfbProcessClientMessage(viewer->client);
	if (viewer->client->sock < 0 || viewer->client->state != RFB_INITIALISATION ||
		!collect(viewer))
		return false;
	viewer->out_size = greeting;
	if (!give(viewer, "\1", 1) || !collect(viewer))
		return false;
	/* It sends the cursor to those only who have asked for a format. */
	viewer->client->readyForSetColourMapEntries = TRUE;
	sp_tile_set_add_all(&viewer->dirty);
	viewer->width = vnc->tiles.width;
	viewer->height = vnc->tiles.height;
	return true;
}

void sp_viewer_detach(struct sp_viewer *viewer) {
	if (viewer->client) {
		if (viewer->client->sock >= 0)
			rfbCloseClient(viewer->client);
		rfbClientConnectionGone(viewer->client);
	}
	viewer->client = NULL;
	if (viewer->inside >= 0)
		close(viewer->inside);
	viewer->inside = -1;
}

static void put_rectangle(struct sp_viewer *viewer, uint32_t width, uint32_t height, int32_t type) {
	uint8_t head[RECTANGLE] = {0};

	head[4] = (uint8_t)(width >> 8);
	head[5] = (uint8_t)width;
	head[6] = (uint8_t)(height >> 8);
	head[7] = (uint8_t)height;
	sp_store_be32(head + 8, (uint32_t)type);
	sp_viewer_put(viewer, head, sizeof(head));
}

void sp_viewer_close_update(struct sp_viewer *viewer) {
	if (viewer->open)
		put_rectangle(viewer, 0, 0, SP_RFB_LAST_RECT);
	viewer->open = viewer->sending = viewer->rest = false;
}

/*
 * What the encoder has made as an update of its own becomes a part of the one on its way: without
 * its head, if that was sent before, and without an end of its own.
 */
static void join_parts(struct sp_viewer *viewer, size_t at) {
	uint8_t *part = viewer->out + at;
	size_t size = viewer->out_size - at;

	if (size < 4 || part[0] != rfbFramebufferUpdate)
		return;
	viewer->vnc->state.updates++;
	if (!viewer->client->enableLastRectEncoding)
		return;
	if (sp_rfb_u16(part + 2) == UNCOUNTED && size >= 4 + RECTANGLE)
		viewer->out_size -= RECTANGLE;
	part[2] = part[3] = 0xff;
	if (viewer->open) {
		memmove(part, part + 4, viewer->out_size - at - 4);
		viewer->out_size -= 4;
	}
	viewer->open = true;
}

/* Makes the encoder write these tiles, which fit into the pair. */
static bool encode(struct sp_viewer *viewer, sraRegion *region) {
	struct sp_vnc *vnc = viewer->vnc;
	rfbClientPtr client = viewer->client;
	sraRegion *all = sraRgnCreateRect(0, 0, (int)vnc->tiles.width, (int)vnc->tiles.height);
	size_t at = viewer->out_size;

	sraRgnMakeEmpty(client->modifiedRegion);
	sraRgnOr(client->modifiedRegion, region);
	sraRgnMakeEmpty(client->requestedRegion);
	sraRgnOr(client->requestedRegion, all);
	sraRgnDestroy(all);
	/* Tiles under a drawn cursor that moved are among those to be sent. */
	client->cursorX = client->screen->cursorX;
	client->cursorY = client->screen->cursorY;
	if (!rfbSendFramebufferUpdate(client, client->modifiedRegion) || !collect(viewer)) {
		sp_viewer_end(viewer, "what it wants cannot be encoded");
		return false;
	}
	join_parts(viewer, at);
	return true;
}

static sraRegion *next_tiles(struct sp_viewer *viewer) {
	struct sp_vnc *vnc = viewer->vnc;
	sraRegion *region = sraRgnCreate();

	for (uint32_t i = 0; i < viewer->part; i++) {
		uint32_t tile = sp_tile_set_take(&viewer->dirty, viewer->sweep);
		struct sp_rectangle place;
		sraRegion *part;

		if (tile == UINT32_MAX)
			break;
		place = sp_tiles_place(&vnc->tiles, tile);
		part = sraRgnCreateRect((int)place.x, (int)place.y, (int)(place.x + place.width),
			(int)(place.y + place.height));
		sraRgnOr(region, part);
		sraRgnDestroy(part);
		viewer->sweep = tile + 1;
	}
	return region;
}

/* Some encodings take a hundred times longer than others. */
static void set_part(struct sp_viewer *viewer, uint64_t took) {
	if (took > PART_LONG && viewer->part > 1)
		viewer->part /= 2;
	else if (took < PART_SHORT && viewer->part < viewer->part_most)
		viewer->part++;
}

static void send_part(struct sp_viewer *viewer) {
	struct sp_loop *loop = viewer->vnc->loop;
	uint64_t begun = loop->ops->now(loop);
	sraRegion *region = next_tiles(viewer);
	bool done = encode(viewer, region), more;

	sraRgnDestroy(region);
	if (!done)
		return;
	set_part(viewer, loop->ops->now(loop) - begun);
	more = sp_tile_set_find(&viewer->dirty, viewer->sweep) != UINT32_MAX;
	if (!viewer->open || !more)
		sp_viewer_close_update(viewer);
	viewer->rest = more && !viewer->open;
}

/* One part for each time that the socket has taken all before it. */
void sp_viewer_continue(struct sp_viewer *viewer) {
	sp_viewer_flush(viewer);
	if (viewer->step != SP_VIEWER_NORMAL || viewer->out_size)
		return;
	if (viewer->sending) {
		send_part(viewer);
	} else if (viewer->tell_extended_keys) {
		viewer->tell_extended_keys = false;
		sp_viewer_put(viewer, "\0\0\0\1", 4);
		put_rectangle(viewer, viewer->width, viewer->height, SP_RFB_EXTENDED_KEYS);
	} else if (viewer->rest && viewer->requested) {
		/* The rest of one look at the picture need not wait for the next. */
		viewer->requested = false;
		send_part(viewer);
	}
	sp_viewer_flush(viewer);
}

/* What it has asked for since the last update. */
static bool pass_on(struct sp_viewer *viewer) {
	if (viewer->new_format && !give(viewer, viewer->format, sizeof(viewer->format)))
		return false;
	if (viewer->new_encodings) {
		size_t size = sp_rfb_keep_encodings(viewer->encodings);

		if (!give(viewer, viewer->encodings, size))
			return false;
		/* The guest has none: the viewer keeps its own. */
		if (!viewer->vnc->any_cursor)
			viewer->client->cursorWasChanged = FALSE;
	}
	viewer->new_format = viewer->new_encodings = false;
	return true;
}

/* Tells it another size before anything of that size. */
static bool send_size(struct sp_viewer *viewer) {
	struct sp_vnc *vnc = viewer->vnc;
	rfbClientPtr client = viewer->client;
	bool other = viewer->width != vnc->tiles.width || viewer->height != vnc->tiles.height;
	sraRegion *nothing;
	bool done;

	if (!client->useNewFBSize) {
		if (other)
			sp_viewer_end(viewer, "its window cannot change its size");
		return !other;
	}
	if (other)
		client->newFBSizePending = TRUE;
	if (!client->newFBSizePending)
		return true;
	nothing = sraRgnCreate();
	done = rfbSendFramebufferUpdate(client, nothing) && collect(viewer);
	sraRgnDestroy(nothing);
	if (!done)
		sp_viewer_end(viewer, "no memory is left");
	viewer->width = vnc->tiles.width;
	viewer->height = vnc->tiles.height;
	return done;
}

static bool has_cursor(const struct sp_viewer *viewer) {
	return viewer->client->enableCursorShapeUpdates && viewer->client->cursorWasChanged;
}

void sp_viewer_update(struct sp_viewer *viewer) {
	if (!sp_viewer_waits(viewer))
		return;
	if (!pass_on(viewer)) {
		sp_viewer_end(viewer, "what it wants cannot be encoded");
		return;
	}
	if (viewer->renew.width) {
		sp_tile_set_add_part(&viewer->dirty, &viewer->vnc->tiles, &viewer->renew);
		viewer->renew = (struct sp_rectangle){0};
		if (viewer->client->useExtDesktopSize)
			viewer->client->newFBSizePending = TRUE;
	}
	if (!send_size(viewer) || (!viewer->dirty.count && !has_cursor(viewer))) {
		sp_viewer_flush(viewer);
		return;
	}
	viewer->requested = false;
	viewer->sending = true;
	viewer->sweep = 0;
	if (!viewer->out_size)
		send_part(viewer);
	sp_viewer_flush(viewer);
}

bool sp_viewer_waits(const struct sp_viewer *viewer) {
	return viewer->step == SP_VIEWER_NORMAL && viewer->requested && !viewer->sending &&
		!viewer->out_size;
}

bool sp_viewer_has_news(const struct sp_viewer *viewer) {
	return viewer->dirty.count || viewer->renew.width || viewer->new_format ||
		viewer->new_encodings || has_cursor(viewer) ||
		(viewer->client->useNewFBSize && viewer->client->newFBSizePending);
}

/* A viewer that asks for a part of the screen is told of changes anywhere. */
void sp_viewer_request(struct sp_viewer *viewer, const uint8_t *message) {
	struct sp_rectangle part = {
		.x = sp_rfb_u16(message + 2),
		.y = sp_rfb_u16(message + 4),
		.width = sp_rfb_u16(message + 6),
		.height = sp_rfb_u16(message + 8),
	};
	struct sp_rectangle *renew = &viewer->renew;

	viewer->requested = true;
	if (message[1] || !part.width || !part.height)
		return;
	if (renew->width) {
		uint32_t right = part.x + part.width, low = part.y + part.height;

		if (right < renew->x + renew->width)
			right = renew->x + renew->width;
		if (low < renew->y + renew->height)
			low = renew->y + renew->height;
		part.x = part.x < renew->x ? part.x : renew->x;
		part.y = part.y < renew->y ? part.y : renew->y;
		part.width = right - part.x;
		part.height = low - part.y;
	}
	*renew = part;
}

void sp_viewer_wish(struct sp_viewer *viewer, const uint8_t *message) {
	struct sp_scanout *scanout = viewer->vnc->scanout;
	uint32_t width = sp_rfb_u16(message + 2), height = sp_rfb_u16(message + 4);
	rfbClientPtr client = viewer->client;
	int error = rfbExtDesktopSize_Success;

	if (!scanout->resize)
		error = rfbExtDesktopSize_ResizeProhibited;
	else if (!width || !height || width > SP_PICTURE_MAX || height > SP_PICTURE_MAX ||
		message[6] != 1)
		error = rfbExtDesktopSize_InvalidScreenLayout;
	else if (!scanout->resize(scanout, width, height))
		error = rfbExtDesktopSize_InvalidScreenLayout;
	client->requestedDesktopSizeChange = rfbExtDesktopSize_ClientRequestedChange;
	client->lastDesktopSizeChangeError = error;
	if (error)
		client->newFBSizePending = TRUE;
}
