#!/usr/bin/env python3
"""crash.py: kills the daemon again and again, at random moments and at the n-th write, fsync, rename ..., and compares
after each time what the spool and the users asked for with what is there, exactly.  Needs root.

  crash.py [--build DIR] [--points N] [--seed S] [--beds N] [--kills KIND] [--replay POINT] [--go-on] [--keep]

One point is: a few changes, the end at some moment of it, a new start, quiet, comparison.  ROUND points begin with an
empty host and end with one.  Everything follows from the seed but time itself; --replay runs the round of one point.

  --kills  random: at any moment   calls: at the n-th call   recovery: again while it starts   all (default)
"""
import argparse, contextlib, json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time

import bed
import model
from bed import Died, PATIENCE
from look import Look
from model import Machine, Maps

HERE = os.path.dirname(os.path.realpath(__file__))
ROUND = 40
DEADLINE = 60      # seconds, times PATIENCE, until all agrees again
# Calls at which it may end, and how many of them a few changes, or a start, cost.
OFTEN = {"write": 12, "pwrite": 120, "fdatasync": 12, "sendmsg": 15, "rename": 6, "open": 6, "any": 200}
SELDOM = {"writev": 3, "unlink": 3, "fsync": 2, "ftruncate": 2, "mkdir": 2, "rmdir": 1, "connect": 1, "send": 1}
AT_START = {"write": 12, "pwrite": 30, "fdatasync": 8, "sendmsg": 12, "rename": 4, "open": 12, "mkdir": 2, "any": 80}
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
VERBS = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines"
PLACES = {"VirtualMachine": VMS, "VirtualMachineInstance": VMS + "instances", "Secret": "/api/v1/namespaces/default/secrets",
          "ConfigMap": "/api/v1/namespaces/default/configmaps"}


def kill_of(point, rng, kinds):
    """(kind, call, n, when) of a point: n grows with the points."""
    chosen = kinds if kinds != "all" else ("calls", "random", "calls", "recovery")[point % 4]
    step = point // (2 if chosen == "calls" else 4) if kinds == "all" else point
    reach = AT_START if chosen == "recovery" else OFTEN
    turn, place = divmod(step, len(reach) + (chosen == "calls"))
    if place == len(reach):
        turn, reach, place = turn // len(SELDOM), SELDOM, turn % len(SELDOM)
    call = list(reach)[place]
    n = 1 + turn * max(1, reach[call] // 40) % reach[call]
    return chosen, call, n, rng.choice(["before", "after"] + ["half"] * (call in ("write", "pwrite", "any")))


class World:
    """What is wanted, and the changes that the workload makes to it."""

    def __init__(self, daemon, seed, trash, image):
        self.daemon, self.trash, self.image = daemon, trash, image
        self.files, self.api = {}, {}
        self.uids, self.numbers, self.renewed, self.marks, self.addresses = {}, {}, {}, {}, {}
        self.told = []

    def things(self):
        return [*self.files.values(), *self.api.values()]

    def tell(self, text):
        self.told.append(text)

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

    def ask(self, *request):
        """True: done.  False: refused, or nobody was there.  None: nobody knows."""
        try:
            code, answer = self.daemon.ask(*request)
        except ConnectionRefusedError:
            return False
        except Died:
            return None
        self.tell(f"  {request[0]} {request[1]}: {code}")
        return code < 300

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

    def work(self, rng):
        """One to four changes.  What needs the daemon is left out once it is dead; files change on."""
        free = list(self.choices())
        free += [f for f in free if "vm" in f[0] or "inst" in f[0]]      # most can go wrong there
        for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
            name, change = rng.choice(free)
            free = [f for f in free if f[0] != name]
            self.tell(f"{change.__name__} {name}")
            change(name, random.Random(rng.random()))
            time.sleep(rng.choice([0, 0, 0.02, 0.1, 0.3]) * rng.random())


class Failure(Exception):
    pass


class Driver:
    def __init__(self, options):
        self.options = options
        self.daemon = bed.Daemon(options.build, options.killat, f"{options.dir}/s")
        self.image = open(f"{options.dir}/images/small.raw", "rb").read()
        self.reached = {}

    def quiet(self, world, point):
        """Waits until all agrees."""
        end = time.monotonic() + DEADLINE * PATIENCE
        pause, look = 0.02, None
        while True:
            if not self.daemon.alive():
                raise Failure(["the daemon ended by itself, with code %d" % self.daemon.process.returncode])
            look = Look(world)
            try:
                problems = look.run()
            except (ConnectionRefusedError, Died) as error:
                problems = [f"no answer: {error}"]
            if not problems:
                break
            if time.monotonic() > end:
                raise Failure(problems)
            time.sleep(pause)
            pause = min(pause * 1.2, 0.15)
        look.accept()

    def kill_later(self, seconds):
        timer = threading.Timer(seconds, lambda: self.daemon.process.send_signal(signal.SIGKILL))
        timer.daemon = True
        timer.start()
        return timer

    def crash(self, world, point, rng):
        kind, call, n, when = kill_of(point, rng, self.options.kills)
        moment = rng.random() * rng.choice([0.2, 0.6, 1.5])
        world.told = [f"kill: {kind} {moment:.3f}" if kind == "random" else f"kill: {kind} {call} {n} {when}"]
        if kind == "random":
            timer = self.kill_later(moment)
            world.work(rng)
            timer.join()
        else:
            if kind == "calls":
                self.daemon.arm(call, n, when)
            world.work(rng)
            reached = self.daemon.wait_dead(moment if kind == "recovery" else 0.5)
            self.count(call, kind, reached)
        self.daemon.kill()
        if kind == "recovery":
            self.daemon.arm(call, n, when)
            self.daemon.start()
            self.count(call, "recovery", self.daemon.wait_dead(0.5))
            self.daemon.kill()
        self.daemon.arm()
        self.daemon.start()

    def count(self, call, kind, reached):
        entry = self.reached.setdefault(f"{kind} {call}", [0, 0, 0])
        entry[0] += 1
        entry[1] += reached
        entry[2] = max(entry[2], self.daemon.calls())

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
        self.quiet(world, None)
        self.daemon.kill(signal.SIGTERM)
        wrong = self.events.problems()
        wrong += [f"instance {uid} was started {n} times" for uid, n in bed.starts_by_uid().items() if n > 1]
        if wrong:
            raise Failure(wrong)

    def begin_round(self, number):
        rng = random.Random(f"{self.options.seed}/round {number}")
        trash = rng.choice(["0s", "0s", "0s", "1h", "1s"])
        for name in ("spool", "state", "run"):
            shutil.rmtree(f"{self.daemon.dir}/{name}", ignore_errors=True)
        for name in os.listdir(f"{self.daemon.dir}/pool") if os.path.isdir(f"{self.daemon.dir}/pool") else []:
            os.unlink(f"{self.daemon.dir}/pool/{name}")
        bed.virsh("pool-refresh solovirt")
        self.daemon.configure(self.options.host, trash)
        self.events = bed.EventLog(f"{self.options.dir}/events.{number}")
        self.daemon.arm()
        self.daemon.start()
        world = World(self.daemon, self.options.seed, trash, self.image)
        world.told = ["begin of the round"]
        return world

    def run_round(self, number, points):
        """How many points went well."""
        good, point, world = 0, None, None
        try:
            world = self.begin_round(number)
            self.quiet(world, None)
            for point in points:
                self.crash(world, point, random.Random(f"{self.options.seed}/{point}"))
                self.quiet(world, point)
                good += 1
            point = None
            self.close_round(world)
        except Failure as failure:
            self.report(number, point, world, failure.args[0])
            self.daemon.kill()
            bed.scrub(self.daemon.dir)
            good = -good - 1
        self.events.stop()
        return good

    def report(self, number, point, world, problems):
        where = f"point {point}" if point is not None else f"the end of round {number}, replay point {number * ROUND + ROUND - 1}"
        print(f"FAIL seed {self.options.seed} {where} (trash {world.trash})", flush=True)
        for line in world.told:
            print("   ", line)
        for problem in problems:
            print("  !", problem[:400])
        for line in self.daemon.tail():
            print("  |", line)
        sys.stdout.flush()

    def run(self):
        o = self.options
        failures = total = 0
        begin = time.monotonic()
        if o.replay is not None:
            rounds = [(o.replay // ROUND, range(o.replay // ROUND * ROUND, o.replay + 1))]
        else:
            rounds = [(r, range(r * ROUND, min((r + 1) * ROUND, o.points))) for r in range((o.points + ROUND - 1) // ROUND)]
            rounds = rounds[o.bed::o.beds]
        for number, points in rounds:
            good = self.run_round(number, points)
            total += good if good >= 0 else -good - 1
            failures += good < 0
            print(f"bed {o.bed}: round {number}: {total} points, {failures} failures, {time.monotonic() - begin:.0f} s", flush=True)
            if failures and not o.go_on:
                break
        if o.verbose:
            print(json.dumps({k: f"{b} of {a}, most {c}" for k, (a, b, c) in sorted(self.reached.items())}))
        print(f"RESULT {total} {failures}", flush=True)
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
    """Starts one bed, and the driver inside of it."""

    def __init__(self, options, number):
        self.dir = tempfile.mkdtemp(prefix="svc.", dir="/tmp")
        self.number, self.options = number, options
        self.prefix = self.dir.rpartition(".")[2].lower().replace("_", "x")[:6]
        self.environment = dict(os.environ, P=self.prefix, KVM="0")

    def testbed(self, *words, **more):
        return subprocess.Popen([f"{HERE}/../testbed/testbed.sh", self.dir, *words], env=self.environment,
                                stdin=subprocess.DEVNULL, **more)

    def start(self):
        make_images(f"{self.dir}/images")
        if self.testbed("up", "1").wait() != 0:
            raise SystemExit("crash: the test bed does not come up")
        self.server = self.testbed("in", "hub", f"{HERE}/../testbed/httpd.py", f"{self.dir}/images", "10.98.0.254:8080",
                                   stdout=open(f"{self.dir}/httpd.log", "w"), stderr=subprocess.STDOUT)
        arguments = ["--inside", "--dir", self.dir, "--host", f"{self.prefix}1", "--bed", str(self.number)]
        self.output = open(f"{self.dir}/output", "w+")
        self.driver = self.testbed("in", "1", sys.executable, os.path.realpath(__file__), *sys.argv[1:], *arguments,
                                   "--seed", str(self.options.seed), "--build", self.options.build, "--killat", self.options.killat,
                                   "--beds", str(self.options.beds), stdout=subprocess.PIPE, text=True)

    def stop(self):
        with contextlib.suppress(Exception):
            self.driver.kill()
        self.testbed("down", stderr=subprocess.DEVNULL).wait()
        self.server.wait()
        if self.options.keep:
            print("kept:", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def find_killat(options):
    made = f"{options.build}/tests/crash/killat.so"
    if options.killat or os.path.exists(made):
        return options.killat or made
    made = tempfile.mkdtemp(prefix="killat.") + "/killat.so"
    subprocess.run(["cc", "-std=gnu17", "-O2", "-shared", "-fPIC", "-o", made, f"{HERE}/killat.c", "-ldl"], check=True)
    return made


def relay(outside, results):
    for line in outside.driver.stdout:
        if line.startswith("RESULT "):
            results.append([int(n) for n in line.split()[1:]])
        else:
            print(line, end="", flush=True)
    if outside.driver.wait() not in (0, 1):
        results.append([0, 1])     # it did not come to its own end


def outside(options):
    options.killat = find_killat(options)
    if options.replay is not None:
        options.beds = 1
    print(f"crash: seed {options.seed}", flush=True)
    beds, results = [Outside(options, i) for i in range(options.beds)], []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        for b in beds:
            b.start()
        threads = [threading.Thread(target=relay, args=(b, results), daemon=True) for b in beds]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        for b in beds:
            b.stop()
    points, failures = (sum(r[i] for r in results) for i in (0, 1))
    print(f"crash: seed {options.seed}: {points} points passed, {failures} failed")
    return 1 if failures or len(results) < len(beds) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.realpath(f"{HERE}/../../build"), type=os.path.realpath)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--beds", type=int, default=2)
    parser.add_argument("--kills", choices=["all", "random", "calls", "recovery"], default="all")
    parser.add_argument("--replay", type=int)
    for flag in ("--go-on", "--keep", "--verbose", "--inside"):
        parser.add_argument(flag, action="store_true")
    for internal in ("--killat", "--dir", "--host"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--bed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("crash: the test bed needs root")
    return Driver(options).run() > 0 if options.inside else outside(options)


if __name__ == "__main__":
    sys.exit(main())
