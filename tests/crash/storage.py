"""The scenario of volumes on Ceph: claims, DataVolumes and VolumeSnapshots are made, imported, cloned, restored, grown and
deleted over the API, without guests, while the daemon, the worker that talks to Ceph and the one that imports are killed.
After each kill the store must agree exactly with the images, their snapshots, Ceph's trash, the notes of clones, the objects of
the pool, the state directory, and each volume must hold what it was made from and what was written to it since.
"""
import glob, hashlib, json, os, random, shutil, signal, sqlite3, subprocess, time
from contextlib import closing, suppress

import bed
import ceph
import crash
from bed import Died, PATIENCE
from crash import Failure
from look import Look as Base
from model import SERVER

DEADLINE = 90   # seconds: Ceph takes 30 to believe that a client died, and what failed is tried again ever later
ROUND = 20      # points; a short run, too, keeps all beds busy
IMPORT_WORDS = 1.5      # seconds until an import that was asked for is under way
POOL, CLASS = "vms", "csi-rbd-sc"
MIB = 1 << 20
MARK = 512      # bytes that are written to a volume once, to be found again in it and its clones
FEATURES = ["layering", "layering,exclusive-lock,object-map,fast-diff,deep-flatten"]
IMAGES = ["small.raw", "small.qcow2", "small.raw.gz", "small.raw?rate=4000000", "small.qcow2?rate=3000000"]
CACHE = "solovirt-images"
PVC, DV, SNAPSHOT = "PersistentVolumeClaim", "DataVolume", "VolumeSnapshot"
LISTS = {PVC: "/api/v1/{}persistentvolumeclaims", DV: "/apis/cdi.kubevirt.io/v1beta1/{}datavolumes",
         SNAPSHOT: "/apis/snapshot.storage.k8s.io/v1/{}volumesnapshots"}
# name -> (kind, what it is made from, namespace)
NAMES = {"pvc0": (PVC, None, "default"), "pvc1": (PVC, None, "other"),
         "dv0": (DV, "image", "default"), "dv1": (DV, "image", "default"), "dv2": (DV, "image", "other"),
         "img0": (DV, "digest", "default"), "img1": (DV, "digest", "other"),
         "clone0": (DV, PVC, "default"), "clone1": (PVC, PVC, "default"), "clone2": (DV, PVC, "other"),
         "snap0": (SNAPSHOT, PVC, "default"), "snap1": (SNAPSHOT, PVC, "default"), "snap2": (SNAPSHOT, PVC, "other"),
         "rest0": (DV, SNAPSHOT, "default"), "rest1": (PVC, SNAPSHOT, "default"), "rest2": (PVC, SNAPSHOT, "other")}
# Where it may end, and how many calls a few changes cost (crash.py).
DAEMON = {"write": 12, "pwrite": 120, "fdatasync": 12, "sendmsg": 15, "any": 200}
CEPH = {"rbd sendmsg": 60, "rbd write": 80, "rbd any": 160}
IMPORT = {"import write": 8, "import sendmsg": 8, "import any": 30}
AT_START = {"write": 12, "pwrite": 30, "fdatasync": 8, "open": 12, "any": 80, "rbd sendmsg": 40, "rbd any": 80}
REACH = {"calls": DAEMON, "random": DAEMON, "rbd": CEPH, "rbd-alone": CEPH, "import": IMPORT, "worker-random": CEPH,
         "recovery": AT_START}
TURNS = ("rbd", "calls", "rbd-alone", "random", "import", "recovery", "rbd", "worker-random")


def children(parent):
    """(number, name) of the processes that a process started; zombies do not count."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with suppress(OSError):
            head, _, tail = open(path).read().rpartition(")")
            if tail.split()[0] != "Z" and int(tail.split()[1]) == parent:
                found.append((int(head.split()[0]), head.partition("(")[2]))
    return found


def path_of(kind, namespace, name=""):
    return LISTS[kind].format(f"namespaces/{namespace}/") + (f"/{name}" if name else "")


class Thing:
    """One object that a user made: its document, what it is made from, and what is known of it."""

    def __init__(self, name, source, size, image):
        self.name, self.source, self.sizes, self.image = name, source, {size}, image
        self.kind, self.form, self.namespace = NAMES[name]
        self.present = True     # None: nobody knows

    def key(self):
        return self.kind, self.namespace, self.name

    def document(self):
        metadata = {"name": self.name, "namespace": self.namespace}
        if self.kind == SNAPSHOT:
            return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": SNAPSHOT, "metadata": metadata,
                    "spec": {"source": {"persistentVolumeClaimName": self.source[2]}}}
        claim = {"storageClassName": CLASS, "volumeMode": "Block", "accessModes": ["ReadWriteMany"],
                 "resources": {"requests": {"storage": f"{min(self.sizes)}Mi"}}}
        if self.kind == PVC:
            if self.source:
                claim["dataSourceRef"] = {"kind": self.source[0], "namespace": self.source[1], "name": self.source[2]}
                if self.source[0] == SNAPSHOT:
                    claim["dataSourceRef"]["apiGroup"] = "snapshot.storage.k8s.io"
            return {"apiVersion": "v1", "kind": PVC, "metadata": metadata, "spec": claim}
        source = {"http": {"url": SERVER + self.image[0], **({"checksum": self.image[1]} if self.image[1] else {})}} if self.image else \
            {"pvc" if self.source[0] == PVC else "snapshot": {"namespace": self.source[1], "name": self.source[2]}}
        return {"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": DV, "metadata": metadata, "spec": {"source": source, "pvc": claim}}

    def claim(self):
        return None if self.kind == SNAPSHOT else (PVC, self.namespace, self.name)


class Content:
    """What a volume holds: an image or nothing, and marks."""

    def __init__(self, image=b"", marks=None):
        self.image, self.marks = image, dict(marks or {})

    def copy(self):
        return Content(self.image, self.marks)

    def differs(self, data):
        wanted = bytearray(self.image.ljust(len(data), b"\0"))
        for offset, mark in self.marks.items():
            wanted[offset:offset + len(mark)] = mark
        if wanted == data:
            return None
        at = next(i for i in range(0, len(data), MARK) if wanted[i:i + MARK] != data[i:i + MARK])
        return f"at {at} it has {bytes(data[at:at + 24])!r}, not {bytes(wanted[at:at + 24])!r}"


class World(crash.Users):
    """What the users asked for, and the changes that they make."""

    bugs = 400, 422

    def __init__(self, daemon, trash, image, digests):
        super().__init__(daemon, trash, image)
        self.digests, self.things, self.settled = digests, {}, set()
        self.content, self.kept = {}, {}    # volume, uid of a snapshot -> Content
        self.ids = {}                       # id of an image -> volume
        self.volumes = {}                   # claim -> names of the volumes that it had, the newest last

    def claims(self):
        """Things with a claim that was bound and filled when it was looked at last."""
        return [t for t in self.things.values() if t.claim() and t.key() in self.settled]

    def sources(self, name):
        kind, form, namespace = NAMES[name]
        if form == PVC:
            return [t for t in self.claims() if kind != SNAPSHOT or t.namespace == namespace]
        return [t for t in self.things.values() if t.kind == SNAPSHOT]

    def create(self, name, rng):
        form = NAMES[name][1]
        sources = self.sources(name) if form in (PVC, SNAPSHOT) else [None]
        if not sources:
            return      # it went by a change of the same point
        source = rng.choice(sources)
        image = None
        if form == "image":
            image = rng.choice(IMAGES), None
        if form == "digest":
            image = rng.choice(list(self.digests.items()))
        least = max(source.sizes) if source and source.kind != SNAPSHOT else 4 if image or not source else 12
        thing = Thing(name, source and (source.key() if source.kind == SNAPSHOT else source.claim()), least + rng.choice([0, 0, 1]), image)
        done = self.ask("POST", path_of(thing.kind, thing.namespace), thing.document())
        if done is not False:
            thing.present = done
            self.things[name] = thing

    def grow(self, name, rng):
        thing = self.things[name]
        size = max(thing.sizes) + 1
        done = self.ask("PATCH", path_of(*thing.claim()), {"spec": {"resources": {"requests": {"storage": f"{size}Mi"}}}},
                        "application/merge-patch+json")
        if done is not False:
            thing.sizes = {size} | (set() if done else thing.sizes)

    def delete(self, name, rng):
        thing = self.things[name]
        done = self.ask("DELETE", path_of(thing.kind, thing.namespace, name))
        if done:
            del self.things[name]
        elif done is None:
            thing.present = None

    def choices(self):
        for name in NAMES:
            thing = self.things.get(name)
            if thing is None:
                if NAMES[name][1] not in (PVC, SNAPSHOT) or self.sources(name):
                    yield from [(name, self.create)] * 4
                continue
            yield from [(name, self.delete)] * (1 if thing.key() in self.settled else 2)
            if thing.claim() and thing.key() in self.settled and max(thing.sizes) < 10:
                yield from [(name, self.grow)]

    def begin_point(self):
        self.free = list(self.choices())

    def close(self):
        """Asks for the deletion of everything; True when there is nothing more to be asked."""
        for name in list(self.things):
            self.delete(name, None)
        return not self.things


class Look:
    """One look at everything.  problems: sentences; empty when all agrees."""

    say, same = Base.say, Base.same

    def __init__(self, world, pool):
        self.world, self.daemon, self.pool = world, world.daemon, pool
        self.problems, self.objects, self.settled = [], {}, set()

    # ------------------------------------------------------------------ what the daemon says

    def fetch(self):
        for kind, path in LISTS.items():
            code, tree = self.daemon.ask("GET", path.format(""))
            if code != 200:
                self.say(f"GET {path}: {code}")
                return
            for item in tree["items"]:
                self.objects[kind, item["metadata"]["namespace"], item["metadata"]["name"]] = item

    def records(self):
        """Buckets of the store, as they are on disk: bucket -> key -> tree."""
        copy = f"{self.daemon.dir}.copy"
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(copy + suffix)
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self.daemon.dir}/state/solovirt.db{suffix}", copy + suffix)
        found = {}
        try:
            with closing(sqlite3.connect(copy)) as db:
                for bucket, key, value in db.execute("SELECT bucket, key, value FROM record"):
                    found.setdefault(bucket, {})[key] = json.loads(value) if value.startswith("{") else value
        except sqlite3.Error as error:      # it was copied while it was written
            self.say(f"the database cannot be read: {error}")
        return found

    def is_going(self, key):
        return "deletionTimestamp" in self.objects[key]["metadata"]

    def is_final(self, key):
        item = self.objects.get(key)
        if item is None or self.is_going(key):
            return False
        status = item.get("status", {})
        if key[0] == SNAPSHOT:
            return status.get("readyToUse", False)
        if key[0] == DV:
            return status.get("phase") == "Succeeded" and self.is_final((PVC, *key[1:]))
        owner = self.objects.get((DV, *key[1:]))
        large = key[1] == CACHE or status.get("capacity", {}).get("storage") == item["spec"]["resources"]["requests"]["storage"]
        return status.get("phase") == "Bound" and large and (owner is None or owner.get("status", {}).get("phase") == "Succeeded")

    def size(self, key):
        item = self.objects[key]
        text = item["status"]["restoreSize"] if key[0] == SNAPSHOT else item["status"]["capacity"]["storage"]
        return int(text.removesuffix("Mi")) * MIB if text.endswith("Mi") else int(text)

    def may_wait(self, thing):
        """It cannot be made: its source is not there, or became larger."""
        claim = thing.claim()
        if claim and claim in self.objects and self.is_going(claim):
            return True         # an earlier one of the name is still kept by its snapshots
        if thing.source is None:
            return False
        return not self.is_final(thing.source) or (claim and self.size(thing.source) > min(thing.sizes) * MIB)

    def is_held(self, key):
        """On its way out, but somebody needs it: a claim its snapshots, a snapshot the claims that are made from it."""
        if key[0] == PVC:
            return any(k[0] == SNAPSHOT and k[1] == key[1] and item["spec"]["source"]["persistentVolumeClaimName"] == key[2]
                       for k, item in self.objects.items())
        if key[0] == SNAPSHOT:
            for k, item in self.objects.items():
                source = item["spec"].get("dataSourceRef") or item["spec"].get("dataSource") if k[0] == PVC else None
                if source and item.get("status", {}).get("phase") != "Bound" and (source["kind"], source.get("namespace", k[1]), source["name"]) == key:
                    return True
        return False

    def why(self, key):
        status = self.objects[key].get("status", {})
        return f"{status.get('phase')} {status.get('error', '')} {[c.get('message') for c in status.get('conditions', [])]}"

    def store(self):
        wanted = set()
        for thing in self.world.things.values():
            key = thing.key()
            if thing.present is None and (key not in self.objects or self.is_going(key)):
                continue
            wanted.add(key)
            if key not in self.objects:
                continue        # told below
            if self.is_final(key):
                self.settled.add(key)
            elif not self.may_wait(thing):
                self.say(f"{key}: {self.why(key)}")
            if thing.claim() in self.objects:
                wanted.add(thing.claim())
                size = self.objects[thing.claim()]["spec"]["resources"]["requests"]["storage"]
                if not self.is_going(thing.claim()) and size not in {f"{s}Mi" for s in thing.sizes}:
                    self.say(f"{thing.claim()}: asks for {size}, not {thing.sizes}")
        for key in self.objects:
            if self.is_going(key):
                if self.is_held(key):
                    wanted.add(key)
                else:
                    self.say(f"{key} is being deleted")
            elif key[1] == CACHE:
                wanted.add(key)
                if not self.is_final((DV, *key[1:])):
                    self.say(f"{key}: {self.why(key)}")
        self.same("store", wanted, self.objects)

    # ------------------------------------------------------------------ what Ceph says

    def volumes(self, records):
        """volume -> (it must be there, names of its snapshots that must, that may)"""
        found = {}
        for key, item in self.objects.items():
            name = item["metadata"].get("annotations", {}).get("solovirt.io/volume")
            if key[0] == PVC and name:
                base = {"base"} if item["metadata"]["annotations"].get("solovirt.io/protected") else set()
                found[name] = item.get("status", {}).get("phase") == "Bound", base, {"base"} if key[1] == CACHE else set()
        for entry in records.get("trash", {}).values():
            found[entry["volume"]] = True, set(), set()
            if self.world.trash != "1h":    # a round that ends before it has gone would find it left over
                self.say(f"trash: {entry['volume']}")
        for key, item in self.objects.items():
            text = item["metadata"].get("annotations", {}).get("solovirt.io/snapshot")
            if key[0] != SNAPSHOT or not text:
                continue
            record = json.loads(text)
            if record["volume"] not in found:
                self.say(f"{key}: its volume {record['volume']} is nobody's")
                continue
            _, must, may = found[record["volume"]]
            (must if item.get("status", {}).get("readyToUse") and not self.is_going(key) else may).add(record["snapshot"])
        return found

    def images(self, wanted):
        """Images and their snapshots beside what is wanted; returns ids of all that may have objects, and sizes by name."""
        found, ids, sizes = self.pool.images(), set(), {}
        self.world.ids.update({number: name for name, number in found.items()})
        self.same("rbd ls", {n for n, (must, *_) in wanted.items() if must}, set(found) - {n for n, (must, *_) in wanted.items() if not must})
        for name, number in found.items():
            ids.add(number)
            _, must, may = wanted.get(name, (False, set(), set()))
            image = self.pool.header(number)
            sizes[name] = image.size
            self.same(f"rbd snap ls {name}", must, image.snapshots - (may - must))
            if image.idle and self.world.trash != "1h":
                self.say(f"{name} has {image.idle} snapshots in its trash namespace that nobody needs")
        for number, name in self.pool.trash().items():
            ids.add(number)
            if self.world.trash != "1h" and not self.pool.header(number).needed:
                self.say(f"rbd trash ls: {name} ({number}) is left over")
        return ids, sizes

    def ceph(self, records):
        try:
            wanted = self.volumes(records)
            ids, sizes = self.images(wanted)
            self.same("notes of clones", set(), {n for n in self.pool.notes() if wanted.get(n, (True,))[0]})
            for name in self.pool.objects():
                number = name.split(".")[1] if not name.startswith("rbd_id.") else None
                if number not in ids and (number is not None or name[len("rbd_id."):] not in wanted) and self.pool.holds(name):
                    self.say(f"rados ls: {name} of {self.world.ids.get(number)} is left over")
            for key, item in self.objects.items():
                size = sizes.get(item["metadata"].get("annotations", {}).get("solovirt.io/volume"))
                if key[0] == PVC and self.is_final(key) and size != self.size(key):
                    self.say(f"{key}: its volume has {size} bytes, not {self.size(key)}")
        except ceph.Gone as gone:
            self.say(f"{gone}: is going")

    # ------------------------------------------------------------------ what is on disk

    def files(self, records):
        d = self.daemon.dir
        self.same("state directory", {"solovirt.db", "lock", "ballast"},
                  {n.removesuffix("-wal").removesuffix("-shm") for n in os.listdir(f"{d}/state")} - {"backup", "backups", "import"})
        self.same("imports", [], glob.glob(f"{d}/state/import/*"))
        self.same("run directory", {"sock", "spool"}, set(os.listdir(f"{d}/run")) | {"spool"})
        filling = {item["metadata"]["uid"] for (kind, *_), item in self.objects.items()
                   if kind == DV and item.get("status", {}).get("phase") != "Succeeded"}
        if self.world.trash != "1h":
            self.same("records of where imports had come to", [], set(records.get("resume", {})) - filling)

    def processes(self):
        """The daemon's own, and those that a daemon left behind: there may be other daemons on the host."""
        wanted = {"solovirt-rbd": (0, 1), "solovirt-import": (0,)}     # that for Ceph is started when it is first asked for
        for name, numbers in wanted.items():
            count = sum(1 for child in children(self.daemon.process.pid) if child[1] == name)
            if count not in numbers:
                self.say(f"processes: {count} of {name}, not {numbers[-1]}")
        self.same("processes of a daemon that ended", [], [child for child in children(1) if child[1] in wanted])

    # ------------------------------------------------------------------ what is in the volumes

    def sources_of(self, key):
        """What a volume may have been made with: one, unless its source was replaced while it waited."""
        item = self.objects[key]
        dv = self.objects.get((DV, *key[1:]))
        source = item["spec"].get("dataSourceRef") or item["spec"].get("dataSource")
        if dv is not None and "http" in dv["spec"]["source"] or source and source.get("namespace") == CACHE:
            return [Content(self.world.image)]
        if source is None:
            return [Content()]
        if source["kind"] == SNAPSHOT:
            self.keep((SNAPSHOT, source.get("namespace", key[1]), source["name"]))
            return [c for k, c in self.world.kept.items() if k.startswith(f"{source.get('namespace', key[1])}/{source['name']}/")]
        name = PVC, source.get("namespace", key[1]), source["name"]
        new = self.objects.get(name, {}).get("metadata", {}).get("annotations", {}).get("solovirt.io/volume")
        if new and new not in self.world.content and self.is_final(name):
            self.read(name)
        return [self.world.content[v] for v in [*self.world.volumes.get(name, []), new] if v in self.world.content]

    def read(self, key):
        """Compares all of a volume with what it must hold; notes that of a new one."""
        name = self.objects[key]["metadata"]["annotations"]["solovirt.io/volume"]
        known = [self.world.content[name]] if name in self.world.content else self.sources_of(key)
        with self.pool.open(name) as image:
            data = image.read(0, image.size())
        wrong = [content.differs(data) for content in known]
        if None not in wrong:
            self.say(f"{key}: {name} does not hold what it must: {wrong}")
            return
        self.world.content[name] = known[wrong.index(None)].copy()
        names = self.world.volumes.setdefault(key, [])
        if name not in names:
            names.append(name)

    def contents(self, rng):
        """All new volumes, and one of the others; rng None: all of them."""
        final = [key for key in self.objects if key[0] == PVC and self.is_final(key)]
        for key in final:
            name = self.objects[key]["metadata"]["annotations"]["solovirt.io/volume"]
            if rng is None or name not in self.world.content or rng.random() * len(final) < 1:
                self.read(key)
        for key in self.objects:
            if key[0] == SNAPSHOT:
                self.keep(key)

    def keep(self, key):
        """Notes what a new snapshot holds: nobody writes but we, when all is quiet."""
        if not self.is_final(key):
            return
        item = self.objects[key]
        record, mine = json.loads(item["metadata"]["annotations"]["solovirt.io/snapshot"]), f"{key[1]}/{key[2]}/{item['metadata']['uid']}"
        name = record["volume"]
        if name not in self.world.content:
            self.read((PVC, key[1], item["spec"]["source"]["persistentVolumeClaimName"]))
        if name not in self.world.content or mine in self.world.kept:
            return
        with self.pool.open(name, record["snapshot"]) as image:
            wrong = self.world.content[name].differs(image.read(0, image.size()))
        if wrong:
            self.say(f"{key}: {name} does not hold what it must: {wrong}")
        self.world.kept[mine] = self.world.content[name].copy()

    def explain(self):
        """Which volume holds which mark, and what is known of those that are clones."""
        for key, item in self.objects.items():
            source = item["spec"].get("dataSourceRef") or item["spec"].get("source")
            name = item["metadata"].get("annotations", {}).get("solovirt.io/volume")
            if not name:
                self.say(f"({key} {item['metadata']['uid']} {item['metadata']['creationTimestamp']} {source})")
                continue
            with self.pool.open(name) as image:
                data = image.read(0, image.size())
            known = self.world.content.get(name)
            self.say(f"({key} {name} {source} has {[(at, data[at:at + 3]) for at in range(0, len(data), MARK) if at >= MIB and any(data[at:at + 8])]}"
                     f", known {[(at, mark[:3]) for at, mark in known.marks.items()] if known else None})")
        self.say(f"(snapshots held {[(k, [(at, m[:3]) for at, m in c.marks.items()]) for k, c in self.world.kept.items()]})")

    def mark(self):
        """What is new is written to, once, where its own size ends."""
        for key in [key for key in self.objects if key[0] == PVC and key[1] != CACHE and self.is_final(key)]:
            name = self.objects[key]["metadata"]["annotations"]["solovirt.io/volume"]
            content = self.world.content[name]
            text = hashlib.sha512(name.encode()).digest() * (MARK // 64)
            if text not in content.marks.values():
                with self.pool.open(name, write=True) as image:
                    offset = image.size() - MARK
                    image.write(offset, text)
                content.marks[offset] = text

    # ------------------------------------------------------------------ all of it

    def run(self):
        self.fetch()
        if not self.problems:
            self.store()
        records = self.records() if not self.problems else {}
        if not self.problems:
            self.ceph(records)
        if not self.problems:
            self.files(records)
            self.processes()
        return self.problems

    def accept(self):
        """All agrees: this is how it is from now on."""
        world = self.world
        world.settled = self.settled
        for name, thing in list(world.things.items()):
            if thing.present is None and (thing.key() not in self.objects or self.is_going(thing.key())):
                del world.things[name]
                continue
            thing.present = True
            claim = self.objects.get(thing.claim())
            if claim and not self.is_going(thing.claim()):
                thing.sizes = {int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Mi"))}


class Driver(crash.Driver):
    turns, reach, deadline, length = TURNS, REACH, DEADLINE, ROUND

    def __init__(self, options):
        super().__init__(options)
        self.namespace = f"bed{options.bed}"
        self.pool = ceph.Pool(POOL, self.namespace)
        digest = lambda name: "sha256:" + hashlib.sha256(open(f"{options.dir}/images/{name}", "rb").read()).hexdigest()
        self.digests = {name: digest(name.partition("?")[0]) for name in ("small.qcow2", "small.raw?rate=4000000")}

    def look(self, world):
        look = Look(world, self.pool)
        try:
            return look, look.run()
        except (ConnectionRefusedError, Died) as error:
            return look, [f"no answer: {error}"]

    def agreed(self, look):
        look.contents(self.rng)
        if look.problems:
            look.explain()
            raise Failure(look.problems)
        look.mark()
        look.accept()

    def crash_at_random(self, world, rng, kind, moment, order):
        if kind == "random":
            return super().crash_at_random(world, rng, kind, moment, order)
        world.work(rng)
        name = rng.choice(["solovirt-rbd", "solovirt-rbd", "solovirt-import"])
        end = time.monotonic() + moment
        while time.monotonic() < end and not (killed := self.kill_worker(name)):
            time.sleep(0.01 + 0.05 * rng.random())
        self.count(f"{kind} {name}", "", killed)
        self.again = False
        return None

    def kill_worker(self, name):
        for number, found in children(self.daemon.process.pid):
            if found == name:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                    return True
        return False

    def crash_at_call(self, world, rng, kind, moment, order):
        if kind not in ("rbd-alone", "import"):
            return super().crash_at_call(world, rng, kind, moment, order)
        self.daemon.arm(*order, alone=True)
        if kind == "import":    # there must be one
            world.free = [f for f in world.free if NAMES[f[0]][1] in ("image", "digest")] or world.free
        for _ in range(1 + crash.MORE):
            world.work(rng)
            end = time.monotonic() + (IMPORT_WORDS if kind == "import" else crash.LAST_WORDS)
            while time.monotonic() < end and self.daemon.is_armed():
                time.sleep(0.01)
            if not self.daemon.is_armed():
                break
        self.count(kind, order[0], not self.daemon.is_armed())
        self.daemon.arm()
        self.again = False
        return None

    def crash(self, world, point, rng):
        self.again = True
        super().crash(world, point, rng)
        self.rng = rng

    def configure(self, trash):
        self.daemon.configure(self.options.host, trash, hosts=[{"name": "none", "uri": "test:///default"}],
                              images={"directory": f"{self.daemon.dir}/images", "probe": False},
                              ceph=[{"clusterID": "lab", "monitors": ["10.98.0.254:6789"], "user": "vms", "radosNamespace": self.namespace}])

    def begin_round(self, number):
        rng = random.Random(f"{self.options.seed}/round {number}")
        trash, features = rng.choice(["0s", "0s", "0s", "1h", "1s"]), FEATURES[number % len(FEATURES)]
        for name in ("spool", "state", "run", "pool"):
            shutil.rmtree(f"{self.daemon.dir}/{name}", ignore_errors=True)
        self.again, self.rng = True, rng
        self.configure(trash)
        self.daemon.arm()
        self.daemon.start()
        world = World(self.daemon, trash, self.image, self.digests)
        world.told = ["begin of the round"]
        self.await_answer()
        code, answer = self.daemon.ask("POST", "/apis/storage.k8s.io/v1/storageclasses", {
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": CLASS}, "provisioner": "rbd.csi.ceph.com",
            "parameters": {"clusterID": "lab", "pool": POOL, "imageFeatures": features}})
        if code != 201:
            raise Failure([f"StorageClass: {code} {answer}"])
        self.leave_record()
        return world

    def leave_record(self):
        """As of an import that had come far when its DataVolume was deleted, which takes longer than a point."""
        self.daemon.kill()
        with closing(sqlite3.connect(f"{self.daemon.dir}/state/solovirt.db")) as db, db:
            db.execute("INSERT INTO record (bucket, key, value) VALUES ('resume', 'nobody', '{}')")
        self.daemon.start()
        self.await_answer()

    def await_answer(self):
        end = time.monotonic() + 20 * PATIENCE
        while True:
            try:
                return self.daemon.ask("GET", LISTS[PVC].format(""))
            except (ConnectionRefusedError, Died):
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def close_round(self, world):
        """Everything is taken away, what is in the trash, too, and nothing may be left."""
        world.told = ["end of the round"]
        self.rng = None
        self.quiet(world)
        if world.trash == "1h":
            world.trash = "0s"
            self.daemon.kill()
            self.configure("0s")
            self.daemon.start()
            self.await_answer()
        while not world.close():
            pass
        for key in [key for key in self.look(world)[0].objects if key[0] == DV and key[1] == CACHE]:
            world.ask("DELETE", path_of(*key))
        self.quiet(world)
        self.daemon.kill(signal.SIGTERM)
        self.check_nothing_left()

    def check_nothing_left(self):
        """As an administrator would look."""
        wrong = []
        for command in ("rbd ls -l {0}/{1}", "rbd trash ls --all {0}/{1}", "rados -p {0} -N {1} listomapkeys solovirt.unfinished"):
            command = command.format(POOL, self.namespace)
            run = subprocess.run(command.split(), capture_output=True, text=True, timeout=60 * PATIENCE)
            if run.stdout.strip() or run.returncode not in (0, 2):
                wrong.append(f"{command}: {run.stdout} {run.stderr[-200:]}")
        objects = [name for name in self.pool.objects() if self.pool.holds(name)]
        if wrong or objects:
            raise Failure([*wrong, f"rados ls: {sorted(objects)}"])

    def scrub(self):
        """Takes everything away by hand, after a failure."""
        script = """for i in $(rbd ls $1); do for s in $(rbd snap ls --format json $1/$i | jq -r '.[].name'); do rbd snap rm $1/$i@$s; done; done
            for n in 1 2 3 4; do for i in $(rbd ls $1); do rbd rm $1/$i; done; for i in $(rbd trash ls --all --format json $1 | jq -r '.[].id'); do
            rbd trash rm $1/$i; done; done; rados -p vms -N $2 rm solovirt.unfinished"""
        subprocess.run(["bash", "-c", script, "-", f"{POOL}/{self.namespace}", self.namespace], capture_output=True, timeout=120 * PATIENCE)

    def report(self, number, point, world, problems):
        """What can be known only while the cluster is as it was."""
        script = """for i in $(rbd ls $1); do rbd status $1/$i | sed -n "s/.*watcher=/$i /p"; rbd lock ls $1/$i | tail -n 1;
            rbd info $1/$i 2>&1 | grep -E "id:|parent|flags|error"; echo $i: $(rbd rm --no-progress $1/$i 2>&1 | grep -v "^$"); done;
            for i in $(rbd trash ls --all --format json $1 | jq -r '.[].id'); do echo trash $i: $(rados -p ${1%/*} -N ${1#*/} ls | grep $i | grep -v rbd_data) \
            $(rados -p ${1%/*} -N ${1#*/} listomapkeys rbd_header.$i 2>&1) $(rbd trash rm --no-progress $1/$i 2>&1 | grep -v "^$"); done; echo shut out: $(ceph osd blocklist ls 2>/dev/null | cut -d/ -f2)"""
        run = subprocess.run(["bash", "-c", script, "-", f"{POOL}/{self.namespace}"], capture_output=True, text=True)
        workers = Look(world, self.pool).records().get("ceph-clients") if world else None
        problems = [*problems, f"(our own address is {self.pool.address()}, the workers' {workers})", *run.stdout.splitlines()]
        for problem in problems:
            if problem.startswith("rados ls: rbd_data"):
                run = subprocess.run(["rados", "-p", POOL, "-N", self.namespace, "listsnaps", problem.split()[2]], capture_output=True, text=True)
                problems.append(" ".join(run.stdout.split()))
        super().report(number, point, world, problems)

    def end_round(self):
        pass
