/* SPDX-License-Identifier: MIT */
/*
 * Plans every device of one tree, each alone, and all GPUs together where there are several: one
 * line of JSON for each plan.
 *
 *	corpus-dump [--dom0less] FOLDER TREE
 *
 * Each distinct guest.dtb goes once to FOLDER, named after its hash, with its guest.dts beside it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/plan.h>

#include "host/host.h"

static uint64_t hash_of(const char *data, size_t size) {
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void put_base64(const char *data, size_t size) {
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *bytes = (const uint8_t *)data;
	for (size_t i = 0; i < size; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;
		if (i + 1 < size)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < size)
			group |= bytes[i + 2];
		putchar(digits[group >> 18]);
		putchar(digits[group >> 12 & 63]);
		putchar(i + 1 < size ? digits[group >> 6 & 63] : '=');
		putchar(i + 2 < size ? digits[group & 63] : '=');
	}
}

/* The artefact on one line: line breaks in JSON are all between its tokens. */
static void put_json(const char *data, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			while (i + 1 < size && data[i + 1] == ' ')
				i++;
			continue;
		}
		putchar(data[i]);
	}
}

static bool emit(const struct sp_plan *plan, enum sp_artefact artefact, char **data, size_t *size) {
	struct sp_error error;
	if (sp_plan_emit(plan, artefact, 0, data, size, &error))
		return true;
	fprintf(stderr, "corpus-dump: %s: %s\n", sp_artefact_name(artefact), error.message);
	return false;
}

/* Several of these programs run at once: each writes beside the file, then renames. */
static bool put_file(
	const char *folder, uint64_t hash, const char *suffix, const char *data, size_t size) {
	char path[4096], part[4128];
	snprintf(path, sizeof(path), "%s/%016" PRIx64 "%s", folder, hash, suffix);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(part, sizeof(part), "%s.%ld", path, (long)getpid());
	FILE *file = fopen(part, "w");
	if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0 ||
		rename(part, path) != 0) {
		perror(path);
		return false;
	}
	return true;
}

static bool put_plan(const struct sp_plan *plan, const char *folder) {
	char *json, *source, *blob, *overlay;
	size_t json_size, source_size, blob_size, overlay_size;

	if (!emit(plan, SP_ARTEFACT_JSON, &json, &json_size) ||
		!emit(plan, SP_ARTEFACT_GUEST_SOURCE, &source, &source_size) ||
		!emit(plan, SP_ARTEFACT_GUEST_TREE, &blob, &blob_size) ||
		!emit(plan, SP_ARTEFACT_OVERLAY, &overlay, &overlay_size))
		return false;
	printf(",\"plan\":");
	put_json(json, json_size);
	printf(",\"guest_dtb\":\"");
	put_base64(blob, blob_size);
	printf("\",\"overlay_dtbo\":\"");
	put_base64(overlay, overlay_size);
	uint64_t hash = hash_of(blob, blob_size);
	printf("\",\"guest_dts\":\"%016" PRIx64 ".dts\"}\n", hash);
	/* The source last: where it is, the other one is too. */
	bool good = put_file(folder, hash, ".dtb", blob, blob_size) &&
		put_file(folder, hash, ".dts", source, source_size);
	free(json);
	free(source);
	free(blob);
	free(overlay);
	return good;
}

/* The first of the paths stands for the plan. */
static bool dump(const struct sp_host *host, const char *folder, enum sp_mode mode,
	const char *const *paths, uint32_t count, bool gpu) {
	struct sp_request_guest guest = {.name = "guest",
		.mode = mode,
		.memory = 512,
		.devices = paths,
		.device_count = count};
	struct sp_request request = {.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = &guest,
		.guest_count = 1};
	struct sp_plan *plan;
	struct sp_error error;

	if (!sp_plan_create(&plan, host, &request, &error)) {
		fprintf(stderr, "corpus-dump: %s: %s: %s\n", host->name, paths[0], error.message);
		return false;
	}
	printf("{\"tree\":\"%s\",\"device\":\"%s\",\"gpu\":%s,\"together\":%" PRIu32, host->name,
		paths[0], gpu ? "true" : "false", count);
	bool good = put_plan(plan, folder);
	sp_plan_destroy(plan);
	return good;
}

static bool dump_all(const struct sp_host *host, const char *folder, enum sp_mode mode) {
	const char *gpus[64];
	uint32_t gpu_count = 0;

	for (uint32_t i = 0; i < host->devices.count; i++) {
		const struct sp_device *device = &host->devices.data[i];
		const char *path = sp_tree_path(host->tree, device->node);
		bool gpu = device->kind == SP_KIND_GPU;
		if (device->reg_count == 0)
			continue;
		if (!dump(host, folder, mode, &path, 1, gpu))
			return false;
		if (gpu && gpu_count < sizeof(gpus) / sizeof(gpus[0]))
			gpus[gpu_count++] = path;
	}
	return gpu_count < 2 || dump(host, folder, mode, gpus, gpu_count, true);
}

int main(int argc, char **argv) {
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_error error;
	bool dom0less = argc == 4 && strcmp(argv[1], "--dom0less") == 0;

	if (argc != 3 && !dom0less) {
		fprintf(stderr, "usage: corpus-dump [--dom0less] FOLDER TREE\n");
		return 2;
	}
	const char *folder = argv[argc - 2], *name = argv[argc - 1];
	if (!sp_tree_load(&tree, name, &error)) {
		fprintf(stderr, "corpus-dump: %s: %s\n", name, error.message);
		return 2;
	}
	if (!sp_host_create(&host, tree, name, &error)) {
		fprintf(stderr, "corpus-dump: %s: %s\n", name, error.message);
		sp_tree_destroy(tree);
		return 2;
	}
	bool good = dump_all(host, folder, dom0less ? SP_MODE_DOM0LESS : SP_MODE_XL);
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
