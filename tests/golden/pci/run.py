#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Plans PCI functions of recorded machines, and compares every file with the expected one, byte for
byte but for Sallyport's own version. Scripts must be good for the shell (and shellcheck, where it
is), XML for a parser (and libvirt's schema, where it is), and each entry of pci= for Xen's own
reader, which must find the numbers of plan.json in it.

A case is a folder with `args`, the words of a command line: a file of SNAPSHOTS, functions and
options, and status=N first where the exit status is not 0; and `expected`.

usage: run.py SALLYPORT SNAPSHOTS CASES [--spec PROGRAM] [--update] [CASE...]
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
sys.dont_write_bytecode = True

import golden  # noqa: E402

DOMAIN = """<domain type='kvm'><name>x</name><memory unit='MiB'>512</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os>%s</domain>"""


def read_args(case):
    with open(os.path.join(case, "args"), encoding="utf-8") as file:
        words = shlex.split(file.read(), comments=True)
    status = int(words.pop(0)[len("status="):]) if words[0].startswith("status=") else 0
    return status, words


def run(words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          check=False, **options)


def plan(sallyport, snapshots, case, folder):
    status, words = read_args(case)
    shutil.copy(os.path.join(snapshots, words[0]), folder)
    done = run([sallyport, "plan", "--quiet", "-o", "plan", *words], cwd=folder)
    if done.returncode not in ((status,) if "-k" not in words else (0, 1)) or done.stdout:
        raise AssertionError("exit status %d instead of %d: %s" % (
            done.returncode, status, done.stdout.decode("utf-8", "replace")))
    files = {}
    for name in os.listdir(os.path.join(folder, "plan")):
        with open(os.path.join(folder, "plan", name), "rb") as file:
            files[name] = file.read()
    return files


def check(words):
    done = run(words)
    if done.returncode:
        raise AssertionError("%s: %s" % (" ".join(words), done.stdout.decode("utf-8", "replace")))
    return done.stdout.decode()


def check_scripts(files, folder):
    for name in files:
        if name.endswith(".sh"):
            path = os.path.join(folder, "plan", name)
            check(["sh", "-n", path])
            if shutil.which("shellcheck"):
                check(["shellcheck", "--shell=sh", path])


def check_xml(files, folder):
    data = files.get("hostdev.xml")
    if data is None:
        return
    xml.etree.ElementTree.fromstring(data)
    if shutil.which("virt-xml-validate"):
        path = os.path.join(folder, "domain.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(DOMAIN % data.decode())
        check(["virt-xml-validate", path, "domain"])


def wanted(function):
    """As pci-spec prints it."""
    slot = function["guest_slot"]
    return "%s slot %d policy %s permissive %d seize 0" % (
        function["address"], slot["slot"] if slot else 0, function["rdm_policy"] or "default",
        function["permissive"])


def check_entries(files, folder, spec):
    if "guest.cfg" not in files or not spec:
        return
    described = json.loads(files["plan.json"])["guest"]
    functions = described["functions"]
    if described["kind"] == "pv":
        for function in functions:
            function["guest_slot"] = None
    found = check([spec, os.path.join(folder, "plan", "guest.cfg")]).splitlines()
    if found != [wanted(function) for function in functions]:
        raise AssertionError("Xen reads pci= otherwise:\n  " + "\n  ".join(found))


def run_case(options, case):
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        files = plan(options.sallyport, options.snapshots, case, folder)
        check_scripts(files, folder)
        check_xml(files, folder)
        check_entries(files, folder, options.spec)
        again = os.path.join(folder, "again")
        os.mkdir(again)
        if plan(options.sallyport, options.snapshots, case, again) != files:
            raise AssertionError("a second plan differs")
    texts = {name: golden.normal(data) for name, data in files.items()}
    if not options.update:
        return golden.compare(golden.expected_files(case), texts)
    top = os.path.join(case, "expected")
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top)
    for name, data in texts.items():
        with open(os.path.join(top, name), "wb") as file:
            file.write(data)
    return 0


def main():
    parser = argparse.ArgumentParser(description="Compares plans for PCI with the expected ones.")
    parser.add_argument("sallyport", type=os.path.abspath)
    parser.add_argument("snapshots", type=os.path.abspath)
    parser.add_argument("cases", type=os.path.abspath)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--spec", type=os.path.abspath)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()

    for name, found in (("shellcheck", shutil.which("shellcheck")),
                        ("virt-xml-validate", shutil.which("virt-xml-validate")),
                        ("Xen's reader of pci=", options.spec)):
        if not found:
            print("note: %s is not here, and what it would check was not" % name)
    names = options.names or sorted(os.listdir(options.cases))
    failed = 0
    for name in names:
        try:
            wrong = run_case(options, os.path.join(options.cases, name))
        except AssertionError as error:
            print("  %s" % error)
            wrong = 1
        print("%s %s" % ("FAIL" if wrong else "ok  ", name))
        failed += 1 if wrong else 0
    if failed:
        print("%d of %d cases differ; if the new plans are right: run.py --update" % (
            failed, len(names)))
    return 1 if failed or len(names) < (1 if options.names else 10) else 0


if __name__ == "__main__":
    sys.exit(main())
