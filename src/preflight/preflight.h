/* SPDX-License-Identifier: MIT */
#ifndef SP_PREFLIGHT_PREFLIGHT_H
#define SP_PREFLIGHT_PREFLIGHT_H

#include <sallyport/preflight.h>

#include "base/arena.h"
#include "machine/machine.h"

struct sp_preflight {
	struct sp_arena arena;
	const struct sp_machine *machine;
	struct sp_situation situation;
	struct sp_function **functions; /* sorted by address, each once */
	uint32_t function_count;
	SP_VEC(struct sp_answer) answers;
};

/* True if this function is given away too. */
bool sp_preflight_gives(const struct sp_preflight *preflight, const struct sp_function *function);

/* A rule of x86 that differs between Xen's releases; rules.def has the table. */
enum sp_pci_rule {
#define SP_PCI_RULE(name, ...) SP_PCI_RULE_##name,
#include "preflight/rules.def"
#undef SP_PCI_RULE
	SP_PCI_RULE_COUNT
};
uint32_t sp_pci_rule_value(enum sp_pci_rule rule, enum sp_target target);

/*
 * A question's answer. The severity of the code in the catalogue gives FAIL (error), WARN (warning)
 * or, for a note, PASS with that message. The remedy is the catalogue's unless one is given.
 */
void sp_preflight_find(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, enum sp_code code, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
void sp_preflight_pass(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* `remedy` says how it can be found out. */
void sp_preflight_unknown(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* One function for each question; sp_preflight_create() calls them by a table. `function` is NULL
 * for those about the machine. */

#endif
