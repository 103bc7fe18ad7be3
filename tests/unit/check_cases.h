/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_CHECK_CASES_H
#define SP_UNIT_CHECK_CASES_H

#include "findings.h"

/* A set-up of the devices of check.dtsi. What is left out is that in which nothing is wrong. */
struct setup {
	struct change host[2], tree[3];
	const char *config; /* of xl's guest */
	const char *other; /* a second guest's configuration */
	const char *target, *streams;
	/* Bytes of the guest's tree, after it was changed: the second text takes the first's place.
	 */
	const char *from, *to;
	unsigned cut; /* bytes that are missing at its end */
	bool no_tree; /* it is not named for a guest made at boot */
};

/* A finding, a set-up that has it, and one that is a single change away and has it not. */
struct check_case {
	enum sp_code code;
	const char *severities; /* as in struct finding_case; '-' where it is not tried */
	const char *path; /* NULL: the finding is about no node */
	unsigned line; /* of xl's configuration; 0: the finding is about none */
	const char *says;
	struct setup trigger, miss;
};

struct check_table {
	const struct check_case *cases;
	size_t count;
};
extern const struct check_table XL_CHECKS, TREE_CHECKS;

/* The set-up in which nothing is wrong. */
#define RIGHT \
	{ .config = NULL }

/* The lines of a configuration; IOMEM is the fourth, IRQS the fifth, DTDEV the sixth. */
#define TOP "name = \"first\"\nmemory = 256\ndevice_tree = \"guest.dtb\"\n"
#define IOMEM "iomem = [ \"9010,1\", \"b000,10\", \"b010,1\", \"c000,100\", \"10000,1000\" ]\n"
#define IOMEM_AND(more) \
	"iomem = [ \"9010,1\", \"b000,10\", \"b010,1\", \"c000,100\", \"10000,1000\", \"" more \
	"\" ]\n"
#define IRQS "irqs = [ 53, 82, 83, 92, 93 ]\n"
#define IRQS_AND(more) "irqs = [ 53, 82, 83, 92, 93, " more " ]\n"
#define DTDEV "dtdev = [ \"/soc/gpu@b000000\", \"/soc/pcie@c000000\" ]\n"
#define DTDEV_AND(more) "dtdev = [ \"/soc/gpu@b000000\", \"/soc/pcie@c000000\", \"" more "\" ]\n"
#define CONFIG TOP IOMEM IRQS DTDEV

#define RTC "/passthrough/rtc@9010000"
#define GPU "/passthrough/gpu@b000000"
#define HOST_RTC "/soc/rtc@9010000"
#define HOST_GPU "/soc/gpu@b000000"
#define HOST_CORE "/soc/gpu@b000000/core@b010000"
#define HOST_PCIE "/soc/pcie@c000000"
/* With a window of 4 GiB. */
#define WIDE "0x2000000 0 0x10000000 0 0x10000000 0 0x1000000 0x3000000 0x80 0 0x80 0 1 0"
#define DOMAIN "/chosen/domU1"
#define MODULE "/chosen/domU1/tree@44000000"

#endif
