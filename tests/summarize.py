#!/usr/bin/env python3
"""Adds up JUnit files as ctest writes them; the last line is `N passed, N failed, N skipped`. Exits 1 if anything failed
or nothing ran. With --nothing-skipped, a skipped test counts as failed."""

import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    """(passed, failed, skipped) of one file; names of what failed or was skipped are printed."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        status = case.get("status")
        if case.find("failure") is not None or status == "fail":
            failed += 1
            print(f"FAILED  {case.get('name')}  ({path})")
        elif case.find("skipped") is not None or status in ("notrun", "disabled"):
            skipped += 1
            print(f"skipped {case.get('name')}  ({path})")
        else:
            passed += 1
    return passed, failed, skipped


def main(arguments):
    files = [argument for argument in arguments if not argument.startswith("--")]
    passed, failed, skipped = (sum(column) for column in zip(*map(count, files))) if files else (0, 0, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    strict = "--nothing-skipped" in arguments
    return 1 if failed or passed == 0 or (strict and skipped) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
