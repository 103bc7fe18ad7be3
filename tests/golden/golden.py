#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Plans each case of a folder and compares every text file with the expected one, byte for byte but
for Sallyport's own version. A case is a folder with `args`, the words of a command line: a board of
BOARDS, devices and options, and status=N first where the exit status is not 0; what other files
the command line names; and `expected`.

usage: golden.py SALLYPORT BOARDS CASES [--update] [CASE...]

--update writes what is planned now as what is expected.
"""

import argparse
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

BINARY = (".dtb", ".dtbo")
VERSION = re.compile(rb"sallyport [0-9]+\.[0-9]+\.[0-9]+")


def read_args(case):
    with open(os.path.join(case, "args"), encoding="utf-8") as file:
        words = shlex.split(file.read(), comments=True)
    status = 0
    if words[0].startswith("status="):
        status = int(words.pop(0)[len("status="):])
    return status, words[0], words[1:]


def plan(sallyport, boards, case, folder):
    """Plans in `folder`, by relative paths; the files, their names relative to the plan's."""
    status, board, arguments = read_args(case)
    tree = os.path.splitext(board)[0] + ".dtb"
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", os.path.join(folder, tree),
                    os.path.join(boards, board)], check=True, timeout=60)
    for name in os.listdir(case):
        if name not in ("args", "expected"):
            shutil.copy(os.path.join(case, name), folder)
    done = subprocess.run(
        [sallyport, "plan", "--quiet", "--no-graph-svg", "-o", "plan", tree, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    if done.returncode != status or done.stdout:
        raise AssertionError("exit status %d instead of %d: %s" % (
            done.returncode, status, done.stdout.decode("utf-8", "replace")))
    files = {}
    top = os.path.join(folder, "plan")
    for where, _, names in os.walk(top):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, top)] = file.read()
    return files


def normal(data):
    return VERSION.sub(b"sallyport VERSION", data)


def expected_files(case):
    files = {}
    top = os.path.join(case, "expected")
    for where, _, names in os.walk(top):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, top)] = file.read()
    return files


def compare(expected, planned):
    """Says what differs; the number of differences."""
    wrong = 0
    for name in sorted(set(expected) | set(planned)):
        if name not in planned:
            print("  %s is not written any more" % name)
        elif name not in expected:
            print("  %s is not expected" % name)
        elif expected[name] != planned[name]:
            lines = [data.decode("utf-8", "replace").splitlines()
                     for data in (expected[name], planned[name])]
            for line in list(difflib.unified_diff(
                    *lines, "expected/" + name, name, lineterm=""))[:40]:
                print("  " + line)
        else:
            continue
        wrong += 1
    return wrong


def compiles(files, folder):
    """dtc compiles the guests' trees without a word, and to the binaries that are there."""
    for name in files:
        if os.path.basename(name) != "guest.dts":
            continue
        done = subprocess.run(["dtc", "-O", "dtb", os.path.join(folder, "plan", name)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False)
        if done.returncode or done.stderr:
            raise AssertionError("dtc on %s: %s" % (name, done.stderr.decode("utf-8", "replace")))
        sources = [
            subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts"], input=blob,
                           stdout=subprocess.PIPE, timeout=60, check=True).stdout
            for blob in (done.stdout, files[name[:-1] + "b"])]
        if sources[0] != sources[1]:
            raise AssertionError("%s compiles to another tree than the .dtb beside it" % name)


def run_case(sallyport, boards, case, update):
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        files = plan(sallyport, boards, case, folder)
        compiles(files, folder)
        if any(folder.encode() in data for data in files.values()):
            raise AssertionError("the machine's path is in a file")
    texts = {name: normal(data) for name, data in files.items() if not name.endswith(BINARY)}
    if not update:
        return compare(expected_files(case), texts)
    top = os.path.join(case, "expected")
    shutil.rmtree(top, ignore_errors=True)
    for name, data in texts.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    return 0


def main():
    parser = argparse.ArgumentParser(description="Compares plans with the expected ones.")
    parser.add_argument("sallyport")
    parser.add_argument("boards")
    parser.add_argument("cases")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    if not shutil.which("dtc"):
        print("SKIPPED: dtc is missing (package device-tree-compiler)")
        return 77

    failed = 0
    names = options.names or sorted(os.listdir(options.cases))
    for name in names:
        wrong = 0
        try:
            wrong = run_case(os.path.abspath(options.sallyport), os.path.abspath(options.boards),
                             os.path.join(options.cases, name), options.update)
        except AssertionError as error:
            print("  %s" % error)
            wrong = 1
        print("%s %s" % ("FAIL" if wrong else "ok  ", name))
        failed += 1 if wrong else 0
    if failed:
        print("%d of %d cases differ; if the new plans are right: golden.py --update" % (
            failed, len(names)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
