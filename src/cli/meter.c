/* Progress as text; see meter.h. */
#include "config.h"

#include <glib.h>

#include "src/base/quantity.h"
#include "src/cli/meter.h"

enum { BAR = 20 };

static void
add_bar(GString *text, double part)
{
	int filled = (int)(part * BAR);

	g_string_append(text, " [");
	for (int i = 0; i < BAR; i++)
		g_string_append_c(text, i < filled ? '=' : i == filled ? '>' : ' ');
	g_string_append_printf(text, "] %6.2f%%", part * 100);
}

char *
meter_text(int64_t done, int64_t total, int64_t ms)
{
	int64_t rate = ms <= 0 ? 0 : (int64_t)((double)done * 1000 / (double)ms);
	g_autofree char *so_far = quantity_format_human(done), *all = quantity_format_human(total), *each = quantity_format_human(rate);
	GString *text = g_string_new(so_far);

	if (total > 0) {
		g_string_append_printf(text, " of %s", all);
		add_bar(text, CLAMP((double)done / (double)total, 0, 1));
	}
	if (rate > 0)
		g_string_append_printf(text, " %s/s", each);
	if (rate > 0 && total > done)
		g_string_append_printf(text, " %llds left", (long long)((total - done + rate - 1) / rate));
	return g_string_free(text, FALSE);
}
