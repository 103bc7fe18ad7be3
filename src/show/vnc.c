/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfb.h>

#include "show/vnc_parts.h"

#define SECOND 1000000u /* microseconds */
#define QUIET 30u /* looks that find nothing, after which there are fewer: */
#define QUIET_PERIODS 3u

void sp_vnc_log(struct sp_vnc *vnc, const char *what) {
	if (vnc->log)
		vnc->log(vnc->data, what);
}

static struct sp_vnc *of_listener(struct sp_scanout_listener *listener) {
	return (struct sp_vnc *)((char *)listener - offsetof(struct sp_vnc, listener));
}

/* Whether there is anything to look for, or to send that has been found. */
static bool has_work(const struct sp_vnc *vnc) {
	const struct sp_viewer *viewer;
	bool told = vnc->stale || vnc->new_cursor || vnc->told.count || !sp_screen_is_told(vnc);

	for (viewer = vnc->viewers; viewer; viewer = viewer->next) {
		if (sp_viewer_waits(viewer) && (told || sp_viewer_has_news(viewer)))
			return true;
	}
	return false;
}

static void set_clock(struct sp_vnc *vnc) {
	struct sp_loop *loop = vnc->loop;
	uint64_t period = vnc->period * (vnc->quiet > QUIET ? QUIET_PERIODS : 1);
	uint64_t now, at = vnc->begun + period;

	if (!vnc->screen || !has_work(vnc)) {
		if (vnc->timer.armed)
			loop->ops->disarm(loop, &vnc->timer);
		return;
	}
	now = loop->ops->now(loop);
	if (vnc->pass || at < now)
		at = now;
	if (!vnc->timer.armed || at < vnc->timer.at)
		loop->ops->arm(loop, &vnc->timer, at);
}

static void forget_gone(struct sp_vnc *vnc) {
	struct sp_viewer **at = &vnc->viewers;
	bool any = false;

	while (*at) {
		struct sp_viewer *viewer = *at;

		if (viewer->step == SP_VIEWER_GONE) {
			*at = viewer->next;
			sp_viewer_free(viewer);
			vnc->viewer_count--;
			continue;
		}
		any |= viewer->client != NULL;
		at = &viewer->next;
	}
	if (!any)
		sp_screen_close(vnc);
}

void sp_vnc_settle(struct sp_vnc *vnc) {
	forget_gone(vnc);
	set_clock(vnc);
}

static void expired(struct sp_timer *timer) {
	struct sp_vnc *vnc = (struct sp_vnc *)((char *)timer - offsetof(struct sp_vnc, timer));

	if (!vnc->screen)
		return;
	if (!vnc->pass) {
		vnc->begun = vnc->loop->ops->now(vnc->loop);
		vnc->state.passes++;
		vnc->quiet++;
	}
	sp_screen_follow(vnc);
	if (vnc->tiles.copy && sp_screen_look(vnc)) {
		for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next)
			sp_viewer_update(viewer);
	}
	sp_vnc_settle(vnc);
}

static void changed(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	enum sp_scanout_change change) {
	struct sp_vnc *vnc = of_listener(listener);

	(void)scanout;
	if (!vnc->screen)
		return;
	if (change == SP_SCANOUT_CURSOR) {
		vnc->new_cursor = true;
	} else {
		sp_screen_unmap(vnc);
		vnc->stale = true;
	}
	vnc->quiet = 0;
	set_clock(vnc);
}

static void damaged(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	const struct sp_rectangle *part) {
	struct sp_vnc *vnc = of_listener(listener);

	(void)scanout;
	/* Another picture is looked at as a whole. */
	if (!vnc->screen || vnc->stale)
		return;
	sp_tile_set_add_part(&vnc->told, &vnc->tiles, part);
	set_clock(vnc);
}

/* The place of one who has connected and not come in is free. */
static bool make_room(struct sp_vnc *vnc) {
	struct sp_viewer *viewer = vnc->viewers;

	if (vnc->viewer_count < vnc->viewers_max)
		return true;
	while (viewer && viewer->step == SP_VIEWER_NORMAL)
		viewer = viewer->next;
	if (!viewer)
		return false;
	sp_viewer_end(viewer, "it waited too long to come in, and another came");
	forget_gone(vnc);
	return true;
}

bool sp_vnc_open(struct sp_vnc *vnc, int socket) {
	bool opened = make_room(vnc);

	if (opened) {
		opened = sp_viewer_open(vnc, socket);
	} else {
		vnc->state.refused++;
		close(socket);
		sp_vnc_log(vnc, "a viewer was refused: there are as many as may be");
	}
	sp_vnc_settle(vnc);
	return opened;
}

static void listen_again(struct sp_timer *timer) {
	struct sp_vnc *vnc = (struct sp_vnc *)((char *)timer - offsetof(struct sp_vnc, pause));

	vnc->watched = vnc->loop->ops->watch(vnc->loop, &vnc->watch) == 0;
}

/* A machine that is gone does not say so. On a Unix socket these fail, and are not needed. */
static void watch_over(int socket) {
	int on = 1, patience = 60000; /* milliseconds */

	(void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

static void accept_one(struct sp_watch *watch, short events) {
	struct sp_vnc *vnc = (struct sp_vnc *)((char *)watch - offsetof(struct sp_vnc, watch));
	struct sp_loop *loop = vnc->loop;
	int socket = accept4(watch->file, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (socket >= 0) {
		watch_over(socket);
		sp_vnc_open(vnc, socket);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	/* It would stay ready, and the loop would turn for nothing. */
	loop->ops->unwatch(loop, &vnc->watch);
	vnc->watched = false;
	loop->ops->arm(loop, &vnc->pause, loop->ops->now(loop) + SECOND);
}

/* Systems may forbid DES, and then the library leaves what it should encrypt as it is. */
static bool can_encrypt(struct sp_error *error) {
	unsigned char bytes[SP_VIEWER_PASSWORD_BYTES] = {0}, zeros[sizeof(bytes)] = {0};
	char password[] = "password";

	rfbEncryptBytes(bytes, password);
	if (memcmp(bytes, zeros, sizeof(bytes)) != 0)
		return true;
	return sp_error_set(error, SP_ERROR_SYSTEM,
		"a VNC password needs DES, which this system does not have");
}

static bool set_up(struct sp_vnc *vnc, const struct sp_vnc_options *options,
	struct sp_input *const *inputs, uint32_t input_count, struct sp_error *error) {
	uint32_t rate = options->rate ? options->rate : SP_VNC_RATE;

	vnc->name = strdup(options->name ? options->name : "Sallyport");
	if (!vnc->name)
		return sp_error_memory(error);
	if (options->password) {
		size_t length = strlen(options->password);

		if (!length || length > SP_VNC_PASSWORD_MAX)
			return sp_error_set(error, SP_ERROR_USE, "a VNC password has 1 to %d bytes",
				SP_VNC_PASSWORD_MAX);
		memcpy(vnc->password, options->password, length);
		if (!can_encrypt(error))
			return false;
	}
	if (rate > 1000)
		return sp_error_set(error, SP_ERROR_USE, "1 to 1000 pictures a second");
	if (options->viewers > SP_VNC_VIEWERS_MAX)
		return sp_error_set(error, SP_ERROR_USE, "at most %d viewers", SP_VNC_VIEWERS_MAX);
	vnc->period = SECOND / rate;
	vnc->viewers_max = options->viewers ? options->viewers : SP_VNC_VIEWERS;
	for (uint32_t i = 0; i < input_count; i++) {
		if (inputs[i]->key && !vnc->typing.keys)
			vnc->typing.keys = inputs[i];
		if (inputs[i]->point && !vnc->typing.pointer)
			vnc->typing.pointer = inputs[i];
	}
	vnc->typing.x = vnc->typing.y = UINT32_MAX;
	return true;
}

bool sp_vnc_create(struct sp_vnc **created, const struct sp_vnc_options *options,
	struct sp_scanout *scanout, struct sp_input *const *inputs, uint32_t input_count,
	struct sp_loop *loop, struct sp_error *error) {
	struct sp_vnc *vnc = calloc(1, sizeof(*vnc));

	if (!vnc)
		return sp_error_memory(error);
	vnc->scanout = scanout;
	vnc->loop = loop;
	vnc->view_only = options->view_only;
	vnc->log = options->log;
	vnc->data = options->data;
	vnc->timer.expired = expired;
	vnc->pause.expired = listen_again;
	vnc->listener.changed = changed;
	vnc->listener.damaged = damaged;
	vnc->watch.file = options->listener;
	vnc->watch.events = POLLIN;
	vnc->watch.ready = accept_one;
	if (!set_up(vnc, options, inputs, input_count, error))
		goto fail;
	if (options->listener >= 0) {
		if (!sp_vnc_may_listen(options->listener, options->password, error))
			goto fail;
		if (loop->ops->watch(loop, &vnc->watch)) {
			sp_error_set(error, SP_ERROR_SYSTEM, "the socket cannot be waited for");
			goto fail;
		}
		vnc->watched = true;
	}
	sp_scanout_listen(scanout, &vnc->listener);
	*created = vnc;
	return true;
fail:
	free(vnc->name);
	free(vnc);
	return false;
}

void sp_vnc_destroy(struct sp_vnc *vnc) {
	if (!vnc)
		return;
	sp_scanout_forget(vnc->scanout, &vnc->listener);
	if (vnc->watched)
		vnc->loop->ops->unwatch(vnc->loop, &vnc->watch);
	if (vnc->pause.armed)
		vnc->loop->ops->disarm(vnc->loop, &vnc->pause);
	for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next)
		sp_viewer_end(viewer, NULL);
	sp_vnc_settle(vnc);
	explicit_bzero(vnc->password, sizeof(vnc->password));
	free(vnc->name);
	free(vnc);
}

void sp_vnc_state(const struct sp_vnc *vnc, struct sp_vnc_state *state) {
	*state = vnc->state;
	state->viewers = 0;
	for (const struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next)
		state->viewers += viewer->client != NULL;
	state->keys = vnc->typing.passed_on;
}
