/* SPDX-License-Identifier: MIT */
#include "serve/listen.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 8
#define FIRST_INHERITED 3

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

/* A socket at which nobody listens, and nothing else, is removed. */
static bool remove_stale(
	const char *path, const struct sockaddr_un *address, struct sp_error *error) {
	struct stat stat;
	int probe, refused;

	if (lstat(path, &stat) < 0)
		return errno == ENOENT ||
			sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(stat.st_mode))
		return sp_error_set(error, SP_ERROR_USE, "%s: it is there, and is no socket", path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	refused =
		connect(probe, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(probe);
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

bool sp_listen_inherited(struct sp_listener *listener, int socket, struct sp_error *error) {
	struct sockaddr_storage address;
	socklen_t size = sizeof(address), option = sizeof(int);
	int listening = 0, type = 0;

	*listener = (struct sp_listener){.socket = -1};
	if (getsockname(socket, (struct sockaddr *)&address, &size) < 0 ||
		address.ss_family != AF_UNIX ||
		getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &option) < 0 ||
		type != SOCK_STREAM ||
		getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &option) < 0 ||
		!listening)
		return sp_error_set(error, SP_ERROR_USE,
			"descriptor %d: it is no Unix stream socket that listens", socket);
	listener->socket = socket;
	return true;
}

int sp_listen_count(void) {
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long sockets = 0;

	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		sockets = strtol(count, NULL, 10);
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

void sp_notify(const char *state) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	int sender;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	/* An abstract name, whose first byte is NUL. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sender < 0)
		return;
	(void)sendto(sender, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(sender);
}
