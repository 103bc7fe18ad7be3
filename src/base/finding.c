/* SPDX-License-Identifier: MIT */
#include <sallyport/finding.h>

#include <string.h>
#include <strings.h>

#include <sallyport/suggest.h>

/*
 * A code is its name with '-' for '_': "SP-IRQ-SHARED" of IRQ_SHARED. The preprocessor cannot
 * replace letters, but an element of a string literal is a constant.
 */
#define PREFIX "SP-"
#define LONGEST_NAME 32
#define BLANKS "                                "
#define LETTER(name, i) \
	((i) >= sizeof(name) - 1 ? '\0' : (name BLANKS)[i] == '_' ? '-' : (name BLANKS)[i])
#define FOUR(name, i) \
	LETTER(name, i), LETTER(name, (i) + 1), LETTER(name, (i) + 2), LETTER(name, (i) + 3)
#define SIXTEEN(name, i) \
	FOUR(name, i), FOUR(name, (i) + 4), FOUR(name, (i) + 8), FOUR(name, (i) + 12)

#define NAME_CODE(name) \
	_Static_assert(sizeof(#name) - 1 <= LONGEST_NAME, "the name of a finding is too long"); \
	static const char CODE_##name[] = { \
		'S', 'P', '-', SIXTEEN(#name, 0), SIXTEEN(#name, 16), '\0'};
#define SP_FINDING(name, ...) NAME_CODE(name)
#include <sallyport/findings.def>
#undef SP_FINDING
#define SP_PCI_FINDING(name, ...) NAME_CODE(name)
#include <sallyport/pci_findings.def>
#undef SP_PCI_FINDING

static const struct sp_finding_info CATALOGUE[SP_CODE_COUNT] = {
#define SP_FINDING(name, xl, dom0less, direct, proof, title, meaning, remedy, source) \
	{CODE_##name, \
		{SP_SEVERITY_##xl, SP_SEVERITY_##dom0less, SP_SEVERITY_##direct, \
			SP_SEVERITY_NONE}, \
		SP_PROOF_##proof, title, meaning, remedy, source},
#include <sallyport/findings.def>
#undef SP_FINDING
#define SP_PCI_FINDING(name, pci, proof, title, meaning, remedy, source) \
	{CODE_##name, {[SP_COLUMN_PCI] = SP_SEVERITY_##pci}, SP_PROOF_##proof, title, meaning, \
		remedy, source},
#include <sallyport/pci_findings.def>
#undef SP_PCI_FINDING
};

const struct sp_finding_info *sp_finding_info(enum sp_code code) {
	return (unsigned)code < SP_CODE_COUNT ? &CATALOGUE[code] : NULL;
}

/* Without the prefix, which may be left out. */
static const char *bare(const char *code) {
	size_t length = sizeof(PREFIX) - 1;

	return strncasecmp(code, PREFIX, length) == 0 ? code + length : code;
}

const struct sp_finding_info *sp_finding_lookup(const char *code) {
	for (size_t i = 0; i < SP_CODE_COUNT; i++)
		if (strcasecmp(bare(CATALOGUE[i].code), bare(code)) == 0)
			return &CATALOGUE[i];
	return NULL;
}

const char *sp_finding_suggest(const char *code) {
	const char *codes[SP_CODE_COUNT];
	const char *best;

	for (size_t i = 0; i < SP_CODE_COUNT; i++)
		codes[i] = bare(CATALOGUE[i].code);
	best = sp_suggest(bare(code), codes, SP_CODE_COUNT);
	return best ? best - (sizeof(PREFIX) - 1) : NULL;
}

const char *sp_severity_name(enum sp_severity severity) {
	static const char *const NAMES[] = {"none", "note", "warning", "error"};

	return (size_t)severity < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[severity] : "?";
}

const char *sp_verdict_name(enum sp_verdict verdict) {
	static const char *const NAMES[] = {"ok", "warn", "no"};

	return (size_t)verdict < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[verdict] : "?";
}
