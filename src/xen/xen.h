/* SPDX-License-Identifier: MIT */
#ifndef SP_XEN_XEN_H
#define SP_XEN_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/machine.h>

#define SP_XEN_SAID_SIZE 256

/*
 * What is asked of a running Xen from dom0, behind a table: libxenctrl and libxenstore stand behind
 * one, and a model in memory behind that of the tests. The functions give 0 or a number of errno.h.
 */
struct sp_xen {
	const struct sp_xen_ops *ops;
	/* A file: who changes something has its lock. NULL: there is no need. */
	const char *lock;
	/* What the library said of a call for PCI that failed, in its own words; "": nothing. */
	char said[SP_XEN_SAID_SIZE];
};

struct sp_xen_domain {
	bool dying; /* it is being taken apart, from the beginning of that on */
	bool shut_down; /* it ended by itself and is kept */
};

#define SP_XEN_NOBODY UINT32_MAX
#define SP_XEN_DRIVER_SIZE 64u

/* A function of PCI, as dom0 sees it. */
struct sp_xen_function {
	char driver[SP_XEN_DRIVER_SIZE]; /* of dom0's kernel; "": none has it */
	bool assignable; /* pciback has it, and `driver` is "" */
	bool bridge;
	bool deadly; /* a virtual one of a PVH dom0: its reset ends Xen */
	bool stale; /* libxl believes that a guest has it, and none does */
	uint32_t owner; /* the guest that has it, or SP_XEN_NOBODY */
};

enum sp_xen_policy { SP_XEN_POLICY_DEFAULT, SP_XEN_POLICY_STRICT, SP_XEN_POLICY_RELAXED };

/* What a guest is to be given, with xl's options. */
struct sp_xen_pci {
	sp_bdf bdf;
	uint8_t slot; /* in the guest; 0: any that is free */
	bool permissive, msitranslate, power_mgmt;
	enum sp_xen_policy policy; /* for memory that firmware reserves */
};

enum sp_xen_kind { SP_XEN_PV, SP_XEN_HVM, SP_XEN_PVH };

/* One of the calls, when its time was up, is still at work; nothing else is done until it ends. */
#define SP_XEN_AT_WORK ETIME

struct sp_xen_pci_ops {
	int (*kind)(struct sp_xen *xen, uint32_t id, enum sp_xen_kind *kind);
	/* Bit n for function n; ENODEV: dom0 sees none. */
	int (*slot)(struct sp_xen *xen, sp_bdf bdf, uint8_t *functions);
	int (*look)(struct sp_xen *xen, sp_bdf bdf, struct sp_xen_function *function);

	/* From its driver, for pciback. What failed may be done in part. */
	int (*take)(struct sp_xen *xen, sp_bdf bdf);
	/* Back to this driver ("": to none), from pciback or from what a take that failed left. Not
	 * while a guest has it: EBUSY, if one was `given` it since, and Xen has it with that still.
	 */
	int (*restore)(struct sp_xen *xen, sp_bdf bdf, const char *driver, bool given);

	/* Only what pciback has and no guest: libxl forgets whose it is if it refuses. What failed
	 * may be done in part. */
	int (*add)(struct sp_xen *xen, uint32_t id, const struct sp_xen_pci *pci);
	/* ETIMEDOUT: the guest has not let go of it. With force it is not asked, and what an add
	 * that failed left is taken back, too. */
	int (*remove)(struct sp_xen *xen, uint32_t id, sp_bdf bdf, bool force);
};

struct sp_xen_ops {
	/* NULL: what this was built with cannot do it. */
	const struct sp_xen_pci_ops *pci;

	void (*close)(struct sp_xen *xen);
	int (*release)(struct sp_xen *xen, uint32_t *major, uint32_t *minor);

	/* ESRCH: there is none. */
	int (*domain)(struct sp_xen *xen, uint32_t id, struct sp_xen_domain *domain);
	int (*find)(struct sp_xen *xen, const char *name, uint32_t *id);
	/* malloc'ed */
	int (*name)(struct sp_xen *xen, uint32_t id, char **name);

	/* A node of the host's tree, whose stream IDs the IOMMU then translates for the guest. */
	int (*assign)(struct sp_xen *xen, uint32_t id, const char *path);
	/* Only for a node that this guest has: SMMUv3's driver in Xen does not look, and follows a
	 * pointer to nowhere. */
	int (*deassign)(struct sp_xen *xen, uint32_t id, const char *path);
	/* EBUSY: some guest has it; 0: none has. */
	int (*assigned)(struct sp_xen *xen, const char *path);

	/* In frames of 4 KiB. */
	int (*permit)(struct sp_xen *xen, uint32_t id, uint64_t host, uint64_t count, bool allowed);
	int (*map)(struct sp_xen *xen, uint32_t id, uint64_t guest, uint64_t host, uint64_t count,
		bool mapped);

	/* By the GIC's number. EBUSY: the guest has it; EPERM: dom0 may not give it; 0: neither,
	 * which does not say that nobody else has it. */
	int (*bound)(struct sp_xen *xen, uint32_t id, uint32_t irq);
	/* There is no way back: Xen takes it from dying guests only. */
	int (*bind)(struct sp_xen *xen, uint32_t id, uint32_t irq);

	/* What was given to the guest, a line for each thing, where only dom0 reads it and where it
	 * ends with the guest. *lines is malloc'ed and NUL-terminated. */
	int (*records)(struct sp_xen *xen, uint32_t id, char **lines);
	/* ENOENT: the guest is being ended. */
	int (*record)(struct sp_xen *xen, uint32_t id, const char *line);
	/* ENOENT: there is no such line. */
	int (*forget)(struct sp_xen *xen, uint32_t id, const char *line);

	/* Ends the guest, in so many milliseconds at most. Xen may not yet be done with it then.
	 * ENOENT: it cannot be begun, for want of xl. */
	int (*end)(struct sp_xen *xen, uint32_t id, unsigned milliseconds);
	/* Waits until some guest has gone, or for so many milliseconds. */
	int (*await)(struct sp_xen *xen, unsigned milliseconds);
};

/* The Xen below this program. */
bool sp_xen_open(struct sp_xen **xen, struct sp_error *error);
/* Accepts NULL. */
static inline void sp_xen_close(struct sp_xen *xen) {
	if (xen)
		xen->ops->close(xen);
}

#endif
