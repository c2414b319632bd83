"""docs/examples: every command is run in one shell, and what comes out is what is shown."""

import pathlib
import re
import subprocess

import case
import programs

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs/examples"
KILLED = "*The server is killed, and started again.*"
END = "--- the command has ended ---"
ANY = "…"


class Step:
    def __init__(self, command):
        self.command = command
        self.shown = []


def steps_of(page):
    """Commands with what is shown of them; None where the server is killed."""
    steps = []
    for line in (EXAMPLES / page).read_text().splitlines():
        if line == KILLED:
            steps.append(None)
        elif line.startswith("    $ "):
            steps.append(Step(line[6:]))
        elif line.startswith("    > "):
            steps[-1].command += "\n" + line[6:]
        elif line.startswith("    "):
            steps[-1].shown.append(line[4:])
    return steps


class Examples(case.SystemTest):
    def shell(self, server):
        environment = programs.environment(server.address)
        environment["PATH"] = f"{programs.BIN}:{environment['PATH']}"
        return self.background(subprocess.Popen(["bash"], cwd=self.folder, env=environment, text=True, stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT))

    def run_step(self, shell, step):
        shell.stdin.write(f"{step.command}\necho '{END}'\n")
        shell.stdin.flush()
        lines = []
        while (line := shell.stdout.readline().rstrip("\n")) != END:
            lines.append(line)
            self.assertIsNone(shell.poll(), lines)
        wanted = "\n".join(step.shown)
        pattern = ".*".join(re.escape(part) for part in wanted.split(ANY))
        self.assertRegex("\n".join(lines), f"(?s)\\A{pattern}\\Z", step.command)

    def example(self, page, steps_min):
        steps = steps_of(page)
        self.assertGreater(len(steps), steps_min)
        server = self.server()
        shell = self.shell(server)
        for step in steps:
            if step is None:
                server.kill()
                server.start()
            else:
                self.run_step(shell, step)

    def test_a_chat(self):
        self.example("chat.md", 8)

    def test_telemetry(self):
        self.example("telemetry.md", 9)

    def test_payments(self):
        self.example("payments.md", 12)

    def test_a_lobby(self):
        self.example("lobby.md", 9)

    def test_monitoring(self):
        self.example("monitoring.md", 9)

    def test_every_example_is_run(self):
        pages = {path.name for path in EXAMPLES.glob("*.md")} - {"README.md"}
        source = pathlib.Path(__file__).read_text()
        self.assertEqual(pages, set(re.findall(r'self\.example\("(\w+\.md)"', source)))


if __name__ == "__main__":
    case.main()
