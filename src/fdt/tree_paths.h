/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_TREE_PATHS_H
#define SP_FDT_TREE_PATHS_H

#include <sallyport/tree.h>

/*
 * How often sp_tree_path() had no memory and gave its stand-in text. What was made while this
 * number grew may hold that text, and must be given up.
 */
uint32_t sp_tree_paths_lost(const struct sp_tree *tree);

#endif
