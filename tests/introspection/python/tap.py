# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the unittest cases of a program, and reports each as a line of TAP."""

import sys
import traceback
import unittest
import warnings


class Result(unittest.TestResult):
    def __init__(self, output, prefix):
        super().__init__()
        self.prefix = prefix
        self.output = output
        self.number = 0
        self.subtests_failed = set()

    def say(self, line):
        print(line, file=self.output, flush=True)

    def explain(self, error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            self.say(f"# {line}")

    def report(self, test, outcome, directive=""):
        self.number += 1
        # Class and method: "BufferTest.test_pins_the_mapping" is buffer/pins-the-mapping.
        group, _, name = test.id().split(".", 1)[1].partition(".")
        group = group.removesuffix("Test").lower()
        name = name.removeprefix("test_").replace("_", "-")
        self.say(f"{outcome} {self.number} - /{self.prefix}/{group}/{name}{directive}")

    def addSuccess(self, test):
        if test.id() not in self.subtests_failed:
            self.report(test, "ok")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.explain(error)
        self.report(test, "not ok")

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.failures.append((subtest, ""))
            self.say(f"# {subtest}")
            self.explain(error)
            if test.id() not in self.subtests_failed:
                self.report(test, "not ok")
            self.subtests_failed.add(test.id())

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report(test, "ok", f" # SKIP {reason}")


def main(prefix="python"):
    """Run the cases of the calling program, or those that its arguments name as CLASS.METHOD, and exit."""
    # Started by meson, which shows what a program writes here only if it fails.
    warnings.simplefilter("default")
    loader = unittest.defaultTestLoader
    if len(sys.argv) > 1:
        suite = loader.loadTestsFromNames(sys.argv[1:], sys.modules["__main__"])
    else:
        suite = loader.loadTestsFromModule(sys.modules["__main__"])
    result = Result(sys.stdout, prefix)
    result.say(f"1..{suite.countTestCases()}")
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
