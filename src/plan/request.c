/* SPDX-License-Identifier: MIT */
#include <sallyport/request.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

#define LARGEST_MEMORY (1u << 20) /* MiB: 40 bits of address */
#define LARGEST_ID 0xffffffffu
#define PAGE 4096u

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

static const char MULTI_IOMMU_MASTERS[] = "multi-iommu-masters";

/* `count` if there is none. */
static size_t find(const char *const *names, size_t count, const char *name) {
	size_t i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
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
			"\"%.80s\" is no amount of memory; write a number of MiB, or 512M or 2G, "
			"up to 1024G",
			text);
	*mib = (uint32_t)value;
	return true;
}

bool sp_request_parse_address(const char *text, uint64_t *address, struct sp_error *error) {
	const char *p = text;
	uint64_t value;

	if (!take_c_number(&p, UINT64_MAX, &value) || *p || value == 0 || value % PAGE != 0)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" is no address of a page; write one such as 0x60000000", text);
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
			"\"%.80s\" is no PCI function; write [DEVICE=]BUS:DEV.FN in hexadecimal, "
			"such as 01:00.0",
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
			"\"%.80s\" gives no clock its rate; write NAME=HZ, such as core=600000000 "
			"or core=600M",
			text);
	*equals = '\0';
	out->name = text;
	out->hz = hz;
	return true;
}

bool sp_request_parse_module(char *text, struct sp_request_guest *out, struct sp_error *error) {
	char *equals = strchr(text, '=');
	const char *p = equals ? equals + 1 : NULL;
	struct sp_request_module module = {.set = true};
	size_t kind = SP_MODULE_COUNT;

	if (equals) {
		*equals = '\0';
		/* ImageBuilder's word for the tree. */
		kind = strcmp(text, "dtb") == 0 ? SP_MODULE_TREE
						: find(MODULES, SP_MODULE_COUNT, text);
		*equals = '=';
	}
	if (kind == SP_MODULE_COUNT || !take_c_number(&p, UINT64_MAX, &module.address) ||
		(*p == '+' && (p++, !take_c_number(&p, UINT64_MAX, &module.size))) || *p ||
		module.address > UINT64_MAX - module.size)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" places no module; write KIND=ADDRESS+SIZE with KIND kernel, "
			"ramdisk or tree, such as kernel=0x48000000+0x1800000",
			text);
	if (module.size == 0 && kind != SP_MODULE_TREE)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" lacks the module's size; write %s=ADDRESS+SIZE", text,
			MODULES[kind]);
	if (out->modules[kind].set)
		return sp_error_set(error, SP_ERROR_USE, "\"%.80s\" places the %s a second time",
			text, MODULES[kind]);
	out->modules[kind] = module;
	return true;
}

/*
 * Reads CONTROLLER:ID[-LAST][/MASK] at *text and steps behind it and behind a comma. Only then is
 * it clear where the controller ends, whose name may hold commas itself.
 */
static bool take_streams(char **text, struct sp_request_stream *first, uint32_t *count) {
	char *colon = strchr(*text, ':');
	const char *p = colon ? colon + 1 : NULL;
	uint64_t id, last, mask = 0;

	if (!colon || colon == *text || **text == ',' || !take_c_number(&p, LARGEST_ID, &id))
		return false;
	last = id;
	if (*p == '-' && (p++, !take_c_number(&p, LARGEST_ID, &last)))
		return false;
	if (last < id || last - id >= UINT32_MAX)
		return false;
	first->has_mask = *p == '/';
	if (first->has_mask && (p++, !take_c_number(&p, LARGEST_ID, &mask)))
		return false;
	if (*p && (*p != ',' || !p[1]))
		return false;
	first->controller = *text;
	first->id = (uint32_t)id;
	first->mask = (uint32_t)mask;
	*count = (uint32_t)(last - id + 1);
	*text += p - *text + (*p == ',');
	return true;
}

bool sp_request_parse_streams(char *text, struct sp_request_stream *out, uint32_t capacity,
	uint32_t *count, struct sp_error *error) {
	char *equals = strchr(text, '='), *item = equals ? equals + 1 : text;
	struct sp_request_stream stream = {.device = text};
	bool good = equals && equals != text;
	uint64_t total = 0;
	uint32_t several = 0, filled = 0;

	/* All is checked before anything is written. */
	do {
		good = good && take_streams(&item, &stream, &several);
		total += several;
	} while (good && *item);
	if (!good)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" gives no stream IDs; write DEVICE=CONTROLLER:ID[/MASK],… such "
			"as /soc/gpu@fd000000=ipmmu_pv0:0-7",
			text);
	if (total > capacity)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" goes beyond the %u stream IDs that one guest may be given", text,
			SP_MAX_STREAMS);
	*equals = '\0';
	for (item = equals + 1; *item;) {
		take_streams(&item, &stream, &several);
		for (uint32_t i = 0; i < several; i++) {
			out[filled] = stream;
			out[filled++].id += i;
		}
	}
	/* The streams of one item have the same controller. */
	for (uint32_t i = 0; i < filled; i++)
		if (i == 0 || out[i].controller != out[i - 1].controller)
			*strchr(out[i].controller, ':') = '\0';
	*count = filled;
	return true;
}

bool sp_request_parse_feature(const char *text, struct sp_request *out, struct sp_error *error) {
	if (strcmp(text, MULTI_IOMMU_MASTERS) != 0)
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" is nothing that a Xen may have; the only such feature is %s",
			text, MULTI_IOMMU_MASTERS);
	out->multi_iommu_masters = true;
	return true;
}

bool sp_request_check_name(const char *name, struct sp_error *error) {
	static const char LETTERS[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strspn(name, LETTERS);

	if (length == 0 || name[length] || length > SP_GUEST_NAME_MAX || strchr("._-", name[0]))
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" cannot name a guest; use up to %u letters, digits, '.', '_' and "
			"'-', the first a letter or a digit",
			name, SP_GUEST_NAME_MAX);
	return true;
}
