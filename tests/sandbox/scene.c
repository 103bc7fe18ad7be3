/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char VERSION[SCENE_VERSION] = {1, 0, 1, 0, SCENE_VERSION};

void scene_fail(struct scene *scene, const char *what) {
	printf("FAIL: %s\n", what);
	scene->bad++;
}

void scene_expect(struct scene *scene, bool good, const char *what) {
	scene->tried++;
	if (!good)
		scene_fail(scene, what);
}

/* A client, which is greeted: from now on a guest could have taken over. */
static bool attach(struct scene *scene, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char reply[4096];

	strcpy(address.sun_path, path);
	for (int i = 0; i < 10000; i++) {
		ssize_t got;

		traced_pump(&scene->traced);
		nanosleep(&(struct timespec){0, 1000000}, NULL);
		if (scene->client < 0) {
			int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

			if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0) {
				close(client);
				continue;
			}
			scene->client = client;
			if (send(client, VERSION, sizeof(VERSION), MSG_NOSIGNAL) < 0)
				return false;
		}
		got = recv(scene->client, reply, sizeof(reply), MSG_DONTWAIT);
		if (got > 20)
			return true;
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return false;
	}
	return false;
}

void scene_end(struct scene *scene) {
	if (scene->client >= 0)
		close(scene->client);
	scene->client = -1;
	traced_end(&scene->traced);
}

bool scene_begin(struct scene *scene, char *more, char *most, char *value) {
	char *argv[] = {scene->program, "--directory", scene->folder, "--device", "bochs", more,
		most, value, NULL};

	scene->client = -1;
	unlink(scene->log);
	if (traced_start(&scene->traced, argv, scene->log) && attach(scene, scene->device) &&
		traced_stop(&scene->traced))
		return true;
	printf("FAIL: the program does not serve, or cannot be traced: %s\n", strerror(errno));
	scene->bad++;
	scene_end(scene);
	return false;
}

bool scene_log_has(struct scene *scene, const char *text) {
	char log[8192] = "";
	int file = open(scene->log, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return false;
	if (read(file, log, sizeof(log) - 1) < 0)
		log[0] = '\0';
	close(file);
	return strstr(log, text);
}

bool scene_status_has(struct scene *scene, const char *text) {
	char path[64], status[8192] = "";
	int file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)scene->traced.target);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, status, sizeof(status) - 1) < 0)
		status[0] = '\0';
	if (file >= 0)
		close(file);
	return strstr(status, text);
}

void scene_greet(struct scene *scene) {
	(void)!send(scene->client, VERSION, sizeof(VERSION), MSG_NOSIGNAL);
}
