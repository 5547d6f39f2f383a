using System.Globalization;
using Dumont.Snapshots;
using Dumont.Snapshots.References;

namespace Dumont.Dev;

/// <summary><c>./dumont bench primitives</c>: what a core does in a second, in hashes, cuts and codecs. Everything on one thread, in time of
/// that thread. Measures and writes down; judges nothing.</summary>
internal static class PrimitivesBench
{
    private const int ContentBytes = 16 << 20;
    private const int DeduplicationBytes = 64 << 20;
    private const int BlockBytes = 64 << 10;

    // What changes hit is luck: with fewer rounds a difference of a percent means nothing.
    private const int DeduplicationRounds = 64;

    private sealed record Row(string Name, string Value);

    public static async Task<int> RunAsync(Repository repository, CancellationToken cancellationToken)
    {
        var contents = BenchContents.All(ContentBytes);
        List<Row> rows = [];
        foreach (var measure in (Func<IEnumerable<Row>>[])
            [() => Hashes(contents[0].Bytes), () => Cuts(contents), () => Lz4Blocks(contents), () => ZstdFrames(contents), Deduplication])
        {
            foreach (var row in measure())
            {
                cancellationToken.ThrowIfCancellationRequested();
                rows.Add(row);
                await Console.Out.WriteLineAsync($"| {row.Name} | {row.Value} |");
            }
        }

        await Results.AppendAsync(repository, "primitives", string.Join('\n', rows.Select(r => $"| {r.Name} | {r.Value} |")), cancellationToken);
        return 0;
    }

    private static IEnumerable<Row> Hashes(byte[] content)
    {
        var hash = new byte[Blake3.HashBytes];
        foreach (var block in new[] { 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20 })
        {
            yield return new Row($"BLAKE3, {Size(block)}", PerPath(path => Rate(content.Length, () => ForBlocks(content, block, part => Blake3.Hash(part, hash, path)))));
        }

        foreach (var block in new[] { 4 << 10, 256 << 10 })
        {
            yield return new Row($"XXH3, {Size(block)}", PerPath(path => Rate(content.Length, () => ForBlocks(content, block, part => XxHash3.Hash(part, path)))));
        }
    }

    private static IEnumerable<Row> Cuts(IReadOnlyList<(string Name, byte[] Bytes)> contents)
    {
        foreach (var (sizesName, sizes) in new[] { ("small", ChunkSizes.Small), ("large", ChunkSizes.Large) })
        {
            var lengths = new int[(ContentBytes / sizes.MinimumBytes) + 1];
            foreach (var (name, bytes) in contents)
            {
                var own = PerPath(path =>
                {
                    var chunker = new Chunker(sizes, 0, path);
                    return Rate(bytes.Length, () => chunker.Cut(bytes, isEnd: true, lengths));
                });
                var fastCdc = new FastCdc(sizes, 0);
                yield return new Row($"chunker, {sizesName}, {name}", $"{own}; FastCDC {Rate(bytes.Length, () => fastCdc.Cut(bytes))}");
            }
        }
    }

    private static IEnumerable<Row> Lz4Blocks(IReadOnlyList<(string Name, byte[] Bytes)> contents)
    {
        var own = new BlockCodec((source, block) => Lz4.Encode(source, block), (block, content) => Lz4.TryDecode(block, content));
        var native = new BlockCodec(NativeLz4.Encode, (block, content) => NativeLz4.Decode(block, content) == content.Length);
        foreach (var (name, bytes) in contents)
        {
            yield return new Row($"LZ4, {name}", Figures(own, bytes));
            if (NativeLz4.IsAvailable)
            {
                yield return new Row($"… liblz4, {name}", Figures(native, bytes));
            }
        }
    }

    private static IEnumerable<Row> ZstdFrames(IReadOnlyList<(string Name, byte[] Bytes)> contents)
    {
        if (!Zstd.IsAvailable)
        {
            yield return new Row("zstd", "there is no libzstd here");
            yield break;
        }

        foreach (var level in new[] { Zstd.FastLevel, Zstd.DefaultLevel })
        {
            var codec = new BlockCodec((source, frame) => Zstd.Encode(source, frame, level), Decoded);
            foreach (var (name, bytes) in contents)
            {
                yield return new Row($"zstd -{level}, {name}", Figures(codec, bytes));
            }
        }
    }

    private static bool Decoded(ReadOnlySpan<byte> frame, Span<byte> content)
    {
        Zstd.Decode(frame, content);
        return true;
    }

    // Bytes in chunks that the first version has not, after 300 places were overwritten, inserted into or cut out of.
    private static IEnumerable<Row> Deduplication()
    {
        foreach (var (name, bytes) in BenchContents.All(DeduplicationBytes).SkipLast(1))
        {
            foreach (var (sizesName, sizes) in new[] { ("small", ChunkSizes.Small), ("large", ChunkSizes.Large) })
            {
                long own = 0;
                long other = 0;
                var differences = new double[DeduplicationRounds];
                for (var round = 0; round < DeduplicationRounds; round++)
                {
                    var changed = ContentChange.Apply(bytes, 300, (ulong)round);
                    var chunker = new Chunker(sizes, (ulong)round);
                    var ownBytes = ContentChange.NewBytes(bytes, changed, content => Lengths(chunker, content));
                    var otherBytes = ContentChange.NewBytes(bytes, changed, new FastCdc(sizes, (ulong)round).Cut);
                    own += ownBytes;
                    other += otherBytes;
                    differences[round] = 100.0 * (ownBytes - otherBytes) / otherBytes;
                }

                yield return new Row(
                    $"64 MiB of {name}, 300 changes, {sizesName}: new bytes",
                    Invariant($"{own / DeduplicationRounds / 1e6:0.0} MB, FastCDC {other / DeduplicationRounds / 1e6:0.0} MB: ")
                    + Invariant($"{100.0 * (own - other) / other:+0.0;-0.0} ± {StandardError(differences):0.0} %, median {Statistics.Median(differences):+0.0;-0.0} %"));
            }
        }
    }

    private static double StandardError(double[] values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1) / values.Length);
    }

    private static int[] Lengths(Chunker chunker, byte[] content)
    {
        var lengths = new int[(content.Length / chunker.Sizes.MinimumBytes) + 1];
        return lengths[..chunker.Cut(content, isEnd: true, lengths)];
    }

    private delegate int Encoder(ReadOnlySpan<byte> source, Span<byte> block);

    private delegate bool Decoder(ReadOnlySpan<byte> block, Span<byte> content);

    private delegate void Part(ReadOnlySpan<byte> part);

    private sealed record BlockCodec(Encoder Encode, Decoder Decode);

    private static string Figures(BlockCodec codec, byte[] content)
    {
        var room = BlockBytes + (BlockBytes / 128) + 128;
        var blocks = new byte[content.Length / BlockBytes][];
        var lengths = new int[blocks.Length];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = new byte[room];
        }

        var encode = Rate(content.Length, () =>
        {
            for (var i = 0; i < blocks.Length; i++)
            {
                lengths[i] = codec.Encode(content.AsSpan(i * BlockBytes, BlockBytes), blocks[i]);
            }
        });
        var decoded = new byte[BlockBytes];
        var decode = Rate(content.Length, () =>
        {
            for (var i = 0; i < blocks.Length; i++)
            {
                if (!codec.Decode(blocks[i].AsSpan(0, lengths[i]), decoded))
                {
                    throw new DevException("A block does not decode.");
                }
            }
        });
        return Invariant($"{100.0 * lengths.Sum() / content.Length:0.0} %, encode {encode}, decode {decode}");
    }

    private static void ForBlocks(byte[] content, int block, Part action)
    {
        for (var start = 0; start + block <= content.Length; start += block)
        {
            action(content.AsSpan(start, block));
        }
    }

    private static string PerPath(Func<VectorPath, string> measure) =>
        string.Join(", ", VectorPaths.Supported().Select(path => $"{path} {measure(path)}"));

    private static string Rate(long bytes, Action action) => Invariant($"{bytes / 1e9 / ThreadClock.MedianSeconds(action):0.00} GB/s");

    private static string Size(int bytes) => bytes < 1 << 20 ? $"{bytes >> 10} KiB" : $"{bytes >> 20} MiB";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
