/* SPDX-License-Identifier: MIT */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include "fake_xen.h"

/* What the two halves of the fake have in common. */
extern const struct sp_xen_pci_ops FAKE_PCI_OPS;

/* Each call begins with one of these; the second gives what a call that changes something is to
 * fail with. */
void fake_ask(struct sp_xen *xen);
int fake_fail(struct sp_xen *xen);
/* The first line that begins so; NULL if there is none. */
const char *fake_find(const struct sp_xen *xen, const char *start);

#endif
