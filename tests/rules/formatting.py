"""Every source is as clang-format leaves it."""

import re
import shutil
import subprocess

import sources

CLANG_FORMAT = "clang-format-19"


def breaches(root):
    if not shutil.which(CLANG_FORMAT):
        raise sources.CannotLook(f"no {CLANG_FORMAT} here")
    files = [str(file) for file in sources.code_files(root)]
    if not files:
        return
    run = subprocess.run([CLANG_FORMAT, "--dry-run", *files], cwd=root, capture_output=True, text=True)
    if run.returncode != 0:
        yield f"{CLANG_FORMAT}: {run.stderr.strip()}"
    unformatted = dict.fromkeys(re.findall(r"^(\S+?):\d+:\d+: (?:warning|error): ", run.stderr, re.MULTILINE))
    for file in unformatted:
        yield f"{file}: not formatted: {CLANG_FORMAT} -i {file}"


if __name__ == "__main__":
    sources.main(breaches)
