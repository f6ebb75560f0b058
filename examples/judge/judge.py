#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py PROBLEM SUBMISSION...: runs each submission on the cases of a problem, each in a fresh copy.

A case is NAME.in and NAME.out. The verdict is that of the first case that is not OK:
WA wrong answer, TLE too slow, MLE too much memory, OLE too much output, RE ended with an error.
"""
import glob
import os
import sys

import hl

SECONDS, MEMORY, PROCESSES, OUTPUT = 5.0, "96M", 4, 64 << 10


def verdict(result, wanted):
    last = (result.stderr.strip().splitlines() or [""])[-1]
    if result.truncated:
        return "OLE", f"more than {OUTPUT >> 10} KiB"
    if result.timed_out:
        return "TLE", f"more than {SECONDS:g} s"
    if last == "MemoryError" or result.exit_code == 137:  # SIGKILL: nobody else sends it
        return "MLE", f"more than {MEMORY}"
    if result.exit_code:
        return "RE", last or f"status {result.exit_code}"
    if result.stdout.split() != wanted.split():
        return "WA", f"{result.stdout.strip()[:20]!r}, not {wanted.strip()!r}"
    return "OK", ""


def judge(sandbox, code, cases):
    for name in cases:
        with open(name) as given, open(name[:-2] + "out") as wanted:
            result = sandbox.run(code, input=given.read(), timeout=SECONDS)
            what, why = verdict(result, wanted.read())
        if what != "OK":
            return what, os.path.basename(name)[:-3], why
    return "OK", "", ""


def main(problem, submissions):
    cases = sorted(glob.glob(os.path.join(problem, "*.in")))
    with hl.Sandbox.warm("python3", memory=MEMORY, pids=PROCESSES, disk="1M", output_limit=OUTPUT,
                         platform=os.environ.get("HL_PLATFORM")) as sandbox:
        for path in submissions:
            with open(path) as f:
                what, case, why = judge(sandbox, f.read(), cases)
            print(f"{os.path.basename(path):12} {what:4} {case:8} {why}".rstrip())


main(sys.argv[1], sys.argv[2:])
