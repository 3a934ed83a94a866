#!/usr/bin/env python3
"""crash.py: kills the daemon again and again, at random moments and at the n-th write, fsync, rename ..., and compares
after each time what the spool and the users asked for with what is there, exactly.  Needs root.

  crash.py [--build DIR] [--points N] [--seed S] [--beds N] [--scenario storage] [--kills KIND] [--replay POINT] [--go-on] [--keep]

One point is: a few changes, the end at some moment of it, a new start, quiet, comparison.  A round of points begins with an
empty host and ends with one.  Everything follows from the seed but time itself; --replay runs the round of one point.
Most of a point is waiting: three beds keep two cores busy.

  --kills  random: at any moment   calls: at the n-th call   worker: at the n-th call of the worker that talks to libvirt,
           with or without the worker   recovery: again while it starts   all (default)
  --scenario storage: volumes on Ceph instead of machines; storage.py says what that is, its kinds of kills are there
"""
import argparse, contextlib, glob, json, os, random, re, shutil, signal, subprocess, sys, tempfile, threading, time, traceback

import bed
import model
from bed import Died, PATIENCE
from look import Look
from model import Machine, Maps

HERE = os.path.dirname(os.path.realpath(__file__))
ROUND = 40         # points
DEADLINE = 40      # seconds, times PATIENCE, in which what is not as it should be must change
LONGEST = 300      # the same, until all agrees
ENOUGH = 1000      # points in which everything comes up
DEATHS = 1         # of libvirtd by itself on a host, each of which costs a round that is run again
PROGRESS = 30      # seconds between two lines of it
LAST_WORDS = 0.3   # seconds for a call to come after the changes
WAITS = 6          # of what points waited for, told at the end
MORE = 3           # times that more is changed, when it did not come
# Calls at which it may end, and how many of them a few changes, or a start, cost.
OFTEN = {"write": 12, "pwrite": 120, "fdatasync": 12, "sendmsg": 15, "rename": 6, "open": 6, "any": 200}
SELDOM = {"writev": 3, "unlink": 3, "ftruncate": 1, "mkdir": 2, "rmdir": 1}
AT_START = {"write": 12, "pwrite": 30, "fdatasync": 8, "sendmsg": 12, "rename": 4, "open": 12, "mkdir": 2, "ftruncate": 1,
            "any": 80, "worker connect": 5, "worker write": 40, "worker any": 80}
OF_WORKER = {"worker write": 40, "worker sendmsg": 20, "worker rename": 2, "worker open": 2, "worker unlink": 2, "worker any": 100}
REACH = {"calls": OFTEN, "random": OFTEN, "worker": OF_WORKER, "recovery": AT_START}
TURNS = ("calls", "random", "worker", "calls", "recovery")
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
VERBS = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines"
PLACES = {"VirtualMachine": VMS, "VirtualMachineInstance": VMS + "instances", "Secret": "/api/v1/namespaces/default/secrets",
          "ConfigMap": "/api/v1/namespaces/default/configmaps"}


def kill_of(point, rng, kinds, all_turns=TURNS, all_reach=REACH):
    """(kind, call, n, when) of a point: n grows with the points of its kind."""
    turns = all_turns if kinds == "all" else (kinds,)
    cycle, place = divmod(point, len(turns))
    chosen = turns[place]
    reach = all_reach[chosen]
    turn, place = divmod(cycle * turns.count(chosen) + turns[:place].count(chosen), len(reach) + (reach is OFTEN))
    if place == len(reach):
        turn, reach, place = turn // len(SELDOM), SELDOM, turn % len(SELDOM)
    call = list(reach)[place]
    n = 1 + turn * max(1, reach[call] // 40) % reach[call]
    return chosen, call, n, rng.choice(["before", "after"] + ["half"] * (call.rpartition(" ")[2] in ("write", "pwrite", "any")))


class Users:
    """Who makes changes; told: what they did since the last look."""

    bugs = ()   # codes of answers that no request of theirs may get

    def __init__(self, daemon, trash, image):
        self.daemon, self.trash, self.image = daemon, trash, image
        self.told, self.changes, self.free = [], {}, []

    def tell(self, text):
        self.told.append(text)

    def ask(self, *request):
        """True: done.  False: refused, or nobody was there.  None: nobody knows."""
        try:
            code, answer = self.daemon.ask(*request)
        except ConnectionRefusedError:
            return False
        except Died:
            return None
        self.tell(f"  {request[0]} {request[1]}: {code}")
        if code in self.bugs:
            raise Failure([f"{request}: {answer}"])
        return code < 300

    def work(self, rng):
        """One to four changes.  What needs the daemon is left out once it is dead; files change on."""
        for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
            if not self.free:
                return
            name, change = rng.choice(self.free)
            self.free = [f for f in self.free if f[0] != name]
            self.tell(f"{change.__name__} {name}")
            self.changes[change.__name__] = self.changes.get(change.__name__, 0) + 1
            change(name, random.Random(rng.random()))
            time.sleep(rng.choice([0, 0, 0.02, 0.1, 0.3]) * rng.random())


class World(Users):
    """What is wanted, and the changes that the workload makes to it."""

    def __init__(self, daemon, trash, image):
        super().__init__(daemon, trash, image)
        self.files, self.api = {}, {}
        self.uids, self.numbers, self.renewed, self.marks, self.addresses = {}, {}, {}, {}, {}

    def things(self):
        return [*self.files.values(), *self.api.values()]

    # ------------------------------------------------------------------ files

    def put(self, path, text):
        spool = f"{self.daemon.dir}/spool/"
        os.makedirs(os.path.dirname(spool + path), exist_ok=True)
        with open(f"{spool}.new", "w") as f:
            f.write(text)
        os.rename(f"{spool}.new", spool + path)

    def drop(self, name, rng):
        thing = self.files[name] = model.make(name, rng)
        self.put(thing.path, thing.text())

    def change(self, name, rng):
        thing = self.files[name]
        thing.change()
        self.put(thing.path, thing.text())

    def rename(self, name, rng):
        thing, spool = self.files[name], f"{self.daemon.dir}/spool/"
        old, thing.path = thing.path, rng.choice([f"{name}.yaml", f"{name}-{thing.rev}.yaml", f"team/{name}.yaml", f"team/b/{name}.yml"])
        os.makedirs(os.path.dirname(spool + thing.path), exist_ok=True)
        os.rename(spool + old, spool + thing.path)

    def remove(self, name, rng):
        os.unlink(f"{self.daemon.dir}/spool/{self.files.pop(name).path}")

    def blink(self, name, rng):
        """Gone for a moment: its objects may stay or be made anew."""
        thing = self.files[name]
        os.unlink(f"{self.daemon.dir}/spool/{thing.path}")
        time.sleep(rng.random() * 0.6)
        self.put(thing.path, thing.text())
        if isinstance(thing, Machine):
            thing.alternatives |= {(thing.strategy, model.first_run(thing.strategy))}
        self.may_renew([*thing.keys(), *thing.derived(), ("VirtualMachineInstance", name)], "may")

    def may_renew(self, keys, how):
        for key in keys:
            self.renewed[key] = how if how == "may" or key[0] != "VirtualMachineInstance" or key in self.uids else "may"

    # ------------------------------------------------------------------ the API

    def verb(self, name, verb):
        thing = self.files.get(name) or self.api[name]
        (strategy, run), = thing.alternatives
        done = self.ask("PUT", f"{VERBS}/{name}/{verb}", {})
        after = {"start": ("Always" if strategy == "Halted" else strategy, True), "restart": (strategy, run),
                 "stop": ("Halted" if strategy == "Always" else strategy, False)}[verb]
        if done is not False:
            thing.alternatives = {after} | (set() if done else thing.alternatives)
        if verb == "restart" and done is not False:
            self.may_renew([("VirtualMachineInstance", name)], "must" if done else "may")

    def start(self, name, rng):
        self.verb(name, "start")

    def stop(self, name, rng):
        self.verb(name, "stop")

    def restart(self, name, rng):
        self.verb(name, "restart")

    def delete_instance(self, name, rng):
        thing = self.files.get(name) or self.api[name]
        (strategy, run), = thing.alternatives
        done = self.ask("DELETE", f"{VMS}instances/{name}")
        if done is False:
            return
        thing.alternatives = {(strategy, strategy == "Always")} | (set() if done else thing.alternatives)
        self.may_renew([("VirtualMachineInstance", name)], "must" if done and strategy == "Always" else "may")

    def delete_machine(self, name, rng):
        """Of a file: comes back as the file says."""
        thing = self.files[name]
        done = self.ask("DELETE", f"{VMS}/{name}")
        if done is False:
            return
        fresh = {(thing.strategy, model.first_run(thing.strategy))}
        thing.alternatives = fresh | (set() if done else thing.alternatives)
        keys = [("VirtualMachine", name), *thing.derived()] + [("VirtualMachineInstance", name)]
        self.may_renew(keys, "must" if done else "may")

    def api_create(self, name, rng):
        thing = self.api.setdefault(name, model.make(name, rng))
        thing.present = thing.present or {}
        for document, key in zip(thing.documents(), thing.keys()):
            if key not in thing.present:
                done = self.ask("POST", PLACES[key[0]], document)
                if done is not False:
                    thing.present[key] = done
                if done is not False and key[0] == "VirtualMachine":
                    thing.begin_again()
        if not thing.present:
            del self.api[name]

    def api_change(self, name, rng):
        thing = self.api[name]
        for kind, last in reversed(thing.keys()):
            new = thing.revision(kind) + 1
            patch = {"data": {"k": str(new)}} if isinstance(thing, Maps) else {"metadata": {"labels": {"rev": str(new)}}}
            thing.patched(kind, new, self.ask("PATCH", f"{PLACES[kind]}/{last}", patch, "application/merge-patch+json"))

    def api_delete(self, name, rng):
        thing = self.api[name]
        for kind, last in reversed(thing.keys()):
            if (kind, last) in thing.present:
                done = self.ask("DELETE", f"{PLACES[kind]}/{last}")
                if done:
                    del thing.present[kind, last]
                elif done is None:
                    thing.present[kind, last] = None
                if not done:
                    return

    # ------------------------------------------------------------------ the workload

    def choices(self):
        """(name, change) that make sense now; one change a name and point, so that it is known what comes of it."""
        for name in model.FILES:
            if name not in self.files:
                yield from [(name, self.drop)] * 4
                continue
            yield from [(name, self.change)] * 3
            yield from [(name, self.remove)] * 2
            yield from ((name, self.rename), (name, self.blink))
            if isinstance(self.files[name], Machine):
                yield from ((name, self.delete_machine), (name, self.delete_instance))
        for name in model.BY_API:
            thing = self.api.get(name)
            if thing is None or len(thing.present) < len(thing.documents()):
                yield from [(name, self.api_create)] * 3
            else:
                yield from ((name, self.api_change), (name, self.api_delete))
        for name, thing in [*self.files.items(), *self.api.items()]:
            if isinstance(thing, Machine) and thing.present is None or ("VirtualMachine", name) in (thing.present or ()):
                run = next(iter(thing.alternatives))[1]
                yield from ((name, self.stop), (name, self.restart)) if run else [(name, self.start)] * 3

    def begin_point(self):
        self.free = list(self.choices())
        self.free += [f for f in self.free if "vm" in f[0] or "inst" in f[0]]      # most can go wrong there


class Failure(Exception):
    pass


class Driver:
    turns, reach, deadline, length = TURNS, REACH, DEADLINE, ROUND     # length: points of a round
    again = True    # the daemon is started again after the crash; else it was not the one that ended

    def __init__(self, options):
        self.options = options
        self.daemon = bed.Daemon(options.build, options.killat, f"{options.dir}/s")
        self.image = open(f"{options.dir}/images/small.raw", "rb").read()
        self.reached, self.changes, self.waits, self.starts = {}, {}, {}, 0
        self.deaths = 0

    def mend_libvirtd(self):
        """Whether libvirtd ended, which nothing here does to it: that is told, and it is started again as its service would."""
        with open(f"{self.options.home}/{self.options.host}/init.log") as log:
            ends = [line.strip() for line in log if line.startswith("libvirtd ended")]
        if len(ends) == self.deaths:
            return False
        self.deaths = len(ends)
        print(f"crash: {self.options.host}: {ends[-1]}, which nobody asked of it", flush=True)
        subprocess.run(["libvirtd", "-d", "-l"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return True

    def look(self, world):
        """(look, what does not agree)"""
        look = Look(world)
        try:
            return look, look.run() or self.events.differs({f"default_{name}" for name in look.instances()})
        except (ConnectionRefusedError, Died) as error:
            return look, [f"no answer: {error}"]

    def quiet(self, world):
        """Waits until all agrees.  A slow machine may take its time, as long as something changes."""
        begin = changed = seen = time.monotonic()
        pause, last = 0.02, None
        while True:
            if not self.daemon.alive():
                raise Failure(["the daemon ended by itself, with code %d" % self.daemon.process.returncode])
            look, problems = self.look(world)
            now = time.monotonic()
            if not problems:
                break
            changed = changed if problems == last else now
            self.waited(re.sub(r"[\w.:/-]*\d[\w.:/-]*", "#", str(problems[0]))[:100], now - seen)
            seen = now
            if now > changed + self.deadline * PATIENCE or now > begin + LONGEST * PATIENCE:
                named = [bed.described(p.split()[3].rstrip(",")) for p in problems if p.startswith("processes: ")]
                raise Failure([*problems, *sum(named, []), f"({now - begin:.0f} s after the start, the same for {now - changed:.0f} s)"])
            last = problems
            time.sleep(pause)
            pause = min(pause * 1.2, 0.15)
        self.waited("(the look that found nothing)", now - seen)
        self.agreed(look)
        self.waited("(what is in volumes)", time.monotonic() - now)

    def waited(self, words, seconds):
        """Where the time of a run goes: what was wrong, without names and numbers, or what was done."""
        self.waits[words] = self.waits.get(words, 0) + seconds

    def agreed(self, look):
        look.accept()

    def kill_later(self, seconds):
        timer = threading.Timer(seconds, lambda: self.daemon.process.send_signal(signal.SIGKILL))
        timer.daemon = True
        timer.start()
        return timer

    def crash(self, world, point, rng):
        kind, call, n, when = kill_of(point, rng, self.options.kills, self.turns, self.reach)
        moment = rng.random() * rng.choice([0.2, 0.6, 1.5])
        world.told = [f"kill: {kind} {moment:.3f}" if kind.endswith("random") else f"kill: {kind} {call} {n} {when}"]
        begin = time.monotonic()
        world.begin_point()
        {"random": self.crash_at_random, "worker-random": self.crash_at_random, "recovery": self.crash_twice}.get(
            kind, self.crash_at_call)(world, rng, kind, moment, (call, n, when))
        if self.again:
            self.daemon.arm()
            self.daemon.start()
        self.waited("(changes, until the end comes)", time.monotonic() - begin)

    def crash_at_random(self, world, rng, kind, moment, order):
        timer = self.kill_later(moment)
        world.work(rng)
        timer.join()
        self.daemon.kill()
        self.count(kind, "", True)

    def crash_at_call(self, world, rng, kind, moment, order):
        self.daemon.arm(*order)
        for _ in range(1 + MORE):
            world.work(rng)
            reached = self.daemon.wait_dead(LAST_WORDS)
            if reached:
                break
        self.daemon.kill()
        self.count(kind, order[0], reached)

    def crash_twice(self, world, rng, kind, moment, order):
        world.work(rng)
        self.daemon.wait_dead(moment)
        self.daemon.kill()
        self.daemon.arm(*order)
        self.daemon.start()
        reached = self.daemon.wait_dead(2 * LAST_WORDS)
        self.daemon.kill()
        self.count(kind, order[0], reached)

    def count(self, kind, call, reached):
        entry = self.reached.setdefault(call if kind == "worker" else f"{kind} {call}".strip(), [0, 0])
        entry[0] += 1
        entry[1] += reached

    def close_round(self, world):
        """Everything is taken away, and nothing may be left."""
        self.daemon.arm()
        for name in list(world.files):
            world.remove(name, None)
        while world.api:
            for name in list(world.api):
                world.api_delete(name, None)
                if not world.api[name].present:
                    del world.api[name]
        world.told = ["end of the round"]
        self.quiet(world)
        self.daemon.kill(signal.SIGTERM)
        wrong = self.events.problems() + self.two_lives()
        if wrong:
            raise Failure(wrong)

    def two_lives(self):
        """What speaks against one QEMU for each instance: by libvirt's logs, which must know of all that it reported."""
        starts = bed.starts_by_uid()
        wrong = [f"instance {uid} was started {len(times)} times: {'; '.join(times)}" for uid, times in starts.items() if len(times) > 1]
        told = sum(len(times) for times in starts.values())
        if told < self.events.starts:
            wrong.append(f"libvirt reported {self.events.starts} starts, its logs of domains tell of {told}")
        return wrong

    def begin_round(self, number):
        rng = random.Random(f"{self.options.seed}/round {number}")
        trash = rng.choice(["0s", "0s", "0s", "1h", "1s"])
        for name in ("spool", "state", "run"):
            shutil.rmtree(f"{self.daemon.dir}/{name}", ignore_errors=True)
        for name in os.listdir(f"{self.daemon.dir}/pool") if os.path.isdir(f"{self.daemon.dir}/pool") else []:
            os.unlink(f"{self.daemon.dir}/pool/{name}")
        for path in glob.glob(f"{bed.LOGS}/*.log"):
            os.unlink(path)
        bed.virsh("pool-refresh solovirt")
        self.daemon.configure(self.options.host, trash)
        self.events = bed.EventLog(f"{self.options.dir}/events.{number}")
        self.daemon.arm()
        self.daemon.start()
        world = World(self.daemon, trash, self.image)
        world.told = ["begin of the round"]
        return world

    def run_round(self, number, points):
        """How many points went well."""
        good, point, world = 0, None, None
        try:
            world = self.begin_round(number)
            self.quiet(world)
            for point in points:
                if os.path.exists(f"{self.options.dir}/stop"):
                    break
                self.crash(world, point, random.Random(f"{self.options.seed}/{point}"))
                self.quiet(world)
                good += 1
                print("POINT", flush=True)
            point = None
            self.close_round(world)
        except Exception as failure:    # also when the disk is full or libvirt does not answer: where that was is told
            self.mend_libvirtd()
            self.report(number, point, world, failure.args[0] if isinstance(failure, Failure) else traceback.format_exc().splitlines())
            self.daemon.kill()
            self.scrub()
            good = -good - 1
        self.end_round()
        self.add(world)
        return good

    def scrub(self):
        bed.scrub(self.daemon.dir)

    def end_round(self):
        self.events.stop()
        self.starts += self.events.starts

    def add(self, world):
        """What was done in a round, for the account at the end."""
        for name, times in world.changes.items() if world else ():
            self.changes[name] = self.changes.get(name, 0) + times

    def report(self, number, point, world, problems):
        where = f"point {point}" if point is not None else f"the end of round {number}"
        replay = point if point is not None else (number + 1) * self.length - 1
        trash = f" (trash {world.trash})" if world else ""
        lines = [f"FAIL seed {self.options.seed} {where}{trash}; again with: tests/crash/crash.py --build {self.options.build} "
                 f"--seed {self.options.seed} --scenario {self.options.scenario} --kills {self.options.kills} --replay {replay}"]
        lines += [f"    {line}" for line in (world.told if world else [])]
        lines += [f"  ! {problem[:400]}" for problem in problems]
        lines += [f"  | {line}" for line in self.daemon.tail()]
        print("\n".join(lines), flush=True)

    def run(self):
        o, n = self.options, self.length
        failures = total = 0
        if o.replay is not None:
            rounds = [(o.replay // n, range(o.replay // n * n, o.replay + 1))]
        else:
            rounds = [(r, range(r * n, min((r + 1) * n, o.points))) for r in range((o.points + n - 1) // n)]
            rounds = rounds[o.bed::o.beds]
        for number, points in rounds:
            deaths = self.deaths
            good = self.run_round(number, points)
            if good < 0 and deaths < self.deaths <= DEATHS:
                good = self.run_round(number, points)
            total += good if good >= 0 else -good - 1
            failures += good < 0
            if failures and not o.go_on or os.path.exists(f"{o.dir}/stop"):
                break
        account = {"points": total, "failures": failures, "changes": self.changes, "reached": self.reached, "waits": self.waits,
                   "starts": self.starts}
        print("RESULT", json.dumps(account), flush=True)
        return failures


# ------------------------------------------------------------------ around the host

def make_images(directory):
    """A small disk of which no two sectors are alike, in three wrappings."""
    os.makedirs(directory, exist_ok=True)
    raw = f"{directory}/small.raw"
    with open(raw, "wb") as f:
        f.write(random.Random("image").randbytes(1 << 20))
    subprocess.run(["gzip", "-1kf", raw], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, f"{directory}/small.qcow2"], check=True)


class Outside:
    """Starts one bed, and the driver inside of it.  home: another one in whose bed it is, or None."""

    def __init__(self, options, number, home=None):
        self.dir = f"{home.dir}/{number}" if home else tempfile.mkdtemp(prefix="svc.", dir="/tmp")
        self.number, self.options, self.home = number, options, home or self
        self.driver = self.server = None
        self.prefix = self.home.dir.rpartition(".")[2].lower().replace("_", "x")[:6]
        self.environment = dict(os.environ, P=self.prefix, KVM="0", CEPH=str(int(options.scenario == "storage")))

    def testbed(self, *words, **more):
        return subprocess.Popen([f"{HERE}/../testbed/testbed.sh", self.home.dir, *words], env=self.environment,
                                stdin=subprocess.DEVNULL, **more)

    def start(self):
        make_images(f"{self.dir}/images")
        if self.home is self:
            if self.testbed("up", "1").wait() != 0:
                raise SystemExit("crash: the test bed does not come up")
            self.server = self.testbed("in", "hub", f"{HERE}/../testbed/httpd.py", f"{self.dir}/images", "10.98.0.254:8080",
                                       stdout=open(f"{self.dir}/httpd.log", "w"), stderr=subprocess.STDOUT)
        arguments = ["--inside", "--dir", self.dir, "--home", self.home.dir, "--host", f"{self.prefix}1", "--bed", str(self.number)]
        self.driver = self.testbed("in", "1", sys.executable, os.path.realpath(__file__), *sys.argv[1:], *arguments,
                                   "--seed", str(self.options.seed), "--build", self.options.build, "--killat", self.options.killat,
                                   "--beds", str(self.options.beds), stdout=subprocess.PIPE, text=True)

    def stop(self):
        if self.driver:
            self.driver.kill()
        if self.home is not self:
            return
        self.testbed("down", stderr=subprocess.DEVNULL).wait()
        if self.server:
            self.server.wait()
        if self.options.keep:
            print("kept:", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def make_beds(options):
    """A Ceph is heavy: there it is one bed for all drivers."""
    beds = [Outside(options, 0)]
    return beds + [Outside(options, i, beds[0] if options.scenario == "storage" else None) for i in range(1, options.beds)]


def find_killat(options):
    made, source = f"{options.build}/tests/crash/killat.so", f"{HERE}/killat.c"
    if options.killat:
        return options.killat
    if os.path.exists(made) and os.path.getmtime(made) > os.path.getmtime(source):
        return made
    made = tempfile.mkdtemp(prefix="killat.") + "/killat.so"
    subprocess.run(["cc", "-std=gnu17", "-O2", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made


class Account:
    """What the beds tell, added up, and a line of it now and then."""

    def __init__(self, options):
        self.options, self.results, self.points = options, [], 0
        self.begin = self.told = time.monotonic()
        self.lock = threading.Lock()

    def relay(self, outside, beds):
        """Runs in a thread for each bed.  The first that fails ends the others, too, after their points."""
        result = None
        for line in outside.driver.stdout:
            with self.lock:
                if line.startswith("RESULT "):
                    result = json.loads(line.split(None, 1)[1])
                elif line == "POINT\n":
                    self.point()
                else:
                    print(line, end="", flush=True)
        outside.driver.wait()
        if not self.options.go_on and (result is None or result["failures"]):
            for other in beds:
                open(f"{other.dir}/stop", "w").close()
        with self.lock:     # one that did not come to its own end has failed
            self.results.append(result or {"points": 0, "failures": 1, "changes": {}, "reached": {}, "waits": {}, "starts": 0})

    def point(self):
        self.points += 1
        now = time.monotonic()
        if now < self.told + PROGRESS:
            return
        self.told = now
        print(f"crash: {self.points} of {self.options.points} points, {self.points / (now - self.begin):.2f} a second", flush=True)

    def sum(self, what):
        """name -> number, or list of numbers, of all beds together"""
        total = {}
        for result in self.results:
            for name, numbers in result[what].items():
                numbers = numbers if isinstance(numbers, list) else [numbers]
                total[name] = [a + b for a, b in zip(total.get(name, [0] * len(numbers)), numbers)]
        return dict(sorted(total.items()))

    def missing(self, changes, reached):
        """What a run of this length must have had, else it says less than it seems to."""
        if self.options.scenario == "storage":
            return sorted({"create", "grow", "delete"} - set(changes))
        wanted = {"change", "remove", "drop", "start", "stop", "restart", "delete_machine", "delete_instance", "api_create", "api_delete"}
        wanted |= {f"end at {name}" for name in reached}
        return sorted(wanted - set(changes) - {f"end at {name}" for name, (_, n) in reached.items() if n})

    def close(self):
        """How many failed."""
        points, failures, starts = (sum(r[what] for r in self.results) for what in ("points", "failures", "starts"))
        changes, reached = self.sum("changes"), self.sum("reached")
        print("crash: changes:", ", ".join(f"{name} {n}" for name, (n,) in changes.items()), f"; libvirt started {starts} domains")
        print("crash: ended at (reached, of):", ", ".join(f"{name} {n}/{m}" for name, (m, n) in reached.items()))
        waits = sorted(((seconds, what) for what, (seconds,) in self.sum("waits").items()), reverse=True)[:WAITS]
        print("crash: waited longest for (seconds):", "; ".join(f"{seconds:.0f} {what}" for seconds, what in waits))
        for what in self.missing(changes, reached) if points >= ENOUGH else ():
            print("crash: in so many points there was no", what)
            failures += 1
        print(f"crash: seed {self.options.seed}: {points} points passed, {failures} failed, {time.monotonic() - self.begin:.0f} s")
        return failures


def outside(options):
    options.killat = find_killat(options)
    if options.replay is not None:
        options.beds, options.points = 1, options.replay % driver_of(options).length + 1
    print(f"crash: seed {options.seed}", flush=True)
    beds, account = make_beds(options), Account(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        for b in beds:
            b.start()
        threads = [threading.Thread(target=account.relay, args=(b, beds), daemon=True) for b in beds]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        for b in reversed(beds):
            b.stop()
    return 1 if account.close() else 0


def driver_of(options):
    if options.scenario == "storage":
        import storage
        return storage.Driver
    return Driver


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.realpath(f"{HERE}/../../build"), type=os.path.realpath)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--beds", type=int, default=3)
    parser.add_argument("--scenario", choices=["machines", "storage"], default="machines")
    parser.add_argument("--kills", default="all")
    parser.add_argument("--replay", type=int)
    for flag in ("--go-on", "--keep", "--inside"):
        parser.add_argument(flag, action="store_true")
    for internal in ("--killat", "--dir", "--home", "--host"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--bed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("crash: the test bed needs root")
    reach = driver_of(options).reach
    if options.kills not in ("all", *reach):
        parser.error(f"--kills: {options.kills} is none of {', '.join(('all', *reach))}")
    return driver_of(options)(options).run() > 0 if options.inside else outside(options)


if __name__ == "__main__":
    sys.exit(main())
