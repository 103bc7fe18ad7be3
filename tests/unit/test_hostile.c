/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>
#include <time.h>

#include <sallyport/plan.h>

#include "base/buf.h"

/*
 * Trees made to cost time or to lead in circles. Each is read, planned, written and listed within a
 * time that only work in proportion to its size keeps.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SLOWNESS 6.0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOWNESS 6.0
#endif
#endif
#ifndef SLOWNESS
#ifdef __OPTIMIZE__
#define SLOWNESS 1.0
#else
#define SLOWNESS 4.0 /* as for measuring coverage */
#endif
#endif
#define LIMIT_SECONDS (2.0 * SLOWNESS)

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, END = 9, HEADER = 40, KNOWN_NAMES = 64 };

struct draft {
	struct sp_buf structure, strings;
	const char *names[KNOWN_NAMES]; /* literals, each with one place in the strings */
	uint32_t offsets[KNOWN_NAMES];
	uint32_t name_count;
};

static void pad(struct sp_buf *buf) {
	sp_buf_fill(buf, '\0', (4 - buf->size % 4) % 4);
}

static void begin(struct draft *draft, const char *name) {
	sp_buf_be32(&draft->structure, BEGIN_NODE);
	sp_buf_put(&draft->structure, name, strlen(name) + 1);
	pad(&draft->structure);
}

static void begin_n(struct draft *draft, const char *format, uint32_t n) {
	char name[64];

	snprintf(name, sizeof(name), format, n);
	begin(draft, name);
}

static void end(struct draft *draft) {
	sp_buf_be32(&draft->structure, END_NODE);
}

static uint32_t new_name(struct draft *draft, const char *name) {
	uint32_t offset = (uint32_t)draft->strings.size;

	sp_buf_put(&draft->strings, name, strlen(name) + 1);
	return offset;
}

static uint32_t known_name(struct draft *draft, const char *name) {
	uint32_t i = 0;

	while (i < draft->name_count && draft->names[i] != name)
		i++;
	if (i == draft->name_count) {
		assert_true(i < KNOWN_NAMES);
		draft->names[i] = name;
		draft->offsets[i] = new_name(draft, name);
		draft->name_count++;
	}
	return draft->offsets[i];
}

static void head(struct draft *draft, uint32_t name, size_t len) {
	sp_buf_be32(&draft->structure, PROP);
	sp_buf_be32(&draft->structure, (uint32_t)len);
	sp_buf_be32(&draft->structure, name);
}

static void bytes(struct draft *draft, const char *name, const void *data, size_t len) {
	head(draft, known_name(draft, name), len);
	sp_buf_put(&draft->structure, data, len);
	pad(&draft->structure);
}

static void text(struct draft *draft, const char *name, const char *value) {
	bytes(draft, name, value, strlen(value) + 1);
}

static void cells(struct draft *draft, const char *name, const uint32_t *values, uint32_t count) {
	head(draft, known_name(draft, name), (size_t)count * 4);
	for (uint32_t i = 0; i < count; i++)
		sp_buf_be32(&draft->structure, values[i]);
}

#define CELLS(draft, name, ...) \
	cells(draft, name, (const uint32_t[]){__VA_ARGS__}, \
		sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* The same cells again and again; `step` is added to cell `which` each time. */
static void repeat(struct draft *draft, const char *name, const uint32_t *group, uint32_t length,
	uint32_t times, uint32_t which, uint32_t step) {
	head(draft, known_name(draft, name), (size_t)length * times * 4);
	for (uint32_t i = 0; i < times; i++) {
		for (uint32_t j = 0; j < length; j++)
			sp_buf_be32(&draft->structure, group[j] + (j == which ? i * step : 0));
	}
}

#define REPEAT(draft, name, times, which, step, ...) \
	repeat(draft, name, (const uint32_t[]){__VA_ARGS__}, \
		sizeof((const uint32_t[]){__VA_ARGS__}) / 4, times, which, step)

enum { GIC = 1, SMMU = 2, CLOCKS = 3, FIRST_FREE = 100 };

/* What each board has: a GIC, an SMMU, a clock controller, memory. One cell for addresses. */
static void open_board(struct draft *draft) {
	begin(draft, "");
	CELLS(draft, "#address-cells", 1);
	CELLS(draft, "#size-cells", 1);
	CELLS(draft, "interrupt-parent", GIC);
	begin(draft, "memory@40000000");
	text(draft, "device_type", "memory");
	CELLS(draft, "reg", 0x40000000, 0x40000000);
	end(draft);
	begin(draft, "gic@8000000");
	text(draft, "compatible", "arm,gic-400");
	bytes(draft, "interrupt-controller", "", 0);
	CELLS(draft, "#interrupt-cells", 3);
	CELLS(draft, "#address-cells", 0);
	CELLS(draft, "reg", 0x8000000, 0x1000);
	CELLS(draft, "phandle", GIC);
	end(draft);
	begin(draft, "smmu@9000000");
	text(draft, "compatible", "arm,mmu-500");
	CELLS(draft, "#iommu-cells", 1);
	CELLS(draft, "reg", 0x9000000, 0x10000);
	CELLS(draft, "phandle", SMMU);
	end(draft);
	begin(draft, "clocks@7000000");
	CELLS(draft, "#clock-cells", 1);
	CELLS(draft, "#power-domain-cells", 1);
	CELLS(draft, "reg", 0x7000000, 0x1000);
	CELLS(draft, "phandle", CLOCKS);
	end(draft);
}

static void open_gpu(struct draft *draft) {
	begin(draft, "gpu@5000000");
	text(draft, "compatible", "arm,mali-t860");
	CELLS(draft, "reg", 0x5000000, 0x10000);
	CELLS(draft, "interrupts", 0, 100, 4);
	CELLS(draft, "iommus", SMMU, 16);
}

static void close_board(struct draft *draft) {
	end(draft);
	sp_buf_be32(&draft->structure, END);
}

/* Header, no reservations, structure, strings. */
static struct sp_buf finish(struct draft *draft) {
	const uint32_t structure = HEADER + 16;
	const uint32_t strings = structure + (uint32_t)draft->structure.size;
	const uint32_t header[] = {0xd00dfeed, strings + (uint32_t)draft->strings.size, structure,
		strings, HEADER, 17, 16, 0, (uint32_t)draft->strings.size,
		(uint32_t)draft->structure.size};
	struct sp_buf blob = {0};

	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		sp_buf_be32(&blob, header[i]);
	sp_buf_fill(&blob, '\0', 16);
	sp_buf_put(&blob, draft->structure.data, draft->structure.size);
	sp_buf_put(&blob, draft->strings.data, draft->strings.size);
	assert_false(blob.failed);
	sp_buf_release(&draft->structure);
	sp_buf_release(&draft->strings);
	return blob;
}

struct outcome {
	bool read, planned;
	enum sp_verdict verdict;
	struct sp_error error;
	uint32_t codes[SP_CODE_COUNT]; /* how many findings */
	uint32_t unmade; /* artefacts that cannot be made; why is in error */
	bool without_overlay; /* though there is a patched tree */
};

static double now(void) {
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void emit(const struct sp_plan *plan, uint32_t guests, struct outcome *outcome) {
	char *data;
	size_t size;

	for (int i = 0; i < SP_ARTEFACT_COUNT; i++) {
		for (uint32_t guest = 0; guest < (i < SP_ARTEFACT_OVERLAY_SOURCE ? guests : 1);
			guest++) {
			double start = now();

			if (!sp_plan_emit(plan, (enum sp_artefact)i, guest, &data, &size,
				    &outcome->error)) {
				if (outcome->error.kind != SP_ERROR_INPUT)
					fail_msg("%s", outcome->error.message);
				outcome->unmade++;
			}
			if (i == SP_ARTEFACT_OVERLAY)
				outcome->without_overlay = !data;
			if (i == SP_ARTEFACT_PATCHED_TREE && !data)
				outcome->without_overlay = false;
			free(data);
			if (now() - start > 0.2 * SLOWNESS)
				print_message("             %s: %.2f s\n",
					sp_artefact_name((enum sp_artefact)i), now() - start);
		}
	}
}

static void list(const struct sp_host *host) {
	const struct sp_list_options options = {.target = SP_TARGET_DEFAULT, .all = true};
	struct sp_error error;
	struct sp_list *made;
	char *data;
	size_t size;

	assert_true(sp_list_create(&made, host, &options, &error));
	assert_true(sp_list_table(made, &data, &size, &error));
	free(data);
	assert_true(sp_list_json(made, &data, &size, &error));
	free(data);
	sp_list_destroy(made);
}

static void plan(
	const struct sp_host *host, const struct sp_request *request, struct outcome *outcome) {
	const struct sp_finding *findings;
	struct sp_plan *made;
	uint32_t count;

	outcome->planned = sp_plan_create(&made, host, request, &outcome->error);
	if (!outcome->planned)
		return;
	outcome->verdict = sp_plan_verdict(made);
	findings = sp_plan_findings(made, &count);
	for (uint32_t i = 0; i < count; i++)
		outcome->codes[findings[i].code]++;
	emit(made, request->guest_count, outcome);
	sp_plan_destroy(made);
}

static void lap(double *since, const char *what) {
	double time = now();

	if (time - *since > 0.2 * SLOWNESS)
		print_message("             %s: %.2f s\n", what, time - *since);
	*since = time;
}

/* Everything that can be done with a tree. */
static struct outcome run(struct draft *draft, const struct sp_request *request) {
	struct sp_buf blob = finish(draft);
	struct outcome outcome = {0};
	struct sp_tree *tree = NULL;
	struct sp_host *host = NULL;
	double start = now(), since = start;

	outcome.read = sp_tree_parse(&tree, blob.data, blob.size, &outcome.error) &&
		sp_host_create(&host, tree, "hostile.dtb", &outcome.error);
	lap(&since, "host");
	if (outcome.read) {
		plan(host, request, &outcome);
		lap(&since, "plan");
		list(host);
		lap(&since, "list");
	}
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
	if (now() - start > LIMIT_SECONDS)
		fail_msg("%.2f s of CPU time; %.1f s are allowed", now() - start, LIMIT_SECONDS);
	return outcome;
}

/* A request for one guest. */
static struct outcome run_one(
	struct draft *draft, enum sp_mode mode, bool companions, const char *device) {
	const struct sp_request_guest guest = {.name = "guest",
		.mode = mode,
		.memory = 512,
		.companions = companions,
		.devices = &device,
		.device_count = 1};
	const struct sp_request request = {.target = SP_TARGET_DEFAULT,
		.guests = &guest,
		.guest_count = 1,
		.keep_going = true};

	return run(draft, &request);
}

static struct outcome run_gpu(struct draft *draft) {
	return run_one(draft, SP_MODE_XL, false, "/gpu@5000000");
}

static void assert_planned(const struct outcome *outcome) {
	if (!outcome->read || !outcome->planned || outcome->unmade)
		fail_msg("%s", outcome->error.message);
}

/* The overlay, its source, the patched tree and U-Boot's commands cannot be made. */
static void assert_unchangeable(const struct outcome *outcome, const char *message) {
	assert_true(outcome->planned);
	assert_int_equal(outcome->unmade, 4);
	if (!strstr(outcome->error.message, message))
		fail_msg("\"%s\" does not say \"%s\"", outcome->error.message, message);
}

static void assert_refused(const struct outcome *outcome, const char *message) {
	assert_false(outcome->read);
	assert_int_equal(outcome->error.kind, SP_ERROR_INPUT);
	if (!strstr(outcome->error.message, message))
		fail_msg("\"%s\" does not say \"%s\"", outcome->error.message, message);
}

static void nesting(void **state) {
	(void)state;
	for (uint32_t depth = SP_TREE_MAX_DEPTH - 1; depth <= 3000;
		depth += depth < 64 ? 1 : 2936) {
		struct draft draft = {0};
		struct outcome outcome;

		open_board(&draft);
		open_gpu(&draft);
		end(&draft);
		for (uint32_t i = 1; i < depth; i++) {
			begin(&draft, "n@0");
			bytes(&draft, "ranges", "", 0);
			CELLS(&draft, "reg", 0, 0x1000);
		}
		for (uint32_t i = 1; i < depth; i++)
			end(&draft);
		close_board(&draft);
		outcome = run_gpu(&draft);
		if (depth <= SP_TREE_MAX_DEPTH)
			assert_planned(&outcome);
		else
			assert_refused(&outcome, "nested deeper than");
	}
}

static void interrupt_circles(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < 3; i++) {
		begin_n(&draft, "nexus-%u", i);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		CELLS(&draft, "#interrupt-cells", 1);
		CELLS(&draft, "#address-cells", 0);
		REPEAT(&draft, "interrupt-map", 2000, 0, 1, 0, FIRST_FREE + (i + 1) % 3, 1);
		end(&draft);
	}
	for (uint32_t i = 0; i < 2; i++) {
		begin_n(&draft, "parent-%u", i);
		CELLS(&draft, "phandle", FIRST_FREE + 10 + i);
		CELLS(&draft, "#interrupt-cells", 1);
		CELLS(&draft, "interrupt-parent", FIRST_FREE + 11 - i);
		end(&draft);
	}
	begin(&draft, "gpu@5000000");
	text(&draft, "compatible", "arm,mali-t860");
	CELLS(&draft, "reg", 0x5000000, 0x10000);
	REPEAT(&draft, "interrupts-extended", 3000, 0, 0, FIRST_FREE, 1, FIRST_FREE + 10, 1);
	end(&draft);
	begin(&draft, "self");
	CELLS(&draft, "phandle", FIRST_FREE + 20);
	CELLS(&draft, "interrupt-parent", FIRST_FREE + 20);
	CELLS(&draft, "interrupts", 1, 2, 3);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
	assert_int_equal(outcome.codes[SP_CODE_IRQ_BROKEN], 6000);
}

/* Clocks whose factors lead in a circle, and a device that is its own clock. */
static void clock_circles(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < 3; i++) {
		begin_n(&draft, "clock-%u", i);
		text(&draft, "compatible", "fixed-factor-clock");
		CELLS(&draft, "#clock-cells", 0);
		CELLS(&draft, "clock-mult", 0xffffffff);
		CELLS(&draft, "clock-div", 1);
		CELLS(&draft, "clocks", FIRST_FREE + (i + 1) % 3);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		end(&draft);
	}
	open_gpu(&draft);
	CELLS(&draft, "phandle", FIRST_FREE + 5);
	CELLS(&draft, "clocks", FIRST_FREE, FIRST_FREE + 5);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
	assert_int_equal(outcome.codes[SP_CODE_DEP_CLOCK_RATE], 1);
}

static void many_clocks(void **state) {
	const uint32_t count = 40000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	REPEAT(&draft, "clocks", count, 1, 1, CLOCKS, 0);
	REPEAT(&draft, "assigned-clocks", count, 1, 1, CLOCKS, 0);
	REPEAT(&draft, "assigned-clock-rates", count, 0, 1, 1000);
	/* "AAA\0" again and again */
	REPEAT(&draft, "clock-names", count, 0, 0, 0x41414100);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

/* Displays each of which is linked to the next, the last to the first, and one to itself. */
static void graph_circle(void **state) {
	const uint32_t count = 3000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "display@%x", 0x10000000 + i * 0x1000);
		CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "phys", FIRST_FREE + 2 * i);
		CELLS(&draft, "phandle", FIRST_FREE + 2 * i);
		begin(&draft, "port");
		begin(&draft, "endpoint");
		CELLS(&draft, "phandle", FIRST_FREE + 2 * i + 1);
		CELLS(&draft, "remote-endpoint", FIRST_FREE + 2 * ((i + 1) % count) + 1);
		end(&draft);
		end(&draft);
		end(&draft);
	}
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, true, "/display@10000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

/* Operating points that require each other, and a table with a name that cannot be copied, which
 * holds much and is referred to often. */
static void data_circles(void **state) {
	const uint32_t count = 20000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < 2; i++) {
		begin_n(&draft, i ? "opp~table-%u" : "opp-table-%u", i);
		text(&draft, "compatible", "operating-points-v2");
		CELLS(&draft, "phandle", FIRST_FREE + i);
		CELLS(&draft, "operating-points-v2", FIRST_FREE + 1 - i);
		for (uint32_t j = 0; j < count; j++) {
			begin_n(&draft, "opp-%u", j);
			CELLS(&draft, "required-opps", FIRST_FREE + 1 - i);
			end(&draft);
		}
		end(&draft);
	}
	open_gpu(&draft);
	REPEAT(&draft, "operating-points-v2", count, 0, 0, FIRST_FREE, FIRST_FREE + 1);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

static void twin_phandles(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "twin");
	CELLS(&draft, "phandle", SMMU);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_refused(&outcome, "/smmu@9000000 and /twin have the same phandle");
}

/* No number is left for an IOMMU that the overlay has to refer to. */
static void highest_phandle(void **state) {
	static const char *const device = "/gpu@5000000";
	const struct sp_request_stream stream = {
		.device = device, .controller = "/smmu@a000000", .id = 7};
	const struct sp_request_guest guest = {.name = "guest",
		.memory = 512,
		.devices = &device,
		.device_count = 1,
		.streams = &stream,
		.stream_count = 1};
	const struct sp_request request = {
		.target = SP_TARGET_DEFAULT, .guests = &guest, .guest_count = 1};

	(void)state;
	for (uint32_t highest = 0xfffffffd; highest <= 0xfffffffe; highest++) {
		struct draft draft = {0};
		struct outcome outcome;

		open_board(&draft);
		begin(&draft, "pins");
		CELLS(&draft, "phandle", highest);
		end(&draft);
		begin(&draft, "smmu@a000000");
		text(&draft, "compatible", "arm,mmu-500");
		CELLS(&draft, "#iommu-cells", 1);
		CELLS(&draft, "reg", 0xa000000, 0x10000);
		end(&draft);
		begin(&draft, "gpu@5000000");
		CELLS(&draft, "reg", 0x5000000, 0x10000);
		end(&draft);
		close_board(&draft);
		outcome = run(&draft, &request);
		if (highest == 0xfffffffd)
			assert_planned(&outcome);
		else
			assert_unchangeable(&outcome, "no higher ones are left");
	}
}

/* A path that libfdt takes for another node's, and a node in the place of a new one. */
static void misleading_names(void **state) {
	static const char *const names[] = {"bus@0", "sallyport-holder-0", "harmless"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct draft draft = {0};
		struct outcome outcome;

		open_board(&draft);
		begin(&draft, names[i]);
		end(&draft);
		begin(&draft, "bus");
		bytes(&draft, "ranges", "", 0);
		open_gpu(&draft);
		CELLS(&draft, "clocks", CLOCKS, 1);
		end(&draft);
		end(&draft);
		begin(&draft, "bus@1");
		end(&draft);
		close_board(&draft);
		outcome = run_one(&draft, SP_MODE_XL, false, "/bus/gpu@5000000");
		assert_int_equal(outcome.without_overlay, i == 0);
		assert_planned(&outcome);
	}
}

/* Masters of one name on two buses, each behind the same two IPMMUs: their proxies differ. */
static void twin_masters(void **state) {
	static const char *const devices[] = {"/bus-0/gpu@0", "/bus-1/gpu@0"};
	const struct sp_request_guest guest = {
		.name = "guest", .memory = 512, .devices = devices, .device_count = 2};
	const struct sp_request request = {
		.target = SP_TARGET_DEFAULT, .guests = &guest, .guest_count = 1};
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < 2; i++) {
		begin_n(&draft, "ipmmu@%x", 0x10000000 + i * 0x1000);
		text(&draft, "compatible", "renesas,ipmmu-r8a77961");
		CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "#iommu-cells", 1);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		end(&draft);
	}
	for (uint32_t i = 0; i < 2; i++) {
		begin_n(&draft, "bus-%u", i);
		CELLS(&draft, "#address-cells", 1);
		CELLS(&draft, "#size-cells", 1);
		CELLS(&draft, "ranges", 0, 0x20000000 + i * 0x1000, 0x1000);
		begin(&draft, "gpu@0");
		CELLS(&draft, "reg", 0, 0x1000);
		CELLS(&draft, "iommus", FIRST_FREE, i, FIRST_FREE + 1, i);
		end(&draft);
		end(&draft);
	}
	close_board(&draft);
	outcome = run(&draft, &request);
	assert_planned(&outcome);
}

static void huge_cells(void **state) {
	static const uint32_t huge[] = {4, 16, 17, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		struct draft draft = {0};
		struct outcome outcome;

		open_board(&draft);
		begin(&draft, "bus");
		CELLS(&draft, "#address-cells", huge[i]);
		CELLS(&draft, "#size-cells", huge[i]);
		CELLS(&draft, "#interrupt-cells", huge[i]);
		CELLS(&draft, "#clock-cells", huge[i]);
		CELLS(&draft, "#iommu-cells", huge[i]);
		CELLS(&draft, "#stream-id-cells", huge[i]);
		CELLS(&draft, "#phy-cells", huge[i]);
		CELLS(&draft, "phandle", FIRST_FREE);
		CELLS(&draft, "mmu-masters", FIRST_FREE, 1, 2, 3);
		REPEAT(&draft, "ranges", 40, 0, 1, 1);
		REPEAT(&draft, "dma-ranges", 40, 0, 1, 1);
		REPEAT(&draft, "interrupt-map", 40, 0, 1, FIRST_FREE);
		begin(&draft, "gpu@1");
		text(&draft, "compatible", "arm,mali-t860");
		REPEAT(&draft, "reg", 40, 0, 1, 1);
		CELLS(&draft, "interrupt-parent", FIRST_FREE);
		REPEAT(&draft, "interrupts", 40, 0, 1, 1);
		REPEAT(&draft, "clocks", 40, 0, 0, FIRST_FREE);
		REPEAT(&draft, "iommus", 40, 0, 0, FIRST_FREE);
		REPEAT(&draft, "phys", 40, 0, 0, FIRST_FREE);
		end(&draft);
		end(&draft);
		close_board(&draft);
		outcome = run_one(&draft, SP_MODE_DOM0LESS, true, "/bus/gpu@1");
		assert_planned(&outcome);
		assert_int_equal(outcome.verdict, SP_VERDICT_NO);
	}
}

/* Specifiers as long as are read, at a controller that is not the GIC. */
static void sixteen_cells(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	begin(&draft, "controller");
	bytes(&draft, "interrupt-controller", "", 0);
	CELLS(&draft, "#interrupt-cells", 16);
	CELLS(&draft, "phandle", FIRST_FREE);
	end(&draft);
	begin(&draft, "part");
	CELLS(&draft, "interrupt-parent", FIRST_FREE);
	REPEAT(&draft, "interrupts", 16 * 5000, 0, 1, 1);
	end(&draft);
	begin(&draft, "other");
	REPEAT(&draft, "interrupts-extended", 5000, 1, 1, FIRST_FREE, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11, 12, 13, 14, 15, 16);
	end(&draft);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
	assert_int_equal(outcome.codes[SP_CODE_IRQ_BROKEN], 0);
}

static void long_ranges(void **state) {
	const uint32_t count = 20000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "bus");
	CELLS(&draft, "#address-cells", 1);
	CELLS(&draft, "#size-cells", 1);
	REPEAT(&draft, "ranges", count, 0, 0x1000, 0x10000000, 0x10000000, 0x1000);
	REPEAT(&draft, "dma-ranges", count, 0, 0x1000, 0x10000000, 0x10000000, 0x1000);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "gpu@%x", 0xf0000000 + i);
		CELLS(&draft, "reg", 0xf0000000 + i, 1);
		end(&draft);
	}
	end(&draft);
	open_gpu(&draft);
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, false, "/bus/gpu@f0000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

static void many_windows(void **state) {
	const uint32_t count = 20000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "pcie@10000000");
	text(&draft, "compatible", "pci-host-ecam-generic");
	text(&draft, "device_type", "pci");
	CELLS(&draft, "reg", 0x10000000, 0x1000000);
	CELLS(&draft, "#address-cells", 3);
	CELLS(&draft, "#size-cells", 2);
	CELLS(&draft, "#interrupt-cells", 1);
	REPEAT(&draft, "ranges", count, 2, 0x1000, 0x02000000, 0, 0x20000000, 0x20000000, 0,
		0x1000);
	REPEAT(&draft, "dma-ranges", count, 2, 0x1000, 0x02000000, 0, 0, 0, 0, 0x1000);
	REPEAT(&draft, "interrupt-map", count, 0, 0x100, 0, 0, 0, 1, GIC, 0, 120, 4);
	CELLS(&draft, "interrupt-map-mask", 0xff00, 0, 0, 7);
	REPEAT(&draft, "iommu-map", count, 0, 1, 0, SMMU, 0, 1);
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_DOM0LESS, false, "/pcie@10000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

/* An IOMMU that is its own master, many times over. */
static void legacy_circle(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "smmu@a000000");
	text(&draft, "compatible", "arm,smmu-v1");
	CELLS(&draft, "reg", 0xa000000, 0x10000);
	CELLS(&draft, "phandle", FIRST_FREE);
	CELLS(&draft, "#stream-id-cells", 3);
	REPEAT(&draft, "mmu-masters", 20000, 1, 1, FIRST_FREE, 1, 2, 3);
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, true, "/smmu@a000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

/* Devices that all have one page, one interrupt and one stream ID. */
static void open_crowd(struct draft *draft, uint32_t count) {
	open_board(draft);
	begin(draft, "bus@0");
	CELLS(draft, "reg", 0, 0x1000);
	CELLS(draft, "#address-cells", 1);
	CELLS(draft, "#size-cells", 1);
	bytes(draft, "ranges", "", 0);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(draft, "gpu-%u@5000000", i);
		CELLS(draft, "reg", 0x5000000, 0x100);
		CELLS(draft, "interrupts", 0, 100, i % 2 ? 4 : 1);
		CELLS(draft, "iommus", SMMU, 16);
		CELLS(draft, "clocks", CLOCKS, 1);
		end(draft);
	}
	end(draft);
}

/* Nodes as of ten large trees. */
static void many_nodes(void **state) {
	const uint32_t count = 60000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, i % 20 ? "part@%x" : "serial@%x", 0x10000000 + i * 0x1000);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		if (i % 20 == 0) {
			CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
			CELLS(&draft, "interrupts", 0, 100 + i % 800, 4);
			CELLS(&draft, "clocks", CLOCKS, i);
		}
		end(&draft);
	}
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, true, "/serial@10000000");
	assert_planned(&outcome);
}

static void crowd(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_crowd(&draft, 12000);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_DOM0LESS, true, "/bus@0/gpu-7@5000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

/* The same, and all of it is given. */
static void crowd_given(void **state) {
	(void)state;
	for (int mode = 0; mode < SP_MODE_COUNT; mode++) {
		struct draft draft = {0};
		struct outcome outcome;

		open_crowd(&draft, 6000);
		close_board(&draft);
		outcome = run_one(&draft, (enum sp_mode)mode, true, "/bus@0");
		assert_planned(&outcome);
	}
}

/* Each device has an IOMMU of its own, without a driver; the bridge's map names them all. */
static void many_iommus(void **state) {
	const uint32_t count = 6000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	end(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "iommu@%x", 0x10000000 + i * 0x1000);
		text(&draft, "compatible", "sallyport,iommu");
		CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "#iommu-cells", 1);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		end(&draft);
		begin_n(&draft, "gpu@%x", 0x20000000 + i * 0x1000);
		CELLS(&draft, "reg", 0x20000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "iommus", FIRST_FREE + i, 1);
		end(&draft);
	}
	begin(&draft, "pcie@40000000");
	text(&draft, "device_type", "pci");
	CELLS(&draft, "reg", 0x10000000, 0x1000000);
	REPEAT(&draft, "iommu-map", count, 1, 1, 0, FIRST_FREE, 0, 1);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
	assert_int_equal(outcome.codes[SP_CODE_HOST_UNDRIVEN_MASTER], 1);
}

/* IPMMUs ask the tree for the product register; each device is behind two of them. */
static void many_ipmmus(void **state) {
	const uint32_t count = 3000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "bus@0");
	CELLS(&draft, "reg", 0, 0x1000);
	CELLS(&draft, "#address-cells", 1);
	CELLS(&draft, "#size-cells", 1);
	bytes(&draft, "ranges", "", 0);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "gpu@%x", 0x20000000 + i * 0x1000);
		CELLS(&draft, "reg", 0x20000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "iommus", FIRST_FREE + i, 1, FIRST_FREE + (i + 1) % count, 1);
		end(&draft);
	}
	end(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "iommu@%x", 0x10000000 + i * 0x1000);
		text(&draft, "compatible", "renesas,ipmmu-r8a7795");
		text(&draft, "status", "disabled");
		CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "#iommu-cells", 1);
		CELLS(&draft, "phandle", FIRST_FREE + i);
		end(&draft);
	}
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, false, "/bus@0");
	assert_planned(&outcome);
}

/* A bus with many properties, each of whose children asks it for its cells and ranges. */
static void wide_bus(void **state) {
	const uint32_t count = 30000;
	struct draft draft = {0};
	struct outcome outcome;
	char name[16];

	(void)state;
	open_board(&draft);
	begin(&draft, "bus");
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "p%x", i);
		head(&draft, new_name(&draft, name), 0);
	}
	bytes(&draft, "ranges", "", 0);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "gpu@%x", 0x10000000 + i * 0x1000);
		CELLS(&draft, "reg", 0x10000000 + i * 0x1000, 0x1000);
		end(&draft);
	}
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, false, "/bus/gpu@10000000");
	assert_planned(&outcome);
}

/* A device with many properties, all of which are copied. */
static void wide_device(void **state) {
	const uint32_t count = 60000;
	struct draft draft = {0};
	struct outcome outcome;
	char name[16];

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "p%x", i);
		head(&draft, new_name(&draft, name), 4);
		sp_buf_be32(&draft.structure, i);
	}
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

/* Aliases that are looked for and not found among many nodes. */
static void many_aliases(void **state) {
	const uint32_t count = 60000;
	struct draft draft = {0};
	struct outcome outcome;
	char name[16];

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	end(&draft);
	begin(&draft, "aliases");
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		head(&draft, new_name(&draft, name), 4);
		sp_buf_put(&draft.structure, "/x\0", 4);
	}
	end(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "y@%x", i);
		end(&draft);
	}
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

static void many_strings(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "gpu@5000000");
	CELLS(&draft, "reg", 0x5000000, 0x10000);
	REPEAT(&draft, "compatible", 100000, 0, 0, 0x41004200);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

static void many_interrupts(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "gpu@5000000");
	text(&draft, "compatible", "arm,mali-t860");
	CELLS(&draft, "reg", 0x5000000, 0x10000);
	REPEAT(&draft, "interrupts-extended", 50000, 2, 0, GIC, 0, 100, 4);
	begin(&draft, "part");
	REPEAT(&draft, "interrupts", 50000, 1, 0, 0, 900, 4);
	end(&draft);
	begin(&draft, "local");
	CELLS(&draft, "#interrupt-cells", 0);
	CELLS(&draft, "phandle", FIRST_FREE);
	end(&draft);
	begin(&draft, "other");
	REPEAT(&draft, "interrupts-extended", 100000, 0, 0, FIRST_FREE);
	end(&draft);
	end(&draft);
	close_board(&draft);
	outcome = run_gpu(&draft);
	assert_planned(&outcome);
}

/* Reserved regions from the highest down, each apart from the next. */
static void many_regions(void **state) {
	const uint32_t count = 60000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "reserved-memory");
	CELLS(&draft, "#address-cells", 1);
	CELLS(&draft, "#size-cells", 1);
	bytes(&draft, "ranges", "", 0);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "r%x", i);
		CELLS(&draft, "reg", 0x7ffff000 - i * 0x2000, 0x1000);
		end(&draft);
	}
	end(&draft);
	open_gpu(&draft);
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_DIRECT, false, "/gpu@5000000");
	assert_planned(&outcome);
}

/* Blocks that cannot stay where they are, in a guest with much memory, and overlap other ones. */
static void many_blocks(void **state) {
	const uint32_t count = 20000;
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	begin(&draft, "gpu@80000000");
	REPEAT(&draft, "reg", count, 0, 0x2000, 0x80000000, 0x1000);
	end(&draft);
	for (uint32_t i = 0; i < count; i++) {
		begin_n(&draft, "other@%x", i);
		CELLS(&draft, "reg", i * 0x100, 0xf0000000);
		end(&draft);
	}
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, false, "/gpu@80000000");
	assert_planned(&outcome);
	assert_int_equal(outcome.verdict, SP_VERDICT_NO);
}

/* Everything depends on one node and the node on everything. */
static void many_references(void **state) {
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	open_board(&draft);
	open_gpu(&draft);
	CELLS(&draft, "phandle", FIRST_FREE);
	REPEAT(&draft, "power-domains", 20000, 1, 1, CLOCKS, 0);
	REPEAT(&draft, "resets", 20000, 0, 0, CLOCKS);
	REPEAT(&draft, "pinctrl-0", 20000, 0, 0, CLOCKS);
	REPEAT(&draft, "memory-region", 20000, 0, 1, 0xff000000);
	REPEAT(&draft, "phys", 20000, 0, 0, CLOCKS);
	end(&draft);
	begin(&draft, "user");
	REPEAT(&draft, "phys", 60000, 0, 0, FIRST_FREE);
	end(&draft);
	close_board(&draft);
	outcome = run_one(&draft, SP_MODE_XL, true, "/gpu@5000000");
	assert_planned(&outcome);
}

/* As many guests as a plan file can have, which conflict in everything. */
static void many_guests(void **state) {
	enum { GUESTS = 256 };
	static struct sp_request_guest guests[GUESTS];
	static char names[GUESTS][8];
	const char *const devices[] = {"/gpu@5000000", "/clocks@7000000"};
	const struct sp_request request = {
		.target = SP_TARGET_DEFAULT, .guests = guests, .guest_count = GUESTS};
	struct draft draft = {0};
	struct outcome outcome;

	(void)state;
	for (uint32_t i = 0; i < GUESTS; i++) {
		snprintf(names[i], sizeof(names[i]), "g%u", i);
		guests[i] = (struct sp_request_guest){.name = names[i],
			.mode = SP_MODE_DOM0LESS,
			.memory = 64,
			.devices = devices,
			.device_count = 2};
	}
	open_board(&draft);
	open_gpu(&draft);
	REPEAT(&draft, "clocks", 10, 1, 1, CLOCKS, 0);
	end(&draft);
	for (uint32_t i = 0; i < 2000; i++) {
		begin_n(&draft, "gpu@%x", 0x20000000 + i * 0x1000);
		CELLS(&draft, "reg", 0x20000000 + i * 0x1000, 0x1000);
		CELLS(&draft, "interrupts", 0, 100, 1);
		end(&draft);
	}
	close_board(&draft);
	outcome = run(&draft, &request);
	assert_planned(&outcome);
	assert_true(outcome.codes[SP_CODE_GUESTS_DEVICE] >= 2 * (GUESTS - 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting),
		cmocka_unit_test(interrupt_circles),
		cmocka_unit_test(clock_circles),
		cmocka_unit_test(many_clocks),
		cmocka_unit_test(graph_circle),
		cmocka_unit_test(data_circles),
		cmocka_unit_test(twin_phandles),
		cmocka_unit_test(highest_phandle),
		cmocka_unit_test(misleading_names),
		cmocka_unit_test(twin_masters),
		cmocka_unit_test(huge_cells),
		cmocka_unit_test(sixteen_cells),
		cmocka_unit_test(long_ranges),
		cmocka_unit_test(many_windows),
		cmocka_unit_test(legacy_circle),
		cmocka_unit_test(many_nodes),
		cmocka_unit_test(crowd),
		cmocka_unit_test(crowd_given),
		cmocka_unit_test(many_iommus),
		cmocka_unit_test(many_ipmmus),
		cmocka_unit_test(wide_bus),
		cmocka_unit_test(wide_device),
		cmocka_unit_test(many_aliases),
		cmocka_unit_test(many_strings),
		cmocka_unit_test(many_interrupts),
		cmocka_unit_test(many_regions),
		cmocka_unit_test(many_blocks),
		cmocka_unit_test(many_references),
		cmocka_unit_test(many_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
