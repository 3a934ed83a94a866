/* Where this host's Open vSwitch is; see host_ovs_place.h. */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/host.h"
#include "src/virt/host_ovs_place.h"

/* As the command line says it. */
static struct place {
	const char *database, *bridges; /* "ssl:10.0.0.2:6640"; database NULL: nothing was told */
	const char *database_word;      /* "--db=..." */
	const char *keys[3];            /* "--private-key=..." */
	GPtrArray *interfaces;          /* words of argv; NULL: none */
} place;

/* Words of the command line, and whether the programs take them as they are behind "--". */
static const struct {
	const char *name;
	const char **value;
	bool option;
} words_known[] = {
	{ "database=", &place.database, false },
	{ "bridges=", &place.bridges, false },
	{ "private-key=", &place.keys[0], true },
	{ "certificate=", &place.keys[1], true },
	{ "ca-cert=", &place.keys[2], true },
};
#define INTERFACE "interface="

bool
ovs_place_set(const char *word)
{
	if (g_str_has_prefix(word, INTERFACE)) {
		if (place.interfaces == NULL)
			place.interfaces = g_ptr_array_new();
		g_ptr_array_add(place.interfaces, (void *)(uintptr_t)(word + strlen(INTERFACE)));
		return true;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(words_known); i++) {
		if (!g_str_has_prefix(word, words_known[i].name))
			continue;
		*words_known[i].value = words_known[i].option ? g_strconcat("--", word, NULL) : word + strlen(words_known[i].name);
		if (words_known[i].value == &place.database)
			place.database_word = g_strconcat("--db=", place.database, NULL);
		return true;
	}
	return false;
}

bool
ovs_is_remote(void)
{
	return place.database != NULL && place.bridges != NULL;
}

/* --- what may be done ------------------------------------------------------------------------------------------------ */

int
ovs_check_known(struct error *err)
{
	if (host_is_local() || ovs_is_remote())
		return 0;
	return error_set(err, EOPNOTSUPP, "Open vSwitch of this host is on another machine than solovirtd: say where its database listens "
	    "(openvswitch of the host in solovirtd.yaml), or make the bridge by hand");
}

int
ovs_check_local(const char *what, const char *instead, struct error *err)
{
	if (host_is_local())
		return 0;
	return error_set(err, EOPNOTSUPP, "%s needs the host's own files and processes, and this host is another machine than solovirtd: %s", what,
	    instead);
}

int
ovs_check_interface(const char *interface, struct error *err)
{
	if (place.interfaces != NULL && g_ptr_array_find_with_equal_func(place.interfaces, interface, g_str_equal, NULL))
		return 0;
	return error_set(err, EACCES, "whether %s has addresses, which would be cut off, cannot be seen from another machine: when it has none, name it "
	    "in openvswitch.interfaces of the host (solovirtd.yaml), or add it to the bridge by hand (ovs-vsctl add-port)", interface);
}

/* --- the way there --------------------------------------------------------------------------------------------------- */

void
ovs_place_words(bool database, GPtrArray *words)
{
	if (!ovs_is_remote())
		return;
	if (database)
		g_ptr_array_add(words, (void *)(uintptr_t)place.database_word);
	for (size_t i = 0; i < G_N_ELEMENTS(place.keys); i++)
		if (place.keys[i] != NULL)
			g_ptr_array_add(words, (void *)(uintptr_t)place.keys[i]);
}

const char *
ovs_place_database(void)
{
	return place.database;
}

/* "ssl:" of "ssl:[fd00::2]:6653", its address, and its port. */
struct listening {
	char method[5];
	char *address;
	int64_t port;
};

static void
bridges_read(struct listening *l)
{
	const char *port = strrchr(place.bridges, ':');

	g_strlcpy(l->method, place.bridges, sizeof(l->method));
	l->address = g_strndup(place.bridges + 4, (gsize)(port - place.bridges - 4));
	l->port = g_ascii_strtoll(port + 1, NULL, 10);
}

int64_t
ovs_place_port(const char *listener)
{
	if (!g_str_has_prefix(listener, "pssl:") && !g_str_has_prefix(listener, "ptcp:"))
		return -1;
	return g_ascii_strtoll(listener + 5, NULL, 10);
}

char *
ovs_place_target(const char *listener)
{
	struct listening l;
	int64_t port = ovs_place_port(listener);
	g_auto(GStrv) parts = g_strsplit(listener, ":", 3);

	if (!ovs_is_remote() || port <= 0)
		return NULL;
	bridges_read(&l);
	g_autofree char *address = l.address;
	if (!g_str_has_prefix(listener + 1, l.method) || (g_strv_length(parts) > 2 && strcmp(parts[2], address) != 0))
		return NULL;
	return g_strdup_printf("%s%s:%" G_GINT64_FORMAT, l.method, address, port);
}

static bool
is_among(const GArray *ports, int64_t port)
{
	for (guint i = 0; i < ports->len; i++)
		if (g_array_index(ports, int64_t, i) == port)
			return true;
	return false;
}

char *
ovs_place_listener(const GArray *ports)
{
	struct listening l;

	bridges_read(&l);
	g_autofree char *address = l.address;
	while (l.port <= G_MAXUINT16 && is_among(ports, l.port))
		l.port++;
	return l.port > G_MAXUINT16 ? NULL : g_strdup_printf("p%s%" G_GINT64_FORMAT ":%s", l.method, l.port, address);
}

char *
ovs_place_suffix(void)
{
	g_autofree char *digest = ovs_is_remote() ? g_compute_checksum_for_string(G_CHECKSUM_SHA1, place.database, -1) : NULL;

	return digest == NULL ? g_strdup("") : g_strdup_printf("-%.8s", digest);
}

/* --- why not --------------------------------------------------------------------------------------------------------- */

/* What the system's words for a broken connection mean here. */
static const struct {
	const char *words, *advice;
} meanings[] = {
	{ "(Connection refused)", "start it there (openvswitch-switch.service), and have it listen" },
	{ "(Protocol error)", "its certificate is not from caCertificate" },
	{ "(Protocol not available)", "privateKey, certificate and caCertificate do not belong together, or are no files in PEM" },
	{ "(Broken pipe)", "it does not take our certificate: it must be from the authority that the host trusts (ovs-vsctl get-ssl)" },
	{ "(Input/output error)", "it does not take our certificate: it must be from the authority that the host trusts (ovs-vsctl get-ssl)" },
	{ "(Connection reset by peer)", "it does not take our certificate: it must be from the authority that the host trusts (ovs-vsctl get-ssl)" },
};

int
ovs_place_explain(const char *who, struct error *err)
{
	const char *advice = "see whether the host is up and lets us in", *open = strrchr(err->text, '(');
	g_autofree char *why = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
		if (strstr(err->text, meanings[i].words) != NULL)
			advice = meanings[i].advice;
	why = g_strdup(open != NULL && strlen(open) > 2 ? open : err->code == ETIMEDOUT ? "(no answer in time)" : "(no connection)");
	return error_set(err, ENOTCONN, "%s does not answer %s: %s", who, why, advice);
}
