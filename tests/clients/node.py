"""What tools/install.sh fetches from npm: libraries, and how a script of this folder is run on them."""

import json
import os
import pathlib
import shutil
import subprocess

import support


def node_modules():
    """Where the libraries are; the folder's number goes up with any of their versions."""
    return support.cache_folder() / "clients-2" / "node_modules"


def need(test, package):
    """The folder of a package, or the test is skipped."""
    folder = node_modules() / package
    if not folder.is_dir():
        test.skipTest(f"{package} of npm is not installed (tools/install.sh fetches it)")
    return folder


def run_node(test, script, *arguments):
    """What a script of clients/ prints, as JSON."""
    if not shutil.which("node"):
        test.skipTest("no node here")
    need(test, "ws")
    done = subprocess.run(["node", pathlib.Path(__file__).parent / script, *map(str, arguments)],
                          env={**os.environ, "NODE_PATH": str(node_modules())}, capture_output=True, text=True,
                          timeout=60)
    test.assertEqual(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)
