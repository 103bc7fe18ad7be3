#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults that are put into copies of the server: the conformance suite must find each, and must find
nothing in a copy without one.

    faults.py BUILD SUITE EXPECTED [NAME…]

The program `serve` of the folder BUILD is linked anew with one file of src/wire compiled from a changed
copy; nothing of BUILD is written to."""

import json
import os
import shlex
import subprocess
import sys
import tempfile

# What a fault is that is none: the copies alone change nothing.
NONE = "none"
# A region without sparse areas cannot show what is wrong with them: its one area is told as one.
SPARSE = ("mapping.whole = area->size == region->size;", "mapping.whole = false;")

# Each is text of src/wire that is there once, and what takes its place.
FAULTS = {
    NONE: [],
    "sparse-right": [SPARSE],
    "access-wraps": [
        ("!sp_within(offset, count, info->regions[region].size))", "offset + count > info->regions[region].size)")
    ],
    "region-one-too-many": [
        ("if (body->argsz < *size || body->index >= info->region_count)",
         "if (body->argsz < *size || body->index > info->region_count)")
    ],
    "write-without-its-data": [("&& doing->write && body->data_size != body->count)", "&& doing->write && !body)")],
    "multi-only-first": [("if (doing->error || doing->next == doing->body.size)", "if (doing->error || doing->next)")],
    "unmap-by-a-byte": [("if (last_of(dma->ranges[end]) > last)", "if (last_of(dma->ranges[end]) > last + 1)")],
    "unmap-keeps-file": [("\tif (range->file)\n\t\tsp_dma_file_put(dma, range->file);", "")],
    "overlap-allowed": [("<= address + (size - 1) ? EEXIST : 0;", "<= address + (size - 1) ? 0 : 0;")],
    "map-wraps": [("if (!size || size - 1 > UINT64_MAX - address)", "if (!size)")],
    "maps-kept": [("\tserver->overdue = false;\n\tsp_dma_clear(&server->dma);", "\tserver->overdue = false;")],
    "irq-range-wraps": [
        ("if (!sp_within(body->start, body->count, irqs->counts[body->index]))",
         "if ((uint32_t)(body->start + body->count) > irqs->counts[body->index])")
    ],
    "irq-flags-not-exclusive": [("!one_bit(data) ||", "!data ||")],
    "irq-booleans-ignored": [("(body->flags & SP_WIRE_SET_BOOL) && !body->data[i]", "!body")],
    "irqs-kept": [("\tsp_irqs_clear(&server->irqs);\n\tsp_wire_doorbells", "\tsp_wire_doorbells")],
    "eventfd-waited-for": [("return is_ready(fd, POLLOUT) && write(fd, &one", "return write(fd, &one")],
    "descriptors-kept": [("sp_drop(irqs->drops, mine[i]);", "mine[i] = -1;")],
    "error-without-flag": [("header.flags |= SP_WIRE_ERROR;", "")],
    "error-with-payload": [("size = fd_count = 0;", "fd_count = 0;\n\t\tsize = 16;")],
    "id-not-echoed": [("\theader.flags = SP_WIRE_REPLY;\n", "\theader.flags = SP_WIRE_REPLY;\n\theader.id = 1;\n")],
    "no-reply-answered": [("!(header.flags & SP_WIRE_NO_REPLY);", "true;")],
    "short-taken": [
        ("if (!layout || size < fixed || (layout->tail == TAIL_NONE && size != fixed))", "if (!layout)")
    ],
    "version-not-first": [("if (!server->greeted && command != SP_WIRE_VERSION) {", "if (0) {")],
    "argsz-not-told": [("body->argsz = sp_wire_fixed(SP_WIRE_GET_INFO);", "")],
    "argsz-ignored": [SPARSE, ("if (body->argsz >= needed) {", "if (body->argsz) {")],
    "sparse-at-wrong-place": [SPARSE, ("body->start = *size;", "body->start = *size + 8;")],
    "sparse-beyond-end": [
        SPARSE,
        ("sp_wire_put_area(bytes, region->areas[i].offset, region->areas[i].size);",
         "sp_wire_put_area(bytes, region->areas[i].offset + 4096, region->areas[i].size);"),
    ],
    # With a device that accesses memory.
    "dma-right": [],
    "dma-unchecked": [("if (!range || range->going || !(range->access & wanted))", "if (!range || range->going)")],
    "dma-offset-ignored": [
        ("uint64_t at = range->file_offset + (address - range->address);", "uint64_t at = address - range->address;")
    ],
    "dma-limit-ignored": [("if (body.count > server->capabilities.max_data_xfer_size)", "if (0)")],
}


class Builder:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
            entries = json.load(file)
        self.sources = {}
        for entry in entries:
            path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
            if "/src/wire/" in path and "libserving" in entry["output"]:
                with open(path, encoding="utf-8") as file:
                    self.sources[path] = (entry, file.read())
        commands = subprocess.run(
            ["ninja", "-C", build, "-t", "commands", "serve"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        self.link = shlex.split(commands[-1])

    def changed(self, edits):
        """Path and text of the files that a fault changes."""
        texts = {}
        for old, new in edits:
            found = [path for path, (_, text) in self.sources.items() for _ in range(text.count(old))]
            if len(found) != 1:
                raise SystemExit(f"faults: {len(found)} places in src/wire have: {old!r}")
            path = found[0]
            texts[path] = texts.get(path, self.sources[path][1]).replace(old, new)
        # At least one is compiled anew, so that a copy is what is tested.
        if not texts:
            path = sorted(self.sources)[0]
            texts[path] = self.sources[path][1]
        return texts

    def make(self, name, edits):
        objects = []
        for path, text in self.changed(edits).items():
            stem = os.path.join(self.folder, f"{name}-{os.path.basename(path)}")
            with open(stem, "w", encoding="utf-8") as file:
                file.write(text)
            command = shlex.split(self.sources[path][0]["command"])
            # What the compiler says of dependencies is the build's own.
            for option in ("-MQ", "-MF"):
                if option in command:
                    at = command.index(option)
                    del command[at : at + 2]
            command = [word for word in command if word not in ("-MD", "-Werror")]
            command[command.index("-o") + 1] = stem + ".o"
            command[command.index("-c") + 1] = stem
            # A fault may leave something unused.
            command += ["-w", "-I", os.path.dirname(path)]
            subprocess.run(command, cwd=self.build, check=True)
            objects.append(stem + ".o")
        link = list(self.link)
        at = link.index("-o")
        program = os.path.join(self.folder, name)
        link[at + 1] = program
        # Before the archive, whose own file is then not wanted.
        link[at + 2 : at + 2] = objects
        subprocess.run(link, cwd=self.build, check=True)
        return program


def failures(suite, expected, name, program):
    """The cases that do not come out as expected."""
    command = [sys.executable, suite, "--json", "--limit", "1", "--expect", expected]
    device = "bochs"
    if name.startswith("dma-"):
        device = "edu"
        command += ["--dma", os.path.join(os.path.dirname(suite), "hooks", "edu.py"), "--only", "device-dma"]
    elif name != NONE:
        # A third of the cases, which find what crashes only.
        command += ["--skip", "sweep"]
    command += ["--", program, "--socket", "{socket}", "--device", device, "--no-holder"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if ended.returncode not in (0, 1):
        return [f"the suite ended with {ended.returncode}: {ended.stderr.strip()}"]
    told = json.loads(ended.stdout)
    if bool(told["differing"]) != bool(ended.returncode):
        raise SystemExit("faults: the exit status does not fit the results")
    return told["differing"]


def main():
    build, suite, expected, *names = sys.argv[1:]
    missed = []
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        builder = Builder(os.path.realpath(build), folder)
        for name, edits in FAULTS.items():
            if names and name not in names:
                continue
            found = failures(suite, expected, name, builder.make(name, edits))
            right = name == NONE or name.endswith("-right")
            if right == bool(found):
                missed.append(name)
            first = f": {found[0]}" if found else ""
            print(f"{'not ' if name in missed else ''}ok  {name}, {len(found)} cases{first}", flush=True)
    if missed:
        print("not as it should be: " + ", ".join(missed))
    return 1 if missed else 0


sys.exit(main())
