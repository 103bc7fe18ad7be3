/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/suggest.h>

#define SYSTEM_ROOT "/run/sallyport"
#define VMS_MAX 1024u

/* Where VMs' directories are: the user's own, and the system's. NULL ends them. */
static bool find_roots(char *roots[3], struct sp_error *error) {
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	size_t count = 0;

	memset(roots, 0, 3 * sizeof(roots[0]));
	if (runtime && *runtime == '/' && asprintf(&roots[count++], "%s/sallyport", runtime) < 0) {
		roots[0] = NULL;
		return sp_error_memory(error);
	}
	roots[count] = strdup(SYSTEM_ROOT);
	return roots[count] || sp_error_memory(error);
}

static void free_roots(char *roots[3]) {
	for (int i = 0; i < 3; i++)
		free(roots[i]);
}

const char *control_condition_name(enum control_condition condition) {
	static const char *const names[] = {
		[CONTROL_RUNS] = "",
		[CONTROL_STALE] = "stale",
		[CONTROL_DENIED] = "another user's",
		[CONTROL_MUTE] = "does not answer",
	};

	return names[condition];
}

const char *control_remedy(const struct sp_error *error) {
	return error->kind == SP_ERROR_INPUT ? NULL : "`sallyport ps` lists what is served.";
}

static void look(struct control_vm *vm) {
	struct control_talk talk;
	struct sp_error error;
	int failure = 0;

	vm->condition = CONTROL_STALE;
	if (!control_open(&talk, vm->directory, &failure)) {
		if (failure == EACCES || failure == EPERM)
			vm->condition = CONTROL_DENIED;
		else if (failure == EAGAIN)
			vm->condition = CONTROL_MUTE;
		return;
	}
	vm->state = control_ask(&talk, json_pack("{s:s}", "do", "state"), &error);
	vm->condition = vm->state ? CONTROL_RUNS : CONTROL_MUTE;
	control_close(&talk);
}

static bool add(struct control_vms *vms, const char *root, const char *name) {
	struct control_vm *more = reallocarray(vms->vms, vms->count + 1, sizeof(*more));
	struct control_vm *vm;

	if (!more)
		return false;
	vms->vms = more;
	vm = &more[vms->count];
	*vm = (struct control_vm){.name = strdup(name)};
	if (!vm->name || asprintf(&vm->directory, "%s/%s", root, name) < 0) {
		free(vm->name);
		return false;
	}
	vms->count++;
	return true;
}

static bool add_root(struct control_vms *vms, const char *root, struct sp_error *error) {
	DIR *folder = opendir(root);
	struct dirent *entry;
	bool good = true;

	/* Nothing was ever served there, or it is not for us. */
	if (!folder)
		return true;
	while (good && (entry = readdir(folder)) && vms->count < VMS_MAX) {
		struct stat stat;

		if (entry->d_name[0] == '.' ||
			fstatat(dirfd(folder), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISDIR(stat.st_mode))
			continue;
		good = add(vms, root, entry->d_name);
	}
	closedir(folder);
	return good || sp_error_memory(error);
}

static int by_name(const void *a, const void *b) {
	const struct control_vm *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static bool list(struct control_vms *vms, struct sp_error *error) {
	char *roots[3];
	bool good = find_roots(roots, error);

	*vms = (struct control_vms){0};
	for (int i = 0; good && roots[i]; i++)
		good = add_root(vms, roots[i], error);
	free_roots(roots);
	if (!good)
		control_release(vms);
	else if (vms->count)
		qsort(vms->vms, vms->count, sizeof(vms->vms[0]), by_name);
	return good;
}

bool control_list(struct control_vms *vms, struct sp_error *error) {
	if (!list(vms, error))
		return false;
	for (size_t i = 0; i < vms->count; i++)
		look(&vms->vms[i]);
	return true;
}

void control_release(struct control_vms *vms) {
	for (size_t i = 0; i < vms->count; i++) {
		free(vms->vms[i].name);
		free(vms->vms[i].directory);
		json_decref(vms->vms[i].state);
	}
	free(vms->vms);
	*vms = (struct control_vms){0};
}

static void not_found(const struct control_vms *vms, const char *name, struct sp_error *error) {
	const char **names = calloc(vms->count + 1, sizeof(*names));
	const char *suggestion = NULL;

	for (size_t i = 0; names && i < vms->count; i++)
		names[i] = vms->vms[i].name;
	if (names)
		suggestion = sp_suggest(name, names, vms->count);
	sp_error_set(error, SP_ERROR_USE, "%s: no VM of that name is served%s%s%s", name,
		suggestion ? "; did you mean " : "", suggestion ? suggestion : "",
		suggestion ? "?" : "");
	free(names);
}

char *control_find(const char *name, struct sp_error *error) {
	struct control_vms vms;
	char *found = NULL;

	if (strchr(name, '/')) {
		found = strdup(name);
		if (!found)
			sp_error_memory(error);
		return found;
	}
	if (!list(&vms, error))
		return NULL;
	for (size_t i = 0; i < vms.count && !found; i++) {
		if (strcmp(vms.vms[i].name, name))
			continue;
		found = vms.vms[i].directory;
		vms.vms[i].directory = NULL;
	}
	if (!found)
		not_found(&vms, name, error);
	control_release(&vms);
	return found;
}
