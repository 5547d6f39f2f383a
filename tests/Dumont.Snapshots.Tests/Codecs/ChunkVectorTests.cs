using System.Globalization;

namespace Dumont.Snapshots.Tests;

/// <summary>
/// Chunks that were stored when the format was made must be read for ever. A file of <c>vectors</c> has a line for each field; bytes are
/// hexadecimal. They also serve whoever writes a second implementation.
/// </summary>
public sealed class ChunkVectorTests
{
    private const string Prefix = "Dumont.Snapshots.Tests.Codecs.vectors.";

    public static TheoryData<string> Names =>
    [
        .. typeof(ChunkVectorTests).Assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n[Prefix.Length..]),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_StoredVector_GivesItsChunk(string name)
    {
        var vector = Read(name);
        var chunk = Bytes(vector, "chunk");
        var stored = Bytes(vector, "stored");
        var coding = (ChunkCoding)Number(vector, "coding");
        var parameter = (byte)Number(vector, "parameter");
        foreach (var path in CodecPaths.Supported())
        {
            using var decoder = new ChunkDecoder(path);
            var decoded = new byte[chunk.Length];
            if (coding == ChunkCoding.Delta)
            {
                DeltaCodec.Decode(decoder, stored, Bytes(vector, "baseline"), decoded);
            }
            else
            {
                decoder.Decode(coding, parameter, stored, decoded);
            }

            Assert.Equal(chunk, decoded);
        }
    }

    [Fact]
    public void Vectors_CoverEveryCoding()
    {
        var covered = Names.Select(n => (ChunkCoding)Number(Read(n.Data), "coding")).ToHashSet();
        Assert.Equal(Enum.GetValues<ChunkCoding>(), covered.Order());
    }

    private static Dictionary<string, string> Read(string name)
    {
        using var reader = new StreamReader(typeof(ChunkVectorTests).Assembly.GetManifestResourceStream(Prefix + name)!);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split(": ", 2)).ToDictionary(l => l[0], l => l[1]);
    }

    private static int Number(Dictionary<string, string> vector, string field) => int.Parse(vector[field], CultureInfo.InvariantCulture);

    private static byte[] Bytes(Dictionary<string, string> vector, string field) => Convert.FromHexString(vector[field]);
}
