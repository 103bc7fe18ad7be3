/* SPDX-License-Identifier: MIT */
#include <sallyport/request.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

#define LARGEST_MEMORY (1u << 20) /* MiB: 40 bits of address */
#define LARGEST_ID 0xffffffffu
#define PAGE 4096u

static const char *const TARGETS[SP_TARGET_COUNT] = {
	[SP_TARGET_XEN_4_17] = "xen-4.17",
	[SP_TARGET_XEN_4_18] = "xen-4.18",
	[SP_TARGET_XEN_4_19] = "xen-4.19",
	[SP_TARGET_XEN_4_20] = "xen-4.20",
	[SP_TARGET_XEN_4_21] = "xen-4.21",
	[SP_TARGET_XEN_4_22] = "xen-4.22",
};

static const char *const MODES[SP_MODE_COUNT] = {
	[SP_MODE_XL] = "xl",
	[SP_MODE_DOM0LESS] = "dom0less",
	[SP_MODE_DIRECT] = "direct",
};

static const char *const MODULES[SP_MODULE_COUNT] = {
	[SP_MODULE_KERNEL] = "kernel",
	[SP_MODULE_RAMDISK] = "ramdisk",
	[SP_MODULE_TREE] = "tree",
};

static const char *const FEATURES[] = {"multi-iommu-masters"};

/* `count` if there is none. */
static size_t find(const char *const *names, size_t count, const char *name) {
	size_t i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
}

const char *sp_target_name(enum sp_target target) {
	return (unsigned)target < SP_TARGET_COUNT ? TARGETS[target] : "?";
}

bool sp_target_parse(const char *name, enum sp_target *target) {
	size_t i = find(TARGETS, SP_TARGET_COUNT, name);

	if (i == SP_TARGET_COUNT)
		return false;
	*target = (enum sp_target)i;
	return true;
}

const char *sp_mode_name(enum sp_mode mode) {
	return (unsigned)mode < SP_MODE_COUNT ? MODES[mode] : "?";
}

bool sp_mode_parse(const char *name, enum sp_mode *mode) {
	size_t i = find(MODES, SP_MODE_COUNT, name);

	if (i == SP_MODE_COUNT)
		return false;
	*mode = (enum sp_mode)i;
	return true;
}

static bool is_digit(char c, unsigned base) {
	if (c >= '0' && c <= '9')
		return true;
	return base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
}

/* Steps over a number of at most `limit` without sign or blanks. False if there is none. */
static bool take_number(const char **text, unsigned base, uint64_t limit, uint64_t *value) {
	unsigned long long number;
	char *end;

	if (!is_digit(**text, base))
		return false;
	errno = 0;
	number = strtoull(*text, &end, (int)base);
	if (errno || number > limit)
		return false;
	*text = end;
	*value = number;
	return true;
}

/* The same, in hexadecimal after 0x and else in decimal. */
static bool take_c_number(const char **text, uint64_t limit, uint64_t *value) {
	const char *digits = *text;
	bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');

	if (hexadecimal)
		digits += 2;
	if (!take_number(&digits, hexadecimal ? 16 : 10, limit, value))
		return false;
	*text = digits;
	return true;
}

bool sp_request_parse_memory(const char *text, uint32_t *mib, struct sp_error *error) {
	const char *p = text;
	uint64_t value;

	if (!take_c_number(&p, LARGEST_MEMORY, &value))
		value = 0;
	else if (p[0] == 'G' && p[1] == '\0')
		value *= 1024;
	else if (!(p[0] == '\0' || (p[0] == 'M' && p[1] == '\0')))
		value = 0;
	if (value == 0 || value > LARGEST_MEMORY)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%s\" is no amount of memory; write a number of MiB, or 512M or 2G, up to "
			"1024G",
			text);
	*mib = (uint32_t)value;
	return true;
}

bool sp_request_parse_address(const char *text, uint64_t *address, struct sp_error *error) {
	const char *p = text;
	uint64_t value;

	if (!take_c_number(&p, UINT64_MAX, &value) || *p || value == 0 || value % PAGE != 0)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%s\" is no address of a page; write one such as 0x60000000", text);
	*address = value;
	return true;
}

bool sp_request_parse_bdf(char *text, struct sp_request_bdf *out, struct sp_error *error) {
	char *equals = strrchr(text, '=');
	const char *p = equals ? equals + 1 : text;
	uint64_t bus, device, function;

	if (equals == text || !take_number(&p, 16, 0xff, &bus) || *p++ != ':' ||
		!take_number(&p, 16, 0x1f, &device) || *p++ != '.' ||
		!take_number(&p, 16, 7, &function) || *p)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%s\" is no PCI function; write [DEVICE=]BUS:DEV.FN in hexadecimal, such "
			"as 01:00.0",
			text);
	if (equals)
		*equals = '\0';
	out->device = equals ? text : NULL;
	out->bdf = (uint16_t)(bus << 8 | device << 3 | function);
	return true;
}

static uint64_t unit(char c) {
	return c == 'k' ? 1000 : c == 'M' ? 1000000 : c == 'G' ? 1000000000 : 0;
}

bool sp_request_parse_clock(char *text, struct sp_request_clock *out, struct sp_error *error) {
	char *equals = strrchr(text, '=');
	const char *p = equals ? equals + 1 : text;
	uint64_t hz = 0;
	bool good = equals && equals != text && take_c_number(&p, UINT64_MAX, &hz);

	if (good && *p) {
		good = unit(*p) && p[1] == '\0' && hz <= UINT64_MAX / unit(*p);
		hz *= unit(*p);
	}
	if (!good || hz == 0)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%s\" gives no clock its rate; write NAME=HZ, such as core=600000000 or "
			"core=600M",
			text);
	*equals = '\0';
	out->name = text;
	out->hz = hz;
	return true;
}

bool sp_request_parse_module(char *text, struct sp_request_guest *out, struct sp_error *error) {
	size_t length = strcspn(text, "=");
	const char *p = text + length;
	struct sp_request_module module = {.set = true};
	size_t kind;

	if (*p != '=')
		goto malformed;
	text[length] = '\0';
	kind = find(MODULES, SP_MODULE_COUNT, text);
	text[length] = '=';
	if (kind == SP_MODULE_COUNT || !take_c_number(&(const char *){++p}, UINT64_MAX, &module.address))
		goto malformed;
	return true;

malformed:
	(void)out;
	return sp_error_set(error, SP_ERROR_USE, "\"%s\"", text);
}
