/* SPDX-License-Identifier: MIT */
#include "pci/address.h"

#include <stdio.h>

#define MAX_SEGMENT_DIGITS 4u

/* Takes hexadecimal digits and counts them; more than four are not taken. */
static unsigned take_hex(const char **text, uint32_t *value) {
	unsigned digits = 0;

	*value = 0;
	for (; digits < MAX_SEGMENT_DIGITS; digits++, (*text)++) {
		char c = **text;
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A') + 10;
		else
			break;
		*value = *value << 4 | digit;
	}
	return digits;
}

bool sp_bdf_parse(const char *text, sp_bdf *bdf) {
	uint32_t segment = 0, bus, device, function;
	unsigned digits = take_hex(&text, &bus);

	if (*text++ != ':')
		return false;
	if (digits == MAX_SEGMENT_DIGITS) {
		segment = bus;
		digits = take_hex(&text, &bus);
		if (*text++ != ':')
			return false;
	}
	if (digits != 2 || take_hex(&text, &device) != 2 || device > 0x1f || *text++ != '.')
		return false;
	if (take_hex(&text, &function) != 1 || function > 7 || *text)
		return false;
	/* The last address of all is kept for none. */
	if (SP_BDF(segment, bus, device, function) == SP_BDF_NONE)
		return false;
	*bdf = SP_BDF(segment, bus, device, function);
	return true;
}

void sp_bdf_format(char text[SP_BDF_SIZE], sp_bdf bdf) {
	snprintf(text, SP_BDF_SIZE, "%04x:%02x:%02x.%x", sp_bdf_segment(bdf), sp_bdf_bus(bdf),
		sp_bdf_device(bdf), sp_bdf_function(bdf));
}

void sp_bdf_json(struct sp_json *json, const char *key, sp_bdf bdf) {
	char text[SP_BDF_SIZE];

	sp_bdf_format(text, bdf);
	sp_json_string(json, key, bdf == SP_BDF_NONE ? NULL : text);
}
