"""Counts the tests in ctest's JUnit files: count_tests.py FILE... prints "PASSED FAILED SKIPPED", then one line for each
test that failed and for each that was skipped, with the reason."""

import re
import sys
import xml.etree.ElementTree as ElementTree


def reason_for_skipping(output):
    """What a GoogleTest or a script of ours says about it."""
    said = re.search(r": Skipped\n(.+?)\n\[ ", output, re.DOTALL) or re.search(r"^SKIPPED: (.+)$", output, re.MULTILINE)
    return " ".join(said.group(1).split()) if said else "no reason given"


def reason_for_failing(output):
    """A sanitizer's summary, the first failed expectation or the first exception, when there is one."""
    summary = re.search(r"^SUMMARY: (.+)$", output, re.MULTILINE)
    expectation = re.search(r"^(\S+:\d+): Failure\n(.+(?:\n(?!\[).+){0,5})", output, re.MULTILINE)
    last_call = r'  File "(\S+)", line (\d+), .+\n(?:    .*\n)*'
    exception = re.search(rf"^Traceback .+\n(?:(?:  .*)?\n)*?{last_call}(\w\S*: .+)$", output, re.MULTILINE)
    said = summary or expectation or exception
    return " ".join(": ".join(said.groups()).split()) if said else ""


def outcome_of(case):
    """("passed" | "failed" | "skipped", why)"""
    status = case.get("status")
    output = case.findtext("system-out") or ""
    if status == "run":
        return "passed", ""
    if status == "disabled":
        return "skipped", "disabled"
    # ctest also says "notrun" of a test whose program is missing: that one failed.
    message = (case.find("skipped").get("message") if case.find("skipped") is not None else "") or ""
    if status == "notrun" and message.startswith("SKIP_"):
        return "skipped", reason_for_skipping(output)
    return "failed", message or reason_for_failing(output)


def main(paths):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    lines = []
    for path in paths:
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            outcome, why = outcome_of(case)
            counts[outcome] += 1
            if outcome != "passed":
                lines.append(f"{outcome}: {case.get('name')}" + (f": {why}" if why else ""))
    print(counts["passed"], counts["failed"], counts["skipped"])
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
