/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/print.h"
#include "dom0/dom0.h"

static const char *guest_of(const struct dom0 *dom0) {
	return dom0->name ? dom0->name : dom0->guest;
}

static void put_guest(const struct dom0 *dom0) {
	cli_text(dom0->cli->out, guest_of(dom0));
	fprintf(dom0->cli->out, " (domain %u)", dom0->id);
}

/* "bind interrupt 112 (SPI 80)"; what could not be allocated is not printed. */
static void describe(struct sp_buf *out, const struct sp_attach_step *step) {
	out->size = 0;
	sp_attach_describe(out, step);
}

static void print_count(FILE *out, const struct sp_attach *attach, enum sp_attach_kind kind,
	const char *what, const char **comma) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < attach->steps.count; i++)
		count += attach->steps.data[i].kind == kind &&
			attach->steps.data[i].state == SP_ATTACH_DONE;
	if (!count)
		return;
	fprintf(out, "%s%u %s%s", *comma, count, what, count == 1 ? "" : "s");
	*comma = ", ";
}

static void print_done(const struct dom0 *dom0, const struct sp_attach *attach) {
	FILE *out = dom0->cli->out;
	const char *comma = ": ";

	fputs(dom0->detach ? "detached from " : "attached to ", out);
	put_guest(dom0);
	print_count(out, attach, SP_ATTACH_ASSIGN, "node", &comma);
	print_count(out, attach, SP_ATTACH_MAP, "range", &comma);
	print_count(out, attach, SP_ATTACH_ADD, "function", &comma);
	print_count(out, attach, SP_ATTACH_BIND, "interrupt", &comma);
	putc('\n', out);
}

static void print_planned(
	const struct dom0 *dom0, const struct sp_attach *attach, struct sp_buf *text) {
	FILE *out = dom0->cli->out;
	uint32_t count = attach->steps.count;

	if (dom0->end_guest) {
		fputs("would end ", out);
		put_guest(dom0);
		putc('\n', out);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_attach_step *step =
			&attach->steps.data[dom0->detach ? count - 1 - i : i];

		describe(text, step);
		if (text->failed || (dom0->detach && step->state == SP_ATTACH_NOTHING))
			continue;
		fputs(dom0->detach                                 ? "would undo: "
				: step->state == SP_ATTACH_NOTHING ? "is done:    "
								   : "would:      ",
			out);
		cli_text(out, text->data);
		putc('\n', out);
	}
}

static uint32_t count_state(const struct sp_attach *attach, enum sp_attach_state state) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < attach->steps.count; i++)
		count += attach->steps.data[i].state == state;
	return count;
}

/* What is not as it was before. */
static void complain_left(
	const struct dom0 *dom0, const struct dom0_result *result, struct sp_buf *text) {
	const struct sp_attach *attach = result->attach;
	uint32_t undone = count_state(attach, SP_ATTACH_UNDONE);

	if (undone)
		cli_complain(NULL, "%s: the %u step%s before it %s undone", dom0->verb, undone,
			undone == 1 ? "" : "s", undone == 1 ? "was" : "were");
	for (uint32_t i = 0; i < attach->steps.count; i++) {
		const struct sp_attach_step *step = &attach->steps.data[i];

		describe(text, step);
		if (text->failed)
			continue;
		if (step->state == SP_ATTACH_STAYS)
			cli_complain("It does no harm without the device, and attaching again "
				     "goes on from there.",
				"%s: not undone: %s: interrupt and number stay the guest's until "
				"it ends",
				dom0->verb, text->data);
		else if (step->state == SP_ATTACH_STUCK)
			cli_complain(step->kind == SP_ATTACH_TAKE
					? "`xl pci-assignable-remove -r` gives it back, when no "
					  "guest has it."
					: "It is Xen's again when the guest ends.",
				"%s: not undone: %s: %s", dom0->verb, text->data,
				strerror(step->error));
		else if (dom0->detach && step->state == SP_ATTACH_FAILED &&
			step != result->failure.step)
			cli_complain(NULL, "%s: failed too: %s: %s", dom0->verb, text->data,
				strerror(step->error));
	}
}

static enum cli_status complain(
	const struct dom0 *dom0, const struct dom0_result *result, struct sp_buf *text) {
	const struct sp_attach_failure *failure = &result->failure;

	text->size = 0;
	if (failure->step) {
		sp_buf_printf(text, "step %u of %u, %s",
			(unsigned)(failure->step - result->attach->steps.data) + 1,
			result->attach->steps.count, dom0->detach ? "undo: " : "");
		sp_attach_describe(text, failure->step);
		sp_buf_str(text, ": ");
	}
	sp_buf_str(text, failure->words);
	if (*failure->said) {
		sp_buf_str(text, " (");
		sp_text_plain(text, failure->said);
		sp_buf_char(text, ')');
	}
	cli_complain(failure->remedy, "%s: guest %s: %s: %s", dom0->verb, guest_of(dom0),
		text->failed ? failure->words : text->data, strerror(failure->error));
	if (failure->code)
		cli_complain(
			NULL, "%s: `sallyport explain %s` tells more", dom0->verb, failure->code);
	complain_left(dom0, result, text);
	return CLI_BAD;
}

static enum cli_status print_text(const struct dom0 *dom0, const struct dom0_result *result) {
	struct sp_buf text = {0};
	FILE *out = dom0->cli->out;
	enum cli_status status = CLI_GOOD;

	switch (result->outcome) {
	case DOM0_FAILED:
		status = complain(dom0, result, &text);
		break;
	case DOM0_REFUSED:
		cli_print_findings(dom0->cli, &result->finding, 1, true);
		status = CLI_NO;
		break;
	case DOM0_PLANNED:
		if (!dom0->quiet)
			print_planned(dom0, result->attach, &text);
		break;
	case DOM0_DONE:
		if (!dom0->quiet)
			print_done(dom0, result->attach);
		break;
	default:
		if (dom0->quiet)
			break;
		fputs(result->outcome == DOM0_ENDED ? "ended "
				: dom0->detach      ? "nothing to detach from "
						    : "attached already to ",
			out);
		put_guest(dom0);
		fprintf(out,
			result->outcome == DOM0_ENDED ? ": Xen has everything back\n"
				: dom0->detach        ? ": nothing of %s is attached\n"
						      : ": everything in %s\n",
			dom0->file ? "this file" : "this list");
	}
	sp_buf_release(&text);
	return status;
}

static void write_function(struct sp_json *json, const struct sp_attach_step *step) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, step->pci.bdf);
	sp_json_string(json, "function", address);
	if (step->kind == SP_ATTACH_TAKE)
		sp_json_string(json, "driver", *step->driver ? step->driver : NULL);
	else if (step->pci.slot)
		sp_json_number(json, "slot", step->pci.slot);
}

static void write_step(struct sp_json *json, const struct sp_attach_step *step) {
	sp_json_object(json, NULL);
	sp_json_flat(json);
	sp_json_string(json, "kind", sp_attach_kind_name(step->kind));
	if (step->kind == SP_ATTACH_ASSIGN) {
		sp_json_string(json, "path", step->path);
	} else if (step->kind == SP_ATTACH_BIND) {
		sp_json_number(json, "irq", step->irq);
	} else if (step->kind == SP_ATTACH_TAKE || step->kind == SP_ATTACH_ADD) {
		write_function(json, step);
	} else {
		sp_json_number(json, "start", step->host);
		sp_json_number(json, "count", step->count);
		if (step->kind == SP_ATTACH_MAP)
			sp_json_number(json, "guest", step->guest);
	}
	sp_json_string(json, "state", sp_attach_state_name(step->state));
	if (step->error)
		sp_json_string(json, "error", strerror(step->error));
	sp_json_end_object(json);
}

static void write_json(
	struct sp_json *json, const struct dom0 *dom0, const struct dom0_result *result) {
	static const char *const OUTCOMES[] = {
		[DOM0_PLANNED] = "planned",
		[DOM0_DONE] = "done",
		[DOM0_NOTHING] = "nothing",
		[DOM0_FAILED] = "failed",
		[DOM0_REFUSED] = "refused",
		[DOM0_ENDED] = "ended",
	};
	const struct sp_attach_failure *failure = &result->failure;

	sp_json_object(json, NULL);
	sp_json_string(json, "verb", dom0->verb);
	sp_json_string(json, "guest", guest_of(dom0));
	sp_json_number(json, "domain", dom0->id);
	sp_json_string(json, "file", dom0->file);
	sp_json_string(json, "outcome", OUTCOMES[result->outcome]);
	if (result->outcome == DOM0_REFUSED) {
		sp_json_string(json, "code", sp_finding_info(result->finding.code)->code);
		sp_json_string(json, "message", result->finding.message);
		sp_json_string(json, "remedy", result->finding.remedy);
	} else if (result->outcome == DOM0_FAILED) {
		if (failure->step)
			sp_json_number(json, "failed_step",
				(uint64_t)(failure->step - result->attach->steps.data));
		sp_json_string(json, "error", strerror(failure->error));
		sp_json_string(json, "message", failure->words);
		sp_json_string(json, "remedy", failure->remedy);
		if (*failure->said)
			sp_json_string(json, "said", failure->said);
		if (failure->code)
			sp_json_string(json, "code", failure->code);
	}
	sp_json_array(json, "steps");
	for (uint32_t i = 0; i < result->attach->steps.count; i++)
		write_step(json, &result->attach->steps.data[i]);
	sp_json_end_array(json);
	sp_json_end_object(json);
}

static enum cli_status print_json(const struct dom0 *dom0, const struct dom0_result *result) {
	struct sp_buf out = {0};
	struct sp_json json = {.out = &out};
	enum cli_status status = result->outcome == DOM0_FAILED ? CLI_BAD
		: result->outcome == DOM0_REFUSED               ? CLI_NO
								: CLI_GOOD;

	write_json(&json, dom0, result);
	sp_buf_char(&out, '\n');
	if (out.failed) {
		cli_complain(NULL, "out of memory");
		status = CLI_BAD;
	} else {
		fwrite(out.data, 1, out.size, dom0->cli->out);
	}
	sp_buf_release(&out);
	return status;
}

enum cli_status dom0_print(const struct dom0 *dom0, const struct dom0_result *result) {
	return dom0->json ? print_json(dom0, result) : print_text(dom0, result);
}
