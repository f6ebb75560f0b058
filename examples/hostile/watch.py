#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs hostile.py under hl, and shows from the host's side what became of it."""
import json
import os
import socket
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = ["--memory", "256M", "--pids", "12", "--disk", "8M", "--timeout", "300"]


def seen(line):
    """One line of the audit, in words."""
    entry = json.loads(line)
    about = entry.get("path") or entry.get("address") or ("memory" if "memory" in entry.get("what", "") else "")
    return f"{entry['refused']:10} {entry.get('call', ''):12} {about}".rstrip()


with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as service:
    secret, audit = os.path.join(folder, "secret"), os.path.join(folder, "audit")
    with open(secret, "w") as f:
        f.write("do not read\n")
    service.settimeout(0)
    command = ["hl", "--isolate", *LIMITS, "--audit", audit, "--mount", f"{HERE}/hostile.py:/hostile.py:ro",
               "--", "python3", "/hostile.py", secret, str(os.getpid()), str(service.getsockname()[1])]
    print("what it tried, and what came of it:", flush=True)
    status = subprocess.run(command, env={**os.environ, "TOKEN": "abc"}).returncode
    print(f"it ended with status {status}; what the host saw:")
    with open(audit) as f:
        for line in dict.fromkeys(map(seen, f)):
            print("  " + line.replace(folder, "..."))
    try:
        service.accept()
        print("somebody has connected to the host's service")
    except BlockingIOError:
        print("nobody has connected to the host's service")
    with open(secret) as f:
        untouched = sorted(os.listdir(folder)) == ["audit", "secret"] and f.read() == "do not read\n"
    print("the host's files are as they were" if untouched else "the host's files have changed")
