# SPDX-License-Identifier: MIT
"""Results: their lines, their JSON, the table of cases, and what was expected of a server."""

import fnmatch
import json

VERDICTS = ("passed", "failed", "skipped")


class BadExpectations(Exception):
    pass


class Result:
    def __init__(self, case, verdict, reason, seconds):
        self.case, self.verdict, self.reason, self.seconds = case, verdict, reason, seconds
        self.explained = None

    def line(self):
        reason = f": {self.reason}" if self.reason else ""
        mark = " (as expected)" if self.explained else ""
        return f"{self.verdict:8}{self.case.name}{reason}{mark}  [{self.case.section}]"

    def record(self):
        record = {
            "case": self.case.name,
            "group": self.case.group,
            "section": self.case.section,
            "about": self.case.about,
            "verdict": self.verdict,
            "reason": self.reason,
            "milliseconds": round(self.seconds * 1000, 1),
        }
        if self.explained:
            record["expected"] = self.explained
        return record


class Expectations:
    """Lines of CASE VERDICT EXPLANATION. A case may be a pattern, the first line that fits it counts, and
    a verdict may be several with | between them, for what depends on the time."""

    def __init__(self, path=None):
        self.rows = []
        if not path:
            return
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split(None, 2)
                if not words or words[0].startswith("#"):
                    continue
                if len(words) < 3 or not set(words[1].split("|")) <= set(VERDICTS):
                    raise BadExpectations(
                        f"{path}:{number}: a line is a case, a verdict and an explanation"
                    )
                self.rows.append([words[0], words[1], words[2].strip(), 0])

    def judge(self, result):
        for row in self.rows:
            pattern, verdict, explanation, _ = row
            if fnmatch.fnmatchcase(result.case.name, pattern):
                row[3] += 1
                if result.verdict in verdict.split("|"):
                    result.explained = explanation
                    return True
                result.reason = f"{result.reason or 'nothing to say'}; expected was: {verdict}"
                return False
        return result.verdict != "failed"

    def unused(self):
        return [row[0] for row in self.rows if not row[3]]


def markdown(cases):
    lines = ["| case | section | what |", "|---|---|---|"]
    for case in cases:
        about = case.about.replace("|", "\\|")
        lines.append(f"| `{case.name}` | {case.section} | {about} |")
    return "\n".join(lines)


def document(command, results, wrong):
    counts = {verdict: sum(r.verdict == verdict for r in results) for verdict in VERDICTS}
    return json.dumps(
        {
            "server": command,
            "counts": counts,
            "differing": wrong,
            "cases": [result.record() for result in results],
        },
        indent=2,
    )
