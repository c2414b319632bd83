"""What the rules share: the repository's files, and how a rule answers.

A rule is a program: `RULE.py ROOT` looks at the tree under ROOT, prints one line for each breach ("file:line: what") and
exits 1 when there was one, 77 (skipped) when it cannot look, with the reason. Its `breaches(root)` is what rules_test.py
tries on small trees made to break it.
"""

import pathlib
import re
import sys

CODE_FOLDERS = ("engine", "frontend", "tools", "tests", "bench")
SKIPPED = 77


def code_files(root, *suffixes):
    """Our C++ files: paths relative to root, sorted."""
    found = []
    for folder in CODE_FOLDERS:
        for suffix in suffixes or (".h", ".cc"):
            found += (root / folder).rglob(f"*{suffix}")
    return sorted(path.relative_to(root) for path in found)


def includes(root, path):
    """(line number, included name, whether in quotes) of every #include of a file."""
    pattern = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        match = pattern.match(line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


class CannotLook(Exception):
    """The rule's tool is not on this machine."""


def main(breaches):
    root = pathlib.Path(sys.argv[1]).resolve()
    try:
        found = list(breaches(root, *sys.argv[2:]))
    except CannotLook as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(SKIPPED)
    for breach in found:
        print(breach)
    print(f"{len(found)} breaches")
    sys.exit(1 if found else 0)
