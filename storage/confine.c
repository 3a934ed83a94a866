/* Giving up rights; see confine.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/confine.h"

enum { NOBODY = 65534, OPEN_FILES_MOST = 64 };

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* What may be read, when it is there: resolver, certificates, libraries that the resolver loads. */
static const struct {
	const char *path;
	uint64_t access;
} readable[] = {
	{"/etc", READ},
	{"/usr", READ},
	{"/lib", READ},
	{"/lib64", READ},
	{"/run/systemd/resolve", READ},
	{"/run/resolvconf", READ},
	{"/run/NetworkManager", READ},
	{"/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
	{"/dev/zero", LANDLOCK_ACCESS_FS_READ_FILE},
	{"/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE},
	{"/dev/random", LANDLOCK_ACCESS_FS_READ_FILE},
};

/* --- landlock: glibc has no functions for it yet ------------------------------------------------------------------ */

static void
allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return;
	/* A rule that fails only takes more away. */
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

static int
restrict_files(struct error *err)
{
	struct landlock_ruleset_attr all = {.handled_access_fs = LANDLOCK_ACCESS_FS_REFER - 1};
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return 0; /* a kernel without it: the other walls stand */
	if (version >= 2)
		all.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);
	if (ruleset < 0)
		return error_errno(err, "cannot make a landlock ruleset");
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		allow(ruleset, readable[i].path, readable[i].access);
	int rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (rc < 0)
		error_errno(err, "cannot restrict the worker by landlock");
	close(ruleset);
	return rc;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static int
set_limit(int resource, int64_t value, struct error *err)
{
	struct rlimit old, limit = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};

	/* Only root may raise a hard limit; what is lower already is good enough. */
	if (getrlimit((__rlimit_resource_t)resource, &old) == 0 && old.rlim_max < limit.rlim_max)
		limit.rlim_cur = limit.rlim_max = old.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0
	           ? error_errno(err, "cannot set resource limit %d", resource)
	           : 0;
}

static int
set_limits(const struct confine_limits *limits, struct error *err)
{
	const struct { int resource; int64_t value; } rows[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_CPU, limits->cpu_seconds},
		{RLIMIT_FSIZE, limits->file_size},
		{RLIMIT_NOFILE, OPEN_FILES_MOST},
#ifndef __SANITIZE_ADDRESS__
		{RLIMIT_AS, limits->memory},
#endif
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (set_limit(rows[i].resource, rows[i].value, err) < 0)
			return -1;
	return 0;
}

static int
become_nobody(struct error *err)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return error_errno(err, "cannot become nobody");
	if (setuid(0) == 0)
		return error_set(err, EPERM, "the worker could become root again");
	return 0;
}

int
confine(const struct confine_limits *limits, struct error *err)
{
	/* A file that grows too large shall be an error of write(), which says so, not a death. */
	signal(SIGXFSZ, SIG_IGN);
	if (set_limits(limits, err) < 0 || become_nobody(err) < 0)
		return -1;
	/* Behind the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, "cannot give up privileges");
	return restrict_files(err);
}
