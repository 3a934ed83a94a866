/* Rows of livenessProbe, readinessProbe and accessCredentials. */
#include "config.h"

#include <arpa/inet.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/document/diagnostic.h"

/* Of Go's type int32; what makes no sense is taken, as in KubeVirt. */
#define INT32 .min = INT32_MIN, .max = INT32_MAX

/* A probe's network tries are made by the daemon, which neither speaks TLS nor looks names up. */
static void
check_target(const char *host, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	g_autofree char *at = g_strdup_printf("%s.host", path);

	if (host != NULL && *host != '\0' && inet_pton(AF_INET, host, bytes) != 1 && inet_pton(AF_INET6, host, bytes) != 1)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, at,
		    "Names are not looked up: with \"%s\" instead of an IP address the probe fails.", host);
}

static void
check_http(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct probe_http *http = object;
	g_autofree char *at = g_strdup_printf("%s.scheme", path);

	check_target(http->host, document, path, diagnostics);
	if (http->scheme != NULL && g_ascii_strcasecmp(http->scheme, "HTTPS") == 0)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, at,
		    "HTTPS is not spoken: the probe looks only whether the port can be connected to.");
}

static void
check_tcp(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct probe_tcp *tcp = object;

	check_target(tcp->host, document, path, diagnostics);
}

static const struct schema_field exec_rows[] = {
	{ STRINGS("command", struct probe_exec, command), .doc = "Program in the guest and its arguments." },
	{ 0 },
};
static SCHEMA(exec_schema, struct probe_exec, "ExecAction", "Runs a program in the guest.", exec_rows);
static const struct schema_field header_rows[] = {
	{ STRING("name", struct http_header, name), .dflt = "", .max = 256, .doc = "Name of the header." },
	{ STRING("value", struct http_header, value), .dflt = "", .max = 4096, .doc = "Its value." },
	{ 0 },
};
static SCHEMA(header_schema, struct http_header, "HTTPHeader", "A header of the request.", header_rows);
static const struct schema_field http_rows[] = {
	{ INT_OR_STRING("port", struct probe_http, port), .dflt = "0", .doc = "Port of the guest." },
	{ STRING("path", struct probe_http, path), .max = 4096, .doc = "Path; / when not given." },
	{ STRING("host", struct probe_http, host), .max = 253, .doc = "Host to ask; the guest when not given." },
	{ STRING("scheme", struct probe_http, scheme), .max = 16, .doc = "HTTP or HTTPS." },
	{ LIST("httpHeaders", struct probe_http, http_headers, &header_schema), .max = 64, .doc = "Headers of the request." },
	{ 0 },
};
static SCHEMA(http_schema, struct probe_http, "HTTPGetAction", "Asks a web server in the guest.", http_rows, .check = check_http);
static const struct schema_field tcp_rows[] = {
	{ INT_OR_STRING("port", struct probe_tcp, port), .dflt = "0", .doc = "Port of the guest." },
	{ STRING("host", struct probe_tcp, host), .max = 253, .doc = "Host to connect to; the guest when not given." },
	{ 0 },
};
static SCHEMA(tcp_schema, struct probe_tcp, "TCPSocketAction", "Connects to a port of the guest.", tcp_rows, .check = check_tcp);
static const struct schema_field probe_rows[] = {
	{ OBJECT("exec", struct probe, exec, struct probe_exec, &exec_schema), .doc = "Runs a program in the guest." },
	{ OBJECT("httpGet", struct probe, http_get, struct probe_http, &http_schema), .doc = "Asks a web server in the guest." },
	{ OBJECT("tcpSocket", struct probe, tcp_socket, struct probe_tcp, &tcp_schema), .doc = "Connects to a port of the guest." },
	{ OBJECT("guestAgentPing", struct probe, guest_agent_ping, struct empty, &empty_schema), .doc = "Asks the guest's agent whether it is there." },
	{ INT("initialDelaySeconds", struct probe, initial_delay_seconds), INT32, .doc = "Seconds before the first try." },
	{ INT("timeoutSeconds", struct probe, timeout_seconds), INT32, .doc = "Seconds that a try may take; 1 when not given." },
	{ INT("periodSeconds", struct probe, period_seconds), INT32, .doc = "Seconds between tries; 10 when not given." },
	{ INT("successThreshold", struct probe, success_threshold), INT32, .doc = "Tries in a row that make it good; 1 when not given." },
	{ INT("failureThreshold", struct probe, failure_threshold), INT32, .doc = "Tries in a row that make it bad; 3 when not given." },
	{ 0 },
};
SCHEMA(probe_schema, struct probe, "Probe", "Looks whether the guest is well.", probe_rows);

static const struct schema_field credential_secret_rows[] = {
	{ STRING("secretName", struct credential_secret, secret_name), .dflt = "", .doc = "Name of the Secret." },
	{ 0 },
};
static SCHEMA(credential_secret_schema, struct credential_secret, "AccessCredentialSecretSource", "A Secret.", credential_secret_rows);
static const struct schema_field credential_source_rows[] = {
	{ OBJECT("secret", struct credential_source, secret, struct credential_secret, &credential_secret_schema), .doc = "A Secret: each value a key, or each key a user with a password." },
	{ 0 },
};
static SCHEMA(credential_source_schema, struct credential_source, "AccessCredentialSource", "Where keys or passwords are.", credential_source_rows);
static const struct schema_field agent_users_rows[] = {
	{ STRINGS("users", struct agent_users, users), .doc = "Users of the guest who get the keys." },
	{ 0 },
};
static SCHEMA(agent_users_schema, struct agent_users, "QemuGuestAgentAccessCredentialPropagation", "By the guest's agent, while it runs.", agent_users_rows);
static const struct schema_field propagation_rows[] = {
	{ OBJECT("noCloud", struct credential_propagation, no_cloud, struct empty, &empty_schema), .doc = "By cloud-init's NoCloud disk, at boot." },
	{ OBJECT("configDrive", struct credential_propagation, config_drive, struct empty, &empty_schema), .doc = "By cloud-init's config drive, at boot." },
	{ OBJECT("qemuGuestAgent", struct credential_propagation, qemu_guest_agent, struct agent_users, &agent_users_schema), .doc = "By the guest's agent, while it runs." },
	{ 0 },
};
static SCHEMA(propagation_schema, struct credential_propagation, "SSHPublicKeyAccessCredentialPropagationMethod", "How it gets into the guest.", propagation_rows);
static const struct schema_field agent_rows[] = { { 0 } };
static SCHEMA(agent_schema, struct agent_users, "QemuGuestAgentUserPasswordAccessCredentialPropagation", "By the guest's agent, while it runs.", agent_rows);
static const struct schema_field password_propagation_rows[] = {
	{ OBJECT("qemuGuestAgent", struct credential_propagation, qemu_guest_agent, struct agent_users, &agent_schema), .doc = "By the guest's agent, while it runs." },
	{ 0 },
};
static SCHEMA(password_propagation_schema, struct credential_propagation, "UserPasswordAccessCredentialPropagationMethod", "How it gets into the guest.", password_propagation_rows);
static const struct schema_field password_item_rows[] = {
	{ OBJECT("source", struct access_credential_item, source, struct credential_source, &credential_source_schema), .doc = "Where the passwords are." },
	{ OBJECT("propagationMethod", struct access_credential_item, propagation_method, struct credential_propagation, &password_propagation_schema), .doc = "How they get into the guest." },
	{ 0 },
};
static SCHEMA(password_item_schema, struct access_credential_item, "UserPasswordAccessCredential", "Passwords.", password_item_rows);
static const struct schema_field credential_item_rows[] = {
	{ OBJECT("source", struct access_credential_item, source, struct credential_source, &credential_source_schema), .doc = "Where the keys are." },
	{ OBJECT("propagationMethod", struct access_credential_item, propagation_method, struct credential_propagation, &propagation_schema), .doc = "How they get into the guest." },
	{ 0 },
};
static SCHEMA(credential_item_schema, struct access_credential_item, "SSHPublicKeyAccessCredential", "Keys.", credential_item_rows);
static const struct schema_field access_credential_rows[] = {
	{ OBJECT("sshPublicKey", struct access_credential, ssh_public_key, struct access_credential_item, &credential_item_schema), .doc = "Keys for SSH." },
	{ OBJECT("userPassword", struct access_credential, user_password, struct access_credential_item, &password_item_schema), .doc = "Passwords of users." },
	{ 0 },
};
SCHEMA(access_credential_schema, struct access_credential, "AccessCredential", "How people get into the guest.", access_credential_rows);
