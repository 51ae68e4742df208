"""Random numbers with addresses: (seed, run, stream name, entity, attempt).

Two kinds of draws. `generator(key)` gives a numpy Generator for arrays whose length does not depend on decisions.
`uniform(key, entity, attempt)` is a pure function, whoever asks and whenever: one block of the counter-based generator
Philox-4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), at counter (entity, attempt, 0, 0).
Generators count from (0, 0, 0, 1) on, so that the two never share a block.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

M0, M1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157
W0, W1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
ROUNDS = 10
MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class StreamKey:
    """The key of a stream: two words of 64 bits."""

    low: int
    high: int


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
    """The key of a stream; different (seed, run, name) give different keys (128-bit BLAKE2b)."""
    text = f"{seed}\x1f{run}\x1f{name}".encode()
    digest = hashlib.blake2b(text, digest_size=16, person=b"simulate").digest()
    return StreamKey(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))


def generator(key: StreamKey) -> np.random.Generator:
    """A numpy Generator over the stream's own part of the counter space."""
    counter = np.array([0, 0, 0, 1], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=np.array([key.low, key.high], dtype=np.uint64)))


def uniform(key: StreamKey, entity: int, attempt: int = 0) -> float:
    """The draw of `entity` at `attempt` (both >= 0): uniform on the open interval (0, 1), 53 bits."""
    c0, c1, c2, c3 = entity, attempt, 0, 0
    k0, k1 = key.low, key.high
    for _ in range(ROUNDS):
        p0, p1 = M0 * c0, M1 * c2
        c0, c1, c2, c3 = (p1 >> 64) ^ c1 ^ k0, p1 & MASK, (p0 >> 64) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
    return ((c0 >> 12) + 0.5) * 2.0**-52


def uniforms(key: StreamKey, entities: NDArray[np.int64], attempts: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
    """The same draws as `uniform`, bit for bit, for arrays of entities and attempts (broadcast)."""
    entities, attempts = np.broadcast_arrays(np.asarray(entities), np.asarray(attempts))
    c0, c1 = entities.astype(np.uint64), attempts.astype(np.uint64)
    c2 = c3 = np.zeros_like(c0)
    k0, k1 = key.low, key.high
    for _ in range(ROUNDS):
        high0, low0 = _multiply(c0, M0)
        high1, low1 = _multiply(c2, M1)
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
        k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
    return ((c0 >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _multiply(a: NDArray[np.uint64], b: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """High and low words of the 128-bit products, from 32-bit halves."""
    half, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    b_low, b_high = np.uint64(b & 0xFFFFFFFF), np.uint64(b >> 32)
    a_low, a_high = a & half, a >> shift
    low, cross0, cross1 = a_low * b_low, a_high * b_low, a_low * b_high
    carry = (low >> shift) + (cross0 & half) + (cross1 & half)
    high = a_high * b_high + (cross0 >> shift) + (cross1 >> shift) + (carry >> shift)
    return high, (carry << shift) | (low & half)
