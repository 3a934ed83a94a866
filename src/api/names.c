/* Rules for names and other strings; each says what would be right. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "src/api/meta.h"
#include "src/base/error.h"
#include "src/base/ip.h"

static bool
is_lower_alnum(char c)
{
	return g_ascii_islower(c) || g_ascii_isdigit(c);
}

static bool
is_dns_part(const char *text, size_t length)
{
	if (length == 0 || !is_lower_alnum(text[0]) || !is_lower_alnum(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_lower_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

int
check_dns_label(const char *text, struct error *err)
{
	if (strlen(text) <= 63 && is_dns_part(text, strlen(text)))
		return 0;
	return error_set(err, EINVAL,
	    "\"%.80s\" is not a DNS label: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit", text);
}

int
check_dns_subdomain(const char *text, struct error *err)
{
	const char *p = text;
	bool good = strlen(text) <= 253;

	for (;;) {
		size_t length = strcspn(p, ".");

		good = good && is_dns_part(p, length);
		p += length;
		if (*p++ == '\0')
			break;
	}
	if (good)
		return 0;
	return error_set(err, EINVAL,
	    "\"%.80s\" is not a valid name: at most 253 of a-z, 0-9, - and ., each part beginning and ending with a letter or digit",
	    text);
}

static bool
is_qualified_part(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > 63 || !g_ascii_isalnum(text[0]) || !g_ascii_isalnum(text[length - 1]))
		return false;
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

int
check_label_name(const char *text, struct error *err)
{
	const char *slash = strchr(text, '/');
	g_autofree char *prefix = slash == NULL ? NULL : g_strndup(text, (size_t)(slash - text));

	if ((prefix == NULL || check_dns_subdomain(prefix, NULL) == 0) &&
	    is_qualified_part(slash == NULL ? text : slash + 1))
		return 0;
	return error_set(err, EINVAL,
	    "\"%.80s\" is not a label or annotation name: [prefix/]name with at most 63 letters, digits, -, _ and .", text);
}

int
check_label_value(const char *text, struct error *err)
{
	if (*text == '\0' || is_qualified_part(text))
		return 0;
	return error_set(err, EINVAL,
	    "\"%.80s\" is not a label value: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or "
	    "digit", text);
}

/* As Go's encoding/base64 reads it: padded to fours, line breaks between. */
int
check_base64(const char *text, struct error *err)
{
	size_t count = 0, padding = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\n' || *text == '\r')
			continue;
		if (*text == '=' ? ++padding > 2 : padding > 0 || (!g_ascii_isalnum(*text) && *text != '+' && *text != '/'))
			return error_set(err, EINVAL, "is not base64");
		count++;
	}
	if (count % 4 == 0)
		return 0;
	return error_set(err, EINVAL, "is not base64: its length must be a multiple of 4 (padded with =)");
}

int
check_config_key(const char *text, struct error *err)
{
	size_t length = strlen(text);

	if (length > 0 && length <= 253 && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length)
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not a data key: at most 253 letters, digits, -, _ and .", text);
}

int
check_mac(const char *text, struct error *err)
{
	size_t group = strchr(text, '.') != NULL ? 5 : 3, length = group == 5 ? 14 : 17;
	bool good = strlen(text) == length;

	/* As Go reads it: pairs with ":" or "-", or fours with ".", all separators the same. */
	for (size_t i = 0; good && i < length; i++)
		good = i % group == group - 1 ? text[i] == text[group - 1] && strchr(":-.", text[i]) != NULL : g_ascii_isxdigit(text[i]);
	return good ? 0 : error_set(err, EINVAL, "\"%.40s\" is not a MAC address such as 52:54:00:12:34:56", text);
}

int
check_mac_or_nothing(const char *text, struct error *err)
{
	return *text == '\0' ? 0 : check_mac(text, err);
}

static int
check_ip_version(const char *text, int version, struct error *err)
{
	struct ip ip;

	if (*text == '\0')
		return 0;
	if (ip_parse(text, &ip, err) != 0)
		return -1;
	return ip_version(&ip) == version ? 0 : error_set(err, EINVAL, "\"%s\" is not an address of IPv%d", text, version);
}

int
check_ipv4_or_nothing(const char *text, struct error *err)
{
	return check_ip_version(text, 4, err);
}

int
check_ipv6_or_nothing(const char *text, struct error *err)
{
	return check_ip_version(text, 6, err);
}

int
check_uuid(const char *text, struct error *err)
{
	return g_uuid_string_is_valid(text)
	    ? 0
	    : error_set(err, EINVAL, "\"%.60s\" is not a UUID such as 5d307ca9-b3ef-428c-8861-06e72d69f223", text);
}

int
check_absolute_path(const char *text, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", -1);

	if (text[0] == '/' && text[1] != '\0' && !g_strv_contains((const char *const *)parts, ".."))
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not an absolute path without \"..\"", text);
}

int
check_subnet(const char *text, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	struct in_addr in, right;
	char rest, address[INET_ADDRSTRLEN];
	unsigned prefix;

	if (parts[0] == NULL || parts[1] == NULL || inet_pton(AF_INET, parts[0], &in) != 1 || !g_ascii_isdigit(parts[1][0]) ||
	    sscanf(parts[1], "%2u%c", &prefix, &rest) != 1 || prefix < 8 || prefix > 30)
		return error_set(err, EINVAL, "\"%.40s\" is not an IPv4 subnet such as 192.168.77.0/24 (from /8 to /30)", text);
	right.s_addr = htonl(ntohl(in.s_addr) & UINT32_MAX << (32 - prefix));
	if (right.s_addr == in.s_addr)
		return 0;
	inet_ntop(AF_INET, &right, address, sizeof(address));
	return error_set(err, EINVAL, "\"%s\" is an address inside a subnet; the subnet is %s/%u", text, address, prefix);
}

int
check_pci_address(const char *text, struct error *err)
{
	static const char form[] = "xxxx:xx:xx.7"; /* x: a hexadecimal digit, 7: a function */
	bool good = strlen(text) == strlen(form);

	for (size_t i = 0; good && form[i] != '\0'; i++)
		good = form[i] == 'x' ? g_ascii_isxdigit(text[i]) : form[i] == '7' ? text[i] >= '0' && text[i] <= '7' : text[i] == form[i];
	if (good)
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is not a PCI address such as 0000:81:01.0", text);
}

int
check_word(const char *text, const char *const *words, struct error *err)
{
	if (g_strv_contains(words, text))
		return 0;
	g_autofree char *list = g_strjoinv(", ", (char **)(uintptr_t)words);
	return error_set(err, EINVAL, "\"%.40s\" is not one of %s", text, list);
}
