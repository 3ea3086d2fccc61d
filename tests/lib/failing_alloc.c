#include "tests/lib/failing_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static _Thread_local bool armed, failed;
static _Thread_local unsigned left;

void alloc_fail_at(unsigned nth)
{
	armed = true;
	failed = false;
	left = nth;
}

void alloc_fail_never(void)
{
	armed = false;
}

bool alloc_failed(void)
{
	return failed;
}

static bool this_one_fails(void)
{
	if (!armed || left-- > 0)
		return false;
	armed = false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return this_one_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return this_one_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return this_one_fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return this_one_fails() ? NULL : __real_aligned_alloc(align, n);
}
