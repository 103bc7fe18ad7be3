/* SPDX-License-Identifier: MIT */
#ifndef SP_PREFLIGHT_WORDS_H
#define SP_PREFLIGHT_WORDS_H

#include <stdbool.h>

#include "machine/machine.h"

/*
 * What a command line, which may be NULL, says about a switch. Xen's way:
 * "iommu=verbose,no-intremap" holds "intremap" switched off, and each "iommu=" adds to those
 * before. `item` NULL asks for the switch "iommu" itself: "iommu=0", "iommu=off". Of several the
 * last counts. SP_UNKNOWN: not a word.
 */
enum sp_known sp_words_switch(const char *line, const char *word, const char *item);

/* Like Linux's "intel_iommu=on,sm_on": the word is there with that item in its list. */
bool sp_words_has(const char *line, const char *word, const char *item);

/* The word is there, with or without a value; a whole "WORD=VALUE" can be asked for, too. */
bool sp_words_find(const char *line, const char *word);

#endif
