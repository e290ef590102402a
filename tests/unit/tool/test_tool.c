/* SPDX-License-Identifier: MIT */
/* How a program starts and ends, seen from outside: each case is a process of its own. */

#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/escape.h"
#include "tool/tool.h"

enum { MAX_ARGS = 8 };

static int type;
static const char *exchange = "logs";
static const char *const types[] = { "fanout", "topic", NULL };

static const struct opt options[] = {
	{ .help = "Exchange" },
	{ 'e', "exchange", "NAME", opt_string, &exchange, "use this exchange" },
	{ 0, "type", "TYPE", opt_choice, &type, "its type", .choices = types },
	{ 0 }
};

static const struct tool tool = {
	.name = "emit-log",
	.about = "publish log lines",
	.operands = "[WORD ...]",
	.groups = { options, NULL },
	.aliases = {
		{ "emit-log-topic", { "--type=topic", "--exchange=topic_logs" }, "[KEY [WORD ...]]" },
		{ "log-it", { NULL } },
	},
};

static char output[4096];

/* A program that says how it understood its arguments. */
static _Noreturn void
program(int argc, char *argv[])
{
	tool_start(&tool, &argc, &argv);
	printf("%s: %s %s, %d: %s\n", tool_name(), types[type], exchange, argc, argc > 0 ? argv[0] : "");
	exit(tool_end(EX_OK));
}

static void
slurp(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
}

/* Runs the child's part with its output in ours; the exit status. */
static int
child(void (*body)(int, char *[]), int argc, char *argv[])
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		body(argc, argv);
	}
	close(fds[1]);
	slurp(fds[0]);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
run(const char *first, ...)
{
	char *argv[MAX_ARGS + 1] = { (char *)first };
	const char *word;
	int argc = 1;
	va_list ap;

	va_start(ap, first);
	while (argc < MAX_ARGS && (word = va_arg(ap, const char *)) != NULL)
		argv[argc++] = (char *)word;
	va_end(ap);
	return child(program, argc, argv);
}

static void
prints(const char *text)
{
	assert_string_equal(output, text);
}

static void
names(void **state)
{
	(void)state;
	assert_int_equal(run("/usr/bin/emit-log", "a", "-e", NULL), 0);
	prints("emit-log: warning: '-e' is taken as it stands: options go before all other words\n"
	    "emit-log: fanout logs, 2: a\n");
	run("emit-log", "--", "a", "-e", NULL);
	prints("emit-log: fanout logs, 2: a\n");
	run("emit_log", NULL);
	prints("emit_log: fanout logs, 0: \n");
	run(".libs/lt-emit_log_topic", NULL);
	prints("emit_log_topic: topic topic_logs, 0: \n");
	run("another-name", NULL);
	prints("another-name: fanout logs, 0: \n");
	run("", NULL);
	prints("emit-log: fanout logs, 0: \n");
}

static void
an_alias_is_its_options(void **state)
{
	(void)state;
	run("emit-log-topic", "k", NULL);
	prints("emit-log-topic: topic topic_logs, 1: k\n");
	run("emit-log-topic", "-e", "mine", "k", NULL);
	prints("emit-log-topic: topic mine, 1: k\n");
	run("emit-log_topic", "--type=fanout", NULL);
	prints("emit-log_topic: fanout topic_logs, 0: \n");
	run("log_it", "x", NULL);
	prints("log_it: fanout logs, 1: x\n");
	run("emit-log-topics", NULL);
	prints("emit-log-topics: fanout logs, 0: \n");
}

static void
no_arguments_at_all(void **state)
{
	char *argv[] = { NULL };

	(void)state;
	assert_int_equal(child(program, 0, argv), 0);
	prints("emit-log: fanout logs, 0: \n");
}

static void
wrong_usage(void **state)
{
	(void)state;
	assert_int_equal(run("emit_log", "--foo", NULL), EX_USAGE);
	prints("emit_log: unknown option --foo (see emit_log --help)\n");
	assert_int_equal(run("emit_log", "--type=x\033[2J", NULL), EX_USAGE);
	prints("emit_log: --type=x\\033[2J: must be fanout or topic (see emit_log --help)\n");
	assert_int_equal(run("emit_log", "--help=poem", NULL), EX_USAGE);
	prints("emit_log: --help=poem: invalid (see emit_log --help)\n");
}

static void
help(void **state)
{
	(void)state;
	assert_int_equal(run("emit_log_topic", "--help", NULL), 0);
	prints("usage: emit_log_topic [option ...] [KEY [WORD ...]]\n"
	    "publish log lines\n"
	    "\nExchange:\n"
	    "  -e, --exchange=NAME         use this exchange\n"
	    "      --type=TYPE             its type (fanout or topic)\n"
	    "\nHelp:\n"
	    "  -h, --help                  show this and exit\n"
	    "  -V, --version               show the version and exit\n"
	    "\nemit-log-topic means emit-log --type=topic --exchange=topic_logs\n"
	    "log-it means emit-log\n");
	assert_int_equal(run("emit-log", "-hx", NULL), 0);
	assert_memory_equal(output, "usage: emit-log [option ...] [WORD ...]\n", 40);
	assert_int_equal(run("emit-log", "--help=complete", NULL), 0);
	assert_memory_equal(output, "-e\tuse this exchange\n", 21);
	assert_int_equal(run("emit-log", "--help=mdoc", NULL), 0);
	assert_memory_equal(output, ".Ss Exchange\n", 13);
}

static void
version(void **state)
{
	(void)state;
	assert_int_equal(run("emit_log_topic", "-V", "--foo", NULL), 0);
	assert_memory_equal(output, "emit-log (rmq-tools) ", 21);
}

static _Noreturn void
fails(int argc, char *argv[])
{
	tool_start(&tool, &argc, &argv);
	tool_warn("%s is %d", "one", 1);
	tool_fail(EX_NOUSER, "cannot send: \r\n%s", "NOT_FOUND - \"\\\x9b\"");
}

static void
messages_are_one_safe_line(void **state)
{
	char *argv[] = { (char *)"send", NULL };

	(void)state;
	assert_int_equal(child(fails, 1, argv), EX_NOUSER);
	prints("send: one is 1\nsend: cannot send: \\r\\nNOT_FOUND - \"\\\\233\"\n");
}

static _Noreturn void
closed_stdout(int argc, char *argv[])
{
	close(STDOUT_FILENO);
	program(argc, argv);
}

static _Noreturn void
full_stdout(int argc, char *argv[])
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
	program(argc, argv);
}

static void
output_that_is_lost_is_an_error(void **state)
{
	char *argv[] = { (char *)"send", NULL };

	(void)state;
	assert_int_equal(child(closed_stdout, 1, argv), EX_IOERR);
	prints("send: cannot write standard output: Bad file descriptor\n");
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(child(full_stdout, 1, argv), EX_IOERR);
		prints("send: cannot write standard output: No space left on device\n");
	}
}

static _Noreturn void
all_closed(int argc, char *argv[])
{
	int fd, out = fcntl(STDOUT_FILENO, F_DUPFD, 10);

	for (fd = 0; fd < 3; fd++)
		close(fd);
	tool_start(&tool, &argc, &argv);
	fd = open("/dev/null", O_RDONLY);
	dprintf(out, "%s\n", fd > STDERR_FILENO ? "all taken" : "one is free");
	exit(0);
}

static void
standard_descriptors_are_taken(void **state)
{
	char *argv[] = { (char *)"send", NULL };

	(void)state;
	assert_int_equal(child(all_closed, 1, argv), 0);
	prints("all taken\n");
}

static void
escapes(const char *text, size_t len, const char *expected)
{
	char *safe = escape(text, len);

	assert_non_null(safe);
	assert_string_equal(safe, expected);
	free(safe);
}

static void
escaping(void **state)
{
	(void)state;
	escapes("", 0, "");
	escapes("plain text \\ \"q\"", 16, "plain text \\ \"q\"");
	escapes("\a\b\f\n\r\t\v\033\177", 9, "\\a\\b\\f\\n\\r\\t\\v\\033\\177");
	escapes("a\0b\0001", 5, "a\\0b\\0001");
	escapes("\x80\xff", 2, "\\200\\377");
}

/* Each would turn what stands behind it; letters of other scripts would not. */
static void
marks_that_reorder(void **state)
{
	static const unsigned marks[] = {
		0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
	};
	char text[4], escaped[13];

	(void)state;
	setenv("LC_ALL", "C.UTF-8", 1);
	escapes("\xd7\x90\xc3\xa9", 4, "\xd7\x90\xc3\xa9");
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		unsigned c = marks[i];
		int len = c < 0x800 ? snprintf(text, sizeof(text), "%c%c", 0xc0 | c >> 6, 0x80 | (c & 63)) :
		    snprintf(text, sizeof(text), "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 63), 0x80 | (c & 63));

		for (int j = 0; j < len; j++)
			snprintf(escaped + 4 * j, sizeof(escaped) - 4 * (size_t)j, "\\%03o", (unsigned char)text[j]);
		escapes(text, (size_t)len, escaped);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(an_alias_is_its_options),
		cmocka_unit_test(no_arguments_at_all),
		cmocka_unit_test(wrong_usage),
		cmocka_unit_test(help),
		cmocka_unit_test(version),
		cmocka_unit_test(messages_are_one_safe_line),
		cmocka_unit_test(output_that_is_lost_is_an_error),
		cmocka_unit_test(standard_descriptors_are_taken),
		cmocka_unit_test(marks_that_reorder),
		cmocka_unit_test(escaping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
