/*
 * One interface for every kind of storage: what the daemon may ask of a worker that keeps volumes.  solovirt-host does it
 * for pools of libvirt (the driver "local"), solovirt-rbd for pools of a Ceph cluster (the driver "rbd"); one suite of
 * tests (tests/contract/volumes.py) holds both to it.  Every verb can be repeated without harm, also after a kill -9 in the
 * middle of it: what is there and as wished is answered as if it was just made.
 *
 * WHERE, the pool: local {"pool","format"?:"raw"|"qcow2"}; rbd {"pool","namespace"?}.  format: what the volume is that is asked about, raw unless said
 * otherwise: what is in a raw volume is its guest's to write, and the header of a qcow2 in it means nothing.  Names of volumes and snapshots: no slash, no leading dot.
 *
 *  verb             args -> result
 *  volume-list      {WHERE} -> {"volumes":[VOLUME]}   rbd: without sizes, which would cost an open each; local: of what is in them, for people
 *  volume-create    {WHERE,"volume","capacity","format"?:"raw"|"qcow2","preallocate"?,"passphrase"?,"owner"?,"options"?}
 *                   -> VOLUME   reads as zeros.  One
 *                   that is there and as large, or has grown since: as it is; a smaller one EEXIST.  preallocate: EOPNOTSUPP with
 *                   rbd.  owner: words that are kept with it, for people and for a lost store (local: not).
 *                   passphrase (rbd): in base64; it is encrypted, and reads as noise.  EEXIST: it is there, and is not.
 *                   options of rbd: {"dataPool","features":[WORD],"objectSize","stripeUnit","stripeCount"}
 *  volume-clone     {WHERE,"volume","from","snapshot"?,"fromFormat"?:"raw"|"qcow2","fromPool"?,"fromNamespace"?,"capacity","asked"?,"protected"?,"encrypted"?,"owner"?,"options"?}
 *                   -> VOLUME   what the volume "from" held when it was asked for, or later, or its snapshot; as large as capacity, never smaller than the
 *                   source (EINVAL).  EAGAIN: too many volumes lie under the source (VOLUME_DEPTH_HARD).  protected:
 *                   from is never written to again (an image of the cache): local lays a qcow2 over it, as it is now,
 *                   instead of copying: its snapshots may go before their clones.  EEXIST (rbd): a volume of that name is there that is none.
 *                   encrypted (rbd): as the source is, with the same
 *                   passphrase; EINVAL: they differ.  ENOENT: no such source.  asked: when that was, of clock_monotonic_ms(); else when it arrives.  A copy tells events:
 *                   progress.
 *  volume-info      {WHERE,"volume","brief"?:false} -> VOLUME   ENOENT.  brief (local): without depth, inUse and snapshots, for which the whole pool is read
 *  volume-resize    {WHERE,"volume","capacity","shrink"?:false} -> VOLUME   grows; a smaller capacity changes nothing unless shrink says so.
 *                   EBUSY (local) while it is served to a writer
 *  volume-delete    {WHERE,"volume"} -> {}   with everything that was left half made of it; no error when gone.  EBUSY while it is open
 *                   somewhere (the text names by whom); ENOTEMPTY while it has snapshots that are not removed, or
 *                   is needed by clones and cannot be put aside (local: of what is protected).  rbd puts a volume
 *                   that clones need into Ceph's trash, where volume-sweep removes it
 *  volume-sweep     {WHERE,"dead"?:[ADDRESS]} -> {"left":N}   removes what delete had to put aside and nobody needs any more, and what a kill
 *                   left half made (rbd: at once when this worker began them, or one that is dead and was fenced, else after ten minutes:
 *                   another daemon may use the pool); left: what is still there
 *  volume-flatten   {WHERE,"volume"} -> VOLUME   makes a clone independent of its source; events: progress.  No error when it is already.
 *                   EOPNOTSUPP (local): libvirt is elsewhere
 *                   EBUSY (rbd): another call wants the volume, which comes first; what was done is not lost
 *  snapshot-create  {WHERE,"volume","snapshot"} -> SNAPSHOT   while the volume is in use: as a power cut would leave it (local: EBUSY)
 *  snapshot-delete  {WHERE,"volume","snapshot"} -> {}   no error when gone; clones of it live on
 *  volume-serve     {WHERE,"volume","read"?:false,"snapshot"?,"passphrase"?} + a stream socket -> {"capacity"}   speaks NBD's transmission phase on it
 *                   (src/base/nbd.h) until the other side ends; one writer at a time, EBUSY; snapshot: of the volume,
 *                   only to read.  passphrase: of one that is encrypted, EACCES when it is another.  Answers when open.  local: EOPNOTSUPP where libvirt
 *                   is on this machine, volumes are files; elsewhere raw volumes only (EOPNOTSUPP), and what was flushed outlives the worker and libvirtd,
 *                   but no power cut: nobody may rely on it once the worker has ended
 *
 *  VOLUME    {"volume","path","capacity","allocation","format","inUse"?:[WORD],"parent"?,"depth"?:N,"snapshots"?:[SNAPSHOT],"owner"?}
 *            bytes; path: a file or device on that host, or POOL[/NAMESPACE]/IMAGE.  volume-info tells all of it, volume-clone of rbd depth, the others what costs
 *            nothing; depth: how many volumes lie under it; inUse: who has it open, "10.0.0.5:0/123", or a
 *            domain's name; libvirts on other machines cannot tell
 *  SNAPSHOT  {"snapshot","capacity","created"}   created: seconds since 1970
 *  events:   progress {"volume","done","total","rate"}   bytes, rate: a second; at most 4 a second
 *            trouble {"text"}   of a volume that is served: why a request failed, of which NBD tells a number only (local)
 *
 *  In a pool of Ceph that does not exist there is nothing to remove: delete, sweep and snapshot-delete are no error.  A pool of libvirt may
 *  only be unknown for now: ENOENT.
 *  Errors: ENOSPC pool or cluster full; EACCES the key is wrong or lacks rights; ETIMEDOUT, EHOSTDOWN: the storage does not answer now, try again;
 *  EINVAL, EOPNOTSUPP: never.  Texts say what to do.
 *
 * Of solovirt-rbd alone.  It is told its cluster by the first call and has one connection; without an answer of the cluster
 * its calls wait, and fail with ETIMEDOUT past their deadline, without an end of the process.
 *  connect          {"clusterID","monitors":[ADDRESS],"user","key","options"?:{NAME:VALUE}} -> {"fsid","version","address"}   key: as in a
 *                   keyring; never in argv, a log or a file.  ENETUNREACH: no monitor answers, after 10 s; EACCES: at once.  A call
 *                   before it:
 *                   ENOTCONN; another cluster or user after it: EEXIST.  address: what others see of this worker; when it was killed, its
 *                   successor is to fence it: else what it had open stays open (EBUSY) for 30 s
 *  pool-info        {WHERE} -> {"capacity","available","used"}   bytes; ENOENT
 *  fence            {"addresses":[WORD],"seconds"} -> {}   blocklists clients of hosts that died, never this one (EINVAL); a worker that
 *                   is fenced ends
 *  event:    cluster {"healthy":bool,"reason"}   when other checks fail than before; reason: their words and what helps, or that no monitor answers
 */
#ifndef SOLOVIRT_STORAGE_VOLUME_VERBS_H
#define SOLOVIRT_STORAGE_VOLUME_VERBS_H

/* Milliseconds that the daemon gives each kind of call. */
enum {
	VOLUME_DEADLINE_QUERY = 20000,
	VOLUME_DEADLINE_ACTION = 120000, /* a cluster that lost its monitor for a while still makes it */
	VOLUME_DEADLINE_COPY = 24 * 3600 * 1000,
};

/* Clones of clones: past the first, volumes are made independent in the background; past the second none is made (EAGAIN).
 * librbd works with 40 and opens take 6 ms a step. */
enum { VOLUME_DEPTH_SOFT = 8, VOLUME_DEPTH_HARD = 16 };

#endif
