/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "serve/options.h"
#include "serve/request.h"

/* What comes over the control socket: any bytes, without a NUL behind them. */
static void check_request(const uint8_t *data, size_t size) {
	struct sp_control_request request;
	struct sp_error error = {0};

	if (!sp_control_read((const char *)data, size, &request, &error)) {
		CHECK(error.kind != SP_ERROR_NONE && error.message[0]);
		return;
	}
	CHECK(size <= SP_CONTROL_LINE_MAX && request.verb < SP_CONTROL_VERBS);
	CHECK(!request.device[0] || sp_serve_name_valid(request.device, SP_DEVICE_NAME_MAX));
	if (request.verb == SP_CONTROL_RESIZE) {
		CHECK(request.width >= 1 && request.width <= SP_PICTURE_MAX);
		CHECK(request.height >= 1 && request.height <= SP_PICTURE_MAX);
	}
}

/* Options, each in a line. */
static void check_options(char *text) {
	struct sp_serve_request request = {.vm = "vm"};
	struct sp_error error = {0};
	char *line, *rest = text;
	bool good = true;

	while ((line = strsep(&rest, "\n")) && good)
		good = strchr(line, ':') ? sp_serve_set_vnc(&request, line, &error)
					 : sp_serve_add_device(&request, line, &error);
	good = good && sp_serve_finish(&request, &error);
	CHECK(good || error.message[0]);
	for (uint32_t i = 0; good && i < request.device_count; i++) {
		const struct sp_device_request *device = &request.devices[i];

		CHECK(sp_serve_name_valid(device->name, SP_DEVICE_NAME_MAX));
		CHECK(!(device->memory & (device->memory - 1)) && device->memory <= 256u << 20);
		CHECK(!device->width == !device->height && device->width <= 4095);
		for (uint32_t j = 0; j < i; j++)
			CHECK(strcmp(device->name, request.devices[j].name) != 0);
	}
	sp_serve_request_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	check_request(data, size);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_options(text);
	free(text);
	return 0;
}
