/* SPDX-License-Identifier: MIT */
#include "control/control.h"

uint64_t control_number(const json_t *object, const char *key) {
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

uint64_t control_sum(const json_t *object, const char *key) {
	json_t *members = json_object_get(object, key), *value;
	uint64_t sum = 0;
	const char *name;

	json_object_foreach(members, name, value) sum += control_number(members, name);
	return sum;
}

const char *control_string(const json_t *object, const char *key) {
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}
