/* SPDX-License-Identifier: MIT */
#include "assign/assign.h"

#include <stdlib.h>

#include "assign/emit.h"
#include "base/file.h"

static bool examine(struct sp_assign *assign, struct sp_error *error) {
	sp_bdf *functions = sp_arena_array(&assign->arena, assign->given.count, sizeof(*functions));

	if (!functions)
		return sp_error_memory(error);
	for (uint32_t i = 0; i < assign->given.count; i++)
		functions[i] = assign->given.data[i].function->bdf;
	return sp_preflight_create(&assign->preflight, assign->machine, &assign->request->situation,
		functions, assign->given.count, error);
}

static void make_room(struct sp_assign *assign) {
	uint32_t count = assign->given.count;
	const struct sp_function **functions =
		sp_arena_array(&assign->arena, count, sizeof(*functions));

	if (!functions || !sp_assign_is_hvm_of_xen(assign))
		return;
	for (uint32_t i = 0; i < count; i++)
		functions[i] = assign->given.data[i].function;
	sp_hole_plan(&assign->hole, &assign->arena, functions, count, assign->request->memory);
}

bool sp_assign_create(struct sp_assign **out, const struct sp_machine *machine,
	const struct sp_assign_request *request, struct sp_error *error) {
	struct sp_assign *assign;

	*out = NULL;
	if (!sp_assign_check(machine, request, error))
		return false;
	assign = calloc(1, sizeof(*assign));
	if (!assign)
		return sp_error_memory(error);
	assign->machine = machine;
	assign->request = request;
	sp_assign_choose(assign);
	if (assign->arena.failed)
		sp_error_memory(error);
	else if (examine(assign, error)) {
		make_room(assign);
		sp_assign_find(assign);
		if (!assign->arena.failed) {
			*out = assign;
			return true;
		}
		sp_error_memory(error);
	}
	sp_assign_destroy(assign);
	return false;
}

void sp_assign_destroy(struct sp_assign *assign) {
	if (!assign)
		return;
	sp_preflight_destroy(assign->preflight);
	sp_arena_release(&assign->arena);
	free(assign);
}

enum sp_verdict sp_assign_verdict(const struct sp_assign *assign) {
	return assign->verdict;
}

const struct sp_finding *sp_assign_findings(const struct sp_assign *assign, uint32_t *count) {
	*count = assign->findings.count;
	return assign->findings.data;
}

const struct sp_preflight *sp_assign_preflight(const struct sp_assign *assign) {
	return assign->preflight;
}

static const struct {
	const char *name;
	void (*emit)(const struct sp_assign *assign, struct sp_buf *out);
} ARTEFACTS[SP_ASSIGN_ARTEFACT_COUNT] = {
	[SP_ASSIGN_XL] = {"guest.cfg", assign_emit_xl},
	[SP_ASSIGN_TAKE] = {"take.sh", assign_emit_take},
	[SP_ASSIGN_GIVE_BACK] = {"give-back.sh", assign_emit_give_back},
	[SP_ASSIGN_MODPROBE] = {"modprobe.conf", assign_emit_modprobe},
	[SP_ASSIGN_BOOTARGS] = {"bootargs.txt", assign_emit_bootargs},
	[SP_ASSIGN_QEMU] = {"qemu.args", assign_emit_qemu},
	[SP_ASSIGN_LIBVIRT] = {"hostdev.xml", assign_emit_libvirt},
	[SP_ASSIGN_COMMANDS] = {"commands.sh", assign_emit_commands},
	[SP_ASSIGN_JSON] = {"plan.json", assign_emit_json},
	[SP_ASSIGN_REPORT] = {"report.txt", assign_emit_report},
};

const char *sp_assign_artefact_name(enum sp_assign_artefact artefact) {
	return ARTEFACTS[artefact].name;
}

bool sp_assign_emit(const struct sp_assign *assign, enum sp_assign_artefact artefact, char **data,
	size_t *size, struct sp_error *error) {
	struct sp_buf out = {0};

	*data = NULL;
	*size = 0;
	ARTEFACTS[artefact].emit(assign, &out);
	if (out.failed) {
		sp_buf_release(&out);
		return sp_error_memory(error);
	}
	if (out.size) {
		*data = out.data;
		*size = out.size;
	} else {
		sp_buf_release(&out);
	}
	return true;
}

static bool wanted(const struct sp_assign *assign, enum sp_assign_artefact artefact) {
	return artefact == SP_ASSIGN_REPORT || artefact == SP_ASSIGN_JSON ||
		assign->verdict != SP_VERDICT_NO || assign->request->keep_going;
}

static bool write_files(
	const struct sp_assign *assign, struct sp_outdir *dir, struct sp_error *error) {
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++) {
		const char *name = ARTEFACTS[i].name;
		bool written;
		char *data = NULL;
		size_t size = 0;

		if (wanted(assign, (enum sp_assign_artefact)i) &&
			!sp_assign_emit(assign, (enum sp_assign_artefact)i, &data, &size, error))
			return false;
		written = data ? sp_outdir_write(dir, name, data, size, error)
			       : sp_outdir_stale(dir, name, error);
		free(data);
		if (!written)
			return false;
	}
	return true;
}

bool sp_assign_write(
	const struct sp_assign *assign, const char *path, bool force, struct sp_error *error) {
	struct sp_outdir *dir = NULL;
	bool written = sp_outdir_create(&dir, path, force, error) &&
		write_files(assign, dir, error) && sp_outdir_commit(dir, error);

	sp_outdir_destroy(dir);
	return written;
}
