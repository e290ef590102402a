/* SPDX-License-Identifier: MIT */
/* An address: what is parsed is whole, and no secret is left in sight. */
#include "broker/urls.h"
#include "fuzz.h"

#define SECRET "CANARY7"

static bool
has_secret(const char *text)
{
	return text != NULL && strcasestr(text, SECRET) != NULL;
}

static bool
shows_secret_elsewhere(const struct rmq_uri *u)
{
	for (size_t i = 0; i < u->nhosts; i++)
		if (has_secret(u->hosts[i].name))
			return true;
	return has_secret(u->user) || has_secret(u->vhost) || has_secret(u->cacertfile) || has_secret(u->certfile) ||
	    has_secret(u->keyfile) || has_secret(u->server_name) || has_secret(u->connection_name);
}

static void
check_fields(const struct rmq_uri *u)
{
	FUZZ_CHECK(u->nhosts > 0 && u->user != NULL && u->password != NULL && u->vhost != NULL);
	for (size_t i = 0; i < u->nhosts; i++)
		FUZZ_CHECK(u->hosts[i].port > 0 && *u->hosts[i].name != '\0');
	FUZZ_CHECK(u->verify >= -1 && u->verify <= 1);
	FUZZ_CHECK(u->frame_max == -1 || u->frame_max == 0 || u->frame_max >= 4096);
}

/* %CA and %6C take their bytes from the secret's letters: what is spelled then is another word. */
static bool
is_torn(const char *text)
{
	for (const char *at = text; (at = strcasestr(at, SECRET)) != NULL; at++)
		if ((at > text && at[-1] == '%') || (at > text + 1 && at[-2] == '%'))
			return true;
	return false;
}

static void
check_hidden(const struct urls *urls, const char *text)
{
	char *shown = strdup(text);
	bool secret = false, elsewhere = is_torn(text);

	FUZZ_CHECK(shown != NULL);
	urls_hide(shown);
	FUZZ_CHECK(strlen(shown) == strlen(text));
	for (const struct rmq_uri *u = urls->uris; u < urls->uris + urls->count; u++) {
		secret |= has_secret(u->password) || has_secret(u->key_password);
		elsewhere |= shows_secret_elsewhere(u);
	}
	if (secret && !elsewhere)
		FUZZ_CHECK(!has_secret(shown));
	free(shown);
}

static void
check_one(const char *text)
{
	struct rmq_error error = { 0 };
	struct rmq_uri u;

	if (rmq_uri_parse(&u, text, &error)) {
		check_fields(&u);
		rmq_uri_free(&u);
		return;
	}
	FUZZ_CHECK(error.status != RMQ_OK && *error.text != '\0' && strchr(error.text, '\n') == NULL);
	FUZZ_CHECK(!has_secret(error.text));
}

static void
check_list(const char *text)
{
	struct rmq_error error = { 0 };
	struct urls urls = { 0 };

	if (!urls_add(&urls, text, &error))
		FUZZ_CHECK(*error.text != '\0' && !has_secret(error.text));
	else
		check_hidden(&urls, text);
	for (size_t i = 0; i < urls.count; i++)
		rmq_uri_free(&urls.uris[i]);
	free(urls.uris);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size, 1);

	check_one(text);
	check_list(text);
	free(text);
	return 0;
}
