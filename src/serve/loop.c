/* SPDX-License-Identifier: MIT */
#include "serve/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 16

struct loop {
	struct sp_loop base;
	int epoll;
	struct sp_timer *timers; /* the earliest first */
	/* What the last wait gave. A watch that ends while they are gone through is taken out. */
	struct epoll_event batch[BATCH];
	int batch_count;
};

static struct loop *loop_of(struct sp_loop *base) {
	return (struct loop *)base;
}

static uint64_t now(struct sp_loop *base) {
	struct timespec time;

	(void)base;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void disarm(struct sp_loop *base, struct sp_timer *timer) {
	struct sp_timer **place = &loop_of(base)->timers;

	if (!timer->armed)
		return;
	while (*place != timer)
		place = &(*place)->next;
	*place = timer->next;
	timer->armed = false;
}

static void arm(struct sp_loop *base, struct sp_timer *timer, uint64_t at) {
	struct sp_timer **place = &loop_of(base)->timers;

	disarm(base, timer);
	while (*place && (*place)->at <= at)
		place = &(*place)->next;
	timer->at = at;
	timer->next = *place;
	timer->armed = true;
	*place = timer;
}

static int watch(struct sp_loop *base, struct sp_watch *watched) {
	struct epoll_event event = {.data.ptr = watched};

	event.events = (watched->events & POLLIN ? EPOLLIN : 0u) |
		(watched->events & POLLOUT ? EPOLLOUT : 0u);
	return epoll_ctl(loop_of(base)->epoll, EPOLL_CTL_ADD, watched->file, &event) < 0 ? errno
											 : 0;
}

static void unwatch(struct sp_loop *base, struct sp_watch *watched) {
	struct loop *loop = loop_of(base);

	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watched->file, NULL);
	for (int i = 0; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == watched)
			loop->batch[i].data.ptr = NULL;
	}
}

static const struct sp_loop_ops OPS = {
	.now = now,
	.arm = arm,
	.disarm = disarm,
	.watch = watch,
	.unwatch = unwatch,
};

bool sp_loop_create(struct sp_loop **created, struct sp_error *error) {
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return sp_error_memory(error);
	loop->base.ops = &OPS;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return sp_error_set(error, SP_ERROR_SYSTEM, "epoll: %s", strerror(errno));
	}
	*created = &loop->base;
	return true;
}

void sp_loop_destroy(struct sp_loop *base) {
	if (!base)
		return;
	close(loop_of(base)->epoll);
	free(base);
}

/* Rounded up, lest it is woken too early and waits for nothing at all again and again. */
static int time_to_wait(struct loop *loop, int limit) {
	uint64_t left = 0, time;

	if (!loop->timers)
		return limit;
	time = now(&loop->base);
	if (loop->timers->at > time)
		left = (loop->timers->at - time + 999) / 1000;
	if (limit >= 0 && left > (uint64_t)limit)
		return limit;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Those that are armed meanwhile, for now at the latest, wait for the next step. */
static void expire(struct loop *loop) {
	uint64_t time;

	if (!loop->timers)
		return;
	time = now(&loop->base);
	for (int i = 0; i < BATCH && loop->timers && loop->timers->at <= time; i++) {
		struct sp_timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->armed = false;
		timer->expired(timer);
	}
}

int sp_loop_step(struct sp_loop *base, int milliseconds) {
	struct loop *loop = loop_of(base);
	int count = epoll_wait(loop->epoll, loop->batch, BATCH, time_to_wait(loop, milliseconds));

	if (count < 0)
		return errno == EINTR ? 0 : errno;
	loop->batch_count = count;
	for (int i = 0; i < count; i++) {
		struct sp_watch *watched = loop->batch[i].data.ptr;
		uint32_t events = loop->batch[i].events;

		if (!watched)
			continue;
		watched->ready(watched,
			(short)((events & EPOLLIN ? POLLIN : 0) |
				(events & EPOLLOUT ? POLLOUT : 0) |
				(events & EPOLLHUP ? POLLHUP : 0) |
				(events & EPOLLERR ? POLLERR : 0)));
	}
	loop->batch_count = 0;
	expire(loop);
	return 0;
}
