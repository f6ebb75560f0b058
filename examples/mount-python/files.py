# SPDX-License-Identifier: Apache-2.0
"""Works with the files of the directory that is its argument."""
import os
import sys

os.chdir(sys.argv[1])
with open("input") as f:
    print("read:", f.read().strip())
os.mkdir("made")
with open("made/output", "w") as f:
    f.write("written by a guest")
os.truncate("made/output", 7)
st = os.stat("made/output")
print(f"output: {st.st_size} bytes, mode {st.st_mode & 0o7777:o}")
print(sorted(os.listdir(".")), [e.is_dir() for e in sorted(os.scandir("."), key=lambda e: e.name)])
