/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* For an answer. The program that serves does nothing that takes longer. */
#define PATIENCE 5 /* seconds */
#define LINE_MAX_BYTES (1u << 20)
#define STEP 65536u

bool control_open(struct control_talk *talk, const char *directory, int *failure) {
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length;

	*talk = (struct control_talk){.socket = -1};
	length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", directory);
	if (length < 0 || (size_t)length >= sizeof(address.sun_path)) {
		*failure = ENAMETOOLONG;
		return false;
	}
	talk->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (talk->socket < 0 ||
		setsockopt(talk->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) <
			0 ||
		setsockopt(talk->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) <
			0 ||
		connect(talk->socket, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		*failure = errno;
		control_close(talk);
		return false;
	}
	return true;
}

bool control_refused(const char *directory, int failure, struct sp_error *error) {
	if (failure == ECONNREFUSED)
		return sp_error_set(error, SP_ERROR_SYSTEM,
			"%s: nobody serves it any more; the next sallyport serve of that name takes "
			"its place",
			directory);
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s/control: %s", directory, strerror(failure));
}

void control_close(struct control_talk *talk) {
	if (talk->socket >= 0)
		close(talk->socket);
	free(talk->data);
	*talk = (struct control_talk){.socket = -1};
}

static bool failed(struct sp_error *error) {
	if (errno == EAGAIN)
		return sp_error_set(
			error, SP_ERROR_SYSTEM, "no answer came within %d seconds", PATIENCE);
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s", strerror(errno));
}

static bool send_all(
	struct control_talk *talk, const char *text, size_t size, struct sp_error *error) {
	while (size) {
		ssize_t sent = send(talk->socket, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return failed(error);
		text += sent;
		size -= (size_t)sent;
	}
	return true;
}

/* Reads more. */
static bool receive(struct control_talk *talk, struct sp_error *error) {
	ssize_t got;

	if (talk->capacity - talk->size < STEP) {
		size_t capacity = talk->capacity + 2 * STEP;
		char *data = realloc(talk->data, capacity);

		if (!data)
			return sp_error_memory(error);
		talk->data = data;
		talk->capacity = capacity;
	}
	do
		got = recv(talk->socket, talk->data + talk->size, talk->capacity - talk->size, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return failed(error);
	if (!got)
		return sp_error_set(error, SP_ERROR_SYSTEM, "it went away before it answered");
	talk->size += (size_t)got;
	return true;
}

static void use(struct control_talk *talk, size_t size) {
	talk->size -= size;
	memmove(talk->data, talk->data + size, talk->size);
}

json_t *control_answer(struct control_talk *talk, struct sp_error *error) {
	char *newline = NULL;
	json_error_t why;
	json_t *answer;
	size_t size;

	while (!talk->size || !(newline = memchr(talk->data, '\n', talk->size))) {
		if (talk->size > LINE_MAX_BYTES) {
			sp_error_set(error, SP_ERROR_INPUT, "its answer has no end");
			return NULL;
		}
		if (!receive(talk, error))
			return NULL;
	}
	size = (size_t)(newline - talk->data);
	answer = json_loadb(talk->data, size, JSON_REJECT_DUPLICATES, &why);
	use(talk, size + 1);
	if (!json_is_object(answer)) {
		sp_error_set(error, SP_ERROR_INPUT, "its answer is no object of JSON");
	} else if (!json_is_true(json_object_get(answer, "ok"))) {
		sp_error_set(error, SP_ERROR_INPUT, "%s", control_string(answer, "error"));
	} else {
		return answer;
	}
	json_decref(answer);
	return NULL;
}

json_t *control_ask(struct control_talk *talk, json_t *request, struct sp_error *error) {
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	bool sent;

	json_decref(request);
	if (!text) {
		sp_error_memory(error);
		return NULL;
	}
	sent = send_all(talk, text, strlen(text), error) && send_all(talk, "\n", 1, error);
	free(text);
	return sent ? control_answer(talk, error) : NULL;
}

bool control_read(struct control_talk *talk, void *bytes, size_t size, struct sp_error *error) {
	while (size) {
		size_t count = talk->size < size ? talk->size : size;

		if (!count) {
			if (!receive(talk, error))
				return false;
			continue;
		}
		memcpy(bytes, talk->data, count);
		use(talk, count);
		bytes = (char *)bytes + count;
		size -= count;
	}
	return true;
}
