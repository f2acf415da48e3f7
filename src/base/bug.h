/* SPDX-License-Identifier: MIT */
/* bug.h - how the program ends when it finds itself wrong */
#ifndef BASE_BUG_H
#define BASE_BUG_H

/* Says what does not hold, and where, then aborts: a wrong answer is worse than none. */
/*@ requires \false; // so that a proof shows that it is never called
    assigns \nothing;
    ensures \false; */
void bug(const char *file, int line, const char *what) __attribute__((noreturn, cold));

#endif
