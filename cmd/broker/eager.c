/* SPDX-License-Identifier: MIT */
/* See eager.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/eager.h"
#include "tool/trust.h"

enum { MOST_BYTES = 1 << 18, MOST_BROKERS = 64, MOST_HINTS = 16, NAME_BYTES = 32 };

static struct rmq_hint	 hints[MOST_HINTS];
static size_t		 nhints;
static char		 folder[PATH_MAX - NAME_BYTES];	/* "": there is none */

/* The file. */

/* https://specifications.freedesktop.org/basedir-spec/latest/ */
static bool
find_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n = -1;

	if (base != NULL && *base == '/')
		n = snprintf(folder, sizeof folder, "%s/rmq-tools", base);
	else if (home != NULL && *home == '/')
		n = snprintf(folder, sizeof folder, "%s/.cache/rmq-tools", home);
	if (n < 0 || n >= (int)sizeof folder)
		folder[0] = '\0';
	return folder[0] != '\0';
}

static void
file_name(char *path, const char *suffix)
{
	snprintf(path, PATH_MAX, "%s/brokers.json%s", folder, suffix);
}

/* Who can write here can make us say a password to a host of his choice. */
static bool
is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool
folder_is_ours(void)
{
	int fd = trust_open(folder, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;
	bool ours;

	if (fd == -1)
		return false;
	ours = fstat(fd, &st) == 0 && is_ours(&st);
	close(fd);
	return ours;
}

/* Above it, folders of the cache belong to whoever they belong to. */
static bool
make_folder(void)
{
	char *p;

	for (p = strchr(folder + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(folder, S_IRWXU);
		*p = '/';
	}
	(void)mkdir(folder, S_IRWXU);
	return folder_is_ours();
}

static json_t *
read_from(int fd)
{
	json_t *brokers = NULL;
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || !is_ours(&st) || st.st_size > MOST_BYTES)
		return NULL;
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		return NULL;
	n = read(fd, text, (size_t)st.st_size);
	if (n > 0)
		brokers = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return brokers;
}

/* An array, or NULL. */
static json_t *
read_brokers(void)
{
	char path[PATH_MAX];
	json_t *brokers;
	int fd;

	file_name(path, "");
	if (!folder_is_ours() || (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)) == -1)
		return NULL;
	brokers = read_from(fd);
	close(fd);
	if (!json_is_array(brokers)) {
		json_decref(brokers);
		return NULL;
	}
	return brokers;
}

/* Programs that run at the same time each write a file of their own; the last one stays. */
static void
write_brokers(const json_t *brokers)
{
	char path[PATH_MAX], beside[PATH_MAX];
	bool ok;
	int fd;

	if (!make_folder())
		return;
	file_name(path, "");
	file_name(beside, ".XXXXXX");
	if ((fd = mkstemp(beside)) == -1)
		return;
	ok = json_dumpfd(brokers, fd, JSON_INDENT(1)) == 0;
	if (close(fd) == -1 || !ok || rename(beside, path) == -1)
		(void)unlink(beside);
}

/* What is in it. */

static bool
is_about(json_t *broker, const struct rmq_uri *uri, const struct rmq_host *host)
{
	const char *name, *user, *vhost;
	int port, tls;

	return json_unpack(broker, "{s:s, s:i, s:b, s:s, s:s}", "host", &name, "port", &port, "tls", &tls,
	    "user", &user, "vhost", &vhost) == 0 && port == host->port && (tls != 0) == uri->tls &&
	    strcmp(name, host->name) == 0 && strcmp(user, uri->user) == 0 && strcmp(vhost, uri->vhost) == 0;
}

static bool
to_hint(json_t *broker, struct rmq_hint *hint)
{
	json_int_t channel_max, frame_max, heartbeat;
	int plain, external;

	if (json_unpack(broker, "{s:I, s:I, s:I, s:b, s:b}", "channel_max", &channel_max, "frame_max", &frame_max,
	    "heartbeat", &heartbeat, "plain", &plain, "external", &external) != 0 ||
	    channel_max < 0 || channel_max > UINT16_MAX || frame_max < 0 || frame_max > UINT32_MAX ||
	    heartbeat < 0 || heartbeat > UINT16_MAX)
		return false;
	hint->channel_max = (uint16_t)channel_max;
	hint->frame_max = (uint32_t)frame_max;
	hint->heartbeat = (uint16_t)heartbeat;
	hint->plain = plain != 0;
	hint->external = external != 0;
	return true;
}

static json_t *
to_json(const struct rmq_hint *hint)
{
	return json_pack("{s:s, s:i, s:b, s:s, s:s, s:i, s:I, s:i, s:b, s:b}", "host", hint->host->name,
	    "port", hint->host->port, "tls", hint->uri->tls, "user", hint->uri->user, "vhost", hint->uri->vhost,
	    "channel_max", hint->channel_max, "frame_max", (json_int_t)hint->frame_max,
	    "heartbeat", hint->heartbeat, "plain", hint->plain, "external", hint->external);
}

/* Its place in the array; the array's size if it is not there. */
static size_t
find(const json_t *brokers, const struct rmq_uri *uri, const struct rmq_host *host)
{
	json_t *broker;
	size_t i;

	json_array_foreach(brokers, i, broker)
		if (is_about(broker, uri, host))
			break;
	return i;
}

static void
recall_host(const json_t *brokers, const struct rmq_uri *uri, const struct rmq_host *host)
{
	struct rmq_hint *hint = &hints[nhints];

	if (nhints == MOST_HINTS)
		return;
	*hint = (struct rmq_hint){ .uri = uri, .host = host };
	if (to_hint(json_array_get(brokers, find(brokers, uri, host)), hint))
		nhints++;
}

void
eager_recall(struct rmq_config *config)
{
	json_t *brokers;
	size_t i, j;

	nhints = 0;
	if (!find_folder() || (brokers = read_brokers()) == NULL)
		return;
	for (i = 0; i < config->nuris; i++)
		for (j = 0; j < config->uris[i].nhosts; j++)
			recall_host(brokers, &config->uris[i], &config->uris[i].hosts[j]);
	json_decref(brokers);
	config->hints = hints;
	config->nhints = nhints;
}

static bool
is_known(const struct rmq_hint *heard)
{
	const struct rmq_hint *h;
	size_t i;

	for (i = 0; i < nhints; i++) {
		h = &hints[i];
		if (h->uri == heard->uri && h->host == heard->host)
			return h->channel_max == heard->channel_max && h->frame_max == heard->frame_max &&
			    h->heartbeat == heard->heartbeat && h->plain == heard->plain &&
			    h->external == heard->external;
	}
	return false;
}

static void
forget(json_t *brokers, const struct rmq_hint *hint)
{
	json_array_remove(brokers, find(brokers, hint->uri, hint->host));
}

void
eager_remember(const struct rmq *mq)
{
	struct rmq_hint heard;
	bool ready = rmq_hint(mq, &heard);
	json_t *brokers;
	size_t i;

	if (folder[0] == '\0' || (ready ? is_known(&heard) : nhints == 0))
		return;
	if ((brokers = read_brokers()) == NULL && (brokers = json_array()) == NULL)
		return;
	for (i = 0; i < nhints && !ready; i++)
		forget(brokers, &hints[i]);
	if (ready) {
		forget(brokers, &heard);
		json_array_insert_new(brokers, 0, to_json(&heard));
	}
	while (json_array_size(brokers) > MOST_BROKERS)
		json_array_remove(brokers, MOST_BROKERS);
	write_brokers(brokers);
	json_decref(brokers);
}
