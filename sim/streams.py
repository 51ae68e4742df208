"""Random numbers with addresses: (seed, run, stream name, entity, attempt).

`generator(key)` gives a numpy Generator, for arrays whose length does not depend on decisions.
`uniform(key, entity, attempt)` is a pure function, whoever asks and whenever: the first word of one block of
the counter-based Philox-4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) at
the counter (entity, attempt, 0, 0). Generators count upwards from (0, 0, 0, 1): the two never share a block.

The rounds use plain integers and the constants below, so that a compiled twin can be written line by line.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
RoundKeys = tuple[tuple[int, int], ...]

MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
INCREMENTS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10
WORD = (1 << 64) - 1
HALF = (1 << 32) - 1

FEW = 32
"""Draws below which numpy's overhead, 200 operations for each chunk, costs more than plain integers."""
CHUNK = 16_384
"""Draws that are worked out together: what fits a processor's cache is about twice as fast."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """The key of a stream: two words of 64 bits."""

    low: int
    high: int
    rounds: RoundKeys = field(init=False, repr=False, compare=False)
    """The keys of the ten rounds, worked out once because a stream is asked often."""

    def __post_init__(self) -> None:
        """Work out the keys of the rounds."""
        object.__setattr__(self, "rounds", round_keys(self.low, self.high))


@dataclass(frozen=True, slots=True)
class Source:
    """All streams of one world."""

    seed: int
    run: int

    def key(self, name: str) -> StreamKey:
        """The key of the stream `name`."""
        return stream_key(self.seed, self.run, name)

    def generator(self, name: str) -> np.random.Generator:
        """A generator for the stream `name`."""
        return generator(self.key(name))


def stream_key(seed: int, run: int, name: str) -> StreamKey:
    """The key of a stream; different (seed, run, name) give different keys (128-bit BLAKE2b).

    The two numbers come first and hold no separator, so that no two addresses are written alike.
    """
    text = f"{seed:d}\x1f{run:d}\x1f{name}".encode()
    digest = hashlib.blake2b(text, digest_size=16, person=b"simulate").digest()
    return StreamKey(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))


def entity_key(name: str) -> int:
    """A number in [0, 2**63) for an entity with a name: other entities that come or go do not change it."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"entity").digest()
    return int.from_bytes(digest, "little") >> 1


def generator(key: StreamKey) -> np.random.Generator:
    """A numpy Generator over the stream's own part of the counter space."""
    counter, words = np.array([[0, 0, 0, 1], [key.low, key.high, 0, 0]], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=words[:2]))


def uniform(key: StreamKey, entity: int, attempt: int = 0) -> float:
    """The draw of `entity` at `attempt`, both in [-2**63, 2**64): uniform on the open interval (0, 1).

    It is an odd multiple of 2**-53: 52 random bits and half a step, so that 0 and 1 cannot come out. (With 53
    random bits, adding half a step would round, and the largest draw would be 1.)
    """
    return ((philox(entity & WORD, attempt & WORD, 0, 0, key.rounds)[0] >> 12) + 0.5) * 2.0**-52


def philox(c0: int, c1: int, c2: int, c3: int, rounds: RoundKeys) -> tuple[int, int, int, int]:
    """The block of Philox-4x64-10 at the counter (c0, c1, c2, c3), given the keys of its rounds."""
    m0, m1 = MULTIPLIERS
    word = WORD
    for k0, k1 in rounds:
        p0 = m0 * c0
        p1 = m1 * c2
        c0 = (p1 >> 64) ^ c1 ^ k0
        c1 = p1 & word
        c2 = (p0 >> 64) ^ c3 ^ k1
        c3 = p0 & word
    return c0, c1, c2, c3


def round_keys(low: int, high: int) -> RoundKeys:
    """The two words of the key in each round: they grow by Weyl increments."""
    w0, w1 = INCREMENTS
    return tuple(((low + n * w0) & WORD, (high + n * w1) & WORD) for n in range(ROUNDS))


def uniforms(key: StreamKey, entities: Ints, attempts: Ints | int = 0) -> Floats:
    """The same draws as `uniform`, bit for bit, in the shape to which entities and attempts broadcast."""
    entity, attempt = np.broadcast_arrays(np.asarray(entities), np.asarray(attempts))
    c0, c1 = entity.astype(np.uint64).reshape(-1), attempt.astype(np.uint64).reshape(-1)
    words = np.empty_like(c0)
    if len(words) < FEW:
        counters = zip(c0.tolist(), c1.tolist(), strict=True)
        words[:] = [philox(first, second, 0, 0, key.rounds)[0] for first, second in counters]
    else:
        for start in range(0, len(words), CHUNK):
            part = slice(start, start + CHUNK)
            words[part] = _first_words(c0[part], c1[part], key.rounds)
    return (((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52).reshape(entity.shape)


def _first_words(c0: Words, c1: Words, rounds: RoundKeys) -> Words:
    """First words of the blocks at the counters (c0, c1, 0, 0): `philox` for arrays."""
    m0, m1 = MULTIPLIERS
    c2 = c3 = np.zeros_like(c0)
    for k0, k1 in rounds:
        high0, low0 = _multiply(c0, m0)
        high1, low1 = _multiply(c2, m1)
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
    return c0


def _multiply(a: Words, b: int) -> tuple[Words, Words]:
    """High and low words of the 128-bit products, from 32-bit halves."""
    half, shift = np.uint64(HALF), np.uint64(32)
    b_low, b_high = np.uint64(b & HALF), np.uint64(b >> 32)
    a_low, a_high = a & half, a >> shift
    cross = a_high * b_low + ((a_low * b_low) >> shift)
    other = a_low * b_high + (cross & half)
    return a_high * b_high + (cross >> shift) + (other >> shift), a * np.uint64(b)
