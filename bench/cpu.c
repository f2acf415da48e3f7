/* SPDX-License-Identifier: MIT */
/* cpu.c - kernels that compute: cpu KERNEL COUNT
 *
 * A count is one pass over a small fixed problem, 50 to 500 microseconds on a machine of today.
 * All but `dmatmul` are integer.
 */
#include "bench.h"

static uint64_t rng = 88172645463325252u;

static uint64_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* A bitwise CRC of 4 KiB, a walk of a shuffled list, and a small matrix product. */
struct node {
	struct node *next;
	uint64_t value;
};

static struct node nodes[1024];

static uint32_t crc_of(const uint8_t *bytes, unsigned size)
{
	uint32_t crc = ~0u;

	for (unsigned i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

static void matrix_small(const int16_t *a, const int16_t *b, int32_t *ret_c)
{
	for (int i = 0; i < 24; i++)
		for (int j = 0; j < 24; j++) {
			int32_t s = 0;

			for (int k = 0; k < 24; k++)
				s += a[i * 24 + k] * b[k * 24 + j];
			ret_c[i * 24 + j] = s;
		}
}

static uint64_t mix(long count)
{
	static uint8_t bytes[4096];
	static int16_t a[576], b[576];
	static int32_t c[576];
	unsigned order[1024];
	uint64_t sum = 0;

	for (unsigned i = 0; i < 4096; i++)
		bytes[i] = (uint8_t)draw();
	for (unsigned i = 0; i < 576; i++) {
		a[i] = (int16_t)draw();
		b[i] = (int16_t)(draw() >> 56);
	}
	for (unsigned i = 0; i < 1024; i++) {
		unsigned j = (unsigned)(draw() % (i + 1));

		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned i = 0; i < 1024; i++) {
		nodes[order[i]].next = i + 1 < 1024 ? &nodes[order[i + 1]] : NULL;
		nodes[order[i]].value = i;
	}
	while (count-- > 0) {
		bytes[sum & 4095]++;
		sum += crc_of(bytes, sizeof bytes);
		for (int pass = 0; pass < 8; pass++)
			for (struct node *n = &nodes[order[0]]; n; n = n->next)
				sum += n->value ^ (uint64_t)pass;
		a[sum % 576]++;
		matrix_small(a, b, c);
		sum += (uint32_t)c[sum % 576];
	}
	return sum;
}

static void sort(int32_t *v, long lo, long hi)
{
	while (lo < hi) {
		int32_t pivot = v[(lo + hi) / 2];
		long i = lo, j = hi;

		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				int32_t t = v[i];

				v[i++] = v[j];
				v[j--] = t;
			}
		}
		sort(v, lo, j);
		lo = i;
	}
}

static uint64_t quicksort(long count)
{
	static int32_t v[4096];
	uint64_t sum = 0;

	while (count-- > 0) {
		for (unsigned i = 0; i < 4096; i++)
			v[i] = (int32_t)draw();
		sort(v, 0, 4095);
		for (unsigned i = 0; i < 4096; i += 64)
			sum = sum * 31 + (uint32_t)v[i];
	}
	return sum;
}

enum { SIDE = 64 };

static uint64_t imatmul(long count)
{
	static int64_t a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
	uint64_t sum = 0;

	for (int i = 0; i < SIDE * SIDE; i++) {
		a[i / SIDE][i % SIDE] = (int64_t)(draw() >> 44);
		b[i / SIDE][i % SIDE] = (int64_t)(draw() >> 44);
	}
	while (count-- > 0) {
		for (int i = 0; i < SIDE; i++)
			for (int j = 0; j < SIDE; j++) {
				int64_t s = 0;

				for (int k = 0; k < SIDE; k++)
					s += a[i][k] * b[k][j];
				c[i][j] = s;
			}
		a[sum % SIDE][3] ^= 1;
		sum += (uint64_t)c[sum % SIDE][5];
	}
	return sum;
}

static uint64_t dmatmul(long count)
{
	static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
	uint64_t sum = 0;

	for (int i = 0; i < SIDE * SIDE; i++) {
		a[i / SIDE][i % SIDE] = (double)(draw() >> 44) / 1024;
		b[i / SIDE][i % SIDE] = (double)(draw() >> 44) / 1024;
	}
	while (count-- > 0) {
		for (int i = 0; i < SIDE; i++)
			for (int j = 0; j < SIDE; j++) {
				double s = 0;

				for (int k = 0; k < SIDE; k++)
					s += a[i][k] * b[k][j];
				c[i][j] = s;
			}
		a[sum % SIDE][3] += 1;
		sum += (uint64_t)c[sum % SIDE][5];
	}
	return sum;
}

/* The round constants are any 64 words here: the work is SHA-256's, the digest is not. */
static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void sha_block(uint32_t *h, const uint32_t *block, const uint32_t *constants)
{
	uint32_t w[64], s[8];

	memcpy(w, block, 64);
	memcpy(s, h, sizeof s);
	for (int i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) +
		       (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
	}
	for (int i = 0; i < 64; i++) {
		uint32_t e = s[4], a = s[0];
		uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
			      ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
			      ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof *s);
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

static uint64_t sha256(long count)
{
	uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8}, block[16], constants[64];

	for (int i = 0; i < 64; i++)
		constants[i] = (uint32_t)draw();
	for (int i = 0; i < 16; i++)
		block[i] = (uint32_t)draw();
	while (count-- > 0)
		for (int i = 0; i < 64; i++) {
			block[i % 16] ^= h[i % 8];
			sha_block(h, block, constants);
		}
	return h[0];
}

__attribute__((noinline)) static uint64_t fibonacci(unsigned n)
{
	__asm__ volatile("" : "+r"(n)); /* the compiler may not unroll what is measured */
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t recursion(long count)
{
	uint64_t sum = 0;

	while (count-- > 0)
		sum += fibonacci(18);
	return sum;
}

/* A loop of a small stack machine: sums i * i for i = 1000 down to 1. */
static uint64_t bytecode(long count)
{
	enum { PUSH, ADD, MUL, LOAD, STORE, DEC, JUMP_NZ, END };
	static const uint8_t text[] = {PUSH,  0, STORE, 1, LOAD, 0, LOAD,    0, MUL, LOAD, 1, ADD,
				       STORE, 1, DEC,   0, LOAD, 0, JUMP_NZ, 4, END};
	uint64_t sum = 0;

	while (count-- > 0) {
		uint64_t local[2] = {1000, 0}, stack[8];
		unsigned pc = 0, sp = 0;
		const volatile uint8_t *code = text;

		for (int on = 1; on;) {
			switch (code[pc++]) {
			case PUSH: stack[sp++] = code[pc++]; break;
			case ADD:
				sp--;
				stack[sp - 1] += stack[sp];
				break;
			case MUL:
				sp--;
				stack[sp - 1] *= stack[sp];
				break;
			case LOAD: stack[sp++] = local[code[pc++]]; break;
			case STORE: local[code[pc++]] = stack[--sp]; break;
			case DEC: local[code[pc++]]--; break;
			case JUMP_NZ: pc = stack[--sp] ? code[pc] : pc + 1; break;
			default: on = 0;
			}
		}
		sum += local[1];
	}
	return sum;
}

static uint64_t op_add(uint64_t x)
{
	return x + 12345;
}
static uint64_t op_xor(uint64_t x)
{
	return x ^ x >> 7;
}
static uint64_t op_mul(uint64_t x)
{
	return x * 6364136223846793005u;
}
static uint64_t op_rot(uint64_t x)
{
	return x << 9 | x >> 55;
}

static uint64_t (*volatile ops[4])(uint64_t) = {op_add, op_xor, op_mul, op_rot};

static uint64_t indirect(long count)
{
	uint64_t x = 1;

	while (count-- > 0)
		for (int i = 0; i < 20000; i++)
			x = ops[(x >> 20 ^ (uint64_t)i) & 3](x);
	return x;
}

static const struct kernel kernels[] = {
    {"mix", mix},           {"quicksort", quicksort}, {"imatmul", imatmul},
    {"sha256", sha256},     {"recursion", recursion}, {"bytecode", bytecode},
    {"indirect", indirect}, {"dmatmul", dmatmul},     {NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: cpu KERNEL COUNT\n");
		return 2;
	}
	return bench_main(kernels, argv[1], atol(argv[2]));
}
