"""A page of docs that a source, a test or another page names is there; what a link of a page leads to, too."""

import re

import sources

NAMED = re.compile(r"\bdocs/[\w./-]+?\.md\b")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
SUFFIXES = {".h", ".cc", ".py", ".sh", ".txt", ".cmake", ".proto", ".md"}
FOLDERS = (*sources.CODE_FOLDERS, "proto", "docs", "cmake", "sdk")
# Names pages that are not there, to prove that this is found.
TRIALS = "tests/rules/rules_test.py"


def files_of(root):
    files = [path for path in root.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += (root / folder).rglob("*")
    return sorted(path for path in files if path.is_file() and path.suffix in SUFFIXES)


def breaches(root):
    for path in files_of(root):
        name = str(path.relative_to(root))
        if name == TRIALS:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for page in NAMED.findall(line):
                if not (root / page).is_file():
                    yield f"{name}:{number}: there is no {page}"
            if path.suffix != ".md":
                continue
            for target in LINK.findall(line):
                if "://" not in target and not (path.parent / target).exists():
                    yield f"{name}:{number}: a link to {target}, which is not there"


if __name__ == "__main__":
    sources.main(breaches)
