"""Every way to break the engine on purpose (tests/mutations) still names a text that stands once in its file."""

import importlib.util
import sys

import sources


def breaches(root):
    listing = root / "tests" / "mutations" / "mutations.py"
    spec = importlib.util.spec_from_file_location("mutations_of_tree", listing)
    listed = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up.
    sys.modules[spec.name] = listed
    spec.loader.exec_module(listed)
    if len(listed.MUTATIONS) < 12:
        yield f"only {len(listed.MUTATIONS)} mutations"
    names = [mutation.name for mutation in listed.MUTATIONS]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: twice"
    for mutation in listed.MUTATIONS:
        file = root / mutation.file
        times = file.read_text().count(mutation.old) if file.exists() else 0
        if times != 1:
            yield f"{mutation.name}: its text stands {times} times in {mutation.file}"
        if mutation.old == mutation.new:
            yield f"{mutation.name}: changes nothing"


if __name__ == "__main__":
    sources.main(breaches)
