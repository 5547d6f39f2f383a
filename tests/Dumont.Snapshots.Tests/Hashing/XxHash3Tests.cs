namespace Dumont.Snapshots.Tests;

public sealed class XxHash3Tests
{
    /// <summary>Computed with libxxhash 0.8.1 over the bytes 0, 1, … 250, 0, 1, …</summary>
    public static TheoryData<int, ulong> Known => new()
    {
        { 0, 0x2D06800538D394C2 },
        { 1, 0xC44BDFF4074EECDB },
        { 2, 0xD6645FC3051A9457 },
        { 3, 0x5F4299FC161C9CBB },
        { 4, 0x60DAB036A58211F2 },
        { 5, 0xB075753A84CA0FBE },
        { 7, 0x0CD2084A62406B69 },
        { 8, 0x3A1C2D7C85AF88F8 },
        { 9, 0xE9612598145BB9DC },
        { 15, 0x55ECEDC2B87BB042 },
        { 16, 0x8355E3A6F61770DB },
        { 17, 0x9EF341A99DE37328 },
        { 31, 0x4F36DB8E4DF378FD },
        { 32, 0x3523581FE96E4C05 },
        { 33, 0xE68C56BA88991E58 },
        { 63, 0xAAA5F0FB98A36AE8 },
        { 64, 0x6187EB9089B0ED55 },
        { 65, 0x6928C76CE90422D0 },
        { 96, 0x278A3E12EA046DFB },
        { 97, 0xE7220282DC4E14F4 },
        { 127, 0x120B9787F8425F2F },
        { 128, 0x85C6174C7FF4C46B },
        { 129, 0xEC7642B431BA3E5A },
        { 143, 0x8222E885F060341D },
        { 144, 0x028E1E35FF4C0A01 },
        { 160, 0x5BEA9075EC9401B8 },
        { 239, 0x972B14E3C46F214B },
        { 240, 0x375A384D957FE865 },
        { 241, 0x02E8CD95421C6D02 },
        { 255, 0x074191BAF9C49567 },
        { 256, 0x44F5D90DACDE463A },
        { 257, 0x88FC3F7934A6C9BE },
        { 511, 0x455CFFCA2755AA1E },
        { 512, 0x5C021AAC13954143 },
        { 513, 0x4EE4EACF61B5E833 },
        { 1023, 0xD3D91D80AC495685 },
        { 1024, 0xE5D78BAFA45B2AA5 },
        { 1025, 0xE95C42288F28186E },
        { 1087, 0xFD3C95BB928139CE },
        { 1088, 0x1A848D807034C403 },
        { 1089, 0xA51E35EC282CB1D8 },
        { 2047, 0xC95EAACD676CD049 },
        { 2048, 0x25339063DB861586 },
        { 2049, 0x6C9600C0E506E2AE },
        { 4096, 0x7135FFA504F1BC71 },
        { 5000, 0xB418500FC42320EE },
        { 65536, 0xAAAE63800707A868 },
        { 65537, 0x70331D53D92BBC56 },
        { 262144, 0x19E33139F5534930 },
        { 1000003, 0x3BD135BB217F309D },
        { 1048576, 0x6E0D7AC36B8C10FF },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Hash_KnownVectors_OnEveryPath(int length, ulong expected)
    {
        byte[] content = [.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))];

        Assert.Equal(expected, XxHash3.Hash(content));
        foreach (var path in VectorPaths.Supported())
        {
            Assert.Equal(expected, XxHash3.Hash(content, path));
        }
    }

    [Fact]
    public void Hash_EveryLengthAndAlignment_PathsAgree()
    {
        var noise = TreeFacts.Noise(6000, 21);
        for (var length = 0; length < 5200; length++)
        {
            var content = noise.AsSpan(length % 71, length);
            var expected = XxHash3.Hash(content, VectorPath.Scalar);
            foreach (var path in VectorPaths.Supported().Skip(1))
            {
                Assert.Equal(expected, XxHash3.Hash(content, path));
            }
        }
    }

    // Where a block ends is where the sums are scrambled.
    [Fact]
    public void Hash_AroundBlocks_PathsAgree()
    {
        var noise = TreeFacts.Noise(70_000, 22);
        for (var block = 1; block <= 64; block++)
        {
            foreach (var offset in new[] { -65, -64, -63, -1, 0, 1, 63, 64, 65 })
            {
                var content = noise.AsSpan(block, (block * 1024) + offset);
                var expected = XxHash3.Hash(content, VectorPath.Scalar);
                foreach (var path in VectorPaths.Supported().Skip(1))
                {
                    Assert.Equal(expected, XxHash3.Hash(content, path));
                }
            }
        }
    }

    [Fact]
    public void Hash_OneBitChanged_IsAnother()
    {
        foreach (var length in new[] { 1, 3, 8, 16, 100, 200, 300, 5000 })
        {
            var content = TreeFacts.Noise(length, length);
            var seen = new HashSet<ulong> { XxHash3.Hash(content) };
            for (var i = 0; i < 8 * length; i++)
            {
                content[i / 8] ^= (byte)(1 << (i % 8));
                Assert.True(seen.Add(XxHash3.Hash(content)));
                content[i / 8] ^= (byte)(1 << (i % 8));
            }
        }
    }
}
