/*
 * The tables of the store, as the history of steps that lead to them.  A step that was released is never changed; a new one
 * is added behind.
 */
#include "config.h"

#include <stddef.h>

#include "daemon/store_db.h"

const struct store_migration store_migrations[] = {
	/* meta: uuid, epoch (opened how often), version (newest given out), compacted (history begins behind it).
	 * object.sum is the SHA-256 of its text: SQLite's pages have no checksum. */
	{ 1, "CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
	     "CREATE TABLE object(kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,"
	     " version INTEGER NOT NULL, text TEXT NOT NULL, sum BLOB NOT NULL, PRIMARY KEY(kind, namespace, name)) STRICT;"
	     "CREATE TABLE change(version INTEGER PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,"
	     " uid TEXT NOT NULL, type INTEGER NOT NULL, time INTEGER NOT NULL, text TEXT NOT NULL, previous TEXT) STRICT" },
	/* The daemon's own notes, and who has which address. */
	{ 2, "CREATE TABLE record(bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(bucket, key)) STRICT;"
	     "CREATE TABLE address(network TEXT NOT NULL, owner TEXT NOT NULL, ip TEXT NOT NULL, mac TEXT NOT NULL,"
	     " released INTEGER NOT NULL, PRIMARY KEY(network, owner), UNIQUE(network, ip), UNIQUE(network, mac)) STRICT" },
	/* A network may have no addresses of ours: then only the MACs are kept apart. */
	{ 3, "CREATE TABLE address3(network TEXT NOT NULL, owner TEXT NOT NULL, ip TEXT NOT NULL, mac TEXT NOT NULL,"
	     " released INTEGER NOT NULL, PRIMARY KEY(network, owner), UNIQUE(network, mac)) STRICT;"
	     "INSERT INTO address3 SELECT network, owner, ip, mac, released FROM address;"
	     "DROP TABLE address; ALTER TABLE address3 RENAME TO address;"
	     "CREATE UNIQUE INDEX address_ip ON address(network, ip) WHERE ip <> ''" },
	/* Both families. */
	{ 4, "ALTER TABLE address ADD COLUMN ip6 TEXT NOT NULL DEFAULT '';"
	     "CREATE UNIQUE INDEX address_ip6 ON address(network, ip6) WHERE ip6 <> ''" },
	{ 0, NULL },
};
