/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_VM_H
#define SP_SERVE_VM_H

#include "sandbox/sandbox.h"
#include "serve/endpoint.h"
#include "serve/held.h"
#include "serve/sockets.h"

/*
 * The devices of one VM, each with its socket, and what they share: the budget, the screens'
 * viewers, the inputs into which viewers type.
 */
struct sp_vm;

struct sp_vm_screen {
	uint64_t resizes, flips, blanks;
};

struct sp_vm_device {
	char name[SP_DEVICE_NAME_MAX + 1];
	const struct sp_model *model;
	struct sp_made made;
	struct sp_endpoint *endpoint;
	struct sp_vm_screen screen; /* what its screen did; zeros without one */
	struct sp_scanout_listener listener; /* that counts it */
};

/* The sockets are taken from `sockets`; the loop and `held`, NULL without a holder, are borrowed.
 * `log` as for an endpoint. */
bool sp_vm_create(struct sp_vm **vm, const struct sp_serve_request *request,
	struct sp_sockets *sockets, struct sp_held *held, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error);
/* The same in two steps, between which the process can give up what the first one needs: files by
 * their names. Bytes of a guest are first read by the second one. */
bool sp_vm_make(struct sp_vm **vm, const struct sp_serve_request *request, struct sp_held *held,
	struct sp_loop *loop, struct sp_error *error);
bool sp_vm_open(struct sp_vm *vm, struct sp_sockets *sockets, struct sp_held *held,
	void (*log)(const char *name, const char *what), struct sp_error *error);
/* What the process gave up, to be told to those who ask; borrowed. NULL: nothing. */
void sp_vm_confine(struct sp_vm *vm, const struct sp_sandbox *sandbox);
const struct sp_sandbox *sp_vm_sandbox(const struct sp_vm *vm);
/* What changed by itself is kept. After each step of the loop. */
void sp_vm_commit(struct sp_vm *vm);
/* Sends all clients away and takes no others. */
void sp_vm_close(struct sp_vm *vm);
bool sp_vm_idle(const struct sp_vm *vm);
void sp_vm_destroy(struct sp_vm *vm); /* accepts NULL; it must be idle */

const char *sp_vm_name(const struct sp_vm *vm); /* NULL: it has none */
struct sp_vm_device *sp_vm_devices(struct sp_vm *vm, uint32_t *count);
/* NULL: there is none; without a name, if there is only one. */
struct sp_vm_device *sp_vm_device(struct sp_vm *vm, const char *name);
const struct sp_held *sp_vm_held(const struct sp_vm *vm); /* NULL: without a holder */
const struct sp_budget *sp_vm_budget(const struct sp_vm *vm);

#endif
