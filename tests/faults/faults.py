#!/usr/bin/env python3
"""faults.py: the n-th call of the daemon to its drivers goes wrong, for every n; everything must come to what is wanted.

  faults.py --build DIR --dir DIR [--seed S] [--faults WORD,...] [--calls WORD,...] [--rounds N] [--deadline]

Runs on a host of the test bed (96-faults.sh enters it).  A lap is the life of one machine: made with an imported disk and
a seed, stopped, changed and started, met by a new daemon, restarted, deleted.  In each of these steps one call goes
wrong, and before the next step the spool, the store, libvirt, the pool, DHCP, the ledger and the files must agree again,
exactly, and the reason must have been told.  The first lap's faults meet the first call of each step, and so on, until no
step makes so many.

  --faults    what goes wrong at a worker (faulty_worker.c): "refuse" and "deny" at every call, others at a drawn one
  --calls     what goes wrong at the store (killat.c): a drawn call of each step, once with each errno
  --deadline  a worker that hangs is found and replaced by the daemon itself
"""
import argparse, collections, contextlib, glob, http.client, mmap, os, random, re, shutil, signal, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, f"{HERE}/../crash")
import bed, crash, model
from bed import Died, PATIENCE
from look import Look

DEADLINE = 45      # seconds, times PATIENCE, until all agrees again
FAULTS = ["refuse", "deny", "swallow", "mute", "late", "die", "die-after"]
EVERY = ("refuse", "deny")
HANGS = ("swallow", "mute")
ERRNOS = ("full", "broken")     # killat.c's words for ENOSPC and EIO
DISK = ("pwrite", "fdatasync")  # calls of the database only: when one fails nothing can be stored
TROUBLE = "the disk of .* (is full|fails)|fsync below|error msg=.*(disk is full|I/O error)"
# What a fault must meet at least once, so that none is left out unnoticed.
VERBS = {"host-info", "pool-ensure", "network-ensure", "network-list", "domain-list", "network-host-list", "network-host-set", "network-host-remove",
         "volume-create", "volume-upload", "volume-delete", "import", "domain-start", "domain-destroy", "domain-remove", "log-remove"}
# Told of a host or of what is gone: in the log, where others are told in an event of the object.
LOGGED = {"host-info", "pool-ensure", "network-ensure", "network-list", "domain-list", "network-host-list", "network-host-remove", "log-remove",
          "domain-guest-info", "cpus-share"}
NAME = "vm0"
SIZE = 64          # bytes of faulty_worker.c's struct order


class Failure(Exception):
    pass


class Order:
    """The order for the workers, and what they say that they did."""

    def __init__(self, directory):
        self.path, self.trace_path, self.serial = f"{directory}.fault", f"{directory}.trace", 0
        for path, content in ((self.path, bytes(SIZE)), (self.trace_path, b"")):
            with open(path, "wb") as f:
                f.write(content)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE)

    def arm(self, fault="refuse", at=0, verb=""):
        """0: only counts; with a verb its first call is met."""
        self.map[12:16] = bytes(4)
        self.serial += 1
        with open(self.trace_path, "w"):
            pass
        self.map[:12] = struct.pack("3I", FAULTS.index(fault), at, self.serial)
        self.map[20:SIZE] = verb.encode().ljust(SIZE - 20, b"\0")
        self.map[16:20] = bytes(4)
        self.map[12:16] = struct.pack("I", 1)

    def calls(self):
        return struct.unpack("I", self.map[16:20])[0]

    def trace(self):
        """(n, verb, fault or "") of each call."""
        with open(self.trace_path) as f:
            return [(line.split(" ") + [""])[:3] for line in f.read().splitlines()]

    def met(self):
        """The verb that the fault has met, or None."""
        return next((verb for n, verb, fault in self.trace() if fault), None)


class Course:
    """One daemon, one machine, laps."""

    def __init__(self, options):
        self.options = options
        self.daemon = bed.Daemon(options.build, f"{options.build}/tests/crash/killat.so", options.dir)
        self.order = Order(options.dir)
        self.rng = random.Random(options.seed)
        self.met = collections.Counter()
        self.restarts, self.disk_fails = 0, False

    # ------------------------------------------------------------------ around it

    def begin(self):
        d, libexec = self.daemon.dir, f"{self.daemon.dir}.libexec"
        os.makedirs(libexec, exist_ok=True)
        for name in ("solovirt-host", "solovirt-import"):
            with contextlib.suppress(FileExistsError):
                os.symlink(f"{self.options.build}/tests/faults/faulty_worker", f"{libexec}/{name}")
        os.environ.update(SOLOVIRT_LIBEXEC=libexec, SOLOVIRT_FAULTY_REAL=self.options.build,
                          SOLOVIRT_FAULTY_ORDER=self.order.path, SOLOVIRT_FAULTY_TRACE=self.order.trace_path)
        for name in ("spool", "state", "run"):
            shutil.rmtree(f"{d}/{name}", ignore_errors=True)
        crash.make_images(f"{d}.images")
        self.server = subprocess.Popen([f"{HERE}/../testbed/httpd.py", f"{d}.images", "127.0.0.1:8099"],
                                       stdin=subprocess.DEVNULL, stdout=open(f"{d}.httpd", "w"), stderr=subprocess.STDOUT)
        model.SERVER = "http://127.0.0.1:8099/"
        self.daemon.configure(self.options.host, self.options.trash)
        self.daemon.start()
        with open(f"{d}.images/small.raw", "rb") as f:
            self.world = crash.World(self.daemon, self.options.trash, f.read())
        self.events = bed.EventLog(f"{d}.events")
        self.settle(0, True)

    def end(self):
        self.daemon.kill(signal.SIGTERM)
        wrong = self.events.problems()
        self.events.stop()
        self.server.kill()
        self.server.wait()
        if wrong:
            raise Failure(wrong)

    # ------------------------------------------------------------------ the steps of a lap

    def thing(self):
        return self.world.files[NAME]

    def create(self):
        thing = self.world.files[NAME] = model.Machine(NAME, random.Random(self.options.seed))
        thing.strategy, thing.image, thing.blank, thing.scratch = "Always", "small.qcow2", False, True
        thing.begin_again()
        self.world.put(thing.path, thing.text())

    def stop(self):
        self.world.verb(NAME, "stop")

    def change(self):
        thing = self.thing()
        thing.rev += 1
        thing.memory = 129 - thing.memory
        self.world.put(thing.path, thing.text())
        self.world.verb(NAME, "start")

    def restart(self):
        self.world.verb(NAME, "restart")

    def begin_again(self):
        """A new daemon and a new worker, whose preparation is calls, too; a worker killed again and again would wait longer and longer."""
        self.daemon.kill(signal.SIGTERM)
        self.daemon.start()

    def delete(self):
        self.world.remove(NAME, None)

    STEPS = [create, stop, change, begin_again, restart, delete]
    RUNS = {"stop": False, "change": True}     # steps that somebody must take again when they were refused

    @staticmethod
    def kill_workers():
        for path in glob.glob("/proc/[0-9]*/comm"):
            with contextlib.suppress(OSError):
                with open(path) as f:
                    if f.read() == "faulty_worker\n":
                        os.kill(int(path.split("/")[2]), signal.SIGKILL)

    # ------------------------------------------------------------------ convergence

    def live_again(self):
        """As the service manager would: a daemon that lost its disk under it, or could not begin on it, begins anew."""
        if not self.daemon.alive():
            if not self.disk_fails or self.daemon.process.returncode not in (-signal.SIGABRT, 1):
                raise Failure([f"the daemon ended by itself, with code {self.daemon.process.returncode}"])
            self.daemon.disconnect()
            self.daemon.start()
            self.restarts += 1

    def host_problems(self, since, needed):
        """Its worker is the last one that was started, and listed what is there."""
        lines = re.findall(rf'msg="host {self.options.host}: (.*)"', self.log_since(since))
        if lines or needed:
            return [] if lines and lines[-1].startswith("ready") else [f"the host is not ready: {lines[-1:]}"]
        return []

    def is_ready(self):
        with contextlib.closing(bed.Connection(self.daemon.socket)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def problems(self):
        look = Look(self.world)
        try:
            if not self.is_ready():
                return ["the daemon is not ready, or its store cannot be written"]
            found = look.run()
        except (ConnectionRefusedError, Died) as error:
            return [f"no answer: {error}"]
        if not found:
            look.accept()
        return found

    def settle(self, since=None, replaced=False, hang=False):
        """Waits until all agrees and no more is asked of the workers.  One that hangs is ended once that is seen."""
        end, pause, calls = time.monotonic() + DEADLINE * PATIENCE, 0.02, -1
        while True:
            self.live_again()
            if hang and self.order.met():
                self.kill_workers()
                hang = False
            found = self.host_problems(since, replaced) or self.problems()
            if not found and calls == self.order.calls():
                return
            calls = self.order.calls()
            if time.monotonic() > end:
                raise Failure(found)
            time.sleep(pause)
            pause = min(pause * 1.2, 0.15)

    def told(self, since, verb):
        """The reason was told where its reader would look."""
        text = f"fault {self.order.serial}: {verb} failed"
        logged = text in self.log_since(since)
        events = [e["message"] for e in self.daemon.ask("GET", "/api/v1/events")[1]["items"]]
        purged = verb == "volume-delete" and self.options.trash != "0s" and NAME not in self.world.files
        if not logged or (verb not in LOGGED and not purged and not any(text in e for e in events)):
            raise Failure([f'"{text}" is told {"in the log only" if logged else "nowhere"}'])

    def take(self, step, fault="refuse", at=0, verb=""):
        """One step with a fault in it; the number of calls that it made."""
        since, begin = self.log_size(), time.monotonic()
        self.world.told = [f"{step.__name__}: {fault} at {verb or f'call {at}'}"]
        self.order.arm(fault, at, verb)
        step(self)
        self.settle(since, step is Course.begin_again, fault in HANGS)
        verb = self.order.met()
        if self.options.verbose:
            print(f"   {time.monotonic() - begin:4.1f} s  {step.__name__}: {fault} at {at}: {verb}", flush=True)
        if verb:
            self.met[verb] += 1
            if fault in EVERY:
                self.told(since, verb)
        return self.order.calls()

    def complete(self, step):
        """A step that was refused is taken again, without a fault."""
        wanted = self.RUNS.get(step.__name__)
        if wanted is not None and (NAME in self.world.numbers) != wanted:
            self.daemon.arm()
            self.world.verb(NAME, "start" if wanted else "stop")
            self.settle()

    # ------------------------------------------------------------------ laps

    def count(self):
        """A lap without a fault: (calls, verbs) of each step."""
        counts = {}
        for step in self.STEPS:
            counts[step.__name__] = self.take(step), [verb for _, verb, _ in self.order.trace()]
        return counts

    def steps_of(self, at, counts):
        """A step that makes fewer calls is left out where the others do without it: a start needs a stop."""
        over = {step for step in self.STEPS if counts[step.__name__][0] < at} - {Course.create, Course.delete}
        if Course.change not in over:
            over.discard(Course.stop)
        return [step for step in self.STEPS if step not in over]

    def every(self, fault, counts):
        """The fault at every call; how often it was met."""
        faults = 0
        for at in range(1, max(calls for calls, _ in counts.values()) + 1):
            for step in self.steps_of(at, counts):
                faults += self.take(step, fault, at) >= at
        # Calls that are made side by side have no order: one may have been elsewhere each time.
        for verb in VERBS - set(self.met):
            for step in self.STEPS:
                faults += self.take(step, fault, 0, verb if verb in counts[step.__name__][1] else "") > 0 and verb in self.met
        missing = VERBS - set(self.met)
        if missing:
            raise Failure([f"{fault} was never met by {sorted(missing)}"])
        return faults

    def drawn(self, fault, counts):
        """The fault at a drawn call of each step."""
        for step in self.STEPS:
            self.take(step, fault, self.rng.randint(1, counts[step.__name__][0]))
        return len(self.STEPS)

    def deadline(self, counts):
        """Nobody but the daemon ends the worker: its shortest deadline is 20 s."""
        for step in self.STEPS:
            if step is not Course.begin_again:
                self.take(step)
                continue
            since = self.log_size()
            self.order.arm("mute", counts["begin_again"][1].index("network-host-list") + 1)
            step(self)
            end = time.monotonic() + 30 * PATIENCE
            while "network-host-list" not in self.log_since(since):
                if time.monotonic() > end:
                    raise Failure(["a worker that hangs is not found"])
                time.sleep(0.1)
            self.settle(since, True)
        return 1

    def log_size(self):
        return os.path.getsize(f"{self.daemon.dir}.log")

    def log_since(self, since):
        if since is None:
            return ""
        with open(f"{self.daemon.dir}.log", errors="replace") as f:
            f.seek(since)
            return f.read()

    def store(self, call, counts):
        """A drawn call of the daemon itself fails in each step, with one errno, then with the other."""
        faults = 0
        for word in ERRNOS:
            for step in self.STEPS:
                at, begin, since = self.rng.randint(1, counts[step.__name__]), time.monotonic(), self.log_size()
                self.world.told = [f"{step.__name__}: {call} {word} at {at}"]
                self.daemon.arm(call, at, word)
                self.disk_fails = True
                step(self)
                self.settle()
                self.disk_fails = False
                met = self.daemon.calls() >= at
                if self.options.verbose:
                    print(f"   {time.monotonic() - begin:4.1f} s  {step.__name__}: {call} {word} at {at} of {self.daemon.calls()}", flush=True)
                # What fails while a daemon ends is in the write-ahead log already, and is not told.
                if met and call in DISK and step is not Course.begin_again and \
                        not re.search(TROUBLE, self.log_since(since)):
                    raise Failure([f"{call} failed at {at}, but the log does not tell"])
                faults += met
                self.daemon.arm()
                self.complete(step)
        return faults

    def count_store(self, call):
        counts = {}
        for step in self.STEPS:
            self.daemon.arm(call, 0)
            step(self)
            self.settle()
            counts[step.__name__] = max(1, self.daemon.calls())
        self.daemon.arm()
        return counts

    # ------------------------------------------------------------------ all of them

    def one(self, name, function, *arguments):
        begin, restarts = time.monotonic(), self.restarts
        self.met.clear()
        self.take(Course.begin_again)
        faults = function(*arguments)
        if faults == 0:
            raise Failure([f"{name}: no fault was met"])
        more = f", {self.restarts - restarts} starts of the daemon" if self.restarts > restarts else ""
        print(f"{name}: {faults} faults{more}, {time.monotonic() - begin:.0f} s", flush=True)
        if self.options.verbose:
            print("  ", dict(self.met))

    def run(self):
        o = self.options
        begin = time.monotonic()
        counts = self.count()
        print(f"seed {o.seed}: {sum(c for c, _ in counts.values())} calls in {time.monotonic() - begin:.1f} s", flush=True)
        if o.verbose:
            for name, (_, verbs) in counts.items():
                print(f"   {name}: {' '.join(verbs)}")
        for fault in filter(None, o.faults.split(",")):
            if fault in EVERY:
                self.one(fault, self.every, fault, counts)
            else:
                for _ in range(o.rounds):
                    self.one(fault, self.drawn, fault, counts)
        for call in filter(None, o.calls.split(",")):
            counted = self.count_store(call)
            for _ in range(o.rounds):
                self.one(call, self.store, call, counted)
        if o.deadline:
            self.one("deadline", self.deadline, counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=os.path.realpath)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--rounds", type=int, default=1, help="of faults at drawn calls")
    parser.add_argument("--trash", default="0s")
    parser.add_argument("--faults", default="")
    parser.add_argument("--calls", default="")
    parser.add_argument("--deadline", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    course = Course(parser.parse_args())
    try:
        course.begin()
        course.run()
        course.end()
    except Failure as failure:
        for line in course.daemon.tail(40):
            print("  |", line)
        for line in course.order.trace():
            print("  >", *line)
        # last, since a runner shows the end
        print(f"FAIL seed {course.options.seed}: {course.world.told}")
        for problem in failure.args[0]:
            print("  !", problem[:400])
        course.daemon.kill()
        with contextlib.suppress(Exception):
            course.events.stop()
        course.server.kill()
        bed.scrub(course.daemon.dir)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
