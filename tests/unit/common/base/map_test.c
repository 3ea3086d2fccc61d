#include "common/base/map.h"

#include "common/base/list.h"
#include "common/base/random.h"
#include "tests/lib/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

struct thing {
	struct map_node node;
	uint32_t key;
};

static struct span key_of(const uint32_t *key)
{
	return span_of(key, sizeof(*key));
}

static struct thing *find(const struct map *m, uint32_t key)
{
	for (struct map_node *n = map_first(m, map_hash(key_of(&key))); n != NULL; n = map_next(n)) {
		struct thing *t = container_of(n, struct thing, node);
		if (t->key == key)
			return t;
	}
	return NULL;
}

static void zeros(void *out, size_t n)
{
	memset(out, 0, n);
}

/* Vectors of the reference implementation for keys of ascending bytes under the key 0. Must be the first test:
 * the key is drawn once. */
static void hash_is_siphash_1_3(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} table[] = {
		{ 0, 0xd1fba762150c532c }, { 1, 0x68a914128e01e473 }, { 7, 0x2f098ab0c751325a },
		{ 8, 0xead411e67ebe2eea }, { 9, 0x75927f9d95124362 }, { 15, 0xf30eb725bb91c9ea },
		{ 16, 0x8972188433a5c5b7 }, { 63, 0x385d3e39e5f37359 },
	};
	uint8_t key[63];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	random_source_set(zeros);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_true(map_hash(span_of(key, table[i].len)) == table[i].hash);
	random_source_set(NULL);
}

static void an_empty_map_finds_nothing_and_closes(void **state)
{
	struct map m;

	(void)state;
	map_init(&m);
	assert_null(map_first(&m, 0));
	map_close(&m);
	m = (struct map){ 0 };
	map_close(&m);
}

static void what_is_in_it_is_found_whatever_was_added_and_removed(void **state)
{
	enum { KEYS = 2000 };
	struct thing *things = calloc(KEYS, sizeof(*things));
	bool in[KEYS] = { false };
	size_t n = 0;
	struct map m;

	(void)state;
	assert_non_null(things);
	map_init(&m);
	for (unsigned step = 0; step < 40000; step++) {
		uint32_t k = random_below(KEYS);
		assert_ptr_equal(find(&m, k), in[k] ? &things[k] : NULL);
		if (in[k]) {
			map_remove(&m, &things[k].node);
		} else {
			things[k].key = k;
			assert_true(map_add(&m, &things[k].node, map_hash(key_of(&k))));
		}
		in[k] = !in[k];
		n += in[k] ? 1 : (size_t)-1;
		assert_int_equal(m.n, n);
	}
	for (uint32_t k = 0; k < KEYS; k++)
		assert_ptr_equal(find(&m, k), in[k] ? &things[k] : NULL);
	map_close(&m);
	free(things);
}

static void different_keys_under_one_hash_are_all_found(void **state)
{
	struct thing t[40];
	unsigned seen = 0;
	struct map m;

	(void)state;
	map_init(&m);
	for (unsigned i = 0; i < 40; i++) {
		t[i].key = i;
		assert_true(map_add(&m, &t[i].node, i % 2 ? 77 : 77 + (1 << 20)));
	}
	for (struct map_node *n = map_first(&m, 77); n != NULL; n = map_next(n)) {
		assert_int_equal(container_of(n, struct thing, node)->key % 2, 1);
		seen++;
	}
	assert_int_equal(seen, 20);
	map_close(&m);
}

static void free_if_odd(struct map_node *n, void *ctx)
{
	struct thing *t = container_of(n, struct thing, node);

	if (t->key % 2) {
		map_remove(ctx, n);
		free(t);
	}
}

static void free_all(struct map_node *n, void *ctx)
{
	map_remove(ctx, n);
	free(container_of(n, struct thing, node));
}

static void each_may_remove_and_free_what_it_is_given(void **state)
{
	struct map m;

	(void)state;
	map_init(&m);
	map_each(&m, free_all, &m);
	for (uint32_t k = 0; k < 500; k++) {
		struct thing *t = malloc(sizeof(*t));
		assert_non_null(t);
		t->key = k;
		assert_true(map_add(&m, &t->node, map_hash(key_of(&k))));
	}
	map_each(&m, free_if_odd, &m);
	assert_int_equal(m.n, 250);
	for (uint32_t k = 0; k < 500; k++)
		assert_int_equal(find(&m, k) != NULL, k % 2 == 0);
	map_each(&m, free_all, &m);
	assert_int_equal(m.n, 0);
	map_close(&m);
}

static void a_table_that_cannot_grow_goes_on_with_longer_chains(void **state)
{
	static struct thing t[1000];
	struct map m;
	size_t buckets;

	(void)state;
	map_init(&m);
	alloc_fail_at(0);
	assert_false(map_add(&m, &t[0].node, 1));
	alloc_fail_never();
	assert_int_equal(m.n, 0);
	for (uint32_t k = 0; k < 1000; k++) {
		t[k].key = k;
		buckets = m.n_buckets;
		if (k > 0)
			alloc_fail_at(0);
		assert_true(map_add(&m, &t[k].node, map_hash(key_of(&k))));
		alloc_fail_never();
		if (k > 0)
			assert_int_equal(m.n_buckets, buckets);
	}
	for (uint32_t k = 0; k < 1000; k++)
		assert_ptr_equal(find(&m, k), &t[k]);
	map_remove(&m, &t[0].node);
	assert_true(map_add(&m, &t[0].node, map_hash(key_of(&t[0].key))));
	assert_true(m.n_buckets > buckets);
	for (uint32_t k = 0; k < 1000; k++)
		assert_ptr_equal(find(&m, k), &t[k]);
	map_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_siphash_1_3),
		cmocka_unit_test(an_empty_map_finds_nothing_and_closes),
		cmocka_unit_test(what_is_in_it_is_found_whatever_was_added_and_removed),
		cmocka_unit_test(different_keys_under_one_hash_are_all_found),
		cmocka_unit_test(each_may_remove_and_free_what_it_is_given),
		cmocka_unit_test(a_table_that_cannot_grow_goes_on_with_longer_chains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
