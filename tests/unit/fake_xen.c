/* SPDX-License-Identifier: MIT */
#include "fake_pci.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 512
#define LINE_SIZE 320

/* Nothing is allocated line by line: a test may count what others allocate. */
struct fake {
	struct sp_xen xen;
	char room[MAX_LINES][LINE_SIZE]; /* "": free */
	char *lines[MAX_LINES];
	unsigned count, calls, asked;
};

static struct fake *fake_of(const struct sp_xen *xen) {
	return (struct fake *)(uintptr_t)xen;
}

static unsigned find_line(const struct fake *fake, const char *line) {
	unsigned i = 0;

	while (i < fake->count && strcmp(fake->lines[i], line) != 0)
		i++;
	return i;
}

bool fake_has(const struct sp_xen *xen, const char *line) {
	return find_line(fake_of(xen), line) < fake_of(xen)->count;
}

void fake_add(struct sp_xen *xen, const char *format, ...) {
	struct fake *fake = fake_of(xen);
	unsigned i = 0;
	va_list args;

	while (i < MAX_LINES && fake->room[i][0])
		i++;
	va_start(args, format);
	if (i == MAX_LINES || vsnprintf(fake->room[i], LINE_SIZE, format, args) >= LINE_SIZE)
		abort();
	va_end(args);
	fake->lines[fake->count++] = fake->room[i];
}

void fake_remove(struct sp_xen *xen, const char *line) {
	struct fake *fake = fake_of(xen);
	unsigned i = find_line(fake, line);

	if (i == fake->count)
		return;
	fake->lines[i][0] = '\0';
	fake->lines[i] = fake->lines[--fake->count];
}

static bool has(const struct fake *fake, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool has(const struct fake *fake, const char *format, ...) {
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return fake_has(&fake->xen, line);
}

static bool drop(struct fake *fake, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool drop(struct fake *fake, const char *format, ...) {
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (!fake_has(&fake->xen, line))
		return false;
	fake_remove(&fake->xen, line);
	return true;
}

unsigned fake_calls(const struct sp_xen *xen) {
	return fake_of(xen)->calls;
}

unsigned fake_asked(const struct sp_xen *xen) {
	return fake_of(xen)->asked;
}

static int by_text(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *fake_state(const struct sp_xen *xen) {
	struct fake *fake = fake_of(xen);
	size_t size = 1;
	char *text;

	qsort(fake->lines, fake->count, sizeof(fake->lines[0]), by_text);
	for (unsigned i = 0; i < fake->count; i++)
		size += strlen(fake->lines[i]) + 1;
	text = calloc(1, size);
	for (unsigned i = 0; i < fake->count; i++) {
		if (strncmp(fake->lines[i], "fail ", 5) == 0 ||
			strncmp(fake->lines[i], "half ", 5) == 0 ||
			strncmp(fake->lines[i], "says ", 5) == 0)
			continue;
		strcat(strcat(text, fake->lines[i]), "\n");
	}
	return text;
}

/*
 * The first thing that Xen does with a dying guest is to take its nodes back, which somebody else
 * can have at once; libxl has removed its entries in xenstore before that.
 */
static void die(struct fake *fake, uint32_t id) {
	uint32_t heir = UINT32_MAX;

	for (unsigned i = 0; i < fake->count; i++)
		sscanf(fake->lines[i], "heir %" SCNu32, &heir);
	for (unsigned i = fake->count; i-- > 0;) {
		char *line = fake->lines[i];
		uint32_t of;
		int end = 0;

		if (sscanf(line, "record %" SCNu32, &of) == 1 && of == id) {
			fake_remove(&fake->xen, line);
		} else if (sscanf(line, "assigned %" SCNu32 " %n", &of, &end) == 1 && of == id) {
			if (heir != UINT32_MAX)
				fake_add(&fake->xen, "assigned %" PRIu32 " %s", heir, line + end);
			fake_remove(&fake->xen, line);
		}
	}
	fake_add(&fake->xen, "dying %" PRIu32, id);
}

/* Each call, questions as well, begins here. */
static void asking(struct fake *fake) {
	fake->asked++;
	for (unsigned i = 0; i < fake->count; i++) {
		unsigned number;
		uint32_t id;

		if (sscanf(fake->lines[i], "dies %u %" SCNu32, &number, &id) == 2 &&
			number == fake->asked) {
			die(fake, id);
			return;
		}
	}
}

static int failing(struct fake *fake) {
	char start[32];

	fake->calls++;
	snprintf(start, sizeof(start), "fail %u ", fake->calls);
	for (unsigned i = 0; i < fake->count; i++) {
		if (strncmp(fake->lines[i], start, strlen(start)) == 0)
			return atoi(fake->lines[i] + strlen(start));
	}
	return 0;
}

void fake_ask(struct sp_xen *xen) {
	asking(fake_of(xen));
}

int fake_fail(struct sp_xen *xen) {
	return failing(fake_of(xen));
}

const char *fake_find(const struct sp_xen *xen, const char *start) {
	const struct fake *fake = fake_of(xen);

	for (unsigned i = 0; i < fake->count; i++) {
		if (strncmp(fake->lines[i], start, strlen(start)) == 0)
			return fake->lines[i];
	}
	return NULL;
}

/* Each call that changes something begins here. */
static int changing(struct fake *fake) {
	asking(fake);
	return failing(fake);
}

static int release(struct sp_xen *xen, uint32_t *major, uint32_t *minor) {
	struct fake *fake = fake_of(xen);

	for (unsigned i = 0; i < fake->count; i++) {
		if (sscanf(fake->lines[i], "release %" SCNu32 ".%" SCNu32, major, minor) == 2)
			return 0;
	}
	return EACCES;
}

/* "domain ID NAME" */
static const char *find_domain(const struct fake *fake, const char *name, uint32_t *id) {
	for (unsigned i = 0; i < fake->count; i++) {
		uint32_t number;
		int end = 0;

		if (sscanf(fake->lines[i], "domain %" SCNu32 " %n", &number, &end) == 1 && end &&
			(name ? strcmp(fake->lines[i] + end, name) == 0 : number == *id)) {
			*id = number;
			return fake->lines[i] + end;
		}
	}
	return NULL;
}

static int domain(struct sp_xen *xen, uint32_t id, struct sp_xen_domain *info) {
	struct fake *fake = fake_of(xen);

	asking(fake);
	if (!find_domain(fake, NULL, &id))
		return ESRCH;
	info->dying = has(fake, "dying %u", id);
	info->shut_down = has(fake, "shut %u", id);
	return 0;
}

static int find(struct sp_xen *xen, const char *name, uint32_t *id) {
	return find_domain(fake_of(xen), name, id) ? 0 : ESRCH;
}

static int name_of(struct sp_xen *xen, uint32_t id, char **name) {
	const char *found = find_domain(fake_of(xen), NULL, &id);

	*name = found ? strdup(found) : NULL;
	return found ? 0 : ENOENT;
}

static uint32_t owner(const struct fake *fake, const char *path) {
	for (unsigned i = 0; i < fake->count; i++) {
		uint32_t id;
		int end = 0;

		if (sscanf(fake->lines[i], "assigned %" SCNu32 " %n", &id, &end) == 1 && end &&
			strcmp(fake->lines[i] + end, path) == 0)
			return id;
	}
	return UINT32_MAX;
}

static int assign(struct sp_xen *xen, uint32_t id, const char *path) {
	struct fake *fake = fake_of(xen);
	int error = changing(fake);

	if (error)
		return error;
	if (has(fake, "dying %u", id))
		return EINVAL;
	if (!has(fake, "node %s", path))
		return ESRCH;
	if (owner(fake, path) != UINT32_MAX)
		return EBUSY;
	fake_add(xen, "assigned %u %s", id, path);
	return 0;
}

/* Between the last question and this call nobody dies: nothing could be done about it. */
static int deassign(struct sp_xen *xen, uint32_t id, const char *path) {
	struct fake *fake = fake_of(xen);
	int error = failing(fake);

	/* The real one may come down. */
	if (!error && !drop(fake, "assigned %u %s", id, path))
		abort();
	return error;
}

static int assigned(struct sp_xen *xen, const char *path) {
	asking(fake_of(xen));
	return owner(fake_of(xen), path) == UINT32_MAX ? 0 : EBUSY;
}

static bool may_give(const struct fake *fake, uint64_t host, uint64_t count) {
	for (unsigned i = 0; i < fake->count; i++) {
		uint64_t first, size;

		if (sscanf(fake->lines[i], "pages %" SCNx64 " %" SCNx64, &first, &size) == 2 &&
			host >= first && host + count <= first + size)
			return true;
	}
	return false;
}

static int permit(struct sp_xen *xen, uint32_t id, uint64_t host, uint64_t count, bool allowed) {
	struct fake *fake = fake_of(xen);
	int error = changing(fake);

	if (error)
		return error;
	if (!may_give(fake, host, count))
		return EPERM;
	drop(fake, "permitted %u %" PRIx64 " %" PRIx64, id, host, count);
	if (allowed)
		fake_add(xen, "permitted %u %" PRIx64 " %" PRIx64, id, host, count);
	return 0;
}

static int map(struct sp_xen *xen, uint32_t id, uint64_t guest, uint64_t host, uint64_t count,
	bool mapped) {
	struct fake *fake = fake_of(xen);
	int error = changing(fake);

	if (error)
		return error;
	if (!has(fake, "permitted %u %" PRIx64 " %" PRIx64, id, host, count))
		return EPERM;
	drop(fake, "mapped %u %" PRIx64 " %" PRIx64 " %" PRIx64, id, guest, host, count);
	if (mapped)
		fake_add(xen, "mapped %u %" PRIx64 " %" PRIx64 " %" PRIx64, id, guest, host, count);
	return 0;
}

static int bound(struct sp_xen *xen, uint32_t id, uint32_t irq) {
	struct fake *fake = fake_of(xen);

	asking(fake);
	if (!has(fake, "irq %u", irq))
		return EPERM;
	return has(fake, "bound %u %u", id, irq) ? EBUSY : 0;
}

static int bind(struct sp_xen *xen, uint32_t id, uint32_t irq) {
	struct fake *fake = fake_of(xen);
	int error = changing(fake);

	if (error)
		return error;
	for (unsigned i = 0; i < fake->count; i++) {
		uint32_t other, number;

		if (sscanf(fake->lines[i], "bound %" SCNu32 " %" SCNu32, &other, &number) == 2 &&
			number == irq)
			return EBUSY;
		if (sscanf(fake->lines[i], "room %" SCNu32 " %" SCNu32, &other, &number) == 2 &&
			other == id && irq >= number)
			return EBUSY;
	}
	fake_add(xen, "bound %u %u", id, irq);
	return 0;
}

static int records(struct sp_xen *xen, uint32_t id, char **lines) {
	struct fake *fake = fake_of(xen);
	char start[32];
	size_t size = 1;

	snprintf(start, sizeof(start), "record %u ", id);
	for (unsigned i = 0; i < fake->count; i++)
		size += strlen(fake->lines[i]) + 1;
	*lines = calloc(1, size);
	if (!*lines)
		return ENOMEM;
	for (unsigned i = 0; i < fake->count; i++) {
		if (strncmp(fake->lines[i], start, strlen(start)) == 0)
			strcat(strcat(*lines, fake->lines[i] + strlen(start)), "\n");
	}
	return 0;
}

static int record(struct sp_xen *xen, uint32_t id, const char *line) {
	struct fake *fake = fake_of(xen);
	int error = changing(fake);

	if (!error && has(fake, "dying %u", id))
		return ENOENT;
	if (!error)
		fake_add(xen, "record %u %s", id, line);
	return error;
}

static int forget(struct sp_xen *xen, uint32_t id, const char *line) {
	int error = changing(fake_of(xen));

	if (!error && !drop(fake_of(xen), "record %u %s", id, line))
		return ENOENT;
	return error;
}

static int end(struct sp_xen *xen, uint32_t id, unsigned milliseconds) {
	int error = changing(fake_of(xen));

	(void)milliseconds;
	if (!error)
		fake_add(xen, "dying %u", id);
	return error;
}

/* A dying guest goes while one waits, with all that has its number. */
static int await(struct sp_xen *xen, unsigned milliseconds) {
	struct fake *fake = fake_of(xen);

	(void)milliseconds;
	for (unsigned i = 0; i < fake->count; i++) {
		uint32_t id;

		if (sscanf(fake->lines[i], "dying %" SCNu32, &id) != 1 ||
			has(fake, "lingers %u", id))
			continue;
		for (unsigned j = fake->count; j-- > 0;) {
			uint32_t of;

			if (sscanf(fake->lines[j], "%*[a-z] %" SCNu32, &of) == 1 && of == id &&
				strncmp(fake->lines[j], "fail", 4) != 0 &&
				strncmp(fake->lines[j], "irq", 3) != 0 &&
				strncmp(fake->lines[j], "pages", 5) != 0)
				fake_remove(xen, fake->lines[j]);
		}
		return 0;
	}
	return 0;
}

/* The state goes into the file that FAKE_XEN names, if it does. */
static void close_fake(struct sp_xen *xen) {
	struct fake *fake = fake_of(xen);
	const char *path = getenv("FAKE_XEN");
	FILE *file = path ? fopen(path, "w") : NULL;
	char *state = fake_state(xen);

	if (file) {
		fputs(state, file);
		fclose(file);
	}
	free(state);
	free(fake);
}

static const struct sp_xen_ops OPS = {
	.pci = &FAKE_PCI_OPS,
	.close = close_fake,
	.release = release,
	.domain = domain,
	.find = find,
	.name = name_of,
	.assign = assign,
	.deassign = deassign,
	.assigned = assigned,
	.permit = permit,
	.map = map,
	.bound = bound,
	.bind = bind,
	.records = records,
	.record = record,
	.forget = forget,
	.end = end,
	.await = await,
};

struct sp_xen *fake_create(const char *lines) {
	struct fake *fake = calloc(1, sizeof(*fake));

	fake->xen.ops = &OPS;
	while (*lines) {
		size_t size = strcspn(lines, "\n");

		if (size)
			fake_add(&fake->xen, "%.*s", (int)size, lines);
		lines += size + (lines[size] == '\n');
	}
	return &fake->xen;
}

bool sp_xen_open(struct sp_xen **xen, struct sp_error *error) {
	static char text[16384];
	const char *path = getenv("FAKE_XEN");
	FILE *file = path ? fopen(path, "r") : NULL;

	*xen = NULL;
	if (!file)
		return sp_error_set(error, SP_ERROR_SYSTEM, "there is no Xen");
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	*xen = fake_create(text);
	(*xen)->lock = getenv("FAKE_XEN_LOCK");
	return true;
}
