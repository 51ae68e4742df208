"""Random numbers with addresses."""

import math
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim import streams
from sim.streams import Source, StreamKey, entity_key, generator, philox, stream_key, uniform, uniforms

WORD = st.integers(0, 2**64 - 1)
N = 100_000
Series = Callable[[int], streams.Floats]


def numpy_block(counter: tuple[int, ...], key: StreamKey) -> list[int]:
    """The block of numpy's Philox at `counter`: numpy counts one up before it generates."""
    before = (sum(word << (64 * n) for n, word in enumerate(counter)) - 1) % 2**256
    state = np.array([before >> (64 * n) & (2**64 - 1) for n in range(4)], dtype=np.uint64)
    words = np.array([key.low, key.high], dtype=np.uint64)
    return [int(word) for word in np.random.Philox(counter=state, key=words).random_raw(4)]


@given(st.tuples(WORD, WORD, WORD, WORD), WORD, WORD)
def test_blocks_are_those_of_numpys_philox(counter: tuple[int, int, int, int], low: int, high: int) -> None:
    """All four words of any block equal numpy's, for any counter and key."""
    key = StreamKey(low, high)
    assert list(philox(*counter, key.rounds)) == numpy_block(counter, key)


def test_known_answers() -> None:
    """The blocks for all zeros and all ones are those of Random123's `kat_vectors`, philox4x64 10."""
    ones = 2**64 - 1
    zeros = philox(0, 0, 0, 0, StreamKey(0, 0).rounds)
    assert zeros == (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
    full = philox(ones, ones, ones, ones, StreamKey(ones, ones).rounds)
    assert full == (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_a_draw_is_the_first_word_of_its_block(entity: int, attempt: int) -> None:
    """A draw has the upper 52 bits of the block at (entity, attempt, 0, 0), in the middle of their step."""
    key = stream_key(1, 2, "boot")
    word = numpy_block((entity, attempt, 0, 0), key)[0]
    assert uniform(key, entity, attempt) == ((word >> 12) * 2 + 1) / 2**53


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)), max_size=20), WORD
)
def test_arrays_hold_the_scalar_draws(addresses: list[tuple[int, int]], low: int) -> None:
    """`uniforms` gives the same bits as `uniform`, few or many, negative and huge addresses included."""
    key = StreamKey(low, 7)
    entities, attempts = np.array(addresses, dtype=np.int64).reshape(-1, 2).T
    expected = [uniform(key, *address) for address in addresses]
    assert uniforms(key, entities, attempts).tolist() == expected
    many = uniforms(key, np.tile(entities, streams.FEW), np.tile(attempts, streams.FEW))
    assert many.tolist() == expected * streams.FEW


def test_arrays_longer_than_a_chunk_hold_the_scalar_draws() -> None:
    """Where one chunk ends and the next begins, draws are those of their own addresses."""
    key = stream_key(3, 4, "chunks")
    drawn = uniforms(key, np.arange(2 * streams.CHUNK + 5), 9)
    edges = [
        0,
        streams.CHUNK - 1,
        streams.CHUNK,
        2 * streams.CHUNK - 1,
        2 * streams.CHUNK,
        2 * streams.CHUNK + 4,
    ]
    assert [drawn[n] for n in edges] == [uniform(key, n, 9) for n in edges]


def test_entities_and_attempts_broadcast() -> None:
    """A column of entities and a row of attempts give a table of draws."""
    key = stream_key(5, 6, "table")
    table = uniforms(key, np.arange(3)[:, None], np.arange(4)[None, :])
    assert table.tolist() == [[uniform(key, entity, attempt) for attempt in range(4)] for entity in range(3)]


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_zero_and_one_cannot_be_drawn(monkeypatch: pytest.MonkeyPatch, word: int) -> None:
    """The smallest and the largest word give draws 2**-53 inside (0, 1), for one draw and for arrays."""
    monkeypatch.setattr(streams, "philox", lambda *_: (word, 0, 0, 0))
    monkeypatch.setattr(streams, "_first_words", lambda c0, *_: np.full_like(c0, word))
    expected = 2.0**-53 if word == 0 else 1 - 2.0**-53
    assert uniform(StreamKey(1, 2), 3) == expected
    assert uniforms(StreamKey(1, 2), np.arange(3)).tolist() == [expected] * 3


def test_generators_and_keyed_draws_share_no_block() -> None:
    """A generator's first block is at (1, 0, 0, 1), whose top word no keyed draw has."""
    key = stream_key(7, 8, "apart")
    assert generator(key).bit_generator.random_raw(4).tolist() == numpy_block((1, 0, 0, 1), key)


def test_different_addresses_have_different_keys() -> None:
    """Seed, run and name are told apart, also where their digits would run together."""
    addresses = [
        (1, 23, "4"),
        (12, 3, "4"),
        (1, 2, "34"),
        (123, 4, ""),
        (1, 2, "3\x1f4"),
        (1, -2, "34"),
        (-1, 2, "34"),
    ]
    assert len({stream_key(*address) for address in addresses}) == len(addresses)


def test_keys_depend_on_the_numbers_and_not_on_their_types() -> None:
    """A seed that comes as a numpy integer is the same seed."""
    assert stream_key(np.int64(5), np.int64(6), "x") == stream_key(5, 6, "x")  # type: ignore[arg-type]  # on purpose


def test_a_source_speaks_for_one_world() -> None:
    """The streams of `Source(seed, run)` are those of (seed, run, name)."""
    source = Source(9, 10)
    assert source.key("x") == stream_key(9, 10, "x")
    assert source.generator("x").random() == generator(stream_key(9, 10, "x")).random()


def test_entity_keys_are_63_bits_and_differ() -> None:
    """10,000 names have 10,000 keys, all of which fit int64."""
    keys = {entity_key(f"pool-{n}") for n in range(10_000)}
    assert len(keys) == 10_000
    assert min(keys) >= 0
    assert 2**62 < max(keys) < 2**63


def test_draws_do_not_depend_on_the_order_of_asking() -> None:
    """Asking backwards, twice, or with other streams in between changes no draw."""
    key, other = stream_key(11, 12, "order"), stream_key(11, 12, "other")
    forward = [uniform(key, entity) for entity in range(50)]
    backward = []
    for entity in reversed(range(50)):
        uniform(other, entity)
        backward.append(uniform(key, entity))
    assert forward == backward[::-1]


PROGRAM = """
from sim.streams import entity_key, generator, stream_key, uniform
key = stream_key(13, 14, "hash")
print(key.low, key.high, entity_key("campus/room"), uniform(key, 15, 16).hex(), generator(key).random().hex())
"""


def test_draws_do_not_depend_on_the_hash_seed() -> None:
    """Processes with different PYTHONHASHSEED print the same keys and draws."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    key = stream_key(13, 14, "hash")
    draws = f"{uniform(key, 15, 16).hex()} {generator(key).random().hex()}"
    assert printed == {f"{key.low} {key.high} {entity_key('campus/room')} {draws}\n"}


def _by_entity(seed: int) -> streams.Floats:
    return uniforms(stream_key(seed, 0, "s"), np.arange(N))


def _by_attempt(seed: int) -> streams.Floats:
    return uniforms(stream_key(seed, 0, "s"), np.full(N, 3), np.arange(N))


def _by_run(seed: int) -> streams.Floats:
    return np.array([uniform(stream_key(seed, run, "s"), 3) for run in range(N // 10)])


@pytest.mark.parametrize("series", [_by_entity, _by_attempt, _by_run])
def test_draws_are_uniform(series: Series) -> None:
    """Kolmogorov's distance stays below 2.6 / sqrt(n); chance exceeds it with 2 exp(-2 x 2.6^2) = 3e-6."""
    drawn = series(17)
    assert stats.ks_1samp(drawn, stats.uniform.cdf).statistic < 2.6 / math.sqrt(len(drawn))


@pytest.mark.parametrize("series", [_by_entity, _by_attempt, _by_run])
@pytest.mark.parametrize("lag", [1, 2, 64])
def test_neighbours_are_not_correlated(series: Series, lag: int) -> None:
    """The correlation at a lag has standard error 1 / sqrt(n): it stays below 4.9 of them (chance: 1e-6)."""
    drawn = series(18)
    found = np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]
    assert abs(found) < 4.9 / math.sqrt(len(drawn) - lag)


def test_pairs_of_neighbours_fill_the_square() -> None:
    """Pairs (entity, next entity) fall evenly into 16 x 16 cells (chi2 with 255 degrees, chance 1e-6)."""
    drawn = _by_entity(19)
    cells = np.histogram2d(drawn[0::2], drawn[1::2], bins=16, range=((0, 1), (0, 1)))[0]
    expected = len(drawn) / 2 / 256
    assert ((cells - expected) ** 2 / expected).sum() < stats.chi2.ppf(1 - 1e-6, 255)


def test_streams_of_one_world_are_not_correlated() -> None:
    """The same entities in two streams, runs or attempts, and a generator are unrelated (chance 1e-6)."""
    base = uniforms(stream_key(20, 0, "a"), np.arange(N))
    others = [
        uniforms(stream_key(20, 0, "b"), np.arange(N)),
        uniforms(stream_key(20, 1, "a"), np.arange(N)),
        uniforms(stream_key(20, 0, "a"), np.arange(N), 1),
        generator(stream_key(20, 0, "a")).random(N),
    ]
    assert all(abs(np.corrcoef(base, other)[0, 1]) < 4.9 / math.sqrt(N) for other in others)
