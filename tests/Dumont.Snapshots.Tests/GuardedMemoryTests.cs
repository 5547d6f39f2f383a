namespace Dumont.Snapshots.Tests;

public sealed class GuardedMemoryTests
{
    // All loops that read with pointers, on inputs that begin and end at pages nobody may touch.
    [Fact]
    public void Primitives_EveryLength_StayInside()
    {
        using var memory = new GuardedMemory(8192);
        var noise = TreeFacts.Noise(8192, 91);
        Span<byte> hash = stackalloc byte[Blake3.HashBytes];
        Span<byte> expected = stackalloc byte[Blake3.HashBytes];
        var window = CutWindow.Create(5);
        for (var length = 0; length < 5000; length++)
        {
            var sum = XxHash3.Hash(noise.AsSpan(0, length), VectorPath.Scalar);
            Blake3.Hash(noise.AsSpan(0, length), expected, VectorPath.Scalar);
            foreach (var path in VectorPaths.Supported())
            {
                var content = memory.AtEnd(noise.AsSpan(0, length));
                Assert.Equal(sum, XxHash3.Hash(content, path));
                Blake3.Hash(content, hash, path);
                Assert.True(hash.SequenceEqual(expected), $"{length} bytes, {path}");
                if (length > CutWindow.Bytes)
                {
                    window.Find(content, CutWindow.Bytes, length, ulong.MaxValue, path);
                    window.Find(memory.AtStart(noise.AsSpan(0, length)), CutWindow.Bytes, length, ulong.MaxValue, path);
                }
            }
        }
    }
}
