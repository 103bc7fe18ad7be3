#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Takes what a bed needs out of an unpacked kernel of Debian's.

	linux.py TREE OUT MODULE…

OUT gets vmlinuz, vmlinux (which Xen starts without unpacking it), config, and lib/modules with the
modules, what they depend on, and `order`: a line NAME: FILE… for each that was asked for.
"""

import lzma
import pathlib
import shutil
import subprocess
import sys


def unpacked(data):
    """What was compressed by zstd or xz, perhaps with something behind it."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(data)
    return data


def kernel(image):
    """The ELF file in a bzImage."""
    for magic in (b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0"):
        place = image.find(magic)
        while place >= 0:
            try:
                elf = unpacked(image[place:])
            except lzma.LZMAError:
                elf = b""
            if elf.startswith(b"\x7fELF"):
                return elf
            place = image.find(magic, place + 1)
    sys.exit("linux.py: no kernel is found in vmlinuz")


class Modules:
    def __init__(self, tree):
        self.files = {}
        for path in tree.rglob("*.ko*"):
            self.files[path.name.split(".ko")[0].replace("-", "_")] = path
        self.data = {}  # in the order of loading

    def add(self, name):
        """Returns the names of what is to be loaded, in turn. What is built in is none."""
        name = name.replace("-", "_")
        if name not in self.files:
            return []
        data = self.data.get(name) or unpacked(self.files[name].read_bytes())
        self.data[name] = data
        begin = data.index(b"\0depends=") + len(b"\0depends=")
        needs = data[begin:data.index(b"\0", begin)].decode()
        order = []
        for needed in needs.split(",") if needs else ():
            order += [item for item in self.add(needed) if item not in order]
        return order + [name]


def main():
    tree, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    image = next(path for path in tree.rglob("vmlinuz*") if path.is_file() and not path.is_symlink())
    shutil.copy(image, out / "vmlinuz")
    (out / "vmlinux").write_bytes(kernel(image.read_bytes()))
    shutil.copy(next(path for path in tree.rglob("config*") if path.is_file() and path.stat().st_size > 100000),
                out / "config")
    folder = out / "lib/modules"
    folder.mkdir(parents=True)
    modules = Modules(tree)
    lines = [f"{name}: {' '.join(modules.add(name))}\n" for name in sys.argv[3:]]
    (folder / "order").write_text("".join(lines))
    for name, data in modules.data.items():
        (folder / f"{name}.ko").write_bytes(data)


main()
