"""What every system test has: a folder of its own, servers that end with it, and a reason when it fails or is skipped."""

import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

import programs

SKIPPED = 77


class SystemTest(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bimip-system-"))
        self.servers = []
        self.processes = []
        self.seed = int(os.environ.get("BIMIP_SEED") or random.SystemRandom().randrange(1 << 32))
        self.random = random.Random(self.seed)

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for server in self.servers:
            if server.process is not None:
                server.kill()
        if self._has_failed():
            self._explain()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _has_failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)

    def _explain(self):
        for server in self.servers:
            print(f"--- the log of {server.folder.name}:\n{server.log()[-4000:]}", file=sys.stderr)
        method = self._testMethodName.removeprefix("test_")
        print(f"--- again: BIMIP_SEED={self.seed} ctest --preset release -R '{method}'", file=sys.stderr)

    def server(self, *flags, name="data", **popen):
        """A running server on its own data directory, which it makes."""
        server = programs.Server(self.folder / name, *flags, **popen)
        self.servers.append(server)
        return server.start()

    def background(self, process):
        """Ends with the test."""
        self.processes.append(process)
        return process

    def must_end_well(self, process, within=100):
        """Waits for it; what it wrote to standard output."""
        out, err = process.communicate(timeout=within)
        self.assertEqual(process.returncode, 0, err.decode(errors="replace") if err else "")
        return out

    def refused(self, done, code, *words):
        """A clear message on standard error, this exit code, and nothing on standard output."""
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"(?m)^bimipd?( log)?: \S")


def main():
    """One test by name, or all of the file."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    wanted = set(sys.argv[1:])
    chosen = unittest.TestSuite(test for group in suite for test in group
                                if not wanted or test._testMethodName in wanted)
    if chosen.countTestCases() == 0:
        sys.exit(f"{sys.argv[0]}: no such test")
    result = unittest.TextTestRunner(verbosity=2).run(chosen)
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == chosen.countTestCases() else 0)
