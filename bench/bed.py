"""The bench's bed: one libvirt host of the test bed, a daemon on it, and what both can be asked.

Files are reached from outside of the host's namespaces (the directory is the same), commands run inside.
"""

import calendar
import glob
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)

CONFIG = """
spoolDirectory: {s}/spool
stateDirectory: {s}/state
runtimeDirectory: {run}
socket: {run}/sock
spool: {{deleteDelay: 100ms, holdCount: 1000000}}
hosts:
  - {{name: {host}, uri: "qemu:///system", emulation: always}}
overcommit: {{cpu: 100, memory: 100}}
pool: {{name: solovirt, path: {s}/pool}}
images: {{probe: false}}
network: {{name: solovirt, cidr: 10.77.0.0/16, bridge: solovirt0}}
"""


def wait(what, condition, seconds=60, step=0.005):
    """Polls until the condition holds; its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(step)


class Process:
    """What the kernel counts for a process."""

    def __init__(self, pid):
        self.pid = pid

    def _status(self, name, path="status"):
        with open(f"/proc/{self.pid}/{path}") as f:
            return int(re.search(rf"^{name}:\s+(\d+)", f.read(), re.M).group(1))

    def anonymous_mb(self):
        return self._status("RssAnon") / 1024

    def resident_mb(self):
        return self._status("VmRSS") / 1024

    def peak_mb(self):
        return self._status("VmHWM") / 1024

    def cpu_ms(self):
        """Of all threads that live now."""
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with open(path) as f:
                total += int(f.read().split()[0])
        return total / 1e6

    def wakeups(self):
        return sum(self._status("voluntary_ctxt_switches", f"task/{os.path.basename(t)}/status")
                   for t in glob.glob(f"/proc/{self.pid}/task/*"))

    def child(self, name):
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as f:
            for pid in f.read().split():
                with open(f"/proc/{pid}/comm") as comm:
                    if comm.read().strip() == name:
                        return Process(int(pid))
        return None


class Connection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Bed:
    def __init__(self, build):
        self.build = os.path.realpath(build)
        self.work = tempfile.mkdtemp(prefix="svb.", dir="/tmp")
        self.name = self.work.split(".")[-1].lower().replace("_", "x")[:6]
        self.s = f"{self.work}/s"
        self.run = f"{self.work}/run"
        self.socket = f"{self.run}/sock"
        self.daemon = None
        self.events = None
        self.residents = []  # domains that are not measured
        self.env = dict(os.environ, P=self.name, NET="10.97.0", PATH=f"{self.build}:{os.environ['PATH']}")

    # --- the host

    def up(self):
        # as /run is; before the host, which then sees it too
        os.mkdir(self.run)
        subprocess.run(["mount", "-t", "tmpfs", "bench", self.run], check=True)
        self.testbed("up", "1")
        with open(f"{self.work}/{self.name}1/init.pid") as f:
            self.init = f.read().strip()
        self.watch_domains()

    def down(self):
        self.stop()
        if self.events is not None:
            self.events.terminate()
        self.testbed("down")
        subprocess.run(["umount", "-l", self.run], check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def testbed(self, *args):
        subprocess.run([f"{ROOT}/tests/testbed/testbed.sh", self.work, *args], env=self.env, check=True,
                       stdout=subprocess.DEVNULL)

    def inside(self, *command):
        return ["nsenter", "-t", self.init, "-m", "-u", "-n", "-p", *command]

    def host(self, *command, **kwargs):
        try:
            return subprocess.run(self.inside(*command), env=self.env, check=True, text=True, capture_output=True, **kwargs).stdout
        except subprocess.CalledProcessError as error:
            sys.stderr.write(error.stderr)
            raise

    def virsh(self, *args):
        return self.host("virsh", "-q", "-c", "qemu:///system", *args)

    def libvirtd(self):
        with open(f"/proc/{self.init}/task/{self.init}/children") as f:
            for pid in f.read().split():
                with open(f"/proc/{pid}/comm") as comm:
                    if comm.read().strip() == "libvirtd":
                        return Process(int(pid))
        raise RuntimeError("libvirtd does not run")

    # --- when domains started

    def watch_domains(self):
        """libvirt's own event log is the clock for ours and for the reference."""
        self.log = f"{self.work}/events"
        self.events = subprocess.Popen(
            self.inside("stdbuf", "-oL", "virsh", "-q", "-c", "qemu:///system", "event", "--loop", "--timestamp", "--event",
                        "lifecycle"), env=self.env, stdout=open(self.log, "w"), stderr=subprocess.DEVNULL)
        time.sleep(0.5)

    def started(self, since):
        """Wall time of the start of each domain that started since."""
        found = {}
        with open(self.log) as f:
            for line in f:
                match = re.match(r"(\S+ \S+)\.(\d+)\+0000: .* domain '?(\S+?)'?: Started", line)
                if match is None:
                    continue
                at = time.strptime(match.group(1), "%Y-%m-%d %H:%M:%S")
                when = calendar.timegm(at) + int(match.group(2)) / 1000
                if when >= since - 0.002:
                    found[match.group(3)] = when
        return found

    def all_started(self, count, since, seconds=300):
        return wait(f"{count} domains", lambda: len(f := self.started(since)) >= count and f, seconds, 0.02)

    def domains(self):
        """But for those that stay while others are measured."""
        return [name for name in self.virsh("list", "--all", "--name").split() if name not in self.residents]

    def no_domains(self, seconds=300):
        wait("no domains", lambda: not self.domains(), seconds, 0.2)

    # --- the daemon

    def fresh(self, more=""):
        """A daemon that knows nothing yet; more: configuration."""
        self.stop()
        shutil.rmtree(self.s, ignore_errors=True)
        shutil.rmtree(f"{self.run}/spool", ignore_errors=True)
        for folder in ("spool", "state", "pool", "aside"):
            os.makedirs(f"{self.s}/{folder}")
        with open(f"{self.s}/solovirtd.yaml", "w") as f:
            f.write(CONFIG.format(s=self.s, run=self.run, host=self.name + "1") + more)
        self.start()

    def launch(self):
        log = open(f"{self.work}/solovirtd.log", "a")
        self.process = subprocess.Popen(self.inside(f"{self.build}/solovirtd", "--config", f"{self.s}/solovirtd.yaml"), env=self.env,
                                    stdout=log, stderr=log, start_new_session=True)
        with_pid = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        pid = wait("the daemon", lambda: open(with_pid).read().split(), 20, 0.0005)[0]
        self.daemon = Process(int(pid))

    def start(self):
        self.launch()
        wait("a ready host", self.is_ready, 60)

    def stop(self):
        if self.daemon is not None and self.process.poll() is None:
            os.kill(self.daemon.pid, 15)
            self.process.wait(60)
        self.daemon = None

    def is_ready(self):
        if self.process.poll() is not None:
            with open(f"{self.work}/solovirtd.log") as f:
                raise RuntimeError("the daemon ended: " + f.read()[-2000:])
        try:
            nodes = self.get("/api/v1/nodes")["items"]
        except OSError:
            return False
        return any(c["type"] == "Ready" and c["status"] == "True" for n in nodes for c in n["status"].get("conditions", []))

    def quiet(self, still=0.5, seconds=120):
        """Waits until the daemon has done nothing for a while; when it did the last thing (monotonic)."""
        last, spent, end = time.monotonic(), -1, time.monotonic() + seconds
        while time.monotonic() < last + still:
            now = self.daemon.cpu_ms()
            if now > spent + 0.5:
                last, spent = time.monotonic(), now
            if time.monotonic() > end:
                raise TimeoutError("the daemon never rests")
            time.sleep(0.01)
        return last

    def connect(self):
        return Connection(self.socket)

    def get_text(self, path):
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def get(self, path):
        return json.loads(self.get_text(path))

    # --- the spool

    def prepare(self, files):
        """Writes them aside, whole and old enough to be trusted."""
        for name, text in files.items():
            with open(f"{self.s}/aside/{name}", "w") as f:
                f.write(text)

    def drop(self, files):
        """Renames what was prepared into the spool; when (wall, monotonic)."""
        wall, mono = time.time(), time.monotonic()
        for name in files:
            os.rename(f"{self.s}/aside/{name}", f"{self.s}/spool/{name}")
        return wall, mono

    def lift_all(self):
        for path in glob.glob(f"{self.s}/spool/*.yaml"):
            os.unlink(path)
        wait("no machines", lambda: not self.get("/apis/kubevirt.io/v1/virtualmachines")["items"], 300, 0.2)
