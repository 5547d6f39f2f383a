"""BLAKE3 and XXH3-64, from their specifications, in Python and NumPy."""

import numpy as np

_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF

# --- BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs) ---

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT, _KEYED = 1, 2, 4, 8, 16


def _schedule():
    order, rounds = list(range(16)), []
    for _ in range(7):
        rounds.append(tuple(order))
        order = [order[i] for i in _PERMUTATION]
    return rounds


_ROUNDS = _schedule()


def _compress(chain, words, counter, length, flags):
    """One compression. All numbers may be Python integers or arrays of uint64 that hold 32 bits each."""
    v = list(chain) + [*_IV[:4], counter & _MASK32, counter >> 32, length, flags]
    for order in _ROUNDS:
        for i, (a, b, c, d) in enumerate(_MIXES):
            for word, first, second in ((words[order[2 * i]], 16, 12), (words[order[2 * i + 1]], 8, 7)):
                v[a] = (v[a] + v[b] + word) & _MASK32
                x = v[d] ^ v[a]
                v[d] = (x >> first) | ((x << (32 - first)) & _MASK32)
                v[c] = (v[c] + v[d]) & _MASK32
                x = v[b] ^ v[c]
                v[b] = (x >> second) | ((x << (32 - second)) & _MASK32)
    return [v[i] ^ v[i + 8] for i in range(8)]


def _words(block):
    return [int.from_bytes(block[i : i + 4], "little") for i in range(0, 64, 4)]


def _hash_chunk(key, content, counter, flags, is_root):
    chain, blocks = key, max(1, (len(content) + 63) // 64)
    for i in range(blocks):
        block = content[64 * i : 64 * i + 64]
        now = flags | (_CHUNK_START if i == 0 else 0)
        if i == blocks - 1:
            now |= _CHUNK_END | (_ROOT if is_root else 0)
        chain = _compress(chain, _words(block.ljust(64, b"\0")), counter, len(block), now)
    return chain


def _hash_whole_chunks(key, content, flags):
    """Chaining values of chunks of exactly 1024 bytes, all at once."""
    count = len(content) // 1024
    words = np.frombuffer(content, dtype="<u4").astype(np.uint64).reshape(count, 16, 16)
    counter = np.arange(count, dtype=np.uint64)
    chain = [np.full(count, word, dtype=np.uint64) for word in key]
    for i in range(16):
        now = flags | (_CHUNK_START if i == 0 else 0) | (_CHUNK_END if i == 15 else 0)
        chain = _compress(chain, [words[:, i, k] for k in range(16)], counter, 64, now)
    return [[int(part[n]) for part in chain] for n in range(count)]


def blake3(content, key=None):
    """The hash of 32 bytes; keyed when there is a key."""
    content, flags, start = bytes(content), 0, list(_IV)
    if key is not None:
        flags, start = _KEYED, [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
    if len(content) <= 1024:
        chain = _hash_chunk(start, content, 0, flags, True)
    else:
        whole = (len(content) - 1) // 1024
        nodes = _hash_whole_chunks(start, content[: 1024 * whole], flags)
        nodes.append(_hash_chunk(start, content[1024 * whole :], whole, flags, False))
        while len(nodes) > 2:
            # Pairs from the left; what is left over rises by itself. The tree is then the left-complete one that is asked for.
            pairs = [nodes[i] + nodes[i + 1] for i in range(0, len(nodes) - 1, 2)]
            parents = _parents(start, pairs, flags)
            nodes = parents + ([nodes[-1]] if len(nodes) % 2 else [])
        chain = _compress(start, nodes[0] + nodes[1], 0, 64, flags | _PARENT | _ROOT)
    return b"".join(word.to_bytes(4, "little") for word in chain)


def _parents(key, pairs, flags):
    if len(pairs) < 8:
        return [_compress(key, words, 0, 64, flags | _PARENT) for words in pairs]
    table = np.array(pairs, dtype=np.uint64)
    chain = [np.full(len(pairs), word, dtype=np.uint64) for word in key]
    chain = _compress(chain, [table[:, k] for k in range(16)], 0, 64, flags | _PARENT)
    return [[int(part[n]) for part in chain] for n in range(len(pairs))]


# --- XXH3-64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) ---

_P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_MX1, _MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def _u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def _u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def _fold(a, b):
    product = a * b
    return (product & _MASK64) ^ (product >> 64)


def _avalanche(h):
    h ^= h >> 37
    h = h * _MX1 & _MASK64
    return h ^ (h >> 32)


def _avalanche64(h):
    h ^= h >> 33
    h = h * _P64[1] & _MASK64
    h ^= h >> 29
    h = h * _P64[2] & _MASK64
    return h ^ (h >> 32)


def _mix16(data, at, secret_at):
    return _fold(_u64(data, at) ^ _u64(_SECRET, secret_at), _u64(data, at + 8) ^ _u64(_SECRET, secret_at + 8))


def _xxh3_short(data):
    n = len(data)
    if n == 0:
        return _avalanche64(_u64(_SECRET, 56) ^ _u64(_SECRET, 64))
    if n <= 3:
        combined = data[n - 1] | n << 8 | data[0] << 16 | data[n >> 1] << 24
        return _avalanche64(combined ^ _u32(_SECRET, 0) ^ _u32(_SECRET, 4))
    if n <= 8:
        value = _u32(data, n - 4) + (_u32(data, 0) << 32)
        h = value ^ _u64(_SECRET, 8) ^ _u64(_SECRET, 16)
        h ^= ((h << 49 | h >> 15) ^ (h << 24 | h >> 40)) & _MASK64
        h = h * _MX2 & _MASK64
        h ^= (h >> 35) + n
        h = h * _MX2 & _MASK64
        return h ^ (h >> 28)
    low = _u64(data, 0) ^ _u64(_SECRET, 24) ^ _u64(_SECRET, 32)
    high = _u64(data, n - 8) ^ _u64(_SECRET, 40) ^ _u64(_SECRET, 48)
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    return _avalanche((n + swapped + high + _fold(low, high)) & _MASK64)


def _xxh3_middle(data):
    n = len(data)
    total = n * _P64[0]
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            total += _mix16(data, 16 * i, 32 * i) + _mix16(data, n - 16 * (i + 1), 32 * i + 16)
        return _avalanche(total & _MASK64)
    for i in range(8):
        total += _mix16(data, 16 * i, 16 * i)
    total = _avalanche(total & _MASK64)
    for i in range(8, n // 16):
        total += _mix16(data, 16 * i, 16 * (i - 8) + 3)
    return _avalanche((total + _mix16(data, n - 16, 136 - 17)) & _MASK64)


def _stripes(lanes, secrets):
    """What stripes add to the accumulators: an array of stripes by eight lanes."""
    mixed = lanes ^ secrets
    return (mixed & np.uint64(_MASK32)) * (mixed >> np.uint64(32)) + lanes[..., [1, 0, 3, 2, 5, 4, 7, 6]]


def _secret_lanes(at):
    return np.frombuffer(_SECRET[at : at + 64], dtype="<u8")


def xxh3(data):
    """XXH3-64 with seed 0 and the default secret."""
    data = bytes(data)
    n = len(data)
    if n <= 16:
        return _xxh3_short(data)
    if n <= 240:
        return _xxh3_middle(data)
    acc = np.array([_P32[2], _P64[0], _P64[1], _P64[2], _P64[3], _P32[1], _P64[4], _P32[0]], dtype=np.uint64)
    secrets = np.stack([_secret_lanes(8 * i) for i in range(16)])
    blocks = (n - 1) // 1024
    with np.errstate(over="ignore"):
        lanes = np.frombuffer(data[: 1024 * blocks], dtype="<u8").reshape(blocks, 16, 8)
        sums = _stripes(lanes, secrets).sum(axis=1, dtype=np.uint64)
        scramble = _secret_lanes(128)
        for block in sums:
            acc = acc + block
            acc = (acc ^ (acc >> np.uint64(47)) ^ scramble) * np.uint64(_P32[0])
        rest = (n - 1 - 1024 * blocks) // 64
        lanes = np.frombuffer(data[1024 * blocks : 1024 * blocks + 64 * rest], dtype="<u8").reshape(rest, 8)
        acc = acc + _stripes(lanes, secrets[:rest]).sum(axis=0, dtype=np.uint64)
        acc = acc + _stripes(np.frombuffer(data[-64:], dtype="<u8"), _secret_lanes(128 - 7))
    acc = [int(lane) for lane in acc]
    total = n * _P64[0]
    for i in range(4):
        total += _fold(acc[2 * i] ^ _u64(_SECRET, 11 + 16 * i), acc[2 * i + 1] ^ _u64(_SECRET, 19 + 16 * i))
    return _avalanche(total & _MASK64)
