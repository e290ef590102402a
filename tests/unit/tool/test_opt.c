/* SPDX-License-Identifier: MIT */
/* The option table: every setter, parsing, and what is printed from it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "broker/urls.h"
#include "tool/opt.h"

enum { MAX_ARGS = 16 };

static bool lines, sync_writes;
static int type, delimiter, chat;
static int64_t prefetch, any, heartbeat, wait_time, max_message;
static const char *queue;
static struct opt_list keys;
static char url[64];

static const char *const types[] = { "fanout", "direct", "topic", NULL };

static const char *
keep_and_hide(const struct opt *o, char *arg)
{
	(void)o;
	strlcpy(url, arg, sizeof(url));
	urls_hide(arg);
	return url[0] == '?' ? "no URL" : NULL;
}

static const struct opt input[] = {
	{ .help = "Input" },
	{ 'l', "lines", NULL, opt_flag, &lines, "send one message a line" },
	{ 0, "no-sync", NULL, opt_unflag, &sync_writes, "do not wait for the disk" },
	{ '0', "null", NULL, opt_value, &delimiter, "messages end with NUL", .value = 0 },
	{ 'D', "delimiter", "BYTE", opt_delimiter, &delimiter, "messages end with \\n or another byte" },
	{ 0, "max-message", "SIZE", opt_bytes, &max_message, "refuse larger messages" },
	{ 0 }
};

static const struct opt broker[] = {
	{ .help = "Broker" },
	{ 'u', "url|uri", "URL", keep_and_hide, NULL, "connect to this broker" },
	{ 'q', "queue", "NAME", opt_string, &queue, "use this queue", .max = 5 },
	{ 'r', "routing-key", "KEY", opt_strings, &keys, "route by this key", .max = 5, .many = true },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &prefetch,
	    "hold at most N of those messages that nobody has acknowledged", .min = 1, .max = 65535 },
	{ 0, "any", "N", opt_number, &any, "any number from 0 on" },
	{ 0, "heartbeat", "SECS", opt_seconds, &heartbeat, "ask for signs of life",
	    .min = 1000, .max = INT64_C(3600) * 1000 },
	{ 'W', "wait", "[SECS]", opt_seconds, &wait_time, "wait for the broker", .value = 60000 },
	{ 0, "type", "TYPE", opt_choice, &type, "declare it as TYPE", .choices = types },
	{ 'C', NULL, NULL, opt_value, &chat, ".chat with 'people'", .value = 7 },
	{ 'n', "quiet-number", "N", opt_number, &any, NULL },
	{ 0 }
};

static const struct opt *const groups[] = { input, broker, NULL };

static struct opt_error error;
static char words[MAX_ARGS][128];	/* writable, as a process's arguments are */

static int
reset(void **state)
{
	(void)state;
	lines = false;
	sync_writes = true;
	type = chat = delimiter = -1;
	prefetch = any = heartbeat = wait_time = max_message = -1;
	queue = NULL;
	free(keys.items);
	keys = (struct opt_list){ 0 };
	url[0] = '\0';
	error.text[0] = '\0';
	return 0;
}

static int
run(const char *first, ...)
{
	char *argv[MAX_ARGS + 1] = { (char *)"prog" };
	const char *word;
	int argc = 1;
	va_list ap;

	va_start(ap, first);
	for (word = first; word != NULL && argc < MAX_ARGS; word = va_arg(ap, const char *)) {
		strlcpy(words[argc], word, sizeof(words[argc]));
		argv[argc] = words[argc];
		argc++;
	}
	va_end(ap);
	return opt_parse(groups, argc, argv, &error);
}

#define FIFTY "0123456789012345678901234567890123456789abcdefghij"

static void
rejects(const char *word, const char *complaint)
{
	assert_int_equal(run(word, NULL), -1);
	assert_string_equal(error.text, complaint);
}

static void
operands_end_options(void **state)
{
	(void)state;
	assert_int_equal(run(NULL), 1);
	assert_int_equal(run("a", "-l", NULL), 1);
	assert_false(lines);
	assert_int_equal(run("-l", "--", "--null", NULL), 3);
	assert_true(lines);
	assert_int_equal(delimiter, -1);
	assert_int_equal(run("-", "-l", NULL), 1);
}

static void
flags(void **state)
{
	(void)state;
	assert_int_equal(run("--lines", "--no-sync", "-0", "-C", NULL), 5);
	assert_true(lines);
	assert_false(sync_writes);
	assert_int_equal(delimiter, 0);
	assert_int_equal(chat, 7);
	rejects("--lines=yes", "--lines: takes no argument");
}

static void
letters_bundle(void **state)
{
	(void)state;
	assert_int_equal(run("-l0p7", "x", NULL), 2);
	assert_true(lines);
	assert_int_equal(delimiter, 0);
	assert_int_equal(prefetch, 7);
	rejects("-lp", "-p: needs an argument");
	rejects("-lZ", "unknown option -Z");
}

static void
refuses(const char *complaint, const char *a, const char *b)
{
	assert_int_equal(run(a, b, NULL), -1);
	assert_string_equal(error.text, complaint);
}

static void
what_may_be_given_once_is_not_lost(void **state)
{
	(void)state;
	refuses("--queue can be given only once", "-qa", "--queue=b");
	refuses("--queue can be given only once", "-qa", "-qa");
	refuses("--wait can be given only once", "--wait", "--wait=3");
	refuses("--null and --delimiter exclude each other", "-0", "-D,");
	refuses("--any and --quiet-number exclude each other", "--any=1", "-n2");
	assert_int_equal(run("-l", "--lines", "-ll0", "-0", "-CC", NULL), 6);
}

/* An alias has the parser for itself, and the user may change what it says. */
static void
each_call_counts_anew(void **state)
{
	(void)state;
	assert_int_equal(run("-qa", NULL), 2);
	assert_int_equal(run("-qb", NULL), 2);
	assert_string_equal(queue, "b");
}

static void
other_long_names(void **state)
{
	(void)state;
	assert_int_equal(run("--prefetch-count=3", "--uri", "amqp://h", NULL), 4);
	assert_int_equal(prefetch, 3);
	assert_string_equal(url, "amqp://h");
}

static void
no_abbreviations(void **state)
{
	(void)state;
	rejects("--rout", "unknown option --rout, did you mean --routing-key?");
	rejects("--heartbea=2", "unknown option --heartbea, did you mean --heartbeat?");
	rejects("--quiet-numbe=2", "unknown option --quiet-numbe");
	assert_null(keys.items);
	assert_int_equal(heartbeat, -1);
}

static void
misspelt_options(void **state)
{
	(void)state;
	rejects("--quue=S3CRET", "unknown option --quue, did you mean --queue?");
	rejects("--qeueu", "unknown option --qeueu, did you mean --queue?");
	rejects("--prefecth-count", "unknown option --prefecth-count, did you mean --prefetch-count?");
	rejects("--urk", "unknown option --urk, did you mean --url?");
	rejects("--yurk", "unknown option --yurk");
	rejects("--=x", "unknown option --");
	rejects("--0123456789012345678901234567890123456789", "unknown option --0123456789012345678901234567890123456789");
}

static void
options_among_operands(void **state)
{
	(void)state;
	assert_true(opt_is_option(groups, "-q"));
	assert_true(opt_is_option(groups, "--queue"));
	assert_true(opt_is_option(groups, "--uri=x"));
	assert_false(opt_is_option(groups, "-Z"));
	assert_false(opt_is_option(groups, "-qorders"));
	assert_false(opt_is_option(groups, "--queu"));
	assert_false(opt_is_option(groups, "--"));
	assert_false(opt_is_option(groups, "-"));
	assert_false(opt_is_option(groups, ""));
	assert_false(opt_is_option(groups, "queue"));
}

static void
unknown_options(void **state)
{
	(void)state;
	rejects("--foo", "unknown option --foo");
	rejects("--password=hunter2", "unknown option --password");
	rejects("-Z", "unknown option -Z");
	rejects("--queue", "--queue: needs an argument");
	rejects("-q", "-q: needs an argument");
}

static void
strings(void **state)
{
	(void)state;
	assert_int_equal(run("-q", "", NULL), 3);
	assert_string_equal(queue, "");
	assert_int_equal(run("-qabcde", NULL), 2);
	assert_string_equal(queue, "abcde");
	rejects("-qabcdef", "-q abcdef: too long");
	rejects("--routing-key=abcdef", "--routing-key=abcdef: too long");
	rejects("--routing-key=" FIFTY FIFTY, "--routing-key=" FIFTY "012345678901234567890123456789...: too long");
}

static void
lists_grow(void **state)
{
	(void)state;
	assert_int_equal(run("-r", "a", "-rb", "--routing-key=c", NULL), 5);
	assert_int_equal(keys.count, 3);
	assert_string_equal(keys.items[0], "a");
	assert_string_equal(keys.items[1], "b");
	assert_string_equal(keys.items[2], "c");
}

static void
numbers(void **state)
{
	(void)state;
	assert_int_equal(run("-p", "65535", "--any=9223372036854775807", NULL), 4);
	assert_int_equal(prefetch, 65535);
	assert_true(any == INT64_MAX);
	rejects("-p0", "-p 0: too small");
	rejects("-p65536", "-p 65536: too large");
	rejects("--any=-1", "--any=-1: too small");
	rejects("--any=9223372036854775808", "--any=9223372036854775808: too large");
	rejects("--any=1x", "--any=1x: invalid");
	rejects("--any=", "--any=: invalid");
	rejects("--prefetch-count=x", "--prefetch=x: invalid");
}

static void
seconds(void **state)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{ "10", 10000 }, { "1.5", 1500 }, { "1.0009", 1000 }, { "1500ms", 1500 },
		{ "30s", 30000 }, { "5m", 300000 }, { "0.5h", 1800000 }, { "0.01d", 864000 },
		{ "3.", 3000 },
	};
	static const char *const bad[] = { "", "x", ".5", "-1", "1.2.3", "5 s", "5x", "0x10", "inf", "1e3" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(run("--heartbeat", good[i].text, NULL), 3);
		assert_int_equal(heartbeat, good[i].ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(run("--heartbeat", bad[i], NULL), -1);
	rejects("--heartbeat=x", "--heartbeat=x: invalid");
	rejects("--heartbeat=999ms", "--heartbeat=999ms: too small");
	rejects("--heartbeat=61m", "--heartbeat=61m: too large");
	rejects("--heartbeat=9223372036854775807d", "--heartbeat=9223372036854775807d: too large");
	rejects("--heartbeat=9223372036854775d", "--heartbeat=9223372036854775d: too large");
	rejects("--heartbeat=99999999999999999999", "--heartbeat=99999999999999999999: too large");
}

static void
optional_arguments(void **state)
{
	(void)state;
	assert_int_equal(run("--wait", NULL), 2);
	assert_int_equal(wait_time, 60000);
	assert_int_equal(run("--wait", "soon", NULL), 2);
	assert_int_equal(wait_time, 60000);
	assert_int_equal(run("--wait", "-l", NULL), 3);
	assert_int_equal(wait_time, 60000);
	assert_int_equal(run("--wait", "5m", "x", NULL), 3);
	assert_int_equal(wait_time, 300000);
	assert_int_equal(run("--wait=5", "6", NULL), 2);
	assert_int_equal(wait_time, 5000);
	assert_int_equal(run("-W", "7", NULL), 3);
	assert_int_equal(wait_time, 7000);
	assert_int_equal(run("-W250ms", NULL), 2);
	assert_int_equal(wait_time, 250);
	rejects("--wait=soon", "--wait=soon: invalid");
}

static void
sizes(void **state)
{
	static const struct { const char *text; int64_t bytes; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "64k", 65536 }, { "64K", 65536 }, { "1KiB", 1024 },
		{ "16MiB", 16777216 }, { "1.5m", 1572864 }, { "2G", INT64_C(2147483648) },
	};
	static const char *const bad[] = { "k", "1kB", "1MB", "-1", "1 k", "1T" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(run("--max-message", good[i].text, NULL), 3);
		assert_true(max_message == good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(run("--max-message", bad[i], NULL), -1);
}

static void
choices(void **state)
{
	(void)state;
	assert_int_equal(run("--type=topic", NULL), 2);
	assert_int_equal(type, 2);
	rejects("--type=top", "--type=top: must be fanout, direct or topic");
}

static void
delimiters(void **state)
{
	static const struct { const char *text; int byte; } good[] = {
		{ ",", ',' }, { "\\", '\\' }, { "\\n", '\n' }, { "\\r", '\r' }, { "\\t", '\t' },
		{ "\\0", 0 }, { "\\\\", '\\' }, { "\\x1e", 0x1e }, { "\\xFF", 0xff }, { "\xfe", 0xfe },
	};
	static const char *const bad[] = { "", "ab", "\\q", "\\x", "\\x1", "\\x123", "\\xg0", "\\00", "\xc3\xa9" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(run("-D", good[i].text, NULL), 3);
		assert_int_equal(delimiter, good[i].byte);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(run("-D", bad[i], NULL), -1);
	assert_string_equal(error.text, "-D \xc3\xa9: not one byte");
}

static void
secrets_leave_the_arguments(void **state)
{
	(void)state;
	assert_int_equal(run("--url=amqp://me:hunter2@host/v", NULL), 2);
	assert_string_equal(url, "amqp://me:hunter2@host/v");
	assert_string_equal(words[1], "--url=amqp://me:xxxxxxx@host/v");
	assert_int_equal(run("-u", "amqp://a:b@c", NULL), 3);
	assert_string_equal(url, "amqp://a:b@c");
	assert_string_equal(words[2], "amqp://a:x@c");
	rejects("-u?a:b@c", "-u xxxxxx: no URL");
}

static void
prints(void (*print)(const struct opt *const *, FILE *), const char *expected)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	print(groups, f);
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
}

static void
help(void **state)
{
	(void)state;
	prints(opt_help,
	    "\nInput:\n"
	    "  -l, --lines                 send one message a line\n"
	    "      --no-sync               do not wait for the disk\n"
	    "  -0, --null                  messages end with NUL\n"
	    "  -D, --delimiter=BYTE        messages end with \\n or another byte\n"
	    "      --max-message=SIZE      refuse larger messages\n"
	    "\nBroker:\n"
	    "  -u, --url=URL               connect to this broker\n"
	    "  -q, --queue=NAME            use this queue\n"
	    "  -r, --routing-key=KEY       route by this key\n"
	    "  -p, --prefetch=N            hold at most N of those messages that nobody has\n"
	    "                              acknowledged\n"
	    "      --any=N                 any number from 0 on\n"
	    "      --heartbeat=SECS        ask for signs of life\n"
	    "  -W, --wait[=SECS]           wait for the broker\n"
	    "      --type=TYPE             declare it as TYPE (fanout, direct or topic)\n"
	    "  -C                          .chat with 'people'\n");
}

static void
manual(void **state)
{
	(void)state;
	prints(opt_mdoc,
	    ".Ss Input\n"
	    ".Bl -tag -width Ds\n"
	    ".It Fl l , Fl -lines\nSend one message a line.\n"
	    ".It Fl -no-sync\nDo not wait for the disk.\n"
	    ".It Fl 0 , Fl -null\nMessages end with NUL.\n"
	    ".It Fl D , Fl -delimiter Ns = Ns Ar BYTE\nMessages end with \\en or another byte.\n"
	    ".It Fl -max-message Ns = Ns Ar SIZE\nRefuse larger messages.\n"
	    ".El\n"
	    ".Ss Broker\n"
	    ".Bl -tag -width Ds\n"
	    ".It Fl u , Fl -url , Fl -uri Ns = Ns Ar URL\nConnect to this broker.\n"
	    ".It Fl q , Fl -queue Ns = Ns Ar NAME\nUse this queue.\n"
	    ".It Fl r , Fl -routing-key Ns = Ns Ar KEY\nRoute by this key.\n"
	    ".It Fl p , Fl -prefetch , Fl -prefetch-count Ns = Ns Ar N\nHold at most N of those messages that nobody has acknowledged.\n"
	    ".It Fl -any Ns = Ns Ar N\nAny number from 0 on.\n"
	    ".It Fl -heartbeat Ns = Ns Ar SECS\nAsk for signs of life.\n"
	    ".It Fl W , Fl -wait Ns Oo Ns = Ns Ar SECS Oc\nWait for the broker.\n"
	    ".It Fl -type Ns = Ns Ar TYPE\nDeclare it as TYPE (fanout, direct or topic).\n"
	    ".It Fl C\n\\&.chat with 'people'.\n"
	    ".El\n");
}

static void
completion(void **state)
{
	(void)state;
	prints(opt_complete,
	    "-l\tsend one message a line\n--lines\tsend one message a line\n"
	    "--no-sync\tdo not wait for the disk\n"
	    "-0\tmessages end with NUL\n--null\tmessages end with NUL\n"
	    "-D\tmessages end with \\n or another byte\n"
	    "--delimiter=\tmessages end with \\n or another byte\n"
	    "--max-message=\trefuse larger messages\n"
	    "-u\tconnect to this broker\n--url=\tconnect to this broker\n"
	    "-q\tuse this queue\n--queue=\tuse this queue\n"
	    "-r\troute by this key\n--routing-key=\troute by this key\n"
	    "-p\thold at most N of those messages that nobody has acknowledged\n"
	    "--prefetch=\thold at most N of those messages that nobody has acknowledged\n"
	    "--any=\tany number from 0 on\n"
	    "--heartbeat=\task for signs of life\n"
	    "-W\twait for the broker\n--wait\twait for the broker\n"
	    "--type=fanout\tdeclare it as TYPE\n--type=direct\tdeclare it as TYPE\n"
	    "--type=topic\tdeclare it as TYPE\n"
	    "-C\t.chat with 'people'\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(operands_end_options, reset, reset),
		cmocka_unit_test_setup_teardown(flags, reset, reset),
		cmocka_unit_test_setup_teardown(letters_bundle, reset, reset),
		cmocka_unit_test_setup_teardown(what_may_be_given_once_is_not_lost, reset, reset),
		cmocka_unit_test_setup_teardown(each_call_counts_anew, reset, reset),
		cmocka_unit_test_setup_teardown(other_long_names, reset, reset),
		cmocka_unit_test_setup_teardown(no_abbreviations, reset, reset),
		cmocka_unit_test_setup_teardown(misspelt_options, reset, reset),
		cmocka_unit_test_setup_teardown(options_among_operands, reset, reset),
		cmocka_unit_test_setup_teardown(unknown_options, reset, reset),
		cmocka_unit_test_setup_teardown(strings, reset, reset),
		cmocka_unit_test_setup_teardown(lists_grow, reset, reset),
		cmocka_unit_test_setup_teardown(numbers, reset, reset),
		cmocka_unit_test_setup_teardown(seconds, reset, reset),
		cmocka_unit_test_setup_teardown(optional_arguments, reset, reset),
		cmocka_unit_test_setup_teardown(sizes, reset, reset),
		cmocka_unit_test_setup_teardown(choices, reset, reset),
		cmocka_unit_test_setup_teardown(delimiters, reset, reset),
		cmocka_unit_test_setup_teardown(secrets_leave_the_arguments, reset, reset),
		cmocka_unit_test_setup_teardown(help, reset, reset),
		cmocka_unit_test_setup_teardown(manual, reset, reset),
		cmocka_unit_test_setup_teardown(completion, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
