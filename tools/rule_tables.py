# SPDX-License-Identifier: MIT
"""Tables of rules that differ between Xen's releases, and the pages that are made from them."""

import re

RELEASES = ["4.17", "4.18", "4.19", "4.20", "4.21", "4.22"]
PROOFS = {"RUN": "run", "READ": "read"}
TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([(),])|([^\s"(),]+))')


def rows(text, macro):
    """The arguments of each use of a macro; adjacent string literals are joined."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for use in re.finditer(rf"^{macro}\(", text, flags=re.M):
        arguments, words, at = [], [], use.end()
        while True:
            token = TOKEN.match(text, at)
            if not token:
                raise SystemExit(f"{macro} at offset {at}: cannot be read")
            at = token.end()
            string, mark, word = token.groups()
            if string is not None:
                words.append(re.sub(r"\\(.)", r"\1", string[1:-1]))
            elif word is not None:
                words.append(word)
            elif mark in ",)":
                arguments.append("".join(words))
                words = []
                if mark == ")":
                    break
            else:
                raise SystemExit(f"{macro} at offset {at}: a parenthesis too many")
        yield arguments


def shown(values):
    numbers = [int(value, 0) for value in values]
    if set(numbers) <= {0, 1}:
        return ["yes" if number else "no" for number in numbers]
    return [hex(number) if number >= 1 << 20 else str(number) for number in numbers]


def table(heads, lines):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def written(entries):
    """The last chapter: of each entry its title and its citation."""
    yield "## Where this is written"
    yield ""
    yield "Paths are those of Xen's repository at the tag `RELEASE-` and the number. Where a release"
    yield "lacks something, the place where it would be is given."
    yield ""
    for title, citation in entries:
        yield f"- {title}"
        for place in citation.split("; "):
            yield f"  - {place}"
