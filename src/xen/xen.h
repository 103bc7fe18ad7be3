/* SPDX-License-Identifier: MIT */
#ifndef SP_XEN_XEN_H
#define SP_XEN_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * What is asked of a running Xen from dom0, behind a table: libxenctrl and libxenstore stand behind
 * one, and a model in memory behind that of the tests. The functions give 0 or a number of errno.h.
 */
struct sp_xen {
	const struct sp_xen_ops *ops;
	/* A file: who changes something has its lock. NULL: there is no need. */
	const char *lock;
};

struct sp_xen_domain {
	bool dying; /* it is being taken apart, from the beginning of that on */
	bool shut_down; /* it ended by itself and is kept */
};

struct sp_xen_ops {
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
