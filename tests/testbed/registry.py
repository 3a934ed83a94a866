#!/usr/bin/env python3
"""registry.py serve DIR PORT       a registry (docker-registry) on this machine's loopback that keeps its images in DIR
registry.py push PORT NAME:TAG FILE  puts FILE there as /disk/FILE of a container image, as those of KubeVirt are made; prints its digest

OPTIONS of push: --architecture NAME, --index (behind an index of two machines), --plain (the layer is not compressed)
"""
import argparse, gzip, hashlib, io, json, os, sys, tarfile, urllib.request

OCI = "application/vnd.oci.image."


def serve(directory, port):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "registry.yml")
    with open(path, "w") as f:
        json.dump({"version": "0.1", "log": {"level": "info"}, "http": {"addr": f"127.0.0.1:{port}"},
                   "storage": {"filesystem": {"rootdirectory": os.path.join(directory, "data")}}}, f)
    os.execvp("docker-registry", ["docker-registry", "serve", path])


def layer(path, plain):
    """Mode, owner and time are those of KubeVirt's own images; the disk is put in whole."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        folder = tarfile.TarInfo("disk/")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o555
        tar.addfile(folder)
        info = tarfile.TarInfo("disk/" + os.path.basename(path))
        info.size, info.mode, info.uid, info.gid = os.path.getsize(path), 0o440, 107, 107
        with open(path, "rb") as f:
            tar.addfile(info, f)
    return packed.getvalue() if plain else gzip.compress(packed.getvalue(), 1, mtime=0)


class Repository:
    def __init__(self, port, name):
        self.base, self.name = f"http://127.0.0.1:{port}", name

    def send(self, method, url, body=None, kind="application/octet-stream"):
        request = urllib.request.Request(url if "://" in url else self.base + url, data=body, method=method, headers={"Content-Type": kind})
        return urllib.request.urlopen(request, timeout=60)

    def blob(self, body, kind):
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        place = self.send("POST", f"/v2/{self.name}/blobs/uploads/", b"").headers["Location"]
        self.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", body)
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    def manifest(self, body, reference=None):
        text = json.dumps(body).encode()
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        self.send("PUT", f"/v2/{self.name}/manifests/{reference or digest}", text, body["mediaType"])
        return {"mediaType": body["mediaType"], "digest": digest, "size": len(text)}


def push(options):
    name, tag = options.image.rsplit(":", 1)
    repository = Repository(options.port, name)
    disk = repository.blob(layer(options.file, options.plain), OCI + "layer.v1.tar" + ("" if options.plain else "+gzip"))
    config = repository.blob(json.dumps({"architecture": options.architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers",
                             "diff_ids": [disk["digest"]]}}).encode(), OCI + "config.v1+json")
    image = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [disk]}
    if not options.index:
        return repository.manifest(image, tag)["digest"]
    own = dict(repository.manifest(image), platform={"os": "linux", "architecture": options.architecture})
    other = repository.manifest(dict(image, annotations={"for": "another machine"}))
    return repository.manifest({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        dict(other, platform={"os": "linux", "architecture": "s390x"}), own]}, tag)["digest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("serve")
    verb.add_argument("directory")
    verb.add_argument("port", type=int)
    verb = verbs.add_parser("push")
    verb.add_argument("port", type=int)
    verb.add_argument("image")
    verb.add_argument("file")
    verb.add_argument("--architecture", default={"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine))
    verb.add_argument("--index", action="store_true")
    verb.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if options.verb == "serve":
        serve(options.directory, options.port)
    print(push(options))


sys.exit(main())
