using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Tests.Machines;

/// <summary>Data disks as folders that come and go.</summary>
public sealed class DataDiskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dumont-disks-").FullName;
    private readonly DataDisks _disks;

    public DataDiskTests() => _disks = new DataDisks(_folder, Path.Combine(_folder, "machines"), new Isolation("root"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Disk_FromMachineToMachine_KeepsItsFiles()
    {
        _disks.Attach("d", "a", "data");
        File.WriteAllText(In("a", "data", "file"), "kept");

        _disks.Detach("d", "a", "data");
        Assert.Empty(Directory.EnumerateFileSystemEntries(In("a")));
        _disks.Attach("d", "b", "other");

        Assert.Equal("kept", File.ReadAllText(In("b", "other", "file")));
    }

    [Fact]
    public void Attach_WhereTheMachineKeepsSomething_SetsThatAside()
    {
        _disks.Prepare("a");
        Directory.CreateDirectory(In("a", "data"));
        File.WriteAllText(In("a", "data", "own"), "own");

        _disks.Attach("d", "a", "data");

        Assert.Empty(Directory.EnumerateFileSystemEntries(In("a", "data")));
        Assert.Equal("own", File.ReadAllText(In("a", "data.1", "own")));
    }

    [Fact]
    public void Detach_OfADiskThatTheMachineRemoved_LeavesAnEmptyOne()
    {
        _disks.Attach("d", "a", "data");
        Directory.Delete(In("a", "data"));

        _disks.Detach("d", "a", "data");
        _disks.Attach("d", "b", "data");

        Assert.Empty(Directory.EnumerateFileSystemEntries(In("b", "data")));
    }

    [Fact]
    public async Task Delete_WithFiles_GivesTheirSpaceBackNowOrAtTheNextStart()
    {
        _disks.Attach("d", "a", "data");
        File.WriteAllText(In("a", "data", "file"), "x");
        _disks.Detach("d", "a", "data");

        _disks.Delete("d");
        // The program that deleted it ended before it was done.
        await new DataDisks(_folder, Path.Combine(_folder, "machines"), new Isolation("root")).EmptyTrashAsync(TestContext.Current.CancellationToken);

        Assert.Empty(Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories));
    }

    private string In(string machine, params string[] path) => Path.Combine([_folder, "machines", machine, "disks", .. path]);
}
