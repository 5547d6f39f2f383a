using System.Text;
using Dumont.Snapshots.Sync;

namespace Dumont.Snapshots.Tests.Sync;

/// <summary>A source that lies: the sink refuses cleanly and writes nothing outside its tree.</summary>
public sealed class SyncAttackTests
{
    [Theory]
    [InlineData("../escape")]
    [InlineData("/tmp/escape")]
    [InlineData("a/../../escape")]
    [InlineData("a//b")]
    [InlineData("./a")]
    [InlineData("")]
    [InlineData("a\0b")]
    public async Task Path_LeadsOut_IsAProtocolError(string path)
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        // By hand: our own writer cannot even express such a path.
        await sink.SendRawAsync(writer =>
        {
            writer.WriteByte((int)SyncMessageType.File);
            writer.WriteUInt64(1);
            writer.WriteUInt16(Encoding.UTF8.GetByteCount(path));
            writer.WriteBytes(Encoding.UTF8.GetBytes(path));
            writer.WriteUInt16(0b110_000_000);
            writer.WriteInt64(0);
            writer.WriteBytes("evil"u8);
        });

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task File_ThroughLinkSentBefore_IsRefused()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        await sink.SendAsync(new LinkMessage(1, TreePath.Parse("door"), 0, sink.Outside));
        await sink.SendAsync(new FileMessage(2, TreePath.Parse("door/planted"), 0b110_000_000, 0, "evil"u8.ToArray()));

        Assert.Equal(SyncFault.TreeDiffers, (await sink.FaultAsync()).Fault);
        Assert.Empty(Directory.GetFileSystemEntries(sink.Outside));
    }

    [Fact]
    public async Task Mode_WithSetUserId_IsAProtocolError()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        await sink.SendAsync(new FileMessage(1, TreePath.Parse("su"), 0b100_111_101_101, 0, "evil"u8.ToArray()));

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
        Assert.False(File.Exists(Path.Combine(sink.Tree, "su")));
    }

    [Fact]
    public async Task StagingDirectory_Named_IsAProtocolError()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        await sink.SendAsync(new FileMessage(1, TreePath.Parse(".dumont-tmp/0"), 0b110_000_000, 0, "evil"u8.ToArray()));

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task Sequence_Skipped_IsAProtocolError()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        await sink.SendAsync(new DeleteMessage(2, TreePath.Parse("a")));

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task Commit_OfUnfinishedOrWrongContent_IsAProtocolError()
    {
        var chunk = TreeFacts.Noise(70_000, 1);
        foreach (var digest in new[] { default, ContentHash.Of(chunk) })
        {
            await using var sink = new BareSink();
            await sink.GreetAsync();
            await sink.SendAsync(new StageMessage(1, 0, [(ContentHash.Of(chunk), chunk.Length)]));
            if (digest != default)
            {
                await sink.SendAsync(new ChunkMessage(1, 0, chunk));
            }

            await sink.SendAsync(new CommitMessage(1, 1, TreePath.Parse("large"), 0b110_000_000, 0, chunk.Length, digest));

            Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
            Assert.False(File.Exists(Path.Combine(sink.Tree, "large")));
        }
    }

    [Fact]
    public async Task Stages_WithoutEnd_AreLimited()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        for (var i = 0u; i <= SyncLimits.OpenStages; i++)
        {
            await sink.SendAsync(new StageMessage(i, 0, []));
        }

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task Chunk_NobodyAskedFor_IsAProtocolError()
    {
        await using var sink = new BareSink();
        await sink.GreetAsync();

        await sink.SendAsync(new ChunkMessage(7, 0, new byte[10]));

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task Greeting_OfAnotherProtocol_IsAProtocolError()
    {
        await using var sink = new BareSink();

        await sink.SendBytesAsync("GET / HTTP/1.1\r\nHost: sink\r\n\r\n"u8.ToArray());

        Assert.Equal(SyncFault.Protocol, (await sink.FaultAsync()).Fault);
    }

    [Fact]
    public async Task Stream_OfNoise_EndsCleanly()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            await using var sink = new BareSink();
            await sink.GreetAsync();

            await sink.SendBytesAsync(TreeFacts.Noise(2000, seed));
            await sink.CloseAsync();

            Assert.IsAssignableFrom<IOException>(await sink.EndAsync());
        }
    }
}
