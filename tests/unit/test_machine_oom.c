/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

#include <errno.h>

#include "base/file.h"
#include "failing.h"
#include "machine_root.h"

/*
 * A machine is read, listed and written with the n-th allocation failing, for each n: it fails as a
 * whole for want of memory, or gives what it gives when nothing fails; nothing leaks.
 */

struct run {
	const char *data; /* NULL: the folder `root` is read */
	size_t size;
	uint64_t hash; /* of all that came of it */
};

static char root[] = "/tmp/sallyport-machine-XXXXXX";

static void keep(struct run *run, char *data, size_t size) {
	for (size_t i = 0; i < size; i++)
		run->hash = (run->hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
	free(data);
}

static bool run_all(struct run *run, struct sp_error *error) {
	const struct sp_machine_list_options options = {.all = true, .colour = true};
	struct sp_machine *machine;
	bool good = run->data ? sp_machine_parse(&machine, run->data, run->size, "x", error)
			      : sp_machine_read(&machine, root, error);
	char *data;
	size_t size;

	run->hash = 0;
	if (!good) {
		assert_null(machine);
		return false;
	}
	good = sp_machine_table(machine, &options, &data, &size, error);
	if (good) {
		keep(run, data, size);
		good = sp_machine_json(machine, &options, &data, &size, error);
	}
	if (good) {
		keep(run, data, size);
		good = sp_machine_write(machine, &data, &size, error);
	}
	if (good)
		keep(run, data, size);
	sp_machine_destroy(machine);
	return good;
}

static bool fail_one(const struct run *whole, long n, bool go_on) {
	struct run run = *whole;
	struct sp_error error = {0};
	long live = failing_live;
	bool good;

	failing_arm(FAILING_MEMORY, n, go_on, ENOMEM);
	good = run_all(&run, &error);
	failing_disarm();
	if (good && run.hash != whole->hash)
		fail_msg("allocation %ld: something is missing, and nobody says so", n);
	if (!good && error.kind != SP_ERROR_MEMORY)
		fail_msg("allocation %ld: %s", n, error.message);
	if (failing_live != live)
		fail_msg("allocation %ld: %ld blocks are not freed", n, failing_live - live);
	return failing[FAILING_MEMORY].failed > 0;
}

static void fail_each(struct run *run) {
	struct sp_error error = {0};
	long n = 0;

	failing_disarm();
	if (!run_all(run, &error))
		fail_msg("%s", error.message);
	for (int go_on = 0; go_on < 2; go_on++) {
		for (n = 0; fail_one(run, n, go_on); n++)
			;
	}
	assert_in_range(n, 10, 100000);
}

static void fail_file(const char *name) {
	struct sp_error error = {0};
	struct run run;
	char path[512], *data;

	assert_true(sp_file_read(machine_fixture(path, name), 1 << 24, &data, &run.size, &error));
	run.data = data;
	fail_each(&run);
	free(data);
}

static void snapshot(void **state) {
	(void)state;
	fail_file("snapshots/amd-gpu.snapshot");
	fail_file("snapshots/intel-igd.snapshot");
}

static void lspci(void **state) {
	(void)state;
	fail_file("lspci/igb.txt");
}

static void live(void **state) {
	struct sp_machine *machine = machine_load("snapshots/intel-igd.snapshot");
	struct run run = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	root_make(root, &machine->files);
	sp_machine_destroy(machine);
	fail_each(&run);
	root_remove(root);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshot),
		cmocka_unit_test(lspci),
		cmocka_unit_test(live),
	};

	return cmocka_run_group_tests_name("machine-oom", tests, NULL, NULL);
}
