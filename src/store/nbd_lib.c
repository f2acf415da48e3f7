/* SPDX-License-Identifier: MIT */
#define NBD_LIB_NAMES
#include "store/nbd_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* Its second version would have another name. */
#define NBD_LIBRARY "libnbd.so.0"

struct nbd_lib nbd_lib;

int nbd_lib_load(const char **ret_why)
{
	static bool loaded;
	if (loaded)
		return 0;
	void *library = dlopen(NBD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		*ret_why = NBD_LIBRARY " is not here; install it (Debian: libnbd0)";
		return -ENOSYS;
	}
	bool whole = true;
#define CALL(name) whole &= (nbd_lib.name = (__typeof__(nbd_lib.name))dlsym(library, #name)) != NULL;
	NBD_CALLS(CALL)
#undef CALL
	if (!whole) {
		dlclose(library);
		*ret_why = NBD_LIBRARY " is too old; install a newer one (Debian: libnbd0)";
		return -ENOSYS;
	}
	loaded = true;
	return 0;
}
