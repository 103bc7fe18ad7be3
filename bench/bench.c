/* SPDX-License-Identifier: MIT */
/*
 * Figures of the planner, each a ratio taken in one run:
 *
 *	bench PROGRAM DTC TREES SCRATCH [ROUNDS]
 *
 * TREES is a folder of .dtb files, searched to its bottom; SCRATCH an empty folder to write into.
 * Each pair takes turns tree by tree, and the medians of the rounds are compared. Exits with 1 if a
 *figure is beyond its limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sallyport/plan.h>

#include "host/host.h"

#define MAX_TREES 8192
#define MAX_ROUNDS 25
#define MAX_GPUS 16

extern char **environ;

struct tree_file {
	char *path;
	size_t size;
	char *gpus[MAX_GPUS + 1];
	unsigned gpu_count;
};

/* nftw() has no argument for its callback. */
static struct tree_file trees[MAX_TREES];
static unsigned tree_count;

static int take_file(const char *path, const struct stat *status, int type, struct FTW *where) {
	(void)where;
	size_t length = strlen(path);
	if (type != FTW_F || length < 4 || strcmp(path + length - 4, ".dtb") != 0 ||
		tree_count == MAX_TREES)
		return 0;
	trees[tree_count].path = strdup(path);
	trees[tree_count].size = (size_t)status->st_size;
	return trees[tree_count++].path == NULL;
}

static int compare_trees(const void *left, const void *right) {
	const struct tree_file *a = left, *b = right;
	return strcmp(a->path, b->path);
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what) {
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* One process, its output thrown away. Returns its exit status; *peak is in KiB. */
static int run(char *const *arguments, long *peak) {
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	errno = posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errno != 0)
		die(arguments[0]);
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait4");
	if (peak != NULL && usage.ru_maxrss > *peak)
		*peak = usage.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void find_gpus(struct tree_file *file) {
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_error error;
	if (!sp_tree_load(&tree, file->path, &error))
		return;
	if (sp_host_create(&host, tree, file->path, &error)) {
		for (uint32_t i = 0; i < host->devices.count && file->gpu_count < MAX_GPUS; i++) {
			const struct sp_device *device = &host->devices.data[i];
			if (device->kind == SP_KIND_GPU && device->reg_count > 0)
				file->gpus[file->gpu_count++] =
					strdup(sp_tree_path(tree, device->node));
		}
		sp_host_destroy(host);
	}
	sp_tree_destroy(tree);
}

/* All artefacts of all of the tree's GPUs, made in this process. Returns seconds. */
static double make_inside(const char *path, const char *const *devices, unsigned count) {
	double start = now();
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_plan *plan;
	struct sp_error error;
	struct sp_request_guest guest = {
		.name = "guest", .memory = 512, .devices = devices, .device_count = count};
	struct sp_request request = {.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = &guest,
		.guest_count = 1};

	if (!sp_tree_load(&tree, path, &error) || !sp_host_create(&host, tree, path, &error) ||
		!sp_plan_create(&plan, host, &request, &error)) {
		fprintf(stderr, "bench: %s: %s\n", path, error.message);
		exit(2);
	}
	for (int artefact = 0; artefact < SP_ARTEFACT_COUNT; artefact++) {
		char *data;
		size_t size;
		if (artefact == SP_ARTEFACT_PATCHED_TREE)
			continue;
		if (!sp_plan_emit(plan, (enum sp_artefact)artefact, 0, &data, &size, &error)) {
			fprintf(stderr, "bench: %s\n", error.message);
			exit(2);
		}
		free(data);
	}
	double seconds = now() - start;
	sp_plan_destroy(plan);
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	return seconds;
}

/* The same in a fresh process, so that nothing is warm but the page cache. */
static double inside(const char *path, const char *const *devices, unsigned count) {
	int ends[2];
	double seconds = 0;
	if (pipe(ends) != 0)
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		seconds = make_inside(path, devices, count);
		_exit(write(ends[1], &seconds, sizeof(seconds)) == sizeof(seconds) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &seconds, sizeof(seconds)) != sizeof(seconds))
		die("the measuring process");
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return seconds;
}

static int compare_doubles(const void *left, const void *right) {
	const double *a = left, *b = right;
	return *a < *b ? -1 : *a > *b;
}

static double median(double *values, unsigned count) {
	qsort(values, count, sizeof(*values), compare_doubles);
	return values[count / 2];
}

static bool failed;

static void report(const char *what, double value, double limit, const char *unit) {
	bool good = value <= limit;
	failed = failed || !good;
	printf("%-58s %8.2f%s  limit %.2f%s  %s\n", what, value, unit, limit, unit,
		good ? "good" : "BEYOND");
}

static double time_run(char *const *arguments, int worst, long *peak) {
	double start = now();
	int status = run(arguments, peak);
	double seconds = now() - start;
	if (status > worst) {
		fprintf(stderr, "bench: %s: exit status %d\n", arguments[0], status);
		failed = true;
	}
	return seconds;
}

static double time_dtc(char *dtc, char *path) {
	char *arguments[] = {dtc, "-q", "-I", "dtb", "-O", "dts", path, NULL};
	return time_run(arguments, 0, NULL);
}

/* dtc and the planner take turns tree by tree, so that both see the same machine. */
static void time_plans(char *program, char *dtc, const char *scratch, unsigned round, double *ours,
	double *theirs, long *peak) {
	*ours = *theirs = 0;
	for (unsigned i = 0; i < tree_count; i++) {
		char out[4096];
		char *arguments[MAX_GPUS + 16] = {program, "plan", "--quiet", "--keep-going",
			"--no-graph-svg", "-o", out, trees[i].path};
		if (trees[i].gpu_count == 0)
			continue;
		snprintf(out, sizeof(out), "%s/%u-%u", scratch, round, i);
		memcpy(&arguments[8], trees[i].gpus, trees[i].gpu_count * sizeof(char *));
		*theirs += time_dtc(dtc, trees[i].path);
		*ours += time_run(arguments, 1, peak);
	}
}

static void time_lists(char *program, char *dtc, double *ours, double *theirs, long *peak) {
	*ours = *theirs = 0;
	for (unsigned i = 0; i < tree_count; i++) {
		char *arguments[] = {program, "list", trees[i].path, NULL};
		*theirs += time_dtc(dtc, trees[i].path);
		*ours += time_run(arguments, 1, peak);
	}
}

/* A board of `count` devices, compiled by dtc, whose grammar takes no 10,000 siblings. */
static void make_board(char *dtc, const char *scratch, unsigned count, char *path, size_t room) {
	char source[4096];
	snprintf(source, sizeof(source), "%s/board-%u.dts", scratch, count);
	snprintf(path, room, "%s/board-%u.dtb", scratch, count);
	FILE *file = fopen(source, "w");
	if (file == NULL)
		die(source);
	fprintf(file,
		"/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <2>; interrupt-parent = "
		"<&gic>;\n"
		"gic: interrupt-controller@2f000000 { compatible = \"arm,gic-v3\"; reg = <0 "
		"0x2f000000 0 "
		"0x10000>; interrupt-controller; #interrupt-cells = <3>; #address-cells = <0>; };\n"
		"clk: clock { compatible = \"fixed-clock\"; #clock-cells = <0>; clock-frequency = "
		"<24000000>; };\n"
		"soc { compatible = \"simple-bus\"; #address-cells = <2>; #size-cells = <2>; "
		"ranges;\n"
		"smmu: iommu@30000000 { compatible = \"arm,mmu-500\"; reg = <0 0x30000000 0 "
		"0x10000>; "
		"#global-interrupts = <1>; interrupts = <0 900 4>, <0 901 4>; #iommu-cells = <1>; "
		"};\n");
	for (unsigned i = 0; i < count; i++) {
		uint64_t address = UINT64_C(0x100000000) + (uint64_t)i * 0x10000;
		fprintf(file,
			"%s@%" PRIx64
			" { compatible = \"vendor,thing-%u\"; reg = <%u 0x%x 0 0x1000>; "
			"interrupts = <0 %u 4>; clocks = <&clk>; clock-names = \"core\"; iommus = "
			"<&smmu "
			"%u>; };\n",
			i == 0 ? "gpu" : "device", address, i % 50, (unsigned)(address >> 32),
			(unsigned)address, i % 800, i % 0x7fff);
	}
	fprintf(file, "}; };\n");
	if (fclose(file) != 0)
		die(source);
	char *arguments[] = {dtc, "-q", "-I", "dts", "-O", "dtb", "-o", path, source, NULL};
	if (run(arguments, NULL) != 0) {
		fprintf(stderr, "bench: dtc refuses %s\n", source);
		exit(2);
	}
}

static void bench_scaling(char *dtc, const char *scratch, unsigned rounds) {
	char small[4096], large[4096];
	const char *device = "/soc/gpu@100000000";
	double few[MAX_ROUNDS * 4], many[MAX_ROUNDS * 4];
	make_board(dtc, scratch, 900, small, sizeof(small));
	make_board(dtc, scratch, 9000, large, sizeof(large));
	for (unsigned i = 0; i < rounds * 4; i++) {
		few[i] = inside(small, &device, 1);
		many[i] = inside(large, &device, 1);
	}
	report("ten times the nodes: times the time",
		median(many, rounds * 4) / median(few, rounds * 4), 12, "");
}

static void bench_largest(unsigned rounds) {
	const struct tree_file *largest = NULL;
	double times[MAX_ROUNDS * 4];
	for (unsigned i = 0; i < tree_count; i++) {
		if (trees[i].gpu_count > 0 && (largest == NULL || trees[i].size > largest->size))
			largest = &trees[i];
	}
	if (largest == NULL)
		return;
	for (unsigned i = 0; i < rounds * 4; i++)
		times[i] = inside(
			largest->path, (const char *const *)largest->gpus, largest->gpu_count);
	const char *name = strrchr(largest->path, '/') + 1;
	char what[128];
	snprintf(what, sizeof(what), "largest tree (%s, %zu KB), inside", name,
		largest->size / 1000);
	report(what, median(times, rounds * 4) * 1e3, 2, " ms");
}

int main(int argc, char **argv) {
	if (argc < 5) {
		fprintf(stderr, "usage: bench PROGRAM DTC TREES SCRATCH [ROUNDS]\n");
		return 2;
	}
	unsigned rounds = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 3;
	if (rounds == 0 || rounds > MAX_ROUNDS)
		rounds = 3;
	if (nftw(argv[3], take_file, 16, FTW_PHYS) != 0 || tree_count == 0) {
		fprintf(stderr, "bench: %s: no trees\n", argv[3]);
		return 2;
	}
	qsort(trees, tree_count, sizeof(trees[0]), compare_trees);
	unsigned gpus = 0, with_gpus = 0;
	for (unsigned i = 0; i < tree_count; i++) {
		find_gpus(&trees[i]);
		gpus += trees[i].gpu_count;
		with_gpus += trees[i].gpu_count > 0;
	}
	printf("%u trees, %u of them with %u GPUs; medians of %u rounds\n", tree_count, with_gpus,
		gpus, rounds);

	double plans[MAX_ROUNDS], plans_dtc[MAX_ROUNDS], lists[MAX_ROUNDS], lists_dtc[MAX_ROUNDS];
	long peak = 0;
	for (unsigned round = 0; round < rounds; round++) {
		time_plans(
			argv[1], argv[2], argv[4], round, &plans[round], &plans_dtc[round], &peak);
		time_lists(argv[1], argv[2], &lists[round], &lists_dtc[round], &peak);
	}
	double plan = median(plans, rounds), plan_dtc = median(plans_dtc, rounds);
	double list = median(lists, rounds), list_dtc = median(lists_dtc, rounds);
	printf("all GPUs planned, all files: %.2f s; dtc on the same trees: %.2f s\n", plan,
		plan_dtc);
	printf("list of all trees: %.2f s; dtc on the same trees: %.2f s\n", list, list_dtc);
	report("plan, in dtc's time", plan / plan_dtc, 0.5, "");
	report("list, in dtc's time", list / list_dtc, 0.5, "");
	bench_largest(rounds);
	bench_scaling(argv[2], argv[4], rounds);
	report("peak memory", (double)peak / 1024, 8, " MiB");
	return failed ? 1 : 0;
}
