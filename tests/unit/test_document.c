/* Documents: what is read as what, where it stood, what is refused, and that writing loses nothing. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

static GPtrArray *documents;
static struct diagnostics diagnostics;

static void
free_document(void *document)
{
	document_free(document);
}

static void
setup(void)
{
	documents = g_ptr_array_new_with_free_func(free_document);
	diagnostics_init(&diagnostics);
}

static void
teardown(void)
{
	g_ptr_array_unref(documents);
	diagnostics_clear(&diagnostics);
}

static int
read_text(const char *text)
{
	return document_read("t.yaml", text, strlen(text), documents, &diagnostics);
}

static const struct document *
document(guint index)
{
	ck_assert_uint_lt(index, documents->len);
	return documents->pdata[index];
}

static void
check_document(guint index, const char *wanted)
{
	g_autofree char *text = json_write(document(index)->root);

	ck_assert_str_eq(text, wanted);
}

static void
check_diagnostics(enum severity severity, const char *wanted)
{
	g_autofree char *text = diagnostics_format(&diagnostics, severity);

	ck_assert_str_eq(text, wanted);
}

/* Plain scalars as sigs.k8s.io/yaml with go-yaml v2 makes JSON of them. */
static const struct {
	const char *yaml, *json;
} scalars[] = {
	{ "true", "true" }, { "True", "true" }, { "TRUE", "true" }, { "tRUE", "\"tRUE\"" },
	{ "y", "true" }, { "Y", "true" }, { "yes", "true" }, { "Yes", "true" }, { "YES", "true" }, { "yEs", "\"yEs\"" },
	{ "on", "true" }, { "On", "true" }, { "ON", "true" }, { "oN", "\"oN\"" },
	{ "false", "false" }, { "False", "false" }, { "FALSE", "false" },
	{ "n", "false" }, { "N", "false" }, { "no", "false" }, { "No", "false" }, { "NO", "false" },
	{ "off", "false" }, { "Off", "false" }, { "OFF", "false" },
	{ "", "null" }, { "~", "null" }, { "null", "null" }, { "Null", "null" }, { "NULL", "null" }, { "nULL", "\"nULL\"" },
	{ "nil", "\"nil\"" }, { "none", "\"none\"" },
	{ "0", "0" }, { "-0", "0" }, { "+0", "0" }, { "12", "12" }, { "+12", "12" }, { "-12", "-12" },
	{ "1_000", "1000" }, { "1__2", "12" }, { "1_", "1" }, { "_1", "\"_1\"" },
	{ "010", "8" }, { "0777", "511" }, { "-010", "-8" }, { "00", "0" }, { "0o10", "8" }, { "0O17", "15" },
	{ "0x1F", "31" }, { "0XaB", "171" }, { "-0x1f", "-31" }, { "0b11", "3" }, { "-0b11", "-3" }, { "0B1", "1" },
	{ "08", "8" }, { "09.5", "9.5" }, { "0o8", "\"0o8\"" }, { "0b12", "\"0b12\"" }, { "0x", "\"0x\"" }, { "0xg", "\"0xg\"" },
	{ "9223372036854775807", "9223372036854775807" }, { "-9223372036854775808", "-9223372036854775808" },
	{ "9007199254740993", "9007199254740993" }, { "0x7fffffffffffffff", "9223372036854775807" },
	{ "0x10000000000000000", "\"0x10000000000000000\"" }, { "-0x8000000000000001", "\"-0x8000000000000001\"" },
	{ ".5", "0.5" }, { "5.", "5" }, { "1.5", "1.5" }, { "-1.5", "-1.5" }, { "+.5", "0.5" }, { "1.0", "1" }, { "1_0.5", "10.5" },
	{ "1e3", "1000" }, { "1E3", "1000" }, { "1e+3", "1000" }, { "1e-3", "0.001" }, { "1.5e3", "1500" }, { ".5e1", "5" },
	{ "1e10", "10000000000" }, { "1e400", "\"1e400\"" }, { "-1e400", "\"-1e400\"" }, { "1e-400", "0" },
	{ "0.1", "0.1" }, { "3.141592653589793", "3.141592653589793" }, { "1e20", "1e+20" },
	{ ".", "\".\"" }, { "..", "\"..\"" }, { ".e3", "\".e3\"" }, { "1e", "\"1e\"" }, { "1e+", "\"1e+\"" }, { ".5_0", "\".5_0\"" },
	{ "+", "\"+\"" }, { "-x", "\"-x\"" }, { "1x", "\"1x\"" }, { "1 2", "\"1 2\"" },
	{ "inf", "\"inf\"" }, { "nan", "\"nan\"" }, { "NaN", "\"NaN\"" },
	{ "1:30", "\"1:30\"" }, { "190:20:30", "\"190:20:30\"" }, { "00:16:3e:00:00:01", "\"00:16:3e:00:00:01\"" },
	{ "2001-01-01", "\"2001-01-01\"" }, { "2001-12-14t21:59:43.10-05:00", "\"2001-12-14t21:59:43.10-05:00\"" },
	{ "1.2.3", "\"1.2.3\"" }, { "10.0.0.1", "\"10.0.0.1\"" },
	{ "1Gi", "\"1Gi\"" }, { "500m", "\"500m\"" }, { "0.5Gi", "\"0.5Gi\"" }, { "8 Gi", "\"8 Gi\"" },
	{ "'12'", "\"12\"" }, { "\"true\"", "\"true\"" }, { "'~'", "\"~\"" }, { "''", "\"\"" }, { "\"a\\tb\"", "\"a\\tb\"" },
	{ "!!str 12", "\"12\"" }, { "!!str yes", "\"yes\"" },
	{ "a  b", "\"a  b\"" }, { "a #b", "\"a\"" }, { "a#b", "\"a#b\"" }, { "=", "\"=\"" }, { "<<", "\"<<\"" },
	{ "|\n  a\n  b", "\"a\\nb\\n\"" }, { ">\n  a\n  b\n", "\"a b\\n\"" }, { "|-\n  12", "\"12\"" },
	{ "[a, 1, ~, [y], {b: off}]", "[\"a\",1,null,[true],{\"b\":false}]" }, { "{}", "{}" }, { "[]", "[]" },
	{ "!!map {a: 1}", "{\"a\":1}" }, { "!!seq [1]", "[1]" },
};

START_TEST(types_scalars)
{
	g_autofree char *text = g_strdup_printf("v: %s\n", scalars[_i].yaml);
	g_autofree char *wanted = g_strdup_printf("{\"v\":%s}", scalars[_i].json);

	ck_assert_int_eq(read_text(text), 0);
	check_document(0, wanted);
}
END_TEST

static const struct {
	const char *yaml, *json;
} keys[] = {
	{ "y: 1", "{\"true\":1}" }, { "on: 1", "{\"true\":1}" }, { "off: 1", "{\"false\":1}" }, { "'on': 1", "{\"on\":1}" },
	{ "1.50: a", "{\"1.5\":\"a\"}" }, { "010: a", "{\"8\":\"a\"}" }, { "1e3: a", "{\"1000\":\"a\"}" },
	{ "1.5e10: a", "{\"15000000000\":\"a\"}" }, { "0.1: a", "{\"0.1\":\"a\"}" }, { "1e-7: a", "{\"1e-07\":\"a\"}" },
	{ "123456.789: a", "{\"123456.79\":\"a\"}" }, { "1.5e30: a", "{\"1.5e+30\":\"a\"}" },
	{ "-12: a", "{\"-12\":\"a\"}" }, { "a b: 1", "{\"a b\":1}" }, { "? a\n: 1", "{\"a\":1}" }, { "\"\": 1", "{\"\":1}" },
	{ "{a, b: 1}", "{\"a\":null,\"b\":1}" }, { "&k a: 1\nb: *k", "{\"a\":1,\"b\":\"a\"}" }, { "!!str 12: a", "{\"12\":\"a\"}" },
};

START_TEST(types_keys)
{
	ck_assert_int_eq(read_text(keys[_i].yaml), 0);
	check_document(0, keys[_i].json);
}
END_TEST

static const struct {
	const char *yaml, *json;
} merges[] = {
	{ "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3", "{\"a\":{\"x\":1,\"true\":2},\"b\":{\"true\":3,\"x\":1}}" },
	{ "b:\n  z: 3\n  <<: {z: 1, w: 2}", "{\"b\":{\"z\":3,\"w\":2}}" },
	{ "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}",
	    "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"z\":3},\"c\":{\"x\":1,\"z\":3}}" },
	{ "a: {<<: []}", "{\"a\":{}}" },
	{ "a: {\"<<\": {x: 1}}", "{\"a\":{\"<<\":{\"x\":1}}}" },
	{ "a: &a [1, {b: c}]\nd: *a", "{\"a\":[1,{\"b\":\"c\"}],\"d\":[1,{\"b\":\"c\"}]}" },
	{ "a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}" },
	{ "a: &x [&x 1, *x]\nb: *x", "{\"a\":[1,1],\"b\":1}" },
};

START_TEST(unfolds)
{
	ck_assert_int_eq(read_text(merges[_i].yaml), 0);
	check_document(0, merges[_i].json);
}
END_TEST

static const struct {
	const char *text;
	const char *errors;
} refusals[] = {
	{ "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", "t.yaml:4:3: b.c: is written twice; the first is in line 3\n"
					      "t.yaml:5:1: a: is written twice; the first is in line 1" },
	{ "on: 1\ntrue: 2\n", "t.yaml:2:1: true: is written twice; the first is in line 1" },
	{ "a: .inf\nb: -.INF\nc: .nan", "t.yaml:1:4: a: .inf is not a number that can be kept\n"
					 "t.yaml:2:4: b: -.INF is not a number that can be kept\n"
					 "t.yaml:3:4: c: .nan is not a number that can be kept" },
	{ "a: 9223372036854775808", "t.yaml:1:4: a: 9223372036854775808 does not fit 64 bits; quote it when it is a text" },
	{ "a: 0xffffffffffffffff", "t.yaml:1:4: a: 0xffffffffffffffff does not fit 64 bits; quote it when it is a text" },
	{ "a: -9223372036854775809",
	    "t.yaml:1:4: a: -9223372036854775809 does not fit 64 bits; quote it when it is a text" },
	{ "a: !!binary aGk=\n!!int c: 1", "t.yaml:1:4: a: the tag tag:yaml.org,2002:binary is not understood; write the value alone\n"
					  "t.yaml:2:1: the tag tag:yaml.org,2002:int is not understood; write the key alone" },
	{ "~: a", "t.yaml:1:1: a key is missing or is not a word" },
	{ "? \n: a", "t.yaml:1:2: a key is missing or is not a word" },
	{ "? [1, 2]\n: a", "t.yaml:1:3: a key must be a word; a text that begins with { or [ needs quotes" },
	{ "a: *b", "t.yaml:1:4: a: nothing before *b is called &b" },
	{ "a: &a [1, *a]", "t.yaml:1:11: a[1]: *a stands inside &a itself" },
	{ "a: &a {b: {c: *a}}", "t.yaml:1:15: a.b.c: *a stands inside &a itself" },
	{ "a: &a 1\n---\nb: *a", "t.yaml:3:4: b: nothing before *a is called &a" },
	{ "a: {<<: 1}", "t.yaml:1:5: a.<<: << takes a mapping or a list of mappings" },
	{ "a: {<<: [{}, x]}", "t.yaml:1:5: a.<<: << takes a mapping or a list of mappings" },
	{ "a: {<<: {}, <<: {}}", "t.yaml:1:13: a.<<: is written twice; write <<: [*first, *second]" },
	{ "- a\n- b", "t.yaml:1:1: a document must be a mapping that has apiVersion and kind" },
	{ "---\njust text", "t.yaml:2:1: a document must be a mapping that has apiVersion and kind" },
	{ "apiVersion: v1\nkind: List\nitems: {a: 1}", "t.yaml:3:8: items: the items of a List must be a list" },
	{ "apiVersion: v1\nkind: List\nitems:\n- a: 1\n- 7",
	    "t.yaml:5:3: a document must be a mapping that has apiVersion and kind" },
	{ "a: \"x\\0y\"", "t.yaml:1:4: a: a text cannot hold a NUL byte" },
	{ "a: 1\nb: \xff\n", "t.yaml:2:4: the byte 0xff is no text; save the file as UTF-8" },
	{ "a: h\xc3\xa9 \x01", "t.yaml:1:7: the character U+0001 is not allowed in a text" },
	{ "a:\n\tb: 1", "t.yaml:2:1: syntax: found character that cannot start any token while scanning for the next token of "
			"line 2; indent with spaces, not with tabs" },
	{ "a: b: c", "t.yaml:1:5: syntax: mapping values are not allowed in this context; is the indentation right? A text that "
		     "holds \": \" needs quotes" },
	{ "a: @b", "t.yaml:1:4: syntax: found character that cannot start any token while scanning for the next token of line 1; "
		   "a text that begins with @ ` or % needs quotes" },
	{ "a: [1\n", "t.yaml:2:1: syntax: did not find expected ',' or ']' while parsing a flow sequence of line 1; is a comma "
		     "or a bracket missing?" },
	{ "a: \"b\n", "t.yaml:2:1: syntax: found unexpected end of stream while scanning a quoted scalar of line 1; is the closing quote missing?" },
	{ "a: 1\n b: 2\n", "t.yaml:2:3: syntax: mapping values are not allowed in this context; is the indentation right? A text "
			   "that holds \": \" needs quotes" },
	{ "{\"a\": 1, \"b\": 2, \"a\": 3}", "t.yaml:1:18: a: is written twice; the first is in line 1" },
	{ "{\"a\": \"\\u0000\"}", "t.yaml:1:7: a: a text cannot hold a NUL byte" },
	{ "{\"a\": 1 \"b\": 2}", "t.yaml:1:12: syntax: did not find expected ',' or '}' while parsing a flow mapping of line 1; is "
				"a comma or a brace missing?" },
};

START_TEST(refuses)
{
	ck_assert_int_eq(read_text(refusals[_i].text), -1);
	check_diagnostics(SEVERITY_ERROR, refusals[_i].errors);
}
END_TEST

/* What is wrong with one document does not hide the others. */
START_TEST(reads_on_behind_a_bad_document)
{
	ck_assert_int_eq(read_text("a: 1\n---\na: 1\na: 2\n---\nb: .inf\n---\nc: 3\n"), -1);
	ck_assert_uint_eq(documents->len, 2);
	check_document(0, "{\"a\":1}");
	check_document(1, "{\"c\":3}");
	ck_assert_uint_eq(diagnostics.errors, 2);
}
END_TEST

START_TEST(hints_at_slips)
{
	ck_assert_int_eq(read_text("a: yes\nb: 0644\nc: 12e5\nd: true\ne: 0o644\nf: 1.5e3\non: '1e3'\ng: 0\nh: 00x\ni: !ref [x]\n"), 0);
	check_diagnostics(SEVERITY_WARNING,
	    "t.yaml:1:4: a: yes without quotes means true; write true, or \"yes\" when it is a text\n"
	    "t.yaml:2:4: b: 0644 without quotes means the number 420; write 420, or \"0644\" when it is a text\n"
	    "t.yaml:3:4: c: 12e5 without quotes means the number 1200000; write 1200000, or \"12e5\" when it is a text\n"
	    "t.yaml:7:1: on without quotes means true; write true, or \"on\" when it is a text\n"
	    "t.yaml:10:4: i: the tag !ref is ignored; is the file a template for some tool?");
}
END_TEST

static const char marked[] = "# a comment\n"
			     "kind: X\n"
			     "spec:\n"
			     "  h\xc3\xa9llo: {a: 1, b: [x, y]}\n"
			     "  disks:\n"
			     "  - name: one\n"
			     "    size: 1Gi\n"
			     "  -\n"
			     "    name: two\n"
			     "  empty:\n"
			     "  text: |\n"
			     "    line\n"
			     "  base: &base {p: 1}\n"
			     "  'x.y/z':\n"
			     "    <<: *base\n"
			     "    q: 2\n";

static const struct {
	const char *path;
	unsigned line, column;
} marks[] = {
	{ "", 2, 1 },
	{ "kind", 2, 7 },
	{ "spec", 3, 1 },
	{ "spec.h\xc3\xa9llo", 4, 10 },
	{ "spec.h\xc3\xa9llo.a", 4, 14 },
	{ "spec.h\xc3\xa9llo.b[1]", 4, 24 },
	{ "spec.disks", 5, 3 },
	{ "spec.disks[0]", 6, 5 },
	{ "spec.disks[0].size", 7, 11 },
	{ "spec.disks[1].name", 9, 11 },
	{ "spec.empty", 10, 3 },
	{ "spec.text", 11, 9 },
	{ "spec['x.y/z']", 14, 3 },
	{ "spec['x.y/z'].p", 15, 9 },
	{ "spec['x.y/z'].q", 16, 8 },
	/* Absent: where its parent is. */
	{ "spec.disks[1].size.more", 9, 5 },
	{ "spec.disks[7]", 5, 3 },
	{ "spec.absent['a.b'][3]", 3, 1 },
	{ "absent", 2, 1 },
};

START_TEST(knows_places)
{
	unsigned line = 0, column = 0;

	ck_assert_int_eq(read_text(marked), 0);
	ck_assert(document_mark(document(0), marks[_i].path, &line, &column));
	ck_assert_msg(line == marks[_i].line && column == marks[_i].column, "%s: %u:%u", marks[_i].path, line, column);
}
END_TEST

/* The places of names; where there is none, those of values. */
static const struct {
	const char *path;
	unsigned line, column;
} key_marks[] = {
	{ "", 2, 1 },
	{ "kind", 2, 1 },
	{ "spec", 3, 1 },
	{ "spec.h\xc3\xa9llo", 4, 3 },
	{ "spec.h\xc3\xa9llo.a", 4, 11 },
	{ "spec.h\xc3\xa9llo.b", 4, 17 },
	{ "spec.h\xc3\xa9llo.b[1]", 4, 24 },
	{ "spec.disks[0]", 6, 5 },
	{ "spec.disks[0].size", 7, 5 },
	{ "spec.empty", 10, 3 },
	{ "spec['x.y/z']", 14, 3 },
	{ "spec['x.y/z'].p", 15, 9 },
	{ "spec.disks[1].size.more", 9, 5 },
	{ "absent", 2, 1 },
};

START_TEST(knows_places_of_names)
{
	unsigned line = 0, column = 0;

	ck_assert_int_eq(read_text(marked), 0);
	ck_assert(document_key_mark(document(0), key_marks[_i].path, &line, &column));
	ck_assert_msg(line == key_marks[_i].line && column == key_marks[_i].column, "%s: %u:%u", key_marks[_i].path, line,
	    column);
}
END_TEST

START_TEST(knows_places_of_names_in_json)
{
	unsigned line = 0, column = 0;

	ck_assert_int_eq(read_text("{\"a\": {\"b\" :[1],\n\"c\":\n2}}"), 0);
	ck_assert(document_key_mark(document(0), "a.b", &line, &column) && line == 1 && column == 8);
	ck_assert(document_key_mark(document(0), "a.b[0]", &line, &column) && line == 1 && column == 14);
	ck_assert(document_key_mark(document(0), "a.c", &line, &column) && line == 3 && column == 1);
	ck_assert(document_mark(document(0), "a.b", &line, &column) && line == 1 && column == 13);
}
END_TEST

/* What a counter of columns could stumble over. */
static const char json_text[] =
    "\xef\xbb\xbf{\"a\": 1,\n"
    "  \"b\": [true, {\"c\\\"]}\": \"x\\ud83d\\ude00,\\\"\"}, 2.0],\t\"h\xc3\xa9\":{},\"e\" :null }\n"
    "{\"second\": 1e3}";

static const struct {
	guint document;
	const char *path;
	unsigned line, column;
} json_marks[] = {
	{ 0, "", 1, 1 },
	{ 0, "a", 1, 7 },
	{ 0, "b", 2, 8 },
	{ 0, "b[0]", 2, 9 },
	{ 0, "b[1]", 2, 15 },
	{ 0, "b[1]['c\"]}']", 2, 25 },
	{ 0, "b[2]", 2, 46 },
	{ 0, "h\xc3\xa9", 2, 57 },
	{ 0, "e", 2, 65 },
	{ 1, "", 3, 1 },
	{ 1, "second", 3, 12 },
};

START_TEST(reads_json)
{
	unsigned line = 0, column = 0;

	ck_assert_int_eq(read_text(json_text), 0);
	ck_assert_uint_eq(documents->len, 2);
	check_document(0, "{\"a\":1,\"b\":[true,{\"c\\\"]}\":\"x\xf0\x9f\x98\x80,\\\"\"},2],\"h\xc3\xa9\":{},\"e\":null}");
	check_document(1, "{\"second\":1000}");
	ck_assert(document_mark(document(json_marks[_i].document), json_marks[_i].path, &line, &column));
	ck_assert_msg(line == json_marks[_i].line && column == json_marks[_i].column, "%s: %u:%u", json_marks[_i].path, line,
	    column);
}
END_TEST

static const struct {
	const char *text;
	guint count;
} counts[] = {
	{ "", 0 }, { "\n\n", 0 }, { "# nothing\n", 0 }, { "---\n", 0 }, { "---\n---\n", 0 }, { "~\n", 0 },
	{ "---\na: 1\n---\n# none\n---\nb: 1\n...\n", 2 }, { "%YAML 1.1\n---\na: 1\n", 1 }, { "\xef\xbb\xbf" "a: 1\n", 1 },
	{ "a: 1\r\nb: 2\r\n", 1 }, { "{\"a\":1}{\"b\":1}", 2 }, { "{a: 1}\n---\n{b: 2}\n", 2 },
	{ "apiVersion: v1\nkind: List\n", 0 }, { "apiVersion: v1\nkind: List\nitems:\n", 0 },
	{ "apiVersion: v1\nkind: List\nitems: []\n", 0 },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"a\":1},{\"b\":2}]}", 2 },
	{ "apiVersion: v2\nkind: List\nitems: [1]\n", 1 },
};

START_TEST(counts_documents)
{
	ck_assert_int_eq(read_text(counts[_i].text), 0);
	ck_assert_uint_eq(documents->len, counts[_i].count);
	check_diagnostics(SEVERITY_ERROR, "");
}
END_TEST

START_TEST(unrolls_lists)
{
	unsigned line, column;

	ck_assert_int_eq(read_text("apiVersion: v1\nkind: List\nitems:\n- kind: A\n  spec: {x: 1}\n"
				   "- apiVersion: v1\n  kind: List\n  items:\n  - kind: B\n    spec: {x: 2}\n---\nkind: C\n"), 0);
	ck_assert_uint_eq(documents->len, 3);
	check_document(0, "{\"kind\":\"A\",\"spec\":{\"x\":1}}");
	check_document(1, "{\"kind\":\"B\",\"spec\":{\"x\":2}}");
	check_document(2, "{\"kind\":\"C\"}");
	ck_assert(document_mark(document(0), "spec.x", &line, &column) && line == 5 && column == 13);
	ck_assert(document_mark(document(1), "spec.x", &line, &column) && line == 10 && column == 15);
	ck_assert(document_mark(document(1), "", &line, &column) && line == 9 && column == 5);
	ck_assert(document_mark(document(2), "kind", &line, &column) && line == 12 && column == 7);
	ck_assert_str_eq(document(1)->file, "t.yaml");
}
END_TEST

START_TEST(takes_a_tree)
{
	struct document *taken = document_take(json_object());
	unsigned line, column;

	ck_assert(!document_mark(taken, "a", &line, &column));
	ck_assert(!document_key_mark(taken, "a", &line, &column));
	document_free(taken);
	document_free(NULL);
}
END_TEST

/* --- limits ---------------------------------------------------------------------------------------------------------- */

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *
repeat(const char *what, size_t count)
{
	GString *text = g_string_new(NULL);

	while (count-- > 0)
		g_string_append(text, what);
	return g_string_free(text, FALSE);
}

/* Reads a hostile text: in little time, with an error that says which limit it broke. */
static void
check_limit(const char *text, size_t length, const char *error)
{
	double begin = seconds();
	g_autofree char *errors = NULL;

	ck_assert_int_eq(document_read("t.yaml", text, length, documents, &diagnostics), -1);
	ck_assert_double_lt(seconds() - begin, 2.0);
	errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_msg(strstr(errors, error) != NULL, "%.1000s", errors);
}

static const struct {
	const char *what;
	size_t count;
} nestings[] = {
	{ "[", 100000 }, { "{a: ", 100000 }, { "- ", 100000 }, { "? ", 100000 }, { "[{a: ", 60000 }, { "{\"a\":[", 100000 },
	{ "{\"a\":", 100000 },
};

START_TEST(limits_nesting)
{
	g_autofree char *text = repeat(nestings[_i].what, nestings[_i].count);

	check_limit(text, strlen(text), nestings[_i].what[0] == '?' ? "must be a word" : "nested more than 64 deep");
}
END_TEST

START_TEST(limits_nesting_exactly)
{
	for (int depth = DOCUMENT_DEPTH; depth <= DOCUMENT_DEPTH + 1; depth++) {
		g_autofree char *opened = repeat("{\"a\":", depth), *closed = repeat("}", depth);
		g_autofree char *json = g_strdup_printf("%s1%s", opened, closed), *yaml = g_strdup_printf("# yaml\n%s", json);
		struct error err = { 0 };
		json_t *read = json_read(json, strlen(json), &err);
		int wanted = depth <= DOCUMENT_DEPTH ? 0 : -1;
		ck_assert_int_eq(read != NULL ? 0 : -1, wanted);
		ck_assert_int_eq(read_text(json), wanted);
		ck_assert_int_eq(read_text(yaml), wanted);
		json_decref(read);
	}
}
END_TEST

/* Closed again, so that it is JSON, 1000 deep. */
START_TEST(limits_nesting_of_json)
{
	g_autofree char *opened = repeat("{\"a\":[", 500), *closed = repeat("]}", 500);
	g_autofree char *text = g_strconcat(opened, closed, NULL);

	check_limit(text, strlen(text), "nested more than 64 deep");
}
END_TEST

/* Each alias is shallow enough, but they nest. */
START_TEST(limits_nesting_through_aliases)
{
	g_autoptr(GString) text = g_string_new("a0: &a0 1\n");
	g_autofree char *open = repeat("[", 30), *close = repeat("]", 30);

	for (int i = 1; i < 10; i++)
		g_string_append_printf(text, "a%d: &a%d %s*a%d%s\n", i, i, open, i - 1, close);
	check_limit(text->str, text->len, "nested more than 64 deep");
}
END_TEST

START_TEST(limits_laughs)
{
	g_autoptr(GString) text = g_string_new("a0: &a0 lol\n");

	for (int i = 1; i < 10; i++)
		g_string_append_printf(text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	check_limit(text->str, text->len, "at most 100000 values");
}
END_TEST

/* Few values, much text. */
START_TEST(limits_loud_laughs)
{
	g_autofree char *loud = g_strnfill(500000, 'x'), *aliases = repeat("- *a\n", 1000);
	g_autofree char *text = g_strdup_printf("a: &a %s\nb:\n%s", loud, aliases);

	check_limit(text, strlen(text), "and 8388608 bytes are read");
}
END_TEST

START_TEST(limits_values)
{
	g_autofree char *items = repeat("1,", DOCUMENT_NODES + 10);
	g_autofree char *yaml = g_strdup_printf("a: [%s]", items), *json = g_strdup_printf("{\"a\":[%s1]}", items);

	check_limit(yaml, strlen(yaml), "at most 100000 values");
	diagnostics_clear(&diagnostics);
	diagnostics_init(&diagnostics);
	check_limit(json, strlen(json), "at most 100000 values");
}
END_TEST

START_TEST(limits_anchors)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i <= DOCUMENT_ANCHORS; i++)
		g_string_append_printf(text, "k%d: &a%d 1\n", i, i);
	check_limit(text->str, text->len, "a document may have 256 anchors");
}
END_TEST

START_TEST(limits_keys)
{
	g_autofree char *key = g_strnfill(DOCUMENT_KEY + 1, 'k');
	g_autofree char *yaml = g_strdup_printf("%s: 1\n", key), *json = g_strdup_printf("{\"%s\": 1}", key);

	ck_assert_int_eq(read_text(yaml + 1), 0);
	check_limit(yaml, strlen(yaml), "1:1: a key may have 512 bytes");
	check_limit(json, strlen(json), "a key may have 512 bytes");
}
END_TEST

START_TEST(limits_size)
{
	g_autofree char *text = g_strnfill(DOCUMENT_BYTES + 1, '\n');

	check_limit(text, DOCUMENT_BYTES + 1, "t.yaml: the text has 1048577 bytes; at most 1048576 are read");
	ck_assert_int_eq(document_read(NULL, text, DOCUMENT_BYTES, documents, &diagnostics), 0);
	check_limit("a: \0", 4, "the byte 0x00 is no text");
}
END_TEST

START_TEST(limits_documents)
{
	g_autofree char *yaml = repeat("---\na: 1\n", DOCUMENT_COUNT + 5), *json = repeat("{}", DOCUMENT_COUNT + 5);
	g_autofree char *items = repeat("{},", DOCUMENT_COUNT + 5);
	g_autofree char *list = g_strdup_printf("apiVersion: v1\nkind: List\nitems: [%s]", items);

	check_limit(yaml, strlen(yaml), "t.yaml:2002:1: there are too many documents in one text");
	ck_assert_uint_eq(documents->len, DOCUMENT_COUNT);
	check_limit(json, strlen(json), "t.yaml:1:2001: there are too many documents in one text");
	check_limit(list, strlen(list), "there are too many documents in one text");
	ck_assert_uint_eq(diagnostics.errors, 3);
}
END_TEST

/* Long paths times many values: marks are kept up to a limit, and then found at a parent. */
START_TEST(limits_marks)
{
	g_autofree char *key = g_strnfill(500, 'k'), *items = repeat("1,", 50000);
	g_autoptr(GString) text = g_string_new(NULL), path = g_string_new(NULL);
	unsigned line, column;

	for (int i = 0; i < 60; i++) {
		g_string_append_printf(text, "{\"%s\":", key);
		path_member(path, key);
	}
	g_string_append_printf(text, "[%s1]", items);
	for (int i = 0; i < 60; i++)
		g_string_append_c(text, '}');
	ck_assert_int_eq(read_text(text->str), 0);
	path_index(path, 49999);
	ck_assert(json_is_integer(path_find(document(0)->root, path->str)));
	ck_assert(document_mark(document(0), path->str, &line, &column));
	ck_assert_uint_lt(g_hash_table_size(document(0)->marks), 1000);
}
END_TEST

/* Keys that g_str_hash() takes for the same. */
START_TEST(does_not_collide)
{
	g_autoptr(GString) text = g_string_new(NULL);
	double begin = seconds();

	for (int i = 0; i < 1 << 14; i++) {
		for (int bit = 0; bit < 14; bit++)
			g_string_append(text, i >> bit & 1 ? "Ez" : "FY");
		g_string_append(text, ": 1\n");
	}
	ck_assert_int_eq(read_text(text->str), 0);
	ck_assert_uint_eq(json_object_size(document(0)->root), 1 << 14);
	ck_assert_double_lt(seconds() - begin, 3.0);
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *text, *result; /* NULL: refused */
} jsons[] = {
	{ "{\"b\":1,\"a\":[1,2,{}]}", "{\"b\":1,\"a\":[1,2,{}]}" },
	{ "\"x\"", "\"x\"" }, { "1.0", "1" }, { "[1e3,-2.0,0.1,1e300]", "[1000,-2,0.1,1e+300]" }, { "null", "null" },
	{ "9223372036854775807", "9223372036854775807" }, { "9007199254740993", "9007199254740993" },
	{ "\"\\u00e9\\ud83d\\ude00\\u001f\\u007f\\\"\\\\/\\b\\f\\n\\r\\t\"",
	    "\"\xc3\xa9\xf0\x9f\x98\x80\\u001f\\u007f\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "{\"a\":1,\"a\":2}", NULL }, { "{\"a\":1} x", NULL }, { "{a:1}", NULL }, { "\"\xff\"", NULL }, { "[1,]", NULL },
	{ "\"\\u0000\"", NULL }, { "9223372036854775808", NULL }, { "1e400", NULL }, { "\"\\ud83d\"", NULL }, { "", NULL },
	{ "NaN", NULL }, { "01", NULL },
};

START_TEST(reads_and_writes_json)
{
	struct error err = { 0 };
	json_t *value = json_read(jsons[_i].text, strlen(jsons[_i].text), &err);
	g_autofree char *text = NULL;

	if (jsons[_i].result == NULL) {
		ck_assert_ptr_null(value);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert(g_str_has_prefix(err.text, "JSON line 1, column "));
		return;
	}
	ck_assert_msg(value != NULL, "%s", err.text);
	text = json_write(value);
	ck_assert_str_eq(text, jsons[_i].result);
	json_decref(value);
}
END_TEST

/* --- writing YAML ------------------------------------------------------------------------------------------------------ */

START_TEST(writes_yaml)
{
	static const char text[] = "apiVersion: kubevirt.io/v1\n"
				   "kind: VirtualMachine\n"
				   "metadata:\n"
				   "  annotations:\n"
				   "    a: \"\"\n"
				   "    b: say \"hi\"\n"
				   "    c: \"true\"\n"
				   "    d: \"12\"\n"
				   "    e: \"2024-01-01T00:00:00Z\"\n"
				   "    f: \"1:30\"\n"
				   "    g: '{\"x\":\"y\"}'\n"
				   "    h: 10.0.0.1\n"
				   "    i: \"a: b\"\n"
				   "    j: \"tab\\there\"\n"
				   "    k: it's\n"
				   "  labels: {}\n"
				   "  finalizers: []\n"
				   "spec:\n"
				   "  running: true\n"
				   "  weight: 0.5\n"
				   "  none: null\n"
				   "  disks:\n"
				   "  - name: root\n"
				   "    args:\n"
				   "    - a\n"
				   "    - - nested\n"
				   "      - 1\n"
				   "    - {}\n"
				   "  userData: |\n"
				   "    #cloud-config\n"
				   "    users:\n"
				   "      - x\n"
				   "\n"
				   "    last: 1\n"
				   "  unfinished: |-\n"
				   "    a\n"
				   "    b\n"
				   "  more: |+\n"
				   "    a\n"
				   "\n"
				   "  led: |2\n"
				   "     a\n"
				   "    b\n"
				   "  \"on\": 1\n"
				   "  \"\": 2\n"
				   "  \"<<\": 3\n";
	g_autoptr(GString) out = g_string_new(NULL);

	ck_assert_int_eq(read_text(text), 0);
	yaml_write(document(0)->root, out);
	ck_assert_str_eq(out->str, text);
}
END_TEST

static const char *const texts[] = {
	"", " ", "\n", "\n\n", " \n", "\n ", "a\n", "a\n\n", "\na", "\n\n a\n", " a\nb", "\ta\n", "\n\ta", "a\n \n", "a \nb ",
	"a\r\nb", "a\rb", "\xc2\x85", "a\n\xe2\x80\xa8" "b", "\xef\xbb\xbf" "a", "\xef\xbf\xbe", "\x7f", "\x01\n", "\xc2\x80x",
	"a: b", "a:", ":a", "a #b", "a#", "#a", "- a", "-", "--- a", "---", "...", "... a", "?", "? a", "[a]", "{a}", "a, b",
	"&a", "*a", "!a", "|", ">", "'", "\"", "%a", "@a", "`a", "'a'", "\"a\"", "a'b\"c\\d", "\\", "\\n", "a\\",
	"true", "~", "null", "12", "0x1F", "1e10", "1_0", ".5", ".inf", "<<", "=", "y", "N", "08", "1e400", "9223372036854775808",
	"2001-01-01", "12:30:45", "1:2", "h\xc3\xa9", "\xf0\x9f\x98\x80", "a\tb", "\t", "a ", " a", "key: |\n  x\n", "# x\n# y\n",
};

/* Any text, as a value, a key and an item, is the same when it is read again. */
START_TEST(writes_any_text)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *json = NULL;
	json_t *root = json_pack("{s:s, s:[s, [s], {s:s}]}", "v", texts[_i], "l", texts[_i], texts[_i], texts[_i], texts[_i]);
	json_t *again;

	json_object_set_new(root, texts[_i], json_pack("{s:{s:s}}", "deep", texts[_i], texts[_i]));
	yaml_write(root, out);
	if (read_text(out->str) != 0)
		ck_abort_msg("%s\n%s", ((struct diagnostic *)diagnostics.items->pdata[0])->message, out->str);
	ck_assert_msg(json_equal(document(0)->root, root), "%s", out->str);
	json = json_write(root);
	again = json_read(json, strlen(json), NULL);
	ck_assert(json_equal(again, root));
	json_decref(again);
	json_decref(root);
}
END_TEST

/* A key too long for its line, and one that becomes so by its escapes. */
START_TEST(writes_long_keys)
{
	g_autofree char *plain = g_strnfill(DOCUMENT_KEY, 'k'), *escaped = g_strnfill(DOCUMENT_KEY, '\x01');
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *root = json_pack("{s:i, s:{s:[i, {s:s}]}}", plain, 1, escaped, escaped, 2, escaped, "a\nb\n");

	yaml_write(root, out);
	ck_assert_int_eq(read_text(out->str), 0);
	ck_assert(json_equal(document(0)->root, root));
	json_decref(root);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("document");
	TCase *tc = tcase_create("read");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, types_scalars, 0, G_N_ELEMENTS(scalars));
	tcase_add_loop_test(tc, types_keys, 0, G_N_ELEMENTS(keys));
	tcase_add_loop_test(tc, unfolds, 0, G_N_ELEMENTS(merges));
	tcase_add_loop_test(tc, refuses, 0, G_N_ELEMENTS(refusals));
	tcase_add_test(tc, reads_on_behind_a_bad_document);
	tcase_add_test(tc, hints_at_slips);
	tcase_add_loop_test(tc, knows_places, 0, G_N_ELEMENTS(marks));
	tcase_add_loop_test(tc, knows_places_of_names, 0, G_N_ELEMENTS(key_marks));
	tcase_add_test(tc, knows_places_of_names_in_json);
	tcase_add_loop_test(tc, reads_json, 0, G_N_ELEMENTS(json_marks));
	tcase_add_loop_test(tc, counts_documents, 0, G_N_ELEMENTS(counts));
	tcase_add_test(tc, unrolls_lists);
	tcase_add_test(tc, takes_a_tree);
	suite_add_tcase(s, tc);
	tc = tcase_create("limits");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, limits_nesting, 0, G_N_ELEMENTS(nestings));
	tcase_add_test(tc, limits_nesting_exactly);
	tcase_add_test(tc, limits_nesting_of_json);
	tcase_add_test(tc, limits_nesting_through_aliases);
	tcase_add_test(tc, limits_laughs);
	tcase_add_test(tc, limits_loud_laughs);
	tcase_add_test(tc, limits_values);
	tcase_add_test(tc, limits_anchors);
	tcase_add_test(tc, limits_keys);
	tcase_add_test(tc, limits_size);
	tcase_add_test(tc, limits_documents);
	tcase_add_test(tc, limits_marks);
	tcase_add_test(tc, does_not_collide);
	suite_add_tcase(s, tc);
	tc = tcase_create("write");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, reads_and_writes_json, 0, G_N_ELEMENTS(jsons));
	tcase_add_test(tc, writes_yaml);
	tcase_add_loop_test(tc, writes_any_text, 0, G_N_ELEMENTS(texts));
	tcase_add_test(tc, writes_long_keys);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
