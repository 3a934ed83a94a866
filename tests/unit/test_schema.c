/* The row engine, with a small schema that has a row of every type: nothing here knows a kind. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/schema/schema.h"

/* --- a ship ------------------------------------------------------------------------------------------------------- */

struct sail {
	char *name;
	int64_t area;
};
struct engine {
	int64_t power;
	bool loud;
};
struct ship {
	bool afloat;
	enum tristate armed;
	int64_t masts, cargo, speed, leave, built, crew, lanterns;
	int rig;
	char *name, *berth, *flagship;
	char **ports;
	struct schema_map papers;
	struct schema_list sails; /* struct sail */
	struct engine *engine, *spare, *oars;
	json_t *log;
};

static int
check_capital(const char *text, struct error *err)
{
	return g_ascii_isupper(*text) ? 0 : error_set(err, EINVAL, "\"%s\" does not begin with a capital", text);
}

static const struct schema_field sail_rows[] = {
	{ STRING("name", struct sail, name), .flags = FIELD_REQUIRED, .doc = "Its name." },
	{ INT("area", struct sail, area), .min = 1, .max = 900, .dflt = "20", .doc = "Its area." },
	{ 0 },
};
static const struct schema sail_schema = { .name = "Sail", .doc = "Cloth.", .size = sizeof(struct sail), .fields = sail_rows };

static const struct schema_field engine_rows[] = {
	{ INT("power", struct engine, power), .dflt = "7", .flags = FIELD_FIXED, .doc = "Its power." },
	{ BOOL("loud", struct engine, loud), .doc = "Whether it is heard." },
	{ 0 },
};

static void
engine_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct engine *engine = object;
	g_autofree char *where = g_strconcat(path, ".loud", NULL);

	if (engine->power > 100 && !engine->loud)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where, "must be true of such power");
}
static const struct schema engine_schema = { .name = "Engine", .doc = "A motor.", .size = sizeof(struct engine),
	.fields = engine_rows, .check = engine_check };

static const char *const rigs[] = { "", "Sloop", "Ketch", "Brig", NULL };
static const struct schema_field ship_rows[] = {
	{ BOOL("afloat", struct ship, afloat), .dflt = "true", .flags = FIELD_ZERO, .doc = "Whether it floats." },
	{ TRISTATE("armed", struct ship, armed), .doc = "Whether it has guns." },
	{ INT("masts", struct ship, masts), .min = 1, .max = 5, .doc = "Number of masts." },
	{ QUANTITY("cargo", struct ship, cargo), .min = 1 << 20, .max = 1 << 30, .doc = "What it carries." },
	{ MILLI("speed", struct ship, speed), .doc = "How fast it is." },
	{ DURATION("leave", struct ship, leave), .dflt = "90s", .doc = "When it leaves." },
	{ TIME("built", struct ship, built), .flags = FIELD_FIXED, .doc = "When it was built." },
	{ INT("crew", struct ship, crew), .flags = FIELD_ZERO, .doc = "Heads aboard." },
	{ ENUM("rig", struct ship, rig, rigs), .doc = "How it is rigged." },
	{ STRING("name", struct ship, name), .flags = FIELD_REQUIRED, .min = 1, .max = 12, .check = check_capital,
	  .doc = "Its name." },
	{ INT_OR_STRING("berth", struct ship, berth), .doc = "Where it lies." },
	{ STRINGS("ports", struct ship, ports), .check = check_capital, .doc = "Where it calls." },
	{ MAP("papers", struct ship, papers), .check = check_capital, .doc = "What it shows." },
	{ LIST("sails", struct ship, sails, &sail_schema), .key = "name", .max = 3, .doc = "What drives it." },
	{ OBJECT("engine", struct ship, engine, struct engine, &engine_schema), .flags = FIELD_PRESENT,
	  .doc = "What else drives it." },
	{ OBJECT("spare", struct ship, spare, struct engine, &engine_schema), .flags = FIELD_ONEOF, .doc = "For need." },
	{ OBJECT("oars", struct ship, oars, struct engine, &engine_schema), .flags = FIELD_ONEOF, .doc = "For more need." },
	{ STRING("flagship", struct ship, flagship), .check = check_capital, .doc = "Whom it follows.", .warn = "There is no fleet." },
	{ INT("lanterns", struct ship, lanterns), .flags = FIELD_LENIENT, .min = 1, .max = 3, .doc = "Lights." },
	{ ANY("log", struct ship, log), .doc = "What was.\\" },
	{ IGNORED("flag", STRING, "Flags are not looked at.") },
	{ REFUSED("plank", "Nobody walks it."), .flags = FIELD_ONEOF },
	{ 0 },
};
static const struct schema ship_schema = { .name = "Ship", .doc = "A ship.", .size = sizeof(struct ship), .fields = ship_rows };

static const struct schema nullable_schema = { .name = "Nullable", .doc = "A ship whose fields may be null.",
	.size = sizeof(struct ship), .fields = ship_rows, .nullable = true };

static const struct schema open_schema = { .name = "Open", .doc = "A ship that takes more than it knows.",
	.size = sizeof(struct ship), .fields = ship_rows, .open = true };

static const struct schema strict_schema = { .name = "Strict", .doc = "A ship with one way to go on.",
	.size = sizeof(struct ship), .fields = ship_rows, .exactly_one = true };

/* --- fixture ------------------------------------------------------------------------------------------------------ */

static GPtrArray *documents;
static struct diagnostics diagnostics;
static struct ship ship;
static const struct schema *used = &ship_schema;

static void
setup(void)
{
	documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	diagnostics_init(&diagnostics);
	memset(&ship, 0, sizeof(ship));
	used = &ship_schema;
}

static void
teardown(void)
{
	schema_clear(&ship_schema, &ship);
	g_ptr_array_unref(documents);
	diagnostics_clear(&diagnostics);
}

static int
decode(const char *text)
{
	const struct document *document;

	ck_assert_int_eq(document_read(NULL, text, strlen(text), documents, &diagnostics), 0);
	ck_assert_uint_eq(documents->len, 1);
	document = documents->pdata[0];
	return schema_decode(used, document->root, document, "", &ship, &diagnostics);
}

static void
assert_told(enum severity severity, const char *wanted)
{
	g_autofree char *text = diagnostics_format(&diagnostics, severity);

	ck_assert_str_eq(text, wanted);
}

static void
assert_json(const json_t *value, const char *wanted)
{
	g_autofree char *text = json_write(value);

	ck_assert_str_eq(text, wanted);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static const char whole[] = "{\"afloat\":false,\"armed\":true,\"masts\":3,\"cargo\":\"5Mi\",\"speed\":\"1500m\",\"leave\":\"1h30m\","
			    "\"built\":\"2026-01-02T03:04:05Z\",\"crew\":12,\"rig\":\"Brig\",\"name\":\"Anna\",\"berth\":7,"
			    "\"ports\":[\"Kiel\",\"Riga\"],\"papers\":{\"Pass\":\"x\",\"Toll\":\"\"},"
			    "\"sails\":[{\"name\":\"jib\",\"area\":12},{\"name\":\"main\",\"area\":20}],"
			    "\"engine\":{\"power\":9,\"loud\":true},\"spare\":{\"power\":7},\"log\":{\"a\":[1,null]}}";

START_TEST(reads_every_type)
{
	const struct sail *sails;

	ck_assert_int_eq(decode(whole), 0);
	assert_told(SEVERITY_ERROR, "");
	sails = ship.sails.items;
	ck_assert(!ship.afloat && ship.armed == TRISTATE_TRUE && ship.masts == 3 && ship.cargo == 5 << 20);
	ck_assert(ship.speed == 1500 && ship.leave == 5400000 && ship.built == INT64_C(1767323045000) && ship.crew == 12);
	ck_assert_int_eq(ship.rig, 3);
	ck_assert_str_eq(ship.name, "Anna");
	ck_assert_str_eq(ship.berth, "7");
	ck_assert_str_eq(ship.ports[1], "Riga");
	ck_assert_ptr_null(ship.ports[2]);
	ck_assert_str_eq(schema_map_get(&ship.papers, "Pass"), "x");
	ck_assert_uint_eq(ship.sails.count, 2);
	ck_assert(sails[0].area == 12 && sails[1].area == 20);
	ck_assert(ship.engine->power == 9 && ship.engine->loud && ship.spare->power == 7 && ship.oars == NULL);
	ck_assert_int_eq((int)json_array_size(json_object_get(ship.log, "a")), 2);
}
END_TEST

START_TEST(writes_what_it_read)
{
	json_t *tree;

	ck_assert_int_eq(decode(whole), 0);
	tree = schema_encode(&ship_schema, &ship);
	assert_json(tree, whole);
	json_decref(tree);
}
END_TEST

START_TEST(copies)
{
	struct ship *copy;
	json_t *tree;

	ck_assert_int_eq(decode(whole), 0);
	copy = schema_copy(&ship_schema, &ship);
	schema_clear(&ship_schema, &ship); /* nothing of the copy goes with it */
	tree = schema_encode(&ship_schema, copy);
	assert_json(tree, whole);
	json_decref(tree);
	schema_free(&ship_schema, copy);
	copy = schema_copy(&ship_schema, &ship);
	ck_assert(copy->name == NULL && copy->engine == NULL && copy->sails.items == NULL && copy->ports == NULL);
	schema_free(&ship_schema, copy);
}
END_TEST

/* A null counts as absent where the struct says so, and nowhere else. */
START_TEST(fills_defaults)
{
	json_t *tree;

	used = &nullable_schema;
	ck_assert_int_eq(decode("{name: Anna, masts: null, leave: null, engine: null, sails: [{name: a}]}"), 0);
	ck_assert(ship.afloat && ship.leave == 90000 && ship.engine->power == 7 && ship.masts == 0);
	ck_assert_int_eq((int)((struct sail *)ship.sails.items)->area, 20);
	tree = schema_encode(&ship_schema, &ship);
	assert_json(tree, "{\"afloat\":true,\"leave\":\"1m30s\",\"crew\":0,\"name\":\"Anna\",\"sails\":[{\"name\":\"a\",\"area\":20}],"
			  "\"engine\":{\"power\":7}}");
	json_decref(tree);
}
END_TEST

/* What is not quite right but does no harm is taken, with a word about it. */
static const struct {
	const char *text, *told;
} warned[] = {
	{ "lanterns: 9", "lanterns: 9 is out of range: it must be from 1 to 3; it is ignored" },
	{ "lanterns: 2", "" },
	{ "lanterns: 2.0", "" },
	{ "flagship: Vasa", "flagship: There is no fleet." },
	{ "flagship: \"\"", "flagship: There is no fleet." },
	{ "rig: \"\"", "" },
	{ "keel: 1", "keel: is ignored: it means nothing here" },
};
START_TEST(takes_with_a_warning)
{
	g_autofree char *text = g_strdup_printf("{name: Anna, %s}\n", warned[_i].text);
	g_autofree char *told = NULL;

	used = &open_schema;
	ck_assert_int_eq(decode(text), 0);
	told = diagnostics_format(&diagnostics, SEVERITY_WARNING);
	ck_assert_str_eq(*told == '\0' ? told : strchr(told, ' ') + 1, warned[_i].told);
	ck_assert(ship.lanterns != 9);
}
END_TEST

START_TEST(makes_a_new_one)
{
	struct ship *made = schema_new(&ship_schema);

	ck_assert(made->afloat && made->leave == 90000 && made->engine->power == 7 && made->spare == NULL);
	schema_free(&ship_schema, made);
	schema_free(&ship_schema, NULL);
}
END_TEST

static const struct {
	const char *text, *told; /* put behind a name; without its place */
} complaints[] = {
	{ "flag: 3", "flag: must be a string, but is the number 3; put it in quotes" },
	{ "afloat: 1", "afloat: must be true or false, but is the number 1" },
	{ "afloat: \"true\"", "afloat: must be true or false, but is the string \"true\"; remove the quotes" },
	{ "armed: [true]", "armed: must be true or false, but is a list" },
	{ "masts: two", "masts: must be a whole number, but is the string \"two\"" },
	{ "masts: \"2\"", "masts: must be a whole number, but is the string \"2\"; remove the quotes" },
	{ "masts: 2.5", "masts: must be a whole number, but is the number 2.5" },
	{ "masts: 9", "masts: 9 is out of range: it must be from 1 to 5" },
	{ "masts: 0", "masts: 0 is out of range: it must be from 1 to 5" },
	{ "cargo: 4Ki", "cargo: 4Ki is out of range: it must be from 1Mi to 1Gi" },
	{ "cargo: true", "cargo: must be a quantity such as 8Gi, but is true" },
	{ "cargo: {a: 1}", "cargo: must be a quantity such as 8Gi, but is an object" },
	{ "speed: []", "speed: must be a quantity such as 500m or 2, but is a list" },
	{ "leave: 1.5", "leave: must be a duration such as 30s or 24h, but is the number 1.5" },
	{ "built: now", "built: \"now\" is not a time such as 2026-01-31T08:30:00Z" },
	{ "built: 5", "built: must be a time such as 2026-01-31T08:30:00Z, but is the number 5" },
	{ "rig: sloop", "rig: \"sloop\" is not one of Sloop, Ketch, Brig; did you mean Sloop?" },
	{ "rig: Raft", "rig: \"Raft\" is not one of Sloop, Ketch, Brig" },
	{ "rig: true", "rig: must be one of Sloop, Ketch, Brig, but is true" },
	{ "berth: [1]", "berth: must be a number or a string, but is a list" },
	{ "ports: Kiel", "ports: must be a list of strings, but is the string \"Kiel\"; begin each item with \"- \"" },
	{ "ports: [Kiel, riga]", "ports: \"riga\" does not begin with a capital" },
	{ "ports: [1]", "ports[0]: must be a string, but is the number 1" },
	{ "papers: [Pass]", "papers: must be an object whose values are strings, but is a list" },
	{ "papers: {Pass: 1}", "papers.Pass: must be a string, but is the number 1; put it in quotes" },
	{ "papers: {pass: x}", "papers: \"pass\" does not begin with a capital" },
	{ "sails: {name: a}", "sails: must be a list of objects, but is an object; begin each item with \"- \"" },
	{ "sails: [a]", "sails[0]: must be an object with fields such as name, area, but is the string \"a\"" },
	{ "sails: [{area: 1}]", "sails[0].name: is required: a string (Its name)" },
	{ "sails: [{name: a}, {name: b, area: 901}]",
	    "sails[1].area: 901 is out of range: it must be from 1 to 900" },
	{ "sails: [{name: a}, {name: b}, {name: a}]",
	    "sails[2].name: \"a\" is used by an earlier item: each needs its own" },
	{ "sails: [{name: a}, {name: b}, {name: c}, {name: d}]", "sails: has 4 items: at most 3 are allowed" },
	{ "engine: fast", "engine: must be an object with fields such as power, loud, but is the string \"fast\"" },
	{ "engine: {power: 101}", "engine.loud: must be true of such power" },
	{ "engine: {pwoer: 1}", "engine.pwoer: no such field; did you mean \"power\"?" },
	{ "engine: {zzz: 1}", "engine.zzz: no such field in Engine (\"solovirt explain\" lists them)" },
	{ "Masts: 2", "Masts: no such field; did you mean \"masts\"?" },
	{ "masts: null", "masts: must be a whole number, but is null" },
	{ "engine: null", "engine: must be an object with fields such as power, loud, but is null" },
	{ "log: null", "log: must be a value, but is null" },
	{ "plank: {}", "plank: is not supported: Nobody walks it." },
	{ "spare: {}, oars: {}", "spare and oars exclude each other: write one of them" },
};

START_TEST(complains)
{
	g_autofree char *text = g_strdup_printf("{name: Anna, %s}\n", complaints[_i].text);
	g_autofree char *told = NULL;

	ck_assert_int_eq(decode(text), -1);
	told = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_int_eq(strncmp(told, "1:", 2), 0);
	ck_assert_str_eq(strchr(told, ' ') + 1, complaints[_i].told);
	ck_assert_uint_eq(diagnostics.errors, 1);
}
END_TEST

/* One reading tells everything, each with its own place. */
START_TEST(tells_everything_at_once)
{
	ck_assert_int_eq(decode("masts: many\n"
				"speed: 1.x\n"
				"engine:\n"
				"  power: x\n"
				"  luod: true\n"
				"sails:\n"
				"- area: 0\n"
				"flag: red\n"
				"plank: {}\n"
				"oars: {}\n"), -1);
	assert_told(SEVERITY_ERROR,
	    "1:8: masts: must be a whole number, but is the string \"many\"\n"
	    "2:8: speed: \"1.x\" is not a quantity; write a number and a suffix, as in 2, 500m, 8Gi or 1.5Ti\n"
	    "1:1: name: is required: a string (Its name)\n"
	    "7:3: sails[0].name: is required: a string (Its name)\n"
	    "7:9: sails[0].area: 0 is out of range: it must be from 1 to 900\n"
	    "5:3: engine.luod: no such field; did you mean \"loud\"?\n"
	    "4:10: engine.power: must be a whole number, but is the string \"x\"\n"
	    "9:8: plank: is not supported: Nobody walks it.\n"
	    "1:1: oars and plank exclude each other: write one of them");
	assert_told(SEVERITY_WARNING, "8:7: flag: is ignored: Flags are not looked at.");
}
END_TEST

START_TEST(wants_one_of)
{
	used = &strict_schema;
	ck_assert_int_eq(decode("{name: Anna}"), -1);
	assert_told(SEVERITY_ERROR, "1:1: one of spare, oars must be written");
}
END_TEST

START_TEST(limits_strings)
{
	ck_assert_int_eq(decode("name: Anna of the seven seas"), -1);
	assert_told(SEVERITY_ERROR, "1:7: name: is 22 characters long: at most 12 are allowed");
}
END_TEST

START_TEST(refuses_what_is_no_object)
{
	json_t *tree = json_pack("[i]", 1);

	ck_assert_int_eq(schema_decode(&ship_schema, tree, NULL, "spec", &ship, &diagnostics), -1);
	assert_told(SEVERITY_ERROR, "spec: must be an object with fields such as afloat, armed, masts, but is a list");
	ck_assert_ptr_nonnull(ship.engine);
	json_decref(tree);
}
END_TEST

/* --- lists and maps ----------------------------------------------------------------------------------------------- */

START_TEST(changes_lists)
{
	struct sail *sail;

	for (int i = 0; i < 3; i++) {
		sail = schema_list_add(&ship.sails, &sail_schema);
		ck_assert_int_eq((int)sail->area, 20);
		sail->name = g_strdup_printf("%d", i);
	}
	schema_list_remove(&ship.sails, &sail_schema, 1);
	sail = ship.sails.items;
	ck_assert_uint_eq(ship.sails.count, 2);
	ck_assert_str_eq(sail[0].name, "0");
	ck_assert_str_eq(sail[1].name, "2");
	schema_list_remove(&ship.sails, &sail_schema, 1);
	schema_list_remove(&ship.sails, &sail_schema, 0);
	SCHEMA_EACH (struct sail, none, &ship.sails)
		ck_abort_msg("%s", none->name);
}
END_TEST

START_TEST(changes_maps)
{
	schema_map_set(&ship.papers, "a", "1");
	schema_map_set(&ship.papers, "b", "2");
	schema_map_set(&ship.papers, "a", "3");
	ck_assert_uint_eq(ship.papers.count, 2);
	ck_assert_str_eq(schema_map_get(&ship.papers, "a"), "3");
	schema_map_set(&ship.papers, "a", NULL);
	schema_map_set(&ship.papers, "c", NULL);
	ck_assert_uint_eq(ship.papers.count, 1);
	ck_assert_ptr_null(schema_map_get(&ship.papers, "a"));
	ck_assert_str_eq(schema_map_get(&ship.papers, "b"), "2");
}
END_TEST

/* --- what the rows say themselves ----------------------------------------------------------------------------------- */

static const struct {
	const char *old, *new, *told;
} changes[] = {
	{ "{}", "{}", "" },
	{ "{\"built\":\"a\"}", "{\"built\":\"a\",\"masts\":2}", "" },
	{ "{\"built\":null}", "{}", "" },
	{ "{\"built\":\"a\"}", "{}", "built: may not change after creation: delete the object and create it anew" },
	{ "{}", "{\"built\":\"a\"}", "built: may not change after creation: delete the object and create it anew" },
	{ "{\"engine\":{\"power\":1}}", "{\"engine\":{\"power\":2,\"loud\":true}}",
	    "engine.power: may not change after creation: delete the object and create it anew" },
};

START_TEST(keeps_what_is_fixed)
{
	json_t *old = json_loads(changes[_i].old, 0, NULL), *new = json_loads(changes[_i].new, 0, NULL);

	schema_check_fixed(&ship_schema, old, new, NULL, "", &diagnostics);
	assert_told(SEVERITY_ERROR, changes[_i].told);
	json_decref(old);
	json_decref(new);
}
END_TEST

START_TEST(finds_rows)
{
	const struct schema *sub = NULL;

	ck_assert_str_eq(schema_find(&ship_schema, "engine.power", &sub)->name, "power");
	ck_assert_ptr_null(sub);
	ck_assert_str_eq(schema_find(&ship_schema, "sails", &sub)->name, "sails");
	ck_assert_ptr_eq(sub, &sail_schema);
	ck_assert_str_eq(schema_find(&ship_schema, "sails[3].area", NULL)->name, "area");
	ck_assert_ptr_null(schema_find(&ship_schema, "sails.areas", NULL));
	ck_assert_ptr_null(schema_find(&ship_schema, "sail", NULL));
	ck_assert_ptr_null(schema_find(&ship_schema, "name.first", NULL));
	ck_assert_ptr_null(schema_find(&ship_schema, "", &sub));
	ck_assert_ptr_eq(sub, &ship_schema);
}
END_TEST

/* What schema_explain() or, with path NULL, schema_manual() writes. */
static char *
written(const char *path, bool recursive, struct error *err)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (path == NULL)
		schema_manual(&ship_schema, "spec", out);
	else
		schema_explain(&ship_schema, "Ship", "sea/v1", path, recursive, out, err);
	fclose(out);
	return text;
}

static void
assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

START_TEST(explains)
{
	struct error err = { 0 };
	char *all = written("", false, &err), *rig = written("rig", false, &err), *deep = written("", true, &err);

	assert_has(all, "KIND:     Ship\nVERSION:  sea/v1\n\nDESCRIPTION:\n  A ship.\n\nFIELDS:\n");
	assert_has(all, "  afloat\t<boolean>\n    Whether it floats. Default: true.\n");
	assert_has(all, "  name\t<string> -required-\n");
	assert_has(all, "  sails\t<[]Object>\n");
	assert_has(all, "  flag\t<string> (accepted and ignored, with a warning)\n    Flags are not looked at.\n");
	assert_has(all, "  plank\t<any> (refused)\n");
	assert_has(all, "  built\t<Time>\n    When it was built. May not change after creation.\n");
	ck_assert_ptr_null(strstr(all, "power"));
	assert_has(rig, "FIELD:    rig <string>\n\nDESCRIPTION:\n  How it is rigged. One of Sloop, Ketch, Brig.\n");
	assert_has(deep, "  engine\t<Object>\n    power\t<integer>\n");
	ck_assert_ptr_null(strstr(deep, "What else drives it."));
	free(all);
	free(rig);
	free(deep);
}
END_TEST

static const struct {
	const char *path, *told;
} lost[] = {
	{ "mast", "field \"mast\" does not exist in Ship; did you mean masts?" },
	{ "engine.powr", "field \"powr\" does not exist in Engine; did you mean power?" },
	{ "sails[1].nam", "field \"nam\" does not exist in Sail; did you mean name?" },
	{ "name.first", "field \"first\" does not exist in a plain value" },
	{ "zzzzzz", "field \"zzzzzz\" does not exist in Ship" },
};

START_TEST(explains_where_a_path_ends)
{
	struct error err = { 0 };
	char *text = written(lost[_i].path, false, &err);

	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.text, lost[_i].told);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(writes_a_manual)
{
	char *text = written(NULL, false, NULL);

	assert_has(text, ".TP\n.B spec.masts\n<integer> Number of masts. ");
	assert_has(text, ".TP\n.B spec.sails[].name\n<string>, required Its name. ");
	assert_has(text, ".TP\n.B spec.plank\n<any> (refused) ");
	assert_has(text, ".TP\n.B spec.log\n<any> What was.\\e ");
	free(text);
}
END_TEST

/* --- the lint ------------------------------------------------------------------------------------------------------- */

static const struct schema_field bad_rows[][3] = {
	{ { BOOL("a", struct engine, loud), .doc = "no capital." } },
	{ { BOOL("a", struct engine, loud), .doc = "No full stop" } },
	{ { BOOL("a", struct engine, loud) } },
	{ { BOOL("a", struct engine, loud), .doc = "One." }, { INT("a", struct engine, power), .doc = "Two." } },
	{ { BOOL("a", struct engine, loud), .doc = "One." }, { BOOL("b", struct engine, loud), .doc = "Two." } },
	{ { INT("a", struct engine, power), .min = 1, .max = 2, .dflt = "3", .doc = "Beyond." } },
	{ { BOOL("a", struct engine, loud), .dflt = "maybe", .doc = "Neither." } },
	{ { ENUM("a", struct ship, rig, &rigs[1]), .doc = "Without the empty word." } },
	{ { LIST("a", struct ship, sails, &sail_schema), .key = "b", .doc = "Without its key." } },
	{ { LIST("a", struct ship, sails, NULL), .doc = "Of nothing." } },
};
static const char *const bad_told[] = {
	"Bad.a: its sentence must begin with a capital and end with a full stop",
	"Bad.a: its sentence must begin with a capital and end with a full stop",
	"Bad.a: its sentence must begin with a capital and end with a full stop",
	"Bad.a: told twice",
	"Bad.b: told twice",
	"Bad.a: the default: 3 is out of range: it must be from 1 to 2",
	"Bad.a: the default: \"maybe\" is neither true nor false",
	"Bad.a: its words must begin with \"\"",
	"Bad.a: its key is no field of its items",
	"Bad.a: has no struct behind it",
};

START_TEST(lints)
{
	const struct schema bad = { .name = "Bad", .doc = "Bad.", .size = sizeof(struct ship), .fields = bad_rows[_i] };
	struct error err = { 0 };

	ck_assert_int_eq(schema_lint(&bad, &err), -1);
	ck_assert_str_eq(err.text, bad_told[_i]);
}
END_TEST

START_TEST(lint_passes_what_is_right)
{
	struct error err = { 0 };

	/* The backslash in a sentence is there for the manual. */
	for (const struct schema_field *f = ship_rows; f->name != NULL; f++)
		if (f->type != SCHEMA_ANY || f->policy != POLICY_HONOUR) {
			const struct schema one = { .name = "One", .doc = "One row.", .size = sizeof(struct ship),
				.fields = (const struct schema_field[]){ *f, { 0 } } };
			ck_assert_msg(schema_lint(&one, &err) == 0, "%s", err.text);
		}
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *tc = tcase_create("rows");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reads_every_type);
	tcase_add_test(tc, writes_what_it_read);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, fills_defaults);
	tcase_add_loop_test(tc, takes_with_a_warning, 0, G_N_ELEMENTS(warned));
	tcase_add_test(tc, makes_a_new_one);
	tcase_add_loop_test(tc, complains, 0, G_N_ELEMENTS(complaints));
	tcase_add_test(tc, tells_everything_at_once);
	tcase_add_test(tc, wants_one_of);
	tcase_add_test(tc, limits_strings);
	tcase_add_test(tc, refuses_what_is_no_object);
	tcase_add_test(tc, changes_lists);
	tcase_add_test(tc, changes_maps);
	tcase_add_loop_test(tc, keeps_what_is_fixed, 0, G_N_ELEMENTS(changes));
	tcase_add_test(tc, finds_rows);
	tcase_add_test(tc, explains);
	tcase_add_loop_test(tc, explains_where_a_path_ends, 0, G_N_ELEMENTS(lost));
	tcase_add_test(tc, writes_a_manual);
	tcase_add_loop_test(tc, lints, 0, G_N_ELEMENTS(bad_rows));
	tcase_add_test(tc, lint_passes_what_is_right);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
