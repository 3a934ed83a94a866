/* Prints libFuzzer's dictionary: the names of all kinds, fields and words that the rows know. */
#include "config.h"

#include <stdio.h>

#include "src/api/kinds.h"

/* What was printed and which structs were seen. */
static GHashTable *words, *seen;

static void
print_word(const char *word)
{
	if (word == NULL || *word == '\0' || !g_hash_table_add(words, (gpointer)(uintptr_t)word))
		return;
	putchar('"');
	for (const char *p = word; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\' || !g_ascii_isprint(*p))
			printf("\\x%02x", (unsigned char)*p);
		else
			putchar(*p);
	}
	puts("\"");
}

static void
print_schema(const struct schema *schema)
{
	if (schema == NULL || !g_hash_table_add(seen, (gpointer)(uintptr_t)schema))
		return;
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		print_word(f->name);
		print_word(f->dflt);
		for (const char *const *word = f->words; word != NULL && *word != NULL; word++)
			print_word(*word);
		print_schema(f->sub);
	}
}

int
main(void)
{
	words = g_hash_table_new(g_str_hash, g_str_equal);
	seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	for (size_t i = 0; i < KIND_COUNT; i++) {
		print_word(kind_api_version(&kinds[i]));
		print_word(kinds[i].name);
		print_word(kinds[i].plural);
		print_schema(kinds[i].schema);
	}
	g_hash_table_destroy(words);
	g_hash_table_destroy(seen);
	return 0;
}
