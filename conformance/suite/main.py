# SPDX-License-Identifier: MIT
"""The program: its options, and the cases one after the other."""

import argparse
import fnmatch
import importlib.util
import signal
import sys
import time

from . import cases as _  # noqa: F401  (they register themselves)
from . import report
from .case import CASES, Context
from .peer import Fail, Skip
from .server import NoServer, Server

ABOUT = "Tests a server of vfio-user against the specification, one connection a case."
END = """The server is started anew when a case ended it. A case passes, fails, or is skipped where it does not
fit the device. The exit status is 0 if nothing failed, or if all is as FILE expects it; 1 if not; 2 if
nothing could be tested."""


def options(arguments):
    parser = argparse.ArgumentParser(
        prog="sallyport conformance", description=ABOUT, epilog=END, allow_abbrev=False,
        usage="%(prog)s [OPTION]… -- COMMAND … {socket}\n       %(prog)s [OPTION]… --connect PATH",
    )
    parser.add_argument(
        "--connect", metavar="PATH", help="test the server that listens at this socket",
    )
    parser.add_argument(
        "--only", metavar="PATTERN", action="append", help="these cases only, as dma.*",
    )
    parser.add_argument(
        "--skip", metavar="PATTERN", action="append", default=[], help="all but these cases",
    )
    parser.add_argument(
        "--expect", metavar="FILE", help="what is known of this server: CASE VERDICT EXPLANATION",
    )
    parser.add_argument(
        "--dma", metavar="FILE", help="Python that makes the device access memory; see the README",
    )
    parser.add_argument(
        "--limit", type=float, default=2, metavar="SECONDS", help="for each reply (2)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--quiet", action="store_true", help="print only what is not as it should be",
    )
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--markdown", action="store_true", help="with --list, as a table")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    chosen = parser.parse_args(arguments)
    if chosen.command[:1] == ["--"]:
        del chosen.command[0]
    if not chosen.list:
        if bool(chosen.command) == bool(chosen.connect):
            parser.error("either --connect or a command is needed")
        if chosen.command and not any("{socket}" in word for word in chosen.command):
            parser.error("the command has no {socket}, where the path of the socket is put")
    return chosen


def load_hook(path):
    spec = importlib.util.spec_from_file_location("hook", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(case, server, hook):
    """One case, and what the server is like after it."""
    begin = time.monotonic()
    context = Context(server, hook)
    server.crash = None
    verdict, reason = "passed", None
    try:
        reason = case.function(context)
    except Skip as skip:
        verdict, reason = "skipped", str(skip)
    except Fail as fail:
        verdict, reason = "failed", str(fail)
    except Exception as error:  # What a reply cannot be read for is a fault of it.
        verdict, reason = "failed", f"{type(error).__name__}: {error}"
    finally:
        context.close()
    try:
        server.served_next()
    except Fail as fail:
        if verdict != "failed":
            verdict, reason = "failed", str(fail)
        server.restart()
    if server.turned_away and verdict == "passed":
        reason = (f"{reason}; " if reason else "") + "the next client was turned away at first"
    crash = server.crash or server.trouble()
    if crash:
        verdict, reason = "failed", crash
    return report.Result(case, verdict, reason, time.monotonic() - begin)


def chosen_cases(only, skip):
    def fits(name, patterns):
        return any(fnmatch.fnmatchcase(name, p) or name.startswith(p + ".") for p in patterns)

    return [c for c in CASES.values() if (not only or fits(c.name, only)) and not fits(c.name, skip)]


def test(chosen, cases):
    expectations = report.Expectations(chosen.expect)
    hook = load_hook(chosen.dma) if chosen.dma else None
    server = Server(chosen.command or None, chosen.connect, chosen.limit)
    results, wrong = [], []
    try:
        # What cannot be reached at all is no failure of a case.
        try:
            server.greeted().leave()
        except Fail as fail:
            said = server.crash or server.trouble() or server.said()
            raise NoServer(f"it does not speak vfio-user: {fail}" + (f" ({said})" if said else "")) from None
        for case in cases:
            result = run(case, server, hook)
            if not expectations.judge(result):
                wrong.append(case.name)
            results.append(result)
            if not chosen.json and (not chosen.quiet or case.name in wrong[-1:]):
                print(result.line(), flush=True)
        problem = server.end()
        if problem:
            wrong.append(f"the server's end: {problem}")
    finally:
        server.close()
    if not chosen.only and not chosen.skip:
        wrong += [f"{name} is expected, and there is no such case" for name in expectations.unused()]
    return results, wrong


def main(arguments=None):
    chosen = options(arguments)
    # A server's end must not end the suite, and an interrupt must end the server too.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cases = chosen_cases(chosen.only, chosen.skip)
    if chosen.list:
        print(report.markdown(cases) if chosen.markdown else "\n".join(c.name for c in cases))
        return 0
    if not cases:
        print("conformance: no case has such a name", file=sys.stderr)
        return 2
    try:
        results, wrong = test(chosen, cases)
    except (NoServer, report.BadExpectations, OSError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    if chosen.json:
        print(report.document(chosen.command or [chosen.connect], results, wrong))
    else:
        counts = [f"{sum(r.verdict == v for r in results)} {v}" for v in report.VERDICTS]
        print(f"{', '.join(counts)}; {len(wrong)} not as it should be")
        for name in wrong:
            if name not in [result.case.name for result in results]:
                print(f"  {name}")
    return 1 if wrong else 0
