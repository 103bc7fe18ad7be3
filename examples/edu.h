/* SPDX-License-Identifier: MIT */
#ifndef EDU_H
#define EDU_H

#include <sallyport/device.h>

/* QEMU's teaching device, as docs/specs/edu.rst there describes it. `msi`: not only INTx. */
struct sp_device *edu_create(bool msi, struct sp_budget *budget, struct sp_error *error);

#endif
