/* One change that is in memory and not yet on disk: how it is written, and how it is undone when writing fails. */
#include "config.h"

#include "daemon/store_private.h"
#include "src/base/digest.h"

/* What differs between an object, a record and an address. */
struct op_class {
	int (*write)(struct store *store, struct store_op *op, int64_t now);
	void (*undo)(struct store *store, struct store_op *op);
	void (*clear)(struct store_op *op);
};

struct store_op {
	const struct op_class *class;
	void *before;              /* what was, NULL: nothing; owned */
	void *after;               /* what is, NULL: nothing; an object is owned, the others are memory's or a later op's */
	const struct object *gone; /* objects that are removed: as the change tells it */
};

static void
op_add(struct store *store, const struct op_class *class, void *before, void *after, const struct object *gone)
{
	struct store_op *op = g_new(struct store_op, 1);

	*op = (struct store_op) { class, before, after, gone };
	g_ptr_array_add(store->pending, op);
	store_commit_arm(store);
}

/* --- objects ---------------------------------------------------------------------------------------------------- */

static int
object_write(struct store *store, struct store_op *op, int64_t now)
{
	const struct object *before = op->before, *after = op->after, *told = after == NULL ? op->gone : after;
	const char *kind = kind_resource(told->kind);
	enum change_type type = after == NULL ? CHANGE_DELETED : before == NULL ? CHANGE_ADDED : CHANGE_MODIFIED;
	uint8_t sum[DIGEST_SIZE];
	int code;

	if (after == NULL) {
		code = store_db_run(&store->db, STATEMENT_OBJECT_REMOVE, "ttt", kind, told->namespace, told->name);
	} else {
		digest_sha256(after->text, after->length, sum);
		code = store_db_run(&store->db, STATEMENT_OBJECT_PUT, "ttttits", kind, after->namespace, after->name, after->uid,
		    after->version, after->text, sum);
	}
	if (code != SQLITE_OK || told->kind->heartbeat)
		return code;
	return store_db_run(&store->db, STATEMENT_CHANGE_ADD, "ittttiitt", told->version, kind, told->namespace, told->name,
	    told->uid, (int64_t)type, now, told->text, before == NULL ? NULL : before->text);
}

static void
object_undo(struct store *store, struct store_op *op)
{
	if (op->after != NULL)
		store_memory_drop(store, op->after);
	if (op->before != NULL)
		store_memory_add(store, op->before);
}

static void
object_clear(struct store_op *op)
{
	object_unref(op->before);
	object_unref(op->after);
	object_unref(op->gone);
}

static const struct op_class object_class = { object_write, object_undo, object_clear };

void
store_op_object(struct store *store, const struct object *before, const struct object *after, const struct object *gone)
{
	op_add(store, &object_class, (void *)before, (void *)after, gone);
}

bool
store_op_change(const struct store_op *op, struct change *change)
{
	if (op->class != &object_class)
		return false;
	change->previous = op->before;
	change->object = op->after == NULL ? op->gone : op->after;
	change->type = op->after == NULL ? CHANGE_DELETED : op->before == NULL ? CHANGE_ADDED : CHANGE_MODIFIED;
	change->version = change->object->version;
	return true;
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static int
record_write(struct store *store, struct store_op *op, int64_t now)
{
	const struct store_record *before = op->before, *after = op->after;

	(void)now;
	if (after == NULL)
		return store_db_run(&store->db, STATEMENT_RECORD_REMOVE, "tt", before->bucket, before->key);
	return store_db_run(&store->db, STATEMENT_RECORD_SET, "ttt", after->bucket, after->key, after->value);
}

static void
record_undo(struct store *store, struct store_op *op)
{
	store_record_swap(store, op->after, op->before);
	store_record_free(op->after);
	op->before = NULL;
}

static void
record_clear(struct store_op *op)
{
	store_record_free(op->before);
}

static const struct op_class record_class = { record_write, record_undo, record_clear };

void
store_op_record(struct store *store, struct store_record *before, struct store_record *after)
{
	op_add(store, &record_class, before, after, NULL);
}

/* --- addresses -------------------------------------------------------------------------------------------------- */

static int
address_write(struct store *store, struct store_op *op, int64_t now)
{
	const struct address *before = op->before, *after = op->after;

	(void)now;
	if (after == NULL)
		return store_db_run(&store->db, STATEMENT_ADDRESS_REMOVE, "tt", before->network, before->owner);
	return store_db_run(&store->db, STATEMENT_ADDRESS_PUT, "ttttit", after->network, after->owner, after->ip, after->mac,
	    after->released, after->ip6);
}

static void
address_undo(struct store *store, struct store_op *op)
{
	store_address_swap(store, op->after, op->before);
	store_address_free(op->after);
	op->before = NULL;
}

static void
address_clear(struct store_op *op)
{
	store_address_free(op->before);
}

static const struct op_class address_class = { address_write, address_undo, address_clear };

void
store_op_address(struct store *store, struct address *before, struct address *after)
{
	op_add(store, &address_class, before, after, NULL);
}

/* --- all -------------------------------------------------------------------------------------------------------- */

int
store_op_write(struct store *store, struct store_op *op, int64_t now)
{
	return op->class->write(store, op, now);
}

void
store_op_undo(struct store *store, struct store_op *op)
{
	op->class->undo(store, op);
}

void
store_op_free(struct store_op *op)
{
	op->class->clear(op);
	g_free(op);
}
