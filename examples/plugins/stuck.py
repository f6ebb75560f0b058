#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A plug-in that hangs when it has work to do."""
with open("/dev/hl", "r+b", buffering=0) as hl:
    while True:
        hl.write(b"next")
        if hl.read().startswith(b"change"):
            while True:
                pass
        hl.write(b"result\nis quick, it says")
