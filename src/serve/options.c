/* SPDX-License-Identifier: MIT */
#include "serve/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

#include "gpu/bochs.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Sockets of these names are other than devices'. */
static const char *const RESERVED[] = {"control", "vnc"};

bool sp_serve_name_valid(const char *name, size_t max) {
	size_t length = strspn(name, LETTERS DIGITS "._-");

	return length && length <= max && !name[length] && strchr(LETTERS DIGITS, name[0]);
}

static bool read_number(const char *text, const char **end, uint64_t *number) {
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &stop, 10);
	*end = stop;
	return !errno;
}

static bool set_name(struct sp_device_request *device, const char *value, struct sp_error *error) {
	if (!sp_serve_name_valid(value, SP_DEVICE_NAME_MAX))
		return sp_error_set(error, SP_ERROR_USE,
			"name=%s: a name has 1 to %d letters, digits, '.', '_' and '-', and begins "
			"with a letter or a digit",
			value, SP_DEVICE_NAME_MAX);
	strcpy(device->name, value);
	return true;
}

bool sp_serve_set_irq(bool *intx, const char *text, struct sp_error *error) {
	*intx = strcmp(text, "intx") == 0;
	return *intx || strcmp(text, "auto") == 0 ||
		sp_error_set(error, SP_ERROR_USE, "%s: it is intx or auto", text);
}

static bool set_irq(struct sp_device_request *device, const char *value, struct sp_error *error) {
	return sp_serve_set_irq(&device->intx, value, error) || sp_error_prefix(error, "irq");
}

/* "16M", "16MiB", or bytes. */
static bool set_memory(
	struct sp_device_request *device, const char *value, struct sp_error *error) {
	uint64_t size = 0;
	unsigned shift = 0;
	const char *end;

	if (read_number(value, &end, &size)) {
		if (*end == 'K' || *end == 'M' || *end == 'G') {
			shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
			end += strncmp(end + 1, "iB", 3) == 0 ? 3 : 1;
		}
		if (!*end && size <= SP_BOCHS_MEMORY_MAX >> shift) {
			device->memory = size << shift;
			if (device->memory >= SP_BOCHS_MEMORY_MIN &&
				!(device->memory & (device->memory - 1)))
				return true;
		}
	}
	return sp_error_set(
		error, SP_ERROR_USE, "memory=%s: it is 4M, 8M, 16M, 32M, 64M, 128M or 256M", value);
}

static bool set_mode(struct sp_device_request *device, const char *value, struct sp_error *error) {
	uint64_t width, height;
	const char *end;

	if (read_number(value, &end, &width) && *end == 'x' &&
		read_number(end + 1, &end, &height) && !*end && width >= 64 && width <= 4095 &&
		height >= 64 && height <= 4095) {
		device->width = (uint32_t)width;
		device->height = (uint32_t)height;
		return true;
	}
	return sp_error_set(error, SP_ERROR_USE,
		"mode=%s: it is WIDTHxHEIGHT, each 64 to 4095, such as 1920x1080", value);
}

static bool set_rom(struct sp_device_request *device, const char *value, struct sp_error *error) {
	free(device->rom);
	device->rom = *value ? strdup(value) : NULL;
	if (!*value)
		return sp_error_set(error, SP_ERROR_USE, "rom=: it is the path of a file");
	return device->rom || sp_error_memory(error);
}

static bool set_packed(
	struct sp_device_request *device, const char *value, struct sp_error *error) {
	device->packed = strcmp(value, "on") == 0;
	return device->packed || strcmp(value, "off") == 0 ||
		sp_error_set(error, SP_ERROR_USE, "packed=%s: it is on or off", value);
}

static const struct setting {
	struct sp_setting_info info;
	bool (*set)(struct sp_device_request *device, const char *value, struct sp_error *error);
} SETTINGS[SP_SETTING_COUNT] = {
	[SP_SETTING_NAME] = {{"name", "WORD", "what its socket is called; its model if not given"},
		set_name},
	[SP_SETTING_IRQ] = {{"irq", "intx|auto", "intx: with neither MSI nor MSI-X"}, set_irq},
	[SP_SETTING_MEMORY] = {{"memory", "4M…256M", "display memory; 16M if not given"},
		set_memory},
	[SP_SETTING_MODE] = {{"mode", "WIDTHxHEIGHT",
				     "what the screen likes best; 1280x800 if not given"},
		set_mode},
	[SP_SETTING_ROM] = {{"rom", "FILE", "an expansion ROM, for firmware"}, set_rom},
	[SP_SETTING_PACKED] = {{"packed", "on|off", "offer packed rings"}, set_packed},
};

const struct sp_setting_info *sp_setting_info(enum sp_setting setting) {
	return &SETTINGS[setting].info;
}

static bool unknown_setting(
	const struct sp_model *model, const char *name, struct sp_error *error) {
	const char *names[SP_SETTING_COUNT];
	const char *suggestion;
	size_t count = 0;

	for (unsigned i = 0; i < SP_SETTING_COUNT; i++) {
		if (model->settings & 1u << i)
			names[count++] = SETTINGS[i].info.name;
	}
	suggestion = sp_suggest(name, names, count);
	return sp_error_set(error, SP_ERROR_USE, "%s: it has no option \"%s\"%s%s%s", model->name,
		name, suggestion ? "; did you mean " : "", suggestion ? suggestion : "",
		suggestion ? "?" : "");
}

/* "name=value", which is cut in two. */
static bool set(struct sp_device_request *device, char *text, struct sp_error *error) {
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	for (unsigned i = 0; i < SP_SETTING_COUNT; i++) {
		if (!(device->model->settings & 1u << i) || strcmp(SETTINGS[i].info.name, text))
			continue;
		if (!value)
			return sp_error_set(error, SP_ERROR_USE, "%s: option %s needs a value: %s",
				device->model->name, text, SETTINGS[i].info.value);
		return SETTINGS[i].set(device, value, error) ||
			sp_error_prefix(error, device->model->name);
	}
	return unknown_setting(device->model, text, error);
}

static bool read_device(struct sp_device_request *device, char *text, struct sp_error *error) {
	char *next = strchr(text, ',');

	if (next)
		*next++ = '\0';
	device->model = sp_model_find(text, error);
	if (!device->model)
		return false;
	while (next) {
		char *option = next;

		next = strchr(option, ',');
		if (next)
			*next++ = '\0';
		if (!set(device, option, error))
			return false;
	}
	return true;
}

bool sp_serve_add_device(
	struct sp_serve_request *request, const char *text, struct sp_error *error) {
	char *copy;
	bool good;

	if (request->device_count == SP_SERVE_DEVICES_MAX)
		return sp_error_set(error, SP_ERROR_USE, "one process serves up to %u devices",
			SP_SERVE_DEVICES_MAX);
	copy = strdup(text);
	if (!copy)
		return sp_error_memory(error);
	good = read_device(&request->devices[request->device_count++], copy, error);
	free(copy);
	return good;
}

bool sp_serve_set_vnc(struct sp_serve_request *request, const char *text, struct sp_error *error) {
	const char *colon = strrchr(text, ':'), *host = text, *end;
	size_t length;
	uint64_t port;

	if (strcmp(text, "none") == 0) {
		request->vnc = SP_VNC_NONE;
		return true;
	}
	if (strchr(text, '/')) {
		request->vnc = SP_VNC_UNIX;
		request->vnc_path = text;
		return true;
	}
	if (!colon)
		return sp_error_set(error, SP_ERROR_USE,
			"--vnc %s: it is a path with a '/', an address as 127.0.0.1:5900, or none",
			text);
	length = (size_t)(colon - text);
	/* [::1]:5900 */
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (!length || length >= sizeof(request->vnc_host))
		return sp_error_set(error, SP_ERROR_USE,
			"--vnc %s: an address is needed before the port; 127.0.0.1 is this machine",
			text);
	if (!read_number(colon + 1, &end, &port) || *end || !port || port > UINT16_MAX)
		return sp_error_set(error, SP_ERROR_USE, "--vnc %s: a port is 1 to 65535", text);
	memcpy(request->vnc_host, host, length);
	request->vnc_host[length] = '\0';
	request->vnc_port = (uint16_t)port;
	request->vnc = SP_VNC_TCP;
	return true;
}

static bool taken(const struct sp_serve_request *request, uint32_t but, const char *name) {
	for (size_t i = 0; i < sizeof(RESERVED) / sizeof(RESERVED[0]); i++) {
		if (strcmp(RESERVED[i], name) == 0)
			return true;
	}
	for (uint32_t i = 0; i < request->device_count; i++) {
		if (i != but && strcmp(request->devices[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Those that were given stand; the others are called by their models: bochs, bochs-2 … */
static bool name_devices(struct sp_serve_request *request, struct sp_error *error) {
	for (uint32_t i = 0; i < request->device_count; i++) {
		struct sp_device_request *device = &request->devices[i];

		if (device->name[0] && taken(request, i, device->name))
			return sp_error_set(error, SP_ERROR_USE,
				"name=%s: there is another socket of that name", device->name);
	}
	for (uint32_t i = 0; i < request->device_count; i++) {
		struct sp_device_request *device = &request->devices[i];
		char name[sizeof(device->name)];

		if (device->name[0])
			continue;
		snprintf(name, sizeof(name), "%s", device->model->name);
		for (unsigned number = 2; taken(request, i, name); number++)
			snprintf(name, sizeof(name), "%s-%u", device->model->name, number);
		strcpy(device->name, name);
	}
	return true;
}

bool sp_serve_finish(struct sp_serve_request *request, struct sp_error *error) {
	if (request->vm && !sp_serve_name_valid(request->vm, SP_VM_NAME_MAX))
		return sp_error_set(error, SP_ERROR_USE,
			"--vm %s: a name has 1 to %d letters, digits, '.', '_' and '-', and begins "
			"with a letter or a digit",
			request->vm, SP_VM_NAME_MAX);
	if (!request->device_count)
		return sp_error_set(error, SP_ERROR_USE,
			"--device is needed; `sallyport serve --list-devices` tells what there is");
	if (request->socket && (request->device_count > 1 || request->vm || request->directory))
		return sp_error_set(error, SP_ERROR_USE,
			"--socket is for one device without --vm and --directory");
	/* Whoever gives a password believes that it is asked for. */
	if (request->vnc == SP_VNC_NONE && request->vnc_password_file)
		return sp_error_set(error, SP_ERROR_USE,
			"--vnc-password-file is for viewers, and --vnc none lets none in");
	for (uint32_t i = 0; i < request->device_count; i++)
		request->devices[i].intx |= request->intx;
	return name_devices(request, error);
}

void sp_serve_request_release(struct sp_serve_request *request) {
	for (uint32_t i = 0; i < request->device_count; i++)
		free(request->devices[i].rom);
	*request = (struct sp_serve_request){0};
}
