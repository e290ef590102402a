/* SPDX-License-Identifier: MIT */
/* From the first byte to the open connection, and who else may be on the other side. */

#include <string.h>

#include "peer.h"

static const struct rmq_config publishing = { .confirm = true, .name = "test" };

static bool
has_capability(const amqp_table_t *properties, const char *name)
{
	for (int i = 0; i < properties->num_entries; i++) {
		const amqp_table_entry_t *e = &properties->entries[i];

		if (e->key.len != strlen(name) || memcmp(e->key.bytes, name, e->key.len) != 0) {
			if (e->value.kind == AMQP_FIELD_KIND_TABLE && has_capability(&e->value.value.table, name))
				return true;
			continue;
		}
		return e->value.kind != AMQP_FIELD_KIND_BOOLEAN || e->value.value.boolean;
	}
	return false;
}

/* Nothing is said before it is asked for; after tune, all that is known travels at once. */
static void
test_handshake_order(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	amqp_connection_start_ok_t *ok;

	(void)state;
	peer_open(&p, &publishing);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_MAKE });
	peer_publish(&p, "k", rmq_bytes("body"), 1);
	peer_expect_header(&p);
	peer_expect_nothing(&p);
	peer_start(&p, "AMQPLAIN PLAIN");
	ok = peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	assert_int_equal(ok->mechanism.len, 5);
	assert_memory_equal(ok->mechanism.bytes, "PLAIN", 5);
	assert_int_equal(ok->response.len, 13);
	assert_memory_equal(ok->response.bytes, "\0guest\0secret", 13);
	assert_true(has_capability(&ok->client_properties, "publisher_confirms"));
	assert_true(has_capability(&ok->client_properties, "basic.nack"));
	assert_true(has_capability(&ok->client_properties, "consumer_cancel_notify"));
	assert_true(has_capability(&ok->client_properties, "connection.blocked"));
	assert_true(has_capability(&ok->client_properties, "authentication_failure_close"));
	assert_true(has_capability(&ok->client_properties, "connection_name"));
	peer_expect_nothing(&p);
	peer_tune(&p, 2047, 131072, 60);
	peer_turns(&p);
	peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_expect(&p, AMQP_CONNECTION_OPEN_METHOD);
	peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
	peer_expect(&p, AMQP_CONFIRM_SELECT_METHOD);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "k");
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_external(void **state)
{
	struct peer p;
	struct rmq_uri uri = { .external = true, .heartbeat = -1, .channel_max = -1, .frame_max = -1,
		.user = (char *)(uintptr_t)"", .password = (char *)(uintptr_t)"", .vhost = (char *)(uintptr_t)"/" };
	struct rmq_config config = { .uris = &uri };
	amqp_connection_start_ok_t *ok;

	(void)state;
	peer_open(&p, &config);
	peer_expect_header(&p);
	peer_start(&p, "PLAIN EXTERNAL AMQPLAIN");
	ok = peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	assert_memory_equal(ok->mechanism.bytes, "EXTERNAL", 8);
	assert_int_equal(ok->response.len, 0);
	peer_close(&p);
}

static void
test_mechanism_is_a_word(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	peer_expect_header(&p);
	peer_start(&p, "AMQPLAIN PLAINTEXT");
	peer_failed(&p, RMQ_DENIED, "does not offer PLAIN");
	peer_close(&p);
}

static void
test_protocol_version(void **state)
{
	struct peer p;
	amqp_connection_start_t start = { .version_major = 0, .version_minor = 8, .mechanisms = peer_string("PLAIN") };

	(void)state;
	peer_open(&p, &publishing);
	peer_send(&p, AMQP_CONNECTION_START_METHOD, &start);
	peer_failed(&p, RMQ_PROTOCOL, "AMQP 0-8");
	peer_close(&p);
}

static const struct {
	const char	*bytes;
	size_t		 len;
	const char	*words;
} strangers[] = {
	{ "AMQP\0\0\x09\x01", 8, "0-9-1" },
	{ "AMQP\3\1\0\0", 8, "1-0-0" },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28, "does not speak AMQP" },
	{ "\x15\x03\x01\x00\x02\x02\x46", 7, "TLS" },
	{ "SSH-2.0-OpenSSH_9.2\r\n", 21, "does not speak AMQP" },
};

static void
test_strangers(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
		for (size_t chunk = 0; chunk < 2; chunk++) {
			peer_open(&p, &publishing);
			p.chunk = chunk;
			peer_expect_header(&p);
			peer_raw(&p, strangers[i].bytes, strangers[i].len);
			peer_failed(&p, RMQ_PROTOCOL, strangers[i].words);
			peer_close(&p);
		}
}

/* A broker of another version says so and hangs up; less than a whole answer must not keep us waiting. */
static void
test_half_an_answer(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	peer_raw(&p, "AMQ", 3);
	peer_turns(&p);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_UNAVAILABLE, "closed");
	peer_close(&p);
}

static void
test_silent_peer(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	peer_expect_header(&p);
	peer_wait(&p, 10500);
	peer_failed(&p, RMQ_UNAVAILABLE, "no answer from the broker");
	peer_close(&p);
}

static void
test_frame_max(void **state)
{
	static const struct { uint32_t theirs; uint32_t agreed; } cases[] = {
		{ 0, 131072 }, { 100, 0 }, { 1, 0 }, { 4095, 0 }, { 4096, 4096 }, { 8192, 8192 }, { 1 << 30, 131072 },
	};
	struct peer p;
	amqp_connection_tune_ok_t *ok;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		peer_open(&p, &publishing);
		peer_expect_header(&p);
		peer_start(&p, "PLAIN");
		peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
		peer_tune(&p, 0, cases[i].theirs, 0);
		if (cases[i].agreed == 0) {
			peer_failed(&p, RMQ_PROTOCOL, "frames of");
		} else {
			ok = peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
			assert_int_equal(ok->frame_max, cases[i].agreed);
			assert_int_equal(ok->channel_max, 1);
			assert_int_equal(ok->heartbeat, 30);
		}
		peer_close(&p);
	}
}

static const struct {
	int		 code;
	enum rmq_status	 status;
	const char	*text;
} goodbyes[] = {
	{ 320, RMQ_UNAVAILABLE, "CONNECTION_FORCED - broker forced connection closure" },
	{ 403, RMQ_DENIED, "ACCESS_REFUSED - Login was refused" },
	{ 530, RMQ_DENIED, "NOT_ALLOWED - vhost x not found" },
	{ 530, RMQ_UNAVAILABLE, "NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (1) is reached" },
	{ 530, RMQ_UNAVAILABLE, "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached" },
	{ 530, RMQ_UNAVAILABLE,
	    "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of (1)" },
	{ 541, RMQ_UNAVAILABLE, "INTERNAL_ERROR" },
	{ 541, RMQ_CONFIG, "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated." },
	{ 540, RMQ_CONFIG, "NOT_IMPLEMENTED" },
	{ 506, RMQ_UNAVAILABLE, "RESOURCE_ERROR" },
	{ 501, RMQ_PROTOCOL, "FRAME_ERROR" },
	{ 505, RMQ_PROTOCOL, "UNEXPECTED_FRAME" },
};

static void
test_connection_close(void **state)
{
	static const char *const prefix[] = {
		"cannot log in to", "cannot open virtual host '/'", "closed the connection"
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof goodbyes / sizeof *goodbyes; i++)
		for (int stage = 0; stage < 3; stage++) {
			peer_open(&p, &publishing);
			peer_expect_header(&p);
			peer_start(&p, "PLAIN");
			peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
			if (stage > 0) {
				peer_tune(&p, 0, 0, 0);
				peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
				peer_expect(&p, AMQP_CONNECTION_OPEN_METHOD);
				peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
				peer_expect(&p, AMQP_CONFIRM_SELECT_METHOD);
			}
			if (stage > 1)
				peer_ok(&p, AMQP_CONNECTION_OPEN_OK_METHOD);
			peer_close_connection(&p, goodbyes[i].code, goodbyes[i].text);
			peer_failed(&p, goodbyes[i].status, goodbyes[i].text);
			assert_non_null(strstr(rmq_error(p.mq)->text, prefix[stage]));
			assert_null(strstr(rmq_error(p.mq)->text, "secret"));
			assert_int_equal(rmq_error(p.mq)->code, goodbyes[i].code);
			peer_expect(&p, AMQP_CONNECTION_CLOSE_OK_METHOD);
			peer_close(&p);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_order),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_mechanism_is_a_word),
		cmocka_unit_test(test_protocol_version),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_half_an_answer),
		cmocka_unit_test(test_silent_peer),
		cmocka_unit_test(test_frame_max),
		cmocka_unit_test(test_connection_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
