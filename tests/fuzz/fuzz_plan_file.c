/* SPDX-License-Identifier: MIT */
/* Plan files, and the readers of the options' values, which they use. */
#include <stdlib.h>
#include <string.h>

#include <sallyport/request.h>

#include "mutate.h"

static void check(bool holds) {
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_plan_file *file;
	struct sp_error error = {0};
	const struct sp_request *request;

	if (!sp_plan_file_parse(&file, (const char *)data, size, "dir/plan.conf", &error)) {
		check(!file && error.kind == SP_ERROR_INPUT && error.message[0]);
		check(strncmp(error.message, "dir/plan.conf", 13) == 0);
		return 0;
	}
	request = sp_plan_file_request(file);
	check(request->guest_count > 0 && request->target < SP_TARGET_COUNT);
	for (uint32_t i = 0; i < request->guest_count; i++) {
		const struct sp_request_guest *guest = &request->guests[i];

		check(sp_request_check_name(guest->name, &error));
		check(guest->mode < SP_MODE_COUNT && guest->memory && guest->device_count);
		for (uint32_t j = 0; j < guest->device_count; j++)
			check(guest->devices[j][0]);
		for (uint32_t j = 0; j < guest->stream_count; j++)
			check(guest->streams[j].device[0] && guest->streams[j].controller[0]);
		for (uint32_t j = 0; j < guest->clock_count; j++)
			check(guest->clocks[j].name[0]);
		for (uint32_t j = 0; j < i; j++)
			check(strcmp(guest->name, request->guests[j].name) != 0);
	}
	check(!sp_plan_file_host(file) || sp_plan_file_host(file)[0]);
	sp_plan_file_destroy(file);
	return 0;
}
