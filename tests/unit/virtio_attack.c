/* SPDX-License-Identifier: MIT */
#include "virtio_rings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pthread.h>

/* A guest with more than one processor: the rings change while the device reads them. */
struct attack {
	uint8_t *memory;
	bool stop;
};

static void *attack(void *data) {
	struct attack *attack = data;
	uint32_t random = 1;

	while (!__atomic_load_n(&attack->stop, __ATOMIC_RELAXED)) {
		uint32_t at;

		random = random * 1664525 + 1013904223;
		at = random >> 8;
		/* The rings, the table and some buffers; mostly small numbers. */
		at = at % 4 ? at / 4 % 0x3000 : SCENE_TABLE + at / 4 % 0x200;
		random = random * 1664525 + 1013904223;
		__atomic_store_n(&attack->memory[at],
			(uint8_t)(random >> 24 & (random & 0x800 ? 0xff : 0x0f)), __ATOMIC_RELAXED);
	}
	return NULL;
}

void rings_attacker(uint64_t features) {
	struct attack attacker = {0};
	struct scene scene;
	pthread_t thread;

	features |= BIT(SP_VIRTIO_INDIRECT_DESC);
	scene_begin(&scene, features, RINGS_SIZE);
	attacker.memory = scene.driver.fake.memory;
	assert_int_equal(pthread_create(&thread, NULL, attack, &attacker), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		const struct driver_buffer buffers[] = {
			{scene_buffer(i), 16, false}, {scene_buffer(i + 1), 16, true}};

		driver_add(&scene.driver, 0, buffers, 2, 0);
		scene.echo.hold = i % 3;
		driver_kick(&scene.driver, 0);
		echo_finish(&scene.echo, 2, i % 2);
		driver_loop_run(&scene.driver.loop, 3);
		if (driver_broken(&scene.driver))
			scene_again(&scene, features, RINGS_SIZE);
	}
	__atomic_store_n(&attacker.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(scene.echo.chains > 0);
	scene_end(&scene);
}
