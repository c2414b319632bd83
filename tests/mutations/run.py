#!/usr/bin/env python3
"""Breaks the sources in each way that mutations.py knows, and shows that a test notices.

usage: tests/mutations/run.py [PART OF A NAME]...

Works in build/mutations, on a copy of the sources; about a quarter of a minute a mutation. Exit codes: 0 every mutation was
noticed, 1 one was not, 2 could not run.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import mutations

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutations"
TREE = WORK / "tree"
BUILD = WORK / "build"
TEST_SECONDS_MAX = 600


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def must(command):
    done = run(command)
    if done.returncode != 0:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", file=sys.stderr)
        sys.exit(2)


def copy_sources():
    """Only what changed is written, so that only that is built."""
    for folder in ("bench", "cmake", "docs", "engine", "frontend", "proto", "tests", "tools"):
        for source in (ROOT / folder).rglob("*"):
            target = TREE / source.relative_to(ROOT)
            if source.is_dir() or "__pycache__" in source.parts:
                continue
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "CMakeLists.txt", TREE / "CMakeLists.txt")


def build(programs):
    return run(["cmake", "--build", BUILD, "-j", len(os.sched_getaffinity(0)), "--target", *programs])


def passes(test, names):
    command = [BUILD / "tests" / test, f"--gtest_filter={names}", "--gtest_fail_fast"]
    try:
        done = run(command, timeout=TEST_SECONDS_MAX, env=os.environ | {"BIMIP_PROOF_EFFORT": "0.5"})
    except subprocess.TimeoutExpired:
        return False
    if " 0 tests from 0 test suites ran" in done.stdout:
        print(f"no test matches {names} in {test}", file=sys.stderr)
        sys.exit(2)
    return done.returncode == 0


def main():
    chosen = [m for m in mutations.MUTATIONS if not sys.argv[1:] or any(part in m.name for part in sys.argv[1:])]
    if not chosen:
        print("no such mutation", file=sys.stderr)
        sys.exit(2)
    copy_sources()
    must(["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=g++",
          "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
          "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1"])
    programs = sorted({m.test for m in chosen})
    built = build(programs)
    if built.returncode != 0:
        print(built.stdout[-3000:], file=sys.stderr)
        sys.exit(2)

    unnoticed = []
    for mutation in chosen:
        started = time.monotonic()
        file = TREE / mutation.file
        sound = file.read_text()
        if sound.count(mutation.old) != 1:
            print(f"{mutation.name}: its text does not stand once in {mutation.file}", file=sys.stderr)
            sys.exit(2)
        file.write_text(sound.replace(mutation.old, mutation.new))
        built = build([mutation.test])
        noticed = built.returncode == 0 and not passes(mutation.test, mutation.filter)
        file.write_text(sound)
        if built.returncode != 0:
            print(f"{mutation.name}: does not compile\n{built.stdout[-2000:]}", file=sys.stderr)
            sys.exit(2)
        print(f"{'noticed' if noticed else 'NOT NOTICED'}: {mutation.name} ({time.monotonic() - started:.0f} s)", flush=True)
        if not noticed:
            unnoticed.append(mutation.name)
    built = build(programs)
    sound = built.returncode == 0 and all(passes(*tests) for tests in {(m.test, m.filter) for m in chosen})
    if not sound:
        print("the tests do not pass without a mutation either", file=sys.stderr)
        sys.exit(2)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutations were noticed; without one the same tests pass")
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
