/* SPDX-License-Identifier: MIT */
#ifndef SP_HOLD_JOURNAL_H
#define SP_HOLD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * Memory and descriptors that outlive a process, in one file without a name: blocks of shared
 * memory, each with a name and the version of its form, and a list of descriptors by name. The next
 * process, which has the same descriptors under the same numbers, finds them there.
 *
 * Every worker can write it, and a guest may have taken one over: the holder takes no path from
 * it, and nothing else but counts, and a worker reads it in its sandbox. A newer or older program
 * refuses what it does not know.
 */
struct sp_journal;

#define SP_JOURNAL_NAME_MAX 63 /* bytes */

/* What the holder and its workers tell each other. */
struct sp_journal_shared {
	uint32_t restarts; /* of the worker, all in all */
	uint32_t upgrades;
	uint32_t crashed; /* the last worker ended by a fault of its own */
	uint32_t ready; /* how many workers became ready */
	uint64_t reserved[6];
};

/* NULL with SP_ERROR_SYSTEM or SP_ERROR_MEMORY. */
struct sp_journal *sp_journal_create(struct sp_error *error);
/* One that another program made. The descriptor becomes the journal's, but not after an error.
 * SP_ERROR_INPUT: it is of no form that is known here. */
struct sp_journal *sp_journal_open(int fd, struct sp_error *error);
void sp_journal_destroy(struct sp_journal *journal); /* accepts NULL */
int sp_journal_fd(const struct sp_journal *journal);
struct sp_journal_shared *sp_journal_shared(struct sp_journal *journal);

/* The block of that name, mapped until the process ends; zeros if there was none. NULL with
 * SP_ERROR_INPUT if it is there in another version or size. */
void *sp_journal_block(struct sp_journal *journal, const char *name, uint32_t version, size_t size,
	struct sp_error *error);
/* False with SP_ERROR_INPUT if one whose name begins so has another version or size. */
bool sp_journal_check(const struct sp_journal *journal, const char *prefix, uint32_t version,
	size_t size, struct sp_error *error);

/* Puts down a descriptor, in place of an earlier one of that name. False: there is no room. */
bool sp_journal_keep(struct sp_journal *journal, const char *name, int fd);
/* -1: there is none. */
int sp_journal_kept(const struct sp_journal *journal, const char *name);
void sp_journal_forget(struct sp_journal *journal, const char *name);

/* Each descriptor that was put down, and the journal's own. */
void sp_journal_files(
	const struct sp_journal *journal, void (*file)(void *data, int fd), void *data);

#endif
