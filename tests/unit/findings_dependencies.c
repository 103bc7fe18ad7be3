/* SPDX-License-Identifier: MIT */
#include "findings.h"

/* A device that depends on one thing; without it there is no such finding. */
#define DROPPED(code, severities, device, property, says) \
	{ \
		code, severities, device, says, {.tree = "dependencies", .devices = {device}}, { \
			.changes = { {device, property, NULL} } \
		} \
	}

#define CLOCKED "/soc/clocked@b000000"
#define DISPLAY "/soc/display@b010000"
#define PHYSICAL "/soc/physical@b007000"
#define NAMED "/soc/named@b013000"

static const struct finding_case CASES[] = {
	{SP_CODE_DEP_HELD, "NNN", CLOCKED, "a clock",
		{.tree = "dependencies", .devices = {CLOCKED}},
		{.changes = {{CLOCKED, "clocks", "0x02"}}}},
	{SP_CODE_DEP_CLOCK_RATE, "WWW", CLOCKED, "/soc/clk@9080000",
		{.tree = "dependencies", .devices = {CLOCKED}}, {.clock = "core=400M"}},
	/* More than a cell can state. */
	{SP_CODE_DEP_CLOCK_RATE, "WWW", CLOCKED, "5000000000",
		{.tree = "dependencies", .devices = {CLOCKED}, .clock = "core=5G"},
		{.clock = "core=4G"}},
	{SP_CODE_DEP_CLOCK, "NNN", "/soc/ticking@b001000", "24000000 Hz",
		{.tree = "dependencies", .devices = {"/soc/ticking@b001000"}},
		{.changes = {{"/oscillator", "clock-frequency", NULL}}}},
	DROPPED(SP_CODE_DEP_RESET, "WWW", "/soc/resettable@b002000", "resets", "/soc/rst@9081000"),
	DROPPED(SP_CODE_DEP_POWER, "WWW", "/soc/powered@b003000", "power-domains",
		"/soc/power@a000000"),
	DROPPED(SP_CODE_DEP_SUPPLY, "WWW", "/soc/supplied@b004000", "core-supply", "/soc/supply"),
	DROPPED(SP_CODE_DEP_INTERCONNECT, "WWW", "/soc/voting@b005000", "interconnects",
		"/soc/fabric@a001000"),
	DROPPED(SP_CODE_DEP_DMA, "WWW", "/soc/channelled@b006000", "dmas", "/soc/dma@a002000"),
	{SP_CODE_DEP_COMPANION, "WWW", PHYSICAL, "/soc/phy@a003000",
		{.tree = "dependencies", .devices = {PHYSICAL}}, {.companions = true}},
	/* What holds the device. */
	{SP_CODE_DEP_COMPANION, "WWW", "/soc/wrapper@b014000/usb@b015000", "/soc/wrapper@b014000",
		{.tree = "dependencies", .devices = {"/soc/wrapper@b014000/usb@b015000"}},
		{.changes = {{"/soc/wrapper@b014000", "clocks", NULL}}}},
	{SP_CODE_DEP_COMPANION_REFUSED, "WWW", PHYSICAL, "/soc/phy@a003000",
		{.tree = "dependencies",
			.devices = {PHYSICAL},
			.changes = {{"/soc/phy@a003000", "status", "\"disabled"}}},
		{.tree = "dependencies"}},
	DROPPED(SP_CODE_DEP_MEMORY, "WWW", "/soc/buffered@b008000", "memory-region",
		"/reserved-memory/buffer@90000000"),
	DROPPED(SP_CODE_DEP_NVMEM, "NNN", "/soc/fused@b009000", "nvmem-cells",
		"/soc/fuses@a004000/speed@10"),
	DROPPED(SP_CODE_DEP_THERMAL, "NNN", "/soc/cooled@b00a000", "thermal-sensors",
		"/soc/thermal@a005000"),
	DROPPED(SP_CODE_DEP_GPIO, "WWW", "/soc/lined@b00b000", "enable-gpios", "/soc/gpio@9082000"),
	DROPPED(SP_CODE_DEP_PINS, "NNN", "/soc/pinned@b00c000", "pinctrl-0",
		"/soc/pinctrl@a006000/pins"),
	DROPPED(SP_CODE_DEP_MAILBOX, "WWW", "/soc/posting@b00d000", "mboxes",
		"/soc/mailbox@a007000"),
	DROPPED(SP_CODE_DEP_HWLOCK, "WWW", "/soc/locked@b00e000", "hwlocks", "/soc/hwlock@a008000"),
	DROPPED(SP_CODE_DEP_SYSCON, "WWW", "/soc/tuned@b00f000", "vendor,mode-syscon",
		"/soc/syscon@a009000"),
	{SP_CODE_DEP_GRAPH, "WWW", DISPLAY "/port/endpoint", "/panel",
		{.tree = "dependencies", .devices = {DISPLAY}}, {.companions = true}},
	DROPPED(SP_CODE_DEP_FIRMWARE, "WWW", "/soc/served@b011000", "qcom,qmp", "/soc/firmware"),
	{SP_CODE_DEP_DANGLING, "WWW", "/soc/dangling@b012000", "0xdead",
		{.tree = "dependencies", .devices = {"/soc/dangling@b012000"}},
		{.changes = {{"/soc/dangling@b012000", "phys", "0x42"}}}},
	/* The end of a list in the middle of an entry. */
	{SP_CODE_DEP_DANGLING, "WWW", CLOCKED, "clocks",
		{.tree = "dependencies",
			.devices = {CLOCKED},
			.changes = {{CLOCKED, "clocks", "0x20"}}},
		{.tree = "dependencies"}},
	{SP_CODE_DEP_NAME, "WWW", NAMED "/odd%%node", "name",
		{.tree = "dependencies",
			.devices = {NAMED},
			.changes = {{NULL, "odd_Xnode", "odd%%node"}}},
		{.tree = "dependencies"}},
	{SP_CODE_DEP_NAME, "WWW", NAMED, "vendor,odd%%property",
		{.tree = "dependencies",
			.devices = {NAMED},
			.changes = {{NULL, "vendor,odd_Xproperty", "vendor,odd%%property"}}},
		{.tree = "dependencies"}},
};

const struct finding_table DEPENDENCY_FINDINGS = {CASES, sizeof(CASES) / sizeof(CASES[0])};
