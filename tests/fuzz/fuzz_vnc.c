/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "show/rfb.h"
#include "show/vnc.h"

/*
 * Two viewers that send what the input says, while the guest shows other pictures and cursors. The
 * clock is the input's. When they have gone, no key is held and nothing is left of them.
 */
#define MEMORY (1u << 20)
#define WATCHES 4u

enum step {
	STEP_BYTES, /* as they are */
	STEP_MESSAGE, /* of a kind that there is */
	STEP_GREET,
	STEP_READ,
	STEP_TICK,
	STEP_SHOW,
	STEP_DRAW,
	STEP_CURSOR,
	STEP_BLANK,
	STEP_AGAIN, /* hang up and come again */
	STEPS
};

struct fuzz {
	struct sp_loop loop;
	struct sp_scanout scanout;
	struct sp_input input;
	struct sp_vnc *vnc;
	uint64_t now;
	struct sp_timer *timer;
	struct sp_watch *watches[WATCHES];
	int file;
	uint8_t *memory;
	int viewers[2];
	int held;
	const uint8_t *data;
	size_t size;
};

static struct fuzz *of_loop(struct sp_loop *loop) {
	return (struct fuzz *)((char *)loop - offsetof(struct fuzz, loop));
}

static uint64_t now(struct sp_loop *loop) {
	return of_loop(loop)->now++;
}

static void arm(struct sp_loop *loop, struct sp_timer *timer, uint64_t at) {
	timer->at = at;
	timer->armed = true;
	of_loop(loop)->timer = timer;
}

static void disarm(struct sp_loop *loop, struct sp_timer *timer) {
	timer->armed = false;
	of_loop(loop)->timer = NULL;
}

static int watch(struct sp_loop *loop, struct sp_watch *watched) {
	struct fuzz *fuzz = of_loop(loop);

	for (uint32_t i = 0; i < WATCHES; i++) {
		if (!fuzz->watches[i]) {
			fuzz->watches[i] = watched;
			return 0;
		}
	}
	abort();
}

static void unwatch(struct sp_loop *loop, struct sp_watch *watched) {
	struct fuzz *fuzz = of_loop(loop);

	for (uint32_t i = 0; i < WATCHES; i++) {
		if (fuzz->watches[i] == watched)
			fuzz->watches[i] = NULL;
	}
}

static const struct sp_loop_ops OPS = {now, arm, disarm, watch, unwatch};

static void turn(struct fuzz *fuzz, uint32_t times) {
	for (uint32_t i = 0; i < times * WATCHES; i++) {
		struct sp_watch *watched = fuzz->watches[i % WATCHES];
		struct pollfd file;

		if (!watched)
			continue;
		file = (struct pollfd){.fd = watched->file, .events = watched->events};
		if (poll(&file, 1, 0) > 0)
			watched->ready(watched, file.revents);
	}
	if (fuzz->timer && fuzz->timer->armed && fuzz->timer->at <= fuzz->now) {
		fuzz->timer->armed = false;
		fuzz->timer->expired(fuzz->timer);
	}
}

static void count(struct sp_input *input, uint16_t code, bool pressed) {
	struct fuzz *fuzz = (struct fuzz *)((char *)input - offsetof(struct fuzz, input));

	(void)code;
	fuzz->held += pressed ? 1 : -1;
}

static void point(struct sp_input *input, uint32_t screen, uint32_t x, uint32_t y) {
	(void)input;
	if (screen || x > SP_POINTER_RANGE || y > SP_POINTER_RANGE)
		abort();
}

static void wheel(struct sp_input *input, int32_t vertical, int32_t horizontal) {
	(void)input;
	(void)vertical;
	(void)horizontal;
}

static void frame(struct sp_input *input) {
	(void)input;
}

static uint32_t take(struct fuzz *fuzz) {
	if (!fuzz->size)
		return 0;
	fuzz->size--;
	return *fuzz->data++;
}

static void drain(int viewer) {
	static uint8_t bytes[65536];

	while (recv(viewer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

static void say(struct fuzz *fuzz, int viewer, const void *bytes, size_t size) {
	(void)send(viewer, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	turn(fuzz, 2);
}

static void connect_one(struct fuzz *fuzz, uint32_t which) {
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	fuzz->viewers[which] = pair[0];
	(void)sp_vnc_open(fuzz->vnc, pair[1]);
}

static void send_some(struct fuzz *fuzz, int viewer, bool message) {
	static const uint8_t kinds[] = {SP_RFB_SET_PIXEL_FORMAT, SP_RFB_SET_ENCODINGS,
		SP_RFB_REQUEST, SP_RFB_KEY, SP_RFB_POINTER, SP_RFB_CUT_TEXT,
		SP_RFB_SET_DESKTOP_SIZE, SP_RFB_QEMU};
	uint8_t bytes[256];
	uint32_t size = 0, wanted = take(fuzz);

	if (message)
		bytes[size++] = kinds[wanted % sizeof(kinds)];
	wanted = message ? 12 + wanted / 8 : wanted;
	while (size < wanted && size < sizeof(bytes))
		bytes[size++] = (uint8_t)take(fuzz);
	say(fuzz, viewer, bytes, size);
}

static void show(struct fuzz *fuzz) {
	static const uint32_t formats[] = {
		SP_FORMAT_XRGB8888, SP_FORMAT_ARGB8888, SP_FORMAT_BGRX8888, SP_FORMAT_RGB565};
	struct sp_picture picture = {
		.file = fuzz->file,
		.file_size = MEMORY,
		.width = take(fuzz) * 2 + 1,
		.height = take(fuzz) + 1,
		.format = formats[take(fuzz) % 4],
		.offset = take(fuzz) * 16,
	};

	picture.stride = picture.width * sp_picture_pixel(picture.format) + take(fuzz);
	sp_scanout_show(&fuzz->scanout, &picture);
}

static void set_cursor(struct fuzz *fuzz) {
	struct sp_cursor cursor = {
		.picture = {.file = fuzz->file,
			.file_size = MEMORY,
			.width = take(fuzz),
			.height = take(fuzz),
			.stride = 1024,
			.format = take(fuzz) % 2 ? SP_FORMAT_ARGB8888 : SP_FORMAT_XRGB8888},
		.x = (int32_t)take(fuzz) * 8 - 100,
		.y = (int32_t)take(fuzz) * 8 - 100,
		.hot_x = take(fuzz),
		.hot_y = take(fuzz),
	};

	sp_scanout_set_cursor(&fuzz->scanout, &cursor);
}

static void step(struct fuzz *fuzz) {
	static const char greeting[] =
		"RFB 003.008\n\1\1\2\0\0\4\0\0\0\0\xff\xff\xff\x20"
		"\xff\xff\xff\x21\xff\xff\xff\x11\3\0\0\0\0\0\xff\xff\xff\xff";
	uint32_t byte = take(fuzz), which = byte >> 7, at;
	int viewer = fuzz->viewers[which];

	switch ((enum step)((byte & 0x7f) % STEPS)) {
	case STEP_BYTES:
	case STEP_MESSAGE:
		send_some(fuzz, viewer, (byte & 0x7f) % STEPS == STEP_MESSAGE);
		break;
	case STEP_GREET:
		say(fuzz, viewer, greeting, sizeof(greeting) - 1);
		turn(fuzz, 2);
		break;
	case STEP_READ:
		drain(viewer);
		turn(fuzz, 4);
		break;
	case STEP_TICK:
		fuzz->now += 40000;
		turn(fuzz, 2);
		break;
	case STEP_SHOW:
		show(fuzz);
		break;
	case STEP_DRAW:
		at = take(fuzz) << 12;
		memset(fuzz->memory + at % MEMORY, (int)take(fuzz), 4096);
		break;
	case STEP_CURSOR:
		set_cursor(fuzz);
		break;
	case STEP_BLANK:
		sp_scanout_blank(&fuzz->scanout);
		break;
	case STEP_AGAIN:
		close(viewer);
		turn(fuzz, 2);
		connect_one(fuzz, which);
		break;
	case STEPS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct sp_vnc_options options = {.listener = -1};
	struct fuzz fuzz = {.loop.ops = &OPS, .data = data, .size = size, .now = 1000000};
	struct sp_input *inputs[] = {&fuzz.input};
	struct sp_vnc_state state;
	struct sp_error error;

	fuzz.input = (struct sp_input){
		.key = count, .point = point, .button = count, .wheel = wheel, .frame = frame};
	sp_scanout_init(&fuzz.scanout);
	fuzz.file = memfd_create("fuzz", MFD_CLOEXEC);
	if (fuzz.file < 0 || ftruncate(fuzz.file, MEMORY))
		abort();
	fuzz.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fuzz.file, 0);
	if (fuzz.memory == MAP_FAILED ||
		!sp_vnc_create(&fuzz.vnc, &options, &fuzz.scanout, inputs, 1, &fuzz.loop, &error))
		abort();
	connect_one(&fuzz, 0);
	connect_one(&fuzz, 1);
	for (uint32_t i = 0; fuzz.size && i < 200; i++)
		step(&fuzz);
	close(fuzz.viewers[0]);
	close(fuzz.viewers[1]);
	turn(&fuzz, 8);
	sp_vnc_state(fuzz.vnc, &state);
	if (state.viewers || state.memory || fuzz.held)
		abort();
	sp_vnc_destroy(fuzz.vnc);
	munmap(fuzz.memory, MEMORY);
	close(fuzz.file);
	return 0;
}
