/* SPDX-License-Identifier: MIT */
/* Queues, exchanges, bindings and consumers: every way to ask for them, every way to be refused. */

#include <string.h>

#include "peer.h"

static const struct rmq_config publishing = { .confirm = true };
static const struct rmq_config consuming = { 0 };

static const char not_durable[] =
    "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
    "received 'true' but current is 'false'";
static const char other_type[] =
    "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': "
    "received none but current is 'quorum'";
static const char other_kind[] =
    "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': "
    "received 'fanout' but current is 'direct'";
static const char other_durability[] =
    "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'x' in vhost '/': "
    "received 'false' but current is 'true'";

static void
expect_queue(struct peer *p, bool passive)
{
	amqp_queue_declare_t *d = peer_expect(p, AMQP_QUEUE_DECLARE_METHOD);

	assert_int_equal(d->passive, passive);
	assert_true(d->durable);
	assert_int_equal(d->queue.len, 1);
}

static void
expect_exchange(struct peer *p, bool passive)
{
	amqp_exchange_declare_t *d = peer_expect(p, AMQP_EXCHANGE_DECLARE_METHOD);

	assert_int_equal(d->passive, passive);
	assert_int_equal(d->exchange.len, 1);
}

static void
reopen(struct peer *p)
{
	peer_expect(p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(p);
}

static void
with_queue(struct peer *p, enum rmq_declare declare, bool denied_will_do)
{
	peer_open(p, &publishing);
	rmq_declare_queue(p->mq, &(struct rmq_queue){
	    .name = "q", .declare = declare, .denied_will_do = denied_will_do });
	peer_handshake(p);
	peer_channel(p);
}

struct refusal {
	enum rmq_declare declare;
	int		 code;
	const char	*text;
	enum rmq_status	 status;
};

static const struct refusal queue_refusals[] = {
	{ RMQ_FIND_OR_MAKE, 403, "ACCESS_REFUSED", RMQ_DENIED },
	{ RMQ_FIND_OR_MAKE, 405, "RESOURCE_LOCKED", RMQ_CONFIG },
	{ RMQ_MAKE_OR_FIND, 404, "NOT_FOUND", RMQ_NO_DESTINATION },
	{ RMQ_MAKE_OR_FIND, 405, "RESOURCE_LOCKED", RMQ_CONFIG },
	{ RMQ_MAKE_OR_FIND, 406, not_durable, RMQ_CONFIG },
	{ RMQ_FIND, 403, "ACCESS_REFUSED", RMQ_DENIED },
	{ RMQ_FIND, 404, "NOT_FOUND", RMQ_NO_DESTINATION },
	{ RMQ_FIND, 405, "RESOURCE_LOCKED", RMQ_CONFIG },
	{ RMQ_FIND, 406, other_type, RMQ_CONFIG },
	{ RMQ_MAKE, 403, "ACCESS_REFUSED", RMQ_DENIED },
	{ RMQ_MAKE, 404, "NOT_FOUND", RMQ_NO_DESTINATION },
	{ RMQ_MAKE, 405, "RESOURCE_LOCKED", RMQ_CONFIG },
	{ RMQ_MAKE, 406, not_durable, RMQ_CONFIG },
	{ RMQ_MAKE, 406, other_type, RMQ_CONFIG },
};

static void
test_queue_refused(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof queue_refusals / sizeof *queue_refusals; i++) {
		const struct refusal *r = &queue_refusals[i];

		with_queue(&p, r->declare, false);
		peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
		peer_refuse_step(&p, r->code, r->text, AMQP_QUEUE_DECLARE_METHOD);
		peer_failed(&p, r->status, r->text);
		assert_non_null(strstr(rmq_error(p.mq)->text, "queue 'q'"));
		assert_int_equal(rmq_error(p.mq)->code, r->code);
		assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
		peer_close(&p);
	}
}

static void
test_queue_accepted(void **state)
{
	static const bool passive[] = { [RMQ_FIND_OR_MAKE] = true, [RMQ_FIND] = true, [RMQ_MAKE] = false };
	struct peer p;

	(void)state;
	for (enum rmq_declare i = RMQ_FIND_OR_MAKE; i <= RMQ_MAKE; i++) {
		with_queue(&p, i, false);
		expect_queue(&p, passive[i]);
		peer_declared(&p, "q");
		peer_event(&p, RMQ_READY);
		peer_close(&p);
	}
	with_queue(&p, RMQ_ASSUME, false);
	peer_event(&p, RMQ_READY);
	peer_expect_nothing(&p);
	peer_close(&p);
}

/* What is declared with arguments and differs is used as it is, and told of once. */
static void
test_arguments_differ(void **state)
{
	struct peer p;
	struct rmq_table *arguments = rmq_table_new();
	struct rmq_error e = { 0 };

	(void)state;
	assert_true(rmq_table_set(arguments, "x-max-length", RMQ_INT64, "5", &e));
	for (int i = 0; i < 2; i++) {
		peer_open(&p, &(struct rmq_config){ .confirm = true });
		rmq_declare_queue(p.mq, &(struct rmq_queue){
			.name = "q", .declare = RMQ_FIND_OR_MAKE, .arguments = arguments });
		peer_handshake(&p);
		peer_channel(&p);
		expect_queue(&p, false);
		peer_refuse_step(&p, i == 0 ? 406 : 403, other_type, AMQP_QUEUE_DECLARE_METHOD);
		if (i == 0)
			assert_string_equal(peer_event(&p, RMQ_DIFFERS)->text, other_type);
		reopen(&p);
		expect_queue(&p, true);
		if (i == 0) {
			peer_declared(&p, "q");
			peer_event(&p, RMQ_READY);
			peer_no_event(&p);
		} else {
			peer_refuse_step(&p, 404, "NOT_FOUND", AMQP_QUEUE_DECLARE_METHOD);
			peer_failed(&p, RMQ_DENIED, "this user may not declare it");
		}
		peer_close(&p);
	}
	rmq_table_free(arguments);
}

static void
test_find_or_make(void **state)
{
	struct peer p;

	(void)state;
	with_queue(&p, RMQ_FIND_OR_MAKE, false);
	expect_queue(&p, true);
	peer_refuse_step(&p, 404, "NOT_FOUND - no queue 'q' in vhost '/'", AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, false);
	peer_refuse_step(&p, 406, not_durable, AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, true);
	peer_declared(&p, "q");
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

/* Somebody declares and deletes it all the time: not for ever. */
static void
test_find_or_make_ends(void **state)
{
	struct peer p;
	int i;

	(void)state;
	with_queue(&p, RMQ_FIND_OR_MAKE, false);
	for (i = 0; i < 20; i++) {
		expect_queue(&p, i % 2 == 0);
		peer_refuse_step(&p, i % 2 == 0 ? 404 : 406, i % 2 == 0 ? "NOT_FOUND" : not_durable,
		    AMQP_QUEUE_DECLARE_METHOD);
		peer_turns(&p);
		if (rmq_failed(p.mq))
			break;
		reopen(&p);
	}
	assert_in_range(i, 2, 10);
	peer_close(&p);
}

static void
test_denied_will_do(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	with_queue(&p, RMQ_FIND_OR_MAKE, true);
	expect_queue(&p, true);
	peer_refuse_step(&p, 403, "ACCESS_REFUSED", AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	peer_event(&p, RMQ_READY);
	peer_publish(&p, "q", rmq_bytes("x"), 1);
	peer_expect_publish(&p, &c);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_make_or_find(void **state)
{
	struct peer p;

	(void)state;
	with_queue(&p, RMQ_MAKE_OR_FIND, false);
	expect_queue(&p, false);
	peer_refuse_step(&p, 406, other_type, AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, true);
	peer_declared(&p, "q");
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

static void
with_exchange(struct peer *p, enum rmq_declare declare)
{
	peer_open(p, &publishing);
	rmq_declare_exchange(p->mq, &(struct rmq_exchange){ .name = "x", .type = "fanout", .declare = declare });
	peer_handshake(p);
	peer_channel(p);
}

static const struct refusal exchange_refusals[] = {
	{ RMQ_FIND_OR_MAKE, 406, other_kind, RMQ_CONFIG },
	{ RMQ_MAKE_OR_FIND, 406, other_kind, RMQ_CONFIG },
	{ RMQ_MAKE_OR_FIND, 406, "PRECONDITION_FAILED - unknown exchange type 'fanout'", RMQ_CONFIG },
	{ RMQ_FIND, 404, "NOT_FOUND", RMQ_NO_DESTINATION },
	{ RMQ_MAKE, 406, other_durability, RMQ_CONFIG },
};

static void
test_exchange(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof exchange_refusals / sizeof *exchange_refusals; i++) {
		const struct refusal *r = &exchange_refusals[i];

		with_exchange(&p, r->declare);
		expect_exchange(&p, r->declare == RMQ_FIND);
		peer_refuse_step(&p, r->code, r->text, AMQP_EXCHANGE_DECLARE_METHOD);
		peer_failed(&p, r->status, r->text);
		assert_non_null(strstr(rmq_error(p.mq)->text, "exchange 'x'"));
		peer_close(&p);
	}
	with_exchange(&p, RMQ_MAKE_OR_FIND);
	expect_exchange(&p, false);
	peer_refuse_step(&p, 406, other_durability, AMQP_EXCHANGE_DECLARE_METHOD);
	reopen(&p);
	expect_exchange(&p, true);
	peer_ok(&p, AMQP_EXCHANGE_DECLARE_OK_METHOD);
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

/* What may not be declared is looked for. */
static void
test_denied_is_looked_for(void **state)
{
	struct peer p;

	(void)state;
	with_queue(&p, RMQ_MAKE_OR_FIND, false);
	expect_queue(&p, false);
	peer_refuse_step(&p, 403, "ACCESS_REFUSED", AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, true);
	peer_declared(&p, "q");
	peer_event(&p, RMQ_READY);
	peer_close(&p);

	with_exchange(&p, RMQ_MAKE_OR_FIND);
	expect_exchange(&p, false);
	peer_refuse_step(&p, 403, "ACCESS_REFUSED", AMQP_EXCHANGE_DECLARE_METHOD);
	reopen(&p);
	expect_exchange(&p, true);
	peer_ok(&p, AMQP_EXCHANGE_DECLARE_OK_METHOD);
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

static void
test_denied_and_missing(void **state)
{
	struct peer p;

	(void)state;
	for (int code = 403; code <= 404; code++) {
		with_queue(&p, RMQ_MAKE_OR_FIND, false);
		expect_queue(&p, false);
		peer_refuse_step(&p, 403, "ACCESS_REFUSED", AMQP_QUEUE_DECLARE_METHOD);
		reopen(&p);
		expect_queue(&p, true);
		peer_refuse_step(&p, code, "no", AMQP_QUEUE_DECLARE_METHOD);
		peer_failed(&p, RMQ_DENIED, code == 404 ? "cannot find queue 'q': no, and this user may not declare it" :
		    "cannot find queue 'q': no");
		peer_close(&p);
	}
}

static void
test_exchanges_that_are_there(void **state)
{
	static const char *const names[] = { "", "amq.topic", "amq.rabbitmq.trace" };
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	for (size_t i = 0; i < 3; i++)
		rmq_declare_exchange(p.mq, &(struct rmq_exchange){ .name = names[i], .type = "topic" });
	peer_ready(&p);
	peer_expect_nothing(&p);
	peer_close(&p);
}

static void
test_binding_refused(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &consuming);
	rmq_bind(p.mq, &(struct rmq_binding){ .queue = "q", .exchange = "x", .routing_key = "k" });
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_BIND_METHOD);
	peer_refuse_step(&p, 404, "NOT_FOUND - no exchange 'x' in vhost '/'", AMQP_QUEUE_BIND_METHOD);
	peer_failed(&p, RMQ_NO_DESTINATION, "bind a queue to exchange 'x': NOT_FOUND");
	peer_close(&p);
}

/* What travels behind a declare that fails is thrown away by the broker: sent, but not in doubt. */
static void
test_pipelined_publish(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &publishing);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_FIND_OR_MAKE });
	peer_publish(&p, "q", rmq_bytes("one"), 1);
	peer_publish(&p, "q", rmq_bytes("two"), 2);
	peer_handshake(&p);
	peer_channel(&p);
	expect_queue(&p, true);
	peer_expect_publish(&p, &c);
	peer_expect_publish(&p, &c);
	peer_refuse_step(&p, 404, "NOT_FOUND", AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, false);
	peer_expect_publish(&p, &c);
	assert_memory_equal(c.body.data, "one", 3);
	peer_expect_publish(&p, &c);
	peer_refuse_step(&p, 403, "ACCESS_REFUSED", AMQP_QUEUE_DECLARE_METHOD);
	peer_failed(&p, RMQ_DENIED, "ACCESS_REFUSED");
	peer_counts(&p, 0, 0, 0, 2);
	peer_content_free(&c);
	peer_close(&p);
}

/* A large body is not sent on the chance that its queue is there. */
static void
test_large_record_behind_a_declare(void **state)
{
	static char large[2 << 20];
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &publishing);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_FIND_OR_MAKE });
	peer_publish(&p, "q", rmq_bytes("small"), 1);
	peer_publish(&p, "q", (struct rmq_bytes){ sizeof large, large }, 2);
	peer_publish(&p, "q", rmq_bytes("behind"), 3);
	peer_handshake(&p);
	peer_channel(&p);
	expect_queue(&p, true);
	peer_expect_publish(&p, &c);
	peer_refuse_step(&p, 404, "NOT_FOUND", AMQP_QUEUE_DECLARE_METHOD);
	reopen(&p);
	expect_queue(&p, false);
	peer_expect_publish(&p, &c);
	peer_expect_nothing(&p);
	peer_declared(&p, "q");
	peer_event(&p, RMQ_READY);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, sizeof large);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, 6);
	peer_ack(&p, 3, true);
	peer_counts(&p, 3, 0, 0, 0);
	peer_content_free(&c);
	peer_close(&p);
}

/* The session was to publish there, unless its records choose their exchanges; and other codes are nobody's fault. */
static void
test_publish_to_nowhere(void **state)
{
	static const struct { bool own_exchanges; int code; enum rmq_status status; } cases[] = {
		{ false, 404, RMQ_NO_DESTINATION }, { false, 403, RMQ_DENIED }, { true, 540, RMQ_PROTOCOL },
	};
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		peer_open(&p, &(struct rmq_config){ .confirm = true, .own_exchanges = cases[i].own_exchanges });
		peer_ready(&p);
		peer_publish(&p, "q", rmq_bytes("x"), 1);
		peer_publish(&p, "q", rmq_bytes("x"), 2);
		peer_expect_publish(&p, &c);
		peer_expect_publish(&p, &c);
		peer_refuse_step(&p, cases[i].code, "no exchange 'logs' in vhost '/'", AMQP_BASIC_PUBLISH_METHOD);
		peer_failed(&p, cases[i].status, "cannot publish: no exchange 'logs'");
		peer_counts(&p, 0, 0, 0, 2);
		peer_close(&p);
	}
	peer_content_free(&c);
}

/* What is declared is the session's own all the same. */
static void
test_step_refused_beside_own_exchanges(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true, .own_exchanges = true });
	peer_ready(&p);
	peer_publish(&p, "q", rmq_bytes("x"), 1);
	peer_expect_publish(&p, &c);
	rmq_bind(p.mq, &(struct rmq_binding){ .queue = "q", .exchange = "x", .routing_key = "k" });
	peer_expect(&p, AMQP_QUEUE_BIND_METHOD);
	peer_refuse_step(&p, 404, "NOT_FOUND - no exchange 'x' in vhost '/'", AMQP_QUEUE_BIND_METHOD);
	peer_failed(&p, RMQ_NO_DESTINATION, "bind a queue to exchange 'x': NOT_FOUND");
	peer_content_free(&c);
	peer_close(&p);
}

/* A refused publish is not blamed on the binding that is also on its way. */
static void
test_publish_refused_beside_a_step(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_publish(&p, "q", rmq_bytes("x"), 1);
	peer_expect_publish(&p, &c);
	rmq_bind(p.mq, &(struct rmq_binding){ .queue = "q", .exchange = "x", .routing_key = "k" });
	peer_expect(&p, AMQP_QUEUE_BIND_METHOD);
	peer_refuse_step(&p, 404, "NOT_FOUND - no exchange 'logs' in vhost '/'", AMQP_BASIC_PUBLISH_METHOD);
	peer_failed(&p, RMQ_NO_DESTINATION, "cannot publish: NOT_FOUND");
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_names(void **state)
{
	char name[257];
	struct peer p;

	(void)state;
	memset(name, 'n', 256);
	name[256] = '\0';
	peer_open(&p, &consuming);
	rmq_bind(p.mq, &(struct rmq_binding){ .queue = name + 1, .exchange = name + 1, .routing_key = name + 1 });
	assert_false(rmq_failed(p.mq));
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = name });
	peer_failed(&p, RMQ_USAGE, "255 bytes");
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_refused),
		cmocka_unit_test(test_queue_accepted),
		cmocka_unit_test(test_find_or_make),
		cmocka_unit_test(test_arguments_differ),
		cmocka_unit_test(test_find_or_make_ends),
		cmocka_unit_test(test_denied_will_do),
		cmocka_unit_test(test_denied_is_looked_for),
		cmocka_unit_test(test_denied_and_missing),
		cmocka_unit_test(test_make_or_find),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_exchanges_that_are_there),
		cmocka_unit_test(test_binding_refused),
		cmocka_unit_test(test_pipelined_publish),
		cmocka_unit_test(test_large_record_behind_a_declare),
		cmocka_unit_test(test_publish_to_nowhere),
		cmocka_unit_test(test_step_refused_beside_own_exchanges),
		cmocka_unit_test(test_publish_refused_beside_a_step),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
