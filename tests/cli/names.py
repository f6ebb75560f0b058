#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server on port 53 of 127.0.0.1 or ADDRESS in a network namespace, for the cases of networks:
names.py LOG [ADDRESS]

allowed.test is 127.0.0.2 when it is first asked about, and 127.0.0.3 from then on; evil.test is the
metadata of a cloud; all others are 127.0.0.4. Each question is a line of LOG."""
import socket
import sys

asked = {}


def answer(query, log):
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1 : end + 1 + query[end]].decode())
        end += query[end] + 1
    kind = query[end + 2]
    name = ".".join(labels).lower()
    print(name, file=log, flush=True)
    address = {"allowed.test": "127.0.0.2", "evil.test": "169.254.169.254"}.get(name, "127.0.0.4")
    if name == "allowed.test" and asked.get(name):
        address = "127.0.0.3"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address) if kind == 1 else b""
    if kind == 1:
        asked[name] = True
    counts = b"\0\1\0" + bytes([bool(record)]) + b"\0\0\0\0"
    return query[:2] + b"\x81\x80" + counts + query[12 : end + 5] + record


s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", 53))
print("ready", flush=True)
with open(sys.argv[1], "w", encoding="ascii") as log:
    while True:
        data, peer = s.recvfrom(4096)
        s.sendto(answer(data, log), peer)
