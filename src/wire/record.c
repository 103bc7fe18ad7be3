/* SPDX-License-Identifier: MIT */
#include "wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x31306472636572) /* "recrd01" */

_Static_assert(offsetof(struct sp_record, received_count) <= 4096, "the calls are in one page");

void sp_record_init(struct sp_record *record) {
	record->version = SP_RECORD_VERSION;
	record->size_check = (uint32_t)sizeof(*record);
	record->doing = record->suspect = SP_RECORD_NONE;
	record->committed = 1;
	__atomic_store_n(&record->magic, MAGIC, __ATOMIC_RELEASE);
}

bool sp_record_valid(const struct sp_record *record) {
	return record->magic == MAGIC && record->version == SP_RECORD_VERSION &&
		record->size_check == sizeof(*record);
}

void sp_record_pin(struct sp_record *record) {
	(void)mlock(record, 4096);
}

int sp_record_current(const struct sp_record *record, uint64_t first, uint64_t second) {
	if (first > record->committed)
		first = 0;
	if (second > record->committed)
		second = 0;
	if (!first && !second)
		return -1;
	return first > second ? 0 : 1;
}

unsigned sp_record_other(const struct sp_record *record, uint64_t first, uint64_t second) {
	return sp_record_current(record, first, second) == 0 ? 1 : 0;
}

void sp_record_commit(struct sp_record *record) {
	__atomic_store_n(&record->committed, record->committed + 1, __ATOMIC_RELEASE);
}

void sp_record_clean(struct sp_record *record) {
	for (unsigned i = 0; i < 2; i++) {
		if (record->states[i].number > record->committed)
			record->states[i].number = 0;
		if (record->irqs[i].number > record->committed)
			record->irqs[i].number = 0;
		if (record->devices[i].number > record->committed)
			record->devices[i].number = 0;
	}
	for (uint32_t i = 0; i < record->ranges_used && i < SP_RECORD_RANGES; i++) {
		struct sp_record_range *range = &record->ranges[i];

		if (range->gone > record->committed)
			range->gone = 0;
		if (range->added > record->committed)
			range->added = range->gone = 0;
	}
}

/* The next call, which counts as soon as it is complete and has moved nothing. */
static struct sp_record_call *next_call(
	struct sp_record_calls *calls, struct msghdr message, uint64_t position, uint64_t base) {
	uint32_t next = calls->now ^ 1;
	struct sp_record_call *call = &calls->calls[next];

	call->position = position;
	call->base = base;
	call->part = message.msg_iov[0];
	message.msg_iov = &call->part;
	call->message.msg_hdr = message;
	call->message.msg_len = 0;
	__atomic_store_n(&calls->now, next, __ATOMIC_RELEASE);
	return call;
}

/* By their numbers, since a library may copy what the kernel is to store into. */
ssize_t sp_record_receive(struct sp_record *record, int socket, struct msghdr *message,
	uint64_t position, uint64_t base) {
	struct sp_record_calls *calls = &record->in_calls;
	struct sp_record_call *call = &calls->calls[calls->now ^ 1];
	long done;

	message->msg_control = call->control.bytes;
	message->msg_controllen = sizeof(call->control);
	call = next_call(calls, *message, position, base);
	done = syscall(
		SYS_recvmmsg, socket, &call->message, 1, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (done != 1) {
		call->message.msg_hdr.msg_controllen = 0;
		return -1;
	}
	message->msg_controllen = call->message.msg_hdr.msg_controllen;
	message->msg_flags = call->message.msg_hdr.msg_flags;
	return (ssize_t)call->message.msg_len;
}

ssize_t sp_record_send(
	struct sp_record *record, int socket, const struct msghdr *message, uint64_t position) {
	struct sp_record_call *call = next_call(&record->out_calls, *message, position, 0);

	if (syscall(SYS_sendmmsg, socket, &call->message, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -1;
	return (ssize_t)call->message.msg_len;
}

void sp_record_begin(struct sp_record *record) {
	struct iovec part = {0};
	struct msghdr nothing = {.msg_iov = &part, .msg_iovlen = 1};

	(void)next_call(&record->in_calls, nothing, 0, 0);
	(void)next_call(&record->out_calls, nothing, 0, 0);
	record->received_count = 0;
}

uint64_t sp_record_moved(const struct sp_record_calls *calls) {
	const struct sp_record_call *call = &calls->calls[calls->now & 1];

	return call->position + call->message.msg_len;
}

void sp_record_own(struct sp_record *record, const int *fds, uint32_t count, uint64_t message) {
	uint64_t at = record->received_count;

	for (uint32_t i = 0; i < count; i++, at++)
		record->received[at % SP_RECORD_RECEIVED] = (struct sp_record_received){
			.message = message,
			.call = record->in_calls.calls[record->in_calls.now & 1].position,
			.fd = fds[i],
		};
	__atomic_store_n(&record->received_count, at, __ATOMIC_RELEASE);
}

uint32_t sp_record_unowned(const struct sp_record *record, int *fds, uint32_t max) {
	const struct sp_record_call *call = &record->in_calls.calls[record->in_calls.now & 1];
	uint64_t last = record->received_count;
	struct msghdr message = {
		.msg_control = (void *)(uintptr_t)call->control.bytes,
		.msg_controllen = call->message.msg_hdr.msg_controllen,
	};
	uint32_t count = 0;

	if (!call->message.msg_len || message.msg_controllen > sizeof(call->control) ||
		(last && record->received[(last - 1) % SP_RECORD_RECEIVED].call == call->position))
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		uint32_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (uint32_t i = 0; i < here && count < max; i++, count++)
			memcpy(&fds[count], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return count;
}

void sp_drop(struct sp_drops *drops, int fd) {
	if (!drops || !drops->later) {
		close(fd);
		return;
	}
	if (drops->count == drops->capacity) {
		uint32_t capacity = drops->capacity ? drops->capacity * 2 : 64;
		int *fds = realloc(drops->fds, capacity * sizeof(*fds));

		/* It stays open, until the next process finds that nobody knows it. */
		if (!fds)
			return;
		drops->fds = fds;
		drops->capacity = capacity;
	}
	drops->fds[drops->count++] = fd;
}

void sp_drops_close(struct sp_drops *drops) {
	while (drops->count)
		close(drops->fds[--drops->count]);
}

void sp_drops_release(struct sp_drops *drops) {
	sp_drops_close(drops);
	free(drops->fds);
	*drops = (struct sp_drops){0};
}
