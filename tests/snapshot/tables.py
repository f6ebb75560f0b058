# SPDX-License-Identifier: Apache-2.0
"""For gdb, about hl as it is linked: every table of operations of open files, of sockets and of page sources names a kind
of object for snapshots that is both saved and loaded. gdb -batch -x tables.py HL.DEBUG; the last line says how many
failed. Nothing is run: what the tables point to is in the executable's list of relocations."""
import gdb, re, subprocess

# What is refused whatever it is: docs/snapshot.md says why.
REFUSED = {"socket"}

gdb.execute("set width 0")
failed = seen = 0
places = {}  # where a pointer lies, and what it is when the program runs
for line in subprocess.check_output(["readelf", "-rW", gdb.current_progspace().filename], text=True).splitlines():
    word = line.split()
    if len(word) == 4 and word[2].endswith("_RELATIVE"):
        places[int(word[0], 16)] = int(word[3], 16)


def fail(table, what):
    global failed
    failed += 1
    print("FAIL %s: %s" % (table, what))


def tables(type_name):
    """The names of all variables of the type, and what they hold."""
    file = None
    for line in gdb.execute("info variables -t 'const struct %s'" % type_name, to_string=True).splitlines():
        if line.startswith("File "):
            file = line[5:-1]
        found = re.match(r"\d+:\s+(?:static )?const struct %s (\w+)(\[\d*\])?;" % type_name, line)
        if found:
            yield "%s: %s" % (file, found[1]), gdb.parse_and_eval("'%s'::%s" % (file, found[1]))


def follow(pointer):
    """What it points to as the program runs; None: nothing."""
    at = places.get(int(pointer.address), int(pointer))
    return gdb.Value(at).cast(pointer.type).dereference() if at else None


def text(pointer):
    at = places.get(int(pointer.address), int(pointer))
    return gdb.Value(at).cast(pointer.type).string() if at else None


def is_set(pointer):
    return places.get(int(pointer.address), int(pointer)) != 0


# the loader's list, by name
listed = gdb.parse_and_eval("'snapshot/load.c'::kinds")
loaded = {}
i = 0
while (kind := follow(listed[i])) is not None:
    if not is_set(kind["load"]) or not is_set(kind["put"]):
        fail("kinds[%d]" % i, "%s cannot be loaded" % text(kind["name"]))
    if text(kind["name"]) in loaded:
        fail("kinds[%d]" % i, "a second %s" % text(kind["name"]))
    loaded[text(kind["name"])] = kind
    i += 1


def check(table, pointer):
    kind = follow(pointer)
    name = text(kind["name"])
    if not is_set(kind["save"]):
        if name not in REFUSED:
            fail(table, "a %s is not saved" % name)
    elif name not in loaded:
        fail(table, "a %s is saved, and not loaded" % name)


for table, ops in tables("file_ops"):
    seen += 1
    if not is_set(ops["saved"]):
        fail(table, "says nothing of snapshots")
        continue
    check(table, ops["saved"])
    if is_set(ops["saved_unnamed"]):
        check(table, ops["saved_unnamed"])
for table, ops in tables("socket_ops"):
    seen += 1
    if is_set(ops["saved"]):
        check(table, ops["saved"])
for table, ops in tables("pagesource_ops"):
    if is_set(ops["saved"]):
        seen += 1
        check(table, ops["saved"])
if seen < 20 or i < 20:
    fail("all", "%d tables and %d kinds: gdb does not see them" % (seen, i))
print("%d tables, %d kinds, %d failed" % (seen, i, failed))
gdb.execute("quit %d" % (failed > 0))
