# SPDX-License-Identifier: MIT
"""A reader of flattened device trees (Devicetree Specification 0.4)."""

from __future__ import annotations

import struct
from typing import Iterator, Optional

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9

_HEADER = struct.Struct(">10I")
_PAIR = struct.Struct(">II")
_WORD = struct.Struct(">I")
_CELLS = [struct.Struct(">%dI" % count) for count in range(65)]


class FdtError(Exception):
    """The blob is not a well-formed flattened tree."""


def cells(data: bytes) -> tuple[int, ...]:
    """The whole cells of a property; a rest of one to three bytes is left out."""
    count = len(data) >> 2
    if count < 65:
        return _CELLS[count].unpack_from(data)
    return struct.unpack_from(">%dI" % count, data)


def number(words: tuple[int, ...]) -> int:
    """Cells, most significant first, as one number."""
    value = 0
    for word in words:
        value = value << 32 | word
    return value


def strings(data: Optional[bytes]) -> list[str]:
    """The strings of a string list."""
    if not data:
        return []
    return data.rstrip(b"\0").decode("latin-1").split("\0")


class Node:
    __slots__ = ("name", "path", "parent", "props", "children", "index", "end")

    def __init__(self, name: str, path: str, parent: Optional[Node], index: int) -> None:
        self.name = name
        self.path = path
        self.parent = parent
        self.props: dict[str, bytes] = {}
        self.children: list[Node] = []
        self.index = index
        self.end = index + 1

    def __repr__(self) -> str:
        return "Node(%r)" % (self.path or "/")

    def u32(self, name: str, fallback: int) -> int:
        data = self.props.get(name)
        if data is None or len(data) != 4:
            return fallback
        return int.from_bytes(data, "big")

    def cells(self, name: str) -> tuple[int, ...]:
        data = self.props.get(name)
        return cells(data) if data else ()

    def compatible(self) -> list[str]:
        return strings(self.props.get("compatible"))

    def phandle(self) -> int:
        return self.u32("phandle", 0) or self.u32("linux,phandle", 0)

    def available(self) -> bool:
        status = self.props.get("status")
        return status is None or status in (b"okay\0", b"ok\0")

    def enabled(self) -> bool:
        node: Optional[Node] = self
        while node is not None:
            if not node.available():
                return False
            node = node.parent
        return True

    def ancestors(self) -> Iterator[Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


class Tree:
    """Nodes in the order of the tree; a node's descendants are the indices up to its `end`."""

    def __init__(self, blob: bytes) -> None:
        self.nodes: list[Node] = []
        self.by_path: dict[str, Node] = {}
        self.by_phandle: dict[int, Node] = {}
        self.faults: list[str] = []
        _parse(self, blob)
        self.root = self.nodes[0]
        for node in self.nodes:
            if "phandle" in node.props or "linux,phandle" in node.props:
                self._enter_phandle(node)

    def _enter_phandle(self, node: Node) -> None:
        phandle = node.phandle()
        if phandle in (0, 0xFFFFFFFF):
            self.faults.append("%s: phandle %#x" % (node.path, phandle))
        elif phandle in self.by_phandle:
            self.faults.append("%s: phandle %d is %s's too" % (
                node.path, phandle, self.by_phandle[phandle].path))
        else:
            self.by_phandle[phandle] = node

    def within(self, node: Node) -> list[Node]:
        """The node and its descendants."""
        return self.nodes[node.index:node.end]


def _header(blob: bytes) -> tuple[int, int, int]:
    if len(blob) < _HEADER.size:
        raise FdtError("shorter than a header")
    magic, total, structs, names, _, version, last, _, _, size = _HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise FdtError("bad magic %#x" % magic)
    if total > len(blob) or version < 17 or last > 17:
        raise FdtError("bad header")
    if structs & 3 or structs + size > total or names > total:
        raise FdtError("blocks outside the tree")
    return structs, structs + size, names


def _begin(tree: Tree, parent: Optional[Node], name: str) -> Node:
    if parent is None:
        if tree.nodes:
            raise FdtError("two roots")
        path = ""
    else:
        path = "%s/%s" % (parent.path, name)
    node = Node(name, path, parent, len(tree.nodes))
    if path in tree.by_path:
        tree.faults.append("%s: two nodes of this name" % path)
    tree.by_path[path] = node
    tree.nodes.append(node)
    if parent is not None:
        parent.children.append(node)
    return node


def _parse(tree: Tree, blob: bytes) -> None:
    at, stop, names = _header(blob)
    known: dict[int, str] = {}
    word, pair = _WORD.unpack_from, _PAIR.unpack_from
    node: Optional[Node] = None
    while at < stop:
        token = word(blob, at)[0]
        at += 4
        if token == PROP:
            size, offset = pair(blob, at)
            at += 8
            name = known.get(offset)
            if name is None:
                start = names + offset
                name = known[offset] = blob[start:blob.index(b"\0", start)].decode("latin-1")
            if node is None or at + size > stop:
                raise FdtError("property %s out of place" % name)
            if name in node.props:
                tree.faults.append("%s: two properties %s" % (node.path, name))
            node.props[name] = blob[at:at + size]
            at += size + 3 & ~3
        elif token == BEGIN_NODE:
            finish = blob.index(b"\0", at)
            node = _begin(tree, node, blob[at:finish].decode("latin-1"))
            at = finish + 4 & ~3
        elif token == END_NODE:
            if node is None:
                raise FdtError("an end without a node")
            node.end = len(tree.nodes)
            node = node.parent
        elif token == END:
            break
        elif token != NOP:
            raise FdtError("unknown token %#x at %#x" % (token, at - 4))
    if node is not None or not tree.nodes:
        raise FdtError("the structure is cut short")


def load(path: str) -> Tree:
    with open(path, "rb") as file:
        return Tree(file.read())
