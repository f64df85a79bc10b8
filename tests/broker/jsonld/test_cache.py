"""The cache bounded by weight."""

from broker.jsonld.cache import WeightedCache


def test_least_recently_used_goes_first():
    cache: WeightedCache[str, int] = WeightedCache(2)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    cache.get("a")
    cache.put("c", 3, 1)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_sum_of_weights_stays_within_capacity():
    cache: WeightedCache[int, int] = WeightedCache(10)
    for number in range(20):
        cache.put(number, number, 3)
    assert (len(cache), cache.weight) == (3, 9)


def test_replacing_counts_the_new_weight_only():
    cache: WeightedCache[str, int] = WeightedCache(10)
    cache.put("a", 1, 8)
    cache.put("a", 2, 3)
    assert (cache.get("a"), cache.weight) == (2, 3)


def test_what_is_heavier_than_the_whole_cache_is_not_kept():
    cache: WeightedCache[str, int] = WeightedCache(2)
    cache.put("a", 1, 1)
    cache.put("b", 2, 3)
    assert (cache.get("a"), cache.get("b")) == (1, None)
