/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_SNAPSHOT_H
#define SP_MACHINE_SNAPSHOT_H

/* The language of snapshots; docs/snapshot.md. */
#define SNAPSHOT_FIRST "sallyport snapshot "
#define SNAPSHOT_VERSION "1"
#define SNAPSHOT_TARGET " -> " /* between a link and where it points */
#define SNAPSHOT_VALUE " = " /* between a call and what it gave */
#define SNAPSHOT_SIZE " size " /* between a binary file and its size in bytes */

#endif
