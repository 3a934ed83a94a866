/* Access; see access.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access.h"
#include "src/api/config.h"
#include "src/base/log.h"

struct access {
	GArray *admin_users;               /* uid_t */
	GArray *admin_groups, *view_groups; /* gid_t */
	char *admin_names, *view_names;    /* of groups, as configured: for refusals */
};

static GArray *
resolve_users(char *const *names)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uid_t));

	for (; names != NULL && *names != NULL; names++) {
		const struct passwd *user = getpwnam(*names);
		if (user != NULL)
			g_array_append_val(ids, user->pw_uid);
		else
			log_warning("access.adminUsers: there is no user \"%s\"; it is left out", *names);
	}
	return ids;
}

static GArray *
resolve_groups(char *const *names, const char *field)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(gid_t));

	for (; names != NULL && *names != NULL; names++) {
		const struct group *group = getgrnam(*names);
		if (group != NULL)
			g_array_append_val(ids, group->gr_gid);
		else
			log_warning("access.%s: there is no group \"%s\"; it is left out", field, *names);
	}
	return ids;
}

struct access *
access_new(const struct config_access *config)
{
	static const struct config_access nobody;
	struct access *access = g_new0(struct access, 1);
	char *none[] = { NULL };

	if (config == NULL)
		config = &nobody;
	access->admin_users = resolve_users(config->admin_users);
	access->admin_groups = resolve_groups(config->admin_groups, "adminGroups");
	access->view_groups = resolve_groups(config->view_groups, "viewGroups");
	access->admin_names = g_strjoinv(" or ", config->admin_groups == NULL ? none : config->admin_groups);
	access->view_names = g_strjoinv(" or ", config->view_groups == NULL ? none : config->view_groups);
	return access;
}

void
access_free(struct access *access)
{
	if (access == NULL)
		return;
	g_array_unref(access->admin_users);
	g_array_unref(access->admin_groups);
	g_array_unref(access->view_groups);
	g_free(access->admin_names);
	g_free(access->view_names);
	g_free(access);
}

static bool
is_in(const GArray *allowed, gid_t gid, const gid_t *groups, size_t count)
{
	for (guint i = 0; i < allowed->len; i++) {
		gid_t wanted = g_array_index(allowed, gid_t, i);
		if (wanted == gid)
			return true;
		for (size_t g = 0; g < count; g++)
			if (groups[g] == wanted)
				return true;
	}
	return false;
}

enum access_right
access_of(const struct access *access, uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	if (uid == 0 || uid == geteuid())
		return ACCESS_ADMIN;
	for (guint i = 0; i < access->admin_users->len; i++)
		if (g_array_index(access->admin_users, uid_t, i) == uid)
			return ACCESS_ADMIN;
	if (is_in(access->admin_groups, gid, groups, count))
		return ACCESS_ADMIN;
	return is_in(access->view_groups, gid, groups, count) ? ACCESS_VIEW : ACCESS_NONE;
}

char *
access_refusal(const struct access *access, uid_t uid, enum access_right needed)
{
	bool view = needed == ACCESS_VIEW && access->view_names[0] != '\0';
	const char *names = view ? access->view_names : access->admin_names;

	if (names[0] == '\0')
		return g_strdup_printf("user %u may not do this: only root may, as the configuration names no group in "
		    "access.adminGroups", (unsigned)uid);
	return g_strdup_printf(
	    "user %u may not do this: it needs membership in the group %s%s%s (log in again after joining)",
	    (unsigned)uid, names, view && access->admin_names[0] != '\0' ? " or " : "",
	    view ? access->admin_names : "");
}
