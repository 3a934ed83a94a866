#!/usr/bin/env python3
"""hammer.py SOCKET COMMAND COUNT [NAME]: uses the API as hard as it can, for the tests of bounds and leaks.

  patch N NAME       N changes of the ConfigMaps NAME-0 to NAME-15, one connection each, all at a time
  large N NAME       the same with half a megabyte each
  requests N         N requests, good and bad, each on a connection of its own that is closed or broken off
  watches N          N watches opened and cut, a hundred at a time
  consoles N NAME    N consoles of the instance NAME opened and cut, eight at a time
  reboot N NAME      N requests to reboot the guest of the instance NAME

Prints how many answers there were of each status.
"""
import collections, json, os, socket, struct, sys

ANSWERS = collections.Counter()
ENDS = "\r\n\r\n".encode()


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(sys.argv[1])
    return s


def ask(s, method, path, body=None, *headers):
    data = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(data)}", *headers]
    s.sendall("\r\n".join(head).encode() + ENDS + data)


def take(s):
    """Reads one answer that has a length; its status."""
    data = b""
    while ENDS not in data:
        more = s.recv(65536)
        if not more:
            return "closed"
        data += more
    head, rest = data.split(ENDS, 1)
    lines = head.decode().split("\r\n")
    length = next((int(l.split(":")[1]) for l in lines if l.lower().startswith("content-length:")), 0)
    while len(rest) < length:
        rest += s.recv(65536)
    return lines[0].split()[1]


def begin(s):
    """Reads until an answer begins; its status."""
    data = s.recv(4096)
    return data.split()[1].decode() if data else "closed"


def cut(s, number):
    """Every other connection ends with a reset."""
    if number % 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def patch(count, name, size=200):
    lines = [connect() for _ in range(16)]
    path = "/api/v1/namespaces/default/configmaps"
    for i, s in enumerate(lines):
        ask(s, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{i}"}},
            "Content-Type: application/json")
        take(s)
    for n in range(count // len(lines)):
        for i, s in enumerate(lines):
            body = {"metadata": {"labels": {"round": f"r{n}"}}, "data": {"text": f"{n} " + "x" * size}}
            ask(s, "PATCH", f"{path}/{name}-{i}", body, "Content-Type: application/merge-patch+json")
        for s in lines:
            ANSWERS[take(s)] += 1


def large(count, name):
    patch(count, name, 512 << 10)


def requests(count):
    asks = [("GET", "/apis/kubevirt.io/v1/virtualmachines"), ("GET", "/api/v1/nodes"), ("GET", "/nothing"),
            ("POST", "/api/v1/namespaces/default/configmaps"), ("DELETE", "/api/v1/namespaces/default/configmaps/none"),
            ("BREW", "/%zz"), ("GET", "/api/v1/events?watch=maybe&labelSelector=((")]
    for n in range(count):
        s = connect()
        method, path = asks[n % len(asks)]
        if n % 5 == 0:  # half a request
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n".encode() + ENDS[2 * (n % 2):] + b"{")
        else:
            ask(s, method, path, None if method == "GET" else {"n": n})
            if n % 3:
                ANSWERS[take(s)] += 1
        cut(s, n)


def watches(count):
    kinds = ["/apis/kubevirt.io/v1/virtualmachines", "/apis/kubevirt.io/v1/virtualmachineinstances", "/api/v1/nodes",
             "/api/v1/configmaps", "/api/v1/events"]
    for done in range(0, count, 100):
        lines = [connect() for _ in range(100)]
        for n, s in enumerate(lines):
            ask(s, "GET", kinds[n % 5] + "?watch=1" + ("&resourceVersion=1" if n % 7 == 0 else ""))
        for n, s in enumerate(lines):
            if n % 3:
                ANSWERS[begin(s)] += 1
            cut(s, n)


def consoles(count, name):
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/{name}/console"
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    for done in range(0, count, 8):
        lines = [connect() for _ in range(8)]
        for s in lines:
            ask(s, "GET", path, None, *upgrade)
        for n, s in enumerate(lines):
            if n % 3:
                ANSWERS[begin(s)] += 1
            cut(s, n)


def reboot(count, name):
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/{name}/softreboot"
    s = connect()
    for n in range(count):
        ask(s, "PUT", path)
        ANSWERS[take(s)] += 1


COMMANDS = {f.__name__: f for f in (patch, large, requests, watches, consoles, reboot)}
COMMANDS[sys.argv[2]](int(sys.argv[3]), *sys.argv[4:])
print(" ".join(f"{status}:{number}" for status, number in sorted(ANSWERS.items())))
