"""Work that is left is an issue, not a comment."""

import re

import sources

MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
SUFFIXES = {".h", ".cc", ".py", ".sh", ".txt", ".cmake", ".proto", ".md", ".json", ".yaml"}
FOLDERS = (*sources.CODE_FOLDERS, "proto", "docs", "cmake", "sdk")


def breaches(root):
    files = [path for path in root.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += (root / folder).rglob("*")
    for path in sorted(files):
        if not path.is_file() or path.suffix not in SUFFIXES:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if MARKS.search(line):
                yield f"{path.relative_to(root)}:{number}: {line.strip()}"


if __name__ == "__main__":
    sources.main(breaches)
