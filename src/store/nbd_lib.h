/* SPDX-License-Identifier: MIT */
/* nbd_lib.h - libnbd, brought in when a network block device is first asked for
 *
 * It draws in some twenty libraries (TLS, XML, Unicode), which every run would otherwise pay for when
 * it starts: more than for all else that happens before a program's first instruction.
 *
 * Who includes this calls libnbd by its own names, after nbd_lib_load.
 */
#ifndef STORE_NBD_LIB_H
#define STORE_NBD_LIB_H

#include <libnbd.h>

#define NBD_CALLS(CALL)                                                                            \
	CALL(nbd_aio_command_completed)                                                            \
	CALL(nbd_aio_connect_uri)                                                                  \
	CALL(nbd_aio_is_closed)                                                                    \
	CALL(nbd_aio_is_connecting)                                                                \
	CALL(nbd_aio_is_dead)                                                                      \
	CALL(nbd_aio_is_ready)                                                                     \
	CALL(nbd_aio_pread)                                                                        \
	CALL(nbd_aio_pwrite)                                                                       \
	CALL(nbd_close)                                                                            \
	CALL(nbd_create)                                                                           \
	CALL(nbd_get_errno)                                                                        \
	CALL(nbd_get_error)                                                                        \
	CALL(nbd_get_size)                                                                         \
	CALL(nbd_is_read_only)                                                                     \
	CALL(nbd_poll)                                                                             \
	CALL(nbd_pread)                                                                            \
	CALL(nbd_pwrite)                                                                           \
	CALL(nbd_set_request_structured_replies)                                                   \
	CALL(nbd_set_uri_allow_local_file)                                                         \
	CALL(nbd_shutdown)

struct nbd_lib {
#define CALL(name) __typeof__(name) *name;
	NBD_CALLS(CALL)
#undef CALL
};

/* Valid after nbd_lib_load; then it stays, as the library does. */
extern struct nbd_lib nbd_lib;

/* Returns 0, or -ENOSYS with why the library cannot be had: a string that stays. */
int nbd_lib_load(const char **ret_why);

#ifndef NBD_LIB_NAMES
#define nbd_aio_command_completed (*nbd_lib.nbd_aio_command_completed)
#define nbd_aio_connect_uri	  (*nbd_lib.nbd_aio_connect_uri)
#define nbd_aio_is_closed	  (*nbd_lib.nbd_aio_is_closed)
#define nbd_aio_is_connecting	  (*nbd_lib.nbd_aio_is_connecting)
#define nbd_aio_is_dead		  (*nbd_lib.nbd_aio_is_dead)
#define nbd_aio_is_ready	  (*nbd_lib.nbd_aio_is_ready)
#define nbd_aio_pread		  (*nbd_lib.nbd_aio_pread)
#define nbd_aio_pwrite		  (*nbd_lib.nbd_aio_pwrite)
#define nbd_close		  (*nbd_lib.nbd_close)
#define nbd_create		  (*nbd_lib.nbd_create)
#define nbd_get_errno		  (*nbd_lib.nbd_get_errno)
#define nbd_get_error		  (*nbd_lib.nbd_get_error)
#define nbd_get_size		  (*nbd_lib.nbd_get_size)
#define nbd_is_read_only	  (*nbd_lib.nbd_is_read_only)
#define nbd_poll		  (*nbd_lib.nbd_poll)
#define nbd_pread		  (*nbd_lib.nbd_pread)
#define nbd_pwrite		  (*nbd_lib.nbd_pwrite)
#define nbd_set_request_structured_replies (*nbd_lib.nbd_set_request_structured_replies)
#define nbd_set_uri_allow_local_file	   (*nbd_lib.nbd_set_uri_allow_local_file)
#define nbd_shutdown		  (*nbd_lib.nbd_shutdown)
#endif

#endif
