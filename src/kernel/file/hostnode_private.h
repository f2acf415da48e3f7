/* SPDX-License-Identifier: MIT */
/* hostnode_private.h - what hostnode.c (files of the host) and hostfile.c (open ones) share */
#ifndef KERNEL_HOSTNODE_PRIVATE_H
#define KERNEL_HOSTNODE_PRIVATE_H

#include <bsd/sys/tree.h>
#include <sys/queue.h>

#include "kernel/file/hostnode.h"

struct node {
	uint64_t device, inode;
	struct hostfs *hostfs;
	struct object *object;
	int fd;
	bool writable, readable; /* through fd */
	struct timespec mtime, ctime;
	unsigned files;    /* open ones */
	unsigned writers;  /* of these, open for writing; none while there are programs */
	unsigned programs; /* processes that execute it */
	uint8_t write_hint; /* F_SET_RW_HINT */
	bool kept;      /* the cache has a reference to object */
	bool idle;      /* kept and in the idle list */
	char *name;     /* the guest path it was opened by last */
	bool gone;
	RB_ENTRY(node) tree;
	TAILQ_ENTRY(node) link;
};

/* Compares with what the host says now, and drops what is out of date. */
void node_refresh(struct node *n, const struct stat *st);
/* What differs now is our own doing. */
void node_note(struct node *n, const struct stat *st);
/* Finds or makes the node of fd, which it takes over or closes. The caller counts in files. */
int node_open(struct hostfs *h, int fd, struct node **ret_node);
/* The last open file of n is gone. */
void node_closed(struct node *n);
struct node *node_find(struct hostfs *h, const struct stat *st);
/* fallocate, and what follows from it for the cached pages. */
int node_change(struct node *n, unsigned mode, uint64_t offset, uint64_t length);
struct kernel *node_kernel(const struct node *n);
/* pread until size or the end. Returns a count or -errno. */
int64_t node_read_host(int fd, uint8_t *bytes, size_t size, uint64_t pos);

#endif
