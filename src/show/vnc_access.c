/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "show/vnc.h"

static bool is_private(const struct sockaddr_storage *address) {
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	switch (address->ss_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
			(IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
				v6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
	}
	return false;
}

bool sp_vnc_may_listen(int listener, const char *password, struct sp_error *error) {
	struct sockaddr_storage address = {0};
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
	socklen_t size = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "?";

	if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return sp_error_set(
			error, SP_ERROR_SYSTEM, "the socket for VNC: %s", strerror(errno));
	if (password || is_private(&address))
		return true;
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
	else if (address.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
	return sp_error_set(error, SP_ERROR_USE,
		"VNC at %s, which other machines may reach, needs a password", text);
}

/* Of a file that cannot be a pipe, and that nobody else reads. */
static ssize_t read_private(const char *path, char *bytes, size_t size, struct sp_error *error) {
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat stat;
	ssize_t got = -1;

	if (file < 0 || fstat(file, &stat) < 0)
		sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(stat.st_mode))
		sp_error_set(error, SP_ERROR_USE, "%s: it is no file", path);
	else if (stat.st_mode & (S_IRWXG | S_IRWXO))
		sp_error_set(error, SP_ERROR_USE,
			"%s: others may read this password; its mode should be 0600", path);
	else if ((got = read(file, bytes, size)) < 0)
		sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
	return got;
}

bool sp_vnc_read_password(
	const char *path, char password[SP_VNC_PASSWORD_MAX + 1], struct sp_error *error) {
	char line[SP_VNC_PASSWORD_MAX + 2]; /* and a CR and LF, or one too many */
	ssize_t got = read_private(path, line, sizeof(line), error);
	size_t length = 0;
	bool good;

	if (got < 0)
		return false;
	while (length < (size_t)got && line[length] && line[length] != '\n' && line[length] != '\r')
		length++;
	good = length && length <= SP_VNC_PASSWORD_MAX;
	if (good) {
		memcpy(password, line, length);
		password[length] = '\0';
	} else {
		sp_error_set(error, SP_ERROR_INPUT,
			"%s: a VNC password has 1 to %d bytes, as VNC looks at no more", path,
			SP_VNC_PASSWORD_MAX);
	}
	explicit_bzero(line, sizeof(line));
	return good;
}
