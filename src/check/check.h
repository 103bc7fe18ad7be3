/* SPDX-License-Identifier: MIT */
#ifndef SP_CHECK_CHECK_H
#define SP_CHECK_CHECK_H

#include <sallyport/check.h>

#include "plan/plan.h"
#include "xl/guest.h"

/* More guests than a machine is divided into. */
#define SP_CHECK_MAX_GUESTS 64u
/* Findings of one code that are told of a guest; the rest is counted. */
#define SP_CHECK_MAX_TOLD 64u

/* What people wrote, in one form for xl's guests and for those that Xen makes at boot. */

/* Pages that a guest is given: a line of iomem, or a part of a node's xen,reg. */
struct sp_check_map {
	uint64_t host, size, guest; /* bytes, whole pages */
	uint32_t line; /* of the configuration */
	sp_node at; /* in the guest's tree; SP_NODE_NONE for a line */
};

struct sp_check_irq {
	uint32_t number; /* the GIC's */
	uint32_t line;
	sp_node at; /* as above */
};

/* A node of the host that is assigned: dtdev, or xen,path. */
struct sp_check_dev {
	const char *path; /* as written */
	sp_node node; /* SP_NODE_NONE if the host has none */
	uint32_t line;
	sp_node at; /* as above */
	bool forced; /* xen,force-assign-without-iommu */
};

/* A node of the host that a guest is given the registers of, or that is assigned to it. */
struct sp_check_device {
	sp_node node;
	const char *path;
	uint32_t line; /* what gives it; 0 for a node of the guest's tree */
	sp_node at;
	bool holder; /* only carries stream IDs */
	bool assigned; /* dtdev or xen,path names it */
};

struct sp_check_guest {
	const char *name;
	const char *file; /* of the configuration, or of the host's tree for a domain */
	enum sp_mode mode;
	sp_node domain; /* under /chosen; SP_NODE_NONE for xl's */
	struct sp_xl_guest *xl; /* NULL for a domain */
	uint64_t memory; /* MiB */
	uint64_t static_memory;
	uint32_t cpus;
	uint64_t pool; /* MiB for translation tables; 0: not set */
	bool vuart;
	struct sp_tree *tree; /* the partial tree, NULL if there is none that can be read */
	const char *tree_file; /* NULL: there is none */
	uint32_t gic_phandle; /* by which the guest's tree names the GIC */
	SP_VEC(struct sp_check_map) maps; /* by guest address */
	struct sp_intervals reached; /* guest addresses behind which something is */
	struct sp_intervals given; /* host addresses behind them */
	SP_VEC(struct sp_check_irq) irqs; /* by number, then as written */
	SP_VEC(struct sp_check_dev) devs;
	SP_VEC(struct sp_check_device) devices;
	const struct sp_plan_guest *planned; /* NULL: it is given nothing */
};

/* A PCI host bridge's window as the CPU sees it. */
struct sp_check_window {
	sp_node node;
	uint64_t start, size; /* bytes */
};

/* How files are read, so that tests can do without them. */
struct sp_check_reader {
	bool (*read)(
		void *context, const char *path, char **data, size_t *size, struct sp_error *error);
	/* The same for trees, which are no pipes: nobody waits for a writer. */
	bool (*read_tree)(
		void *context, const char *path, char **data, size_t *size, struct sp_error *error);
	void *context;
};

struct sp_check {
	struct sp_arena arena;
	const struct sp_host *host;
	const struct sp_check_options *options; /* until the check is made */
	enum sp_target target;
	struct sp_check_reader reader;
	bool has_dom0;
	SP_VEC(struct sp_check_guest) guests;
	SP_VEC(struct sp_check_window) windows;
	struct sp_request request;
	struct sp_plan *plan; /* NULL: nobody is given anything */
	sp_node *
		by_name; /* of the host: by parent, then by name in any case; made when asked for */
	struct sp_intervals known; /* pages of the host that some node describes */
	SP_VEC(struct sp_finding) findings;
	/* How many of a guest's findings have this code, and which was the last to be told. */
	uint32_t told[SP_CHECK_MAX_GUESTS][SP_CODE_COUNT];
	uint32_t last[SP_CHECK_MAX_GUESTS][SP_CODE_COUNT];
	enum sp_verdict verdict;
};

/* More devices than any guest is given. */
#define SP_CHECK_MAX_DEVICES 256u
/* Register blocks that are looked at for one stretch of pages. */
#define SP_CHECK_MAX_STEPS 512u

/* sp_check_create() with another way to files. */
bool sp_check_create_reading(struct sp_check **check, const struct sp_host *host,
	const struct sp_check_options *options, const struct sp_check_reader *reader,
	struct sp_error *error);

/* Where a finding is. All may be NULL or 0. The path is made only for what is told. */
struct sp_check_place {
	const char *file;
	uint32_t line;
	const struct sp_tree *tree;
	sp_node node; /* of it */
	const char *path; /* instead of the node's */
};
struct sp_check_place sp_check_at_line(const struct sp_check_guest *guest, uint32_t line);
/* A node of the guest's tree. */
struct sp_check_place sp_check_at_tree(const struct sp_check_guest *guest, sp_node node);
/* A node of the host's, for which this line or this node of the guest's tree is the reason. */
struct sp_check_place sp_check_at(const struct sp_check *check, const struct sp_check_guest *guest,
	sp_node host, uint32_t line, sp_node at);

/* The same place, of which a node of the host's is said something. */
struct sp_check_place sp_check_on_host(
	const struct sp_check *check, struct sp_check_place place, sp_node host);

/* False: another finding of this code would only be counted. */
bool sp_check_tells(
	const struct sp_check *check, const struct sp_check_guest *guest, enum sp_code code);
/* Like sp_finding_add(). */
void sp_check_add(struct sp_check *check, const struct sp_check_guest *guest, enum sp_code code,
	struct sp_check_place place, const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The passes, in the order in which they run. Those that return bool return false with *error set;
 * running out of memory shows in the check's arena.
 */
/* Guests of xl. */
bool sp_check_read_configs(struct sp_check *check, struct sp_error *error);
/* Guests that Xen makes at boot. */
bool sp_check_read_domains(struct sp_check *check, struct sp_error *error);
/* The settings of a configuration or a domain by themselves. */
void sp_check_settings(struct sp_check *check, struct sp_check_guest *guest);
/* Which devices of the host a guest is given. */
void sp_check_find_windows(struct sp_check *check);
void sp_check_find_known(struct sp_check *check);
bool sp_check_find_devices(
	struct sp_check *check, struct sp_check_guest *guest, struct sp_error *error);
/* The plan of all guests, and what of its findings holds for what was written. */
bool sp_check_plan(struct sp_check *check, struct sp_error *error);
/* What only a plan says, of what it would make itself. */
bool sp_check_is_plans_own(enum sp_code code);
/* Whether there is room for the tables that map the pages. */
void sp_check_tables(struct sp_check *check, struct sp_check_guest *guest);
/* Pages. */
void sp_check_maps(struct sp_check *check, struct sp_check_guest *guest);
void sp_check_maps_of_all(struct sp_check *check);
/* Interrupts. */
void sp_check_irqs(struct sp_check *check, struct sp_check_guest *guest);
void sp_check_irqs_of_all(struct sp_check *check);
/* Assigned nodes and stream IDs. */
void sp_check_devs(struct sp_check *check, struct sp_check_guest *guest);
void sp_check_devs_of_all(struct sp_check *check);
/* The guest's tree: its nodes and references, and what it says of registers and interrupts. */
void sp_check_tree(struct sp_check *check, struct sp_check_guest *guest);
void sp_check_described(struct sp_check *check, struct sp_check_guest *guest);
void sp_check_astray(struct sp_check *check, struct sp_check_guest *guest);

/* tree.c: reads a partial tree as Xen does. What is wrong with it is told. */
void sp_check_take_tree(struct sp_check *check, struct sp_check_guest *guest, const char *name,
	char *data, size_t size, size_t room);

/* The node by its whole path, letter by letter; SP_NODE_NONE. */
sp_node sp_check_find_exact(const struct sp_tree *tree, const char *path);
/* The host's node as Xen finds it: by its whole path, in which case does not count. */
sp_node sp_check_find(struct sp_check *check, const char *path);
/* The host's address behind a guest's; UINT64_MAX if there is none. */
uint64_t sp_check_host_address(const struct sp_check_guest *guest, uint64_t address);
/* Whether the guest is given an interrupt, by the GIC's number; once its interrupts are sorted. */
bool sp_check_has_irq(const struct sp_check_guest *guest, uint32_t number);
/* The guest's device in which `node` of the host lies, or that it is; NULL. */
const struct sp_check_device *sp_check_device_of(
	const struct sp_check *check, const struct sp_check_guest *guest, sp_node node);
/* True if dom0 is given the node: it is there, not marked, and Xen does not leave it out. */
bool sp_check_is_dom0s(const struct sp_check *check, sp_node node);
/* The node of the guest's tree and all above it are enabled. */
bool sp_check_is_live(const struct sp_check_guest *guest, sp_node node);
/* /passthrough of the guest's tree; SP_NODE_NONE. */
sp_node sp_check_passthrough(const struct sp_check_guest *guest);

#endif
