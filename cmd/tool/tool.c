/* SPDX-License-Identifier: MIT */
/* How a program begins: its name, its aliases, its options; and how it ends. */

#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/prctl.h>
#elif defined(__FreeBSD__)
#include <sys/procctl.h>
#include <sys/wait.h>
#endif

#include <errno.h>
#include <fcntl.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/escape.h"
#include "tool/tool.h"

enum { MAX_GROUPS = 12, MAX_ALIAS_ARGS = 5, KEPT_BLOCK = 8 << 20, KEPT_MEMORY = 16 << 20 };

const char tool_version[] = PROGRAM_VERSION;

static opt_set set_help, set_version;

static const struct opt standard[] = {
	{ .help = "Help" },
	{ 'h', "help", "[]", set_help, NULL, "show this and exit" },
	{ 'V', "version", NULL, set_version, NULL, "show the version and exit" },
	{ 0 }
};

/* One program, one tool: what it is, and what it was called. */
static struct {
	const struct tool	*tool;
	const char		*name;
	const struct alias	*alias;		/* NULL: called by its own name */
	const struct opt	*groups[MAX_GROUPS];
} self = { .name = "rmq-tools" };

const char *
tool_name(void)
{
	return self.name;
}

/* The hint is ours; the text may have been a broker's. */
static void
say(const char *text, const char *hint)
{
	char *safe = escape(text, strlen(text));

	fprintf(stderr, "%s: %s%s\n", self.name, safe != NULL ? safe : "out of memory", hint);
	free(safe);
}

static void __attribute__((format(printf, 1, 0)))
vsay(const char *fmt, va_list ap, const char *hint)
{
	char *text;

	if (vasprintf(&text, fmt, ap) == -1) {
		say("out of memory", "");
		return;
	}
	say(text, hint);
	free(text);
}

void
tool_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap, "");
	va_end(ap);
}

void
tool_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap, "");
	va_end(ap);
	exit(status);
}

void
tool_usage(const char *fmt, ...)
{
	char hint[128];
	va_list ap;

	snprintf(hint, sizeof(hint), " (see %s --help)", self.name);
	va_start(ap, fmt);
	vsay(fmt, ap, hint);
	va_end(ap);
	exit(EX_USAGE);
}

int
tool_end(int status)
{
	if ((fflush(stdout) == EOF || fclose(stdout) == EOF) && status == EX_OK) {
		tool_warn("cannot write standard output: %s", strerror(errno));
		return EX_IOERR;
	}
	return status;
}

static void
print_aliases(void)
{
	const struct alias *a;
	const char *const *arg;

	for (a = self.tool->aliases; a->name != NULL; a++) {
		printf("%s" PROGRAM_PREFIX "%s means " PROGRAM_PREFIX "%s", a == self.tool->aliases ? "\n" : "",
		    a->name, self.tool->name);
		for (arg = a->args; *arg != NULL; arg++)
			printf(" %s", *arg);
		printf("\n");
	}
}

static void
print_help(void)
{
	const char *operands = self.tool->operands;

	if (self.alias != NULL && self.alias->operands != NULL)
		operands = self.alias->operands;
	printf("usage: %s [option ...]%s%s\n", self.name, operands != NULL ? " " : "",
	    operands != NULL ? operands : "");
	printf("%s\n", self.tool->about);
	opt_help(self.groups, stdout);
	print_aliases();
}

static const char *
set_help(const struct opt *o, char *form)
{
	(void)o;
	if (form == NULL)
		print_help();
	else if (strcmp(form, "mdoc") == 0)
		opt_mdoc(self.groups, stdout);
	else if (strcmp(form, "complete") == 0)
		opt_complete(self.groups, stdout);
	else
		return "invalid";
	exit(tool_end(EX_OK));
}

static const char *
set_version(const struct opt *o, char *arg)
{
	(void)o;
	(void)arg;
	printf("%s (rmq-tools) %s\n", self.tool->name, tool_version);
	exit(tool_end(EX_OK));
}

/*
 * What a library opens must not become our standard output.  A descriptor that
 * was closed is opened the wrong way round: using it still fails.
 */
static void
open_standard_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static bool
has_more_rights_than_its_caller(void)
{
#if defined(__linux__)
	return getauxval(AT_SECURE) != 0;
#else
	return issetugid();
#endif
}

/* Nobody but root reads our memory, which has a password in it, nor finds it in a core file. */
static void
keep_memory_private(void)
{
#if defined(__linux__)
	(void)prctl(PR_SET_DUMPABLE, 0);
#elif defined(__FreeBSD__)
	int how = PROC_TRACE_CTL_DISABLE;

	(void)procctl(P_PID, getpid(), PROC_TRACE_CTL, &how);
#endif
}

static const char *
skip_prefix(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : s;
}

static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (*a != *b && !(*a == '_' && *b == '-'))
			return false;
	return *a == *b;
}

/* libtool puts lt- before the name of a program that is not yet installed. */
static void
find_name(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	const struct alias *a;
	const char *name;

	if (path == NULL || *path == '\0')
		path = self.tool->name;
	self.name = skip_prefix(slash != NULL ? slash + 1 : path, "lt-");
	name = skip_prefix(self.name, PROGRAM_PREFIX);
	for (a = self.tool->aliases; a->name != NULL; a++)
		if (same_name(name, a->name))
			self.alias = a;
}

static void
collect_groups(void)
{
	const struct opt *const *g;
	size_t n = 0;

	for (g = self.tool->groups; *g != NULL; g++)
		self.groups[n++] = *g;
	self.groups[n] = standard;
}

static int
parse(int argc, char *argv[])
{
	struct opt_error error;
	int first = opt_parse(self.groups, argc, argv, &error);

	if (first == -1 && error.no_memory)
		tool_fail(EX_OSERR, "%s", error.text);
	if (first == -1)
		tool_usage("%s", error.text);
	return first;
}

static void
parse_alias(void)
{
	char *argv[MAX_ALIAS_ARGS + 1] = { (char *)self.name };
	int argc = 1;

	for (; argc < MAX_ALIAS_ARGS && self.alias->args[argc - 1] != NULL; argc++)
		argv[argc] = (char *)self.alias->args[argc - 1];
	parse(argc, argv);
}

/*
 * A large body is soon followed by another one: its memory is kept for that, because what goes back to the system
 * comes again page by page, which costs more than all else that a large message needs.
 */
static void
keep_memory(void)
{
#if defined(__GLIBC__)
	mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK);
	mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
#endif
}

/* People write what they forgot at the end. */
static void
warn_of_late_options(char **operand)
{
	for (; *operand != NULL && strcmp(*operand, "--") != 0; operand++)
		if (opt_is_option(self.groups, *operand)) {
			tool_warn("warning: '%.*s' is taken as it stands: options go before all other words",
			    (int)strcspn(*operand, "="), *operand);
			return;
		}
}

void
tool_start(const struct tool *tool, int *argc, char ***argv)
{
	int first = 0;

	self.tool = tool;
	keep_memory();
	open_standard_descriptors();
	find_name((*argv)[0]);
	if (has_more_rights_than_its_caller())
		tool_fail(EX_USAGE, "refuses to run with more rights than its caller");
	keep_memory_private();
	collect_groups();
	if (self.alias != NULL)
		parse_alias();
	if (*argc > 0)
		first = parse(*argc, *argv);
	if (first > 0 && !tool->runs_operands && strcmp((*argv)[first - 1], "--") != 0)
		warn_of_late_options(*argv + first);
	*argc -= first;
	*argv += first;
}
