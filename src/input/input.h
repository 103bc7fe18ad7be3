/* SPDX-License-Identifier: MIT */
#ifndef SP_INPUT_INPUT_H
#define SP_INPUT_INPUT_H

#include <sallyport/input.h>
#include <sallyport/virtio.h>

/*
 * What a guest is typed and pointed into: virtio input devices (5.8), which Linux, Windows and
 * firmware have drivers for. NULL after an error, which is SP_ERROR_MEMORY.
 */
struct sp_virtio *sp_virtio_keyboard_create(struct sp_budget *budget, struct sp_error *error);
/* Points to a place of the screen, and has five buttons and two wheels. */
struct sp_virtio *sp_virtio_tablet_create(struct sp_budget *budget, struct sp_error *error);

/* Where viewers tell what is typed; the device's, for one of the above. */
struct sp_input *sp_virtio_input_sink(struct sp_virtio *device);

#endif
