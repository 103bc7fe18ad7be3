/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/version.h>

#include "base/findings.h"
#include "emit/emit.h"
#include "emit/text.h"

enum {
	PATH_WIDTH = 48,
	STREAMS_SHOWN = 12,
};

struct report {
	const struct sp_plan *plan;
	struct sp_buf *out;
};

/* Fills the line that began at `start` up to `column`; one blank at least. */
static void pad(struct sp_buf *out, size_t start, size_t column) {
	size_t used = out->size - start;

	if (!out->failed)
		sp_buf_fill(out, ' ', used < column ? column - used : 1);
}

static void underline(struct sp_buf *out, size_t start, char c) {
	size_t width = out->failed ? 0 : out->size - start;

	sp_buf_char(out, '\n');
	sp_buf_fill(out, c, width);
	sp_buf_char(out, '\n');
}

static void write_heading(struct report *report) {
	const struct sp_plan *plan = report->plan;
	struct sp_buf *out = report->out;
	size_t start = out->size;

	sp_buf_str(out, "Device passthrough, planned by sallyport " SALLYPORT_VERSION);
	underline(out, start, '=');
	sp_buf_str(out, "Host      ");
	sp_text_plain(out, plan->host->model[0] ? plan->host->model : "(a tree without a model)");
	sp_buf_str(out, "\nTree      ");
	sp_text_plain(out, plan->host->name);
	if (plan->host->gic != SP_NODE_NONE) {
		sp_buf_str(out, "\nGIC       ");
		sp_text_plain(out, sp_text_path(plan, plan->host->gic));
		if (plan->host->gic_version) {
			sp_buf_str(out, ", version ");
			sp_buf_dec(out, plan->host->gic_version);
		}
	}
	sp_buf_str(out, "\nTarget    ");
	sp_buf_str(out, sp_target_name(plan->request->target));
	sp_buf_char(out, '\n');
	sp_findings_summary(out, plan->verdict, plan->findings.data, plan->findings.count);
}

static void write_devices(struct report *report, const struct sp_plan_guest *guest) {
	struct sp_buf *out = report->out;

	sp_text_section(out, "Devices");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_guest_device *device = &guest->devices.data[i];

		sp_buf_str(out, "    ");
		sp_text_plain(out, device->path);
		sp_buf_char(out, '\n');
		if (device->companion) {
			sp_buf_str(out, "        brought along by ");
			sp_text_plain(out, sp_text_path(report->plan, device->because));
			sp_buf_char(out, '\n');
		}
		if (device->guest_path) {
			sp_buf_str(out, "        in the guest ");
			sp_text_plain(out, device->guest_path);
			sp_buf_char(out, '\n');
		}
	}
}

static void write_memory(struct report *report, const struct sp_plan_guest *guest) {
	struct sp_buf *out = report->out;
	size_t start;

	if (!guest->mappings.count)
		return;
	sp_text_section(out, "Registers, in whole pages");
	start = out->size;
	sp_buf_str(out, "    guest");
	pad(out, start, 18);
	sp_buf_str(out, "host");
	pad(out, start, 32);
	sp_buf_str(out, "size");
	pad(out, start, 44);
	sp_buf_str(out, "for\n");
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];

		start = out->size;
		sp_buf_str(out, "    ");
		sp_text_hex(out, mapping->guest);
		pad(out, start, 18);
		if (mapping->guest == mapping->host)
			sp_buf_str(out, "the same");
		else
			sp_text_hex(out, mapping->host);
		pad(out, start, 32);
		sp_text_size(out, mapping->size);
		pad(out, start, 44);
		sp_text_short(out, sp_text_path(report->plan, mapping->node), PATH_WIDTH);
		if (strcmp(mapping->what, "registers") != 0) {
			sp_buf_str(out, ", ");
			sp_text_plain(out, mapping->what);
		}
		sp_buf_char(out, '\n');
	}
}

static void write_irqs(struct report *report, const struct sp_plan_guest *guest) {
	struct sp_buf *out = report->out;

	if (!guest->irqs.count)
		return;
	sp_text_section(out, "Interrupts, by the GIC's numbers");
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		const struct sp_guest_irq *irq = &guest->irqs.data[i];
		size_t start = out->size;

		sp_buf_str(out, "    ");
		sp_buf_dec(out, irq->number);
		pad(out, start, 12);
		sp_text_irq(out, irq->number, irq->type);
		pad(out, start, 44);
		sp_text_short(out, sp_text_path(report->plan, irq->node), PATH_WIDTH);
		sp_buf_char(out, '\n');
	}
	if (guest->nr_spis) {
		sp_buf_str(out, "    nr_spis must be ");
		sp_buf_dec(out, guest->nr_spis);
		sp_buf_str(out, ".\n");
	}
}

static void write_streams(struct report *report, const struct sp_plan_guest *guest) {
	struct sp_buf *out = report->out;
	struct sp_buf line = {0};
	bool *done;

	if (!guest->streams.count)
		return;
	done = calloc(guest->streams.count, sizeof(*done));
	if (!done) {
		out->failed = true;
		return;
	}
	sp_text_section(out, "Stream IDs at IOMMUs");
	for (uint32_t i = 0; i < guest->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->streams.data[i];

		if (done[i])
			continue;
		line.size = 0;
		sp_text_plain(&line, sp_text_path(report->plan, stream->node));
		sp_buf_str(&line, " at ");
		sp_text_plain(&line, sp_text_path(report->plan, stream->stream.iommu));
		sp_buf_str(&line, ": ");
		sp_text_streams(&line, guest, i, done, STREAMS_SHOWN);
		if (strcmp(stream->holder, sp_text_path(report->plan, stream->node)) != 0) {
			sp_buf_str(&line, ", carried by ");
			sp_text_plain(&line, stream->holder);
		}
		if (!line.failed)
			sp_text_wrap(out, "    ", "        ", line.data);
	}
	if (line.failed)
		out->failed = true;
	sp_buf_release(&line);
	free(done);
}

static void write_dependency(struct report *report, const struct sp_dependency *dependency) {
	struct sp_buf *out = report->out;
	struct sp_buf line = {0};

	sp_text_plain(&line, sp_text_path(report->plan, dependency->node));
	sp_buf_char(&line, ' ');
	sp_text_plain(&line, dependency->property);
	sp_buf_char(&line, '[');
	sp_buf_dec(&line, dependency->index);
	sp_buf_str(&line, "] -> ");
	sp_text_plain(&line, sp_text_path(report->plan, dependency->provider));
	if (dependency->detail) {
		sp_buf_str(&line, ": ");
		sp_text_plain(&line, dependency->detail);
	}
	if (line.failed)
		out->failed = true;
	else
		sp_text_wrap(out, "        ", "            ", line.data);
	sp_buf_release(&line);
}

static void write_dependencies(struct report *report, const struct sp_plan_guest *guest) {
	static const enum sp_action order[] = {SP_ACTION_REFUSE, SP_ACTION_DROP, SP_ACTION_STUB,
		SP_ACTION_GIVE, SP_ACTION_COPY, SP_ACTION_REWRITE};
	static const char *const titles[] = {
		[SP_ACTION_REFUSE] = "    Missing for good:\n",
		[SP_ACTION_DROP] = "    Left out:\n",
		[SP_ACTION_STUB] = "    Replaced by a stand-in:\n",
		[SP_ACTION_GIVE] = "    Given along:\n",
		[SP_ACTION_COPY] = "    Copied:\n",
		[SP_ACTION_REWRITE] = "    Expressed anew:\n",
	};

	if (!guest->dependencies.count)
		return;
	sp_text_section(report->out, "What the devices hang on");
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
		bool first = true;

		for (uint32_t i = 0; i < guest->dependencies.count; i++) {
			if (guest->dependencies.data[i].action != order[k])
				continue;
			if (first)
				sp_buf_str(report->out, titles[order[k]]);
			first = false;
			write_dependency(report, &guest->dependencies.data[i]);
		}
	}
}

static void write_guest(struct report *report, const struct sp_plan_guest *guest) {
	struct sp_buf *out = report->out;
	size_t start;

	sp_buf_char(out, '\n');
	start = out->size;
	sp_buf_str(out, "Guest ");
	sp_text_plain(out, guest->request->name);
	sp_buf_str(out, ": ");
	sp_buf_str(out, sp_mode_name(guest->request->mode));
	sp_buf_str(out, ", ");
	sp_text_size(out, (uint64_t)guest->request->memory << 20);
	if (guest->static_memory) {
		sp_buf_str(out, " at ");
		sp_text_hex(out, guest->static_memory);
	}
	sp_buf_str(out, ", verdict ");
	sp_buf_str(out, sp_verdict_name(guest->verdict));
	underline(out, start, '-');
	write_devices(report, guest);
	write_memory(report, guest);
	write_irqs(report, guest);
	write_streams(report, guest);
	write_dependencies(report, guest);
}

static void write_holders(struct report *report) {
	const struct sp_plan *plan = report->plan;
	struct sp_buf *out = report->out;

	if (!plan->holders.count)
		return;
	sp_buf_str(out,
		"\nNodes that keep things on in dom0\n"
		"---------------------------------\n");
	for (uint32_t i = 0; i < plan->holders.count; i++) {
		const struct sp_holder *holder = &plan->holders.data[i];

		sp_buf_str(out, "    ");
		sp_text_plain(out, holder->path);
		sp_buf_str(out, ": ");
		sp_text_plain(out, holder->what);
		sp_buf_str(out, " of ");
		sp_text_plain(out, sp_text_path(plan, holder->node));
		sp_buf_char(out, '\n');
	}
}

static bool same_remedy(const struct sp_finding *a, const struct sp_finding *b) {
	return a->code == b->code && a->remedy && b->remedy && strcmp(a->remedy, b->remedy) == 0;
}

/* `next` is the finding that follows, NULL for none: what they have in common is said once. */
static void write_finding(
	struct report *report, const struct sp_finding *finding, const struct sp_finding *next) {
	struct sp_buf *out = report->out;

	sp_buf_str(out, "  ");
	sp_buf_str(out, sp_severity_name(finding->severity));
	sp_buf_char(out, ' ');
	sp_buf_str(out, sp_finding_info(finding->code)->code);
	if (finding->guest && sp_emit_in_folders(report->plan)) {
		sp_buf_str(out, " [");
		sp_text_plain(out, finding->guest);
		sp_buf_char(out, ']');
	}
	if (finding->path) {
		sp_buf_char(out, ' ');
		sp_text_plain(out, finding->path);
	}
	sp_buf_char(out, '\n');
	sp_text_wrap(out, "      ", "      ", finding->message);
	if (finding->remedy && finding->remedy[0] && !(next && same_remedy(finding, next)))
		sp_text_wrap(out, "      -> ", "         ", finding->remedy);
}

/* Worst first, over all guests. */
static void write_findings(struct report *report) {
	const struct sp_plan *plan = report->plan;

	sp_buf_str(report->out, "\nFindings\n--------\n");
	if (!plan->findings.count)
		sp_buf_str(report->out, "  none\n");
	for (int severity = SP_SEVERITY_ERROR; severity > SP_SEVERITY_NONE; severity--) {
		const struct sp_finding *last = NULL;

		for (uint32_t i = 0; i < plan->findings.count; i++) {
			const struct sp_finding *finding = &plan->findings.data[i];

			if ((int)finding->severity != severity)
				continue;
			if (last)
				write_finding(report, last, finding);
			last = finding;
		}
		if (last)
			write_finding(report, last, NULL);
	}
}

static void put_step(struct sp_buf *out, unsigned *step, const char *text) {
	char first[16];

	snprintf(first, sizeof(first), "%3u. ", ++*step);
	sp_text_wrap(out, first, "     ", text);
}

static void write_host_steps(struct report *report, unsigned *step) {
	const struct sp_plan *plan = report->plan;
	struct sp_buf *out = report->out;

	if (plan->xen_options.count) {
		put_step(out, step, "Build Xen with these options on:");
		for (uint32_t i = 0; i < plan->xen_options.count; i++) {
			sp_buf_str(out, "       ");
			sp_text_plain(out, plan->xen_options.data[i]);
			sp_buf_char(out, '\n');
		}
	}
	if (plan->edits.count)
		put_step(out, step,
			"Change the host's tree before Xen reads it: apply host-overlay.dtbo "
			"(fdtoverlay, "
			"or fdt apply in U-Boot), or run uboot.cmd in U-Boot, or complete "
			"imagebuilder.cfg "
			"and let ImageBuilder do it. host-overlay.dts shows the changes.");
	if (plan->dom0_arguments.count || plan->xen_arguments.count)
		put_step(out, step,
			"Add the arguments of bootargs.txt to the command lines, and boot.");
}

static void write_guest_step(
	struct report *report, const struct sp_plan_guest *guest, unsigned *step) {
	const char *folder = sp_emit_in_folders(report->plan) ? guest->request->name : "";
	const char *slash = folder[0] ? "/" : "";
	struct sp_buf text = {0};

	if (guest->request->mode == SP_MODE_XL)
		sp_buf_printf(&text,
			"In dom0, name a kernel in %s%sguest.cfg, put %s%sguest.dtb beside it, "
			"and run: xl create guest.cfg",
			folder, slash, folder, slash);
	if (guest->request->mode == SP_MODE_XL && guest->request->hotplug)
		sp_buf_printf(&text, "; when it runs: sallyport attach %s %s%sattach.cfg",
			guest->request->name, folder, slash);
	if (guest->request->mode != SP_MODE_XL)
		sp_buf_printf(&text,
			"Let the boot loader load the kernel and %s%sguest.dtb, and apply "
			"%s%sdom0less.dtbo to the host's tree after the change above; "
			"Xen then starts the guest at boot.",
			folder, slash, folder, slash);
	if (text.failed)
		report->out->failed = true;
	else
		put_step(report->out, step, text.data);
	sp_buf_release(&text);
}

static void write_steps(struct report *report) {
	const struct sp_plan *plan = report->plan;
	struct sp_buf *out = report->out;
	unsigned step = 0;

	sp_buf_str(out, "\nWhat to do\n----------\n");
	if (!sp_emit_complete(plan)) {
		sp_text_wrap(out, "  ", "  ",
			"Resolve the errors above and plan again. Until then there are only this "
			"file and plan.json; --keep-going writes the others all the same.");
		return;
	}
	write_host_steps(report, &step);
	for (uint32_t i = 0; i < plan->guests.count; i++)
		write_guest_step(report, &plan->guests.data[i], &step);
	put_step(out, &step,
		"map.svg shows the guest's memory, graph.dot what its devices hang on, "
		"and plan.json all of this for programs.");
}

bool sp_emit_report(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct report report = {.plan = plan, .out = out};

	(void)error;
	write_heading(&report);
	for (uint32_t i = 0; i < plan->guests.count; i++)
		write_guest(&report, &plan->guests.data[i]);
	write_holders(&report);
	write_findings(&report);
	write_steps(&report);
	return true;
}
