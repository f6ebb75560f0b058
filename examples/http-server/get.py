# SPDX-License-Identifier: Apache-2.0
"""Prints what a URL answers."""
import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1]) as answer:
    print(f"{answer.status} {answer.reason}: {answer.read().decode()}")
