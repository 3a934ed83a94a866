/*
 * What the daemon may ask of solovirt-import, the worker that reads one image: hostile bytes, no rights.
 * A worker serves one request and ends.  It is started as the "nobody" user when we are root, with no new privileges,
 * bounded memory, CPU time, file sizes; it may write only an unnamed file that it makes in the scratch directory
 * beforehand, and the descriptor it was handed.
 *
 *  stream  {} + descriptor of a pipe from which the image of the import that follows is read; only before "import", with the source
 *          "upload".  Its end is the end of the image: whoever feeds it and cannot go on kills the worker before he closes it.
 *          -> {}: the worker has it.  With the source "volume": the volume that is copied, a file, a device, or a stream socket on which
 *          another process serves it (src/base/nbd.h)
 *  under   {} + descriptor of the raw file that a qcow2 file of "stream" lies over; only behind "stream" -> {}
 *  import  {"url","source"?:"http"|"s3"|"gcs"|"registry","architecture"?,"checksum"?,"headers":[],"user"?,"password"?,"caPem"?,
 *           "insecureSkipVerify"?:false,"archive"?:false,"validator"?,"dense"?:false,
 *           "resume"?:{"offset","validator"},"capacity":BYTES,"scratch":DIR,"connectSeconds"?:30,"stallSeconds"?:60,"attempts"?:5}
 *          + descriptor of the target, that reads as zeros: a regular file or block device, opened read-write, or a stream socket
 *          on which another process serves the volume (src/base/nbd.h)
 *          dense: it does not read as zeros: zeros and holes of the image are written, too; behind its end nothing is
 *          source: http: http(s)://, user and password for basic authentication; s3: http(s)://ENDPOINT/BUCKET/OBJECT, signed with
 *          user (accessKeyId) and password (secretKey), the region is that of the host's name, anonymous without user; gcs:
 *          gs://BUCKET/OBJECT or https, public objects only; registry: docker://REGISTRY/NAME[:TAG|@DIGEST], a container image with
 *          one file in /disk, as KubeVirt's, of architecture ("amd64"; not given: this machine's), user and password for the registry
 *          or its token server; all that is read has its digest, so there is no checksum; by HTTPS, where that does not come about by
 *          HTTP, with insecureSkipVerify or on this machine's loopback only
 *          archive: it is a tar archive (also gz, xz, zst), whose file disk.img is the disk, raw; of an upload, too.  validator: as a probe told
 *          it; another file is refused (ESTALE)
 *          resume: what the last progress event with "durable" said, of an import of the same url into the same target that was
 *          cut off; with it the target holds what that one wrote
 *          or, instead of url and what goes with it, "layers":[{"path","sha256"}],"file"?,"verbatim"?:false of a container image: files
 *          that the worker opens before it gives up its rights, the lowest first; file: the only one in /disk when not given;
 *          verbatim: it is no disk, but a kernel or the like
 *          -> {"virtualSize","bytes","format":"raw"|"qcow2"|"vmdk"|"vdi"|"vhd"|"vhdx","compression":""|"gz"|"xz"|"zst",
 *              "others"?:[NAME],"otherCount"?:N}   of an archive: how many files in it are not the disk, and the names of some
 *          or, instead of url and what goes with it, "source":"upload","total"?:BYTES: the bytes come from the pipe of "stream"; total
 *          are expected
 *          or "source":"volume","format"?:"raw"|"qcow2","total"?:BYTES: a copy of the volume of "stream", bit by bit whatever it looks
 *          like; format: of the file; total: of the volume, when that comes on a socket
 *  probe   {"url","source"?,"headers":[],"user"?,"password"?,"caPem"?,"insecureSkipVerify"?:false,"connectSeconds"?,"stallSeconds"?,
 *           "attempts"?}
 *          what the source has now, without reading the image; the members are those of import
 *          -> {"digest"?:"sha256:...", of what a registry's name means, "validator"?: a strong ETag or Last-Modified, "length"?:BYTES}
 *  Errors: code EINVAL: the image will never do (hostile, too large, wrong checksum, not an image): do not retry;
 *          ESTALE: it was replaced since "resume" or "validator" was told, or while it was read: begin anew, with a fresh target and
 *          without resume;
 *          ENOENT, EACCES: a registry has no such image, or does not show it with these credentials;
 *          ENOSPC: the storage is full; EIO, ETIMEDOUT, ECONNREFUSED ...: try again later.  Text says what and why, without secrets.
 *  events: progress {"phase":"download"|"upload"|"copy"|"convert"|"verify","done":BYTES,"total":BYTES or 0,"rate":BYTES a second,
 *          "durable"?:{"offset","validator"}}   at most 4 a second, and those with "durable".  The phases follow each other: verify
 *          (after "resume", with a checksum), download or upload, convert (of what could not be read in place)
 *
 * The target always gets raw data of the image's virtual size (the rest of it stays as it was: holes where it can).
 */
#ifndef SOLOVIRT_STORAGE_IMPORT_VERBS_H
#define SOLOVIRT_STORAGE_IMPORT_VERBS_H

#endif
