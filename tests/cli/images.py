# SPDX-License-Identifier: Apache-2.0
"""Makes images: images.py DIR. In DIR/good those that are right, in DIR/bad those that are not, each with a file
NAME.want, the words that are to be said of it. DIR/root has a tree of which the layer `tree` of good images is made."""
import gzip, hashlib, io, json, os, subprocess, sys, tarfile

top = sys.argv[1]
good, bad = os.path.join(top, "good"), os.path.join(top, "bad")
os.makedirs(good)
os.makedirs(bad)


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, kind=tarfile.REGTYPE, data=b"", **more):
    t = tarfile.TarInfo(name)
    t.type, t.size, t.mode = kind, len(data), 0o755
    for key, value in more.items():
        setattr(t, key, value)
    return t, data


def layer(*entries, **more):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **more) as tar:
        for t, data in entries:
            tar.addfile(t, io.BytesIO(data))
    return out.getvalue()


def config_of(layers, **config):
    arch = config.pop("architecture", {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine])
    ids = config.pop("diff_ids", [sha(l) for l in layers])
    return json.dumps({"architecture": arch, "os": "linux", "config": config,
                       "rootfs": {"type": "layers", "diff_ids": ids}}).encode()


def docker(layers, tags, config, manifest=None):
    """A docker-archive of one image."""
    files = {}
    names = []
    for l in layers:
        names.append(sha(l)[7:] + ".tar")
        files[names[-1]] = l
    name = sha(config)[7:] + ".json"
    files[name] = config
    files["manifest.json"] = manifest or json.dumps([{"Config": name, "RepoTags": tags, "Layers": names}]).encode()
    return files


def write_tar(path, files):
    with open(path, "wb") as f:
        f.write(layer(*(entry(n, data=d) for n, d in files.items())))


def oci(manifests):
    """An OCI layout of (name, layers as they are stored, configuration, platform)."""
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(data):
        files["blobs/sha256/" + sha(data)[7:]] = data
        return {"digest": sha(data), "size": len(data)}

    index = []
    for name, layers, config, platform in manifests:
        m = blob(json.dumps({"schemaVersion": 2, "config": blob(config), "layers": [blob(l) for l in layers]}).encode())
        if name:
            m["annotations"] = {"org.opencontainers.image.ref.name": name}
        if platform:
            m["platform"] = platform
        index.append(m)
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": index}).encode()
    return files


def write_folder(path, files):
    for name, data in files.items():
        os.makedirs(os.path.dirname(os.path.join(path, name)), exist_ok=True)
        with open(os.path.join(path, name), "wb") as f:
            f.write(data)


# ---- good ones ----

def tar_of(directory, *options):
    return subprocess.run(["tar", "-C", directory, "--numeric-owner", *options, "-cf", "-", "."], check=True,
                          stdout=subprocess.PIPE).stdout


busybox = open("/bin/busybox", "rb").read()
base = layer(entry("bin", tarfile.DIRTYPE), entry("bin/busybox", data=busybox),
             *(entry("bin/" + n, tarfile.SYMTYPE, linkname="busybox")
               for n in "sh ls cat echo id find stat md5sum sort env readlink sed trap sleep".split()),
             entry("etc/passwd", data=b"root:x:0:0::/root:/bin/sh\napp:x:1234:1234::/home/app:/bin/sh\n"),
             entry("etc/group", data=b"app:x:1234:\nmore:x:77:app\n"), entry("lib64", tarfile.SYMTYPE, linkname="usr/lib"),
             entry("tmp", tarfile.DIRTYPE, mode=0o1777))
covered = layer(entry("a", data=b"1"), entry("b", tarfile.DIRTYPE), entry("b/x", data=b"1"), entry("b/y", data=b"1"),
                entry("c/d/e", data=b"1"), entry("f", data=b"1"), entry("g/h", data=b"1"), entry("n", data=b"linked"),
                entry("usr/lib/old", data=b"1"))
over = layer(entry(".wh.a"), entry("b/z", data=b"2"), entry("b/.wh..wh..opq"), entry("c/.wh.d"), entry("c/d", data=b"2"),
             entry("f", tarfile.DIRTYPE), entry("f/in", data=b"2"), entry("g", data=b"2"), entry(".wh.nothing"),
             entry("m", tarfile.LNKTYPE, linkname="n"), entry("/absolute", data=b"2"), entry("./lib64/new", data=b"2"),
             entry("twice", data=b"1"), entry("twice", data=b"2"))
tree = [tar_of(os.path.join(top, "root"), *options) for options in
        (["--format=gnu", "-S"], ["--format=pax", "-S"], ["--format=pax", "-S", "--sparse-version=0.1"],
         ["--format=pax", "--xattrs", "--xattrs-include=*"])]
words = dict(Env=["FOO=bar", "PATH=/bin", "NOTHING"], Cmd=["sh", "-c", "id; echo $FOO; pwd"], User="app", WorkingDir="/w/d",
             Volumes={"/data": {}}, StopSignal="SIGUSR1", ExposedPorts={"80/tcp": {}})

layers = [base, covered, over]
write_tar(f"{good}/docker.tar", docker(layers, ["test/one:v1", "test/one:latest"], config_of(layers, **words)))
zstd = subprocess.run(["zstd", "-qc"], input=over, stdout=subprocess.PIPE, check=True).stdout
packed = [base, gzip.compress(covered[:1024]) + gzip.compress(covered[1024:]), zstd]
other = config_of(layers, architecture="s390x")
here = {"os": "linux", "architecture": json.loads(config_of([]))["architecture"]}
two = [base, layer(entry("two"))]
files = oci([("one", packed, other, {"os": "linux", "architecture": "s390x"}),
             ("one", packed, config_of(layers, **words), here),
             ("two", two, config_of(two, Entrypoint=["/bin/echo", "entry"], Cmd=["cmd"]), here)])
write_folder(f"{good}/oci", files)
write_tar(f"{good}/oci.tar", files)
with gzip.open(f"{good}/oci.tar.gz", "wb") as f:
    f.write(open(f"{good}/oci.tar", "rb").read())
for i, t in enumerate(tree):
    write_tar(f"{good}/tree{i}.tar", docker([base, t], [f"tree{i}"], config_of([base, t], Env=["PATH=/bin"])))

# ---- bad ones ----


def put_bad(name, want, files, cut=None):
    write_tar(f"{bad}/{name}.tar", files)
    if cut:
        os.truncate(f"{bad}/{name}.tar", os.path.getsize(f"{bad}/{name}.tar") - cut)
    with open(f"{bad}/{name}.want", "w") as f:
        f.write(want)


def bad_layer(name, want, data, **config):
    put_bad(name, want, docker([data], [], config_of([data], **config)))


def broken(data, at, byte, checksum=True):
    data = bytearray(data)
    data[at] = byte
    if checksum:
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


f = entry("file", data=b"x" * 600)
bad_layer("climbs", "../up: a path that climbs", layer(entry("d/../../up")))
bad_layer("whiteout-climbs", "a whiteout of nothing", layer(entry("d", tarfile.DIRTYPE), entry("d/.wh...")))
bad_layer("link-climbs", "../../etc/passwd: a path that climbs",
          layer(entry("l", tarfile.LNKTYPE, linkname="../../etc/passwd")))
bad_layer("link-to-nothing", "l: a hard link to what is not there",
          layer(entry("l", tarfile.LNKTYPE, linkname="etc/passwd"), entry("s", tarfile.SYMTYPE, linkname="/")))
bad_layer("symlink-loop", "s/x: too many symlinks on the way",
          layer(entry("s", tarfile.SYMTYPE, linkname="s"), entry("s/x")))
bad_layer("below-a-file", "file/x: what is above it is no directory", layer(f, entry("file/x")))
bad_layer("root-file", "the root is no directory", layer(entry("."), f))
bad_layer("long-name", "too long a name", layer(entry("n" * 256), format=tarfile.PAX_FORMAT))
bad_layer("long-path", "too long a path", layer(entry("/".join(["n" * 200] * 30)), format=tarfile.GNU_FORMAT))
bad_layer("huge", "an entry that is longer than the archive", broken(layer(f), 124, ord("7")))
bad_layer("negative", "an entry that is longer than the archive", broken(layer(f), 124, 0xff))
bad_layer("sum", "not a header of a tar archive", broken(layer(f), 0, ord("g"), False))
bad_layer("type", "an entry of a type that hl does not know", broken(layer(f), 156, ord("Z")))
bad_layer("two-lines", "two?lines?[31m/../x: a path that climbs", layer(entry("two\nlines\x1b[31m/../x")))
bad_layer("cut", "the archive ends too early", layer(f, f)[:1536 + 100])
bad_layer("pax", "a broken pax header",
          layer(entry("PaxHeader", b"x", data=b"99999 path=x\n"), f))
bad_layer("pax-size", "a number that is none in a pax header",
          layer(entry("PaxHeader", b"x", data=b"12 size=-1x\n"), f))
bad_layer("pax-huge", "a header of more than 1 MiB",
          layer(entry("PaxHeader", b"x", data=b"\0" * (1 << 20) + b"\0"), f))
bad_layer("hole-bomb", "big: files have more than 200 times the layer's size", layer(
    entry("PaxHeader", b"x", data=b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n34 GNU.sparse.realsize=5000000000\n"),
    entry("big", data=b"1\n4999999999\n1\n".ljust(512, b"\0") + b"x")))
bad_layer("holes", "a map of holes that is not its file's", layer(
    entry("PaxHeader", b"x", data=b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n27 GNU.sparse.realsize=500\n"),
    entry("big", data=b"1\n0\n600\n".ljust(512, b"\0") + b"x")))
bad_layer("diff-id", "layer 1 of 1: its ", layer(f), diff_ids=[sha(b"")])
bad_layer("algorithm", "a layer's digest is none that hl knows", layer(f), diff_ids=["md5:00"])
bad_layer("count", "does not have the digests of all layers", layer(f), diff_ids=[])
bad_layer("platform", "the image is for linux/vax", layer(f), architecture="vax")
deep = b"[" * 100000
put_bad("deep", "manifest.json: nesting too deep", docker([], [], config_of([]), deep))
put_bad("no-json", "manifest.json: ", docker([], [], config_of([]), b"[{"))
put_bad("no-image", "manifest.json: no image", docker([], [], config_of([]), b"[1, null, {}]"[:1] + b"]"))
put_bad("strange", "an image without Config or Layers", docker([], [], config_of([]), b'[{"Config": 7, "Layers": {}}]'))
put_bad("no-layer", "x.tar: no such file",
        {"c": config_of([b""]), "manifest.json": b'[{"Config": "c", "Layers": ["x.tar"]}]'})
put_bad("config-digest", "its digest is", {"0" * 64 + ".json": config_of([]), "manifest.json": json.dumps(
    [{"Config": "0" * 64 + ".json", "Layers": []}]).encode()})
put_bad("no-manifest", "it has neither manifest.json nor index.json", {"x": b""})
put_bad("shortened", "an entry that is longer than the archive", docker([layer(f)], [], config_of([layer(f)])), cut=10240 + 600)
bomb = gzip.compress(b"\0" * (64 << 20))
put_bad("bomb", "unpacks to more than", oci([("x", [bomb * 20], config_of([], diff_ids=[sha(b"")]), None)]))
put_bad("broken-gzip", "broken gzip data", oci([("x", [bomb[:-9]], config_of([b"x"]), None)]))
put_bad("broken-zstd", "broken zstd data", oci([("x", [zstd[:-9]], config_of([b"x"]), None)]))
files = oci([("x", [layer(f)], config_of([layer(f)]), None)])
name = "blobs/sha256/" + sha(layer(f))[7:]
put_bad("blob", "its digest is", {**files, name: layer(entry("other"))})
put_bad("index-climbs", "a digest that is none that hl knows",
        {**files, "index.json": b'{"manifests": [{"digest": "sha256:../../../../etc/passwd"}]}'})
put_bad("several", "several images: name one", oci([("x", [], config_of([]), None), ("y", [], config_of([]), None)]))
