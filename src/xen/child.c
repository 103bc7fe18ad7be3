/* SPDX-License-Identifier: MIT */
#include "xen/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the child writes, whole or not at all: it is less than a pipe takes at once. */
struct answer {
	int error;
	uint32_t number;
	char said[SP_XEN_SAID_SIZE];
};

int libxl_errno(int rc) {
	static const struct {
		int rc, error;
	} NUMBERS[] = {
		{ERROR_NI, ENOSYS},
		{ERROR_NOMEM, ENOMEM},
		{ERROR_INVAL, EINVAL},
		{ERROR_GUEST_TIMEDOUT, ETIMEDOUT},
		{ERROR_TIMEDOUT, ETIMEDOUT},
		{ERROR_NOT_READY, EAGAIN},
		{ERROR_LOCK_FAIL, EDEADLK},
		{ERROR_DOMAIN_NOTFOUND, ESRCH},
		{ERROR_DOMAIN_DESTROYED, ESRCH},
		{ERROR_ABORTED, EINTR},
		{ERROR_NOTFOUND, ENODEV},
		{ERROR_PROTOCOL_ERROR_QMP, EREMOTEIO},
		{ERROR_UNKNOWN_QMP_ERROR, EREMOTEIO},
		{ERROR_QMP_GENERIC_ERROR, EREMOTEIO},
		{ERROR_QMP_COMMAND_NOT_FOUND, EREMOTEIO},
		{ERROR_QMP_DEVICE_NOT_ACTIVE, EREMOTEIO},
		{ERROR_QMP_DEVICE_NOT_FOUND, ENXIO},
		{ERROR_QEMU_API, EREMOTEIO},
	};

	if (!rc)
		return 0;
	for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
		if (NUMBERS[i].rc == rc)
			return NUMBERS[i].error;
	}
	return EIO;
}

static struct answer do_work(libxl_work work, const void *argument) {
	struct answer answer = {0};
	libxl_ctx *ctx = NULL;
	struct log log;

	log_init(&log);
	answer.error = libxl_errno(libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, &log.logger));
	if (!answer.error)
		answer.error = work(ctx, argument, &answer.number);
	memcpy(answer.said, log.said, sizeof(answer.said));
	libxl_ctx_free(ctx);
	return answer;
}

static uint64_t now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* False if nothing came in time. */
static bool await(int file, unsigned limit) {
	struct pollfd ready = {.fd = file, .events = POLLIN};
	uint64_t begun = now(), gone = 0;
	int count = 0;

	while (gone < limit && (count = poll(&ready, 1, (int)(limit - gone))) < 0 && errno == EINTR)
		gone = now() - begun;
	return count > 0;
}

static int receive(struct libxl *libxl, pid_t child, int file, struct answer *answer) {
	ssize_t got;

	if (!await(file, libxl->limit)) {
		libxl->at_work = child;
		return SP_XEN_AT_WORK;
	}
	while ((got = read(file, answer, sizeof(*answer))) < 0 && errno == EINTR)
		;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (got == (ssize_t)sizeof(*answer))
		return answer->error;
	snprintf(answer->said, sizeof(answer->said), "libxl ended without an answer");
	return EIO;
}

static bool is_at_work(struct libxl *libxl) {
	if (libxl->at_work && waitpid(libxl->at_work, NULL, WNOHANG) != 0)
		libxl->at_work = 0;
	return libxl->at_work != 0;
}

int libxl_run(struct libxl *libxl, struct sp_xen *xen, libxl_work work, const void *argument,
	uint32_t *number) {
	struct answer answer = {0};
	int ends[2], error;
	pid_t child;

	xen->said[0] = '\0';
	if (is_at_work(libxl))
		return SP_XEN_AT_WORK;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	child = fork();
	if (child == 0) {
		answer = do_work(work, argument);
		_exit(write(ends[1], &answer, sizeof(answer)) != (ssize_t)sizeof(answer));
	}
	error = child < 0 ? errno : 0;
	close(ends[1]);
	if (!error)
		error = receive(libxl, child, ends[0], &answer);
	close(ends[0]);
	if (error)
		memcpy(xen->said, answer.said, sizeof(xen->said));
	else if (number)
		*number = answer.number;
	return error;
}
