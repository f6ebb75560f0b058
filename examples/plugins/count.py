#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A plug-in in Python: it puts the number of words behind the text, and asks the host for a setting."""


def ask(question):
    """Of the host, on a file of its own: this call is not over yet."""
    with open("/dev/hl", "r+b", buffering=0) as f:
        f.write(question)
        return f.read()


calls = 0
with open("/dev/hl", "r+b", buffering=0) as hl:
    while True:
        hl.write(b"next")
        name, _, text = hl.read().partition(b"\0")
        if name == b"describe":
            hl.write(b"result\ncounts words")
            continue
        calls += 1
        words = len(text.split(b" (")[0].split())
        ask(b"call log\n%d words, language %s" % (words, ask(b"call setting\nlanguage")))
        if calls == 2:
            hl.write(b"error\nOnceIsEnough: it has words counted already")
            continue
        hl.write(b"result\n%s (%d words)" % (text, words))
