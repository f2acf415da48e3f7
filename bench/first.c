/* SPDX-License-Identifier: MIT */
/* first.c - its first instructions write a byte: when that arrives, the program has begun. */
#if defined(__riscv)
__asm__(".globl _start\n_start: li a7,64\n li a0,1\n la a1,_start\n li a2,1\n ecall\n li a7,93\n li a0,0\n ecall\n");
#elif defined(__x86_64__)
__asm__(".globl _start\n_start: mov $1,%eax\n mov $1,%edi\n lea _start(%rip),%rsi\n mov $1,%edx\n syscall\n mov $60,%eax\n xor %edi,%edi\n syscall\n");
#endif
