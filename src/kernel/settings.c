/* SPDX-License-Identifier: MIT */
#include "kernel/settings.h"

#include "kernel/file/lease.h"
#include "kernel/file/pipe.h"
#include "kernel/ipc/ipc.h"
#include "kernel/limits.h"
#include "kernel/version.h"

void settings_init(struct settings *s)
{
	*s = (struct settings){
	    .host_name = KERNEL_NODENAME,
	    .domain_name = "(none)",
	    .core_pattern = "core.%p",
	    .pid_max = 4194304,
	    .threads_max = THREADS_MAX,
	    .shm_max = IPC_SHM_MAX,
	    .shm_all = IPC_SHM_MAX,
	    .shm_count = IPC_SHM_MAX_COUNT,
	    .sem = {IPC_SEM_PER_SET, IPC_SEM_TOTAL, IPC_SEM_OPS, IPC_SEM_MAX_COUNT},
	    .message_size = IPC_MSG_SIZE,
	    .queue_bytes = IPC_MSG_BYTES,
	    .queue_count = IPC_MSG_MAX_COUNT,
	    .mqueue = {.queues = 256, .messages = 10, .messages_default = 10, .size = 8192, .size_default = 8192},
	    .pipe_size = PIPE_CAPACITY_MAX,
	    .pipe_user_soft = PIPE_USER_PAGES,
	    .inotify = {.events = 16384, .instances = 128, .watches = 65536},
	    .files = 1048576,
	    .lease_break = LEASE_BREAK_SECONDS,
	    .swappiness = 60,
	};
}
