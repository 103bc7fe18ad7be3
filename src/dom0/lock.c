/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "dom0/dom0.h"

/* How long another program is waited for, and how long until it is looked for again, in
 * milliseconds. */
#define LIMIT 5000u
#define NAP 50u

bool dom0_lock(const struct dom0 *dom0, const char *path, int *lock) {
	unsigned left = LIMIT;

	*lock = -1;
	if (!path)
		return true;
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0) {
		cli_complain(
			"Run it as root in dom0.", "%s: %s: %s", dom0->verb, path, strerror(errno));
		return false;
	}
	while (flock(*lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			cli_complain(NULL, "%s: %s: it cannot be locked: %s", dom0->verb, path,
				strerror(errno));
			return false;
		}
		if (left < NAP) {
			cli_complain("Try again when it is done.",
				"%s: another attach or detach is at work: it has the lock of %s",
				dom0->verb, path);
			return false;
		}
		nanosleep(&(struct timespec){.tv_nsec = NAP * 1000000L}, NULL);
		left -= NAP;
	}
	return true;
}

void dom0_unlock(int lock) {
	if (lock >= 0)
		close(lock);
}
