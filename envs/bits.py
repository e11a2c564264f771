"""Spectrum as bits: compiled helpers on 64-bit words. 1 = free; bit i of word w is slot 64 w + i."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from envs.compiled import COMPILED, entered, inlined

U1 = np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Number of zero bits below the lowest set bit; undefined for 0 (one machine instruction)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


def _leading_zeros(typing_context: Any, word: Any) -> Any:
    """Number of zero bits above the highest set bit; undefined for 0 (one machine instruction)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


def _population(typing_context: Any, word: Any) -> Any:
    """Number of set bits (one machine instruction)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


def _float_as_bits(typing_context: Any, number: Any) -> Any:
    """The 32 bits of a float32 as an int32; of numbers not below zero the order stays."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), codegen


def _bits_as_float(typing_context: Any, bits: Any) -> Any:
    """The way back from ``float_as_bits``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


def _or_plain(instruction: Any, function: Any) -> Any:
    """One machine instruction in compiled code; the same in Python where nothing is compiled."""
    return intrinsic(instruction) if COMPILED else function


float_as_bits: Any = _or_plain(_float_as_bits, lambda number: np.float32(number).view(np.int32))
bits_as_float: Any = _or_plain(_bits_as_float, lambda bits: np.int32(bits).view(np.float32))
trailing_zeros: Any = _or_plain(_trailing_zeros, lambda word: (int(word) & -int(word)).bit_length() - 1)
leading_zeros: Any = _or_plain(_leading_zeros, lambda word: 64 - int(word).bit_length())
population: Any = _or_plain(_population, lambda word: int(word).bit_count())


@inlined
def shift_down(low, high, distance):
    """``(low, high)`` as one 128-bit number shifted towards slot 0; ``0 < distance < 64``."""
    d = np.uint64(distance)
    return (low >> d) | (high << (np.uint64(64) - d)), high >> d


@entered
def first_run_128(low, high, num_slots):
    """First slot of ``num_slots`` adjacent free ones in two words, or -1.

    Shift-and-AND with doubling: after the loop a set bit means that many free slots start there.
    """
    have = 1
    while have < num_slots:
        step = min(have, num_slots - have, 63)
        low_shifted, high_shifted = shift_down(low, high, step)
        low &= low_shifted
        high &= high_shifted
        have += step
    if low != 0:
        return trailing_zeros(low)
    if high != 0:
        return 64 + trailing_zeros(high)
    return -1


@inlined
def narrow(words, first_word, last_word, have, num_slots):
    """Of the starts of ``have`` free slots keep those of ``num_slots``, in some of the words.

    Shift-and-AND with doubling. What lies above ``last_word`` counts as taken.
    """
    while have < num_slots:
        step = min(have, num_slots - have, 63)
        down, up = np.uint64(step), np.uint64(64 - step)
        for w in range(first_word, last_word):
            words[w] &= (words[w] >> down) | (words[w + 1] << up)
        words[last_word] &= words[last_word] >> down
        have += step


@entered
def starts_inplace(words, num_slots):
    """Turn free bits into starting positions: bit i stays where ``num_slots`` free slots start at i."""
    narrow(words, 0, len(words) - 1, 1, num_slots)


@inlined
def first_set(words):
    """Index of the lowest set bit, or -1."""
    for w in range(len(words)):
        if words[w] != 0:
            return 64 * w + trailing_zeros(words[w])
    return -1


@entered
def next_set(words, start):
    """Index of the lowest set bit at or above ``start``, or -1."""
    w = start >> 6
    if w >= len(words):
        return -1
    word = words[w] & (ALL << np.uint64(start & 63))
    while word == 0:
        w += 1
        if w == len(words):
            return -1
        word = words[w]
    return 64 * w + trailing_zeros(word)


@entered
def next_clear(words, start):
    """Index of the lowest clear bit at or above ``start``; 64 x len(words) where there is none."""
    w = start >> 6
    if w >= len(words):
        return 64 * len(words)
    word = (~words[w]) & (ALL << np.uint64(start & 63))
    while word == 0:
        w += 1
        if w == len(words):
            return 64 * len(words)
        word = ~words[w]
    return 64 * w + trailing_zeros(word)


@inlined
def last_set_below(words, end):
    """Index of the highest set bit below ``end``, or -1."""
    w = (end - 1) >> 6
    if w < 0:
        return -1
    word = words[w] & (ALL >> np.uint64(64 * w + 64 - end))
    while word == 0:
        w -= 1
        if w < 0:
            return -1
        word = words[w]
    return 64 * w + 63 - leading_zeros(word)


@inlined
def last_clear_below(words, end):
    """Index of the highest clear bit below ``end``, or -1."""
    w = (end - 1) >> 6
    if w < 0:
        return -1
    word = (~words[w]) & (ALL >> np.uint64(64 * w + 64 - end))
    while word == 0:
        w -= 1
        if w < 0:
            return -1
        word = ~words[w]
    return 64 * w + 63 - leading_zeros(word)


@inlined
def count_set(words):
    """Number of set bits."""
    total = 0
    for w in range(len(words)):
        total += population(words[w])
    return total


@inlined
def is_set(words, slot):
    """1 where the slot is free, else 0."""
    return (words[slot >> 6] >> np.uint64(slot & 63)) & U1


@entered
def block_mask(first_slot, num_slots, word):
    """The bits of word ``word`` that belong to slots ``first_slot .. first_slot + num_slots - 1``."""
    low = max(first_slot - 64 * word, 0)
    high = min(first_slot + num_slots - 64 * word, 64)
    if high <= low:
        return np.uint64(0)
    width = high - low
    ones = ALL if width == 64 else (U1 << np.uint64(width)) - U1
    return ones << np.uint64(low)


def words_of(first_slot: int, num_slots: int) -> range:
    """The words that hold slots ``first_slot .. first_slot + num_slots - 1``."""
    return range(first_slot // 64, (first_slot + num_slots - 1) // 64 + 1)


def taken_slots(free: np.ndarray, num_slots: int) -> np.ndarray:
    """(num_units, num_slots) bool, True where a slot is not free; ``free`` (num_units, num_words) uint64."""
    as_bytes = np.ascontiguousarray(free).view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, bitorder="little")[:, :num_slots] == 0
