/* Quantities and durations, in whole numbers throughout; see quantity.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/quantity.h"

/* unsigned __int128 is what makes every step below exact. */
typedef unsigned __int128 wide;

enum { DIGITS_MOST = 19 /* significant ones: they fit 64 bits */ };

/* A number as written: (-)digits * 2^binary * 10^decimal. */
struct number {
	bool negative;
	bool any; /* there was a digit at all */
	uint64_t digits;
	int significant;
	int decimal, binary;
};

/* k8s.io/apimachinery/pkg/api/resource/suffix.go */
static const struct {
	const char *text;
	int binary, decimal;
} suffixes[] = {
	{ "", 0, 0 },
	{ "Ki", 10, 0 }, { "Mi", 20, 0 }, { "Gi", 30, 0 }, { "Ti", 40, 0 }, { "Pi", 50, 0 }, { "Ei", 60, 0 },
	{ "n", 0, -9 },  { "u", 0, -6 },  { "m", 0, -3 },
	{ "k", 0, 3 },   { "M", 0, 6 },   { "G", 0, 9 },   { "T", 0, 12 },  { "P", 0, 15 },  { "E", 0, 18 },
};

/* Go's time package. */
static const struct {
	const char *text;
	int64_t ns;
} units[] = {
	{ "ns", 1 },          { "us", 1000 },       { "\u00b5s", 1000 },        { "\u03bcs", 1000 },
	{ "ms", 1000000 },    { "s", 1000000000 },  { "m", INT64_C(60000000000) }, { "h", INT64_C(3600000000000) },
};

static const char *scan_number(const char *p, struct number *number);
static bool scan_suffix(const char *text, struct number *number);
static int scale_number(const struct number *number, int64_t scale, int64_t *value);
static char *suggest_quantity(const char *text);

int
quantity_parse(const char *text, int64_t scale, int64_t *value, struct error *err)
{
	struct number number = { 0 };
	const char *p = scan_number(text, &number);

	if (!number.any || !scan_suffix(p, &number)) {
		g_autofree char *better = suggest_quantity(text);
		if (better != NULL)
			return error_set(err, EINVAL, "\"%.100s\" is not a quantity; did you mean \"%s\"?", text, better);
		return error_set(err, EINVAL,
		    "\"%.100s\" is not a quantity; write a number and a suffix, as in 2, 500m, 8Gi or 1.5Ti", text);
	}
	if (number.significant > DIGITS_MOST)
		return error_set(err, ERANGE, "\"%.100s\" has more than %d digits", text, DIGITS_MOST);
	if (scale_number(&number, scale, value) != 0)
		*value = number.negative ? -INT64_MAX : INT64_MAX;
	return 0;
}

char *
quantity_format_bytes(int64_t bytes)
{
	size_t best = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes) && bytes != 0; i++) {
		if (suffixes[i].decimal == 0 && bytes % (INT64_C(1) << suffixes[i].binary) == 0 &&
		    suffixes[i].binary > suffixes[best].binary)
			best = i;
	}
	return g_strdup_printf("%lld%s", (long long)(bytes / (INT64_C(1) << suffixes[best].binary)), suffixes[best].text);
}

char *
quantity_format_milli(int64_t milli)
{
	if (milli % 1000 == 0)
		return g_strdup_printf("%lld", (long long)(milli / 1000));
	return g_strdup_printf("%lldm", (long long)milli);
}

/* Without the zeros behind the last digit of a fraction of "digits" digits. */
static char *
format_fraction(const char *sign, uint64_t whole, uint64_t fraction, int digits, const char *unit)
{
	g_autofree char *tail = g_strdup_printf("%0*llu", digits, (unsigned long long)fraction);
	size_t length = strlen(tail);

	while (length > 0 && (tail[length - 1] == '0' || digits == 0))
		length--;
	return g_strdup_printf("%s%llu%s%.*s%s", sign, (unsigned long long)whole, length > 0 ? "." : "", (int)length, tail,
	    unit);
}

char *
quantity_format_human(int64_t bytes)
{
	static const char names[][4] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t size = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
	const char *sign = bytes < 0 ? "-" : "";
	wide hundredths = (wide)size * 100;
	uint64_t rounded;
	size_t i = 0;

	/* 1023.5 of a unit would be written as 1024. */
	while (i + 1 < G_N_ELEMENTS(names) && hundredths >= ((wide)102350 << (10 * i)))
		i++;
	rounded = (uint64_t)((hundredths + (((wide)1 << (10 * i)) >> 1)) >> (10 * i));
	if (rounded < 1000)
		return format_fraction(sign, rounded / 100, rounded % 100, 2, names[i]);
	rounded = (uint64_t)((hundredths / 10 + (((wide)1 << (10 * i)) >> 1)) >> (10 * i));
	if (rounded < 1000)
		return format_fraction(sign, rounded / 10, rounded % 10, 1, names[i]);
	rounded = (uint64_t)((size + (((wide)1 << (10 * i)) >> 1)) >> (10 * i));
	return format_fraction(sign, rounded, 0, 0, names[i]);
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* Takes a digit; zeros at the end become a power of ten, so that they cost no digits. */
static void
take_digit(struct number *number, int digit, bool fraction, int *zeros)
{
	number->any = true;
	number->decimal -= fraction;
	if (digit == 0) {
		*zeros += number->digits != 0;
		return;
	}
	number->significant += number->digits == 0 ? 1 : *zeros + 1;
	if (number->significant <= DIGITS_MOST) {
		for (; *zeros >= 0; --*zeros)
			number->digits *= 10;
		number->digits += (uint64_t)digit;
	}
	*zeros = 0;
}

/* Reads sign, digits and a fraction; returns what is behind.  The text may be of any length. */
static const char *
scan_number(const char *p, struct number *number)
{
	bool fraction = false;
	int zeros = 0;

	number->negative = *p == '-';
	p += *p == '-' || *p == '+';
	for (; g_ascii_isdigit(*p) || (*p == '.' && !fraction); p++) {
		if (*p == '.')
			fraction = true;
		else
			take_digit(number, *p - '0', fraction, &zeros);
	}
	number->decimal += zeros;
	return p;
}

/* "e3", "E-3": as a power of ten; nothing sensible has more than three digits in it. */
static bool
scan_exponent(const char *p, struct number *number)
{
	bool negative = p[1] == '-';
	char *end;
	guint64 exponent;

	p += 1 + (p[1] == '-' || p[1] == '+');
	exponent = g_ascii_strtoull(p, &end, 10);
	if (!g_ascii_isdigit(*p) || *end != '\0' || exponent > 999)
		return false;
	number->decimal += negative ? -(int)exponent : (int)exponent;
	return true;
}

static bool
scan_suffix(const char *text, struct number *number)
{
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		if (strcmp(suffixes[i].text, text) != 0)
			continue;
		number->binary = suffixes[i].binary;
		number->decimal += suffixes[i].decimal;
		return true;
	}
	return (*text == 'e' || *text == 'E') && scan_exponent(text, number);
}

static bool
multiply(wide *value, wide factor)
{
	return !__builtin_mul_overflow(*value, factor, value);
}

/* digits * scale * 2^binary * 10^decimal, rounded away from zero.  -1 when it does not fit. */
static int
scale_number(const struct number *number, int64_t scale, int64_t *value)
{
	wide above = (wide)number->digits * (uint64_t)scale, below = 1, quotient;
	int twos = number->binary + number->decimal;
	bool fits = true, tiny = false;

	if (above == 0) {
		*value = 0;
		return 0;
	}
	/* 10^n = 2^n * 5^n.  The twos of both are taken together first: what overflows after that is too large in truth. */
	for (int i = 0; i < number->decimal && fits; i++)
		fits = multiply(&above, 5);
	for (int i = 0; i > number->decimal && !tiny; i--)
		tiny = !multiply(&below, 5);
	for (int i = 0; i < twos && fits; i++)
		fits = multiply(&above, 2);
	for (int i = 0; i > twos && !tiny; i--)
		tiny = !multiply(&below, 2);
	if (!fits && !tiny)
		return -1;
	quotient = tiny ? 1 : above / below + (above % below != 0);
	if (quotient > (wide)INT64_MAX + number->negative)
		return -1;
	*value = number->negative ? (int64_t)(0 - (uint64_t)quotient) : (int64_t)quotient;
	return 0;
}

/* Slips that are seen: "8 Gi", "8GB", "8gb", "8GiB", "8K", "8g".  The letters, without their case and a B, tell. */
static char *
suggest_quantity(const char *text)
{
	static const char letters[] = "kmgtpe";
	struct number number = { 0 };
	const char *p = scan_number(g_str_has_prefix(text, " ") ? text + strspn(text, " ") : text, &number), *letter;
	g_autofree char *digits = g_strndup(text, (gsize)(p - text));
	char suffix[4];
	size_t n = 0;

	for (; *p != '\0' && n < sizeof(suffix); p++) {
		if (*p != ' ')
			suffix[n++] = g_ascii_tolower(*p);
	}
	n -= n > 0 && n < sizeof(suffix) && suffix[n - 1] == 'b';
	n -= n > 1 && n < sizeof(suffix) && suffix[n - 1] == 'i';
	if (!number.any || *p != '\0' || n > 1 || number.significant > DIGITS_MOST)
		return NULL;
	letter = n == 0 ? NULL : memchr(letters, suffix[0], strlen(letters));
	if (n == 1 && letter == NULL)
		return NULL;
	g_strstrip(digits);
	return n == 0 ? g_strdup(digits) : g_strdup_printf("%s%ci", digits, g_ascii_toupper(*letter));
}

/* --- durations ---------------------------------------------------------------------------------------------------- */

/* Reads "1.5h" and adds its nanoseconds.  Returns what is behind, or NULL. */
static const char *
scan_term(const char *p, wide *total)
{
	struct number number = { 0 };
	int64_t ns;

	if (*p == '-' || *p == '+')
		return NULL;
	p = scan_number(p, &number);
	if (!number.any || number.significant > DIGITS_MOST)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		size_t length = strlen(units[i].text);
		if (strncmp(p, units[i].text, length) != 0 || g_ascii_isalpha(p[length]))
			continue;
		/* More than fits is told by the sum. */
		*total += scale_number(&number, units[i].ns, &ns) == 0 ? (uint64_t)ns : (wide)1 << 64;
		return p + length;
	}
	return NULL;
}

int
duration_parse(const char *text, int64_t *ms, struct error *err)
{
	const char *p = text + (text[0] == '-' || text[0] == '+');
	bool negative = text[0] == '-';
	wide total = 0;

	if (p[0] != '\0' && strspn(p, "0123456789") == strlen(p) && strspn(p, "0") != strlen(p))
		return error_set(err, EINVAL, "\"%.100s\" has no unit; write \"%.20ss\" for seconds", text, text);
	if (strcmp(p, "0") == 0) {
		*ms = 0;
		return 0;
	}
	do {
		p = scan_term(p, &total);
		if (p == NULL)
			return error_set(err, EINVAL,
			    "\"%.100s\" is not a duration; write numbers with h, m, s or ms, as in 30s or 1h30m", text);
		if (total > (wide)INT64_MAX)
			return error_set(err, ERANGE, "\"%.100s\" is too long", text);
	} while (*p != '\0');
	*ms = (int64_t)(total / 1000000 + (total % 1000000 != 0));
	*ms = negative ? -*ms : *ms;
	return 0;
}

char *
duration_format(int64_t ms)
{
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, hours = left / 3600000, minutes = left / 60000 % 60;
	g_autoptr(GString) text = g_string_new(ms < 0 ? "-" : "");

	if (left > 0 && left < 1000) {
		g_string_append_printf(text, "%llums", (unsigned long long)left);
		return g_string_free(g_steal_pointer(&text), FALSE);
	}
	if (hours > 0)
		g_string_append_printf(text, "%lluh", (unsigned long long)hours);
	if (minutes > 0)
		g_string_append_printf(text, "%llum", (unsigned long long)minutes);
	left %= 60000;
	if (left > 0 || ms == 0) {
		g_autofree char *seconds = format_fraction("", left / 1000, left % 1000, 3, "s");
		g_string_append(text, seconds);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}
