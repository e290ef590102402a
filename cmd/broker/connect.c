/* SPDX-License-Identifier: MIT */
/*
 * How to reach a broker: URLs from options or the environment, refined by
 * single options, become the configuration of a session.
 */

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/connect.h"
#include "broker/password.h"
#include "broker/urls.h"
#include "tool/tool.h"

enum { SECOND = 1000, DEFAULT_WAIT = 60 * SECOND, PASSWORD_TIME = 60 * SECOND };

static opt_set add_url, refuse_password, set_retry_time;

static struct opt_list	 given;			/* URLs, copies: what stood in argv is hidden */
static const char	*server, *vhost, *username, *password_file, *connection_name;
static const char	*cacert, *cert, *key;
static int64_t		 port, heartbeat, connect_timeout, wait_time, retry_time;
static bool		 ask_password, insecure;
static int		 sasl = -1;

static const char *const sasl_words[] = { "plain", "external", NULL };
enum { SASL_PLAIN, SASL_EXTERNAL };

const struct opt opt_connect[] = {
	{ .help = "Connection" },
	{ 'u', "url|uri", "URL", add_url, NULL,
	    "the broker, amqp://user:password@host:port/vhost; several are tried in turn (default: $AMQP_URL)",
	    .many = true },
	{ 0, "server", "HOST[:PORT]", opt_string, &server, "connect to this host", .max = 1024 },
	{ 0, "port", "PORT", opt_number, &port, "connect to this port", .min = 1, .max = UINT16_MAX },
	{ 0, "vhost", "NAME", opt_string, &vhost, "use this virtual host", .max = 255 },
	{ 0, "username", "NAME", opt_string, &username, "log in as this user", .max = 255 },
	{ 0, "password-file", "FILE", opt_string, &password_file,
	    "read the password from this file, which nobody else may read unless it is root's, or from a pipe" },
	{ 0, "password", "[PASSWORD]", refuse_password, NULL, NULL },
	{ 0, "ask-password", NULL, opt_flag, &ask_password, "ask for the password on the terminal" },
	{ 0, "sasl", "HOW", opt_choice, &sasl, "log in by password or by client certificate",
	    .choices = sasl_words },
	{ 0, "cacert|cafile|tls-ca-file", "FILE", opt_string, &cacert,
	    "trust these certificate authorities instead of the system's" },
	{ 0, "cert", "FILE", opt_string, &cert, "show this certificate to the broker" },
	{ 0, "key", "FILE", opt_string, &key, "the certificate's key" },
	{ 'k', "insecure", NULL, opt_flag, &insecure, "do not verify the broker's certificate" },
	{ 0, "heartbeat", "SECS", opt_seconds, &heartbeat, "ask for a sign of life this often (default: 30)",
	    .min = SECOND, .max = INT64_C(65535) * SECOND },
	{ 0, "connect-timeout", "SECS", opt_seconds, &connect_timeout,
	    "give up the first connection after this time (default: 10)",
	    .min = 1, .max = INT64_C(86400) * SECOND },
	{ 0, "wait", "[SECS]", opt_seconds, &wait_time, "wait this long for a broker that is starting (default: 60)",
	    .min = 1, .max = INT64_C(86400) * SECOND, .value = DEFAULT_WAIT },
	{ 0, "retry-time", "SECS", set_retry_time, NULL,
	    "try this long to connect again after a loss, or \"forever\"" },
	{ 0, "connection-name", "NAME", opt_string, &connection_name,
	    "what the broker's tools call this connection", .max = 255 },
	{ 0 }
};

const char *const connect_url_variables[] = { "AMQP_URL", "RABBITMQ_URL", "CLOUDAMQP_URL", NULL };

static void *
check(void *p)
{
	if (p == NULL)
		tool_fail(EX_OSERR, "cannot prepare the connection: out of memory");
	return p;
}

static const char *
add_url(const struct opt *o, char *arg)
{
	const struct opt it = { .to = &given };
	const char *wrong = opt_strings(&it, check(strdup(arg)));

	(void)o;
	urls_hide(arg);
	return wrong;
}

/* Before it is even looked at: whoever may list processes could have read it. */
static const char *
refuse_password(const struct opt *o, char *arg)
{
	(void)o;
	(void)arg;
	tool_usage("--password: the command line is no place for one; use AMQP_URL, --password-file or --ask-password");
}

/* Zero must stay what it says, though zero asks the session for its default. */
static const char *
set_retry_time(const struct opt *o, char *arg)
{
	const struct opt it = { .to = &retry_time };
	const char *wrong;

	(void)o;
	if (strcmp(arg, "forever") == 0) {
		retry_time = -1;
		return NULL;
	}
	wrong = opt_seconds(&it, arg);
	if (retry_time == 0)
		retry_time = 1;
	return wrong;
}

static struct urls urls;

static void
take_urls(const char *list, const char *from, int status)
{
	struct rmq_error error = { 0 };

	if (!urls_add(&urls, list, &error))
		tool_fail(error.status == RMQ_SYSTEM ? EX_OSERR : status,
		    "cannot use the URL of %s: %s", from, error.text);
}

/* The environment can be read from outside; children are not told of it. */
static void
hide_variables(void)
{
	const char *const *name;
	char *value;

	for (name = connect_url_variables; *name != NULL; name++)
		if ((value = getenv(*name)) != NULL)
			urls_hide(value);
}

static void
collect_urls(void)
{
	const char *const *name, *value;
	size_t i;

	for (i = 0; i < given.count; i++) {
		take_urls(given.items[i], "--url", EX_USAGE);
		explicit_bzero((char *)given.items[i], strlen(given.items[i]));
	}
	for (name = connect_url_variables; urls.count == 0 && *name != NULL; name++)
		if ((value = getenv(*name)) != NULL && *value != '\0')
			take_urls(value, *name, EX_CONFIG);
	hide_variables();
	if (urls.count == 0)
		take_urls("amqp://guest:guest@localhost", "default", EX_SOFTWARE);
}

/* What single options change. */

static void
replace(char **field, const char *value)
{
	if (value == NULL)
		return;
	if (*field != NULL)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = check(strdup(value));
}

static void
free_hosts(struct rmq_uri *u)
{
	size_t i;

	for (i = 0; i < u->nhosts; i++)
		free(u->hosts[i].name);
	free(u->hosts);
}

/* An address without all that is not a host; a port that it does not have stays what it was. */
static void
replace_hosts(struct rmq_uri *u)
{
	const char *bracket = strrchr(server, ']');
	bool has_port = strchr(bracket != NULL ? bracket : server, ':') != NULL;
	struct rmq_error error = { 0 };
	struct rmq_uri other;
	char url[1100];
	size_t i;

	snprintf(url, sizeof(url), "%s://%s", u->tls ? "amqps" : "amqp", server);
	if (strpbrk(server, "/?#@") != NULL)
		tool_fail(EX_USAGE, "cannot use --server: it is not HOST or HOST:PORT");
	if (!rmq_uri_parse(&other, url, &error))
		tool_fail(error.status == RMQ_SYSTEM ? EX_OSERR : EX_USAGE, "cannot use --server: %s", error.text);
	for (i = 0; i < other.nhosts && !has_port; i++)
		other.hosts[i].port = u->hosts[0].port;
	free_hosts(u);
	u->hosts = other.hosts;
	u->nhosts = other.nhosts;
	other.hosts = NULL;
	other.nhosts = 0;
	rmq_uri_free(&other);
}

/* A password is one user's: with another name it is not sent. */
static void
refine_login(struct rmq_uri *u, const char *password)
{
	if (username != NULL && strcmp(u->user, username) != 0 && *u->user != '\0')
		replace(&u->password, "");
	replace(&u->user, username);
	replace(&u->password, password);
	if (sasl != -1)
		u->external = sasl == SASL_EXTERNAL;
	if (u->external && !u->tls)
		tool_fail(EX_USAGE, "cannot log in by certificate: that needs an amqps:// URL");
}

static void
refine_tls(struct rmq_uri *u)
{
	const char *option = cacert != NULL ? "--cacert" : cert != NULL ? "--cert" : key != NULL ? "--key" :
	    insecure ? "--insecure" : NULL;

	if (option != NULL && !u->tls)
		tool_fail(EX_USAGE, "cannot use %s: it is for amqps:// URLs, and this one is amqp://", option);
	replace(&u->cacertfile, cacert);
	replace(&u->certfile, cert);
	replace(&u->keyfile, key);
	if (insecure)
		u->verify = 0;
}

static void
refine_times(struct rmq_uri *u)
{
	if (heartbeat != 0)
		u->heartbeat = -1;
	if (connect_timeout != 0)
		u->connection_timeout = -1;
}

static void
refine(struct rmq_uri *u, const char *password)
{
	size_t i;

	if (server != NULL)
		replace_hosts(u);
	for (i = 0; i < u->nhosts && port != 0; i++)
		u->hosts[i].port = (uint16_t)port;
	replace(&u->vhost, vhost);
	refine_login(u, password);
	refine_tls(u);
	refine_times(u);
	if (connection_name != NULL)
		replace(&u->connection_name, connection_name);
}

/* Once for each run, and also if the URL itself said so. */
static void
warn_if_unverified(void)
{
	size_t i;

	for (i = 0; i < urls.count; i++)
		if (urls.uris[i].tls && urls.uris[i].verify == 0) {
			tool_warn("warning: the broker's certificate is not verified");
			return;
		}
}

static char *
find_password(void)
{
	if (password_file != NULL && ask_password)
		tool_usage("--password-file and --ask-password exclude each other");
	if (password_file != NULL)
		return password_from_file(password_file, PASSWORD_TIME);
	return ask_password ? password_ask(username != NULL ? username : urls.uris[0].user) : NULL;
}

/* Who and where: with many of them, an administrator wants to know which one to ask about. */
static const char *
default_name(const char *program)
{
	static char name[256];
	char host[128] = "";

	gethostname(host, sizeof(host) - 1);
	snprintf(name, sizeof(name), "%s[%ld]@%s", program, (long)getpid(), host);
	return name;
}

struct rmq_config
connect_config(const char *program)
{
	char *password;
	size_t i;

	collect_urls();
	password = find_password();
	for (i = 0; i < urls.count; i++)
		refine(&urls.uris[i], password);
	warn_if_unverified();
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	free(password);
	return (struct rmq_config){
		.uris = urls.uris,
		.nuris = urls.count,
		.name = connection_name == NULL && program != NULL ? default_name(program) : connection_name,
		.product = "rmq-tools",
		.version = tool_version,
		.heartbeat = heartbeat,
		.first_limit = wait_time != 0 ? wait_time : connect_timeout,
		.retry_limit = retry_time,
	};
}

struct rmq *
connect_open(const struct rmq_config *config)
{
	struct rmq *mq = rmq_open(config);

	if (mq == NULL)
		tool_fail(EX_OSERR, "cannot open a session: out of memory");
	return mq;
}
