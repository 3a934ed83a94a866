#!/usr/bin/env python3
"""packets.py COMMAND DEVICE ...: what a guest's network card sends and sees, told in JSON; as root, in the guest's namespace

announced DEVICE            asks for a router advertisement and tells of it: managed, other, lifetime, prefixes, autonomous, mtu, dns
dhcp6 DEVICE [SECONDS]      asks for an address by DHCPv6 and tells those that are offered
told6 DEVICE [SECONDS]      the same with the DNS servers that are told with it: [addresses, servers]
send DEVICE HEX...          sends these frames
advertisement MAC HEX       says the frame of a router advertisement that a guest with this MAC would send, with these bytes in it, in hex
solicitation MAC HEX        says one that asks for such
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
            told, at = {"managed": bool(data[5] & 0x80), "other": bool(data[5] & 0x40), "lifetime": struct.unpack(">H", data[6:8])[0],
                        "prefixes": [], "autonomous": False, "mtu": None, "dns": []}, 16
            while at + 8 <= len(data) and data[at + 1]:
                value = data[at:at + data[at + 1] * 8]
                if value[0] == 3:
                    told["prefixes"].append(f"{socket.inet_ntop(socket.AF_INET6, value[16:32])}/{value[2]}")
                    told["autonomous"] |= bool(value[3] & 0x40)
                elif value[0] == 5:
                    told["mtu"] = struct.unpack(">I", value[4:8])[0]
                elif value[0] == 25:
                    told["dns"] += addresses6(value[8:])
                at += len(value)
            return told
    return None


def addresses6(data):
    return [socket.inet_ntop(socket.AF_INET6, data[i:i + 16]) for i in range(0, len(data), 16)]


def options(data):
    while len(data) >= 4:
        kind, length = struct.unpack(">HH", data[:4])
        yield kind, data[4:4 + length]
        data = data[4 + length:]


def told6(device, seconds="6"):
    link_local(device)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    s.bind(("::", 546))
    identifier = struct.pack(">HHHH", 1, 10, 3, 1) + hardware(device)
    association = struct.pack(">HHIII", 3, 12, 1, 0, 0)
    solicit = bytes([1, 0, 0, 7]) + identifier + association + struct.pack(">HHHHHH", 8, 2, 0, 6, 2, 23)
    end, addresses, servers = time.monotonic() + float(seconds), [], []
    while time.monotonic() < end and not addresses:
        s.sendto(solicit, ("ff02::1:2", 547, 0, socket.if_nametoindex(device)))
        for data in until(s, 1):
            for kind, value in options(data[4:]):
                if kind == 3:
                    addresses += [socket.inet_ntop(socket.AF_INET6, inner[:16]) for k, inner in options(value[12:]) if k == 5]
                elif kind == 23:
                    servers += addresses6(value)
            if addresses:
                break
    return [addresses, servers]


def dhcp6(device, seconds="6"):
    return told6(device, seconds)[0]


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


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def icmp6(mac, group, message):
    """A frame from the link-local address of a MAC to a group."""
    octets = bytes.fromhex(mac.replace(":", ""))
    source = bytes.fromhex("fe80000000000000") + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    addresses = source + socket.inet_pton(socket.AF_INET6, group)
    message = message[:2] + struct.pack(">H", checksum(addresses + struct.pack(">II", len(message), 58) + message)) + message[4:]
    return b"\x33\x33" + addresses[-4:] + octets + struct.pack(">HIHBB", 0x86dd, 6 << 28, len(message), 58, 255) + addresses + message


def option(text):
    """An option that nobody knows, with these bytes."""
    value = bytes.fromhex(text)
    return bytes([253, (len(value) + 9) // 8]) + value + bytes(-(len(value) + 2) % 8)


def advertisement(mac, text):
    return icmp6(mac, "ff02::1", bytes([134, 0, 0, 0, 64, 0]) + struct.pack(">HII", 1800, 0, 0) + option(text)).hex()


def solicitation(mac, text):
    return icmp6(mac, "ff02::2", bytes([133, 0, 0, 0, 0, 0, 0, 0]) + option(text)).hex()


if __name__ == "__main__":
    command = {"announced": announced, "dhcp6": dhcp6, "told6": told6, "send": send, "hear": hear, "advertisement": advertisement, "solicitation": solicitation}[sys.argv[1]]
    told = command(*sys.argv[2:])
    print(told if isinstance(told, str) else json.dumps(told))
