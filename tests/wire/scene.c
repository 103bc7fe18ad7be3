/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/mman.h>

static void gone(void *data, const char *why, bool fault) {
	struct scene *scene = data;

	(void)why;
	scene->gone++;
	scene->faults += fault;
}

static const struct sp_wire_events EVENTS = {.gone = gone};

/* With WIRE_KEEP in the environment, all is kept in a record, and nothing else is different. */
static void keep(struct scene *scene) {
	struct sp_error error;

	if (!getenv("WIRE_KEEP"))
		return;
	scene->record = mmap(NULL, sizeof(*scene->record), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(scene->record != MAP_FAILED);
	sp_record_init(scene->record);
	assert_true(sp_wire_server_keep(scene->server, scene->record, false, &error));
}

int scene_begin(void **state) {
	struct scene *scene = calloc(1, sizeof(*scene));
	struct sp_error error;

	assert_non_null(scene);
	assert_true(sp_loop_create(&scene->loop, &error));
	scene->device = fake_create();
	assert_non_null(scene->device);
	assert_true(sp_wire_server_create(
		&scene->server, &scene->device->base, scene->loop, &EVENTS, scene, &error));
	keep(scene);
	assert_true(client_connect(&scene->client, scene->loop, scene->server));
	*state = scene;
	return 0;
}

int scene_greet(void **state) {
	struct scene *scene;

	scene_begin(state);
	scene = *state;
	assert_int_equal(client_greet(&scene->client,
				 "{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true}}"),
		0);
	return 0;
}

int scene_end(void **state) {
	struct scene *scene = *state;

	client_hang_up(&scene->client);
	fake_finish(scene->device);
	client_idle(&scene->client);
	assert_true(sp_wire_server_idle(scene->server));
	sp_wire_server_destroy(scene->server);
	if (scene->record)
		munmap(scene->record, sizeof(*scene->record));
	fake_destroy(scene->device);
	sp_loop_destroy(scene->loop);
	free(scene);
	return 0;
}

unsigned scene_files(void) {
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

struct sp_wire_state scene_state(const struct scene *scene) {
	struct sp_wire_state state;

	sp_wire_server_state(scene->server, &state);
	return state;
}
