/* SPDX-License-Identifier: MIT */
#include "serve/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/suggest.h>

#include "base/buf.h"

#define SYSTEM_ROOT "/run/sallyport"

static char *finish(struct sp_buf *path, struct sp_error *error) {
	if (!path->failed)
		return path->data;
	sp_buf_release(path);
	sp_error_memory(error);
	return NULL;
}

static char *join(const char *folder, const char *name, struct sp_error *error) {
	struct sp_buf path = {0};

	sp_buf_printf(&path, "%s/%s", folder, name);
	return finish(&path, error);
}

char *sp_sockets_root(struct sp_error *error) {
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct sp_buf path = {0};

	if (geteuid() == 0) {
		sp_buf_str(&path, SYSTEM_ROOT);
	} else if (runtime && *runtime == '/') {
		sp_buf_printf(&path, "%s/sallyport", runtime);
	} else {
		sp_error_set(error, SP_ERROR_USE,
			"XDG_RUNTIME_DIR is not set, in which sockets would be; give --directory");
		return NULL;
	}
	return finish(&path, error);
}

/* Makes it, but not what is above it. One that others could write to is refused: they could put
 * their sockets in place of ours. */
static bool make_directory(const char *path, bool *made, struct sp_error *error) {
	struct stat stat;

	*made = mkdir(path, 0700) == 0;
	if (!*made && errno != EEXIST)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (lstat(path, &stat) < 0)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(stat.st_mode))
		return sp_error_set(error, SP_ERROR_USE, "%s: it is no directory", path);
	if ((stat.st_uid != geteuid() && stat.st_uid != 0) || stat.st_mode & 022)
		return sp_error_set(
			error, SP_ERROR_USE, "%s: other users can write to this directory", path);
	return true;
}

static bool open_directory(struct sp_sockets *sockets, const struct sp_serve_request *request,
	struct sp_error *error) {
	char *root;
	bool made, good;

	if (sockets->directory)
		return true;
	if (request->directory) {
		sockets->directory = strdup(request->directory);
		if (!sockets->directory)
			return sp_error_memory(error);
		return make_directory(sockets->directory, &sockets->made, error);
	}
	root = sp_sockets_root(error);
	if (!root)
		return false;
	sockets->directory = join(root, request->vm, error);
	good = sockets->directory && make_directory(root, &made, error) &&
		make_directory(sockets->directory, &sockets->made, error);
	free(root);
	return good;
}

static bool is_there(const struct sp_sockets *sockets, const char *name) {
	for (uint32_t i = 0; i < sockets->count; i++) {
		if (strcmp(sockets->listeners[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct sp_named_listener *add(struct sp_sockets *sockets, const char *name) {
	struct sp_named_listener *added = &sockets->listeners[sockets->count++];

	*added = (struct sp_named_listener){.listener.socket = -1};
	snprintf(added->name, sizeof(added->name), "%s", name);
	return added;
}

/* Those of an activated unit have names by FileDescriptorName=. One device and one socket belong
 * together, whatever its name. */
static bool check_name(
	const struct sp_serve_request *request, const char *name, struct sp_error *error) {
	const char *names[SP_SOCKETS_MAX];
	const char *suggestion;
	size_t count = 0;

	names[count++] = "control";
	names[count++] = "vnc";
	for (uint32_t i = 0; i < request->device_count; i++)
		names[count++] = request->devices[i].name;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	suggestion = sp_suggest(name, names, count);
	return sp_error_set(error, SP_ERROR_USE,
		"systemd handed in a socket \"%s\", and there is no such device%s%s%s", name,
		suggestion ? "; did you mean " : "", suggestion ? suggestion : "",
		suggestion ? "?" : "");
}

static bool inherit(struct sp_sockets *sockets, const struct sp_serve_request *request, char *names,
	int count, struct sp_error *error) {
	for (int i = 0; i < count; i++) {
		char *next = names ? strchr(names, ':') : NULL;
		const char *name = names ? names : "";
		struct sp_listener listener;

		if (next)
			*next++ = '\0';
		if (count == 1 && request->device_count == 1 && strcmp(name, "control") != 0 &&
			strcmp(name, "vnc") != 0)
			name = request->devices[0].name;
		if (!check_name(request, name, error))
			return false;
		if (is_there(sockets, name))
			return sp_error_set(
				error, SP_ERROR_USE, "systemd handed in two sockets \"%s\"", name);
		if (!sp_listen_inherited(
			    &listener, SP_LISTEN_FIRST + i, strcmp(name, "vnc") == 0, error))
			return false;
		add(sockets, name)->listener = listener;
		names = next;
	}
	return true;
}

static bool make(struct sp_sockets *sockets, const struct sp_serve_request *request,
	const char *name, struct sp_error *error) {
	struct sp_buf file = {0};
	char *path;
	bool good;

	if (is_there(sockets, name))
		return true;
	if (!open_directory(sockets, request, error))
		return false;
	sp_buf_printf(&file, "%s/%s", sockets->directory, name);
	/* Devices' sockets are said to be ones, as there may be other files. */
	if (strcmp(name, "control") != 0 && strcmp(name, "vnc") != 0)
		sp_buf_str(&file, ".sock");
	path = finish(&file, error);
	if (!path)
		return false;
	good = sp_listen(&add(sockets, name)->listener, path, error);
	free(path);
	return good;
}

static bool has_screen(const struct sp_serve_request *request) {
	for (uint32_t i = 0; i < request->device_count; i++) {
		if (request->devices[i].model->screen)
			return true;
	}
	return false;
}

static bool make_vnc(struct sp_sockets *sockets, const struct sp_serve_request *request,
	struct sp_error *error) {
	bool directory = request->vm || request->directory;

	if (is_there(sockets, "vnc"))
		return request->vnc == SP_VNC_DEFAULT ||
			sp_error_set(error, SP_ERROR_USE,
				"systemd handed in a socket \"vnc\", and there is --vnc, too");
	switch (request->vnc) {
	case SP_VNC_NONE:
		return true;
	case SP_VNC_DEFAULT:
		return !directory || !has_screen(request) || make(sockets, request, "vnc", error);
	case SP_VNC_UNIX:
		return sp_listen(&add(sockets, "vnc")->listener, request->vnc_path, error);
	case SP_VNC_TCP:
		break;
	}
	return sp_listen_tcp(
		&add(sockets, "vnc")->listener, request->vnc_host, request->vnc_port, error);
}

static bool open_all(struct sp_sockets *sockets, const struct sp_serve_request *request,
	struct sp_error *error) {
	bool directory = request->vm || request->directory;
	int inherited;
	char *names;
	bool good;

	if (request->socket)
		return sp_listen(
			&add(sockets, request->devices[0].name)->listener, request->socket, error);
	inherited = sp_listen_count(&names);
	good = inherit(sockets, request, names, inherited, error);
	free(names);
	/* The control socket first: a process that serves this VM already is noticed by it. */
	if (!good || (directory && !make(sockets, request, "control", error)))
		return false;
	for (uint32_t i = 0; i < request->device_count; i++) {
		if (!directory && !is_there(sockets, request->devices[i].name))
			return sp_error_set(error, SP_ERROR_USE,
				"--vm is needed (or --directory or --socket): there is no socket for "
				"%s, nor was one handed in by systemd",
				request->devices[i].name);
		if (!make(sockets, request, request->devices[i].name, error))
			return false;
	}
	return true;
}

bool sp_sockets_open(struct sp_sockets *sockets, const struct sp_serve_request *request,
	struct sp_error *error) {
	*sockets = (struct sp_sockets){0};
	return open_all(sockets, request, error) && make_vnc(sockets, request, error);
}

bool sp_sockets_take(struct sp_sockets *sockets, const char *name, struct sp_listener *listener) {
	for (uint32_t i = 0; i < sockets->count; i++) {
		struct sp_named_listener *named = &sockets->listeners[i];

		if (strcmp(named->name, name) || named->listener.socket < 0)
			continue;
		*listener = named->listener;
		named->listener = (struct sp_listener){.socket = -1};
		return true;
	}
	return false;
}

void sp_sockets_close(struct sp_sockets *sockets) {
	for (uint32_t i = 0; i < sockets->count; i++)
		sp_listen_end(&sockets->listeners[i].listener);
	/* Not if something else lies in it. */
	if (sockets->made)
		(void)rmdir(sockets->directory);
	free(sockets->directory);
	*sockets = (struct sp_sockets){0};
}
