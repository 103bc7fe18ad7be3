/* SPDX-License-Identifier: MIT */
#ifndef SP_TESTS_SANDBOX_SCENE_H
#define SP_TESTS_SANDBOX_SCENE_H

#include "traced.h"

#define CALLS 512
#define NAME 32
#define SCENE_VERSION 20 /* bytes of the message */

/* What the list says of a number. */
struct row {
	char name[NAME], group[NAME], verdict[NAME];
};

struct scene {
	char *program;
	char folder[64], log[128], device[128], control[128];
	struct traced traced;
	int client;
	unsigned bad, tried;
	struct row rows[CALLS];
};

void scene_fail(struct scene *scene, const char *what);
void scene_expect(struct scene *scene, bool good, const char *what);
/* Served, and stopped. `more` and those after it are further options, up to the first NULL. */
bool scene_begin(struct scene *scene, char *more, char *most, char *value);
void scene_end(struct scene *scene);
/* Says VERSION once more. */
void scene_greet(struct scene *scene);
bool scene_log_has(struct scene *scene, const char *text);
bool scene_status_has(struct scene *scene, const char *text);

#endif
