# SPDX-License-Identifier: MIT
"""Writes a tree back as a blob, for trees that tests have altered."""

from __future__ import annotations

import struct

import fdt


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _node(node: fdt.Node, names: dict[str, int]) -> bytes:
    parts = [struct.pack(">I", fdt.BEGIN_NODE), _padded(node.name.encode("latin-1") + b"\0")]
    for name, data in node.props.items():
        offset = names.setdefault(name, sum(len(known) + 1 for known in names))
        parts += [struct.pack(">III", fdt.PROP, len(data), offset), _padded(data)]
    parts += [_node(child, names) for child in node.children]
    parts.append(struct.pack(">I", fdt.END_NODE))
    return b"".join(parts)


def flatten(root: fdt.Node) -> bytes:
    names: dict[str, int] = {}
    structure = _node(root, names) + struct.pack(">I", fdt.END)
    text = b"".join(name.encode("latin-1") + b"\0" for name in names)
    start = 40 + 16
    total = start + len(structure) + len(text)
    header = struct.pack(">10I", fdt.MAGIC, total, start, start + len(structure), 40, 17, 16, 0,
                         len(text), len(structure))
    return header + bytes(16) + structure + text


def add_child(parent: fdt.Node, name: str) -> fdt.Node:
    """A new node, good for flattening only."""
    child = fdt.Node(name, "%s/%s" % (parent.path, name), parent, -1)
    parent.children.append(child)
    return child
