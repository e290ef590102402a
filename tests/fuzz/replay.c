/* SPDX-License-Identifier: MIT */
/* replay FILE...: a target without libFuzzer; each file is an input. */
#include <err.h>

#include "fuzz.h"

static void
replay(const char *name)
{
	struct rmq_buffer all = { 0 };
	FILE *file = fopen(name, "rb");
	size_t n;

	if (file == NULL)
		err(1, "%s", name);
	do {
		if (!rmq_buffer_reserve(&all, 4096))
			errx(1, "out of memory");
		n = fread(all.data + all.len, 1, 4096, file);
		all.len += n;
	} while (n > 0);
	fclose(file);
	LLVMFuzzerTestOneInput((const uint8_t *)all.data, all.len);
	rmq_buffer_free(&all);
}

int
main(int argc, char *argv[])
{
	if (argc < 2)
		errx(64, "usage: replay FILE ...");
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%d inputs\n", argc - 1);
	return 0;
}
