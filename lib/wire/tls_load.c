/* SPDX-License-Identifier: MIT */
/*
 * Where TLS comes from: a module, or this very program.
 *
 * The module is looked for from the program's own place (TLS_MODULE), so that
 * a tree can be moved, and then where it was to be installed.
 */
#ifdef TLS_MODULE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#endif

#include "base/error.h"
#include "wire/tls.h"

#ifdef TLS_MODULE
static void *
open_beside_program(void)
{
	char path[PATH_MAX + sizeof TLS_MODULE];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (len <= 0 || len == PATH_MAX)
		return NULL;
	path[len] = '\0';
	if ((slash = strrchr(path, '/')) == NULL)
		return NULL;
	memcpy(slash + 1, TLS_MODULE, sizeof TLS_MODULE);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

const struct tls_api *
rmq_tls_load(struct rmq_error *e)
{
	static const struct tls_api *api;
	void *module;

	if (api != NULL)
		return api;
	if (((module = open_beside_program()) == NULL &&
	    (module = dlopen(TLS_MODULE_INSTALLED, RTLD_NOW | RTLD_LOCAL)) == NULL) ||
	    (api = dlsym(module, "rmq_tls_api")) == NULL)
		rmq_fail(e, RMQ_CONFIG, 0, "cannot load TLS: %s", dlerror());
	return api;
}
#else
const struct tls_api *
rmq_tls_load(struct rmq_error *e)
{
	(void)e;
	return &rmq_tls_api;
}
#endif
