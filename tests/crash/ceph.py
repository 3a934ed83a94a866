"""What is in a pool of Ceph, asked of librados and librbd themselves: a process of the command line "rbd" for each question
would take longer than all else of a point."""
import ctypes as C
import functools

NOTES = b"solovirt.unfinished"
MOST = 4096
USER, TRASH = 0, 3      # namespaces of snapshots, librbd.h
WORKING = {b"rbd_directory", b"rbd_info", b"rbd_trash", b"rbd_children", b"rbd_purging", b"rbd_trash_purge_schedule", b"rbd_namespace", NOTES}


class Spec(C.Structure):
    _fields_ = [("id", C.c_char_p), ("name", C.c_char_p)]


class SnapInfo(C.Structure):
    _fields_ = [("id", C.c_uint64), ("size", C.c_uint64), ("name", C.c_char_p)]


class TrashInfo(C.Structure):
    _fields_ = [("id", C.c_char_p), ("name", C.c_char_p), ("source", C.c_int), ("deleted", C.c_long), ("until", C.c_long)]


class Linked(C.Structure):
    _fields_ = [("pool_id", C.c_int64), ("pool", C.c_char_p), ("namespace", C.c_char_p), ("id", C.c_char_p), ("name", C.c_char_p),
                ("trash", C.c_bool)]


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
    """An image that is open.  snapshots: user's name -> size; half: ids of those in the trash namespace that nobody needs."""

    def __init__(self, pool, name=None, number=None, write=False):
        self.rados, self.rbd = libraries()
        self.handle = C.c_void_p()
        if number is not None:
            rc = self.rbd.rbd_open_by_id_read_only(pool.io, number, C.byref(self.handle), None)
        else:
            rc = (self.rbd.rbd_open if write else self.rbd.rbd_open_read_only)(pool.io, name.encode(), C.byref(self.handle), None)
        check(rc, f"open {name or number}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        check(self.rbd.rbd_close(self.handle), "close")

    def size(self):
        size = C.c_uint64()
        check(self.rbd.rbd_get_size(self.handle, C.byref(size)), "size")
        return size.value

    def id(self):
        text = C.create_string_buffer(64)
        check(self.rbd.rbd_get_id(self.handle, text, C.c_size_t(64)), "id")
        return text.value.decode()

    def read(self, offset, length):
        data = C.create_string_buffer(length)
        check(self.rbd.rbd_read(self.handle, C.c_uint64(offset), C.c_size_t(length), data), "read")
        return data.raw

    def write(self, offset, data):
        check(self.rbd.rbd_write(self.handle, C.c_uint64(offset), C.c_size_t(len(data)), data), "write")
        check(self.rbd.rbd_flush(self.handle), "flush")

    def children(self):
        """Of all snapshots, or of the one that is set."""
        count = C.c_size_t(MOST)
        found = (Linked * MOST)()
        check(self.rbd.rbd_list_children3(self.handle, found, C.byref(count)), "children")
        names = [one.name.decode() for one in found[:count.value]]
        self.rbd.rbd_linked_image_spec_list_cleanup(found, count)
        return names

    def snapshots(self):
        """(names of users', how many that nobody needs any more)"""
        count, infos = C.c_int(64), (SnapInfo * 64)()
        check(self.rbd.rbd_snap_list(self.handle, infos, C.byref(count)), "snapshots")
        names, idle, kind = set(), 0, C.c_int()
        held = []
        for info in infos:
            if info.name is None:
                break
            check(self.rbd.rbd_snap_get_namespace_type(self.handle, C.c_uint64(info.id), C.byref(kind)), "namespace")
            if kind.value == USER:
                names.add(info.name.decode())
            elif kind.value == TRASH:
                held.append(info.id)
        self.rbd.rbd_snap_list_end(infos)
        for number in held:
            check(self.rbd.rbd_snap_set_by_id(self.handle, C.c_uint64(number)), "snapshot")
            idle += not self.children()
        if held:
            self.rbd.rbd_snap_set_by_id(self.handle, C.c_uint64(2 ** 64 - 2))     # the image itself
        return names, idle


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

    def open(self, name, write=False):
        return Image(self, name, write=write)

    def open_trashed(self, number):
        return Image(self, number=number.encode())

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

    def objects(self):
        """Names of what RADOS keeps, beside what every pool has."""
        listing, entry, names = C.c_void_p(), C.c_char_p(), set()
        check(self.rados.rados_nobjects_list_open(self.io, C.byref(listing)), "objects")
        while self.rados.rados_nobjects_list_next(listing, C.byref(entry), None, None) == 0:
            names.add(entry.value)
        self.rados.rados_nobjects_list_close(listing)
        return {name.decode() for name in names - WORKING}
