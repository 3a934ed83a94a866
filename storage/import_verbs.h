/*
 * What the daemon may ask of solovirt-import, the worker that reads one image: hostile bytes, no rights.
 * A worker serves one import and ends.  It is started as the "nobody" user when we are root, with no new privileges,
 * bounded memory, CPU time, file sizes; it may write only an unnamed file that it makes in the scratch directory
 * beforehand, and the descriptor it was handed.
 *
 *  import  {"url","checksum"?,"headers":[],"user"?,"password"?,"caPem"?,"capacity":BYTES,"scratch":DIR,
 *           "connectSeconds"?:30,"stallSeconds"?:60,"attempts"?:5}
 *          + descriptor of the target (a regular file or block device, opened read-write, that reads as zeros)
 *          or, instead of url and what goes with it, "layers":[{"path","sha256"}],"file"?,"verbatim"?:false of a container image: files
 *          that the worker opens before it gives up its rights, the lowest first; file: the only one in /disk when not given;
 *          verbatim: it is no disk, but a kernel or the like
 *          -> {"virtualSize","bytes","format":"raw"|"qcow2","compression":""|"gz"|"xz"|"zst"}
 *  Errors: code EINVAL: the image will never do (hostile, too large, wrong checksum, not an image): do not retry;
 *          EIO, ETIMEDOUT, ECONNREFUSED ...: try again later.  Text says what and why, without secrets.
 *  events: progress {"phase":"download"|"convert","done":BYTES,"total":BYTES or 0}   at most 4 a second
 *
 * The target always gets raw data of the image's virtual size (the rest of it stays zero: holes where it can).
 */
#ifndef SOLOVIRT_STORAGE_IMPORT_VERBS_H
#define SOLOVIRT_STORAGE_IMPORT_VERBS_H

#endif
