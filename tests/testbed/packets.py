#!/usr/bin/env python3
"""packets.py COMMAND DEVICE ...: what a guest's network card sends and sees, told in JSON; as root, in the guest's namespace

announced DEVICE            asks for a router advertisement and tells of it: managed, lifetime, prefixes
dhcp6 DEVICE [SECONDS]      asks for an address by DHCPv6 and tells those that are offered
send DEVICE HEX...          sends these frames
hear DEVICE SECONDS HEX...  says "listening", then which of these bytes came in a frame, until a moment after the last ones have: a
                            switch in user space may turn the order of the first packets round
"""
import fcntl
import json
import select
import socket
import struct
import sys
import time


def frames(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((device, 0))
    return s


def until(s, seconds):
    """What arrives within a time."""
    end = time.monotonic() + seconds
    while select.select([s], [], [], max(0, end - time.monotonic()))[0]:
        yield s.recv(65536)


def link_local(device):
    """Waits until the interface may use its own address."""
    for _ in range(100):
        for line in open("/proc/net/if_inet6"):
            words = line.split()
            if words[5] == device and words[3] == "20" and not int(words[4], 16) & 0x40:
                return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0]))
        time.sleep(0.1)
    raise TimeoutError("no link-local address")


def announced(device):
    link_local(device)
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    for _ in range(4):
        s.sendto(bytes([133, 0, 0, 0, 0, 0, 0, 0]), ("ff02::2", 0, 0, socket.if_nametoindex(device)))
        for data in until(s, 2):
            if data[0] != 134:
                continue
            prefixes, at = [], 16
            while at + 8 <= len(data) and data[at + 1]:
                if data[at] == 3:
                    prefixes.append(f"{socket.inet_ntop(socket.AF_INET6, data[at + 16:at + 32])}/{data[at + 2]}")
                at += data[at + 1] * 8
            return {"managed": bool(data[5] & 0x80), "lifetime": struct.unpack(">H", data[6:8])[0], "prefixes": prefixes}
    return None


def options(data):
    while len(data) >= 4:
        kind, length = struct.unpack(">HH", data[:4])
        yield kind, data[4:4 + length]
        data = data[4 + length:]


def dhcp6(device, seconds="6"):
    link_local(device)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    s.bind(("::", 546))
    identifier = struct.pack(">HHHH", 1, 10, 3, 1) + hardware(device)
    association = struct.pack(">HHIII", 3, 12, 1, 0, 0)
    solicit = bytes([1, 0, 0, 7]) + identifier + association + struct.pack(">HHH", 8, 2, 0)
    end, addresses = time.monotonic() + float(seconds), []
    while time.monotonic() < end and not addresses:
        s.sendto(solicit, ("ff02::1:2", 547, 0, socket.if_nametoindex(device)))
        for data in until(s, 1):
            for kind, value in options(data[4:]):
                if kind == 3:
                    addresses += [socket.inet_ntop(socket.AF_INET6, inner[:16]) for k, inner in options(value[12:]) if k == 5]
            if addresses:
                break
    return addresses


def hardware(device):
    """Its MAC; /sys may show another namespace's devices."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return fcntl.ioctl(s, 0x8927, struct.pack("256s", device.encode()))[18:24]


def send(device, *texts):
    s = frames(device)
    for text in texts:
        s.send(bytes.fromhex(text))


def hear(device, seconds, *texts):
    s, heard = frames(device), [False] * len(texts)
    print("listening", flush=True)
    for data in until(s, float(seconds)):
        heard = [one or bytes.fromhex(text) in data for one, text in zip(heard, texts)]
        if heard[-1]:
            break
    for data in until(s, 0.5):
        heard = [one or bytes.fromhex(text) in data for one, text in zip(heard, texts)]
    return heard


if __name__ == "__main__":
    command = {"announced": announced, "dhcp6": dhcp6, "send": send, "hear": hear}[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
