/* SPDX-License-Identifier: MIT */
/* Every allocation of ours fails in turn; those of libvncserver are its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "serve/loop.h"
#include "show/vnc.h"

#define MEMORY (4u << 20)

/* A viewer that comes in, asks for all, with a cursor, and for more after another size. */
static const uint8_t TALK[] = "RFB 003.008\n\1\1"
			      "\2\0\0\4\0\0\0\0\xff\xff\xff\x20\xff\xff\xff\x21\xff\xff\xff\x11"
			      "\3\0\0\0\0\0\xff\xff\xff\xff\4\1\0\0\0\0\0a";
static const uint8_t MORE[] = "\3\1\0\0\0\0\xff\xff\xff\xff";

static void run(struct sp_loop *loop, int viewer) {
	uint64_t end = loop->ops->now(loop) + 80000;
	static uint8_t bytes[65536];

	while (loop->ops->now(loop) < end) {
		sp_loop_step(loop, 1);
		(void)recv(viewer, bytes, sizeof(bytes), MSG_DONTWAIT);
	}
}

/* Whether all of it came to pass. */
static bool job(void) {
	const struct sp_vnc_options options = {.listener = -1};
	struct sp_picture picture = {.file_size = MEMORY,
		.width = 320,
		.height = 200,
		.stride = 1280,
		.format = SP_FORMAT_XRGB8888};
	struct sp_cursor cursor = {.picture = {.file_size = MEMORY,
					   .width = 8,
					   .height = 8,
					   .stride = 32,
					   .format = SP_FORMAT_ARGB8888}};
	struct sp_scanout scanout;
	struct sp_loop *loop = NULL;
	struct sp_vnc *vnc = NULL;
	struct sp_vnc_state state = {0};
	struct sp_error error = {0};
	int pair[2], file = memfd_create("screen", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, MEMORY), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(write(pair[0], TALK, sizeof(TALK) - 1), sizeof(TALK) - 1);
	sp_scanout_init(&scanout);
	picture.file = cursor.picture.file = file;
	sp_scanout_show(&scanout, &picture);
	if (!sp_loop_create(&loop, &error) ||
		!sp_vnc_create(&vnc, &options, &scanout, NULL, 0, loop, &error)) {
		assert_int_equal(error.kind, SP_ERROR_MEMORY);
		close(pair[1]);
	} else if (sp_vnc_open(vnc, pair[1])) {
		run(loop, pair[0]);
		sp_scanout_set_cursor(&scanout, &cursor);
		picture.width = 300;
		(void)send(pair[0], MORE, sizeof(MORE) - 1, MSG_NOSIGNAL);
		sp_scanout_show(&scanout, &picture);
		run(loop, pair[0]);
		sp_vnc_state(vnc, &state);
	}
	sp_vnc_destroy(vnc);
	sp_loop_destroy(loop);
	close(pair[0]);
	close(file);
	return state.viewers == 1 && state.width == 300 && state.updates;
}

static void test_memory(void **state) {
	long failed = 0, open_before = dup(0), open_after;
	bool done = false;

	(void)state;
	assert_true(job());
	for (long at = 0; !done; at++) {
		assert_in_range(at, 0, 200);
		failing_arm(FAILING_MEMORY, at, false, 0);
		(void)job();
		done = !failing[FAILING_MEMORY].failed;
		failed += failing[FAILING_MEMORY].failed;
		failing_disarm();
	}
	assert_true(failed > 10);
	/* And the next one sees it all again; nothing has stayed open. */
	assert_true(job());
	open_after = dup(0);
	assert_int_equal(open_after, open_before + 1);
	close((int)open_before);
	close((int)open_after);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
