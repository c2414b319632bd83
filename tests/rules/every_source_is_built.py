"""A source in no target is never compiled, a test in no target never fails: every .cc file is in the build."""

import json
import pathlib

import sources


def breaches(root, compile_commands):
    commands = json.loads(pathlib.Path(compile_commands).read_text())
    built = {(pathlib.Path(command["directory"]) / command["file"]).resolve() for command in commands}
    for file in sources.code_files(root, ".cc"):
        if root / file not in built:
            yield f"{file}: in no target"


if __name__ == "__main__":
    sources.main(breaches)
