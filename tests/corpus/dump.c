/* SPDX-License-Identifier: MIT */
/*
 * Plans every device of one tree, each alone: one line of JSON for each.
 *
 *	corpus-dump FOLDER TREE
 *
 * Each distinct guest.dts goes once to FOLDER, named after its hash.
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

/* The source's heading tells the tree's name and is no part of what dtc is to judge. */
static bool put_source(const char *folder, const char *data, size_t size) {
	const char *body = strstr(data, "/dts-v1/");
	if (body == NULL)
		return false;
	size -= (size_t)(body - data);
	char path[4096];
	uint64_t hash = hash_of(body, size);
	snprintf(path, sizeof(path), "%s/%016" PRIx64 ".dts", folder, hash);
	if (access(path, F_OK) != 0) {
		/* Several of these programs run at once: write beside it, then rename. */
		char part[4128];
		snprintf(part, sizeof(part), "%s.%ld", path, (long)getpid());
		FILE *file = fopen(part, "w");
		if (file == NULL || fwrite(body, 1, size, file) != size || fclose(file) != 0 ||
			rename(part, path) != 0) {
			perror(path);
			return false;
		}
	}
	printf(",\"guest_dts\":\"%016" PRIx64 ".dts\"", hash);
	return true;
}

static bool dump_device(const struct sp_host *host, const char *folder, const char *tree,
	const struct sp_device *device) {
	const char *path = sp_tree_path(host->tree, device->node);
	struct sp_request_guest guest = {
		.name = "guest", .memory = 512, .devices = &path, .device_count = 1};
	struct sp_request request = {.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = &guest,
		.guest_count = 1};
	struct sp_plan *plan;
	struct sp_error error;
	char *json, *source, *blob, *overlay;
	size_t json_size, source_size, blob_size, overlay_size;

	if (!sp_plan_create(&plan, host, &request, &error)) {
		fprintf(stderr, "corpus-dump: %s: %s: %s\n", tree, path, error.message);
		return false;
	}
	if (!emit(plan, SP_ARTEFACT_JSON, &json, &json_size) ||
		!emit(plan, SP_ARTEFACT_GUEST_SOURCE, &source, &source_size) ||
		!emit(plan, SP_ARTEFACT_GUEST_TREE, &blob, &blob_size) ||
		!emit(plan, SP_ARTEFACT_OVERLAY, &overlay, &overlay_size))
		return false;
	printf("{\"tree\":\"%s\",\"device\":\"%s\",\"gpu\":%s,\"plan\":", tree, path,
		device->kind == SP_KIND_GPU ? "true" : "false");
	put_json(json, json_size);
	printf(",\"guest_dtb\":\"");
	put_base64(blob, blob_size);
	printf("\",\"overlay_dtbo\":\"");
	put_base64(overlay, overlay_size);
	printf("\"");
	bool good = put_source(folder, source, source_size);
	printf("}\n");
	free(json);
	free(source);
	free(blob);
	free(overlay);
	sp_plan_destroy(plan);
	return good;
}

int main(int argc, char **argv) {
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_error error;
	bool good = true;

	if (argc != 3) {
		fprintf(stderr, "usage: corpus-dump FOLDER TREE\n");
		return 2;
	}
	if (!sp_tree_load(&tree, argv[2], &error)) {
		fprintf(stderr, "corpus-dump: %s: %s\n", argv[2], error.message);
		return 2;
	}
	if (!sp_host_create(&host, tree, argv[2], &error)) {
		fprintf(stderr, "corpus-dump: %s: %s\n", argv[2], error.message);
		return 2;
	}
	for (uint32_t i = 0; i < host->devices.count && good; i++) {
		if (host->devices.data[i].reg_count > 0)
			good = dump_device(host, argv[1], argv[2], &host->devices.data[i]);
	}
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
