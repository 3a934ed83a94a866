"""A worker of the daemon, driven by a test: frames of JSON on a socketpair (src/base/channel.h)."""
import errno as E
import json
import socket
import struct
import subprocess
import threading
import time

MAGIC = 0x31765653  # "SVv1", src/base/channel.c


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["text"])
        self.code, self.text = error["code"], error["text"]


class Worker:
    """A process and the socket to it.  command: what starts it; a list."""

    def __init__(self, command):
        ours, theirs = socket.socketpair()
        self.socket, self.answers, self.events, self.number = ours, {}, [], 0
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" 3<&{theirs.fileno()} {theirs.fileno()}<&-', "-", *command],
            pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True)
        theirs.close()
        threading.Thread(target=self.read, daemon=True).start()

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read(self):
        try:
            while True:
                magic, length = struct.unpack("<II", self.take(8))
                assert magic == MAGIC, hex(magic)
                message = json.loads(self.take(length))
                with self.news:
                    if "event" in message:
                        self.events.append(message)
                    else:
                        self.answers[message["id"]] = message
                    self.news.notify_all()
        except (EOFError, OSError):
            with self.news:
                self.answers = None
                self.news.notify_all()

    def post(self, verb, args=None, fd=-1):
        self.number += 1
        text = json.dumps({"id": self.number, "verb": verb, "args": args or {}}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", fd))] if fd >= 0 else []
        frame = struct.pack("<II", MAGIC, len(text)) + text
        sent = self.socket.sendmsg([frame], rights)
        self.socket.sendall(frame[sent:])
        return self.number

    def wait(self, number, seconds=60):
        with self.news:
            if not self.news.wait_for(lambda: self.answers is None or number in self.answers, seconds):
                raise TimeoutError(number)
            if self.answers is None:
                raise EOFError
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def call(self, verb, args=None, fd=-1, seconds=60, **more):
        return self.wait(self.post(verb, {**(args or {}), **more}, fd), seconds)

    def event(self, seconds=20, **wanted):
        """Waits for an event whose args have these members; forgets what came before it."""
        def find():
            for i, one in enumerate(self.events):
                if all(one["args"].get(k) == v for k, v in wanted.items()):
                    return i
            return -1
        with self.news:
            if not self.news.wait_for(lambda: find() >= 0, seconds):
                raise TimeoutError(f"no event {wanted} in {self.events}")
            i = find()
            found = self.events[i]
            del self.events[:i + 1]
        return found

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        return self.process.wait(10)


def refused(code, function, *args, **more):
    try:
        result = function(*args, **more)
    except Refused as error:
        assert error.code == code, f"{E.errorcode.get(error.code)}: {error.text}"
        assert error.text and "\n" not in error.text
        return error.text
    raise AssertionError(f"not refused: {result}")


def alive(pid):
    """Not ended, waited for or not.  The link to its program goes earlier, while it still has its files and locks."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(what, seconds, function):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if function():
            return
        time.sleep(0.2)
    raise TimeoutError(what)
