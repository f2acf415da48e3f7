/* SPDX-License-Identifier: MIT */
/* sieve.c - counts the primes below a million, with a byte for each number: 1 MB that are written
 * again and again, from front to back
 */
#include <stdio.h>
#include <stdlib.h>

enum { N = 1000000 };

int main(void)
{
	char *composite = calloc(N, 1);
	int primes = 0;

	if (!composite) {
		perror("sieve: calloc");
		return 1;
	}
	for (long i = 2; i < N; i++) {
		if (composite[i])
			continue;
		primes++;
		for (long j = i * i; j < N; j += i)
			composite[j] = 1;
	}
	printf("%d primes\n", primes);
	free(composite);
	return 0;
}
