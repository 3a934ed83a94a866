"""What is in a pool of Ceph, asked of librados and librbd themselves: a process of the command line "rbd" for each question
would take longer than all else of a point."""
import ctypes as C
import functools
import struct

NOTES = b"solovirt.unfinished"
MOST = 4096
USER, TRASH = 0, 3      # namespaces of snapshots, librbd.h
HEAD = 2 ** 64 - 2      # the image itself, among its snapshots
ANSWER = 64 << 10       # bytes, at most, of an answer
WORKING = {b"rbd_directory", b"rbd_info", b"rbd_trash", b"rbd_children", b"rbd_purging", b"rbd_trash_purge_schedule", b"rbd_namespace", NOTES}


class Spec(C.Structure):
    _fields_ = [("id", C.c_char_p), ("name", C.c_char_p)]


class TrashInfo(C.Structure):
    _fields_ = [("id", C.c_char_p), ("name", C.c_char_p), ("source", C.c_int), ("deleted", C.c_long), ("until", C.c_long)]


class Gone(Exception):
    """What was listed a moment ago is not there any more."""


@functools.cache
def libraries():
    rados, rbd = C.CDLL("librados.so.2"), C.CDLL("librbd.so.1")
    for name in ("rbd_read", "rbd_write"):
        getattr(rbd, name).restype = C.c_ssize_t
    for name in ("rados_create_read_op",):
        getattr(rados, name).restype = C.c_void_p
    rados.rados_release_read_op.restype = rados.rados_omap_get_end.restype = rados.rados_nobjects_list_close.restype = None
    rados.rados_read_op_omap_get_keys2.restype = rados.rados_ioctx_set_namespace.restype = None
    return rados, rbd


def check(rc, what):
    if rc == -2:
        raise Gone(what)
    if rc < 0:
        raise OSError(-rc, what)
    return rc


class Image:
    """An image that is open, or a snapshot of it."""

    def __init__(self, pool, name, snapshot=None, write=False):
        self.rados, self.rbd = libraries()
        self.handle = C.c_void_p()
        rc = (self.rbd.rbd_open if write else self.rbd.rbd_open_read_only)(pool.io, name.encode(), C.byref(self.handle), snapshot and snapshot.encode())
        check(rc, f"open {name} {snapshot or ''}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        check(self.rbd.rbd_close(self.handle), "close")

    def size(self):
        size = C.c_uint64()
        check(self.rbd.rbd_get_size(self.handle, C.byref(size)), "size")
        return size.value

    def read(self, offset, length):
        data = C.create_string_buffer(length)
        check(self.rbd.rbd_read(self.handle, C.c_uint64(offset), C.c_size_t(length), data), "read")
        return data.raw

    def write(self, offset, data):
        check(self.rbd.rbd_write(self.handle, C.c_uint64(offset), C.c_size_t(len(data)), data), "write")
        check(self.rbd.rbd_flush(self.handle), "flush")


class Header:
    """What the header of an image says, asked of Ceph's class "rbd" itself: to open the image, and all that lies under it, costs twenty
    times as much.  size: bytes; snapshots: users' names; idle: how many in the trash namespace nobody needs; needed: a clone lies over it."""

    def __init__(self, pool, number):
        self.pool, self.name = pool, f"rbd_header.{number}"
        self.size = struct.unpack_from("<Q", self.ask("get_size", HEAD), 1)[0]
        self.snapshots, self.idle, self.needed = set(), 0, False
        context = self.ask("get_snapcontext")
        for (snapshot,) in struct.iter_unpack("<Q", context[12:12 + 8 * struct.unpack_from("<I", context, 8)[0]]):
            self.look(snapshot)

    def ask(self, method, number=None):
        return self.pool.ask(self.name, method, b"" if number is None else struct.pack("<Q", number))

    def look(self, number):
        """cls::rbd::SnapshotInfo: version, version, length; id; a namespace that begins so, too, and then its kind; the name."""
        info = self.ask("snapshot_get", number)
        kind, end = struct.unpack_from("<I", info, 20)[0], 20 + struct.unpack_from("<I", info, 16)[0]
        needed = self.count_children(number) > 0
        self.needed |= needed
        if kind == USER:
            self.snapshots.add(info[end + 4:end + 4 + struct.unpack_from("<I", info, end)[0]].decode())
        elif kind == TRASH:
            self.idle += not needed

    def count_children(self, number):
        try:
            return struct.unpack_from("<I", self.ask("children_list", number))[0]
        except Gone:
            return 0


class Pool:
    """One pool, or a namespace in it."""

    def __init__(self, name, namespace="", conf="/etc/ceph/ceph.conf"):
        self.rados, self.rbd = libraries()
        self.cluster, self.io = C.c_void_p(), C.c_void_p()
        check(self.rados.rados_create2(C.byref(self.cluster), b"ceph", b"client.admin", C.c_uint64(0)), "create")
        check(self.rados.rados_conf_read_file(self.cluster, conf.encode()), conf)
        check(self.rados.rados_connect(self.cluster), "connect")
        check(self.rados.rados_ioctx_create(self.cluster, name.encode(), C.byref(self.io)), name)
        if namespace and (rc := self.rbd.rbd_namespace_create(self.io, namespace.encode())) != -17:     # EEXIST
            check(rc, namespace)
        self.rados.rados_ioctx_set_namespace(self.io, namespace.encode())

    def address(self):
        """Ours, as the cluster tells of it."""
        text = C.c_char_p()
        return text.value.decode() if self.rados.rados_getaddrs(self.cluster, C.byref(text)) == 0 else ""

    def images(self):
        """name -> id"""
        count, found = C.c_size_t(MOST), (Spec * MOST)()
        check(self.rbd.rbd_list2(self.io, found, C.byref(count)), "list")
        names = {one.name.decode(): one.id.decode() for one in found[:count.value]}
        self.rbd.rbd_image_spec_list_cleanup(found, count)
        return names

    def trash(self):
        """id -> name"""
        count, found = C.c_size_t(MOST), (TrashInfo * MOST)()
        check(self.rbd.rbd_trash_list(self.io, found, C.byref(count)), "trash")
        names = {one.id.decode(): one.name.decode() for one in found[:count.value]}
        self.rbd.rbd_trash_list_cleanup(found, count)
        return names

    def open(self, name, snapshot=None, write=False):
        return Image(self, name, snapshot, write)

    def header(self, number):
        return Header(self, number)

    def ask(self, name, method, data):
        """A method of Ceph's class "rbd" on an object."""
        answer = C.create_string_buffer(ANSWER)
        length = check(self.rados.rados_exec(self.io, name.encode(), b"rbd", method.encode(), data, C.c_size_t(len(data)), answer, C.c_size_t(ANSWER)),
                       f"{method} of {name}")
        return answer.raw[:length]

    def notes(self):
        """Names of volumes whose clones have not ended."""
        op, iterator, more, rc = C.c_void_p(self.rados.rados_create_read_op()), C.c_void_p(), C.c_ubyte(), C.c_int()
        self.rados.rados_read_op_omap_get_keys2(op, b"", C.c_uint64(MOST), C.byref(iterator), C.byref(more), C.byref(rc))
        done = self.rados.rados_read_op_operate(op, self.io, NOTES, C.c_int(0))
        names, key, value, lengths = set(), C.c_char_p(), C.c_char_p(), (C.c_size_t(), C.c_size_t())
        while done == 0 and self.rados.rados_omap_get_next2(iterator, C.byref(key), C.byref(value), C.byref(lengths[0]), C.byref(lengths[1])) == 0 and key.value:
            names.add(key.value.decode())
        if done == 0:
            self.rados.rados_omap_get_end(iterator)
        self.rados.rados_release_read_op(op)
        if done not in (0, -2):
            check(done, "notes")
        return names

    def holds(self, name):
        """An object is there, and not only a copy of it for a snapshot.  librbd gives the number of a snapshot back before it takes it out of
        the header; who writes after a kill in between leaves such copies, and Ceph trims a number only once: nobody can remove them."""
        size, when = C.c_uint64(), C.c_long()
        return self.rados.rados_stat(self.io, name.encode(), C.byref(size), C.byref(when)) != -2

    def objects(self):
        """Names of what RADOS keeps, beside what every pool has."""
        listing, entry, names = C.c_void_p(), C.c_char_p(), set()
        check(self.rados.rados_nobjects_list_open(self.io, C.byref(listing)), "objects")
        while self.rados.rados_nobjects_list_next(listing, C.byref(entry), None, None) == 0:
            names.add(entry.value)
        self.rados.rados_nobjects_list_close(listing)
        return {name.decode() for name in names - WORKING}
