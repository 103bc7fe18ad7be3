/* SPDX-License-Identifier: MIT */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 8
#define MOMENT 100 /* milliseconds */

static bool make_address(struct sockaddr_un *address, const char *path, struct sp_error *error) {
	size_t length = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!length || length >= sizeof(address->sun_path))
		return sp_error_set(error, SP_ERROR_USE,
			"%s: the path of a socket has 1 to %zu bytes", path,
			sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, length + 1);
	return true;
}

/* 0 if somebody listens, and he is there a moment later, too, unlike one who is just being ended.
 */
static int probe(const struct sockaddr_un *address) {
	for (int again = 1;; again--) {
		int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		    failure = 0;
		struct pollfd gone = {.fd = client};

		if (client < 0 ||
			connect(client, (const struct sockaddr *)address, sizeof(*address)) < 0)
			failure = errno;
		else if (!again || poll(&gone, 1, MOMENT) <= 0)
			again = 0;
		if (client >= 0)
			close(client);
		if (failure || !again)
			return failure;
	}
}

/* A socket at which nobody listens, and nothing else, is removed. */
static bool remove_stale(
	const char *path, const struct sockaddr_un *address, struct sp_error *error) {
	struct stat stat;
	int refused;

	if (lstat(path, &stat) < 0)
		return errno == ENOENT ||
			sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(stat.st_mode))
		return sp_error_set(error, SP_ERROR_USE, "%s: it is there, and is no socket", path);
	refused = probe(address);
	if (refused != ECONNREFUSED)
		return sp_error_set(error, SP_ERROR_USE, "%s: %s", path,
			refused == EACCES ? "it is another user's" : "a program listens there");
	if (unlink(path) < 0 && errno != ENOENT)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	return true;
}

static bool bind_to(int socket, const struct sockaddr_un *address) {
	/* The mode that the socket is made with: nobody can come in before it is narrowed. */
	mode_t before = umask(0177);
	bool bound = bind(socket, (const struct sockaddr *)address, sizeof(*address)) == 0;

	umask(before);
	return bound;
}

bool sp_listen(struct sp_listener *listener, const char *path, struct sp_error *error) {
	struct sockaddr_un address;
	struct stat stat;

	*listener = (struct sp_listener){.socket = -1};
	if (!make_address(&address, path, error) || !remove_stale(path, &address, error))
		return false;
	listener->path = strdup(path);
	if (!listener->path)
		return sp_error_memory(error);
	listener->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->socket < 0 || !bind_to(listener->socket, &address) ||
		lstat(path, &stat) < 0) {
		sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
		sp_listen_end(listener);
		return false;
	}
	listener->device = stat.st_dev;
	listener->inode = stat.st_ino;
	if (listen(listener->socket, BACKLOG) < 0) {
		sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
		sp_listen_end(listener);
		return false;
	}
	return true;
}

static bool make_tcp_address(struct sockaddr_storage *address, socklen_t *size, const char *host,
	uint16_t port, struct sp_error *error) {
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*size = sizeof(*v6);
	} else {
		return sp_error_set(error, SP_ERROR_USE,
			"%s: it is no address in figures, as 127.0.0.1 or ::1", host);
	}
	return true;
}

bool sp_listen_tcp(
	struct sp_listener *listener, const char *host, uint16_t port, struct sp_error *error) {
	struct sockaddr_storage address;
	const int yes = 1;
	socklen_t size = 0;

	*listener = (struct sp_listener){.socket = -1};
	if (!make_tcp_address(&address, &size, host, port, error))
		return false;
	listener->socket =
		socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->socket < 0 ||
		setsockopt(listener->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		bind(listener->socket, (const struct sockaddr *)&address, size) < 0 ||
		listen(listener->socket, BACKLOG) < 0) {
		sp_error_set(error, SP_ERROR_SYSTEM, "%s:%u: %s", host, (unsigned)port,
			strerror(errno));
		sp_listen_end(listener);
		return false;
	}
	return true;
}

bool sp_listen_inherited(
	struct sp_listener *listener, int socket, bool tcp, struct sp_error *error) {
	struct sockaddr_storage address;
	socklen_t size = sizeof(address), option = sizeof(int);
	int listening = 0, type = 0;
	bool internet;

	*listener = (struct sp_listener){.socket = -1};
	if (getsockname(socket, (struct sockaddr *)&address, &size) < 0)
		return sp_error_set(
			error, SP_ERROR_USE, "descriptor %d: it is no socket", socket);
	internet = address.ss_family == AF_INET || address.ss_family == AF_INET6;
	if ((address.ss_family != AF_UNIX && !(tcp && internet)) ||
		getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &option) < 0 ||
		type != SOCK_STREAM ||
		getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &option) < 0 ||
		!listening)
		return sp_error_set(error, SP_ERROR_USE,
			"descriptor %d: it is no %sstream socket that listens", socket,
			tcp ? "" : "Unix ");
	/* Whoever made it need not have thought of accept(), which must not wait for one that
	 * went away again. */
	if (fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) < 0 ||
		fcntl(socket, F_SETFD, FD_CLOEXEC) < 0)
		return sp_error_set(
			error, SP_ERROR_SYSTEM, "descriptor %d: %s", socket, strerror(errno));
	listener->socket = socket;
	return true;
}

int sp_listen_count(char **names) {
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	const char *called = getenv("LISTEN_FDNAMES");
	long sockets = 0;

	*names = NULL;
	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		sockets = strtol(count, NULL, 10);
	if (sockets > 0 && called)
		*names = strdup(called);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return sockets > 0 && sockets < 64 ? (int)sockets : 0;
}

void sp_listen_end(struct sp_listener *listener) {
	struct stat stat;

	if (listener->socket >= 0) {
		close(listener->socket);
		if (listener->path && listener->inode && lstat(listener->path, &stat) == 0 &&
			stat.st_dev == listener->device && stat.st_ino == listener->inode)
			(void)unlink(listener->path);
	}
	free(listener->path);
	*listener = (struct sp_listener){.socket = -1};
}

int sp_listen_accept(const struct sp_listener *listener) {
	return accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int sp_notify_open(void) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	int notices;

	if (!length || length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, length);
	/* An abstract name, whose first byte is NUL. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notices < 0)
		return -1;
	if (connect(notices, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
		return notices;
	close(notices);
	return -1;
}

void sp_notify(int notices, const char *state) {
	if (notices >= 0)
		(void)send(notices, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}
