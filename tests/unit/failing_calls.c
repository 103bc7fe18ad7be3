/* SPDX-License-Identifier: MIT */
#include "failing_calls.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/loop.h"
#include "show/vnc.h"
#include "wire/server.h"

struct failing_calls failing_calls = {.at = -1};

static bool fails(enum failing_call kind) {
	struct failing_calls *state = &failing_calls;
	long call;

	if (!state->on)
		return false;
	call = state->calls[kind]++;
	if (kind != state->kind || state->at < 0 || call < state->at ||
		(call > state->at && !state->go_on))
		return false;
	state->failed++;
	errno = state->reason;
	return true;
}

/* The linker is told to lead calls of NAME to __wrap_NAME. */
#define WRAP(kind, result, name, failure, parameters, arguments) \
	result __real_##name parameters; \
	result __wrap_##name parameters; \
	result __wrap_##name parameters { \
		return fails(kind) ? failure : __real_##name arguments; \
	}
/* Under both names that it has with offsets of 64 bits. */
#define WRAP64(kind, result, name, failure, parameters, arguments) \
	WRAP(kind, result, name, failure, parameters, arguments) \
	WRAP(kind, result, name##64, failure, parameters, arguments)

struct msghdr;
struct stat;
struct epoll_event;
WRAP64(CALL_MMAP, void *, mmap, (void *)-1,
	(void *at, size_t size, int access, int flags, int file, int64_t offset),
	(at, size, access, flags, file, offset))
WRAP(CALL_RECVMSG, ssize_t, recvmsg, -1, (int file, struct msghdr *message, int flags),
	(file, message, flags))
WRAP(CALL_SENDMSG, ssize_t, sendmsg, -1, (int file, const struct msghdr *message, int flags),
	(file, message, flags))
/* The same of clients that are kept in a record. */
WRAP(CALL_RECVMSG, ssize_t, sp_record_receive, -1,
	(struct sp_record * record, int file, struct msghdr *message, uint64_t position,
		uint64_t base),
	(record, file, message, position, base))
WRAP(CALL_SENDMSG, ssize_t, sp_record_send, -1,
	(struct sp_record * record, int file, const struct msghdr *message, uint64_t position),
	(record, file, message, position))
WRAP(CALL_RECV, ssize_t, recv, -1, (int file, void *data, size_t size, int flags),
	(file, data, size, flags))
WRAP(CALL_SEND, ssize_t, send, -1, (int file, const void *data, size_t size, int flags),
	(file, data, size, flags))
WRAP(CALL_EPOLL_CTL, int, epoll_ctl, -1, (int loop, int what, int file, struct epoll_event *event),
	(loop, what, file, event))
WRAP(CALL_STATUS, int, sp_file_status, -1, (int file, struct stat *stat), (file, stat))
WRAP(CALL_SOCKETPAIR, int, socketpair, -1, (int domain, int type, int protocol, int pair[2]),
	(domain, type, protocol, pair))
WRAP(CALL_EVENTFD, int, eventfd, -1, (unsigned value, int flags), (value, flags))
WRAP64(CALL_PREAD, ssize_t, pread, -1, (int file, void *data, size_t size, int64_t offset),
	(file, data, size, offset))
WRAP64(CALL_PWRITE, ssize_t, pwrite, -1, (int file, const void *data, size_t size, int64_t offset),
	(file, data, size, offset))
WRAP64(CALL_FALLOCATE, int, fallocate, -1, (int file, int mode, int64_t offset, int64_t size),
	(file, mode, offset, size))
WRAP(CALL_POLL, int, poll, -1, (struct pollfd * files, nfds_t count, int timeout),
	(files, count, timeout))
WRAP(CALL_READ, ssize_t, read, -1, (int file, void *data, size_t size), (file, data, size))
WRAP(CALL_WRITE, ssize_t, write, -1, (int file, const void *data, size_t size), (file, data, size))
/* The third argument is a number, or there is none. */
WRAP64(CALL_FCNTL, int, fcntl, -1, (int file, int what, long more), (file, what, more))

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) {
	void *block = fails(CALL_MEMORY) ? NULL : __real_malloc(size);

	failing_calls.live += block != NULL;
	return block;
}

void *__wrap_calloc(size_t count, size_t size) {
	void *block = fails(CALL_MEMORY) ? NULL : __real_calloc(count, size);

	failing_calls.live += block != NULL;
	return block;
}

void *__wrap_realloc(void *old, size_t size) {
	bool fresh = !old;
	void *block = fails(CALL_MEMORY) ? NULL : __real_realloc(old, size);

	failing_calls.live += fresh && block;
	return block;
}

void __wrap_free(void *block) {
	failing_calls.live -= block != NULL;
	__real_free(block);
}

/* Where the server begins to work. */
int __real_sp_loop_step(struct sp_loop *loop, int milliseconds);
int __wrap_sp_loop_step(struct sp_loop *loop, int milliseconds);
bool __real_sp_wire_server_open(struct sp_wire_server *server, int socket);
bool __wrap_sp_wire_server_open(struct sp_wire_server *server, int socket);
bool __real_sp_vnc_open(struct sp_vnc *vnc, int socket);
bool __wrap_sp_vnc_open(struct sp_vnc *vnc, int socket);

int __wrap_sp_loop_step(struct sp_loop *loop, int milliseconds) {
	int error;

	failing_calls.on = true;
	error = __real_sp_loop_step(loop, milliseconds);
	failing_calls.on = false;
	return error;
}

bool __wrap_sp_wire_server_open(struct sp_wire_server *server, int socket) {
	bool good;

	failing_calls.on = true;
	good = __real_sp_wire_server_open(server, socket);
	failing_calls.on = false;
	return good;
}

bool __wrap_sp_vnc_open(struct sp_vnc *vnc, int socket) {
	bool good;

	failing_calls.on = true;
	good = __real_sp_vnc_open(vnc, socket);
	failing_calls.on = false;
	return good;
}
