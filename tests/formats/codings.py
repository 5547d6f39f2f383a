"""Decoders of chunk codings, written from docs/formats/chunk-codings.md."""

import ctypes
import ctypes.util

import numpy as np


class FormatError(Exception):
    """The bytes are not what the format asks for."""


def decode(coding, parameter, stored, length):
    """The chunk of this many bytes."""
    if coding in (0, 1, 5, 8) and parameter != 0:
        raise FormatError(f"coding {coding} has no parameter")
    if coding == 0:
        chunk = stored
    elif coding == 1:
        chunk = _lz4(stored, length)
    elif coding in (2, 3, 4):
        chunk = _exponents(coding, parameter, stored, length)
    elif coding == 5:
        chunk = bytes(length) if not stored else b""
    elif coding == 6:
        chunk = _bit_planes(parameter, stored, length)
    elif coding == 7:
        chunk = _byte_planes(parameter, stored, length)
    elif coding == 8:
        chunk = _zstd(stored, length)
    else:
        raise FormatError(f"coding {coding} is not known")
    if len(chunk) != length:
        raise FormatError(f"coding {coding} gives {len(chunk)} bytes instead of {length}")
    return chunk


def _lz4(stored, length):
    out, at = bytearray(), 0
    try:
        while True:
            token = stored[at]
            at += 1
            count = token >> 4
            if count == 15:
                while True:
                    more = stored[at]
                    at += 1
                    count += more
                    if more != 255:
                        break
            if at + count > len(stored):
                raise FormatError("literals run over the end of an LZ4 block")
            out += stored[at : at + count]
            at += count
            if at == len(stored):
                return bytes(out)
            offset = stored[at] | stored[at + 1] << 8
            at += 2
            count = (token & 15) + 4
            if count == 19:
                while True:
                    more = stored[at]
                    at += 1
                    count += more
                    if more != 255:
                        break
            if not 0 < offset <= len(out) or len(out) + count > length:
                raise FormatError("a match of an LZ4 block leads outside")
            start = len(out) - offset
            while count > 0:
                piece = out[start : start + count]
                out += piece
                count -= len(piece)
    except IndexError:
        raise FormatError("an LZ4 block ends early") from None


def _zstd(stored, length):
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(max(1, length))
    got = library.ZSTD_decompress(out, length, bytes(stored), len(stored))
    if got != length:
        raise FormatError("a Zstandard frame is damaged")
    return out.raw[:length]


class _Layout:
    def __init__(self, length, phase, width):
        self.head = min(phase, length)
        self.groups = (length - self.head) // (64 * width)
        self.elements = 64 * self.groups
        self.tail = length - self.head - self.elements * width
        self.edges = self.head + self.tail

    def join(self, edges, body):
        return bytes(edges[: self.head]) + body + bytes(edges[self.head : self.edges])


def _bits_of(words):
    """Words of planes as bits, one a number."""
    return np.unpackbits(words, axis=-1, bitorder="little")


def _rotate_right(planes, width):
    """Elements as bytes from their byte planes, each element rotated right by one bit."""
    numbers = np.zeros(planes.shape[1], dtype=np.uint64)
    for k in range(width):
        numbers |= planes[k].astype(np.uint64) << np.uint64(8 * k)
    numbers = (numbers >> np.uint64(1)) | ((numbers & np.uint64(1)) << np.uint64(8 * width - 1))
    return numbers.astype(f"<u{width}").tobytes()


def _exponents(coding, parameter, stored, length):
    width, code_bits = {2: (2, 3), 3: (4, 3), 4: (2, 6)}[coding]
    if parameter > 7:
        raise FormatError("the phase is above 7")
    layout = _Layout(length, parameter, width)
    low_at = 1 + layout.edges
    codes_at = low_at + layout.elements * (width - 1)
    escapes_at = codes_at + layout.groups * 8 * code_bits
    if len(stored) < escapes_at:
        raise FormatError("a chunk of packed exponents is too short")
    low = np.frombuffer(stored[low_at:codes_at], dtype=np.uint8).reshape(layout.elements, width - 1)
    words = np.frombuffer(stored[codes_at:escapes_at], dtype=np.uint8).reshape(layout.groups, code_bits, 8)
    bits = _bits_of(words)
    codes = np.zeros((layout.groups, 64), dtype=np.int64)
    for b in range(code_bits):
        codes |= bits[:, b, :].astype(np.int64) << b
    codes = codes.reshape(-1)
    exponents = (stored[0] - (codes & 7)) % 256
    escaped = (codes & 7) == 7
    escapes = np.frombuffer(stored[escapes_at:], dtype=np.uint8)
    if int(escaped.sum()) != len(escapes):
        raise FormatError("the escapes are too few or too many")
    exponents[escaped] = escapes
    high = exponents if coding != 4 else ((exponents & 31) << 3) | (codes >> 3)
    planes = np.vstack([low.T, high.astype(np.uint8)[None, :]])
    return layout.join(stored[1:low_at], _rotate_right(planes, width))


def _bit_planes(parameter, stored, length):
    if parameter > 31:
        raise FormatError("a parameter of bit planes is above 31")
    width = 1 << (parameter >> 3)
    layout = _Layout(length, parameter & 7, width)
    size, at = 8 * layout.groups, layout.edges + 2 * width
    if len(stored) < at:
        raise FormatError("bit planes are too short")
    modes = stored[layout.edges : at]
    planes, packed = [None] * (8 * width), []
    for p in range(8 * width):
        mode = modes[p // 4] >> (2 * (p % 4)) & 3
        if mode == 3:
            packed.append(p)
        elif mode == 2:
            planes[p] = bytes(stored[at : at + size])
            at += size
        else:
            planes[p] = (b"\xff" if mode else b"\0") * size
    if packed:
        block = _lz4(stored[at:], size * len(packed))
        if len(block) != size * len(packed):
            raise FormatError("the LZ4 block of bit planes is too short")
        for i, p in enumerate(packed):
            planes[p] = block[i * size : (i + 1) * size]
    elif at != len(stored):
        raise FormatError("bytes are left behind bit planes")
    if any(len(plane) != size for plane in planes):
        raise FormatError("a bit plane ends early")
    table = np.frombuffer(b"".join(planes), dtype=np.uint8).reshape(width, 8, size)
    bits = _bits_of(table)
    out = np.zeros((layout.elements, width), dtype=np.uint8)
    for k in range(width):
        for b in range(8):
            out[:, k] |= bits[k, b, :] << b
    return layout.join(stored[: layout.edges], out.tobytes())


def _byte_planes(parameter, stored, length):
    if parameter > 63:
        raise FormatError("a parameter of byte planes is above 63")
    width = 1 << (parameter >> 3 & 3)
    layout = _Layout(length, parameter & 7, width)
    m, at, planes = layout.elements, layout.edges, []
    for _ in range(width):
        if len(stored) - at < 2:
            raise FormatError("byte planes end early")
        mode = stored[at]
        if mode == 0:
            planes.append(bytes([stored[at + 1]]) * m)
            at += 2
        elif mode == 1:
            planes.append(bytes(stored[at + 1 : at + 1 + m]))
            at += 1 + m
        elif mode == 2:
            plane, at = _huffman(stored, at, m)
            planes.append(plane)
        else:
            raise FormatError("a byte plane is of an unknown kind")
    if at != len(stored) or any(len(plane) != m for plane in planes):
        raise FormatError("byte planes end early or late")
    table = np.frombuffer(b"".join(planes), dtype=np.uint8).reshape(width, m)
    if not parameter & 32:
        return layout.join(stored[: layout.edges], table.T.tobytes())
    return layout.join(stored[: layout.edges], _rotate_right(table, width))


def _huffman(stored, at, m):
    try:
        first, count = stored[at + 1], stored[at + 2] + 1
        at += 3
        lengths = {first + i: stored[at + i // 2] >> (4 * (i % 2)) & 15 for i in range(count)}
        at += (count + 1) // 2
        sizes = [int.from_bytes(stored[at + 3 * i : at + 3 * i + 3], "little") for i in range(4)]
        at += 12
    except IndexError:
        raise FormatError("the code of a plane is cut short") from None
    if first + count > 256 or any(n > 11 for n in lengths.values()) or sum(2048 >> n for n in lengths.values() if n) != 2048:
        raise FormatError("the code of a plane is not complete")
    table, code = {}, 0
    for n in range(1, 12):
        for symbol in sorted(lengths):
            if lengths[symbol] == n:
                table[n, code] = symbol
                code += 1
        code <<= 1
    out = bytearray()
    for size in sizes:
        stream = stored[at : at + size]
        if len(stream) != size:
            raise FormatError("a stream ends behind the chunk")
        out += _stream(stream, table, m // 4)
        at += size
    return bytes(out), at


def _stream(stream, table, count):
    out, code, length, used = bytearray(), 0, 0, 0
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8), bitorder="little").tolist()
    for bit in bits:
        if len(out) == count:
            break
        used += 1
        code, length = code << 1 | bit, length + 1
        symbol = table.get((length, code))
        if symbol is not None:
            out.append(symbol)
            code, length = 0, 0
    if len(out) != count or (used + 7) // 8 != len(stream) or any(bits[used:]):
        raise FormatError("a stream is too short or too long")
    return out


def _number(stored, at):
    value = shift = 0
    while True:
        if at >= len(stored) or shift > 28:
            raise FormatError("a number of a difference does not end")
        value |= (stored[at] & 127) << shift
        shift += 7
        at += 1
        if stored[at - 1] < 128:
            if value >= 1 << 32:
                raise FormatError("a number of a difference is too large")
            return value, at


def decode_difference(parameter, stored, length, baseline):
    """The chunk that coding 9 gives against a baseline."""
    if parameter != 0:
        raise FormatError("a difference has no parameter")
    fresh_length, at = _number(stored, 0)
    if fresh_length > length or len(stored) - at < 2:
        raise FormatError("a difference ends early")
    coding, inner = stored[at], stored[at + 1]
    size, at = _number(stored, at + 2)
    if size > len(stored) - at:
        raise FormatError("a difference ends early")
    fresh = decode(coding, inner, stored[at : at + size], fresh_length)
    at += size
    out, taken, shift = bytearray(), 0, 0
    while len(out) < length:
        new, at = _number(stored, at)
        shared, at = _number(stored, at)
        if new + shared == 0 or new > len(fresh) - taken or new + shared > length - len(out):
            raise FormatError("a run of a difference cannot be")
        out += fresh[taken : taken + new]
        taken += new
        if shared:
            change, at = _number(stored, at)
            change = (change >> 1) ^ -(change & 1)
            shift = (shift + change + (1 << 31)) % (1 << 32) - (1 << 31)
            begin = len(out) + shift
            if begin < 0 or begin + shared > len(baseline):
                raise FormatError("a difference leads out of its baseline")
            out += baseline[begin : begin + shared]
    if at != len(stored) or taken != len(fresh):
        raise FormatError("bytes are left behind a difference")
    return bytes(out)
