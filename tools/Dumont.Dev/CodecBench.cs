using System.Globalization;
using Dumont.Snapshots;

namespace Dumont.Dev;

/// <summary>
/// <c>./dumont bench codecs</c>: what a core encodes and decodes of each kind of content, by the processor time of the thread, so that other
/// work on the machine does not count. Measures and writes down; judges nothing.
/// </summary>
internal static class CodecBench
{
    private const int SampleBytes = 8 << 20;
    private const int ChunkBytes = 256 << 10;
    private const int Runs = 9;
    private const double WarmUpSeconds = 0.4;

    /// <summary>How a corpus of weights, checkpoints, text and noise divides, in parts of 64.</summary>
    private static readonly (string Kind, int Parts)[] Mix =
    [
        ("bf16", 13), ("fp16", 8), ("fp32", 12), ("fp32 holding bf16", 2), ("int8", 3), ("Adam v", 4), ("source text", 8),
        ("JSON lines", 6), ("random", 6), ("zeros", 2),
    ];

    private sealed record Row(string Name, string Value);

    private sealed record Chunk(byte[] Content, EncodedChunk Encoded, byte[] Stored);

    public static async Task<int> RunAsync(Repository repository, string[] names, CancellationToken cancellationToken)
    {
        List<Row> rows = [];
        void Add(Row row)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Console.WriteLine($"| {row.Name} | {row.Value} |");
            rows.Add(row);
        }

        var samples = names is [var folder, ..]
            ? Directory.GetFiles(folder).Order().ToDictionary(f => Path.GetFileName(f), f => File.ReadAllBytes(f)[..SampleBytes])
            : CodecSamples.Kinds.ToDictionary(k => k, k => CodecSamples.Make(k, SampleBytes));
        foreach (var (kind, sample) in samples)
        {
            foreach (var path in CodecPaths.Supported().Reverse().Where(p => p != VectorPath.Scalar || kind == "bf16"))
            {
                Add(MeasureChunks($"{kind}, fast, {path}", ChunkCompression.Fast, path, sample));
            }

            Add(MeasureChunks($"{kind}, dense, {CodecPaths.Best}", ChunkCompression.Dense, CodecPaths.Best, sample));
        }

        foreach (var (kind, sample) in samples.Where(s => s.Key.StartsWith("bf16", StringComparison.Ordinal)))
        {
            foreach (var path in CodecPaths.Supported().Reverse())
            {
                Add(MeasureBitshuffle($"{kind}, bitshuffle and LZ4, {path}", path, sample, 2));
            }
        }

        foreach (var (kind, sample) in samples)
        {
            Add(MeasureDetection(kind, sample));
        }

        if (names is [])
        {
            var weights = samples["fp32"];
            Add(MeasureDelta("1 of 16 blocks of 64 KiB changed", weights, Changed(weights)));
            Add(MeasureDelta("the same, 1337 bytes inserted before", weights, [.. samples["random"].AsSpan(0, 1337), .. Changed(weights)]));
            Add(MeasureDelta("nothing shared", samples["random"], weights));
            Add(MeasureMix(samples, ChunkCompression.Fast));
            Add(MeasureMix(samples, ChunkCompression.Dense));
            await Results.AppendAsync(repository, "codecs", string.Join('\n', rows.Select(r => $"| {r.Name} | {r.Value} |")), cancellationToken);
        }

        return 0;
    }

    /// <summary>Chunks that begin at every phase, as content-defined ones do.</summary>
    private static List<byte[]> Cut(byte[] sample)
    {
        List<byte[]> chunks = [];
        for (var at = 0; at + ChunkBytes + 8 <= sample.Length; at += ChunkBytes)
        {
            var phase = chunks.Count % 8;
            chunks.Add(sample[(at + phase)..(at + phase + ChunkBytes)]);
        }

        return chunks;
    }

    private static Row MeasureChunks(string name, ChunkCompression compression, VectorPath path, byte[] sample)
    {
        using var encoder = new ChunkEncoder(compression, path);
        using var decoder = new ChunkDecoder(path);
        var chunks = Cut(sample);
        var encoded = Encode(encoder, chunks);
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(ChunkBytes)];
        var decoded = new byte[ChunkBytes];
        var encodeRate = Rate(sample.Length, () => chunks.ForEach(c => encoder.Encode(c, stored)));
        var decodeRate = Rate(sample.Length, () => encoded.ForEach(c => decoder.Decode(c.Encoded.Coding, c.Encoded.Parameter, c.Stored, decoded)));
        var codings = string.Join(", ", encoded.Select(c => c.Encoded.Coding).Distinct());
        return new(name, Figures(encoded.Sum(c => (long)c.Stored.Length) / (double)chunks.Sum(c => c.Length), encodeRate, decodeRate, codings));
    }

    private static Row MeasureBitshuffle(string name, VectorPath path, byte[] sample, int widthBytes)
    {
        using var codec = new BitshuffleCodec(path);
        var chunks = Cut(sample);
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(ChunkBytes)];
        var decoded = new byte[ChunkBytes];
        var parameter = BitshuffleCodec.Parameter(1, widthBytes);
        var encoded = chunks.ConvertAll(c => stored[..codec.Encode(c, 1, widthBytes, stored, ChunkBytes)]);
        var encodeRate = Rate(sample.Length, () => chunks.ForEach(c => codec.Encode(c, 1, widthBytes, stored, ChunkBytes)));
        var decodeRate = Rate(sample.Length, () => encoded.ForEach(c => codec.Decode(parameter, c, decoded)));
        return new(name, Figures(encoded.Sum(c => (long)c.Length) / (double)chunks.Sum(c => c.Length), encodeRate, decodeRate, "BitshuffleLz4"));
    }

    private static Row MeasureDetection(string name, byte[] sample)
    {
        var chunks = Cut(sample);
        var whole = Rate(sample.Length, () => chunks.ForEach(c => ElementDetector.Look(c)));
        var small = Rate(chunks.Count * 4096L, () => chunks.ForEach(c => ElementDetector.Look(c.AsSpan(0, 4096))));
        return new($"{name}, detection", string.Create(CultureInfo.InvariantCulture, $"{whole:0.0} GB/s of 256 KiB, {small:0.0} GB/s of 4 KiB"));
    }

    /// <summary>A checkpoint after a step: one of 16 blocks has new weights.</summary>
    private static byte[] Changed(byte[] weights)
    {
        const int block = 64 << 10;
        var changed = (byte[])weights.Clone();
        for (var at = 5 * block; at < weights.Length; at += 16 * block)
        {
            weights.AsSpan((at + weights.Length / 2) % weights.Length, block).CopyTo(changed.AsSpan(at));
        }

        return changed;
    }

    private static Row MeasureDelta(string name, byte[] baseline, byte[] changed)
    {
        const int large = 1 << 20;
        using var encoder = new ChunkEncoder(ChunkCompression.Fast);
        using var decoder = new ChunkDecoder();
        var pairs = Enumerable.Range(0, SampleBytes / large)
            .Select(i => (Baseline: baseline[(i * large)..((i + 1) * large)], Chunk: changed[(i * large)..((i + 1) * large)])).ToList();
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(large)];
        var encoded = pairs.ConvertAll(p => stored[..DeltaCodec.Encode(encoder, p.Chunk, p.Baseline, stored)]);
        var decoded = new byte[large];
        var encodeRate = Rate(SampleBytes, () => pairs.ForEach(p => DeltaCodec.Encode(encoder, p.Chunk, p.Baseline, stored)));
        var ratio = encoded.Sum(e => (long)e.Length) / (double)SampleBytes;
        if (encoded.Any(e => e.Length == 0))
        {
            return new($"difference, fp32, {name}", string.Create(CultureInfo.InvariantCulture, $"given up at {encodeRate:0.00} GB/s"));
        }

        var decodeRate = Rate(SampleBytes, () =>
        {
            for (var i = 0; i < pairs.Count; i++)
            {
                DeltaCodec.Decode(decoder, encoded[i], pairs[i].Baseline, decoded);
            }
        });
        return new($"difference, fp32, {name}", Figures(ratio, encodeRate, decodeRate, "Delta"));
    }

    private static Row MeasureMix(Dictionary<string, byte[]> samples, ChunkCompression compression)
    {
        using var encoder = new ChunkEncoder(compression);
        var encoded = Mix.SelectMany(m => Encode(encoder, Cut(samples[m.Kind])[..(m.Parts * SampleBytes / ChunkBytes / 64 * 2)])).ToList();
        var bytes = encoded.Sum(c => (long)c.Content.Length);
        List<double> rates = [];
        for (var run = 0; run < Runs; run++)
        {
            // Each thread decodes half of the chunks; the pace is that of their own processor time, were both cores free.
            var seconds = new double[2];
            var threads = Enumerable.Range(0, 2).Select(half => new Thread(() =>
            {
                using var decoder = new ChunkDecoder();
                var decoded = new byte[ChunkBytes];
                var begun = ThreadClock.Now();
                for (var i = half; i < encoded.Count; i += 2)
                {
                    decoder.Decode(encoded[i].Encoded.Coding, encoded[i].Encoded.Parameter, encoded[i].Stored, decoded);
                }

                seconds[half] = ThreadClock.Now() - begun;
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            rates.Add(bytes / seconds.Max() / 1e9);
        }

        var ratio = encoded.Sum(c => (long)c.Stored.Length) / (double)bytes;
        return new(
            $"corpus mix decode on 2 threads, {compression}, {CodecPaths.Best}",
            string.Create(CultureInfo.InvariantCulture, $"{Statistics.Median(rates):0.0} GB/s, stored {ratio:0.0 %}"));
    }

    private static List<Chunk> Encode(ChunkEncoder encoder, List<byte[]> chunks)
    {
        var stored = new byte[ChunkEncoder.MaximumEncodedBytes(ChunkBytes)];
        return chunks.ConvertAll(c =>
        {
            var encoded = encoder.Encode(c, stored);
            return new Chunk(c, encoded, stored[..encoded.LengthBytes]);
        });
    }

    /// <summary>GB/s, the median.</summary>
    private static double Rate(long bytes, Action pass)
    {
        // Until the compiler has replaced its first, slow versions.
        for (var begun = ThreadClock.Now(); ThreadClock.Now() - begun < WarmUpSeconds;)
        {
            pass();
        }

        List<double> rates = [];
        for (var run = 0; run < Runs; run++)
        {
            var begun = ThreadClock.Now();
            pass();
            rates.Add(bytes / (ThreadClock.Now() - begun) / 1e9);
        }

        return Statistics.Median(rates);
    }

    private static string Figures(double ratio, double encodeRate, double decodeRate, string codings) =>
        string.Create(CultureInfo.InvariantCulture, $"{ratio:0.0 %}, encode {encodeRate:0.00} GB/s, decode {decodeRate:0.00} GB/s, {codings}");
}
