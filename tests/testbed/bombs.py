#!/usr/bin/env python3
"""bombs.py DIR: compressed images that must be refused, beside those of images.py; what is there is left as it is.

bomb.raw.xz, .zst   20 GiB of zeros in some MB                     would fill the disk
nothing.raw.gz      members that hold 64 KiB of a header, nothing else   would be unpacked for ever, from a server without an end
wide.raw.xz, .zst   say that 4 GiB and 1 GiB are needed to unpack  would fill the memory
"""
import lzma, os, struct, subprocess, sys, zlib

MIB = 1 << 20


def xz_bomb():
    return lzma.compress(bytes(64 * MIB), preset=0) * 320


def zst_bomb():
    return subprocess.run(["zstd", "-q", "-1", "-c"], input=bytes(64 * MIB), stdout=subprocess.PIPE, check=True).stdout * 320


def gz_nothing():
    return (b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\xff\xff" + bytes(65535) + b"\x03" + bytes(9)) * 16


def xz_wide():
    """Stream header, header of a block with LZMA2 and its largest dictionary; nothing behind it is ever read."""
    flags, block = b"\x00\x01", bytes([2, 0, 0x21, 1, 40, 0, 0, 0])
    return b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags)) + block + struct.pack("<I", zlib.crc32(block)) + bytes(4096)


def zst_wide():
    """A frame with a window of 2**30 bytes and one block, that is not compressed."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(30 - 10) << 3]) + struct.pack("<I", 512 << 3 | 1)[:3] + bytes(512)


FILES = {"nothing.raw.gz": gz_nothing, "bomb.raw.xz": xz_bomb, "bomb.raw.zst": zst_bomb, "wide.raw.xz": xz_wide, "wide.raw.zst": zst_wide}
for name, make in FILES.items():
    path = os.path.join(sys.argv[1], name)
    if not os.path.exists(path):
        aside = os.path.join(sys.argv[1], f".{name}.{os.getpid()}")
        with open(aside, "wb") as f:
            f.write(make())
        os.rename(aside, path)
