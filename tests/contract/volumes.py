#!/usr/bin/env python3
"""volumes.py BED NAMESPACE DRIVER WORKER: what storage/volume_verbs.h promises, asked of a driver's worker.

BED is the directory of a test bed that is up, NAMESPACE the one in it where the storage is: a host ("tb1") for the driver
"local", the hub ("tbhub") for "rbd", where Ceph must run. One suite for both: a test that only one of them can pass says
so in its name. Needs root. Leaves no volume behind, and looks for that.
"""
import base64
import errno as E
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testbed"))
from worker import Refused, Worker, refused, wait_for  # noqa: E402

MiB = 1 << 20
SIZE = 16 * MiB
KILLS = int(os.environ.get("KILLS", 1))  # moments of each verb at which the worker is killed
PATIENCE = float(os.environ.get("PATIENCE", 1))


class Driver:
    """Where the storage is, and how to look at it behind the worker's back."""

    def __init__(self, bed, namespace, program):
        self.bed, self.namespace, self.program = bed, namespace, program
        with open(os.path.join(bed, namespace, "init.pid"), encoding="ascii") as f:
            # not its PID namespace: what is started here is killed from here
            self.enter = ["nsenter", "-t", f.read().strip(), "-m", "-u", "-n"]

    def run(self, *command, check=True, **more):
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, check=False, **more)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.returncode

    def start(self):
        """A new worker that is ready for calls."""
        # it sees itself in /proc, as librbd's LUKS wants
        own = ["unshare", "-m", "sh", "-c", 'mount -t proc proc /proc && exec "$@"', "-"]
        worker = Worker([*self.enter, *own, self.program, *self.arguments])
        self.ready(worker)
        return worker

    def start_after(self, killed):
        """A new worker, instead of one that was killed."""
        killed.process.kill()
        killed.process.wait()
        worker = self.start()
        self.succeed(worker, killed)
        return worker

    def succeed(self, worker, killed):
        pass

    def io(self, volume, *commands, check=True):
        """qemu-io's commands on a volume as the worker described it."""
        words = [word for command in commands for word in ("-c", command)]
        text = self.run("qemu-io", "-f", volume["format"], self.uri(volume), *words)
        assert not check or "Pattern verification failed" not in text, f"{volume['path']}: {text}"
        return text

    def hold(self, volume):
        """Has it open for writing, as a guest would; to be ended with release()."""
        process = subprocess.Popen([*self.enter, "qemu-io", "-f", volume["format"], self.uri(volume)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        process.stdin.write("write -P 9 0 4k\n")
        process.stdin.flush()
        assert "wrote" in process.stdout.readline() + process.stdout.readline()
        return process

    @staticmethod
    def release(process):
        process.stdin.close()
        process.stdout.read()
        process.wait(30)


class Rbd(Driver):
    name, arguments, where, pool = "rbd", (), {"pool": "vms"}, "vms"
    formats = ("raw",)

    def __init__(self, *args):
        super().__init__(*args)
        self.monitors = [os.environ.get("NET", "10.98.0") + ".254"]
        self.key = self.run("ceph-authtool", "-p", "-n", "client.vms", "/etc/ceph/ceph.client.vms.keyring").strip()

    def login(self, **more):
        return {"clusterID": "test", "monitors": self.monitors, "user": "vms", "key": self.key, **more}

    def ready(self, worker):
        worker.cluster = worker.call("connect", self.login(), seconds=60 * PATIENCE)

    def succeed(self, worker, killed):
        dead = [killed.cluster["address"]]
        worker.call("fence", {"addresses": dead, "seconds": 600})
        worker.call("volume-sweep", self.where, dead=dead)

    def uri(self, volume):
        return f"rbd:{volume['path']}:id=vms"

    def content(self, volume):
        self.run("bash", "-c", f"rbd --id vms export {volume['path']} /tmp/nbd.raw --no-progress")
        with subprocess.Popen([*self.enter, "cat", "/tmp/nbd.raw"], stdout=subprocess.PIPE) as cat:
            whole = cat.stdout.read()
        self.run("rm", "/tmp/nbd.raw")
        return whole

    def rbd(self, *words, **more):
        return self.run("rbd", "--id", "vms", *words, **more)

    def leftovers(self, worker):
        """Everything that is still there of all that was ever made."""
        def rados(*words, check=True):
            return self.run("rados", "--id", "vms", "-p", "vms", *words, check=check)
        objects = rados("ls").split()
        notes = rados("listomapkeys", "solovirt.unfinished").split() if "solovirt.unfinished" in objects else []
        # data that only removed snapshots hold is listed until Ceph has trimmed it, and cannot be looked at
        return notes, [o for o in objects if o.startswith(("rbd_data", "rbd_header", "rbd_id", "rbd_object_map")) and rados("stat", o, check=False) == 0]

    def temporary(self, volume):
        """Snapshots of the volume that no user made and no clone needs."""
        return [s["name"] for s in json.loads(self.rbd("snap", "ls", "--all", "--format", "json", volume["path"]))
                if s["namespace"]["type"] != "trash"]

    def ceph(self, action, *daemons):
        subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testbed/testbed.sh"), self.bed,
                        "ceph-" + action, *daemons], check=True, env={**os.environ, "P": self.namespace.removesuffix("hub")})


class Local(Driver):
    name, arguments, where, pool = "local", ("qemu:///system",), {"pool": "contract"}, "contract"
    formats = ("raw", "qcow2")
    directory = "/var/lib/libvirt/images/contract"

    def ready(self, worker):
        worker.call("pool-ensure", pool=self.pool, path=self.directory)

    def uri(self, volume):
        return volume["path"]

    def content(self, volume):
        with subprocess.Popen([*self.enter, "cat", self.uri(volume)], stdout=subprocess.PIPE) as cat:
            return cat.stdout.read()

    def leftovers(self, worker):
        return self.run("find", self.directory, "-type", "f").split(), []

    def temporary(self, volume):
        name = os.path.basename(volume["path"])
        return [f for f in self.run("ls", "-A", self.directory).split() if f.startswith("." + name)]


class Remote(Local):
    """The pool of a libvirt elsewhere: the worker knows it by its address alone."""
    name = "remote"

    def __init__(self, *args):
        super().__init__(*args)
        address = self.run("ip", "-o", "-4", "address", "show", "eth0").split()[3].partition("/")[0]
        self.arguments = (f"qemu+tcp://{address}/system",)


def names(w, d):
    return sorted(v["volume"] for v in w.call("volume-list", d.where)["volumes"])


def nothing_temporary(d, volume):
    wait_for("the end of what clones were made from", 20 * PATIENCE, lambda: d.temporary(volume) == [])


def delete_all(w, d, *volumes):
    for volume in volumes:
        w.call("volume-delete", d.where, volume=volume)
    assert w.call("volume-sweep", d.where) == {"left": 0}
    assert not [name for name in names(w, d) if name in volumes]


def test_names_and_sizes(w, d):
    for name in ("../x", ".x", "a/b", ""):
        for verb in ("volume-create", "volume-delete", "volume-resize"):
            refused(E.EINVAL, w.call, verb, d.where, volume=name, capacity=SIZE, format="raw")
    refused(E.EINVAL, w.call, "volume-create", d.where, volume="a", capacity=0, format="raw")
    for verb in ("volume-list", "volume-info", "volume-create"):
        refused(E.ENOENT, w.call, verb, pool="none", volume="a", capacity=SIZE, format="raw")
    for verb in ("volume-delete", "volume-sweep", "snapshot-delete"):
        where = {"pool": "none", "volume": "a", "snapshot": "s"}
        if d.name == "rbd":  # with the pool all that was in it has gone
            w.call(verb, **where)
        else:
            refused(E.ENOENT, w.call, verb, **where)
    refused(E.ENOSYS, w.call, "volume-paint")
    for verb in ("volume-info", "volume-resize", "snapshot-create"):
        refused(E.ENOENT, w.call, verb, d.where, volume="never", capacity=SIZE, snapshot="s")


def test_create_resize_delete(w, d):
    for format in d.formats:
        for _ in range(2):
            v = w.call("volume-create", d.where, volume="a", capacity=SIZE, format=format, owner={"namespace": "default", "name": "a"})
            assert (v["volume"], v["capacity"], v["format"]) == ("a", SIZE, format), v
        assert names(w, d) == ["a"]
        assert "a" in refused(E.EEXIST, w.call, "volume-create", d.where, volume="a", capacity=2 * SIZE, format=format)
        d.io(v, f"read -P 0 0 {SIZE}")
        d.io(v, "write -P 1 0 1M")
        for size, shrink, now in ((2 * SIZE, False, 2 * SIZE), (SIZE, False, 2 * SIZE), (2 * SIZE, True, 2 * SIZE), (3 * SIZE, True, 3 * SIZE)):
            assert w.call("volume-resize", d.where, volume="a", format=format, capacity=size, shrink=shrink)["capacity"] == now
        if format == "raw":
            for _ in range(2):
                assert w.call("volume-resize", d.where, volume="a", capacity=SIZE, shrink=True)["capacity"] == SIZE
            d.io(v, "read -P 1 0 1M")
        info = w.call("volume-info", d.where, volume="a", format=format)
        assert info["depth"] == 0 and "parent" not in info and info["snapshots"] == [] and info["inUse"] == [], info
        assert MiB <= info["allocation"] <= 5 * MiB and info["path"] == v["path"], info
        assert d.name != "rbd" or info["owner"] == {"namespace": "default", "name": "a"}, info
        brief = w.call("volume-info", d.where, volume="a", format=format, brief=True)
        assert {k: info[k] for k in ("volume", "path", "capacity", "allocation", "format")}.items() <= brief.items(), brief
        assert d.name == "rbd" or "snapshots" not in brief, brief
        for _ in range(2):
            w.call("volume-delete", d.where, volume="a")
        refused(E.ENOENT, w.call, "volume-info", d.where, volume="a")
    delete_all(w, d)


def test_clones(w, d):
    base = w.call("volume-create", d.where, volume="base", capacity=SIZE, format="raw")
    d.io(base, "write -P 1 0 2M")
    refused(E.ENOENT, w.call, "volume-clone", d.where, volume="c", **{"from": "none"}, capacity=SIZE)
    refused(E.EINVAL, w.call, "volume-clone", d.where, volume="c", **{"from": "base"}, capacity=SIZE - MiB)
    refused(E.EINVAL, w.call, "volume-clone", d.where, volume="c", **{"from": "c"}, capacity=SIZE)
    assert names(w, d) == ["base"]
    for _ in range(2):
        c = w.call("volume-clone", d.where, volume="c", **{"from": "base"}, capacity=SIZE + 4 * MiB, owner={"name": "c"})
        assert c["capacity"] == SIZE + 4 * MiB, c
    if d.name == "rbd":  # a file does not tell what it was copied from
        refused(E.EEXIST, w.call, "volume-clone", d.where, volume="base", **{"from": "c"}, capacity=SIZE + 4 * MiB)
    # neither sees what is written to the other
    d.io(base, "write -P 2 0 1M", "flush")
    d.io(c, "read -P 1 0 2M", f"read -P 0 2M {SIZE + 2 * MiB}", "write -P 3 1M 1M", f"write -P 4 {SIZE} 4M")
    d.io(base, "read -P 2 0 1M", "read -P 1 1M 1M")
    d.io(c, "read -P 1 0 1M", "read -P 3 1M 1M", f"read -P 4 {SIZE} 4M")
    nothing_temporary(d, base)
    # a clone of the clone; then they go, sources first
    for _ in range(2):
        e = w.call("volume-clone", d.where, volume="e", **{"from": "c"}, capacity=SIZE + 4 * MiB)
        assert d.name != "rbd" or e["depth"] == 2, e
    info = w.call("volume-info", d.where, volume="e")
    if d.name == "rbd":
        assert info["depth"] == 2 and info["parent"].startswith("vms/c@"), info
    w.call("volume-delete", d.where, volume="base")
    d.io(c, "read -P 1 0 1M", "read -P 3 1M 1M")
    w.call("volume-delete", d.where, volume="c")
    assert names(w, d) == ["e"]
    left = w.call("volume-sweep", d.where)["left"]
    assert left == (2 if d.name == "rbd" else 0), left
    # a name that lies in the trash is free
    again = w.call("volume-create", d.where, volume="base", capacity=SIZE, format="raw")
    d.io(again, f"read -P 0 0 {SIZE}")
    d.io(e, "read -P 1 0 1M", "read -P 3 1M 1M", f"read -P 4 {SIZE} 4M")
    for _ in range(2):
        v = w.call("volume-flatten", d.where, volume="e")
        assert v["capacity"] == SIZE + 4 * MiB
    assert w.call("volume-info", d.where, volume="e")["depth"] == 0
    assert w.call("volume-sweep", d.where) == {"left": 0}
    d.io(e, "read -P 1 0 1M", "read -P 3 1M 1M", f"read -P 4 {SIZE} 4M")
    delete_all(w, d, "e", "base")


def gave_way(w, number):
    """What was under way gave way, unless a fast machine was done with it already."""
    try:
        w.wait(number)
    except Refused as error:
        assert error.code == E.EBUSY, error.text


def test_flatten_gives_way_of_rbd(w, d):
    """Whoever wants the volume does not wait for its end, and what was done by then is not lost."""
    large = 64 << 30
    d.io(w.call("volume-create", d.where, volume="base", capacity=large, format="raw"), "write -P 1 0 1M")
    c = w.call("volume-clone", d.where, volume="c", **{"from": "base"}, capacity=large)
    number = w.post("volume-flatten", {**d.where, "volume": "c"})
    w.event(volume="c")
    assert w.call("volume-resize", d.where, volume="c", capacity=large + MiB, seconds=20 * PATIENCE)["capacity"] == large + MiB
    gave_way(w, number)
    d.io(c, "read -P 1 0 1M", "read -P 0 1M 1M", "write -P 2 0 4k")
    number = w.post("volume-flatten", {**d.where, "volume": "c"})
    w.event(volume="c")
    w.call("volume-delete", d.where, volume="c", seconds=20 * PATIENCE)
    gave_way(w, number)
    delete_all(w, d, "base")


def test_flatten_under_a_writer_of_rbd(w, d):
    """A guest has the image's lock: its librbd does it, and cannot be told to end.  The guest goes on, and nobody else waits for the end."""
    large, features = 16 << 30, ["layering", "exclusive-lock"]
    base = w.call("volume-create", d.where, volume="base", capacity=large, options={"features": features})
    d.io(base, "write -P 1 0 1M", f"write -P 2 {large - MiB} 1M")
    c = w.call("volume-clone", d.where, volume="c", **{"from": "base"}, capacity=large, options={"features": features})
    held = d.hold(c)

    def write(pattern):
        begin = time.monotonic()
        held.stdin.write(f"write -P {pattern} 1M 64k\n")
        held.stdin.flush()
        while "wrote" not in (line := held.stdout.readline()):
            assert line, "the writer ended"
        return time.monotonic() - begin
    number = w.post("volume-flatten", {**d.where, "volume": "c"})
    w.event(volume="c")
    begin = time.monotonic()
    w.call("snapshot-create", d.where, volume="c", snapshot="s", seconds=20 * PATIENCE)
    took = time.monotonic() - begin
    gave_way(w, number)
    longest = max(write(i) for i in range(3, 50))
    number = w.post("volume-flatten", {**d.where, "volume": "c"})   # it is taken over, or was done meanwhile
    assert w.wait(number, 60 * PATIENCE)["depth"] == 0
    w.call("snapshot-delete", d.where, volume="c", snapshot="s")
    d.release(held)
    d.io(c, "read -P 9 0 4k", "read -P 1 4k 1020k", "read -P 49 1M 64k", f"read -P 2 {large - MiB} 1M")
    delete_all(w, d, "c", "base")
    return w, f"the snapshot took {took:.1f} s, a write {longest:.2f} s at most"


def test_clones_at_once_of_rbd(w, d):
    """They share a snapshot that was begun after all of them were asked for; one that is asked for later has another."""
    base = w.call("volume-create", d.where, volume="base", capacity=SIZE, format="raw")
    d.io(base, "write -P 1 0 1M")
    asked, many = int(time.monotonic() * 1000), [f"k{i}" for i in range(24)]

    def post(name, asked):
        return w.post("volume-clone", {**d.where, "volume": name, "from": "base", "capacity": SIZE, "asked": asked})
    under_way = [post(name, asked) for name in many[:8]]
    w.wait(under_way.pop(0), 60 * PATIENCE)
    d.io(base, "write -P 2 0 1M", "flush")
    under_way.append(post("late", int(time.monotonic() * 1000)))
    for name in many[8:]:  # a lane that is free is used at once, as by the daemon
        under_way.append(post(name, asked))
        w.wait(under_way.pop(0), 60 * PATIENCE)
    for number in under_way:
        w.wait(number, 60 * PATIENCE)
    parents = {w.call("volume-info", d.where, volume=name)["parent"] for name in many}
    assert len(parents) <= len(many) // 3, parents  # how many begin while nobody uses one is the machine's mood
    d.io(w.call("volume-info", d.where, volume="late"), "read -P 2 0 1M")
    nothing_temporary(d, base)
    delete_all(w, d, "base", "late", *many)


def test_a_clone_is_answered_early_of_rbd(w, d):
    """Its snapshot goes after the answer: who wants the source or the clone for himself waits for that, and a kill leaves what is swept."""
    base = w.call("volume-create", d.where, volume="base", capacity=SIZE)
    d.io(base, "write -P 1 0 1M")
    for volume, verb, more in (("base", "snapshot-create", {"snapshot": "s"}), ("base", "snapshot-delete", {"snapshot": "s"}),
                               ("base", "volume-resize", {"capacity": 2 * SIZE}), ("c", "volume-flatten", {}), ("c", "volume-delete", {}),
                               ("base", "volume-delete", {})):
        c = w.call("volume-clone", d.where, volume="c", **{"from": "base"}, capacity=2 * SIZE)
        assert c["depth"] == 1, c
        w.call(verb, d.where, volume=volume, **more)
        if verb != "volume-delete":
            d.io(c, "read -P 1 0 1M")
            w.call("volume-delete", d.where, volume="c")
    d.io(c, "read -P 1 0 1M")
    delete_all(w, d, "c")
    base = w.call("volume-create", d.where, volume="base", capacity=SIZE)
    c = w.call("volume-clone", d.where, volume="c", **{"from": "base"}, capacity=SIZE)
    w = d.start_after(w)
    assert d.temporary(base) == []
    d.io(c, f"read -P 0 0 {SIZE}")
    delete_all(w, d, "base", "c")
    return w, ""


def test_clones_of_what_is_protected(w, d):
    base = w.call("volume-create", d.where, volume="image", capacity=SIZE, format="raw")
    d.io(base, "write -P 1 0 2M")
    w.call("snapshot-create", d.where, volume="image", snapshot="base")
    clones = []
    for i in range(3):
        for _ in range(2):
            c = w.call("volume-clone", d.where, volume=f"p{i}", **{"from": "image"}, snapshot="base", protected=True, capacity=2 * SIZE)
            assert c["capacity"] == 2 * SIZE, c
        d.io(c, "read -P 1 0 2M", f"read -P 0 2M {2 * SIZE - 2 * MiB}", f"write -P {i + 5} 0 1M")
        clones.append(c)
    for i, c in enumerate(clones):
        d.io(c, f"read -P {i + 5} 0 1M", "read -P 1 1M 1M")
    d.io(base, "read -P 1 0 2M")
    over = {"volume": "p0", "format": clones[0]["format"]}
    assert w.call("volume-info", d.where, **over)["depth"] == 1
    if d.name == "remote":  # libvirt can make the copy, but nothing can put it in the volume's place
        refused(E.EOPNOTSUPP, w.call, "volume-flatten", d.where, **over)
    else:
        for _ in range(2):
            w.call("volume-flatten", d.where, **over)
        assert w.call("volume-info", d.where, **over)["depth"] == 0
    d.io(clones[0], "read -P 5 0 1M", "read -P 1 1M 1M")
    refused(E.ENOTEMPTY, w.call, "volume-delete", d.where, volume="image")
    # its snapshot may go before them
    w.call("snapshot-delete", d.where, volume="image", snapshot="base")
    d.io(clones[1], "read -P 6 0 1M", "read -P 1 1M 1M")
    if d.name != "rbd":
        assert "p" in refused(E.ENOTEMPTY, w.call, "volume-delete", d.where, volume="image")
    delete_all(w, d, "p0", "p1", "p2", "image")


def test_snapshots(w, d):
    a = w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    d.io(a, "write -P 1 0 2M")
    for name in ("x/y", ".x", ""):
        refused(E.EINVAL, w.call, "snapshot-create", d.where, volume="a", snapshot=name)
    made = [w.call("snapshot-create", d.where, volume="a", snapshot="s1") for _ in range(2)]
    assert made[0] == made[1] and made[0]["capacity"] == SIZE and abs(made[0]["created"] - time.time()) < 60 * PATIENCE, made
    d.io(a, "write -P 2 0 1M")
    w.call("snapshot-create", d.where, volume="a", snapshot="s2")
    assert names(w, d) == ["a"]
    info = w.call("volume-info", d.where, volume="a")
    assert sorted(s["snapshot"] for s in info["snapshots"]) == ["s1", "s2"], info
    d.io(a, "write -P 3 0 1M")
    refused(E.ENOENT, w.call, "volume-clone", d.where, volume="c", **{"from": "a"}, snapshot="s3", capacity=SIZE)
    for _ in range(2):
        c1 = w.call("volume-clone", d.where, volume="c1", **{"from": "a"}, snapshot="s1", capacity=SIZE)
    c2 = w.call("volume-clone", d.where, volume="c2", **{"from": "a"}, snapshot="s2", capacity=SIZE)
    d.io(c1, "read -P 1 0 2M", "write -P 4 0 1M")
    d.io(c2, "read -P 2 0 1M", "read -P 1 1M 1M")
    d.io(a, "read -P 3 0 1M")
    assert "2 snapshots" in refused(E.ENOTEMPTY, w.call, "volume-delete", d.where, volume="a")
    for _ in range(2):
        w.call("snapshot-delete", d.where, volume="a", snapshot="s1")
    w.call("snapshot-delete", d.where, volume="a", snapshot="s2")
    w.call("snapshot-delete", d.where, volume="never", snapshot="s2")
    assert w.call("volume-info", d.where, volume="a")["snapshots"] == []
    w.call("volume-delete", d.where, volume="a")
    d.io(c1, "read -P 4 0 1M", "read -P 1 1M 1M")
    d.io(c2, "read -P 2 0 1M", "read -P 1 1M 1M")
    delete_all(w, d, "c1", "c2")


def headers(d):
    """What guests may write into their volumes for the storage to stumble over; name and bytes."""
    d.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", "/tmp/trap.qcow2", "1G")
    with subprocess.Popen([*d.enter, "cat", "/tmp/trap.qcow2"], stdout=subprocess.PIPE) as cat:
        yield "qcow2", cat.stdout.read()
    d.run("rm", "/tmp/trap.qcow2")
    yield "iso", bytes(32768) + b"\1CD001\1" + bytes(2041)
    yield "luks", b"LUKS\xba\xbe\0\1aes".ljust(40, b"\0") + b"xts-plain64".ljust(552, b"\0")


def fill(w, d, volume, data):
    """Writes it to the beginning of a volume, and has the storage look at that."""
    with subprocess.Popen([*d.enter, "sh", "-c", 'cat >"$1.head" && dd if="$1.head" of="$1" conv=notrunc status=none && rm "$1.head"', "-", volume["path"]],
                          stdin=subprocess.PIPE) as writer:
        writer.stdin.write(data)
    assert writer.returncode == 0
    w.call("volume-list", d.where)


def test_what_a_guest_wrote_means_nothing_of_local_or_remote(w, d):
    """Neither format nor size nor what it lies over comes from what is in a raw volume: it is copied bit by bit."""
    for kind, head in headers(d):
        a = w.call("volume-create", d.where, volume="a", capacity=SIZE)
        fill(w, d, a, head)
        wanted = head + bytes(SIZE - len(head))
        (seen,) = w.call("volume-list", d.where)["volumes"]
        assert seen["format"] != "raw" or kind == "luks", f"{kind}: libvirt does not stumble over it"
        for _ in range(2):
            s = w.call("snapshot-create", d.where, volume="a", snapshot="s")
        assert s["capacity"] == SIZE, s
        for name, more in ("c", {}), ("e", {"snapshot": "s"}):
            for _ in range(2):
                c = w.call("volume-clone", d.where, volume=name, **{"from": "a"}, capacity=SIZE + MiB, **more)
                assert (c["format"], c["capacity"], "parent" in c) == ("raw", SIZE + MiB, False), c
            assert d.content(c) == wanted + bytes(MiB), kind
        assert w.call("volume-create", d.where, volume="a", capacity=SIZE)["capacity"] == SIZE
        for size, shrink in (2 * SIZE, False), (SIZE, True):
            v = w.call("volume-resize", d.where, volume="c", capacity=size, shrink=shrink)
            assert (v["format"], v["capacity"]) == ("raw", size), v
        assert d.content(v) == wanted
        info = w.call("volume-info", d.where, volume="e")
        assert (info["format"], info["depth"], "parent" in info, info["capacity"]) == ("raw", 0, False, SIZE + MiB), info
        info = w.call("volume-info", d.where, volume="a")
        assert [x["capacity"] for x in info["snapshots"]] == [SIZE], info
        assert w.call("volume-flatten", d.where, volume="e")["format"] == "raw"
        assert d.content(c) == wanted + bytes(MiB)
        p = w.call("volume-clone", d.where, volume="p", **{"from": "a"}, capacity=SIZE, protected=True)
        assert (p["format"], p["parent"], p["capacity"]) == ("qcow2", a["path"], SIZE), p
        assert json.loads(d.run("qemu-img", "info", "-U", "--output=json", p["path"]))["backing-filename-format"] == "raw"
        if d.name == "remote":
            n = Nbd(w, d, "a")
            assert n.do(READ, 0, len(head)) == head and n.do(WRITE, SIZE - 3, data=b"end") == b""
            n.end()
            assert d.content(a) == wanted[:-3] + b"end"
        w.call("snapshot-delete", d.where, volume="a", snapshot="s")
        delete_all(w, d, "p", "c", "e", "a")


def test_what_is_open_of_rbd_or_local(w, d):
    a = w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    held = d.hold(a)
    users = w.call("volume-info", d.where, volume="a")["inUse"]
    assert len(users) == 1, users
    assert users[0] in refused(E.EBUSY, w.call, "volume-delete", d.where, volume="a")
    refused(E.EBUSY, w.call, "volume-resize", d.where, volume="a", capacity=MiB, shrink=True)
    if d.name == "rbd":  # as a power cut would leave it
        w.call("snapshot-create", d.where, volume="a", snapshot="s")
        c = w.call("volume-clone", d.where, volume="c", **{"from": "a"}, capacity=SIZE)
        assert c["capacity"] == SIZE
        w.call("snapshot-delete", d.where, volume="a", snapshot="s")
    else:
        refused(E.EBUSY, w.call, "snapshot-create", d.where, volume="a", snapshot="s")
        refused(E.EBUSY, w.call, "volume-clone", d.where, volume="c", **{"from": "a"}, capacity=SIZE)
    d.release(held)
    assert w.call("volume-info", d.where, volume="a")["inUse"] == []
    delete_all(w, d, "a", "c")


def again(w, d, verb, args):
    """The verb after a kill: what the dead worker had open is let go of soon after it was fenced."""
    result = []

    def try_it():
        try:
            result.append(w.call(verb, d.where, **args))
        except Refused as error:
            assert error.code == E.EBUSY, error.text
        return bool(result)
    wait_for(f"{verb} again", 45 * PATIENCE, try_it)
    return result[0]


def test_kill_in_the_middle(w, d):
    """Killed at moments all over a verb's work; the verb again, by another worker, has the same result and leaves nothing."""
    base = w.call("volume-create", d.where, volume="base", capacity=SIZE, format="raw")
    d.io(base, "write -P 1 0 2M", f"write -P 2 {SIZE - MiB} 1M")
    clone = ("volume-clone", {"volume": "k", "from": "base", "capacity": 2 * SIZE})
    steps = (("volume-create", {"volume": "k", "capacity": SIZE, "format": "raw"}), ("volume-delete", {"volume": "k"}), clone,
             ("snapshot-create", {"volume": "base", "snapshot": "k"}), ("snapshot-delete", {"volume": "base", "snapshot": "k"}),
             ("volume-delete", {"volume": "k"}), clone, ("volume-delete", {"volume": "k"}))
    took, killed = {}, 0
    for turn in range(KILLS + 1):
        for verb, args in steps:
            begin = time.monotonic()
            number = w.post(verb, {**d.where, **args})
            try:
                w.wait(number, 60 * PATIENCE if turn == 0 else took[verb] * random.uniform(0, 1.1))
                took[verb] = time.monotonic() - begin
            except TimeoutError:
                killed += 1
                w = d.start_after(w)
                again(w, d, verb, args)
            if verb == "volume-clone":
                k = w.call("volume-info", d.where, volume="k")
                assert k["capacity"] == 2 * SIZE, k
                d.io(k, "read -P 1 0 2M", f"read -P 2 {SIZE - MiB} 1M", f"read -P 0 {SIZE} {SIZE}")
                nothing_temporary(d, base)
        # a clone that is never asked for again
        number = w.post("volume-clone", {**d.where, **clone[1]})
        try:
            w.wait(number, took["volume-clone"] * random.uniform(0.2, 1))
        except TimeoutError:
            w = d.start_after(w)
        again(w, d, "volume-delete", {"volume": "k"})
        nothing_temporary(d, base)
        assert w.call("volume-sweep", d.where) == {"left": 0}
    delete_all(w, d, "base")
    return w, f"{killed} kills"


def test_a_copy_that_was_broken_off_of_remote(w, d):
    """libvirt makes it under its own name: what is there beside a mark is not taken for whole, nor while libvirt goes on with it."""
    large = 256 * MiB
    base = w.call("volume-create", d.where, volume="base", capacity=large)
    d.io(base, f"write -P 1 0 {large}")
    clone = ("volume-clone", {"volume": "k", "from": "base", "capacity": large})
    snapshot = ("snapshot-create", {"volume": "base", "snapshot": "k"})
    for (verb, args), name in (clone, "k"), (snapshot, "base@k"):
        for kind in "left", "killed":
            if kind == "left":  # libvirtd or its machine ended, too
                d.run("truncate", "-s", str(large), f"{d.directory}/{name}", f"{d.directory}/.{name}.part")
                w.call("volume-list", d.where)
                w.call(verb, d.where, **args)
            else:
                try:
                    w.wait(w.post(verb, {**d.where, **args}), 0.05)
                except TimeoutError:
                    w = d.start_after(w)
                again(w, d, verb, args)
            d.io({**base, "path": f"{d.directory}/{name}"}, f"read -P 1 0 {large}")
            assert d.run("find", d.directory, "-name", "*.part") == ""
            w.call("snapshot-delete", d.where, volume="base", snapshot="k")
            w.call("volume-delete", d.where, volume="k")
    for verb, left in ("volume-delete", "k"), ("snapshot-delete", "base@k"), ("volume-sweep", "k"):
        d.run("touch", f"{d.directory}/{left}", f"{d.directory}/.{left}.part")
        w.call("volume-list", d.where)
        w.call(verb, d.where, volume="base" if "@" in left else "k", snapshot="k")
        assert d.leftovers(w) == ([base["path"]], []), d.leftovers(w)
    delete_all(w, d, "base")
    return w, ""


# --- NBD -------------------------------------------------------------------------------------------------------------

READ, WRITE, DISCONNECT, FLUSH, TRIM, ZEROES = 0, 1, 2, 3, 4, 6


class Nbd:
    """src/base/nbd.h, the client's side."""

    def __init__(self, w, d, volume, **more):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(30 * PATIENCE)
        self.cookie = 0
        try:
            w.call("volume-serve", {**d.where, **more}, theirs.fileno(), volume=volume)
        finally:
            theirs.close()

    def send(self, command, offset=0, length=0, data=b"", flags=0):
        self.cookie += 1
        self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, flags, command, self.cookie, offset, length or len(data)) + data)
        return self.cookie

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def reply(self, length=0):
        magic, error, cookie = struct.unpack(">IIQ", self.take(16))
        assert magic == 0x67446698
        return cookie, error, self.take(length) if length and not error else b""

    def do(self, command, *args, **more):
        number = self.send(command, *args, **more)
        cookie, error, data = self.reply(args[1] if command == READ and len(args) > 1 else 0)
        assert cookie == number
        return error or data

    def ended(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def end(self):
        self.send(DISCONNECT)
        assert self.ended()


# As a client leaves it that was killed while it moved an image into the trash: librbd then removes it no more.
MOVING = """
import ctypes, sys
rados = ctypes.CDLL("librados.so.2")
cluster, io = ctypes.c_void_p(), ctypes.c_void_p()
assert rados.rados_create(ctypes.byref(cluster), b"vms") == 0 and rados.rados_conf_read_file(cluster, None) == 0
assert rados.rados_connect(cluster) == 0 and rados.rados_ioctx_create(cluster, b"vms", ctypes.byref(io)) == 0
for number in sys.argv[1:]:
    text = len(number).to_bytes(4, "little") + number.encode() + bytes([1, 0])
    assert rados.rados_exec(io, b"rbd_trash", b"rbd", b"trash_state_set", text, len(text), ctypes.create_string_buffer(16), 16) == 0
rados.rados_ioctx_destroy(io), rados.rados_shutdown(cluster)
"""


def test_moves_that_were_cut_off_of_rbd(w, d):
    """Into Ceph's trash, behind the removal of the name, which another image may have by then."""
    for name in "abc":
        w.call("volume-create", d.where, volume=name, capacity=SIZE)
    w.call("volume-clone", d.where, volume="over", **{"from": "a"}, capacity=SIZE)
    for name in "ab":
        d.rbd("trash", "mv", f"vms/{name}")
    numbers = {i["name"]: i["id"] for i in json.loads(d.rbd("trash", "ls", "--all", "--format", "json", "vms"))}
    w.call("volume-create", d.where, volume="b", capacity=2 * SIZE)
    d.run(sys.executable, "-c", MOVING, *numbers.values())
    for _ in range(2):
        assert w.call("volume-sweep", d.where) == {"left": 1}
    assert w.call("volume-info", d.where, volume="b")["capacity"] == 2 * SIZE
    delete_all(w, d, "over", "b", "c")
    assert w.call("volume-sweep", d.where) == {"left": 0}


def test_halves_of_rbd(w, d):
    """What a kill leaves that can be opened, or is listed, but lacks its object map: nothing could be made of it."""
    features = ["layering", "exclusive-lock", "object-map", "fast-diff"]

    def lose_map(*snapshot):
        number = json.loads(d.rbd("info", "--format", "json", "vms/half"))["id"]
        found = [o for o in d.run("rados", "--id", "vms", "-p", "vms", "ls").split() if o.startswith(f"rbd_object_map.{number}")]
        d.run("rados", "--id", "vms", "-p", "vms", "rm", *(o for o in found if (o.count(".") > 1) == bool(snapshot)))

    d.rbd("create", "--size", f"{SIZE // MiB}M", *(f"--image-feature={f}" for f in features), "vms/half")
    lose_map()
    note = {"pool": "vms", "namespace": "", "from": "half", "snapshot": "", "by": "10.98.0.1:0/1", "since": int(time.time())}
    d.run("rados", "--id", "vms", "-p", "vms", "setomapval", "solovirt.unfinished", "half", json.dumps(note))
    w.call("volume-create", d.where, volume="half", capacity=SIZE, options={"features": features})
    w.call("volume-clone", d.where, volume="c1", **{"from": "half"}, capacity=SIZE)
    d.rbd("snap", "create", "--no-progress", "vms/half@s")
    lose_map("s")
    w.call("snapshot-create", d.where, volume="half", snapshot="s")
    w.call("volume-clone", d.where, volume="c2", **{"from": "half"}, snapshot="s", capacity=SIZE)
    w.call("snapshot-delete", d.where, volume="half", snapshot="s")
    delete_all(w, d, "half", "c1", "c2")


def test_encrypted_volumes_of_rbd(w, d):
    """They are as large as asked for, and whoever only clones, grows or flattens them needs no passphrase."""
    right = {"passphrase": base64.b64encode(b"right").decode()}
    for _ in range(2):
        a = w.call("volume-create", d.where, volume="a", capacity=SIZE + 512, **right)
        assert SIZE + 512 <= a["capacity"] < SIZE + 8192, a
    refused(E.EEXIST, w.call, "volume-create", d.where, volume="a", capacity=SIZE)
    refused(E.EINVAL, Nbd, w, d, "a")
    n = Nbd(w, d, "a", **right)
    assert n.do(WRITE, 0, data=b"plain" * 1000) == b"" and n.do(WRITE, 4 * MiB, data=b"x" * MiB) == b""
    assert n.do(ZEROES, 4 * MiB + 4096, 8192) == b"" and n.do(TRIM, 4 * MiB, 4096) == b""
    n.end()
    assert w.call("snapshot-create", d.where, volume="a", snapshot="s")["capacity"] == a["capacity"]
    refused(E.EINVAL, w.call, "volume-clone", d.where, volume="c", **{"from": "a"}, capacity=2 * SIZE)
    assert names(w, d) == ["a"]
    for more in {}, {"snapshot": "s"}:
        for _ in range(2):
            c = w.call("volume-clone", d.where, volume="c", **{"from": "a"}, capacity=2 * SIZE, encrypted=True, **more)
            assert c["capacity"] == 2 * SIZE, c
        assert w.call("volume-resize", d.where, volume="c", capacity=3 * SIZE)["capacity"] == 3 * SIZE
        assert w.call("volume-flatten", d.where, volume="c")["capacity"] == 3 * SIZE
        if more:  # to open one costs seconds
            n = Nbd(w, d, "c", read=True, **right)
            assert n.do(READ, 0, 10) == b"plainplain" and n.do(READ, 4 * MiB, 8192) == b"x" * 4096 + bytes(4096)
            n.end()
        w.call("volume-delete", d.where, volume="c")
    w.call("snapshot-delete", d.where, volume="a", snapshot="s")
    w.call("volume-create", d.where, volume="b", capacity=SIZE)
    refused(E.EINVAL, w.call, "volume-clone", d.where, volume="c", **{"from": "b"}, capacity=SIZE, encrypted=True)
    refused(E.EEXIST, w.call, "volume-create", d.where, volume="b", capacity=SIZE, **right)
    delete_all(w, d, "a", "b")


def test_serve_of_rbd_or_remote(w, d):
    a = w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    refused(E.EINVAL, w.call, "volume-serve", d.where, volume="a")
    n = Nbd(w, d, "a")
    assert "import" in refused(E.EBUSY, Nbd, w, d, "a")
    refused(E.EBUSY, w.call, "volume-delete", d.where, volume="a")
    if d.name == "remote":
        assert "import" in refused(E.EBUSY, w.call, "volume-resize", d.where, volume="a", capacity=2 * SIZE)
    # 16 under way, answered in any order
    data = random.randbytes(SIZE // 2)
    pending = {n.send(WRITE, i << 18, data=data[i << 18:(i + 1) << 18]) for i in range(32)}
    while pending:
        cookie, error, _ = n.reply()
        assert error == 0
        pending.remove(cookie)
    assert n.do(FLUSH) == b""
    assert n.do(READ, 12345, 4 * MiB) == data[12345:12345 + 4 * MiB]
    assert n.do(ZEROES, MiB, 2 * MiB) == b"" and n.do(TRIM, 6 * MiB, MiB) == b""
    assert n.do(WRITE, SIZE - 3, data=b"end", flags=1) == b""
    for error, bad in ((E.ENOSPC, (WRITE, SIZE - 1, 0, b"xy")), (E.EINVAL, (READ, SIZE, 1)), (E.EINVAL, (77, 0, 0)),
                       (E.ENOSPC, (ZEROES, 2 ** 64 - 1, 5))):
        assert n.do(*bad) == error, bad
    n.end()
    back = d.content(a)
    assert back[:MiB] == data[:MiB] and back[MiB:3 * MiB] == bytes(2 * MiB) and back[3 * MiB:6 * MiB] == data[3 * MiB:6 * MiB]
    assert back[7 * MiB:8 * MiB] == data[7 * MiB:] and back[-3:] == b"end" and len(back) == SIZE
    # readers may be many and cannot write
    readers = [Nbd(w, d, "a", read=True) for _ in range(3)]
    for r in readers:
        assert r.do(READ, 0, MiB) == data[:MiB] and r.do(WRITE, 0, data=b"x") == E.EPERM
    # what one client does wrong, or one that goes in the middle of it all, ends that one alone
    bad = Nbd(w, d, "a")
    bad.send(WRITE, 0, data=data[:MiB])
    bad.socket.sendall(b"garbage, more than a header of it" * 4)
    while not bad.ended():
        pass
    gone = Nbd(w, d, "a")
    gone.socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 1, 0, MiB) + b"half")
    gone.socket.close()
    deaf = Nbd(w, d, "a")
    for i in range(40):  # more replies than a socket holds, and nobody reads them
        if i < 15:
            deaf.send(READ, 0, 4 * MiB)
    for r in readers:
        assert r.do(READ, 3, 5) == data[3:8]
    deaf.socket.close()
    huge = Nbd(w, d, "a")
    huge.send(WRITE, 0, length=64 * MiB)
    while not huge.ended():
        pass
    for r in readers:
        assert r.do(READ, 0, 5) == data[:5]
        r.end()
    # a snapshot is what it was, and only read
    w.call("snapshot-create", d.where, volume="a", snapshot="s")
    n = Nbd(w, d, "a")
    assert n.do(WRITE, 0, data=bytes(MiB)) == b"" and n.do(FLUSH) == b""
    n.end()
    s = Nbd(w, d, "a", read=True, snapshot="s")
    assert s.do(READ, 0, MiB) == data[:MiB]
    s.end()
    refused(E.EINVAL, Nbd, w, d, "a", snapshot="s")
    refused(E.ENOENT, Nbd, w, d, "a", read=True, snapshot="none")
    w.call("snapshot-delete", d.where, volume="a", snapshot="s")
    if d.name == "rbd":
        held = d.hold(a)
        refused(E.EBUSY, Nbd, w, d, "a")
        d.release(held)
    delete_all(w, d, "a")


def test_serve_in_any_order_of_remote(w, d):
    """Whatever comes in whatever order is there, holes cost nothing, and the file is never left shorter than it was."""
    for turn in range(4):
        a = w.call("volume-create", d.where, volume="a", capacity=SIZE + 512, format="raw")
        wanted, n = bytearray(SIZE + 512), Nbd(w, d, "a")
        pieces = sorted(random.sample(range(SIZE >> 16), 40), reverse=turn == 1)
        if turn > 1:
            random.shuffle(pieces)
        for i, piece in enumerate(pieces):
            data = random.randbytes(random.randrange(1, 1 << 16))
            wanted[piece << 16:(piece << 16) + len(data)] = data
            assert n.do(WRITE, piece << 16, data=data) == b""
            if turn == 3 and i % 8 == 0:
                at = random.randrange(SIZE)
                assert n.do(READ, at, MiB if at < SIZE - MiB else 1) == wanted[at:at + (MiB if at < SIZE - MiB else 1)]
        if turn == 2:  # gone without a flush
            n.socket.close()
            w.call("volume-delete", d.where, volume="b")
            n = Nbd(w, d, "a")
        assert n.do(FLUSH) == b"" and n.do(READ, 0, 4 * MiB) == wanted[:4 * MiB]
        n.end()
        assert d.content(a) == wanted
        assert turn != 0 or w.call("volume-info", d.where, volume="a")["allocation"] <= 41 << 16
        r = Nbd(w, d, "a", read=True)
        assert b"".join(r.do(READ, at, MiB) for at in range(0, SIZE, MiB)) == wanted[:SIZE]
        r.end()
        delete_all(w, d, "a")
    w.call("volume-create", d.where, volume="q", capacity=SIZE, format="qcow2")
    assert "raw" in refused(E.EOPNOTSUPP, Nbd, w, d, "q", format="qcow2")
    delete_all(w, d, "q")


def test_a_full_pool_of_remote(w, d):
    """Whatever was acknowledged is there: libvirt forgets that the last writes of a stream failed."""
    small, room = {"pool": "small"}, 8 * MiB
    directory = d.directory + "-small"
    d.run("mkdir", "-p", directory)
    d.run("mount", "-t", "tmpfs", "-o", f"size={room}", "small", directory)
    w.call("pool-ensure", pool="small", path=directory)
    step = 192 << 10
    try:
        a, data, done = w.call("volume-create", small, volume="a", capacity=4 * room), random.randbytes(step), 0
        n = Nbd(w, d, "a", **small)
        while done < 2 * room and n.do(WRITE, done, data=data) == b"" and n.do(FLUSH) == b"":
            done += step
        assert room // 2 < done <= room, done
        n.end()
        back = d.content(a)
        assert len(back) == 4 * room and back[:done] == data * (done // step)
        w.call("volume-delete", small, volume="a")
        with tempfile.TemporaryFile() as f:  # the last message alone does not fit
            f.write(random.randbytes(room + (64 << 10)))
            f.flush()
            try:
                w.call("volume-upload", small, f.fileno(), volume="u", format="raw")
                raise AssertionError("more was uploaded than there is room for")
            except Refused as error:
                assert error.code in (E.EIO, E.ENOSPC), error.text
        assert w.call("volume-list", small)["volumes"] == []
    finally:
        d.run("virsh", "-q", "pool-destroy", "small")
        d.run("virsh", "-q", "pool-undefine", "small")
        d.run("umount", directory)
        d.run("rmdir", directory)


def test_serve_of_local(w, d):
    w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    refused(E.EOPNOTSUPP, Nbd, w, d, "a")
    delete_all(w, d, "a")


# --- a cluster -----------------------------------------------------------------------------------------------------------

def test_cluster_of_rbd(w, d):
    info = w.cluster
    assert len(info["fsid"]) == 36 and info["version"].split(".")[0].isdigit() and ":0/" in info["address"], info
    assert w.call("connect", d.login()) == info
    refused(E.EEXIST, w.call, "connect", d.login(user="admin"))
    pool = w.call("pool-info", d.where)
    assert pool["capacity"] == pool["available"] + pool["used"] > 1 << 30, pool
    # who is not let in is told at once, and may try again
    x = Worker([*d.enter, d.program])
    refused(E.ENOTCONN, x.call, "volume-list", d.where)
    wrong = base64.b64encode(base64.b64decode(d.key)[:-4] + b"\0\1\2\3").decode()
    start = time.monotonic()
    assert "key" in refused(E.EACCES, x.call, "connect", d.login(key=wrong))
    refused(E.EACCES, x.call, "connect", d.login(user="nobody"))
    refused(E.EACCES, x.call, "connect", d.login(key="no key at all"))
    assert time.monotonic() - start < 8 * PATIENCE
    refused(E.EINVAL, x.call, "connect", d.login(options={"no_such_option": "1"}))
    assert "monitor" in refused(E.ENETUNREACH, x.call, "connect", d.login(monitors=["127.0.0.1:1"]))
    d.ready(x)
    with open(f"/proc/{x.process.pid}/cmdline", "rb") as f:
        assert d.key.encode() not in f.read()
    # a client that was fenced begins anew as another one
    a = w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    for _ in range(2):
        x.call("fence", {"addresses": [w.cluster["address"]], "seconds": 600})
    for bad in ("10.0.0.1", x.cluster["address"]):
        refused(E.EINVAL, x.call, "fence", {"addresses": [bad], "seconds": 600})
    try:
        w.call("volume-resize", d.where, volume="a", capacity=2 * SIZE, seconds=60 * PATIENCE)
        raise AssertionError("a fenced client could write")
    except EOFError:
        pass
    assert w.process.wait(10) == 1 and "fenced" in w.process.stderr.read()
    delete_all(x, d, "a")
    assert a
    return x, None


def test_outage_of_rbd(w, d):
    """While nothing answers, calls wait and are answered in time; afterwards all goes on with the same process."""
    w.call("volume-create", d.where, volume="a", capacity=SIZE, format="raw")
    n = Nbd(w, d, "a")
    d.ceph("stop", "osd", "mon")
    waits = w.post("volume-resize", {**d.where, "volume": "a", "capacity": 2 * SIZE})
    write = n.send(WRITE, 0, data=b"x" * MiB)
    # others are still taken
    refused(E.EINVAL, w.call, "volume-create", d.where, volume=".a", capacity=SIZE, format="raw", seconds=5 * PATIENCE)
    assert "ceph -s" in refused(E.ETIMEDOUT, w.call, "volume-info", d.where, volume="a", seconds=25 * PATIENCE)
    event = w.event(seconds=30 * PATIENCE, healthy=False)
    assert "no monitor" in event["args"]["reason"], event
    d.ceph("start", "mon", "osd")
    assert w.wait(waits, 100 * PATIENCE)["capacity"] == 2 * SIZE
    n.socket.settimeout(60 * PATIENCE)
    assert n.reply() == (write, 0, b"")
    assert n.do(FLUSH) == b"" and n.do(READ, 0, 4) == b"xxxx"
    n.end()
    delete_all(w, d, "a")


# --------------------------------------------------------------------------------------------------------------------------

def tests_for(driver):
    def fits(name):
        drivers = name.rpartition("_of_")[2].split("_or_") if "_of_" in name else []
        return not set(drivers) & {"rbd", "local", "remote"} or driver.name in drivers
    wanted = os.environ.get("ONLY", "")
    return [(name, test) for name, test in globals().items() if name.startswith("test_") and fits(name) and wanted in name]


def main():
    bed, namespace, name, program = sys.argv[1:5]
    driver = {"rbd": Rbd, "local": Local, "remote": Remote}[name](os.path.realpath(bed), namespace, os.path.realpath(program))
    w = driver.start()
    for title, test in tests_for(driver):
        start = time.monotonic()
        print(f"{name}: {title}", flush=True)
        try:
            said = test(w, driver)
        except BaseException:
            w.process.kill()
            print(w.process.stderr.read())
            raise
        w, text = said if isinstance(said, tuple) else (w, said)
        print(f"   ok {time.monotonic() - start:.1f} s {text or ''}", flush=True)
    # Ceph removes what snapshots held in the background
    wait_for("nothing is left", 60 * PATIENCE, lambda: driver.leftovers(w) == ([], []))
    assert w.end() == 0
    told = w.process.stderr.read()
    assert told == "", told


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
