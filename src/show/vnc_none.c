/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "show/vnc.h"

/* In place of vnc.c where there is no libvncserver. */

bool sp_vnc_create(struct sp_vnc **vnc, const struct sp_vnc_options *options,
	struct sp_scanout *scanout, struct sp_input *const *inputs, uint32_t input_count,
	struct sp_loop *loop, struct sp_error *error) {
	(void)options;
	(void)scanout;
	(void)inputs;
	(void)input_count;
	(void)loop;
	*vnc = NULL;
	return sp_error_set(error, SP_ERROR_USE, "this Sallyport was built without VNC");
}

void sp_vnc_destroy(struct sp_vnc *vnc) {
	(void)vnc;
}

bool sp_vnc_open(struct sp_vnc *vnc, int socket) {
	(void)vnc;
	close(socket);
	return false;
}

void sp_vnc_state(const struct sp_vnc *vnc, struct sp_vnc_state *state) {
	(void)vnc;
	*state = (struct sp_vnc_state){0};
}
