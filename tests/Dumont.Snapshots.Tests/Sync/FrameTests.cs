using System.Buffers.Binary;
using System.Text;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

public sealed class FrameTests
{
    [Fact]
    public async Task Frames_AnyMessage_ComeBackEqual()
    {
        var random = new SeededRandom(1);
        for (var round = 0; round < 3000; round++)
        {
            var (version, message) = Any(random);

            var (read, rest) = await ReadAsync(Bytes(message, version), version);

            Assert.Equal(Describe(message), Describe(read!));
            Assert.Null(rest);
        }
    }

    [Fact]
    public async Task Frames_AnyByteFlipped_AreRefused()
    {
        var random = new SeededRandom(2);
        for (var round = 0; round < 300; round++)
        {
            var (version, message) = Any(random);
            var bytes = Bytes(message, version);
            bytes[random.Below(bytes.Length)] ^= (byte)(1 << random.Below(8));

            await Assert.ThrowsAsync<SyncProtocolException>(() => ReadAsync(bytes, version));
        }
    }

    [Fact]
    public async Task Frames_CutAnywhere_AreRefused()
    {
        var random = new SeededRandom(3);
        for (var round = 0; round < 300; round++)
        {
            var (version, message) = Any(random);
            var bytes = Bytes(message, version);
            var cut = bytes[..random.Below(bytes.Length)];
            if (cut.Length == 0)
            {
                Assert.Null((await ReadAsync(cut, version)).First);
            }
            else
            {
                await Assert.ThrowsAsync<SyncProtocolException>(() => ReadAsync(cut, version));
            }
        }
    }

    [Fact]
    public void Body_AnyBytes_GiveAMessageOrAProtocolError()
    {
        var random = new SeededRandom(4);
        for (var round = 0; round < 200_000; round++)
        {
            // Half wholly random, half a real message with a few bytes changed: the second kind gets deeper.
            var (version, message) = Any(random);
            var body = random.Below(2) == 0 ? TreeFacts.Noise(random.Below(200), round) : Bytes(message, version)[SyncLimits.FrameHeaderBytes..];
            for (var i = random.Below(4); i > 0 && body.Length > 0; i--)
            {
                body[random.Below(body.Length)] = (byte)random.Next();
            }

            try
            {
                SyncCodec.Read(body, version);
            }
            catch (SyncProtocolException)
            {
                // Refused cleanly.
            }
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    [InlineData((uint)SyncLimits.FrameBytes + 1)]
    public async Task Frames_LengthOverTheLimit_AreRefusedUnread(uint length)
    {
        var header = new byte[SyncLimits.FrameHeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, length);

        await Assert.ThrowsAsync<SyncProtocolException>(() => ReadAsync(header, SyncLimits.Version));
    }

    [Fact]
    public void Layout_Delete_IsAsDocumented()
    {
        var bytes = Bytes(new DeleteMessage(0x0102030405060708, TreePath.Parse("a/b")), SyncLimits.Version);

        Assert.Equal("0E000000", Convert.ToHexString(bytes.AsSpan(0, 4)));
        Assert.Equal("06" + "0807060504030201" + "0300" + "612F62", Convert.ToHexString(bytes.AsSpan(8)));
        Assert.Equal(Crc32C.Of(bytes.AsSpan(8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4)));
    }

    [Fact]
    public void Crc32C_CheckValue_IsTheStandards() => Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));

    [Fact]
    public void Layout_Attributes_IsAsDocumentedInBothVersions()
    {
        var metadata = EntryMetadata.Of(1000, 50, [new ExtendedAttribute("user.a"u8.ToArray(), "b"u8.ToArray())]);
        var message = new AttributesMessage(1, TreePath.Parse("f"), 0b110_100_100, 2, metadata);
        var before = "05" + "0100000000000000" + "0100" + "66" + "A401" + "0200000000000000";

        Assert.Equal(before, Convert.ToHexString(Bytes(message, 2).AsSpan(8)));
        Assert.Equal(before + "E8030000" + "32000000" + "0A000000" + "01" + "06" + "757365722E61" + "01" + "62", Convert.ToHexString(Bytes(message, 3).AsSpan(8)));
    }

    [Fact]
    public void Metadata_WhatDoesNotTravel_IsLeftOut()
    {
        var metadata = EntryMetadata.Of(
            0, 0, [Named("user.z"), Named("trusted.overlay.opaque"), Named("security.capability"), Named("security.selinux"), Named("system.posix_acl_access"), Named("user.a")]);

        Assert.Equal(
            ["security.capability", "system.posix_acl_access", "user.a", "user.z"],
            metadata.Attributes.Select(attribute => Encoding.ASCII.GetString(attribute.Name)));

        static ExtendedAttribute Named(string name) => new(Encoding.ASCII.GetBytes(name), [1]);
    }

    [Fact]
    public void Metadata_TooLargeForAFrame_IsCut()
    {
        var metadata = EntryMetadata.Of(
            1, 2, Enumerable.Range(0, 5).Select(number => new ExtendedAttribute(Encoding.ASCII.GetBytes($"user.{number}"), new byte[64 << 10])));

        Assert.True(metadata.IsCut);
        Assert.Empty(metadata.Attributes);
        Assert.Equal(default, metadata.AttributesHash);
    }

    private static byte[] Bytes(SyncMessage message, int version)
    {
        var writer = new FrameWriter();
        SyncCodec.Write(writer, message, version);
        return writer.Written.ToArray();
    }

    private static async Task<(SyncMessage? First, SyncMessage? Second)> ReadAsync(byte[] bytes, int version)
    {
        using var connection = new SyncConnection(new MemoryStream(bytes), Stream.Null) { Version = version };
        using var first = await connection.ReadAsync(CancellationToken.None);
        if (first is null)
        {
            return (null, null);
        }

        using var second = await connection.ReadAsync(CancellationToken.None);
        return (first.Value.Message, second?.Message);
    }

    // Records compare memory and lists by reference: spell them out.
    private static string Describe(SyncMessage message) => message switch
    {
        FileMessage file => $"{file with { Content = default, Metadata = null }} {Convert.ToHexString(file.Content.Span)} {Describe(file.Metadata)}",
        DirectoryMessage directory => $"{directory with { Metadata = null }} {Describe(directory.Metadata)}",
        LinkMessage link => $"{link with { Metadata = null }} {Describe(link.Metadata)}",
        AttributesMessage attributes => $"{attributes with { Metadata = null }} {Describe(attributes.Metadata)}",
        CommitMessage commit => $"{commit with { Metadata = null }} {Describe(commit.Metadata)}",
        ChunkMessage chunk => $"{chunk with { Content = default }} {Convert.ToHexString(chunk.Content.Span)}",
        StageMessage stage => $"{stage.StageId} {stage.FirstChunk} {string.Join(' ', stage.Chunks)}",
        NeedMessage need => $"{need with { Bits = default }} {Convert.ToHexString(need.Bits.Span)}",
        EntriesMessage entries => string.Join('\n', entries.Entries),
        _ => message.ToString(),
    };

    private static string Describe(EntryMetadata? metadata) =>
        metadata is null ? "without" : $"{metadata.UserId} {metadata.GroupId} {Convert.ToHexString(metadata.Payload.Span)}";

    private static (int Version, SyncMessage Message) Any(SeededRandom random)
    {
        var version = SyncLimits.LowestVersion + random.Below(SyncLimits.Version - SyncLimits.LowestVersion + 1);
        return (version, AnyMessage(random, version >= SyncLimits.MetadataVersion));
    }

    private static SyncMessage AnyMessage(SeededRandom random, bool carriesMetadata) => random.Below(carriesMetadata ? 19 : 18) switch
    {
        0 => new HelloMessage(random.Below(65536), AnyIdentity(random), AnyGuid(random)),
        1 => new FileMessage(
            random.Next(), AnyPath(random), AnyMode(random), (long)random.Next(), TreeFacts.Noise(random.Below(300), 1), AnyMetadata(random, carriesMetadata)),
        2 => new DirectoryMessage(random.Next(), AnyPath(random), AnyMode(random), (long)random.Next(), AnyMetadata(random, carriesMetadata)),
        3 => new LinkMessage(random.Next(), AnyPath(random), (long)random.Next(), AnyPath(random).Raw, AnyMetadata(random, carriesMetadata)),
        4 => new AttributesMessage(random.Next(), AnyPath(random), AnyMode(random), (long)random.Next(), AnyMetadata(random, carriesMetadata)),
        5 => new DeleteMessage(random.Next(), AnyPath(random)),
        6 => new CommitMessage(
            random.Next(), (uint)random.Next(), AnyPath(random), AnyMode(random), (long)random.Next(), AnySize(random), AnyHash(random), AnyMetadata(random, carriesMetadata)),
        7 => new MarkMessage(random.Next()),
        8 => new StageMessage((uint)random.Next(), (uint)random.Next(), AnyChunks(random)),
        9 => new ChunkMessage((uint)random.Next(), (uint)random.Next(), TreeFacts.Noise(1 + random.Below(300), 2)),
        10 => new RepeatMessage((uint)random.Next(), (uint)random.Next(), (uint)random.Next()),
        11 => new DropMessage((uint)random.Next()),
        12 => new WelcomeMessage(random.Below(65536), AnyIdentity(random)),
        13 => new RefuseMessage(random.Pick(Enum.GetValues<SyncRefusal>()), (long)random.Next(), AnyPath(random).Raw),
        14 => new EntriesMessage([.. Enumerable.Range(0, random.Below(5)).Select(_ => AnyEntry(random, carriesMetadata))]),
        15 => AnyNeed(random),
        16 => new AckMessage(random.Next()),
        17 => new FaultMessage(random.Pick(Enum.GetValues<SyncFault>()), AnyPath(random).Raw),
        _ => new HardLinkMessage(random.Next(), AnyPath(random), AnyPath(random)),
    };

    private static EntryMetadata? AnyMetadata(SeededRandom random, bool carriesMetadata) => carriesMetadata
        ? EntryMetadata.Of(
            (uint)random.Next(),
            (uint)random.Next(),
            Enumerable.Range(0, random.Below(3)).Select(number => new ExtendedAttribute(Encoding.ASCII.GetBytes($"user.{number}"), TreeFacts.Noise(random.Below(200), number))))
        : null;

    private static SyncEntry AnyEntry(SeededRandom random, bool carriesMetadata) => AnyEntry(random) with
    {
        Metadata = carriesMetadata
            ? new SyncEntryMetadata(
                (uint)random.Next(), (uint)random.Next(), random.Below(2) == 0 ? default : AnyHash(random), random.Below(2) == 0 ? 0 : random.Next())
            : null,
    };

    private static SyncEntry AnyEntry(SeededRandom random) => random.Below(3) switch
    {
        0 => new SyncEntry(AnyPath(random), TreeEntryKind.File, AnyMode(random), (long)random.Next(), AnySize(random), AnyHash(random), null),
        1 => new SyncEntry(AnyPath(random), TreeEntryKind.Directory, AnyMode(random), (long)random.Next(), 0, default, null),
        _ => new SyncEntry(AnyPath(random), TreeEntryKind.Link, 0, (long)random.Next(), 0, default, AnyPath(random).Raw),
    };

    private static NeedMessage AnyNeed(SeededRandom random)
    {
        var count = random.Below(SyncLimits.ChunksPerStage + 1);
        return new NeedMessage((uint)random.Next(), (uint)random.Next(), count, TreeFacts.Noise((count + 7) / 8, 3));
    }

    private static (ContentHash, int)[] AnyChunks(SeededRandom random) =>
        [.. Enumerable.Range(0, random.Below(6)).Select(_ => (AnyHash(random), 1 + random.Below(SyncLimits.ChunkBytes)))];

    private static SyncIdentity AnyIdentity(SeededRandom random) => new((long)random.Next(), (long)random.Next(), (long)random.Next());

    private static Guid AnyGuid(SeededRandom random) => new(TreeFacts.Noise(16, (int)random.Next()));

    private static ContentHash AnyHash(SeededRandom random) => ContentHash.Of(TreeFacts.Noise(8, (int)random.Next()));

    private static int AnyMode(SeededRandom random) => random.Below(TreeEntry.PreservedMode + 1);

    private static long AnySize(SeededRandom random) => (long)(random.Next() >> 1);

    private static TreePath AnyPath(SeededRandom random) =>
        TreePath.Parse(string.Join('/', Enumerable.Range(0, 1 + random.Below(4)).Select(_ => $"n{random.Below(1000)}")));
}
