# SPDX-License-Identifier: MIT
"""A board to boot: QEMU's machine "virt" with real Xen, driven from outside."""
