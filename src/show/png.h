/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_PNG_H
#define SP_SHOW_PNG_H

#include <sallyport/scanout.h>

#include "base/buf.h"

/*
 * A picture as PNG (ISO/IEC 15948), put after what is in the buffer. `memory` is where its first
 * line begins, which a guest may be writing meanwhile. False if it is none that fits, or if no
 * memory was left, which the buffer then tells, too.
 */
bool sp_png_write(const struct sp_picture *picture, const uint8_t *memory, struct sp_buf *out);

#endif
