/* SPDX-License-Identifier: MIT */
#ifndef SP_CONTROL_CONTROL_H
#define SP_CONTROL_CONTROL_H

#include <jansson.h>
#include <stdint.h>

#include "cli/options.h"

/* The verbs that talk to `sallyport serve` by its control sockets. */
enum cli_status control_ps(struct cli *cli, int argc, char **argv);
enum cli_status control_top(struct cli *cli, int argc, char **argv);
enum cli_status control_screenshot(struct cli *cli, int argc, char **argv);
enum cli_status control_act(struct cli *cli, int argc, char **argv);

/* vms.c: the directories of VMs, and who is in them. */
enum control_condition {
	CONTROL_RUNS,
	CONTROL_STALE, /* whoever made it is gone */
	CONTROL_DENIED, /* another user's */
	CONTROL_MUTE, /* it does not answer in time */
};

struct control_vm {
	char *name;
	char *directory;
	enum control_condition condition;
	json_t *state; /* what it answers to "state"; NULL unless it runs */
};

struct control_vms {
	struct control_vm *vms; /* sorted by name */
	size_t count;
};

/* Those of this user, and those of the system that this user may look at. */
bool control_list(struct control_vms *vms, struct sp_error *error);
void control_release(struct control_vms *vms);
/* The directory of a VM by its name, or by a path with a '/': malloc'ed. NULL with an error. */
char *control_find(const char *name, struct sp_error *error);
/* Of an error of these; NULL: none, as whoever serves it said what was wrong. */
const char *control_remedy(const struct sp_error *error);
/* "stale" and so on; empty for one that runs. */
const char *control_condition_name(enum control_condition condition);

/* talk.c: a connection. */
struct control_talk {
	int socket;
	char *data; /* what was read and not yet used */
	size_t size, capacity;
};

/* errno in *failure if there is no connection. */
bool control_open(struct control_talk *talk, const char *directory, int *failure);
/* The error that goes with such a failure; false. */
bool control_refused(const char *directory, int failure, struct sp_error *error);
void control_close(struct control_talk *talk);
/* A request, which is taken over (NULL: no memory), and its answer, which is the caller's. NULL
 * with an error if it is none, or if it says that it went wrong. */
json_t *control_ask(struct control_talk *talk, json_t *request, struct sp_error *error);
/* The next line that comes, without asking. */
json_t *control_answer(struct control_talk *talk, struct sp_error *error);
/* The bytes that follow an answer. */
bool control_read(struct control_talk *talk, void *bytes, size_t size, struct sp_error *error);

/* figures.c: numbers of an answer; 0 for what is not there. */
uint64_t control_number(const json_t *object, const char *key);
/* All that are in an object. */
uint64_t control_sum(const json_t *object, const char *key);
const char *control_string(const json_t *object, const char *key); /* "" for none */

/* table.c */
#define CONTROL_COLUMNS 12
#define CONTROL_CELL 64 /* bytes */

struct control_column {
	const char *title;
	bool right; /* numbers */
};

struct control_table {
	const struct control_column *columns;
	size_t column_count;
	char (*rows)[CONTROL_COLUMNS][CONTROL_CELL];
	size_t count, capacity;
	bool failed; /* no memory */
};

/* A row of empty cells, which are to be filled in before the next call; NULL without memory. */
char (*control_row(struct control_table *table))[CONTROL_CELL];
/* Lines are cut at `columns` of the terminal; 0: not at all. `lines`: only so many; 0: all. */
void control_print(
	struct cli *cli, const struct control_table *table, unsigned columns, unsigned lines);
void control_table_release(struct control_table *table);
/* "16.0 MiB" */
void control_size(char cell[CONTROL_CELL], uint64_t bytes);

#endif
