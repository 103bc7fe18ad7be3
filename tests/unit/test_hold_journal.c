/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hold/files.h"
#include "hold/journal.h"
#include "wire/record.h"

static void test_blocks(void **state) {
	struct sp_error error;
	struct sp_journal *journal = sp_journal_create(&error), *again;
	uint8_t *first, *second, *other;

	(void)state;
	assert_non_null(journal);
	first = sp_journal_block(journal, "wire:a", 3, 5000, &error);
	second = sp_journal_block(journal, "wire:b", 3, 10, &error);
	assert_non_null(first);
	assert_non_null(second);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(first[i], 0);
	memset(first, 1, 5000);
	memset(second, 2, 10);

	/* Another process has the same descriptor. */
	again = sp_journal_open(fcntl(sp_journal_fd(journal), F_DUPFD_CLOEXEC, 0), &error);
	assert_non_null(again);
	other = sp_journal_block(again, "wire:b", 3, 10, &error);
	assert_non_null(other);
	assert_int_equal(other[9], 2);
	other[9] = 7;
	assert_int_equal(second[9], 7);
	assert_int_equal(first[4999], 1);

	assert_null(sp_journal_block(again, "wire:a", 4, 5000, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_null(sp_journal_block(again, "wire:a", 3, 5001, &error));
	assert_true(sp_journal_check(again, "vnc:", 9, 9, &error));
	assert_false(sp_journal_check(again, "wire:", 3, 5000, &error));
	sp_journal_destroy(again);
	sp_journal_destroy(journal);
	sp_journal_destroy(NULL);
}

static void test_refused(void **state) {
	struct sp_error error;
	struct sp_journal *journal = sp_journal_create(&error);
	int fd = fcntl(sp_journal_fd(journal), F_DUPFD_CLOEXEC, 0);
	uint32_t version = 2;
	int empty = memfd_create("empty", MFD_CLOEXEC);

	(void)state;
	sp_journal_destroy(journal);
	assert_null(sp_journal_open(empty, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_int_equal(pwrite(fd, &version, sizeof(version), 8), sizeof(version));
	assert_null(sp_journal_open(fd, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_non_null(strstr(error.message, "version 2"));
	close(fd);
	close(empty);
}

static void count_file(void *data, int fd) {
	int *sum = data;

	*sum += fd;
}

static void test_kept(void **state) {
	struct sp_error error;
	struct sp_journal *journal = sp_journal_create(&error);
	char name[SP_JOURNAL_NAME_MAX + 2];
	int sum = 0;

	(void)state;
	assert_int_equal(sp_journal_kept(journal, "listen:x"), -1);
	assert_true(sp_journal_keep(journal, "listen:x", 100));
	assert_true(sp_journal_keep(journal, "memory:x", 200));
	assert_int_equal(sp_journal_kept(journal, "listen:x"), 100);
	assert_int_equal(sp_journal_kept(journal, "memory:x"), 200);
	/* In place of the earlier one. */
	assert_true(sp_journal_keep(journal, "listen:x", 101));
	assert_int_equal(sp_journal_kept(journal, "listen:x"), 101);
	sp_journal_files(journal, count_file, &sum);
	assert_int_equal(sum, 301 + sp_journal_fd(journal));
	sp_journal_forget(journal, "listen:x");
	assert_int_equal(sp_journal_kept(journal, "listen:x"), -1);
	memset(name, 'x', sizeof(name));
	name[SP_JOURNAL_NAME_MAX + 1] = '\0';
	assert_false(sp_journal_keep(journal, name, 1));
	name[SP_JOURNAL_NAME_MAX] = '\0';
	assert_true(sp_journal_keep(journal, name, 1));
	for (int i = 0; i < 254; i++) {
		snprintf(name, sizeof(name), "more:%d", i);
		assert_true(sp_journal_keep(journal, name, i));
	}
	assert_false(sp_journal_keep(journal, "too many", 1));
	sp_journal_destroy(journal);
}

static bool take_one(void *data, int fd) {
	return fd == *(int *)data;
}

static void test_files(void **state) {
	int known = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int taken = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int lost = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct sp_error error;
	struct sp_files *files = sp_files_list(&error);

	(void)state;
	assert_non_null(files);
	/* What the test program itself has open stays. */
	for (int i = 3; i < 1000; i++) {
		if (i != taken && i != lost)
			sp_files_know(files, i);
	}
	sp_files_know(files, -1);
	sp_files_inherit(files, true);
	assert_int_equal(fcntl(known, F_GETFD), 0);
	sp_files_inherit(files, false);
	assert_int_equal(fcntl(known, F_GETFD), FD_CLOEXEC);
	assert_int_equal(sp_files_close_others(files, take_one, &taken), 1);
	assert_int_equal(fcntl(lost, F_GETFD), -1);
	assert_true(fcntl(known, F_GETFD) >= 0 && fcntl(taken, F_GETFD) >= 0);
	sp_files_destroy(files);
	close(known);
	close(taken);
}

static struct sp_record *make_record(void) {
	struct sp_record *record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(record != MAP_FAILED);
	assert_false(sp_record_valid(record));
	sp_record_init(record);
	assert_true(sp_record_valid(record));
	return record;
}

/* What is written for a commit counts wholly when it comes, and not at all before, wherever the
 * writer ends; and what it left does not count with the commit of another. */
static void test_commits(void **state) {
	struct sp_record *record = make_record();
	struct sp_record_state *states = record->states;

	(void)state;
	assert_int_equal(sp_record_current(record, states[0].number, states[1].number), -1);
	for (unsigned i = 1; i <= 20; i++) {
		int current = sp_record_current(record, states[0].number, states[1].number);
		unsigned place = sp_record_other(record, states[0].number, states[1].number);

		/* The one that counts is never the one that is written. */
		assert_int_not_equal((int)place, current);
		assert_true(i == 1 || (current >= 0 && states[current].head == i - 1));
		states[place].head = 1000 + i;
		states[place].number = record->committed + 1;
		assert_int_equal(
			sp_record_current(record, states[0].number, states[1].number), current);
		/* Every third one is killed here, and another goes on. */
		if (i % 3 == 0) {
			sp_record_clean(record);
			assert_int_equal(
				sp_record_current(record, states[0].number, states[1].number),
				current);
			sp_record_commit(record);
			assert_int_equal(
				sp_record_current(record, states[0].number, states[1].number),
				current);
			place = sp_record_other(record, states[0].number, states[1].number);
			states[place].number = record->committed + 1;
		}
		states[place].head = i;
		sp_record_commit(record);
		current = sp_record_current(record, states[0].number, states[1].number);
		assert_int_equal(current, (int)place);
		assert_int_equal(states[current].head, i);
	}
	/* Left behind by one that was killed: another's commit is not its own. */
	record->irqs[0].number = record->committed + 1;
	record->ranges_used = 3;
	record->ranges[0] = (struct sp_record_range){.added = record->committed + 1};
	record->ranges[1] =
		(struct sp_record_range){.added = record->committed, .gone = record->committed + 1};
	record->ranges[2] =
		(struct sp_record_range){.added = record->committed, .gone = record->committed};
	sp_record_clean(record);
	sp_record_commit(record);
	assert_int_equal(
		sp_record_current(record, record->irqs[0].number, record->irqs[1].number), -1);
	assert_int_equal(record->ranges[0].added, 0);
	assert_int_equal(record->ranges[1].gone, 0);
	assert_int_not_equal(record->ranges[2].gone, 0);
	munmap(record, sizeof(*record));
}

/* The kernel tells how far a call got, and which descriptors came. */
static void test_calls(void **state) {
	struct sp_record *record = make_record();
	int pair[2], fds[4], sent = STDERR_FILENO;
	struct iovec part = {record->in, 100};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	uint8_t bytes[64] = {1};

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	sp_record_begin(record);
	assert_int_equal(sp_record_moved(&record->in_calls), 0);
	assert_int_equal(sp_record_receive(record, pair[0], &message, 0, 0), -1);
	assert_int_equal(sp_record_moved(&record->in_calls), 0);

	assert_int_equal(write(pair[1], bytes, 10), 10);
	assert_int_equal(sp_record_receive(record, pair[0], &message, 0, 0), 10);
	assert_int_equal(sp_record_moved(&record->in_calls), 10);
	assert_int_equal(sp_record_unowned(record, fds, 4), 0);

	part = (struct iovec){bytes, 20};
	message = (struct msghdr){.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &sent, sizeof(sent));
	assert_int_equal(sendmsg(pair[1], &message, 0), 20);
	part = (struct iovec){record->in + 10, 100};
	message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
	assert_int_equal(sp_record_receive(record, pair[0], &message, 10, 0), 20);
	assert_int_equal(sp_record_moved(&record->in_calls), 30);
	assert_int_equal(sp_record_unowned(record, fds, 4), 1);
	assert_true(fcntl(fds[0], F_GETFD) >= 0);
	sp_record_own(record, fds, 1, 10);
	assert_int_equal(sp_record_unowned(record, fds, 4), 0);
	assert_int_equal(record->received[0].fd, fds[0]);
	close(fds[0]);

	part = (struct iovec){bytes, 64};
	message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
	assert_int_equal(sp_record_send(record, pair[0], &message, 0), 64);
	assert_int_equal(sp_record_moved(&record->out_calls), 64);
	close(pair[1]);
	assert_int_equal(sp_record_send(record, pair[0], &message, 64), -1);
	assert_int_equal(sp_record_moved(&record->out_calls), 64);
	close(pair[0]);
	munmap(record, sizeof(*record));
}

static void test_drops(void **state) {
	struct sp_drops drops = {0};
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	sp_drop(&drops, first);
	assert_int_equal(fcntl(first, F_GETFD), -1);
	drops.later = true;
	for (int i = 0; i < 100; i++)
		sp_drop(&drops, open("/dev/null", O_RDONLY | O_CLOEXEC));
	assert_int_equal(drops.count, 100);
	first = drops.fds[99];
	assert_true(fcntl(first, F_GETFD) >= 0);
	sp_drops_close(&drops);
	assert_int_equal(fcntl(first, F_GETFD), -1);
	sp_drops_release(&drops);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
