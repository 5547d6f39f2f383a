using System.Text;

namespace Dumont.Snapshots.Tests;

public sealed class DurableTests
{
    [Fact]
    public void WriteAtomic_ExistingFile_IsReplacedWithPrivateMode()
    {
        using var folder = new TempFolder();
        var path = folder.File("state");
        File.WriteAllText(path, "a longer old content");
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);

        Durable.WriteAtomic(path, "new"u8);

        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void WriteAtomic_LeftOverOfACrash_DoesNotMatter()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("state.tmp"), new string('x', 10_000));

        Durable.WriteAtomic(folder.File("state"), "new"u8);

        Assert.Equal("new", File.ReadAllText(folder.File("state")));
    }

    [Fact]
    public void WriteBatch_ManyFolders_AllArrive()
    {
        using var folder = new TempFolder();
        var files = Enumerable.Range(0, 40)
            .Select(i => KeyValuePair.Create(
                Path.Combine(folder.Folder($"d{i % 4}"), $"f{i}"), (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes($"content {i}")))
            .ToList();

        Durable.WriteBatch(files);

        Assert.All(files, file => Assert.Equal(file.Value.ToArray(), File.ReadAllBytes(file.Key)));
        Assert.Equal(40, Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Sync_KernelSaysNo_Throws()
    {
        // A pipe cannot be flushed: the base library's Flush(true) stays silent about that.
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream();
        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(pipe.SafePipeHandle.DangerousGetHandle(), ownsHandle: false);

        var failure = Assert.Throws<PosixException>(() => Durable.Sync(handle));

        Assert.Equal(22, failure.Errno);
        Assert.Throws<PosixException>(() => Durable.SyncData(handle));
    }

    [Fact]
    public void WriteAtomic_DirectoryMissing_SaysSo() =>
        Assert.ThrowsAny<IOException>(() => Durable.WriteAtomic("/nowhere/at/all", "x"u8));
}
