/* failing_alloc.h - makes the n-th malloc, calloc, realloc or aligned_alloc of the code under test fail.
 *
 * Unit tests are linked with --wrap=malloc and so on: calls from the suite's own objects pass here, those inside
 * libraries do not.
 *
 *	for (unsigned n = 0; alloc_fail_at(n), !run(); n++)	until the run needs fewer than n allocations
 *		check that nothing leaked and nothing changed;
 *	alloc_fail_never();
 */
#ifndef TESTS_LIB_FAILING_ALLOC_H
#define TESTS_LIB_FAILING_ALLOC_H

#include <stdbool.h>

void alloc_fail_at(unsigned nth);	/* counting from 0 and from now; that one call fails */
void alloc_fail_never(void);
bool alloc_failed(void);		/* has it happened since alloc_fail_at()? */

#endif
