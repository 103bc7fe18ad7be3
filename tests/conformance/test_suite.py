#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite itself: what it says of servers that end, hang, crash or lie, and its options.

    test_suite.py PROGRAM
"""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))

# The least that answers: VERSION, DEVICE_GET_INFO, and errors. {answer} changes what is sent.
SERVER = '''
import os, signal, socket, struct, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
while True:
    client, _ = listening.accept()
    while True:
        header = client.recv(16, socket.MSG_WAITALL)
        if len(header) < 16:
            break
        id, command, size, flags, error = struct.unpack("=HHIII", header)
        payload = client.recv(size - 16, socket.MSG_WAITALL) if size > 16 else b""
        flags, error, reply = 1, 0, b""
        if command == 1:
            reply = struct.pack("=HH", 0, 0)
        elif command == 4 and len(payload) == 16:
            reply = struct.pack("=IIII", 16, 2, 9, 5)
        else:
            flags, error = 33, 22
        {answer}
        client.sendall(struct.pack("=HHIII", id, command, 16 + len(reply), flags, error) + reply)
    client.close()
    {gone}
'''


class Suite(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def run_suite(self, *arguments):
        command = [sys.executable, PROGRAM, "--limit", "1", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def serve(self, *arguments, answer="pass", gone="pass"):
        server = self.path("server.py", SERVER.replace("{answer}", answer).replace("{gone}", gone))
        return self.run_suite(*arguments, "--", sys.executable, server, "{socket}")

    def verdicts(self, *arguments, **more):
        ended = self.serve("--json", *arguments, **more)
        told = json.loads(ended.stdout)
        self.assertEqual(ended.returncode, 1 if told["differing"] else 0)
        return {case["case"]: (case["verdict"], case["reason"]) for case in told["cases"]}

    def test_right(self):
        ended = self.serve("--only", "info.reply", "--only", "header.id.*")
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assertIn("9 passed, 0 failed, 0 skipped", ended.stdout)
        self.assertIn("[VFIO_USER_DEVICE_GET_INFO]", ended.stdout)

    def test_wrong_reply(self):
        for answer, reason in {
            "id ^= 1": "the reply has id",
            "flags |= 64": "have other bits",
            "flags &= ~1": "has type 0",
            "command += 1": "and command 5",
            "reply = reply[:-4]": "",
        }.items():
            with self.subTest(answer):
                changed = f"if command == 4: {answer}"
                found = self.verdicts("--only", "info.same", "--only", "info.reply", answer=changed)
                self.assertEqual(found["info.reply"][0], "failed")
                self.assertIn(reason, found["info.reply"][1])

    def test_error_with_payload(self):
        found = self.verdicts("--only", "header.command.14", answer="reply = reply or b'1234'")
        self.assertIn("has a payload", found["header.command.14"][1])

    def test_crash(self):
        for crash, reason in {
            "os.kill(os.getpid(), signal.SIGSEGV)": "SIGSEGV",
            "os.abort()": "SIGABRT",
            "print('ERROR: AddressSanitizer: heap', flush=True); os._exit(1)": "AddressSanitizer",
        }.items():
            with self.subTest(crash):
                found = self.verdicts("--only", "header.command.1*", answer=f"if command == 14: {crash}")
                self.assertEqual(found["header.command.14"][0], "failed")
                self.assertIn(reason, found["header.command.14"][1])
                # The next case has a server again.
                self.assertEqual(found["header.command.19"][0], "passed")

    def test_crash_after_the_client(self):
        found = self.verdicts("--only", "info.reply", gone="os.abort()")
        self.assertEqual(found["info.reply"][0], "failed")

    def test_leaves(self):
        found = self.verdicts("--only", "info.*", "--only", "life.same", gone="sys.exit()")
        self.assertEqual(found["info.reply"][0], "passed")

    def test_hangs(self):
        hang = "if command == 14: signal.pause()"
        found = self.verdicts("--only", "header.command.1*", answer=hang)
        self.assertIn("no reply", found["header.command.14"][1])
        self.assertEqual(found["header.command.19"][0], "passed")

    def test_not_started(self):
        for command in (["/nonexistent", "{socket}"], ["false", "{socket}"]):
            ended = self.run_suite("--only", "info", "--", *command)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""))
            self.assertIn("conformance: ", ended.stderr)

    def test_use(self):
        for arguments in (
            [],
            ["--", "true"],
            ["--connect", "x", "--", "a", "{socket}"],
            ["--only", "none", "--", "a{socket}"],
        ):
            self.assertEqual(self.run_suite(*arguments).returncode, 2, arguments)
        self.assertEqual(self.run_suite("--connect", "/nonexistent", "--only", "info.reply").returncode, 2)

    def test_expect(self):
        def with_rows(rows, only="header.command.14"):
            path = self.path("expect", "# a comment\n" + rows)
            return self.serve("--expect", path, "--only", only, answer="if command == 14: id ^= 1")

        self.assertEqual(with_rows("header.command.* failed It is so.\n").returncode, 0)
        self.assertEqual(with_rows("header.command.14 passed|failed It may be.\n").returncode, 0)
        self.assertEqual(with_rows("header.command.14 passed It is not so.\n").returncode, 1)
        self.assertEqual(with_rows("").returncode, 1)
        # What passes and was to fail is a difference, too.
        self.assertEqual(with_rows("info.reply failed It is not so.\n", only="info.reply").returncode, 1)
        self.assertEqual(with_rows("header.command.14 failed\n").returncode, 2)
        self.assertEqual(with_rows("header.command.14 wrong Why.\n").returncode, 2)

    def test_list(self):
        plain = self.run_suite("--list").stdout.splitlines()
        table = self.run_suite("--list", "--markdown").stdout.splitlines()
        self.assertGreater(len(plain), 1000)
        self.assertEqual(len(plain), len(set(plain)))
        self.assertEqual(len(table), len(plain) + 2)
        self.assertTrue(all(line.count("|") - line.count("\\|") == 4 for line in table))


unittest.main()
