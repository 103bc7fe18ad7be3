/* SPDX-License-Identifier: MIT */
#include "serve/vm.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What one guest's devices may use of the host together. Its memory is not counted: it is its own.
 */
static const struct sp_budget_limits LIMITS = {
	.limits =
		{
			[SP_RESOURCE_BYTES] = UINT64_C(1) << 30,
			[SP_RESOURCE_PINS] = 1u << 16,
			[SP_RESOURCE_CONTEXTS] = 256,
			[SP_RESOURCE_FENCES] = 1u << 16,
			[SP_RESOURCE_FILES] = 512,
		},
};

struct sp_vm {
	char *name;
	struct sp_loop *loop;
	const struct sp_held *held; /* NULL: without a holder */
	struct sp_budget *budget;
	const struct sp_sandbox *sandbox;
	uint32_t count;
	struct sp_vm_device devices[];
};

static void changed(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	enum sp_scanout_change change) {
	struct sp_vm_device *device =
		(struct sp_vm_device *)((char *)listener - offsetof(struct sp_vm_device, listener));

	(void)scanout;
	device->screen.resizes += change == SP_SCANOUT_RESIZED;
	device->screen.flips += change == SP_SCANOUT_FLIPPED;
	device->screen.blanks += change == SP_SCANOUT_BLANKED;
}

static bool make(struct sp_vm *vm, const struct sp_device_request *request, struct sp_held *held,
	struct sp_error *error) {
	struct sp_vm_device *device = &vm->devices[vm->count];

	device->model = request->model;
	strcpy(device->name, request->name);
	if (!sp_model_create(&device->made, request, sp_held_memory(held, device->name), vm->budget,
		    error))
		return sp_error_prefix(error, request->name);
	if (!sp_held_keep_memory(held, device->name, device->made.device, error)) {
		sp_device_destroy(device->made.device);
		sp_made_release(&device->made);
		return false;
	}
	vm->count++;
	return true;
}

static bool open_one(struct sp_vm *vm, struct sp_vm_device *device, struct sp_sockets *sockets,
	struct sp_held *held, void (*log)(const char *name, const char *what),
	struct sp_error *error) {
	struct sp_listener listener;

	if (!sp_sockets_take(sockets, device->name, &listener))
		return sp_error_set(
			error, SP_ERROR_USE, "%s: it has no socket", device->name);
	if (!sp_endpoint_create(&device->endpoint, device->name, device->made.device, &listener,
		    vm->loop, log, error)) {
		sp_listen_end(&listener);
		return false;
	}
	if (!sp_held_keep_server(held, device->name, sp_endpoint_server(device->endpoint), error))
		return false;
	if (device->made.scanout) {
		device->listener.changed = changed;
		sp_scanout_listen(device->made.scanout, &device->listener);
	}
	return true;
}

bool sp_vm_make(struct sp_vm **made, const struct sp_serve_request *request, struct sp_held *held,
	struct sp_loop *loop, struct sp_error *error) {
	struct sp_vm *vm =
		calloc(1, sizeof(*vm) + request->device_count * sizeof(vm->devices[0]));

	if (!vm)
		return sp_error_memory(error);
	vm->loop = loop;
	vm->held = held;
	vm->budget = sp_budget_create(&LIMITS);
	if (request->vm)
		vm->name = strdup(request->vm);
	if (!vm->budget || (request->vm && !vm->name)) {
		sp_vm_destroy(vm);
		return sp_error_memory(error);
	}
	for (uint32_t i = 0; i < request->device_count; i++) {
		if (!make(vm, &request->devices[i], held, error)) {
			sp_vm_destroy(vm);
			return false;
		}
	}
	*made = vm;
	return true;
}

bool sp_vm_open(struct sp_vm *vm, struct sp_sockets *sockets, struct sp_held *held,
	void (*log)(const char *name, const char *what), struct sp_error *error) {
	for (uint32_t i = 0; i < vm->count; i++) {
		if (!open_one(vm, &vm->devices[i], sockets, held, log, error))
			return false;
	}
	return true;
}

bool sp_vm_create(struct sp_vm **created, const struct sp_serve_request *request,
	struct sp_sockets *sockets, struct sp_held *held, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error) {
	struct sp_vm *vm;

	if (!sp_vm_make(&vm, request, held, loop, error))
		return false;
	if (!sp_vm_open(vm, sockets, held, log, error)) {
		sp_vm_destroy(vm);
		return false;
	}
	*created = vm;
	return true;
}

void sp_vm_commit(struct sp_vm *vm) {
	for (uint32_t i = 0; i < vm->count; i++)
		sp_wire_server_commit(sp_endpoint_server(vm->devices[i].endpoint));
}

void sp_vm_close(struct sp_vm *vm) {
	for (uint32_t i = 0; i < vm->count; i++) {
		if (vm->devices[i].endpoint)
			sp_endpoint_close(vm->devices[i].endpoint);
	}
}

bool sp_vm_idle(const struct sp_vm *vm) {
	for (uint32_t i = 0; i < vm->count; i++) {
		if (vm->devices[i].endpoint && !sp_endpoint_idle(vm->devices[i].endpoint))
			return false;
	}
	return true;
}

void sp_vm_destroy(struct sp_vm *vm) {
	if (!vm)
		return;
	for (uint32_t i = 0; i < vm->count; i++) {
		struct sp_vm_device *device = &vm->devices[i];

		if (device->listener.changed)
			sp_scanout_forget(device->made.scanout, &device->listener);
		if (device->endpoint)
			sp_endpoint_destroy(device->endpoint);
		else
			sp_device_destroy(device->made.device);
		sp_made_release(&device->made);
	}
	sp_budget_destroy(vm->budget);
	free(vm->name);
	free(vm);
}

const char *sp_vm_name(const struct sp_vm *vm) {
	return vm->name;
}

struct sp_vm_device *sp_vm_devices(struct sp_vm *vm, uint32_t *count) {
	*count = vm->count;
	return vm->devices;
}

struct sp_vm_device *sp_vm_device(struct sp_vm *vm, const char *name) {
	if (!name)
		return vm->count == 1 ? &vm->devices[0] : NULL;
	for (uint32_t i = 0; i < vm->count; i++) {
		if (strcmp(vm->devices[i].name, name) == 0)
			return &vm->devices[i];
	}
	return NULL;
}

const struct sp_held *sp_vm_held(const struct sp_vm *vm) {
	return vm->held;
}

const struct sp_budget *sp_vm_budget(const struct sp_vm *vm) {
	return vm->budget;
}

void sp_vm_confine(struct sp_vm *vm, const struct sp_sandbox *sandbox) {
	vm->sandbox = sandbox;
}

const struct sp_sandbox *sp_vm_sandbox(const struct sp_vm *vm) {
	return vm->sandbox;
}
