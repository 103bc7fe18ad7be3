/* SPDX-License-Identifier: MIT */
#include "wire/eventfd.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"

static bool is_ready(int fd, short events) {
	struct pollfd ready = {.fd = fd, .events = events};

	return poll(&ready, 1, 0) == 1 && (ready.revents & events);
}

/* It is an inode without a type, to which zero can be added, which nothing notices. */
bool sp_eventfd_is(int fd) {
	struct stat stat;
	uint64_t zero = 0;

	if (sp_file_status(fd, &stat) < 0 || (stat.st_mode & S_IFMT) != 0)
		return false;
	return is_ready(fd, POLLOUT) && write(fd, &zero, sizeof(zero)) == sizeof(zero);
}

bool sp_eventfd_take(int fd) {
	uint64_t count;
	struct iovec part = {&count, sizeof(count)};
	ssize_t done = preadv2(fd, &part, 1, -1, RWF_NOWAIT);

	/* A kernel before 5.8 does not know that of eventfds. */
	if (done < 0 && errno == EOPNOTSUPP && is_ready(fd, POLLIN))
		done = read(fd, &count, sizeof(count));
	return done == sizeof(count);
}

bool sp_eventfd_signal(int fd) {
	uint64_t one = 1;

	return is_ready(fd, POLLOUT) && write(fd, &one, sizeof(one)) == sizeof(one);
}
