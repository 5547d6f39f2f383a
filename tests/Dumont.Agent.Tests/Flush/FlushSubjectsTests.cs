using System.Diagnostics;
using Dumont.Agent.Flush;
using Dumont.Snapshots;

namespace Dumont.Agent.Tests.Flush;

/// <summary>What a flush is about, read from a made-up <c>proc</c>.</summary>
public sealed class FlushSubjectsTests : IDisposable
{
    private const int Thread = 42;
    private readonly TempFolder _folder = new();
    private readonly string _workspace;
    private readonly string _process;

    public FlushSubjectsTests()
    {
        _workspace = _folder.Folder("workspace");
        _process = _folder.Folder($"proc/{Thread}");
        _folder.Folder($"proc/{Thread}/fd");
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("/workspace/a/file", "a/file")]
    [InlineData("/workspace", "")]
    [InlineData("/workspace2/file", null)]
    [InlineData("/elsewhere", null)]
    [InlineData("/workspace/gone (deleted)", null)]
    [InlineData("/workspace/named (deleted)", "named (deleted)")]
    public void File_OfTheDescriptor_IsTheSubject(string target, string? expected)
    {
        File.WriteAllText(Path.Combine(_workspace, "named (deleted)"), "");
        Open(_folder.Path + target);

        var subject = Find(FlushCalls.FSync, argument: 3);

        Assert.False(subject.IsAll);
        Assert.Equal(expected is null ? [] : [expected.Length == 0 ? TreePath.Root : TreePath.Parse(expected)], subject.Paths);
    }

    [Fact]
    public async Task Name_ThatIsNoText_KeepsItsBytes()
    {
        using var shell = Process.Start("/bin/sh", ["-c", "ln -s \"$(printf '%s/caf\\351' \"$1\")\" \"$2\"", "sh", _workspace, Path.Combine(_process, "fd/3")]);
        await shell.WaitForExitAsync(Stop);

        var path = Assert.Single(Find(FlushCalls.FSync, argument: 3).Paths);

        Assert.Equal([.. "caf"u8, 0xe9], path.ToBytes());
    }

    [Fact]
    public void Workspace_BehindALinkAbove_IsKnownByItsOwnName()
    {
        Directory.CreateSymbolicLink(_folder.File("link"), _folder.Path);
        Open(Path.Combine(_workspace, "file"));

        var subject = new FlushSubjects(_folder.File("proc")).Find(new HeldFlush(1, Thread, FlushCalls.FSync, 3, 0), _folder.File("link/workspace"));

        Assert.Equal([TreePath.Parse("file")], subject.Paths);
    }

    [Fact]
    public void Descriptor_ThatIsClosed_IsNothing() => Assert.True(Find(FlushCalls.FSync, argument: 3).IsNone);

    // What the kernel does not show, as of another user's process, may be in the workspace.
    [Fact]
    public void Descriptor_ThatCannotBeLookedAt_IsEverything()
    {
        File.WriteAllText(Path.Combine(_process, "fd/3"), "no link");

        Assert.True(Find(FlushCalls.FSync, argument: 3).IsAll);
    }

    [Fact]
    public void Memory_ThatCannotBeLookedAt_IsEverything()
    {
        Directory.CreateDirectory(Path.Combine(_process, "maps"));

        Assert.True(Find(FlushCalls.MSync, 0x1000).IsAll);
    }

    [Fact]
    public void Memory_OfAProcessThatIsGone_IsNothing() => Assert.True(Find(FlushCalls.MSync, 0x1000).IsNone);

    [Theory]
    [InlineData(0x0f00, null)]
    [InlineData(0x1000, "my  file")]
    [InlineData(0x2000, "two\nlines")]
    [InlineData(0x3000, null)]
    public void Memory_IsAboutTheFilesMappedThere(ulong start, string? expected)
    {
        File.WriteAllLines(Path.Combine(_process, "maps"), [
            $"00001000-00002000 rw-s 00000000 fe:00 1234    {_workspace}/my  file",
            $"00002000-00003000 rw-s 00000000 fe:00 1235    {_workspace}/two\\012lines",
            "00003000-00004000 rw-p 00000000 00:00 0 ",
        ]);

        var subject = Find(FlushCalls.MSync, start);

        Assert.Equal(expected is null, subject.IsNone);
        Assert.True(expected is null || subject.Paths.Contains(TreePath.Parse(expected)));
    }

    private void Open(string target) => File.CreateSymbolicLink(Path.Combine(_process, "fd/3"), target);

    private FlushSubject Find(uint call, ulong argument) =>
        new FlushSubjects(_folder.File("proc")).Find(new HeldFlush(1, Thread, call, argument, 0x100), _workspace);
}
