// SPDX-License-Identifier: MIT
/*
 * Stock Linux makes no device of a node whose status was "disabled" when it booted, unless it was
 * built with CONFIG_OF_OVERLAY. This makes it one:
 *
 *	insmod enable.ko node=/passthrough/rtc@9010000
 */
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

static char *node;
module_param(node, charp, 0);
MODULE_PARM_DESC(node, "full path of the node");

/*
 * The value lies in the flattened tree, which is mapped read-only: it is replaced. The new one is as
 * long as the longer of the two, since it may be read before the length is written, and is never
 * freed, since it may be read at any time.
 */
static int set_okay(struct device_node *np)
{
	static const char okay[] = "okay";
	struct property *status = of_find_property(np, "status", NULL);
	char *value;

	if (!status)
		return -ENOENT;
	value = kzalloc(max_t(size_t, status->length, sizeof(okay)), GFP_KERNEL);
	if (!value)
		return -ENOMEM;
	memcpy(value, okay, sizeof(okay));
	WRITE_ONCE(status->value, value);
	smp_wmb();
	WRITE_ONCE(status->length, sizeof(okay));
	return 0;
}

/* All children of the bus that are no devices yet and are enabled: AMBA's, too. */
static int make_device(struct device_node *np)
{
	struct device_node *bus = of_get_parent(np);
	struct platform_device *parent = of_find_device_by_node(bus);
	int ret = of_platform_default_populate(bus, NULL, parent ? &parent->dev : NULL);

	if (parent)
		put_device(&parent->dev);
	of_node_put(bus);
	if (ret)
		return ret;
	return of_node_check_flag(np, OF_POPULATED) ? 0 : -ENODEV;
}

static int __init enable_init(void)
{
	struct device_node *np = node ? of_find_node_by_path(node) : NULL;
	int ret;

	if (!np || of_node_is_root(np)) {
		of_node_put(np);
		return -ENOENT;
	}
	ret = of_device_is_available(np) ? -EALREADY : set_okay(np);
	if (!ret)
		ret = make_device(np);
	of_node_put(np);
	return ret;
}
module_init(enable_init);

/* So that it can be loaded again for another node. */
static void __exit enable_exit(void)
{
}
module_exit(enable_exit);

MODULE_DESCRIPTION("Makes a device of a disabled device-tree node");
MODULE_LICENSE("Dual MIT/GPL");
