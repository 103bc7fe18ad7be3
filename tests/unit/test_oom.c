/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/plan.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "check/check.h"
#include "failing.h"

/*
 * A whole run with one request in which the n-th allocation, or the n-th call for files, fails, for
 * each n: it fails as a whole with the right error, or gives what it gives when nothing fails;
 * nothing leaks, and nothing but a whole directory is ever seen on disk.
 */

struct run {
	const char *scenario; /* a plan file's text */
	const char *tree; /* path of the tree */
	const char *out; /* the directory to be written, NULL for none */
	bool force;
	bool checks; /* the scenario is a configuration */
	size_t size; /* of all that came of it */
	uint64_t hash; /* and what it was: memory of one's own might run out, too */
};

static char scratch[] = "/tmp/sallyport-oom-XXXXXX";

static bool keep(struct run *run, char *data, size_t size) {
	run->size += size;
	for (size_t i = 0; i < size; i++)
		run->hash = (run->hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
	free(data);
	return true;
}

static bool emit(
	struct run *run, const struct sp_plan *plan, uint32_t guests, struct sp_error *error) {
	for (uint32_t guest = 0; guest < guests; guest++) {
		for (int i = 0; i < SP_ARTEFACT_COUNT; i++) {
			char *data;
			size_t size;

			if (!sp_plan_emit(plan, (enum sp_artefact)i, guest, &data, &size, error))
				return false;
			keep(run, data, size);
		}
	}
	return true;
}

static bool write_plan(struct run *run, const struct sp_plan *plan, struct sp_error *error) {
	const struct sp_write_options options = {.force = run->force, .patched_tree = true};

	return !run->out || sp_plan_write(plan, run->out, &options, error);
}

static bool run_list(struct run *run, const struct sp_host *host, struct sp_error *error) {
	const struct sp_list_options options = {.target = SP_TARGET_DEFAULT, .all = true};
	struct sp_list *list;
	bool good = sp_list_create(&list, host, &options, error);
	char *data;
	size_t size;

	if (!good) {
		assert_null(list);
		return false;
	}
	good = sp_list_table(list, &data, &size, error) && keep(run, data, size) &&
		sp_list_json(list, &data, &size, error) && keep(run, data, size);
	sp_list_destroy(list);
	return good;
}

static bool run_plan(struct run *run, const struct sp_host *host, struct sp_error *error) {
	struct sp_plan_file *file;
	struct sp_request request;
	struct sp_plan *plan = NULL;
	bool good;

	if (!sp_plan_file_parse(&file, run->scenario, strlen(run->scenario), "plan.conf", error)) {
		assert_null(file);
		return false;
	}
	request = *sp_plan_file_request(file);
	request.keep_going = true;
	good = sp_plan_create(&plan, host, &request, error);
	if (!good)
		assert_null(plan);
	good = good && emit(run, plan, request.guest_count, error) && write_plan(run, plan, error);
	sp_plan_destroy(plan);
	sp_plan_file_destroy(file);
	return good;
}

/* The configuration of a check, and a tree that is none of the devices'. */
static bool read_check(
	void *context, const char *path, char **data, size_t *size, struct sp_error *error) {
	const struct run *run = context;

	if (strcmp(path, "guest.cfg") != 0)
		return sp_file_read(run->tree, 1 << 20, data, size, error);
	*size = strlen(run->scenario);
	*data = malloc(*size + 1);
	if (!*data)
		return sp_error_memory(error);
	memcpy(*data, run->scenario, *size + 1);
	return true;
}

static bool run_check(struct run *run, const struct sp_host *host, struct sp_error *error) {
	static const char *const configs[] = {"guest.cfg", "guest.cfg"};
	const struct sp_check_reader reader = {read_check, read_check, run};
	const struct sp_check_options options = {
		.target = SP_TARGET_DEFAULT, .configs = configs, .config_count = 2};
	struct sp_check *check;
	char *data;
	size_t size;

	if (!sp_check_create_reading(&check, host, &options, &reader, error)) {
		assert_null(check);
		return false;
	}
	bool good = sp_check_json(check, &data, &size, error) && keep(run, data, size);
	sp_check_destroy(check);
	return good;
}

static bool run_all(struct run *run, struct sp_error *error) {
	struct sp_tree *tree;
	struct sp_host *host = NULL;
	bool good;

	if (!sp_tree_load(&tree, run->tree, error)) {
		assert_null(tree);
		return false;
	}
	good = sp_host_create(&host, tree, "board.dtb", error);
	if (!good)
		assert_null(host);
	if (good && run->checks)
		good = run_check(run, host, error);
	else
		good = good && run_plan(run, host, error) && run_list(run, host, error);
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	return good;
}

/* Everything below a directory, with what the files hold. */
static void read_dir(const char *path, struct sp_buf *out) {
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		struct sp_error error;
		char inner[4096], *data;
		struct stat status;
		size_t size;

		if (strcmp(name, ".") && strcmp(name, "..")) {
			snprintf(inner, sizeof(inner), "%s/%s", path, name);
			assert_int_equal(stat(inner, &status), 0);
			sp_buf_printf(out, "%s\n", name);
			if (S_ISDIR(status.st_mode)) {
				read_dir(inner, out);
			} else {
				assert_true(sp_file_read(inner, 1 << 20, &data, &size, &error));
				sp_buf_put(out, data, size);
				free(data);
			}
		}
		failing_free(entries[i]);
	}
	failing_free(entries);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void remove_dir(const char *path) {
	if (access(path, F_OK) == 0)
		assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void assert_same(const struct sp_buf *a, const struct sp_buf *b, const char *what, long n) {
	if (a->size != b->size || (a->size && memcmp(a->data, b->data, a->size)))
		fail_msg("call %ld failed: %s differs", n, what);
}

static void make_out(struct run *run, char *path, size_t room, const char *name) {
	snprintf(path, room, "%s/%s", scratch, name);
	run->out = path;
}

/* The run as it is when nothing fails; *written is what it writes. */
static void run_whole(struct run *run, struct sp_buf *written) {
	struct sp_error error;
	long live = failing_live;

	failing_disarm();
	if (!run_all(run, &error))
		fail_msg("%s", error.message);
	assert_int_equal(failing_live, live);
	if (run->out) {
		read_dir(run->out, written);
		remove_dir(run->out);
	}
}

/* One run in which call n fails. False if there are not so many calls. */
static bool run_failing(struct run *whole, const struct sp_buf *written, enum failing_kind kind,
	long n, bool go_on, int reason) {
	struct run run = *whole;
	struct sp_buf found = {0};
	struct sp_error error = {0};
	long live = failing_live;
	bool good;

	run.size = 0;
	run.hash = 0;
	failing_arm(kind, n, go_on, reason);
	good = run_all(&run, &error);
	failing_disarm();
	if (good) {
		if (run.size != whole->size || run.hash != whole->hash)
			fail_msg("call %ld failed: the result differs", n);
	} else {
		assert_true(failing[kind].failed > 0);
		if (kind == FAILING_MEMORY && error.kind != SP_ERROR_MEMORY &&
			error.kind != SP_ERROR_SYSTEM)
			fail_msg("allocation %ld: \"%s\" (kind %d)", n, error.message, error.kind);
		if (kind == FAILING_FILE && error.kind != SP_ERROR_SYSTEM)
			fail_msg("call %ld: \"%s\" (kind %d)", n, error.message, error.kind);
		assert_true(error.message[0]);
	}
	if (failing_live != live)
		fail_msg("call %ld: %ld blocks are not freed", n, failing_live - live);
	if (run.out) {
		if (access(run.out, F_OK) == 0) {
			read_dir(run.out, &found);
			assert_same(&found, written, "the directory", n);
			sp_buf_release(&found);
			remove_dir(run.out);
		} else {
			assert_false(good);
		}
		read_dir(scratch, &found);
		if (found.size)
			fail_msg("call %ld: left behind: %s", n, found.data);
		sp_buf_release(&found);
	}
	return failing[kind].failed > 0;
}

static const char xl[] = "[host]\ntarget = xen-4.20\n"
			 "[guest driver]\ndevice = display0\ndevice = /soc/video@5400000\n"
			 "with-companions = yes\nhotplug = yes\nmemory = 1G\n";
static const char dom0less[] = "[guest driver]\nmode = dom0less\ndevice = gpu0\n"
			       "device = /soc/pcie@10000000\nclock = core=600M\n"
			       "bdf = /soc/pcie@10000000=01:00.0\n"
			       "iommus = gpu0=/soc/iommu@9000000:0x30\n"
			       "module = kernel=0x48000000+0x1000000\n";
static const char direct[] = "[guest driver]\nwithout-iommu = yes\ndevice = gpu0\n"
			     "device = /soc/vsp@5200000\nmemory = 256M\n";
static const char several[] = "[host]\ntarget = xen-4.22\n"
			      "[guest one]\ndevice = gpu0\npci = yes\n"
			      "[guest two]\nmode = dom0less\ndevice = display0\n"
			      "device = /soc/video@5400000\n"
			      "[guest three]\ndevice = /soc/neighbour@5400800\n";

static void tree_path(char path[static 4096]) {
	const char *dir = getenv("SP_FIXTURES");

	assert_non_null(dir);
	snprintf(path, 4096, "%s/rich.dtb", dir);
}

static void fail_each(const char *scenario, bool write, enum failing_kind kind, int reason) {
	struct sp_buf written = {0};
	struct run run = {.scenario = scenario};
	char tree[4096], out[4096];
	long n;

	tree_path(tree);
	run.tree = tree;
	if (write)
		make_out(&run, out, sizeof(out), "out");
	run_whole(&run, &written);
	assert_true(run.size > 1000);
	for (int go_on = 0; go_on < 2; go_on++) {
		for (n = 0; run_failing(&run, &written, kind, n, go_on, reason); n++)
			continue;
		assert_true(n > 10);
	}
	sp_buf_release(&written);
}

static void memory_check(void **state) {
	struct sp_buf written = {0};
	struct run run = {.scenario = "name = \"a\"\nmemory = 64\ndevice_tree = \"a.dtb\"\n"
				      "iomem = [ \"5000,10\", \"5400,1@40000\" ]\n"
				      "irqs = [ 33, 33, 0x20 ]\ndtdev = [ \"/soc\", \"/no\" ]\n",
		.checks = true};
	char tree[4096];
	long n;

	(void)state;
	tree_path(tree);
	run.tree = tree;
	run_whole(&run, &written);
	assert_true(run.size > 1000);
	for (int go_on = 0; go_on < 2; go_on++) {
		for (n = 0; run_failing(&run, &written, FAILING_MEMORY, n, go_on, 0); n++)
			continue;
		assert_true(n > 20);
	}
}

static void memory_xl(void **state) {
	(void)state;
	fail_each(xl, true, FAILING_MEMORY, 0);
}

static void memory_dom0less(void **state) {
	(void)state;
	fail_each(dom0less, true, FAILING_MEMORY, 0);
}

static void memory_direct(void **state) {
	(void)state;
	fail_each(direct, false, FAILING_MEMORY, 0);
}

static void memory_several(void **state) {
	(void)state;
	fail_each(several, true, FAILING_MEMORY, 0);
}

static void files_one(void **state) {
	(void)state;
	fail_each(xl, true, FAILING_FILE, EIO);
}

static void disk_full(void **state) {
	(void)state;
	fail_each(several, true, FAILING_FILE, ENOSPC);
}

/* An existing directory: each file in it is the old one or the new one. */
static void files_forced(void **state) {
	struct run run = {.scenario = several, .force = true};
	struct sp_buf before = {0}, after = {0};
	char tree[4096], out[4096];
	bool more = true;

	(void)state;
	tree_path(tree);
	run.tree = tree;
	make_out(&run, out, sizeof(out), "out");
	for (long n = 0; more; n++) {
		struct sp_buf found = {0};
		struct sp_error error = {0};
		bool good;

		failing_disarm();
		remove_dir(out);
		assert_true(run_all(&run, &error));
		sp_buf_release(&before);
		read_dir(out, &before);
		failing_arm(FAILING_FILE, n, false, EIO);
		good = run_all(&run, &error);
		more = failing[FAILING_FILE].failed > 0;
		failing_disarm();
		read_dir(out, &after);
		assert_same(&after, &before, "the directory", n);
		assert_true(good || error.kind == SP_ERROR_SYSTEM);
		sp_buf_release(&after);
		remove_dir(out);
		read_dir(scratch, &found);
		if (found.size)
			fail_msg("call %ld: left behind: %s", n, found.data);
		sp_buf_release(&found);
	}
	sp_buf_release(&before);
}

/* write() may take less than it is given, and signals may come. */
static void writes_in_pieces(void **state) {
	struct sp_buf written = {0}, again = {0};
	struct run run = {.scenario = xl};
	char tree[4096], out[4096];

	(void)state;
	tree_path(tree);
	run.tree = tree;
	make_out(&run, out, sizeof(out), "out");
	run_whole(&run, &written);
	failing_short = 101;
	failing_interrupt = true;
	run_whole(&run, &again);
	failing_short = 0;
	failing_interrupt = false;
	assert_same(&written, &again, "the directory", 0);
	sp_buf_release(&written);
	sp_buf_release(&again);
}

static void put(const char *dir, const char *name, const void *data, size_t size) {
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* An unflattened tree. */
static void directories(void **state) {
	char path[4096];
	long n, calls = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/tree", scratch);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "#address-cells", "\0\0\0\1", 4);
	put(path, "compatible", "sallyport,board", 16);
	snprintf(path, sizeof(path), "%s/tree/soc", scratch);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "ranges", "", 0);
	snprintf(path, sizeof(path), "%s/tree/soc/gpu@0", scratch);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "reg", "\0\0\0\0\0\0\1\0", 8);
	snprintf(path, sizeof(path), "%s/tree", scratch);
	for (int kind = 0; kind < FAILING_KIND_COUNT; kind++) {
		for (n = 0;; n++) {
			struct sp_error error = {0};
			struct sp_tree *tree;
			long live = failing_live;
			bool good;

			failing_arm((enum failing_kind)kind, n, false, EIO);
			good = sp_tree_load(&tree, path, &error);
			failing_disarm();
			if (good)
				assert_int_equal(sp_tree_count(tree), 3);
			else if (kind == FAILING_FILE)
				assert_int_equal(error.kind, SP_ERROR_SYSTEM);
			else
				assert_int_equal(error.kind, SP_ERROR_MEMORY);
			sp_tree_destroy(tree);
			assert_int_equal(failing_live, live);
			calls += !good;
			if (!failing[kind].failed)
				break;
		}
	}
	assert_true(calls > 10);
	remove_dir(path);
}

static int make_scratch(void **state) {
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
	(void)state;
	return rmdir(scratch);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_check),
		cmocka_unit_test(memory_xl),
		cmocka_unit_test(memory_dom0less),
		cmocka_unit_test(memory_direct),
		cmocka_unit_test(memory_several),
		cmocka_unit_test(files_one),
		cmocka_unit_test(disk_full),
		cmocka_unit_test(files_forced),
		cmocka_unit_test(writes_in_pieces),
		cmocka_unit_test(directories),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
