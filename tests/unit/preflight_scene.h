/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_PREFLIGHT_SCENE_H
#define SP_UNIT_PREFLIGHT_SCENE_H

#include "preflight/preflight.h"

/*
 * Machines made by hand, changed by words, "KEY=VALUE" one after another:
 *
 *	guest=pv dom0=pvh target=xen-4.19	the situation
 *	runs=pvh release=4.16 xen.iommu=no	what the machine runs
 *	+xen=iommu=no-igfx +linux=iommu=off	a word more on a command line
 *	-CONFIG_XEN_ACPI -CONFIG_X=m		an option of the kernel's out, or a module
 *	gpu.pin=0 nic.driver=			a function's own; empty: none
 *	give=gpu give=audio			functions to be given, in place of those before
 */
struct scene {
	struct sp_machine *machine;
	struct sp_situation situation;
	sp_bdf given[8];
	uint32_t given_count;
	bool given_anew;
	char *config; /* the kernel's options */
};

/* The bases: "amd" (a PV dom0, an AMD GPU with audio), "pvh", "kvm", "intel" (a PV dom0 on Intel
 * with an IGD and RMRRs) and "igb" (a PV dom0, a network card with virtual functions). */
void scene_make(struct scene *scene, const char *base);
void scene_change(struct scene *scene, const char *words);
/* Call it once, after all changes. */
struct sp_preflight *scene_judge(struct scene *scene);
void scene_release(struct scene *scene);

#endif
