/* SPDX-License-Identifier: MIT */
#include "serve/viewers.h"

#include <stdlib.h>
#include <string.h>

struct sp_viewers {
	struct sp_listener listener;
	struct sp_vnc *vnc;
	void (*log)(const char *name, const char *what);
};

static void tell(void *data, const char *what) {
	const struct sp_viewers *viewers = data;

	if (viewers->log)
		viewers->log("vnc", what);
}

/* The first screen, and all that something can be typed into. */
static struct sp_scanout *find(
	struct sp_vm *vm, struct sp_input *inputs[SP_SERVE_DEVICES_MAX], uint32_t *input_count) {
	struct sp_scanout *scanout = NULL;
	struct sp_vm_device *devices;
	uint32_t count;

	*input_count = 0;
	devices = sp_vm_devices(vm, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (!scanout)
			scanout = devices[i].made.scanout;
		if (devices[i].made.input)
			inputs[(*input_count)++] = devices[i].made.input;
	}
	return scanout;
}

bool sp_viewers_create(struct sp_viewers **created, const struct sp_serve_request *request,
	const struct sp_listener *listener, struct sp_vm *vm, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error) {
	struct sp_viewers *viewers = calloc(1, sizeof(*viewers));
	struct sp_vnc_options options = {
		.listener = listener->socket,
		.name = sp_vm_name(vm) ? sp_vm_name(vm) : "Sallyport",
		.log = tell,
		.data = viewers,
	};
	struct sp_input *inputs[SP_SERVE_DEVICES_MAX];
	char password[SP_VNC_PASSWORD_MAX + 1];
	struct sp_scanout *scanout;
	uint32_t count;
	bool good;

	if (!viewers)
		return sp_error_memory(error);
	viewers->log = log;
	scanout = find(vm, inputs, &count);
	good = scanout || sp_error_set(error, SP_ERROR_USE, "no device has a screen");
	if (good && request->vnc_password_file) {
		good = sp_vnc_read_password(request->vnc_password_file, password, error);
		options.password = password;
	}
	good = good && sp_vnc_may_listen(listener->socket, options.password, error) &&
		sp_vnc_create(&viewers->vnc, &options, scanout, inputs, count, loop, error);
	explicit_bzero(password, sizeof(password));
	if (!good) {
		free(viewers);
		return sp_error_prefix(error, "vnc");
	}
	viewers->listener = *listener;
	*created = viewers;
	return true;
}

void sp_viewers_destroy(struct sp_viewers *viewers) {
	if (!viewers)
		return;
	sp_vnc_destroy(viewers->vnc);
	sp_listen_end(&viewers->listener);
	free(viewers);
}

void sp_viewers_state(const struct sp_viewers *viewers, struct sp_vnc_state *state) {
	sp_vnc_state(viewers->vnc, state);
}
