"""What is measured of storage: imports, clones and volumes, beside the tools that an operator would use on the same cluster."""

import hashlib
import json
import os
import random
import subprocess
import threading
import time

from bed import ROOT, wait

MIB = 1 << 20
SIZE = 512 * MIB
MANY = 100
LANES = {"rbd": 8, "local": 4}  # calls that the daemon has under way at a time (CLUSTER_LANES, HOST_LANES); the reference gets as many
URL = "http://127.0.0.1:8080"
WIRE = 100_000_000  # bytes a second of a network that is slower than any disk here

CONFIG = """
trash: 0s
ceph: [{{clusterID: lab, monitors: ["{net}.254:6789"], user: vms}}]
"""
CLASS = """apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: csi-rbd-sc}
provisioner: rbd.csi.ceph.com
parameters: {clusterID: lab, pool: vms}
"""
VOLUME = """apiVersion: cdi.kubevirt.io/v1beta1
kind: DataVolume
metadata: {{name: {name}}}
spec:
  source: {source}
  pvc:
    storageClassName: {storage}
    volumeMode: {mode}
    accessModes: [ReadWriteOnce]
    resources: {{requests: {{storage: {size}}}}}
"""
CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec:
  storageClassName: csi-rbd-sc
  volumeMode: Block
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 1Gi}}}}
"""
LISTS = {"DataVolume": "/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes",
         "PersistentVolumeClaim": "/api/v1/namespaces/default/persistentvolumeclaims"}
CLASSES = {"rbd": ("csi-rbd-sc", "Block"), "local": ("local", "Filesystem")}


def volume(name, source, target, size="512Mi"):
    storage, mode = CLASSES[target]
    return VOLUME.format(name=name, source=source, storage=storage, mode=mode, size=size)


# --- the bed ----------------------------------------------------------------------------------------------------------


def make_disk(path):
    """As a disk with a system on it: a third does not compress, a sixth does, the rest was never written; in runs of all lengths."""
    chance = random.Random(5)
    text = b"".join(b"%08d the quick brown fox\n" % i for i in range(MIB // 29))
    at = 0
    with open(path, "wb") as disk:
        while at < SIZE:
            length = min(4096 << chance.randrange(0, 12), SIZE - at)
            kind = chance.choice("rrtzzz")
            disk.seek(at)
            for done in range(0, length, MIB):
                n = min(MIB, length - done)
                if kind == "r":
                    disk.write(chance.randbytes(n))
                elif kind == "t":
                    disk.write(text[:n])
                else:
                    disk.seek(n, os.SEEK_CUR)
            at += length
        disk.truncate(SIZE)


def make_images(folder):
    os.makedirs(folder)
    make_disk(f"{folder}/disk.raw")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", f"{folder}/disk.raw", f"{folder}/disk.qcow2"], check=True)


def sum_of(path):
    with open(path, "rb") as f:
        return "sha256:" + hashlib.file_digest(f, "sha256").hexdigest()


def prepare(bed):
    """A daemon with a cluster and a server; the images are made once."""
    if not os.path.exists(f"{bed.work}/images"):
        bed.testbed("ceph")
        make_images(f"{bed.work}/images")
        subprocess.Popen(bed.inside(f"{ROOT}/tests/testbed/httpd.py", f"{bed.work}/images", "127.0.0.1:8080"),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bed.fresh(CONFIG.format(net=bed.env["NET"]))
    bed.prepare({"class.yaml": CLASS})
    bed.drop(["class.yaml"])
    wait("the class", lambda: b"csi-rbd-sc" in bed.get_text("/apis/storage.k8s.io/v1/storageclasses"))
    wait("the server", lambda: subprocess.run(bed.inside("curl", "-sfI", "-o", "/dev/null", f"{URL}/disk.raw")).returncode == 0)
    for target in CLASSES:  # the first of each starts workers and fills caches
        timed_volume(bed, "first", volume("first", "{blank: {}}", target, "16Mi"))


def make(bed, text):
    """When the file appeared in the spool."""
    bed.prepare({"one.yaml": text})
    return bed.drop(["one.yaml"])[1]


def succeeded(bed, name):
    for item in bed.get(LISTS["DataVolume"])["items"]:
        phase = item.get("status", {}).get("phase")
        if phase == "Failed":
            raise RuntimeError(json.dumps(item["status"]["conditions"]))
        if item["metadata"]["name"] == name:
            return phase == "Succeeded"
    return False


def remove(bed, kind="DataVolume"):
    for name in os.listdir(f"{bed.s}/spool"):
        if name.endswith(".yaml") and name != "class.yaml":
            os.unlink(f"{bed.s}/spool/{name}")
    for each in (kind, "PersistentVolumeClaim"):
        wait("their end", lambda: not bed.get(LISTS[each])["items"], 300, 0.1)


def timed_volume(bed, name, text, keep=False):
    """Seconds from the file in the spool to Succeeded."""
    begin = make(bed, text)
    wait(f"DataVolume {name}", lambda: succeeded(bed, name), 300, 0.01)
    seconds = time.monotonic() - begin
    if not keep:
        remove(bed)
    return seconds


def rbd(bed, *words):
    return bed.host("rbd", "--id", "vms", "-p", "vms", *words)


def shell(bed, script):
    """Seconds that the script takes on the host, which it has been entered on before."""
    process = subprocess.Popen(bed.inside("bash", "-c", f"read; {script}"), env=bed.env, stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    begin = time.monotonic()
    process.communicate(b"\n")
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        raise RuntimeError(f"failed: {script}")
    return seconds


# --- imports ----------------------------------------------------------------------------------------------------------

# By hand; QEMU is given files: 7.2 hung once while it read a URL by itself.  Each leaves the data as durable.  F: a file to download to, T: the file that is the target.
CEPH = "rbd:vms/by-hand:id=vms"
BY_HAND = {
    ("rbd", "raw"): {"curl | rbd import": f"curl -s {URL}/disk.raw | rbd --id vms import --no-progress - vms/by-hand",
                     "curl, qemu-img": f"curl -s -o F {URL}/disk.raw && qemu-img convert -f raw -O raw F {CEPH}"},
    ("rbd", "qcow2"): {"curl, qemu-img": f"curl -s -o F {URL}/disk.qcow2 && qemu-img convert -f qcow2 -O raw F {CEPH}"},
    ("local", "raw"): {"curl, sync": f"curl -s -o T {URL}/disk.raw && sync T"},
    ("local", "qcow2"): {"curl, qemu-img": f"curl -s -o F {URL}/disk.qcow2 && qemu-img convert -f qcow2 -O raw F T && sync T"},
}


def by_hand(bed, target, script):
    file, aside = f"{bed.s}/pool/by-hand", f"{bed.s}/aside/download"
    seconds = shell(bed, script.replace(" T", f" {file}").replace(" F", f" {aside}"))
    if target == "rbd":
        rbd(bed, "rm", "--no-progress", "by-hand")
    for path in (file, aside):
        if os.path.exists(path):
            os.unlink(path)
    return seconds


class Peak(threading.Thread):
    """The most memory that the import worker ever had."""

    def __init__(self, bed):
        super().__init__(daemon=True)
        self.bed, self.over, self.megabytes = bed, False, 0

    def run(self):
        while not self.over:
            try:
                worker = self.bed.daemon.child("solovirt-import")
                self.megabytes = max(self.megabytes, worker.peak_mb() if worker else 0)
            except (OSError, AttributeError):
                pass  # it ended meanwhile
            time.sleep(0.02)


def measure_one_import(bed, figures, target, image, rounds):
    ways = BY_HAND[target, image]
    ours, reference, download = [], {way: [] for way in ways}, []
    for _ in range(rounds):
        ours.append(timed_volume(bed, "one", volume("one", f"{{http: {{url: {URL}/disk.{image}}}}}", target)))
        for way, script in ways.items():
            reference[way].append(by_hand(bed, target, script))
        download.append(shell(bed, f"curl -s -o /dev/null {URL}/disk.{image}"))
    best = min(ways, key=lambda way: sorted(reference[way])[rounds // 2])
    figures.add("import", f"{image} of 512 MiB by HTTP to {target}", "s", ours, reference[best], best, "1.05x")
    for way in ways:
        if way != best:
            figures.add("import", "    the same", "s", ours, reference[way], way)
    figures.add("import", "    the same", "s", ours, download, "curl -o /dev/null")


def measure_wire(bed, figures, target):
    """Where the network is what takes the time: the import is the download."""
    url = f"{URL}/disk.raw?wire={WIRE}"
    ours, download = [], []
    for _ in range(3):
        ours.append(timed_volume(bed, "one", volume("one", f'{{http: {{url: "{url}"}}}}', target)))
        download.append(shell(bed, f"curl -s -o /dev/null '{url}'"))
    figures.add("import", f"raw of 512 MiB at {WIRE // 1_000_000} MB/s by HTTP to {target}", "s", ours, download, "curl -o /dev/null", "1.11x")


def measure_memory(bed, figures):
    for target, image in BY_HAND:
        peak = Peak(bed)
        peak.start()
        timed_volume(bed, "one", volume("one", f"{{http: {{url: {URL}/disk.{image}}}}}", target))
        peak.over = True
        peak.join()
        figures.add("import", f"most memory of the worker, {image} to {target}", "MB", [peak.megabytes], target="64 MB")


def measure_cached(bed, figures):
    digest = sum_of(f"{bed.work}/images/disk.qcow2")
    for target in CLASSES:
        text = volume("one", f'{{http: {{url: {URL}/disk.qcow2, checksum: "{digest}"}}}}', target)
        first = timed_volume(bed, "one", text)
        ours = [timed_volume(bed, "one", text) * 1000 for _ in range(9)]
        figures.add("import", f"the first with a checksum to {target}", "s", [first])
        figures.add("import", f"the second of a source, to {target}", "ms", ours, target="200 ms")


def measure_import(bed, figures):
    prepare(bed)
    for target, image in BY_HAND:
        measure_one_import(bed, figures, target, image, 5)
    for target in CLASSES:
        measure_wire(bed, figures, target)
    measure_memory(bed, figures)
    measure_cached(bed, figures)


# --- many at once -----------------------------------------------------------------------------------------------------


def many(bed, kind, word, texts):
    """Seconds until all of them are there; what was there before does not count."""
    before = bed.get_text(LISTS[kind]).count(word)
    bed.prepare(texts)
    bed.quiet()
    begin = bed.drop(texts)[1]
    wait(f"{len(texts)} times {word}", lambda: bed.get_text(LISTS[kind]).count(word) >= before + len(texts), 300, 0.02)
    return time.monotonic() - begin


def each(command, lanes):
    return f"seq {MANY} | xargs -P {lanes} -I % {command}"


def each_by_hand(bed, target, command, name, remove, before="true"):
    """Seconds that before and MANY of the command take, which makes what name stands for; they are removed again."""
    seconds = shell(bed, f"{before} && {each(f'{command} {name}', LANES[target])}")
    shell(bed, each(f"{remove} {name}", LANES[target]))
    return seconds


def clones_by_hand(bed, target, path):
    if target == "local":
        return each_by_hand(bed, target, f"qemu-img create -q -f qcow2 -F raw -b {path}", f"{bed.s}/pool/by-hand-%", "rm")
    seconds = each_by_hand(bed, target, f"rbd --id vms clone --rbd-default-clone-format 2 {path}@by-hand", "vms/by-hand-clone-%",
                           "rbd --id vms rm --no-progress", f"rbd --id vms snap create {path}@by-hand")
    rbd(bed, "snap", "rm", "--no-progress", f"{path}@by-hand")
    return seconds


def measure_clones(bed, figures, what, source, target, path):
    """path: of the volume that is cloned by hand."""
    ours, reference = [], []
    for _ in range(3):
        texts = {f"c{i:03}.yaml": volume(f"c{i:03}", source, target) for i in range(MANY)}
        ours.append(many(bed, "DataVolume", b'"phase":"Succeeded"', texts))
        for name in texts:
            os.unlink(f"{bed.s}/spool/{name}")
        wait("their end", lambda: b'"name":"c0' not in bed.get_text(LISTS["PersistentVolumeClaim"]), 300, 0.1)
        reference.append(clones_by_hand(bed, target, path))
    figures.add("clone", what, "s", ours, reference, f"{'rbd clone' if target == 'rbd' else 'qemu-img create'}, {LANES[target]} at once", "5 s")


def measure_clone(bed, figures):
    prepare(bed)
    digest = sum_of(f"{bed.work}/images/disk.qcow2")
    cached = f'{{http: {{url: {URL}/disk.qcow2, checksum: "{digest}"}}}}'
    for target in CLASSES:
        timed_volume(bed, "golden", volume("golden", cached, target), keep=True)
        where = bed.get(f"{LISTS['PersistentVolumeClaim']}/golden")["metadata"]["annotations"]
        path = where.get("solovirt.io/backing", where["solovirt.io/path"])
        measure_clones(bed, figures, f"{MANY} clones of an image of the cache, {target}", cached, target, path)
        if target == "rbd":
            measure_clones(bed, figures, f"{MANY} clones of a claim, {target}", "{pvc: {name: golden}}", target, path)
        remove(bed)


def measure_provision(bed, figures):
    prepare(bed)
    ours, reference = [], []
    for _ in range(3):
        ours.append(many(bed, "PersistentVolumeClaim", b'"phase":"Bound"', {f"p{i:03}.yaml": CLAIM.format(name=f"p{i:03}") for i in range(MANY)}))
        remove(bed, "PersistentVolumeClaim")
        reference.append(each_by_hand(bed, "rbd", "rbd --id vms create --size 1G", "vms/by-hand-create-%", "rbd --id vms rm --no-progress"))
    figures.add("provision", f"{MANY} claims of 1 GiB at once, rbd", "s", ours, reference, f"rbd create, {LANES['rbd']} at once")


MEASURES = {"import": measure_import, "clone": measure_clone, "provision": measure_provision}
