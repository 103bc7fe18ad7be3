#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the program behaves as a command: statuses, streams, terminals, files.

usage: test_cli.py PROGRAM BOARD.DTS [TEST...]
"""

import fcntl
import json
import os
import pty
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

PROGRAM = BOARD = None
NOBODY = 65534
GPU = "/soc/gpu@5000000"
BARE_GPU = "/soc/gpu@5100000"  # without an IOMMU
TIMEOUT = 60


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "SALLYPORT_LIBEXEC", "COLUMNS")}
    env.update(TERM="xterm", LC_ALL="C")
    env.update(changes)
    return {k: v for k, v in env.items() if v is not None}


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="sallyport-")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, data, mode=0o644):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(self.path(name), mode)
        return self.path(name)

    def run_program(self, *arguments, status=0, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("cwd", self.dir)
        done = subprocess.run(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=env or environment(),
            timeout=TIMEOUT,
            **options,
        )
        out = (done.stdout or b"").decode()
        err = done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}\n{out}\n{err}")
        return out, err

    def refused(self, *arguments, says=(), **options):
        """Bad use or bad input: one error, nothing on standard output, nothing written."""
        before = sorted(os.listdir(self.dir))
        out, err = self.run_program(*arguments, status=2, **options)
        self.assertEqual(out, "")
        self.assertTrue(err.startswith("sallyport: "), err)
        self.assertEqual(err.count("sallyport: "), 1, err)
        self.assertTrue(err.endswith("\n"))
        self.assertLessEqual(len(err.splitlines()), 2, err)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, err)
        self.assertEqual(sorted(os.listdir(self.dir)), before)
        return err

    def on_terminal(self, *arguments, columns=80, env=None):
        """Runs with a terminal as standard output, and returns what came and the status."""
        try:
            parent, child = pty.openpty()
        except OSError as error:
            print("SKIPPED, no terminal can be had: %s" % error, file=sys.stderr)
            self.skipTest("no terminal can be had: %s" % error)
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=child,
            stderr=subprocess.PIPE,
            cwd=self.dir,
            env=env or environment(),
        )
        os.close(child)
        out = b""
        while True:
            try:
                data = os.read(parent, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        os.close(parent)
        process.stderr.close()
        return out.decode(errors="replace").replace("\r\n", "\n"), process.wait(TIMEOUT)


class Use(Case):
    def test_without_arguments(self):
        out, err = self.run_program(status=2)
        self.assertEqual(out, "")
        self.assertIn("usage: sallyport VERB", err)

    def test_help(self):
        for arguments in (["--help"], ["-h"], ["help"]):
            out, err = self.run_program(*arguments)
            self.assertEqual(err, "")
            for verb in ("list", "plan", "check", "explain"):
                self.assertIn(f"\n  {verb} ", out)
        for verb in ("list", "plan", "check", "explain"):
            out, _ = self.run_program(verb, "--help")
            self.assertTrue(out.startswith(f"usage: sallyport {verb} "))
            self.assertEqual(out, self.run_program("help", verb)[0])
            self.assertEqual(out, self.run_program(verb, "-h")[0])

    def test_version(self):
        out, _ = self.run_program("--version")
        self.assertRegex(out, r"^sallyport \d+\.\d+\.\d+\n$")

    def test_mistyped_verbs(self):
        self.refused("lst", says='unknown verb "lst"; did you mean list?')
        self.refused("Plan", says="did you mean plan?")
        self.refused("xyzzy", says='unknown verb "xyzzy"')
        self.refused("help", "explian", says="did you mean explain?")
        self.refused("--verbose", says="unknown option --verbose")
        self.refused("", says='unknown verb ""')

    def test_mistyped_options(self):
        self.refused("list", "--targte=xen-4.20", says="unknown option --targte; did you mean --target?")
        self.refused("plan", "--comanions", says="unknown option --comanions")
        self.refused("plan", "--with-companion", "--frobnicate", says="unknown option --frobnicate")
        self.refused("plan", "-Z", says="unknown option -Z")
        self.refused("plan", "--with", says="could be any of 2")
        self.refused("plan", "--force=yes", says="--force takes no value")
        self.refused("plan", "--memory", says="--memory needs a value")
        self.refused("list", "-t", says="--target needs a value")
        self.refused("list", "--" + "x" * 5000, says="unknown option --xxx")

    def test_values(self):
        self.refused("list", "--target", "xen-4.21x", says="did you mean xen-4.21?")
        self.refused("list", "--target", "bhyve", says="xen-4.17 to xen-4.22")
        self.refused("plan", "--mode", "pv", says='unknown mode "pv"')
        for option, value in (
            ("memory", "12X"),
            ("memory", "0"),
            ("iommus", "gpu"),
            ("bdf", "1"),
            ("clock", "core"),
            ("module", "kernel"),
            ("static-memory", "12"),
            ("xen-has", "luck"),
            ("name", "../x"),
        ):
            self.refused("plan", f"--{option}", value, BOARD, GPU, says=(f"--{option}: ", f'"{value}"'))

    def test_options_at_odds(self):
        self.refused("plan", "--without-iommu", "--mode", "xl", BOARD, GPU, says="--mode dom0less")
        self.refused("plan", says="name the host's tree")
        self.refused("plan", BOARD, says="name at least one device")
        self.refused("list", BOARD, "x.dtb", says='"x.dtb" is a second one')
        plan = self.write("plan.conf", f"[guest a]\ndevice={GPU}\n")
        self.refused("plan", "--file", plan, "--memory", "1G", BOARD, says=("--memory", plan))
        self.refused("plan", "--file", plan, BOARD, GPU, says="devices are named in")

    def test_control_characters_are_not_passed_on(self):
        err = self.refused("list", "no\x1b[31m\nsuch.dtb")
        self.assertNotIn("\x1b", err)
        self.assertIn("\\x1b[31m\\x0asuch.dtb", err)


class Explain(Case):
    def test_all(self):
        out, _ = self.run_program("explain")
        rows = out.splitlines()
        self.assertGreater(len(rows), 50)
        for row in rows:
            self.assertRegex(row, r"^SP-[A-Z0-9-]+ +((none|note|warning|error) +){3}\S")

    def test_one(self):
        out, _ = self.run_program("explain", "irq-shared")
        self.assertTrue(out.startswith("SP-IRQ-SHARED: "))
        self.assertIn("xl: error, dom0less: error, direct: error", out)
        both, _ = self.run_program("explain", "IRQ-SHARED", "SP-PCI-MSI")
        self.assertTrue(both.startswith(out))
        self.assertIn("\nSP-PCI-MSI: ", both)

    def test_unknown(self):
        self.refused("explain", "SP-IRQ-SHARD", says="did you mean SP-IRQ-SHARED?")
        self.refused("explain", "SP-IRQ-SHARED", "qqqqq", says='unknown finding "qqqqq"')

    def test_json(self):
        everything = json.loads(self.run_program("explain", "--json")[0])
        codes = [row["code"] for row in everything]
        self.assertEqual(codes, [line.split()[0] for line in self.run_program("explain")[0].splitlines()])
        one = json.loads(self.run_program("explain", "--json", "SP-PCI-MSI")[0])
        self.assertEqual(one, [row for row in everything if row["code"] == "SP-PCI-MSI"])
        self.assertEqual(set(one[0]["severity"]), {"xl", "dom0less", "direct", "pci"})

    def test_markdown(self):
        out, _ = self.run_program("explain", "--markdown")
        for row in json.loads(self.run_program("explain", "--json")[0]):
            self.assertIn(f"\n## {row['code']}\n", out)
            self.assertIn(f"| [{row['code']}](#{row['code'].lower()}) |", out)


class Streams(Case):
    VERBS = (["--help"], ["explain"], ["explain", "--json"])

    def verbs(self):
        return (*self.VERBS, ["list", "--all", BOARD], ["list", "--json", BOARD])

    def test_reader_that_went_away(self):
        for arguments in self.verbs():
            for restore in (True, False):  # False: SIGPIPE is ignored from the start
                read, write = os.pipe()
                os.close(read)
                _, err = self.run_program(*arguments, stdout=write, restore_signals=restore)
                os.close(write)
                self.assertEqual(err, "", arguments)

    def test_plan_is_whole_without_a_reader(self):
        read, write = os.pipe()
        os.close(read)
        _, err = self.run_program("plan", BOARD, GPU, "-o", self.path("out"), stdout=write)
        os.close(write)
        self.assertEqual(err, "")
        self.assertIn("report.txt", os.listdir(self.path("out")))

    def test_full_disk(self):
        for arguments in self.verbs():
            with open("/dev/full", "wb") as full:
                _, err = self.run_program(*arguments, status=2, stdout=full)
            self.assertEqual(err, "sallyport: standard output: No space left on device\n")

    def test_closed_standard_output(self):
        for arguments in self.verbs():
            done = subprocess.run(
                ["sh", "-c", '"$@" >&-', "sh", PROGRAM, *arguments],
                stderr=subprocess.PIPE,
                env=environment(),
                timeout=TIMEOUT,
            )
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"sallyport: standard output: ", done.stderr)

    def test_closed_standard_error(self):
        done = subprocess.run(
            ["sh", "-c", '"$@" 2>&-', "sh", PROGRAM, "list", BOARD],
            stdout=subprocess.PIPE,
            env=environment(),
            timeout=TIMEOUT,
        )
        self.assertEqual(done.returncode, 0)
        self.assertIn(GPU.encode(), done.stdout)


class Terminals(Case):
    def test_narrow(self):
        for arguments in (["list", BOARD], ["list", "--all", BOARD], ["explain", "irq-shared"], ["--help"]):
            for columns in (1, 2, 5, 20, 41):
                out, status = self.on_terminal(*arguments, columns=columns)
                self.assertEqual(status, 0, (arguments, columns))
                self.assertTrue(out.strip(), (arguments, columns))

    def test_table_fits(self):
        for columns in (60, 80, 100, 132):
            out, status = self.on_terminal("list", "--all", BOARD, columns=columns, env=environment(NO_COLOR="1"))
            self.assertEqual(status, 0)
            self.assertLessEqual(max(map(len, out.splitlines())), columns, out)

    def test_text_fits(self):
        out, _ = self.on_terminal("plan", "--help", columns=50, env=environment(NO_COLOR="1"))
        self.assertLessEqual(max(map(len, out.splitlines()[5:])), 60)

    def test_colour(self):
        for arguments in (["list", BOARD], ["explain", "irq-shared"]):
            self.assertIn("\033[", self.on_terminal(*arguments)[0])
            self.assertIn("\033[", self.on_terminal(*arguments, env=environment(NO_COLOR=""))[0])
            self.assertNotIn("\033", self.on_terminal(*arguments, env=environment(NO_COLOR="1"))[0])
            self.assertNotIn("\033", self.on_terminal(*arguments, env=environment(TERM="dumb"))[0])
            self.assertNotIn("\033", self.on_terminal(*arguments, env=environment(TERM=None))[0])
            self.assertNotIn("\033", self.run_program(*arguments)[0])


class List(Case):
    def test_table(self):
        out, err = self.run_program("list", BOARD)
        self.assertEqual(err, "")
        self.assertIn(GPU, out)
        self.assertIn(BARE_GPU, out)
        self.assertNotIn("iommu@9000000\n", out)

    def test_json(self):
        rows = {row["path"]: row for row in json.loads(self.run_program("list", "--json", BOARD)[0])}
        gpu = rows[GPU]
        self.assertEqual(gpu["compatible"], ["arm,mali-t860"])
        self.assertEqual(gpu["status"], "okay")
        self.assertEqual(gpu["pages"], [{"start": 0x5000, "count": 16}])
        self.assertEqual(gpu["irqs"], [132, 133, 134])
        self.assertEqual(gpu["iommus"], [{"controller": "/soc/iommu@9000000", "specifiers": [[16]]}])
        self.assertIn(gpu["verdict"], ("ok", "warn"))
        self.assertEqual(rows[BARE_GPU]["verdict"], "no")
        self.assertIn("SP-IOMMU-NONE", rows[BARE_GPU]["findings"])

    def test_selection(self):
        def paths(*arguments):
            return {row["path"] for row in json.loads(self.run_program("list", "--json", *arguments, BOARD)[0])}

        self.assertEqual(paths(), {GPU, BARE_GPU})
        self.assertGreaterEqual(paths("--all"), {GPU, BARE_GPU})
        self.assertEqual(paths("--compatible", "arm,mali-*"), {GPU, BARE_GPU})
        self.assertEqual(paths("--compatible", "nothing*"), set())
        out, _ = self.run_program("list", "--compatible", "nothing*", BOARD)
        self.assertEqual(out, "No such device.\n")

    def test_bad_hosts(self):
        good = read(BOARD)
        self.refused("list", "missing.dtb", says="missing.dtb: No such file")
        self.refused("list", self.write("empty.dtb", b""), says="empty.dtb")
        self.refused("list", self.write("text.dtb", "no tree\n" * 100), says="text.dtb")
        for size in (4, 39, 40, len(good) // 2, len(good) - 1):
            self.refused("list", self.write("cut.dtb", good[:size]), says="cut.dtb: ")
        os.mkdir(self.path("folder"))
        self.refused("list", self.path("folder"), says=("folder", "no host's tree"))

    def test_own_tree_of_a_guest(self):
        source = self.write(
            "guest.dts",
            '/dts-v1/; / { compatible = "xen,xenvm"; hypervisor { compatible = "xen,xen-4.20", "xen,xen"; }; };',
        )
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", self.path("guest.dtb"), source], check=True)
        err = self.refused("list", self.path("guest.dtb"), says="guest.dtb")
        self.assertIn("Xen", err)

    def test_unflattened_tree(self):
        root = self.path("device-tree")
        unflatten(read(BOARD), root)
        self.assertEqual(
            json.loads(self.run_program("list", "--json", root)[0]),
            json.loads(self.run_program("list", "--json", BOARD)[0]),
        )


def read(path):
    with open(path, "rb") as file:
        return file.read()


def unflatten(blob, root):
    """Writes a tree as the files of /proc/device-tree."""
    _, _, structure, strings = struct.unpack(">4I", blob[:16])
    folder, offset = [], structure
    while True:
        (token,) = struct.unpack(">I", blob[offset : offset + 4])
        offset += 4
        if token == 1:
            end = blob.index(b"\0", offset)
            folder.append(blob[offset:end].decode())
            os.makedirs(os.path.join(root, *folder))
            offset = (end + 4) & ~3
        elif token == 2:
            folder.pop()
        elif token == 3:
            size, name = struct.unpack(">II", blob[offset : offset + 8])
            name = blob[strings + name : blob.index(b"\0", strings + name)].decode()
            with open(os.path.join(root, *folder, name), "wb") as file:
                file.write(blob[offset + 8 : offset + 8 + size])
            offset = (offset + 8 + size + 3) & ~3
        elif token == 9:
            return


class Plan(Case):
    ONE_GUEST = {"report.txt", "plan.json", "guest.cfg", "guest.dts", "guest.dtb", "host-overlay.dts", "uboot.cmd"}

    def test_good(self):
        out, err = self.run_program("plan", BOARD, GPU)
        self.assertEqual(err, "")
        self.assertIn("verdict: ", out)
        self.assertIn("files: sallyport-plan/", out)
        files = set(os.listdir(self.path("sallyport-plan")))
        self.assertLessEqual(self.ONE_GUEST, files)
        self.assertNotIn("host-patched.dtb", files)
        self.assertEqual([name for name in os.listdir(self.dir) if name != "sallyport-plan"], [])

    def test_names_of_a_device(self):
        plans = []
        for name in (GPU, "gpu0"):
            out, _ = self.run_program("plan", "--json", "-o", self.path(name.strip("/").replace("/", "-")), BOARD, name)
            plans.append(json.loads(out))
        self.assertEqual(plans[0], plans[1])
        self.assertEqual(plans[0]["schema"], "sallyport-plan")

    def test_no(self):
        out, err = self.run_program("plan", BOARD, BARE_GPU, "-o", self.path("out"), status=1)
        self.assertEqual(err, "")
        self.assertIn("SP-IOMMU-NONE", out)
        self.assertIn("verdict: no", out)
        self.assertEqual(set(os.listdir(self.path("out"))), {"report.txt", "plan.json"})

    def test_keep_going(self):
        self.run_program("plan", BOARD, BARE_GPU, "--keep-going", "-o", self.path("out"), status=1)
        self.assertLessEqual(self.ONE_GUEST, set(os.listdir(self.path("out"))))

    def test_direct(self):
        out, _ = self.run_program(
            "plan", BOARD, BARE_GPU, "--without-iommu", "--json", "-o", self.path("out")
        )
        self.assertEqual(json.loads(out)["guests"][0]["mode"], "direct")

    def test_streams(self):
        out, _ = self.run_program(
            "plan", BOARD, BARE_GPU, f"--iommus={BARE_GPU}=/soc/iommu@9000000:0x20", "--json", "-o", self.path("out")
        )
        codes = {finding["code"] for finding in json.loads(out)["findings"]}
        self.assertIn("SP-IOMMU-USER", codes)
        self.assertNotIn("SP-IOMMU-NONE", codes)

    def test_existing_directory(self):
        out = self.path("out")
        self.run_program("plan", BOARD, GPU, "-o", out)
        self.write("out/mine.txt", "mine")
        before = os.stat(self.path("out", "plan.json")).st_mtime_ns
        self.refused("plan", BOARD, GPU, "-o", out, says=(out, "--force"))
        self.assertEqual(os.stat(self.path("out", "plan.json")).st_mtime_ns, before)
        self.run_program("plan", BOARD, GPU, "-o", out, "--force")
        self.assertIn("mine.txt", os.listdir(out))
        self.assertNotEqual(os.stat(self.path("out", "plan.json")).st_mtime_ns, before)
        self.refused("plan", BOARD, GPU, "-o", BOARD, says=BOARD)

    def test_bad_places(self):
        self.refused("plan", BOARD, GPU, "-o", self.path("no", "such", "folder"), says="No such file")
        self.refused("plan", BOARD, GPU, "-o", "", says="sallyport: ")

    def test_unknown_device(self):
        self.refused("plan", BOARD, "/soc/gpu@1", says="/soc/gpu@1")
        self.refused("plan", BOARD, GPU, "", says="sallyport: ")

    def test_same_bytes(self):
        for out in ("a", "b"):
            self.run_program("plan", BOARD, GPU, "--patched-tree", "-o", self.path(out))
        subprocess.run(["diff", "-r", self.path("a"), self.path("b")], check=True)

    def test_patched_tree(self):
        self.run_program("plan", BOARD, GPU, "--patched-tree", "--no-graph-svg", "-o", self.path("out"))
        files = os.listdir(self.path("out"))
        self.assertIn("host-patched.dtb", files)
        self.assertIn("graph.dot", files)
        self.assertNotIn("graph.svg", files)

    def test_quiet(self):
        out, err = self.run_program("plan", BOARD, BARE_GPU, "--quiet", "-o", self.path("out"), status=1)
        self.assertEqual((out, err), ("", ""))

    def test_plan_file(self):
        shutil.copy(BOARD, self.path("board.dtb"))
        plan = self.write(
            "plan.conf",
            "[host]\ntree = board.dtb\ntarget = xen-4.19\n"
            f"[guest one]\ndevice = {GPU}\n"
            f"[guest two]\ndevice = {BARE_GPU}\niommus = {BARE_GPU}=/soc/iommu@9000000:32\n",
        )
        os.mkdir(self.path("elsewhere"))
        arguments = ("plan", "--file", plan, "--json", "-o", self.path("out"))
        out, _ = self.run_program(*arguments, cwd=self.path("elsewhere"))
        result = json.loads(out)
        self.assertEqual(result["target"], "xen-4.19")
        self.assertEqual([guest["name"] for guest in result["guests"]], ["one", "two"])
        self.assertIn("guest.cfg", os.listdir(self.path("out", "one")))
        self.assertIn("report.txt", os.listdir(self.path("out")))
        out, _ = self.run_program(*arguments, "--target", "xen-4.22", "--force")
        self.assertEqual(json.loads(out)["target"], "xen-4.22")

    def test_bad_plan_files(self):
        self.refused("plan", "--file", "missing.conf", says="missing.conf: No such file")
        self.refused("plan", "--file", self.dir, says=self.dir)
        plan = self.write("plan.conf", "[guest a]\ndevcie = x\n")
        self.refused("plan", "--file", plan, BOARD, says=(f"{plan}:2: ", "did you mean device?"))

    @unittest.skipIf(os.getuid() != 0, "needs root to become somebody else")
    def test_read_only_directory(self):
        shutil.copy(PROGRAM, self.path("sallyport"))
        shutil.copy(BOARD, self.path("board.dtb"))
        os.chmod(self.path("board.dtb"), 0o644)
        self.assertFalse(os.stat(self.dir).st_mode & stat.S_IWOTH)
        done = subprocess.run(
            [self.path("sallyport"), "plan", "board.dtb", GPU],
            cwd=self.dir,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            env=environment(),
            timeout=TIMEOUT,
        )
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(b"Permission denied", done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), ["board.dtb", "sallyport"])

    @unittest.skipIf(os.getuid() != 0, "needs root to become somebody else")
    def test_without_privileges(self):
        shutil.copy(PROGRAM, self.path("sallyport"))
        shutil.copy(BOARD, self.path("board.dtb"))
        os.chmod(self.path("board.dtb"), 0o644)
        os.mkdir(self.path("home"))
        os.chown(self.path("home"), NOBODY, NOBODY)
        done = subprocess.run(
            [self.path("sallyport"), "plan", "../board.dtb", GPU],
            cwd=self.path("home"),
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            env=environment(),
            timeout=TIMEOUT,
        )
        self.assertEqual(done.returncode, 0, done)
        self.assertLessEqual(self.ONE_GUEST, set(os.listdir(self.path("home", "sallyport-plan"))))


class Check(Case):
    """What `plan` writes, and what becomes of it when it is changed by hand."""

    def setUp(self):
        super().setUp()
        self.run_program("plan", "-q", "--no-graph-svg", "--patched-tree", "-o", self.path("out"), BOARD, GPU)
        self.host = self.path("out", "host-patched.dtb")
        self.config = self.path("out", "guest.cfg")

    def edited(self, name, *changes):
        """A copy of the configuration beside the tree; each change is what stands there and what shall."""
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.write("out/" + name, text)

    def codes(self, *arguments, status=1):
        out, _ = self.run_program("check", "--json", *arguments, status=status)
        return {(f["code"], f["severity"]) for f in json.loads(out)["findings"]}

    def test_good(self):
        out, err = self.run_program("check", self.host, self.config)
        self.assertEqual(err, "")
        self.assertRegex(out, r"(?m)^verdict: (ok|warn) \(0 errors, ")

    def test_text(self):
        config = self.edited("twice.cfg", ("\t133,", "\t133, 133,"))
        out, err = self.run_program("check", self.host, config, status=1)
        self.assertEqual(err, "")
        with open(config, encoding="utf-8") as file:
            line = file.read().split("133,")[0].count("\n") + 1
        self.assertIn(f"error SP-CFG-IRQ-TWICE {config}:{line}: interrupt 133 ", out)
        self.assertIn("\n    -> ", out)
        self.assertIn("\nverdict: no (1 error, ", out)

    def test_json(self):
        config = self.edited("missing.cfg", ("\t133,", "\t# 133,"))
        out, _ = self.run_program("check", "-j", self.host, config, status=1)
        result = json.loads(out)
        self.assertEqual(result["schema"], "sallyport-check")
        self.assertEqual(result["verdict"], "no")
        self.assertEqual([guest["devices"] for guest in result["guests"]], [[GPU]])
        errors = [f for f in result["findings"] if f["severity"] == "error"]
        self.assertEqual([f["code"] for f in errors], ["SP-CFG-IRQ-MISSING"])
        self.assertEqual(errors[0]["file"], self.path("out", "guest.dtb"))
        self.assertIsNone(errors[0]["line"])
        self.assertTrue(errors[0]["path"].startswith("/passthrough/"))

    def test_host_that_is_not_marked(self):
        found = self.codes(BOARD, self.config)
        self.assertIn(("SP-DEVICE-UNMARKED", "error"), found)

    def test_two_guests(self):
        out, _ = self.run_program("check", self.host, self.config, self.edited("second.cfg"), status=1)
        for code in ("SP-PAGE-TWO-GUESTS", "SP-IRQ-TWO-GUESTS", "SP-GUESTS-DEVICE"):
            self.assertIn(f"error {code} [guest] ", out)

    def test_streams(self):
        smmu = "/soc/iommu@9000000"
        self.codes("--iommus", f"{GPU}={smmu}:0x10", self.host, self.config, status=0)
        found = self.codes("--iommus", f"{GPU}={smmu}:0x11", self.host, self.config)
        self.assertIn(("SP-IOMMU-ID-MISSING", "error"), found)

    def test_target(self):
        config = self.edited("spis.cfg", ("nr_spis = 128", "nr_spis = 4"))
        self.assertIn(("SP-CFG-NR-SPIS-RAISED", "note"), self.codes("-t", "xen-4.20", self.host, config, status=0))
        self.assertIn(("SP-CFG-NR-SPIS", "error"), self.codes("-t", "xen-4.21", self.host, config))

    def test_trees_that_are_none(self):
        config = self.edited("other.cfg", ('"guest.dtb"', '"other.dtb"'))
        self.assertIn(("SP-CFG-TREE-MISSING", "error"), self.codes(self.host, config))
        for data in (b"", b"\xd0", b"no tree at all, but longer than a header is" * 3):
            self.write("out/other.dtb", data)
            self.assertIn(("SP-PARTIAL-FORMAT", "error"), self.codes(self.host, config))

    def test_trees_that_are_no_files(self):
        os.mkfifo(self.path("out", "other.dtb"))
        config = self.edited("other.cfg", ('"guest.dtb"', '"other.dtb"'))
        self.assertIn(("SP-CFG-TREE-MISSING", "error"), self.codes(self.host, config))

    def test_tree_with_a_path_too_long(self):
        config = self.edited("other.cfg", ('"guest.dtb"', '"other.dtb"'))
        for length, found in ((63, False), (64, True)):
            nodes = "n" * length + " { };"
            for _ in range(20):
                nodes = "n" * 200 + " { " + nodes + " };"
            source = self.write("other.dts", f"/dts-v1/; / {{ passthrough {{ {nodes} }}; }};")
            subprocess.run(["dtc", "-q", "-O", "dtb", "-o", self.path("out", "other.dtb"), source], check=True)
            codes = self.codes(self.host, config, status=0 if found else 1)
            self.assertEqual(("SP-PARTIAL-UNREADABLE", "warning") in codes, found)

    def test_config_that_is_none(self):
        bad = self.write("bad.cfg", "memory = 256\nname = ]\n")
        out, _ = self.run_program("check", "-j", self.host, bad, self.config, status=1)
        result = json.loads(out)
        errors = [(f["code"], f["file"], f["line"]) for f in result["findings"] if f["severity"] == "error"]
        self.assertEqual(errors, [("SP-CFG-REFUSED", bad, 2)])
        self.assertEqual(result["guests"][1]["devices"], [GPU])

    def test_more_devices_than_are_looked_at(self):
        nodes = "".join(
            f"d@{page:x}000 {{ compatible = \"v,d\"; reg = <0 0x{page:x}000 0 0x1000>; xen,passthrough; }};"
            for page in range(0x20000, 0x20000 + 257)
        )
        source = self.write("many.dts", f"/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; {nodes} }};")
        host = self.path("many.dtb")
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", host, source], check=True)
        for pages, found in ((256, False), (257, True)):
            config = self.write("many.cfg", f'name = "many"\niomem = [ "20000,{pages:x}" ]\n')
            codes = self.codes(host, config)
            self.assertEqual(("SP-CFG-TOO-MANY", "warning") in codes, found)

    def test_more_than_is_told(self):
        config = self.edited("many.cfg", ("\t133,", "\t133, " + "133, " * 100))
        out, _ = self.run_program("check", self.host, config, status=1)
        self.assertEqual(out.count("SP-CFG-IRQ-TWICE"), 64)
        self.assertIn("; and 36 more of this code\n", out)

    def test_quiet(self):
        self.assertEqual(self.run_program("check", "-q", BOARD, self.config, status=1), ("", ""))

    def test_bad_use(self):
        self.refused("check", says="name the host's tree")
        self.refused("check", self.host, says="nothing to check")
        self.refused("check", self.host, self.path("no.cfg"), says="No such file")
        self.refused("check", "-g", "domU1=x", self.host, self.config, says="no such domain")
        self.refused("check", "-g", "domU1", self.host, self.config, says="NODE=FILE")
        self.refused("check", "--iommus", f"{BARE_GPU}=/soc/iommu@9000000:1", self.host, self.config,
                     says="no guest is given this device")
        self.refused("check", "--bdf", "0:1.0", self.host, self.config, says="PCI host bridge")


class Exec(Case):
    def setUp(self):
        super().setUp()
        self.env = environment(SALLYPORT_LIBEXEC=self.dir)

    def test_verb(self):
        self.write("serve", '#!/bin/sh\necho "$@"\nexit 7\n', 0o755)
        out, _ = self.run_program("serve", "--port", "a b", status=7, env=self.env)
        self.assertEqual(out, "--port a b\n")

    def test_built_in_verbs_come_first(self):
        self.write("explain", "#!/bin/sh\nexit 7\n", 0o755)
        self.run_program("explain", env=self.env)

    def test_signals_are_as_they_were(self):
        self.write("serve", "#!/bin/sh\ngrep SigIgn /proc/self/status\n", 0o755)
        out, _ = self.run_program("serve", env=self.env)
        self.assertFalse(int(out.split()[1], 16) & 1 << (signal.SIGPIPE - 1))

    def test_not_executable(self):
        self.write("serve", "#!/bin/sh\n", 0o644)
        self.refused("serve", env=self.env, says=(self.path("serve"), "Permission denied"))

    def test_names_do_not_lead_out(self):
        os.mkdir(self.path("inside"))
        self.write("serve", "#!/bin/sh\nexit 7\n", 0o755)
        env = environment(SALLYPORT_LIBEXEC=self.path("inside"))
        self.refused("../serve", env=env, says='unknown verb "../serve"')
        self.refused("serve", env=env, says="the program behind it is not installed")
        self.refused(self.path("serve"), env=env, says="unknown verb")


def main():
    global PROGRAM, BOARD
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        BOARD = os.path.join(folder, "board.dtb")
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", BOARD, sys.argv[2]], check=True)
        unittest.main(argv=["test_cli", *sys.argv[3:]])


if __name__ == "__main__":
    main()
