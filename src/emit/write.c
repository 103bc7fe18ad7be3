/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "emit/emit.h"

extern char **environ;

#define GRAPH_SVG "graph.svg"

struct writing {
	const struct sp_plan *plan;
	const struct sp_write_options *options;
	struct sp_outdir *dir;
	struct sp_error *error;
	struct sp_buf name;
};

/* The file's name below the directory; NULL if no memory is left. */
static const char *file_name(struct writing *writing, const char *folder, const char *name) {
	writing->name.size = 0;
	if (folder) {
		sp_buf_str(&writing->name, folder);
		sp_buf_char(&writing->name, '/');
	}
	sp_buf_str(&writing->name, name);
	if (!writing->name.failed)
		return writing->name.data;
	sp_error_memory(writing->error);
	return NULL;
}

static bool write_file(struct writing *writing, const char *folder, const char *name,
	const void *data, size_t size) {
	const char *path = file_name(writing, folder, name);

	return path && sp_outdir_write(writing->dir, path, data, size, writing->error);
}

/* What an earlier plan may have left, and this one does not have. */
static bool forget_file(struct writing *writing, const char *folder, const char *name) {
	const char *path = file_name(writing, folder, name);

	return path && sp_outdir_stale(writing->dir, path, writing->error);
}

static bool write_all(int file, const char *data, size_t size) {
	while (size) {
		ssize_t written = write(file, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		data += written;
		size -= (size_t)written;
	}
	return lseek(file, 0, SEEK_SET) == 0;
}

static bool read_all(int file, struct sp_buf *out) {
	char block[16384];

	if (lseek(file, 0, SEEK_SET) != 0)
		return false;
	for (;;) {
		ssize_t got = read(file, block, sizeof(block));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 && !out->failed;
		sp_buf_put(out, block, (size_t)got);
	}
}

enum dot_result { DOT_DONE, DOT_MISSING, DOT_FAILED };

/* Runs `dot` with its input and output in memory. */
static enum dot_result spawn_dot(int input, int output) {
	static const char *const arguments[] = {"dot", "-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	char *argv[3];
	int result, status;
	pid_t child;

	memcpy(argv, arguments, sizeof(argv));
	if (posix_spawn_file_actions_init(&actions) != 0)
		return DOT_FAILED;
	result = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (result == 0)
		result = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (result == 0)
		result = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (result != 0)
		return result == ENOENT || result == EACCES ? DOT_MISSING : DOT_FAILED;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return DOT_FAILED;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? DOT_DONE : DOT_FAILED;
}

/* Without `dot` there is no graph.svg. */
static bool write_graph_svg(
	struct writing *writing, const char *folder, const char *graph, size_t size) {
	int input = memfd_create("graph.dot", MFD_CLOEXEC);
	int output = memfd_create(GRAPH_SVG, MFD_CLOEXEC);
	enum dot_result result = DOT_FAILED;
	struct sp_buf svg = {0};
	bool written;

	if (input >= 0 && output >= 0 && write_all(input, graph, size))
		result = spawn_dot(input, output);
	if (result == DOT_DONE && !read_all(output, &svg))
		result = DOT_FAILED;
	if (input >= 0)
		close(input);
	if (output >= 0)
		close(output);
	if (result == DOT_DONE)
		written = write_file(writing, folder, GRAPH_SVG, svg.data, svg.size);
	else if (result == DOT_MISSING)
		written = forget_file(writing, folder, GRAPH_SVG);
	else
		written = sp_error_set(writing->error, SP_ERROR_SYSTEM,
			"dot could not turn graph.dot into " GRAPH_SVG);
	sp_buf_release(&svg);
	return written;
}

static bool wanted(const struct writing *writing, enum sp_artefact artefact) {
	sp_node other;

	if (artefact == SP_ARTEFACT_REPORT || artefact == SP_ARTEFACT_JSON)
		return true;
	if (artefact == SP_ARTEFACT_PATCHED_TREE && !writing->options->patched_tree &&
		sp_emit_misleading(writing->plan, &other) == SP_NODE_NONE)
		return false;
	return sp_emit_complete(writing->plan);
}

static bool write_artefact(
	struct writing *writing, enum sp_artefact artefact, uint32_t guest, const char *folder) {
	const char *name = sp_artefact_name(artefact);
	bool svg = artefact == SP_ARTEFACT_GRAPH && writing->options->graph_svg, written = true;
	char *data = NULL;
	size_t size = 0;

	if (wanted(writing, artefact) &&
		!sp_plan_emit(writing->plan, artefact, guest, &data, &size, writing->error))
		return false;
	if (data)
		written = write_file(writing, folder, name, data, size);
	else
		written = forget_file(writing, folder, name);
	if (written && artefact == SP_ARTEFACT_GRAPH)
		written = data && svg ? write_graph_svg(writing, folder, data, size)
				      : forget_file(writing, folder, GRAPH_SVG);
	free(data);
	return written;
}

static bool write_guest(struct writing *writing, uint32_t guest, const char *folder) {
	for (int i = 0; i < SP_ARTEFACT_OVERLAY_SOURCE; i++) {
		if (!write_artefact(writing, (enum sp_artefact)i, guest, folder))
			return false;
	}
	return true;
}

static bool forget_guest(struct writing *writing) {
	for (int i = 0; i < SP_ARTEFACT_OVERLAY_SOURCE; i++) {
		if (!forget_file(writing, NULL, sp_artefact_name((enum sp_artefact)i)))
			return false;
	}
	return forget_file(writing, NULL, GRAPH_SVG);
}

/* A guest's folder lies beside the files of the plan, or where those of a lone guest were. */
static bool check_folder(const char *guest, struct sp_error *error) {
	bool taken = strcmp(guest, GRAPH_SVG) == 0;

	for (int i = 0; i < SP_ARTEFACT_COUNT && !taken; i++)
		taken = strcmp(guest, sp_artefact_name((enum sp_artefact)i)) == 0;
	return !taken ||
		sp_error_set(error, SP_ERROR_INPUT,
			"guest %s: its files go into a folder of its name, but the plan has a file "
			"of this name; choose another one",
			guest);
}

static bool write_files(struct writing *writing) {
	const struct sp_plan *plan = writing->plan;
	bool folders = sp_emit_in_folders(plan);

	for (uint32_t i = 0; folders && i < plan->guests.count; i++) {
		if (!check_folder(plan->guests.data[i].request->name, writing->error))
			return false;
	}
	for (int i = SP_ARTEFACT_OVERLAY_SOURCE; i < SP_ARTEFACT_COUNT; i++) {
		if (!write_artefact(writing, (enum sp_artefact)i, 0, NULL))
			return false;
	}
	if (folders && !forget_guest(writing))
		return false;
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		const char *folder = folders ? plan->guests.data[i].request->name : NULL;

		if (!write_guest(writing, i, folder))
			return false;
	}
	return true;
}

bool sp_plan_write(const struct sp_plan *plan, const char *path,
	const struct sp_write_options *options, struct sp_error *error) {
	struct writing writing = {.plan = plan, .options = options, .error = error};
	bool written;

	written = sp_outdir_create(&writing.dir, path, options->force, error) &&
		write_files(&writing) && sp_outdir_commit(writing.dir, error);
	sp_buf_release(&writing.name);
	sp_outdir_destroy(writing.dir);
	return written;
}
