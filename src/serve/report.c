/* SPDX-License-Identifier: MIT */
#include "serve/report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sallyport/version.h>

void sp_report_open(struct sp_report *report, struct sp_vm *vm, const struct sp_viewers *viewers,
	struct sp_loop *loop) {
	report->vm = vm;
	report->viewers = viewers;
	report->loop = loop;
	report->began = loop->ops->now(loop);
	/* Now, as no file can be opened later. */
	report->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

void sp_report_close(struct sp_report *report) {
	if (report->statm >= 0)
		close(report->statm);
	report->statm = -1;
}

/* The second and the third number of statm(5), in pages: resident, and shared of that. */
static void put_memory(const struct sp_report *report, struct sp_json *json) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), resident, shared;
	char text[128] = "", *end;
	ssize_t size = pread(report->statm, text, sizeof(text) - 1, 0);

	if (size <= 0)
		return;
	(void)strtoull(text, &end, 10);
	resident = strtoull(end, &end, 10);
	shared = strtoull(end, &end, 10);
	sp_json_number(json, "resident", resident * page);
	sp_json_number(json, "private", (resident > shared ? resident - shared : 0) * page);
}

static void put_budget(const struct sp_budget *budget, struct sp_json *json) {
	sp_json_object(json, "budget");
	for (enum sp_resource i = 0; i < SP_RESOURCE_COUNT; i++) {
		sp_json_object(json, sp_resource_name(i));
		sp_json_number(json, "used", sp_budget_used(budget, i));
		sp_json_number(json, "peak", sp_budget_peak(budget, i));
		sp_json_number(json, "refused", sp_budget_refused(budget, i));
		sp_json_end_object(json);
	}
	sp_json_end_object(json);
}

static void put_sandbox(const struct sp_sandbox *sandbox, struct sp_json *json) {
	sp_json_object(json, "sandbox");
	sp_json_bool(json, "seccomp", sandbox && sandbox->seccomp);
	sp_json_number(json, "landlock", sandbox ? (uint64_t)sandbox->landlock : 0);
	sp_json_end_object(json);
}

static void put_holder(const struct sp_held *held, struct sp_json *json) {
	uint32_t restarts, upgrades;

	if (!held)
		return;
	sp_held_count(held, &restarts, &upgrades);
	sp_json_object(json, "holder");
	sp_json_number(json, "restarts", restarts);
	sp_json_number(json, "upgrades", upgrades);
	sp_json_end_object(json);
}

/* Those that came at all, by their names. */
static void put_messages(
	const char *key, const uint64_t counts[SP_WIRE_COMMANDS], struct sp_json *json) {
	sp_json_object(json, key);
	for (uint16_t i = 0; i < SP_WIRE_COMMANDS; i++) {
		const char *name = sp_wire_command_name(i);

		if (counts[i])
			sp_json_number(json, name ? name : "unknown", counts[i]);
	}
	sp_json_end_object(json);
}

static void put_screen(const struct sp_vm_device *device, struct sp_json *json) {
	const struct sp_picture *picture;

	if (!device->made.scanout)
		return;
	picture = &device->made.scanout->picture;
	sp_json_object(json, "screen");
	sp_json_number(json, "width", picture->file < 0 ? 0 : picture->width);
	sp_json_number(json, "height", picture->file < 0 ? 0 : picture->height);
	sp_json_number(json, "flips", device->screen.flips);
	sp_json_number(json, "resizes", device->screen.resizes);
	sp_json_number(json, "blanks", device->screen.blanks);
	sp_json_end_object(json);
}

static void put_counters(const struct sp_wire_counters *counters, struct sp_json *json) {
	const struct {
		const char *key;
		uint64_t value;
	} figures[] = {
		{"clients", counters->clients},
		{"errors", counters->errors},
		{"bytes_in", counters->bytes_in},
		{"bytes_out", counters->bytes_out},
		{"traps", counters->traps},
		{"interrupts", counters->interrupts},
		{"strays", counters->strays},
		{"answered_late", counters->late},
		{"files_received", counters->files},
		{"allocations", counters->allocations},
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		sp_json_number(json, figures[i].key, figures[i].value);
	put_messages("messages", counters->messages, json);
	put_messages("requests", counters->requests, json);
}

static void put_device(const struct sp_vm_device *device, struct sp_json *json) {
	struct sp_wire_state state;

	sp_endpoint_state(device->endpoint, &state);
	sp_json_object(json, NULL);
	sp_json_string(json, "name", device->name);
	sp_json_string(json, "model", device->model->name);
	sp_json_bool(json, "client", state.client);
	sp_json_number(json, "mapped", state.mapped);
	sp_json_number(json, "ranges", state.ranges);
	sp_json_number(json, "ranges_peak", state.ranges_peak);
	sp_json_number(json, "files", state.files);
	sp_json_number(json, "pins", state.pins);
	sp_json_bool(json, "late", state.late);
	put_counters(&state.counters, json);
	put_screen(device, json);
	if (device->made.input && device->made.input->key)
		sp_json_number(json, "lights", device->made.input->lights);
	sp_json_end_object(json);
}

static void put_viewers(const struct sp_viewers *viewers, struct sp_json *json) {
	struct sp_vnc_state state;

	if (!viewers)
		return;
	sp_viewers_state(viewers, &state);
	sp_json_object(json, "vnc");
	sp_json_number(json, "viewers", state.viewers);
	sp_json_number(json, "viewers_ever", state.viewers_ever);
	sp_json_number(json, "refused", state.refused);
	sp_json_number(json, "ended", state.ended);
	sp_json_number(json, "passes", state.passes);
	sp_json_number(json, "tiles_compared", state.tiles_compared);
	sp_json_number(json, "tiles_changed", state.tiles_changed);
	sp_json_number(json, "updates", state.updates);
	sp_json_number(json, "bytes", state.bytes);
	sp_json_number(json, "keys", state.keys);
	sp_json_number(json, "keys_unknown", state.keys_unknown);
	sp_json_number(json, "memory", state.memory);
	sp_json_end_object(json);
}

void sp_report_write(const struct sp_report *report, struct sp_json *json) {
	uint64_t now = report->loop->ops->now(report->loop);
	const struct sp_vm_device *devices;
	uint32_t count;

	devices = sp_vm_devices(report->vm, &count);
	sp_json_string(json, "vm", sp_vm_name(report->vm));
	sp_json_string(json, "version", SALLYPORT_VERSION);
	sp_json_number(json, "pid", (uint64_t)getpid());
	sp_json_number(json, "now", now);
	sp_json_number(json, "uptime", now - report->began);
	put_sandbox(sp_vm_sandbox(report->vm), json);
	put_holder(sp_vm_held(report->vm), json);
	put_memory(report, json);
	put_budget(sp_vm_budget(report->vm), json);
	sp_json_array(json, "devices");
	for (uint32_t i = 0; i < count; i++)
		put_device(&devices[i], json);
	sp_json_end_array(json);
	put_viewers(report->viewers, json);
}
