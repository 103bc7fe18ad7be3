/* SPDX-License-Identifier: MIT */
#ifndef SP_FUZZ_REQUEST_H
#define SP_FUZZ_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <sallyport/plan.h>

/* How many bytes at the end of an input say what is asked; what is before them is the tree. */
#define REQUEST_BYTES ((size_t)24)
#define MAX_WISHES 3u

struct fuzz_request {
	struct sp_request request;
	struct sp_request_guest guests[2];
	const char *devices[MAX_WISHES];
	struct sp_request_stream stream;
	struct sp_request_bdf bdf;
	struct sp_request_clock clock;
	struct sp_list_options list;
	char clock_name[32];
};

/* Points into itself and into the host's tree. False if the host has no devices. */
bool fuzz_request_make(
	struct fuzz_request *made, const struct sp_host *host, const uint8_t bytes[REQUEST_BYTES]);

#endif
