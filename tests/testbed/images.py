#!/usr/bin/env python3
"""images.py RAW QCOW2 DIR: the images that the import tests read, good ones and such as must be refused.

Good:     guest.raw, .raw.gz, .raw.xz, .raw.zst, .qcow2, .qcow2.gz, all of the same guest, and SHA256SUMS
Refused:  see the functions below; each says what a careless importer would do with it
"""
import lzma, os, struct, subprocess, sys, zlib

RAW, QCOW2, DIR = sys.argv[1:4]
MIB = 1 << 20


def path(name):
    return os.path.join(DIR, name)


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def read(name):
    with open(name, "rb") as f:
        return f.read()


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)


def good():
    run("cp", "--sparse=always", RAW, path("guest.raw"))
    run("cp", QCOW2, path("guest.qcow2"))
    raw, qcow2 = read(RAW), read(QCOW2)
    gz = zlib.compressobj(1, zlib.DEFLATED, 31)
    write("guest.raw.gz", gz.compress(raw) + gz.flush())
    gz = zlib.compressobj(1, zlib.DEFLATED, 31)
    write("guest.qcow2.gz", gz.compress(qcow2) + gz.flush())
    write("guest.raw.xz", lzma.compress(raw, preset=0))
    run("zstd", "-q", "-f", "-1", path("guest.raw"), "-o", path("guest.raw.zst"))


def truncated():
    """A download that broke off: must not become a volume that is half a disk."""
    for name, keep in (("guest.qcow2", 0.5), ("guest.raw.gz", 0.5), ("guest.raw.xz", 0.5), ("guest.raw.zst", 0.5)):
        data = read(path(name))
        write("truncated-" + name, data[: int(len(data) * keep)])


def hostile():
    # backing file, external data file: the guest would read a file of the host
    run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", path("backing.qcow2"), "64M")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=/tmp/solovirt-data-file,data_file_raw=on", path("datafile.qcow2"), "1M")
    os.unlink("/tmp/solovirt-data-file")
    # a header that promises 1 PiB: the pool would be full, or the request exceeded
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", path("huge.qcow2"), "1P")
    # a virtual size beyond any signed number
    header = bytearray(read(QCOW2)[:MIB])
    struct.pack_into(">Q", header, 24, (1 << 64) - 512)
    write("overflow.qcow2", header)
    # tables where the header says, but the header points outside of the file
    header = bytearray(read(QCOW2))
    struct.pack_into(">Q", header, 40, 1 << 60)
    write("wild-l1.qcow2", header)
    # text naming a file of the host: an importer that lets QEMU guess the format opens it
    write("descriptor.vmdk", b"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
          b"RW 8 FLAT \"/etc/passwd\" 0\n")
    write("empty.raw", b"")


def bomb():
    """20 GiB of zeros in 20 MB: a deflate block of 64 MiB, flushed so that it can be repeated, 320 times."""
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = z.compress(bytes(64 * MIB)) + z.flush(zlib.Z_FULL_FLUSH)
    with open(path("bomb.raw.gz"), "wb") as f:
        f.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        for _ in range(320):
            f.write(block)
        f.write(zlib.compressobj(9, zlib.DEFLATED, -15).flush() + bytes(8))


def main():
    good()
    truncated()
    hostile()
    bomb()
    with open(path("SHA256SUMS"), "w") as f:
        names = sorted(n for n in os.listdir(DIR) if n.startswith("guest."))
        subprocess.run(["sha256sum", *names], cwd=DIR, stdout=f, check=True)


main()
