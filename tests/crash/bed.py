"""One test bed: a host in namespaces with libvirt, an image server beside it, and the daemon that gets killed.

Everything here runs inside of the host's namespaces (crash.py enters them), so paths and processes are the host's.
"""
import contextlib, ctypes, glob, http.client, json, mmap, os, re, shutil, signal, socket, sqlite3, struct, subprocess, time
import xml.etree.ElementTree as ElementTree

PATIENCE = float(os.environ.get("PATIENCE", "1"))
CALLS = ["write", "pwrite", "writev", "send", "sendmsg", "fsync", "fdatasync", "rename", "unlink", "connect", "ftruncate", "open",
         "mkdir", "rmdir", "any"]
WHENS = ["before", "after", "half", "full", "broken"]
WHO = {"": 0, "worker": 1, "rbd": 2, "import": 3}
ORDER = 28      # bytes of killat.c's struct order
LOGS = "/var/log/libvirt/qemu"


class Died(Exception):
    """The daemon did not answer: what was asked of it may have been done or not."""


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20 * PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """solovirtd, to be started, killed and asked."""

    def __init__(self, build, killat, directory):
        self.build, self.killat, self.dir = build, killat, directory
        self.socket = f"{directory}/run/sock"
        self.process = self.connection = None
        self.log = open(f"{directory}.log", "ab")
        self.order_path = f"{directory}.order"
        with open(self.order_path, "wb") as f:
            f.write(bytes(ORDER))
        with open(self.order_path, "r+b") as f:
            self.order = mmap.mmap(f.fileno(), ORDER)

    def configure(self, host, trash, **more):
        for name in ("spool", "state", "run", "pool"):
            os.makedirs(f"{self.dir}/{name}", exist_ok=True)
        with open(f"{self.dir}/solovirtd.yaml", "w") as f:
            json.dump({"spoolDirectory": f"{self.dir}/spool", "stateDirectory": f"{self.dir}/state",
                       "runtimeDirectory": f"{self.dir}/run", "socket": self.socket, "trash": trash,
                       "spool": {"scanInterval": "300ms", "settle": "20ms", "deleteDelay": "100ms", "holdCount": 1000000},
                       "hosts": [{"name": host, "uri": "qemu:///system", "emulation": "always"}],
                       "overcommit": {"cpu": "1000", "memory": "100"},
                       "pool": {"name": "solovirt", "path": f"{self.dir}/pool"}, "images": {"probe": False},
                       "network": {"name": "solovirt", "bridge": "solovirt0", "cidr": "192.168.77.0/24"}, **more}, f)

    def arm(self, call=None, at=0, when="before", alone=False):
        """Orders the end at a call, "write", or "worker write", "rbd write", "import write" for one of the worker that talks to
        libvirt, to Ceph, that imports; alone: the daemon goes on without it.  Without arguments takes the order back."""
        who, _, call = (call or "").rpartition(" ")
        self.order[12:16] = struct.pack("I", 0)
        self.order[:12] = struct.pack("3I", CALLS.index(call) if call else 0, at, WHENS.index(when))
        self.order[16:28] = struct.pack("3I", 0, WHO[who], alone)
        self.order[12:16] = struct.pack("I", call != "")

    def is_armed(self):
        return self.order[12:16] != bytes(4)

    def calls(self):
        """How many were counted since the order was given."""
        return struct.unpack("I", self.order[16:20])[0]

    def start(self):
        environment = dict(os.environ, LD_PRELOAD=self.killat, SOLOVIRT_KILL_FILE=self.order_path)
        self.log.write(f"---- start {time.time():.3f}\n".encode())
        self.log.flush()
        self.process = subprocess.Popen([f"{self.build}/solovirtd", "--config", f"{self.dir}/solovirtd.yaml"], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_dead(self, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.alive()

    def kill(self, number=signal.SIGKILL):
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.wait(60 * PATIENCE)
        self.disconnect()

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body=None, content="application/json"):
        """(code, tree); ConnectionRefusedError or FileNotFoundError when nobody was there, Died when nobody answered."""
        if self.connection is None:
            self.connection = Connection(self.socket)
            try:
                self.connection.connect()
            except OSError as error:
                self.connection = None
                raise ConnectionRefusedError from error
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": content})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.disconnect()
            raise Died(str(error)) from error
        return answer.status, json.loads(text) if text else None

    def tail(self, lines=25):
        with open(f"{self.dir}.log", "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 20000))
            return [re.sub(r"^time=[^T]*T([^Z]*)Z level=(\w+) program=\S+ ", r"\1 \2 ", line)[:300]
                    for line in f.read().decode(errors="replace").splitlines()[-lines:]]


# ------------------------------------------------------------------ what libvirt says

def virsh(*commands):
    """Output of each command; one process for all."""
    script = "; echo @@@; ".join(commands)
    run = subprocess.run(["virsh", "-q", "-c", "qemu:///system", script], capture_output=True, text=True, timeout=120 * PATIENCE)
    return [part.strip("\n") for part in run.stdout.split("@@@")]


class Libvirt:
    """What there is, asked of libvirt's library: a virsh needs a tenth of a second to start, and every look would need two."""

    STATES = ["no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended"]

    def __init__(self):
        self.lib, self.free, self.connection = ctypes.CDLL("libvirt.so.0"), ctypes.CDLL(None).free, None
        self.free.argtypes = [ctypes.c_void_p]
        self.silent = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: None)
        self.lib.virSetErrorFunc(None, self.silent)

    def call(self, name, *arguments):
        """A function that takes and gives pointers."""
        function = getattr(self.lib, name)
        function.restype = ctypes.c_void_p
        return function(*(ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments))

    def text(self, name, *arguments):
        """What a function gives to its caller; "" when it fails."""
        found = self.call(name, *arguments)
        value = ctypes.string_at(found).decode() if found else ""
        self.free(found)
        return value

    def all(self, name, owner):
        """What a function lists; None when it fails."""
        pointer = ctypes.POINTER(ctypes.c_void_p)()
        count = getattr(self.lib, name)(ctypes.c_void_p(owner), ctypes.byref(pointer), ctypes.c_uint(0))
        if count < 0:
            return None
        found = [pointer[i] for i in range(count)]
        self.free(ctypes.cast(pointer, ctypes.c_void_p))
        return found

    def name(self, function, thing):
        return ctypes.string_at(self.call(function, thing)).decode()

    def open(self):
        """The domains; a connection that is lost is made anew."""
        for _ in range(2):
            self.connection = self.connection or self.call("virConnectOpen", b"qemu:///system")
            found = self.all("virConnectListAllDomains", self.connection) if self.connection else None
            if found is not None:
                return found
            if self.connection:
                self.lib.virConnectClose(ctypes.c_void_p(self.connection))
            self.connection = None
        raise RuntimeError("libvirt does not answer")

    def domains(self):
        """(name, state, XML)"""
        for domain in self.open():
            state = ctypes.c_int(0)
            self.lib.virDomainGetState(ctypes.c_void_p(domain), ctypes.byref(state), None, ctypes.c_uint(0))
            yield self.name("virDomainGetName", domain), self.STATES[state.value], self.text("virDomainGetXMLDesc", domain, 0)
            self.lib.virDomainFree(ctypes.c_void_p(domain))

    def network(self, name):
        network = self.call("virNetworkLookupByName", self.connection, name)
        xml = self.text("virNetworkGetXMLDesc", network, 0) if network else ""
        if network:
            self.lib.virNetworkFree(ctypes.c_void_p(network))
        return xml

    def volumes(self, name):
        pool = self.call("virStoragePoolLookupByName", self.connection, name)
        names = set()
        for volume in (self.all("virStoragePoolListAllVolumes", pool) or []) if pool else []:
            names.add(self.name("virStorageVolGetName", volume))
            self.lib.virStorageVolFree(ctypes.c_void_p(volume))
        if pool:
            self.lib.virStoragePoolFree(ctypes.c_void_p(pool))
        return names


libvirt = Libvirt()


class Domain:
    def __init__(self, name, state, xml):
        root = ElementTree.fromstring(xml)
        self.name, self.state, self.id = name, state, int(root.get("id", "-1"))
        metadata = root.find("metadata")
        texts = {} if metadata is None else {e.tag.rpartition("}")[2]: e for e in metadata.iter()}
        self.uid = next((e.get("uid") or e.text for t, e in texts.items() if e.get("uid") or t == "uid"), None)
        self.macs = {e.get("address") for e in root.findall("devices/interface/mac")}
        self.disks = {e.get("file") for e in root.findall("devices/disk/source")}


def domains():
    found, network, listed = list(libvirt.domains()), libvirt.network(b"solovirt"), libvirt.volumes(b"solovirt")
    hosts = set()
    if network.strip():
        hosts = {(e.get("mac"), e.get("ip")) for e in ElementTree.fromstring(network).iter("host")}
        hosts -= {("02:00:00:00:00:00", "192.168.77.1")}    # nobody's: makes dnsmasq serve known hosts only
    # where the worker keeps the entries in files: mac_ip
    hosts |= {tuple(os.path.basename(path).split("_", 1)) for path in glob.glob("/var/lib/libvirt/dnsmasq/solovirt.solovirt/*")}
    return {name: Domain(name, state, xml) for name, state, xml in found if xml}, hosts, listed


class EventLog:
    """Libvirt's own account of what started and stopped, kept by a process that outlives every daemon."""

    PROBE = "<domain type='qemu'><name>probe</name><memory>1024</memory><os><type>hvm</type></os></domain>"

    def __init__(self, path):
        self.live, self.starts, self.wrong, self.rest = set(), 0, [], ""
        self.process = subprocess.Popen(["virsh", "-c", "qemu:///system", "event", "--loop", "--timestamp", "--event", "lifecycle"],
                                        stdin=subprocess.DEVNULL, stdout=open(path, "ab"), stderr=subprocess.DEVNULL)
        self.file = open(path)
        self.await_first(path)

    def await_first(self, path):
        """Until it hears of a domain that is made for it: from then on it misses nothing."""
        with open(f"{path}.xml", "w") as f:
            f.write(self.PROBE)
        end = time.monotonic() + 60 * PATIENCE
        while "'probe'" not in open(path).read():
            if time.monotonic() > end:
                raise TimeoutError("virsh event hears nothing")
            virsh(f"define {path}.xml", "undefine probe")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.file.close()

    def read(self):
        """Takes over what is new: which live, how many started, and what is wrong, such as one that started twice."""
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for line in lines:
            found = re.match(r"(\S+ \S+): event 'lifecycle' for domain '?([^':]+)'?: (Started|Stopped)\b", line)
            if not found:
                continue
            when, name, what = found.groups()
            if (name in self.live) == (what == "Started"):
                self.wrong.append(f"domain {name}: {what} twice at {when}")
            self.starts += what == "Started"
            (self.live.add if what == "Started" else self.live.discard)(name)

    def problems(self):
        self.read()
        return self.wrong

    def differs(self, wanted):
        """What it says beside the domains that shall live: a log that misses something must not be believed."""
        self.read()
        return [] if self.live == wanted else [f"event log: {sorted(self.live)} live, not {sorted(wanted)}"]


def starts_by_uid():
    """When QEMU was started for each instance, and how that ended: the names of its own volumes tell whose it was.  A start that
    libvirt itself gave up never let the guest run, and is tried again."""
    starts = {}
    for path in glob.glob(f"{LOGS}/*.log"):
        if path.endswith(".console.log"):
            continue
        for part in re.split(r"(?m)^(?=\S+ \S+: starting up libvirt version)", open(path, errors="replace").read())[1:]:
            ends = re.findall(r"shutting down, reason=(\w+)", part)
            for uid in set(re.findall(r"/seed-([0-9a-f-]{36})-", part)):
                if ends != ["failed"]:
                    starts.setdefault(uid, []).append(f"{part.split('+', 1)[0]} ({', '.join(ends) or 'runs'})")
    return starts


def processes():
    """Names of what runs on the host -> how often; zombies do not count."""
    count = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = open(path).read()
            name, state = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2]
            if state != "Z":
                count[name] = count.get(name, 0) + 1
    return count


def described(name):
    """What is known of the processes of a name: for whoever has to find out why there is one too many."""
    told = []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            text = open(f"{path}/stat").read()
            if text[text.index("(") + 1:text.rindex(")")] != name:
                continue
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            threads = [f"{open(t + '/stat').read().rsplit(')', 1)[1].split()[0]} {open(t + '/wchan').read()}" for t in glob.glob(f"{path}/task/*")]
            told.append(f"{os.path.basename(path)} {state} of {parent}, threads: {', '.join(threads)}; {open(path + '/cmdline').read()}".replace("\0", " "))
    return told


def database(directory, copy):
    """Ledger and trash as they are on disk: (owner -> (ip, mac)), volumes in the trash."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy + suffix)
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{directory}/state/solovirt.db{suffix}", copy + suffix)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        ledger = {row[0]: (row[1], row[2]) for row in db.execute("SELECT owner, ip, mac FROM address WHERE released = 0")}
        trash = {json.loads(row[0])["volume"] for row in db.execute("SELECT value FROM record WHERE bucket = 'trash'")}
    return ledger, trash


def scrub(directory):
    """Takes everything away by hand, after a failure."""
    names = virsh("list --all --name")[0].split()
    virsh(*[f"destroy {n}" for n in names], *[f"undefine {n} --nvram" for n in names], "net-destroy solovirt", "net-undefine solovirt")
    for path in glob.glob(f"{directory}/*/") + glob.glob(f"{LOGS}/*.log"):
        shutil.rmtree(path) if path.endswith("/") and not path.endswith("/pool/") else path.endswith(".log") and os.unlink(path)
    for path in glob.glob(f"{directory}/pool/*") + glob.glob("/var/lib/libvirt/dnsmasq/solovirt.solovirt/*"):
        os.unlink(path)
    virsh("pool-refresh solovirt")
