/* SPDX-License-Identifier: MIT */
#include "serve/control.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/report.h"
#include "serve/request.h"
#include "serve/shot.h"

/* Pieces of a picture in one turn, after which others have theirs. */
#define PIECES 4u

struct client {
	struct sp_control *control;
	int socket; /* -1: none */
	struct sp_watch watch;
	char in[SP_CONTROL_LINE_MAX + 1];
	size_t in_size;
	bool ended; /* it sends no more */
	bool last; /* the answer that is being sent is the last one */

	struct sp_buf out;
	size_t out_at;
	struct sp_shot shot; /* whose pixels go out after `out` */
	uint32_t piece, piece_at; /* bytes of it */

	struct sp_notice notice;
	bool resetting; /* a device has the notice */
};

struct sp_control {
	struct sp_listener listener;
	struct sp_watch watch;
	struct sp_vm *vm;
	struct sp_loop *loop;
	struct sp_report report;
	bool (*end)(void *data, bool upgrade);
	void *data;
	struct client clients[SP_CONTROL_CLIENTS];
};

static void unwatch(struct client *client) {
	if (client->watch.events)
		client->control->loop->ops->unwatch(client->control->loop, &client->watch);
	client->watch.events = 0;
}

static void end_client(struct client *client) {
	if (client->socket < 0)
		return;
	unwatch(client);
	close(client->socket);
	client->socket = -1;
	client->in_size = client->out_at = 0;
	client->piece = client->piece_at = 0;
	client->ended = client->last = false;
	sp_buf_release(&client->out);
	client->out = (struct sp_buf){0};
	sp_shot_end(&client->shot);
}

static bool want(struct client *client, short events) {
	struct sp_loop *loop = client->control->loop;

	if (client->watch.events == events)
		return true;
	unwatch(client);
	client->watch.file = client->socket;
	client->watch.events = events;
	if (events && loop->ops->watch(loop, &client->watch)) {
		client->watch.events = 0;
		return false;
	}
	return true;
}

/* Answers. An object is begun; the caller goes on and ends it with end_answer(). */
static struct sp_json begin_answer(struct client *client, bool good) {
	struct sp_json json = {.out = &client->out};

	sp_json_object(&json, NULL);
	sp_json_flat(&json);
	sp_json_bool(&json, "ok", good);
	return json;
}

static void end_answer(struct client *client, struct sp_json *json) {
	sp_json_end_object(json);
	sp_buf_char(&client->out, '\n');
}

static void answer_good(struct client *client) {
	struct sp_json json = begin_answer(client, true);

	end_answer(client, &json);
}

static void answer_error(struct client *client, const char *message) {
	struct sp_json json = begin_answer(client, false);

	sp_json_string(&json, "error", message);
	end_answer(client, &json);
}

static void do_state(struct client *client) {
	struct sp_json json = begin_answer(client, true);

	sp_report_write(&client->control->report, &json);
	end_answer(client, &json);
}

/* The one with that name; without a name the only one, of those with a screen if it is for one. */
static struct sp_vm_device *find(struct client *client, const char *name, bool screen) {
	struct sp_vm_device *devices, *found = NULL;
	uint32_t count, candidates = 0;

	devices = sp_vm_devices(client->control->vm, &count);
	for (uint32_t i = 0; i < count; i++) {
		bool meant = name[0] ? strcmp(devices[i].name, name) == 0
				     : !screen || devices[i].made.scanout;

		if (meant)
			found = &devices[i];
		candidates += meant;
	}
	if (!found)
		answer_error(client, name[0] ? "there is no such device" : "nothing has a screen");
	else if (candidates > 1)
		answer_error(client, "\"device\" is needed, as there are several");
	else if (screen && !found->made.scanout)
		answer_error(client, "it has no screen");
	else
		return found;
	return NULL;
}

static void do_screenshot(struct client *client, const struct sp_control_request *request) {
	struct sp_vm_device *device = find(client, request->device, true);
	struct sp_error error;
	struct sp_json json;
	uint32_t format;

	if (!device)
		return;
	if (!sp_shot_begin(&client->shot, device->made.scanout, &error)) {
		answer_error(client, error.message);
		return;
	}
	json = begin_answer(client, true);
	format = client->shot.picture.format;
	sp_json_string(&json, "device", device->name);
	sp_json_number(&json, "width", client->shot.picture.width);
	sp_json_number(&json, "height", client->shot.picture.height);
	sp_json_string(&json, "format",
		(const char[]){(char)format, (char)(format >> 8), (char)(format >> 16),
			(char)(format >> 24), '\0'});
	sp_json_number(&json, "size", sp_shot_size(&client->shot));
	end_answer(client, &json);
}

static void do_resize(struct client *client, const struct sp_control_request *request) {
	struct sp_vm_device *device = find(client, request->device, true);
	struct sp_scanout *scanout = device ? device->made.scanout : NULL;

	if (!scanout)
		return;
	if (!scanout->resize) {
		answer_error(client, "the size of its screen is fixed");
		return;
	}
	if (scanout->resize(scanout, request->width, request->height))
		answer_good(client);
	else
		answer_error(client, "its screen cannot have that size");
}

static void was_reset(struct sp_notice *notice, int failure) {
	struct client *client = (struct client *)((char *)notice - offsetof(struct client, notice));

	client->resetting = false;
	/* The client may be gone by now. */
	if (client->socket < 0)
		return;
	if (failure)
		answer_error(client, strerror(failure));
	else
		answer_good(client);
	/* Within do_reset() serve() goes on by itself. */
	if (!client->watch.events && !want(client, POLLOUT))
		end_client(client);
}

static void do_reset(struct client *client, const struct sp_control_request *request) {
	struct sp_vm_device *vm_device = find(client, request->device, false);
	struct sp_device *device = vm_device ? vm_device->made.device : NULL;

	if (!device)
		return;
	client->notice = (struct sp_notice){.done = was_reset};
	client->resetting = true;
	device->ops->reset(device, SP_RESET_FUNCTION, &client->notice);
}

static void do_end(struct client *client, bool upgrade) {
	struct sp_control *control = client->control;

	if (control->end(control->data, upgrade))
		answer_good(client);
	else
		answer_error(client, "there is no holder that could start another program");
}

static void answer(struct client *client, const char *line, size_t size) {
	struct sp_control_request request;
	struct sp_error error;

	if (!sp_control_read(line, size, &request, &error)) {
		answer_error(client, error.message);
		return;
	}
	switch (request.verb) {
	case SP_CONTROL_STATE:
		do_state(client);
		break;
	case SP_CONTROL_SCREENSHOT:
		do_screenshot(client, &request);
		break;
	case SP_CONTROL_RESIZE:
		do_resize(client, &request);
		break;
	case SP_CONTROL_RESET:
		do_reset(client, &request);
		break;
	case SP_CONTROL_QUIT:
	case SP_CONTROL_UPGRADE:
		do_end(client, request.verb == SP_CONTROL_UPGRADE);
		break;
	case SP_CONTROL_VERBS:
		break;
	}
}

enum progress { PROGRESS_DONE, PROGRESS_BLOCKED, PROGRESS_GONE };

static enum progress send_bytes(struct client *client, const void *bytes, size_t size, size_t *at) {
	while (*at < size) {
		ssize_t sent = send(client->socket, (const char *)bytes + *at, size - *at,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? PROGRESS_BLOCKED : PROGRESS_GONE;
		*at += (size_t)sent;
	}
	return PROGRESS_DONE;
}

static enum progress send_text(struct client *client) {
	enum progress progress;

	if (client->out.failed)
		return PROGRESS_GONE;
	progress = send_bytes(client, client->out.data, client->out.size, &client->out_at);
	if (progress == PROGRESS_DONE) {
		sp_buf_release(&client->out);
		client->out = (struct sp_buf){0};
		client->out_at = 0;
	}
	return progress;
}

/* Blocked, too, after some pieces. */
static enum progress send_shot(struct client *client) {
	for (unsigned i = 0; i < PIECES; i++) {
		enum progress progress;
		size_t at;

		if (client->piece_at == client->piece) {
			client->piece = sp_shot_next(&client->shot);
			client->piece_at = 0;
		}
		if (!client->piece) {
			struct sp_json json = begin_answer(client, true);

			sp_json_bool(&json, "changed", sp_shot_changed(&client->shot));
			end_answer(client, &json);
			sp_shot_end(&client->shot);
			return send_text(client);
		}
		at = client->piece_at;
		progress = send_bytes(client, client->shot.piece, client->piece, &at);
		client->piece_at = (uint32_t)at;
		if (progress != PROGRESS_DONE)
			return progress;
	}
	return PROGRESS_BLOCKED;
}

/* All that can be sent now. */
static enum progress flush(struct client *client) {
	enum progress progress =
		client->out.data || client->out.failed ? send_text(client) : PROGRESS_DONE;

	if (progress == PROGRESS_DONE && client->shot.scanout)
		progress = send_shot(client);
	return progress;
}

static bool next_line(struct client *client) {
	char *newline = memchr(client->in, '\n', client->in_size);
	size_t size;

	if (newline) {
		size = (size_t)(newline - client->in);
		answer(client, client->in, size);
		client->in_size -= size + 1;
		memmove(client->in, newline + 1, client->in_size);
		return true;
	}
	if (client->in_size == sizeof(client->in)) {
		struct sp_error error;

		sp_error_set(
			&error, SP_ERROR_USE, "a request has up to %u bytes", SP_CONTROL_LINE_MAX);
		answer_error(client, error.message);
		client->last = true;
		return true;
	}
	return false;
}

/* Goes on until something has to be waited for. */
static void serve(struct client *client) {
	do {
		switch (flush(client)) {
		case PROGRESS_GONE:
			end_client(client);
			return;
		case PROGRESS_BLOCKED:
			if (!want(client, POLLOUT))
				end_client(client);
			return;
		case PROGRESS_DONE:
			break;
		}
		if (client->last) {
			end_client(client);
			return;
		}
		if (client->resetting) {
			want(client, 0);
			return;
		}
	} while (next_line(client));
	if (client->ended || !want(client, POLLIN))
		end_client(client);
}

static void ready(struct sp_watch *watch, short events) {
	struct client *client = (struct client *)((char *)watch - offsetof(struct client, watch));
	ssize_t size;

	if (events & POLLIN && client->in_size < sizeof(client->in)) {
		size = recv(client->socket, client->in + client->in_size,
			sizeof(client->in) - client->in_size, MSG_DONTWAIT);
		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size < 0) {
			end_client(client);
			return;
		}
		client->in_size += (size_t)size;
		client->ended = size == 0;
	} else if (!(events & POLLOUT)) {
		end_client(client);
		return;
	}
	serve(client);
}

static void came(struct sp_watch *watch, short events) {
	static const char full[] = "{\"ok\": false, \"error\": \"there are too many clients\"}\n";
	struct sp_control *control =
		(struct sp_control *)((char *)watch - offsetof(struct sp_control, watch));
	int socket = sp_listen_accept(&control->listener);
	struct client *client = NULL;

	(void)events;
	if (socket < 0)
		return;
	for (uint32_t i = 0; i < SP_CONTROL_CLIENTS && !client; i++) {
		if (control->clients[i].socket < 0 && !control->clients[i].resetting)
			client = &control->clients[i];
	}
	if (!client) {
		(void)send(socket, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(socket);
		return;
	}
	client->socket = socket;
	if (!want(client, POLLIN))
		end_client(client);
}

bool sp_control_create(struct sp_control **created, const struct sp_listener *listener,
	struct sp_vm *vm, const struct sp_viewers *viewers, struct sp_loop *loop,
	bool (*end)(void *data, bool upgrade), void *data, struct sp_error *error) {
	struct sp_control *control = calloc(1, sizeof(*control));

	if (!control)
		return sp_error_memory(error);
	control->vm = vm;
	control->loop = loop;
	control->end = end;
	control->data = data;
	for (uint32_t i = 0; i < SP_CONTROL_CLIENTS; i++) {
		control->clients[i].control = control;
		control->clients[i].socket = -1;
		control->clients[i].watch.ready = ready;
	}
	control->watch =
		(struct sp_watch){.file = listener->socket, .events = POLLIN, .ready = came};
	if (loop->ops->watch(loop, &control->watch)) {
		free(control);
		return sp_error_set(
			error, SP_ERROR_SYSTEM, "the control socket cannot be waited for");
	}
	control->listener = *listener;
	sp_report_open(&control->report, vm, viewers, loop);
	*created = control;
	return true;
}

void sp_control_close(struct sp_control *control) {
	if (control->listener.socket >= 0) {
		control->loop->ops->unwatch(control->loop, &control->watch);
		sp_listen_end(&control->listener);
	}
	for (uint32_t i = 0; i < SP_CONTROL_CLIENTS; i++)
		end_client(&control->clients[i]);
}

bool sp_control_idle(const struct sp_control *control) {
	for (uint32_t i = 0; i < SP_CONTROL_CLIENTS; i++) {
		if (control->clients[i].resetting)
			return false;
	}
	return true;
}

void sp_control_destroy(struct sp_control *control) {
	if (!control)
		return;
	sp_control_close(control);
	sp_report_close(&control->report);
	free(control);
}
