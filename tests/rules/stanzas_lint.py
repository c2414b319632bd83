"""buf's standard rules hold for proto/."""

import os
import pathlib
import shutil
import subprocess

import sources

CONFIG = '{"version": "v2", "lint": {"use": ["STANDARD"]}}'


def find_buf():
    """In PATH, or where tools/install.sh puts it."""
    cache = os.environ.get("BIMIP_CACHE_DIR") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bimip"
    installed = sorted(pathlib.Path(cache).glob("buf-*/node_modules/.bin/buf"))
    buf = shutil.which("buf") or (installed and str(installed[-1]))
    if not buf:
        raise sources.CannotLook("buf is not installed (tools/install.sh fetches it from npm)")
    return buf


def breaches(root):
    command = [find_buf(), "lint", ".", "--config", CONFIG]
    run = subprocess.run(command, cwd=root / "proto", capture_output=True, text=True)
    lines = (run.stdout + run.stderr).splitlines()
    if run.returncode != 0 and not lines:
        lines = [f"buf ended with {run.returncode}"]
    yield from lines


if __name__ == "__main__":
    sources.main(breaches)
