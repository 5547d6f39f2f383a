using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>
/// BLAKE3 with 256 bits of output, plain and keyed, on one thread. The hash is a tree over chunks of 1 KiB: equal work on many inputs
/// side by side, which is what vectors are for.
/// <code>
/// content │ 1 KiB │ 1 KiB │ 1 KiB │ …  each to a chaining value of 32 bytes, as many at once as the registers hold
///         └──┬────┴───┬───┘   │
///          parent   …         │        level by level, likewise; an odd one goes up as it is
///            └───────┬────────┘
///                  root
/// </code>
/// </summary>
/// <remarks>O'Connor, Aumasson, Neves, Wilcox-O'Hearn: "BLAKE3: one function, fast everywhere", 2020. Thread safe; allocates nothing.</remarks>
public static unsafe class Blake3
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashBytes = 32;

    /// <summary>Bytes of a key.</summary>
    public const int KeyBytes = 32;

    internal const int BlockBytes = 64;
    internal const int ChunkBytes = 1024;
    internal const int ChunkBlocks = ChunkBytes / BlockBytes;

    internal const uint ChunkStart = 1;
    internal const uint ChunkEnd = 2;
    internal const uint Parent = 4;
    internal const uint Root = 8;
    internal const uint Keyed = 16;

    // The most inputs side by side: chaining values are written by whole groups, so buffers for them have room for one more group.
    internal const int LanesMaximum = 16;

    // From this many inputs on, a register with idle lanes is faster than one input after the other.
    private const int WorthwhileLanes = 3;

    // Chunks whose chaining values are kept at once: 32 KiB of stack for 1 MiB of content.
    private const int SegmentChunks = 1024;
    private const int SegmentBytes = SegmentChunks * ChunkBytes;

    // A span's length has 31 bits; 2^31 / 2^20 segments need a stack of at most 12.
    private const int StackDepth = 12;

    /// <summary>The first 32 bits of the fractional parts of the square roots of the first eight primes, as in SHA-256.</summary>
    internal static ReadOnlySpan<uint> InitialValue =>
        [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    /// <summary>Which word of the message goes where, for each of the seven rounds.</summary>
    internal static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
        3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
        10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
        12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
        9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
        11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
    ];

    /// <summary>Hashes <paramref name="content"/>.</summary>
    /// <param name="content">Any length.</param>
    /// <param name="destination">At least 32 bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The destination is too short.</exception>
    public static void Hash(ReadOnlySpan<byte> content, Span<byte> destination) =>
        Hash(content, destination, InitialValue, 0, VectorPaths.Best);

    /// <summary>Hashes <paramref name="content"/> with a key: without it, the hash can be neither computed nor checked.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="content">Any length.</param>
    /// <param name="destination">At least 32 bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The key has another length, or the destination is too short.</exception>
    public static void KeyedHash(ReadOnlySpan<byte> key, ReadOnlySpan<byte> content, Span<byte> destination) =>
        KeyedHash(key, content, destination, VectorPaths.Best);

    // A register that lies across two cache lines is loaded in twice the time: a tenth of the whole.
    internal static byte* Align(byte* memory, int bytes) => (byte*)(((nuint)memory + (nuint)bytes - 1) & ~((nuint)bytes - 1));

    internal static void Hash(ReadOnlySpan<byte> content, Span<byte> destination, VectorPath path) =>
        Hash(content, destination, InitialValue, 0, path);

    internal static void KeyedHash(ReadOnlySpan<byte> key, ReadOnlySpan<byte> content, Span<byte> destination, VectorPath path)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeyBytes);
        Span<uint> words = stackalloc uint[8];
        key.CopyTo(MemoryMarshal.AsBytes(words));
        Hash(content, destination, words, Keyed, path);
    }

    [SkipLocalsInit]
    private static void Hash(ReadOnlySpan<byte> content, Span<byte> destination, ReadOnlySpan<uint> key, uint flags, VectorPath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, HashBytes, nameof(destination));
        var root = stackalloc uint[8];
        fixed (byte* input = content)
        fixed (uint* keyWords = key)
        {
            var tree = new Tree(keyWords, flags, path);
            if (content.Length <= ChunkBytes)
            {
                Blake3Scalar.HashChunk(input, content.Length, keyWords, 0, flags, Root, root);
            }
            else if (content.Length <= SegmentBytes)
            {
                tree.HashSegment(input, content.Length, 0, Root, root);
            }
            else
            {
                HashSegments(input, content.Length, tree, root);
            }
        }

        new ReadOnlySpan<byte>(root, HashBytes).CopyTo(destination);
    }

    // Segments are subtrees of equal height but for the last; a pair is joined as soon as something follows it, so that the root, which
    // is marked, comes last.
    [SkipLocalsInit]
    private static void HashSegments(byte* input, int length, Tree tree, uint* root)
    {
        var stack = stackalloc uint[(StackDepth + 2) * 8];
        var depth = 0;
        for (var segment = 0; ; segment++)
        {
            var start = segment * SegmentBytes;
            tree.HashSegment(input + start, Math.Min(SegmentBytes, length - start), (ulong)segment * SegmentChunks, 0, stack + (depth * 8));
            depth++;
            if (length - start <= SegmentBytes)
            {
                break;
            }

            for (var finished = segment + 1; (finished & 1) == 0; finished >>= 1)
            {
                depth--;
                tree.Join(stack + ((depth - 1) * 8), 0, stack + ((depth - 1) * 8));
            }
        }

        while (depth > 1)
        {
            depth--;
            tree.Join(stack + ((depth - 1) * 8), depth == 1 ? Root : 0, depth == 1 ? root : stack + ((depth - 1) * 8));
        }
    }

    // What is the same for all nodes of one tree.
    private readonly struct Tree(uint* key, uint flags, VectorPath path)
    {
        // Up to a segment, more than a chunk, or the last of several segments, which may be a single chunk.
        [SkipLocalsInit]
        public void HashSegment(byte* input, int length, ulong firstChunk, uint rootFlag, uint* output)
        {
            var count = (length + ChunkBytes - 1) / ChunkBytes;
            if (count == 1)
            {
                Blake3Scalar.HashChunk(input, length, key, firstChunk, flags, rootFlag, output);
                return;
            }

            var values = stackalloc uint[(count + LanesMaximum) * 8];
            var whole = length / ChunkBytes;
            HashNodes(input, ChunkBytes, whole, ChunkBlocks, firstChunk, 1, flags, values);
            if (whole < count)
            {
                var rest = whole * ChunkBytes;
                Blake3Scalar.HashChunk(input + rest, length - rest, key, firstChunk + (uint)whole, flags, 0, values + (whole * 8));
            }

            while (count > 2)
            {
                count = JoinLevel(values, count);
            }

            Join(values, rootFlag, output);
        }

        public void Join(uint* pair, uint rootFlag, uint* output) =>
            Blake3Scalar.Compress(key, (byte*)pair, BlockBytes, 0, flags | Parent | rootFlag, output);

        // In place: a group is read before it is written, and parents lie below their children.
        private int JoinLevel(uint* values, int count)
        {
            var pairs = count / 2;
            var odd = stackalloc uint[8];
            if ((count & 1) != 0)
            {
                Unsafe.CopyBlock(odd, values + ((count - 1) * 8), HashBytes);
            }

            HashNodes((byte*)values, BlockBytes, pairs, 1, 0, 0, flags | Parent, values);
            if ((count & 1) != 0)
            {
                Unsafe.CopyBlock(values + (pairs * 8), odd, HashBytes);
            }

            return (count + 1) / 2;
        }

        // Equal inputs, one after the other, each to its chaining value. The vector paths write whole groups, past the last value.
        private void HashNodes(byte* input, int inputBytes, int count, int blocks, ulong counter, uint step, uint nodeFlags, uint* output)
        {
            var done = 0;
            if (path == VectorPath.Vector512)
            {
                for (; count - done >= WorthwhileLanes; done += Math.Min(Blake3Vector512.Lanes, count - done))
                {
                    Blake3Vector512.HashMany(
                        input + ((long)done * inputBytes), inputBytes, count - done, blocks,
                        key, counter + (step * (uint)done), step, nodeFlags, output + (done * 8));
                }
            }
            else if (path == VectorPath.Vector256)
            {
                for (; count - done >= WorthwhileLanes; done += Math.Min(Blake3Vector256.Lanes, count - done))
                {
                    Blake3Vector256.HashMany(
                        input + ((long)done * inputBytes), inputBytes, count - done, blocks,
                        key, counter + (step * (uint)done), step, nodeFlags, output + (done * 8));
                }
            }

            for (; done < count; done++)
            {
                Blake3Scalar.HashBlocks(
                    input + ((long)done * inputBytes), blocks, key, counter + (step * (uint)done), nodeFlags, output + (done * 8));
            }
        }
    }
}
