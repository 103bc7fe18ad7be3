/* SPDX-License-Identifier: MIT */
#include "preflight/preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* The questions about the machine, and those about each function. */
static const struct {
	struct sp_question_info info;
	sp_ask *machine, *function;
} QUESTIONS[SP_QUESTION_COUNT] = {
#define SP_QUESTION(name, text, title) [SP_QUESTION_##name] = {.info = {text, title}, ASK_##name},
#define ASK_HYPERVISOR .machine = sp_ask_hypervisor
#define ASK_DOM0 .machine = sp_ask_dom0
#define ASK_IOMMU .machine = sp_ask_iommu, .function = sp_ask_translation
#define ASK_KERNEL .machine = sp_ask_kernel
#define ASK_GSI_CALL .machine = sp_ask_gsi_call
#define ASK_SWIOTLB .machine = sp_ask_swiotlb, .function = sp_ask_dma
#define ASK_FUNCTION .function = sp_ask_function
#define ASK_DRIVER .function = sp_ask_driver
#define ASK_SLOT .function = sp_ask_slot
#define ASK_INTX .function = sp_ask_intx
#define ASK_MSI .function = sp_ask_msi
#define ASK_RESET .function = sp_ask_reset
#define ASK_RMRR .function = sp_ask_rmrr
#define ASK_BARS .machine = sp_ask_hole, .function = sp_ask_bars
#define ASK_REBAR .function = sp_ask_rebar
#define ASK_ROM .function = sp_ask_rom
#define ASK_DISPLAY .function = sp_ask_display
#define ASK_ISOLATION .function = sp_ask_isolation
#define ASK_DEVICE_MODEL .machine = sp_ask_device_model
#include <sallyport/questions.def>
#undef SP_QUESTION
};

const struct sp_question_info *sp_question_info(enum sp_question question) {
	return (unsigned)question < SP_QUESTION_COUNT ? &QUESTIONS[question].info : NULL;
}

static int by_address(const void *a, const void *b) {
	sp_bdf x = (*(struct sp_function *const *)a)->bdf;
	sp_bdf y = (*(struct sp_function *const *)b)->bdf;

	return (x > y) - (x < y);
}

static bool take_functions(struct sp_preflight *preflight, const sp_bdf *functions, uint32_t count,
	struct sp_error *error) {
	uint32_t kept = 0;

	preflight->functions =
		sp_arena_array(&preflight->arena, count + 1u, sizeof(*preflight->functions));
	if (!preflight->functions)
		return sp_error_memory(error);
	for (uint32_t i = 0; i < count; i++) {
		char name[SP_BDF_SIZE];

		preflight->functions[i] = sp_machine_find(preflight->machine, functions[i]);
		if (!preflight->functions[i]) {
			sp_bdf_format(name, functions[i]);
			return sp_error_set(error, SP_ERROR_USE, "%s: %s has no such function",
				name, preflight->machine->name);
		}
	}
	if (count)
		qsort(preflight->functions, count, sizeof(*preflight->functions), by_address);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || preflight->functions[kept - 1] != preflight->functions[i])
			preflight->functions[kept++] = preflight->functions[i];
	preflight->function_count = kept;
	return true;
}

bool sp_preflight_create(struct sp_preflight **out, const struct sp_machine *machine,
	const struct sp_situation *situation, const sp_bdf *functions, uint32_t count,
	struct sp_error *error) {
	struct sp_preflight *preflight = calloc(1, sizeof(*preflight));

	*out = NULL;
	if (!preflight)
		return sp_error_memory(error);
	preflight->machine = machine;
	preflight->situation = *situation;
	if (!take_functions(preflight, functions, count, error)) {
		sp_preflight_destroy(preflight);
		return false;
	}
	for (size_t q = 0; q < SP_QUESTION_COUNT; q++) {
		preflight->asked = NULL;
		if (QUESTIONS[q].machine)
			QUESTIONS[q].machine(preflight, NULL);
		for (uint32_t i = 0; QUESTIONS[q].function && i < preflight->function_count; i++) {
			preflight->asked = preflight->functions[i];
			QUESTIONS[q].function(preflight, preflight->asked);
		}
	}
	preflight->asked = NULL;
	if (preflight->arena.failed) {
		sp_preflight_destroy(preflight);
		return sp_error_memory(error);
	}
	*out = preflight;
	return true;
}

void sp_preflight_destroy(struct sp_preflight *preflight) {
	if (!preflight)
		return;
	sp_arena_release(&preflight->arena);
	free(preflight);
}

const struct sp_answer *sp_preflight_answers(
	const struct sp_preflight *preflight, uint32_t *count) {
	*count = preflight->answers.count;
	return preflight->answers.data;
}

enum sp_verdict sp_preflight_verdict(const struct sp_preflight *preflight) {
	enum sp_result worst = SP_RESULT_PASS;

	for (uint32_t i = 0; i < preflight->answers.count; i++)
		if (preflight->answers.data[i].result > worst)
			worst = preflight->answers.data[i].result;
	return worst == SP_RESULT_FAIL    ? SP_VERDICT_NO
		: worst == SP_RESULT_PASS ? SP_VERDICT_OK
					  : SP_VERDICT_WARN;
}

static struct sp_answer *answer(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, enum sp_result result, const char *format,
	va_list arguments) {
	struct sp_answer *made = sp_vec_push(&preflight->arena, &preflight->answers);
	char message[768];

	if (!made)
		return NULL;
	if (vsnprintf(message, sizeof(message), format, arguments) < 0)
		message[0] = '\0';
	*made = (struct sp_answer){.question = question,
		.result = result,
		.function = function ? function->bdf : SP_BDF_NONE,
		.code = SP_CODE_COUNT,
		.message = sp_arena_strdup(&preflight->arena, message)};
	return made;
}

/* The catalogue writes ADDRESS for the function's. */
static const char *address_remedy(
	struct sp_arena *arena, const char *remedy, const struct sp_function *function) {
	static const char MARK[] = "ADDRESS";
	struct sp_buf out = {0};
	char name[SP_BDF_SIZE];
	const char *at, *copy;

	if (!function || !strstr(remedy, MARK))
		return sp_arena_strdup(arena, remedy);
	sp_bdf_format(name, function->bdf);
	while ((at = strstr(remedy, MARK))) {
		sp_buf_put(&out, remedy, (size_t)(at - remedy));
		sp_buf_str(&out, name);
		remedy = at + strlen(MARK);
	}
	sp_buf_str(&out, remedy);
	copy = out.failed ? NULL : sp_arena_strdup(arena, out.data);
	arena->failed |= out.failed;
	sp_buf_release(&out);
	return copy;
}

void sp_preflight_find(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, enum sp_code code, const char *remedy,
	const char *format, ...) {
	const struct sp_finding_info *info = sp_finding_info(code);
	enum sp_severity severity = info->severity[SP_COLUMN_PCI];
	enum sp_result result = severity == SP_SEVERITY_ERROR ? SP_RESULT_FAIL
		: severity == SP_SEVERITY_WARN                ? SP_RESULT_WARN
							      : SP_RESULT_PASS;
	struct sp_answer *made;
	va_list arguments;

	va_start(arguments, format);
	made = answer(preflight, question, function, result, format, arguments);
	va_end(arguments);
	if (!made)
		return;
	made->code = code;
	if (result != SP_RESULT_PASS)
		made->remedy =
			address_remedy(&preflight->arena, remedy ? remedy : info->remedy, function);
}

void sp_preflight_pass(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	answer(preflight, question, function, SP_RESULT_PASS, format, arguments);
	va_end(arguments);
}

void sp_preflight_unknown(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *remedy, const char *format, ...) {
	struct sp_answer *made;
	va_list arguments;

	va_start(arguments, format);
	made = answer(preflight, question, function, SP_RESULT_UNKNOWN, format, arguments);
	va_end(arguments);
	if (made)
		made->remedy = address_remedy(&preflight->arena, remedy, function);
}
