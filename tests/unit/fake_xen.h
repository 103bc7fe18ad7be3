/* SPDX-License-Identifier: MIT */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include "xen/xen.h"

/*
 * A Xen in memory. Its state is a set of lines, which tests write, read and compare:
 *
 *	release 4.20		that runs
 *	domain 3 net		and "dying 3", "shut 3", "lingers 3" (never goes)
 *	node /soc/a		which the IOMMU protects
 *	pages 9000 10		that dom0 may give: first and count, in hexadecimal
 *	irq 40			that dom0 may give
 *	room 3 64		the guest has interrupts below this
 *	assigned 3 /soc/a
 *	permitted 3 9000 1
 *	mapped 3 9000 9000 1	the guest's, the host's, count
 *	bound 3 40
 *	record 3 LINE
 *	fail 2 12		the second call that changes something fails with this errno
 *	dies 2 3		guest 3 dies as the second call comes, questions counted, too
 *	heir 4			who gets the nodes of a guest that dies
 *
 * and for PCI:
 *
 *	function 0000:03:00.0		dom0 sees it; and "bridge …", "deadly …", "stale …" (see xen.h)
 *	driver 0000:03:00.0 e1000e	which may be pciback
 *	was 0000:03:00.0 e1000e		where libxl would bind it to, of what it took
 *	quarantined 0000:03:00.0
 *	given 3 0000:03:00.0 5 p	the guest's slot and options; its interrupt is a line "pirq"
 *	kind 3 pvh			or hvm; else it is pv
 *	deaf 3				it lets go of nothing
 *	half 2 5			the second call that changes something fails halfway
 *	says 2 TEXT			and says so
 */
struct fake;

struct sp_xen *fake_create(const char *lines);
void fake_add(struct sp_xen *xen, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fake_has(const struct sp_xen *xen, const char *line);
void fake_remove(struct sp_xen *xen, const char *line);
/* All but "fail", "half" and "says", sorted; malloc'ed. */
char *fake_state(const struct sp_xen *xen);
/* Calls that change something, so far. */
unsigned fake_calls(const struct sp_xen *xen);
/* All calls, so far, but deassign's. */
unsigned fake_asked(const struct sp_xen *xen);

#endif
