/* SPDX-License-Identifier: MIT */
/*
 * Files that somebody else may have written: the first byte chooses between
 * what is remembered of brokers and a checkpoint.  In a checkpoint D and I
 * stand for the device and the inode of the file that it is about.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <unistd.h>

#include "broker/eager.h"
#include "fuzz.h"
#include "publish/checkpoint.h"
#include "tool/tool.h"

enum { LINES = 300 };
static const char line[] = "hello line\n";

static char folder[64], input_file[PATH_MAX], checkpoint_file[PATH_MAX], hints_file[PATH_MAX];
static jmp_buf failed;
static int failure;

/* A program that fails leaves its memory to the system. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* The linker puts this in the place of tool_fail(). */
__attribute__((noreturn, format(printf, 2, 3))) void __wrap_tool_fail(int status, const char *fmt, ...);

void
__wrap_tool_fail(int status, const char *fmt, ...)
{
	(void)fmt;
	failure = status;
	longjmp(failed, 1);
}

static void
write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(name, "wb");

	FUZZ_CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void
clean_up(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	FUZZ_CHECK(system(command) == 0);
}

static void
set_up(void)
{
	char text[LINES * (sizeof line - 1) + 1] = "", caches[PATH_MAX];

	if (*folder != '\0')
		return;
	snprintf(folder, sizeof folder, "/tmp/rmq-tools-fuzz.XXXXXX");
	FUZZ_CHECK(mkdtemp(folder) != NULL && atexit(clean_up) == 0);
	snprintf(caches, sizeof caches, "%s/rmq-tools", folder);
	FUZZ_CHECK(mkdir(caches, 0700) == 0 && setenv("XDG_CACHE_HOME", folder, 1) == 0);
	snprintf(hints_file, sizeof hints_file, "%s/rmq-tools/brokers.json", folder);
	snprintf(input_file, sizeof input_file, "%s/input", folder);
	snprintf(checkpoint_file, sizeof checkpoint_file, "%s/checkpoint", folder);
	for (int i = 0; i < LINES; i++)
		strcat(text, line);
	write_file(input_file, text, strlen(text));
}

static void
check_hints(const uint8_t *data, size_t size)
{
	static char near[] = "h", far[] = "i", user[] = "u", password[] = "p", vhost[] = "/";
	static struct rmq_host hosts[] = { { near, 5672 }, { far, 5671 } };
	static const struct rmq_uri uri = { .hosts = hosts, .nhosts = 2, .user = user, .vhost = vhost,
	    .password = password };
	struct rmq_config config = { .uris = &uri, .nuris = 1 };

	write_file(hints_file, data, size);
	eager_recall(&config);
	FUZZ_CHECK(config.nhints <= 2);
	for (size_t i = 0; i < config.nhints; i++)
		FUZZ_CHECK(config.hints[i].uri == &uri &&
		    (config.hints[i].host == &hosts[0] || config.hints[i].host == &hosts[1]));
}

/* The bytes with numbers for letters. */
static void
write_checkpoint(const uint8_t *data, size_t size, const struct stat *st)
{
	FILE *file = fopen(checkpoint_file, "wb");

	FUZZ_CHECK(file != NULL);
	for (size_t i = 0; i < size; i++)
		if (data[i] == 'D' || data[i] == 'I')
			fprintf(file, "%ju", (uintmax_t)(data[i] == 'D' ? st->st_dev : st->st_ino));
		else
			putc(data[i], file);
	FUZZ_CHECK(fclose(file) == 0);
}

/* What a program that ended would have left to the system. */
static void
close_from(int fd)
{
	for (int last = fd + 8; fd < last; fd++)
		close(fd);
}

static void
check_checkpoint(const uint8_t *data, size_t size)
{
	static struct input in;
	static struct checkpoint checkpoint;
	static int first_free;
	struct stat st;

	FUZZ_CHECK(stat(input_file, &st) == 0);
	FUZZ_CHECK((first_free = dup(STDIN_FILENO)) != -1 && close(first_free) == 0);
	write_checkpoint(data, size, &st);
	in = (struct input){ .delimiter = '\n', .max_message = 1000 };
	checkpoint = (struct checkpoint){ 0 };
	FUZZ_CHECK(input_open(&in, input_file));
	if (setjmp(failed) == 0) {
		checkpoint_open(&checkpoint, checkpoint_file, &in);
		FUZZ_CHECK(checkpoint.offset <= (uint64_t)st.st_size);
	} else {
		FUZZ_CHECK(failure == EX_USAGE || failure == EX_CANTCREAT || failure == EX_IOERR ||
		    failure == EX_CONFIG);
	}
	input_close(&in);
	close_from(first_free);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	set_up();
	if (data[0] & 1)
		check_hints(data + 1, size - 1);
	else
		check_checkpoint(data + 1, size - 1);
	return 0;
}
