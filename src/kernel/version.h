/* SPDX-License-Identifier: MIT */
/* version.h - what kernel a program finds, for uname and /proc */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

/* glibc asks for 4.15 at least; programs that look at the number find one whose calls they know. */
#define KERNEL_SYSNAME	"Linux"
#define KERNEL_NODENAME "carrel"
#define KERNEL_RELEASE	"6.12.0-carrel"
#define KERNEL_VERSION	"#1 SMP 2026-01-01"
#define KERNEL_MACHINE	"riscv64"

#endif
