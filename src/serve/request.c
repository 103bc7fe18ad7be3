/* SPDX-License-Identifier: MIT */
#include "serve/request.h"

#include <jansson.h>
#include <string.h>

#include <sallyport/suggest.h>

#include "serve/options.h"

enum { MEMBER_DO = 1, MEMBER_DEVICE = 2, MEMBER_SIZE = 4 };

static const struct verb {
	const char *name;
	unsigned members; /* that it may have */
} VERBS[SP_CONTROL_VERBS] = {
	[SP_CONTROL_STATE] = {"state", MEMBER_DO},
	[SP_CONTROL_SCREENSHOT] = {"screenshot", MEMBER_DO | MEMBER_DEVICE},
	[SP_CONTROL_RESIZE] = {"resize", MEMBER_DO | MEMBER_DEVICE | MEMBER_SIZE},
	[SP_CONTROL_RESET] = {"reset", MEMBER_DO | MEMBER_DEVICE},
	[SP_CONTROL_QUIT] = {"quit", MEMBER_DO},
	[SP_CONTROL_UPGRADE] = {"upgrade", MEMBER_DO},
};

static const struct {
	const char *name;
	unsigned member;
} MEMBERS[] = {
	{"do", MEMBER_DO},
	{"device", MEMBER_DEVICE},
	{"width", MEMBER_SIZE},
	{"height", MEMBER_SIZE},
};

static bool find_verb(
	const json_t *root, struct sp_control_request *request, struct sp_error *error) {
	const char *names[SP_CONTROL_VERBS], *name = json_string_value(json_object_get(root, "do"));
	const char *suggestion;

	if (!name)
		return sp_error_set(error, SP_ERROR_USE, "\"do\" is needed: what is to be done");
	for (unsigned i = 0; i < SP_CONTROL_VERBS; i++) {
		names[i] = VERBS[i].name;
		request->verb = i;
		if (strcmp(name, VERBS[i].name) == 0)
			return true;
	}
	suggestion = sp_suggest(name, names, SP_CONTROL_VERBS);
	return sp_error_set(error, SP_ERROR_USE, "\"%s\" is nothing that can be done%s%s%s", name,
		suggestion ? "; did you mean " : "", suggestion ? suggestion : "",
		suggestion ? "?" : "");
}

/* Something that would be ignored may be a word that was mistyped. */
static bool check_members(json_t *root, enum sp_control_verb verb, struct sp_error *error) {
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value) {
		bool known = false;

		for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
			known |= strcmp(key, MEMBERS[i].name) == 0 &&
				VERBS[verb].members & MEMBERS[i].member;
		if (!known)
			return sp_error_set(
				error, SP_ERROR_USE, "%s has no \"%s\"", VERBS[verb].name, key);
	}
	return true;
}

static bool read_device(
	const json_t *root, struct sp_control_request *request, struct sp_error *error) {
	const json_t *device = json_object_get(root, "device");
	const char *name = json_string_value(device);

	if (!device)
		return true;
	if (!name || !sp_serve_name_valid(name, SP_DEVICE_NAME_MAX))
		return sp_error_set(error, SP_ERROR_USE, "\"device\" is a device's name");
	strcpy(request->device, name);
	return true;
}

static bool read_size(
	const json_t *root, const char *name, uint32_t *pixels, struct sp_error *error) {
	const json_t *number = json_object_get(root, name);
	json_int_t value = json_integer_value(number);

	if (!json_is_integer(number) || value < 1 || value > (json_int_t)SP_PICTURE_MAX)
		return sp_error_set(error, SP_ERROR_USE, "\"%s\" is needed: 1 to %u pixels", name,
			SP_PICTURE_MAX);
	*pixels = (uint32_t)value;
	return true;
}

static bool read_root(json_t *root, struct sp_control_request *request, struct sp_error *error) {
	if (!json_is_object(root))
		return sp_error_set(error, SP_ERROR_USE, "it is no object");
	if (!find_verb(root, request, error) || !check_members(root, request->verb, error) ||
		!read_device(root, request, error))
		return false;
	return request->verb != SP_CONTROL_RESIZE ||
		(read_size(root, "width", &request->width, error) &&
			read_size(root, "height", &request->height, error));
}

bool sp_control_read(
	const char *line, size_t size, struct sp_control_request *request, struct sp_error *error) {
	json_error_t why;
	json_t *root;
	bool good;

	*request = (struct sp_control_request){0};
	if (size > SP_CONTROL_LINE_MAX)
		return sp_error_set(
			error, SP_ERROR_USE, "a request has up to %u bytes", SP_CONTROL_LINE_MAX);
	root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return sp_error_set(error, SP_ERROR_USE, "it is no JSON: %s", why.text);
	good = read_root(root, request, error);
	json_decref(root);
	return good;
}
