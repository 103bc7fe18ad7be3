/* SPDX-License-Identifier: MIT */
#include "hold/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6c6e72756f6a7073) /* "spjournl" */
#define VERSION 1u
#define BLOCKS 64u
#define KEPT 256u
#define PAGE 4096u

struct block {
	uint32_t used, version;
	uint64_t offset, size;
	char name[SP_JOURNAL_NAME_MAX + 1];
};

struct kept {
	uint32_t used;
	int32_t fd;
	char name[SP_JOURNAL_NAME_MAX + 1];
};

struct head {
	uint64_t magic;
	uint32_t version, size;
	struct sp_journal_shared shared;
	struct block blocks[BLOCKS];
	struct kept kept[KEPT];
};
#define HEAD_SIZE ((sizeof(struct head) + PAGE - 1) / PAGE * PAGE)

struct sp_journal {
	int fd;
	struct head *head;
};

static struct sp_journal *map(int fd, struct sp_error *error) {
	struct sp_journal *journal = calloc(1, sizeof(*journal));
	void *head;

	if (!journal) {
		sp_error_memory(error);
		return NULL;
	}
	head = mmap(NULL, HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED) {
		sp_error_set(error, SP_ERROR_SYSTEM, "journal: %s", strerror(errno));
		free(journal);
		return NULL;
	}
	journal->fd = fd;
	journal->head = head;
	return journal;
}

struct sp_journal *sp_journal_create(struct sp_error *error) {
	int fd = memfd_create("sallyport-journal", MFD_CLOEXEC);
	struct sp_journal *journal = NULL;

	if (fd < 0 || ftruncate(fd, HEAD_SIZE) < 0)
		sp_error_set(error, SP_ERROR_SYSTEM, "journal: %s", strerror(errno));
	else
		journal = map(fd, error);
	if (!journal) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	journal->head->version = VERSION;
	journal->head->size = (uint32_t)sizeof(struct head);
	journal->head->magic = MAGIC;
	return journal;
}

struct sp_journal *sp_journal_open(int fd, struct sp_error *error) {
	struct sp_journal *journal;
	struct stat stat;

	if (fstat(fd, &stat) < 0 || stat.st_size < (off_t)HEAD_SIZE) {
		sp_error_set(error, SP_ERROR_INPUT, "descriptor %d is no journal", fd);
		return NULL;
	}
	journal = map(fd, error);
	if (!journal)
		return NULL;
	if (journal->head->magic == MAGIC && journal->head->version == VERSION &&
		journal->head->size == sizeof(struct head))
		return journal;
	sp_error_set(error, SP_ERROR_INPUT,
		"the journal is of version %u, and this program knows version %u",
		journal->head->version, VERSION);
	munmap(journal->head, HEAD_SIZE);
	free(journal);
	return NULL;
}

void sp_journal_destroy(struct sp_journal *journal) {
	if (!journal)
		return;
	munmap(journal->head, HEAD_SIZE);
	close(journal->fd);
	free(journal);
}

int sp_journal_fd(const struct sp_journal *journal) {
	return journal->fd;
}

struct sp_journal_shared *sp_journal_shared(struct sp_journal *journal) {
	return &journal->head->shared;
}

static bool name_block(struct block *block, const char *name) {
	size_t length = strlen(name);

	if (length > SP_JOURNAL_NAME_MAX)
		return false;
	memcpy(block->name, name, length + 1);
	return true;
}

static bool fits(const struct block *block, uint32_t version, size_t size, struct sp_error *error) {
	return (block->version == version && block->size == size) ||
		sp_error_set(error, SP_ERROR_INPUT,
			"the journal's part \"%.*s\" is of version %u, and this program knows "
			"version %u",
			SP_JOURNAL_NAME_MAX, block->name, block->version, version);
}

void *sp_journal_block(struct sp_journal *journal, const char *name, uint32_t version, size_t size,
	struct sp_error *error) {
	struct block *block = journal->head->blocks;
	uint64_t end = HEAD_SIZE;
	void *data;

	for (; block < journal->head->blocks + BLOCKS && block->used; block++) {
		if (strncmp(block->name, name, sizeof(block->name)) == 0)
			break;
		end = block->offset + (block->size + PAGE - 1) / PAGE * PAGE;
	}
	if (block == journal->head->blocks + BLOCKS) {
		sp_error_set(error, SP_ERROR_SYSTEM, "journal: it is full");
		return NULL;
	}
	if (!block->used) {
		/* What an earlier process began to make here is of another size at most. */
		if (ftruncate(journal->fd, (off_t)end) < 0 ||
			ftruncate(journal->fd, (off_t)(end + size)) < 0) {
			sp_error_set(error, SP_ERROR_SYSTEM, "journal: %s", strerror(errno));
			return NULL;
		}
		if (!name_block(block, name)) {
			sp_error_set(error, SP_ERROR_USE, "journal: the name is too long");
			return NULL;
		}
		block->version = version;
		block->offset = end;
		block->size = size;
		__atomic_store_n(&block->used, 1, __ATOMIC_RELEASE);
	}
	if (!fits(block, version, size, error))
		return NULL;
	data = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, (off_t)block->offset);
	if (data == MAP_FAILED) {
		sp_error_set(error, SP_ERROR_SYSTEM, "journal: %s", strerror(errno));
		return NULL;
	}
	return data;
}

bool sp_journal_check(const struct sp_journal *journal, const char *prefix, uint32_t version,
	size_t size, struct sp_error *error) {
	for (uint32_t i = 0; i < BLOCKS && journal->head->blocks[i].used; i++) {
		const struct block *block = &journal->head->blocks[i];

		if (strncmp(block->name, prefix, strlen(prefix)) == 0 &&
			!fits(block, version, size, error))
			return false;
	}
	return true;
}

static struct kept *find(const struct sp_journal *journal, const char *name) {
	for (uint32_t i = 0; i < KEPT; i++) {
		struct kept *kept = &journal->head->kept[i];

		if (kept->used && strncmp(kept->name, name, sizeof(kept->name)) == 0)
			return kept;
	}
	return NULL;
}

bool sp_journal_keep(struct sp_journal *journal, const char *name, int fd) {
	struct kept *before = find(journal, name), *kept = journal->head->kept;

	if (strlen(name) > SP_JOURNAL_NAME_MAX)
		return false;
	while (kept < journal->head->kept + KEPT && kept->used)
		kept++;
	if (kept == journal->head->kept + KEPT)
		return false;
	memcpy(kept->name, name, strlen(name) + 1);
	kept->fd = fd;
	if (before)
		__atomic_store_n(&before->used, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&kept->used, 1, __ATOMIC_RELEASE);
	return true;
}

int sp_journal_kept(const struct sp_journal *journal, const char *name) {
	const struct kept *kept = find(journal, name);

	return kept ? kept->fd : -1;
}

void sp_journal_forget(struct sp_journal *journal, const char *name) {
	struct kept *kept = find(journal, name);

	if (kept)
		__atomic_store_n(&kept->used, 0, __ATOMIC_RELEASE);
}

void sp_journal_files(
	const struct sp_journal *journal, void (*file)(void *data, int fd), void *data) {
	file(data, journal->fd);
	for (uint32_t i = 0; i < KEPT; i++) {
		if (journal->head->kept[i].used)
			file(data, journal->head->kept[i].fd);
	}
}
